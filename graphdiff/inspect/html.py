"""The page: one self-contained HTML file with a graph, its adjoint, recorded values and the plan.

Owns what the page is told: columns of JSON, made here, read by assets/page.js. Nothing of a graph becomes markup here:
names and sources are in the JSON, whose ``<`` is escaped, and the script puts them in as text.
Must not know: how the page draws.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..ir.graph import Graph, Value
from ..ops.tensor import Tensor
from ..runtime.function import Function
from ..runtime.function import compile as compile_
from ..runtime.plan import Plan
from ..transforms.adjoint import Adjoint
from .dot import items_of
from .layout import HEIGHT, WIDTH, Item, lay_out
from .picture import Box, Picture, whole_graph
from .values import Digest, named, record

PHASES = ("leaf", "forward", "backward", "update", "recompute")


def adjoint_to_html(adj: Adjoint, path: str | Path, feed: Mapping[Any, Any] | None = None) -> None:
    """Writes one HTML file that shows forward graph and adjoint, and steps through both.

    ``feed``: arrays by input Tensor or name; with it the page shows every value, and the plan at those sizes.
    Raises FeedError for a feed that does not fit, OSError where the file cannot be written.

    Example::

        gd.adjoint(loss, [W, b]).to_html("adjoint.html", feed={x: x0, t: t0})
    """
    picture = Picture(adj)
    held = [b.node.outputs[0] for b in picture.boxes if b.op == "input"]
    arrays = plan = None
    if feed is not None:
        by_name = named(feed, held)
        graph = adj.graph()
        listed = {v.name for v in graph.inputs}
        f = compile_(graph)
        f(**{k: a for k, a in by_name.items() if k in listed})
        plan = f.plan
        arrays = record(Graph(graph.name, held, graph.outputs), [b.node for b in picture.boxes], by_name)
    _write(path, picture, arrays, plan)


def function_to_html(f: Function, path: str | Path, *args: Any, **kwargs: Any) -> None:
    """Writes one HTML file that shows the compiled function's graph and plan.

    ``args``, ``kwargs``: feeds as for a call; with them the page shows every value. No update happens.
    Raises FeedError for feeds that do not fit, OSError where the file cannot be written.
    Example: ``step.to_html("step.html", x_batch, t_batch)``.
    """
    picture = Picture(f)
    plan = f._plan if f._program.names else f.plan
    arrays = None
    if args or kwargs:
        feed = dict(zip([v.name for v in f.graph.inputs], f._prepare_call(args, kwargs)))
        plan = f.plan
        arrays = record(f.graph, [b.node for b in picture.boxes], feed)
    _write(path, picture, arrays, plan)


def graph_to_html(what: Graph | Tensor, path: str | Path, feed: Mapping[Any, Any] | None = None) -> None:
    """Writes one HTML file that shows a graph, or all that a Tensor depends on; with ``feed`` also every value.

    Raises as :meth:`Adjoint.to_html`. Example: ``loss.to_html("loss.html")``.
    """
    picture, arrays = Picture(what), None
    if feed is not None:
        graph = whole_graph(what)
        arrays = record(graph, [b.node for b in picture.boxes], named(feed, graph.inputs))
    _write(path, picture, arrays, None)


def _write(path: str | Path, picture: Picture, arrays: dict[Value, Any] | None, plan: Plan | None) -> None:
    Path(path).write_text(page(picture, arrays, plan), encoding="utf-8")


def page(picture: Picture, arrays: dict[Value, Any] | None = None, plan: Plan | None = None) -> str:
    """The text of the page. ``arrays``: recorded values."""
    assets = files(__package__) / "assets"
    data = {
        "title": picture.title,
        "width": WIDTH, "height": HEIGHT,
        "boxes": _columns(picture),
        "views": _views(picture),
        "roles": [[role, b.id] for role, b in picture.roles],
        "docs": {b.op: b.node.op.doc for b in picture.boxes},
        "values": None if arrays is None else _values(picture, arrays),
        "plan": None if plan is None else _plan(picture, plan),
    }  # fmt: skip
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    safe = safe.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    safe = safe.encode("utf-8", "replace").decode()  # a name may hold half a surrogate pair
    parts = {
        "title": escape(picture.title),
        "style": (assets / "page.css").read_text(encoding="utf-8"),
        "data": safe,
        "script": (assets / "page.js").read_text(encoding="utf-8"),
    }
    pieces = (assets / "page.html").read_text(encoding="utf-8").split("%%")
    return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(pieces))


def _columns(picture: Picture) -> dict[str, Any]:
    """The boxes as columns; texts that repeat are numbers into one table."""
    table: dict[str, int] = {}

    def intern(text: str) -> int:
        return table.setdefault(text, len(table))

    boxes = picture.boxes
    return {
        "name": [b.name for b in boxes],
        "phase": [PHASES.index(b.phase) for b in boxes],
        "op": [intern(b.op) for b in boxes],
        "call": [picture.call(b) if b.phase != "leaf" else b.op for b in boxes],
        "type": [intern(b.types) for b in boxes],
        "bytes": [intern(b.bytes) for b in boxes],
        "source": [intern(b.source) for b in boxes],
        "scope": [intern(b.node.scope) for b in boxes],
        "rule": [intern(b.rule) for b in boxes],
        "partner": [-1 if b.partner is None else b.partner for b in boxes],
        "of": [-1 if b.gradient_of is None else b.gradient_of for b in boxes],
        "inputs": [b.inputs for b in boxes],
        "texts": list(table),
    }


# ---------------------------------------------------------------------------------- levels of detail


def _views(picture: Picture) -> list[dict[str, Any]]:
    """The picture at each level of detail: scopes closed at depth 1, 2, ..., and everything."""
    deepest = max((b.node.scope.count("/") + 1 for b in picture.boxes if b.node.scope), default=0)
    views = [_closed(picture, depth) for depth in range(1, min(deepest, 4) + 1)]
    at = lay_out(items_of(picture))
    whole = {"label": "every node", "x": _rounded(at.x), "y": _rounded(at.y), "size": [at.width, at.height]}
    return [*views, whole]


def _closed(picture: Picture, depth: int) -> dict[str, Any]:
    """The picture with scopes of ``depth`` closed: neighbours in the topological order that are of one scope and phase
    are one item. Runs of such an order never depend on each other in a circle."""
    runs: list[list[Box]] = []
    of: list[int] = []
    last = None
    for b in picture.boxes:
        scope = _scope(b, depth)
        key = (scope, b.phase) if scope and b.phase != "leaf" else None
        if key is None or key != last:
            runs.append([])
        runs[-1].append(b)
        of.append(len(runs) - 1)
        last = key
    items = []
    for n, run in enumerate(runs):
        inputs = dict.fromkeys(of[i] for b in run for i in b.inputs)
        inputs.pop(n, None)
        partner = next((of[b.partner] for b in run if b.partner is not None), None)
        items.append(Item(list(inputs), run[0].phase in ("backward", "update"), partner if partner != n else None))
    at = lay_out(items)
    return {
        "label": f"scopes to depth {depth}",
        "first": [run[0].id for run in runs],  # its members follow it
        "scope": [_scope(run[0], depth) if len(run) > 1 else "" for run in runs],
        "inputs": [list(item.inputs) for item in items],
        "x": _rounded(at.x), "y": _rounded(at.y), "size": [at.width, at.height],
    }  # fmt: skip


def _scope(b: Box, depth: int) -> str:
    """What a box is closed into; contributions to what stands in no scope are summed in one place."""
    scope = "/".join(b.node.scope.split("/")[:depth])
    return b.rule if not scope and b.rule == "sum of contributions" else scope


def _rounded(places: list[float]) -> list[int]:
    return [round(p) for p in places]


# ---------------------------------------------------------------------------------- values and plan


def _values(picture: Picture, arrays: Mapping[Value, Any]) -> list[Any]:
    """For each box the digests of its results; constants of the graph show their own."""
    digest = Digest()
    return [[digest(arrays[v]) for v in b.node.outputs if v in arrays] for b in picture.boxes]


def _plan(picture: Picture, plan: Plan) -> dict[str, Any]:
    """Rectangles of the arena and the instructions along time."""
    place = {b.node.serial: b.id for b in picture.boxes}
    return {
        "summary": plan.summary(),
        "arena": plan.arena_bytes - plan.scratch_bytes,
        "timeline": [int(n) for n in plan.timeline()],
        "names": [row.name for row in plan.instructions],
        "phases": [PHASES.index(row.phase) for row in plan.instructions],
        "blocks": [
            [b.label, b.first, b.last, b.offset, b.bytes, PHASES.index(b.phase), place.get(b.serial, -1)]
            for b in plan.blocks()
        ],
    }
