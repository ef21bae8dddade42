"""Values of a tile folded as they come, where the plan has no room for all of them: streams on a function's frame.

The core has a tile's values on a thread's stack, which is none of the plan's memory. Owns: which values are kept in the
scratch and which are streamed; the lines that open a stream and give it values, a block of the last loop each time.
Invariant: the bits of values that lie there. Must not know: what becomes of a fold's result.
"""

from __future__ import annotations

from collections.abc import Sequence

from .tile_cut import Reduction
from .tile_loops import Loops
from .unit import overlap

MOST_STREAMS = 4  # of a function: its frame has them


class Streams(Loops):
    """The streams of one walk."""

    def _stream(self) -> str:
        """The name of one more object of a stream."""
        self.unit.streams += 1
        return f"t{self.unit.streams - 1}"

    def _can_stream(self, r: Reduction) -> bool:
        """Whether a tile's values may be folded as they come."""
        if self.unit.streams == MOST_STREAMS or (r.immediate and not r.folds):
            return False
        operands = self.unit.step.operands
        reads = [operands[v.operand] for v in self.s.loads if v.operand >= 0]
        return r.store is None or not any(overlap(operands[r.store.view.operand], x) for x in reads)

    def _open_stream(
        self, stream: str, reduce: str, dtype: str, to: str, length: int | str, inner: int | str, row: int | str
    ) -> None:
        self.out(f"{self.unit.helper('stream', reduce, dtype)} {stream};")
        verb = self.unit.helper("stream", reduce, dtype, f"open_{reduce}")
        self.out(f"{verb}(&{stream}, {to}, {length}, {inner}, {row});")

    def _call(self, stream: str, reduce: str, dtype: str) -> str:
        """The call that takes values of a stream's block, but for their number."""
        return f"{self.unit.helper('stream', reduce, dtype, f'more_{reduce}')}(&{stream}"

    def _calls(self, reductions: Sequence[Reduction]) -> list[str]:
        """Those of all of these that are streams."""
        found = [(r, self.places[id(r)].get("stream")) for r in reductions]
        return [self._call(name, r.reduce, self.s.dtype(r.register).name) for r, name in found if name]

    def _push(self, stream: str, reduce: str, dtype: str, value: str, innermost: str) -> None:
        """A value into the block; without a loop in blocks, which ``innermost`` is the index of, by itself."""
        self.out(f"{stream}.block[{f'{innermost} - n0' if innermost else '0'}] = {value};")
        if not innermost:
            self.out(f"{self._call(stream, reduce, dtype)}, 1);")

    def _is_kept(self, r: int, is_folded: bool) -> bool:
        """Whether a row's values are kept in the scratch: where there is room for them, or, of those that are folded,
        for no stream."""
        key = id(self.p), r
        if key not in self.kept:
            is_forced = is_folded and self.unit.streams + 1 >= MOST_STREAMS
            self.kept[key] = self.unit.spares(self.c.per_k * self.s.dtype(r).itemsize) or is_forced
        return self.kept[key]
