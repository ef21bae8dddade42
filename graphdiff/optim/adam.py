"""The update rules that keep a running mean of the gradient and of its size: Adam and its kin.

Formulas and defaults are torch.optim's; what depends on the step's number alone is computed in float64, as there.
Must not know: how updates are run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import GraphError
from ..ir.dtypes import float64
from ..ops.comparison import equal, greater, logical_and
from ..ops.creation import arange
from ..ops.elementwise import abs as abs_
from ..ops.elementwise import astype, maximum, sign, sqrt, square, where
from ..ops.gather import take
from ..ops.indexing import scatter_add
from ..ops.leaves import state
from ..ops.messages import where_am_i
from ..ops.movement import reshape
from ..ops.reduce import sum as sum_
from ..ops.tensor import Tensor
from ..spelling import explained
from ..transforms.rows import Rows, rows_of
from .optimizer import Optimizer, Rate, Step, decayed, of

Betas = tuple[float, float]


def _checked(rule: str, betas: Betas) -> Betas:
    for b in betas:
        if not 0 <= b < 1:
            raise GraphError(f"{rule}: betas lie in [0, 1), got {betas!r}", source=where_am_i())
    return betas


class _Moments(Optimizer):
    """A rule with two betas: its running means and what corrects their start at 0."""

    def __init__(self, lr: Rate, betas: Betas, eps: float, weight_decay: float, **settings: float):
        super().__init__(lr, eps=eps, weight_decay=weight_decay, **settings)
        self.betas, self.eps, self.weight_decay = _checked(type(self).__name__, betas), eps, weight_decay

    def _begin(self, step: Step, params: Sequence[Tensor]) -> None:
        b1, b2 = self.betas
        self._lr = self._rate(step)
        self._first, self._second = 1 - b1**step.number, 1 - b2**step.number

    def _means(self, p: Tensor, g: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """The new running means of g and of its square."""
        b1, b2 = self.betas
        return self._mean(p, "m", b1, g, step), self._mean(p, "v", b2, square(g), step)


class Adam(_Moments):
    """Kingma and Ba 2015, with bias correction; ``weight_decay`` is added to the gradient. With ``amsgrad`` the mean
    square that counts is the largest so far (Reddi et al. 2018).

    ``lazy``: of a table that is only gathered from (``gd.nn.embedding``, ``W[ids]``), the parameter and its moments
    change in the rows alone that were gathered, as in torch.optim.SparseAdam but for the place of eps: a step costs
    what these rows cost. The moments of others wait, so the numbers differ from those of the dense rule. It goes with
    no weight decay and no amsgrad.

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``betas``: how much of the means of gradients and squares
    stays, two numbers below 1; ``eps``: added to the root; ``weight_decay``: the share of the parameter in its
    gradient; ``amsgrad``: as above; ``lazy``: as above.

    Example: ``opt = gd.optim.Adam(lr=0.001)``.
    """

    decoupled = False

    @explained
    def __init__(
        self,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        lazy: bool = False,
    ):
        super().__init__(lr, betas, eps, weight_decay)
        if lazy and (weight_decay or amsgrad):
            told = f"weight_decay={weight_decay!r}, amsgrad={amsgrad!r}"
            raise GraphError(f"Adam: lazy goes with no weight decay and no amsgrad, got {told}", source=where_am_i())
        self.amsgrad, self.lazy = amsgrad, lazy

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        rows = rows_of(g) if self.lazy else None
        if rows is not None:
            self._update_rows(p, rows, step)
            return
        start = p
        if self.decoupled:
            start = self._shrunk(p, self._lr, self.weight_decay)
        else:
            g = decayed(p, g, self.weight_decay)
        m, v = self._means(p, g, step)
        if self.amsgrad:
            largest = self._moment(p, "v_max")
            v = step.new[largest] = maximum(largest, v)
        root = sqrt(v) / of(p, sqrt(self._second)) + self.eps
        step.new[p] = start - of(p, self._lr / self._first) * (m / root)

    def _update_rows(self, p: Tensor, rows: Rows, step: Step) -> None:
        """Adds what becomes of the rows to the moments and to ``p``, once for each row."""
        once = reshape(equal(rows.first, arange(rows.ids.shape[0])), (rows.ids.shape[0], *(1,) * (p.ndim - 1)))
        means = []
        for what, beta, x in zip("mv", self.betas, (rows.values, square(rows.values))):
            moment = self._moment(p, what)
            old = take(moment, rows.ids, axis=0)
            moved = (x - old) * (1 - beta)
            step.new[moment] = scatter_add(moment, rows.ids, where(once, moved, 0))
            means.append(old + moved)
        m, v = means
        root = sqrt(v) / of(p, sqrt(self._second)) + self.eps
        change = of(p, -self._lr / self._first) * (m / root)
        step.new[p] = scatter_add(p, rows.ids, where(once, change, 0))


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``betas``: how much of the means of gradients and squares
    stays, two numbers below 1; ``eps``: added to the root; ``weight_decay``: the share of the parameter that a step
    of rate 1 takes off; ``amsgrad``: whether the mean square that counts is the largest so far.

    Example: ``opt = gd.optim.AdamW(lr=0.001, weight_decay=0.01)``.
    """

    decoupled = True

    @explained
    def __init__(
        self,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ):
        super().__init__(lr, betas, eps, weight_decay, amsgrad)


class NAdam(_Moments):
    """Adam with Nesterov's momentum (Dozat 2016); its first beta nears ``betas[0]`` by ``momentum_decay``.

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``betas``: how much of the means of gradients and squares
    stays, two numbers below 1; ``eps``: added to the root; ``weight_decay``: the share of the parameter in its
    gradient; ``momentum_decay``: as above; ``decoupled_weight_decay``: whether that is apart from the gradient.

    Example: ``opt = gd.optim.NAdam()``.
    """

    @explained
    def __init__(
        self,
        lr: Rate = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
    ):
        super().__init__(lr, betas, eps, weight_decay, momentum_decay=momentum_decay)
        self.momentum_decay, self.decoupled_weight_decay = momentum_decay, decoupled_weight_decay

    def _begin(self, step: Step, params: Sequence[Tensor]) -> None:
        super()._begin(step, params)
        now, after = (
            self.betas[0] * (1 - 0.5 * 0.96 ** (t * self.momentum_decay)) for t in (step.number, step.number + 1)
        )
        product = state(f"{params[0].name if params else 'none'}.nadam_mu_product", value=np.float64(1))
        self.states.append(product)
        step.new[product] = product * now
        self._of_gradient = self._lr * (1 - now) / (1 - step.new[product])
        self._of_mean = self._lr * after / (1 - step.new[product] * after)

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        start = p
        if self.decoupled_weight_decay:
            start = self._shrunk(p, self._lr, self.weight_decay)
        else:
            g = decayed(p, g, self.weight_decay)
        m, v = self._means(p, g, step)
        root = sqrt(v / of(p, self._second)) + self.eps
        step.new[p] = start - of(p, self._of_gradient) * (g / root) - of(p, self._of_mean) * (m / root)


class RAdam(_Moments):
    """Adam whose steps are not scaled until the variance of their scale is tractable (Liu et al. 2020).

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``betas``: how much of the means of gradients and squares
    stays, two numbers below 1; ``eps``: added to the root; ``weight_decay``: the share of the parameter in its
    gradient; ``decoupled_weight_decay``: whether that is apart from the gradient.

    Example: ``opt = gd.optim.RAdam()``.
    """

    @explained
    def __init__(
        self,
        lr: Rate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
    ):
        super().__init__(lr, betas, eps, weight_decay)
        self.decoupled_weight_decay = decoupled_weight_decay

    def _begin(self, step: Step, params: Sequence[Tensor]) -> None:
        super()._begin(step, params)
        b2, t = self.betas[1], step.number
        longest = 2 / (1 - b2) - 1
        length = longest - 2 * t * b2**t / self._second
        self._tractable = greater(length, 5)
        safe = where(self._tractable, length, 6.0)
        limit = (longest - 4) * (longest - 2)
        ratio = (safe - 4) * (safe - 2) * longest / (safe * limit) if limit > 0 else safe * 0.0
        self._scale = sqrt(ratio) * sqrt(self._second)

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        start = p
        if self.decoupled_weight_decay:
            start = self._shrunk(p, self._lr, self.weight_decay)
        else:
            g = decayed(p, g, self.weight_decay)
        m, v = self._means(p, g, step)
        scale = where(self._tractable, of(p, self._scale) / (sqrt(v) + self.eps), 1.0)
        step.new[p] = start - of(p, self._lr / self._first) * m * scale


class Adamax(_Moments):
    """Adam by the largest size of the gradient, decaying, instead of its mean square (Kingma and Ba 2015).

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``betas``: how much of the means of gradients and squares
    stays, two numbers below 1; ``eps``: added to the root; ``weight_decay``: the share of the parameter in its
    gradient.

    Example: ``opt = gd.optim.Adamax()``.
    """

    @explained
    def __init__(self, lr: Rate = 2e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0):
        super().__init__(lr, betas, eps, weight_decay)

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        g = decayed(p, g, self.weight_decay)
        m, largest = self._mean(p, "m", self.betas[0], g, step), self._moment(p, "largest")
        step.new[largest] = maximum(largest * self.betas[1], abs_(g) + self.eps)
        step.new[p] = p - of(p, self._lr / self._first) * (m / step.new[largest])


class LAMB(_Moments):
    """Adam's step with weight decay, scaled for each parameter to the parameter's own norm (You et al. 2020).

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``betas``: how much of the means of gradients and squares
    stays, two numbers below 1; ``eps``: added to the root; ``weight_decay``: the share of the parameter added to
    the direction.

    Example: ``opt = gd.optim.LAMB(lr=0.001)``.
    """

    @explained
    def __init__(self, lr: Rate = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-6, weight_decay: float = 0):
        super().__init__(lr, betas, eps, weight_decay)

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        m, v = self._means(p, g, step)
        d = (m / of(p, self._first)) / (sqrt(v / of(p, self._second)) + self.eps)
        d = decayed(p, d, self.weight_decay)
        size, of_step = sqrt(sum_(square(p))), sqrt(sum_(square(d)))
        both = logical_and(greater(size, 0), greater(of_step, 0))
        trust = where(both, size / where(both, of_step, 1.0), 1.0)
        step.new[p] = p - of(p, self._lr) * trust * d


class Lion(Optimizer):
    """The sign of a mean of the gradient, weight decay apart from it (Chen et al. 2023).

    Example: ``opt = gd.optim.Lion(lr=0.0001)``.
    """

    @explained
    def __init__(self, lr: Rate = 1e-4, betas: Betas = (0.9, 0.99), weight_decay: float = 0):
        super().__init__(lr, weight_decay=weight_decay)
        self.betas, self.weight_decay = _checked("Lion", betas), weight_decay

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        (b1, b2), rate = self.betas, self._rate(step)
        m = self._moment(p, "m")
        step.new[m] = m * b2 + g * (1 - b2)
        step.new[p] = self._shrunk(p, rate, self.weight_decay) - of(p, rate) * sign(m * b1 + g * (1 - b1))


class Adafactor(Optimizer):
    """Mean squares of a matrix kept as one number a row and a column, steps relative to the parameter's size (Shazeer
    and Stern 2018). ``eps``: the least root of a mean square (None: the dtype's epsilon) and the least size of a
    parameter; ``d``: the largest root mean square of a step.

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``beta2_decay``: the power by which means forget;
    ``eps``: two numbers, as above; ``d``: as above; ``weight_decay``: the share of the parameter that a step of
    rate 1 takes off.

    Example: ``opt = gd.optim.Adafactor(lr=0.01)``.
    """

    @explained
    def __init__(
        self,
        lr: Rate = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0,
    ):
        super().__init__(lr, weight_decay=weight_decay)
        if not beta2_decay <= 0:
            raise GraphError(f"Adafactor: beta2_decay must not be positive, got {beta2_decay!r}", source=where_am_i())
        if not d >= 1:
            raise GraphError(f"Adafactor: d is at least 1, got {d!r}", source=where_am_i())
        self.beta2_decay, self.eps, self.d, self.weight_decay = beta2_decay, eps, d, weight_decay

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        rate, t, shape = self._rate(step), step.number, tuple(int(s) for s in p.shape)
        least = float(np.finfo(p.dtype).eps) if self.eps[0] is None else self.eps[0]
        root = math.sqrt(max(math.prod(shape), 1))
        fresh = of(p, t**self.beta2_decay)

        def mean(what: str, x: Tensor, sizes: tuple[int, ...]) -> Tensor:
            s = self._moment(p, what, shape=sizes)
            step.new[s] = s + (x - s) * fresh
            return step.new[s]

        if len(shape) > 1:
            rows = mean("rows", sum_(square(g), axis=-1, keepdims=True) / shape[-1], (*shape[:-1], 1))
            columns = mean("columns", sum_(square(g), axis=-2, keepdims=True) / shape[-2], (*shape[:-2], 1, shape[-1]))
            middle = sum_(rows, axis=-2, keepdims=True) / shape[-2]
            spread: Any = rows * columns / maximum(middle, least)
        else:
            spread = mean("square", square(g), shape)
        d = g / sqrt(maximum(spread, least * least))
        size = maximum(sqrt(sum_(square(p))) / root, self.eps[1])
        shrink = maximum(sqrt(sum_(square(d))) / (root * self.d), 1.0)
        slowest = 1 / sqrt(t)
        lr = where(greater(slowest, rate), rate, slowest)
        step.new[p] = self._shrunk(p, rate, self.weight_decay) - of(p, astype(size, float64) * lr) / shrink * d
