"""The payload words of core instructions: the only file that knows in what order they stand.

A payload is a list of ints, sizes, inner programs, and names of micro-operations and reductions, as ``"microop:tanh"``
and ``"reduction:sum"``; runtime/assemble.py turns it into numbers. The formats are csrc/include/graphdiff.h's.
Owns: the words of each kernel, and reading back what others ask of them.
Must not know: graphs, how operands were found, the order of instructions, the numbers behind names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..ir.dims import Shape, Size
from ..ir.dtypes import CODE, int64
from ..ir.node import Node, Value
from ..ops.microops import MICROOPS
from .fuse import in_frame
from .instruction import Buffer, Instruction, KernelCall, Location

Words = list[Any]  # ints, sizes, names, inner programs, and operands of loops that have no number yet

NO_OPERAND = -1


class Inner(Protocol):
    """An inner graph made into a program of its own: one item of a payload, with its cost."""

    flops: Size


def bits(array: np.ndarray) -> int:
    """A scalar's bytes as the int64 that holds them in its low bytes."""
    return int.from_bytes(array.tobytes().ljust(8, b"\0"), "little", signed=True)


# --------------------------------------------------------------------------------------- products and attention


class OperandView(NamedTuple):
    """An operand by its number, and where a value's elements lie in it."""

    operand: int
    offset: Size
    strides: tuple[Size, ...]

    def words(self) -> Words:
        return [self.operand, self.offset, *self.strides]


def epilogue_words(act: str | None, bias: OperandView | None) -> Words:
    """What a product does to its result: adds a bias along one dimension, applies a micro-operation."""
    return [
        NO_OPERAND if act is None else f"microop:{act}",
        *(bias.words() if bias is not None else [NO_OPERAND, 0, 0]),
    ]


def matmul_words(
    batch: Shape, sizes: tuple[Size, Size, Size], accumulate: bool, views: Sequence[OperandView], epilogue: Words
) -> Words:
    """A product of (m, k) and (k, n); ``sizes``: m, n, k; ``views``: of both and of the result, to which the product is
    added with ``accumulate``."""
    alpha = bits(np.asarray(1.0))
    words = [word for view in views for word in view.words()]
    return [len(batch), *sizes, int(accumulate), *batch, *words, *epilogue, alpha]


_MASK = {None: 0, "b": 1, "f": 2}  # by the kind of dtype, as csrc/kernels/attention.c numbers them


class AttentionWords(NamedTuple):
    """``sizes``: queries, keys, features of both, features of values. ``views``: what is read and what is written, each
    without the last stride, which is 1. ``sums``: the operand that has them, for gradients."""

    batch: Shape
    sizes: tuple[Size, Size, Size, Size]
    causal: bool
    scale: float
    views: Sequence[OperandView]
    sums: int | None
    mask: OperandView | None
    mask_kind: str | None

    def words(self) -> Words:
        out: Words = [
            len(self.batch),
            *self.sizes,
            int(self.causal),
            bits(np.asarray(self.scale, np.float64)),
            _MASK[self.mask_kind],
            *self.batch,
        ]
        for view in self.views:
            out += [view.operand, view.offset, *view.strides[:-1]]
        if self.sums is not None:
            out.append(self.sums)
        if self.mask is not None:
            out += self.mask.words()
        return out


# --------------------------------------------------------------------------------------- calls and control flow


def call_words(params: Sequence[Size | str], epilogue: Words | None = None) -> Words:
    """A kernel's parameters, and what a product does besides."""
    return [len(params), *params, *(epilogue or [])]


def branch_words(operands: int, results: int, programs: Sequence[Inner]) -> Words:
    """``programs``: where the predicate holds, where it does not."""
    return [operands, results, *programs]


class Operand(NamedTuple):
    """An operand of a loop whose number is known once all are found: the ``rank``-th of a kind, "read", "write" or
    "segment"."""

    kind: str
    rank: int


class LoopCarry(NamedTuple):
    """Where a carry starts and ends, and where its value before a step is kept: a row of ``bytes`` for each ``every``
    steps."""

    start: Operand
    final: Operand | None
    history: Operand | None
    every: Size
    bytes: Size

    def words(self) -> Words:
        return [self.start, _or_none(self.final), _or_none(self.history), self.every, self.bytes]


class LoopRow(NamedTuple):
    """A row for each step, read or written; with ``in_segment`` only those of one segment are there."""

    rows: Operand | None
    in_segment: bool
    bytes: Size

    def words(self) -> Words:
        return [_or_none(self.rows), int(self.in_segment), self.bytes]


class LoopSum(NamedTuple):
    """A carry that only has something added, in place. Loops that are run again leave it alone."""

    start: Operand | None
    final: Operand | None
    bytes: Size

    def words(self) -> Words:
        return [_or_none(self.start), _or_none(self.final), self.bytes]


class LoopRun(NamedTuple):
    """One body run for each step, and what its arguments and results are bound to."""

    carries: Sequence[LoopCarry]
    rows: Sequence[LoopRow]
    captured: Sequence[Operand]
    results: Sequence[LoopRow]
    sums: Sequence[LoopSum]
    reverse: bool
    body: Inner

    def words(self) -> Words:
        out: Words = [len(part) for part in (self.carries, self.rows, self.captured, self.results, self.sums)]
        out.append(int(self.reverse))
        for carry in self.carries:
            out += carry.words()
        for row in self.rows:
            out += row.words()
        out += self.captured
        for row in self.results:
            out += row.words()
        for total in self.sums:
            out += total.words()
        return [*out, self.body]


def loop_words(
    length: Size,
    count: Operand | None,
    steps: Operand | None,
    segment: Size,
    runs: Sequence[LoopRun],
    condition: Inner | None,
) -> Words:
    """A loop of at most ``length`` steps. ``runs``: loops that are run again for each ``segment``, then itself."""
    out: Words = [length, _or_none(count), _or_none(steps), segment, len(runs) - 1]
    for run in runs:
        out += run.words()
    return out + ([0, 0] if condition is None else [condition])


def _or_none(operand: Operand | None) -> Any:
    return NO_OPERAND if operand is None else operand


# --------------------------------------------------------------------------------------- tiles

_HEAD = 6  # words before the sizes of the iteration space
_VIEW = 2  # words of a view before its strides
_OP_WORDS = 5  # of a micro-operation

# A register of a tile being built, until the totals are known: a load's number, or a constant's or an operation's
# from one of these on.
_CONST, _OP = 1 << 24, 2 << 24
_MICROOPS: dict[str, str] = {}  # as payloads name them
_NO_ARGS = ((-1, -1, -1), (-1, -1), (-1,), ())
_OF_ROWS = frozenset(f"microop:{name}" for name, microop in MICROOPS.items() if microop.result == "R")


class TileBuilder:
    """Collects the loads, constants, micro-operations and stores of one tile instruction over ``shape``."""

    def __init__(self, shape: Shape, row: tuple[int, ...] = ()):
        self.shape, self.row = shape, row
        self.reads: dict[Buffer, int] = {}  # with their positions
        self.writes: dict[Buffer, int] = {}
        self.loads: dict[tuple[Buffer | None, Size, tuple[Size, ...]], int] = {}
        self.consts: dict[tuple[int, int], int] = {}
        self.ops: list[tuple[str, int, list[int]]] = []
        self.stores: list[tuple[int, str | None, int, int, Size, tuple[Size, ...]]] = []

    def load(self, at: Location, value: Value, frame: Shape | None = None) -> int:
        """``value``, which is ``at``, as an operand of a node of shape ``frame`` (that of the instruction)."""
        if at.scalar is not None:
            key = (CODE[at.scalar.dtype], bits(at.scalar))
            return _CONST + self.consts.setdefault(key, len(self.consts))
        strides = in_frame(value, at.strides, self.shape if frame is None else frame, self.shape, self.row)
        n = self.loads.setdefault((at.buffer, at.offset, strides), len(self.loads))
        if at.buffer is not None:
            self.reads.setdefault(at.buffer, len(self.reads))
        elif value.dtype is not int64:
            return self.op("cast", value.dtype, [n])
        return n

    def op(self, microop: str, dtype: np.dtype, args: list[int]) -> int:
        """The register with the result of a micro-operation."""
        self.ops.append((microop, CODE[dtype], args))
        return _OP + len(self.ops) - 1

    def store(
        self,
        register: int,
        target: Buffer,
        offset: Size,
        strides: tuple[Size, ...],
        reduction: str | None = None,
        mask: int = 0,
    ) -> None:
        """``mask``: a bit for each dimension that is reduced."""
        write = self.writes.setdefault(target, len(self.writes))
        self.stores.append((register, reduction, mask, write, offset, strides))

    def words(self) -> Words:
        n_loads, n_consts, n_reads = len(self.loads), len(self.consts), len(self.reads)
        first = (0, n_loads - _CONST, n_loads + n_consts - _OP)  # what makes a register's number final, by its kind
        counts = (n_loads, n_consts, len(self.ops), len(self.stores))
        out: Words = [len(self.shape), sum(1 << a for a in self.row), *counts, *self.shape]
        for buffer, offset, strides in self.loads:
            out += (NO_OPERAND if buffer is None else self.reads[buffer], offset, *strides)
        for const in self.consts:
            out += const
        for microop, code, args in self.ops:
            out.append(_MICROOPS.get(microop) or _MICROOPS.setdefault(microop, f"microop:{microop}"))
            out.append(code)
            for r in args:
                out.append(r + first[r >> 24])
            if len(args) < 3:
                out += _NO_ARGS[len(args)]
        for r, reduction, mask, write, offset, strides in self.stores:
            out += (
                r + first[r >> 24],
                0 if reduction is None else f"reduction:{reduction}",
                mask,
                n_reads + write,
                offset,
                *strides,
            )
        return out

    def instruction(self, phase: str, nodes: Sequence[Node], flops: Size = 0) -> Instruction:
        reads, writes = list(self.reads), list(self.writes)
        n = len(reads)
        call = KernelCall("tile", tuple(range(n)), tuple(range(n, n + len(writes))), self.words())
        return Instruction([call], reads, writes, phase, nodes, flops, self._inplace())

    def _inplace(self) -> dict[int, list[int]]:
        """By a write's position, those of the reads it may share memory with: the write's only store is plain and every
        load of the read goes through the same view."""
        view_of: dict[Buffer, Any] = {}  # None: several
        for buffer, offset, strides in self.loads:
            if buffer is not None:
                view_of[buffer] = None if buffer in view_of else (offset, strides)
        through: dict[Any, list[int]] = {}  # view and bytes of an element -> reads
        for buffer, view in view_of.items():
            through.setdefault((view, buffer.dtype.itemsize), []).append(self.reads[buffer])
        sizes = [b.dtype.itemsize for b in self.writes]
        stores = Counter(s[3] for s in self.stores)
        out = {}
        for _, reduction, _, w, offset, strides in self.stores:
            reads = through.get(((offset, strides), sizes[w]))
            if reduction is None and stores[w] == 1 and reads is not None:
                out[w] = reads
        return out


# --------------------------------------------------------------------------------------- tapes


class TapeBuilder:
    """Collects the loads, constants, micro-operations and stores of one tape. Registers are each of one element; what
    is there already is not made again."""

    def __init__(self) -> None:
        self.loads: dict[tuple[Buffer, int], int] = {}
        self.consts: dict[tuple[int, int], int] = {}
        self.ops: dict[tuple[str, int, tuple[int, ...]], int] = {}
        self.stores: dict[tuple[Buffer, int], int] = {}

    def load(self, buffer: Buffer, element: int) -> int:
        """The register with one element of a buffer."""
        return self.loads.setdefault((buffer, element), len(self.loads))

    def const(self, code: int, word: int) -> int:
        """``code``: of the dtype; ``word``: the bits."""
        return _CONST + self.consts.setdefault((code, word), len(self.consts))

    def op(self, microop: str, code: int, args: tuple[int, ...]) -> int:
        """``microop`` as payloads name it."""
        return _OP + self.ops.setdefault((microop, code, args), len(self.ops))

    def store(self, register: int, buffer: Buffer, element: int) -> None:
        self.stores[buffer, element] = register

    def one(self, call: KernelCall, operands: Sequence[Buffer], there: dict[tuple[Buffer, int], int]) -> None:
        """Writes out a tile over one element, of whose views only the offsets matter, and whose rows are what is in
        them. ``there``: the registers of what was written, which is told of what this writes.

        Most tiles of scalar work are such, thousands of operations each: their words are read in place."""
        w = call.payload
        n, _, n_loads, n_consts, n_ops, _ = w[:_HEAD]
        view = _VIEW + n
        start = _HEAD + n
        loads, consts, ops = self.loads, self.consts, self.ops
        registers: list[int] = []
        for i in range(start, start + view * n_loads, view):
            if w[i] < 0:  # the number itself
                registers.append(self.const(CODE[int64], w[i + 1]))
            else:
                at = (operands[w[i]], w[i + 1])
                found = there.get(at)
                registers.append(loads.setdefault(at, len(loads)) if found is None else found)
        start += view * n_loads
        for i in range(start, start + 2 * n_consts, 2):
            registers.append(_CONST + consts.setdefault((w[i], w[i + 1]), len(consts)))
        start += 2 * n_consts
        end = start + _OP_WORDS * n_ops
        for microop, code, a, b, c in zip(*[iter(w[start:end])] * _OP_WORDS):
            if microop in _OF_ROWS:
                registers.append(registers[a])
                continue
            args: tuple[int, ...]
            if b < 0:
                args = (registers[a],) if a >= 0 else ()
            else:
                args = (registers[a], registers[b]) if c < 0 else (registers[a], registers[b], registers[c])
            registers.append(_OP + ops.setdefault((microop, code, args), len(ops)))
        for i in range(end, len(w), 3 + view):
            there[operands[w[i + 3]], w[i + 4]] = registers[w[i]]

    def words(self, reads: Mapping[Buffer, int], writes: Mapping[Buffer, int]) -> Words:
        """``reads``, ``writes``: the numbers of operands."""
        self._prune()
        n_loads, n_consts = len(self.loads), len(self.consts)
        first = (0, n_loads - _CONST, n_loads + n_consts - _OP)
        out: Words = [n_loads, n_consts, len(self.ops), len(self.stores)]
        for buffer, element in self.loads:
            out += (reads[buffer], element)
        for const in self.consts:
            out += const
        for microop, code, args in self.ops:
            if len(args) == 2:
                a, b = args
                out += (microop, code, a + first[a >> 24], b + first[b >> 24], -1)
            elif len(args) == 1:
                (a,) = args
                out += (microop, code, a + first[a >> 24], -1, -1)
            else:
                out += (microop, code, *[r + first[r >> 24] for r in args], *_NO_ARGS[len(args)])
        for (buffer, element), r in self.stores.items():
            out += (r + first[r >> 24], writes[buffer], element)
        return out

    def _prune(self) -> None:
        """Leaves out what no store needs: elements of a value of which a later tile reads others only."""
        needed = set(self.stores.values())
        for (_, _, args), i in reversed(self.ops.items()):
            if _OP + i in needed:
                needed.update(args)
        if len(needed) == len(self.loads) + len(self.consts) + len(self.ops):
            return
        moved: dict[int, int] = {}
        self.loads = _renumbered(self.loads, 0, needed, moved)
        self.consts = _renumbered(self.consts, _CONST, needed, moved)
        ops = _renumbered(self.ops, _OP, needed, moved)
        self.ops = {(name, code, tuple([moved[a] for a in args])): n for (name, code, args), n in ops.items()}
        self.stores = {at: moved[r] for at, r in self.stores.items()}


def _renumbered(rows: dict[Any, int], first: int, needed: Collection[int], moved: dict[int, int]) -> dict[Any, int]:
    """Those of ``rows`` whose registers, from ``first`` on, are needed; ``moved`` is told where each is now."""
    kept = [row for row, i in rows.items() if first + i in needed]
    moved.update((first + rows[row], first + n) for n, row in enumerate(kept))
    return {row: n for n, row in enumerate(kept)}


# --------------------------------------------------------------------------------------- read back


class TileStore(NamedTuple):
    """``reduction``: its name as payloads have it, or 0; ``mask``: a bit for each dimension that is reduced."""

    register: int
    reduction: str | int
    mask: int
    view: OperandView


class TileWords(NamedTuple):
    """What a tile does: over ``dims``, those of which ``rows`` has the bits make a row. ``consts``: dtype codes and
    bits; ``ops``: micro-operations as payloads name them, dtype codes, registers."""

    dims: tuple[Size, ...]
    rows: int
    loads: Sequence[OperandView]
    consts: Sequence[tuple[int, int]]
    ops: Sequence[tuple[str, int, tuple[int, ...]]]
    stores: Sequence[TileStore]


def dims_in(call: KernelCall) -> Sequence[Size]:
    """What a tile works over."""
    return call.payload[_HEAD : _HEAD + call.payload[0]]


def tile_in(call: KernelCall) -> TileWords:
    """The words of a tile, read back."""
    w = call.payload
    n, rows, n_loads, n_consts, n_ops, _ = w[:_HEAD]
    view = _VIEW + n
    consts = _HEAD + n + view * n_loads
    ops = consts + 2 * n_consts
    stores = ops + _OP_WORDS * n_ops
    of_store = 3 + view
    return TileWords(
        tuple(w[_HEAD : _HEAD + n]),
        rows,
        [OperandView(w[i], w[i + 1], tuple(w[i + 2 : i + view])) for i in range(_HEAD + n, consts, view)],
        [(w[i], w[i + 1]) for i in range(consts, ops, 2)],
        [(w[i], w[i + 1], tuple([a for a in w[i + 2 : i + 5] if a >= 0])) for i in range(ops, stores, _OP_WORDS)],
        [
            TileStore(w[i], w[i + 1], w[i + 2], OperandView(w[i + 3], w[i + 4], tuple(w[i + 5 : i + of_store])))
            for i in range(stores, len(w), of_store)
        ],
    )


class ProductWords(NamedTuple):
    """What a product does; ``sizes``: m, n, k; ``views``: of both operands and the result. ``act``: a
    micro-operation as payloads name it, or -1."""

    batch: tuple[Size, ...]
    sizes: tuple[Size, Size, Size]
    accumulate: int
    views: tuple[OperandView, OperandView, OperandView]
    act: str | int
    bias: OperandView


def product_in(call: KernelCall) -> ProductWords:
    """The words of a product, read back."""
    w = call.payload
    n = w[0]
    width = _VIEW + n + 2
    first = 5 + n
    starts = [first + i * width for i in range(3)]
    a, b, c = (OperandView(w[i], w[i + 1], tuple(w[i + 2 : i + width])) for i in starts)
    act, operand, offset, stride = w[first + 3 * width : first + 3 * width + 4]
    bias = OperandView(operand, offset, (stride,))
    return ProductWords(tuple(w[5:first]), (w[1], w[2], w[3]), w[4], (a, b, c), act, bias)


def whole_copy(call: KernelCall) -> KernelCall:
    """A copy with the load made to read what its store writes: row-major and whole."""
    payload = list(call.payload)
    ndim = rank_in(call)
    load = slice(_HEAD + ndim, _HEAD + ndim + _VIEW + ndim)  # the first one's view
    store = slice(len(payload) - (_VIEW + ndim), len(payload))  # the last one's
    operand = payload[load.start]
    payload[load] = [operand, *payload[store][1:]]
    return KernelCall(call.kernel, call.reads, call.writes, payload)


def rank_in(call: KernelCall) -> int:
    """The dimensions that a tile works on at once; 0 of other kernels."""
    return call.payload[0] if call.kernel == "tile" else 0


def programs_in(call: KernelCall) -> list[Any]:
    """The inner programs that a call runs."""
    return [item for item in call.payload if type(item) is not int and hasattr(item, "instructions")]


def operations_in(call: KernelCall) -> Iterator[str]:
    """The micro-operations and reductions that a tile names; those along rows by the name of what they do."""
    for item in call.payload:
        if isinstance(item, str):  # a size is one too
            kind, _, name = item.partition(":")
            if kind in ("microop", "reduction"):
                yield name.removeprefix("row_")
