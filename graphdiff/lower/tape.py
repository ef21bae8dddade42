"""Tapes: neighbouring instructions over few elements as one, a program over scalars (csrc/kernels/tape.c).

Where values have up to sixteen elements an instruction costs more than what it computes. Here tiles and small products
in a row are written out element by element: what one stores and another loads is a register, and only what others read
is stored. An instruction of another kind between them stays where it is: a tape runs where its last part did, or before
the first that needs something of it.
Invariants: the same micro-operations on the same operands as in the tiles, sums in their order: the same bits. Small
products are always tapes, alone if need be, so that their bits do not depend on neighbours.
Must not know: the graph, operations but by the names of micro-operations, the order of payload words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache, reduce
from itertools import product as every
from math import prod
from operator import mul
from typing import NamedTuple, cast

from ..ir.dims import Size
from ..ir.dtypes import CODE, DTYPES, int64
from ..ops.microops import MICROOPS, REDUCTIONS, cost_of
from ._tiles import TapeBuilder, names_in
from .encode import OperandView, TileStore, TileWords, dims_in, product_in, tile_in
from .instruction import ARENA, Buffer, Instruction, KernelCall

ELEMENTS = 16  # that a call works on, at most
SPAN = 512  # elements of storage that is read or written, at most: for one that is large others may wait
PRODUCT = 64  # multiplications of a product, at most
LENGTH = 32768  # micro-operations of a tape, about, and
OPERANDS = 4000  # buffers that its parts read and write, at most

# Nanoseconds, roughly: a tile and each of its micro-operations, an operation on scalars.
_TILE, _TILE_STEP, _SCALAR = 20, 5, 1


def taped(order: Sequence[Instruction], join: bool = True, in_body: bool = False) -> list[Instruction]:
    """``order`` with tapes where they pay. Without ``join`` each instruction stays by itself. ``in_body``: of a loop or
    branch, where nobody sees phases, a tape may belong to several."""
    reads = Counter(b for i in order for b in i.reads)
    out: list[Instruction] = []
    region = _Region(reads)
    for i in order:
        work = _work(i)
        if work is None:
            if region.conflicts(i, in_body):
                out += region.close()
                region = _Region(reads)
            out.append(i)
        else:
            if not (join and region.takes(i, in_body)):
                out += region.close()
                region = _Region(reads)
            region.add(i, work)
    return out + region.close()


class _Work(NamedTuple):
    """What an instruction is: so many operations on scalars, and about how many nanoseconds as it is and on a tape."""

    scalars: int
    apart: int
    together: int


def _work(i: Instruction) -> _Work | None:
    """The work of an instruction; None where it cannot be part of a tape."""
    if i.guard or i.recompute:
        return None
    scalars = apart = together = 0
    for call in i.calls:
        apart += _TILE
        if call.kernel == "tile":
            if (size := _count(dims_in(call), ELEMENTS)) is None:
                return None
        elif call.kernel == "matmul":
            p = product_in(call)
            if (size := _count((*p.batch, *p.sizes), PRODUCT)) is None:
                return None
            scalars += 2 * size
            together += 2 * size
            apart += 2 * _TILE
        else:
            return None
        found = names_in(call.payload, _weight)
        if found is None:
            return None
        names, weight = found
        scalars += size * names
        apart += _TILE_STEP * names
        together += size * weight
    if not all(type(b.count) is int and b.count <= SPAN for b in (*i.reads, *i.writes)):
        return None
    return _Work(scalars, apart, together)


def _count(sizes: Iterable[Size], most: int) -> int | None:
    """How many elements there are; None where that is open, 0, or more than ``most``."""
    n = 1
    for size in sizes:
        if not isinstance(size, int):
            return None
        n *= size
    return n if 0 < n <= most else None


@cache
def _weight(item: str) -> int:
    """What a micro-operation or a reduction takes for one element."""
    return _SCALAR + cost_of(item.partition(":")[2].removeprefix("row_")) // 4


class _Region:
    """Instructions that may be one tape. ``reads``: how many instructions of the whole order read each buffer."""

    def __init__(self, reads: Counter[Buffer]):
        self.all_reads = reads
        self.parts: list[Instruction] = []
        self.reads: Counter[Buffer] = Counter()
        self.writes: dict[Buffer, None] = {}
        self.scalars = self.apart = self.together = 0

    def conflicts(self, i: Instruction, any_phase: bool) -> bool:
        """Whether ``i`` has to run after this: it needs something of it, or is of a later phase."""
        writes, reads = self.writes, self.reads
        if not any_phase and self.parts and self.parts[-1].phase != i.phase:
            return True
        return not writes.keys().isdisjoint(i.reads) or any(b in writes or b in reads for b in i.writes)

    def takes(self, i: Instruction, any_phase: bool) -> bool:
        """Whether ``i`` may be the next part: of the phase, or the first of the backward pass."""
        if not self.parts:
            return True
        phases = (self.parts[-1].phase, i.phase)
        return (
            (any_phase or phases[0] == phases[1] or phases == ("forward", "backward"))
            and self.scalars < LENGTH
            and len(self.reads) + len(self.writes) < OPERANDS
        )

    def add(self, i: Instruction, work: _Work) -> None:
        self.parts.append(i)
        self.reads.update(i.reads)
        self.writes.update(dict.fromkeys(i.writes))
        self.scalars += work.scalars
        self.apart += work.apart
        self.together += work.together

    def close(self) -> list[Instruction]:
        """The tape, or the instructions as they were."""
        if self.parts and (self._pays() or all(map(_is_product, self.parts))):
            return [_tape(self.parts, {b for b in self.writes if self._is_seen(b)})]
        return [_tape([i], set(i.writes)) if _is_product(i) else i for i in self.parts]

    def _is_seen(self, b: Buffer) -> bool:
        """Whether others read what is written."""
        return b.kind != ARENA or self.all_reads[b] > self.reads[b]

    def _pays(self) -> bool:
        """Whether the parts one by one take longer."""
        moved = sum(b.count for b in self.reads if b not in self.writes)
        moved += sum(b.count for b in self.writes if self._is_seen(b))
        return _TILE + self.together + _SCALAR * moved < self.apart


def _is_product(i: Instruction) -> bool:
    return i.calls[0].kernel == "matmul"


def _tape(parts: Sequence[Instruction], seen: set[Buffer]) -> Instruction:
    """One instruction that does what ``parts`` do; of what they write ``seen`` is stored."""
    tape = _Writer()
    for i in parts:
        buffers = (*i.reads, *i.writes)
        for call in i.calls:
            operands = [buffers[k] for k in (*call.reads, *call.writes)]
            (tape.product if call.kernel == "matmul" else tape.tile)(call, operands)
    for (buffer, element), register in tape.there.items():
        if buffer in seen:
            tape.out.store(register, buffer, element)
    reads = list(dict.fromkeys(b for b, _ in tape.out.loads))
    writes = list(dict.fromkeys(b for b, _ in tape.out.stores))
    n, m = len(reads), len(writes)
    words = tape.out.words({b: k for k, b in enumerate(reads)}, {b: n + k for k, b in enumerate(writes)})
    call = KernelCall("tape", tuple(range(n)), tuple(range(n, n + m)), words)
    nodes = dict.fromkeys(node for i in parts for node in i.nodes)
    flops: Size = 0
    for i in parts:
        flops = flops + i.flops
    return Instruction(
        [call], reads, writes, parts[-1].phase, list(nodes), flops, dict.fromkeys(range(m), tuple(range(n)))
    )


class _Writer:
    """Writes calls out element by element. ``there``: the registers of what was written, by buffer and element."""

    def __init__(self) -> None:
        self.out = TapeBuilder()
        self.there: dict[tuple[Buffer, int], int] = {}

    def _load(self, buffer: Buffer, element: int) -> int:
        found = self.there.get((buffer, element))
        return self.out.load(buffer, element) if found is None else found

    def _elements(self, view: OperandView, operands: Sequence[Buffer], at: Sequence[tuple[int, ...]]) -> list[int]:
        """The registers of a view's elements at these indices."""
        places = [_place(view, index) for index in at]
        if view.operand < 0:  # the numbers themselves
            return [self.out.constant(CODE[int64], place) for place in places]
        buffer = operands[view.operand]
        return [self._load(buffer, place) for place in places]

    # ------------------------------------------------------------------ tiles
    def tile(self, call: KernelCall, operands: list[Buffer]) -> None:
        if prod(cast("Sequence[int]", dims_in(call))) == 1:
            self.out.one(call, operands, self.there)
            return
        t = tile_in(call)
        at = list(every(*map(range, t.dims)))
        registers = [self._elements(view, operands, at) for view in t.loads]
        registers += [[self.out.constant(*const)] * len(at) for const in t.consts]
        row_of = [tuple(0 if t.rows >> d & 1 else i for d, i in enumerate(index)) for index in at]
        op = self.out.op
        for microop, code, args in t.ops:
            name = microop.partition(":")[2]
            if MICROOPS[name].result == "R":
                (along,) = (registers[a] for a in args)
                join = self._join(REDUCTIONS[name.removeprefix("row_")].join, code)
                rows: dict[tuple[int, ...], list[int]] = {}
                for row, r in zip(row_of, along):
                    rows.setdefault(row, []).append(r)
                folded = {row: _fold(join, found, code) for row, found in rows.items()}
                registers.append([folded[row] for row in row_of])
            else:
                registers.append([op(microop, code, xs) for xs in zip(*[registers[a] for a in args])])
        for store in t.stores:
            buffer = operands[store.view.operand]
            x: Sequence[int] = registers[store.register]
            kept = at
            if store.reduction:
                assert isinstance(store.reduction, str)
                join = self._join(REDUCTIONS[store.reduction.partition(":")[2]].join, CODE[buffer.dtype])
                x = _reduced(join, x, t, store, CODE[buffer.dtype])
                kept = list(every(*(range(1 if store.mask >> d & 1 else n) for d, n in enumerate(t.dims))))
            for index, r in zip(kept, x):
                self.there[buffer, _place(store.view, index)] = r

    def _join(self, microop: str, code: int) -> Callable[[int, int], int]:
        return lambda x, y: self.out.op(f"microop:{microop}", code, (x, y))

    # ------------------------------------------------------------------ products
    def product(self, call: KernelCall, operands: Sequence[Buffer]) -> None:
        """Sums along k from its first element to its last, then the bias, the activation."""
        p = product_in(call)
        m, n, k = p.sizes
        a, b, c = p.views
        result = operands[c.operand]
        code = CODE[result.dtype]
        op = self.out.op
        for index in every(*map(range, p.batch)):
            for i, j in every(range(m), range(n)):
                place = _place(c, (*index, i, j))
                xs = self._elements(a, operands, [(*index, i, d) for d in range(k)])
                ys = self._elements(b, operands, [(*index, d, j) for d in range(k)])
                terms = [op("microop:multiply", code, pair) for pair in zip(xs, ys)]
                z = reduce(self._join("add", code), terms)
                if p.accumulate:
                    z = op("microop:add", code, (self._load(result, place), z))
                if p.bias.operand >= 0:
                    z = op("microop:add", code, (z, *self._elements(p.bias, operands, [(j,)])))
                if isinstance(p.act, str):
                    z = op(p.act, code, (z,))
                self.there[result, place] = z


def _place(view: OperandView, index: Sequence[int]) -> int:
    """The element that a view has at an index; its numbers are known (:func:`_work`)."""
    return cast(int, view.offset + sum(map(mul, view.strides, index)))


def _reduced(
    join: Callable[[int, int], int], x: Sequence[int], t: TileWords, store: TileStore, code: int
) -> Sequence[int]:
    """The elements that are left of a tile's, in order: neighbouring dimensions that are reduced are folded as one, the
    innermost first (csrc/tile/tile_stage.c)."""
    sizes: list[int] = []
    masked: list[int] = []
    for d, n in enumerate(cast("tuple[int, ...]", t.dims)):
        if n == 1:
            continue
        bit = store.mask >> d & 1
        if masked and masked[-1] == bit:
            sizes[-1] *= n
        else:
            sizes.append(n)
            masked.append(bit)
    for g in reversed(range(len(sizes))):
        if masked[g]:
            inner = prod(sizes[g + 1 :])
            whole = sizes[g] * inner
            x = [
                _fold(join, [x[first + i * inner] for i in range(sizes[g])], code if inner == 1 else None)
                for outer in range(0, len(x), whole)
                for first in range(outer, outer + inner)
            ]
            sizes[g] = 1
    return x


def _fold(join: Callable[[int, int], int], x: Sequence[int], code: int | None) -> int:
    """The joined elements of a row, in the order of csrc/micro/fold_body.h: from first to last, or where there are two
    vectors of 64 bytes and more these one onto the other, then halves. ``code`` None: of a column, first to last."""
    lanes = 64 // DTYPES[code].itemsize if code is not None else len(x)
    if len(x) >= 2 * lanes:
        whole = len(x) // lanes * lanes
        s = list(x[:lanes])
        for first in range(lanes, whole, lanes):
            s = list(map(join, s, x[first : first + lanes]))
        while len(s) > 1:
            half = len(s) // 2
            s = list(map(join, s[:half], s[half:]))
        x = [*s, *x[whole:]]
    return reduce(join, x)
