"""PyTensor's graphs as ours: ``gd.interop.pytensor.from_pytensor(inputs, outputs)``.

PyTensor writes a graph as a JAX function, and from_jax builds that: one table of rules serves both. Needs the extra
``pytensor``, which has JAX. Must not know: any operation of PyTensor's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import graphdiff as gd

from ...errors import ShapeError
from ...ops.messages import where_am_i
from ...ops.tensor import Tensor
from ..needs import needs

with needs("pytensor"):
    import jax
    from pytensor.compile.mode import get_mode
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.fg import FunctionGraph
    from pytensor.graph.replace import clone_replace
    from pytensor.graph.traversal import graph_inputs
    from pytensor.link.jax.dispatch import jax_funcify
    from pytensor.scalar.math import Erfcx
    from pytensor.tensor import as_tensor_variable

    from ..jax import from_jax, function


@jax_funcify.register(Erfcx)
def _erfcx(op: Any, **options: Any) -> Callable[..., Any]:
    """PyTensor's JAX has none; of ours it is a primitive, for JAX proper too."""
    x = gd.input(None, ("n",), "float64")
    flat = function([x], gd.erfcx(x), name="erfcx")
    return lambda x: jax.numpy.reshape(flat(jax.numpy.ravel(x)), jax.numpy.shape(x))


def from_pytensor(
    inputs: Sequence[Any], outputs: Any, shapes: Mapping[Any, Sequence[int]] | None = None
) -> Callable[..., Any]:
    """A PyTensor graph as a function of Tensors that builds graph: ``g(*tensors)``, a Tensor or a list as ``outputs``.

    ``inputs``: PyTensor variables that ``outputs``, one or a list, depend on; shared variables are constants of their
    values. ``shapes``: of inputs whose type leaves a size open. Derivatives come from our graph. Raises ShapeError for
    a size that is open; UnsupportedOperator with all that has no rule.

    Example: ``g = gd.interop.pytensor.from_pytensor([x], pt.sum(x**2), {x: (3,)}); y = g(gd.input("x", (3,)))``."""
    several = isinstance(outputs, (list, tuple))
    wanted = list(outputs) if several else [outputs]
    given = shapes or {}
    examples = []
    for v in inputs:
        shape = tuple(given[v]) if v in given else tuple(v.type.shape)
        if any(s is None for s in shape):
            raise ShapeError(
                f"from_pytensor: {v.name or v} has the shape {shape}; give shapes={{{v.name or 'it'}: (...)}}",
                source=where_am_i(),
            )
        examples.append(jax.ShapeDtypeStruct(shape, v.dtype))
    shared = {v: as_tensor_variable(v.get_value()) for v in graph_inputs(wanted) if isinstance(v, SharedVariable)}
    wanted = clone_replace(wanted, replace=shared) if shared else wanted
    graph = FunctionGraph(list(inputs), wanted, clone=True)
    get_mode("JAX").optimizer.rewrite(graph)
    with jax.enable_x64(True):  # constants too: jax_funcify makes arrays of JAX's of them
        build = from_jax(jax_funcify(graph), *examples)

        def made(*args: Tensor) -> Any:
            with jax.enable_x64(True):  # rules of custom derivatives are traced where they are used
                found = build(*args)
            return list(found) if several else found[0] if isinstance(found, (tuple, list)) else found

    return made
