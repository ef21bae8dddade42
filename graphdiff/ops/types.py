"""What public functions take, by name: the words that signatures, stubs and editors show.

Owns: aliases only. A function takes the widest thing that it accepts and gives the narrowest.
Must not know: any operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar

from numpy.typing import ArrayLike, DTypeLike

from ..ir.dims import Dim, Shape, Size
from .tensor import Tensor

__all__ = [
    "ArrayLike",
    "Axes",
    "DTypeLike",
    "Dim",
    "Ints",
    "Kept",
    "PadWidth",
    "Padding",
    "Reduction",
    "Shape",
    "ShapeLike",
    "Size",
    "SizeLike",
    "Structure",
    "Tensor",
    "TensorLike",
    "TensorList",
]

TensorLike: TypeAlias = Tensor | ArrayLike  # an operand: a Tensor, a number, an array or nested lists of numbers
TensorList: TypeAlias = Sequence[TensorLike]  # operands that are joined
SizeLike: TypeAlias = int | str  # an int, a name, an expression of names; Dim is a str
ShapeLike: TypeAlias = SizeLike | Sequence[SizeLike]
Ints: TypeAlias = int | Sequence[int]  # one for all dimensions, or one for each
Axes: TypeAlias = Ints | None  # None: all of them
Padding: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]
PadWidth: TypeAlias = SizeLike | Sequence[SizeLike] | Sequence[Sequence[SizeLike]]
Reduction: TypeAlias = Literal["mean", "sum", "none"]


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


# Tensors in nested lists, tuples, dicts and dataclasses; None stands for nothing.
Structure: TypeAlias = (
    TensorLike | Sequence["Structure"] | Mapping[str, "Structure"] | Mapping[int, "Structure"] | _Dataclass | None
)
Kept = TypeVar("Kept", bound=Structure)  # a structure that comes back as it was given
