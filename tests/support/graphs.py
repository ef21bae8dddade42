"""Graphs to try things on: the samples of every operation, forward and with gradients, and random ones.

``of_operation(name)`` gives (graph, feed) pairs; ``random_graphs()`` is a Hypothesis strategy of them. What is drawn is
as small as shows a mistake: a few nodes over a few leaves with sizes 0 to 4, some of them named.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.ir.graph import Graph
from graphdiff.ops.registry import REGISTRY

SAMPLED = sorted(name for name, op in REGISTRY.items() if op.samples is not None)
Pair = tuple[Graph, dict[str, Any]]


def _flat(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def of_operation(name: str, gradients: bool = True) -> Iterator[Pair]:
    """The results of an operation for each of its samples, and the gradients of a weighted sum of them."""
    op = REGISTRY[name]
    rng = np.random.default_rng(0)
    for sample in op.samples(rng):
        leaves, feed = [], {}

        def lift(a: Any, leaves: list[Any] = leaves, feed: dict[str, Any] = feed) -> Any:
            if isinstance(a, list) and any(isinstance(e, np.ndarray) for e in a):
                return [lift(e, leaves, feed) for e in a]
            if not isinstance(a, np.ndarray):
                return a
            leaves.append(gd.input(f"x{len(leaves)}", a.shape, a.dtype))
            feed[leaves[-1].name] = a
            return leaves[-1]

        kwargs = {k: lift(v) for k, v in sample.kwargs.items()}
        results = _flat(op.public(*(lift(a) for a in sample.args), **kwargs))
        floats = [y for y in results if y.dtype.kind == "f"]
        wanted = [x for x in leaves if x.dtype.kind == "f"]
        if gradients and op.differentiable and floats and wanted:
            loss = sum((gd.sum(y * rng.uniform(0.5, 1.5, y.shape)) for y in floats), gd.constant(0.0, "float64"))
            results += [loss, *gd.grad(loss, wanted)]
        yield Graph("sample", leaves, results), feed


# --------------------------------------------------------------------------------------- random graphs

UNARY = [
    "negative",
    "abs",
    "square",
    "sin",
    "tanh",
    "exp",
    "sign",
    "relu",
    "sigmoid",
    "softplus",
    "log1p",
    "reciprocal",
    "log",
    "sqrt",
]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "pow"]
CONSTANTS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, 1e-30, float("inf"), float("nan")]


@st.composite
def random_graphs(draw: Any, max_nodes: int = 12) -> Pair:
    """A graph of up to ``max_nodes`` operations with one to three results, and arrays to feed it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(0, 4))
    rows = draw(st.sampled_from(["n", n]))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    shapes = [(rows, 3), (3,), (rows, 1), (), (1, 3)]
    leaves = [gd.input(f"x{i}", shape, dtype) for i, shape in enumerate(shapes)]
    feed = {x.name: rng.uniform(-2, 2, [n if s == "n" else s for s in x.shape]).astype(dtype) for x in leaves}
    values = list(leaves)

    def some(where: Any = lambda v: True) -> Any:
        return draw(st.sampled_from([v for v in values if where(v)]))

    for _ in range(draw(st.integers(1, max_nodes))):
        kind = draw(
            st.sampled_from(
                [
                    "unary",
                    "binary",
                    "binary",
                    "scalar",
                    "where",
                    "reduce",
                    "reshape",
                    "permute",
                    "slice",
                    "concat",
                    "matmul",
                    "broadcast",
                    "astype",
                    "split",
                ]
            )
        )
        x = some()
        if kind == "unary":
            y = REGISTRY[draw(st.sampled_from(UNARY))].public(x)
        elif kind == "binary":
            y = REGISTRY[draw(st.sampled_from(BINARY))].public(*_meeting(draw, values, x))
        elif kind == "scalar":
            pair = [x, draw(st.sampled_from(CONSTANTS))]
            y = REGISTRY[draw(st.sampled_from(BINARY))].public(*draw(st.permutations(pair)))
        elif kind == "where":
            a, b = _meeting(draw, values, x)
            y = gd.where(draw(st.sampled_from([a > b, a == b, gd.isfinite(a)])), a, draw(st.sampled_from([b, 0, 1])))
        elif kind == "reduce":
            axis = draw(st.sampled_from([None, *range(x.ndim)]))
            some_elements = all(gd.ir.dims.evaluate(s, {"n": n}) for s in x.shape)
            names = ["sum", "mean", "max", "logsumexp"] if some_elements else ["sum"]
            y = REGISTRY[draw(st.sampled_from(names))].public(x, axis=axis, keepdims=draw(st.booleans()))
        elif kind == "reshape":
            y = draw(st.sampled_from([gd.reshape(x, (x.size,)), gd.expand_dims(x, 0), gd.expand_dims(x, -1)]))
        elif kind == "permute":
            y = gd.permute_dims(x, draw(st.permutations(range(x.ndim))))
        elif kind == "slice":
            y = x[..., draw(st.sampled_from([slice(1, None), slice(None, None, -1), slice(0, 1)]))] if x.ndim else x * 1
        elif kind == "concat":
            axis = draw(st.integers(0, x.ndim - 1)) if x.ndim else 0
            y = gd.concat([x, x * 2] if x.ndim else [gd.reshape(x, (1,)), gd.ones((2,), dtype)], axis=axis)
        elif kind == "matmul":
            y = x @ gd.matrix_transpose(x) if x.ndim > 1 else x * x
        elif kind == "broadcast":
            y = gd.broadcast_to(x, (2, *x.shape))
        elif kind == "astype":
            y = gd.astype(gd.astype(x, draw(st.sampled_from(["float64", "float32", "bool"]))), dtype)
        else:
            y = _split(x, draw(st.permutations([0, 1, 2])))
        if y.ndim <= 4:
            values.append(y)
    outputs = [values[-1], *(some() for _ in range(draw(st.integers(0, 2))))]
    if draw(st.booleans()):
        outputs += gd.grad(gd.sum(outputs[0]), leaves[:3])
    return Graph("random", leaves, outputs), feed


def _meeting(draw: Any, values: list[Any], x: Any) -> list[Any]:
    """``x`` and another value it broadcasts with, in any order."""
    from_x = [v for v in values if gd.ir.dims.broadcast(v.shape, x.shape) is not None]
    return draw(st.permutations([x, draw(st.sampled_from(from_x))]))


def _split(x: Any, order: Any) -> Any:
    """The last axis in three parts, each used otherwise; its gradient puts parts together."""
    if not x.ndim or x.shape[-1] != 3:
        return gd.tanh(x)
    a, b, c = (x[..., k : k + 1] for k in order)
    return gd.sin(a) * b + gd.cos(c)
