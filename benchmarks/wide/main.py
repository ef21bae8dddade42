"""``python -m benchmarks wide [row ...]``: work of many kinds beside JAX, PyTorch and CasADi, where they are installed.

A row is a workload or workload:size; ``--list`` names them. Each engine runs in a process of its own and they take
turns; times are medians, the least over the rounds, and results must agree with graphdiff's. Every run adds a line to
benchmarks/results/wide.jsonl, by commit, and draws all of them in benchmarks/results/wide.html.
"""

from __future__ import annotations

import argparse
import datetime
import math
from pathlib import Path

from ..report import FOLDER, markdown, processor, time_text
from .engines import ENGINES, installed
from .history import commit, keep, page
from .turns import Row, compare, mean, ratio
from .workloads import WORKLOADS, rows

CLOCKS = ("wall", "cpu")


def chosen(asked: list[str]) -> list[str]:
    """The rows that were asked for, all of them where none was. Raises ValueError for one that there is not."""
    known = rows()
    for a in asked:
        if a not in WORKLOADS and a not in known:
            raise ValueError(f"no row {a!r}; --list names them")
    return [r for r, (workload, _) in known.items() if not asked or r in asked or workload in asked]


def line(name: str, row: Row, engines: list[str]) -> list[str]:
    """A row of the table."""
    r = ratio(row)
    cells = [time_text(row[e]) + " differs" * (e in row["differs"]) if e in row else "" for e in engines]
    failed = "; ".join(f"{e}: {text}" for e, text in row.get("failed", {}).items())
    return [name, WORKLOADS[rows()[name][0]].kind, *cells, "" if math.isnan(r) else f"{r:.2f}", failed]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks wide", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help="a workload or workload:size (all)")
    parser.add_argument("--list", action="store_true", help="only name the rows")
    parser.add_argument("--engines", default=",".join(installed()), help=f"of {', '.join(ENGINES)} (those installed)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.4, help="of timing for each engine and row")
    parser.add_argument("--rounds", type=int, default=2, help="turns that the engines take")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: processor time, for a busy machine")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds for an engine's first calls")
    parser.add_argument("--out", type=Path, default=FOLDER)
    a = parser.parse_args(arguments)
    engines = a.engines.split(",")
    for e in engines:
        if e not in ENGINES:
            parser.error(f"no engine {e!r}; there are {', '.join(ENGINES)}")
    try:
        names = chosen(a.rows)
    except ValueError as error:
        parser.error(str(error))
    if a.list:
        print("\n".join(names))
        return 0
    header = ["row", "kind", *engines, "fastest peer ÷ graphdiff", "failed"]
    print(markdown(header, [], left=2))
    found: dict[str, Row] = {}
    for name, row in compare(names, engines, a.threads, a.seconds, a.rounds, a.clock, a.patience):
        found[name] = row
        print("| " + " | ".join(line(name, row, engines)) + " |", flush=True)
    run = {
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "threads": a.threads,
        "clock": a.clock,
        "rows": found,
    }
    (a.out / "wide.html").write_text(page(keep(a.out / "wide.jsonl", run)), encoding="utf-8")
    ratios = [r for r in map(ratio, found.values()) if not math.isnan(r)]
    if ratios:
        behind = sum(r < 1 for r in ratios)
        print(f"\nGeometric mean {mean(ratios):.2f}, least {min(ratios):.2f}, {behind} of {len(ratios)} rows behind.")
    differ = [name for name, row in found.items() if row["differs"] or row.get("failed")]
    if differ:
        print(f"Engines that failed or differ: {', '.join(differ)}.")
    return 1 if differ else 0
