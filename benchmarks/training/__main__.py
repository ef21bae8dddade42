"""Five models trained by graphdiff, PyTorch and Keras: lines of code, and the time of a step in one run.

    python -m benchmarks.training [--rounds 5] [--threads N] [--keras]

A step's time is what a user waits: what a run of five epochs takes longer than one of two, over the steps between,
data, update and loss included. Rounds alternate between the engines, so that what else the machine does is shared; of
each length the least of the rounds counts. Keras is counted, and timed with ``--keras``, on its PyTorch backend.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import graphdiff as gd

MODELS = ("cnn", "gpt", "tagger", "resnet", "vae")
ENGINES = {"graphdiff": "ours", "PyTorch": "by_torch", "Keras": "by_keras"}
ROWS, SHORT, LONG = 640, 2, 5  # rows of data; epochs of the two runs whose difference is taken


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
    timed = {engine: module for engine, module in ENGINES.items() if keras or engine != "Keras"}
    return {engine: importlib.import_module(f"{__package__}.{module}") for engine, module in timed.items()}


def seconds_of(train: Any, x: Any, t: Any, epochs: int) -> float:
    start = time.perf_counter()
    train(x, t, epochs)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keras", action="store_true", help="time it too")
    args = parser.parse_args()
    gd.set_num_threads(args.threads)
    found = engines(args.keras)
    importlib.import_module("torch").set_num_threads(args.threads)
    counted = {engine: lines(module) for engine, module in ENGINES.items()}
    print("| model | " + " | ".join([f"{e}, lines" for e in ENGINES] + [f"{e}, ms a step" for e in found]) + " |")
    print("|---" * (1 + len(ENGINES) + len(found)) + "|")
    for name in MODELS:
        x, t = data_of(name)
        least = {(engine, epochs): float("inf") for engine in found for epochs in (SHORT, LONG)}
        for _ in range(args.rounds):
            for engine, epochs in least:
                seconds = seconds_of(getattr(found[engine], name), x, t, epochs)
                least[engine, epochs] = min(least[engine, epochs], seconds)
        steps = (LONG - SHORT) * (ROWS // 64)
        cells = [str(counted[engine][name]) for engine in ENGINES]
        cells += [f"{1e3 * (least[e, LONG] - least[e, SHORT]) / steps:.2f}" for e in found]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    totals = [str(sum(counted[engine].values())) for engine in ENGINES]
    print(f"| all | {' | '.join(totals + [''] * len(found))} |")


if __name__ == "__main__":
    main()
