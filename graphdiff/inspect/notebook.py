"""What a notebook shows of a graph, an adjoint, a compiled function and a plan: a small picture or table, no script.

Must not know: notebooks beyond their ``_repr_html_``.
"""

from __future__ import annotations

from collections import Counter
from html import escape

from ..runtime.plan import Plan
from .dot import drawing
from .picture import Drawable, Picture

DRAWN = 60  # boxes; a larger graph is shown as the head of its text
ROWS = 30


def repr_html(what: Drawable) -> str:
    """A picture of a small graph; of a large one its counts and the first lines of its text."""
    picture = Picture(what)
    counts = Counter(b.phase for b in picture.boxes)
    halves = ", ".join(f"{n} {phase}" for phase, n in counts.items())
    head = f"<b>{escape(picture.title)}</b>: {len(picture.boxes)} nodes ({halves})"
    if len(picture.boxes) <= DRAWN:
        body = f'<div style="overflow:auto;max-height:36em">{drawing(picture)}</div>'
    else:
        lines = [f"{b.name}: {b.types} = {picture.call(b)}" for b in picture.boxes[:ROWS] if b.phase != "leaf"]
        body = f"<pre>{escape(chr(10).join(lines))}\n… to_html(path) shows all of them</pre>"
    return f"<div>{head}{body}</div>"


def plan_html(plan: Plan) -> str:
    """The plan's summary and its first instructions as a table."""
    cells = []
    for row in plan.instructions[:ROWS]:
        first = row.writes[0] if row.writes else None
        where = (f"{first.offset:,}", f"{first.bytes:,}") if first else ("", "")
        texts = (row.index, row.phase, *where, row.name, row.source)
        cells.append("<tr>" + "".join(f"<td>{escape(str(t))}</td>" for t in texts) + "</tr>")
    head = "".join(f"<th>{t}</th>" for t in ("#", "phase", "offset", "bytes", "operation", "line"))
    more = len(plan.instructions) - ROWS
    tail = f"<p>… and {more} more; print(plan) shows all of them</p>" if more > 0 else ""
    return f"<div><p>{escape(plan.summary())}</p><table><tr>{head}</tr>{''.join(cells)}</table>{tail}</div>"
