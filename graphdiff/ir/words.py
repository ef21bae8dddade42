"""How sizes, axes and dtypes are given, as types: the words of signatures that need no Tensor.

Owns: aliases only; those with Tensors are in ops/types.py, which has these too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from numpy.typing import ArrayLike, DTypeLike

__all__ = ["ArrayLike", "Axes", "DTypeLike", "Ints", "ShapeLike", "SizeLike"]

SizeLike: TypeAlias = int | str  # an int, a name, an expression of names; Dim is a str
ShapeLike: TypeAlias = SizeLike | Sequence[SizeLike]
Ints: TypeAlias = int | Sequence[int]  # one for all dimensions, or one for each
Axes: TypeAlias = Ints | None  # None: all of them
