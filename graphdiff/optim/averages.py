"""Means over steps, as graphs: of parameters (``ema``) and of gradients (``accumulate``).

Must not know: update rules; how updates are run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from ..errors import GraphError
from ..ir.dims import Dim
from ..ops.comparison import equal
from ..ops.elementwise import where
from ..ops.leaves import state
from ..ops.messages import describe, where_am_i
from ..ops.tensor import Tensor
from ..ops.trees import tensors
from ..ops.types import Same

_fresh = itertools.count()  # two leaves of one graph have two names


def ema(
    params: Same, decay: float, updates: Mapping[Tensor, Tensor] | None = None
) -> tuple[Same, dict[Tensor, Tensor]]:
    """Exponential moving averages of parameters: ``decay`` of the average and 1 - decay of the parameter at each call.

    ``params``: a parameter or a structure of them. ``updates``: what the same call makes of them; given, the averages
    see the parameters after it, otherwise before. Returns the averages, states that start as the parameters are now, in
    the structure of ``params``, and their updates. torch.optim.swa_utils.get_ema_avg_fn. Raises GraphError.
    Example: ``averages, moved = gd.optim.ema([W, b], 0.999, steps)``, then ``updates=steps | moved``; with the averages
    in place of the parameters: ``gd.substitute(y, dict(zip([W, b], averages)))``."""
    ps, tree = tensors("ema", params, "params")
    if isinstance(decay, bool) or not isinstance(decay, (int, float)) or not 0 <= decay <= 1:
        raise GraphError(f"ema: decay lies in [0, 1], got {decay!r}", source=where_am_i())
    averages, moved = [], {}
    for p, path in zip(ps, tree.paths("params")):
        if p.node.op.name not in ("parameter", "state"):
            raise GraphError(f"ema: {describe(p)} is no parameter ({path})", source=where_am_i())
        average = state(f"{p.name}.ema", value=p.value)
        new = p if updates is None else updates.get(p, p)
        averages.append(average)
        moved[average] = average * decay + new * (1 - decay)
    return tree.build(averages), moved


def accumulate(grads: Same, k: int) -> tuple[Same, Tensor, dict[Tensor, Tensor]]:
    """Gradients gathered over ``k`` calls: one update for ``k`` batches.

    Returns the sum of those gathered and these over ``k``, in the structure of ``grads``; ``due``, a bool Tensor, true
    at every ``k``-th call, when that is the mean of ``k``; and the updates of the sums. Raises GraphError.
    Example: ``mean, due, gathered = gd.optim.accumulate(grads, 4)``, then
    ``updates={p: gd.where(due, new, p) for p, new in opt.updates(params, mean).items()} | gathered``."""
    gs, tree = tensors("accumulate", grads, "grads")
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise GraphError(f"accumulate: k is an integer from 1 on, got {k!r}", source=where_am_i())
    name = f"accumulate{next(_fresh)}"
    count = state(f"{name}.count", value=np.int64(0))
    due = equal(count, int(k) - 1)
    updates, means = {count: where(due, 0, count + 1)}, []
    for i, (g, path) in enumerate(zip(gs, tree.paths("grads"))):
        if any(isinstance(s, Dim) for s in g.shape):
            raise GraphError(
                f"accumulate: {describe(g)} ({path}) has a named size, so it has no sum", source=where_am_i()
            )
        total = state(f"{name}.{i}", value=np.zeros(g.shape, g.dtype))
        whole = total + g
        updates[total] = where(due, 0.0, whole)
        means.append(whole * (1 / int(k)))
    return tree.build(means), due, updates
