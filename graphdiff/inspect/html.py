"""The page: one self-contained HTML file with a graph, its adjoint, its values and the plan.

Owns what the page is told: columns of JSON, made here, read by assets/page.js. Nothing of a graph becomes markup here:
names and sources are in the JSON, whose ``<`` is escaped, and the script puts them in as text.
Must not know: how the page draws or computes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from ..files import write_file
from ..ir.graph import Graph
from ..ir.node import Leaf, Node, Value, collector_paused
from ..ops.docstrings import parts as parts_of
from ..ops.registry import REGISTRY
from ..ops.tensor import Tensor
from ..ops.types import Fed
from ..runtime.compile import compile as compile_
from ..runtime.function import Function
from ..runtime.plan import Plan
from ..transforms.adjoint import Adjoint
from ..transforms.simplify import simplify
from .chain import Link, links
from .formula import Formulas
from .layout import HEIGHT, WIDTH
from .live import LIMIT, Slots, elements, program
from .picture import PHASES, Picture, whole_graph
from .values import Recorded, digest, named, record
from .views import views

LONGEST_BODY = 20_000  # characters of an inner graph's text
SCRIPTS = ("values.js", "plan.js", "page.js")


def adjoint_to_html(adj: Adjoint, path: str | Path, feed: Mapping[Leaf, ArrayLike] | None = None) -> None:
    """Writes one HTML file that shows forward graph and adjoint, and steps through both.

    ``feed``: arrays by input Tensor or name; with it the page shows every value, and the plan at those sizes. In graphs
    of up to 10,000 elements it computes them itself: drag a number of a leaf, and values and derivatives follow.
    Raises FeedError for a feed that does not fit, OSError where the file cannot be written.

    Example::

        gd.adjoint(loss, [W, b]).to_html("adjoint.html", feed={x: x0, t: t0})
    """
    with collector_paused():
        write_file(path, _adjoint_text(adj, feed))


def _adjoint_text(adj: Adjoint, feed: Mapping[Leaf, ArrayLike] | None) -> str:
    picture, formulas = Picture(adj), Formulas()
    page = _Page(picture, formulas, links(adj, formulas) if feed is not None else ())
    plan = None
    if feed is not None:
        held = [b.node.outputs[0] for b in picture.boxes if b.op == "input"]
        by_name = named(feed, held)
        graph = adj.graph()
        simple, mapping = simplify(graph)  # here, so that the plan's blocks are known to be those of which boxes
        page.became = {mapping.get(v, v).node.serial: v.node for v in page.slots}
        final = {v: mapping.get(v, v) for v in page.slots}
        found, sizes = record(Graph(graph.name, held, simple.outputs), list(final.values()), by_name)
        page.show(Recorded({**found, **{v: found[now] for v, now in final.items()}}, sizes))
        f = compile_(simple)
        plan = f.plan_for(**{name: sizes[name] for name in f._compiled.names})
    return page.text(plan)


def function_to_html(f: Function, path: str | Path, /, *args: Fed, **kwargs: Fed) -> None:
    """Writes one HTML file, ``path``, that shows the graph and plan of the compiled function ``f``.

    ``args``, ``kwargs``: feeds as for a call; with them the page shows every value. No update happens.
    Raises FeedError for feeds that do not fit, OSError where the file cannot be written.
    Example: ``step.to_html("step.html", x_batch, t_batch)``.
    """
    page = _Page(Picture(f), Formulas())
    plan = f._planned.plan if f._planned is not None else None
    if args or kwargs or not f.graph.inputs:
        arrays, key = f._prepare_call(args, kwargs)
        feed = dict(zip([v.name for v in f.graph.inputs], arrays))
        plan = f.plan_for(**dict(zip(f._compiled.names, key)))
        page.show(record(f.graph, list(page.slots), feed))
    write_file(path, page.text(plan))


def graph_to_html(what: Graph | Tensor, path: str | Path, feed: Mapping[Leaf, ArrayLike] | None = None) -> None:
    """Writes one HTML file that shows a graph, or all that a Tensor depends on; with ``feed`` also every value.

    Raises as :meth:`Adjoint.to_html`. Example: ``loss.to_html("loss.html")``.
    """
    page = _Page(Picture(what), Formulas())
    if feed is not None:
        graph = whole_graph(what)
        page.show(record(graph, list(page.slots), named(feed, graph.inputs)))
    write_file(path, page.text(None))


def _bodies(node: Node) -> list[list[str]]:
    """The name and the text of each inner graph of a loop or branch."""
    found = [(name, g.text()) for name, g in node.attrs.items() if isinstance(g, Graph)]
    return [
        [name.replace("_", " "), text[:LONGEST_BODY] + ("\n…" if len(text) > LONGEST_BODY else "")]
        for name, text in found
    ]


def operations() -> str:
    """The script that computes in the page: assets/operations.js with what the declarations of operations give it."""
    each = [
        f"    {json.dumps(name)}: {f'each({op.page})' if op.kind == 'elementwise' else op.page},\n"
        for name, op in REGISTRY.items()
        if op.page is not None
    ]
    script = (files(__package__) / "assets" / "operations.js").read_text(encoding="utf-8")
    before, after = script.split("{ /* the operations */ }")
    return f"{before}{{\n{''.join(each)}  }}{after}"


class _Page:
    """What one page is told. ``slots``: every value it can show, by number."""

    def __init__(self, picture: Picture, formulas: Formulas, chain: Sequence[Link] = ()):
        self.picture, self.formulas, self.chain = picture, formulas, chain
        self.slots: Slots = {}
        for b in picture.boxes:
            for v in b.node.outputs:
                self._slot(v)
        for link in chain:
            self._slot(link.contribution)
            for v in (link.upstream, link.local, *link.factors.values()):
                if isinstance(v, Value):
                    self._slot(v)
        self.values: list[Any] | None = None
        self.types: list[Any] = []
        self.live: dict[str, Any] | None = None
        self.note = "Values are shown where the page is written with a feed."
        self.became: dict[int, Node] = {b.node.serial: b.node for b in picture.boxes}  # by serial in the plan
        self._table: dict[str, int] = {}

    def _slot(self, v: Value) -> int:
        return self.slots.setdefault(v, len(self.slots))

    def show(self, recorded: Recorded) -> None:
        """Adds values, and where there are few enough of them what the page needs to compute them."""
        arrays = recorded.arrays
        self.values, self.types = digest([arrays.get(v) for v in self.slots])
        n = elements(list(self.slots), recorded.sizes)
        if n <= LIMIT:
            self.live, self.note = program(self.slots, recorded.sizes, arrays), ""
        else:
            self.note = f"Recorded values: the graph has {n:,} elements, and the page itself computes up to {LIMIT:,}."

    def text(self, plan: Plan | None) -> str:
        """The text of the page."""
        assets = files(__package__) / "assets"
        picture = self.picture
        data: dict[str, Any] = {
            "title": picture.title,
            "width": WIDTH,
            "height": HEIGHT,
            "chain": self._chain(),
            "boxes": self._columns(),
            "views": views(picture),
            "roles": [[role, b.id] for role, b in picture.roles],
            "bodies": {b.id: inner for b in picture.boxes if (inner := _bodies(b.node))},
            "docs": {op.name: parts_of(op.doc)[0] for op in {b.node.op: None for b in picture.boxes}},
            "types": self.types,
            "values": self.values,
            "live": self.live,
            "note": self.note,
            "plan": None if plan is None else self._plan(plan),
        }
        data["boxes"]["texts"] = list(self._table)
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
        safe = safe.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        safe = safe.encode("utf-8", "replace").decode()  # a name may hold half a surrogate pair
        parts = {
            "title": escape(picture.title),
            "style": (assets / "page.css").read_text(encoding="utf-8"),
            "data": safe,
            "script": "\n".join([operations(), *((assets / name).read_text(encoding="utf-8") for name in SCRIPTS)]),
        }
        pieces = (assets / "page.html").read_text(encoding="utf-8").split("%%")
        return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(pieces))

    def _intern(self, text: str) -> int:
        """Texts that repeat are numbers into one table."""
        return self._table.setdefault(text, len(self._table))

    def _columns(self) -> dict[str, Any]:
        """The boxes as columns."""
        picture, boxes, intern = self.picture, self.picture.boxes, self._intern
        formulas = self.formulas
        return {
            "name": [b.called for b in boxes],
            "phase": [PHASES.index(b.phase) for b in boxes],
            "op": [intern(b.op) for b in boxes],
            "call": [picture.call(b) if b.phase != "leaf" else b.op for b in boxes],
            "type": [intern(b.types) for b in boxes],
            "bytes": [intern(b.bytes) for b in boxes],
            "source": [intern(b.source) for b in boxes],
            "scope": [intern(b.node.scope) for b in boxes],
            "rule": [intern(b.rule) for b in boxes],
            "formula": [
                intern(
                    formulas.of_rule(b.node)
                    if b.partner is not None
                    else "\n".join(text for _, text in formulas.vjp(b.node))
                )
                for b in boxes
            ],
            "rewrites": [b.node.rewrites for b in boxes],
            "partner": [-1 if b.partner is None else b.partner for b in boxes],
            "of": [-1 if b.gradient_of is None else b.gradient_of for b in boxes],
            "inputs": [b.inputs for b in boxes],
            "results": [len(b.node.outputs) for b in boxes],  # slots, one box's after the other's
        }

    def _chain(self) -> list[Any]:
        """For each link: the node's box, the operand's (-1: none), the formula, then slots: upstream, local derivative
        (or its number as text), contribution (-1: none), its box, and (name, slot, box) of each factor."""
        place = {v: b.id for b in self.picture.boxes for v in b.node.outputs}
        out = []
        for link in self.chain:
            if link.node in self.picture.box_of:
                local = self._slot(link.local) if isinstance(link.local, Value) else str(link.local or "")
                out.append(
                    [
                        self.picture.box_of[link.node].id,
                        place.get(link.x, -1),
                        self._intern(link.formula),
                        -1 if link.upstream is None else self._slot(link.upstream),
                        local.replace("-", "−") if isinstance(local, str) else local,
                        self._slot(link.contribution),
                        place.get(link.contribution, -1),
                        [[self._intern(s), self._slot(v), place.get(v, -1)] for s, v in link.factors.items()],
                    ]
                )
        return out

    def _plan(self, plan: Plan) -> dict[str, Any]:
        """Rectangles of the arena and the instructions along time."""
        boxes = self.picture.box_of
        place = {serial: boxes[node].id for serial, node in self.became.items() if node in boxes}
        return {
            "summary": plan.summary(),
            "arena": plan.arena_bytes - plan.scratch_bytes,
            "timeline": [int(n) for n in plan.timeline()],
            "names": [row.told for row in plan.instructions],
            "phases": [PHASES.index(row.phase) for row in plan.instructions],
            "blocks": [
                [b.label, b.first, b.last, b.offset, b.bytes, PHASES.index(b.phase), place.get(b.serial, -1)]
                for b in plan.blocks()
            ],
        }
