"""Declarations of what runs along an axis: cumulative sums, products, extremes and logarithms of sums of exponentials,
and the linear recurrence that products derive by.

No rule divides by an element, so derivatives of every order hold where elements are zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dtypes import bool_, int32, int64
from ..ir.node import Node
from . import batching, pattern
from .comparison import equal, isinf, logical_or, not_equal
from .elementwise import add, astype, stop_gradient, where
from .gather import TAKE_ALONG_VJP, positions, split_at_axis, take_along_axis
from .laws import is_bool, is_int, law, on_axis
from .movement import place, reshape, slice
from .opdef import composite, custom, linear, moved_masks
from .operands import axis_of, check_dtype, operands
from .registry import Call, Sample, op, op_of
from .tensor import Tensor, as_tensor, fail, make
from .types import TensorLike


def shifted(x: Tensor, axis: int, first: float, reverse: bool = False) -> Tensor:
    """Each element's predecessor along ``axis`` (its successor where ``reverse``), ``first`` where it has none."""

    def at(k: int) -> tuple[int, ...]:
        return tuple(k if i == axis else 0 for i in range(x.ndim))

    # by way of one element more, so that an axis of no elements works too
    longer = tuple(s + 1 if i == axis else s for i, s in enumerate(x.shape))
    steps = (1,) * x.ndim
    return slice(place(x, first, longer, at(0 if reverse else 1), steps), at(1 if reverse else 0), x.shape, steps)


def _rows_kept(node: Node, mask: Tensor, wanted: Any) -> list[Tensor | None]:
    """The masks of operands along whose axis one element may count for all."""
    y, axis = node.outputs[0], node.attrs["axis"]
    if mask.ndim < y.ndim:
        mask = reshape(mask, (1,) * (y.ndim - mask.ndim) + mask.shape)
    kept = mask if mask.shape[axis] == 1 else op("any")(mask, axis=axis, keepdims=True)
    return [kept if w else None for w in wanted]


def _kept(node: Node, d: Any, g: Tensor) -> Tensor:
    """A cotangent of an operand, 0 along axes where that of the result is so by a mask."""
    return g if d.mask is None else op("where")(_rows_kept(node, d.mask, (True,))[0], g, 0)


# ------------------------------------------------------------------ the linear recurrence
def _infer_same(xs: Any, attrs: Any) -> Any:
    return ((xs[0].shape, xs[0].dtype),)


def _recurrence(x: Any, a: Any, /, axis: int = -1, reverse: bool = False, use_previous: bool = False) -> Tensor:
    x, a = operands("recurrence", (x, a), "float")
    if x.shape != a.shape:
        fail(ShapeError, "recurrence", "x and a differ in shape", [x, a])
    attrs = {
        "axis": axis_of("recurrence", axis, x.ndim, [x, a]),
        "reverse": bool(reverse),
        "use_previous": bool(use_previous),
    }
    return make(RECURRENCE, (x, a), attrs)


def _turned(node: Node, g: Tensor) -> Tensor:
    """The transpose with respect to x: the other way round, each coefficient used between the same two elements."""
    a = node.attrs
    return make(
        RECURRENCE,
        (g, node.inputs[1]),
        {"axis": a["axis"], "reverse": not a["reverse"], "use_previous": not a["use_previous"]},
    )


def _coefficient(node: Node, g: Tensor) -> Tensor:
    """The cotangent of a: at each link, what comes back to its end times the result at its start."""
    axis, reverse, use_previous = node.attrs["axis"], node.attrs["reverse"], node.attrs["use_previous"]
    back, y = _turned(node, g), node.outputs[0]
    return shifted(back, axis, 0, not reverse) * y if use_previous else back * shifted(y, axis, 0, reverse)


def _recurrence_jvp(node: Node, ts: Any, _d: Any) -> Any:
    axis, reverse, use_previous = node.attrs["axis"], node.attrs["reverse"], node.attrs["use_previous"]
    x, ta = ts
    if ta is not None:
        y = node.outputs[0]
        term = shifted(ta * y, axis, 0, reverse) if use_previous else ta * shifted(y, axis, 0, reverse)
        x = term if x is None else add(x, term)
    return [None if x is None else make(RECURRENCE, (x, node.inputs[1]), dict(node.attrs))]


def _recurrence_reference(x: Any, a: Any, axis: int = -1, reverse: bool = False, use_previous: bool = False) -> Any:
    x, a = np.moveaxis(x, axis, 0), np.moveaxis(a, axis, 0)
    y = np.empty_like(x)
    for i in range(len(x))[:: -1 if reverse else 1]:
        j = i + 1 if reverse else i - 1
        y[i] = x[i] + a[j if use_previous else i] * y[j] if 0 <= j < len(x) else x[i]
    return np.moveaxis(y, 0, axis)


def _recurrence_samples(rng: np.random.Generator) -> Any:
    for shape, axis in (((5,), 0), ((3, 4), 0), ((3, 4), -1), ((2, 3, 4), 1), ((1, 2), 0), ((2, 0), 1)):
        for reverse in (False, True):
            for use_previous in (False, True):
                yield Sample(
                    (rng.uniform(-1, 1, shape), rng.uniform(-1, 1, shape)),
                    {"axis": axis, "reverse": reverse, "use_previous": use_previous},
                )


recurrence = custom(
    "recurrence",
    "y[i] = x[i] + a[i] * y[i-1] along ``axis``, nothing before the first; from the end where "
    "``reverse``. ``use_previous`` takes the coefficient of the element before, as the transpose does.",
    infer=_infer_same,
    public=_recurrence,
    jvp=_recurrence_jvp,
    vjp=lambda node, gs, wanted, d: [
        _kept(node, d, _turned(node, gs[0])) if wanted[0] else None,
        _kept(node, d, _coefficient(node, gs[0])) if wanted[1] else None,
    ],
    masks=_rows_kept,
    kernel=Call(
        "recurrence",
        lambda node: (
            *split_at_axis(node.inputs[0], node.attrs["axis"]),
            int(node.attrs["reverse"]),
            int(node.attrs["use_previous"]),
        ),
        flops=lambda node: 2 * node.outputs[0].size,
    ),
    reference=_recurrence_reference,
    samples=_recurrence_samples,
    batch=batching.on_axes("axis"),
    law=law(
        "float float",
        lambda xs, a: on_axis(xs[0], a["axis"]) and xs[0].shape == xs[1].shape,
        axis=is_int,
        reverse=is_bool,
        use_previous=is_bool,
    ),
    internal=True,
    page="recurred",
    pattern=pattern.by_line,
)
RECURRENCE = op_of(recurrence)


# ------------------------------------------------------------------ cumulative sum and product
def _operand(name: str, x: Any, axis: Any) -> tuple[Tensor, int]:
    x = as_tensor(x, name)
    if x.dtype in (bool_, int32):
        x = astype(x, int64)  # as the reductions of the same name
    check_dtype(name, (x,), "numeric")
    if axis is None:
        return reshape(x, (x.size,)), 0
    return x, axis_of(name, axis, x.ndim, [x])


def _cumulative(reduction: str) -> Call:
    return Call(
        "cumulative",
        lambda node: (
            *split_at_axis(node.inputs[0], node.attrs["axis"]),
            f"reduction:{reduction}",
            int(node.attrs["reverse"]),
        ),
    )


def _reference(function: Any) -> Any:
    def reference(x: Any, axis: Any = None, reverse: bool = False) -> Any:
        if axis is None:
            x, axis = x.reshape(-1), 0
        return np.flip(function(np.flip(x, axis), axis), axis) if reverse else function(x, axis)

    return reference


def _samples(low: float, high: float, zeros: bool = True) -> Any:
    def draw(rng: np.random.Generator) -> Any:
        for shape, axis in (
            ((5,), 0),
            ((3, 4), 0),
            ((3, 4), -1),
            ((2, 3, 4), 1),
            ((2, 3), None),
            ((1, 2), 0),
            ((2, 0), 1),
            ((0, 2), 1),
            ((), None),
            ((2, 300), 1),
            ((300, 2), 0),
        ):
            yield Sample((rng.uniform(low, high, shape),), {"axis": axis})
        for shape, axis in (((5,), 0), ((3, 4), 0), ((2, 3), None)):
            yield Sample((rng.uniform(low, high, shape),), {"axis": axis, "reverse": True})
        if zeros:
            some = rng.uniform(low, high, (4, 3))
            some[1, 0] = some[1, 1] = some[2, 1] = 0
            yield Sample((some,), {"axis": 0})

    return draw


def _cumsum(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    x, axis = _operand("cumsum", x, axis)
    return make(CUMSUM, (x,), {"axis": axis, "reverse": bool(reverse)})


cumsum = linear(
    "cumsum",
    "The running sum along ``axis`` (over all elements in order unless given), from the end where "
    "``reverse``; of int32 and bool in int64.\n"
    "Dtypes: any\n"
    "Shapes: of x; without axis one dimension of all elements\n"
    "Edges: cumsum([nan, 1.0]) = [nan, nan]; cumsum([inf, -inf]) = [inf, nan]\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.cumsum([1.0, 2.0, 3.0]) -> [1.0, 3.0, 6.0]",
    infer=_infer_same,
    public=_cumsum,
    kernel=_cumulative("sum"),
    transpose=lambda node, g: cumsum(g, axis=node.attrs["axis"], reverse=not node.attrs["reverse"]),
    reference=_reference(np.cumsum),
    samples=_samples(-2, 2),
    onnx="CumSum",
    batch=batching.on_axes("axis"),
    law=law("numeric", lambda xs, a: on_axis(xs[0], a["axis"]), axis=is_int, reverse=is_bool),
    page="running((sum, v) => sum + v)",
    pattern=pattern.by_line,
)
CUMSUM = op_of(cumsum)


def _cumprod(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    x, axis = _operand("cumprod", x, axis)
    return make(CUMPROD, (x,), {"axis": axis, "reverse": bool(reverse)})


# y[i] = x[i] y[i-1], so its tangent is the recurrence t[i] y[i-1] + x[i] ty[i-1], and the cotangent its transpose.
def _cumprod_vjp(node: Node, gs: Any, wanted: Any, d: Any) -> Any:
    axis, reverse = node.attrs["axis"], node.attrs["reverse"]
    back = recurrence(gs[0], node.inputs[0], axis=axis, reverse=not reverse, use_previous=True)
    return [_kept(node, d, back * shifted(node.outputs[0], axis, 1, reverse)) if wanted[0] else None]


def _cumprod_jvp(node: Node, ts: Any, _d: Any) -> Any:
    axis, reverse = node.attrs["axis"], node.attrs["reverse"]
    if ts[0] is None:
        return [None]
    return [recurrence(ts[0] * shifted(node.outputs[0], axis, 1, reverse), node.inputs[0], axis=axis, reverse=reverse)]


cumprod = custom(
    "cumprod",
    "The running product along ``axis`` (over all elements in order unless given), from the end where "
    "``reverse``; of int32 and bool in int64. Derivatives hold where elements are zero.\n"
    "Dtypes: any\n"
    "Shapes: of x; without axis one dimension of all elements\n"
    "Edges: cumprod([nan, 1.0]) = [nan, nan]; cumprod([0.0, inf]) = [0.0, nan]\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.cumprod([1.0, 2.0, 3.0]) -> [1.0, 2.0, 6.0]",
    infer=_infer_same,
    public=_cumprod,
    kernel=_cumulative("prod"),
    vjp=_cumprod_vjp,
    jvp=_cumprod_jvp,
    masks=_rows_kept,
    reference=_reference(np.cumprod),
    samples=_samples(0.5, 1.5),
    batch=batching.on_axes("axis"),
    law=law("numeric", lambda xs, a: on_axis(xs[0], a["axis"]), axis=is_int, reverse=is_bool),
    page="running((product, v) => product * v)",
    pattern=pattern.by_line,
)
CUMPROD = op_of(cumprod)


def product_of_others(x: Tensor, axis: int) -> Tensor:
    """For each element the product of all others along ``axis``: those before times those after."""
    return shifted(cumprod(x, axis=axis), axis, 1) * shifted(cumprod(x, axis=axis, reverse=True), axis, 1, reverse=True)


# ------------------------------------------------------------------ cumulative maximum and minimum
def _cumulative_extreme(name: str, of: str, reduction: str, reference: Any, step: str, edges: str, example: str) -> Any:
    """cummax or cummin. Each result is one of the operand's elements, so derivatives go to and come from its place:
    of equal ones the last so far, as torch.cummax counts them."""

    def public(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
        x = as_tensor(x, name)
        if x.dtype is bool_:
            return astype(public(astype(x, int32), axis, reverse), bool_)
        x, axis = (reshape(x, (x.size,)), 0) if axis is None else (x, axis_of(name, axis, x.ndim, [x]))
        return make(declared, (x,), {"axis": axis, "reverse": bool(reverse)})

    def places(node: Node) -> Tensor:
        """Where along the axis each result's element is: the last place so far of an element that was the result."""
        x, y, axis, reverse = node.inputs[0], node.outputs[0], node.attrs["axis"], node.attrs["reverse"]
        found = logical_or(equal(x, y), not_equal(x, x))
        at = where(found, positions(x.shape, axis), np.iinfo(np.int64).max if reverse else -1)
        return (cummin if reverse else cummax)(at, axis=axis, reverse=reverse)

    def vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
        axis = node.attrs["axis"]
        size = node.inputs[0].shape[axis]
        return [make(TAKE_ALONG_VJP, (gs[0], places(node)), {"axis": axis, "size": size}) if wanted[0] else None]

    def jvp(node: Node, ts: Any, _d: Any) -> Any:
        return [None if ts[0] is None else take_along_axis(ts[0], places(node), axis=node.attrs["axis"])]

    function = custom(
        name,
        f"The {of} so far along ``axis`` (over all elements in order unless given), from the end where ``reverse``. "
        "The gradient goes to the element that it is, the last so far of equal ones.\n"
        "Dtypes: any\n"
        "Shapes: of x; without axis one dimension of all elements\n"
        f"Edges: {edges}\n"
        "Raises: ShapeError, DTypeError\n"
        f"Example: {example}",
        infer=_infer_same,
        public=public,
        kernel=_cumulative(reduction),
        vjp=vjp,
        jvp=jvp,
        masks=moved_masks,
        reference=_reference(reference),
        samples=_samples(-2, 2, zeros=False),
        smooth=False,
        batch=batching.on_axes("axis"),
        law=law("numeric", lambda xs, a: on_axis(xs[0], a["axis"]), axis=is_int, reverse=is_bool),
        page=step,
        pattern=pattern.by_line,
    )
    declared = op_of(function)
    return function


cummax = _cumulative_extreme(
    "cummax",
    "largest element",
    "max",
    np.maximum.accumulate,
    "running((most, v) => (v > most || v !== v ? v : most))",
    "cummax([nan, 1.0]) = [nan, nan]; cummax([-inf, 1.0, inf]) = [-inf, 1.0, inf]",
    "gd.cummax([1.0, 3.0, 2.0]) -> [1.0, 3.0, 3.0]",
)
cummin = _cumulative_extreme(
    "cummin",
    "smallest element",
    "min",
    np.minimum.accumulate,
    "running((least, v) => (v < least || v !== v ? v : least))",
    "cummin([1.0, nan, 0.0]) = [1.0, nan, nan]; cummin([inf, 1.0, -inf]) = [inf, 1.0, -inf]",
    "gd.cummin([2.0, 3.0, 1.0]) -> [2.0, 2.0, 1.0]",
)


# ------------------------------------------------------------------ cumulative log-sum-exp
@composite(reference=_reference(np.logaddexp.accumulate), samples=_samples(-2, 2, zeros=False))
def logcumsumexp(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The logarithm of the running sum of exp(x) along ``axis`` (over all elements in order unless given), from the end
    where ``reverse``. It neither overflows nor vanishes: sums are kept in units of the largest term so far.

    Dtypes: float
    Shapes: of x; without axis one dimension of all elements
    Edges: logcumsumexp([-inf, -inf, 0.0]) = [-inf, -inf, 0.0]; derivative 0 where all so far is -inf;
        logcumsumexp([inf, 0.0]) = [inf, inf]; logcumsumexp([nan, 1.0]) = [nan, nan]
    Raises: ShapeError, DTypeError
    Example: gd.logcumsumexp([0.0, 0.0, 1000.0]) -> [0.0, 0.6931472, 1000.0]
    Source: the running maximum and sum of Milakov and Gimelshein 2018, arXiv:1805.02867
    """
    x = as_tensor(x, "logcumsumexp")
    check_dtype("logcumsumexp", (x,), "float")
    x, axis = (reshape(x, (x.size,)), 0) if axis is None else (x, axis_of("logcumsumexp", axis, x.ndim, [x]))
    most = stop_gradient(cummax(x, axis=axis, reverse=reverse))
    unit = where(isinf(most), 0, most)
    before = shifted(most, axis, -np.inf, reverse)
    shrunk = where(equal(before, -np.inf), 0, op("exp")(where(isinf(before), 0, before) - unit))
    total = recurrence(op("exp")(x - unit), shrunk, axis=axis, reverse=reverse)
    nothing = equal(most, -np.inf)
    return where(nothing, -np.inf, unit + op("log")(where(nothing, 1, total)))
