"""A tile instruction read from its payload and made as simple as the core makes it (csrc/tile/tile_source.c).

Owns: the instruction as the export sees it, the order of its dimensions. Invariant: the same as the core's reading.
Must not know: how it is cut and run, C, buffers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..ops.microops import MICROOPS as FACTS
from .program import DTYPES, MICROOPS, REDUCTIONS, Step

LEAST_COLUMNS = 16  # elements behind a row that are worth working on side by side


@dataclass
class View:
    """Elements of an operand: ``operand`` -1 is an index, whose value is the offset and what the strides add."""

    operand: int
    dtype: np.dtype
    offset: int
    strides: list[int]


@dataclass
class Op:
    """``name``: a micro-operation; ``args``: registers."""

    name: str
    dtype: np.dtype
    args: tuple[int, ...]

    @property
    def is_row(self) -> bool:
        return FACTS[self.name].result == "R"


@dataclass
class Store:
    """``reduce``: "none" or a reduction, over the dimensions of which ``mask`` has the bits."""

    register: int
    reduce: str
    mask: int
    view: View


@dataclass
class Source:
    """The instruction: registers are loads, then constants, then results of operations. ``rows``: the dimensions that
    make a row, as bits; once simplified they are those from ``row_start`` to ``row_end``."""

    dims: list[int]
    rows: int
    loads: list[View]
    consts: list[np.generic]
    ops: list[Op]
    stores: list[Store]
    row_start: int = 0
    row_end: int = 0

    @property
    def views(self) -> list[View]:
        return self.loads + [s.view for s in self.stores]

    def dtype(self, register: int) -> np.dtype:
        if register < len(self.loads):
            return self.loads[register].dtype
        register -= len(self.loads)
        return (
            self.consts[register].dtype if register < len(self.consts) else self.ops[register - len(self.consts)].dtype
        )

    def register_of(self, op: int) -> int:
        return len(self.loads) + len(self.consts) + op

    @property
    def n_registers(self) -> int:
        return self.register_of(len(self.ops))


def read(step: Step) -> Source:
    """The instruction of a payload, simplified: no dimensions of one, neighbours merged where all views allow it, rows
    behind what is kept but for columns."""
    w = step.payload
    n, rows, n_loads, n_consts, n_ops, n_stores = w[:6]
    dims, at = list(w[6 : 6 + n]), 6 + n

    def view() -> View:
        nonlocal at
        operand = w[at]
        dtype = np.dtype(np.int64) if operand < 0 else step.operands[operand].dtype
        out = View(operand, dtype, w[at + 1], list(w[at + 2 : at + 2 + n]))
        at += 2 + n
        return out

    loads = [view() for _ in range(n_loads)]
    consts: list[np.generic] = []
    for _ in range(n_consts):
        dtype = DTYPES[w[at]]
        consts.append(np.frombuffer(int(w[at + 1]).to_bytes(8, "little", signed=True), dtype, 1)[0])
        at += 2
    ops = []
    for _ in range(n_ops):
        name, code, *args = w[at : at + 5]
        ops.append(Op(MICROOPS[name], DTYPES[code], tuple(a for a in args if a >= 0)))
        at += 5
    stores = []
    for _ in range(n_stores):
        register, reduce, mask = w[at : at + 3]
        at += 3
        stores.append(Store(register, REDUCTIONS.get(reduce, "none"), mask, view()))
    source = Source(dims, rows, loads, consts, ops, stores)
    _simplify(source)
    return source


def _simplify(s: Source) -> None:
    if not any(op.is_row for op in s.ops):
        s.rows = 0
    for d in reversed(range(len(s.dims))):
        if s.dims[d] == 1:
            _drop(s, d)
    for d in reversed(range(len(s.dims) - 1)):
        if _merge(s, d):
            s.dims[d + 1] *= s.dims[d]
            _drop(s, d)
    if s.rows == 0:  # rows of one element
        s.ops = [replace(op, name="copy") if op.is_row else op for op in s.ops]
    _put_rows_last(s)
    if not s.dims or s.row_start == 0:  # an outer dimension for the tiles to step along
        s.dims.insert(0, 1)
        for v in s.views:
            v.strides.insert(0, 0)
        for store in s.stores:
            store.mask <<= 1
        s.row_start += 1
        s.row_end += 1


def _put_rows_last(s: Source) -> None:
    """Rows behind what is kept, but for a last dimension long enough for columns, if only rows are reduced."""
    n = len(s.dims)
    row = [d for d in range(n) if s.rows >> d & 1]
    kept = [d for d in range(n) if d not in row]
    masks = {store.mask for store in s.stores if store.reduce != "none"}
    last = kept[-1:] if row and n - 1 in kept and masks <= {s.rows} and s.dims[n - 1] >= LEAST_COLUMNS else []
    outer = kept[: len(kept) - len(last)]
    order = outer + row + last
    s.row_start, s.row_end = len(outer), len(outer) + len(row)
    s.dims[:] = [s.dims[d] for d in order]
    for v in s.views:
        v.strides[:] = [v.strides[d] for d in order]
    for store in s.stores:
        store.mask = sum((store.mask >> d & 1) << i for i, d in enumerate(order))


def _drop(s: Source, d: int) -> None:
    del s.dims[d]
    for v in s.views:
        del v.strides[d]
    low = (1 << d) - 1
    for store in s.stores:
        store.mask = (store.mask & low) | (store.mask >> 1 & ~low)
    s.rows = (s.rows & low) | (s.rows >> 1 & ~low)


def _merge(s: Source, d: int) -> bool:
    if (s.rows >> d & 1) != (s.rows >> (d + 1) & 1):
        return False
    if any(v.strides[d] != v.strides[d + 1] * s.dims[d + 1] for v in s.views):
        return False
    return all((store.mask >> d & 1) == (store.mask >> (d + 1) & 1) for store in s.stores)
