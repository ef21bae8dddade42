"""Declarations of the operations that move elements without changing them: views, and copies into place.

Views cost nothing where the consumer can read strides; concat and place are copies into parts of the result. The
transpose of each is another of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Shape, Size, as_shape, as_size, broadcast, exact_div, format_shape, product, unclipped
from ..ir.dtypes import bool_
from ..ir.node import Node
from . import batching
from .batching import Batch, in_front, ranked
from .elementwise import where
from .laws import all_within, are_ints, are_offsets, is_shape, law
from .notation import transposed, unseen
from .opdef import composite, custom, linear, moved_masks
from .operands import as_list, axes_of, axis_of, contiguous_strides, sum_to
from .registry import Place, Sample, Strided, View, Within, op, op_of
from .samples import on
from .tensor import Tensor, as_tensor, checked, fail, make, scalar
from .types import Axes, Ints, ShapeLike, TensorLike


# ------------------------------------------------------------------ reshape
def _infer_shape(xs: Any, attrs: Any) -> Any:
    return ((attrs["shape"], xs[0].dtype),)


def _reshape_view(node: Node, view: Strided) -> Strided | None:
    old, new = node.inputs[0].shape, node.outputs[0].shape
    if view.strides == contiguous_strides(old):
        return Strided(view.offset, contiguous_strides(new))
    strides: list[Size] = []
    dims = [(s, st) for s, st in zip(old, view.strides) if s != 1]
    i = 0
    rest: Size = 1  # what is left of dims[i - 1] to split
    for size in new:  # splits dimensions and drops or adds ones; merging strided dimensions needs a copy
        if size == 1:
            strides.append(0)
            continue
        if rest == 1:
            if i == len(dims):
                return None
            rest, i = dims[i][0], i + 1
        part = exact_div(rest, size)
        if part is None:
            return None
        strides.append(dims[i - 1][1] * part)
        rest = part
    return Strided(view.offset, tuple(strides)) if rest == 1 and i == len(dims) else None


def _resolve(x: Tensor, shape: Any) -> Shape:
    sizes = [checked(as_size, "reshape", s, [x]) for s in (shape if isinstance(shape, (tuple, list)) else (shape,))]
    unknown = [i for i, s in enumerate(sizes) if isinstance(s, int) and s == -1]
    if len(unknown) > 1:
        fail(ShapeError, "reshape", "more than one size is -1", [x], {"shape": tuple(sizes)})
    if unknown:
        known = product(s for i, s in enumerate(sizes) if i != unknown[0])
        found = exact_div(x.size, known)
        if found is None:
            fail(ShapeError, "reshape", f"{x.size} elements do not divide into {format_shape(sizes)}", [x])
        sizes[unknown[0]] = found
    out = checked(as_shape, "reshape", sizes, [x])
    if not _same_elements(x.shape, out):
        fail(ShapeError, "reshape", f"{x.size} elements into {format_shape(out)}", [x], {"shape": out})
    return out


def _same_elements(before: Shape, after: Shape) -> bool:
    """Whether the numbers of elements agree, or all sizes do where no slice reaches past an end: that is compared at
    the call."""
    return product(before) == product(after) or [*map(unclipped, before)] == [*map(unclipped, after)]


def _reshape(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    x = as_tensor(x, "reshape")
    out = _resolve(x, shape)
    return x if out == x.shape else make(RESHAPE, (x,), {"shape": out})


reshape = linear(
    "reshape",
    "The same elements in another shape; one size may be -1.\n"
    "Dtypes: any\n"
    "Shapes: to shape, of as many elements\n"
    "Edges: -1 stands for what is left, once\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.reshape([1.0, 2.0, 3.0, 4.0], (2, -1)) -> [[1.0, 2.0], [3.0, 4.0]]",
    infer=_infer_shape,
    transpose=lambda node, g: reshape(g, node.inputs[0].shape),
    kernel=View(_reshape_view),
    public=_reshape,
    reference=np.reshape,
    onnx="Reshape",
    samples=lambda rng: (
        [Sample((rng.uniform(-2, 2, (2, 6)), s)) for s in ((3, 4), (12,), (-1, 2), (2, 1, 6), (4, 3))]
        + [Sample((rng.uniform(-2, 2, (0, 3)), (3, 0))), Sample((rng.uniform(-2, 2, ()), (1, 1)))]
    ),
    batch=batching.along_dims(whole=["shape"]),
    law=law("any", lambda xs, a: _same_elements(xs[0].shape, a["shape"]), shape=is_shape),
    foldable=True,
    compute=lambda xs, a: xs[0].reshape(a["shape"]),
    page="([x], _a, [out]) => [{ shape: out[0], dtype: x.dtype, data: x.data }]",
    notation=unseen,
)
RESHAPE = op_of(reshape)


@composite(
    reference=np.expand_dims,
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (3, 4)), a)) for a in (0, 1, -1)],
    onnx="Unsqueeze",
)
def expand_dims(x: TensorLike, /, axis: Ints = 0) -> Tensor:
    """A dimension of size 1 put in at ``axis`` (an int or a tuple of places in the result).

    Dtypes: any
    Shapes: with a dimension of 1 at each axis
    Edges: expand_dims(1.0, (0, 1)) = [[1.0]]; an axis may be negative: counted in the result
    Raises: ShapeError, DTypeError
    Example: gd.expand_dims([1.0, 2.0], 0) -> [[1.0, 2.0]]
    """
    x = as_tensor(x, "expand_dims")
    n = x.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    axes = axes_of("expand_dims", axis, n, [x])
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in axes else next(sizes) for i in range(n)))


@composite(
    reference=np.squeeze,
    onnx="Squeeze",
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (1, 3, 1)), a)) for a in (0, -1, (0, 2))],
)
def squeeze(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """Without the dimensions of size 1 at ``axis`` (all of them unless given).

    Dtypes: any
    Shapes: without the dimensions of 1
    Edges: squeeze(1.0) = 1.0
    Raises: ShapeError, DTypeError
    Example: gd.squeeze([[1.0, 2.0]], 0) -> [1.0, 2.0]
    """
    x = as_tensor(x, "squeeze")
    axes = [i for i, s in enumerate(x.shape) if s == 1] if axis is None else axes_of("squeeze", axis, x.ndim, [x])
    for a in axes:
        if x.shape[a] != 1:
            fail(ShapeError, "squeeze", f"axis {a} has size {x.shape[a]}, not 1", [x], {"axis": axis})
    return reshape(x, tuple(s for i, s in enumerate(x.shape) if i not in axes))


# ------------------------------------------------------------------ permutations
def _infer_permute(xs: Any, attrs: Any) -> Any:
    return ((tuple(xs[0].shape[a] for a in attrs["axes"]), xs[0].dtype),)


def _permute(x: TensorLike, /, axes: Ints) -> Tensor:
    x = as_tensor(x, "permute_dims")
    order = tuple(axis_of("permute_dims", a, x.ndim, [x]) for a in as_list(axes))
    if sorted(order) != list(range(x.ndim)):
        fail(ShapeError, "permute_dims", f"axes {tuple(as_list(axes))} are no order of {x.ndim} dimensions", [x])
    return x if order == tuple(range(x.ndim)) else make(PERMUTE, (x,), {"axes": order})


def _permute_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    return batching.remade(node, xs, {"axes": (0, *(a + 1 for a in node.attrs["axes"]))})


permute_dims = linear(
    "permute_dims",
    "The dimensions in the order ``axes``.\n"
    "Dtypes: any\n"
    "Shapes: x.shape in the order axes\n"
    "Edges: permute_dims([[1.0, 2.0]], (-1, 0)) = [[1.0], [2.0]]\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.permute_dims([[1.0, 2.0], [3.0, 4.0]], (1, 0)) -> [[1.0, 3.0], [2.0, 4.0]]",
    infer=_infer_permute,
    transpose=lambda node, g: permute_dims(g, tuple(np.argsort(node.attrs["axes"]).tolist())),
    kernel=View(lambda node, v: Strided(v.offset, tuple(v.strides[a] for a in node.attrs["axes"]))),
    public=_permute,
    reference=np.transpose,
    onnx="Transpose",
    samples=lambda rng: (
        [Sample((rng.uniform(-2, 2, (2, 3, 4)), a)) for a in ((0, 1, 2), (2, 0, 1), (0, 2, 1))]
        + [Sample((rng.uniform(-2, 2, (3, 0)), (1, 0)))]
    ),
    batch=_permute_batch,
    law=law("any", lambda xs, a: sorted(a["axes"]) == list(range(xs[0].ndim)), axes=are_ints),
    foldable=True,
    page="([x], a, [out]) => { const s = strides(x.shape); return view(x, out, a.axes.map((i) => s[i])); }",
    notation=transposed,
)
PERMUTE = op_of(permute_dims)


@composite(
    also="linalg", reference=lambda x: np.swapaxes(x, -1, -2), samples=on(-2, 2, shapes=[((3, 4),), ((2, 3, 4),)])
)
def matrix_transpose(x: TensorLike, /) -> Tensor:
    """The last two dimensions swapped.

    Dtypes: any
    Shapes: (..., m, n) -> (..., n, m)
    Edges: matrix_transpose([[1.0, 2.0]]) = [[1.0], [2.0]]; needs two dimensions
    Raises: ShapeError, DTypeError
    Example: gd.matrix_transpose([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 3.0], [2.0, 4.0]]
    """
    x = as_tensor(x, "matrix_transpose")
    if x.ndim < 2:
        fail(ShapeError, "matrix_transpose", f"needs two dimensions, got {x.ndim}", [x])
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


# ------------------------------------------------------------------ broadcasting
def _broadcast_view(node: Node, view: Strided) -> Strided:
    old, new = node.inputs[0].shape, node.outputs[0].shape
    extra = len(new) - len(old)
    return Strided(
        view.offset,
        (0,) * extra
        + tuple(0 if s == 1 and new[i + extra] != 1 else st for i, (s, st) in enumerate(zip(old, view.strides))),
    )


def _broadcast_to(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    x = as_tensor(x, "broadcast_to")
    out = checked(as_shape, "broadcast_to", shape, [x])
    if x.shape == out:
        return x
    if broadcast(x.shape, out) != out:
        fail(ShapeError, "broadcast_to", f"{format_shape(x.shape)} does not broadcast to {format_shape(out)}", [x])
    return make(BROADCAST_TO, (x,), {"shape": out})


def _broadcast_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    shape = node.attrs["shape"]
    return batching.remade(node, [ranked(xs[0], node.inputs[0], len(shape))], {"shape": (batch.size, *shape)})


broadcast_to = linear(
    "broadcast_to",
    "x repeated along new dimensions and along those of size 1.\n"
    "Dtypes: any\n"
    "Shapes: to shape, which x's broadcasts to\n"
    "Edges: broadcast_to(1.0, (0,)) = []; sizes of 1 and missing ones are stretched, no others\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.broadcast_to([[1.0], [2.0]], (2, 2)) -> [[1.0, 1.0], [2.0, 2.0]]",
    infer=_infer_shape,
    transpose=lambda node, g: sum_to(g, node.inputs[0].shape),
    kernel=View(_broadcast_view),
    public=_broadcast_to,
    reference=np.broadcast_to,
    onnx="Expand",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), t))
        for s, t in (((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((), (2, 2)), ((1, 3), (0, 3)), ((2, 3), (2, 3)))
    ],
    batch=_broadcast_batch,
    law=law("any", lambda xs, a: broadcast(xs[0].shape, a["shape"]) == a["shape"], shape=is_shape),
    page="([x], _a, [out]) => view(x, out, stretched(x.shape, out[0]))",
    notation=unseen,
)
BROADCAST_TO = op_of(broadcast_to)


# ------------------------------------------------------------------ slices and padding
def _infer_slice(xs: Any, attrs: Any) -> Any:
    return ((attrs["sizes"], xs[0].dtype),)


def _slice_view(node: Node, view: Strided) -> Strided:
    offset = view.offset
    for start, stride in zip(node.attrs["starts"], view.strides):
        offset = offset + start * stride
    return Strided(offset, tuple(st * k for st, k in zip(view.strides, node.attrs["steps"])))


def _slice_within(node: Node) -> Within:
    a = node.attrs
    return a["starts"], a["sizes"], a["steps"], node.inputs[0].shape


def _slice_transpose(node: Node, g: Tensor) -> Tensor:
    a = node.attrs
    return make(
        PAD, (g, scalar(0, g.dtype)), {"shape": node.inputs[0].shape, "starts": a["starts"], "steps": a["steps"]}
    )


def _slice(x: Any, /, starts: Any, sizes: Any, steps: Any) -> Tensor:
    x = as_tensor(x, "slice")
    return make(SLICE, (x,), {"starts": tuple(starts), "sizes": tuple(sizes), "steps": tuple(steps)})


slice = linear(
    "slice",
    "Every ``steps``-th element from ``starts``, ``sizes`` of them; what x[a:b:c] builds.",
    infer=_infer_slice,
    transpose=_slice_transpose,
    kernel=View(_slice_view, within=_slice_within),
    public=_slice,
    reference=lambda x, starts, sizes, steps: (
        x[tuple(np.s_[a + k * np.arange(n)] for a, n, k in zip(starts, sizes, steps))]
        if x.ndim == 1
        else x[np.ix_(*(a + k * np.arange(n) for a, n, k in zip(starts, sizes, steps)))]
    ),
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (5, 6)), a, n, k))
        for a, n, k in (
            ((1, 0), (3, 6), (1, 1)),
            ((0, 1), (3, 3), (2, 2)),
            ((4, 5), (5, 2), (-1, -3)),
            ((2, 2), (0, 4), (1, 1)),
        )
    ],
    onnx="Slice",
    batch=batching.along_dims(starts=["starts"], whole=["sizes"], steps=["steps"]),
    law=law(
        "any",
        lambda xs, a: all_within(a["starts"], a["sizes"], a["steps"], xs[0].shape),
        starts=are_offsets,
        sizes=is_shape,
        steps=are_ints,
    ),
    internal=True,
    foldable=True,
    page="sliced",
)
SLICE = op_of(slice)


def _pad_places(node: Node) -> Any:
    return [(0, node.attrs["starts"], node.attrs["steps"])]


def _pad_within(node: Node) -> Within:
    a = node.attrs
    return a["starts"], node.inputs[0].shape, a["steps"], a["shape"]


def _pad_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    x, a = node.inputs[0], node.attrs
    inner = slice(gs[0], a["starts"], x.shape, a["steps"])
    return [inner if wanted[0] else None, op("sum")(gs[0]) - op("sum")(inner) if wanted[1] else None]


def _pad_jvp(node: Node, ts: Any, _d: Any) -> Any:
    x = node.inputs[0]
    if ts[0] is None and ts[1] is None:
        return [None]
    return [
        make(
            PAD,
            (
                broadcast_to(scalar(0, x.dtype), x.shape) if ts[0] is None else ts[0],
                scalar(0, x.dtype) if ts[1] is None else ts[1],
            ),
            dict(node.attrs),
        )
    ]


def _place_in(x: Any, fill: Any, /, shape: Any, starts: Any, steps: Any) -> Tensor:
    x = as_tensor(x, "place")
    return make(
        PAD,
        (x, as_tensor(fill, "place", x.dtype)),
        {"shape": as_shape(shape), "starts": tuple(starts), "steps": tuple(steps)},
    )


def _place_reference(x: Any, fill: Any, shape: Any, starts: Any, steps: Any) -> Any:
    y = np.full(shape, fill, x.dtype)
    y[np.ix_(*(a + k * np.arange(n) for a, n, k in zip(starts, x.shape, steps)))] = x
    return y


def _place_samples(rng: np.random.Generator) -> Any:
    for shape, whole, starts, steps in (
        ((3, 2), (5, 4), (1, 2), (1, 1)),
        ((3,), (7,), (6,), (-3,)),
        ((0,), (2,), (0,), (1,)),
        ((2, 2), (4, 2), (1, 0), (2, 1)),
    ):
        yield Sample((rng.uniform(-2, 2, shape), rng.uniform(-2, 2, ()), whole, starts, steps))


def _place_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    x, fill = xs
    a, n = node.attrs, batch.size
    attrs = {"shape": (n, *a["shape"]), "starts": (0, *a["starts"]), "steps": (1, *a["steps"])}
    x = in_front(x, node.inputs[0], n)
    if fill.ndim == 0:
        return batching.remade(node, [x, fill], attrs)
    (placed,) = batching.remade(node, [x, scalar(0, x.dtype)], attrs)
    inside = make(PAD, (broadcast_to(scalar(True, bool_), node.inputs[0].shape), scalar(False, bool_)), dict(a))
    return [where(inside, placed, ranked(fill, node.inputs[1], len(a["shape"])))]


place = custom(
    "place",
    "x put into an array of ``shape`` that holds ``fill`` elsewhere: element i of each dimension goes to "
    "starts + i * steps.",
    infer=_infer_shape,
    kernel=Place(_pad_places, lambda node: 1, within=_pad_within),
    public=_place_in,
    vjp=_pad_vjp,
    masks=moved_masks,
    jvp=_pad_jvp,
    reference=_place_reference,
    samples=_place_samples,
    batch=_place_batch,
    law=law(
        "any any",
        lambda xs, a: xs[1].shape == () and all_within(a["starts"], xs[0].shape, a["steps"], a["shape"]),
        shape=is_shape,
        starts=are_offsets,
        steps=are_ints,
    ),
    internal=True,
    foldable=True,
    page="placed",
)
PAD = op_of(place)


@composite(
    reference=np.flip,
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (2, 3)),), {"axis": a}) for a in (None, 0, (0, 1))],
)
def flip(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """The order of elements along axes reversed (all axes unless given).

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: flip([]) = []
    Raises: ShapeError, DTypeError
    Example: gd.flip([1.0, 2.0, 3.0]) -> [3.0, 2.0, 1.0]
    """
    x = as_tensor(x, "flip")
    axes = axes_of("flip", axis, x.ndim, [x])
    starts = tuple(s - 1 if i in axes else 0 for i, s in enumerate(x.shape))
    return slice(x, starts, x.shape, tuple(-1 if i in axes else 1 for i in range(x.ndim)))
