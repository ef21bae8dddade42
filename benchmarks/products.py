"""``python -m benchmarks.products``: matrix products on one thread beside OpenBLAS and MKL.

C (m x n) = A B over k, for every m, n and k of a grid: as a compiled function on fixed buffers, by the OpenBLAS that
graphdiff has beside it, and by MKL where that is installed (pip install mkl). All are called from one C loop and take
turns; what is told is the median over turns of the faster library's processor time over graphdiff's. Results must
agree. ``--dtype``, ``--form`` (nn, tn, nt: which factor is transposed), ``--sizes``, ``--turns`` and ``--seconds`` say
what and how long. Writes benchmarks/results/products_FORM_DTYPE.{json,md,png}.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import itertools
import math
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["GRAPHDIFF_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np
import scipy_openblas32

import graphdiff as gd

from .export import CLOCK
from .report import markdown, processor, time_text, write

GRIDS = "16,64,256,1024,4096 17,33,100,300,1000"
MOST_FLOPS = 3e11
Timer = Callable[[int], float]  # seconds that so many calls took

_LOOPS = """\
#define GEMM(name, T)                                                                                        \\
    typedef void (*name##_gemm)(int, int, int, int, int, int, T, const T *, int, const T *, int, T, T *, int); \\
    double name(name##_gemm f, int ta, int tb, int m, int n, int k, const T *a, const T *b, T *c, int64_t calls) { \\
        const double start = now();                                                                           \\
        for (int64_t i = 0; i < calls; i++)                                                                   \\
            f(101, 111 + ta, 111 + tb, m, n, k, 1, a, ta ? m : k, b, tb ? k : n, 0, c, n);                    \\
        return now() - start;                                                                                 \\
    }
GEMM(time_float32, float)
GEMM(time_float64, double)
"""


def loops(folder: Path) -> ctypes.CDLL:
    (folder / "loops.c").write_text(CLOCK + _LOOPS)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "loops.c", "-o", "loops.so"], cwd=folder, check=True)
    made = ctypes.CDLL(str(folder / "loops.so"))
    for function in ("time_bound", "time_float32", "time_float64"):
        getattr(made, function).restype = ctypes.c_double
    return made


def libraries(dtype: str) -> dict[str, Any]:
    """The product of each BLAS that is installed, by name."""
    letter = "s" if dtype == "float32" else "d"
    path = Path(scipy_openblas32.get_lib_dir()) / scipy_openblas32.get_library(fullname=True)
    found = {"OpenBLAS": getattr(ctypes.CDLL(str(path)), f"scipy_cblas_{letter}gemm")}
    try:
        files = importlib.metadata.files("mkl") or []
    except importlib.metadata.PackageNotFoundError:
        return found
    for file in files:
        if file.name.startswith("libmkl_rt"):
            found["MKL"] = getattr(ctypes.CDLL(str(file.locate()), mode=ctypes.RTLD_GLOBAL), f"cblas_{letter}gemm")
    return found


def address(a: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(a.ctypes.data)


def measure(
    c: ctypes.CDLL, form: str, dtype: str, size: tuple[int, int, int], turns: int, seconds: float
) -> dict[str, Any]:
    """Medians in microseconds of each, and that of the fastest library's time over ours in the same turn."""
    m, n, k = size
    rng = np.random.default_rng(0)
    turned = [side == "t" for side in form]
    a = rng.standard_normal((k, m) if turned[0] else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if turned[1] else (k, n)).astype(dtype)
    x, y = gd.input("x", a.shape, dtype), gd.input("y", b.shape, dtype)
    call = gd.compile([x, y], (x.T if turned[0] else x) @ (y.T if turned[1] else y)).bind(x=a, y=b)
    call()
    wanted = call.out[0].copy()
    function, data = call.address
    timers: dict[str, Timer] = {
        "graphdiff": lambda calls: c.time_bound(ctypes.c_void_p(function), ctypes.c_void_p(data), ctypes.c_int64(calls))
    }
    agree, results = True, []
    for name, gemm in libraries(dtype).items():
        out = np.empty((m, n), dtype)
        results.append(out)  # alive while it is written to
        given = (gemm, *turned, m, n, k, address(a), address(b), address(out))
        timers[name] = lambda calls, given=given: getattr(c, f"time_{dtype}")(*given, ctypes.c_int64(calls))
        timers[name](1)
        size_of = np.abs(wanted).max(initial=1) * (1e-4 if dtype == "float32" else 1e-11)
        agree = agree and bool(np.allclose(out, wanted, rtol=0, atol=size_of))
    calls = 1
    while (took := timers["graphdiff"](calls)) < seconds / 8 and calls < 1 << 24:
        calls *= 2
    calls = max(1, int(calls * seconds / max(took, 1e-9)))
    times = [{name: timer(calls) / calls for name, timer in timers.items()} for _ in range(turns)]
    row: dict[str, Any] = {name: 1e6 * float(np.median([t[name] for t in times])) for name in timers}
    ratios = [min(v for name, v in t.items() if name != "graphdiff") / t["graphdiff"] for t in times]
    return {"m": m, "n": n, "k": k, **row, "ratio": float(np.median(ratios)), "agree": agree}


def table(rows: list[dict[str, Any]]) -> str:
    names = [name for name in ("graphdiff", "OpenBLAS", "MKL") if name in rows[0]]
    lines = [
        [
            f"{r['m']:,} x {r['n']:,} over {r['k']:,}",
            *(time_text(r[name]) for name in names),
            f"{r['ratio']:.2f}",
            f"{2e-3 * r['m'] * r['n'] * r['k'] / r['graphdiff']:.1f}",
            "yes" if r["agree"] else "NO",
        ]
        for r in rows
    ]
    return markdown(["product", *names, "faster library ÷ graphdiff", "Gflop/s", "agree"], lines)


def verdict(rows: list[dict[str, Any]]) -> str:
    ratios = sorted(r["ratio"] for r in rows)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    behind = sum(r < 0.95 for r in ratios)
    return (
        f"Faster library ÷ graphdiff: geometric mean {mean:.2f}, least {ratios[0]:.2f}; "
        f"behind by more than 5 %: {behind} of {len(ratios)}."
    )


def chart(rows: list[dict[str, Any]], title: str, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    least = [min(r["m"], r["n"], r["k"]) for r in rows]
    flops = [2.0 * r["m"] * r["n"] * r["k"] for r in rows]
    points = axis.scatter(flops, [r["ratio"] for r in rows], c=np.log2(least), s=14)
    axis.axhline(1, color="black", lw=0.8)
    axis.axhline(0.95, color="black", lw=0.8, ls=":")
    axis.set(xscale="log", yscale="log", xlabel="flops", ylabel="faster library ÷ graphdiff", title=title)
    figure.colorbar(points, label="log2 of the smallest of m, n, k")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.products", description=__doc__)
    parser.add_argument("--form", default="nn", choices=("nn", "tn", "nt"))
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--sizes", default=GRIDS, help="grids: sizes between commas, one grid after the other")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.02, help="of each turn")
    a = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        c = loops(Path(folder))
        for grid in a.sizes.split():
            for size in itertools.product([int(s) for s in grid.split(",")], repeat=3):
                if 2 * math.prod(size) <= MOST_FLOPS:
                    rows.append(measure(c, a.form, a.dtype, size, a.turns, a.seconds))
    title = f"{processor()}, one thread, {a.dtype}, {a.form}"
    text = f"{title}\n\n{verdict(rows)}\n\n{table(rows)}"
    print(text)
    chart(rows, title, write(f"products_{a.form}_{a.dtype}", rows, text))


if __name__ == "__main__":
    main()
