"""Integers that graphs have no dtype for, carried as int64: uint8, uint16, uint32, int8, int16.

Owns: the dtype that carries another, and the bits that are kept. Invariant: a value carried is one that its own dtype
can hold. Must not know: which primitive made it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd

from ...ir.dtypes import CODE
from ...ops.tensor import Tensor, constant

CARRIED = {np.dtype(name): np.dtype("int64") for name in ("uint8", "uint16", "uint32", "int8", "int16")}


def known(dtype: Any) -> bool:
    """Whether values of a dtype can be held."""
    return dtype in CODE or dtype in CARRIED


def carrier(dtype: Any) -> np.dtype:
    """The dtype that holds values of another."""
    dtype = np.dtype(dtype)
    return CARRIED.get(dtype, dtype)


def held(value: Any) -> Tensor:
    """A constant."""
    array = np.asarray(value)
    return constant(array.astype(carrier(array.dtype)))


def wrapped(y: Tensor, dtype: Any) -> Tensor:
    """A result in the carrier of its dtype, with the bits that this has."""
    if dtype not in CARRIED:
        return y
    y = gd.astype(y, "int64") if y.dtype != np.int64 else y
    bits = 8 * np.dtype(dtype).itemsize
    if np.dtype(dtype).kind == "u":
        return gd.bitwise_and(y, (1 << bits) - 1)
    half = 1 << (bits - 1)
    return gd.bitwise_and(y + half, (1 << bits) - 1) - half
