"""Declarations of random numbers, ``gd.random``: functions of a key, a position and nothing else.

Two operations draw (floats of [0, 1) and integers below a span) by Philox4x32-10, a counter-based generator (Salmon,
Moraes, Dror and Shaw 2011; the stream layout is in csrc/kernels/random.c); everything else is made of them. So the
same key gives the same numbers for any number of threads, when a checkpoint recomputes them and after reload, element
i is the same for every length of the result, and ``key + k`` gives another stream. The functions draw from
streams of their own: one key may serve a call of each, but two calls of one function want two keys.

Nothing is differentiable by the key; ``low``, ``high`` and everything else outside the draw is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import Shape, as_shape, broadcast, format_shape
from ..ir.dtypes import FLOATS, INTEGERS, as_dtype, float32, int32, int64
from ..ir.node import Node
from . import batching
from .batching import Batch
from .comparison import less
from .control import map_
from .elementwise import astype, sqrt
from .functions import cos, log1p
from .laws import is_float, is_shape, law
from .movement import broadcast_to
from .opdef import composite
from .operands import operands
from .registry import Call, Op, Sample, register
from .tensor import Tensor, as_tensor, checked, dtype_or_default, fail, is_weak, make, scalar
from .types import DTypeLike, ShapeLike, TensorLike

# the last word of the counter: part of the stream layout, so numbers are never reused
UNIFORM, NORMAL, BERNOULLI, RANDINT = range(4)


def _infer_draw(_xs: Any, attrs: Any) -> Any:
    return ((attrs["shape"], attrs.get("dtype", int64)),)


def _batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """Each example's own key: as many draws, each a function of its key alone."""
    differ = batching.moved(node, xs)

    def draw(mine: Sequence[Tensor]) -> Tensor:
        rest = iter(mine)
        return make(node.op, tuple(next(rest) if m else x for x, m in zip(xs, differ)), dict(node.attrs))

    return [map_(draw, [x for x, m in zip(xs, differ) if m])]


def _is_stream(v: Any) -> bool:
    return type(v) is int and 0 <= v < 2**32


RANDOM_UNIT = register(
    Op(
        "random_unit",
        "custom",
        "Floats of [0, 1), from a key.",
        infer=_infer_draw,
        differentiable=False,
        kernel=Call("random", lambda node: (node.attrs["stream"],)),
        batch=_batch,
        law=law("int64", lambda xs, a: xs[0].shape == (), shape=is_shape, dtype=is_float, stream=_is_stream),
        compute=lambda xs, a: unit_reference(xs[0], **a),
    )
)
RANDOM_BELOW = register(
    Op(
        "random_below",
        "custom",
        "Integers of [0, span), from a key and a span for each or for all.",
        infer=_infer_draw,
        differentiable=False,
        kernel=Call("random", lambda node: (node.attrs["stream"],)),
        batch=_batch,
        law=law(
            "int64 int64",
            lambda xs, a: xs[0].shape == () and xs[1].shape in ((), a["shape"]),
            shape=is_shape,
            stream=_is_stream,
        ),
        compute=lambda xs, a: below_reference(*xs, **a),
    )
)


def unit(key: Tensor, shape: Shape, dtype: np.dtype, stream: int) -> Tensor:
    return make(RANDOM_UNIT, (key,), {"shape": shape, "dtype": dtype, "stream": stream})


def as_key(name: str, key: Any) -> Tensor:
    """A key as a 0-d int64 Tensor: an integer Tensor, a NumPy one or a Python int. Raises DTypeError, ShapeError."""
    key = as_tensor(key, name, int64) if type(key) is int else as_tensor(key, name)
    if key.dtype not in INTEGERS:
        fail(DTypeError, name, f"the key is {key.dtype.name}; write .astype('int64')", [key])
    if key.shape != ():
        fail(ShapeError, name, f"the key is one integer, got shape {format_shape(key.shape)}", [key])
    return astype(key, int64)


def fits(name: str, xs: list[Tensor], shape: Shape) -> None:
    for x in xs:
        if broadcast(x.shape, shape) != shape:
            fail(
                ShapeError,
                name,
                f"{format_shape(x.shape)} does not broadcast to {format_shape(shape)}",
                xs,
                {"shape": shape},
            )


def float_dtype(name: str, dtype: Any) -> np.dtype:
    dtype = dtype_or_default(name, dtype)
    if dtype not in FLOATS:
        fail(DTypeError, name, f"dtype is {dtype.name}; it draws float32 or float64")
    return dtype


# ------------------------------------------------------------------ the same in NumPy, for the tests
def philox(counter: np.ndarray, key: int) -> np.ndarray:
    """Philox4x32-10 of counters, shape (..., 4), uint32, with a 64-bit key: four words each."""
    c0, c1, c2, c3 = (counter[..., i].astype(np.uint64) for i in range(4))
    k0, k1, low = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF, np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (b >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            b & low,
            (a >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            a & low,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def _words(key: Any, blocks: int, stream: int) -> np.ndarray:
    counter = np.zeros((blocks, 4), np.uint32)
    counter[:, 0], counter[:, 3] = np.arange(blocks), stream
    return philox(counter, int(key) & 0xFFFFFFFFFFFFFFFF)


def unit_reference(key: Any, shape: Any, dtype: Any, stream: int) -> np.ndarray:
    n = math.prod(shape)
    if np.dtype(dtype) == float32:
        unit = (_words(key, -(-n // 4), stream).reshape(-1)[:n] >> 8) * np.float32(2**-24)
    else:
        unit = (_words(key, -(-n // 2), stream).reshape(-1).view("<u8")[:n] >> np.uint64(11)) * 2.0**-53
    return unit.astype(dtype).reshape(shape)


def uniform_reference(key: Any, shape: Any, low: Any = 0.0, high: Any = 1.0, dtype: Any = "float32") -> Any:
    low, high = np.asarray(low, dtype), np.asarray(high, dtype)
    return low + unit_reference(key, shape, dtype, UNIFORM) * (high - low)


def _normal_reference(key: Any, shape: Any, dtype: Any = "float32") -> Any:
    u = unit_reference(key, (*shape, 2), dtype, NORMAL).astype(np.float64)
    return (np.sqrt(-2 * np.log1p(-u[..., 0])) * np.cos(2 * np.pi * u[..., 1])).astype(dtype)


def bernoulli_reference(key: Any, p: Any, shape: Any) -> Any:
    dtype = p.dtype if isinstance(p, (np.ndarray, np.generic)) else "float32"
    return unit_reference(key, shape, dtype, BERNOULLI) < np.asarray(p, dtype)


def below_reference(key: Any, span: Any, shape: Any, stream: int) -> Any:
    n = math.prod(shape)
    bits = _words(key, -(-n // 2), stream).reshape(-1).view("<u8")[:n].tolist()
    spans = np.broadcast_to(span, shape).reshape(-1).tolist()
    # small spans are never rejected in so few numbers, so the first attempt is the one
    return np.array([max(u * s >> 64, 0) for u, s in zip(bits, spans, strict=True)], "int64").reshape(shape)


def _randint_reference(key: Any, shape: Any, low: Any, high: Any, dtype: Any = "int64") -> Any:
    return (low + below_reference(key, np.asarray(high) - np.asarray(low), shape, RANDINT)).astype(dtype)


# ------------------------------------------------------------------ the public functions
@composite(
    namespace="random",
    reference=uniform_reference,
    smooth=False,
    samples=lambda rng: [
        Sample((np.int64(7), (3, 5))),
        Sample((np.int64(-1), ()), {"dtype": "float64"}),
        Sample((np.int64(0), (0, 3))),
        Sample((np.int64(2), (2, 3), rng.uniform(-1, 0, 3), rng.uniform(1, 2, (2, 1))), {"dtype": "float64"}),
    ],
)
def uniform(
    key: TensorLike, shape: ShapeLike, low: TensorLike = 0.0, high: TensorLike = 1.0, dtype: DTypeLike | None = None
) -> Tensor:
    """Uniform numbers of [low, high): ``low + u * (high - low)`` with u a multiple of 2^-24 (float32) or 2^-53.

    ``key``: a 0-d integer Tensor (a ``gd.state`` advanced by an update) or an int; ``low``, ``high``: numbers or
    Tensors that broadcast to ``shape``, differentiable. Rounding may give ``high`` itself where low is not 0.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``shape``: of the result; ``low``: the least; ``high``: above
    the greatest; ``dtype``: float32 or float64
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: uniform(0, (2,), 3.0, 3.0) = [3.0, 3.0]; the same key gives the same numbers
    Raises: ShapeError, DTypeError
    Example: gd.random.uniform(0, (2,)).shape -> (2,)
    Source: Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011
    """
    if dtype is None and not (is_weak(low) and is_weak(high)):
        dtype = operands("uniform", (low, high), "float")[0].dtype
    shape, dtype, key = checked(as_shape, "uniform", shape), float_dtype("uniform", dtype), as_key("uniform", key)
    u = unit(key, shape, dtype, UNIFORM)
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low == 0 and high == 1:
        return u
    u, lo, hi = operands("uniform", (u, low, high), "float")
    if u.dtype is not dtype:
        fail(
            DTypeError,
            "uniform",
            f"low and high are {u.dtype.name}, the result {dtype.name}; give dtype={u.dtype.name!r}",
            [lo, hi],
        )
    fits("uniform", [lo, hi], shape)
    return lo + u * (hi - lo)


@composite(
    namespace="random",
    reference=_normal_reference,
    differentiable=False,
    samples=lambda rng: [
        Sample((np.int64(7), (3, 5))),
        Sample((np.int64(-1), ()), {"dtype": "float64"}),
        Sample((np.int64(0), (0, 3))),
    ],
)
def normal(key: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Standard normal numbers, by the cosine half of Box and Muller 1958: sqrt(-2 log(1 - u)) cos(2 pi u').

    Element i is made of elements 2i and 2i + 1 of the stream; no number is beyond 5.77 (float32) or 8.58 (float64).

    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: normal(0, (0,)) = []; the same key gives the same numbers
    Raises: ShapeError, DTypeError
    Example: gd.random.normal(0, (2,)).shape -> (2,)
    Source: Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011; Box and Muller 1958
    """
    shape, dtype, key = checked(as_shape, "normal", shape), float_dtype("normal", dtype), as_key("normal", key)
    u = unit(key, (*shape, 2), dtype, NORMAL)
    return sqrt(-2 * log1p(-u[..., 0])) * cos((2 * math.pi) * u[..., 1])


@composite(
    namespace="random",
    reference=bernoulli_reference,
    differentiable=False,
    samples=lambda rng: [
        Sample((np.int64(7), 0.3, (3, 5))),
        Sample((np.int64(3), rng.uniform(0, 1, 5), (3, 5))),
        Sample((np.int64(0), 0.5, ())),
    ],
)
def bernoulli(key: TensorLike, p: TensorLike, shape: ShapeLike) -> Tensor:
    """True with probability ``p``, bool; ``p`` is a number or a Tensor that broadcasts to ``shape``.

    1 is always and 0 never true; no derivative by p. Raises ShapeError, DTypeError, GraphError (a number that is no
    probability).

    Dtypes: int64 for the key; the result is bool
    Shapes: shape
    Edges: bernoulli(0, 0.0, (2,)) = [False, False]; the same key gives the same numbers
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.random.bernoulli(0, 1.0, (2,)) -> [True, True]
    Source: Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011
    """
    shape, key = checked(as_shape, "bernoulli", shape), as_key("bernoulli", key)
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        fail(GraphError, "bernoulli", f"p is a probability, got {p}", [key])
    # the result has no floating dtype, so what is drawn for a number is the same under every default dtype
    (chance,) = operands("bernoulli", (np.asarray(p, np.float32) if is_weak(p) else p,), "float")
    fits("bernoulli", [chance], shape)
    return less(unit(key, shape, chance.dtype, BERNOULLI), chance)


@composite(
    namespace="random",
    reference=_randint_reference,
    differentiable=False,
    samples=lambda rng: [
        Sample((np.int64(7), (3, 5), 0, 10)),
        Sample((np.int64(3), (3, 5), -(2**40), 2**40)),
        Sample((np.int64(3), (3, 5), rng.integers(-9, 0, 5), rng.integers(1, 9, (3, 1)))),
        Sample((np.int64(0), (4,), -3, -2), {"dtype": "int32"}),
    ],
)
def randint(key: TensorLike, shape: ShapeLike, low: TensorLike, high: TensorLike, dtype: DTypeLike = "int64") -> Tensor:
    """Integers of [low, high), each exactly as likely as the others: rejection, no modulo (Lemire 2019).

    ``low``, ``high``: ints or integer Tensors that broadcast to ``shape``, less than 2^63 apart; where a Tensor
    ``high`` is not above ``low`` the result is ``low``. Raises ShapeError, also where high <= low is known, and
    DTypeError.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``shape``: of the result; ``low``: the least; ``high``: above
    the greatest; ``dtype``: int32 or int64
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: the same key gives the same numbers
    Raises: ShapeError, DTypeError
    Example: gd.random.randint(0, (2,), 5, 6) -> [5, 5]
    Source: Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011; Lemire 2019
    """
    shape, key = checked(as_shape, "randint", shape), as_key("randint", key)
    dtype = checked(as_dtype, "randint", dtype, [key])
    if dtype not in INTEGERS:
        fail(DTypeError, "randint", f"dtype is {dtype.name}; it draws int32 or int64")
    if type(low) is int and type(high) is int:
        if not low < high:
            fail(ShapeError, "randint", f"no integer is in [{low}, {high})")
        info = np.iinfo(dtype)
        if high - low >= 2**63 or low < info.min or high - 1 > info.max:
            fail(DTypeError, "randint", f"[{low}, {high}) does not fit {dtype.name}")
        lo, span = scalar(low, int64), scalar(high - low, int64)
    else:
        lo, hi = (astype(x, int64) for x in operands("randint", (low, high), "integer"))
        fits("randint", [lo, hi], shape)
        span = hi - lo
    if span.shape != ():
        span = broadcast_to(span, shape)
    drawn = make(RANDOM_BELOW, (key, span), {"shape": shape, "stream": RANDINT}) + lo
    return astype(drawn, int32) if dtype is int32 else drawn
