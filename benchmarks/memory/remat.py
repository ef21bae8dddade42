"""``python -m benchmarks.memory remat``: what a byte limit costs where only schedules count, on plain arrays.

``rematerialise`` on random layered graphs (each node reads some of the layer before, one in four a node from anywhere
before; costs and sizes at random) and on our own training graphs (their instructions, at nominal rates): the added cost
at 90, 80, 70 and 50 % of the peak of the order given, and the seconds it took. Each schedule is replayed here to see
that its peak is what it says. Writes benchmarks/results/memory_remat.{json,md}.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from graphdiff.schedule.cost import NOMINAL, Costs
from graphdiff.schedule.problem import Problem, problem

from ..report import markdown, processor, write
from .models import compiled
from .networks import LAYERED, NETWORKS

SHARES = (0.9, 0.8, 0.7, 0.5)


def random_layered(n: int, seed: int = 0) -> Problem:
    """A random layered graph of ``n`` nodes, and one that reads the last layer."""
    rng = np.random.default_rng(seed)
    width = max(2, int(n**0.5 / 2))
    inputs: list[list[int]] = []
    layers: list[list[int]] = []
    while len(inputs) < n:
        layer = range(len(inputs), min(n, len(inputs) + int(rng.integers(1, 2 * width))))
        near = layers[-1] if layers else []
        for _ in layer:
            k = min(len(near), int(rng.integers(1, 4)))
            reads = set(rng.choice(near, k, replace=False).tolist()) if k else set()
            if near and rng.random() < 0.25:
                reads.add(int(rng.integers(0, len(inputs))))
            inputs.append(sorted(reads))
        read = {i for v in layer for i in inputs[v]}
        for v in layers[-1] if layers else []:
            if v not in read:  # each is read by one of the next layer at least: only the last one is an output
                by = layer[int(rng.integers(len(layer)))]
                inputs[by] = sorted([*inputs[by], v])
        layers.append(list(layer))
    read = {i for v in inputs for i in v}
    inputs.append([v for v in range(n) if v not in read])
    cost, size = rng.integers(1, 20, n), rng.integers(1, 50, n)
    return Problem([*cost.astype(float).tolist(), 0.0], [*size.tolist(), 0], inputs, [0] * (n + 1), [-1] * (n + 1))


def of_network(name: str) -> Problem:
    """The problem of a network's training step."""
    order = compiled(NETWORKS[name]())._compiled.unlimited
    costs = Costs(lambda: NOMINAL)
    found = problem(order, {i: costs.seconds(i, {}) for i in order}, {})
    assert found is not None, f"{name} has instructions that no schedule moves"
    return found


def replay(p: Problem, schedule: list[int]) -> int:
    """The peak of a schedule, counted here."""
    made = [-1] * len(p.cost)
    last = list(range(len(schedule)))
    for t, v in enumerate(schedule):
        for i in p.inputs[v]:
            last[made[i]] = t
        made[v] = t
    read = {i for v in p.inputs for i in v}
    for v, t in enumerate(made):
        if v not in read:
            last[t] = len(schedule) - 1
    change = np.zeros(len(schedule) + 1, np.int64)
    now = [-1] * len(p.cost)
    extra = np.zeros(len(schedule), np.int64)
    for t, v in enumerate(schedule):
        change[t] += p.size[v]
        change[last[t] + 1] -= p.size[v]
        by = p.inplace[v]
        extra[t] = p.workspace[v] - (p.size[v] if by >= 0 and last[now[by]] == t else 0)
        now[v] = t
    return int((np.cumsum(change[:-1]) + extra).max())


def measure(name: str, p: Problem, seconds: float) -> list[dict[str, Any]]:
    peak = p.solve(sum(p.size) + sum(p.workspace), 0).peak
    rows = []
    for share in SHARES:
        start = time.perf_counter()
        found = p.solve(int(share * peak), seconds)
        rows.append(
            {
                "graph": name,
                "nodes": len(p.cost) - 1,
                "peak": peak,
                "share": share,
                "reached": found.peak,
                "more": found.cost / sum(p.cost) - 1,
                "seconds": time.perf_counter() - start,
                "valid": replay(p, found.schedule) == found.peak,
            }
        )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown: a line for each graph."""
    lines = []
    for name in dict.fromkeys(r["graph"] for r in rows):
        mine = [r for r in rows if r["graph"] == name]
        line = [name, f"{mine[0]['nodes']:,}"]
        for r in mine:
            fits = r["reached"] <= int(r["share"] * r["peak"])
            cell = f"{r['more']:+.1%}" if fits else f"least {r['reached'] / r['peak']:.0%}"
            line.append(cell if r["valid"] else "NOT VALID")
        lines.append([*line, f"{max(r['seconds'] for r in mine):.1f} s"])
    return markdown(["graph", "nodes", *(f"at {s:.0%}" for s in SHARES), "at most"], lines)


def main(arguments: list[str]) -> None:
    names = [*(f"random{n}" for n in LAYERED), *(n for n in NETWORKS if n != "lstm")]  # which is a few instructions
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory remat", description=__doc__)
    parser.add_argument("graphs", nargs="*", metavar="graph", help=f"of {', '.join(names)} (all)")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each limit, nominally")
    a = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for name in a.graphs or names:
        if name not in names:
            parser.error(f"no graph {name!r}; there are {', '.join(names)}")
        p = random_layered(int(name.removeprefix("random"))) if name.startswith("random") else of_network(name)
        mine = measure(name, p, a.seconds)
        rows += mine
        print(table(mine), flush=True)
    write("memory_remat", rows, f"{processor()}, one core, {a.seconds:g} s nominal for each limit\n\n{table(rows)}")
