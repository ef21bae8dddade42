"""The update rules: SGD, Adam, AdamW, RMSprop, Adagrad.

Each rule says how one parameter and its states move; pairing, checking and the list of states are shared.
Must not know: how updates are run.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dtypes import float64
from ..ops.elementwise import astype, sqrt, square
from ..ops.leaves import state
from ..ops.tensor import Tensor, as_tensor, describe, where_am_i
from ..ops.trees import tensor, tensors
from ..ops.types import Tensors
from ..spelling import explained
from ..wording import one_line

Rate: TypeAlias = float | np.generic | Tensor  # a learning rate


class Optimizer:
    """What all rules share: pairing parameters with gradients, and their states."""

    def __init__(self, lr: Rate, **settings: float):
        known = isinstance(lr, Tensor) or (isinstance(lr, (int, float, np.integer, np.floating)) and 0 <= lr < np.inf)
        if not known:
            raise GraphError(
                f"{type(self).__name__}: lr must be a non-negative number or a Tensor, got {lr!r}", source=where_am_i()
            )
        for key, value in settings.items():
            if not value >= 0:
                raise GraphError(
                    f"{type(self).__name__}: {key} must not be negative, got {value!r}", source=where_am_i()
                )
        self.lr: Any = lr
        self.states: list[Tensor] = []

    def __repr__(self) -> str:
        """``Adam(lr=0.001)``: the rate, and what is not as it would be unless told."""
        told = []
        for name, parameter in inspect.signature(type(self).__init__).parameters.items():
            value = getattr(self, name, parameter.default) if name != "self" else parameter.default
            if name == "lr" or (name != "self" and value != parameter.default):
                told.append(f"{name}={describe(value) if isinstance(value, Tensor) else repr(value)}")
        return one_line(f"{type(self).__name__}({', '.join(told)})")

    def updates(self, params: Tensors, grads: Tensors) -> dict[Tensor, Tensor]:
        """``{leaf: new value}`` for the parameters and this rule's states.

        ``params``, ``grads``: Tensors, or structures of them (lists, tuples, dicts, None and dataclasses nest) that are
        alike, each gradient of its parameter's shape and dtype. The same parameter twice is an error.
        Raises GraphError, ShapeError. Example: ``gd.compile([x], loss, updates=opt.updates([W, b], grads))``."""
        ps, tree = tensors("updates", params, "params")
        gs = tree.spread("updates", grads, "params", "grads")
        places: dict[Tensor, str] = {}
        for p, g, path, other in zip(ps, gs, tree.paths("params"), tree.paths("grads")):
            if p.node.op.name not in ("parameter", "state"):
                raise GraphError(f"updates: {describe(p)} is no parameter ({path})", source=where_am_i())
            if p in places:
                raise GraphError(f"updates: {p.name} is there twice, as {places[p]} and as {path}", source=where_am_i())
            places[p] = path
            tensor("updates", other, g)
            if g.shape != p.shape or g.dtype is not p.dtype:
                raise ShapeError(
                    f"updates: {describe(p)} ({path}) and its gradient {describe(g)} ({other}) differ",
                    source=where_am_i(),
                )
        out: dict[Tensor, Tensor] = {}
        self._begin(ps, out)
        for p, g in zip(ps, gs):
            self._update(p, g, out)
        return out

    def _begin(self, params: Sequence[Tensor], out: dict[Tensor, Tensor]) -> None:
        """Makes what all parameters share."""

    def _update(self, p: Tensor, g: Tensor, out: dict[Tensor, Tensor]) -> None:
        """Adds the new values of ``p`` and its states to ``out``."""

    def _moment(self, p: Tensor, what: str, value: float = 0.0) -> Tensor:
        """A state of a parameter's shape."""
        s = state(f"{p.name}.{type(self).__name__.lower()}_{what}", value=np.full(p.shape, value, p.dtype))
        self.states.append(s)
        return s

    def _step(self, params: Sequence[Tensor], out: dict[Tensor, Tensor]) -> Tensor:
        """The number of this step, from 1, as float64."""
        first = params[0].name if params else "none"
        s = state(f"{first}.{type(self).__name__.lower()}_step", value=np.float64(0))
        self.states.append(s)
        out[s] = s + 1.0
        return out[s]

    def _rate(self, dtype: np.dtype) -> Any:
        return astype(self.lr, dtype) if isinstance(self.lr, Tensor) else float(self.lr)

    def _decayed(self, p: Tensor, g: Tensor, weight_decay: float) -> Tensor:
        return g + p * weight_decay if weight_decay else g


class SGD(Optimizer):
    """p - lr g; with momentum, g is replaced by its running sum (and by g + momentum * sum with Nesterov)."""

    @explained
    def __init__(self, lr: Rate, momentum: float = 0, nesterov: bool = False, weight_decay: float = 0):
        super().__init__(lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and not momentum:
            raise GraphError("SGD: nesterov needs a momentum", source=where_am_i())
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay

    def _update(self, p: Tensor, g: Tensor, out: dict[Tensor, Tensor]) -> None:
        g = self._decayed(p, g, self.weight_decay)
        if self.momentum:
            m = self._moment(p, "momentum")
            out[m] = m * self.momentum + g
            g = g + out[m] * self.momentum if self.nesterov else out[m]
        out[p] = p - g * self._rate(p.dtype)


class Adam(Optimizer):
    """Kingma and Ba 2015, with bias correction; ``weight_decay`` is added to the gradient."""

    decoupled = False

    @explained
    def __init__(
        self, lr: Rate = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0
    ):
        super().__init__(lr, eps=eps, weight_decay=weight_decay)
        for b in betas:
            if not 0 <= b < 1:
                raise GraphError(f"{type(self).__name__}: betas lie in [0, 1), got {betas!r}", source=where_am_i())
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay

    def _begin(self, params: Sequence[Tensor], out: dict[Tensor, Tensor]) -> None:
        t = self._step(params, out)
        b1, b2 = (as_tensor(b, "adam", float64) for b in self.betas)
        # in float64, as PyTorch computes them
        self._size = self._rate(float64) / (1 - b1**t)
        self._root = sqrt(1 - b2**t)

    def _update(self, p: Tensor, g: Tensor, out: dict[Tensor, Tensor]) -> None:
        b1, b2 = self.betas
        decayed = p
        if self.weight_decay and self.decoupled:
            shrink = 1 - as_tensor(self._rate(float64), "adamw", float64) * self.weight_decay
            decayed = p * astype(shrink, p.dtype)
        else:
            g = self._decayed(p, g, self.weight_decay)
        m, v = self._moment(p, "m"), self._moment(p, "v")
        out[m] = m * b1 + g * (1 - b1)
        out[v] = v * b2 + square(g) * (1 - b2)
        root = sqrt(out[v]) / astype(self._root, p.dtype) + self.eps
        out[p] = decayed - astype(self._size, p.dtype) * (out[m] / root)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""

    decoupled = True

    @explained
    def __init__(
        self, lr: Rate = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.01
    ):
        super().__init__(lr, betas, eps, weight_decay)


class RMSprop(Optimizer):
    """g over the root of its running mean square (Tieleman and Hinton 2012)."""

    @explained
    def __init__(
        self,
        lr: Rate = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ):
        super().__init__(lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        self.alpha, self.eps, self.weight_decay = alpha, eps, weight_decay
        self.momentum, self.centered = momentum, centered

    def _update(self, p: Tensor, g: Tensor, out: dict[Tensor, Tensor]) -> None:
        g = self._decayed(p, g, self.weight_decay)
        s = self._moment(p, "square")
        out[s] = s * self.alpha + square(g) * (1 - self.alpha)
        spread = out[s]
        if self.centered:
            a = self._moment(p, "mean")
            out[a] = a * self.alpha + g * (1 - self.alpha)
            spread = spread - square(out[a])
        d = g / (sqrt(spread) + self.eps)
        if self.momentum:
            b = self._moment(p, "momentum")
            out[b] = b * self.momentum + d
            d = out[b]
        out[p] = p - d * self._rate(p.dtype)


class Adagrad(Optimizer):
    """g over the root of the sum of its squares (Duchi et al. 2011)."""

    @explained
    def __init__(
        self,
        lr: Rate = 0.01,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
    ):
        super().__init__(lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        self.lr_decay, self.weight_decay, self.eps = lr_decay, weight_decay, eps
        self.initial_accumulator_value = initial_accumulator_value

    def _begin(self, params: Sequence[Tensor], out: dict[Tensor, Tensor]) -> None:
        self._now: Any = None
        if self.lr_decay:
            t = self._step(params, out)
            self._now = self._rate(float64) / (1 + (t - 1) * self.lr_decay)

    def _update(self, p: Tensor, g: Tensor, out: dict[Tensor, Tensor]) -> None:
        g = self._decayed(p, g, self.weight_decay)
        s = self._moment(p, "sum", self.initial_accumulator_value)
        out[s] = s + square(g)
        rate = self._rate(p.dtype) if self._now is None else astype(self._now, p.dtype)
        out[p] = p - rate * (g / (sqrt(out[s]) + self.eps))
