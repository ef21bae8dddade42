"""A picture at each level of detail: scopes closed at depth 1, 2, ..., repeated structure closed, and everything.

A closed view is made of items, each a run of neighbours in the topological order: such runs never depend on each other
in a circle. A leaf that one scope alone uses is inside that scope's first item. Linear in boxes, but for looking for
what repeats, which tries periods one by one. Leaves are the first boxes of a picture.
Must not know: how the page draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from ..ops.registry import REGISTRY
from .dot import items_of
from .layout import Item, lay_out
from .picture import PHASES, Box, Picture

DEEPEST = 4  # scopes deeper than this are closed with the one they are in
LONGEST_PERIOD = 64  # nodes of what repeats
APART = "\0"  # in a group, between what is shown of it and what tells it from others
FEWEST = 3  # times that something is there to be called repeated

COMPOSITES = {op.name.rpartition(".")[2] for op in REGISTRY.values() if op.kind == "composite"}


def views(picture: Picture) -> list[dict[str, Any]]:
    """The views as JSON, the coarsest first, every node last."""
    edges = _Edges(picture)
    deepest = max((scope.count("/") + 1 for scope in {b.node.scope for b in picture.boxes} if scope), default=0)
    found = [
        _closed(edges, f"scopes to depth {d}", [_scope(b, d) for b in picture.boxes])
        for d in range(1, min(deepest, DEEPEST) + 1)
    ]
    if not found and any(b.phase == "update" for b in picture.boxes):
        found.append(_closed(edges, "updates closed", [_scope(b, 1) for b in picture.boxes]))
    repeated = _repeated(picture)
    if any("\n" in group for group in repeated):
        found.append(_closed(edges, "repeated structure", repeated))
    calls = _closed(edges, "operations as called", [_called(b) for b in picture.boxes])
    if len(calls["x"]) < len(picture.boxes):
        found.append(calls | {"folded": True})
    at = lay_out(items_of(picture))
    whole = {"label": "every node", "x": _rounded(at.x), "y": _rounded(at.y), "size": [at.width, at.height]}
    return [*found, whole]


class _Edges:
    """What every closed view reads of a picture: ``source`` and ``target`` of each edge, in the order of targets;
    ``phase``, ``partner`` (-1: none) of each box; the ``users`` of each leaf."""

    def __init__(self, picture: Picture):
        boxes = self.boxes = picture.boxes
        self.source = np.array([i for b in boxes for i in b.inputs], np.int64)
        self.target = np.repeat(np.arange(len(boxes)), [len(b.inputs) for b in boxes])
        self.phase = np.array([PHASES.index(b.phase) for b in boxes], np.int64)
        self.partner = np.array([-1 if b.partner is None else b.partner for b in boxes], np.int64)
        self.users: list[list[Box]] = [[] for b in boxes if b.phase == "leaf"]
        of_leaves = self.source < len(self.users)
        for i, n in zip(self.source[of_leaves].tolist(), self.target[of_leaves].tolist()):
            self.users[i].append(boxes[n])


def _closed(edges: _Edges, label: str, groups: Sequence[str]) -> dict[str, Any]:
    """Neighbours that are of one group - the empty one is none - and phase as one item."""
    boxes, n_leaves = edges.boxes, len(edges.users)
    homes = _homes(edges, groups)
    numbers: dict[str, int] = {"": 0}
    key = np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)
    starts = np.ones(len(boxes), bool)  # items, at their first box
    starts[list(homes)] = False
    inner = slice(n_leaves + 1, None)
    starts[inner] = (key[inner] == 0) | (np.diff(key[n_leaves:]) != 0) | (np.diff(edges.phase[n_leaves:]) != 0)
    of = np.cumsum(starts) - 1
    of[list(homes)] = of[list(homes.values())]
    first = np.flatnonzero(starts)
    source, target = of[edges.source], of[edges.target]
    _, once = np.unique(np.where(source != target, target * len(first) + source, -1), return_index=True)
    once.sort()
    once = once[source[once] != target[once]]
    inputs = _split(source[once], target[once], len(first))
    partnered = np.flatnonzero(edges.partner >= 0)
    having, at_first = np.unique(of[partnered], return_index=True)
    partner = dict(zip(having.tolist(), of[edges.partner[partnered[at_first]]].tolist()))
    items = [
        Item(mine, boxes[b].phase in ("backward", "update"), None if (p := partner.get(n)) == n else p)
        for n, (b, mine) in enumerate(zip(first.tolist(), inputs))
    ]
    at = lay_out(items)
    members = np.bincount(of, minlength=len(first)).tolist()
    return {
        "label": label,
        "first": first.tolist(),  # those of its members that are no leaves follow it
        "leaves": of[:n_leaves].tolist(),  # the items that they are in
        "scope": [groups[b].partition(APART)[0] if n > 1 else "" for b, n in zip(first.tolist(), members)],
        "inputs": inputs,
        "x": _rounded(at.x),
        "y": _rounded(at.y),
        "size": [at.width, at.height],
    }


def _split(values: np.ndarray, rows: np.ndarray, n: int) -> list[list[int]]:
    """``values`` row by row; ``rows`` rise from 0 to below ``n``."""
    ends = np.searchsorted(rows, np.arange(n + 1)).tolist()
    flat = values.tolist()
    return [flat[a:b] for a, b in pairwise(ends)]


def _homes(edges: _Edges, groups: Sequence[str]) -> dict[int, int]:
    """The first user of each leaf whose forward users - or, without any, whose users - are all of one group, if none
    of another phase comes first."""
    homes = {}
    for leaf, us in enumerate(edges.users):
        mine = [b for b in us if b.phase == "forward"] or us
        inside = {groups[b.id] for b in mine}
        if len(inside) == 1 and "" not in inside and us[0] is mine[0]:
            homes[leaf] = us[0].id
    return homes


def _scope(b: Box, depth: int) -> str:
    """What a box is closed into; of what stands in no scope, updates are closed, and contributions are summed in one
    place."""
    scope = "/".join(b.node.scope.split("/")[:depth])
    if not scope and b.phase == "update":
        return "updates"
    return b.rule if not scope and b.rule == "sum of contributions" else scope


def _called(b: Box) -> str:
    """The operation that was called for a box, where that is one of several nodes: a mean is a sum and a quotient."""
    parts = b.node.scope.split("/")
    for k, part in enumerate(parts):
        if part in COMPOSITES:
            return f"{part}{APART}{'/'.join(parts[:k])} {b.source}"
    return ""


def _repeated(picture: Picture) -> list[str]:
    """For each box the repetition that it is in, as two lines: "3 of 20", "matmul, add, tanh"; or nothing. An adjoint
    box is where its forward box is."""
    groups = [""] * len(picture.boxes)
    forward = [b for b in picture.boxes if b.phase == "forward"]
    kinds: dict[tuple[str, str], int] = {}
    kind = np.array([kinds.setdefault((b.op, b.types), len(kinds)) for b in forward], np.int64)
    for first, period, times in _repetitions(kind):
        names = ", ".join(
            f"{op} ×{n}" if n > 1 else op
            for op, n in ((op, len(list(run))) for op, run in groupby(b.op for b in forward[first : first + period]))
        )
        for k in range(times):
            for b in forward[first + k * period : first + (k + 1) * period]:
                groups[b.id] = f"{k + 1} of {times}\n{names}"
    for b in picture.boxes:
        if b.partner is not None and b.phase == "backward":
            groups[b.id] = groups[b.partner] or (b.rule if b.rule == "sum of contributions" else "")
    return groups


def _repetitions(kind: np.ndarray) -> list[tuple[int, int, int]]:
    """(first, period, times) of what follows itself, without overlaps: what covers most first, the shortest period of
    that. Periods of one are no structure."""
    found: list[tuple[int, int, int, int]] = []
    for period in range(2, min(LONGEST_PERIOD, len(kind) // FEWEST) + 1):
        same = np.flatnonzero(np.diff(np.concatenate([[0], (kind[period:] == kind[:-period]).astype(np.int8), [0]])))
        for a, b in zip(same[::2].tolist(), same[1::2].tolist()):
            times = (b - a) // period + 1
            if times >= FEWEST:
                found.append((-times * period, period, a, times))
    taken = np.zeros(len(kind), bool)
    out = []
    for _, period, first, times in sorted(found):
        if not taken[first : first + period * times].any():
            taken[first : first + period * times] = True
            if np.ptp(kind[first : first + period]):  # not one operation over and over
                out.append((first, period, times))
    return out


def _rounded(places: list[float]) -> list[int]:
    return [round(p) for p in places]
