"""Rules of JAX's primitives on complex numbers: pairs of real arrays. Fourier transforms are of these.

Invariant: a derivative is that of the real parts, as JAX's is for real functions of real arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from . import bits, elementwise, indexing, windows  # noqa: F401  whose rules are done with each part
from .arrays import ints
from .integers import carrier
from .rules import COMPLEX, RULES, Complex, Params, one, rule

# ------------------------------------------------------------------ what is done with each part


def _apart(name: str) -> None:
    """Declares a primitive that is linear, or only moves elements, as done with the parts one after the other."""
    of_parts = RULES[name]

    def build(params: Params, xs: list[Any], outs: Sequence[Any]) -> list[Any]:
        parts = [[x[k] if isinstance(x, Complex) else x for x in xs] for k in (0, 1)]
        return [Complex(re, im) for re, im in zip(*(of_parts.build(params, given, outs) for given in parts))]

    rule(name, refuses=of_parts.refuses, table=COMPLEX)(build)


for _name in (
    "reshape transpose squeeze expand_dims broadcast_in_dim slice rev concatenate split tile pad gather dynamic_slice "
    "dynamic_update_slice reduce_sum cumsum add add_any sub neg select_n copy device_put stop_gradient scatter-add "
    "scatter reduce_window_sum zeros_like stack unstack optimization_barrier sharding_constraint name empty"
).split():
    _apart(_name)


# ------------------------------------------------------------------ elements


@one("complex", table=COMPLEX)
def _complex(params: Params, re: Tensor, im: Tensor) -> Complex:
    return Complex(re, im)


@one("real", table=COMPLEX)
def _real(params: Params, z: Complex) -> Tensor:
    return z.re


@one("imag", table=COMPLEX)
def _imag(params: Params, z: Complex) -> Tensor:
    return z.im


@one("conj", table=COMPLEX)
def _conj(params: Params, z: Any) -> Complex:
    return Complex(z.re, -z.im) if isinstance(z, Complex) else Complex(z, gd.zeros_like(z))


def _times(a: Complex, b: Complex) -> Complex:
    return Complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)


@one("mul", table=COMPLEX)
def _mul(params: Params, a: Complex, b: Complex) -> Complex:
    return _times(a, b)


@one("square", table=COMPLEX)
def _square(params: Params, z: Complex) -> Complex:
    return _times(z, z)


@one("div", table=COMPLEX)
def _div(params: Params, a: Complex, b: Complex) -> Complex:
    size = gd.square(b.re) + gd.square(b.im)
    found = _times(a, Complex(b.re, -b.im))
    return Complex(found.re / size, found.im / size)


@one("integer_pow", table=COMPLEX)
def _integer_pow(params: Params, z: Complex) -> Complex:
    found = one_ = Complex(gd.ones_like(z.re), gd.zeros_like(z.im))
    for bit in bin(abs(params["y"]))[2:]:
        found = _times(found, found)
        found = _times(found, z) if bit == "1" else found
    return _div(params, one_, found) if params["y"] < 0 else found


@one("abs", table=COMPLEX)
def _abs(params: Params, z: Complex) -> Tensor:
    return gd.hypot(z.re, z.im)


def _phase(z: Complex) -> Tensor:
    return gd.atan2(z.im, z.re)


@one("sign", table=COMPLEX)
def _sign(params: Params, z: Complex) -> Complex:
    size = gd.hypot(z.re, z.im)
    size = gd.where(size == 0, 1, size)
    return Complex(z.re / size, z.im / size)


@one("exp", table=COMPLEX)
def _exp(params: Params, z: Complex) -> Complex:
    size = gd.exp(z.re)
    return Complex(size * gd.cos(z.im), size * gd.sin(z.im))


@one("log", table=COMPLEX)
def _log(params: Params, z: Complex) -> Complex:
    return Complex(gd.log(gd.hypot(z.re, z.im)), _phase(z))


@one("sqrt", table=COMPLEX)
def _sqrt(params: Params, z: Complex) -> Complex:
    size, half = gd.sqrt(gd.hypot(z.re, z.im)), 0.5 * _phase(z)
    return Complex(size * gd.cos(half), size * gd.sin(half))


@one("sin", table=COMPLEX)
def _sin(params: Params, z: Complex) -> Complex:
    return Complex(gd.sin(z.re) * gd.cosh(z.im), gd.cos(z.re) * gd.sinh(z.im))


@one("cos", table=COMPLEX)
def _cos(params: Params, z: Complex) -> Complex:
    return Complex(gd.cos(z.re) * gd.cosh(z.im), -gd.sin(z.re) * gd.sinh(z.im))


@one("eq", table=COMPLEX)
def _eq(params: Params, a: Complex, b: Complex) -> Tensor:
    return gd.logical_and(a.re == b.re, a.im == b.im)


@one("ne", table=COMPLEX)
def _ne(params: Params, a: Complex, b: Complex) -> Tensor:
    return gd.logical_or(a.re != b.re, a.im != b.im)


@one("is_finite", table=COMPLEX)
def _is_finite(params: Params, z: Complex) -> Tensor:
    return gd.logical_and(gd.isfinite(z.re), gd.isfinite(z.im))


@one("convert_element_type", table=COMPLEX)
def _convert(params: Params, x: Any) -> Any:
    to = carrier(params["new_dtype"])
    if np.dtype(params["new_dtype"]).kind != "c":
        return gd.astype(x.re, to)
    parts = x if isinstance(x, Complex) else Complex(x, gd.zeros(x.shape, to))
    return Complex(gd.astype(parts.re, to), gd.astype(parts.im, to))


@rule("dot_general", table=COMPLEX)
def _dot_general(params: Params, xs: list[Any], outs: Sequence[Any]) -> list[Complex]:
    a, b = (x if isinstance(x, Complex) else Complex(x, gd.zeros_like(x)) for x in xs)

    def product(x: Tensor, y: Tensor) -> Tensor:
        return RULES["dot_general"].build(params, [x, y], outs)[0]

    return [Complex(product(a.re, b.re) - product(a.im, b.im), product(a.re, b.im) + product(a.im, b.re))]


# ------------------------------------------------------------------ Fourier transforms


def _at(axis: int, where: slice) -> tuple[Any, ...]:
    return (slice(None),) * axis + (where,)


def _of_real(x: Tensor, axis: int) -> Complex:
    """All coefficients of a real signal: those that rfft has, and the others by symmetry."""
    n = int(x.shape[axis])
    re, im = gd.fft.rfft(x, axis=axis)
    rest = _at(axis, slice(1, (n + 1) // 2))
    return Complex(
        gd.concat([re, gd.flip(re[rest], axis=axis)], axis=axis),
        gd.concat([im, -gd.flip(im[rest], axis=axis)], axis=axis),
    )


def _along(z: Complex, axis: int, inverse: bool) -> Complex:
    """The transform of a complex signal along one axis."""
    if inverse:
        n, found = int(z.re.shape[axis]), _along(Complex(z.re, -z.im), axis, False)
        return Complex(found.re / n, -found.im / n)
    a, b = _of_real(z.re, axis), _of_real(z.im, axis)
    return Complex(a.re - b.im, a.im + b.re)


@one("fft", table=COMPLEX)
def _fft(params: Params, x: Any) -> Any:
    kind, lengths = str(params["fft_type"]).rpartition(".")[2], ints(params["fft_lengths"])
    ndim = (x.re if isinstance(x, Complex) else x).ndim
    axes = list(range(ndim - len(lengths), ndim))
    named: dict[str, Callable[[], Any]] = {
        "RFFT": lambda: _over(Complex(*gd.fft.rfft(x, axis=axes[-1])), axes[:-1], False),
        "IRFFT": lambda: gd.fft.irfft(_pair(_over(x, axes[:-1], True)), n=lengths[-1], axis=axes[-1]),
        "FFT": lambda: _over(x, axes, False),
        "IFFT": lambda: _over(x, axes, True),
    }
    names = {"0": "FFT", "1": "IFFT", "2": "RFFT", "3": "IRFFT"}
    return named[names.get(kind, kind)]()


def _pair(z: Complex) -> tuple[Tensor, Tensor]:
    return z.re, z.im


def _over(z: Complex, axes: Sequence[int], inverse: bool) -> Complex:
    for axis in axes:
        z = _along(z, axis, inverse)
    return z
