"""What a call spent, instruction by instruction: a table and a Chrome trace.

Must not know: how it was measured; it is handed times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..files import write_file
from ..late import given_later
from ..wording import count, one_line, quoted, seconds_text


class ProfileRow(NamedTuple):
    """One instruction: ``ns`` per call and as ``predicted_ns`` by the rates of the machine, ``flops``, ``bytes`` read
    and written, the user's ``source`` line; ``ceiling_ns``, what this machine's best product takes for as many flops or
    a copy for as many bytes, whichever ``bound`` says takes longer."""

    index: int  # type: ignore[assignment]  # not tuple's
    phase: str
    name: str
    source: str
    ns: float
    flops: int
    bytes: int
    predicted_ns: float
    ceiling_ns: float
    bound: str  # "flops" or "bytes"
    labels: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The name with what people call the values that the instruction computes."""
        return " ".join([self.name, *map(quoted, self.labels)])

    def __repr__(self) -> str:
        time = f"{seconds_text(1e-9 * self.ns)}, predicted {seconds_text(1e-9 * self.predicted_ns)}"
        return one_line(f"<{self.phase} {self.told}: {time}, {self.flops:,} flops, {self.bytes:,} bytes>")

    @property
    def of_ceiling(self) -> float:
        """The achieved rate ÷ the measured ceiling: 1 where nothing is left to gain."""
        return self.ceiling_ns / self.ns if self.ns else 0.0

    @property
    def gflops(self) -> float:
        """10^9 operations a second."""
        return self.flops / self.ns if self.ns else 0.0

    @property
    def gbytes(self) -> float:
        """10^9 bytes a second."""
        return self.bytes / self.ns if self.ns else 0.0


@given_later("graphdiff.inspect", "_repr_html_")
class Profile:
    """Times of each instruction, averaged over ``calls``. ``str(profile)`` is a table, dearest first.

    Handed to ``gd.compile(…, costs=profile)``, it makes predictions of the same graph those of what was measured."""

    def __init__(
        self, name: str, rows: Sequence[ProfileRow], calls: int, factors: Mapping[tuple[str, str], float] | None = None
    ):
        self.name, self.rows, self.calls = name, tuple(rows), calls
        self._factors = dict(factors or {})  # that the predictions were made with

    @property
    def total_ns(self) -> float:
        return sum(r.ns for r in self.rows)

    @property
    def predicted_ns(self) -> float:
        return sum(r.predicted_ns for r in self.rows)

    def factors(self) -> dict[tuple[str, str], float]:
        """Measured time ÷ that predicted by rates alone, by name and source line: what corrects predictions for the
        same graph, at any sizes."""
        measured: dict[tuple[str, str], float] = {}
        predicted: dict[tuple[str, str], float] = {}
        for r in self.rows:
            key = r.name, r.source
            measured[key] = measured.get(key, 0.0) + r.ns
            predicted[key] = predicted.get(key, 0.0) + r.predicted_ns
        return {
            k: measured[k] / predicted[k] * self._factors.get(k, 1.0)
            for k in measured
            if measured[k] > 0 and predicted[k] > 0
        }

    def __str__(self) -> str:
        total = self.total_ns or 1.0
        lines = [
            f"{self.name}: {seconds_text(1e-9 * total)} a call in {count(len(self.rows), 'instruction')} "
            f"(mean of {self.calls}), predicted {seconds_text(1e-9 * self.predicted_ns)}; "
            f"of the ceiling that flops or bytes set: {100 * sum(r.ceiling_ns for r in self.rows) / total:.0f} %",
            f"{'#':>5}  {'phase':<9}  {'time':>10}  {'predicted':>10}  {'%':>5}  {'Gflop/s':>8}  {'GB/s':>7}  "
            f"{'of ceiling':>11}  operation",
        ]
        for r in sorted(self.rows, key=lambda r: -r.ns):
            at = f"  # {r.source}" if r.source else ""
            lines.append(
                f"{r.index:>5}  {r.phase:<9}  "
                f"{seconds_text(1e-9 * r.ns):>10}  {seconds_text(1e-9 * r.predicted_ns):>10}  "
                f"{100 * r.ns / total:>5.1f}  {r.gflops:>8.2f}  {r.gbytes:>7.2f}  "
                f"{100 * r.of_ceiling:>4.0f} % {r.bound}  {r.told}{at}"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        what = f"{seconds_text(1e-9 * self.total_ns)} a call in {count(len(self.rows), 'instruction')}"
        return one_line(f"<Profile of {self.name}: {what}, mean of {count(self.calls, 'call')}>")

    def write_trace(self, path: str | Path) -> None:
        """Writes a trace that chrome://tracing and Perfetto open."""
        events, at = [], 0.0
        for r in self.rows:
            args = {
                "source": r.source,
                "flops": r.flops,
                "bytes": r.bytes,
                "Gflop/s": r.gflops,
                "GB/s": r.gbytes,
                "of ceiling": r.of_ceiling,
                "bound": r.bound,
                "predicted us": r.predicted_ns / 1000,
            }
            events.append(
                {
                    "name": r.told,
                    "cat": r.phase,
                    "ph": "X",
                    "pid": 0,
                    "tid": 0,
                    "ts": at / 1000,
                    "dur": r.ns / 1000,
                    "args": args,
                }
            )
            at += r.ns
        write_file(path, json.dumps({"traceEvents": events}))
