"""What other libraries build on JAX, as Equinox: primitives by their implementations, traced, and derivatives by rules
that say only what is kept for them.

Owns: the names of such rules. All else about a library is what JAX tells of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..needs import needs

with needs("jax"):
    import jax
    from jax._src import dispatch

KEEPERS = {("equinox.internal._loop.checkpointed", "_checkpointed_while_loop")}
"""Functions, by module and name, whose rule differentiates them as they are and chooses what is kept meanwhile."""


def inside(eqn: Any) -> Any:
    """The closed jaxpr of what an equation's primitive does; None where that is no program of JAX's."""
    impl = eqn.primitive.impl
    if getattr(impl, "func", None) is dispatch.apply_primitive:  # JAX's own: it compiles the primitive itself
        return None
    avals = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in eqn.invars]
    try:
        return jax.make_jaxpr(_with(impl, eqn.params))(*avals)
    except Exception:  # it wants values, or has no implementation
        return None


def _with(impl: Callable[..., Any], params: dict[str, Any]) -> Callable[..., Any]:
    return lambda *xs: impl(*xs, **params)


def derives_as_it_is(bwd: Any) -> bool:
    """Whether the backward rule of a ``custom_vjp`` gives what the program's own derivative is, so that a graph of it
    needs no rule: ours chooses what is kept by itself."""
    rule = getattr(bwd, "f", bwd)
    closed_over = inspect.getclosurevars(rule).nonlocals if inspect.isfunction(rule) else {}
    if "bwd" in closed_over:  # jax.vmap's of that one
        return derives_as_it_is(closed_over["bwd"])
    wrapped = [getattr(given, "fn", None) for given in closed_over.values()]
    return any((getattr(f, "__module__", ""), getattr(f, "__name__", "")) in KEEPERS for f in wrapped)
