"""``python -m benchmarks [workload ...] --engines graphdiff,torch,jax``: step times side by side.
``python -m benchmarks wide``: many kinds of work (benchmarks/wide/).

Each engine runs in a process of its own; they take turns, so that a machine whose speed drifts is unfair to none. Loss
trajectories must agree. Sizes are options of the data builders: ``--size batch=128``. Writes benchmarks/results/.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from .compare import ENGINES, compare, installed
from .data import WORKLOADS
from .report import FOLDER, markdown, processor, time_text, write
from .wide.main import main as wide

Rows = list[dict[str, Any]]


def _ours(rows: Rows, workload: str) -> dict[str, Any] | None:
    timed = (r for r in rows if r["workload"] == workload and "median_us" in r)
    return next((r for r in timed if r["engine"] == "graphdiff"), None)


def fastest_peer(rows: Rows, workload: str) -> float:
    """Its median in microseconds; infinity where none ran."""
    return min(
        (r["median_us"] for r in rows if r["workload"] == workload and r["engine"] != "graphdiff" and "median_us" in r),
        default=math.inf,
    )


def table(rows: Rows) -> str:
    """The results as Markdown: a peer's ratio is its time over graphdiff's, graphdiff's that of the fastest peer."""
    header = ["workload", "engine", "median", "p99", "first call", "peer ÷ graphdiff", "÷ floor", "memory", "agrees"]
    lines = []
    for r in rows:
        if "error" in r:
            lines.append([r["workload"], r["engine"], r["error"], *[""] * 6])
            continue
        ours = _ours(rows, r["workload"])
        is_ours = r["engine"] == "graphdiff"
        peer = fastest_peer(rows, r["workload"]) if is_ours else r["median_us"]
        ratio = f"{peer / ours['median_us']:.2f}" if ours and math.isfinite(peer) else ""
        floor = f"{r['median_us'] / ours['floor_us']:.2f}" if ours else ""
        memory = f"arena {r['arena_bytes'] / 1e6:.2f} MB" if is_ours else f"peak {r['peak_bytes'] / 1e6:.0f} MB"
        lines.append(
            [
                r["workload"],
                f"**{r['engine']}**" if is_ours else r["engine"],
                time_text(r["median_us"]),
                time_text(r["p99_us"]),
                f"{r['first']:.2f} s",
                ratio,
                floor,
                memory,
                "yes" if r["agrees"] else "NO",
            ]
        )
    return markdown(header, lines, left=2)


def verdict(rows: Rows) -> str:
    """The geometric mean over workloads of the fastest peer's time over graphdiff's."""
    ratios = []
    for workload in dict.fromkeys(r["workload"] for r in rows):
        ours, peer = _ours(rows, workload), fastest_peer(rows, workload)
        if ours and math.isfinite(peer):
            ratios.append(peer / ours["median_us"])
    if not ratios:
        return ""
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return f"Fastest peer ÷ graphdiff: geometric mean {mean:.2f}, least {min(ratios):.2f} ({len(ratios)} workloads)."


def chart(rows: Rows, path: Path) -> None:
    """Bars: each engine's median over graphdiff's, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    names = [w for w in dict.fromkeys(r["workload"] for r in rows) if _ours(rows, w)]
    engines = [e for e in ENGINES if any(r["engine"] == e and "median_us" in r for r in rows)]
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    for n, engine in enumerate(engines):
        at, heights = [], []
        for i, w in enumerate(names):
            row = next((r for r in rows if r["workload"] == w and r["engine"] == engine and "median_us" in r), None)
            ours = _ours(rows, w)
            if row and ours:
                at.append(i + (n - (len(engines) - 1) / 2) * 0.8 / len(engines))
                heights.append(row["median_us"] / ours["median_us"])
        axes.bar(at, heights, 0.8 / len(engines), label=engine)
    axes.set_yscale("log")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("time of a step ÷ graphdiff's (lower is faster)")
    axes.legend(ncols=len(engines), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _size(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    numbers = [int(v) for v in value.split(",")]
    return name, numbers[0] if len(numbers) == 1 else tuple(numbers)


def main() -> None:
    # Here, so that what is wrong with it is said at once; not above, since the workers of peers import this module.
    import graphdiff  # noqa: F401

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="workload", help=f"of {', '.join(WORKLOADS)} (all)")
    parser.add_argument("--engines", default=",".join(installed()), help=f"of {', '.join(ENGINES)} (those installed)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4.0, help="of timing for each engine and workload")
    parser.add_argument("--rounds", type=int, default=4, help="turns that the engines take")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds for an engine's first steps")
    parser.add_argument(
        "--size",
        action="append",
        default=[],
        metavar="NAME=N[,N...]",
        help="an argument of the data builders that have it",
    )
    parser.add_argument("--name", default="speed", help="of the files that are written")
    parser.add_argument("--out", type=Path, default=FOLDER)
    a = parser.parse_args()
    names = a.workloads or list(WORKLOADS)
    for n in names:
        if n not in WORKLOADS:
            parser.error(f"no workload {n!r}; there are {', '.join(WORKLOADS)}")
    engines = a.engines.split(",")
    for e in engines:
        if e not in ENGINES:
            parser.error(f"no engine {e!r}; there are {', '.join(ENGINES)}")
    try:
        sizes = dict(_size(s) for s in a.size)
    except ValueError:
        parser.error("--size takes NAME=N or NAME=N,N,...")
    rows: Rows = []
    for n in names:
        taken = WORKLOADS[n].__code__.co_varnames[: WORKLOADS[n].__code__.co_argcount]
        own = {k: v for k, v in sizes.items() if k in taken}
        new = compare(n, engines, own, a.threads, a.seconds, a.rounds, a.patience)
        print(table(new), flush=True)
        rows += new
    head = f"{processor()}, {a.threads} threads{', ' + ' '.join(a.size) if a.size else ''}"
    text = f"{head}\n\n{table(rows)}\n\n{verdict(rows)}"
    path = write(a.name, rows, text, a.out)
    if any("median_us" in r for r in rows):
        chart(rows, path)
    print(verdict(rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["wide"]:
        sys.exit(wide(sys.argv[2:]))
    main()
