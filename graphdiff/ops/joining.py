"""Declarations of what joins Tensors: concat and stack, copies of each into its part of one result.

The transpose of joining is slicing. Must not know: how parts of a result are written (lower/).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Size, format_shape
from ..ir.node import Node
from . import batching
from .laws import beside, is_int, law, on_axis
from .movement import broadcast_to, expand_dims, reshape, slice
from .opdef import composite, custom, moved_masks
from .operands import aligned, axis_of, operands
from .registry import Place, Sample, op_of
from .tensor import Tensor, fail, make, scalar
from .types import TensorList


def _infer_concat(xs: Any, attrs: Any) -> Any:
    axis = attrs["axis"]
    total: Size = 0
    for x in xs:
        total = total + x.shape[axis]
    return (((*xs[0].shape[:axis], total, *xs[0].shape[axis + 1 :]), xs[0].dtype),)


def _concat_starts(node: Node) -> list[tuple[Size, ...]]:
    axis = node.attrs["axis"]
    at: Size = 0
    out: list[tuple[Size, ...]] = []
    for x in node.inputs:
        out.append((*(0,) * axis, at, *(0,) * (x.ndim - axis - 1)))
        at = at + x.shape[axis]
    return out


def _concat_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    return [
        slice(gs[0], start, x.shape, (1,) * x.ndim) if w else None
        for start, x, w in zip(_concat_starts(node), node.inputs, wanted)
    ]


def _concat_jvp(node: Node, ts: Any, _d: Any) -> Any:
    if not any(t is not None for t in ts):
        return [None]
    return [
        concat(
            [broadcast_to(scalar(0, x.dtype), x.shape) if t is None else t for t, x in zip(ts, node.inputs)],
            axis=node.attrs["axis"],
        )
    ]


def _listed(name: str, arrays: Any) -> tuple[Any, ...]:
    if not isinstance(arrays, (list, tuple)) or not arrays:
        fail(ShapeError, name, f"needs a list of at least one Tensor, got {arrays!r}")
    return tuple(arrays)


def _concat(arrays: TensorList, /, axis: int | None = 0) -> Tensor:
    xs = operands("concat", _listed("concat", arrays))
    if axis is None:
        xs, axis = tuple(reshape(x, (x.size,)) for x in xs), 0
    axis = axis_of("concat", axis, xs[0].ndim, xs)
    for x in xs:
        if x.ndim != xs[0].ndim or any(a != b for i, (a, b) in enumerate(zip(x.shape, xs[0].shape)) if i != axis):
            fail(
                ShapeError,
                "concat",
                f"{format_shape(xs[0].shape)} and {format_shape(x.shape)} differ beside axis {axis}",
                xs,
                {"axis": axis},
            )
    return xs[0] if len(xs) == 1 else make(CONCAT, xs, {"axis": axis})


def _concat_samples(rng: np.random.Generator) -> Any:
    for shapes, axis in ((((2, 3), (4, 3)), 0), (((2, 3), (2, 1), (2, 0)), 1), (((2,), (3,)), -1)):
        yield Sample(([rng.uniform(-2, 2, s) for s in shapes],), {"axis": axis})


concat = custom(
    "concat",
    "Tensors one after another along ``axis``.\n"
    "Dtypes: any\n"
    "Shapes: equal but along axis, where sizes add up\n"
    "Edges: concat([[], [1.0]]) = [1.0]\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.concat([[1.0, 2.0], [3.0]]) -> [1.0, 2.0, 3.0]",
    infer=_infer_concat,
    public=_concat,
    kernel=Place(lambda node: [(i, s, (1,) * len(s)) for i, s in enumerate(_concat_starts(node))], lambda node: None),
    vjp=_concat_vjp,
    jvp=_concat_jvp,
    masks=moved_masks,
    reference=np.concatenate,
    samples=_concat_samples,
    onnx="Concat",
    batch=batching.on_axes("axis"),
    law=law(
        "any any *",
        lambda xs, a: all(
            on_axis(x, a["axis"]) and beside(x.shape, a["axis"]) == beside(xs[0].shape, a["axis"]) for x in xs
        ),
        axis=is_int,
    ),
    foldable=True,
    compute=lambda xs, a: np.concatenate(xs, axis=a["axis"]),
    page="joined",
)


CONCAT = op_of(concat)


@composite(
    reference=np.stack,
    samples=lambda rng: [Sample(([rng.uniform(-2, 2, (2, 3)) for _ in range(3)],), {"axis": a}) for a in (0, 1, -1)],
)
def stack(arrays: TensorList, /, axis: int = 0) -> Tensor:
    """Tensors of one shape along a new ``axis``.

    Dtypes: any
    Shapes: equal shapes; as many as arrays at axis
    Edges: stack([1.0, 2.0], -1) = [1.0, 2.0]; axis may be negative: counted in the result
    Raises: ShapeError, DTypeError
    Example: gd.stack([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 2.0], [3.0, 4.0]]
    """
    xs = aligned(*operands("stack", _listed("stack", arrays)))
    for x in xs:
        if x.shape != xs[0].shape:
            fail(ShapeError, "stack", f"{format_shape(xs[0].shape)} and {format_shape(x.shape)} differ", xs)
    axis = axis_of("stack", axis, xs[0].ndim + 1, xs)
    return concat([expand_dims(x, axis) for x in xs], axis=axis)
