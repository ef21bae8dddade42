"""The floating dtype of what meets no Tensor: of Python numbers alone, makers, inputs, initialisers, random numbers.

Owns: the one for the whole process, and those of ``with default_dtype(...)``, which hold in their block, on its thread
or task alone.
Must not know: nodes, operations.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import numpy as np

from ..errors import DTypeError
from .dtypes import FLOATS, as_dtype, bool_, float32, int64
from .words import DTypeLike

_of_process = float32
_of_block: ContextVar[np.dtype | None] = ContextVar("default_dtype", default=None)


def default_float() -> np.dtype:
    """The default dtype here and now."""
    return _of_block.get() or _of_process


def default_of(example: bool | int | float) -> np.dtype:
    """What a Python number is that meets no Tensor: bool, int64, or the default dtype."""
    return {bool: bool_, int: int64}.get(type(example)) or default_float()


def _floating(dtype: DTypeLike) -> np.dtype:
    found = as_dtype(dtype)
    if found not in FLOATS:
        raise DTypeError(f"the default dtype is float32 or float64, got {found.name}")
    return found


def set_default_dtype(dtype: DTypeLike) -> np.dtype:
    """Makes ``dtype`` (float32 or float64) the dtype of Python numbers that meet no Tensor, and of inputs, parameters,
    makers, initialisers and random numbers that are not told another.

    It holds on every thread from now on; within ``with gd.default_dtype(...)`` until that block ends. What is built
    already keeps its dtype. Returns the old one. Raises DTypeError.
    Example: ``gd.set_default_dtype("float64")``.
    """
    global _of_process
    found, old = _floating(dtype), default_float()
    if _of_block.get() is None:
        _of_process = found
    else:
        _of_block.set(found)
    return old


@contextlib.contextmanager
def default_dtype(dtype: DTypeLike) -> Iterator[None]:
    """``with gd.default_dtype("float64"):`` the default dtype within a block, as :func:`set_default_dtype` says;
    other threads and tasks keep theirs. Raises DTypeError."""
    token = _of_block.set(_floating(dtype))
    try:
        yield
    finally:
        _of_block.reset(token)
