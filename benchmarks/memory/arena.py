"""``python -m benchmarks.memory arena``: how near the arena comes to the most that is ever alive, and in what time.

Three kinds of buffers: the instances A to F of google/minimalloc (its folder benchmarks/challenging), with the
allocator SuperMalloc of the package omnimalloc beside it on one core and for the same seconds where that is installed;
our own training graphs, as compiling lays them out; and many random buffers. Writes
benchmarks/results/memory_arena.{json,md}.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff.runtime.assemble import PLACE_SECONDS
from graphdiff.schedule.arena import place
from graphdiff.schedule.memory import ALIGN

from ..report import markdown, processor, time_text, write
from .models import compiled
from .networks import LAYERED, NETWORKS, layered

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "minimalloc"
MANY = 60_000

Buffers = tuple[np.ndarray, np.ndarray, np.ndarray]  # lower, upper, size
Placer = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def read(path: Path) -> Buffers:
    """The buffers of a CSV file with the columns id, lower, upper, size."""
    with path.open(newline="") as file:
        rows = [[int(row[k]) for k in ("lower", "upper", "size")] for row in csv.DictReader(file)]
    lower, upper, size = np.array(rows, np.int64).T
    return lower, upper, size


def ours(seconds: float, align: int = 1) -> Placer:
    return lambda lower, upper, size: place(lower, upper, size, seconds, align=align).offsets


def supermalloc(seconds: float) -> Placer:
    """SuperMalloc on one core."""
    om = importlib.import_module("omnimalloc")
    allocator = importlib.import_module("omnimalloc.allocators").SupermallocAllocator(timeout=seconds, num_threads=1)

    def run(lower: np.ndarray, upper: np.ndarray, size: np.ndarray) -> np.ndarray:
        buffers = [om.Allocation(k, *b) for k, b in enumerate(zip(size.tolist(), lower.tolist(), upper.tolist()))]
        offsets = {b.id: b.offset for b in om.allocate(buffers, allocator)}
        return np.array([offsets[k] for k in range(len(buffers))], np.int64)

    return run


def measure(name: str, placer: str, buffers: Buffers, run: Placer) -> dict[str, Any]:
    """Peak and bound, counted here from the offsets alone, and seconds; that no two overlap is checked."""
    lower, upper, size = buffers
    start = time.perf_counter()
    offsets = run(*buffers)
    seconds = time.perf_counter() - start
    steps = np.concatenate([lower, upper])
    order = np.lexsort((np.repeat([1, 0], len(lower)), steps))  # at one time ends come before starts
    bound = int(np.cumsum(np.concatenate([size, -size])[order]).max())
    return {
        "buffers": name,
        "placer": placer,
        "n": len(lower),
        "peak": int((offsets + size).max()),
        "bound": bound,
        "seconds": seconds,
        "valid": apart(lower, upper, size, offsets),
    }


def apart(lower: np.ndarray, upper: np.ndarray, size: np.ndarray, offsets: np.ndarray) -> bool:
    """Whether no two buffers share memory while both are alive."""
    by_start = np.argsort(lower, kind="stable")
    live = np.zeros(0, np.int64)
    for i in by_start.tolist():
        live = live[upper[live] > lower[i]]
        if np.any((offsets[live] < offsets[i] + size[i]) & (offsets[i] < offsets[live] + size[live])):
            return False
        live = np.append(live, i)
    return bool(np.all(offsets >= 0))


def many(n: int) -> Buffers:
    """Lifetimes and sizes of all magnitudes."""
    rng = np.random.default_rng(0)
    lower = rng.integers(0, n, n)
    upper = lower + 1 + (10 ** rng.uniform(0, 2.5, n)).astype(np.int64)
    return lower, upper, (2 ** rng.uniform(6, 20, n)).astype(np.int64)


def graph(name: str) -> Buffers:
    """What compiling lays out for the step of a network."""
    number = name.removeprefix("layered")
    network = layered(int(number)) if number != name else NETWORKS[name]()
    lives = compiled(network)._compiled.lifetimes
    return np.array(lives.first), np.array(lives.last) + 1, lives.sizes({})


def table(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown, with mean and worst of each placer on the instances."""
    header = ["buffers", "number", "placer", "peak", "most alive", "peak ÷ most alive", "time"]
    lines = []
    for r in rows:
        ratio = r["peak"] / r["bound"]
        lines.append(
            [
                r["buffers"],
                f"{r['n']:,}",
                r["placer"],
                f"{r['peak']:,}",
                f"{r['bound']:,}",
                f"{ratio:.4f}" if r["valid"] else "NOT VALID",
                time_text(1e6 * r["seconds"]),
            ]
        )
    text = markdown(header, lines)
    for placer in dict.fromkeys(r["placer"] for r in rows if r["instance"]):
        ratios = [r["peak"] / r["bound"] for r in rows if r["instance"] and r["placer"] == placer]
        mean = float(np.exp(np.mean(np.log(ratios))))
        text += f"\n\n{placer} on the {len(ratios)} instances: geometric mean {mean:.4f}, worst {max(ratios):.4f}."
    return text


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory arena", description=__doc__)
    parser.add_argument("--instances", type=Path, default=FOLDER, help="folder of CSV files: id, lower, upper, size")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each instance, nominally")
    parser.add_argument("--many", type=int, default=MANY, help="number of random buffers")
    a = parser.parse_args(arguments)
    notes = [
        f"{processor()}, one core; {a.seconds:g} s for an instance, 5 s for random buffers, "
        f"{time_text(1e6 * PLACE_SECONDS)} for a graph, all nominal"
    ]
    placers = {"graphdiff": ours(a.seconds)}
    if importlib.util.find_spec("omnimalloc"):
        placers["supermalloc"] = supermalloc(a.seconds)
    else:
        notes.append("omnimalloc is not installed: no SuperMalloc beside")
    files = sorted(a.instances.glob("*.csv")) if a.instances.is_dir() else []
    if not files:
        notes.append(f"no instances: {a.instances} has no CSV files; --instances names their folder")
    rows = [
        {**measure(f.stem.split(".")[0], name, read(f), run), "instance": True}
        for f in files
        for name, run in placers.items()
    ]
    for name in [*NETWORKS, *(f"layered{n}" for n in LAYERED)]:
        rows.append({**measure(name, "graphdiff", graph(name), ours(PLACE_SECONDS, ALIGN)), "instance": False})
    rows.append({**measure("random", "graphdiff", many(a.many), ours(5.0)), "instance": False})
    text = "\n\n".join([*notes, table(rows)])
    print(text)
    write("memory_arena", rows, text)
