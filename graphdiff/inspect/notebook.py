"""What a notebook shows of the values that have more to see than a line: a small picture or table, no script.

Invariants: all text is escaped, and the size is bounded whatever is shown.

Must not know: notebooks beyond their ``_repr_html_``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from ..ir.text import type_text
from ..ops.tensor import Tensor
from ..runtime.plan import Plan
from ..runtime.profile import Profile
from ..runtime.tradeoff import Tradeoff
from ..wording import count, one_line, seconds_text
from .dot import drawing
from .flow import GradientFlow
from .picture import Drawable, Picture

DRAWN = 60  # boxes; a larger graph is shown as the head of its text
ROWS = 30
NUMBERS = 100  # elements of a parameter that are all shown


def repr_html(what: Drawable) -> str:
    """A picture of a small graph; of a large one its counts and the first lines of its text."""
    picture = Picture(what)
    counts = Counter(b.phase for b in picture.boxes)
    halves = ", ".join(f"{n} {phase}" for phase, n in counts.items())
    head = f"<b>{escape(one_line(picture.title))}</b>: {count(len(picture.boxes), 'node')} ({halves})"
    if len(picture.boxes) <= DRAWN:
        body = f'<div style="overflow:auto;max-height:36em">{drawing(picture)}</div>'
    else:
        first = [b for b in picture.boxes if b.phase != "leaf"][:ROWS]
        lines = [one_line(f"{b.called}: {b.types} = {picture.call(b)}") for b in first]
        body = f"<pre>{escape(chr(10).join(lines))}\n… to_html(path) shows all of them</pre>"
    return f"<div>{head}{body}</div>"


def tensor_html(t: Tensor) -> str:
    """A parameter or state with its numbers; of other Tensors the graph they are computed by."""
    storage = t.node.attrs.get("storage") if t.is_leaf else None
    if storage is None:
        return repr_html(t)
    array = storage.array
    head = f"<b>{escape(one_line(t.name))}</b>: {t.node.op.name} {escape(type_text(t))}"
    if not array.size:
        return f"<div>{head}, no elements</div>"
    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    facts = [f"{count(array.size, 'element')}"]
    if finite.size:
        with np.errstate(over="ignore"):
            facts += [f"from {finite.min():.5g} to {finite.max():.5g}", f"mean {finite.mean():.5g}"]
            facts.append(f"norm {np.sqrt((finite * finite).sum()):.5g}")
    if finite.size < wide.size:
        facts.append(f"<b>{wide.size - finite.size:,} not finite</b>")
    numbers = escape(np.array2string(array, threshold=NUMBERS, edgeitems=3, precision=5, max_line_width=100))
    return f"<div>{head}<br>{', '.join(facts)}<pre>{numbers}</pre></div>"


def table_html(summary: str, head: Sequence[str], rows: Sequence[Sequence[Any]], total: int, whole: str) -> str:
    """A summary and a table of the first of ``total`` rows; ``whole``: what shows all of them."""
    cells = ["<tr>" + "".join(f"<td>{escape(str(t))}</td>" for t in texts) + "</tr>" for texts in rows]
    titles = "".join(f"<th>{escape(t)}</th>" for t in head)
    tail = f"<p>… and {total - len(rows):,} more; {whole} shows all of them</p>" if total > len(rows) else ""
    return f"<div><p>{escape(summary)}</p><table><tr>{titles}</tr>{''.join(cells)}</table>{tail}</div>"


def plan_html(plan: Plan) -> str:
    """The plan's summary and its first instructions as a table."""
    rows = []
    for row in plan.instructions[:ROWS]:
        first = row.writes[0] if row.writes else None
        where = (f"{first.offset:,}", f"{first.bytes:,}") if first else ("", "")
        rows.append((row.index, row.phase, *where, row.told, row.source))
    head = ("#", "phase", "offset", "bytes", "operation", "line")
    return table_html(plan.summary(), head, rows, len(plan.instructions), "print(plan.text())")


def profile_html(profile: Profile) -> str:
    """The dearest instructions as a table."""
    total = profile.total_ns or 1.0
    dearest = sorted(profile.rows, key=lambda r: -r.ns)[:ROWS]
    rows = [
        (
            r.index,
            r.phase,
            seconds_text(1e-9 * r.ns),
            seconds_text(1e-9 * r.predicted_ns),
            f"{100 * r.ns / total:.1f} %",
            f"{100 * r.of_ceiling:.0f} % {r.bound}",
            r.told,
            r.source,
        )
        for r in dearest
    ]
    head = ("#", "phase", "time", "predicted", "share", "of ceiling", "operation", "line")
    return table_html(str(profile).partition("\n")[0], head, rows, len(profile.rows), "print(profile)")


def tradeoff_html(curve: Tradeoff) -> str:
    """The limits as a table."""
    rows = []
    for p in curve.points[:ROWS]:
        arena = "nothing fits" if p.arena_bytes is None else f"{p.arena_bytes:,}"
        measured = "" if p.measured is None else seconds_text(p.measured)
        rows.append((f"{p.limit:,}", arena, seconds_text(p.seconds), measured))
    head = ("limit (bytes)", "arena (bytes)", "predicted", "measured")
    return table_html(str(curve).partition("\n")[0], head, rows, len(curve.points), "print(curve)")


def flow_html(flow: GradientFlow) -> str:
    """The last record as a table, with what is wrong."""
    wrong = flow.verdicts()
    last = flow.history[-1] if len(flow.history) else []
    rows = [
        (name, f"{norm:.3g}", f"{mean:.3g}", f"{zeros:.1%}", f"{ratio:.3g}", f"{dead:.1%}", wrong.get(name, ""))
        for name, (norm, mean, zeros, ratio, dead) in zip(flow.names, last)
    ]
    head = ("parameter", "norm", "mean |g|", "zeros", "update/weight", "dead units", "")
    return table_html(repr(flow).strip("<>"), head, rows[:ROWS], len(rows), "print(flow)")
