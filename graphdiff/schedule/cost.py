"""What an instruction costs in seconds before it has run: its flops and bytes by the rates of a machine.

An elementwise instruction takes what its micro-operations take for each element, or as long as its bytes need to move,
whichever is more; another kernel its flops at the rate its kernel has for so many, or its bytes, likewise. What has
been measured of the very function corrects that: factors by instruction, from a profile.
Must not know: how rates are measured or kept, when an instruction runs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import CompileError
from ..ir.dims import evaluate
from ..lower.encode import operations_in, programs_in
from ..lower.instruction import Instruction
from ..ops.microops import cost_of

Points = tuple[tuple[float, float], ...]


class Rates(NamedTuple):
    """How fast a machine is.

    ``operations``: seconds an element of each micro-operation and reduction, by dtype (``{"float32": {"tanh": …}}``);
    ``shared``: (elements, times as fast) points, what threads make of those; ``kernels``: (flops, flops a second)
    points by ``"kernel dtype"``; ``moved``: (bytes, bytes a second) points; ``instruction``: seconds that any takes.
    Points rise in what comes first."""

    operations: Mapping[str, Mapping[str, float]]
    shared: Points
    kernels: Mapping[str, Points]
    moved: Points
    instruction: float


DTYPES = ("float32", "float64")
ADDITION = 2e-10  # seconds an element of a float32 addition, where nothing is known of it
UNKNOWN_KERNEL: Points = ((1.0, 1e9),)
NOMINAL = Rates(
    {d: {} for d in DTYPES},
    ((1.0, 1.0),),
    {  # kernels, not operations: those that do as many operations a second as a product does
        f"{k} {d}": ((1.0, 3e10 / n),)
        for k in ("matmul", "conv2d", "conv2d_dx", "conv2d_dw", "attention", "attention_vjp")
        for n, d in enumerate(DTYPES, 1)
    },
    ((1.0, 1.5e10),),
    1e-7,
)
"""Rates of no machine in particular, the same everywhere: plans made with them are reproducible."""


def rates_from(data: Any) -> Rates:
    """Rates from what :func:`rates_to` made and JSON kept. Raises CompileError for anything else."""
    try:
        operations = {str(d): {str(k): float(v) for k, v in of.items()} for d, of in data["operations"].items()}
        kernels = {str(k): _points(v) for k, v in data["kernels"].items()}
        rates = Rates(operations, _points(data["shared"]), kernels, _points(data["moved"]), float(data["instruction"]))
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise CompileError(f"these are no rates of a machine ({type(e).__name__}: {e})") from None
    numbers = [rates.instruction, *(s for of in operations.values() for s in of.values())]
    numbers += [x for points in (rates.moved, rates.shared, *kernels.values()) for pair in points for x in pair]
    if not all(math.isfinite(x) and x > 0 for x in numbers):
        raise CompileError("these are no rates of a machine: each must be a positive number")
    return rates


def rates_to(rates: Rates) -> dict[str, Any]:
    """Rates as JSON takes them."""
    return rates._asdict()


def _points(data: Sequence[Sequence[float]]) -> Points:
    points = tuple((float(x), float(y)) for x, y in data)
    if not points or list(points) != sorted(points):
        raise ValueError("points are not in order")
    return points


class Ceiling(NamedTuple):
    """The least ``seconds`` and what sets them, ``"flops"`` or ``"bytes"``."""

    seconds: float
    by: str


class Costs:
    """Predicts seconds. ``rates`` is asked for at the first prediction, the nominal ones hold unless given; ``factors``
    multiply, by :func:`key_of`."""

    def __init__(
        self, rates: Callable[[], Rates] | None = None, factors: Mapping[tuple[str, str], float] | None = None
    ):
        self.nominal = rates is None
        self._ask = rates or (lambda: NOMINAL)
        self._rates: Rates | None = None
        self.factors = dict(factors or {})

    @property
    def rates(self) -> Rates:
        if self._rates is None:
            self._rates = self._ask()
        return self._rates

    def seconds(self, i: Instruction, env: Mapping[str, int]) -> float:
        """The predicted time of one instruction."""
        seconds = self._by_rates(i, env)
        return seconds * self.factors.get(key_of(i), 1.0) if self.factors else seconds

    def repetition(self, i: Instruction, env: Mapping[str, int]) -> float:
        """Which part of an instruction's time is repetition: of a loop that runs others again theirs, whose programs
        come before its own."""
        if i.recompute or evaluate(i.repeated, env) == 0:
            return float(i.recompute)
        times = [sum(self._by_rates(j, env) for j in n.instructions) for call in i.calls for n in programs_in(call)]
        return sum(times[:-1]) / sum(times)

    def ceiling(self, i: Instruction, env: Mapping[str, int]) -> Ceiling:
        """What no instruction of so many flops and bytes goes below: its flops at the best rate of any product, its
        bytes at the rate of a copy of as many."""
        rates, flops, moved = self.rates, evaluate(i.flops, env), bytes_of(i, env)
        best = max(rate for _, rate in rates.kernels.get(f"matmul {_dtype(i)}", UNKNOWN_KERNEL))
        by_flops, by_bytes = flops / best, moved / _rate_at(rates.moved, moved)
        return Ceiling(by_flops, "flops") if by_flops > by_bytes else Ceiling(by_bytes, "bytes")

    def _by_rates(self, i: Instruction, env: Mapping[str, int]) -> float:
        rates, moved = self.rates, bytes_of(i, env)
        work = max(self._computing(i, env), moved / _rate_at(rates.moved, moved) if moved else 0.0)
        return work + rates.instruction * len(i.calls)

    def _computing(self, i: Instruction, env: Mapping[str, int]) -> float:
        flops = evaluate(i.flops, env)
        dtype = _dtype(i)
        seconds = 0.0
        for call in i.calls:
            inner = programs_in(call)
            if inner:
                runs = (flops + evaluate(i.repeated, env)) / max(1, sum(evaluate(n.flops, env) for n in inner))
                seconds += max(1.0, runs) * sum(self._by_rates(j, env) for n in inner for j in n.instructions)
            elif call.kernel == "tile":
                known = self.rates.operations.get(dtype, {})
                each = [
                    known.get(name) or cost_of(name) * known.get("add", ADDITION * (1 + DTYPES.index(dtype)))
                    for name in operations_in(call)
                ]
                elements = flops / max(1, len(i.nodes))  # flops: one an element and node
                seconds += flops * sum(each) / max(1, len(each)) / _rate_at(self.rates.shared, elements)
            else:
                points = self.rates.kernels.get(f"{call.kernel} {dtype}", UNKNOWN_KERNEL)
                seconds += flops / _rate_at(points, flops)
        return seconds


def key_of(i: Instruction) -> tuple[str, str]:
    """What an instruction of one function is recognised by in another of the same graph: name and source line."""
    return i.name, next((str(n.source) for n in i.nodes if n.source), "")


def bytes_of(i: Instruction, env: Mapping[str, int]) -> int:
    """Bytes read and written, each buffer once; of those that are read partly no more than of all others."""
    partly = {i.reads[r] for r in i.partly}
    moved = sum(evaluate(b.count, env) * b.dtype.itemsize for b in {*i.reads, *i.writes} - partly)
    return moved + sum(min(moved, evaluate(b.count, env) * b.dtype.itemsize) for b in partly)


def _dtype(i: Instruction) -> str:
    return DTYPES[any(b.dtype.itemsize == 8 and b.dtype.kind == "f" for b in (*i.reads, *i.writes))]


@functools.lru_cache(maxsize=4096)  # layers that are alike are asked for one by one
def _rate_at(points: Points, x: float) -> float:
    """The rate at ``x``, between points straight on logarithmic scales, beyond them level."""
    if len(points) == 1:
        return points[0][1]
    xs, ys = zip(*points)
    return float(np.exp(np.interp(math.log(max(x, 1.0)), np.log(xs), np.log(ys))))
