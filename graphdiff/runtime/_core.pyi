"""Types of the compiled extension; what each thing does is told in _core.pyx."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

MAGIC: int
FORMAT: int
ALIGN: int
HEADER_ARENA: int
HEADER_WORDS: int
VALUE_KIND: int
VALUE_DTYPE: int
VALUE_COUNT: int
VALUE_PLACE: int
VALUE_WORDS: int
INSTRUCTION_TOTAL: int
VALUE_ARENA: int
VALUE_INPUT: int
VALUE_OUTPUT: int
VALUE_PARAM: int
VALUE_CONST: int
DTYPES: dict[str, int]
STATUS: dict[str, str]

class CoreError(Exception):
    status: str
    instruction: int
    tag: int
    a: int
    b: int
    def __init__(self, status: str, instruction: int = -1, tag: int = -1, a: int = -1, b: int = -1) -> None: ...

def isa() -> str: ...
def select_isa(name: str) -> None: ...
def load_blas(path: str) -> None: ...
def blas_loaded() -> bool: ...
def set_threads(n: int) -> None: ...
def threads() -> int: ...
def opcodes() -> dict[str, int]: ...
def microops() -> dict[str, int]: ...
def reductions() -> dict[str, int]: ...

class Program:
    inputs: int
    outputs: int
    parameters: int
    def __init__(self, words: npt.NDArray[np.int64], constants: bytes = b"") -> None: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def scratch_bytes(self) -> int: ...
    @property
    def shared_bytes(self) -> int: ...
    @property
    def lane_bytes(self) -> int: ...
    @property
    def instructions(self) -> int: ...

class Turn: ...

class Context:
    program: Program
    def __init__(self, program: Program, threads: int = 0, turn: Turn | None = None) -> None: ...
    def run(
        self,
        inputs: Sequence[npt.NDArray[Any]],
        outputs: Sequence[npt.NDArray[Any]],
        params: Sequence[npt.NDArray[Any]] = (),
        flags: int = 0,
    ) -> None: ...
    def profile(
        self,
        inputs: Sequence[npt.NDArray[Any]],
        outputs: Sequence[npt.NDArray[Any]],
        params: Sequence[npt.NDArray[Any]] = (),
        flags: int = 0,
    ) -> npt.NDArray[np.int64]: ...
    def address(self, value: int) -> int: ...
    def value(self, value: int, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any]: ...

def next_number() -> int: ...

class Frame:
    context: Context
    key: tuple[int, ...]
    planned: Any
    def __init__(
        self,
        runner: Runner,
        context: Context,
        input_shapes: Sequence[tuple[int, ...]],
        output_shapes: Sequence[tuple[int, ...]],
        key: tuple[int, ...] = (),
        planned: Any = None,
        given: Sequence[npt.NDArray[Any]] = (),
    ) -> None: ...

class Runner:
    _planned: Any
    _parameters: list[npt.NDArray[Any]]
    def _configure(
        self,
        input_dtypes: Sequence[npt.DTypeLike],
        output_dtypes: Sequence[npt.DTypeLike],
        parameters: Sequence[npt.NDArray[Any]],
        form: str,
        check_finite: bool = False,
        names: tuple[str, ...] = (),
    ) -> None: ...
    def _take(self, key: tuple[int, ...]) -> Frame: ...
    def _put(self, frame: Frame) -> None: ...
    def _apart(self, arrays: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]: ...
    def _make_frame(self, key: tuple[int, ...]) -> Frame: ...
    def _prepare_call(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Sequence[npt.NDArray[Any]], tuple[int, ...]]: ...
    def _pack(self, arrays: list[npt.NDArray[Any]], planned: Any) -> Any: ...
    def _fail(
        self, status: str, instruction: int, tag: int, a: int, b: int, context: Context, planned: Any
    ) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class Staged:
    results: list[npt.NDArray[Any]]
    planned: Any
    def __init__(self, runner: Runner, args: tuple[Any, ...], into: list[npt.NDArray[Any]]) -> None: ...
    def until(self, end: int) -> None: ...
    def finish(self) -> Any: ...

class Bound:
    def __new__(
        cls,
        context: Context,
        inputs: Sequence[npt.NDArray[Any]],
        outputs: Sequence[npt.NDArray[Any]],
        params: Sequence[npt.NDArray[Any]],
        fail: Callable[[str, int, int, int, int, Context], None],
    ) -> Self: ...
    def __call__(self) -> None: ...
    def count(self) -> None: ...
    @property
    def last(self) -> int: ...
    @property
    def address(self) -> tuple[int, int]: ...

class Entry:
    def __new__(
        cls,
        program: Program,
        slots: Sequence[tuple[npt.DTypeLike, int]],
        given: list[npt.NDArray[Any]],
        hidden: int,
        parameters: list[npt.NDArray[Any]],
        contexts: int,
        threads: int = 0,
        check_finite: bool = False,
        turn: Turn | None = None,
    ) -> Self: ...
    @property
    def address(self) -> tuple[int, int]: ...
    def pointer(self, signature: str) -> tuple[int, int]: ...
    def failure(self) -> tuple[str, int, int, int, int] | None: ...

def adapters() -> list[str]: ...
def xla_handler() -> int: ...
def words_of(items: list[Any], names: dict[str, int]) -> bytes | None: ...
