"""A graph in the language of Graphviz, and as one SVG picture without script.

Invariants: every name is escaped for the format it stands in.
Must not know: pages, values, plans.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from ..files import write_file
from ..wording import one_line
from .layout import HEIGHT, WIDTH, Item, lay_out
from .picture import Box, Drawable, Picture

COLOURS = {"leaf": "#e8e8e3", "forward": "#cfe3f7", "backward": "#fbd9c4", "update": "#d8efce"}
CLUSTERS = {"forward": "forward", "backward": "backward", "update": "updates"}


def to_dot(what: Drawable) -> str:
    """The graph in the DOT language: forward, backward and updates as clusters, a dashed edge from each adjoint node
    to the node it is of.

    Example::

        Path("adjoint.dot").write_text(gd.adjoint(loss, [W, b]).to_dot())   # then: dot -Tsvg adjoint.dot
    """
    picture = Picture(what)
    out = [
        f"digraph {_quoted(picture.title)} {{",
        "  rankdir=TB;",
        '  node [shape=box, style="rounded,filled", fontname="sans-serif", fontsize=10];',
    ]
    out += [f"  {_dot_node(picture, b)}" for b in picture.boxes if b.phase == "leaf"]
    for phase, title in CLUSTERS.items():
        mine = [b for b in picture.boxes if b.phase == phase]
        if mine:
            out += [f"  subgraph cluster_{phase} {{", f"    label={_quoted(title)};", '    color="#999999";']
            out += [f"    {_dot_node(picture, b)}" for b in mine]
            out.append("  }")
    for b in picture.boxes:
        out += [f"  n{i} -> n{b.id};" for i in b.inputs]
        if b.partner is not None:
            out.append(
                f"  n{b.id} -> n{b.partner} [style=dashed, arrowhead=none, constraint=false, "
                f'color="#999999", tooltip={_quoted(b.rule)}];'
            )
    for k, (role, b) in enumerate(picture.roles):
        out += [f"  r{k} [label={_quoted(role)}, shape=plaintext, style=solid];", f"  n{b.id} -> r{k};"]
    return "\n".join([*out, "}", ""])


def _dot_node(picture: Picture, b: Box) -> str:
    text = f"{b.name}\n{b.types}" if b.phase == "leaf" else f"{b.called} = {picture.call(b)}\n{b.types}"
    tip = ", ".join(t for t in (b.source, b.node.scope, b.rule) if t)
    more = f", tooltip={_quoted(tip)}" if tip else ""
    return f'n{b.id} [label={_quoted(text)}, fillcolor="{COLOURS[b.phase]}"{more}];'


def _quoted(text: str) -> str:
    """A string of the DOT language: backslashes, quotes and line ends escaped, what cannot be printed replaced."""
    kept = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    escaped = kept.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def items_of(picture: Picture) -> list[Item]:
    """The boxes as the layout takes them: the backward half, and updates, on the right. What sums the contributions to
    a leaf stands where it adds, not opposite the leaf, where a much used one would have a tower of sums."""
    leaf = [b.phase == "leaf" for b in picture.boxes]
    return [
        Item(
            b.inputs,
            b.phase in ("backward", "update"),
            None if b.partner is not None and leaf[b.partner] else b.partner,
        )
        for b in picture.boxes
    ]


def to_svg(what: Drawable, path: str | Path | None = None) -> str:
    """One SVG picture, forward and adjoint facing each other; written to ``path`` if given. Returns its text.

    Raises OSError where the path cannot be written. Example: ``gd.adjoint(loss, W).to_svg("adjoint.svg")``.
    """
    text = drawing(Picture(what))
    if path is not None:
        write_file(path, text)
    return text


def drawing(picture: Picture) -> str:
    """The picture as SVG text."""
    at = lay_out(items_of(picture))
    w, h = max(at.width, 1), max(at.height, 1)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:g} {h:g}" width="{w:g}" height="{h:g}" role="img" '
        f'aria-label="{_text(picture.title)}" font-family="sans-serif" font-size="11">',
        f'<rect width="{w:g}" height="{h:g}" fill="#ffffff"/>',
        '<g fill="none" stroke="#8a8a8a">',
    ]
    for b in picture.boxes:
        for i in b.inputs:
            out.append(f'<path d="{edge(at.x[i], at.y[i], at.x[b.id], at.y[b.id])}"/>')
    out.append("</g>")
    for b in picture.boxes:
        x, y = at.x[b.id], at.y[b.id]
        head = b.name if b.phase == "leaf" else f"{b.called} {b.op}"
        tip = one_line(b.name if b.phase == "leaf" else f"{b.name} = {picture.call(b)}", 400)
        out.append(
            f'<g transform="translate({x:g},{y:g})"><title>{_text(tip)}: {_text(b.types)} {_text(b.source)}'
            f'</title><rect width="{WIDTH}" height="{HEIGHT}" rx="5" fill="{COLOURS[b.phase]}" '
            f'stroke="#777"/><text x="8" y="16" fill="#111">{_text(_short(head))}</text>'
            f'<text x="8" y="31" fill="#555">{_text(_short(b.types))}</text></g>'
        )
    return "\n".join([*out, "</svg>", ""])


def edge(x0: float, y0: float, x1: float, y1: float) -> str:
    """The path of an edge from one box to another: out of the side that faces it."""
    if y0 == y1:
        side, y = (WIDTH if x1 > x0 else 0), y0 + HEIGHT / 2
        return f"M{x0 + side:g} {y:g}L{x1 + WIDTH - side:g} {y:g}"
    down = y1 > y0
    sx, sy = x0 + WIDTH / 2, y0 + (HEIGHT if down else 0)
    tx, ty = x1 + WIDTH / 2, y1 + (0 if down else HEIGHT)
    bend = max(14.0, abs(ty - sy) / 2) * (1 if down else -1)
    return f"M{sx:g} {sy:g}C{sx:g} {sy + bend:g} {tx:g} {ty - bend:g} {tx:g} {ty:g}"


def _short(text: str, n: int = 22) -> str:
    return text if len(text) <= n else text[: n - 1] + "…"


def _text(value: Any) -> str:
    """Text of XML: escaped, and without the control characters that XML has no way to write."""
    return escape("".join(c if c.isprintable() else " " for c in str(value)))
