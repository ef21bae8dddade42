"""``x.at[key]``: the places of a Tensor that a key names, to be given other elements.

Every method looks its operation up in the registry by name, as a Tensor's do.
Must not know: Tensors, what a key may be, what is done at a place (at.py).
"""

from __future__ import annotations

from typing import Generic, TypeVar

from ..ir.node import Value
from ..ir.numbers import Number
from ..ir.words import ArrayLike
from .registry import REGISTRY

T = TypeVar("T", bound=Value)  # a Tensor


class At(Generic[T]):
    """``x.at``, to be indexed as x is."""

    __slots__ = ("_x",)

    def __init__(self, x: T):
        self._x = x

    def __getitem__(self, key: object) -> Places[T]:
        return Places(self._x, key)

    def __repr__(self) -> str:
        return f"<at of {self._x!r}>"


class Places(Generic[T]):
    """``x.at[key]``: where ``x[key]`` reads. Each method gives a new Tensor of x's shape and dtype; ``v`` broadcasts to
    x[key]'s shape. A place that the key names several times takes all of v, of ``set`` the last.

    Raises ShapeError where v does not broadcast, DTypeError for another dtype than x's; an index out of range fails the
    call. Example: ``x.at[i].add(1.0)``."""

    __slots__ = ("_key", "_x")

    def __init__(self, x: T, key: object):
        self._x, self._key = x, key

    def _changed(self, how: str, v: T | ArrayLike | Number) -> T:
        changed: T = REGISTRY[f"at_{how}"].public(self._x, self._key, v)
        return changed

    def set(self, v: T | ArrayLike | Number) -> T:
        """``v`` instead."""
        return self._changed("set", v)

    def add(self, v: T | ArrayLike | Number) -> T:
        """``v`` added, in order."""
        return self._changed("add", v)

    def mul(self, v: T | ArrayLike | Number) -> T:
        """Multiplied by ``v``."""
        return self._changed("mul", v)

    def min(self, v: T | ArrayLike | Number) -> T:
        """The smaller of what is there and ``v``; equal ones share the gradient."""
        return self._changed("min", v)

    def max(self, v: T | ArrayLike | Number) -> T:
        """The larger of what is there and ``v``; equal ones share the gradient."""
        return self._changed("max", v)

    def __repr__(self) -> str:
        return f"<at {self._key!r} of {self._x!r}>"
