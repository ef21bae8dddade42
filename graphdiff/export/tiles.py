"""Tile instructions as straight loops over their elements, with what does not change from turn to turn outside of them.

A tile without sums and rows is nothing but its loops. Where there are sums, a tile's values are left in the scratch, or
a stream takes them as they come (tile_streams.py), and are folded and added up in the core's order (tile_cut.py has it,
reductions.py the functions).
Must not know: where operands lie; how other kernels are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from math import prod

from ..ops.microops import MICROOPS as FACTS
from .sources import C_TYPES
from .tile_cut import LEAF, ROW, TILE, Fold, Reduction, cut
from .tile_source import Source, Store, read
from .tile_streams import Streams
from .unit import Unit, overlap
from .writer import address, index

_DEAR = 4  # in additions: a value of a row that costs so much is computed once for all phases


def write(unit: Unit) -> None:
    """The body of one tile instruction."""
    source = read(unit.step)
    if prod(source.dims) == 0:
        _fill(unit, source)
        return
    c = cut(source)
    for n, p in enumerate(c.passes):
        with ExitStack() as stack:
            if len(c.passes) > 1:
                stack.enter_context(unit.out.block(f"/* walk {n + 1} of {len(c.passes)} */"))
            _Writer(unit, c, p).write()


def _fill(unit: Unit, s: Source) -> None:
    """What reductions over nothing leave."""
    for store in s.stores:
        kept = [d for d in range(len(s.dims)) if not store.mask >> d & 1]
        if store.reduce == "none" or any(s.dims[d] == 0 for d in kept):
            continue
        with ExitStack() as stack:
            for d in kept:
                stack.enter_context(unit.out.block(f"for (ptrdiff_t i{d} = 0; i{d} < {s.dims[d]}; i{d}++)"))
            at = index(store.view.offset, [store.view.strides[d] for d in kept], [f"i{d}" for d in kept])
            unit.out(f"{unit.name(store.view.operand)}[{at}] = {_identity(store.reduce, store.view.dtype.name)};")


def _identity(reduce: str, dtype: str) -> str:
    if reduce in ("max", "min"):
        least = {"int32": "INT32_MIN", "int64": "INT64_MIN"}.get(dtype, "-INFINITY")
        most = {"int32": "INT32_MAX", "int64": "INT64_MAX"}.get(dtype, "INFINITY")
        return least if reduce == "max" else most
    return "1" if reduce in ("prod", "all") else "0"


class _Writer(Streams):
    """One walk: what each tile leaves, and what becomes of it."""

    # ------------------------------------------------------------------ the walk
    def write(self) -> None:
        for d in range(len(self.s.dims)):  # an index that is always 0
            if self.s.dims[d] == 1:
                self.bound.add(d)
                for v in self.s.views:
                    v.strides[d] = 0
        self.deps = self._deps()
        self.row_dims = range(self.s.row_start, self.s.row_end)
        if not self.reductions:
            self._without_sums()
            return
        for r in self.reductions:
            self._reserve(r)
        read = {id(r.store) for r in self.reductions if self._direct(r) is not None}  # where it is
        wanted = self._closure([x.register for x in self.p.stores if id(x) not in read])
        with ExitStack() as outer:
            self._settle(wanted)
            self._over_tiles(outer, wanted, self.p.outer)
            if self.p.segments > 1:
                self._segmented(wanted)
            else:
                with ExitStack() as masked:
                    self._over_tiles(masked, wanted, self.p.masked)
                    self._stages()
                self._store_totals(str(self.p.masked_total))

    def _without_sums(self) -> None:
        wanted = self._closure(x.register for x in self.p.stores)
        has_rows = len(self.row_dims) > 0 and any(op.is_row for op in self.s.ops)
        with ExitStack() as stack:
            self._settle(wanted)
            steps = [d for d in range(len(self.s.dims)) if not has_rows or d not in self.row_dims]
            dims = [d for d in steps if self.s.dims[d] > 1]
            if dims and not has_rows:  # each element by itself, and no scratch
                self.unit.parallel(prod(self.s.dims))
            for d in dims:
                self._loop(stack, wanted, d, f"i{d}", self.s.dims[d])
            if has_rows:
                self._phases()
            else:
                self._plain_stores()

    def _plain_stores(self, are_due: bool = True) -> None:
        for x in self.p.stores if are_due else ():
            if x.reduce == "none":
                self.out(f"{self._at(x.view)} = {self.names[x.register]};")

    def _segmented(self, wanted: Sequence[int]) -> None:
        """The masked loops as one, cut into segments whose results are folded at the end."""
        p, c = self.p, self.c
        with self.out.block(f"for (ptrdiff_t segment = 0; segment < {p.segments}; segment++)"):
            self.out(f"const ptrdiff_t first = segment * {p.per_segment};")
            self.out(
                f"const ptrdiff_t n = {p.masked_total} - first < {p.per_segment} ? {p.masked_total} - first : "
                f"{p.per_segment};"
            )
            with ExitStack() as stack:
                stack.enter_context(self.out.block("for (ptrdiff_t turn = 0; turn < n; turn++)"))
                after = 1
                for d in reversed(p.masked):
                    name, whole = f"c{d}" if d == c.t else f"i{d}", after * c.count(d)
                    at = "(first + turn)" + (f" / {after}" if after > 1 else "")
                    self.out(f"const ptrdiff_t {name} = {at}{f' % {c.count(d)}' if whole < p.masked_total else ''};")
                    after = whole
                    if d == c.t:
                        self._steps()
                    else:
                        stack.callback(self._forget, dict(self.names), d, False)
                        self.bound.add(d)
                self._settle(wanted)
                self._stages()
            for r, total in self._totals("n"):
                place, n = self.places[id(r)], self._kept_count(r)
                self.out(f"memcpy({place['left']} + segment * {n}, {total}, (size_t)({n}) * sizeof *{place['left']});")
        for r in self._open():
            place, n = self.places[id(r)], self._kept_count(r)
            fold = self.unit.helper("fold", r.reduce, self.s.dtype(r.register).name)
            self.out(f"{fold}({place['level']}, {place['left']}, 1, {p.segments}, {n});")
            self._scatter(r, place["level"])

    def _open(self) -> list[Reduction]:
        return [r for r in self.reductions if r.store is not None and not r.immediate]

    def _store_totals(self, masked: str) -> None:
        for r, total in self._totals(masked):
            self._scatter(r, total)

    def _totals(self, masked: str) -> list[tuple[Reduction, str]]:
        """The open reductions and where all that they have summed is, after so many turns of the masked loops."""
        found = []
        for r in self._open():
            place = self.places[id(r)]
            if r.cascade:
                n = self._times_k(self.c.per_k if r.width == TILE else 1) if r.late else self._kept_count(r)
                turns = masked if r.per_masked == 1 else f"{masked} * {r.per_masked}"
                collect = self.unit.helper("tree", "sum", self.s.dtype(r.register).name, "collect")
                self.out(f"{collect}({place['level']}, {place['apart']}, {n}, {turns});")
            found.append((r, self._fold(r, place["level"]) if r.late else place["level"]))
        return found

    def _kept_count(self, r: Reduction) -> str:
        if self.c.by_row or not r.part_scaled:
            return str(r.kept_count)
        return self._times_k(r.part_count)

    def _stages(self) -> None:
        if not self.c.staged:
            self._tile(self.p.reductions[0], True)
            return
        for number_, reductions in enumerate(self.p.reductions):
            last = number_ == self.p.stages - 1
            targets = [r.register for r in reductions if self._direct(r) is None]
            targets += [x.register for x in self.p.stores if last and x.reduce == "none"]
            with ExitStack() as stack:
                wanted = self._closure(targets)
                self._settle(wanted)
                if self.p.along or not last:
                    stack.callback(self._forget, dict(self.names), -1, True)
                self._over_tiles(stack, wanted, self.p.along)
                self._tile(reductions, last)
            for r in reductions:
                if r.store is None:
                    place, dtype = self.places[id(r)], self.s.dtype(r.register).name
                    if r.cascade:
                        collect = self.unit.helper("tree", "sum", dtype, "collect")
                        n = self._kept_count(r) if self.c.columns else "1"
                        self.out(f"{collect}({place['level']}, {place['apart']}, {n}, {r.turns});")
                    register = self.s.register_of(r.op)
                    if self.c.columns:
                        self.columns[register] = place["level"]
                        continue
                    self.out(f"const {C_TYPES[dtype]} r{register} = {place['level']}[0];")
                    self.names[register] = f"r{register}"

    def _tile(self, reductions: Sequence[Reduction], last: bool) -> None:
        """One tile: its values, stored or left in the scratch, then what each reduction makes of them."""
        c, inner = self.c, self.c.inside
        has_rows = not c.staged and len(self.row_dims) > 0 and any(op.is_row for op in self.s.ops)
        direct = {id(r): self._direct(r) for r in reductions}
        narrow = [r for r in reductions if r.width == ROW and direct[id(r)] is None]
        wide = [r for r in reductions if r.width == TILE and direct[id(r)] is None]
        stores = [x for x in self.p.stores if last and x.reduce == "none"]
        if narrow or wide or stores:
            wanted = self._closure([r.register for r in narrow + wide] + [x.register for x in stores])
            with ExitStack() as stack:
                self._settle(wanted)
                stack.callback(self._forget, dict(self.names), -1, True)
                for r in (*narrow, *wide):
                    self._begin(r)
                if has_rows:
                    self._tile_loops(stack, wanted, ())
                    self._phases(narrow, wide)
                elif narrow:
                    is_both = bool(wide or stores)
                    self._tile_loops(stack, wanted, (), () if is_both else self._calls(narrow))
                    self._leave(narrow, "" if is_both else self._step())
                    with ExitStack() as deeper:
                        for d in inner if is_both else ():
                            calls = self._calls(wide) if d == inner[-1] else ()
                            self._loop(deeper, wanted, d, f"i{d}", self.s.dims[d], calls)
                        self._leave(wide, f"i{inner[-1]}" if inner else "")
                        self._plain_stores(last)
                else:
                    self._tile_loops(stack, wanted, inner, self._calls(wide))
                    self._leave(wide, f"i{inner[-1]}" if inner else self._step())
                    self._plain_stores(last)
        for r in reductions:
            self._reduce(r, direct[id(r)])

    def _leave(self, reductions: Sequence[Reduction], innermost: str) -> None:
        """Values to where they are folded from. ``innermost``: the index of the loop in blocks, "" where none is."""
        step, inner = "0" if self.s.dims[self.c.t] == 1 else self._step(), self.c.inside
        for r in reductions:
            if stream := self.places[id(r)].get("stream"):
                self._push(stream, r.reduce, self.s.dtype(r.register).name, self.names[r.register], innermost)
                continue
            dims = inner if r.width == TILE else ()
            strides = [self.c.per_k if r.width == TILE else 1, *(prod(self.s.dims[d + 1 :]) for d in dims)]
            at = index(0, strides, [step, *(f"i{d}" for d in dims)])
            self.out(f"{self.places[id(r)]['values']}[{at}] = {self.names[r.register]};")

    def _direct(self, r: Reduction) -> str | None:
        """Where a tile's values lie in memory as they are, one after the other; None where they do not."""
        if r.register >= len(self.s.loads) or r.width == ROW or self.c.within:
            return None
        v, step = self.s.loads[r.register], 1
        if v.operand < 0 or self._is_overwritten(v.operand):
            return None
        for d in range(len(self.s.dims) - 1, self.c.t, -1):
            if self.s.dims[d] > 1 and v.strides[d] != step:
                return None
            step *= self.s.dims[d]
        if v.strides[self.c.t] != step and self.s.dims[self.c.t] > 1:
            return None
        names = [f"i{d}" if d < self.c.t else f"c{d} * {self.c.k}" for d in range(self.c.t + 1)]
        strides = [v.strides[d] if self.s.dims[d] > 1 else 0 for d in range(self.c.t + 1)]
        if self.c.chunks == 1:
            strides[self.c.t] = 0
        return address(self.unit.name(v.operand), index(v.offset, strides, names))

    def _is_overwritten(self, operand: int) -> bool:
        """Whether a tile's stores write what was read of an operand, before sums are taken."""
        operands = self.unit.step.operands
        stores = (x.view.operand for x in self.p.stores if x.reduce == "none")
        return any(overlap(operands[operand], operands[n]) for n in stores)

    # ------------------------------------------------------------------ rows within a tile
    def _phases(self, narrow: Sequence[Reduction] = (), wide: Sequence[Reduction] = ()) -> None:
        """One step: each level of row operations on what the levels before have left, then what is stored."""
        s, levels = self.s, self.c.levels
        rows = [s.register_of(i) for i, op in enumerate(s.ops) if op.is_row and s.register_of(i) in self.p.needed]
        final = [x.register for x in self.p.stores if x.reduce == "none"] + [r.register for r in (*narrow, *wide)]
        last = max((levels[r] for r in rows), default=0)
        operands = {r: s.ops[r - s.register_of(0)].args[0] for r in rows}
        row = "column" if self.c.within else "row"
        shared = self._shared([[operands[r] for r in rows if levels[r] == n + 1] for n in range(last)] + [final])
        for level in range(last + 1):
            here = [r for r in rows if levels[r] == level + 1]
            targets = [operands[r] for r in here] if level < last else final
            wanted = self._closure(targets)
            self._settle(wanted)
            direct = {a: self._direct_row(a) for a in targets} if level < last else {}
            fill = sorted({a for a in targets if level < last and direct[a] is None and a not in self.buffers})
            streams = {r: self._stream() for r in here if operands[r] in fill and not self._is_kept(operands[r], True)}
            keep = [a for a in fill if self._is_kept(a, True)]
            keep += [
                r
                for r in wanted
                if level < last and r in shared and not (r in fill or r in self.buffers) and self._is_kept(r, False)
            ]
            columns = [r for r in narrow if r.column and level == last]
            keep += [r for r in dict.fromkeys(c.register for c in columns) if r not in self.buffers and r not in keep]
            if level == last:
                self._leave([r for r in narrow if not r.column], "")
            calls = self._calls(wide) if level == last else []
            for r, stream in streams.items():
                inner = 1 if self.c.within else 0
                total = f"&{stream}.total"
                self._open_stream(stream, self._row_reduce(r), s.dtype(r).name, total, self.c.per_k, inner, 0)
                calls.append(self._call(stream, self._row_reduce(r), s.dtype(r).name))
            if keep or streams or (level == last and (wide or any(x.reduce == "none" for x in self.p.stores))):
                with ExitStack() as stack:
                    for d in self.row_dims:
                        self._loop(stack, wanted, d, f"i{d}", s.dims[d], calls if d == self.row_dims[-1] else ())
                    for r in keep:
                        self.out(f"{self._row_buffer(r)}[{self._within_row()}] = {self.names[r]};")
                    innermost = f"i{self.row_dims[-1]}"
                    for r, stream in streams.items():
                        self._push(stream, self._row_reduce(r), s.dtype(r).name, self.names[operands[r]], innermost)
                    if level == last:
                        self._leave(wide, innermost)
                        self._plain_stores()
            self.buffers.update({r: self._row_buffer(r) for r in keep})
            for r in here:
                a = operands[r]
                if r in streams:
                    value = f"{streams[r]}.total"
                else:
                    fold = self.unit.helper(row, self._row_reduce(r), s.dtype(a).name)
                    value = f"{fold}({direct[a] or self.buffers[a]}, {self.c.per_k})"
                self.out(f"const {C_TYPES[s.dtype(a).name]} r{r} = {value};")
                self.names[r] = f"r{r}"
            for c in columns:
                fold = self.unit.helper(row, c.reduce, s.dtype(c.register).name)
                total = f"{fold}({self.buffers[c.register]}, {self.c.per_k})"
                self.out(f"{self.places[id(c)]['values']}[{self._step()}] = {total};")
        self.buffers.clear()

    def _shared(self, phases: Sequence[Sequence[int]]) -> set[int]:
        """Dear values along a row that several phases need."""
        count: dict[int, int] = {}
        for targets in phases:
            for r in self._closure(targets):
                count[r] = count.get(r, 0) + 1
        first = self.s.register_of(0)
        varying = frozenset(self.row_dims)
        return {
            r
            for r, n in count.items()
            if n > 1 and r >= first and self.deps[r] & varying and FACTS[self.s.ops[r - first].name].cost >= _DEAR
        }

    def _row_reduce(self, r: int) -> str:
        """The reduction that a row operation is."""
        return self.s.ops[r - self.s.register_of(0)].name.removeprefix("row_")

    def _row_buffer(self, r: int) -> str:
        return self.unit.room(self.s.dtype(r).name, self.c.per_k, ("row", id(self.p), r))

    def _direct_row(self, r: int) -> str | None:
        if r >= len(self.s.loads) or self.s.loads[r].operand < 0:
            return None
        v, step = self.s.loads[r], 1
        for d in reversed(self.row_dims):
            if self.s.dims[d] > 1 and v.strides[d] != step:
                return None
            step *= self.s.dims[d]
        strides = [0 if d in self.row_dims else stride for d, stride in enumerate(v.strides)]
        return address(self.unit.name(v.operand), index(v.offset, strides, self._index_names()))

    # ------------------------------------------------------------------ sums
    def _begin(self, r: Reduction) -> None:
        """Opens the stream of a tile's values, where that is what becomes of them."""
        stream = self.places[id(r)].get("stream")
        if stream is None:
            return
        dtype = self.s.dtype(r.register).name
        if r.folds and not r.late:
            f = r.folds[0]
            length = self._times_k(f.length) if f.scale_length else f.length
            self._open_stream(
                stream, r.reduce, dtype, self._fold_target(r, 0), length, 0 if f.inner == 1 else f.inner, 0
            )
            return
        level, n, turn = self._level(r)
        is_later = f"({turn}) % {LEAF} != 0" if r.cascade else f"({turn}) != 0"
        self._open_stream(stream, r.reduce, dtype, level, "PTRDIFF_MAX", n, is_later)

    def _reserve(self, r: Reduction) -> None:
        """The scratch of a reduction."""
        dtype, c, place = self.s.dtype(r.register).name, self.c, {}
        unit, key = self.unit, id(r)
        if self._direct(r) is None:
            count = c.k * (c.per_k if r.width == TILE else 1)
            if self._can_stream(r) and not unit.spares(count * self.s.dtype(r.register).itemsize):
                place["stream"] = self._stream()
            else:
                place["values"] = unit.room(dtype, count, (key, "values"))
        for n, f in enumerate(r.folds[:-1] if len(r.folds) > 1 else ()):
            if n < 2:
                place[f"fold{n}"] = unit.room(dtype, self._left_by(f), (key, n))
        if r.folds and not (r.immediate and self._contiguous(r)):
            place["part"] = unit.room(dtype, self._left_by(r.folds[-1]), (key, "part"))
        if not r.immediate:
            size = self.s.dtype(r.register).itemsize
            apart = -(-(r.late or r.kept_count) * size // 64) * 64 // size
            place["apart"] = str(apart)
            place["level"] = unit.room(dtype, apart * r.levels, (key, "level"))
            if self.p.segments > 1 and r.store is not None:
                place["left"] = unit.room(dtype, self.p.segments * r.kept_count, (key, "left"))
        self.places[id(r)] = place

    def _left_by(self, f: Fold) -> int:
        return f.outer * f.inner * (self.c.k if f.scale_outer or f.scale_inner else 1)

    def _reduce(self, r: Reduction, direct: str | None) -> None:
        """A tile's contribution, folded, then added to what there is."""
        place, dtype = self.places[id(r)], self.s.dtype(r.register).name
        if "stream" not in place:
            values = direct or place["values"]
            values = values if r.late else self._fold(r, values)
        else:
            values = self._fold(r, self._fold_target(r, 0), 1) if r.folds and not r.late else "NULL"
        if r.immediate:
            if not r.folds or self._contiguous(r) is None:
                self._scatter(r, values)
            return
        level, n_part, turn = self._level(r)
        if r.cascade:
            climb = self.unit.helper("tree", "sum", dtype, "climb")
            self.out(f"{climb}({level}, {place['apart']}, {values}, {n_part}, {turn});")
        elif values != "NULL":
            join = self.unit.helper("join", r.reduce, dtype)
            self.out(f"{join}({level}, {values}, {n_part}, {turn} == 0);")

    def _level(self, r: Reduction) -> tuple[str, str, str]:
        """Where a tile's contribution is added, of how many elements it is, and its number."""
        n_part = self._times_k(r.part_count) if r.part_scaled else str(r.part_count)
        if r.late:
            n_part = self._times_k(self.c.per_k if r.width == TILE else 1)
        names = {d: f"c{d}" if d == self.c.t else f"i{d}" for d in (*self.p.masked, *self.p.along)}
        turns = dict(r.turn_strides)
        if self.p.segments > 1 and r.store is not None:
            turn = "turn" if r.per_masked == 1 else f"turn * {r.per_masked}"
            along = index(
                0, [turns[d] for d in self.p.along if d in turns], [names[d] for d in self.p.along if d in turns]
            )
            turn = turn if along == "0" else f"{turn} + {along}"
        else:
            turn = index(0, list(turns.values()), [names[d] for d in turns])
        at = index(0, list(r.at_strides.values()), [names[d] for d in r.at_strides])
        return address(self.places[id(r)]["level"], at), n_part, turn

    def _fold_target(self, r: Reduction, n: int) -> str:
        """Where the fold number ``n`` leaves its result."""
        is_last = n == len(r.folds) - 1
        memory = self._contiguous(r) if is_last and r.immediate else None
        return memory or self.places[id(r)]["part" if is_last else f"fold{n % 2}"]

    def _fold(self, r: Reduction, values: str, first: int = 0) -> str:
        """A tile, or what was summed of whole ones, made its contribution, by the folds from ``first`` on; where that
        is."""
        dtype = self.s.dtype(r.register).name
        for n, f in enumerate(r.folds):
            if n < first:
                continue
            target = self._fold_target(r, n)
            fold = self.unit.helper("fold", r.reduce, dtype)
            outer = self._times_k(f.outer) if f.scale_outer else str(f.outer)
            length = self._times_k(f.length) if f.scale_length else str(f.length)
            inner = self._times_k(f.inner) if f.scale_inner else str(f.inner)
            self.out(f"{fold}({target}, {values}, {outer}, {length}, {inner});")
            values = target
        return values

    def _target(self, r: Reduction) -> tuple[Store, list[int], str]:
        """A store's reduction: the store, the dimensions kept of what is at hand, and where its first element goes."""
        assert r.store is not None
        dims = r.kept if self.c.by_row and not r.immediate else r.part
        v = r.store.view
        fixed = [0 if d in dims else stride for d, stride in enumerate(v.strides)]
        names = [
            f"c{d} * {self.c.k}" if d == self.c.t and self.c.chunks > 1 else f"i{d}" for d in range(len(self.s.dims))
        ]
        if self.c.t in dims and self.c.chunks > 1 and not (self.c.by_row and not r.immediate):
            fixed[self.c.t] = v.strides[self.c.t]
        fixed = [0 if self.s.dims[d] == 1 or (d > self.c.t and d in dims) else stride for d, stride in enumerate(fixed)]
        return r.store, dims, address(self.unit.name(v.operand), index(v.offset, fixed, names))

    def _contiguous(self, r: Reduction) -> str | None:
        """Where the result of a tile goes, if it lies there as it is made."""
        store, dims, target = self._target(r)
        step = 1
        for d in reversed(dims):
            if self.s.dims[d] > 1 and store.view.strides[d] != step:
                return None
            step *= self.s.dims[d]
        return target

    def _scatter(self, r: Reduction, values: str) -> None:
        """A result to its place, element by element."""
        store, dims, target = self._target(r)
        whole = self.c.by_row and not r.immediate
        open_dims = [d for d in dims if self.s.dims[d] > 1]
        strides = [prod(self.s.dims[e] for e in open_dims if e > d) for d in open_dims]
        with ExitStack() as stack:
            for d in open_dims:
                count = self._times_k(1) if d == self.c.t and not whole else str(self.s.dims[d])
                stack.enter_context(self.out.block(f"for (ptrdiff_t j{d} = 0; j{d} < {count}; j{d}++)"))
            names = [f"j{d}" for d in open_dims]
            to = index(0, [store.view.strides[d] for d in open_dims], names)
            at = f"({target})[{to}]" if "+" in target else f"{target}[{to}]"
            value = f"({values})" if "+" in values else values
            self.out(f"{at} = {value}[{index(0, strides, names)}];")
