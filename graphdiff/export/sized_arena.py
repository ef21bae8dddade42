"""Where buffers and scratch lie when sizes are arguments: each over those that are below it, by formulas.

A placement at sample sizes (schedule/arena.py) is kept as an order: of two pieces that are alive at once, which lies
above the other. By such an order a piece begins where the highest of those below it ends, so nothing overlaps at any
sizes, and at the sample's the arena is as small as the placement. What is small at some sizes may not be at others:
there are a few orders, and a call takes the one that is smallest for it.
Owns: orders, their formulas as C. Must not know: instructions, what pieces hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..runtime.assemble import PLACE_SECONDS
from ..schedule import arena
from .program import ALIGN
from .writer import Lines

MOST_PIECES = 900  # a call's frame has their places, 4 bytes each
MOST_ORDERS = 4
_TRIED = 32  # samples of which placements are made
Env = Mapping[str, int]


@dataclass
class Piece:
    """Memory that is alive from instruction ``first`` to ``last``. ``text``: its blocks of 64 bytes as an expression of
    C; ``at``: their number at sizes."""

    first: int
    last: int
    text: str
    at: Callable[[Env], int]


Order = list[tuple[int, tuple[int, ...]]]  # pieces from the lowest up, each with those it has to be above


class Arena:
    """The pieces of a program, and the orders that are good for ``samples``."""

    def __init__(self, pieces: Sequence[Piece], samples: Sequence[Env]):
        self.pieces = pieces
        step = max(1, len(samples) // _TRIED)
        tried = [*samples[::step], samples[-1]]
        least = {n: self._placed(env) for n, env in enumerate(tried)}
        self.orders = [self._order(least[0][0])]
        while len(self.orders) < MOST_ORDERS:
            over = {n: self.blocks_at(tried[n]) - peak for n, (_, peak) in least.items()}
            worst = max(over, key=lambda n: over[n] / max(1, least[n][1]))
            if over[worst] <= 0:
                break
            self.orders.append(self._order(least[worst][0]))

    def blocks_at(self, env: Env) -> int:
        """The blocks of all, of the smallest order."""
        sizes = [p.at(env) for p in self.pieces]
        return min(self._end(order, sizes) for order in self.orders)

    def _end(self, order: Order, sizes: Sequence[int]) -> int:
        ends: dict[int, int] = {}
        for n, below in order:
            ends[n] = max((ends[k] for k in below), default=0) + sizes[n]
        return max(ends.values(), default=0)

    def _placed(self, env: Env) -> tuple[list[int], int]:
        """Places at some sizes, and the end of all."""
        first, last = [p.first for p in self.pieces], [p.last + 1 for p in self.pieces]
        found = arena.place(first, last, np.array([p.at(env) for p in self.pieces], np.int64), PLACE_SECONDS)
        return [int(n) for n in found.offsets], int(found.peak)

    def _order(self, places: Sequence[int]) -> Order:
        """Of pieces that are alive at once the one that lies lower is below, whatever their sizes are elsewhere."""
        out: Order = []
        under: dict[int, set[int]] = {}  # all that is below a piece, also by others
        for n in sorted(range(len(self.pieces)), key=lambda n: (places[n], n)):
            p, direct = self.pieces[n], []
            under[n] = set()
            for k, _ in reversed(out):
                q = self.pieces[k]
                if q.first <= p.last and p.first <= q.last and k not in under[n]:
                    direct.append(k)
                    under[n] |= {k} | under[k]
            out.append((n, tuple(sorted(direct))))
        return out

    def write(self, code: Lines, name: str, declared: str, unused: Sequence[str]) -> None:
        """The function ``name``: puts where pieces begin into ``at``, in blocks, and gives the end of all, which tells
        places that are too large for that."""
        sizes = dict.fromkeys(p.text for p in self.pieces)
        names = {text: f"n{i}" for i, text in enumerate(sizes)}
        several = len(self.orders) > 1
        with code.block(f"static int64_t {name}({declared}, uint32_t *at)"):
            for text, word in names.items():
                code(f"const int64_t {word} = {text};")
            code(" ".join([*unused, "(void)at;"]))
            if not several:
                code("int64_t end = 0;")
                self._write_order(code, self.orders[0], names)
                code("return end;")
                return
            code("int64_t end = 0, least = 0, best = 0;")
            count = len(self.orders)
            with code.block(f"for (int64_t turn = 0; turn <= {count}; turn++)"):
                code(f"const int64_t order = turn < {count} ? turn : best;")
                code("end = 0;")
                for n, order in enumerate(self.orders):
                    with code.block(("else " if n else "") + (f"if (order == {n})" if n < count - 1 else "")):
                        self._write_order(code, order, names)
                code("if (turn == 0 || end < least) least = end, best = turn;")
            code("return end;")

    def _write_order(self, code: Lines, order: Order, names: Mapping[str, str]) -> None:
        for n, below in order:
            start = "0"
            for i, k in enumerate(below):
                end = f"at[{k}] + {names[self.pieces[k].text]}"
                start = end if i == 0 else f"size_most({start}, {end})"
            code(f"at[{n}] = (uint32_t)({start});")
            code(f"end = size_most(end, at[{n}] + {names[self.pieces[n].text]});")


def blocks(count: int) -> int:
    """Bytes as blocks."""
    return -(-count // ALIGN)
