"""What public functions take, by name: the words that signatures, stubs and editors show.

Owns: aliases only. A function takes the widest thing that it accepts and gives the narrowest.
Must not know: any operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar

from ..ir.dims import Dim, Shape, Size
from ..ir.words import ArrayLike, Axes, DTypeLike, Ints, ShapeLike, SizeLike
from .tensor import Index, Tensor, TensorLike

__all__ = [
    "ArrayLike",
    "Axes",
    "DTypeLike",
    "Dim",
    "Index",
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

TensorList: TypeAlias = Sequence[TensorLike]  # operands that are joined
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
