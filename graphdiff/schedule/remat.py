"""Rematerialisation on plain arrays: a schedule of least cost under a byte limit, for any graph and for chains.

Owns: what a caller is told of numbers that cannot be. The searches are in C (csrc/planner) and count steps, not time:
the same arguments give the same schedule on every machine.
Must not know: instructions, buffers, graphs of operations.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..errors import GraphError
from . import _planner

MOST_BYTES = 2**60  # of all sizes together
SLOTS = 500  # of a chain's memory, unless told
CHAIN_STEPS = ("store", "load", "forward", "tape", "backward")  # as csrc/include/graphdiff.h numbers them


class Rematerialised(NamedTuple):
    """``schedule``: node ids in the order they run, repeats allowed; its ``peak`` bytes and its ``cost``."""

    schedule: list[int]
    peak: int
    cost: float


def rematerialise(
    cost: Sequence[float],
    size: Sequence[int],
    inputs: Sequence[Iterable[int]],
    order: Sequence[int],
    limit: int,
    seconds: float = 15.0,
    seed: int = 0,
    *,
    workspace: Sequence[int] | None = None,
    inplace: Sequence[int] | None = None,
    start: Sequence[int] = (),
) -> Rematerialised:
    """The cheapest schedule found of a graph whose peak is no more than ``limit`` bytes; nodes may run several times.

    Node ``v`` costs ``cost[v]``, makes ``size[v]`` bytes and reads the nodes ``inputs[v]``; ``order`` lists every node
    once, each after its inputs. During a step its inputs and its output are alive. A copy lives from the step that
    makes it to its last use before the node runs again; nodes that nobody reads are kept to the end. ``workspace[v]``
    more bytes are alive during v's step (0 unless given), and its output takes no bytes of its own where this is the
    last use of ``inplace[v]``, one of its inputs, of the same size (-1: of none).

    Where the order fits as it is it is returned; ``start`` is a schedule to begin from where it does not. Where nothing
    is found that fits, the schedule is the one of the smallest peak found: ``.peak > limit`` tells. Graphs of up to 25
    nodes without workspace and sharing are solved exactly, as far as the seconds reach: the cost is then the least
    there is, or the peak the least where nothing fits.

    ``seconds`` is nominal, a number of search steps: the same arguments give the same schedule on every machine.
    Ctrl-C ends the search with KeyboardInterrupt. A larger limit can by chance come out dearer: whoever asks for
    several limits goes from the smallest to the largest and keeps the cheapest schedule so far, which fits them all.

    Raises GraphError (a ValueError) for costs that are negative or not finite, sizes that are negative or add up to
    more than 2**60, ids out of range, an order that misses, repeats or runs a node before its inputs, sharing with what
    is no input of that size, and a ``start`` that misses a node or runs one before its inputs.

    Example: ``rematerialise([1, 1, 1], [4, 4, 4], [[], [0], [0, 1]], [0, 1, 2], limit=12).schedule`` is ``[0, 1, 2]``.
    """
    costs, sizes, reads = _numbers("cost", cost), _integers("size", size), [_integers("inputs", i) for i in inputs]
    given, n = _integers("order", order), len(costs)
    if not n == len(sizes) == len(reads):
        raise GraphError(f"rematerialise: {n} costs, {len(sizes)} sizes and {len(reads)} lists of inputs")
    total = 0
    for v, bytes_ in enumerate(sizes):
        if bytes_ < 0:
            raise GraphError(f"rematerialise: node {v} has a size of {bytes_} bytes")
        total += bytes_
    if total > MOST_BYTES:
        raise GraphError(f"rematerialise: sizes add up to {total:,} bytes, more than 2**60")
    _check_order(given, reads)
    (most,) = _integers("limit", [limit])
    if most < 0:
        raise GraphError(f"rematerialise: a limit of {most} bytes")
    (time,) = _numbers("seconds", [seconds])
    (first,) = _integers("seed", [seed])
    work = [0] * n if workspace is None else _integers("workspace", workspace)
    take = [-1] * n if inplace is None else _integers("inplace", inplace)
    if not len(work) == len(take) == n:
        raise GraphError(f"rematerialise: {n} costs, {len(work)} of workspace and {len(take)} of inplace")
    if min(work, default=0) < 0 or total + sum(work) > MOST_BYTES:
        raise GraphError("rematerialise: workspace is negative, or more than 2**60 bytes with all sizes")
    for v, i in enumerate(take):
        if i >= 0 and (i not in reads[v] or sizes[i] != sizes[v]):
            raise GraphError(f"rematerialise: node {v} is to take the bytes of {i}, no input of its size")
    begin = _integers("start", start)
    _check_start(begin, reads)
    at, flat = [0], []
    for r in reads:
        flat += r
        at.append(len(flat))
    try:
        found = _planner.remat_plan(
            costs, sizes, at, flat, given, min(most, MOST_BYTES), time, first % 2**64, work, take, begin
        )
    except ValueError:
        raise GraphError("rematerialise: costs or numbers of nodes are too large") from None
    return Rematerialised(found[0].tolist(), found[1], found[2])


class Chain:
    """The least cost of a chain of stages that run forward and then backward, for every limit up to ``limit`` bytes.

    Stage ``i`` costs ``forward[i]`` and ``backward[i]``, reads a state of ``state[i]`` bytes, which may be kept to
    restart from, and its backward needs a tape of ``tape[i]`` bytes, the state included. Beside what is kept a stage
    needs ``passing[i]`` bytes while it runs forward and ``working[i]`` while it runs backward (0 unless given). Memory
    is counted in ``limit / slots`` bytes, sizes rounded up to it; a limit of no more than ``slots`` is exact.

    The optimum (after Beaumont et al.'s rotor) is over all plans that keep what they store until its stage needs it
    for the last time. Raises GraphError (a ValueError) for numbers that cannot be, and for tables of more than 2 GiB.

    Example: ``Chain([1] * 10, [2] * 10, [1] * 10, [1] * 10, limit=4).cost()`` is 36.0.
    """

    def __init__(
        self,
        forward: Sequence[float],
        backward: Sequence[float],
        state: Sequence[int],
        tape: Sequence[int],
        limit: int,
        passing: Sequence[int] | None = None,
        working: Sequence[int] | None = None,
        slots: int = SLOTS,
    ):
        (self.limit,), (many,) = _integers("limit", [limit]), _integers("slots", [slots])
        self.stages = len(forward)
        if self.limit < 0 or many < 1 or not self.stages:
            raise GraphError(f"Chain: {self.stages} stages, a limit of {self.limit} bytes and {many} slots")
        self._unit = max(1, -(-self.limit // many))
        none = [0] * self.stages
        costs = [_numbers(name, x, "Chain") for name, x in (("forward", forward), ("backward", backward))]
        sizes = []
        for name, x in (("state", state), ("tape", tape), ("passing", passing), ("working", working)):
            given = _integers(name, none if x is None else x, "Chain")
            if min(given, default=0) < 0:
                raise GraphError(f"Chain: {name} has a size of {min(given)} bytes")
            sizes.append([min(-(-b // self._unit), 2**32) for b in given])
        lengths = [*map(len, costs), *map(len, sizes)]
        if set(lengths) != {self.stages}:
            raise GraphError(f"Chain: lists of {', '.join(map(str, lengths))} stages")
        try:
            self._table = _planner.Chain(
                costs[0], costs[1], sizes[0], sizes[1], sizes[2], sizes[3], self.limit // self._unit
            )
        except ValueError:
            raise GraphError(f"Chain: the table of {self.stages} stages and {many} slots is too large") from None

    def _units(self, limit: int | None, stages: int | None) -> tuple[int, int]:
        (most,) = _integers("limit", [self.limit if limit is None else limit], "Chain")
        (n,) = _integers("stages", [self.stages if stages is None else stages], "Chain")
        if not (0 <= most <= self.limit and 1 <= n <= self.stages):
            raise GraphError(f"Chain: {n} stages in {most} bytes, made for {self.stages} in {self.limit}")
        return n, most // self._unit

    def cost(self, limit: int | None = None, stages: int | None = None) -> float:
        """The least cost of the first ``stages`` (all) in ``limit`` bytes (the chain's): infinity where none fits."""
        return self._table.cost(*self._units(limit, stages))

    def plan(self, limit: int | None = None, stages: int | None = None) -> list[tuple[str, int]]:
        """Steps of that cost: ``("store", i)`` keeps stage i's state, which is at hand; ``load`` has it at hand again
        and no longer kept; ``forward`` and ``tape`` run a stage, ``tape`` keeping its tape; ``backward`` frees that.
        Raises GraphError where nothing fits."""
        if math.isinf(self.cost(limit, stages)):
            raise GraphError(f"Chain: nothing fits {self.limit if limit is None else limit} bytes")
        steps = self._table.plan(*self._units(limit, stages)).tolist()
        return [(CHAIN_STEPS[s // self.stages], s % self.stages) for s in steps]


def _integers(name: str, values: Iterable[int], who: str = "rematerialise") -> list[int]:
    try:
        return [operator.index(v) for v in values]
    except TypeError:
        raise GraphError(f"{who}: {name} takes integers, got {values!r:.60}") from None


def _numbers(name: str, values: Iterable[float], who: str = "rematerialise") -> list[float]:
    try:
        out = [float(v) for v in values]
    except (TypeError, ValueError, OverflowError):
        raise GraphError(f"{who}: {name} takes numbers, got {values!r:.60}") from None
    for k, v in enumerate(out):
        if not 0 <= v < math.inf:
            raise GraphError(f"{who}: {name} is {v}" if len(out) == 1 else f"{who}: {name} of {k} is {v}")
    return out


def _check_order(order: list[int], reads: list[list[int]]) -> None:
    """Raises GraphError unless ``order`` lists every node once, each after its inputs."""
    n, done = len(reads), [False] * len(reads)
    for v in order:
        if not 0 <= v < n:
            raise GraphError(f"rematerialise: order has node {v}, there are {n}")
        if done[v]:
            raise GraphError(f"rematerialise: order has node {v} twice")
        for i in reads[v]:
            if not 0 <= i < n:
                raise GraphError(f"rematerialise: node {v} reads node {i}, there are {n}")
            if not done[i]:
                raise GraphError(f"rematerialise: node {v} runs before its input {i}")
        done[v] = True
    if len(order) != n:
        raise GraphError(f"rematerialise: order has {len(order)} of {n} nodes")


def _check_start(start: list[int], reads: list[list[int]]) -> None:
    """Raises GraphError unless ``start`` is empty or a schedule."""
    done = [False] * len(reads)
    for t, v in enumerate(start):
        if not 0 <= v < len(reads):
            raise GraphError(f"rematerialise: start has node {v}, there are {len(reads)}")
        if not all(done[i] for i in reads[v]):
            raise GraphError(f"rematerialise: step {t} of start runs node {v} before its inputs")
        done[v] = True
    if start and not all(done):
        raise GraphError(f"rematerialise: start never runs node {done.index(False)}")
