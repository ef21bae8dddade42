"""``python -m benchmarks [workload ...] --engines graphdiff,torch,jax``: step times side by side.

Each engine runs in a process of its own; they take turns, so that a machine whose speed drifts is unfair to none. Loss
trajectories must agree before anything is timed. Sizes are options of the data builders: ``--size batch=128``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np

from .data import WORKLOADS
from .worker import worker

ENGINES = ("graphdiff", "torch", "compile", "jax")


def _answer(pipe: Any) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        return {"error": "the process died"}


def compare(
    name: str, engines: list[str], sizes: dict[str, int], threads: int, seconds: float, rounds: int
) -> list[Any]:
    """Rows of results for one workload."""
    context = multiprocessing.get_context("spawn")
    rows: list[dict[str, Any]] = []
    running = []
    reference = None
    for engine in engines:
        ours, theirs = context.Pipe()
        process = context.Process(target=worker, args=(engine, name, sizes, threads, theirs), daemon=True)
        process.start()
        theirs.close()  # so that a process that dies ends the wait
        row = {"workload": name, "engine": engine, "threads": threads, **_answer(ours)}
        rows.append(row)
        if "error" in row:
            continue
        reference = reference or row["losses"]
        row["agrees"] = bool(np.allclose(row["losses"], reference, rtol=5e-3))
        running.append((row, ours, process))
    for row, *_ in running:
        row["times"] = []
    for _ in range(rounds):
        for row, pipe, _process in running:
            pipe.send(seconds / rounds)
            row["times"] += pipe.recv()
    for row, pipe, process in running:
        pipe.send(None)
        row.update(pipe.recv())
        process.join()
        times = row.pop("times")
        median, p99 = np.percentile(times, [50, 99])
        row.update(median_us=1e6 * float(median), p99_us=1e6 * float(p99), steps=len(times))
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = ["| workload | engine | median | p99 | first call | peer ÷ graphdiff | agrees |",
             "|---|---|--:|--:|--:|--:|---|"]  # fmt: skip
    ours = {r["workload"]: r["median_us"] for r in rows if r["engine"] == "graphdiff" and "median_us" in r}
    for r in rows:
        if "error" in r:
            lines.append(f"| {r['workload']} | {r['engine']} | {r['error']} | | | | |")
            continue
        ratio = f"{r['median_us'] / ours[r['workload']]:.2f}" if r["workload"] in ours else ""
        lines.append(f"| {r['workload']} | {r['engine']} | {r['median_us']:,.1f} µs | {r['p99_us']:,.1f} µs | "
                     f"{r['first']:.2f} s | {ratio} | {'yes' if r['agrees'] else 'NO'} |")  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="workload", help=f"of {', '.join(WORKLOADS)} (all)")
    parser.add_argument("--engines", default="graphdiff,torch,jax", help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4.0, help="of timing for each engine and workload")
    parser.add_argument("--rounds", type=int, default=4, help="turns that the engines take")
    parser.add_argument("--size", action="append", default=[], metavar="NAME=N", help="an argument of the data builder")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    a = parser.parse_args()
    names = a.workloads or list(WORKLOADS)
    for n in names:
        if n not in WORKLOADS:
            parser.error(f"no workload {n!r}; there are {', '.join(WORKLOADS)}")
    sizes = {k: int(v) for k, v in (s.split("=") for s in a.size)}
    rows: list[dict[str, Any]] = []
    for n in names:
        rows += compare(n, a.engines.split(","), sizes, a.threads, a.seconds, a.rounds)
        print(table([r for r in rows if r["workload"] == n]), flush=True)
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "speed.json").write_text(json.dumps(rows, indent=1))
    (a.out / "speed.md").write_text(table(rows) + "\n")


if __name__ == "__main__":
    main()
