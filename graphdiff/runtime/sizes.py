"""The sizes that are known only at the call: their names, their values for fed shapes, and what they must satisfy.

Must not know: plans, core programs, arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import CompileError, FeedError, GraphError
from ..ir.dims import Dim, Size, evaluate, format_shape, names_of, product, substitute
from ..ir.graph import Graph
from ..ir.node import Node, Value
from ..ir.text import type_text
from ..lower.phases import every_node
from ..ops.messages import call_text, where_am_i
from ..ops.registry import Call, Matmul, Reduce, Tile
from ..ops.sparsity import SPARSITY
from ..spelling import did_you_mean


class Condition(NamedTuple):
    """A size that must be at least ``least`` once it is known, else ``fact`` about ``node``."""

    size: Size
    least: int
    fact: str
    node: Node


class Sizes:
    """The named sizes of a graph: ``names``, in the order in which inputs mention them, and the ``conditions`` that
    their values must meet; ``written`` is the graph before it was simplified, in which a size that nothing depends on
    any more may be negative all the same. ``patterns``: the nodes that name sizes by what they find at those. Raises
    CompileError for a name that nothing determines, or two things do."""

    def __init__(self, graph: Graph, written: Graph):
        sized = _sized(graph)
        self.inputs = graph.inputs
        self.patterns = [node for node in graph.nodes if node.op is SPARSITY]
        self.names = _names(graph, sized, [s for node in self.patterns for s in node.attrs["sizes"]])
        self.conditions = _conditions(sized)
        if written is not graph:
            self.conditions += _not_negative(written, {c.size for c in self.conditions})

    def bind(self, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
        """The value of every name for fed shapes. Raises FeedError where they disagree."""
        env: dict[str, int] = {}
        setter: dict[str, str] = {}
        open_: list[tuple[Value, int, Dim, int]] = []
        for v, shape in zip(self.inputs, shapes):
            if len(shape) != v.ndim:
                raise FeedError(f"{v.name} has {v.ndim} dimensions, {type_text(v)}, got shape {tuple(shape)}")
            for axis, (want, got) in enumerate(zip(v.shape, shape)):
                if isinstance(want, Dim):
                    if want.isidentifier():
                        if env.setdefault(want, got) != got:
                            raise FeedError(
                                f"{want} is {env[want]} in {setter[want]} and {got} in {v.name} (axis {axis})"
                            )
                        setter.setdefault(want, v.name)
                    else:
                        open_.append((v, axis, want, got))
                elif want != got:
                    raise FeedError(f"{v.name} has size {want} along axis {axis}, {type_text(v)}, got {tuple(shape)}")
        for v, axis, want, got in open_:
            rest = substitute(want, env)
            unknown = names_of(rest)
            if len(unknown) == 1 and isinstance(rest, Dim):
                name = next(iter(unknown))
                at0 = evaluate(rest, {name: 0})
                slope = evaluate(rest, {name: 1}) - at0
                if slope and (got - at0) % slope == 0:
                    env[name] = (got - at0) // slope
                    setter[name] = v.name
            missing = names_of(substitute(want, env))
            if missing:
                raise FeedError(f"the size {sorted(missing)[0]!r} cannot be found from {want} = {got} in {v.name}")
            if evaluate(want, env) != got:
                raise FeedError(f"{v.name} has size {want} = {evaluate(want, env)} along axis {axis}, got {got}")
        return env

    def given(self, what: str, sizes: Mapping[str, int]) -> dict[str, int]:
        """The value of every name where ``what`` is given them by name. Raises FeedError for one too many, one too few,
        and one that is no size."""
        names = self.names
        for n, size in sizes.items():
            if n not in names:
                known = ", ".join(names) or "none"
                raise FeedError(
                    f"{what}: no dimension is called {n!r} (there are: {known}){did_you_mean(n, names)}",
                    source=where_am_i(),
                )
            if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0:
                raise FeedError(f"{what}: {n} must be a non-negative integer, got {size!r}", source=where_am_i())
        for n in names:
            if n not in sizes:
                raise FeedError(
                    f"{what}: the size {n} is missing (named dimensions: {', '.join(names)})", source=where_am_i()
                )
        return {n: int(sizes[n]) for n in names}

    def check(self, env: Mapping[str, int]) -> None:
        """Raises FeedError where ``env`` breaks a condition on what it has."""
        for c in self.conditions:
            if names_of(c.size) <= env.keys() and evaluate(c.size, env) < c.least:
                sizes = ", ".join(f"{k}={v}" for k, v in env.items())
                raise FeedError(
                    f"{c.fact} at {sizes}",
                    call_text(c.node.op.name, c.node.inputs, {}),
                    str(c.node.source) if c.node.source else None,
                )


def _names(graph: Graph, sized: Sequence[Node], found: Sequence[Dim]) -> tuple[str, ...]:
    """The names that sizes depend on, which the feeds determine; ``found``: names of what is found at those. Raises
    CompileError."""
    fed: dict[str, None] = {}
    for v in graph.inputs:
        for s in v.shape:
            fed.update(dict.fromkeys(sorted(names_of(s))))
    for size in found:
        if size in fed or found.count(size) > 1:
            raise CompileError(f"the size {size!r} is that of two things")
    for node in sized:
        for s in _dims_of(node):
            for name in names_of(s):
                if name not in fed and name not in found:
                    raise CompileError(
                        f"the size {name!r} is not that of any input",
                        call_text(node.op.name, node.inputs, {}),
                        str(node.source) if node.source else None,
                    )
    return tuple(fed)


def _dims_of(node: Node) -> Iterator[Dim]:
    """The sizes known only at the call that a node has: of its results and among its attributes."""
    for sizes in (*(y.shape for y in node.outputs), *node.attrs.values()):
        for s in sizes if isinstance(sizes, tuple) else (sizes,):
            if isinstance(s, Dim):
                yield s


def _sized(graph: Graph) -> list[Node]:
    """The nodes, those of inner graphs too, that have to do with sizes known only at the call: all but operations on
    elements and products whose results are of known sizes."""
    checked: set[int] = set()  # shapes without names, by id: they live as long as the graph
    out = []
    for node in every_node(graph):
        if type(node.op.kernel) in (Tile, Matmul):
            shape = node.outputs[0].shape
            if id(shape) in checked:
                continue
            if not any(isinstance(s, Dim) for s in shape):
                checked.add(id(shape))
                continue
        out.append(node)
    return out


def _not_negative(written: Graph, seen: set[Size]) -> list[Condition]:
    """That sizes which are written, and not in ``seen``, are not negative."""
    named = {name for v in written.inputs for s in v.shape for name in names_of(s)}
    out: list[Condition] = []
    if not named:
        return out
    for node in _sized(written):
        for y in node.outputs:
            for s in y.shape:
                if isinstance(s, Dim) and not s.isidentifier() and s not in seen and names_of(s) <= named:
                    seen.add(s)
                    out.append(Condition(s, 0, f"the size {s} is negative", node))
    return out


def _conditions(sized: Sequence[Node]) -> list[Condition]:
    """What sizes known only at the call must satisfy: none negative, slices inside, no extreme of nothing."""
    seen: set[Size] = set()
    out = []
    for node in sized:
        for y in node.outputs:
            for s in y.shape:
                if isinstance(s, Dim) and not s.isidentifier() and s not in seen:
                    seen.add(s)
                    out.append(Condition(s, 0, f"the size {s} is negative", node))
        if node.op.name == "slice" or node.op.name == "place":
            inner = node.attrs["sizes"] if node.op.name == "slice" else node.inputs[0].shape
            outer = node.inputs[0].shape if node.op.name == "slice" else node.attrs["shape"]
            for start, n, step, whole in zip(node.attrs["starts"], inner, node.attrs["steps"], outer):
                if any(isinstance(s, Dim) for s in (start, n, whole)):
                    last = start + (n - 1) * step
                    low, high = (start, last) if step > 0 else (last, start)
                    ends = ((low, "starts before the first element"), (whole - 1 - high, "reaches past the end"))
                    for size, text in ends:
                        if isinstance(size, Dim):
                            out.append(Condition(size, 0, f"a slice of a dimension of {whole} {text}", node))
                        elif size < 0 and n != 0:
                            raise GraphError(
                                f"a slice of a dimension of {whole} {text}",
                                source=str(node.source) if node.source else None,
                            )
        if node.op.name == "reshape":
            before, after = node.inputs[0].shape, node.outputs[0].shape
            if product(before) != product(after):  # they agree where no slice reaches past an end
                for a, b in zip(before, after, strict=True):
                    text = f"{format_shape(before)} and {format_shape(after)} differ"
                    out += [Condition(s, 0, text, node) for s in (a - b, b - a) if isinstance(s, Dim)]
        if type(node.op.kernel) is Call and node.op.kernel.needs is not None:
            out += [Condition(s, 0, text, node) for s, text in node.op.kernel.needs(node) if isinstance(s, Dim)]
        if type(node.op.kernel) is Reduce and not node.op.kernel.empty:
            for a in node.attrs["axes"]:
                if isinstance(node.inputs[0].shape[a], Dim):
                    out.append(Condition(node.inputs[0].shape[a], 1, f"{node.op.name} of no elements", node))
    return out
