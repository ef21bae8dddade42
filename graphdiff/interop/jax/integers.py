"""What graphs have no dtype for, carried as int64: small and unsigned integers, random keys.

Owns: the dtype that carries another, and the bits that are kept. Invariants: a value carried is one that its own dtype
can hold, but for uint64, whose bits are those of the int64; a key of two words is one number, the first word above.
Must not know: which primitive made it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd

from ...ir.dtypes import CODE
from ...ops.tensor import constant
from ..needs import needs
from .rules import Complex

with needs("jax"):
    import jax

CARRIED = {np.dtype(name): np.dtype("int64") for name in ("uint8", "uint16", "uint32", "uint64", "int8", "int16")}
WORD = (1 << 32) - 1
PARTS: dict[np.dtype, np.dtype] = {
    np.dtype("complex64"): np.dtype("float32"),
    np.dtype("complex128"): np.dtype("float64"),
}


def is_key(dtype: Any) -> bool:
    """Whether it is the dtype of threefry's random keys."""
    return bool(jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)) and dtype._impl.tag == "fry"


def known(dtype: Any) -> bool:
    """Whether values of a dtype can be held."""
    return dtype in CODE or dtype in CARRIED or dtype in PARTS or is_key(dtype)


def carrier(dtype: Any) -> np.dtype:
    """The dtype that holds values of another; of the parts, where that is complex."""
    if is_key(dtype):
        return np.dtype("int64")
    found: np.dtype = np.dtype(dtype)
    return CARRIED.get(found, PARTS.get(found, found))


def held(value: Any) -> Any:
    """A constant."""
    if is_key(jax.typeof(value).dtype):
        words = np.asarray(jax.random.key_data(value)).astype(np.int64)
        return constant(words[..., 0] << 32 | words[..., 1])
    array = np.asarray(value)
    if array.dtype.kind == "c":
        return Complex(constant(array.real.copy()), constant(array.imag.copy()))
    return constant(array.astype(carrier(array.dtype)))


def wrapped(y: Any, dtype: Any) -> Any:
    """A result in the carrier of its dtype, with the bits that this has."""
    if dtype not in CARRIED:
        return y
    y = gd.astype(y, "int64") if y.dtype != np.int64 else y
    bits = 8 * np.dtype(dtype).itemsize
    if bits == 64:
        return y
    if np.dtype(dtype).kind == "u":
        return gd.bitwise_and(y, (1 << bits) - 1)
    half = 1 << (bits - 1)
    return gd.bitwise_and(y + half, (1 << bits) - 1) - half
