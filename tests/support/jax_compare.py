"""Functions of JAX beside the graphs that ``from_jax`` makes of them: values and gradients.

``compare(fn, args)`` raises AssertionError where they differ. Imported only where JAX is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import graphdiff as gd
from graphdiff.interop.jax import from_jax


def leaf_of(name: str, a: Any) -> gd.Tensor:
    """An input for an example argument; small and unsigned integers are int64."""
    a = np.asarray(a)
    dtype = a.dtype if a.dtype.name in ("float32", "float64", "int32", "int64", "bool") else np.dtype("int64")
    return gd.input(name, a.shape, dtype)


def weights(y: Any) -> np.ndarray:
    """Numbers that tell the elements of a result apart, so that no derivative cancels."""
    return np.cos(1 + np.arange(np.size(y), dtype="float64")).reshape(np.shape(y))


def as_parts(found: Any) -> list[np.ndarray]:
    """The leaves of a result as real arrays, complex ones as their parts."""
    flat = []
    for y in map(np.asarray, jax.tree_util.tree_leaves(found)):
        flat += [y.real, y.imag] if y.dtype.kind == "c" else [y]
    return flat


def compare(fn: Callable[..., Any], args: Sequence[Any], tolerance: float = 1e-10, gradient: bool = True) -> bool:
    """Whether there were gradients to compare, too; ``gradient=False``: they are no numbers, or JAX has none."""
    flat, tree = jax.tree_util.tree_flatten(tuple(args))
    given = jax.tree_util.tree_map(jnp.asarray, tuple(args))
    xs = [leaf_of(f"x{k}", a) for k, a in enumerate(flat)]
    made = from_jax(fn, *given)(*jax.tree_util.tree_unflatten(tree, xs))
    outputs = jax.tree_util.tree_leaves(made)
    feeds = [np.asarray(a).astype(x.dtype) for a, x in zip(flat, xs)]
    wanted = as_parts(jax.jit(fn)(*given))
    got_all = gd.compile(xs, outputs)(*feeds)
    assert len(got_all) == len(wanted), f"{len(got_all)} results for {len(wanted)}"
    for got, want in zip(got_all, wanted):
        assert got.shape == want.shape, f"{got.shape} for {want.shape}"
        if want.dtype == np.uint64:
            got = got.view(np.uint64)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    floats = [k for k, a in enumerate(flat) if np.asarray(a).dtype.kind == "f" and np.size(a)]
    if not gradient or not floats or not any(v.dtype.kind == "f" and v.size for v in wanted):
        return False

    def loss(*moved: Any) -> Any:
        filled = [jnp.asarray(a) for a in flat]
        for k, a in zip(floats, moved):
            filled[k] = a
        found = jax.tree_util.tree_leaves(fn(*jax.tree_util.tree_unflatten(tree, filled)))
        parts = [p for y in found for p in ((y.real, y.imag) if jnp.iscomplexobj(y) else (y,))]
        return sum(jnp.sum(jnp.sin(y) * weights(y)) for y in parts if jnp.issubdtype(y.dtype, jnp.floating))

    slopes = jax.jit(jax.grad(loss, argnums=tuple(range(len(floats)))))(*(jnp.asarray(flat[k]) for k in floats))
    total = sum(
        gd.sum(gd.sin(y) * weights(want).astype(y.dtype)) for y, want in zip(outputs, wanted) if y.dtype.kind == "f"
    )
    for got, want in zip(gd.compile(xs, gd.grad(total, [xs[k] for k in floats]))(*feeds), slopes):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(1, float(np.abs(want).max())))
    return True
