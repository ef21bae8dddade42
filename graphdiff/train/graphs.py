"""The graphs of a run: the training step as one compiled function, and those that evaluate and predict.

Owns: the rate as something that can be turned down between steps, and what is told where a loss is not finite.
Every state that a step changes has a name here that is the same whenever the same code builds it.
Must not know: epochs, callbacks, files.
"""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import graphdiff as gd

from ..layers import Layer, training
from ..layers.summary import Call, watched
from ..ops.messages import where_am_i
from ..ops.trees import Tree, flatten
from ..optim.schedules import Schedule
from .form import Form, Structures

NOT_FINITE = "the loss or a gradient is not finite"
Loss = Callable[[Any, Any], gd.Tensor]
Optimizers = gd.optim.Optimizer | Mapping[str, gd.optim.Optimizer]


# ------------------------------------------------------------------ what is fed
def floats_of(model: Layer) -> np.dtype:
    """The dtype of a model's parameters; the default dtype where they are of several or none."""
    dtypes = {p.dtype for p in model.parameters.values()}
    return dtypes.pop() if len(dtypes) == 1 else gd.constant(0.5).dtype


def _inputs(form: Form, paths: Sequence[str]) -> list[gd.Tensor]:
    return [gd.input(_named(p), shape, dtype) for p, shape, dtype in zip(paths, form.shapes, form.dtypes)]


def _of_batch(form: Form, structures: Structures) -> tuple[list[gd.Tensor], Any, Any]:
    """The leaves of a batch, what the model is called with, and the targets."""
    leaves, n = _inputs(form, [*structures.x.paths("x"), *structures.t.paths("t")]), structures.x.size
    return leaves, structures.x.build(leaves[:n]), structures.t.build(leaves[n:])


def _named(path: str) -> str:
    """``x[0]["ids"]`` as the name of a leaf: ``x_0_ids``."""
    return "_".join("".join(c if c.isalnum() else " " for c in path).split())


def called(model: Callable[..., Any], x: Any) -> Any:
    """A tuple is the model's arguments, a dict its arguments by name."""
    if isinstance(x, dict):
        return model(**x)
    return model(*x) if type(x) is tuple else model(x)


# ------------------------------------------------------------------ rates
class Rate:
    """The rate of an optimiser, which can be turned down: a state where it is a number, else a factor of what it is."""

    def __init__(self, lr: Any, number: int):
        self._leaf = isinstance(lr, gd.Tensor) and lr.node.op.name in ("state", "parameter") and not lr.shape
        simple = isinstance(lr, (int, float, np.number))
        name = "" if number == 0 else f"_{number}"
        self.state = lr if self._leaf else gd.state(f"trainer.lr{name}", np.float64(lr if simple else 1.0))
        self._inner = None if self._leaf or simple else lr
        self.seen: gd.Tensor = self.state  # what a step says the rate was

    def __call__(self, count: gd.Tensor) -> gd.Tensor:
        inner: Any = self._inner
        if inner is not None and not isinstance(inner, gd.Tensor):
            inner = inner.exact(count) if isinstance(inner, Schedule) else inner(count)
        self.seen = self.state if inner is None else self.state * gd.astype(inner, "float64")
        return self.seen

    def __repr__(self) -> str:
        return f"{self.value:g}" if self._inner is None else f"{self.value:g} * {self._inner!r}"

    @property
    def value(self) -> float:
        """The rate, or the factor of what a schedule says."""
        return float(self.state.value)

    @value.setter
    def value(self, value: float) -> None:
        self.state.value = np.asarray(value, self.state.dtype)


class Rule(NamedTuple):
    """An optimiser, the parameters that are its own, and its rate."""

    pattern: str
    optimizer: gd.optim.Optimizer
    rate: Rate


def rules_of(optimizer: Optimizers) -> list[Rule]:
    """Each optimiser as one whose rate can be turned down; what was given stays as it is. Raises GraphError."""
    given = optimizer if isinstance(optimizer, Mapping) else {"*": optimizer}
    rules = []
    for number, (pattern, rule) in enumerate(given.items()):
        if not isinstance(rule, gd.optim.Optimizer):
            raise gd.GraphError(
                f"Trainer: the optimizer is one of gd.optim, or a dict of them by patterns of names, got {rule!r}",
                source=where_am_i(),
            )
        own = copy.copy(rule)
        own.states = []
        rate = Rate(rule.lr, number)
        own.lr = rate
        rules.append(Rule(pattern, own, rate))
    return rules


def _shared(rules: Sequence[Rule], parameters: Mapping[str, gd.Tensor]) -> list[list[str]]:
    """Which names are each rule's: the first whose pattern fits. Raises GraphError for one that none fits."""
    found: list[list[str]] = [[] for _ in rules]
    for name in parameters:
        fits = [k for k, rule in enumerate(rules) if fnmatch.fnmatchcase(name, rule.pattern)]
        if not fits:
            raise gd.GraphError(
                f"Trainer: no optimizer is for {name}; there are {', '.join(repr(r.pattern) for r in rules)}",
                source=where_am_i(),
            )
        found[fits[0]].append(name)
    return found


# ------------------------------------------------------------------ training
class Training:
    """The training step as a graph.

    ``inputs``, ``loss``, ``prediction``; ``parameters`` and ``gradients`` by name, as they go into the update;
    ``updates`` for ``gd.compile``; ``states``: what changes beside parameters and states of the model, by name;
    ``of_rows``: what is a mean over the rows of a batch: loss, gradients and new statistics."""

    def __init__(
        self,
        model: Layer,
        loss: Loss,
        rules: Sequence[Rule],
        form: Form,
        structures: Structures,
        clip_norm: float | None,
        accumulate: int,
        seed: int,
    ):
        self.inputs, x, t = _of_batch(form, structures)
        with training(seed) as run, watched() as calls:
            self.prediction = called(model, x)
            self.loss = _checked(loss(self.prediction, t))
        self.calls: list[Call] = calls
        self.parameters = model.parameters
        if not self.parameters:
            raise gd.GraphError("Trainer: the model has no parameters that are not frozen", source=where_am_i())
        gradients = dict(zip(self.parameters, gd.grad(self.loss, list(self.parameters.values()))))
        self._gradients = gradients
        due: gd.Tensor | None = None
        gathered: dict[gd.Tensor, gd.Tensor] = {}
        if accumulate > 1:
            gradients, due, gathered = gd.optim.accumulate(gradients, accumulate)
        if clip_norm is None:
            total = gd.sum(gd.stack([gd.astype(gd.sum(g), "float64") for g in gradients.values()]))
        else:
            gradients, total = gd.optim.clip_by_global_norm(gradients, clip_norm, return_norm=True)
        gd.check(gd.logical_and(gd.isfinite(self.loss), gd.isfinite(total)), NOT_FINITE)
        self.gradients = gradients
        updates: dict[gd.Tensor, gd.Tensor] = {}
        for rule, names in zip(rules, _shared(rules, self.parameters)):
            rule.optimizer.states = []
            if names:
                ours = {name: self.parameters[name] for name in names}
                updates |= rule.optimizer.updates(ours, {name: gradients[name] for name in names})
        if due is not None:
            updates = {leaf: gd.where(due, new, leaf) for leaf, new in updates.items()}
        self.updates = updates | gathered | run.updates
        moved = [v for v in run.updates.values() if v.dtype.kind == "f"]
        self.of_rows = [self.loss, *self._gradients.values(), *moved]
        self.states = {f"lr.{k}": rule.rate.state for k, rule in enumerate(rules)}
        for k, rule in enumerate(rules):
            self.states |= {f"optimizer.{k}.{i}": s for i, s in enumerate(rule.optimizer.states)}
        self.states |= {f"accumulate.{i}": s for i, s in enumerate(gathered)}
        known = set(model.states.values())
        self.states |= {f"run.{i}": s for i, s in enumerate(s for s in run.updates if s not in known)}
        self.rate = gd.astype(rules[0].rate.seen, "float64")

    def blame(self, arrays: Sequence[np.ndarray]) -> str:
        """Which is the first value that is not finite, by layer, in a step on these arrays."""
        for leaf, array in zip(self.inputs, arrays):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                return f"the batch has {array[place]} at {list(place)} of {leaf.name}"
        try:
            rows, loss, grads = self._looked_at(arrays, self.calls)
        except gd.GraphError:  # a layer within a loop has no value outside of it
            rows, loss, grads = self._looked_at(arrays, [])
        for call, row in zip(self.calls, rows):
            if not all(np.isfinite(a).all() for a in row):
                return f"the first layer whose result is not finite is {call[1] or 'the model'} ({_kind(call[0])})"
        if not np.isfinite(loss):
            return f"every layer's result is finite, the loss function makes {loss:g}"
        wrong = [name for name, g in zip(self.parameters, grads) if not np.isfinite(g).all()]
        return f"the loss is {loss:g}; not finite is the gradient of {', '.join(wrong)}"

    def _looked_at(self, arrays: Sequence[np.ndarray], calls: Sequence[Call]) -> Any:
        """What these calls, the loss and the gradients are: of inputs of their own, which the check is not for."""
        inputs = [gd.input(leaf.name or "", leaf.shape, leaf.dtype) for leaf in self.inputs]
        own = dict(zip(self.inputs, inputs))
        results = [flatten("blame", call[4], "result", lambda what, path, v: v)[0] for call in calls]
        seen = [[v for v in row if isinstance(v, gd.Tensor) and v.dtype.kind == "f"] for row in results]
        rows, loss, gradients = gd.substitute([seen, self.loss, list(self._gradients.values())], own)
        return gd.compile(inputs, [rows, loss, gradients])(*arrays)


def _kind(layer: object) -> str:
    return type(layer).__name__


def _checked(loss: Any) -> gd.Tensor:
    """A loss that can be trained by. Raises GraphError, ShapeError."""
    if not isinstance(loss, gd.Tensor):
        raise gd.GraphError(f"Trainer: the loss is {type(loss).__name__}, no Tensor", source=where_am_i())
    if loss.shape:
        told = f'Trainer: the loss has shape {loss.shape}; a single number is expected: write reduction="mean"'
        raise gd.ShapeError(told, source=where_am_i())
    return loss


class Evaluating:
    """The inference graph with its loss."""

    def __init__(self, model: Layer, loss: Loss, form: Form, structures: Structures):
        self.inputs, x, t = _of_batch(form, structures)
        self.prediction = called(model, x)
        self.loss = _checked(loss(self.prediction, t))


class Predicting:
    """The inference graph alone; ``x`` is the structure of what it is fed."""

    def __init__(self, model: Layer, form: Form, x: Tree):
        self.inputs = _inputs(form, x.paths("x"))
        self.prediction = called(model, x.build(self.inputs))
