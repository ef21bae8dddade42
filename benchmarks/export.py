"""``python -m benchmarks.export [program ...]``: exported C at -O3 -march=native, on one thread, side by side.

With the executor: the programs that tests hold exported C to (tests/support/export_programs.py). With the C that CasADi
generates (pip install casadi): value and gradient of Rosenbrock's function, of a pendulum's collocation and of a Kalman
filter's likelihood. With m2cgen's (pip install m2cgen): a logistic regression's scores. All are called from one
C loop through their addresses and take turns, so that a machine whose speed drifts is unfair to none; what is told are
medians of ratios in the same turn. ``--turns`` and ``--seconds`` say how long. Writes benchmarks/results/export.md.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GRAPHDIFF_NUM_THREADS", "1")

import numpy as np

import graphdiff as gd

from .report import FOLDER, processor

FLAGS = ("-std=c11", "-O3", "-march=native", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")
SUPPORT = Path(__file__).resolve().parents[1] / "tests" / "support"
Timer = Callable[[int], float]  # seconds that so many calls took

CLOCK = """\
#define _GNU_SOURCE
#include <stdint.h>
#include <time.h>
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
double time_bound(int (*f)(void *), void *data, int64_t n) {
    const double start = now();
    for (int64_t i = 0; i < n; i++) f(data);
    return now() - start;
}
"""
"""C: processor time, and that of calls of a function on fixed buffers."""
_LOOPS = """\
double time_exported(int (*f)(const void *const[], void *const[], void *const[], void *), const void *const *inputs,
                     void *const *outputs, void *const *params, void *work, int64_t n) {
    const double start = now();
    for (int64_t i = 0; i < n; i++) f(inputs, outputs, params, work);
    return now() - start;
}
double time_casadi(int (*f)(const double **, double **, long long *, double *, int), const double **arg, double **res,
                   long long *iw, double *w, int64_t n) {
    const double start = now();
    for (int64_t i = 0; i < n; i++) f(arg, res, iw, w, 0);
    return now() - start;
}
double time_score(void (*f)(double *, double *), double *x, double *y, int64_t n) {
    const double start = now();
    for (int64_t i = 0; i < n; i++) f(x, y);
    return now() - start;
}
"""


def library(folder: Path, name: str) -> ctypes.CDLL:
    """NAME.c of a folder, compiled as fast as it gets."""
    target = folder / f"{name}.so"
    subprocess.run(["cc", *FLAGS, f"{name}.c", "-o", str(target), "-lm"], cwd=folder, check=True)
    return ctypes.CDLL(str(target))


class Bench:
    """A folder for programs, and the loops that call them."""

    def __init__(self, folder: Path):
        self.folder, self.keep = folder, []
        (folder / "timing.c").write_text(CLOCK + _LOOPS)
        self.loops = library(folder, "timing")
        for name in ("bound", "exported", "casadi", "score"):
            getattr(self.loops, f"time_{name}").restype = ctypes.c_double

    def pointers(self, arrays: Sequence[np.ndarray]) -> Any:
        """An array of their addresses, which live as long as this."""
        self.keep += arrays
        return (ctypes.c_void_p * max(1, len(arrays)))(*[a.ctypes.data for a in arrays])

    def bound(self, f: gd.Function, feeds: Sequence[np.ndarray]) -> Timer:
        call = f.bind(**{v.name: a for v, a in zip(f.graph.inputs, feeds)})
        self.keep.append(call)
        function, data = call.address
        return lambda n: self.loops.time_bound(ctypes.c_void_p(function), ctypes.c_void_p(data), ctypes.c_int64(n))

    def exported(self, f: gd.Function, name: str, feeds: Sequence[np.ndarray], **sizes: int) -> tuple[Timer, list]:
        """Its timer, and its results after a call."""
        f.export_c(self.folder, name, **sizes)
        made = library(self.folder, name)
        results = [np.zeros(tuple(map(int, a.shape)), a.dtype) for a in self._results(f, feeds)]
        work = np.zeros(ctypes.c_size_t.in_dll(made, f"{name}_work_bytes").value + 64, np.uint8)
        self.keep.append(work)
        at = ctypes.c_void_p(work.ctypes.data + -work.ctypes.data % 64)
        arrays = [self.pointers(x) for x in (feeds, results, [p.value.copy() for p in f.parameters])]
        function = ctypes.c_void_p(ctypes.cast(getattr(made, name), ctypes.c_void_p).value)
        return lambda n: self.loops.time_exported(function, *arrays, at, ctypes.c_int64(n)), results

    @staticmethod
    def _results(f: gd.Function, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        kept = [p.value.copy() for p in f.parameters]
        out = f(*feeds)
        for p, value in zip(f.parameters, kept):
            p.value = value
        return [np.asarray(a) for a in (out if isinstance(out, (list, tuple)) else [out])]

    def casadi(self, function: Any, feeds: Sequence[np.ndarray]) -> tuple[Timer, list[np.ndarray]]:
        """A CasADi function's generated C."""
        name = function.name()
        place = os.getcwd()
        os.chdir(self.folder)
        try:
            function.generate(f"{name}.c")
        finally:
            os.chdir(place)
        made = library(self.folder, name)
        results = [np.zeros(function.nnz_out(i)) for i in range(function.n_out())]
        w, iw = np.zeros(function.sz_w() + 1), np.zeros(function.sz_iw() + 1, np.int64)
        arg = self.pointers(list(feeds) + [np.zeros(1)] * (function.sz_arg() - len(feeds)))
        res = self.pointers(list(results) + [np.zeros(1)] * (function.sz_res() - len(results)))
        rooms = self.pointers([iw, w])
        run = ctypes.c_void_p(ctypes.cast(getattr(made, name), ctypes.c_void_p).value)
        call = self.loops.time_casadi
        return lambda n: call(
            run, arg, res, ctypes.c_void_p(rooms[0]), ctypes.c_void_p(rooms[1]), ctypes.c_int64(n)
        ), results


def ratio(ours: Timer, other: Timer, turns: int, seconds: float) -> tuple[float, float, float]:
    """Microseconds of both and the median of ours over the other's, by turns."""
    number = 1
    while (took := ours(number)) < seconds / 10 and number < 1 << 24:
        number *= 2
    number = max(1, int(number * seconds / max(took, 1e-9)))
    times = [(ours(number) / number, other(number) / number) for _ in range(turns)]
    mine, theirs = (float(np.median(t)) * 1e6 for t in zip(*times))
    return mine, theirs, float(np.median([a / b for a, b in times]))


# ------------------------------------------------------------------ against CasADi: the same formulas for either


def rosenbrock(of: Any, x: Any, n: int) -> Any:
    head, tail = x[: n - 1], x[1:n]
    return of.sum(100 * (tail - head * head) ** 2 + (1 - head) ** 2)


def pendulum(of: Any, z: Any, n: int) -> Any:
    """Half the squared defects of the implicit midpoint rule over n steps; z: angles, then velocities."""
    angle, speed, h = z[: n + 1], z[n + 1 : 2 * n + 2], 0.02
    middle, rate = (angle[1:] + angle[:n]) / 2, (speed[1:] + speed[:n]) / 2
    first = angle[1:] - angle[:n] - h * rate
    second = speed[1:] - speed[:n] + h * (9.81 * of.sin(middle) + 0.1 * rate)
    return 0.5 * (of.sum(first * first) + of.sum(second * second))


def kalman_step(m: Any, p: Any, y: Any, q: Any, r: Any) -> tuple[Any, Any, Any]:
    """One step of a filter of position and speed of which the position is seen: state (2), covariance (3: xx, xv, vv),
    and what it adds to minus the log-likelihood."""
    h = 0.1
    x, v = m[0] + h * m[1], m[1]
    xx, xv, vv = p[0] + 2 * h * p[1] + h * h * p[2] + q, p[1] + h * p[2], p[2] + q
    s = xx + r
    e = y - x
    kx, kv = xx / s, xv / s
    return (x + kx * e, v + kv * e), (xx - kx * xx, xv - kx * xv, vv - kv * xv), (s, e)


def kalman(n: int) -> gd.Function:
    y, q, r = gd.input("y", (n,), "float64"), gd.input("q", (), "float64"), gd.input("r", (), "float64")

    def step(carry: Any, seen: gd.Tensor) -> Any:
        m, p, total = carry
        m, p, (s, e) = kalman_step(m, p, seen, q, r)
        return (m, p, total + 0.5 * (gd.log(s) + e * e / s)), None

    zero, one = gd.constant(np.float64(0)), gd.constant(np.float64(1))
    (_, _, loss), _ = gd.scan(step, ((zero, zero), (one, zero, one), zero), y)
    return gd.compile([y, q, r], [loss, *gd.grad(loss, [q, r])], name="kalman")


def against_casadi(bench: Bench) -> dict[str, tuple[Timer, Timer]]:
    import casadi

    rng, n = np.random.default_rng(0), 100
    out: dict[str, tuple[Timer, Timer]] = {}

    class Of:
        sin = staticmethod(casadi.sin)
        sum = staticmethod(casadi.sum1)

    def pair(name: str, f: gd.Function, theirs: Any, feeds: Sequence[np.ndarray]) -> None:
        ours, mine = bench.exported(f, name, feeds)
        timer, other = bench.casadi(theirs, feeds)
        ours(1), timer(1)
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(a.reshape(-1), b, rtol=1e-9, atol=1e-9)
        out[name] = ours, timer

    for name, formula, size in (("rosenbrock", rosenbrock, n), ("pendulum", pendulum, 2 * n + 2)):
        x = gd.input("x", (size,), "float64")
        value = formula(gd, x, n)
        z = casadi.SX.sym("z", size)
        cost = formula(Of, z, n)
        theirs = casadi.Function(f"{name}_casadi", [z], [cost, casadi.gradient(cost, z)])
        f = gd.compile([x], [value, gd.grad(value, x)], name=name)
        pair(name, f, theirs, [rng.standard_normal(size)])

    y, q, r = casadi.SX.sym("y", n), casadi.SX.sym("q"), casadi.SX.sym("r")
    m, p, loss = (0, 0), (1, 0, 1), 0
    for k in range(n):
        m, p, (s, e) = kalman_step(m, p, y[k], q, r)
        loss = loss + 0.5 * (casadi.log(s) + e * e / s)
    outs = [loss, casadi.gradient(loss, q), casadi.gradient(loss, r)]
    theirs = casadi.Function("kalman_casadi", [y, q, r], outs)
    pair("kalman", kalman(n), theirs, [rng.standard_normal(n), np.array(0.1), np.array(0.5)])
    return out


def against_m2cgen(bench: Bench) -> dict[str, tuple[Timer, Timer]]:
    import m2cgen
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    data = load_digits()
    model = LogisticRegression(max_iter=200).fit(data.data, data.target)
    (bench.folder / "logistic_m2cgen.c").write_text(m2cgen.export_to_c(model))
    made = library(bench.folder, "logistic_m2cgen")
    x = gd.input("x", (64,), "float64")
    W = gd.constant(np.ascontiguousarray(model.coef_.T))
    f = gd.compile([x], x @ W + gd.constant(model.intercept_), name="logistic")
    feed, scores = np.ascontiguousarray(data.data[0]), np.zeros(10)
    ours, mine = bench.exported(f, "logistic", [feed])
    places = bench.pointers([feed, scores])
    run = ctypes.c_void_p(ctypes.cast(made.score, ctypes.c_void_p).value)

    def theirs(n: int) -> float:
        call = bench.loops.time_score
        return float(call(run, ctypes.c_void_p(places[0]), ctypes.c_void_p(places[1]), ctypes.c_int64(n)))

    ours(1), theirs(1)
    np.testing.assert_allclose(mine[0], scores, rtol=1e-9)
    return {"logistic": (ours, theirs)}


def against_executor(bench: Bench, chosen: Sequence[str]) -> dict[str, tuple[Timer, Timer]]:
    sys.path.insert(0, str(SUPPORT))
    from export_programs import PROGRAMS

    out = {}
    for name in chosen or PROGRAMS:
        f, feeds, sizes, _ = PROGRAMS[name]()
        feeds = [np.array(a, v.dtype, order="C") for a, v in zip(feeds, f.graph.inputs)]
        out[name] = bench.exported(f, name, feeds, **sizes)[0], bench.bound(f, feeds)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("programs", nargs="*", help="of the executor's comparison; all without one")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.05, help="of one program in a turn, about")
    options = parser.parse_args()
    lines = ["| program | beside | exported, µs | other, µs | exported ÷ other |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        groups: list[tuple[str, dict[str, tuple[Timer, Timer]]]] = [
            ("executor, 1 thread", against_executor(bench, options.programs))
        ]
        if not options.programs:
            for package, against in (("casadi", against_casadi), ("m2cgen", against_m2cgen)):
                if importlib.util.find_spec(package) is None:
                    print(f"{package} is not installed: write pip install {package}")
                else:
                    groups.append((package, against(bench)))
        for other, pairs in groups:
            for name, (ours, theirs) in pairs.items():
                mine, its, share = ratio(ours, theirs, options.turns, options.seconds)
                lines.append(f"| {name} | {other} | {mine:.2f} | {its:.2f} | {share:.2f} |")
                print(lines[-1], flush=True)
    if not options.programs:
        text = f"# Exported C\n\n{processor()}; `python -m benchmarks.export`\n\n" + "\n".join(lines) + "\n"
        (FOLDER / "export.md").write_text(text)


if __name__ == "__main__":
    main()
