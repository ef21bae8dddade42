"""What all update rules share: parameters paired with gradients, groups, rates, the count of updates, and their states.

A rule (rules.py, adam.py) says how one parameter and its states move. Its constructor's arguments are its settings, and
each is kept as an attribute of the same name; a group is the same rule with other settings.
Must not know: any rule; how updates are run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dtypes import float64
from ..ops.elementwise import astype
from ..ops.leaves import state
from ..ops.messages import describe, where_am_i
from ..ops.tensor import Tensor, as_tensor
from ..ops.trees import tensor, tensors
from ..ops.types import Tensors
from ..spelling import did_you_mean
from ..wording import one_line
from .schedules import Schedule

# A learning rate: a number, a 0-d Tensor, or a function of the count of updates (a schedule) that gives one of these
Rate: TypeAlias = float | np.generic | Tensor | Callable[[Tensor], Any]


class Step:
    """The step that one call of ``updates`` describes: its number, and the new values found so far.

    ``new``: {leaf: new value}. The count of updates is a state that all groups share; a rule that reads neither
    ``count`` nor ``number`` has none."""

    def __init__(self, rule: Optimizer, first: str):
        self.new: dict[Tensor, Tensor] = {}
        self._rule, self._first = rule, first
        self._count: Tensor | None = None

    @property
    def count(self) -> Tensor:
        """How many updates went before, int64."""
        if self._count is None:
            self._count = state(f"{self._first}.{type(self._rule).__name__.lower()}_step", value=np.int64(0))
            self._rule.states.append(self._count)
            self.new[self._count] = self._count + 1
        return self._count

    @property
    def number(self) -> Tensor:
        """The number of this step, from 1, as float64."""
        return astype(self.count + 1, float64)


class Optimizer:
    """An update rule. ``lr``: its rate; ``states``: the moments and counts that its updates have made."""

    def __init__(self, lr: Rate, **settings: float):
        number: Any = lr
        numeric = isinstance(lr, (int, float, np.integer, np.floating)) and not isinstance(lr, bool)
        if not isinstance(lr, Tensor) and not callable(lr) and not (numeric and 0 <= number < np.inf):
            raise GraphError(
                f"{type(self).__name__}: lr must be a non-negative number, a Tensor or a schedule, got {lr!r}",
                source=where_am_i(),
            )
        for key, value in settings.items():
            if not value >= 0:
                raise GraphError(
                    f"{type(self).__name__}: {key} must not be negative, got {value!r}", source=where_am_i()
                )
        self.lr: Any = lr
        self.states: list[Tensor] = []

    def updates(self, params: Tensors, grads: Tensors) -> dict[Tensor, Tensor]:
        """``{leaf: new value}`` for the parameters and this rule's states.

        ``params``, ``grads``: Tensors, or structures of them (lists, tuples, dicts, None and dataclasses nest) that are
        alike, each gradient of its parameter's shape and dtype. Or groups: ``params`` is a list of dicts, each with
        "params" and the settings that differ there, and ``grads`` a list of what belongs to each; they share one count
        of steps. The same parameter twice is an error.
        Raises GraphError, ShapeError. Example: ``gd.compile([x], loss, updates=opt.updates([W, b], grads))``; of groups
        ``opt.updates([{"params": [W], "lr": 0.1}, {"params": [b], "weight_decay": 0}], [[gW], [gb]])``."""
        groups = self._groups(params, grads) if _are_groups(params) else [_paired(self, params, grads)]
        places: dict[Tensor, str] = {}
        for _, pairs in groups:
            for p, g, path, other in pairs:
                _check(p, g, path, other, places)
        step = Step(self, next(iter(places)).name or "none" if places else "none")
        for rule, pairs in groups:
            rule._begin(step, [p for p, _, _, _ in pairs])
            for p, g, _, _ in pairs:
                rule._update(p, g, step)
        return step.new

    def _groups(self, params: Any, grads: Any) -> list[Any]:
        if not isinstance(grads, (list, tuple)) or len(grads) != len(params):
            raise GraphError(
                f"updates: {len(params)} groups of parameters need a list of {len(params)} structures of gradients",
                source=where_am_i(),
            )
        known, found = self._settings(), []
        for i, (group, of_group) in enumerate(zip(params, grads)):
            told = {key: value for key, value in group.items() if key != "params"}
            for key in told:
                if key not in known:
                    raise GraphError(
                        f"updates: params[{i}]: {type(self).__name__} has no setting {key!r}"
                        f"{did_you_mean(key, ['params', *known])}",
                        source=where_am_i(),
                    )
            rule = type(self)(**{**known, **told})
            rule.states = self.states
            found.append(_paired(rule, group["params"], of_group, f'params[{i}]["params"]', f"grads[{i}]"))
        return found

    def _settings(self) -> dict[str, Any]:
        """The constructor's arguments as they were given."""
        names = [name for name in inspect.signature(type(self).__init__).parameters if name != "self"]
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        """``Adam(lr=0.001)``: the rate, and what is not as it would be unless told."""
        defaults, told = inspect.signature(type(self).__init__).parameters, []
        for name, value in self._settings().items():
            if name == "lr" or value != defaults[name].default:
                told.append(f"{name}={_told(value)}")
        return one_line(f"{type(self).__name__}({', '.join(told)})")

    # -------------------------------------------------------------- what a rule says
    def _begin(self, step: Step, params: Sequence[Tensor]) -> None:
        """Makes what all parameters of a group share."""

    def _update(self, p: Tensor, g: Tensor, step: Step) -> None:
        """Adds the new values of ``p`` and its states to ``step.new``."""

    # -------------------------------------------------------------- what it says it with
    def _moment(self, p: Tensor, what: str, value: float = 0.0, shape: tuple[int, ...] | None = None) -> Tensor:
        """A state of a parameter's dtype, and shape unless another is given."""
        sizes: Any = p.shape if shape is None else shape
        s = state(f"{p.name}.{type(self).__name__.lower()}_{what}", value=np.full(sizes, value, p.dtype))
        self.states.append(s)
        return s

    def _mean(self, p: Tensor, what: str, beta: Any, x: Tensor, step: Step, start: float = 0.0) -> Tensor:
        """The new running mean of ``x``: beta of the old, 1 - beta of ``x``."""
        m = self._moment(p, what, start)
        step.new[m] = m * beta + x * (1 - beta)
        return step.new[m]

    def _rate(self, step: Step) -> Any:
        """The rate at this step: a float, or a Tensor in float64."""
        lr = self.lr
        if isinstance(lr, Schedule):
            return lr.exact(step.count)
        if not isinstance(lr, Tensor) and callable(lr):
            lr = as_tensor(lr(step.count), type(self).__name__, float64)
        return astype(lr, float64) if isinstance(lr, Tensor) else float(lr)

    def _shrunk(self, p: Tensor, rate: Any, weight_decay: float) -> Tensor:
        """``p`` after weight decay apart from the gradient."""
        return p * of(p, 1 - rate * weight_decay) if weight_decay else p


def _told(value: Any) -> str:
    """A setting as a repr has it."""
    if isinstance(value, Tensor):
        return describe(value)
    return str(getattr(value, "__name__", repr(value)))


def decayed(p: Tensor, g: Tensor, weight_decay: float) -> Tensor:
    """The gradient with weight decay in it."""
    return g + p * weight_decay if weight_decay else g


def of(p: Tensor, x: Any) -> Any:
    """``x`` in the dtype of ``p``; a number is left to take it."""
    return astype(x, p.dtype) if isinstance(x, Tensor) else x


def _are_groups(params: Any) -> bool:
    return (
        isinstance(params, (list, tuple))
        and len(params) > 0
        and all(isinstance(group, Mapping) and "params" in group for group in params)
    )


def _paired(rule: Optimizer, params: Any, grads: Any, here: str = "params", there: str = "grads") -> Any:
    """The rule with its (parameter, gradient, path of each)."""
    ps, tree = tensors("updates", params, here)
    gs = tree.spread("updates", grads, here, there)
    return rule, list(zip(ps, gs, tree.paths(here), tree.paths(there)))


def _check(p: Tensor, g: Any, path: str, other: str, places: dict[Tensor, str]) -> None:
    if p.node.op.name not in ("parameter", "state"):
        raise GraphError(f"updates: {describe(p)} is no parameter ({path})", source=where_am_i())
    if p in places:
        raise GraphError(f"updates: {p.name} is there twice, as {places[p]} and as {path}", source=where_am_i())
    places[p] = path
    tensor("updates", other, g)
    if g.shape != p.shape or g.dtype is not p.dtype:
        raise ShapeError(
            f"updates: {describe(p)} ({path}) and its gradient {describe(g)} ({other}) differ", source=where_am_i()
        )
