"""Declarations of the reductions: one value from all elements along some axes.

The primitives drop the reduced axes; ``keepdims`` is a reshape afterwards.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.dims import Size, product
from ..ir.dtypes import as_dtype, bool_, float32, float64, int32, int64
from ..ir.node import Node
from . import batching
from .comparison import equal, not_equal
from .cumulative import product_of_others
from .elementwise import astype, maximum, sqrt, square, where
from .gather import size_as
from .laws import Attrs, Values, are_ints, law, on_axis
from .movement import broadcast_to, permute_dims, reshape
from .notation import PRODUCT, Notation, prefix
from .opdef import composite, custom, elementwise
from .operands import axes_of, check_dtype
from .registry import Reduce, Sample, op, op_of
from .samples import on
from .tensor import Tensor, as_tensor, checked, fail, make
from .types import Axes, DTypeLike, TensorLike


def kept(x: Tensor, axes: Sequence[int]) -> tuple[Size, ...]:
    """The shape of ``x`` with the reduced axes as 1."""
    return tuple(1 if i in axes else s for i, s in enumerate(x.shape))


def _expand(y: Tensor, x: Tensor, axes: Sequence[int]) -> Tensor:
    """A reduced value with the axes put back as 1, to broadcast against ``x``."""
    return reshape(y, kept(x, axes))


def reduction_samples(low: float = -2, high: float = 2, empty: bool = True) -> Any:
    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        for shape, kwargs in (
            ((3, 4), {}),
            ((3, 4), {"axis": 0}),
            ((3, 4), {"axis": -1, "keepdims": True}),
            ((5,), {"axis": 0}),
            ((2, 3, 4), {"axis": (0, 2)}),
            ((2, 3, 4), {"axis": 1}),
            ((), {}),
            ((1, 1), {"axis": 1}),
            ((2, 3, 4), {"axis": ()}),
            ((3, 700), {"axis": 1}),
            ((700, 3), {"axis": 0, "keepdims": True}),
        ):
            yield Sample((rng.uniform(low, high, shape),), kwargs)
        if empty:
            yield Sample((rng.uniform(low, high, (0, 3)),), {"axis": 0})
        yield Sample((rng.uniform(low, high, (3, 0)),), {"axis": 0})

    return draw


def _keeps_axes(xs: Values, a: Attrs) -> bool:
    return sorted(set(a["axes"])) == list(a["axes"]) and builtins.all(on_axis(xs[0], i) for i in a["axes"])


def _keeps_elements(xs: Values, a: Attrs) -> bool:
    return _keeps_axes(xs, a) and builtins.all(xs[0].shape[i] != 0 for i in a["axes"])


class Reduced(Protocol):
    """The public function of a reduction."""

    def __call__(self, x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor: ...


class Added(Protocol):
    """That of sum and prod: x is brought to ``dtype`` first."""

    def __call__(
        self, x: TensorLike, /, axis: Axes = None, keepdims: bool = False, dtype: DTypeLike | None = None
    ) -> Tensor: ...


def _reduction(
    name: str,
    doc: str,
    vjp: Any,
    jvp: Any,
    *,
    accepts: str,
    reference: Any,
    samples: Any,
    onnx: str | None = None,
    needs_elements: bool = False,
    smooth: bool = True,
    page: str | None = None,
    notation: Notation | None = None,
) -> Any:
    def infer(xs: Any, attrs: Any) -> Any:
        x, axes = xs[0], attrs["axes"]
        return ((tuple(s for i, s in enumerate(x.shape) if i not in axes), x.dtype),)

    def public(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
        return reduced(as_tensor(x, name), axis, keepdims)

    def brought(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, dtype: DTypeLike | None = None) -> Tensor:
        x = as_tensor(x, name)
        return reduced(x if dtype is None else astype(x, checked(as_dtype, name, dtype, [x])), axis, keepdims)

    def reduced(x: Tensor, axis: Axes, keepdims: bool) -> Tensor:
        axes = axes_of(name, axis, x.ndim, [x])
        if accepts == "bool":
            x = x if x.dtype is bool_ else op("not_equal")(x, 0)
        elif name in ("sum", "prod") and x.dtype in (bool_, int32):
            x = astype(x, int64)  # as the array API: sums of small integers are of the default integer
        check_dtype(name, (x,), accepts)
        if needs_elements and builtins.any(x.shape[a] == 0 for a in axes):
            fail(ShapeError, name, "no elements along an axis and no value to give for none", [x], {"axes": axes})
        y = make(declared, (x,), {"axes": axes}) if axes else x
        return _expand(y, x, axes) if keepdims and axes else y

    published = custom(
        name,
        doc,
        infer=infer,
        kernel=Reduce(name, empty=not needs_elements),
        public=brought if name in ("sum", "prod") else public,
        vjp=vjp,
        jvp=jvp,
        reference=reference,
        samples=samples,
        onnx=onnx,
        law=law(accepts, _keeps_elements if needs_elements else _keeps_axes, axes=are_ints),
        compute=lambda xs, a: reference(xs[0], axis=a["axes"]),
        foldable=True,
        smooth=smooth,
        masks=_masks,
        batch=batching.on_axes("axes"),
        page=page,
        notation=notation,
    )
    declared = op_of(published)
    return published


def _spread(node: Node, g: Tensor) -> Tensor:
    """``g`` of a reduction's shape at every element of the operand."""
    x = node.inputs[0]
    return broadcast_to(_expand(g, x, node.attrs["axes"]), x.shape)


def _masks(node: Node, mask: Tensor, wanted: Sequence[bool]) -> list[Tensor]:
    y = node.outputs[0]
    return [_expand(mask if mask.shape == y.shape else broadcast_to(mask, y.shape), node.inputs[0], node.attrs["axes"])]


def _kept(node: Node, d: Any, g: Tensor) -> Tensor:
    """A cotangent of the operand, 0 where that of the result is so by a mask."""
    return g if d.mask is None else where(_masks(node, d.mask, (True,))[0], g, 0)


sum: Added = _reduction(
    "sum",
    "The sum over axes, of int32 and bool in int64; in ``dtype`` where it is given.\n"
    "Arguments: ``x``: a Tensor; ``axis``: an int or several, all of them unless given; ``keepdims``: whether they "
    "stay, of size 1; ``dtype``: that x is brought to first\n"
    "Dtypes: any\n"
    "Shapes: x.shape without the axes, or with 1 there where keepdims\n"
    "Edges: sum([]) = 0.0; sum([nan, 1.0]) = nan\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.sum([[1.0, 2.0], [3.0, 4.0]], axis=0) -> [4.0, 6.0]",
    lambda node, gs, wanted, d: [_spread(node, gs[0]) if wanted[0] else None],
    lambda node, ts, d: [None if ts[0] is None else make(node.op, (ts[0],), node.attrs)],
    accepts="numeric",
    reference=np.sum,
    samples=reduction_samples(),
    onnx="ReduceSum",
    page="reduction(0, (a, b) => a + b)",
    notation=prefix("Σ ", PRODUCT, PRODUCT),
)


def _others(node: Node) -> Tensor:
    """For each element the product of all others along the axes, also to higher order where some are zero."""
    x, axes = node.inputs[0], node.attrs["axes"]
    if len(axes) == 1:
        return product_of_others(x, axes[0])
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    last = permute_dims(x, order)
    rows = reshape(last, (*last.shape[: x.ndim - len(axes)], count(x, axes)))
    others = reshape(product_of_others(rows, rows.ndim - 1), last.shape)
    return permute_dims(others, tuple(np.argsort(order).tolist()))


def _prod_samples(rng: np.random.Generator) -> Iterable[Sample]:
    yield from reduction_samples(0.5, 1.5)(rng)
    for at in ([1], [1, 4]):
        zeros = rng.uniform(0.5, 1.5, (2, 6))
        zeros[0, at] = 0
        yield Sample((zeros,), {"axis": 1})
        yield Sample((zeros,))


prod: Added = _reduction(
    "prod",
    "The product over axes, of int32 and bool in int64; in ``dtype`` where it is given. Derivatives hold where "
    "elements are zero.\n"
    "Arguments: ``x``: a Tensor; ``axis``: an int or several, all of them unless given; ``keepdims``: whether they "
    "stay, of size 1; ``dtype``: that x is brought to first\n"
    "Dtypes: any\n"
    "Shapes: x.shape without the axes, or with 1 there where keepdims\n"
    "Edges: prod([]) = 1.0; prod([nan, 1.0]) = nan\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.prod([[1.0, 2.0], [3.0, 4.0]], axis=0) -> [3.0, 8.0]",
    lambda node, gs, wanted, d: [_kept(node, d, _spread(node, gs[0]) * _others(node)) if wanted[0] else None],
    lambda node, ts, d: [None if ts[0] is None else sum(ts[0] * _others(node), axis=node.attrs["axes"])],
    accepts="numeric",
    reference=np.prod,
    samples=_prod_samples,
    onnx="ReduceProd",
    page="reduction(1, (a, b) => a * b)",
)


def _tied(node: Node) -> Tensor:
    """1 at each element that equals the extreme, else 0."""
    x = node.inputs[0]
    return astype(equal(x, _expand(node.outputs[0], x, node.attrs["axes"])), x.dtype)


def _shared(node: Node, g: Tensor) -> Tensor:
    """The cotangent of an extreme, in equal parts at the elements that are it. Divided before it is spread: NaN where
    the extreme is NaN and no element equals it, as 0 times infinity is."""
    tied = _tied(node)
    return _spread(node, g / sum(tied, axis=node.attrs["axes"])) * tied


def _mean_of_tied(node: Node, t: Tensor) -> Tensor:
    """The tangent of an extreme: the mean of those of the elements that are it."""
    tied, axes = _tied(node), node.attrs["axes"]
    return sum(t * tied, axis=axes) / sum(tied, axis=axes)


def _extreme(name: str, doc: str, reference: Any, onnx: str, page: str) -> Reduced:
    return _reduction(
        name,
        doc,
        lambda node, gs, wanted, d: [_kept(node, d, _shared(node, gs[0])) if wanted[0] else None],
        lambda node, ts, d: [None if ts[0] is None else _mean_of_tied(node, ts[0])],
        accepts="numeric",
        reference=reference,
        samples=reduction_samples(empty=False),
        onnx=onnx,
        needs_elements=True,
        smooth=False,
        page=page,
    )


max = _extreme(
    "max",
    "The largest over axes; NaN wins. Ties share the gradient equally.\n"
    "Dtypes: numeric\n"
    "Shapes: x.shape without the axes, or with 1 there where keepdims\n"
    "Edges: max([nan, 1.0]) = nan; no elements are a ShapeError\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.max([[1.0, 2.0], [3.0, 0.0]], axis=1) -> [2.0, 3.0]",
    np.max,
    "ReduceMax",
    page="reduction(-Infinity, (a, b) => Math.max(a, b))",
)
min = _extreme(
    "min",
    "The smallest over axes; NaN wins. Ties share the gradient equally.\n"
    "Dtypes: numeric\n"
    "Shapes: x.shape without the axes, or with 1 there where keepdims\n"
    "Edges: min([nan, 1.0]) = nan; no elements are a ShapeError\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.min([[1.0, 2.0], [3.0, 0.0]], axis=1) -> [1.0, 0.0]",
    np.min,
    "ReduceMin",
    page="reduction(Infinity, (a, b) => Math.min(a, b))",
)
all: Reduced = _reduction(
    "all",
    "Whether all elements over axes are true (nonzero).\n"
    "Dtypes: any\n"
    "Shapes: x.shape without the axes, or with 1 there where keepdims\n"
    "Edges: all([]) = True; all([nan]) = True\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.all([[True, False], [True, True]], axis=1) -> [False, True]",
    None,
    None,
    accepts="bool",
    reference=np.all,
    samples=reduction_samples(),
    page="reduction(1, (a, b) => a & b)",
)
any: Reduced = _reduction(
    "any",
    "Whether any element over axes is true (nonzero).\n"
    "Dtypes: any\n"
    "Shapes: x.shape without the axes, or with 1 there where keepdims\n"
    "Edges: any([]) = False; any([nan]) = True\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.any([[True, False], [False, False]], axis=1) -> [True, False]",
    None,
    None,
    accepts="bool",
    reference=np.any,
    samples=reduction_samples(),
    page="reduction(0, (a, b) => a | b)",
)


# ------------------------------------------------------------------ made of the others
@composite(
    reference=lambda x, axis=None, keepdims=False: np.sum(x != 0, axis=axis, keepdims=keepdims),
    differentiable=False,
    samples=lambda rng: [
        Sample((rng.integers(-1, 2, s).astype(float),), kwargs)
        for s, kwargs in (
            ((3, 4), {}),
            ((3, 4), {"axis": 0}),
            ((2, 3, 4), {"axis": (0, 2), "keepdims": True}),
            ((0,), {}),
        )
    ],
)
def count_nonzero(x: TensorLike, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """How many elements over axes are not zero, int64; NaN is not zero.

    Dtypes: any
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: count_nonzero([nan, 0.0, -0.0]) = 1; count_nonzero([]) = 0
    Raises: ShapeError, DTypeError
    Example: gd.count_nonzero([[1.0, 0.0], [0.0, 0.0]], axis=1) -> [1, 0]
    """
    x = as_tensor(x, "count_nonzero")
    return sum(x if x.dtype is bool_ else not_equal(x, 0), axis=axis, keepdims=keepdims)


def count(x: Tensor, axes: Sequence[int]) -> Size:
    """The number of elements along axes."""
    return product(x.shape[a] for a in axes)


@composite(reference=np.mean, samples=reduction_samples(empty=False), onnx="ReduceMean")
def mean(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The mean over axes, floats only; NaN of none.

    Dtypes: float
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: mean([]) = nan; mean([nan, 1.0]) = nan
    Raises: ShapeError, DTypeError
    Example: gd.mean([[1.0, 2.0], [3.0, 4.0]], axis=0) -> [2.0, 3.0]
    """
    x = as_tensor(x, "mean")
    check_dtype("mean", (x,), "float")
    axes = axes_of("mean", axis, x.ndim, [x])
    return sum(x, axis=axes, keepdims=keepdims) / size_as(count(x, axes), x.dtype)


@composite(reference=np.var, samples=reduction_samples(empty=False))
def var(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, correction: float = 0) -> Tensor:
    """The mean squared deviation from the mean over axes, floats only: the sum of squares divided by n - correction.

    Arguments: ``x``: what is reduced; ``axis``: an int or a tuple; all axes unless given; ``keepdims``: whether those
    axes stay, of size 1; ``correction``: what is taken off the number of elements
    Dtypes: float
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: var([1.0], correction=1) = nan; var([nan, 1.0]) = nan
    Raises: ShapeError, DTypeError
    Example: gd.var([1.0, 2.0, 3.0, 4.0]) -> 1.25
    """
    return _variance("var", x, axis, keepdims, correction)


def _variance(name: str, x: Any, axis: Any, keepdims: bool, correction: Any) -> Tensor:
    x = as_tensor(x, name)
    check_dtype(name, (x,), "float")
    axes = axes_of(name, axis, x.ndim, [x])
    if not isinstance(correction, (int, float)):
        fail(DTypeError, name, f"correction is a number, got {correction!r}", [x])
    divisor = maximum(size_as(count(x, axes), x.dtype) - correction, 0)
    return sum(square(x - mean(x, axis=axes, keepdims=True)), axis=axes, keepdims=keepdims) / divisor


root = elementwise(
    "root",
    "The square root, with derivative 0 at 0; the second one is NaN there.",
    partials=(lambda y, x: where(equal(y, 0), sqrt(x), 0.5 / y),),
    microop="sqrt",
    reference=np.sqrt,
    samples=on(0.3, 2),
    onnx="Sqrt",
    page="Math.sqrt",
    internal=True,
)


@composite(reference=np.std, samples=reduction_samples(empty=False))
def std(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, correction: float = 0) -> Tensor:
    """The square root of :func:`var`; derivative 0 where the variance is 0.

    Arguments: ``x``: what is reduced; ``axis``: an int or a tuple; all axes unless given; ``keepdims``: whether those
    axes stay, of size 1; ``correction``: what is taken off the number of elements
    Dtypes: float
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: std([1.0], correction=1) = nan; std([2.0, 2.0]) = 0.0
    Raises: ShapeError, DTypeError
    Example: gd.std([1.0, 2.0, 3.0, 4.0]) -> 1.118034
    """
    x = as_tensor(x, "std")
    squared = _variance("std", squarable(x), axis, keepdims, correction)
    n = count(x, axes_of("std", axis, x.ndim, [x]))
    if isinstance(n, int) and n > 1:
        return astype(root(squared), x.dtype)
    alone = equal(size_as(n, squared.dtype), 1)  # no spread of one element: 0 with all derivatives
    return astype(where(alone, squared, root(where(alone, 1.0, squared))), x.dtype)


def squarable(x: Tensor) -> Tensor:
    """``x`` so wide that squares of float32 do not overflow or vanish: the root of their sum is right at any scale."""
    return astype(x, float64) if x.dtype is float32 else x
