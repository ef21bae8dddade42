"""Trainer: a model, a loss and an optimiser, fitted to data epoch by epoch; and Callback, what it calls meanwhile.

Owns: where a run stands. Invariants: between two batches all of it is in ``state_dict()``, so that a run that is
resumed from there does bit for bit what it would have done; a step that fails leaves everything as it was before it.
Must not know: any particular callback; how a state is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import graphdiff as gd

from ..errors import FeedError, GraphdiffError, GraphError, NonFiniteError
from ..files import Path as FilePath
from ..layers import Layer
from ..ops.messages import where_am_i
from ..ops.trees import flatten
from ..ops.types import Fed
from ..runtime.compile import Checkpoint as KeptValues
from ..runtime.compile import Outputs
from ..spelling import explained
from ..wording import one_line
from .batches import Data, Source, number_of, opened, order_of, passed
from .compiled import Compiled
from .files import State, write_state
from .form import Structures
from .graphs import NOT_FINITE, Loss, Optimizers, Rate, Training, rules_of
from .history import Epoch, History, Logs, Value
from .interrupts import Interrupts
from .metrics import Metric, metric_of
from .progress import Progress
from .ranks import ONE, Ranks

Predicted: TypeAlias = Any  # arrays, in the structure of what the model gives
Measure = Metric | Callable[[Any, Any], Any]


class Callback:
    """What a run calls; each method may be left as it is.

    ``seen``: while ``on_batch_end`` runs, what the step gave for ``outputs``. Example::

        class Print(gd.train.Callback):
            def on_epoch_end(self, trainer, logs):
                print(trainer.epoch, logs["loss"])
    """

    seen: Any = None
    last = False  # whether it comes after those that are not, as what saves does
    writes = False  # whether it is called on the rank that writes alone, where a run has several

    def __repr__(self) -> str:
        given = {k: str(v) if isinstance(v, Path) else v for k, v in vars(self).items() if k[0] != "_"}
        plain = [f"{k}={v!r}" for k, v in given.items() if isinstance(v, (int, float, str))]
        return f"{type(self).__name__}({', '.join(plain)})"

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first batch; a resumed callback has its state already."""

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        """After each batch; ``logs``: its loss, the rate and the step."""

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """After each epoch and its validation; ``logs``: what the history has of it."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """When ``fit`` is about to return."""

    def outputs(self, training: Training) -> Outputs:
        """Tensors of the training graph that each step is to give besides, in any structure."""
        return None

    def save(self, trainer: Trainer) -> Path | None:
        """Saves the run, where this is what the callback does, and returns where. Called on Ctrl-C."""
        return None

    def state_dict(self) -> State:
        """What a checkpoint keeps of it: numbers, text, arrays, lists and dicts of them."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Takes what ``state_dict`` gave."""


class Trainer:
    """Fits ``model`` so that ``loss(prediction, target)`` becomes small.

    The step - forward, backward, update - is one compiled function. A batch is (x, t); where x is a tuple it is the
    model's arguments, where it is a dict its arguments by name, and t may nest as well. Arrays of floats are cast to
    the dtype of the model's parameters. ``step``: updates so far; ``epoch``: epochs so far; ``history``.

    Arguments: ``model``: a layer; ``loss``: a function of prediction and target that gives a 0-d Tensor; ``optimizer``:
    one of ``gd.optim``, or a dict of them by patterns of parameters' names, of which the first that fits counts;
    ``metrics``: by name, functions of predictions and targets such as those of ``gd.train.metrics``; ``clip_norm``: the
    largest norm of all gradients together; ``accumulate``: batches an update; ``memory_limit``, ``checkpoint`` and
    ``threads``: of the step, as for ``gd.compile``; ``seed``: of the shuffling and of what the training draws;
    ``distributed``: whether the rows of each batch are divided over the ranks of MPI, which all run the same script
    (``mpiexec -n 4 python train.py``; with one process it changes nothing): they begin with rank 0's values, have the
    same history, and rank 0 shows progress and writes; ``shards``: has 1, 2, 4, ... ranks give the same bits, as for
    ``gd.interop.mpi.compile``.

    Raises GraphError. Example::

        trainer = gd.train.Trainer(model, gd.nn.cross_entropy, gd.optim.Adam(1e-3), seed=0)
        history = trainer.fit((x, t), epochs=10, batch_size=64)
    """

    @explained
    def __init__(
        self,
        model: Layer,
        loss: Loss,
        optimizer: Optimizers,
        *,
        metrics: Mapping[str, Measure] | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
        memory_limit: int | str | None = None,
        checkpoint: KeptValues = None,
        threads: int | None = None,
        seed: int = 0,
        distributed: bool = False,
        shards: int | None = None,
    ):
        if not isinstance(model, Layer):
            raise GraphError(f"Trainer: the model is {model!r}, no layer of gd.layers", source=where_am_i())
        if not callable(loss):
            raise GraphError(
                f"Trainer: the loss is {loss!r}, no function of prediction and target", source=where_am_i()
            )
        if clip_norm is not None and (isinstance(clip_norm, bool) or not clip_norm > 0):
            raise GraphError(f"Trainer: clip_norm is a number above 0, got {clip_norm!r}", source=where_am_i())
        if isinstance(accumulate, bool) or not isinstance(accumulate, int) or accumulate < 1:
            raise GraphError(f"Trainer: accumulate is an integer from 1 on, got {accumulate!r}", source=where_am_i())
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise GraphError(f"Trainer: a seed is an integer from 0 on, got {seed!r}", source=where_am_i())
        if shards is not None and not distributed:
            raise GraphError("Trainer: shards are of a run over ranks; write distributed=True", source=where_am_i())
        self.model = model
        self._ranks = Ranks(distributed, shards)
        if not isinstance(metrics, (Mapping, type(None))):
            told = 'write metrics={"accuracy": gd.train.metrics.accuracy}'
            raise GraphError(f"Trainer: metrics go by name; {told}, got {metrics!r}", source=where_am_i())
        self.metrics = {name: metric_of(name, metric) for name, metric in (metrics or {}).items()}
        self.accumulate = accumulate
        self._rules = rules_of(optimizer)
        options = {"memory_limit": memory_limit, "checkpoint": checkpoint, "threads": threads}
        self._compiled = Compiled(
            model, loss, self._rules, clip_norm, accumulate, bool(self.metrics), options, int(seed), self._ranks
        )
        self.history = History()
        self.epoch = 0
        self.batches = 0  # of the run
        self._of_epoch = Epoch()
        self._of_callbacks: dict[str, Any] = {}
        self._callbacks: list[Callback] = []
        self._stopping = False

    @property
    def step(self) -> int:
        """Updates so far."""
        return self.batches // self.accumulate

    @property
    def optimizer(self) -> gd.optim.Optimizer:
        """The optimiser, the first of several."""
        return self._rules[0].optimizer

    @property
    def lr(self) -> float:
        """The rate, or the factor of what a schedule says; it may be set, for all optimisers in proportion."""
        return self._rules[0].rate.value

    @lr.setter
    def lr(self, value: float) -> None:
        factor = value / self.lr if self.lr else 0.0
        for rule in self._rules[1:]:
            rule.rate.value *= factor
        self._rules[0].rate.value = value

    @property
    def rates(self) -> list[Rate]:
        """The rates of all optimisers, each with a ``value`` that may be set."""
        return [rule.rate for rule in self._rules]

    @property
    def training_step(self) -> gd.Function:
        """The compiled step, with its plan, graph and profile; GraphError before the first batch."""
        return self._compiled.last_step

    def stop(self) -> None:
        """Lets ``fit`` end after this epoch."""
        self._stopping = True

    def __repr__(self) -> str:
        rules = ", ".join(repr(rule.optimizer) for rule in self._rules)
        return one_line(f"<Trainer of {type(self.model).__name__} by {rules}: epoch {self.epoch}, step {self.step}>")

    # ------------------------------------------------------------------ fitting
    @explained
    def fit(
        self,
        train: Data,
        validation: Data | None = None,
        epochs: int = 1,
        batch_size: int = 32,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
        *,
        drop_last: bool = False,
        shuffle: bool = True,
    ) -> History:
        """Trains until ``epochs`` epochs of the run are done, and returns its history.

        ``history`` has the mean loss over samples, metrics, the rate of the last step, and those of the validation as
        ``val_loss`` and so on. Data: (x, t) of arrays of as many rows, also memory-mapped ones; a Dataset, of which
        the training part is trained on and the test part validated with; a sequence of samples (x, t); or an iterable
        of batches (x, t). All but arrays in memory are read ahead by a thread.

        Arguments: ``train``: the data, as above; ``validation``: data that is evaluated after each epoch; ``epochs``:
        counted from the start of the run, also where it was resumed; ``batch_size``: rows a batch, of what is no
        iterable of batches; ``callbacks``: called in this order, those that save last; ``progress``: whether a bar
        is shown (by tqdm, where it is installed); ``drop_last``: whether a last batch that is smaller is left out;
        ``shuffle``: whether rows come in a new order each epoch; iterables come as they are.

        Raises FeedError for data that cannot be used, NonFiniteError for a loss that is not finite: the state is then
        the one before that step. Ctrl-C ends it after the step (a second one at once): KeyboardInterrupt says where a
        Checkpoint among the callbacks has saved the run.
        Example: ``trainer.fit((x, t), (x_val, t_val), epochs=10, batch_size=64)``."""
        _whole("fit", "epochs", epochs)
        _whole("fit", "batch_size", batch_size, 1)
        source = opened("fit", train, "train", self._compiled.floats, "train")
        total = number_of(source, batch_size, drop_last)
        if total == 0:
            told = f"fit: drop_last leaves nothing of {source.rows} rows in batches of {batch_size}"
            raise FeedError(told, source=where_am_i())
        held_out = None if validation is None else opened("fit", validation, "validation", self._compiled.floats)
        self._of_epoch.cut_as([source.rows, int(batch_size), bool(shuffle), bool(drop_last)])
        self._begin(callbacks)
        bar = Progress(progress and self._ranks.root, self.epoch, epochs, self._of_epoch.batch, total)
        interrupts = Interrupts()
        try:
            with interrupts:
                while self.epoch < epochs and not self._stopping:
                    order = None
                    if shuffle and source.rows is not None:
                        order = order_of(source.rows, self._compiled.seed, self.epoch)
                    batches = passed(source, batch_size, order, drop_last, self._of_epoch.batch)
                    self._pass(source, batches, bar, interrupts)
                    measured = {} if held_out is None else self._measured(held_out, batch_size, "val_", self._ranks)
                    with interrupts.held():
                        bar.epoch(self._end_epoch(measured))
        except KeyboardInterrupt:
            if interrupts.broken:  # within a step: there is no state to save
                raise
            raise KeyboardInterrupt(self._saved_on_interrupt()) from None
        finally:
            bar.close()
        for callback in reversed(self._callbacks):  # what saves comes before what restores
            self._call(callback, callback.on_fit_end)
        return self.history

    def _call(self, callback: Callback, hook: Callable[..., None], *args: Any) -> None:
        """Calls a hook, on rank 0 alone where the callback writes."""
        if callback.writes:
            self._ranks.at_root(lambda: hook(self, *args))
        else:
            hook(self, *args)

    def _begin(self, callbacks: Sequence[Callback]) -> None:
        """Takes the callbacks, those that save last, with the states that a resumed run had of them."""
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise GraphError(f"fit: {callback!r} is no gd.train.Callback", source=where_am_i())
        self._callbacks = sorted(callbacks, key=lambda c: c.last)
        for name, callback in _named(self._callbacks):
            if name in self._of_callbacks:
                callback.load_state_dict(self._of_callbacks.pop(name))
        self._stopping = False
        self._ranks.same(self.model.parameters | self.model.states)
        for callback in self._callbacks:
            self._call(callback, callback.on_fit_begin)

    def _pass(self, source: Source, batches: Iterator[list[np.ndarray]], bar: Progress, interrupts: Interrupts) -> None:
        """The batches of an epoch that are left. The hot loop."""
        asking = tuple(c for c in self._callbacks if type(c).outputs is not Callback.outputs)
        watching = [c for c in self._callbacks if type(c).on_batch_end is not Callback.on_batch_end]
        metrics, of_epoch = list(self.metrics.values()), self._of_epoch
        if of_epoch.batch == 0:
            for metric in metrics:
                metric.reset()
        for arrays in batches:
            self._compiled.take("fit", _structures(source), arrays)
            step = self._compiled.step(asking)
            with interrupts.held():
                mine = self._ranks.mine(arrays)
                try:
                    loss, rate, prediction, extras = step(*mine)
                except GraphdiffError as error:
                    raise self._explained(error, mine) from None
                self.batches += 1
                of_epoch.add(float(loss), float(rate), len(arrays[0]))
                if metrics:
                    target, prediction = _targets(source, arrays), self._ranks.whole(prediction)
                    for metric in metrics:
                        metric.add(prediction, target)
                if watching:
                    logs = {"loss": float(loss), "lr": float(rate), "step": self.step}
                    for callback, seen in zip(asking, extras):
                        callback.seen = seen
                    for callback in watching:
                        self._call(callback, callback.on_batch_end, logs)
            bar.batch()
        if of_epoch.rows == 0:
            raise FeedError("fit: train gave no batches", source=where_am_i())

    def _end_epoch(self, measured: Mapping[str, Any]) -> dict[str, Any]:
        logs: dict[str, Any] = {"loss": self._of_epoch.mean}
        logs |= {name: metric.result() for name, metric in self.metrics.items()}
        logs |= measured
        logs["lr"] = self._of_epoch.rate
        self.history.add(logs)
        self.epoch += 1
        self._of_epoch.begin()
        for callback in self._callbacks:
            self._call(callback, callback.on_epoch_end, logs)
        return logs

    def _saved_on_interrupt(self) -> str:
        where = f"stopped after step {self.step:,}, in epoch {self.epoch + 1}"
        paths = [path for c in self._callbacks if self._ranks.root and (path := c.save(self)) is not None]
        if paths:
            return f"{where}; saved as {', '.join(map(str, paths))}, for gd.train.resume"
        return f"{where}; fit goes on from there"

    def _explained(self, error: GraphdiffError, arrays: Sequence[np.ndarray]) -> GraphdiffError:
        """The error of a step, with where it was."""
        place = f"epoch {self.epoch + 1}, batch {self._of_epoch.batch + 1}, step {self.step + 1}"
        if error.fact == NOT_FINITE:
            told = f"fit: {self._compiled.training.blame(arrays)}; {place}, which has changed nothing"
            return NonFiniteError(told, source=error.source)
        error.add_note(f"in {place}; nothing has changed")
        rows, batch_size = len(arrays[0]), self._of_epoch.cut[1]
        if rows < batch_size and self._ranks.size == 1:
            error.add_note(f"the batch has {rows} of {batch_size} rows; fit(..., drop_last=True) leaves it out")
        return error

    # ------------------------------------------------------------------ without training
    @explained
    def evaluate(self, data: Data, batch_size: int = 256) -> dict[str, Value]:
        """The mean loss over samples and the metrics, by the inference graph; nothing changes.

        ``data``: as for ``fit``, of a Dataset the test part; ``batch_size``: rows a batch, which the numbers do not
        depend on. Raises FeedError. Example: ``trainer.evaluate((x_test, t_test))["loss"]``."""
        _whole("evaluate", "batch_size", batch_size, 1)
        return self._measured(opened("evaluate", data, "data", self._compiled.floats), batch_size, "")

    def _measured(self, source: Source, batch_size: int, prefix: str, ranks: Ranks = ONE) -> dict[str, Any]:
        """``ranks``: which have a batch each at a time, and add all in the order of batches: the same bits for any."""
        metrics = {name: metric.copy() for name, metric in self.metrics.items()}
        total, rows = 0.0, 0

        def evaluated(arrays: list[np.ndarray]) -> tuple[float, Any]:
            self._compiled.take("evaluate", _structures(source), arrays)
            loss, prediction = self._compiled.evaluation()(*arrays)
            return float(loss), prediction if metrics else None

        batches = iter(passed(source, batch_size, None, False))
        while group := list(islice(batches, ranks.size)):
            for arrays, (loss, prediction) in zip(group, ranks.each(evaluated, group)):
                n = len(arrays[0])
                total, rows = total + loss * n, rows + n
                target = _targets(source, arrays) if metrics else None
                for metric in metrics.values():
                    metric.add(prediction, target)
        if not rows:
            raise FeedError("evaluate: the data gave no batches", source=where_am_i())
        return {f"{prefix}loss": total / rows} | {f"{prefix}{name}": m.result() for name, m in metrics.items()}

    @explained
    def predict(self, x: Fed | Data, batch_size: int = 256) -> Predicted:
        """What the model gives for ``x``, in its structure: arrays of as many rows.

        ``x``: an array, a tuple of the model's arguments or a dict of its arguments by name; of a Dataset the test
        part; a sequence of samples x or an iterable of batches x. Raises FeedError.
        Example: ``trainer.predict(x_test).argmax(axis=1)``."""
        _whole("predict", "batch_size", batch_size, 1)
        source = opened("predict", x, "x", self._compiled.floats, targets=False)
        found: list[list[np.ndarray]] = []
        for arrays in passed(source, batch_size, None, False):
            self._compiled.take("predict", _structures(source), arrays)
            leaves, tree = flatten("predict", self._compiled.prediction()(*arrays), "prediction", _kept)
            found.append(leaves)
        if not found:
            raise FeedError("predict: x gave no batches", source=where_am_i())
        return tree.build([np.concatenate(column) for column in zip(*found)])

    # ------------------------------------------------------------------ saving
    def state_dict(self) -> State:
        """All that the rest of the run depends on: weights, moments, step, keys, where the data is, history, callbacks.

        Copies, between two batches; ``load_state_dict`` takes them."""
        return {
            "kind": self._kind(),
            "model": self.model.state_dict(),
            "training": self._compiled.state_dict(),
            "epoch": self.epoch,
            "batches": self.batches,
            "of_epoch": self._of_epoch.state_dict(),
            "metrics": {name: metric.state_dict() for name, metric in self.metrics.items()},
            "history": dict(self.history),
            "callbacks": self._of_callbacks | {name: c.state_dict() for name, c in _named(self._callbacks)},
        }

    def _kind(self) -> dict[str, Any]:
        """What a checkpoint and a trainer have to have in common, beside the model's names and shapes."""
        rules = {rule.pattern: type(rule.optimizer).__name__ for rule in self._rules}
        return {"optimizer": rules, "accumulate": self.accumulate, "metrics": list(self.metrics)}

    def read(self, read: Callable[[], State | None]) -> None:
        """Takes the state that rank 0 reads, if there is one. An error there is raised on every rank."""
        state = self._ranks.told(self._ranks.at_root(read))
        if state is not None:
            self.load_state_dict(state)

    def load_state_dict(self, state: State) -> None:
        """Takes what ``state_dict`` gave, of a trainer made by the same code. Raises FeedError that tells all names of
        the model that do not fit, or what else differs; nothing has changed then."""
        for what, mine in self._kind().items():
            theirs = state["kind"].get(what)
            if theirs != mine:
                raise FeedError(
                    f"resume: the run that was saved has {what} {theirs}, this trainer {mine}", source=where_am_i()
                )
        self.model.load_state_dict(state["model"])
        self._compiled.load_state_dict(state["training"])
        self.epoch, self.batches = state["epoch"], state["batches"]
        self._of_epoch.load_state_dict(state["of_epoch"])
        for name, metric in self.metrics.items():
            metric.load_state_dict(state["metrics"][name])
        self.history = History(state["history"])
        self._of_callbacks, self._callbacks = dict(state["callbacks"]), []

    def save(self, path: FilePath) -> None:
        """Writes the whole run to a file, beside its place and renamed, for ``gd.train.resume``. Raises OSError: what
        was there before stays then. Example: ``trainer.save("run.npz")``."""
        self._ranks.at_root(lambda: write_state(path, self.state_dict()))


def _named(callbacks: Sequence[Callback]) -> Iterator[tuple[str, Callback]]:
    """Each by its class and how many of it came before."""
    seen: dict[str, int] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        yield f"{kind}.{seen.setdefault(kind, 0)}", callback
        seen[kind] += 1


def _structures(source: Source) -> Structures:
    assert source.structures is not None, "a batch was read"
    return source.structures


def _targets(source: Source, arrays: Sequence[np.ndarray]) -> Any:
    """The targets of a batch, in their structure."""
    structures = _structures(source)
    return structures.t.build(arrays[structures.x.size :])


def _kept(what: str, path: str, value: Any) -> np.ndarray:
    return np.asarray(value)


def _whole(what: str, name: str, value: Any, least: int = 0) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise GraphError(f"{what}: {name} is an integer from {least} on, got {value!r}", source=where_am_i())
