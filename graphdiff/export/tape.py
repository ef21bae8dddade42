"""Tapes as straight lines: a constant for each register, in order; what is stored after everything has been read.

Must not know: where operands lie; how other kernels are written.
"""

from __future__ import annotations

import numpy as np

from .program import DTYPES, MICROOPS
from .sources import C_TYPES, applied
from .unit import Unit
from .writer import number

_HEAD, _OP_WORDS = 4, 5


def write(unit: Unit) -> None:
    """The body of one tape (csrc/kernels/tape.c has its words)."""
    w = unit.step.payload
    n_loads, n_consts, n_ops, n_stores = w[:_HEAD]
    consts = _HEAD + 2 * n_loads
    ops = consts + 2 * n_consts
    stores = ops + _OP_WORDS * n_ops
    names: list[str] = []
    dtypes: list[np.dtype] = []

    def register(dtype: np.dtype, value: str) -> None:
        unit.out(f"const {C_TYPES[dtype.name]} r{len(names)} = {value};")
        names.append(f"r{len(names)}")
        dtypes.append(dtype)

    for at in range(_HEAD, consts, 2):
        register(unit.step.operands[w[at]].dtype, f"{unit.name(w[at])}[{w[at + 1]}]")
    for at in range(consts, ops, 2):
        dtype = DTYPES[w[at]]
        value = number(np.frombuffer(np.int64(w[at + 1]).tobytes(), dtype, 1)[0])
        names.append(f"({value})" if value.startswith("-") else value)
        dtypes.append(dtype)
    for at in range(ops, stores, _OP_WORDS):
        name, dtype = MICROOPS[w[at]], DTYPES[w[at + 1]]
        args = [a for a in w[at + 2 : at + _OP_WORDS] if a >= 0]
        register(dtype, applied(name, dtype.name, dtypes[args[name == "where"]].name, [names[a] for a in args]))
    for at in range(stores, stores + 3 * n_stores, 3):
        unit.out(f"{unit.name(w[at + 1])}[{w[at + 2]}] = {names[w[at]]};")
