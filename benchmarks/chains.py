"""``python -m benchmarks.chains [1e3 1e4 ...] [--shapes chain tree ...]``: how building, differentiating and compiling
grow with the graph, for long ones and for wide ones, and what compiling the mlp and the transformer takes.

Each graph is made in a process of its own, of about as many nodes as said before it is differentiated; no rewrite
shortens it. The slope is that of log(seconds) over log(nodes) between the two largest: 1 is linear. Writes
benchmarks/results/chains.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from .report import markdown, processor, time_text, write

STAGES = ("build", "grad", "compile")
LENGTHS = ["1e3", "1e4", "1e5", "1e6"]
Made = tuple[list[Any], Any, list[Any], list[Any]]  # inputs, loss, what it is differentiated by, other outputs


def chain(gd: Any, n: int) -> Made:
    """One after the other: sin and an addition in turn."""
    x = h = gd.input("x", (4,))
    for i in range(n):
        h = gd.sin(h) if i % 2 else h + 0.125
    return [x], gd.sum(h), [x], []


def tree(gd: Any, n: int) -> Made:
    """Many sines, summed two by two."""
    x = gd.input("x", (4,))
    level = [gd.sin(x * (1.0 + i)) for i in range(n // 3)]
    while len(level) > 1:
        level = [gd.add(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return [x], gd.sum(level[0]), [x], []


def fan(gd: Any, n: int) -> Made:
    """One value that half of all nodes read."""
    x = gd.input("x", (4,))
    y = total = gd.sin(x)
    for i in range(n // 2):
        total = total + y * (2.0 + i)
    return [x], gd.sum(total), [x], []


def parameters(gd: Any, n: int) -> Made:
    """Products with as many parameters as there are nodes, each differentiated by."""
    import numpy as np

    x = h = gd.input("x", (4,))
    held = [gd.parameter(f"p{i}", value=np.ones(4, np.float32)) for i in range(n)]
    for p in held:
        h = h * p
    return [x], gd.sum(h), held, []


def outputs(gd: Any, n: int) -> Made:
    """A chain of which every value is a result."""
    x = h = gd.input("x", (4,))
    every = []
    for _ in range(n):
        h = gd.sin(h)
        every.append(h)
    return [x], gd.sum(h), [x], every


def operands(gd: Any, n: int) -> Made:
    """One operation with half of all nodes as its operands."""
    x = gd.input("x", (4,))
    return [x], gd.sum(gd.concat([x * (2.0 + i) for i in range(n // 2)])), [x], []


SHAPES: dict[str, Callable[[Any, int], Made]] = {
    f.__name__: f for f in (chain, tree, fan, parameters, outputs, operands)
}


def measure(n: int, shape: str = "chain") -> dict[str, Any]:
    """Seconds of each stage, megabytes, and nodes of the compiled graph, for a graph of ``n`` nodes."""
    import resource

    import numpy as np

    import graphdiff as gd

    start = time.perf_counter()
    inputs, loss, by, more = SHAPES[shape](gd, n)
    built = time.perf_counter()
    gradients = gd.grad(loss, by)
    derived = time.perf_counter()
    f = gd.compile(inputs, [loss, *gradients, *more])
    compiled = time.perf_counter()
    f(*(np.ones(v.shape, np.float32) for v in inputs))
    ran = time.perf_counter()
    return {
        "shape": shape,
        "n": n,
        "nodes": len(f.graph),
        "build": built - start,
        "grad": derived - built,
        "compile": compiled - derived,
        "run": ran - compiled,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def workload(name: str) -> dict[str, Any]:
    """Seconds to import the package, to build, differentiate and compile a workload, and to plan it for another batch:
    the least of five, the import aside."""
    start = time.perf_counter()
    import graphdiff as gd

    imported = time.perf_counter() - start
    from . import engine_graphdiff
    from .data import WORKLOADS

    data = WORKLOADS[name]()
    whole, planned = math.inf, math.inf
    for n in range(1, 6):
        start = time.perf_counter()
        step, f, _ = engine_graphdiff.build(name, data)
        whole = min(whole, time.perf_counter() - start)
        step()
        sizes = {k: v + n for k, v in f.plan.sizes.items()}
        start = time.perf_counter()
        f.plan_for(**sizes)
        planned = min(planned, time.perf_counter() - start)
    assert isinstance(f, gd.Function)
    return {"workload": name, "nodes": len(f.graph), "import": imported, "compile": whole, "plan": planned}


def _apart(*arguments: str) -> dict[str, Any]:
    """What one measurement prints, made in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.chains", "--one", *arguments]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # an import is of compiled modules
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout)


def slopes(rows: list[dict[str, Any]]) -> str:
    """The slope of each stage between the last two rows, in words."""
    a, b = rows[-2:]
    each = [f"{k} {math.log(b[k] / a[k]) / math.log(b['nodes'] / a['nodes']):.2f}" for k in STAGES]
    return f"slopes of {b['shape']}: {', '.join(each)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chains", description=__doc__)
    parser.add_argument("lengths", nargs="*", metavar="n", help=f"nodes ({' '.join(LENGTHS)}; wide ones to 1e5)")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # what _apart asks for: shape and n, or a workload
    asked = parser.parse_args()
    if asked.one:
        shape, *n = asked.one
        print(json.dumps(measure(int(n[0]), shape) if n else workload(shape)))
        return
    text = [f"{processor()}; one thread"]
    rows: list[dict[str, Any]] = []
    for shape in asked.shapes:
        lengths = asked.lengths or (LENGTHS if shape == "chain" else LENGTHS[:-1])
        found = [_apart(shape, str(int(float(n)))) for n in lengths]
        cells = [
            [
                shape,
                f"{r['n']:,}",
                f"{r['nodes']:,}",
                *(time_text(1e6 * r[k]) for k in (*STAGES, "run")),
                f"{r['megabytes']:.0f} MB",
            ]
            for r in found
        ]
        text.append(markdown(["graph", "nodes", "compiled", *STAGES, "run", "memory"], cells))
        if len(found) > 1:
            text.append(slopes(found))
        rows += found
        print("\n\n".join(text[-2:] if len(found) > 1 else text[-1:]), end="\n\n", flush=True)
    found = [_apart(name) for name in ("mlp", "gpt")]
    cells = [
        [r["workload"], f"{r['nodes']:,}", *(time_text(1e6 * r[k]) for k in ("import", "compile", "plan"))]
        for r in found
    ]
    text.append(markdown(["workload", "nodes", "import", "build to compile", "another batch"], cells))
    print(text[-1])
    write("chains", [*rows, *found], "\n\n".join(text))


if __name__ == "__main__":
    main()
