"""``gd.compile``: what its arguments say, and the graph that is compiled.

Owns: reading and checking the arguments, the structure of inputs and results, which monitors and checks belong to it.
Must not know: how a program is made or run, how a function is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CompileError, DTypeError, GraphError, ShapeError
from ..ir.graph import Graph
from ..ir.node import NAMED_LEAVES, Value, collector_paused, topological
from ..lower.policy import Every
from ..ops.leaves import Watcher, parameter, state
from ..ops.messages import describe, where_am_i
from ..ops.rebuild import rebuild
from ..ops.tensor import Tensor, as_tensor
from ..ops.trees import flatten, is_nest, tensor
from ..ops.types import TensorLike, Tensors
from ..schedule.cost import Costs
from ..schedule.limit import limit_of
from ..spelling import did_you_mean
from ..transforms.maps import batched_maps
from ..transforms.narrow import simplest
from ..transforms.rows import by_rows
from ..transforms.simplify import simplify
from ..transforms.sparsity import SparseJacobian
from . import _core
from .calling import Structure, flat, inputs_of, outputs_of
from .compiled import PLAN_SECONDS, CompiledGraph
from .function import Function
from .profile import Profile
from .rates import machine

# Tensors nested as they like, sparse Jacobians among them
Outputs: TypeAlias = Tensor | SparseJacobian | Sequence["Outputs"] | Mapping[Any, "Outputs"] | Tensors
# not all of Tensors: any text would be one, a sequence of texts
Kept: TypeAlias = Tensor | Sequence[Tensor]
Checkpoint: TypeAlias = Literal["sqrt"] | Every | Kept | Sequence[Kept] | Mapping[Any, Kept] | None


class Options(TypedDict, total=False):
    """The arguments of :func:`compile` that say how, and not what."""

    parameters: Mapping[str, ArrayLike] | None
    checkpoint: Checkpoint
    memory_limit: int | str | None
    threads: int | None
    debug: Literal[False, "nan"] | None
    name: str | None
    costs: Literal["nominal"] | Profile | None
    plan_seconds: float


def compile(
    inputs: Graph | Tensors,
    outputs: Outputs = None,
    updates: Mapping[Tensor, TensorLike] | None = None,
    *,
    parameters: Mapping[str, ArrayLike] | None = None,
    checkpoint: Checkpoint = None,
    memory_limit: int | str | None = None,
    threads: int | None = None,
    debug: Literal[False, "nan"] | None = False,
    name: str | None = None,
    costs: Literal["nominal"] | Profile | None = None,
    plan_seconds: float = PLAN_SECONDS,
) -> Function:
    """Compiles a graph into a function.

    ``inputs``: the input leaves in the order of feeding (or a ``gd.Graph``, with ``parameters`` giving the values of
    its parameters and states by name; one output comes as an array, several as a list). A structure among them is fed
    by arrays in that structure: ``f(x0, {"a": a0})`` where inputs are ``[x, {"a": a}]``. ``outputs``: a Tensor, or a
    structure of them - lists, tuples, dicts, None and dataclasses nest: results come in the same. ``updates``:
    ``{parameter or state: new value}``, all of them computed from the state as it was before the call. ``checkpoint``:
    None keeps every forward value for the backward pass; ``"sqrt"``, ``gd.Every(k)`` or a list of Tensors to keep
    recompute the others, bit for bit the same. ``memory_limit``: bytes (an int, or ``"64MB"``, ``"64MiB"``) that the
    arena as laid out does not exceed, at the least predicted time; where no schedule is found, MemoryLimitError with
    the smallest arena - at the call if a dimension is named. ``plan_seconds``: about how long the search for that may
    take on one core; it counts steps, not time, so the plan is the same on every machine that predicts the same.
    ``costs``: what time is
    predicted by: the rates of this machine, measured once and cached, unless given; ``"nominal"`` rates, the same
    everywhere; or a profile that ``f.profile(…)`` made of the same graph. ``threads``: at most how many threads of the
    pool work on a call (all of them unless given; see ``gd.set_num_threads``); results never depend on it.
    ``debug="nan"``: the first instruction that makes a non-finite value raises NonFiniteError. ``name``: for people.

    Raises GraphError (foreign or repeated leaves), ShapeError and DTypeError (updates), CompileError.

    Example::

        step = gd.compile([x, t], loss, updates={W: W - 0.1 * gd.grad(loss, W)})
        loss_value = step(x_batch, t_batch)
    """
    with collector_paused():
        return _compile(
            inputs, outputs, updates, parameters, checkpoint, memory_limit, threads, debug, name, costs, plan_seconds
        )


def _compile(
    inputs: Any,
    outputs: Any,
    updates: Any,
    parameters: Any,
    checkpoint: Any,
    memory_limit: Any,
    threads: Any,
    debug: Any,
    name: str | None,
    costs: Any,
    plan_seconds: Any,
) -> Function:
    if isinstance(inputs, Graph):
        if outputs is not None or updates is not None:
            raise GraphError("compile: a Graph has its own outputs and updates", source=where_am_i())
        graph = _with_values(inputs, parameters or {})
        structure = flat(len(graph.inputs), len(graph.outputs))
        name = name or graph.name
    else:
        if parameters is not None:
            raise GraphError("compile: parameters goes with a Graph; Tensors know theirs", source=where_am_i())
        graph, structure = _graph_of(inputs, outputs, updates, name or "function")
    if debug not in (False, None, "nan"):
        raise CompileError(f'compile: debug is False or "nan", got {debug!r}', source=where_am_i())
    checkpoint = _policy_of(checkpoint)
    limit = None if memory_limit is None else limit_of("compile", memory_limit)
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 1024):
        raise CompileError(f"compile: threads is a number from 1 to 1024, got {threads!r}", source=where_am_i())
    if isinstance(plan_seconds, bool) or not isinstance(plan_seconds, (int, float)) or not 0 <= plan_seconds <= 1e6:
        raise CompileError(f"compile: plan_seconds is a number of seconds, got {plan_seconds!r}", source=where_am_i())
    watchers = _watchers(graph)
    monitors = {w.text: w for w in watchers if w.kind == "monitor"}
    checks = [w for w in watchers if w.kind == "check"]
    seen = [*graph.outputs, *(w.value for w in monitors.values())]
    if watchers:  # a check is computed as an output is, but nobody gets it
        graph = Graph(graph.name, graph.inputs, [*seen, *(w.value for w in checks)], graph.updates, graph.parameters)
    simple, mapping = simplest(graph)
    batched = batched_maps(simple)
    if batched is not simple:
        simple, _ = simplify(batched)
    simple = final = by_rows(simple)
    if checks:
        final = Graph(simple.name, simple.inputs, simple.outputs[: len(seen)], simple.updates, simple.parameters)
    check_values = simple.outputs[len(seen) :]
    kept = [mapping.get(v, v) for v in checkpoint] if isinstance(checkpoint, list) else checkpoint
    del mapping  # as large as the graph
    full = _with_checks(final, check_values)
    costs = _costs_of(costs, threads)
    program = CompiledGraph(full, check_values, kept, debug == "nan", limit, threads, costs, float(plan_seconds), graph)
    messages = {v.node: w for v, w in zip(check_values, checks)}
    function = Function(program, final, structure, tuple(monitors), messages)
    function._warm()
    return function


def _costs_of(costs: Any, threads: int | None) -> Costs:
    """What compile's ``costs`` says. Raises CompileError."""
    if costs == "nominal":
        return Costs()
    if costs is not None and not isinstance(costs, Profile):
        raise CompileError(
            f'compile: costs is None, "nominal" or what f.profile(…) gives, got {costs!r}', source=where_am_i()
        )
    return Costs(partial(machine, threads or _core.threads()), costs.factors() if costs is not None else None)


def _with_checks(graph: Graph, checks: Sequence[Value]) -> Graph:
    """The graph whose nodes include those of ``checks``."""
    if not checks:
        return graph
    full = Graph(graph.name, graph.inputs, [*graph.outputs, *checks], graph.updates, graph.parameters)
    full.outputs = graph.outputs
    return full


def _graph_of(inputs: Any, outputs: Any, updates: Any, name: str) -> tuple[Graph, Structure]:
    leaves, arguments = inputs_of(inputs)
    if len(set(map(id, leaves))) != len(leaves):
        twice = next(x.name for i, x in enumerate(leaves) if any(x is y for y in leaves[:i]))
        raise GraphError(f"compile: input {twice!r} is listed twice", source=where_am_i())
    pairs = []
    for target, value in (updates or {}).items():
        if not isinstance(target, Tensor) or target.node.op.name not in ("parameter", "state"):
            what = describe(target) if isinstance(target, Value) else repr(target)
            raise GraphError(f"compile: only parameters and states are updated, got {what}", source=where_am_i())
        value = as_tensor(value, "update", target.dtype)
        if value.dtype is not target.dtype:
            raise DTypeError(
                f"update of {target.name}: it is {target.dtype.name}, the new value {value.dtype.name}; "
                f"write .astype({target.dtype.name!r})",
                describe(value),
                where_am_i(),
            )
        if value.shape != target.shape:
            raise ShapeError(
                f"update of {target.name}: it has shape {target.shape}, the new value {value.shape}",
                describe(value),
                where_am_i(),
            )
        pairs.append((target, value))
    values, results, sparse = outputs_of([] if outputs is None else outputs)
    return Graph(name, leaves, values, pairs), Structure(arguments, results, sparse)


def _with_values(graph: Graph, values: Mapping[str, Any]) -> Graph:
    """The graph with the parameters and states named in ``values`` replaced by ones that hold those, so that no
    function compiled before from the same graph changes."""
    names = {p.name for p in graph.parameters}
    for extra in set(values) - names:
        raise GraphError(
            f"compile: the graph has no parameter {extra!r}; it has {', '.join(sorted(names)) or 'none'}"
            + did_you_mean(extra, names),
            source=where_am_i(),
        )
    given: dict[Any, Any] = {}
    for p in graph.parameters:
        if p.name in values:
            given[p] = (parameter if p.node.op.name == "parameter" else state)(p.name, np.zeros(p.shape, p.dtype))
            given[p].value = values[p.name]
        elif p.node.attrs.get("storage") is None:
            raise GraphError(
                f"compile: the text has no values; give parameters={{{p.name!r}: array}}", source=where_am_i()
            )
    if not given:
        return graph
    values_now: list[Any] = [*graph.outputs, *(v for _, v in graph.updates)]
    made = rebuild(values_now, given, in_order=True)
    updates = [(given.get(p, p), v) for (p, _), v in zip(graph.updates, made[len(graph.outputs) :])]
    return Graph(
        graph.name, graph.inputs, made[: len(graph.outputs)], updates, [given.get(p, p) for p in graph.parameters]
    )


def _policy_of(checkpoint: Any) -> Any:
    """What compile's ``checkpoint`` says, a structure of Tensors as a list. Raises CompileError."""
    if checkpoint is None or isinstance(checkpoint, Every) or (isinstance(checkpoint, str) and checkpoint == "sqrt"):
        return checkpoint
    if is_nest(checkpoint) or checkpoint in ([], ()):
        return flatten("compile", checkpoint, "checkpoint", tensor)[0]
    raise CompileError(
        f'compile: checkpoint is None, "sqrt", gd.Every(k) or a list of Tensors, got {checkpoint!r}',
        source=where_am_i(),
    )


def _watchers(graph: Graph) -> list[Watcher]:
    """Monitors and checks made of nothing but what the function is fed or holds."""
    held = {v.node for v in (*graph.inputs, *graph.parameters)}
    found: dict[int, Watcher] = {}
    for node in held:
        for w in node.attrs.get("watchers", ()):
            leaves = {n for n in topological([w.value]) if n.op.name in NAMED_LEAVES}
            if leaves <= held:
                found[id(w)] = w
    return sorted(found.values(), key=lambda w: w.value.node.serial)
