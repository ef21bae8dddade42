"""What compiling makes: a compiled graph, immutable, shared by a function and its forks.

Owns: the chain from graph to words (simplify, select, order, recompute, lifetimes, assemble), and a plan and core
program for each set of sizes, of which only the latest few are kept.
Must not know: feeds, results, threads.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import math
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..errors import FeedError, MemoryLimitError
from ..ir.dims import evaluate
from ..ir.graph import Graph
from ..ir.node import Value
from ..lower.instruction import ARENA, Buffer, Instruction
from ..lower.phases import every_node, phases
from ..lower.policy import Every
from ..lower.select import Selected, select
from ..lower.tape import taped
from ..ops.messages import call_text
from ..ops.registry import Loop
from ..schedule.candidates import LoopVariant, Schedule
from ..schedule.checkpoint import recompute, segments
from ..schedule.cost import Costs
from ..schedule.limit import Choice, Chosen, Placed
from ..schedule.memory import ALIGN, Lifetimes
from ..schedule.order import arrange
from ..transforms.simplify import simplify
from ..transforms.sparsity import sparsity_at
from . import _core
from .assemble import PLACE_SECONDS, Nested, Template, place
from .plan import Plan
from .sizes import Sizes
from .sparse import Sparse


def blas_path() -> str:
    """The library in the package scipy_openblas32, which is found and not imported: it would read the metadata of
    packages, for longer than all else that is imported here."""
    spec = importlib.util.find_spec("scipy_openblas32")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("graphdiff needs the package scipy-openblas32; write pip install scipy-openblas32")
    folder = os.path.join(spec.submodule_search_locations[0], "lib")
    return os.path.join(folder, next(n for n in os.listdir(folder) if n.startswith("libscipy_openblas")))


if os.environ.get("GRAPHDIFF_BLAS") != "off":  # products are the core's own then, and linear algebra is not there
    _core.load_blas(blas_path())

PLAN_SECONDS = 2.0  # what the search for a schedule within a limit takes, nominally, at most
PLACE_SHARE = 0.2  # of that, for a layout that misses a limit which its lower bound keeps
KEPT_PLANS = 8  # sizes of which the plan and the core program are remembered


_alive: weakref.WeakSet[CompiledGraph] = weakref.WeakSet()


def _after_fork() -> None:
    """A child has none of the threads that hold its parent's locks."""
    for program in _alive:
        program._planning = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Searching(threading.local):
    """Whether this thread searches for a schedule within a limit."""

    now = False


_searching = _Searching()

Slots = tuple[Any, Any, Any]  # buffers of inputs, outputs and parameters


class PlannedProgram(NamedTuple):
    """A plan and the core program that carries it out; what it is given beside the arguments, the same at every call,
    and the patterns of sparse results by the name of their number of entries."""

    plan: Plan
    program: _core.Program
    order: list[Instruction]
    template: Template
    given: Sequence[np.ndarray] = ()
    sparse: Mapping[str, Sparse] = MappingProxyType({})


class CompiledGraph:
    """A compiled graph. ``planned(env)`` gives plan and core program at the sizes ``env``; ``costs`` predicts time
    (by nominal rates unless given). ``written``: the graph before it was simplified."""

    def __init__(
        self,
        graph: Graph,
        checks: Sequence[Value],
        checkpoint: Any,
        debug: bool,
        limit: int | None = None,
        threads: int | None = None,
        costs: Costs | None = None,
        plan_seconds: float = PLAN_SECONDS,
        written: Graph | None = None,
    ):
        self.graph = graph
        self.plan_seconds = plan_seconds
        self.costs = costs or Costs()
        self.threads_asked = threads
        self.threads = threads or _core.threads()
        self.limit = limit
        self.debug = debug
        self.checkpoint = checkpoint
        self.checks = checks
        self.variant, self.slots, kept = self._variant(checkpoint, "")
        self.unlimited = self.variant.order
        self.order = self.unlimited if kept is None else recompute(self.unlimited, kept)
        self.lifetimes = Lifetimes(self.order, inplace=not debug)
        self.template = Template(self.order, self.lifetimes, self.slots)
        self.written = written or graph
        self.sizes = Sizes(graph, self.written)
        self.names = self.sizes.names
        self._planned_at: OrderedDict[tuple[int, ...], PlannedProgram] = OrderedDict()
        self._pool: dict[tuple[int, ...], tuple[Choice, list[Slots]]] = {}  # shared by all limits
        self._planning = threading.Lock()
        self.turn = _core.Turn() if graph.updates else None  # no two calls write the parameters at a time
        _alive.add(self)

    def within(self, limit: int | None) -> CompiledGraph:
        """This program under another byte limit; what they share is made once."""
        other = copy.copy(self)
        other.limit = limit
        other._planned_at = OrderedDict()
        _alive.add(other)
        return other

    def _variant(self, loops: Any, text: str) -> tuple[LoopVariant, Slots, set[Buffer] | None]:
        """The graph's instructions with ``loops`` as the policy for them, and what the checkpointing policy keeps."""
        graph, checkpoint = self.graph, self.checkpoint
        selected = select(graph, self.checks, phases(graph), partial(compile_inner, checkpoint=loops), loops)
        slots = (selected.inputs, selected.outputs, selected.parameters)
        # instructions that are told apart, kept or repeated one by one stay so
        apart = self.debug or checkpoint is not None or self.limit is not None
        order = taped(arrange(selected, write_through=not self.debug), join=not apart)
        kept = None if checkpoint is None else self._kept(order, checkpoint, selected)
        pinned = kept if isinstance(checkpoint, (list, tuple)) else None
        return LoopVariant(order, pinned, selected.segment_starts, text), slots, kept

    def _variants(self, env: Mapping[str, int]) -> Iterator[tuple[LoopVariant, Slots]]:
        """The instructions to choose schedules of: those that keep everything and, unless the checkpointing policy says
        how loops run, those of loops in segments of some lengths."""
        yield self.variant, self.slots
        if self.checkpoint is not None and self.variant.pinned is None:
            return
        lengths = {evaluate(n.attrs["length"], env) for n in every_node(self.graph) if type(n.op.kernel) is Loop}
        longest = max(lengths, default=0)
        root = math.isqrt(max(longest - 1, 0)) + 1
        for k in sorted({max(2, root // 2), root, 2 * root, 4 * root}):
            if k < longest:
                variant, slots, _ = self._variant(Every(k), f"loops in segments of {k}")
                yield variant, slots

    def _kept(self, order: Sequence[Instruction], checkpoint: Any, selected: Selected) -> set[Buffer]:
        if checkpoint == "sqrt" or isinstance(checkpoint, Every):
            return segments(order, checkpoint.k if isinstance(checkpoint, Every) else None) | selected.segment_starts
        buffers: set[Buffer] = set()
        waiting, seen = list(checkpoint), set(checkpoint)
        while waiting:
            v = waiting.pop()
            at = selected.location.get(v)
            if at is not None:
                if at.buffer is not None:
                    buffers.add(at.buffer)
            elif v.node in selected.duplicated:  # what it is computed of is there in its place
                waiting += [u for u in v.node.inputs if u not in seen]
                seen.update(v.node.inputs)
        return buffers

    def planned(self, env: Mapping[str, int]) -> PlannedProgram:
        """The plan and core program at ``env``, made anew or remembered.

        Without a lock, since a signal's handler may call the function again from within: each step is one of C's, and
        what is kept may be gone before the next.
        """
        key = tuple(env[n] for n in self.names)
        found = self._planned_at.get(key)
        if found is not None:
            with contextlib.suppress(KeyError):
                self._planned_at.move_to_end(key)
            return found
        try:
            made = self._make_with_patterns(dict(zip(self.names, key)))
        except OverflowError:
            sizes = ", ".join(f"{n}={size}" for n, size in env.items())
            raise FeedError(f"{self.graph.name}: sizes are too large at {sizes}") from None
        self._planned_at[key] = made
        while len(self._planned_at) > KEPT_PLANS:
            with contextlib.suppress(KeyError):
                self._planned_at.popitem(last=False)
        return made

    def _make_with_patterns(self, env: dict[str, int]) -> PlannedProgram:
        self.sizes.check(env)
        if not self.sizes.patterns:
            return self._make(env)
        given: list[np.ndarray] = []
        sparse: dict[str, Sparse] = {}
        for node in self.sizes.patterns:
            found = sparsity_at(node, env)
            given += [found.colors.astype(np.int64), found.places()]
            sparse[node.attrs["sizes"][1]] = Sparse(found.indices, found.indptr, found.shape)
        self.sizes.check(env)
        return self._make(env)._replace(given=given, sparse=sparse)

    def _make(self, env: dict[str, int]) -> PlannedProgram:
        offsets, peak, bound = place(self.lifetimes, env)
        program = self.template.program(env, offsets, peak)
        scratch = self._scratch(program)
        if self.limit is None or peak + scratch <= self.limit:
            everything = None if self.order is self.unlimited else self._everything(env)
            plan = Plan(
                self.graph.name,
                self.order,
                self.lifetimes,
                env,
                offsets,
                peak,
                bound,
                scratch,
                self.costs,
                self.limit,
                everything=everything,
            )
            return PlannedProgram(plan, program, self.order, self.template)
        return self._limited(env)

    def _everything(self, env: dict[str, int]) -> Callable[[], Plan]:
        """Makes the plan that keeps every value, for comparison."""

        def make() -> Plan:
            lifetimes = Lifetimes(self.unlimited, inplace=not self.debug)
            template = Template(self.unlimited, lifetimes, self.slots)
            offsets, peak, bound = place(lifetimes, env)
            scratch = self._scratch(template.program(env, offsets, peak))
            return Plan(self.graph.name, self.unlimited, lifetimes, env, offsets, peak, bound, scratch, self.costs)

        return make

    def _scratch(self, program: Any) -> int:
        """Bytes of registers and packing, of which each thread that works has its own, and of what threads share."""
        return program.shared_bytes + program.scratch_bytes + program.lane_bytes * (self.threads - 1)

    def _limited(self, env: dict[str, int]) -> PlannedProgram:
        """The cheapest plan within the byte limit. Raises MemoryLimitError."""
        assert self.limit is not None

        choice, slots = self._choice(env)
        chosen = choice.choose(self.limit)
        c, placed = chosen.schedule, chosen.placed
        scratch = placed.total - placed.arena_bytes
        if not chosen.fits:
            raise self._nothing_fits(env, chosen, scratch)
        template = Template(c.order, c.lifetimes, slots[chosen.variant])
        program = template.program(env, placed.offsets, placed.arena_bytes)
        plan = Plan(
            self.graph.name,
            c.order,
            c.lifetimes,
            env,
            placed.offsets,
            placed.arena_bytes,
            placed.bound,
            scratch,
            self.costs,
            self.limit,
            chosen.text,
            self._everything(env),
        )
        return PlannedProgram(plan, program, c.order, template)

    def _choice(self, env: dict[str, int]) -> tuple[Choice, list[Slots]]:
        """The schedules to choose from at these sizes, made as far as the limit needs: the last ones are kept. And
        where feeds, results and parameters are, for each variant."""
        assert self.limit is not None
        if _searching.now:  # a finalizer or a signal calls from within a search: to wait for its lock would be for ever
            choice, slots = self._new_choice(env)
            choice.reach(self.limit)
            return choice, slots
        key = tuple(env[n] for n in self.names)
        _searching.now = True
        try:
            with self._planning:
                if key not in self._pool:
                    self._pool.clear()
                    self._pool[key] = self._new_choice(env)
                self._pool[key][0].reach(self.limit)
                return self._pool[key]
        finally:
            _searching.now = False

    def _new_choice(self, env: dict[str, int]) -> tuple[Choice, list[Slots]]:
        variants, slots = zip(*self._variants(env))
        lay_out = partial(self._laid_out, env, slots)
        return Choice(variants, env, not self.debug, self.costs, self.plan_seconds, lay_out), list(slots)

    def _laid_out(self, env: dict[str, int], slots: Sequence[Slots], c: Schedule, variant: int, hard: bool) -> Placed:
        """A schedule of a variant with offsets."""
        seconds = max(PLACE_SECONDS, PLACE_SHARE * self.plan_seconds) if hard else PLACE_SECONDS
        offsets, arena_bytes, bound = place(c.lifetimes, env, seconds)
        template = Template(c.order, c.lifetimes, slots[variant])
        program = template.program(env, offsets, arena_bytes)
        return Placed(offsets, arena_bytes, bound, arena_bytes + self._scratch(program))

    def _nothing_fits(self, env: Mapping[str, int], chosen: Chosen, scratch: int) -> MemoryLimitError:
        """The error for a limit below the smallest arena, ``chosen``: what is in memory where it is at its most."""
        c = chosen.schedule
        i = c.order[c.peak_at]
        sizes = c.lifetimes.sizes(env)
        operands: dict[int, tuple[str, int]] = {}  # by unit: what shares memory counts once
        for b in (*i.reads, *i.writes):
            if b.kind == ARENA:
                operands.setdefault(c.lifetimes.unit[b], (b.label, int(sizes[c.lifetimes.unit[b]])))
        rest = c.bound - sum(n for _, n in operands.values())
        parts = [f"{label} {n:,}" for label, n in operands.values()]
        parts += [f"{n:,} {what}" for n, what in ((rest, "of values kept for later"), (scratch, "of scratch")) if n]
        smallest = chosen.placed.total
        at = " at " + ", ".join(f"{k}={v}" for k, v in env.items()) if env else ""
        node = i.nodes[-1] if i.nodes else None
        return MemoryLimitError(
            f"{self.graph.name}: no schedule fits {self.limit:,} bytes{at}; the smallest arena found is {smallest:,} "
            f"bytes, set by {i.name} ({'recompute' if i.recompute else i.phase}): {' + '.join(parts)} bytes",
            call_text(node.op.name, node.inputs, {}) if node else None,
            str(node.source) if node and node.source else None,
            smallest=smallest,
            instruction=i.name,
            operands=tuple(operands.values()),
            floor=self._floor(env) + scratch,
        )

    def _floor(self, env: Mapping[str, int]) -> int:
        """Bytes of the largest working set of one instruction."""
        largest = 0
        for i in self.unlimited:
            shared = {i.writes[w] for w in i.inplace}
            used = {b for b in (*i.reads, *i.writes) if b.kind == ARENA and b not in shared}
            largest = max(largest, sum(-(-evaluate(b.count, env) * b.dtype.itemsize // ALIGN) * ALIGN for b in used))
        return largest


def compile_inner(graph: Graph, checkpoint: Any) -> Nested:
    """The program of a loop's or branch's body; ``checkpoint``: the policy for loops in it."""
    graph, _ = simplify(graph)
    inner = partial(compile_inner, checkpoint=checkpoint)
    selected = select(graph, (), dict.fromkeys(graph.nodes, "forward"), inner, checkpoint, accumulate=True)
    return Nested(taped(arrange(selected), in_body=True), (selected.inputs, selected.outputs, selected.parameters))
