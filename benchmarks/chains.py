"""``python -m benchmarks.chains 1e3 1e4 1e5 1e6``: how building, differentiating and compiling grow with the graph.

Each length runs in a process of its own. The chain alternates sin and an addition, so no rewrite shortens it; the
slope is that of log(seconds) over log(nodes): 1 is linear.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time


def measure(n: int) -> dict[str, float]:
    """Seconds of each stage, megabytes, and nodes of the compiled graph, for a chain of ``n`` nodes."""
    import resource

    import numpy as np

    import graphdiff as gd

    start = time.perf_counter()
    x = h = gd.input("x", (4,))
    for i in range(n):
        h = gd.sin(h) if i % 2 else h + 0.125
    loss = gd.sum(h)
    built = time.perf_counter()
    g = gd.grad(loss, x)
    derived = time.perf_counter()
    f = gd.compile([x], [loss, g])
    compiled = time.perf_counter()
    f(np.ones(4, np.float32))
    ran = time.perf_counter()
    return {
        "n": n, "nodes": len(f.graph), "build": built - start, "grad": derived - built, "compile": compiled - derived,
        "run": ran - compiled, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--one":
        print(json.dumps(measure(int(sys.argv[2]))))
        return
    rows = []
    print("| chain | nodes compiled | build | grad | compile | run | memory |\n|--:|--:|--:|--:|--:|--:|--:|")
    for length in sys.argv[1:] or ["1e3", "1e4", "1e5", "1e6"]:
        command = [sys.executable, "-m", "benchmarks.chains", "--one", str(int(float(length)))]
        r = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append(r)
        print(f"| {r['n']:,} | {r['nodes']:,} | {r['build']:.3f} s | {r['grad']:.3f} s | {r['compile']:.3f} s | "
              f"{1000 * r['run']:.1f} ms | {r['megabytes']:.0f} MB |", flush=True)  # fmt: skip
    for key in ("build", "grad", "compile"):
        a, b = rows[0], rows[-1]
        if a["n"] != b["n"]:
            print(f"slope of {key}: {math.log(b[key] / a[key]) / math.log(b['n'] / a['n']):.2f}")


if __name__ == "__main__":
    main()
