"""The instructions of elementwise groups, and of values put together from parts: tiles over one iteration space.

Must not know: how groups were formed, the order of payload words.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from ..ir.dims import Size
from ..ir.node import Node, Value
from ..ops.operands import contiguous_strides
from ..ops.registry import Place
from ._tiles import TileBuilder, elements
from .fuse import Group, put_back
from .instruction import Buffer, Instruction, KernelCall
from .locate import Locator


def group_tile(
    g: Group, locate: Locator, base: dict[Value, Value], stored: set[Value], duplicated: Iterable[Node]
) -> Instruction:
    """A group, after the nodes of others that it computes again. ``base``: of views, the value whose storage they see;
    ``stored``: what others read."""
    assert g.shape is not None
    tile = TileBuilder(g.shape, g.row)
    again = dict.fromkeys(duplicated)
    reduced = functools.partial(_store, tile, g, locate)
    tile.compute((*again, *g.nodes), again, g.axes, locate, base, stored, reduced)
    return tile.instruction(g.phase, g.nodes, elements(g.shape) * len(g.nodes))


def _store(tile: TileBuilder, g: Group, locate: Locator, register: int, y: Value, reduction: str) -> None:
    """Stores what is left of a register by a reduction."""
    assert g.shape is not None
    strides = contiguous_strides(y.shape)
    n = len(g.shape)
    axes = g.axes if g.axes is not None else g.row
    if len(strides) == n:  # with the row's dimensions kept as 1
        over = tuple(0 if i in axes else st for i, st in enumerate(strides))
    else:
        over = put_back(strides, axes, n)
    tile.store(register, locate.result(y), 0, over, reduction, sum(1 << a for a in axes))


def place(node: Node, locate: Locator) -> Instruction:
    """The fill, then a copy of each operand into its part: one instruction of several calls."""
    y = node.outputs[0]
    kernel: Place = node.op.kernel
    out = locate.result(y)
    strides = contiguous_strides(y.shape)
    tiles = []
    fill = kernel.fill(node)
    if fill is not None:
        tile = TileBuilder(y.shape)
        v = node.inputs[fill]
        tile.store(tile.load(locate.of(v), v), out, 0, strides)
        tiles.append(tile)
    for i, starts, steps in kernel.rule(node):
        v = node.inputs[i]
        tile = TileBuilder(v.shape)
        offset: Size = 0
        for start, stride in zip(starts, strides):
            offset = offset + start * stride
        tile.store(tile.load(locate.of(v), v), out, offset, tuple(st * k for st, k in zip(strides, steps)))
        tiles.append(tile)
    number: dict[Buffer, int] = {}
    for tile in tiles:
        for b in tile.reads:
            number.setdefault(b, len(number))
    calls = [KernelCall("tile", tuple(number[b] for b in t.reads), (len(number),), t.words()) for t in tiles]
    return Instruction(calls, list(number), [out], locate.phases[node], [node], flops=0)
