"""Time against bytes: the curve over byte limits, and the largest size of a dimension that fits one.

Nothing here plans: each limit is one of the very program that a call would run.
Must not know: how schedules are found, pictures.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from ..errors import CompileError, FeedError, GraphError, MemoryLimitError
from ..ir.node import user_source
from ..late import given_later
from ..ops.tensor import Tensor
from ..ops.types import Fed, TensorLike, Tensors
from ..schedule.limit import limit_of, parse_bytes
from ..spelling import Suggesting, did_you_mean
from ..wording import count, one_line, seconds_text
from .compile import Options, Outputs, compile
from .function import Function

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 1 << 40  # a size beyond is no answer
ROUNDS = 7  # calls of each function that are timed, in turns


class Point(NamedTuple):
    """One limit of a curve.

    ``arena_bytes``: of the plan within ``limit``, None where nothing fits; ``seconds``: predicted, of a call;
    ``recompute_seconds``: the part for what is repeated; ``measured``: median seconds of a call, None without feeds;
    ``plan_seconds``: what finding the plan took; ``smallest``: the least arena found where nothing fits."""

    limit: int
    arena_bytes: int | None
    seconds: float
    recompute_seconds: float
    measured: float | None
    plan_seconds: float
    smallest: int | None = None


@given_later("graphdiff.inspect", "plot", "_repr_html_")
class Tradeoff(Suggesting):
    """Time against bytes. ``points``: one for each limit, in the order given; ``everything``: the arena and predicted
    seconds without a limit; ``str(curve)`` is a table, ``curve.plot(path)`` a picture."""

    if TYPE_CHECKING:  # graphdiff.inspect gives the class these, which stands after it

        def plot(self, path: str | Path | None = None) -> Figure: ...

    def __init__(self, name: str, points: Sequence[Point], everything: Point):
        self.name, self.points, self.everything = name, tuple(points), everything

    @property
    def limits(self) -> np.ndarray:
        return np.array([p.limit for p in self.points], np.int64)

    @property
    def arena_bytes(self) -> np.ndarray:
        """float64: NaN where nothing fits."""
        return np.array([np.nan if p.arena_bytes is None else p.arena_bytes for p in self.points])

    @property
    def seconds(self) -> np.ndarray:
        """Predicted; NaN where nothing fits."""
        return np.array([p.seconds for p in self.points])

    @property
    def measured(self) -> np.ndarray:
        """NaN where nothing fits or nothing was fed."""
        return np.array([np.nan if p.measured is None else p.measured for p in self.points])

    def __str__(self) -> str:
        whole = self.everything
        lines = [
            f"{self.name}: {whole.arena_bytes:,} bytes and predicted {seconds_text(whole.seconds)} without a limit",
            f"{'limit':>15}  {'arena':>15}  {'of all':>7}  {'predicted':>12}  {'more':>7}  "
            f"{'measured':>11}  {'more':>7}  planned in",
        ]
        for p in self.points:
            if p.arena_bytes is None:
                lines.append(f"{p.limit:>15,}  nothing fits; the smallest arena found is {p.smallest:,}")
                continue
            more = _percent(p.seconds, whole.seconds)
            spent = (seconds_text(p.measured), _percent(p.measured, whole.measured)) if p.measured else ("-", "-")
            share = f"{100 * p.arena_bytes / max(1, whole.arena_bytes or 1):.1f} %"
            lines.append(
                f"{p.limit:>15,}  {p.arena_bytes:>15,}  {share:>7}  {seconds_text(p.seconds):>12}  {more:>7}  "
                f"{spent[0]:>11}  {spent[1]:>7}  {p.plan_seconds:>8.2f} s"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return one_line(f"<Tradeoff of {self.name} at {count(len(self.points), 'limit')}>")


def _percent(seconds: float, least: float | None) -> str:
    return f"{100 * (seconds / least - 1):+.1f} %" if least else "-"


def tradeoff(
    inputs: Tensors,
    outputs: Outputs,
    limits: Iterable[int | float | str],
    updates: Mapping[Tensor, TensorLike] | None = None,
    *,
    feeds: Mapping[str, Fed] | Sequence[Fed] | None = None,
    sizes: Mapping[str, int] | None = None,
    **options: Unpack[Options],
) -> Tradeoff:
    """How long a call takes within each of some byte limits: the cheapest plan's arena and predicted time.

    ``limits``: bytes (ints, or text as ``memory_limit`` takes), or floats up to 1 for shares of the arena that keeps
    everything. ``feeds``: arrays by name or in order; with them calls are timed as well, and parameters and states put
    back as they were. ``sizes``: of named dimensions, where no feeds tell. The rest, ``inputs``, ``outputs``,
    ``updates`` and ``options``, is as in :func:`compile`. A limit that nothing fits has a point without an arena.

    Raises what compile does, and CompileError for limits that are none, FeedError for sizes that are missing.

    Example::

        curve = gd.tradeoff([x, t], loss, [0.9, 0.7, 0.5, "64MB"], updates, sizes={"batch": 256})
        print(curve)
        curve.plot("curve.png")
    """
    if "memory_limit" in options:
        raise CompileError("tradeoff: the limits are its third argument", source=_here())
    if isinstance(limits, (str, int, float)):
        limits = [limits]
    f = compile(inputs, outputs, updates, **options)
    arrays: list[np.ndarray] | None = None
    if feeds is not None:
        arrays, key = f._prepare_call(*((), dict(feeds)) if isinstance(feeds, Mapping) else (tuple(feeds), {}))
        env: Mapping[str, int] = dict(zip(f._compiled.names, key))
    else:
        env = f._compiled.sizes.given("tradeoff", sizes or {})
    whole = f.plan_for(**env)
    functions: list[Function | None] = [f]
    points = [Point(whole.arena_bytes, whole.arena_bytes, whole.seconds, whole.recompute_seconds, None, 0.0)]
    for limit in limits:
        point, function = _at(f, _bytes(limit, whole.arena_bytes), env)
        points.append(point)
        functions.append(function)
    if arrays is not None:
        times = _clock(functions, arrays)
        points = [p._replace(measured=t) for p, t in zip(points, times)]
    return Tradeoff(f.name, points[1:], points[0])


def _bytes(limit: Any, everything: int) -> int:
    if isinstance(limit, float) and 0 < limit <= 1:
        return int(limit * everything)
    found = parse_bytes(limit)
    if found is None:
        raise CompileError(
            f'tradeoff: a limit is a number of bytes, text such as "64MB" or a share up to 1.0, got {limit!r}',
            source=_here(),
        )
    return found


def _at(f: Function, limit: int, env: Mapping[str, int]) -> tuple[Point, Function | None]:
    start = time.perf_counter()
    try:
        g = f.within(limit)  # which plans at once where all sizes are known
        plan = g.plan_for(**env)
    except MemoryLimitError as e:
        nothing = float("nan")
        spent = time.perf_counter() - start
        return Point(limit, None, nothing, nothing, None, spent, e.smallest_arena_bytes), None
    spent = time.perf_counter() - start
    return Point(limit, plan.arena_bytes, plan.seconds, plan.recompute_seconds, None, spent), g


def _clock(functions: Sequence[Function | None], arrays: Sequence[np.ndarray]) -> list[float | None]:
    """Median seconds of a call of each, taking turns; parameters and states are put back."""
    first = functions[0]
    assert first is not None
    storages = [p.node.attrs["storage"].array for p in first.parameters]
    before = [a.copy() for a in storages]
    times: list[list[float]] = [[] for _ in functions]
    try:
        for turn in range(ROUNDS + 1):
            for f, mine in zip(functions, times):
                if f is not None:
                    start = time.perf_counter()
                    f(*arrays)
                    if turn:  # the first call makes the arena
                        mine.append(time.perf_counter() - start)
    finally:
        for a, old in zip(storages, before):
            a[...] = old
    return [float(np.median(mine)) if mine else None for mine in times]


def largest(f: Function, dimension: str, memory_limit: int | str, **sizes: int) -> int:
    """The largest size of the named ``dimension`` at which ``f``'s arena is within ``memory_limit`` bytes.

    The arena is that of ``f.plan_for(…)`` at that size, so a function compiled with ``memory_limit=`` or
    ``checkpoint=`` recomputes as it would when called. ``sizes``: of the other named dimensions. Found by doubling,
    then halving: where a larger size takes less, between the two, it may be missed.

    Raises FeedError for a dimension that ``f`` has not and for sizes that are missing or that the graph refuses;
    MemoryLimitError where not even the smallest size fits; GraphError where the arena does not grow.

    Example::

        f = gd.compile([x, t], loss, updates, memory_limit="64MB")
        batch = gd.largest(f, "batch", "64MB")
    """
    limit = limit_of("largest", memory_limit)
    names = f._compiled.names
    if dimension not in names:
        raise FeedError(
            f"largest: {f.name} has no dimension {dimension!r} (there are: {', '.join(names) or 'none'})"
            + did_you_mean(dimension, names),
            source=_here(),
        )
    if dimension in sizes:
        raise FeedError(f"largest: {dimension} is what is looked for; give the other sizes", source=_here())

    def arena(n: int) -> int | None:
        """The arena at ``n``; None where it needs more than ``f``'s own limit or than can be addressed."""
        try:
            return f.plan_for(**sizes, **{dimension: n}).arena_bytes
        except (MemoryLimitError, OverflowError):
            return None

    n, least = _smallest_size(f, dimension, sizes)
    if least > limit:
        raise MemoryLimitError(
            f"largest: {f.name} takes {least:,} bytes at {dimension}={n}, more than {limit:,}",
            source=_here(),
            smallest=least,
        )
    low, high = n, 2 * n
    while (needed := arena(high)) is not None and needed <= limit:
        low, high = high, 2 * high
        if high > MOST:
            raise GraphError(
                f"largest: the arena of {f.name} does not grow with {dimension}: {needed:,} bytes at {dimension}={low}",
                source=_here(),
            )
    while high - low > 1:
        middle = (low + high) // 2
        needed = arena(middle)
        if needed is not None and needed <= limit:
            low = middle
        else:
            high = middle
    return low


def _smallest_size(f: Function, dimension: str, sizes: Mapping[str, int]) -> tuple[int, int]:
    """The first power of two that the graph takes, and its arena. Raises FeedError where it takes none."""
    n = 1
    while True:
        try:
            return n, f.plan_for(**sizes, **{dimension: n}).arena_bytes
        except FeedError:  # such as a slice that needs more elements
            if n >= 1 << 20:
                raise
            n *= 2


def _here() -> str | None:
    source = user_source()
    return str(source) if source else None
