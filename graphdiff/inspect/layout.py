"""Where boxes stand: forward on the left from top to bottom, its adjoint on the right, opposite what it is of.

A forward box lies in the layer of its longest path from a leaf. A layer is a band of rows, high enough for the adjoint
boxes of its nodes, which depend on each other from the bottom of the band to its top: time runs down on the left and
up on the right. Within a row boxes stand by the mean place of what they are connected to (Sugiyama's barycentre
heuristic, two sweeps). Linear in boxes and edges, up to the sorting of rows.
Must not know: what boxes mean, or how they are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 148, 40  # of a box, in the units of the drawing
GAP_X, GAP_Y = 20, 30
MIDDLE = 120  # between the halves
LONGEST_ROW = 24  # boxes; a longer one continues below


class Item(NamedTuple):
    """What is laid out: operands by number (smaller than its own), the half it belongs to, what it stands opposite."""

    inputs: Sequence[int]
    right: bool = False
    partner: int | None = None


class Layout(NamedTuple):
    """Upper left corners by number, and the size of the whole."""

    x: list[float]
    y: list[float]
    width: float
    height: float


def lay_out(items: Sequence[Item]) -> Layout:
    """Places for ``items``, which stand in topological order."""
    band = _bands(items)
    inside = _rows_inside(items, band)
    rows: dict[tuple[int, bool, int], list[int]] = {}
    for n, item in enumerate(items):
        rows.setdefault((band[n], item.right, inside[n]), []).append(n)
    order = sorted(rows.items(), key=lambda r: r[0])
    place = _barycentres(items, [row for _, row in order])
    heights: dict[int, int] = {}
    lines: dict[tuple[int, bool], list[list[int]]] = {}
    for (b, right, _), row in order:
        row.sort(key=place.__getitem__)
        cut = [row[k : k + LONGEST_ROW] for k in range(0, len(row), LONGEST_ROW)]
        lines.setdefault((b, right), []).extend(cut)
        heights[b] = max(heights.get(b, 0), len(lines[b, right]))
    return _corners(items, heights, lines)


def _bands(items: Sequence[Item]) -> list[int]:
    """The layer of each item: the longest path on the left, the partner's (or the operands') on the right."""
    band = [0] * len(items)
    leaves: dict[int, int] = {}  # the band of the first use of each
    for n, (inputs, right, partner) in enumerate(items):
        if right and partner is not None:
            band[n] = band[partner]
        elif not inputs:
            if not right:
                leaves[n] = len(items)
        elif right:
            mine = [band[i] for i in inputs if items[i].right]
            band[n] = min(mine) if mine else max([band[i] for i in inputs])
        else:
            here = band[n] = max([band[i] for i in inputs]) + 1
            for i in inputs:
                if i in leaves and here < leaves[i]:
                    leaves[i] = here
    for n, first in leaves.items():  # a leaf stands just above it
        band[n] = first - 1 if first < len(items) else 0
    return band


def _rows_inside(items: Sequence[Item], band: Sequence[int]) -> list[int]:
    """The row of each item in its band; on the right operands stand below their users."""
    depth = [0] * len(items)
    for n, (inputs, right, _) in enumerate(items):
        if right:
            here = band[n]
            users = [depth[i] for i in inputs if band[i] == here and items[i].right]
            if users:
                depth[n] = max(users) - 1
    return depth


def _barycentres(items: Sequence[Item], rows: Sequence[list[int]]) -> list[float]:
    """A place in its row for each item, 0 in the middle; ``rows`` from top to bottom."""
    long = [row for row in rows if len(row) > 1]  # a row of one is in its place
    near: dict[int, list[int]] = {n: [] for row in long for n in row}
    for n, (inputs, right, _) in enumerate(items):
        mine = near.get(n)
        for i in inputs:
            if items[i].right == right:
                if mine is not None:
                    mine.append(i)
                if i in near:
                    near[i].append(n)
    place = [0.0] * len(items)
    for row in long:
        for k, n in enumerate(row):
            place[n] = k - (len(row) - 1) / 2
    for sweep in (long, long[::-1]):
        for row in sweep:
            mean = {n: sum([place[i] for i in us]) / len(us) if (us := near[n]) else place[n] for n in row}
            row.sort(key=mean.__getitem__)
            for k, n in enumerate(row):
                place[n] = k - (len(row) - 1) / 2
    return place


def _corners(items: Sequence[Item], heights: dict[int, int], lines: dict[tuple[int, bool], list[list[int]]]) -> Layout:
    widest = {
        right: max((len(line) for (_, r), ls in lines.items() if r == right for line in ls), default=0)
        for right in (False, True)
    }
    left_width = widest[False] * (WIDTH + GAP_X)
    right_width = widest[True] * (WIDTH + GAP_X)
    centre = {False: GAP_X + left_width / 2, True: GAP_X + left_width + (MIDDLE if left_width else 0) + right_width / 2}
    x, y = [0.0] * len(items), [0.0] * len(items)
    top = float(GAP_Y)
    for b in sorted(heights):
        for right in (False, True):
            mine = lines.get((b, right), ())
            start = top + (heights[b] - len(mine)) / 2 * (HEIGHT + GAP_Y)
            for k, line in enumerate(mine):
                for j, n in enumerate(line):
                    x[n] = centre[right] + (j - len(line) / 2) * (WIDTH + GAP_X) + GAP_X / 2
                    y[n] = start + k * (HEIGHT + GAP_Y)
        top += heights[b] * (HEIGHT + GAP_Y)
    right_edge = centre[True] + right_width / 2 if right_width else GAP_X + left_width
    return Layout(x, y, right_edge + GAP_X, top)
