"""How gradients flow through the layers of a network while it trains, and what is wrong where they do not.

Owns the statistics - computed inside the compiled step, as outputs - and the thresholds that name a layer vanishing,
exploding or dead; which Jacobians do it is jacobians.py's.
Must not know: how a step is compiled or run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import FeedError
from ..ir.node import Leaf
from ..ops import elementwise, reduce
from ..ops.comparison import equal
from ..ops.creation import full_like
from ..ops.joining import stack
from ..ops.messages import where_am_i
from ..ops.tensor import Tensor
from ..ops.trees import tensor, tensors
from ..ops.types import TensorLike, Tensors
from ..runtime.compile import compile as compile_
from ..transforms.differentiate import grad
from ..wording import count, one_line
from .jacobians import Chain, Jacobian, chain_of
from .plot import along, empty_figure, write_figure

STATISTICS = ("norm", "mean_abs", "zeros", "update_ratio", "dead_units")
VANISHING = 1e-4  # a layer's mean |g| against the largest of the layers that do not explode
EXPLODING = 1e3  # a layer's gradient norm; so is one that is not finite
LISTED = 30  # parameters in the legend of a plot
DEAD = 0.95  # the fraction of a layer's gradient elements that are exactly 0


class GradientFlow:
    """Statistics of the gradient of each parameter, recorded over training.

    ``loss``: 0-d; ``params``: parameters, as for ``gd.grad``; ``gradients``: theirs, where they are at hand;
    ``updates``: the dict that goes to ``gd.compile``, for the ratio of update to weight. ``chain``: the values between
    layers, first to last, whose Jacobians are looked at; unless given, what enters each layer of weights. ``outputs``:
    one float vector for each parameter, to be compiled as an output: norm ‖g‖, mean |g|, fraction of zeros,
    ‖W' − W‖ / ‖W‖ (NaN without an update), and the fraction of dead units: places along the last axis whose whole
    gradient is zero.

    Example::

        flow = gd.inspect.GradientFlow(loss, params, updates=updates)
        step = gd.compile([x, t], [loss, flow.outputs], updates=updates)
        for batch in batches:
            value, statistics = step(*batch)
            flow.record(statistics)
        print(flow)
        flow.plot("flow.png")
        for jacobian in flow.jacobians({x: x0, t: t0}):
            print(jacobian)
    """

    def __init__(
        self,
        loss: Tensor,
        params: Tensors,
        gradients: Tensors = None,
        updates: Mapping[Tensor, TensorLike] | None = None,
        chain: Sequence[Tensor] | None = None,
    ):
        self.params, tree = tensors("GradientFlow", params, "params")
        if gradients is None:
            gs = grad(loss, self.params)
        else:
            given = tree.spread("GradientFlow", gradients, "params", "gradients")
            gs = [tensor("GradientFlow", path, g) for path, g in zip(tree.paths("gradients"), given)]
        self.names = [p.name or f"value {n}" for n, p in enumerate(self.params)]
        self.outputs = [_statistics(p, g, (updates or {}).get(p)) for p, g in zip(self.params, gs)]
        self.loss = loss
        self._chain = None if chain is None else [(h.name or f"value {n}", h) for n, h in enumerate(chain)]
        self._compiled: Chain | None = None
        self._records: list[np.ndarray] = []

    def record(self, statistics: Sequence[np.ndarray]) -> None:
        """Keeps what one call computed for ``outputs``. Raises FeedError for anything of another shape."""
        row = np.asarray(statistics, np.float64)
        if row.shape != (len(self.names), len(STATISTICS)):
            raise FeedError(
                f"record takes the {len(self.names)} vectors that outputs gave, got shape {row.shape}",
                source=where_am_i(),
            )
        self._records.append(row)

    @property
    def history(self) -> np.ndarray:
        """All records: float64 of shape (calls, parameters, 5), the last axis in the order of ``STATISTICS``."""
        return np.array(self._records).reshape(-1, len(self.names), len(STATISTICS))

    def verdicts(self, last: int = 10) -> dict[str, str]:
        """What is wrong by the median of the ``last`` records: "vanishing", "exploding" or "dead" by parameter name.

        Exploding: ‖g‖ over 1e3 or not finite; dead: at least 95 % of the gradient exactly zero; vanishing: mean |g|
        under 1e-4 of the largest of those that do not explode. What is well has no entry."""
        recent = self.history[-last:]
        if not len(recent):
            return {}
        norm, mean, zeros = (np.median(recent[:, :, k], axis=0) for k in range(3))
        exploding = ~np.isfinite(recent[:, :, 0]).all(axis=0) | ~(norm <= EXPLODING)
        largest = float(mean[~exploding].max(initial=0.0))
        out = {}
        for n, name in enumerate(self.names):
            if exploding[n]:
                out[name] = "exploding"
            elif zeros[n] >= DEAD:
                out[name] = "dead"
            elif mean[n] < VANISHING * largest:
                out[name] = "vanishing"
        return out

    def dead_units(self, last: int = 10) -> dict[str, float]:
        """By parameter the fraction of its units without any gradient in every one of the ``last`` records - at the
        least, as which they were is not recorded; parameters without such units have no entry."""
        recent = self.history[-last:, :, 4]
        least = recent.min(axis=0) if len(recent) else []
        return {name: float(share) for name, share in zip(self.names, least) if share > 0}

    def jacobians(self, feed: Mapping[Leaf, ArrayLike], iterations: int = 30) -> list[Jacobian]:
        """The Jacobian of each link of the chain at ``feed`` (arrays by input Tensor or name), first layer first: its
        spectral norm by power iteration on the adjoint, what the gradient's norm was multiplied by on its way back,
        and whether it shrinks every gradient (norm under 0.9) or can grow one (over 1.1).

        Raises GraphError where there is no chain: fewer than two layers, none made of the other; FeedError."""
        if self._compiled is None:
            chain = chain_of(self.loss, self.params) if self._chain is None else self._chain
            self._compiled = Chain(self.loss, chain, compile_)
        return self._compiled(feed, iterations)

    def __repr__(self) -> str:
        of = f"{self.loss.name or 'loss'} over {count(len(self.params), 'parameter')}"
        return one_line(f"<GradientFlow of {of}: {count(len(self._records), 'record')}>")

    def __str__(self) -> str:
        head = f"{'parameter':<20} {'norm':>10} {'mean |g|':>10} {'zeros':>6} {'update/weight':>13} {'dead units':>10}"
        lines = [head]
        if self._records:
            wrong = self.verdicts()
            for name, (norm, mean, zeros, ratio, dead) in zip(self.names, self._records[-1]):
                verdict = f"  {wrong[name]}" if name in wrong else ""
                lines.append(
                    f"{name:<20} {norm:>10.3g} {mean:>10.3g} {zeros:>6.1%} {ratio:>13.3g} {dead:>10.1%}{verdict}"
                )
        return "\n".join(lines)

    def plot(self, path: str | Path) -> None:
        """Draws mean |g| and the update-to-weight ratio of every parameter over the records: the first layers dark, the
        last ones light, vectors such as biases dotted.

        Raises ModuleNotFoundError without matplotlib (``pip install 'graphdiff[demo]'`` brings it), OSError for a path
        that cannot be written."""
        figure = empty_figure(10, 6)
        history, most = self.history, max(1, len(self.names) - 1)
        shown = {round(k * most / (LISTED - 1)) for k in range(LISTED)}  # in the legend
        for axes, k, label in zip(figure.subplots(2, 1, sharex=True), (1, 3), ("mean |g|", "update / weight")):
            for n, (p, name) in enumerate(zip(self.params, self.names)):
                style = {"color": along(n / most), "linestyle": "-" if p.ndim > 1 else ":"}
                told = {"label": name} if k == 1 and n in shown else {}
                axes.plot(history[:, n, k], linewidth=1.2, **style, **told)
            axes.set(ylabel=label, yscale="log")
        figure.legend(loc="outside right upper", fontsize="small", frameon=False)
        figure.axes[1].set_xlabel("call")
        write_figure(figure, path)


def _statistics(p: Tensor, g: Tensor, new: Any) -> Tensor:
    """The numbers of one parameter as a vector of its dtype."""

    def norm(v: Tensor) -> Tensor:
        return elementwise.sqrt(reduce.sum(v * v))

    size = norm(g)
    ratio = full_like(size, np.nan) if new is None else norm(new - p) / norm(p)
    zero = equal(g, 0)
    dead = reduce.all(zero, axis=tuple(range(g.ndim - 1))) if g.ndim else zero
    share = [reduce.mean(b.astype(g.dtype)) for b in (zero, dead)]
    return stack([size, reduce.mean(elementwise.abs(g)), share[0], ratio, share[1]])
