"""``python -m benchmarks.instructions``: machine instructions of a bound call, a tape's operation and a loop's step.

Counted by Valgrind's callgrind, which must be installed, inside of the core alone; v3 is the instruction set, since
Valgrind knows no AVX-512. What grows with a program is the difference of two sizes, so that the call itself falls out.
Counts are the same on every machine with the same build. Writes benchmarks/results/instructions.{json,md}.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import graphdiff as gd

from .report import markdown, processor, write

CALLS = 20
OPERATIONS = (500, 5000)
STEPS = (1000, 3000)

# callgrind takes what libffi calls for a part of libffi: the function that it watches is called from C
_LOOP = """\
#include <stdint.h>
__attribute__((noinline)) void counted_CASE(int (*f)(void *), void *data, int64_t n) {
    for (int64_t i = 0; i < n; i++) f(data);
}
void run_CASE(int (*f)(void *), void *data, int64_t n) { counted_CASE(f, data, n); f(data); }
"""


def add() -> gd.Function:
    """One addition."""
    x, y = gd.input("x", (), "float64"), gd.input("y", (), "float64")
    return gd.compile([x, y], x + y)


def expression(n: int) -> gd.Function:
    """n operations on scalars of which each reads the one before: products, sums and differences in turn."""
    x, y = gd.input("x", (), "float64"), gd.input("y", (), "float64")
    value = x
    for k in range(n):
        value = (lambda v: v * y, lambda v: v + x, lambda v: y - v)[k % 3](value)
    return gd.compile([x, y], value)


def steps(n: int) -> gd.Function:
    """A loop of n steps of h = 0.9 h + x."""
    xs = gd.input("xs", (n,), "float64")
    return gd.compile([xs], gd.scan(lambda h, x: (0.9 * h + x, None), gd.constant(np.float64(0)), xs)[0])


CASES: dict[str, Callable[[], gd.Function]] = {
    "add": add,
    **{f"expression_{n}": lambda n=n: expression(n) for n in OPERATIONS},
    **{f"steps_{n}": lambda n=n: steps(n) for n in STEPS},
}


def run(library: str) -> None:
    """Calls every case CALLS times from its own C function; what callgrind watches."""
    loops = ctypes.CDLL(library)
    rng = np.random.default_rng(0)
    for case, make in CASES.items():
        f = make()
        call = f.bind(**{v.name: rng.uniform(-0.5, 0.5, v.shape) for v in f.graph.inputs})
        function, data = call.address
        call()
        getattr(loops, f"run_{case}")(ctypes.c_void_p(function), ctypes.c_void_p(data), ctypes.c_int64(CALLS))


def counted() -> dict[str, float]:
    """Instructions of a call, by case."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "loops.c").write_text("".join(_LOOP.replace("CASE", case) for case in CASES))
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "loops.c", "-o", "loops.so"], cwd=place, check=True)
        watch = [f"--toggle-collect=counted_{case}" for case in CASES]
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=found", *watch, sys.executable]
        environment = {
            **os.environ,
            "GRAPHDIFF_ISA": "v3",
            "GRAPHDIFF_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
        }
        child = [*command, "-m", "benchmarks.instructions", "--run", str(place / "loops.so")]
        subprocess.run(child, cwd=place, env=environment, check=True, stderr=subprocess.DEVNULL)
        told = subprocess.run(
            ["callgrind_annotate", "--inclusive=yes", "--threshold=100", "found"],
            cwd=place,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    totals = {}
    for case in CASES:
        line = re.search(rf"^\s*([\d,]+)[^\n]*:counted_{case}\b", told, re.MULTILINE)
        if line is None:
            raise RuntimeError(f"callgrind saw no counted_{case}:\n{told}")
        totals[case] = int(line[1].replace(",", "")) / CALLS
    return totals


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2])
        return
    found = counted()
    few, many = (found[f"expression_{n}"] for n in OPERATIONS)
    short, long = (found[f"steps_{n}"] for n in STEPS)
    rows = {
        "a bound call of one addition": found["add"],
        "an operation of a scalar tape": (many - few) / (OPERATIONS[1] - OPERATIONS[0]),
        "a step of a loop of two operations": (long - short) / (STEPS[1] - STEPS[0]),
    }
    table = markdown(["what", "machine instructions"], [[name, f"{n:,.1f}"] for name, n in rows.items()])
    text = f"{processor()}, {gd.__version__}, instruction set v3, Valgrind's callgrind\n\n{table}"
    print(text)
    write("instructions", rows, text)


if __name__ == "__main__":
    main()
