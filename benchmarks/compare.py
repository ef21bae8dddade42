"""Engines on one workload, in turns: a machine whose speed drifts is unfair to none.

Invariant: every engine has the same data, threads and time; loss trajectories are held against the first engine's.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
from typing import Any

import numpy as np

from .floor import Rates, floor_us
from .worker import worker

ENGINES = {"graphdiff": "graphdiff", "torch": "torch", "compile": "torch", "jax": "jax", "pytensor": "pytensor"}
"""Engine -> the package it needs."""


POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Variables by which libraries learn how many threads to start, when they are loaded."""


def installed() -> list[str]:
    return [e for e, package in ENGINES.items() if importlib.util.find_spec(package) is not None]


class _Process:
    """A worker and its pipe."""

    def __init__(self, engine: str, name: str, sizes: dict[str, Any], threads: int):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=worker, args=(engine, name, sizes, threads, theirs), daemon=True)
        self.process.start()
        theirs.close()  # so that a process that dies ends the wait

    def answer(self, seconds: float) -> Any:
        """What it says within so many seconds; else it is ended."""
        try:
            if self.pipe.poll(seconds):
                return self.pipe.recv()
            self.process.terminate()
            return {"error": f"no step within {seconds:.0f} s"}
        except (EOFError, OSError):
            return {"error": "the process died"}


def compare(
    name: str, engines: list[str], sizes: dict[str, Any], threads: int, seconds: float, rounds: int, patience: float
) -> list[dict[str, Any]]:
    """Rows of results for one workload. ``patience``: seconds that an engine may take for its first steps."""
    os.environ.update(dict.fromkeys(POOLS, str(threads)))
    rows: list[dict[str, Any]] = []
    running: list[tuple[dict[str, Any], _Process]] = []
    reference = None
    for engine in engines:
        p = _Process(engine, name, sizes, threads)
        row = {"workload": name, "engine": engine, "threads": threads, "sizes": sizes, **p.answer(patience)}
        rows.append(row)
        if "error" in row:
            p.process.join()
            continue
        reference = reference or row["losses"]
        row["agrees"] = bool(np.allclose(row["losses"], reference, rtol=5e-3))
        row["times"] = []
        running.append((row, p))
    machine = _Process("floor", name, sizes, threads)
    machine.answer(patience)
    rates = Rates({}, 0.0)
    for _ in range(rounds):
        for row, p in running:
            p.pipe.send(seconds / rounds)
            row["times"] += p.answer(3600)
        machine.pipe.send(0.6)
        now: Rates = machine.answer(3600)
        rates = Rates({k: max(v, rates.flops.get(k, 0.0)) for k, v in now.flops.items()}, max(now.bytes, rates.bytes))
    for row, p in [*running, ({"times": [0.0]}, machine)]:
        p.pipe.send(None)
        row.update(p.answer(60))
        p.process.join()
        times = row.pop("times")
        median, p99 = np.percentile(times, [50, 99])
        row.update(median_us=1e6 * float(median), p99_us=1e6 * float(p99), steps=len(times))
    for row in rows:
        if "flops" in row:
            row["floor_us"] = floor_us(rates, row["flops"], row["moved_bytes"], row["itemsize"], row["empty_us"])
            row["product_flops_per_second"], row["copy_bytes_per_second"] = rates.flops[row["itemsize"]], rates.bytes
    return rows
