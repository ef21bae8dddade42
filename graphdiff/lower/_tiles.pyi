"""Types of the compiled extension; what each thing does is told in _tiles.pyx."""

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from ..ir.dims import Shape, Size
from ..ir.node import Node, Value
from .encode import Words
from .instruction import Buffer, Instruction, KernelCall, Location
from .locate import Locator

HEAD_WORDS: int
VIEW_WORDS: int
MICROOP_WORDS: int
NO_OPERAND: int

def elements(shape: Shape) -> Size: ...
def bits(array: np.ndarray) -> int: ...
def names_in(payload: Words, weigh: Callable[[str], int]) -> tuple[int, int] | None: ...
def result(value: Value, location: dict[Value, Location]) -> Buffer: ...

class TileBuilder:
    reads: dict[Buffer, int]
    def __init__(self, shape: Shape, row: tuple[int, ...] = ()) -> None: ...
    def load(self, at: Location, value: Value, frame: Shape | None = None) -> int: ...
    def op(self, microop: str, dtype: np.dtype, args: list[int]) -> int: ...
    def store(
        self,
        register: int,
        target: Buffer,
        offset: Size,
        strides: tuple[Size, ...],
        reduction: str | None = None,
        mask: int = 0,
    ) -> None: ...
    def compute(
        self,
        nodes: Iterable[Node],
        again: Collection[Node],
        axes: tuple[int, ...] | None,
        locate: Locator,
        base: dict[Value, Value],
        stored: set[Value],
        reduced: Callable[[int, Value, str], None],
    ) -> None: ...
    def words(self) -> Words: ...
    def instruction(self, phase: str, nodes: Sequence[Node], flops: Size = 0) -> Instruction: ...

class TapeBuilder:
    loads: dict[tuple[Buffer, int], int]
    consts: dict[tuple[int, int], int]
    ops: dict[tuple[str, int, tuple[int, ...]], int]
    stores: dict[tuple[Buffer, int], int]
    def load(self, buffer: Buffer, element: int) -> int: ...
    def constant(self, code: int, word: int) -> int: ...
    def op(self, microop: str, code: int, args: tuple[int, ...]) -> int: ...
    def store(self, register: int, buffer: Buffer, element: int) -> None: ...
    def one(self, call: KernelCall, operands: list[Buffer], there: dict[tuple[Buffer, int], int]) -> None: ...
    def words(self, reads: dict[Buffer, int], writes: dict[Buffer, int]) -> Words: ...
