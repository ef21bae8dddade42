"""A user's function of a structure, as a graph over one vector and all that the function uses.

Solvers work on vectors; users write functions of structures that close over Tensors. Here one becomes the other.
Invariant: every value that the graph depends on is among its arguments, so that a derivative reaches it.
Must not know: any solver.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import Shape, Size
from ..ir.dtypes import FLOATS, float32
from ..ir.graph import Graph
from ..ir.node import Node, Value, ambient, topological
from ..ops.arrange import split
from ..ops.bodies import close_bodies, placeholders, types_of
from ..ops.carried import Step, settled
from ..ops.control import alike
from ..ops.joining import concat
from ..ops.leaves import Watcher, building_body, check, watch
from ..ops.messages import describe, function
from ..ops.movement import reshape
from ..ops.rebuild import depends_on, rebuild
from ..ops.tensor import Tensor, fail
from ..ops.trees import Tree, flatten, operand_or_number
from ..ops.types import Structure


class Layout:
    """How the Tensors of a structure, of one floating dtype, lie one after another in a vector."""

    def __init__(self, tree: Tree, leaves: Sequence[Tensor]):
        self.tree = tree
        self.shapes: list[Shape] = [x.shape for x in leaves]
        self.sizes: list[Size] = [x.size for x in leaves]
        self.dtype: np.dtype = leaves[0].dtype

    def packed(self, leaves: Sequence[Tensor]) -> Tensor:
        """The vector of these leaves."""
        rows = [reshape(x, (n,)) for x, n in zip(leaves, self.sizes)]
        return rows[0] if len(rows) == 1 else concat(rows)

    def leaves(self, vector: Tensor, also: Shape = ()) -> list[Tensor]:
        """The leaves of a vector; of vectors along ``also`` leading dimensions."""
        rows = [vector] if len(self.sizes) == 1 else split(vector, self.sizes, axis=len(also))
        return [reshape(row, (*also, *shape)) for row, shape in zip(rows, self.shapes)]

    def built(self, vector: Tensor, also: Shape = ()) -> Any:
        """The structure of a vector."""
        return self.tree.build(self.leaves(vector, also))


class Closed(NamedTuple):
    """``graph`` over (a vector, ``given`` others, ``captured``) with one result, or with those of ``watchers`` behind
    it; ``start``: the vector that the user begins with."""

    graph: Graph
    captured: list[Tensor]
    layout: Layout
    start: Tensor
    watchers: list[Watcher]

    def watch_at(self, *given: Tensor) -> None:
        """What the function monitors and checks, with its values at ``given``."""
        swap = dict(zip(self.graph.inputs, [*given, *self.captured]))
        for w, value in zip(self.watchers, inlined(self.graph.outputs[1:], swap)):
            watch(w._replace(value=value))


def started(what: str, f: Callable[..., Any], start: Structure, name: str) -> tuple[list[Any], Tree]:
    """The leaves and structure of what the function ``f`` begins with; whole Python numbers are floats. Raises
    GraphError."""
    function(what, f)

    def read(what: str, path: str, x: Any) -> Any:
        return operand_or_number(what, path, float(x) if type(x) is int else x)

    leaves, tree = flatten(what, start, name, read)
    if not leaves:
        fail(GraphError, what, f"{name} has no Tensor")
    return leaves, tree


def floating(what: str, name: str, xs: Sequence[Tensor]) -> None:
    """Raises DTypeError unless ``xs`` are of one floating dtype, and ShapeError where they have no elements at all."""
    if all(x.size == 0 for x in xs):
        fail(ShapeError, what, f"{name} has no elements", xs)
    for x in xs:
        if x.dtype not in FLOATS:
            fail(DTypeError, what, f"{name} has {describe(x)}, of {x.dtype.name}; write .astype('float32')", [x])
        if x.dtype is not xs[0].dtype:
            both = f"{xs[0].dtype.name} and {x.dtype.name}"
            fail(DTypeError, what, f"{name} has {both}; write .astype({xs[0].dtype.name!r})", [xs[0], x])


def closed(what: str, f: Callable[..., Any], start: Structure, name: str, args: tuple[object, ...]) -> Closed:
    """``f(x, *args)``, which has the structure of x, for the structure ``start`` of x that the user calls ``name``.
    Raises GraphError, ShapeError, DTypeError."""
    weak, tree = started(what, f, start, name)

    def build(xs: list[Tensor]) -> Step[Any]:
        stand_ins = placeholders("x", types_of(xs))
        with building_body() as seen:
            result = f(tree.build(stand_ins), *args)
        after = tree.spread(what, result, name, "f(x)", operands=xs)
        return Step(stand_ins, after, (result, seen))

    xs, (stand_ins, _, (result, seen)) = settled(what, weak, build)
    floating(what, name, xs)
    layout = Layout(tree, xs)
    after = alike(what, xs, tree, result, (name, "f(x)"))
    return over_vector(layout, xs, stand_ins, [], layout.packed(after), seen)


def over_vector(
    layout: Layout,
    start: Sequence[Tensor],
    stand_ins: Sequence[Tensor],
    given: Sequence[Tensor],
    result: Tensor,
    seen: Sequence[Watcher],
) -> Closed:
    """``result``, made of ``stand_ins`` for the leaves and of ``given``, over a vector instead of the leaves."""
    vector = layout.packed(start)
    (x,) = placeholders("x", types_of([vector]))
    values = rebuild([result, *(w.value for w in seen)], dict(zip(stand_ins, layout.leaves(x))))
    own = [x, *given]
    (graph,), captured = close_bodies("f", [own], [values], [depends_on(values, own)])
    return Closed(graph, captured, layout, vector, list(seen))


def inlined(values: Sequence[Tensor], swap: Mapping[Value, Tensor]) -> list[Tensor]:
    """``values`` over other operands, as part of what is being built: adjoint nodes if that is an adjoint."""
    new: dict[Value, Any] = dict(swap)
    origin = ambient.now[0]
    for node in topological(values, stop=swap):
        if any(v in new for v in node.inputs):
            new.update(zip(node.outputs, _over(node, new, origin).outputs))
    return [new.get(v, v) for v in values]


def _over(node: Node, new: Mapping[Value, Any], origin: Any) -> Node:
    return node.over(tuple(new.get(v, v) for v in node.inputs), origin)


class Outcome(NamedTuple):
    """What ``unsolved=`` asks for."""

    kind: str

    @staticmethod
    def of(what: str, kind: str) -> Outcome:
        """Raises GraphError for what is none of the kinds."""
        if kind not in ("nan", "check", "status"):
            fail(GraphError, what, f'unsolved is "nan", "check" or "status", got {kind!r}')
        return Outcome(kind)

    def checked(self, solved: Tensor, message: str) -> None:
        """Fails the call where that is asked for."""
        if self.kind == "check":
            check(solved, message)

    def told(self, result: Any, solved: Tensor) -> Any:
        """The result, with the status if that is asked for."""
        return (result, solved) if self.kind == "status" else result


def epsilon(dtype: np.dtype) -> float:
    """The distance of 1 to the next number."""
    return 2.0**-23 if dtype is float32 else 2.0**-52


def tolerance(what: str, name: str, value: object) -> float:
    """Raises GraphError unless it is a number from 0 on."""
    if not isinstance(value, (int, float, np.number)) or not 0 <= value < math.inf:
        fail(GraphError, what, f"{name} is a number that is not negative, got {value!r}")
    return float(value)


def steps_bound(what: str, max_steps: int) -> int:
    """Raises GraphError unless it is a positive int."""
    if not isinstance(max_steps, (int, np.integer)) or isinstance(max_steps, bool) or max_steps < 1:
        fail(GraphError, what, f"max_steps is a positive int, got {max_steps!r}")
    return int(max_steps)
