"""Declarations of what compares elements along an axis with each other: arguments of the extremes, sorting, top k.

The order is NumPy's: NaN is greater than every number, -0 equals 0, and equal elements keep their order, also where
the greatest come first. Derivatives go through the indices that sorting found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Dim, Size, as_size
from ..ir.dtypes import int64
from ..ir.node import Node
from . import batching, pattern
from .gather import split_at_axis, take_along_axis, take_along_vjp
from .laws import Attrs, Values, is_bool, is_int, is_size, law, on_axis
from .movement import reshape
from .opdef import composite, custom, moved_masks
from .operands import axis_of
from .registry import Call, Sample, op_of
from .tensor import Tensor, as_tensor, checked, fail, make
from .types import TensorLike


def _length(node: Node) -> Size:
    return node.inputs[0].shape[node.attrs["axis"]]


# ------------------------------------------------------------------ arguments of the extremes
def _arg_samples(rng: np.random.Generator) -> Any:
    for shape, kwargs in (
        ((3, 4), {}),
        ((3, 4), {"axis": 0}),
        ((3, 4), {"axis": -1, "keepdims": True}),
        ((2, 3, 4), {"axis": 1}),
        ((2, 3), {"keepdims": True}),
        ((), {}),
        ((1,), {"axis": 0}),
        ((0, 3), {"axis": 1}),
        ((2, 300), {"axis": 1}),
    ):
        yield Sample((rng.integers(-5, 5, shape).astype(float),), kwargs)  # with ties


class Extreme(Protocol):
    """The public function of argmax and argmin."""

    def __call__(self, x: TensorLike, /, axis: int | None = None, keepdims: bool = False) -> Tensor: ...


def _arg(name: str, kernel: str, doc: str, reference: Callable[..., Any], onnx: str, page: str) -> Extreme:
    def infer(xs: Any, attrs: Any) -> Any:
        x, axis = xs[0], attrs["axis"]
        return (((*x.shape[:axis], *x.shape[axis + 1 :]), int64),)

    def public(x: TensorLike, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
        x = as_tensor(x, name)
        kept: tuple[Size, ...] = (1,) * x.ndim
        if axis is None:
            x, axis = reshape(x, (x.size,)), 0
        else:
            axis = axis_of(name, axis, x.ndim, [x])
            kept = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        if x.shape[axis] == 0:
            fail(ShapeError, name, "no elements along the axis and no index to give for none", [x], {"axis": axis})
        y = make(declared, (x,), {"axis": axis})
        return reshape(y, kept) if keepdims else y

    published = custom(
        name,
        doc,
        infer=infer,
        public=public,
        reference=reference,
        samples=_arg_samples,
        onnx=onnx,
        batch=batching.on_axes("axis"),
        page=page,
        law=law("any", lambda xs, a: on_axis(xs[0], a["axis"]) and xs[0].shape[a["axis"]] != 0, axis=is_int),
        kernel=Call(
            kernel,
            lambda node: split_at_axis(node.inputs[0], node.attrs["axis"]),
            needs=lambda node: [(_length(node) - 1, f"{name} of no elements")],
        ),
    )
    declared = op_of(published)
    return published


argmax = _arg(
    "argmax",
    "arg_max",
    "The index of the largest along ``axis`` (of all elements in order unless given), int64; the first of "
    "equals, and NaN wins.\n"
    "Dtypes: any\n"
    "Shapes: x.shape without axis, or with 1 there where keepdims\n"
    "Edges: argmax([1.0, nan]) = 1; no elements are a ShapeError\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.argmax([1.0, 3.0, 3.0]) -> 1",
    np.argmax,
    "ArgMax",
    page="extreme((a, b) => a > b)",
)
argmin = _arg(
    "argmin",
    "arg_min",
    "The index of the smallest along ``axis`` (of all elements in order unless given), int64; the first "
    "of equals, and NaN wins.\n"
    "Dtypes: any\n"
    "Shapes: x.shape without axis, or with 1 there where keepdims\n"
    "Edges: argmin([1.0, nan]) = 1; no elements are a ShapeError\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.argmin([3.0, 1.0, 1.0]) -> 1",
    np.argmin,
    "ArgMin",
    page="extreme((a, b) => a < b)",
)


# ------------------------------------------------------------------ sorting
def _infer_sort(xs: Any, attrs: Any) -> Any:
    x, axis = xs[0], attrs["axis"]
    shape = (*x.shape[:axis], attrs["k"], *x.shape[axis + 1 :])
    return ((shape, x.dtype), (shape, int64))


def _sorted(name: str, x: Any, axis: Any, descending: bool, k: Any = ...) -> tuple[Tensor, Tensor]:
    """Values and indices of the first ``k``, of all unless given."""
    x = as_tensor(x, name)
    axis = axis_of(name, axis, x.ndim, [x])
    n = x.shape[axis]
    k = n if k is ... else k
    k = checked(as_size, name, k, [x])
    if isinstance(k, int) and (k < 0 or (isinstance(n, int) and k > n)):
        fail(ShapeError, name, f"{k} of {n} elements", [x], {"k": k, "axis": axis})
    return make(SORT, (x,), {"axis": axis, "descending": bool(descending), "k": k})


def _sort(x: TensorLike, /, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    return _sorted("sort", x, axis, descending)[0]


def _ordered(x: Any, axis: int, descending: bool) -> Any:
    return np.argsort(-x if descending else x, axis=axis, kind="stable")


def _sort_samples(rng: np.random.Generator) -> Any:
    for shape, axis in (
        ((7,), 0),
        ((3, 4), -1),
        ((3, 4), 0),
        ((2, 3, 4), 1),
        ((1,), 0),
        ((0,), 0),
        ((2, 0), 1),
        ((0, 2), 1),
        ((2, 100), 1),
    ):
        for descending in (False, True):
            yield Sample(
                (rng.permuted(np.arange(float(np.prod(shape)))).reshape(shape) / 4 - 1,),
                {"axis": axis, "descending": descending},
            )


def _keeps_sort(xs: Values, a: Attrs) -> bool:
    if not on_axis(xs[0], a["axis"]):
        return False
    n, k = xs[0].shape[a["axis"]], a["k"]
    return isinstance(n, Dim) or isinstance(k, Dim) or k <= n


def _sorted_arrays(xs: Any, a: Any) -> Any:
    (x,), axis = xs, a["axis"]
    order = np.argsort(-x.astype(float) if a["descending"] else x, axis=axis, kind="stable")
    if a["descending"]:  # NaN is the largest, so it comes first
        first = ~np.isnan(np.take_along_axis(x, order, axis))
        order = np.take_along_axis(order, np.argsort(first, axis=axis, kind="stable"), axis)
    idx = np.take(order, np.arange(a["k"]), axis)
    return np.take_along_axis(x, idx, axis), idx


sort = custom(
    "sort",
    "The elements along ``axis`` in ascending order, or ``descending``. NaN counts as the largest; at "
    "ties each element's gradient follows its place in the stable order.\n"
    "Arguments: ``x``: a Tensor; ``axis``: an int; ``descending``: whether the largest come first; ``stable``: either "
    "way equal elements keep their order\n"
    "Dtypes: any\n"
    "Shapes: of x, as is the result's\n"
    "Edges: sort([nan, 1.0]) = [1.0, nan]; sort([nan, 1.0], descending=True) = [nan, 1.0]; equal elements "
    "keep their order\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.sort([3.0, 1.0, nan, 2.0]) -> [1.0, 2.0, 3.0, nan]",
    infer=_infer_sort,
    public=_sort,
    masks=moved_masks,
    vjp=lambda node, gs, wanted, d: [
        take_along_vjp(gs[0], node.outputs[1], axis=node.attrs["axis"], size=node.inputs[0].shape[node.attrs["axis"]])
    ],
    jvp=lambda node, ts, d: [
        None if ts[0] is None else take_along_axis(ts[0], node.outputs[1], axis=node.attrs["axis"]),
        None,
    ],
    kernel=Call(
        "sort",
        lambda node: (
            *split_at_axis(node.inputs[0], node.attrs["axis"]),
            int(node.attrs["descending"]),
            node.attrs["k"],
        ),
        needs=lambda node: [(_length(node) - node.attrs["k"], f"first {node.attrs['k']} of fewer elements")],
    ),
    reference=lambda x, axis=-1, descending=False: np.take_along_axis(x, _ordered(x, axis, descending), axis),
    samples=_sort_samples,
    smooth=False,
    batch=batching.on_axes("axis"),
    law=law("any", _keeps_sort, axis=is_int, descending=is_bool, k=is_size),
    compute=_sorted_arrays,
    page="sorted",
    pattern=pattern.by_line,
)
SORT = op_of(sort)


@composite(
    reference=lambda x, axis=-1, descending=False: _ordered(x, axis, descending),
    differentiable=False,
    samples=lambda rng: [
        Sample((rng.integers(-3, 3, s).astype(float),), {"axis": a, "descending": d})
        for s, a in (((9,), 0), ((3, 5), 0), ((2, 100), 1))
        for d in (False, True)
    ],
)
def argsort(x: TensorLike, /, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort along ``axis``, int64; equal elements keep their order.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``descending``: whether the largest come first; ``stable``: either
    way equal elements keep their order
    Dtypes: any
    Shapes: of x, as is the result's
    Edges: argsort([nan, 1.0]) = [1, 0]; argsort([nan, 1.0], descending=True) = [0, 1]; equal elements keep their order
    Raises: ShapeError, DTypeError
    Example: gd.argsort([3.0, 1.0, nan, 2.0]) -> [1, 3, 0, 2]
    """
    return _sorted("argsort", x, axis, descending)[1]


def _topk_reference(x: Any, k: int, axis: int = -1) -> Any:
    idx = np.take(_ordered(x, axis, True), np.arange(k), axis)
    return np.take_along_axis(x, idx, axis), idx


def _topk_samples(rng: np.random.Generator) -> Any:
    for shape, k, axis in (
        ((7,), 3, 0),
        ((3, 4), 4, -1),
        ((3, 4), 2, 0),
        ((2, 3, 4), 1, 1),
        ((3,), 0, 0),
        ((2, 100), 5, 1),
        ((0, 3), 2, 1),
    ):
        yield Sample((rng.permuted(np.arange(float(np.prod(shape)))).reshape(shape) / 4 - 1, k), {"axis": axis})


@composite(reference=_topk_reference, samples=_topk_samples, smooth=False, onnx="TopK")
def topk(x: TensorLike, /, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The ``k`` largest along ``axis``, largest first, and their indices (int64); equal elements keep their order.

    Dtypes: any
    Shapes: x.shape with k along axis, twice
    Edges: topk([nan, 1.0], 1) = [[nan], [0]]; k may not be above the size
    Raises: ShapeError, DTypeError
    Example: gd.topk([3.0, 1.0, 2.0], 2) -> [[3.0, 2.0], [0, 2]]
    """
    return _sorted("topk", x, axis, True, k)
