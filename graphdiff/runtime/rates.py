"""How fast this machine is: measured once in a fraction of a second, then kept in a file of the user's cache.

``machine(threads)`` gives the rates that costs are predicted with. ``GRAPHDIFF_RATES=nominal`` takes fixed rates
instead, and a path a file of rates as the cache holds them: then the same graph has the same plan on every machine.
The file is named by processor, instruction set and threads; where it cannot be read or written, rates are measured.
Must not know: what costs are for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CompileError
from ..files import write_file
from ..ir.graph import Graph
from ..ops import namespaces
from ..ops.leaves import input as leaf
from ..ops.microops import REDUCTIONS
from ..ops.registry import REGISTRY, Tile
from ..ops.tensor import Tensor
from ..schedule.cost import DTYPES, NOMINAL, Points, Rates, rates_from, rates_to
from ..transforms.differentiate import grad
from . import _core
from .compiled import CompiledGraph

VARIABLE = "GRAPHDIFF_RATES"
FORMAT = 1
ELEMENTS = 8192  # of the arrays that elementwise work is measured on: they stay in the cache
CHAIN = 6  # operations in a row, so that loads and stores count little
REPEATS = 5

_known: dict[str, Rates] = {}


def machine(threads: int) -> Rates:
    """The rates of this machine with so many threads. Raises CompileError for a file named in GRAPHDIFF_RATES that
    holds none."""
    given = os.environ.get(VARIABLE, "")
    if given == "nominal":
        return NOMINAL
    if given:
        found = _read(Path(given))
        if found is None:
            raise CompileError(f"{VARIABLE}={given}: no such file, or no rates in it")
        return found
    key = hashlib.sha256(f"{FORMAT} {processor()} {_core.isa()} {threads}".encode()).hexdigest()[:16]
    rates = _known.get(key)
    if rates is None:
        path = folder() / f"rates-{key}.json"
        rates = _read(path)
        if rates is None:
            rates = measure(threads)
            _write(path, rates)
        _known[key] = rates
    return rates


def processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return f"{platform.machine()} {platform.processor()}"


def folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    with contextlib.suppress(RuntimeError):  # no home
        return (Path(cache) if cache else Path.home() / ".cache") / "graphdiff"
    return Path(os.devnull)


def _read(path: Path) -> Rates | None:
    try:
        return rates_from(json.loads(path.read_text()))
    except (OSError, ValueError, CompileError):
        return None


def _write(path: Path, rates: Rates) -> None:
    """Whole or not at all; where it cannot be, the next process measures again."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(rates_to(rates)))


# ------------------------------------------------------------------ measuring


def measure(threads: int) -> Rates:
    """The rates of this machine, measured now with so many threads."""
    operations = {d: dict(_operations(d)) for d in DTYPES}
    kernels: dict[str, Points] = {}
    for d in DTYPES:
        kernels[f"matmul {d}"] = tuple(_products(d, threads))
    kernels.update(_layers(threads))
    moved = []
    for n in (1 << 12, 1 << 17, 1 << 20, 1 << 22, 1 << 24):
        x = leaf("x", (n,))
        seconds = _clock([x], [x + 1.0], threads, 3)[0][2]
        moved.append((8.0 * n, 8.0 * n / seconds))
    one = leaf("x", ())
    instruction = _clock([one], [one + 1.0], 1, 20)[0][2]
    return Rates(operations, tuple(_shared(threads)), kernels, tuple(moved), instruction)


def _shared(threads: int) -> Iterator[tuple[float, float]]:
    """How many times as fast an elementwise instruction of so many elements is as one thread."""
    for n in (ELEMENTS, 8 * ELEMENTS, 64 * ELEMENTS):
        x = leaf("x", (n,))
        chain = _chained(namespaces.functions("")["tanh"], x, x)
        assert chain is not None
        yield float(n), _clock([x], [chain], 1)[0][2] / _clock([x], [chain], threads)[0][2]


def _operations(dtype: str) -> Iterator[tuple[str, float]]:
    """Seconds an element of each micro-operation that gives its operands' dtype, and of sums and extremes."""
    x, y = leaf("x", (ELEMENTS,), dtype), leaf("y", (ELEMENTS,), dtype)
    seen = set()
    for op in REGISTRY.values():
        kernel = op.kernel
        if not isinstance(kernel, Tile) or op.public is None or kernel.microop in seen:
            continue
        chain = _chained(op.public, x, y)
        if chain is not None:
            seen.add(kernel.microop)
            yield kernel.microop, _clock([x, y], [chain], 1)[0][2] / (CHAIN * ELEMENTS)
    for name in (name for name, reduction in REDUCTIONS.items() if reduction.kinds == "N"):
        result = namespaces.functions("")[name](x)
        yield name, _clock([x, y], [result], 1)[0][2] / ELEMENTS


def _chained(function: Callable[..., Any], x: Tensor, y: Tensor) -> Tensor | None:
    """``function`` again and again on its own result, with ``y`` if it takes two; None if it gives something else."""
    for more in ((), (y,)):
        h = x
        try:
            for _ in range(CHAIN):
                h = function(h, *more)
        except TypeError:  # another number of operands, or another kind
            continue
        return h if h.dtype is x.dtype else None
    return None


def _products(dtype: str, threads: int) -> Iterator[tuple[float, float]]:
    for n in (8, 32, 128, 384):
        a, b = leaf("a", (n, n), dtype), leaf("b", (n, n), dtype)
        _, flops, seconds = _clock([a, b], [a @ b], threads)[0]
        yield flops, flops / seconds


def _layers(threads: int) -> dict[str, Points]:
    """Convolutions and attention, with their gradients."""
    nn = namespaces.functions("nn")
    points: dict[str, list[tuple[float, float]]] = {}
    for dtype in DTYPES:
        graphs = []
        for channels, size in ((4, 12), (16, 16), (32, 28)):
            x, w = leaf("x", (2, channels, size, size), dtype), leaf("w", (channels, channels, 3, 3), dtype)
            graphs.append(([x, w], nn["conv2d"](x, w, padding=1)))
        for length in (16, 64, 256):
            qkv = [leaf(name, (4, length, 32), dtype) for name in "qkv"]
            graphs.append((qkv, nn["scaled_dot_product_attention"](*qkv)))
        for leaves, y in graphs:
            loss = namespaces.functions("")["sum"](y * y)
            for name, flops, seconds in _clock(leaves, [loss, *grad(loss, leaves)], threads):
                if name.startswith(("conv2d", "attention")):
                    points.setdefault(f"{name} {dtype}", []).append((flops, flops / seconds))
    return {k: tuple(v) for k, v in points.items()}


def _clock(
    inputs: list[Tensor], outputs: list[Tensor], threads: int, repeats: int = REPEATS
) -> list[tuple[str, float, float]]:
    """(kernel, flops, seconds) of each instruction of a graph: the least of some runs, on values within 0.2 to 0.9."""
    planned = CompiledGraph(Graph("rates", inputs, outputs), (), None, False, threads=threads).planned({})
    context = _core.Context(planned.program, threads)
    rng = np.random.default_rng(0)
    feeds = [rng.uniform(0.2, 0.9, tuple(map(int, v.shape))).astype(v.dtype) for v in inputs]
    results = [np.empty(tuple(map(int, v.shape)), v.dtype) for v in outputs]
    ns = np.min([context.profile(feeds, results) for _ in range(repeats + 1)][1:], axis=0)
    times: dict[int, float] = {}
    for tag, t in zip(planned.template.tags, ns):
        times[tag] = times.get(tag, 0.0) + float(t)
    return [(i.calls[0].kernel, float(i.flops), max(times[n], 1.0) * 1e-9) for n, i in enumerate(planned.order)]
