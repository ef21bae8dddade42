"""``python -m benchmarks.scaling [nodes batch threads width length]``: how cost grows with each of them.

Every quantity is varied alone; the slope is that of log(cost) over log(quantity)
over the upper half of the range: 1 is linear. Writes benchmarks/results/scaling.{json,md,png}.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

from . import engine_graphdiff
from .chains import measure
from .data import WORKLOADS
from .report import markdown, processor, time_text, write

Points = list[tuple[float, float]]


def _step_us(name: str, threads: int = 2, seconds: float = 0.7, **sizes: Any) -> float:
    """The median step of a workload at given sizes, in microseconds."""
    gd.set_num_threads(threads)
    step, _, _ = engine_graphdiff.build(name, WORKLOADS[name](**sizes), threads=threads)
    step()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times))


def nodes() -> dict[str, Points]:
    """Building, differentiating and compiling a chain."""
    rows = [measure(n) for n in (1_000, 10_000, 100_000, 1_000_000)]
    return {k: [(r["n"], 1e6 * r[k]) for r in rows] for k in ("build", "grad", "compile")}


def batch() -> dict[str, Points]:
    """A step of the mlp."""
    return {"mlp": [(n, _step_us("mlp", batch=n)) for n in (1, 4, 16, 64, 256, 1024, 4096)]}


def threads() -> dict[str, Points]:
    """A step on one and on two threads."""
    return {w: [(n, _step_us(w, n)) for n in (1, 2)] for w in ("mlp", "cnn", "gpt", "elem", "gmm")}


def width() -> dict[str, Points]:
    """A step of an mlp of three layers of one width, batch 64."""
    return {"mlp": [(n, _step_us("mlp", sizes=(n, n, n, 10))) for n in (8, 32, 128, 512, 2048)]}


def length() -> dict[str, Points]:
    """A step by sequence length: the transformer (batch 2) and the LSTM."""
    return {
        "gpt": [(n, _step_us("gpt", length=n, batch=2)) for n in (16, 64, 256, 1024)],
        "lstm": [(n, _step_us("lstm", length=n)) for n in (16, 64, 256, 1024)],
    }


KINDS: dict[str, Callable[[], dict[str, Points]]] = {f.__name__: f for f in (nodes, batch, threads, width, length)}


def slope(points: Points) -> float:
    """Of log(cost) over log(quantity), over the upper half of the range."""
    (x0, y0), (x1, y1) = points[(len(points) - 1) // 2], points[-1]
    return math.log(y1 / y0) / math.log(x1 / x0)


def words(kind: str, line: str, points: Points) -> str:
    """The slope said as one would."""
    if kind == "threads":
        return f"{line}: {points[0][1] / points[-1][1]:.2f} times as fast on {points[-1][0]} threads as on one"
    s = slope(points)
    how = (
        "hardly grows"
        if s < 0.25
        else "grows less than linearly"
        if s < 0.85
        else "grows linearly"
        if s < 1.2
        else ("grows more than linearly" if s < 1.8 else "grows with the square")
    )
    return f"{line}: cost {how} with {kind} at the upper end (slope {s:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"of {', '.join(KINDS)} (all)")
    kinds = parser.parse_args().kinds or list(KINDS)
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    found: dict[str, dict[str, Points]] = {}
    text = [f"{processor()}; two threads unless said"]
    for kind in kinds:
        found[kind] = KINDS[kind]()
        about = (KINDS[kind].__doc__ or "").strip()
        lines = [[line, *(time_text(y) for _, y in points)] for line, points in found[kind].items()]
        xs = [f"{x:,}" for x, _ in next(iter(found[kind].values()))]
        said = "\n".join(f"* {words(kind, line, points)}" for line, points in found[kind].items())
        text.append(f"## {kind}\n\n{about}\n\n{markdown(['', *xs], lines)}\n\n{said}")
        print(text[-1], flush=True)
    path = write("scaling", found, "\n\n".join(text))
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(kinds), figsize=(3.4 * len(kinds), 3.2), layout="constrained", squeeze=False)
    for ax, kind in zip(axes[0], kinds):
        for line, points in found[kind].items():
            ax.loglog(*zip(*points), marker="o", markersize=3, label=line)
        ax.set_xlabel(kind)
        ax.set_ylabel("µs")
        ax.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
