"""``gd.interop.pytensor.op``: graph as an operation of PyTensor's, with derivatives of every order.

Owns: shapes, pullbacks and pushforwards, which are operations of the same kind, and how PyTensor's Numba and JAX
programs call them. Must not know: how an entry runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import DTypeError, FeedError
from ...ops.messages import where_am_i
from ...ops.tensor import Tensor
from ...ops.trees import tensors
from ...ops.types import Tensors
from ..derived import Derived, derived
from ..needs import needs

with needs("pytensor"):
    from pytensor.gradient import DisconnectedType
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op
    from pytensor.link.jax.dispatch import jax_funcify
    from pytensor.link.numba.dispatch import basic as numba_basic
    from pytensor.tensor import TensorType, as_tensor_variable
    from pytensor.tensor.exceptions import ShapeError as Unknown

    from .. import numba
    from ..jax import primitive


def op(inputs: Sequence[Tensor], outputs: Tensors, name: str | None = None) -> Callable[..., Any]:
    """Graph as a function of PyTensor variables: ``y = f(*variables)``, in the structure of ``outputs``.

    ``inputs``: gd.input leaves, and parameters and states that are to be arguments; others have the values that they
    have now. ``name``: for people. The operation behind it has gradients and R-operators of every order, infers shapes,
    pickles, and runs by pointer in Numba programs where sizes are known. Raises GraphError; a call FeedError and
    DTypeError for variables of other dimensions and dtypes.

    Example: ``f = gd.interop.pytensor.op([q], logp); pytensor.grad(f(x), x)``."""
    found, tree = tensors("pytensor.op", outputs, "outputs")
    made = Graph(derived("pytensor.op", inputs, found, name))

    def call(*args: Any) -> Any:
        if len(args) != len(made.of.inputs):
            raise FeedError(f"{made}: {len(made.of.inputs)} inputs, got {len(args)}", source=where_am_i())
        return tree.build(made(*args, return_list=True))

    call.__name__ = call.__qualname__ = made.of.name
    return call


class Graph(Op):
    """A PyTensor operation that is graph of ours; made by :func:`op`."""

    def __init__(self, of: Derived):
        super().__init__()
        self.of = of

    def __str__(self) -> str:
        return self.of.name

    def make_node(self, *args: Any) -> Any:
        given = [self._fitting(k, a) for k, a in enumerate(args)]
        known = all(s is not None for v in given for s in v.type.shape)
        shapes: Any = [v.shape for v in self.of.outputs]
        if known:
            shapes = self.of.shapes(self.of.sizes([v.type.shape for v in given]))
        static = [tuple(s if isinstance(s, int) else None for s in shape) for shape in shapes]
        types = [TensorType(v.dtype.name, shape=shape) for v, shape in zip(self.of.outputs, static)]
        return Apply(self, given, [t() for t in types])

    def _fitting(self, number: int, given: Any) -> Any:
        leaf, name = self.of.inputs[number], self.of.names[number]
        v = as_tensor_variable(given)
        if v.ndim != leaf.ndim:
            raise FeedError(f"{self}: {name} has {leaf.ndim} dimensions, got {v.ndim}", source=where_am_i())
        if v.dtype == leaf.dtype:
            return v
        if not np.can_cast(v.dtype, leaf.dtype, "safe"):
            raise DTypeError(
                f"{name} is {leaf.dtype}, got {v.dtype}; write .astype({leaf.dtype.name!r})", source=where_am_i()
            )
        return v.astype(leaf.dtype.name)

    def perform(self, node: Any, inputs: Sequence[np.ndarray], output_storage: list[list[Any]]) -> None:
        self.of.sizes([a.shape for a in inputs])  # an error tells the names that people gave
        for cell, y in zip(output_storage, self.of.function(*inputs)):
            cell[0] = np.asarray(y)

    def infer_shape(self, fgraph: Any, node: Any, input_shapes: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        known: dict[Any, Any] = {}
        for leaf, shape in zip(self.of.inputs, input_shapes):
            known.update({s: at for s, at in zip(leaf.shape, shape) if not isinstance(s, int)})
        found = [tuple(s if isinstance(s, int) else known.get(s) for s in v.shape) for v in self.of.outputs]
        if any(s is None for shape in found for s in shape):
            raise Unknown(f"{self} has sizes that are expressions")  # PyTensor then looks at the result
        return found

    def connection_pattern(self, node: Any) -> list[list[bool]]:
        floats = [j in self.of.of for j in range(len(node.outputs))]
        return [[k in self.of.wrt and to for to in floats] for k in range(len(node.inputs))]

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        found: list[Any] = [DisconnectedType()() for _ in inputs]
        of = [k for k in self.of.of if not isinstance(output_grads[k].type, DisconnectedType)]
        if not of or not self.of.wrt:
            return found
        made = Graph(self.of.reverse(self.of.wrt, of))
        given = [*(inputs[k] for k in self.of.kept(self.of.wrt)), *(output_grads[k] for k in of)]
        for k, g in zip(self.of.wrt, made(*given, return_list=True)):
            found[k] = g
        return found

    def R_op(self, inputs: Sequence[Any], eval_points: Any) -> list[Any]:
        wrt = [k for k in self.of.wrt if eval_points[k] is not None]
        if not wrt or not self.of.of:
            return [None] * len(self.of.outputs)
        made = Graph(self.of.forward(wrt))(*inputs, *(eval_points[k] for k in wrt), return_list=True)
        rest = iter(made)
        return [next(rest) if k in self.of.of else None for k in range(len(self.of.outputs))]

    # the names of PyTensor 3

    pullback = L_op

    def pushforward(self, inputs: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        points = [None if t is None or isinstance(t.type, DisconnectedType) else t for t in tangents]
        return [DisconnectedType()() if t is None else t for t in self.R_op(inputs, points)]


@numba_basic.numba_funcify.register(Graph)
def _in_numba(op: Graph, node: Any, **options: Any) -> Any:
    """The entry by its address, where sizes are known; else as any operation."""
    static = [v.type.shape for v in node.inputs]
    shapes = [tuple(s if isinstance(s, int) else n for s, n in zip(v.shape, at)) for v, at in zip(op.of.inputs, static)]
    if any(n is None for shape in shapes for n in shape):
        return numba_basic.generate_fallback_impl(op, node, **options)
    entry = op.of.entry(op.of.sizes(shapes))
    names = [f"x{k}" for k in range(len(entry.inputs))]
    made = [f"y{k}" for k in range(len(entry.outputs))]
    lines = [f"def call({', '.join(names)}):"]
    lines += [f"    y{k} = np.empty({s.shape}, np.dtype('{s.dtype.name}'))" for k, s in enumerate(entry.outputs)]
    given = [f"np.ascontiguousarray({n}).reshape({s.shape})" for n, s in zip(names, entry.inputs)]
    lines.append(f"    run({', '.join([*given, *made])})")
    lines.append(f"    return {', '.join(made)}")
    scope: dict[str, Any] = {"np": np, "run": numba.function(entry)}
    exec("\n".join(lines), scope)
    return numba_basic.numba_njit(scope["call"])


@jax_funcify.register(Graph)
def _in_jax(op: Graph, **options: Any) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        found = primitive.graphdiff_p.bind(*args, op=primitive.Op(op.of, "batch"))
        return found[0] if len(found) == 1 else tuple(found)

    return call
