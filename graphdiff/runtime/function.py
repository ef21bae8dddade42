"""The function that ``gd.compile`` makes: feeds in, results out, parameters and states updated in place.

Owns: what a call accepts, and how failures of the core become errors that name the
operation and the user's line. The call path itself is ``_core.Runner``.
Must not know: how a program is made or run, what it was compiled from.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..errors import BusyError, CompileError, FeedError, GraphdiffError, GraphError, NonFiniteError
from ..ir.dims import evaluate, shape_at
from ..ir.dtypes import CODE
from ..ir.graph import Graph
from ..ir.node import Node, Value
from ..ir.text import type_text
from ..late import given_later
from ..lower.instruction import Instruction
from ..ops.leaves import Watcher
from ..ops.messages import call_text, describe, is_tracer, told_type, where_am_i
from ..ops.tensor import Tensor
from ..ops.trees import told_kind
from ..ops.types import Fed
from ..schedule.cost import bytes_of
from ..schedule.limit import limit_of
from ..spelling import did_you_mean, explained
from ..wording import count, one_line
from . import _core
from .blame import blame
from .calling import Structure
from .compiled import CompiledGraph, PlannedProgram
from .entry import Entry, Failure, Slot, Slots, checked_contexts, slot
from .plan import Plan
from .profile import Profile, ProfileRow
from .save import Saved, from_pickle, read, to_pickle, write


def _cast(fed: np.dtype, wanted: np.dtype) -> str:
    """What to write where an array of ``fed`` is no ``wanted``."""
    if fed.kind not in "buif":
        return "feed an array of numbers" if fed.kind != "c" else "feed its real and its imaginary part"
    wider = fed in CODE and fed.kind == wanted.kind
    return f"write .astype({wanted.name!r})" + (f', or give the input dtype="{fed.name}"' if wider else "")


@given_later("graphdiff.inspect", "to_dot", "to_svg", "to_html", "_repr_html_")
@given_later("graphdiff.export", "export_c")
class Function(_core.Runner):
    """A compiled function. Made by ``gd.compile``; call it with arrays, by position or by name.

    Results are new arrays in the structure of the outputs. A call releases the GIL, and any number of threads may call
    one function: each call has buffers of its own, which go when calls no longer overlap. Calls of one function and of
    its forks that update parameters follow each other; another function that reads those meanwhile may see some of them
    before the update and some after it. Ctrl-C ends a call with nothing updated, or all;
    a single factorisation by LAPACK or a single sort, however large, runs to its end first.
    """

    if TYPE_CHECKING:  # graphdiff.inspect gives the class these, which stands after it

        def to_dot(self) -> str: ...
        def to_svg(self, path: str | Path | None = None) -> str: ...
        def to_html(self, path: str | Path, /, *args: Fed, **kwargs: Fed) -> None: ...

        # and graphdiff.export this
        def export_c(
            self, folder: str | os.PathLike[str], name: str, *, values: bool = False, sized: bool = False, **sizes: int
        ) -> list[Path]: ...

    def __init__(
        self,
        program: CompiledGraph,
        graph: Graph,
        structure: Structure,
        monitors: Sequence[str],
        messages: Mapping[Node, Watcher],
    ):
        self._compiled = program
        self._messages = messages
        self._structure = structure
        self._packed = structure.packer()
        self._monitor_names = tuple(monitors)
        self.graph = graph
        self.name = graph.name
        self.parameters = graph.parameters
        self._recorded: tuple[int, dict[str, np.ndarray]] = (0, {})  # number of a call, what its monitors saw
        self._bounds: weakref.WeakSet[Bound] = weakref.WeakSet()
        self._n_results = len(graph.outputs) - len(self._monitor_names)
        self._configure(
            [v.dtype for v in graph.inputs],
            [v.dtype for v in graph.outputs],
            [p.node.attrs["storage"].array for p in graph.parameters],
            "pack" if self._monitor_names else structure.form,
            program.debug,
            tuple(v.name for v in graph.inputs),
        )
        if not program.names:
            self._planned = program.planned({})

    @property
    def written(self) -> Graph:
        """The graph as it was given, with its results and updates alone; of a function that was loaded as it was
        simplified."""
        graph = self._compiled.written
        return Graph(graph.name, graph.inputs, graph.outputs[: self._n_results], graph.updates, graph.parameters)

    @property
    def result_paths(self) -> list[str]:
        """What each result is called in the structure of the results: ``loss``, ``grads.W``, ``output[0]``."""
        paths = self._structure.results.paths("")
        plain = [re.sub(r'\["([^"\\]*)"\]', r".\1", path).removeprefix(".") for path in paths]
        return [path if path and path[0] != "[" else f"output{path}" for path in plain]

    # ------------------------------------------------------------------ sizes and plans
    def _make_frame(self, key: tuple[int, ...]) -> _core.Frame:
        """What a call at the sizes ``key`` runs on. Raises MemoryError."""
        planned = self._compiled.planned(dict(zip(self._compiled.names, key)))
        env = planned.plan.sizes
        ins, outs = ([self._shape(v, env) for v in values] for values in (self.graph.inputs, self.graph.outputs))
        return _core.Frame(self, self._context(planned), ins, outs, key, planned, planned.given)

    def _warm(self) -> None:
        """Has the arena made ahead of the first call where no size is named. Raises MemoryError."""
        if not self._compiled.names:
            self._put(self._take(()))

    def _context(self, planned: PlannedProgram) -> _core.Context:
        """Arena and scratch for a planned program. Raises MemoryError."""
        program = self._compiled
        try:
            return _core.Context(planned.program, program.threads, program.turn)
        except MemoryError:
            raise MemoryError(f"{self.name}: an arena of {planned.plan.arena_bytes:,} bytes cannot be had") from None

    @staticmethod
    def _shape(v: Value, env: Mapping[str, int]) -> tuple[int, ...]:
        return shape_at(v.shape, env)

    @property
    def plan(self) -> Plan:
        """The plan in use. Where a dimension is named: that of the last call; before one, see :meth:`plan_for`."""
        if self._planned is None:
            names = ", ".join(f"{n}=…" for n in self._compiled.names)
            raise CompileError(
                f"{self.name}: the plan depends on named sizes; write f.plan_for({names})", source=where_am_i()
            )
        return self._planned.plan

    @explained
    def plan_for(self, /, **sizes: int) -> Plan:
        """The plan at given sizes of the named dimensions, e.g. ``f.plan_for(batch=32)``; nothing runs."""
        return self._compiled.planned(self._compiled.sizes.given("plan_for", sizes)).plan

    # ------------------------------------------------------------------ feeds
    def _prepare_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[np.ndarray], tuple[int, ...]]:
        """The feeds as arrays the core can take, and the sizes of named dimensions. Raises FeedError."""
        arrays = self._arrays(args, kwargs)
        env = self._planned_for(arrays).plan.sizes
        return arrays, tuple(env[n] for n in self._compiled.names)

    def _planned_for(self, arrays: Sequence[np.ndarray]) -> PlannedProgram:
        """Plan and core program for arrays of these shapes. Raises FeedError."""
        try:
            return self._compiled.planned(self._compiled.sizes.bind([a.shape for a in arrays]))
        except FeedError as e:
            raise FeedError(e.fact, e.operation or self._signature(), e.source or where_am_i()) from None

    def _signature(self) -> str:
        return f"{self.name}({', '.join(describe(v) for v in self.graph.inputs)})"

    def _feed_error(self, fact: str) -> FeedError:
        return FeedError(fact, self._signature(), where_am_i())

    def _given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """What is fed, by name; each input once. Raises FeedError."""
        inputs = self.graph.inputs
        try:
            given: dict[str, Any] = {v.name: a for v, a in zip(inputs, self._structure.feeds(self.name, args))}
        except FeedError as e:
            raise self._feed_error(e.fact) from None
        names = {v.name for v in inputs}
        for key, a in kwargs.items():
            if key not in names:
                known = ", ".join(v.name for v in inputs) or "none"
                raise self._feed_error(f"{self.name} has no input {key!r}; it has {known}{did_you_mean(key, names)}")
            if key in given:
                raise self._feed_error(f"input {key!r} is given by position and by name")
            given[key] = a
        missing = [v.name for v in inputs if v.name not in given]
        if missing:
            raise self._feed_error(f"{self.name} misses input {', '.join(map(repr, missing))}")
        return given

    def _arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[np.ndarray]:
        given = self._given(args, kwargs)
        return [self._array(v, given[v.name]) for v in self.graph.inputs]

    def _array(self, v: Value, a: Any) -> np.ndarray:
        if isinstance(a, Tensor):
            raise self._feed_error(f"{v.name} is fed a Tensor ({describe(a)}); feed arrays")
        if is_tracer(a):
            raise self._feed_error(f"{v.name} is fed {told_type(a)}")
        if getattr(a, "requires_grad", False) is True:
            raise self._feed_error(f"{v.name} is fed a tensor that requires grad; feed {v.name}.detach()")
        try:
            is_array = any(hasattr(a, name) for name in ("__array__", "__array_interface__", "__array_struct__"))
            is_array = is_array or isinstance(a, memoryview)
            weak = not is_array and not hasattr(a, "__dlpack__")
            array = np.asarray(a) if weak or is_array else np.from_dlpack(a)
        except (ValueError, TypeError, RuntimeError, BufferError, AttributeError) as e:
            raise self._feed_error(f"{v.name} is fed what is no array: {e}") from None
        if array.dtype == object:
            raise self._feed_error(f"{v.name} is fed {told_kind(a)}; feed an array of numbers")
        kind = array.dtype.kind
        if not weak:
            allowed = kind in "buif" and np.can_cast(array.dtype, v.dtype, "safe")
        else:
            order = "bif"
            allowed = array.size == 0 or (kind in order and order.index(kind) <= order.index(v.dtype.kind))
        if not allowed:
            raise self._feed_error(f"{v.name} is {v.dtype.name}, fed {array.dtype}; {_cast(array.dtype, v.dtype)}")
        if weak and array.dtype.kind == "i" and v.dtype.kind == "i" and array.size:
            limits = np.iinfo(v.dtype)
            if array.min() < limits.min or array.max() > limits.max:
                raise self._feed_error(f"{v.name} is {v.dtype.name}, which cannot hold {array.max()}")
        array = array.astype(v.dtype, order="C", copy=False)
        return array if array.flags.aligned else array.copy()

    # ------------------------------------------------------------------ results and failures
    def _pack(self, arrays: list[np.ndarray], planned: PlannedProgram) -> Any:
        if self._monitor_names:
            self._recorded = _core.next_number(), dict(zip(self._monitor_names, arrays[self._n_results :]))
        return self._packed(arrays, planned.sparse)

    @property
    def monitors(self) -> dict[str, np.ndarray]:
        """What each ``gd.monitor`` saw in the last call, bound calls included."""
        number, seen = self._recorded
        for bound in self._bounds:
            if bound.last > number:
                number, seen = bound.last, dict(zip(self._monitor_names, bound.hidden))
        return {name: array.copy() for name, array in seen.items()}

    def _fail(
        self, status: str, instruction: int, tag: int, a: int, b: int, context: Any, planned: PlannedProgram
    ) -> None:
        if status == "ERR_BUSY":
            raise BusyError(
                f"{self.name}: this bound call is running on another thread; give each thread one of its own",
                source=where_am_i(),
            )
        if status == "ERR_REENTERED":
            raise BusyError(f"{self.name} is called from a signal handler while it runs", source=where_am_i())
        i = planned.order[tag] if 0 <= tag < len(planned.order) else None
        node = i.nodes[-1] if i is not None and i.nodes else None
        operation = call_text(node.op.name, node.inputs, {}) if node is not None else None
        source = str(node.source) if node is not None and node.source else None
        if status == "ERR_INDEX":
            what = node.op.name if node else "index"
            told = f"{what}: index {a} is out of range for size {b}"
            if a < 0 and node is not None and node.attrs.get("lowest") == 0:
                told = f"{what}: label {a} is negative; labels count from 0, and ignore_index leaves some out"
            raise FeedError(told, operation, source)
        if status == "ERR_CHECK":
            w = None if node is None else self._messages.get(node)
            text = w.text if w else node.attrs["message"] if node is not None else "a check failed"
            raise FeedError(text, operation, str(w.source) if w and w.source else source)
        if status == "ERR_NONFINITE" and i is not None:
            raise self._nonfinite(i, context, planned, operation, source)
        told = _core.STATUS.get(status, status)
        raise GraphdiffError(f"{told} (instruction {instruction}, {a}, {b})", operation, source)

    def _nonfinite(
        self, i: Instruction, context: Any, planned: PlannedProgram, operation: str | None, source: str | None
    ) -> NonFiniteError:
        sizes, number = planned.plan.sizes, planned.template.value_id
        phase = "recompute" if i.recompute else i.phase
        unexplained = NonFiniteError(f"{i.name} made a non-finite value in the {phase} pass", operation, source)
        if context is None:  # which has gone on
            return unexplained
        feeds = []
        for v, b in zip(self.graph.inputs, self._compiled.slots[0]):
            n = evaluate(b.count, sizes)
            array = context.value(number[b], b.dtype, n) if b in number else np.zeros(n, v.dtype)  # or nobody reads it
            feeds.append(array.reshape(self._shape(v, sizes)))
        found = blame(self._compiled.graph, i, feeds, sizes)
        if found is None:
            return unexplained
        return NonFiniteError(found.fact, found.operation, found.source, operands=found.operands, script=found.script)

    # ------------------------------------------------------------------ other ways to run
    def fork(self) -> Function:
        """The same program with buffers and plan of its own; parameters and states are shared."""
        return Function(self._compiled, self.graph, self._structure, self._monitor_names, self._messages)

    def within(self, memory_limit: int | str | None) -> Function:
        """The same function under another byte limit, without compiling again. Raises CompileError for what is none.

        Example: ``small = f.within("16MB")``."""
        program = self._compiled.within(None if memory_limit is None else limit_of("compile", memory_limit))
        return Function(program, self.graph, self._structure, self._monitor_names, self._messages)

    @explained
    def bind(self, /, *args: Fed, out: Fed = None, **feeds: Fed) -> Bound:
        """A call fixed to buffers: ``b = f.bind(x=buf, out=[...])``, then ``b()`` reads and writes them in place.

        Feeds, by name or position, are C-contiguous arrays of exactly the input's dtype; ``out`` a writable array for
        each output, as a list or in the structure of the results (made if not given; ``b.out``). ``b.address`` is the
        pair (C function pointer, user data) of an ``int f(void *)``. Raises FeedError."""
        fed = self._given(args, feeds)
        arrays = [self._buffer(v.name, fed[v.name], v.dtype, None, False) for v in self.graph.inputs]
        for v, a in zip(self.graph.inputs, arrays):
            for p in self.parameters:
                if np.may_share_memory(a, p.node.attrs["storage"].array):
                    raise self._feed_error(f"bind: {v.name} shares memory with {p.name}; bind a copy of it")
        planned = self._planned_for(arrays)
        env = planned.plan.sizes
        outputs = self.graph.outputs[: self._n_results]
        if out is None:
            results = [np.empty(self._shape(v, env), v.dtype) for v in outputs]
        else:
            try:
                given = self._structure.buffers(out)
            except FeedError as e:
                raise self._feed_error(e.fact) from None
            results = [
                self._buffer(f"out[{n}]", a, v.dtype, self._shape(v, env), True)
                for n, (a, v) in enumerate(zip(given, outputs))
            ]
            self._check_apart(arrays, results)
        hidden = [np.empty(self._shape(v, env), v.dtype) for v in self.graph.outputs[self._n_results :]]
        return Bound(self, planned, arrays, results, hidden)

    @explained
    def entry(self, /, contexts: int | None = None, **sizes: int) -> Entry:
        """This function as one C function that any thread may call with buffers of its own: see :class:`Entry`.

        ``contexts``: how many calls run at once, others wait; each has an arena of its own. As many as the pool has
        threads unless given. ``sizes``: named dimensions, which are fixed, e.g. ``f.entry(batch=32)``. Parameters are
        those of the function, as they are at each call. Raises CompileError, FeedError, MemoryError.

        Example: ``pointer, data = f.entry().address``."""
        program = self._compiled
        n = checked_contexts(contexts, _core.threads())
        planned = program.planned(program.sizes.given("entry", sizes))
        env = planned.plan.sizes
        inputs, outputs = (
            [slot(v, self._shape(v, env)) for v in values] for values in (self.graph.inputs, self.graph.outputs)
        )
        held = [slot(p, self._shape(p, env)) for p in self.parameters]
        given = [Slot("of a sparse Jacobian", a.dtype, a.shape) for a in planned.given]
        slots = Slots(inputs, given, outputs[: self._n_results], outputs[self._n_results :], held)
        try:
            return Entry(
                planned.program,
                slots,
                list(planned.given),
                self._parameters,
                n,
                program.threads,
                program.debug,
                program.turn,
                partial(_entry_failed, self, planned),
            )
        except MemoryError:
            size = planned.plan.arena_bytes
            raise MemoryError(f"{self.name}: {count(n, 'arena')} of {size:,} bytes cannot be had") from None

    def _buffer(self, name: str, a: Any, dtype: np.dtype, shape: tuple[int, ...] | None, write: bool) -> np.ndarray:
        if not isinstance(a, np.ndarray):
            raise self._feed_error(f"bind: {name} must be an array, got {type(a).__name__}")
        if a.dtype != dtype or not a.dtype.isnative:
            raise self._feed_error(f"bind: {name} is {dtype.name}, got {a.dtype}; {_cast(a.dtype, dtype)}")
        if not a.flags.c_contiguous or not a.flags.aligned:
            raise self._feed_error(f"bind: {name} must be contiguous; write np.ascontiguousarray({name})")
        if write and not a.flags.writeable:
            raise self._feed_error(f"bind: {name} is not writable")
        if shape is not None and a.shape != shape:
            raise self._feed_error(f"bind: {name} has shape {shape}, got {a.shape}")
        return a

    def _check_apart(self, feeds: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> None:
        storages = [p.node.attrs["storage"].array for p in self.parameters]
        for n, r in enumerate(results):
            for other in (*feeds, *storages, *results[:n]):
                if np.may_share_memory(r, other):
                    raise self._feed_error(f"bind: out[{n}] overlaps another buffer")

    def _saved(self) -> Saved:
        return Saved(self._compiled, self.graph, self._structure, self._monitor_names, dict(self._messages))

    def save(self, path: str | os.PathLike[str] | BinaryIO) -> None:
        """Writes graph, options, and the values of parameters and states to one file, for :func:`load`.

        ``path``: where, or a file that is open for writing bytes. A file that is there is replaced only when all is
        written, so that no failure harms it. Raises GraphError where keys of the results are neither strings, numbers,
        None, bytes, leaves nor tuples of them, OSError where it cannot be written."""
        write(path, self._saved())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as saved: what is unpickled, or copied, has parameters and states of its own."""
        return _unpickled, to_pickle(self._saved())

    def profile(self, /, *args: Fed, calls: int = 20, **kwargs: Fed) -> Profile:
        """Time, flops, bytes and source line of each instruction, averaged over ``calls`` calls with these feeds.

        Each call is a real one: updates happen. Raises FeedError as a call does."""
        arrays, key = self._prepare_call(args, kwargs)
        arrays = self._apart(arrays)
        frame = self._take(key)
        context, planned = frame.context, frame.planned
        env = planned.plan.sizes
        outputs = [np.empty(self._shape(v, env), v.dtype) for v in self.graph.outputs]
        total = np.zeros(context.program.instructions, np.int64)
        try:
            for _ in range(max(1, calls)):
                total += context.profile([*arrays, *planned.given], outputs, self._parameters)
        except _core.CoreError as e:
            self._fail(e.status, e.instruction, e.tag, e.a, e.b, context, planned)
        finally:
            self._put(frame)
        self._planned = planned
        self._pack(outputs, planned)
        ns = np.zeros(len(planned.order))
        np.add.at(ns, planned.template.tags, total / max(1, calls))
        rows, costs = [], self._compiled.costs
        for row, i, t in zip(planned.plan.instructions, planned.order, ns):
            ceiling = costs.ceiling(i, env)
            rows.append(
                ProfileRow(
                    row.index,
                    row.phase,
                    row.name,
                    row.source,
                    float(t),
                    row.flops,
                    bytes_of(i, env),
                    1e9 * costs.seconds(i, env),
                    1e9 * ceiling.seconds,
                    ceiling.by,
                    row.labels,
                )
            )
        return Profile(self.name, rows, max(1, calls), costs.factors)

    def __repr__(self) -> str:
        results = ", ".join(type_text(v) for v in self.graph.outputs[: self._n_results])
        return one_line(f"<Function {self._signature()} -> {results}>")


def load(path: str | os.PathLike[str] | BinaryIO) -> Function:
    """The function that ``f.save(path)`` saved, with parameters and states as they were.

    ``path``: where, or a file that is open for reading bytes. Nothing in the file is run or trusted. Raises GraphError
    for what is no such file, or is damaged. Example: ``step = gd.load("step.gd")``."""
    function = Function(*read(path))
    function._warm()
    return function


def _unpickled(data: bytes, objects: Sequence[Any] = ()) -> Function:
    return Function(*from_pickle(data, objects))


class Bound(_core.Bound):
    """A call on fixed buffers; ``b()`` runs it, ``b.address`` is for C, ``b.out`` the result arrays."""

    out: list[np.ndarray]
    hidden: list[np.ndarray]
    _name: str

    def __repr__(self) -> str:
        return one_line(f"<Bound {self._name}, {count(len(self.out), 'result')}>")

    def __reduce__(self) -> Any:
        raise GraphError(
            "a Bound belongs to buffers at their addresses; pickle the function and bind there", source=where_am_i()
        )

    def __new__(
        cls,
        f: Function,
        planned: PlannedProgram,
        feeds: list[np.ndarray],
        results: list[np.ndarray],
        hidden: list[np.ndarray],
    ) -> Bound:
        storages = [p.node.attrs["storage"].array for p in f.parameters]
        fail = partial(_bound_failed, f, planned)
        self = super().__new__(cls, f._context(planned), [*feeds, *planned.given], [*results, *hidden], storages, fail)
        self.out, self.hidden = results, hidden
        if hidden:
            self.count()
            f._bounds.add(self)
        self._name = f._signature()
        return self


def _bound_failed(
    f: Function, planned: PlannedProgram, status: str, instruction: int, tag: int, a: int, b: int, context: Any
) -> None:
    f._fail(status, instruction, tag, a, b, context, planned)


def _entry_failed(f: Function, planned: PlannedProgram, failure: Failure) -> None:
    f._fail(*failure, None, planned)
