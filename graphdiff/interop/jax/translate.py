"""``from_jax``: a JAX function traced once and built as a graph, primitive by primitive.

Owns: the walk over a jaxpr and those inside it, and the report of all that has no rule. Invariant: nothing is built
unless everything can be. A rule takes the equation's parameters and its operands as Tensors and gives its results.
Must not know: any primitive (elementwise.py, arrays.py, indexing.py, control.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DTypeError, GraphError, ShapeError
from ...ops.messages import describe, is_tracer, told_type, where_am_i
from ...ops.tensor import Tensor, constant
from ..needs import needs
from . import arrays, bits, complex, elementwise, indexing, keys, linalg, ours, windows  # noqa: F401  for their rules
from .control import evaluate
from .integers import carrier
from .missing import check

with needs("jax"):
    import jax


def from_jax(fn: Callable[..., Any], *example_args: Any) -> Callable[..., Any]:
    """``fn``, written in JAX, as a function of Tensors that builds graph: ``g(*tensors)``.

    ``example_args``: arrays, pytrees of them or ``jax.ShapeDtypeStruct``: the shapes and dtypes that ``fn`` is traced
    with, once. ``g`` takes Tensors in the same pytrees and gives those of ``fn``; arrays that ``fn`` closes over are
    constants. Small and unsigned integers and random keys are carried as int64, a complex result is the pair of its
    parts; random numbers by keys are JAX's own, to the bit. Derivatives come from the graph; ``custom_jvp`` and
    ``custom_vjp`` keep their rules. Primitives of other libraries are what their implementations do; Equinox's checks
    call Python unless the environment has ``EQX_ON_ERROR=nan``. A ``while_loop`` has no bound in JAX: it is given that
    of a counter in its condition, ``i < 100``, or one of 10⁹ steps. Loops that Equinox checkpoints, as Diffrax's, are
    loops here, whose reverse keeps what it needs.
    Raises UnsupportedOperator with all primitives that have no rule, each with the line of ``fn`` that it comes from,
    before anything is built; what JAX raises for a function that it cannot trace.

    Example: ``g = gd.interop.jax.from_jax(jnp.sin, np.zeros(3)); y = g(x)``."""
    structure: object = jax.tree_util.tree_structure(example_args)
    traced, results = jax.make_jaxpr(fn, return_shape=True)(*example_args)
    result_tree = jax.tree_util.tree_structure(results)
    name = getattr(fn, "__name__", "the function")
    if any(is_tracer(c) for c in traced.consts):
        raise GraphError(f"{name}: it closes over a tracer of another JAX function", source=where_am_i())
    check(name, traced)

    def build(*args: Any) -> Any:
        given, got = jax.tree_util.tree_flatten(args)
        if got != structure:
            raise ShapeError(f"{name}: arguments have the structure {structure}, got {got}", source=where_am_i())
        tensors = [_fitting(name, k, x, v.aval) for k, (x, v) in enumerate(zip(given, traced.jaxpr.invars))]
        return jax.tree_util.tree_unflatten(result_tree, evaluate(traced, tensors))

    build.__name__ = build.__qualname__ = name
    build.__doc__ = fn.__doc__
    return build


def _fitting(name: str, number: int, x: Any, aval: Any) -> Tensor:
    """An argument as a Tensor of the shape and dtype that was traced. Raises ShapeError, DTypeError."""
    if is_tracer(x):
        raise DTypeError(f"{name}: argument {number} is {told_type(x)}", source=where_am_i())
    if not isinstance(x, Tensor):
        x = constant(np.asarray(x, carrier(aval.dtype)))
    if tuple(x.shape) != tuple(aval.shape):
        raise ShapeError(
            f"{name}: argument {number} was traced with shape {tuple(aval.shape)}, got {describe(x)}; trace again with "
            "an example of its shape",
            source=where_am_i(),
        )
    if x.dtype != carrier(aval.dtype):
        raise DTypeError(
            f"{name}: argument {number} was traced as {aval.dtype}, got {describe(x)}; write "
            f".astype('{carrier(aval.dtype)}')",
            source=where_am_i(),
        )
    return x
