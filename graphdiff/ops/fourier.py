"""Declarations of Fourier transforms: those of what is real that users call, and the primitives of the ``fft`` kernel.

A complex number is a pair of Tensors, its real and its imaginary part. The primitives scale nothing; each one's
transpose is the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim, Size, as_size
from ..ir.node import Node
from . import batching, pattern
from .arrange import part
from .comparison import equal, logical_or
from .elementwise import reciprocal, rsqrt, where
from .gather import positions, size_as, split_at_axis
from .laws import Attrs, Values, is_bool, is_int, is_size, law, on_axis
from .movement import broadcast_to, place
from .opdef import composite, custom
from .operands import axis_of, operands
from .registry import Call, Sample, op_of
from .tensor import Tensor, checked, fail, make, scalar
from .types import SizeLike, TensorLike

FORWARD, BACKWARD, REAL, HALF = range(4)  # csrc/kernels/fft.c


def _call(kind: Callable[[Node], int], whole: Callable[[Node], Tensor]) -> Call:
    def params(node: Node) -> tuple[Size, ...]:
        return (*split_at_axis(whole(node), node.attrs["axis"]), kind(node))

    return Call(
        "fft",
        params,
        flops=lambda node: whole(node).size * 40,
        needs=lambda node: [(whole(node).shape[node.attrs["axis"]] - 1, "the transform of no elements")],
    )


def _given(g: Tensor | None, like: Any) -> Tensor:
    """A cotangent or a tangent, 0 where there is none."""
    return broadcast_to(scalar(0, like.dtype), like.shape) if g is None else g


def _with(shape: Sequence[Size], axis: int, size: Size) -> tuple[Size, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _counted(node: Node, n: Size, xs: Sequence[Tensor], factor: float) -> list[Tensor]:
    """Half a spectrum, what stands twice in the whole times ``factor``: all but the first and, of an even length, the
    last."""
    axis = node.attrs["axis"]
    k = positions(tuple(s if i == axis else 1 for i, s in enumerate(xs[0].shape)), axis)
    once = logical_or(equal(k, 0), equal(k * 2, size_as(n, k.dtype)))
    return [where(once, x, x * factor) for x in xs]


# ------------------------------------------------------------------ the primitives
def _real(x: Any, /, axis: int = -1) -> tuple[Tensor, Tensor]:
    (x,) = operands("fft_real", (x,), "float")
    return make(FFT_REAL, (x,), {"axis": axis_of("fft_real", axis, x.ndim, [x])})


def _infer_real(xs: Any, attrs: Any) -> Any:
    x, axis = xs[0], attrs["axis"]
    return ((_with(x.shape, axis, x.shape[axis] // 2 + 1), x.dtype),) * 2


def _real_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    axis, n = node.attrs["axis"], node.inputs[0].shape[node.attrs["axis"]]
    re, im = (_given(g, y) for g, y in zip(gs, node.outputs, strict=True))
    # the other way round takes twice what stands here once
    return [make(FFT_HALF, tuple(_counted(node, n, (re, im), 0.5)), {"axis": axis, "n": n})]


def _pair(y: Any) -> tuple[Any, Any]:
    return y.real, y.imag


def _lengths(rng: np.random.Generator) -> Any:
    for n in (1, 2, 3, 4, 5, 8, 12, 15, 17, 26, 34):
        yield (n,), 0
    yield from (((2, 6), -1), ((5, 3), 0), ((2, 7, 3), 1), ((0, 4), 1), ((3, 64), 1))


fft_real = custom(
    "fft_real",
    "The first half of the Fourier transform of a real line, real and imaginary part.",
    infer=_infer_real,
    public=_real,
    vjp=_real_vjp,
    jvp=lambda node, ts, d: [None, None] if ts[0] is None else list(make(FFT_REAL, (ts[0],), dict(node.attrs))),
    kernel=_call(lambda node: REAL, lambda node: node.inputs[0]),
    reference=lambda x, axis=-1: _pair(np.fft.rfft(x, axis=axis)),
    samples=lambda rng: [Sample((rng.uniform(-1, 1, s),), {"axis": axis}) for s, axis in _lengths(rng)],
    batch=batching.on_axes("axis"),
    law=law("float", lambda xs, a: on_axis(xs[0], a["axis"]) and xs[0].shape[a["axis"]] != 0, axis=is_int),
    internal=True,
    pattern=pattern.by_line,
)
FFT_REAL = op_of(fft_real)


def _half(re: Any, im: Any, /, n: Any, axis: int = -1) -> Tensor:
    re, im = operands("fft_half", (re, im), "float")
    return make(FFT_HALF, (re, im), {"axis": axis_of("fft_half", axis, re.ndim, [re, im]), "n": as_size(n)})


def _half_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    both = make(FFT_REAL, (gs[0],), {"axis": node.attrs["axis"]})
    return _counted(node, node.attrs["n"], both, 2.0)


def _half_jvp(node: Node, ts: Any, _d: Any) -> Any:
    if ts[0] is None and ts[1] is None:
        return [None]
    return [make(FFT_HALF, tuple(_given(t, x) for t, x in zip(ts, node.inputs, strict=True)), dict(node.attrs))]


def _keeps_half(xs: Values, a: Attrs) -> bool:
    re, im = xs
    return re.shape == im.shape and on_axis(re, a["axis"]) and re.shape[a["axis"]] == a["n"] // 2 + 1 and a["n"] != 0


def _half_samples(rng: np.random.Generator) -> Any:
    for shape, axis in _lengths(rng):
        half = _with(shape, axis % len(shape), shape[axis] // 2 + 1)
        yield Sample((rng.uniform(-1, 1, half), rng.uniform(-1, 1, half)), {"axis": axis, "n": shape[axis]})


fft_half = custom(
    "fft_half",
    "The real line of n numbers whose Fourier transform, backwards and not scaled, begins with a half.",
    infer=lambda xs, attrs: ((_with(xs[0].shape, attrs["axis"], attrs["n"]), xs[0].dtype),),
    public=_half,
    vjp=_half_vjp,
    jvp=_half_jvp,
    kernel=_call(lambda node: HALF, lambda node: node.outputs[0]),
    reference=lambda re, im, n, axis=-1: np.fft.irfft(re + 1j * im, n, axis=axis, norm="forward"),
    samples=_half_samples,
    batch=batching.on_axes("axis"),
    law=law("float float", _keeps_half, axis=is_int, n=is_size),
    internal=True,
    pattern=pattern.by_line,
)
FFT_HALF = op_of(fft_half)


def _complex(re: Any, im: Any, /, axis: int = -1, backward: bool = False) -> tuple[Tensor, Tensor]:
    re, im = operands("fft_complex", (re, im), "float")
    axis = axis_of("fft_complex", axis, re.ndim, [re, im])
    return make(FFT_COMPLEX, (re, im), {"axis": axis, "backward": bool(backward)})


def _complex_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    attrs = {**node.attrs, "backward": not node.attrs["backward"]}
    return make(FFT_COMPLEX, tuple(_given(g, y) for g, y in zip(gs, node.outputs, strict=True)), attrs)


def _complex_jvp(node: Node, ts: Any, _d: Any) -> Any:
    if ts[0] is None and ts[1] is None:
        return [None, None]
    return list(make(FFT_COMPLEX, tuple(_given(t, x) for t, x in zip(ts, node.inputs, strict=True)), dict(node.attrs)))


def _complex_reference(re: Any, im: Any, axis: int = -1, backward: bool = False) -> Any:
    x = re + 1j * im
    return _pair(np.fft.ifft(x, axis=axis, norm="forward") if backward else np.fft.fft(x, axis=axis))


fft_complex = custom(
    "fft_complex",
    "The Fourier transform of complex lines, or backwards; not scaled.",
    infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),) * 2,
    public=_complex,
    vjp=_complex_vjp,
    jvp=_complex_jvp,
    kernel=_call(lambda node: BACKWARD if node.attrs["backward"] else FORWARD, lambda node: node.inputs[0]),
    reference=_complex_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s), rng.uniform(-1, 1, s)), {"axis": axis, "backward": backward})
        for s, axis in _lengths(rng)
        for backward in (False, True)
    ],
    batch=batching.on_axes("axis"),
    law=law(
        "float float",
        lambda xs, a: xs[0].shape == xs[1].shape and on_axis(xs[0], a["axis"]) and xs[0].shape[a["axis"]] != 0,
        axis=is_int,
        backward=is_bool,
    ),
    internal=True,
    pattern=pattern.by_line,
)
FFT_COMPLEX = op_of(fft_complex)


# ------------------------------------------------------------------ what users call
def _scaled(name: str, xs: Sequence[Tensor], n: Size, norm: Any, backward: bool) -> list[Tensor]:
    """Results over n, over its root, or as they are."""
    if norm not in (None, "backward", "ortho", "forward"):
        fail(GraphError, name, f'norm is "backward", "ortho" or "forward", got {norm!r}', xs)
    if norm == "ortho":
        return [x * rsqrt(size_as(n, x.dtype)) for x in xs]
    over = backward if norm in (None, "backward") else not backward
    return [x * reciprocal(size_as(n, x.dtype)) for x in xs] if over else list(xs)


def _fitted(name: str, xs: Sequence[Tensor], axis: int, size: Size) -> list[Tensor]:
    """The first ``size`` along ``axis``, zeros behind where there are fewer."""
    now = xs[0].shape[axis]
    if now == size:
        return list(xs)
    if isinstance(now, Dim) or isinstance(size, Dim):
        fail(ShapeError, name, f"which of {now} and {size} is more is known only at the call; slice or pad first", xs)
    if size < now:
        return [part(x, axis, 0, size) for x in xs]
    return [place(x, 0, _with(x.shape, axis, size), (0,) * x.ndim, (1,) * x.ndim) for x in xs]


def _length(name: str, n: Any, xs: Sequence[Tensor]) -> Size:
    n = checked(as_size, name, n, xs)
    if isinstance(n, int) and n < 1:
        fail(ShapeError, name, f"a transform of {n} elements", xs)
    return n


def _halves(name: str, pair: Any) -> list[Tensor]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        fail(ShapeError, name, "takes a pair, the real and the imaginary part", [])
    re, im = operands(name, pair, "float")
    if re.shape != im.shape:
        fail(ShapeError, name, "real and imaginary part differ in shape", [re, im])
    return [re, im]


def _rfft_samples(rng: np.random.Generator) -> Any:
    for shape, kwargs in (
        ((8,), {}),
        ((7,), {"norm": "ortho"}),
        ((3, 6), {"axis": 0}),
        ((5,), {"n": 8}),
        ((2, 5), {"n": 3, "norm": "forward"}),
        ((19,), {}),
    ):
        yield Sample((rng.uniform(-1, 1, shape),), kwargs)


@composite(
    namespace="fft",
    reference=lambda x, n=None, axis=-1, norm=None: _pair(np.fft.rfft(x, n, axis, norm)),
    samples=_rfft_samples,
)
def rfft(
    x: TensorLike,
    /,
    n: SizeLike | None = None,
    axis: int = -1,
    norm: Literal["backward", "ortho", "forward"] | None = None,
) -> tuple[Tensor, Tensor]:
    """The Fourier transform of what is real along ``axis``, real and imaginary part of its first half: the other is
    conjugate. Of any length in O(n log n).

    Arguments: ``x``: a Tensor; ``n``: how many elements are taken, zeros behind where there are fewer, all of them
    unless given; ``axis``: an int; ``norm``: "backward" (as it is), "ortho" (over the root of n) or "forward" (over n)
    Dtypes: float
    Shapes: x.shape with n // 2 + 1 along axis, twice
    Edges: rfft([1.0]) = [[1.0], [0.0]]; rfft([nan, 0.0])[0] = [nan, nan]; no elements are a ShapeError
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.fft.rfft([1.0, 0.0, 0.0, 0.0]) -> [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    Source: as numpy.fft.rfft; Stockham's passes, Van Loan 1992; Bluestein 1970
    """
    (x,) = operands("rfft", (x,), "float")
    axis = axis_of("rfft", axis, x.ndim, [x])
    n = _length("rfft", x.shape[axis] if n is None else n, [x])
    (x,) = _fitted("rfft", [x], axis, n)
    re, im = _scaled("rfft", make(FFT_REAL, (x,), {"axis": axis}), n, norm, False)
    return re, im


def _irfft_samples(rng: np.random.Generator) -> Any:
    for shape, kwargs in (
        ((5,), {}),
        ((4,), {"n": 7, "norm": "ortho"}),
        ((3, 4), {"axis": 0}),
        ((4,), {"n": 10}),
        ((2, 6), {"n": 5, "norm": "forward"}),
    ):
        yield Sample(([rng.uniform(-1, 1, shape), rng.uniform(-1, 1, shape)],), kwargs)


@composite(
    namespace="fft",
    reference=lambda pair, n=None, axis=-1, norm=None: np.fft.irfft(pair[0] + 1j * pair[1], n, axis, norm),
    samples=_irfft_samples,
)
def irfft(
    pair: tuple[TensorLike, TensorLike],
    /,
    n: SizeLike | None = None,
    axis: int = -1,
    norm: Literal["backward", "ortho", "forward"] | None = None,
) -> Tensor:
    """The reverse of rfft: what is real and has the first half of a Fourier transform, a pair of real and imaginary
    part. The imaginary parts of the first number, and of the middle one where n is even, are not used.

    Arguments: ``pair``: real and imaginary part; ``n``: how many elements the result has along axis, 2 (m - 1) for m of
    the pair unless given; ``axis``: an int; ``norm``: "backward" (over n), "ortho" (over its root) or "forward" (as it
    is)
    Dtypes: float
    Shapes: those of the pair with n along axis
    Edges: irfft(([1.0], [5.0]), n=1) = [1.0]; no elements are a ShapeError
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.fft.irfft(([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])) -> [1.0, 0.0, 0.0, 0.0]
    Source: as numpy.fft.irfft
    """
    xs = _halves("irfft", pair)
    axis = axis_of("irfft", axis, xs[0].ndim, xs)
    n = _length("irfft", (xs[0].shape[axis] - 1) * 2 if n is None else n, xs)
    xs = _fitted("irfft", xs, axis, n // 2 + 1)
    return _scaled("irfft", [make(FFT_HALF, tuple(xs), {"axis": axis, "n": n})], n, norm, True)[0]


def _two(name: str, s: Any, axes: Any, xs: Sequence[Tensor]) -> tuple[list[Any], list[int]]:
    sizes = [None, None] if s is None else list(s)
    if len(sizes) != 2 or len(axes) != 2:
        fail(ShapeError, name, f"s and axes are pairs, got {s!r} and {axes!r}", xs)
    at = [axis_of(name, a, xs[0].ndim, xs) for a in axes]
    if at[0] == at[1]:
        fail(ShapeError, name, f"axis {axes[0]} is given twice", xs)
    return sizes, at


def _along(name: str, xs: Sequence[Tensor], n: Any, axis: int, norm: Any, backward: bool) -> list[Tensor]:
    """The complex transform along another axis."""
    n = _length(name, xs[0].shape[axis] if n is None else n, xs)
    xs = make(FFT_COMPLEX, tuple(_fitted(name, xs, axis, n)), {"axis": axis, "backward": backward})
    return _scaled(name, xs, n, norm, backward)


@composite(
    namespace="fft",
    reference=lambda x, s=None, axes=(-2, -1), norm=None: _pair(np.fft.rfft2(x, s, axes, norm)),
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, shape),), kwargs)
        for shape, kwargs in (
            ((4, 6), {}),
            ((3, 5), {"norm": "ortho"}),
            ((2, 3, 4), {"axes": (0, 1)}),
            ((4, 4), {"s": (3, 6), "norm": "forward"}),
        )
    ],
)
def rfft2(
    x: TensorLike,
    /,
    s: Sequence[SizeLike] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: Literal["backward", "ortho", "forward"] | None = None,
) -> tuple[Tensor, Tensor]:
    """The Fourier transform of what is real along two axes, real and imaginary part, of the last the first half.

    Arguments: ``x``: a Tensor; ``s``: how many elements are taken along each axis, all of them unless given; ``axes``:
    two ints; ``norm``: as rfft's
    Dtypes: float
    Shapes: x.shape with s[0] along the first axis and s[1] // 2 + 1 along the last, twice
    Edges: rfft2([[1.0]]) = [[[1.0]], [[0.0]]]; no elements are a ShapeError
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.fft.rfft2([[1.0, 0.0], [0.0, 0.0]]) -> [[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    Source: as numpy.fft.rfft2
    """
    (x,) = operands("rfft2", (x,), "float")
    sizes, (first, last) = _two("rfft2", s, axes, [x])
    re, im = _along("rfft2", rfft(x, sizes[1], last, norm), sizes[0], first, norm, False)
    return re, im


@composite(
    namespace="fft",
    reference=lambda pair, s=None, axes=(-2, -1), norm=None: np.fft.irfft2(pair[0] + 1j * pair[1], s, axes, norm),
    samples=lambda rng: [
        Sample(([rng.uniform(-1, 1, shape), rng.uniform(-1, 1, shape)],), kwargs)
        for shape, kwargs in (
            ((4, 4), {}),
            ((3, 3), {"norm": "ortho"}),
            ((3, 3, 2), {"axes": (0, 1)}),
            ((4, 3), {"s": (3, 5), "norm": "forward"}),
        )
    ],
)
def irfft2(
    pair: tuple[TensorLike, TensorLike],
    /,
    s: Sequence[SizeLike] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: Literal["backward", "ortho", "forward"] | None = None,
) -> Tensor:
    """The reverse of rfft2.

    Arguments: ``pair``: real and imaginary part; ``s``: how many elements the result has along each axis, of the last
    2 (m - 1) for m of the pair unless given; ``axes``: two ints; ``norm``: as irfft's
    Dtypes: float
    Shapes: those of the pair with s along the axes
    Edges: irfft2(([[1.0]], [[0.0]]), (1, 1)) = [[1.0]]; no elements are a ShapeError
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.fft.irfft2(([[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]])) -> [[1.0, 0.0], [0.0, 0.0]]
    Source: as numpy.fft.irfft2
    """
    xs = _halves("irfft2", pair)
    sizes, (first, last) = _two("irfft2", s, axes, xs)
    re, im = _along("irfft2", xs, sizes[0], first, norm, True)
    return irfft((re, im), sizes[1], last, norm)
