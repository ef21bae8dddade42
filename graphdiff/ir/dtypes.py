"""The element types a graph can hold, their short names, and the promotion of the array API standard.

Invariant: a dtype anywhere in a graph is one of the five ``numpy.dtype`` objects of ``DTYPES``.
Must not know: nodes, operations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ..errors import DTypeError

ARRAY_API = "2024.12"  # the version of the array API standard that is followed
float32 = np.dtype("float32")
float64 = np.dtype("float64")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
bool_ = np.dtype("bool")

DTYPES = (float32, float64, int32, int64, bool_)  # in the order of gd_dtype
SHORT: dict[np.dtype, str] = {float32: "f32", float64: "f64", int32: "i32", int64: "i64", bool_: "bool"}
FROM_SHORT: dict[str, np.dtype] = {short: dtype for dtype, short in SHORT.items()}
CODE = {dtype: code for code, dtype in enumerate(DTYPES)}
FLOATS: frozenset[np.dtype] = frozenset((float32, float64))
INTEGERS: frozenset[np.dtype] = frozenset((int32, int64))

# The classes of dtypes that declarations say operands have.
CLASSES: dict[str, frozenset[np.dtype]] = {
    "float": FLOATS,
    "numeric": FLOATS | INTEGERS,
    "integer": INTEGERS,
    "integer_or_bool": INTEGERS | {bool_},
    "bool": frozenset((bool_,)),
    "any": frozenset(DTYPES),
    "int32": frozenset((int32,)),
    "int64": frozenset((int64,)),
    "index": INTEGERS,  # by itself, whatever the other operands are
    "each": frozenset(DTYPES),  # likewise
}
TOGETHER = frozenset(("float", "numeric", "integer", "integer_or_bool", "any"))  # operands of these have one dtype


def as_dtype(spec: DTypeLike | None) -> np.dtype:
    """``spec`` (a NumPy dtype, type or name) as one of DTYPES. Raises DTypeError for any other."""
    try:
        if spec is None:  # which NumPy takes for float64
            raise TypeError
        dtype = np.dtype(spec)
    except TypeError:
        raise DTypeError(f"dtype {spec!r} is not one of {', '.join(d.name for d in DTYPES)}") from None
    if dtype not in CODE:
        raise DTypeError(f"dtype {dtype.name} is not one of {', '.join(d.name for d in DTYPES)}")
    return DTYPES[CODE[dtype]]  # native byte order, the very object


def is_float(dtype: np.dtype) -> bool:
    return dtype in FLOATS


def promote(a: np.dtype, b: np.dtype) -> np.dtype | None:
    """The array API's promotion of two array dtypes; None where the standard leaves it undefined."""
    if a is b:
        return a
    if a in FLOATS and b in FLOATS:
        return float64
    if a in INTEGERS and b in INTEGERS:
        return int64
    return None


def weak_dtype(scalar: object, beside: np.dtype) -> np.dtype | None:
    """The dtype a Python scalar takes beside an array of dtype ``beside``; None where it has none."""
    if isinstance(scalar, bool):
        return beside if beside is bool_ else None
    if isinstance(scalar, int):
        return beside if beside is not bool_ else None
    return beside if beside in FLOATS else None
