"""The compiled functions of a run - to fit, to evaluate, to predict - for what it is fed.

Invariants: each is compiled once for a form of batches; where the form becomes wider the states stay as they are.
Must not know: epochs; where batches come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

import graphdiff as gd

from ..errors import GraphError
from ..layers import Layer
from ..ops.messages import where_am_i
from ..weights import fill
from .form import Fed, Form, Structures
from .graphs import Evaluating, Loss, Predicting, Rule, Training, floats_of
from .ranks import Ranks


class Asking(Protocol):
    """What asks for further outputs of each step."""

    def outputs(self, training: Training) -> Any: ...


class Compiled:
    """The functions of a model, a loss and rules. ``measured``: whether predictions are outputs of the step and of the
    evaluation; ``options``: of the step, as for ``gd.compile``; ``floats``: the dtype that floats are fed as."""

    def __init__(
        self,
        model: Layer,
        loss: Loss,
        rules: Sequence[Rule],
        clip_norm: float | None,
        accumulate: int,
        measured: bool,
        options: dict[str, Any],
        seed: int,
        ranks: Ranks,
    ):
        self._ranks = ranks
        self._model, self._loss, self._rules = model, loss, rules
        self._clip_norm, self._accumulate, self._measured = clip_norm, accumulate, measured
        self._options, self.seed = options, seed
        self.floats = floats_of(model)
        self._fed = {kind: Fed() for kind in ("fit", "evaluate", "predict")}
        self._training: Training | None = None
        self._loaded: dict[str, np.ndarray] = {}  # values of states whose graph is not built yet
        self._functions: dict[tuple[Any, ...], Any] = {}

    def take(self, kind: str, structures: Structures, arrays: Sequence[np.ndarray]) -> None:
        """Has the function of a kind be of a form that these arrays fit. Raises FeedError."""
        if not self._fed[kind].take(kind, structures, arrays, self.floats):
            return
        self._functions = {key: f for key, f in self._functions.items() if key[0] != kind}
        if kind == "fit":
            self._loaded, self._training = self.values(), None

    def _known(self, kind: str) -> tuple[Form, Structures]:
        fed = self._fed[kind]
        assert fed.form is not None and fed.structures is not None, "take comes first"
        return fed.form, fed.structures

    # ------------------------------------------------------------------ functions
    @property
    def training(self) -> Training:
        """The graph of the step, its states as they were left."""
        if self._training is None:
            made = Training(
                self._model,
                self._loss,
                self._rules,
                *self._known("fit"),
                clip_norm=self._clip_norm,
                accumulate=self._accumulate,
                seed=self.seed,
            )
            if self._loaded:
                fill(made.states, self._loaded, "resume")
            self._training, self._loaded = made, {}
        return self._training

    def step(self, asking: tuple[Asking, ...] = ()) -> Callable[..., Any]:
        """It gives the loss, the rate, the prediction where that is measured, and what each of ``asking`` wants; over
        ranks of their own rows, with the loss and the updates of all."""
        if ("fit", *asking) not in self._functions:
            made = self.training
            outputs = (made.loss, made.rate, made.prediction if self._measured else None)
            wanted = (*outputs, [a.outputs(made) for a in asking])
            if self._ranks.several:
                self._functions["fit", *asking] = gd.interop.mpi.compile(
                    made.inputs,
                    wanted,
                    made.updates,
                    reduce=made.of_rows,
                    comm=self._ranks.comm,
                    shards=self._ranks.shards,
                    **self._options,
                )
                self._ranks.same(made.states)
            else:
                self._functions["fit", *asking] = gd.compile(
                    made.inputs, wanted, updates=made.updates, name="training_step", **self._options
                )
        found: Callable[..., Any] = self._functions["fit", *asking]
        return found

    @property
    def last_step(self) -> gd.Function:
        """The step that was compiled last. Raises GraphError."""
        found = [f for key, f in self._functions.items() if key[0] == "fit"]
        if not found:
            raise GraphError("Trainer: the step is compiled at the first batch", source=where_am_i())
        last: gd.Function = found[-1].local if self._ranks.several else found[-1]
        return last

    def evaluation(self) -> gd.Function:
        """It gives the loss, and the prediction where that is measured."""
        if ("evaluate",) not in self._functions:
            made = Evaluating(self._model, self._loss, *self._known("evaluate"))
            outputs = (made.loss, made.prediction if self._measured else None)
            self._functions["evaluate",] = gd.compile(made.inputs, outputs, threads=self._options["threads"])
        found: gd.Function = self._functions["evaluate",]
        return found

    def prediction(self) -> gd.Function:
        """It gives the prediction."""
        if ("predict",) not in self._functions:
            form, structures = self._known("predict")
            made = Predicting(self._model, form, structures.x)
            self._functions["predict",] = gd.compile(made.inputs, made.prediction, threads=self._options["threads"])
        found: gd.Function = self._functions["predict",]
        return found

    # ------------------------------------------------------------------ what is saved
    def values(self) -> dict[str, np.ndarray]:
        """The states of the training that are none of the model."""
        if self._training is None:
            return self._loaded
        return {name: state.value.copy() for name, state in self._training.states.items()}

    def state_dict(self) -> dict[str, Any]:
        form = self._fed["fit"].form
        return {
            "values": self.values(),
            "form": None if form is None else (list(map(list, form.shapes)), list(form.dtypes)),
            "seed": self.seed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        form = state["form"]
        self._fed["fit"] = Fed(None if form is None else Form(tuple(map(tuple, form[0])), tuple(form[1])))
        self._training, self._loaded, self._functions = None, dict(state["values"]), {}
        self.seed = state["seed"]
        for k, rule in enumerate(self._rules):
            if f"lr.{k}" in self._loaded:
                rule.rate.value = float(self._loaded[f"lr.{k}"])
