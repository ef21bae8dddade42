"""Random graphs by JAX: values, gradients and the Hessian times a vector, in float64.

JAX traces, differentiates and lowers each graph; StableHLO's reference interpreter, which comes with JAX, evaluates it
in milliseconds where XLA compiles for seconds. Calls of LAPACK are not known to it: a graph that has some is compiled.
Imported only where ``fuzz_graphs.py --jax`` is asked for: JAX is no dependency of the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from jaxlib.mlir.passmanager import PassManager

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
stablehlo.register_stablehlo_passes()

PASSES = "builtin.module(inline,func.func(chlo-legalize-to-stablehlo))"  # what the interpreter knows
LOW = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def run(drawn: Any, feed: dict[int, Any], wanted: Sequence[int]) -> list[Any]:
    """The wanted slots, each step as it was drawn, over ``jax.numpy``; ``feed``: by slot, leaves and constants."""
    values = dict(feed)
    for s in drawn.steps:
        out = s.of(jax.numpy, *(values[i] for i in s.inputs))
        for i, y in zip(range(s.first, s.first + s.count), out if isinstance(out, list) else [out], strict=True):
            values[i] = y
    return [values[i] for i in wanted]


def protect(op: Any) -> None:
    """Gives every scatter inside a copy of what it adds to: the interpreter writes into the operand's own memory."""
    for region in op.regions:
        for block in region:
            for inner in list(block):
                protect(inner.operation)
                if inner.operation.name == "stablehlo.scatter":
                    with ir.InsertionPoint(inner), ir.Location.unknown():
                        turned = stablehlo.NegOp(inner.operation.operands[0]).result
                        inner.operation.operands[0] = stablehlo.NegOp(turned).result


def evaluate(f: Any, *args: np.ndarray) -> list[np.ndarray]:
    """The arrays that ``f`` gives, in the order of its leaves."""

    def flat(*xs: Any) -> Any:
        with jax.disable_jit():  # no jit for each function of jax.numpy: a fifth less to trace
            return f(*xs)

    lowered = jax.jit(flat, keep_unused=True).lower(*args)
    module = lowered.compiler_ir("stablehlo")
    if "custom_call" in str(module):
        return [np.asarray(a) for a in jax.tree.leaves(lowered.compile(compiler_options=LOW)(*args))]
    with module.context:
        PassManager.parse(PASSES).run(module.operation)
        protect(module.operation)
        taken = [ir.DenseElementsAttr.get(np.ascontiguousarray(a)) for a in args]
        shapes = [a.shape for a in jax.tree.leaves(lowered.out_info)]
        found = stablehlo.eval_module(module, taken)
        return [np.array(a).reshape(shape) for a, shape in zip(found, shapes, strict=True)]


def derivatives(
    drawn: Any,
    feed: dict[int, np.ndarray],
    wanted: Sequence[int],
    weights: Sequence[np.ndarray],
    at: Sequence[int],
    towards: Sequence[np.ndarray],
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Values of the wanted slots, gradients of their weighted sum by the slots ``at``, and how these move along
    ``towards``."""

    def loss(xs: Any) -> Any:
        found = run(drawn, {**feed, **dict(zip(at, xs))}, wanted)
        return sum(jax.numpy.sum(y * w) for y, w in zip(found, weights)), found

    def whole(*both: Any) -> Any:
        xs, ts = list(both[: len(at)]), list(both[len(at) :])
        (first, values), (second, _) = jax.jvp(jax.grad(loss, has_aux=True), (xs,), (ts,))
        return values, first, second

    found = evaluate(whole, *(feed[i] for i in at), *towards)
    k, n = len(wanted), len(at)
    return found[:k], found[k : k + n], found[k + n :]
