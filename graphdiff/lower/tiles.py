"""The instructions of elementwise groups, and of values put together from parts: tiles over one iteration space.

Must not know: how groups were formed, the order of payload words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..ir.dims import Size
from ..ir.dtypes import bool_
from ..ir.node import Node, Value
from ..ops.operands import contiguous_strides
from ..ops.registry import Place, Reduce
from .encode import TileBuilder
from .fuse import Group, put_back
from .instruction import Buffer, Instruction, KernelCall
from .locate import Locator, elements


def group_tile(
    g: Group, locate: Locator, base: Mapping[Value, Value], stored: Collection[Value], duplicated: Iterable[Node]
) -> Instruction:
    """A group, after the nodes of others that it computes again. ``base``: of views, the value whose storage they see;
    ``stored``: what others read."""
    assert g.shape is not None
    tile = TileBuilder(g.shape, g.row)
    registers: dict[Value, int] = {}  # of what is computed here
    loaded: dict[Value, int] = {}  # where there are no rows, every frame reads a value alike
    stores: list[tuple[int, Value, str | None]] = []
    again = dict.fromkeys(duplicated)
    for node in (*again, *g.nodes):
        y = node.outputs[0]
        kernel = node.op.kernel
        reduces = type(kernel) is Reduce
        frame = node.inputs[0].shape if reduces else y.shape
        args = []
        for v in node.inputs:
            r = registers.get(v, loaded.get(v))
            if r is None and v in base:  # row by row, if there are views between
                r = registers.get(base[v])
            if r is None:
                r = tile.load(locate.of(v), v, frame)
                if not g.row:
                    loaded[v] = r
            args.append(r)
        if not reduces:
            registers[y] = tile.op(kernel.microop, y.dtype, args)
            if y in stored and node not in again:
                # one value for each row: as it is the same all along the row, the largest is it
                largest = "any" if y.dtype is bool_ else "max"
                stores.append((registers[y], y, None if y.shape == g.shape or not g.row else largest))
        elif g.axes is None:
            registers[y] = tile.op(f"row_{kernel.reduction}", y.dtype, args)
            if y in stored:
                stores.append((args[0], y, kernel.reduction))
        else:
            stores.append((args[0], y, kernel.reduction))
    for register, y, reduction in stores:
        _store(tile, g, register, y, reduction, locate.result(y))
    return tile.instruction(g.phase, g.nodes, elements(g.shape) * len(g.nodes))


def _store(tile: TileBuilder, g: Group, register: int, y: Value, reduction: str | None, target: Buffer) -> None:
    strides = contiguous_strides(y.shape)
    if reduction is None:
        tile.store(register, target, 0, strides)
        return
    assert g.shape is not None
    n = len(g.shape)
    axes = g.axes if g.axes is not None else g.row
    if len(strides) == n:  # with the row's dimensions kept as 1
        over = tuple(0 if i in axes else st for i, st in enumerate(strides))
    else:
        over = put_back(strides, axes, n)
    tile.store(register, target, 0, over, reduction, sum(1 << a for a in axes))


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
