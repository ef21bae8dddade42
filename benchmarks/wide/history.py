"""What earlier commits took: a line of JSON for each run, and a page that draws them in time.

The page is one file of HTML and SVG. Must not know: how things are measured.
"""

from __future__ import annotations

import html
import json
import math
import subprocess
from pathlib import Path
from typing import Any

from .turns import Row, mean, ratio

WIDTH, HEIGHT = 220, 48  # of a drawing
STYLE = (
    "body{font:14px system-ui;margin:2em;max-width:70em}td,th{padding:.2em .8em;text-align:left}"
    "td.number{text-align:right;font-variant-numeric:tabular-nums}tr.behind td{background:#fff0e8}"
    "svg{vertical-align:middle}polyline{fill:none;stroke:#1f6fb2;stroke-width:1.5}circle{fill:#1f6fb2}"
    "line{stroke:#999;stroke-dasharray:3}"
)


def commit() -> str:
    """The commit of the checkout, with a plus where files differ from it; empty without one."""
    where = Path(__file__).parent

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, check=False)
        except OSError:  # there is no git
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    short = git("rev-parse", "--short=10", "HEAD")
    return short + "+" * bool(short and git("status", "--porcelain", "--untracked-files=no"))


def keep(path: Path, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Adds a run to the file; all runs, the oldest first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _drawing(ratios: list[float]) -> str:
    """Ratios from run to run on a logarithmic scale, with a line at 1; a run without one leaves a gap."""
    known = [r for r in ratios if not math.isnan(r)]
    if not known:
        return ""
    low, high = math.log(min(1.0, *known)) - 0.1, math.log(max(1.0, *known)) + 0.1

    def at(i: int, r: float) -> tuple[float, float]:
        x = 4 + (WIDTH - 8) * i / max(1, len(ratios) - 1)
        return x, 4 + (HEIGHT - 8) * (high - math.log(r)) / (high - low)

    parts: list[list[tuple[float, float]]] = [[]]
    for i, r in enumerate(ratios):
        if math.isnan(r):
            parts.append([])
        else:
            parts[-1].append(at(i, r))
    y = at(0, 1.0)[1]
    drawn = [f'<line x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>']
    drawn += [f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in p)}"/>' for p in parts if p]
    drawn += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2"/>' for p in parts for a, b in p]
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(drawn)}</svg>'


def _number(r: float) -> str:
    return "" if math.isnan(r) else f"{r:.2f}"


def page(runs: list[dict[str, Any]]) -> str:
    """The page of runs under the conditions of the last one: processor, threads and clock."""
    last = runs[-1]
    alike = [r for r in runs if all(r[k] == last[k] for k in ("processor", "threads", "clock"))]
    means = [mean([ratio(row) for row in r["rows"].values()]) for r in alike]
    body = [("geometric mean", means)]
    names = dict.fromkeys(name for r in reversed(alike) for name in r["rows"])
    none: Row = {"differs": []}
    body += [(name, [ratio(r["rows"].get(name, none)) for r in alike]) for name in names]
    lines = []
    for name, ratios in body:
        now = ratios[-1]
        behind = ' class="behind"' if now < 1 else ""
        cells = f'<td>{html.escape(name)}</td><td class="number">{_number(now)}</td><td>{_drawing(ratios)}</td>'
        lines.append(f"<tr{behind}>{cells}</tr>")
    about = f"{last['processor']}, {last['threads']} thread{'s' * (last['threads'] > 1)}, {last['clock']} time"
    commits = ", ".join(f"{r['commit'] or 'no commit'} ({r['date'][:10]})" for r in alike)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>graphdiff: the wide suite</title><style>{STYLE}'
        f"</style><h1>The wide suite, commit by commit</h1><p>{html.escape(about)}. The fastest peer's time over "
        "graphdiff's, on a logarithmic scale; the dashed line is 1, rows below it are marked.</p><table>"
        f"<tr><th>row</th><th>now</th><th>over {len(alike)} run{'s' * (len(alike) != 1)}</th></tr>{''.join(lines)}"
        f"</table><p>Runs: {html.escape(commits)}.</p></html>\n"
    )
