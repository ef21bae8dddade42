"""A tile instruction cut as the core cuts it.

The order of sums is part of what an instruction means: a tile's contribution is folded, contributions are added up in a
tree, and long reductions are cut into segments (csrc/tile/tile_prepare.c, whose steps these are, by shape alone).
Owns: that order. Invariant: the same numbers as the core's preparation.
Must not know: C, buffers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from ..ops.microops import MICROOPS as FACTS
from .tile_source import Source, Store

TILE_BYTES, REGISTER_BYTES, MOST_TILE_BYTES, ROW_BYTES = 2048, 24576, 8192, 8192
PART_ELEMENTS, PART_LEAST, PART_WORK = 32768, 1024, 65536
COLUMNS, COLUMN_BYTES, DEAR = 64, 16384, 4  # as in tile_prepare.c
SEGMENTS, SEGMENT_BYTES = 64, 1 << 22
LATE_TURNS, LATE_INNER, LATE_LENGTH = 4, 16, 256  # where tiles are summed whole, then folded
LEAF = 8  # turns summed one by one before the tree of sums begins
MOST_LEVEL_BYTES = 1 << 26
IDEMPOTENT = ("max", "min", "all", "any")
ONE, ROW, TILE = range(3)


# --------------------------------------------------------------------------------------- the cut


@dataclass
class Fold:
    """(outer, length, inner) becomes (outer, inner); one of them counts times the steps of a tile."""

    outer: int
    length: int
    inner: int
    scale_outer: bool
    scale_length: bool
    scale_inner: bool


@dataclass
class Reduction:
    """What becomes of a register's tiles. ``store`` None: the result of a row operation, number ``op``.

    ``width``: ROW where a tile has one value a step, which with ``column`` is that of the column that the step is;
    ``turn_strides``, ``at_strides``: by loop, which turn it is and where its contribution stands among ``kept``
    elements; ``cascade``: sums in a tree of ``levels``; ``late``: elements of whole tiles, which are summed before they
    are folded, or 0."""

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
    column: bool = False


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
    """``k`` steps of dimension ``t`` (``last_k`` in the last of ``chunks``), ``per_k`` elements each, are a tile; those
    are along the dimensions ``inside``. ``columns``: rows lie across the last dimension, and a step is a column, or
    where they are ``staged`` each step, or each tile, has a part of several."""

    source: Source
    t: int
    k: int
    last_k: int
    per_k: int
    chunks: int
    staged: bool
    columns: bool
    inside: list[int]
    widths: list[int]
    levels: list[int]
    passes: list[Pass] = field(default_factory=list)

    def count(self, dim: int) -> int:
        """Turns of a dimension's loop over tiles."""
        return self.chunks if dim == self.t else self.source.dims[dim]

    @property
    def within(self) -> bool:
        """Whether a step is a column."""
        return self.columns and not self.staged

    @property
    def by_row(self) -> bool:
        """Whether what is accumulated is of a whole row, walked tile by tile."""
        return self.staged and not self.columns

    def along(self, dim: int) -> bool:
        """Whether the loop over a dimension walks along rows."""
        return self.staged and self.source.row_start <= dim < self.source.row_end


def cut(s: Source) -> Cut:
    """How an instruction over at least one element is cut."""
    item = max([4, *(s.dtype(r).itemsize for r in range(s.n_registers))])
    limit = max(TILE_BYTES, min(REGISTER_BYTES // max(s.n_registers, 1) // 1024 * 1024, MOST_TILE_BYTES)) // item
    row = prod(s.dims[s.row_start : s.row_end])
    has_rows = s.row_start < s.row_end
    columns = has_rows and s.row_end < len(s.dims)
    if columns:
        staged = not _has_dear_rows(s) or row * min(s.dims[-1], COLUMNS) > COLUMN_BYTES // item
    else:
        staged = has_rows and row > ROW_BYTES // item
    per_k = 1
    if columns:
        t = len(s.dims) - 1
        if not staged:
            per_k = row
        elif s.dims[t] <= limit // 4:
            per_k = s.dims[t]
            t -= 1
    elif has_rows and not staged:
        t, per_k = s.row_start - 1, row
    else:
        lowest, t = s.row_start if staged else 0, len(s.dims) - 1
        while t > lowest and s.dims[t] * per_k <= limit:
            per_k *= s.dims[t]
            t -= 1
    across = columns and t >= s.row_end
    size, most = s.dims[t], max(COLUMNS if across else 1, limit // per_k)
    k = size if size <= most else -(-size // -(-size // most))
    if (per_k == 1 or across) and size > most:
        k = -(-k // 16) * 16
    while across and size > k and size - size // k * k == 1:
        k += 16
    chunks = 1 if size <= most else -(-size // k)
    first = s.row_start if columns and not staged else t
    inside = [d for d in range(first, len(s.dims)) if d != t]
    c = Cut(s, t, k, size - (chunks - 1) * k, per_k, chunks, staged, columns, inside, [], [])
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


def _has_dear_rows(s: Source) -> bool:
    """Whether something dear of each element is reduced along rows, so that stages would compute it again."""
    rows = range(s.row_start, s.row_end)
    moves = [any(v.strides[d] != 0 for d in rows) for v in s.loads] + [False] * len(s.consts)
    for op in s.ops:
        moves.append(not op.is_row and any(moves[a] for a in op.args))
    reduced: set[int] = set()
    for i in reversed(range(len(s.ops))):
        r, op = s.register_of(i), s.ops[i]
        inside = moves[r] and r in reduced
        if inside and FACTS[op.name].cost >= DEAR:
            return True
        if op.is_row or inside:
            reduced.update(op.args)
    return False


def _widths(c: Cut) -> None:
    s = c.source
    for v in s.loads:
        if any(v.strides[d] != 0 for d in c.inside):
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
            width = ROW if not c.staged else TILE if c.columns else ONE
            level += 1
        c.widths.append(width)
        c.levels.append(level)


def _loops(c: Cut) -> list[int]:
    return [d for d in range(c.t + 1) if d not in c.inside and c.count(d) > 1]


def _walk(c: Cut, store: Store) -> int | None:
    """The dimensions of loops over whole tiles or rows that a store reduces over; None: it goes along with any walk."""
    rows = mask = 0
    for d in _loops(c):
        if store.mask >> d & 1:
            if c.along(d):
                rows |= 1 << d
            else:
                mask |= 1 << d
    return mask if mask or rows else None


def _pass(c: Cut, stores: list[Store], reduced: int, n_passes: int) -> Pass:
    s = c.source
    loops = _loops(c)
    along = [d for d in loops if c.along(d)]
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
                mask = sum(1 << d for d in range(s.row_start, s.row_end))
                found.append(_reduction(c, p, op.args[0], op.name.removeprefix("row_"), mask, None, i))
        if stage == p.stages - 1:
            found += [_reduction(c, p, x.register, x.reduce, x.mask, x, -1) for x in stores if x.reduce != "none"]
        p.reductions.append(found)
    _segments(c, p, n_passes)
    return p


def _reduction(c: Cut, p: Pass, register: int, reduce: str, mask: int, store: Store | None, op: int) -> Reduction:
    s = c.source
    n = len(s.dims)
    inside = sum(1 << d for d in c.inside)
    tile = sorted([c.t, *c.inside])
    narrow = reduce in IDEMPOTENT and inside != 0 and mask & inside == inside and c.widths[register] < TILE
    column = c.within and not narrow  # folded from its first element to its last, as the fold of all columns is
    width = ROW if narrow or column else TILE
    part = [d for d in tile if not mask >> d & 1]
    kept = [d for d in range(s.row_start, n) if not mask >> d & 1] if c.by_row else part
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
    kept_count = prod(s.dims[d] for d in kept) if c.by_row else part_count * (c.k if c.t in part else 1)
    folds = _folds(c, mask, [c.t] if width == ROW else tile)
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
        column=column,
    )


def _folds_late(c: Cut, p: Pass, folds: list[Fold], turns: int) -> bool:
    """Whether many whole tiles are summed before their short rows or columns are folded."""
    if c.staged or turns < LATE_TURNS or not folds or folds[0].inner >= LATE_INNER:
        return False
    length = folds[0].length * (c.k if folds[0].scale_length else 1)
    return length < LATE_LENGTH and (c.chunks == 1 or c.t in p.outer)


def _folds(c: Cut, mask: int, dims: list[int]) -> list[Fold]:
    """From the innermost reduced group of a tile's dimensions outwards."""
    sizes: list[int] = []
    reduced: list[bool] = []
    scaled = 0
    for d in dims:
        bit, count = bool(mask >> d & 1), 1 if d == c.t else c.source.dims[d]
        if reduced and reduced[-1] == bit:
            sizes[-1] *= count
        else:
            sizes.append(count)
            reduced.append(bit)
        if d == c.t:
            scaled = len(sizes) - 1
    out = []
    for g in reversed(range(len(sizes))):
        if reduced[g]:
            inner = prod(n for n, bit in zip(sizes[g + 1 :], reduced[g + 1 :]) if not bit)
            scales = (g > scaled, g == scaled, g < scaled and not reduced[scaled])
            out.append(Fold(prod(sizes[:g]), sizes[g], inner, *scales))
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
