"""The instructions of matrix products and of attention, which read their operands as views, and of other kernels that
may end with an epilogue.

Must not know: how groups are formed, the order of payload words.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..ir.dims import Shape, Size, floor_div
from ..ir.node import Node, Value
from ..ops.operands import contiguous_strides
from ._tiles import elements
from .encode import AttentionWords, OperandView, call_words, epilogue_words, matmul_words
from .epilogue import Epilogue
from .instruction import ARENA, Buffer, Instruction, KernelCall, Location
from .locate import Locator


class _Operands:
    """What one instruction reads: each buffer once."""

    def __init__(self, locate: Locator):
        self.locate = locate
        self.reads: list[Buffer] = []

    def number(self, buffer: Buffer) -> int:
        if buffer not in self.reads:
            self.reads.append(buffer)
        return self.reads.index(buffer)

    def view(self, at: Location) -> OperandView:
        assert at.buffer is not None
        return OperandView(self.number(at.buffer), at.offset, at.strides)

    def over(self, value: Value, ndim: int, matrix: int) -> OperandView:
        """``value`` broadcast over ``ndim`` dimensions, of which the last ``matrix`` are its own."""
        operand, offset, strides = seen = self.view(self.locate.in_memory(value))
        batch = len(value.shape) - matrix
        if batch == 0 and ndim == matrix:
            return seen
        over = tuple(0 if s == 1 else st for s, st in zip(value.shape[:batch], strides[:batch]))
        return OperandView(operand, offset, (0,) * (ndim - value.ndim) + over + strides[batch:])


def matmul(
    node: Node, locate: Locator, read_as: Iterable[Value], epilogue: Epilogue | None, added_by: Node | None
) -> Instruction:
    """A product. ``read_as``: what its result is read as; ``added_by``: the node that adds it to a parameter, which
    becomes part of it."""
    a, b = node.inputs
    y = node.outputs[0]
    batch = y.shape[:-2]
    operands = _Operands(locate)
    views = [operands.over(v, y.ndim, 2) for v in (a, b)]
    act, bias = None, None
    if epilogue is not None:
        act = epilogue.act
        if epilogue.bias is not None:
            seen = operands.view(locate.in_memory(epilogue.bias))
            bias = seen._replace(strides=(seen.strides[epilogue.channel],))
    strides = contiguous_strides(y.shape)
    if epilogue is not None:
        out = locate.result(epilogue.nodes[-1].outputs[0])
    elif added_by is None:
        out = locate.result(y)
        strides = _result_strides(y, read_as)
        locate.location[y] = Location(out, 0, strides)
    else:
        (p,) = (v for v in added_by.inputs if v is not y)
        out = locate.storage(p)
    reads = operands.reads
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    words = matmul_words(
        batch, (m, n, k), added_by is not None, [*views, OperandView(len(reads), 0, strides)], epilogue_words(act, bias)
    )
    call = KernelCall("matmul", tuple(range(len(reads))), (len(reads),), words)
    nodes = [node] if epilogue is None else epilogue.nodes
    return Instruction([call], reads, [out], locate.phases[node], nodes, flops=_flops(batch, m, n, k))


@functools.lru_cache(maxsize=4096)  # of sizes with names it takes as long as all else
def _flops(batch: Shape, m: Size, n: Size, k: Size) -> Size:
    return 2 * elements(batch) * m * n * k


def _result_strides(y: Value, read_as: Iterable[Value]) -> tuple[Size, ...]:
    """How a product's result is laid out: row-major, or so that it is once its dimensions are permuted, where that is
    how all read it and the last one stays."""
    orders = set()
    for read in read_as:
        first = None  # the view nearest to the result
        while read is not y:
            first, read = read.node, read.node.inputs[0]
        orders.add(first.attrs["axes"] if first is not None and first.op.name == "permute_dims" else None)
    axes = orders.pop() if len(orders) == 1 else None
    if axes is None or axes[-1] != len(axes) - 1:
        return contiguous_strides(y.shape)
    permuted = dict(zip(axes, contiguous_strides(tuple(y.shape[a] for a in axes))))
    return tuple(permuted[i] for i in range(len(axes)))


# --------------------------------------------------------------------------------------- attention


class _AttentionOperands(NamedTuple):
    """Those of a node: ``viewed`` are queries, keys, values and, for gradients, the result and its cotangent."""

    viewed: list[Value]
    sums: Value | None  # of each row's exponentials, with its maximum, for gradients
    mask: Value | None


def _attention_operands(node: Node) -> _AttentionOperands:
    mask = node.inputs[-1] if len(node.inputs) in (4, 7) else None
    if len(node.inputs) <= 4:
        return _AttentionOperands(list(node.inputs[:3]), None, mask)
    q, k, v, y, sums, cotangent = node.inputs[:6]
    return _AttentionOperands([q, k, v, y, cotangent], sums, mask)


def attention(node: Node, locate: Locator, read_as: dict[Value, set[Value]]) -> Instruction:
    """Attention or its gradients: operands and results are views whose last dimension lies in one piece, but for the
    sums, which are whole. ``read_as``: what results are read as."""
    viewed, sums, mask = _attention_operands(node)
    backward = sums is not None
    q, k, v = viewed[:3]
    operands = _Operands(locate)
    views = []
    for x in viewed:
        at = locate.of(x)
        views.append(operands.view(at if at.buffer is not None and at.strides[-1] == 1 else locate.whole(x)))
    sums_at = None if sums is None else operands.number(locate.storage(sums))
    mask_at = None if mask is None else operands.over(mask, q.ndim, 0)
    reads = operands.reads
    writes: list[Buffer] = []
    for y in node.outputs:
        out = locate.result(y)
        if backward or y.index == 0:  # not the sums
            strides = _result_strides(y, read_as.get(y, ()))
            locate.location[y] = Location(out, 0, strides)
            views.append(OperandView(len(reads) + len(writes), 0, strides))
        writes.append(out)
    words = AttentionWords(
        q.shape[:-2],
        (q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1]),
        node.attrs["causal"],
        node.attrs["scale"],
        views,
        sums_at,
        mask_at,
        None if mask is None else mask.dtype.kind,
    )
    n = len(reads)
    call = KernelCall(node.op.kernel.kernel, tuple(range(n)), tuple(range(n, n + len(writes))), words.words())
    flops = _attention_flops(words, backward)
    return Instruction([call], reads, writes, locate.phases[node], [node], flops=flops)


def _attention_flops(words: AttentionWords, backward: bool) -> Size:
    rows, keys, features, values = words.sizes
    pairs = elements(words.batch) * rows * keys
    if words.causal:
        pairs = floor_div(pairs + 1, 2)
    once = pairs * (2 * (features + values) + 4)
    return once * 2 + 2 * pairs * features if backward else once


# --------------------------------------------------------------------------------------- other kernels


def call(node: Node, locate: Locator, epilogue: Epilogue | None) -> Instruction:
    """A kernel of its own over whole operands; one that is a product may do an epilogue."""
    kernel = node.op.kernel
    reads = [locate.storage(v) for v in node.inputs]
    if kernel.reads is not None:
        reads = [reads[i] for i in kernel.reads]
    words = None
    if epilogue is not None:
        bias = None
        if epilogue.bias is not None:
            at = locate.in_memory(epilogue.bias)
            assert at.buffer is not None
            bias = OperandView(len(reads), at.offset, (at.strides[epilogue.channel],))
            reads.append(at.buffer)
        words = epilogue_words(epilogue.act, bias)
    nodes = [node] if epilogue is None else epilogue.nodes
    writes = [locate.result(y) for y in nodes[-1].outputs]
    workspace = []
    if kernel.workspace is not None:
        workspace.append(Buffer(ARENA, np.dtype("bool"), kernel.workspace(node), label=f"{node.op.name} workspace"))
    n = len(reads)
    written = [*writes, *workspace]
    made = KernelCall(
        kernel.kernel, tuple(range(n)), tuple(range(n, n + len(written))), call_words(list(kernel.params(node)), words)
    )
    flops = kernel.flops(node) if kernel.flops is not None else sum((b.count for b in reads), start=0)
    guard = kernel.guard and not (kernel.checked is not None and kernel.checked(node))
    inplace = {} if kernel.over is None else {0: (kernel.over,)}
    return Instruction(
        [made], reads, written, locate.phases[node], nodes, flops, inplace, guard, workspace, partly=kernel.partly
    )
