"""JAX's own list of primitives, each with several configurations, beside the graphs that ``from_jax`` makes of them.

``python tests/support/jax_primitives.py [NAME ...]`` walks all primitives that JAX registers and prints a table: how
many configurations are equal in float64, values and gradients to 1e-10, how many are refused, and why; it fails where
one differs, or one of what programs on arrays have is left out. Needs JAX. Owns the list and the walk; the
configurations are in jax_cases.py.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax_array_cases
import jax_cases
import numpy as np
from jax._src import core
from jax._src import lax as of_lax
from jax_compare import compare

from graphdiff import GraphdiffError
from graphdiff.interop.jax import from_jax

APART = {
    "references, effects and what compilers insert": (
        "accum_grad_in_ref after_all call call_hi_primitive create_token custom_jvp_call_jaxpr custom_lin dce_sink "
        "debug_callback empty empty2 empty_ref eval_jaxpr free_ref freeze from_edtype io_callback layout_constraint "
        "new_ref pvary reduced_vary_cast_p remat_opt reshard rng_bit_generator rng_uniform sharding_constraint stage "
        "tie to_edtype unreachable"
    ),
    "what JAX lowers others to": "geqp3 geqrf ormqr scaled_dot select_and_scatter",
}
"""Primitives without a configuration, and why."""


def modules() -> list[str]:
    """Where JAX registers primitives of programs on arrays."""
    found = [f"jax._src.lax.{m.name}" for m in pkgutil.iter_modules(of_lax.__path__)]
    others = (
        "ad_util core pjit custom_derivatives ad_checkpoint dispatch callback "
        "random.core random.prng random.threefry2x32"
    )
    return found + [f"jax._src.{m}" for m in others.split()]


def primitives() -> list[core.Primitive]:
    """All that those modules have, by name."""
    named: dict[str, core.Primitive] = {}
    for name in modules():
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for value in vars(module).values():
            if isinstance(value, core.Primitive) and name != "jax._src.lax.parallel":
                named.setdefault(value.name, value)
    return [named[name] for name in sorted(named)]


def tried(fn: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """ "equal", "values" where JAX has no gradient, or why it is refused. Raises AssertionError where they differ."""
    try:
        from_jax(fn, *jax.tree_util.tree_map(jnp.asarray, args))
    except GraphdiffError as e:
        return "refused: " + str(e).splitlines()[0].partition("has not: ")[2].partition(" at ")[0]
    try:
        jax.eval_shape(
            jax.grad(lambda *a: sum(jnp.sum(jnp.abs(y)) for y in jax.tree_util.tree_leaves(fn(*a)))),
            *map(jnp.asarray, args),
        )
        gradient = True
    except (TypeError, ValueError, NotImplementedError):  # of integers, or not implemented there
        gradient = any(np.asarray(a).dtype.kind == "f" for a in args) and _has_gradient(fn, args)
    return "equal" if compare(fn, args, gradient=gradient) else "values"


def _has_gradient(fn: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    floats = [k for k, a in enumerate(args) if np.asarray(a).dtype.kind == "f"]

    def loss(*given: Any) -> Any:
        found = list(map(jnp.asarray, args))
        for k, a in zip(floats, given):
            found[k] = a
        return sum((jnp.sum(jnp.abs(y)) for y in jax.tree_util.tree_leaves(fn(*found)) if y.dtype.kind in "fc"), 0.0)

    try:
        jax.eval_shape(jax.grad(loss, tuple(range(len(floats)))), *(jnp.asarray(args[k]) for k in floats))
    except (TypeError, ValueError, NotImplementedError):  # JAX has none there: values alone are compared
        return False
    return True


def main(names: list[str]) -> int:
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)
    every, failed = jax_cases.cases() | jax_array_cases.cases(), 0
    apart = {n: why for why, listed in APART.items() for n in listed.split()}
    print("| primitive | cases | equal, with gradients | values | refused |\n|---|---:|---:|---:|---|")
    totals = dict.fromkeys(("equal", "values", "refused"), 0)
    for p in [p.name for p in primitives()]:
        if names and p not in names:
            continue
        if p not in every:
            print(f"| {p} | 0 | | | {apart.get(p, 'no case')} |")
            failed += p not in apart
            continue
        told: list[str] = []
        for k, (fn, args) in enumerate(every[p]):
            try:
                told.append(tried(fn, args))
            except Exception as e:
                failed += 1
                told.append("failed")
                print(f"{p}[{k}]: {type(e).__name__}: {str(e).strip()[:600]}", file=sys.stderr)
        reasons = sorted({t for t in told if t.startswith("refused")})
        for t in told:
            totals[t.partition(":")[0]] = totals.get(t.partition(":")[0], 0) + 1
        counts = [sum(t == word for t in told) for word in ("equal", "values")]
        print(f"| {p} | {len(told)} | {counts[0]} | {counts[1]} | {'; '.join(reasons)} |", flush=True)
    print(f"\n{totals}")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
