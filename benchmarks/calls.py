"""``python -m benchmarks.calls``: what a call costs beside its work, in nanoseconds and in machine instructions.

The scalar function is x * x + 1 on a float64. An instruction's dispatch is the slope of a bound call's time over the
length of a chain: of running sums over one element, which do next to nothing, and of tile instructions on one element.
With ``--count`` machine instructions are counted by valgrind's callgrind: a minute or two, and they do not vary.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

SHORT, LONG = 100, 1100  # instructions of the two chains
TARGETS = {"f(x)": 2000, "f(2.0)": 2000, "bound call": 300, "an instruction": 15}


def nanoseconds(call: Callable[[], Any], number: int) -> float:
    return min(timeit.repeat(call, number=number, repeat=9)) / number * 1e9


def scalar() -> gd.Function:
    x = gd.input("x", shape=(), dtype="float64")
    return gd.compile([x], x * x + 1)


def chain(n: int, tiles: bool) -> Any:
    """A bound call of ``n`` instructions on one element."""
    x = h = gd.input("x", shape=(1,))
    for i in range(n):
        h = gd.sin(h) if tiles and i % 2 else gd.cumsum(h, axis=0)
    f = gd.compile([x], h)
    assert len(f.plan.instructions) == n
    return f.bind(x=np.zeros(1, np.float32))


def times() -> dict[str, float]:
    f, state = scalar(), gd.compile([], gd.square(gd.parameter("w", 1.5)))
    x = np.array(2.0)
    rows = {
        "f(), a parameter's square": nanoseconds(state, 20000),
        "f(x)": nanoseconds(lambda: f(x), 20000),
        "f(x=x)": nanoseconds(lambda: f(x=x), 20000),
        "f(2.0)": nanoseconds(lambda: f(2.0), 20000),
        "bound call": nanoseconds(f.bind(x=x), 20000),
    }
    plain, tiles = ([nanoseconds(chain(n, t), 500) for n in (SHORT, LONG)] for t in (False, True))
    rows["an instruction"] = (plain[1] - plain[0]) / (LONG - SHORT)
    rows["a tile instruction"] = 2 * (tiles[1] - tiles[0]) / (LONG - SHORT) - rows["an instruction"]
    return rows


COUNTED: dict[str, Callable[[], Any]] = {
    "bound call": lambda: scalar().bind(x=np.array(2.0)),
    f"chain of {SHORT}": lambda: chain(SHORT, False),
    f"chain of {LONG}": lambda: chain(LONG, False),
}


def counted(name: str) -> float:
    """Machine instructions of one bound call: the slope over two numbers of calls."""
    found = []
    for calls in (100, 300):
        command = [
            "valgrind",
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=gd_bound_call",
            "--callgrind-out-file=/dev/null",
            sys.executable,
            "-m",
            "benchmarks.calls",
            "--run",
            name,
            str(calls),
        ]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
        found.append(int(re.findall(r"Collected : (\d+)", told)[-1]))
    return (found[1] - found[0]) / 200


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--count", action="store_true", help="count machine instructions too; needs valgrind")
    parser.add_argument("--run", nargs=2, metavar=("NAME", "CALLS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        call = COUNTED[options.run[0]]()
        for _ in range(int(options.run[1])):
            call()
        return
    print("| | ns | target |\n|---|--:|--:|")
    for name, ns in times().items():
        print(f"| {name} | {ns:.1f} | {TARGETS.get(name, '')} |", flush=True)
    if options.count:
        print("\n| inside the core | machine instructions |\n|---|--:|")
        counts = {name: counted(name) for name in COUNTED}
        _, short, long = counts.values()
        for name, n in {**counts, "an instruction": (long - short) / (LONG - SHORT)}.items():
            print(f"| {name} | {n:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
