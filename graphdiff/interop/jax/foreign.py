"""Primitives of other libraries, as Equinox's, by what they do: their implementations in JAX, traced.

Must not know: which libraries there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..needs import needs

with needs("jax"):
    import jax
    from jax._src import dispatch


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
