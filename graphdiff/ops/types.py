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
    "Along",
    "ArrayLike",
    "Axes",
    "Carry",
    "DTypeLike",
    "Exchanged",
    "Dim",
    "Fed",
    "Index",
    "Ints",
    "Out",
    "PadWidth",
    "Padding",
    "Reduction",
    "Same",
    "Shape",
    "ShapeLike",
    "Size",
    "SizeLike",
    "Structure",
    "Tensor",
    "TensorLike",
    "TensorList",
    "Tensors",
]

TensorList: TypeAlias = Sequence[TensorLike]  # operands that are joined
Padding: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]
PadWidth: TypeAlias = SizeLike | Sequence[SizeLike] | Sequence[Sequence[SizeLike]]
Reduction: TypeAlias = Literal["mean", "sum", "none"]


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


class Exchanged(Protocol):
    """An array of another library, by DLPack."""

    def __dlpack__(self, **kwargs: Any) -> Any: ...


# Structures nest lists, tuples, dicts, dataclasses and None: of Tensors, of operands, and of what is fed.
Tensors: TypeAlias = Tensor | Sequence["Tensors"] | Mapping[Any, "Tensors"] | _Dataclass | None
Structure: TypeAlias = TensorLike | Sequence["Structure"] | Mapping[Any, "Structure"] | _Dataclass | None
Fed: TypeAlias = ArrayLike | Exchanged | Sequence["Fed"] | Mapping[Any, "Fed"] | _Dataclass | None
# Which axis of each Tensor of a structure runs over examples: one for all below, or a structure of them.
Along: TypeAlias = int | Sequence["Along"] | Mapping[Any, "Along"] | _Dataclass | None
Same = TypeVar("Same", bound=Tensors)  # a structure that comes back as it was given
Out = TypeVar("Out")  # what a body gives, with its numbers as Tensors
Carry = TypeVar("Carry")  # what a step carries
