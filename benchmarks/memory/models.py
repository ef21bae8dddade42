"""``python -m benchmarks.memory models``: our own training graphs under limits, from 90 to 30 % of keeping everything.

For each: the limit, the arena reached, the time it costs beyond keeping everything, predicted and measured, and the
seconds that planning took. Gradients must be bitwise those of keeping everything. Predictions are by the rates of the
machine, or with ``--profiled`` by a profile of the function that keeps everything. Writes
benchmarks/results/memory_models.{json,md}.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import graphdiff as gd

from ..report import markdown, processor, write
from .engines import Ours
from .networks import LAYERED, NETWORKS, Network, layered

SHARES = (0.9, 0.8, 0.7, 0.5, 0.3)


def compiled(network: Network, **options: Any) -> gd.Function:
    """Loss and gradients of all parameters."""
    params = [gd.parameter(f"p{i}", a) for i, a in enumerate(network.params)]
    x, y = gd.input("x", network.x.shape), gd.input("y", network.y.shape)
    loss = network.forward(Ours(), params, x, y)
    return gd.compile([x, y], [loss, *gd.grad(loss, params)], **options)


def clock(functions: list[Any], seconds: float) -> list[float]:
    """Median seconds of a call of each; they take turns."""
    times: list[list[float]] = [[] for _ in functions]
    for f in functions:
        f()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for f, mine in zip(functions, times):
            start = time.perf_counter()
            f()
            mine.append(time.perf_counter() - start)
    return [float(np.median(mine)) for mine in times]


def measure(
    name: str, network: Network, shares: tuple[float, ...], seconds: float, profiled: bool, options: dict[str, Any]
) -> list[dict[str, Any]]:
    full = compiled(network)
    want = full(network.x, network.y)
    if profiled:
        options = {**options, "costs": full.profile(network.x, network.y)}
    whole = compiled(network, **options)
    arena = whole.plan.arena_bytes
    rows: list[dict[str, Any]] = []
    functions: list[Any] = [lambda: full(network.x, network.y)]
    for share in shares:
        row: dict[str, Any] = {
            "network": name,
            "instructions": len(full.plan.instructions),
            "everything": arena,
            "share": share,
            "limit": int(share * arena),
        }
        rows.append(row)
        start = time.perf_counter()
        try:
            f = whole.within(row["limit"])
        except gd.MemoryLimitError as e:
            row.update(plan_seconds=time.perf_counter() - start, smallest=e.smallest_arena_bytes)
            continue
        row["plan_seconds"] = time.perf_counter() - start
        got = f(network.x, network.y)
        row["equal"] = all(np.array_equal(a, b) for a, b in zip(want, got))
        plan = f.plan
        row.update(
            arena=plan.arena_bytes,
            seconds=plan.seconds,
            recompute_seconds=plan.recompute_seconds,
            within=plan.arena_bytes <= row["limit"],
        )
        functions.append(lambda f=f: f(network.x, network.y))
    times = clock(functions, seconds)
    for row, t in zip([r for r in rows if "arena" in r], times[1:]):
        row.update(measured=t, kept_measured=times[0])
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    header = ["network", "instructions", "limit", "of all", "arena", "predicted", "measured", "planned in", "equal"]
    lines = []
    for r in rows:
        line = [r["network"], f"{r['instructions']:,}", f"{r['limit']:,}", f"{r['share']:.0%}"]
        if "arena" in r:
            predicted = r["recompute_seconds"] / (r["seconds"] - r["recompute_seconds"])
            line += [
                f"{r['arena']:,}",
                f"{predicted:+.1%}",
                f"{r['measured'] / r['kept_measured'] - 1:+.1%}",
                f"{r['plan_seconds']:.2f} s",
                "yes" if r["equal"] and r["within"] else "NO",
            ]
        else:
            line += [f"none; least {r['smallest']:,}", "", "", f"{r['plan_seconds']:.2f} s", ""]
        lines.append(line)
    return markdown(header, lines)


def main(arguments: list[str]) -> None:
    names = [*NETWORKS, *(f"layered{n}" for n in LAYERED)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory models", description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="network", help=f"of {', '.join(names)} (all)")
    parser.add_argument("--shares", default=",".join(map(str, SHARES)), help="of the arena that keeps everything")
    parser.add_argument("--size", action="append", default=[], metavar="NAME=N", help="an argument of the network")
    parser.add_argument("--seconds", type=float, default=3.0, help="of timing for each network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--profiled", action="store_true", help="predict by a profile of keeping everything")
    a = parser.parse_args(arguments)
    gd.set_num_threads(a.threads)
    sizes = {k: int(v) for k, v in (s.split("=") for s in a.size)}
    rows: list[dict[str, Any]] = []
    for name in a.networks or names:
        if name not in names:
            parser.error(f"no network {name!r}; there are {', '.join(names)}")
        number = name.removeprefix("layered")
        network = layered(int(number), **sizes) if number != name else NETWORKS[name](**sizes)
        shares = tuple(map(float, a.shares.split(",")))
        mine = measure(name, network, shares, a.seconds, a.profiled, {})
        rows += mine
        print(table(mine), flush=True)
    write("memory_models", rows, f"{processor()}, {a.threads} threads\n\n{table(rows)}")
