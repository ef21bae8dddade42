"""Arrays that are known while a model is read, whose elements may be sizes: the values that shapes are made of.

Owns: :class:`Known`, an array with the dtype that it has in the model; :class:`Ratio`, a size over an integer, which is
what ``Cast(n) / 2`` is until it is rounded; the arithmetic of both.
Invariants: an array holds Python objects exactly where an element is a size or a Ratio; what cannot be worked out is
None or NotImplemented and is left to the graph.
Must not know: operators, nodes, graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from ...ir.dims import Dim, Size, exact_div, floor_div, least, named, names_of, substitute

Element = Any  # int, float, bool, a size, a Fraction or a Ratio: what an object array holds


class Known(NamedTuple):
    """An array known now. ``dtype`` is the one it has in the model, also where ``array`` holds objects."""

    array: np.ndarray
    dtype: np.dtype

    @property
    def plain(self) -> bool:
        """Whether no element is a size."""
        return self.array.dtype != object

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape


def known(values: Any, dtype: Any) -> Known:
    """A Known of an array or nested lists; of numbers alone it is an array of ``dtype``."""
    dtype = np.dtype(dtype)
    array = values if isinstance(values, np.ndarray) else objects(values)  # an element of an array of objects is none
    if array.dtype == object and not any(isinstance(e, (Dim, Ratio)) for e in array.flat):
        with np.errstate(all="ignore"):
            plain = [e if isinstance(e, (bool, int, np.generic)) else float(e) for e in array.flat]
            array = np.asarray(plain).astype(dtype).reshape(array.shape)
    return Known(array if array.dtype in (object, dtype) else array.astype(dtype), dtype)


def objects(values: Any) -> np.ndarray:
    """Nested lists of numbers and sizes, or one of them, as an array of objects: a size is text to NumPy."""
    if isinstance(values, (list, tuple)):
        parts = [objects(v) for v in values]
        out = np.empty((len(parts), *(parts[0].shape if parts else ())), object)
        for i, part in enumerate(parts):
            out[i] = part[()] if part.ndim == 0 else part
        return out
    out = np.empty((), object)
    out[()] = values
    return out


def exactly(x: Element, dtype: np.dtype) -> Element:
    """A float as the fraction that its shortest decimals say, so that 0.7 of ten is seven; others as they are."""
    if isinstance(x, (bool, np.bool_)):
        return int(x)
    if isinstance(x, (int, np.integer)):
        return int(x)
    if isinstance(x, (float, np.floating)):
        if not np.isfinite(x):
            return None
        fraction = Fraction(str(dtype.type(x)) if dtype.kind == "f" else repr(float(x)))
        return int(fraction) if fraction.denominator == 1 else fraction
    return x


class Ratio:
    """``top / bottom``: a size over a positive integer, in lowest terms as far as numbers tell."""

    __slots__ = ("top", "bottom")

    def __init__(self, top: Dim, bottom: int):
        self.top, self.bottom = top, bottom

    def __repr__(self) -> str:
        return f"({self.top})/{self.bottom}"


def ratio(top: Size, bottom: int) -> Element:
    """``top / bottom`` as an int, a Fraction, a size or a Ratio."""
    if not isinstance(top, Dim):
        fraction = Fraction(int(top), bottom)
        return int(fraction) if fraction.denominator == 1 else fraction
    if bottom < 0:
        top, bottom = -top, -bottom
    whole = exact_div(top, bottom)
    if whole is not None:
        return whole
    assert isinstance(top, Dim)
    common = gcd(bottom, *top.terms.values())
    reduced = exact_div(top, common)
    assert isinstance(reduced, Dim)
    return Ratio(reduced, bottom // common)


def parts(x: Element) -> tuple[Size, int] | None:
    """An exact element as a size and an integer under it."""
    if isinstance(x, Ratio):
        return x.top, x.bottom
    if isinstance(x, Fraction):
        return x.numerator, x.denominator
    return (x, 1) if isinstance(x, (int, Dim)) else None


def _both(f: Callable[[Size, int, Size, int], Element]) -> Callable[[Element, Element], Element]:
    def apply(a: Element, b: Element) -> Element:
        x, y = parts(a), parts(b)
        return None if x is None or y is None else f(*x, *y)

    return apply


add = _both(lambda a, p, b, q: ratio(a * q + b * p, p * q))
subtract = _both(lambda a, p, b, q: ratio(a * q - b * p, p * q))
multiply = _both(lambda a, p, b, q: ratio(a * b, p * q))


@_both
def divide(a: Size, p: int, b: Size, q: int) -> Element:
    """The quotient of floats."""
    if isinstance(b, Dim):
        whole = exact_div(a * q, b)
        return None if whole is None else ratio(whole, p)
    return None if b == 0 else ratio(a * q, p * b)


def quotient(a: Element, b: Element) -> Element:
    """Of integers, rounded down, which for sizes is towards zero too."""
    return None if isinstance(b, int) and b <= 0 else floor_div(a, b)


def remainder(a: Element, b: Element) -> Element:
    q = quotient(a, b)
    return None if q is None else a - q * b


def minimum(a: Element, b: Element) -> Element:
    return least(a, b) if isinstance(a, (int, Dim)) and isinstance(b, (int, Dim)) else None


def maximum(a: Element, b: Element) -> Element:
    less = minimum(a, b)
    return None if less is None else a + b - less


def floor(x: Element) -> Element:
    p = parts(x)
    return None if p is None else floor_div(*p)


def ceil(x: Element) -> Element:
    p = parts(x)
    return None if p is None else -floor_div(-p[0], p[1])


def sign_of(size: Size) -> int | None:
    """1, 0 or -1 where a size has that sign whatever its names are from 1 on, else None."""
    if not isinstance(size, Dim):
        return (size > 0) - (size < 0)
    from_zero = substitute(size, {name: named(name) + 1 for name in names_of(size)})
    terms = from_zero.terms if isinstance(from_zero, Dim) else {(): from_zero}
    if any(not name.isidentifier() for mono in terms for name in mono):
        return None
    if all(c >= 0 for c in terms.values()):
        return 1 if terms.get((), 0) > 0 else None
    if all(c <= 0 for c in terms.values()):
        return -1 if terms.get((), 0) < 0 else None
    return None
