"""The payload words of core instructions: the only file that knows in what order they stand, with _tiles.pyx, where
those of tiles and tapes are put together in C.

A payload is a list of ints, sizes, inner programs, and names of micro-operations and reductions, as ``"microop:tanh"``
and ``"reduction:sum"``; runtime/assemble.py turns it into numbers. The formats are csrc/include/graphdiff.h's.
Owns: the words of each kernel, and reading back what others ask of them.
Must not know: graphs, how operands were found, the order of instructions, the numbers behind names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..ir.dims import Shape, Size
from ._tiles import HEAD_WORDS, MICROOP_WORDS, NO_OPERAND, VIEW_WORDS, bits
from .instruction import KernelCall

Words = list[Any]  # ints, sizes, names, inner programs, and operands of loops that have no number yet


class Inner(Protocol):
    """An inner graph made into a program of its own: one item of a payload, with its cost."""

    flops: Size


# --------------------------------------------------------------------------------------- products and attention


class OperandView(NamedTuple):
    """An operand by its number, and where a value's elements lie in it."""

    operand: int
    offset: Size
    strides: tuple[Size, ...]

    def words(self) -> Words:
        return [self.operand, self.offset, *self.strides]


def epilogue_words(act: str | None, bias: OperandView | None) -> Words:
    """What a product does to its result: adds a bias along one dimension, applies a micro-operation."""
    return [
        NO_OPERAND if act is None else f"microop:{act}",
        *(bias.words() if bias is not None else [NO_OPERAND, 0, 0]),
    ]


def matmul_words(
    batch: Shape, sizes: tuple[Size, Size, Size], accumulate: bool, views: Sequence[OperandView], epilogue: Words
) -> Words:
    """A product of (m, k) and (k, n); ``sizes``: m, n, k; ``views``: of both and of the result, to which the product is
    added with ``accumulate``."""
    alpha = bits(np.asarray(1.0))
    words = [word for view in views for word in view.words()]
    return [len(batch), *sizes, int(accumulate), *batch, *words, *epilogue, alpha]


_MASK = {None: 0, "b": 1, "f": 2}  # by the kind of dtype, as csrc/kernels/attention.c numbers them


class AttentionWords(NamedTuple):
    """``sizes``: queries, keys, features of both, features of values. ``views``: what is read and what is written, each
    without the last stride, which is 1. ``sums``: the operand that has them, for gradients."""

    batch: Shape
    sizes: tuple[Size, Size, Size, Size]
    causal: bool
    scale: float
    views: Sequence[OperandView]
    sums: int | None
    mask: OperandView | None
    mask_kind: str | None

    def words(self) -> Words:
        out: Words = [
            len(self.batch),
            *self.sizes,
            int(self.causal),
            bits(np.asarray(self.scale, np.float64)),
            _MASK[self.mask_kind],
            *self.batch,
        ]
        for view in self.views:
            out += [view.operand, view.offset, *view.strides[:-1]]
        if self.sums is not None:
            out.append(self.sums)
        if self.mask is not None:
            out += self.mask.words()
        return out


# --------------------------------------------------------------------------------------- calls and control flow


def call_words(params: Sequence[Size | str], epilogue: Words | None = None) -> Words:
    """A kernel's parameters, and what a product does besides."""
    return [len(params), *params, *(epilogue or [])]


def branch_words(operands: int, results: int, programs: Sequence[Inner]) -> Words:
    """``programs``: where the predicate holds, where it does not."""
    return [operands, results, *programs]


class Operand(NamedTuple):
    """An operand of a loop whose number is known once all are found: the ``rank``-th of a kind, "read", "write" or
    "segment"."""

    kind: str
    rank: int


class LoopCarry(NamedTuple):
    """Where a carry starts and ends, and where its value before a step is kept: a row of ``bytes`` for each ``every``
    steps."""

    start: Operand
    final: Operand | None
    history: Operand | None
    every: Size
    bytes: Size

    def words(self) -> Words:
        return [self.start, _or_none(self.final), _or_none(self.history), self.every, self.bytes]


class LoopRow(NamedTuple):
    """A row for each step, read or written; with ``in_segment`` only those of one segment are there."""

    rows: Operand | None
    in_segment: bool
    bytes: Size

    def words(self) -> Words:
        return [_or_none(self.rows), int(self.in_segment), self.bytes]


class LoopSum(NamedTuple):
    """A carry that only has something added, in place. Loops that are run again leave it alone."""

    start: Operand | None
    final: Operand | None
    bytes: Size

    def words(self) -> Words:
        return [_or_none(self.start), _or_none(self.final), self.bytes]


class LoopRun(NamedTuple):
    """One body run for each step, and what its arguments and results are bound to."""

    carries: Sequence[LoopCarry]
    rows: Sequence[LoopRow]
    captured: Sequence[Operand]
    results: Sequence[LoopRow]
    sums: Sequence[LoopSum]
    reverse: bool
    body: Inner

    def words(self) -> Words:
        out: Words = [len(part) for part in (self.carries, self.rows, self.captured, self.results, self.sums)]
        out.append(int(self.reverse))
        for carry in self.carries:
            out += carry.words()
        for row in self.rows:
            out += row.words()
        out += self.captured
        for row in self.results:
            out += row.words()
        for total in self.sums:
            out += total.words()
        return [*out, self.body]


def loop_words(
    length: Size,
    count: Operand | None,
    steps: Operand | None,
    segment: Size,
    runs: Sequence[LoopRun],
    condition: Inner | None,
) -> Words:
    """A loop of at most ``length`` steps. ``runs``: loops that are run again for each ``segment``, then itself."""
    out: Words = [length, _or_none(count), _or_none(steps), segment, len(runs) - 1]
    for run in runs:
        out += run.words()
    return out + ([0, 0] if condition is None else [condition])


def _or_none(operand: Operand | None) -> Any:
    return NO_OPERAND if operand is None else operand


# --------------------------------------------------------------------------------------- read back


class TileStore(NamedTuple):
    """``reduction``: its name as payloads have it, or 0; ``mask``: a bit for each dimension that is reduced."""

    register: int
    reduction: str | int
    mask: int
    view: OperandView


class TileWords(NamedTuple):
    """What a tile does: over ``dims``, those of which ``rows`` has the bits make a row. ``consts``: dtype codes and
    bits; ``ops``: micro-operations as payloads name them, dtype codes, registers."""

    dims: tuple[Size, ...]
    rows: int
    loads: Sequence[OperandView]
    consts: Sequence[tuple[int, int]]
    ops: Sequence[tuple[str, int, tuple[int, ...]]]
    stores: Sequence[TileStore]


def dims_in(call: KernelCall) -> Sequence[Size]:
    """What a tile works over."""
    return call.payload[HEAD_WORDS : HEAD_WORDS + call.payload[0]]


def tile_in(call: KernelCall) -> TileWords:
    """The words of a tile, read back."""
    w = call.payload
    n, rows, n_loads, n_consts, n_ops, _ = w[:HEAD_WORDS]
    view = VIEW_WORDS + n
    consts = HEAD_WORDS + n + view * n_loads
    ops = consts + 2 * n_consts
    stores = ops + MICROOP_WORDS * n_ops
    of_store = 3 + view
    return TileWords(
        tuple(w[HEAD_WORDS : HEAD_WORDS + n]),
        rows,
        [OperandView(w[i], w[i + 1], tuple(w[i + 2 : i + view])) for i in range(HEAD_WORDS + n, consts, view)],
        [(w[i], w[i + 1]) for i in range(consts, ops, 2)],
        [(w[i], w[i + 1], tuple([a for a in w[i + 2 : i + 5] if a >= 0])) for i in range(ops, stores, MICROOP_WORDS)],
        [
            TileStore(w[i], w[i + 1], w[i + 2], OperandView(w[i + 3], w[i + 4], tuple(w[i + 5 : i + of_store])))
            for i in range(stores, len(w), of_store)
        ],
    )


class ProductWords(NamedTuple):
    """What a product does; ``sizes``: m, n, k; ``views``: of both operands and the result. ``act``: a
    micro-operation as payloads name it, or -1."""

    batch: tuple[Size, ...]
    sizes: tuple[Size, Size, Size]
    accumulate: int
    views: tuple[OperandView, OperandView, OperandView]
    act: str | int
    bias: OperandView


def product_in(call: KernelCall) -> ProductWords:
    """The words of a product, read back."""
    w = call.payload
    n = w[0]
    width = VIEW_WORDS + n + 2
    first = 5 + n
    starts = [first + i * width for i in range(3)]
    a, b, c = (OperandView(w[i], w[i + 1], tuple(w[i + 2 : i + width])) for i in starts)
    act, operand, offset, stride = w[first + 3 * width : first + 3 * width + 4]
    bias = OperandView(operand, offset, (stride,))
    return ProductWords(tuple(w[5:first]), (w[1], w[2], w[3]), w[4], (a, b, c), act, bias)


def whole_copy(call: KernelCall) -> KernelCall:
    """A copy with the load made to read what its store writes: row-major and whole."""
    payload = list(call.payload)
    ndim = rank_in(call)
    load = slice(HEAD_WORDS + ndim, HEAD_WORDS + ndim + VIEW_WORDS + ndim)  # the first one's view
    store = slice(len(payload) - (VIEW_WORDS + ndim), len(payload))  # the last one's
    operand = payload[load.start]
    payload[load] = [operand, *payload[store][1:]]
    return KernelCall(call.kernel, call.reads, call.writes, payload)


def rank_in(call: KernelCall) -> int:
    """The dimensions that a tile works on at once; 0 of other kernels."""
    return call.payload[0] if call.kernel == "tile" else 0


def programs_in(call: KernelCall) -> list[Any]:
    """The inner programs that a call runs."""
    return [item for item in call.payload if type(item) is not int and hasattr(item, "instructions")]


def operations_in(call: KernelCall) -> Iterator[str]:
    """The micro-operations and reductions that a tile names; those along rows by the name of what they do."""
    for item in call.payload:
        if isinstance(item, str):  # a size is one too
            kind, _, name = item.partition(":")
            if kind in ("microop", "reduction"):
                yield name.removeprefix("row_")
