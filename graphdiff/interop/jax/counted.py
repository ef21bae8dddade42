"""How often a ``while_loop`` of JAX's runs at most, where its condition says it: ``i < n`` of a counter.

JAX keeps no bound, and without one the reverse runs the loop again from a few states that it keeps. Owns the proof: one
carry begins as a constant and is made greater by a constant at each step, and the condition holds only while it is less
than another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...ops.leaves import input as input_leaf
from ...ops.tensor import Tensor
from ..needs import needs
from .integers import held

with needs("jax"):
    from jax.interpreters import partial_eval

Run = Callable[[Any, Sequence[Tensor], Sequence[Tensor]], list[Tensor]]  # a jaxpr, its constants, its arguments


def most_steps(run: Run, cond: Any, body: Any, n_cond: int, n_body: int, xs: Sequence[Any]) -> int | None:
    """The bound of a loop of programs ``cond`` and ``body``, with ``xs`` what is captured by each and the state that it
    begins with. None where no counter bounds it, or a value is no Tensor."""
    init = xs[n_cond + n_body :]
    if not all(isinstance(x, Tensor) for x in xs) or cond.out_avals[0].ndim:
        return None
    state = [input_leaf(None, x.shape, x.dtype) for x in init]
    (going,) = run(cond.jaxpr, _held(cond), [*xs[:n_cond], *state])
    found = []
    for counter, end in _less(going):
        k = next((k for k, leaf in enumerate(state) if leaf is counter), None)
        start = None if k is None else _number(init[k])
        if k is None or start is None:
            continue
        step = _step(run, body, n_body, [*xs[n_cond : n_cond + n_body], *state], k)
        if step > 0:
            found.append(max(0, -((start - end) // step)))
    return min(found, default=None)


def _less(going: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Integers and the constants that each must be less than for ``going`` to hold."""
    waiting = [going]
    while waiting:
        node = waiting.pop().node
        if node.op.name in ("logical_and", "bitwise_and"):
            waiting += node.inputs
        elif node.op.name in ("less", "less_equal", "greater", "greater_equal"):
            low, high = node.inputs if node.op.name.startswith("less") else reversed(node.inputs)
            end = _number(high)
            if end is not None:
                yield low, end + node.op.name.endswith("equal")


def _step(run: Run, body: Any, n_body: int, args: Sequence[Tensor], k: int) -> int:
    """What a step adds to carry ``k``; 0 where that is no constant."""
    wanted = [j == k for j in range(len(body.jaxpr.outvars))]
    jaxpr, used = partial_eval.dce_jaxpr(body.jaxpr, wanted)
    (after,) = run(jaxpr, _held(body), [x for x, is_used in zip(args, used) if is_used])
    if after.node.op.name != "add" or args[n_body + k] not in after.node.inputs:
        return 0
    a, b = after.node.inputs
    return _number(b if a is args[n_body + k] else a) or 0


def _held(closed: Any) -> list[Tensor]:
    return [held(c) for c in closed.consts]


def _number(x: Tensor) -> int | None:
    """A constant's whole number."""
    value = x.node.attrs.get("value") if x.node.op.name == "constant" else None
    return int(value) if value is not None and not value.ndim and value.dtype.kind == "i" else None
