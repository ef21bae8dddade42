"""A tile instruction read from its payload, made as simple as the core makes it, and cut as the core cuts it.

The order of sums is part of what an instruction means: a tile's contribution is folded, contributions are added up in a
tree, and long reductions are cut into segments (csrc/tile/tile_prepare.c and tile_source.c, whose steps these are, by
shape alone). Owns: that order. Invariant: the same numbers as the core's preparation.
Must not know: C, buffers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from ..ops.microops import MICROOPS as FACTS
from .program import DTYPES, MICROOPS, REDUCTIONS, Step

TILE_BYTES, REGISTER_BYTES, MOST_TILE_BYTES, ROW_BYTES = 2048, 24576, 8192, 8192
PART_ELEMENTS, PART_LEAST, PART_WORK = 32768, 1024, 65536
SEGMENTS, SEGMENT_BYTES = 64, 1 << 22
LATE_TURNS, LATE_INNER, LATE_LENGTH = 4, 16, 256  # where tiles are summed whole, then folded
LEAF = 8  # turns summed one by one before the tree of sums begins
MOST_LEVEL_BYTES = 1 << 26
IDEMPOTENT = ("max", "min", "all", "any")
ONE, ROW, TILE = range(3)


@dataclass
class View:
    """Elements of an operand: ``operand`` -1 is an index, whose value is the offset and what the strides add."""

    operand: int
    dtype: np.dtype
    offset: int
    strides: list[int]


@dataclass
class Op:
    """``name``: a micro-operation; ``args``: registers."""

    name: str
    dtype: np.dtype
    args: tuple[int, ...]

    @property
    def is_row(self) -> bool:
        return FACTS[self.name].result == "R"


@dataclass
class Store:
    """``reduce``: "none" or a reduction, over the dimensions of which ``mask`` has the bits."""

    register: int
    reduce: str
    mask: int
    view: View


@dataclass
class Source:
    """The instruction: registers are loads, then constants, then results of operations."""

    dims: list[int]
    row_start: int
    loads: list[View]
    consts: list[np.generic]
    ops: list[Op]
    stores: list[Store]

    @property
    def views(self) -> list[View]:
        return self.loads + [s.view for s in self.stores]

    def dtype(self, register: int) -> np.dtype:
        if register < len(self.loads):
            return self.loads[register].dtype
        register -= len(self.loads)
        return (
            self.consts[register].dtype if register < len(self.consts) else self.ops[register - len(self.consts)].dtype
        )

    def register_of(self, op: int) -> int:
        return len(self.loads) + len(self.consts) + op

    @property
    def n_registers(self) -> int:
        return self.register_of(len(self.ops))


def read(step: Step) -> Source:
    """The instruction of a payload, simplified: no dimensions of one, neighbours merged where all views allow it."""
    w = step.payload
    n, n_rows, n_loads, n_consts, n_ops, n_stores = w[:6]
    dims, at = list(w[6 : 6 + n]), 6 + n

    def view() -> View:
        nonlocal at
        operand = w[at]
        dtype = np.dtype(np.int64) if operand < 0 else step.operands[operand].dtype
        out = View(operand, dtype, w[at + 1], list(w[at + 2 : at + 2 + n]))
        at += 2 + n
        return out

    loads = [view() for _ in range(n_loads)]
    consts: list[np.generic] = []
    for _ in range(n_consts):
        dtype = DTYPES[w[at]]
        consts.append(np.frombuffer(int(w[at + 1]).to_bytes(8, "little", signed=True), dtype, 1)[0])
        at += 2
    ops = []
    for _ in range(n_ops):
        name, code, *args = w[at : at + 5]
        ops.append(Op(MICROOPS[name], DTYPES[code], tuple(a for a in args if a >= 0)))
        at += 5
    stores = []
    for _ in range(n_stores):
        register, reduce, mask = w[at : at + 3]
        at += 3
        stores.append(Store(register, REDUCTIONS.get(reduce, "none"), mask, view()))
    source = Source(dims, n - n_rows, loads, consts, ops, stores)
    _simplify(source)
    return source


def _simplify(s: Source) -> None:
    if not any(op.is_row for op in s.ops):
        s.row_start = len(s.dims)
    for d in reversed(range(len(s.dims))):
        if s.dims[d] == 1:
            _drop(s, d)
    for d in reversed(range(len(s.dims) - 1)):
        if _merge(s, d):
            s.dims[d + 1] *= s.dims[d]
            _drop(s, d)
    if s.row_start == len(s.dims):  # rows of one element
        s.ops = [replace(op, name="copy") if op.is_row else op for op in s.ops]
    if not s.dims or s.row_start == 0:  # an outer dimension for the tiles to step along
        s.dims.insert(0, 1)
        for v in s.views:
            v.strides.insert(0, 0)
        for store in s.stores:
            store.mask <<= 1
        s.row_start += 1


def _drop(s: Source, d: int) -> None:
    del s.dims[d]
    for v in s.views:
        del v.strides[d]
    low = (1 << d) - 1
    for store in s.stores:
        store.mask = (store.mask & low) | (store.mask >> 1 & ~low)
    s.row_start -= d < s.row_start


def _merge(s: Source, d: int) -> bool:
    if d + 1 == s.row_start:
        return False
    if any(v.strides[d] != v.strides[d + 1] * s.dims[d + 1] for v in s.views):
        return False
    return all((store.mask >> d & 1) == (store.mask >> (d + 1) & 1) for store in s.stores)


# --------------------------------------------------------------------------------------- the cut


@dataclass
class Fold:
    """(outer, length, inner) becomes (outer, inner); outer or length counts times the steps of a tile."""

    outer: int
    length: int
    inner: int
    scale_outer: bool
    scale_length: bool


@dataclass
class Reduction:
    """What becomes of a register's tiles. ``store`` None: the result of a row operation, number ``op``.

    ``width``: ROW where a tile has one value a step; ``turn_strides``, ``at_strides``: by loop, which turn it is and
    where its contribution stands among ``kept`` elements; ``cascade``: sums in a tree of ``levels``; ``late``: elements
    of whole tiles, which are summed before they are folded, or 0."""

    register: int
    reduce: str
    mask: int
    store: Store | None
    op: int
    width: int
    folds: list[Fold]
    turn_strides: dict[int, int]
    at_strides: dict[int, int]
    turns: int
    immediate: bool
    cascade: bool
    levels: int
    part: list[int]  # dimensions kept within a tile
    kept: list[int]  # dimensions kept of all that is accumulated
    part_count: int  # elements, where the tile's first dimension counts once
    kept_count: int
    part_scaled: bool
    per_masked: int = 1
    late: int = 0


@dataclass
class Pass:
    """One walk. ``loops``: outer, then masked, then along rows, each a dimension; that of ``t`` counts chunks."""

    stores: list[Store]
    needed: set[int]
    outer: list[int]
    masked: list[int]
    along: list[int]
    stages: int
    reductions: list[list[Reduction]] = field(default_factory=list)  # by stage; stores' are in the last
    segments: int = 1
    masked_total: int = 1
    per_segment: int = 1


@dataclass
class Cut:
    """``k`` steps of dimension ``t`` (``last_k`` in the last of ``chunks``), ``per_k`` elements each, are a tile."""

    source: Source
    t: int
    k: int
    last_k: int
    per_k: int
    chunks: int
    staged: bool
    widths: list[int]
    levels: list[int]
    passes: list[Pass] = field(default_factory=list)

    def count(self, dim: int) -> int:
        """Turns of a dimension's loop over tiles."""
        return self.chunks if dim == self.t else self.source.dims[dim]


def cut(s: Source) -> Cut:
    """How an instruction over at least one element is cut."""
    item = max([4, *(s.dtype(r).itemsize for r in range(s.n_registers))])
    limit = max(TILE_BYTES, min(REGISTER_BYTES // max(s.n_registers, 1) // 1024 * 1024, MOST_TILE_BYTES)) // item
    row = prod(s.dims[s.row_start :])
    has_rows = s.row_start < len(s.dims)
    staged = has_rows and row > ROW_BYTES // item
    per_k = 1
    if has_rows and not staged:
        t, per_k = s.row_start - 1, row
    else:
        lowest, t = s.row_start if staged else 0, len(s.dims) - 1
        while t > lowest and s.dims[t] * per_k <= limit:
            per_k *= s.dims[t]
            t -= 1
    size, most = s.dims[t], max(1, limit // per_k)
    k = size if size <= most else -(-size // -(-size // most))
    if per_k == 1 and size > most:
        k = -(-k // 16) * 16
    chunks = 1 if size <= most else -(-size // k)
    c = Cut(s, t, k, size - (chunks - 1) * k, per_k, chunks, staged, [], [])
    _widths(c)
    walks: list[int] = []
    for store in s.stores:
        if (mask := _walk(c, store)) is not None and mask not in walks:
            walks.append(mask)
    walks = walks or [0]
    for n, mask in enumerate(walks):
        own = [w if (w := _walk(c, x)) is not None else walks[-1] for x in s.stores]
        stores = [x for x, w in zip(s.stores, own) if w == mask and (_walk(c, x) is not None or n == len(walks) - 1)]
        c.passes.append(_pass(c, stores, mask, len(walks)))
    return c


def _widths(c: Cut) -> None:
    s = c.source
    for v in s.loads:
        if any(v.strides[d] != 0 for d in range(c.t + 1, len(s.dims))):
            width = TILE
        elif v.strides[c.t] == 0 or s.dims[c.t] == 1:
            width = ONE
        else:
            width = TILE if c.per_k == 1 else ROW
        c.widths.append(width)
        c.levels.append(0)
    for _ in s.consts:
        c.widths.append(ONE)
        c.levels.append(0)
    for op in s.ops:
        width = max([ONE, *(c.widths[a] for a in op.args)])
        level = max([0, *(c.levels[a] for a in op.args)])
        if op.is_row:
            width = ONE if c.staged else ROW
            level += 1
        c.widths.append(width)
        c.levels.append(level)


def _loops(c: Cut) -> list[int]:
    return [d for d in range(c.t + 1) if c.count(d) > 1]


def _walk(c: Cut, store: Store) -> int | None:
    """The dimensions of loops over whole tiles or rows that a store reduces over; None: it goes along with any walk."""
    rows = mask = 0
    for d in _loops(c):
        if store.mask >> d & 1:
            if c.staged and d >= c.source.row_start:
                rows |= 1 << d
            else:
                mask |= 1 << d
    return mask if mask or rows else None


def _pass(c: Cut, stores: list[Store], reduced: int, n_passes: int) -> Pass:
    s = c.source
    loops = _loops(c)
    along = [d for d in loops if c.staged and d >= s.row_start]
    masked = [d for d in loops if d not in along and reduced >> d & 1]
    outer = [d for d in loops if d not in along and d not in masked]
    needed = {x.register for x in stores}
    stages = 1
    for i in reversed(range(len(s.ops))):
        r = s.register_of(i)
        if r in needed:
            needed.update(s.ops[i].args)
            stages = max(stages, c.levels[r] + 1)
    p = Pass(stores, needed, outer, masked, along, stages if c.staged else 1)
    for stage in range(p.stages):
        found = []
        for i, op in enumerate(s.ops):
            r = s.register_of(i)
            if c.staged and op.is_row and r in needed and c.levels[r] == stage + 1:
                mask = sum(1 << d for d in range(s.row_start, len(s.dims)))
                found.append(_reduction(c, p, op.args[0], op.name.removeprefix("row_"), mask, None, i))
        if stage == p.stages - 1:
            found += [_reduction(c, p, x.register, x.reduce, x.mask, x, -1) for x in stores if x.reduce != "none"]
        p.reductions.append(found)
    _segments(c, p, n_passes)
    return p


def _reduction(c: Cut, p: Pass, register: int, reduce: str, mask: int, store: Store | None, op: int) -> Reduction:
    s = c.source
    n = len(s.dims)
    inside = sum(1 << d for d in range(c.t + 1, n))
    width, to = TILE, n
    if reduce in IDEMPOTENT and inside and mask & inside == inside and c.widths[register] < TILE:
        width, to = ROW, c.t + 1
    part = [d for d in range(c.t, n) if not mask >> d & 1]
    kept = [d for d in range(s.row_start, n) if not mask >> d & 1] if c.staged else part
    turns, turn_strides, at_strides = 1, {}, {}
    for d in reversed(p.along if store is None else p.masked + p.along):
        if mask >> d & 1:
            turn_strides[d] = turns
            turns *= c.count(d)
        elif d in p.along:
            after = prod(s.dims[e] for e in range(d + 1, n) if not mask >> e & 1)
            at_strides[d] = after * (c.k if d == c.t else 1)
    immediate = store is not None and turns == 1
    part_count = prod(s.dims[d] for d in part if d != c.t)
    kept_count = prod(s.dims[d] for d in kept) if c.staged else part_count * (c.k if c.t in part else 1)
    folds = _folds(c, mask, to)
    late = 0
    if store is not None and not immediate and _folds_late(c, p, folds, turns):
        late = c.k * (c.per_k if width == TILE else 1)
    level_bytes = -(-(late or kept_count) * s.dtype(register).itemsize // 64) * 64
    levels = 1 + (turns // LEAF).bit_length()
    cascade = reduce == "sum" and level_bytes <= MOST_LEVEL_BYTES // levels
    return Reduction(
        register,
        reduce,
        mask,
        store,
        op,
        width,
        folds,
        turn_strides,
        at_strides,
        turns,
        immediate,
        cascade,
        levels if cascade else 1,
        part,
        kept,
        part_count,
        kept_count,
        c.t in part,
        late=late,
    )


def _folds_late(c: Cut, p: Pass, folds: list[Fold], turns: int) -> bool:
    """Whether many whole tiles are summed before their short rows or columns are folded."""
    if c.staged or turns < LATE_TURNS or not folds or folds[0].inner >= LATE_INNER:
        return False
    length = folds[0].length * (c.k if folds[0].scale_length else 1)
    return length < LATE_LENGTH and (c.chunks == 1 or c.t in p.outer)


def _folds(c: Cut, mask: int, to: int) -> list[Fold]:
    """From the innermost reduced group of a tile's dimensions outwards."""
    sizes: list[int] = []
    reduced: list[bool] = []
    for d in range(c.t, to):
        bit, count = bool(mask >> d & 1), 1 if d == c.t else c.source.dims[d]
        if reduced and reduced[-1] == bit:
            sizes[-1] *= count
        else:
            sizes.append(count)
            reduced.append(bit)
    out = []
    for g in reversed(range(len(sizes))):
        if reduced[g]:
            inner = prod(n for n, bit in zip(sizes[g + 1 :], reduced[g + 1 :]) if not bit)
            out.append(Fold(prod(sizes[:g]), sizes[g], inner, g > 0, g == 0))
    return out


def _segments(c: Cut, p: Pass, n_passes: int) -> None:
    s = c.source
    p.masked_total = prod(c.count(d) for d in p.masked)
    p.per_segment = p.masked_total
    work = 1 + sum(FACTS[op.name].cost * (2 if op.dtype.itemsize > 4 else 1) for op in s.ops)
    part = min(max(PART_WORK // work, PART_LEAST), PART_ELEMENTS)
    outer = prod(c.count(d) for d in p.outer)
    each = max(1, max(1, prod(s.dims) // outer) // p.masked_total)
    per = max(-(-p.masked_total // SEGMENTS), -(-part // each))
    segments, total = 1 if p.masked_total == 1 else -(-p.masked_total // per), 0
    for r in (r for stage in p.reductions for r in stage):
        r.per_masked = r.turns // p.masked_total
        if r.immediate or r.store is None:
            continue
        n = r.kept_count * s.dtype(r.register).itemsize
        if n > SEGMENT_BYTES // segments // outer:
            segments = 1
        total += -(-outer * segments * n // 64) * 64
    if segments >= 2 and total <= SEGMENT_BYTES and n_passes == 1:
        p.segments, p.per_segment = segments, per
