"""Engines on the rows, in turns, each in a process of its own; results of all are held against one another.

Invariant: every engine has the same data, threads and time. Must not know: what is computed.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..compare import POOLS
from .engines import ENGINES
from .workloads import WORKLOADS, rows

Row = dict[str, Any]  # engine -> microseconds, and under "differs" who disagrees, under "failed" what engines said
LONGEST = 2000  # calls of one turn


def _worker(engine: str, threads: int, clock: str, pipe: Any) -> None:
    """Makes a row's program where it is told its name, then times it for as many seconds as it is told."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # JAX takes its number from it
    e, run = ENGINES[engine](threads), None
    now: Callable[[], float] = time.process_time if clock == "cpu" else time.perf_counter
    while (asked := pipe.recv()) is not None:
        try:
            if isinstance(asked, str):
                workload, size = rows()[asked]
                w = WORKLOADS[workload]
                run = w.program(e, w.data(**w.sizes[size]))
                first = run.arrays(run.step())
                second = run.arrays(run.step())  # of descent: after the first step
                pipe.send([np.array(a, np.float64) for a in (*first, second[0])])
            else:
                pipe.send(_time(run.step, asked, now))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}".splitlines()[0][:120])


def _time(step: Callable[[], Any], seconds: float, now: Callable[[], float]) -> float:
    """The median seconds of a call; calls that are short are timed many at a time."""
    step()
    start = time.perf_counter()
    step()
    many = max(1, min(1000, int(1e-3 / max(1e-7, time.perf_counter() - start))))
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < end and len(times) < LONGEST):
        start = now()
        for _ in range(many):
            step()
        times.append((now() - start) / many)
    return float(np.median(times))


class _Engine:
    """A process that is started again where it has died or was too slow."""

    def __init__(self, engine: str, threads: int, clock: str):
        self.given = engine, threads, clock
        self.process: Any = None

    def ask(self, what: str | float, patience: float) -> Any:
        """Its answer; text where there is none."""
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=_worker, args=(*self.given, theirs), daemon=True)
            self.process.start()
            theirs.close()  # so that a process that dies ends the wait
        try:
            self.pipe.send(what)
            if self.pipe.poll(patience):
                return self.pipe.recv()
        except (EOFError, OSError):
            pass
        self.end()
        return f"no answer within {patience:.0f} s"

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def compare(
    names: list[str], engines: list[str], threads: int, seconds: float, rounds: int, clock: str, patience: float
) -> Iterator[tuple[str, Row]]:
    """Each row with its results. ``seconds``: of timing for an engine and row; ``patience``: for its first calls."""
    os.environ.update(dict.fromkeys(POOLS, str(threads)))
    processes = {e: _Engine(e, threads, clock) for e in engines}
    try:
        for name in names:
            w = WORKLOADS[rows()[name][0]]
            row: Row = {}
            results: dict[str, Any] = {}
            for e in (e for e in engines if e in w.engines):
                answer = processes[e].ask(name, patience)
                (row.setdefault("failed", {}) if isinstance(answer, str) else results)[e] = answer
            row["differs"] = differing(results, w.rtol)
            times: dict[str, list[float]] = {e: [] for e in results}
            for _ in range(rounds):
                for e in times:
                    answer = processes[e].ask(seconds / rounds, 60 + 100 * seconds)
                    times[e].append(math.nan if isinstance(answer, str) else answer)
            row.update({e: 1e6 * min(found) for e, found in times.items()})
            yield name, row
    finally:
        for p in processes.values():
            p.end()


def differing(results: dict[str, list[np.ndarray]], rtol: float) -> list[str]:
    """The engines whose results are others than the first one's."""
    if not results:
        return []
    first = next(iter(results.values()))

    def same(other: list[np.ndarray]) -> bool:
        if [a.size for a in first] != [a.size for a in other]:
            return False
        near = [(a.ravel(), b.ravel(), rtol * np.abs(a).max(initial=0)) for a, b in zip(first, other)]
        return all(np.allclose(a, b, rtol=rtol, atol=atol) for a, b, atol in near)

    return [e for e, found in results.items() if not same(found)]


def ratio(row: Row) -> float:
    """The fastest peer's time over graphdiff's; NaN where one of them is missing."""
    peers = [row[e] for e in ENGINES if e != "graphdiff" and e in row and e not in row["differs"]]
    return min(peers) / row["graphdiff"] if peers and "graphdiff" in row else math.nan


def mean(ratios: list[float]) -> float:
    """The geometric mean of those that are numbers."""
    known = [math.log(r) for r in ratios if not math.isnan(r)]
    return math.exp(sum(known) / len(known)) if known else math.nan
