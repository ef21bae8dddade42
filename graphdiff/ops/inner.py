"""What loops and branches keep as nodes, and what they compute in NumPy: parts of their declarations in control.py.

Must not know: how they are made, differentiated or batched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir.dims import Shape
from ..ir.dtypes import bool_, int64
from ..ir.node import Value
from .laws import Attrs, Values


def _types(values: Sequence[Value]) -> list[tuple[Shape, np.dtype]]:
    return [(v.shape, v.dtype) for v in values]


def keeps_loop(xs: Values, a: Attrs) -> bool:
    operands, body, condition, n, m = list(xs), a["body"], a["condition"], a["n_carry"], a["n_xs"]
    if a["counted"] and (not operands or _types([operands.pop()]) != [((), int64)]):
        return False
    if n < 0 or m < 0 or n + m > len(operands):
        return False
    carries, rows, captured = _types(operands[:n]), operands[n : n + m], _types(operands[n + m :])
    if any(x.ndim == 0 or x.shape[0] != a["length"] for x in rows):
        return False
    if condition is not None and (
        _types(condition.inputs) != carries + captured or _types(condition.outputs) != [((), bool_)]
    ):
        return False
    return (
        _types(body.inputs) == carries + [(x.shape[1:], x.dtype) for x in rows] + captured
        and _types(body.outputs[:n]) == carries
    )


def loop_arrays(xs: Any, a: Any) -> Any:
    operands, body, condition, n, m = list(xs), a["body"], a["condition"], a["n_carry"], a["n_xs"]
    length = a["length"]
    limit = min(length, int(operands.pop())) if a["counted"] else length
    carries, rows, captured = operands[:n], operands[n : n + m], operands[n + m :]
    ys = [np.zeros((length, *shape), dtype) for shape, dtype in body.types[n:]]
    history = [np.zeros((length, *c.shape), c.dtype) for c in carries]
    steps = 0
    while steps < limit and (condition is None or condition([*carries, *captured])[0]):
        t = limit - 1 - steps if a["reverse"] else steps
        for h, c in zip(history, carries):
            h[t] = c
        out = body([*carries, *(r[t] for r in rows), *captured])
        carries = out[:n]
        for y, value in zip(ys, out[n:]):
            y[t] = value
        steps += 1
    return (*carries, *ys, *history, np.asarray(steps, np.int64))


def keeps_branch(xs: Values, a: Attrs) -> bool:
    yes, no = a["if_true"], a["if_false"]
    return (
        _types(xs[:1]) == [((), bool_)]
        and _types(xs[1:]) == _types(yes.inputs) == _types(no.inputs)
        and _types(yes.outputs) == _types(no.outputs)
    )
