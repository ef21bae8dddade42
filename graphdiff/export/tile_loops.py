"""The loops of a tile's walk, and what is computed where in them: each value as far outside as it can be.

Must not know: sums, rows, what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import prod

from .formula import Formula
from .reductions import AT_ONCE
from .sources import C_TYPES, applied, applied_near
from .tile_cut import Cut, Pass
from .tile_source import View
from .unit import Unit
from .writer import index, number

_MADE = re.compile(r"const \w+ (\w+) = ")
_NAMES = re.compile(r"\w+")


class Loops:
    """The loops of one walk. ``names``: the expressions of registers that are there; ``bound``: the dimensions whose
    index is known."""

    def __init__(self, unit: Unit, c: Cut, p: Pass):
        self.unit, self.out, self.c, self.s, self.p = unit, unit.out, c, c.source, p
        self.names: dict[int, str] = {}
        self.bound: set[int] = set()
        self.buffers: dict[int, str] = {}  # a row's values, by register
        self.kept: dict[tuple[int, int], bool] = {}  # by walk and register: whether a row's values are in the scratch
        self.columns: dict[int, str] = {}  # the results of rows that are walked in stages, one for each column
        self.reductions = [r for stage in p.reductions for r in stage]
        self.row_dims = range(self.s.row_start, self.s.row_end)
        self.deps = self._deps()
        self.places: dict[int, dict[str, str]] = {}  # scratch of a reduction, by its id
        # Of the innermost loop: lines with a value that needs a library's function far out, each with where it does
        # not and the line as it is there
        self.near: dict[str, tuple[str, str]] = {}

    def _deps(self) -> list[frozenset[int]]:
        """The dimensions that each register changes along."""
        out = [frozenset(d for d, stride in enumerate(v.strides) if stride) for v in self.s.loads]
        out += [frozenset()] * len(self.s.consts)
        for op in self.s.ops:
            found = frozenset().union(*(out[a] for a in op.args))
            out.append(found - frozenset(self.row_dims) if op.is_row else found)
        return out

    # ------------------------------------------------------------------ values
    def _is_row_result(self, register: int) -> bool:
        n = register - self.s.register_of(0)
        return n >= 0 and self.s.ops[n].is_row

    def _closure(self, targets: Iterable[int]) -> list[int]:
        """The registers that have to be computed for ``targets``, in order."""
        waiting, found = list(targets), set()
        while waiting:
            r = waiting.pop()
            if r in found or r in self.names:
                continue
            found.add(r)
            n = r - self.s.register_of(0)
            if n >= 0 and r not in self.buffers and not self.s.ops[n].is_row:
                waiting += self.s.ops[n].args
        return sorted(found)

    def _settle(self, wanted: Sequence[int]) -> None:
        """Computes what can be at this place of the loops."""
        for r in wanted:
            if r in self.names:
                continue
            needs = self.deps[r]
            if r in self.buffers:
                needs |= frozenset(self.row_dims)
            if r in self.columns:
                needs |= {len(self.s.dims) - 1}
            if needs <= self.bound and (value := self._value(r)) is not None:
                if r in range(len(self.s.loads), self.s.register_of(0)):
                    self.names[r] = value
                    continue
                head = f"const {C_TYPES[self.s.dtype(r).name]} r{r} = "
                self.out(f"{head}{value};")
                if (near := self._near(r)) is not None:
                    self.near[self.out.lines[-1].strip()] = near[0], f"{head}{near[1]};"
                self.names[r] = f"r{r}"

    def _value(self, r: int) -> str | None:
        """A register's value of registers that are there; None where one is not."""
        if r in self.buffers:
            return self._buffered(r)
        if r in self.columns:
            last = len(self.s.dims) - 1
            return f"{self.columns[r]}[{self._step() if last == self.c.t else f'i{last}'}]"
        if r < len(self.s.loads):
            return self._at(self.s.loads[r])
        n = r - self.s.register_of(0)
        if n < 0:
            const = self.s.consts[r - len(self.s.loads)]
            value = number(const)
            return f"({value})" if value.startswith("-") else value
        op = self.s.ops[n]
        if op.is_row or any(a not in self.names for a in op.args):
            return None
        compute = self.s.dtype(op.args[op.name == "where"]).name
        return applied(op.name, op.dtype.name, compute, [self.names[a] for a in op.args])

    def _near(self, r: int) -> tuple[str, str] | None:
        n = r - self.s.register_of(0)
        if n < 0 or r in self.buffers or r in self.columns:
            return None
        op = self.s.ops[n]
        compute = self.s.dtype(op.args[op.name == "where"]).name
        return applied_near(op.name, compute, [self.names[a] for a in op.args])

    def _index_names(self) -> list[str]:
        return [f"i{d}" for d in range(len(self.s.dims))]

    def _at(self, v: View) -> str:
        strides = [stride if d in self.bound else 0 for d, stride in enumerate(v.strides)]
        at = index(v.offset, strides, self._index_names())
        return f"(int64_t)({at})" if v.operand < 0 else f"{self.unit.name(v.operand)}[{at}]"

    def _within_row(self) -> str:
        """An element's place in its row."""
        strides = [prod(self.s.dims[d + 1 : self.s.row_end]) for d in self.row_dims]
        return index(0, strides, [f"i{d}" for d in self.row_dims])

    def _buffered(self, r: int) -> str:
        return f"{self.buffers[r]}[{self._within_row()}]"

    # ------------------------------------------------------------------ loops
    def _open_loop(self, stack: ExitStack, name: str, count: int | str, streams: Sequence[str]) -> None:
        """A loop; with ``streams`` in blocks, whose values are left in each and then taken, by these calls."""
        if not streams:
            stack.enter_context(self._elements(name, count))
            return
        stack.enter_context(self.out.block(f"for (ptrdiff_t n0 = 0; n0 < {count}; n0 += {AT_ONCE})"))
        self.out(f"const ptrdiff_t m0 = {count} - n0 < {AT_ONCE} ? {count} - n0 : {AT_ONCE};")
        for call in streams:
            stack.callback(self.out, f"{call}, m0);")
        stack.enter_context(self._elements(name, None))

    @contextmanager
    def _elements(self, name: str, count: int | str | None) -> Iterator[None]:
        """A loop over ``count`` elements, or those of a block of a stream. Where some value needs a library's function
        far out, it is in blocks, each of which looks first whether all are near: compilers make no vectors of calls."""
        out, begun, outer = self.out, len(self.out.lines), self.near
        self.near = {}
        first, last = ("0", count) if count is not None else ("n0", "n0 + m0")
        with out.block(f"for (ptrdiff_t {name} = {first}; {name} < {last}; {name}++)"):
            yield
        near, self.near = self.near, outer
        body = [line.strip() for line in out.lines[begun + 1 : -1]]
        if not near or any(line.endswith("{") for line in body):
            return
        del out.lines[begun:]
        with ExitStack() as stack:
            if count is not None:
                stack.enter_context(out.block(f"for (ptrdiff_t n0 = 0; n0 < {count}; n0 += {AT_ONCE})"))
                out(f"const ptrdiff_t m0 = {count} - n0 < {AT_ONCE} ? {count} - n0 : {AT_ONCE};")
            else:
                stack.enter_context(out.block(""))
            out("int near = 1;")
            there = [near[line][1] if line in near else line for line in body]
            head = f"for (ptrdiff_t {name} = n0; {name} < n0 + m0; {name}++)"
            self._block(head, _looks(body, there, near))
            with out.block("if (near)"):
                self._block(head, there)
            with out.block("else"):
                self._block(head, body)

    def _block(self, head: str, lines: Sequence[str]) -> None:
        with self.out.block(head):
            for line in lines:
                self.out(line)

    def _loop(
        self,
        stack: ExitStack,
        wanted: Sequence[int],
        dim: int,
        name: str,
        count: int | str,
        streams: Sequence[str] = (),
    ) -> None:
        """Opens a loop whose index is that of a dimension, or of its chunks."""
        before = dict(self.names)
        stack.callback(self._forget, before, dim, dim in self.bound)
        self._open_loop(stack, name, count, streams)
        if name == f"i{dim}":
            self.bound.add(dim)
            self._settle(wanted)

    def _forget(self, names: dict[int, str], dim: int, was_bound: bool) -> None:
        self.names = {r: n for r, n in self.names.items() if r in names}
        if not was_bound:
            self.bound.discard(dim)

    def _tile_loops(
        self, stack: ExitStack, wanted: Sequence[int], inner: Sequence[int], streams: Sequence[str] = ()
    ) -> None:
        """The loops over the steps of a tile and over the dimensions ``inner`` within a step, the last in blocks."""
        t, own = self.c.t, () if inner else streams
        if self.c.chunks > 1:
            before = dict(self.names)
            stack.callback(self._forget, before, t, t in self.bound)
            self._open_loop(stack, "u", "k", own)
            self.out(f"const ptrdiff_t i{t} = c{t} * {self.c.k} + u;")
            self.bound.add(t)
            self._settle(wanted)
        else:
            self._loop(stack, wanted, t, f"i{t}", self.s.dims[t], own)
        for d in inner:
            self._loop(stack, wanted, d, f"i{d}", self.s.dims[d], streams if d == inner[-1] else ())

    def _over_tiles(self, stack: ExitStack, wanted: Sequence[int], dims: Iterable[int]) -> None:
        for d in dims:
            if d == self.c.t:
                self._loop(stack, wanted, d, f"c{d}", self.c.chunks)
                self._steps()
            else:
                self._loop(stack, wanted, d, f"i{d}", self.s.dims[d])

    def _step(self) -> str:
        """The index of the loop over a tile's steps."""
        return "u" if self.c.chunks > 1 else f"i{self.c.t}"

    def _steps(self) -> None:
        c = self.c
        last = (
            f"c{c.t} < {c.chunks - 1} ? {c.k} : {c.last_k}"
            if isinstance(c.last_k, Formula) or c.k != c.last_k
            else str(c.k)
        )
        self.out(f"const ptrdiff_t k = {last};")

    def _times_k(self, n: int) -> str:
        if self.c.chunks == 1:
            return str(n * self.c.k)
        return "k" if n == 1 else f"k * {n}"


def _looks(body: Sequence[str], there: Sequence[str], near: Mapping[str, tuple[str, str]]) -> list[str]:
    """What tells whether all values of ``near`` need no library's function: where each does not, and what that reads.
    ``there``: the lines of ``body`` where none does."""
    out: list[str] = []
    read: set[str] = set()
    for line, value in zip(reversed(body), reversed(there)):
        made = _MADE.match(value)
        new = [value] if made is not None and made[1] in read else []
        if line in near:
            new.append(f"near &= {near[line][0]};")
        out += new
        read.update(*map(_NAMES.findall, new))
    return out[::-1]
