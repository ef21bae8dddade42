"""The update rules SGD, RMSprop, Adagrad, Adadelta and Rprop; Adam and its kin are in adam.py.

Formulas and defaults are torch.optim's.
Must not know: how updates are run.
"""

from __future__ import annotations

from ..errors import GraphError
from ..ops.clipping import clip
from ..ops.comparison import equal, greater, less
from ..ops.elementwise import sign, sqrt, square, where
from ..ops.messages import where_am_i
from ..ops.tensor import Tensor
from ..spelling import explained
from .optimizer import Optimizer, Rate, Step, decayed, of


class SGD(Optimizer):
    """p - lr g; with momentum, g is replaced by its running sum (and by g + momentum * sum with Nesterov).

    Without momentum and weight decay a step on a table that is only gathered from (``gd.nn.embedding``, ``W[ids]``)
    costs what the gathered rows cost, with the same numbers.

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``momentum``: how much of the running sum stays;
    ``nesterov``: whether it looks ahead; ``weight_decay``: the share of the parameter in its gradient.

    Example: ``opt = gd.optim.SGD(0.1, momentum=0.9)``.
    """

    @explained
    def __init__(self, lr: Rate, momentum: float = 0, nesterov: bool = False, weight_decay: float = 0):
        super().__init__(lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and not momentum:
            raise GraphError("SGD: nesterov needs a momentum", source=where_am_i())
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        g = decayed(p, g, self.weight_decay)
        if self.momentum:
            m = self._moment(p, "momentum")
            step.new[m] = m * self.momentum + g
            g = g + step.new[m] * self.momentum if self.nesterov else step.new[m]
        step.new[p] = p - g * of(p, self._rate(step))


class RMSprop(Optimizer):
    """g over the root of its running mean square (Tieleman and Hinton 2012), or of its running variance (``centered``).

    The variance is kept as one, by Welford's recurrence, and never as a difference of squares: it does not go below 0.


    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``alpha``: how much of the mean square stays; ``eps``:
    added to the root; ``weight_decay``: the share of the parameter in its gradient; ``momentum``: how much of the
    running sum of steps stays; ``centered``: as above.

    Example: ``opt = gd.optim.RMSprop(lr=0.01)``.
    """

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

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        g = decayed(p, g, self.weight_decay)
        if self.centered:
            mean, spread = self._moment(p, "mean"), self._moment(p, "variance")
            step.new[mean] = mean + (g - mean) * (1 - self.alpha)
            step.new[spread] = (spread + square(g - mean) * (1 - self.alpha)) * self.alpha
            d = g / (sqrt(step.new[spread]) + self.eps)
        else:
            d = g / (sqrt(self._mean(p, "square", self.alpha, square(g), step)) + self.eps)
        if self.momentum:
            b = self._moment(p, "momentum")
            step.new[b] = b * self.momentum + d
            d = step.new[b]
        step.new[p] = p - d * of(p, self._rate(step))


class Adagrad(Optimizer):
    """g over the root of the sum of its squares (Duchi et al. 2011).

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``lr_decay``: by how much the rate falls a step;
    ``weight_decay``: the share of the parameter in its gradient; ``initial_accumulator_value``: what the sums start
    from; ``eps``: added to the root.

    Example: ``opt = gd.optim.Adagrad(lr=0.01)``.
    """

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

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        g, rate = decayed(p, g, self.weight_decay), self._rate(step)
        if self.lr_decay:
            rate = rate / (1 + (step.number - 1) * self.lr_decay)
        s = self._moment(p, "sum", self.initial_accumulator_value)
        step.new[s] = s + square(g)
        step.new[p] = p - of(p, rate) * (g / (sqrt(step.new[s]) + self.eps))


class Adadelta(Optimizer):
    """g in units of the parameter: by the root mean square of steps over that of gradients (Zeiler 2012).

    Arguments: ``lr``: the rate, a number or a 0-d Tensor; ``rho``: how much of the means stays; ``eps``: added to
    the root; ``weight_decay``: the share of the parameter in its gradient.

    Example: ``opt = gd.optim.Adadelta()``.
    """

    @explained
    def __init__(self, lr: Rate = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0):
        super().__init__(lr, rho=rho, eps=eps, weight_decay=weight_decay)
        if not rho <= 1:
            raise GraphError(f"Adadelta: rho lies in [0, 1], got {rho!r}", source=where_am_i())
        self.rho, self.eps, self.weight_decay = rho, eps, weight_decay

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        g = decayed(p, g, self.weight_decay)
        mean = self._mean(p, "square", self.rho, square(g), step)
        steps = self._moment(p, "step_square")
        d = sqrt(steps + self.eps) / sqrt(mean + self.eps) * g
        step.new[steps] = steps * self.rho + square(d) * (1 - self.rho)
        step.new[p] = p - of(p, self._rate(step)) * d


class Rprop(Optimizer):
    """Steps by the sign of g alone, longer by ``etas[1]`` while it stays and shorter by ``etas[0]`` where it changes,
    between ``step_sizes`` (Riedmiller and Braun 1993). ``lr`` is the length of the first step.

    Example: ``opt = gd.optim.Rprop(lr=0.01)``.
    """

    @explained
    def __init__(
        self, lr: Rate = 1e-2, etas: tuple[float, float] = (0.5, 1.2), step_sizes: tuple[float, float] = (1e-6, 50.0)
    ):
        super().__init__(lr)
        if not 0 < etas[0] < 1 < etas[1]:
            raise GraphError(f"Rprop: etas lie on either side of 1, got {etas!r}", source=where_am_i())
        self.etas, self.step_sizes = etas, step_sizes

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        last, length = self._moment(p, "last"), self._moment(p, "length")
        longer = where(equal(step.count, 0), of(p, self._rate(step)), length)
        same = last * g
        back = less(same, 0)
        changed = where(back, longer * self.etas[0], where(greater(same, 0), longer * self.etas[1], longer))
        step.new[length] = clip(changed, *self.step_sizes)
        step.new[last] = where(back, 0.0, g)
        step.new[p] = p - sign(step.new[last]) * step.new[length]
