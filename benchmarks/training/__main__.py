"""Five models trained by graphdiff, PyTorch, JAX and Keras: lines of code, and the time of a step in one run.

    python -m benchmarks.training [--rounds 5] [--threads N] [--keras]

A step's time is what a user waits: what a run of many epochs takes longer than one of two, over the steps between,
data, update and loss included; so many that the steps between take about a second. Rounds alternate between the
engines, so that what else the machine does is shared; of each length the least of the rounds counts, so there are two
at least: JAX compiles in the first. It is timed where Flax and Optax are installed too; its lines are not counted.
Keras is counted, and timed with ``--keras``, on its PyTorch backend. With one thread the process is kept on one core,
since JAX knows no such option.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import graphdiff as gd

MODELS = ("cnn", "gpt", "tagger", "resnet", "vae")
ENGINES = {"graphdiff": "ours", "PyTorch": "by_torch", "JAX": "by_jax", "Keras": "by_keras"}
COUNTED = ("graphdiff", "PyTorch", "Keras")
ROWS, SHORT, MORE, MOST = 640, 2, 3, 100  # rows of data; epochs: of the short run, and of the long one beyond it


def data_of(name: str) -> tuple[Any, Any]:
    """Random arrays of the model's shapes."""
    rng = np.random.default_rng(0)
    if name == "cnn":
        return rng.normal(size=(ROWS, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, ROWS)
    if name == "gpt":
        return rng.integers(0, 100, (ROWS, 64)), rng.integers(0, 100, (ROWS, 64))
    if name == "tagger":
        lengths = rng.integers(1, 25, ROWS)
        target = np.where(np.arange(24) < lengths[:, None], rng.integers(0, 3, (ROWS, 24)), -1)
        return (rng.integers(0, 4, (ROWS, 24)), lengths), target
    return rng.uniform(size=(ROWS, 64)).astype(np.float32), rng.integers(0, 10, ROWS)


def lines(module: str) -> dict[str, int]:
    """The lines of each model's function that hold code, blank ones and comments left out."""
    text = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    rows, counted = text.splitlines(), {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            body = [row.strip() for row in rows[node.lineno - 1 : node.end_lineno]]
            counted[node.name] = sum(bool(row) and not row.startswith("#") for row in body)
    return counted


def engines(keras: bool) -> dict[str, ModuleType]:
    """Those that are timed."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    left = set() if keras else {"Keras"}
    if any(importlib.util.find_spec(package) is None for package in ("jax", "flax", "optax")):
        left.add("JAX")
    return {e: importlib.import_module(f"{__package__}.{module}") for e, module in ENGINES.items() if e not in left}


def seconds_of(train: Any, x: Any, t: Any, epochs: int) -> float:
    start = time.perf_counter()
    train(x, t, epochs)
    return time.perf_counter() - start


def beyond(train: Any, x: Any, t: Any) -> int:
    """The epochs that take about a second, by a first guess that compiles too."""
    for epochs in (SHORT, SHORT + MORE):
        train(x, t, epochs)
    short, long = (seconds_of(train, x, t, epochs) for epochs in (SHORT, SHORT + MORE))
    return int(min(max(MORE / max(long - short, 1e-3), MORE), MOST))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keras", action="store_true", help="time it too")
    args = parser.parse_args()
    if args.rounds < 2:
        parser.error("--rounds must be 2 or more: the first holds compiling")
    if args.threads == 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    gd.set_num_threads(args.threads)
    found = engines(args.keras)
    importlib.import_module("torch").set_num_threads(args.threads)
    counted = {engine: lines(module) for engine, module in ENGINES.items() if engine in COUNTED}
    print("| model | " + " | ".join([f"{e}, lines" for e in COUNTED] + [f"{e}, ms a step" for e in found]) + " |")
    print("|---" * (1 + len(COUNTED) + len(found)) + "|")
    for name in MODELS:
        x, t = data_of(name)
        train = {engine: getattr(module, name) for engine, module in found.items()}
        more = {engine: beyond(f, x, t) for engine, f in train.items()}
        least = {(engine, extra): float("inf") for engine, n in more.items() for extra in (0, n)}
        for _ in range(args.rounds):
            for engine, extra in least:
                seconds = seconds_of(train[engine], x, t, SHORT + extra)
                least[engine, extra] = min(least[engine, extra], seconds)
        cells = [str(counted[engine][name]) for engine in COUNTED]
        cells += [f"{1e3 * (least[e, n] - least[e, 0]) / (n * (ROWS // 64)):.2f}" for e, n in more.items()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    totals = [str(sum(counted[engine].values())) for engine in COUNTED]
    print(f"| all | {' | '.join(totals + [''] * len(found))} |")


if __name__ == "__main__":
    main()
