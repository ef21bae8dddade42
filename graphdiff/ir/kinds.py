"""The array API's functions of dtypes, what they hold and what they become together, and its constants.

Must not know: nodes, operations.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from ..errors import DTypeError
from .defaults import default_float
from .dtypes import DTYPES, as_dtype, int64, promote, weak_dtype
from .node import Value

e, pi, inf, nan = math.e, math.pi, math.inf, math.nan
newaxis = None

Typed = Value | np.ndarray | np.generic | DTypeLike  # what has a dtype, or is one


def _dtype(of: Typed) -> np.dtype:
    return as_dtype(of.dtype if isinstance(of, (Value, np.ndarray, np.generic)) else of)


def finfo(type: Typed, /) -> np.finfo:
    """The limits of a floating dtype, or of a Tensor's: ``bits``, ``eps``, ``max``, ``min``, ``smallest_normal``.

    Raises DTypeError for any other dtype. Example: ``gd.finfo("float32").eps``."""
    dtype = _dtype(type)
    if dtype.kind != "f":
        raise DTypeError(f"finfo is of floating dtypes, got {dtype.name}; iinfo has the limits of integers")
    return np.finfo(dtype)


def iinfo(type: Typed, /) -> np.iinfo:
    """The limits of an integer dtype, or of a Tensor's: ``bits``, ``max``, ``min``.

    Raises DTypeError for any other dtype. Example: ``gd.iinfo("int32").max``."""
    dtype = _dtype(type)
    if dtype.kind != "i":
        raise DTypeError(f"iinfo is of integer dtypes, got {dtype.name}; finfo has the limits of floats")
    return np.iinfo(dtype)


def isdtype(dtype: DTypeLike, kind: DTypeLike | tuple[DTypeLike, ...]) -> bool:
    """Whether a dtype is of a kind: a dtype, "bool", "signed integer", "unsigned integer", "integral", "real floating",
    "complex floating", "numeric", or any of a tuple of these.

    Raises DTypeError for a dtype that no Tensor can have, and for another kind.
    Example: ``gd.isdtype(x.dtype, "real floating")``."""
    try:
        return np.isdtype(as_dtype(dtype), kind)
    except (TypeError, ValueError):
        raise DTypeError(f"{kind!r} is no kind of dtype, such as 'real floating', 'integral' or 'bool'") from None


def can_cast(from_: Typed, to: DTypeLike, /) -> bool:
    """Whether a dtype, or a Tensor's, becomes ``to`` where the two meet. Integers never become floats by themselves.

    Raises DTypeError for a dtype that no Tensor can have. Example: ``gd.can_cast("int32", "int64")``."""
    return promote(_dtype(from_), as_dtype(to)) is as_dtype(to)


def result_type(*arrays_and_dtypes: Typed | float) -> np.dtype:
    """The dtype that Tensors, arrays, dtypes and Python numbers, which are weak, become together.

    Raises DTypeError where they do not mix, and for nothing but numbers.
    Example: ``gd.result_type(x, "float64", 1.0)``."""
    found: np.dtype | None = None
    numbers: list[float] = []
    for a in arrays_and_dtypes:
        if isinstance(a, (bool, int, float)) and not isinstance(a, np.generic):
            numbers.append(a)
            continue
        dtype = _dtype(a)
        joined = dtype if found is None else promote(found, dtype)
        if joined is None:
            raise DTypeError(f"{found} and {dtype} do not mix; write .astype on one of them")
        found = joined
    if found is None:
        raise DTypeError("result_type needs a Tensor or a dtype: numbers take the dtype of what they meet")
    for number in numbers:
        if weak_dtype(number, found) is None:
            raise DTypeError(f"the number {number!r} does not go with {found}; write .astype on the Tensor")
    return found


class Info:
    """What a library can do, as the array API standard asks: ``capabilities()``, ``default_dtypes()``, ``dtypes()``,
    ``devices()`` and ``default_device()``."""

    def capabilities(self) -> dict[str, bool | int]:
        """No indexing by bools that are no constants, no shapes that depend on values, at most 32 dimensions."""
        return {"boolean indexing": False, "data-dependent shapes": False, "max dimensions": 32}

    def default_device(self) -> str:
        """The processor."""
        return "cpu"

    def devices(self) -> list[str]:
        """The processor alone."""
        return ["cpu"]

    def default_dtypes(self, *, device: str | None = None) -> dict[str, np.dtype]:
        """What is taken where none is given; ``gd.set_default_dtype`` sets that of floats."""
        self._is_here(device)
        return {"real floating": default_float(), "integral": int64, "indexing": int64}

    def dtypes(self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None) -> dict[str, np.dtype]:
        """The dtypes of a kind, or of all, by name."""
        self._is_here(device)
        return {d.name: d for d in DTYPES if kind is None or isdtype(d, kind)}

    def _is_here(self, device: str | None) -> None:
        if device not in (None, "cpu"):
            raise DTypeError(f"there is no device {device!r}; the only one is 'cpu'")


def __array_namespace_info__() -> Info:
    """What graphdiff can do, for code written for the array API standard.

    Example: ``gd.__array_namespace_info__().dtypes(kind="real floating")``."""
    return Info()
