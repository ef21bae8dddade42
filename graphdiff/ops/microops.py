"""The core's micro-operations and reductions as its own lists tell them (csrc/micro/microop.def, reduce.def).

Declarations name them, and lowering and scheduling go by their costs. Invariant: read from the lists that the core is
compiled from, so no number is written down twice.
Must not know: the numbers that programs use for them (runtime), operations.
"""

from __future__ import annotations

from typing import NamedTuple

from . import _core_lists


class Microop(NamedTuple):
    """``kinds``: F floats, I integers, B bool, N = F and I, A all; ``result``: S the operands' dtype, B bool, D the
    instruction's, R reduced over a row; ``cost``: the time of an element in additions, a power of two."""

    arity: int
    kinds: str
    result: str
    cost: int


class Reduction(NamedTuple):
    """``join``: the micro-operation that joins two values; ``row``: whether rows can be reduced within a tile, by the
    micro-operation ``row_<name>``."""

    kinds: str
    join: str
    row: bool


MICROOPS = {entry[0]: Microop(*entry[1:]) for entry in _core_lists.microops()}
REDUCTIONS = {entry[0]: Reduction(*entry[1:]) for entry in _core_lists.reductions()}


def cost_of(name: str) -> int:
    """What an element of a micro-operation or a reduction costs, in additions."""
    reduction = REDUCTIONS.get(name)
    return MICROOPS[reduction.join if reduction else name].cost
