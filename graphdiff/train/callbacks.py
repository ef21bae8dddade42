"""What happens beside a run: stopping early, saving and resuming, turning the rate down, writing logs.

Invariant: what a callback has learnt so far is in its ``state_dict``, so that it goes on in a run that is resumed.
Must not know: how a step is made.
"""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

import graphdiff as gd

from ..files import Path as FilePath
from ..files import write_file
from ..inspect.flow import STATISTICS
from ..ops.messages import where_am_i
from ..runtime.compile import Outputs
from ..spelling import explained
from .files import State, read_state, write_state
from .graphs import Training
from .history import Logs
from .trainer import Callback, Trainer

LARGER = ("acc", "auc", "f1", "r2", "top_")  # what a metric's name holds of which more is better
SMALLER = ("loss", "mae", "error", "lr")


class Best:
    """The best value of a monitored number so far, and whether a new one is better."""

    def __init__(self, what: str, monitor: str, mode: str | None):
        self.what, self.monitor = what, monitor
        if mode is None:
            larger, smaller = (any(part in monitor for part in parts) for parts in (LARGER, SMALLER))
            mode = "max" if larger else "min" if smaller else None
        if mode not in ("min", "max"):
            told = f'{what}: write mode="min" or mode="max", which of {monitor!r} is better; got {mode!r}'
            raise gd.GraphError(told, source=where_am_i())
        self.sign = 1.0 if mode == "min" else -1.0
        self.value: float | None = None

    def read(self, logs: Logs) -> float:
        """The monitored number. Raises GraphError."""
        if self.monitor not in logs:
            told = f"{self.what}: there is no {self.monitor!r} to monitor; there are {', '.join(logs)}"
            raise gd.GraphError(told, source=where_am_i())
        return float(logs[self.monitor])

    def improved(self, value: float, by: float = 0.0) -> bool:
        """Whether ``value`` is better by more than ``by``; it is the best then."""
        better = value == value and (self.value is None or self.sign * (self.value - value) > by)
        if better:
            self.value = value
        return better


class EarlyStopping(Callback):
    """Ends a run when ``monitor`` has not become better for ``patience`` epochs.

    Arguments: ``monitor``: a name of the history; ``patience``: how many epochs without a better one; ``min_delta``: by
    how much better counts; ``mode``: "min" or "max", by the name unless given; ``restore_best``: whether the model has
    the values of the best epoch when ``fit`` returns.

    Raises GraphError. Example: ``gd.train.EarlyStopping("val_loss", patience=5)``."""

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str | None = None,
        restore_best: bool = True,
    ):
        self._best = Best("EarlyStopping", monitor, mode)
        self.patience, self.min_delta, self.restore_best = patience, min_delta, restore_best
        self.waited, self.best_epoch = 0, 0
        self._values: dict[str, np.ndarray] = {}

    @property
    def best(self) -> float | None:
        """The best value so far."""
        return self._best.value

    def on_fit_begin(self, trainer: Trainer) -> None:
        if self.waited and self.waited >= self.patience:
            trainer.stop()

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        if self._best.improved(self._best.read(logs), self.min_delta):
            self.waited, self.best_epoch = 0, trainer.epoch
            if self.restore_best:
                self._values = trainer.model.state_dict()
            return
        self.waited += 1
        if self.waited >= self.patience:
            trainer.stop()

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._values:
            trainer.model.load_state_dict(self._values)

    def state_dict(self) -> State:
        return {"best": self.best, "waited": self.waited, "epoch": self.best_epoch, "values": self._values}

    def load_state_dict(self, state: State) -> None:
        self._best.value, self.waited = state["best"], state["waited"]
        self.best_epoch, self._values = state["epoch"], state["values"]


class Checkpoint(Callback):
    """Saves the whole run in ``folder`` after each epoch, and on Ctrl-C, for ``gd.train.resume``.

    A file is written beside its place and renamed, so that no failure leaves a torn one; the ``keep`` newest stay.

    Arguments: ``folder``: made where it is missing; ``keep``: how many files; ``best``: a name of the history: the run
    with the best value of it stays as ``best.npz``; ``mode``: "min" or "max", by the name unless given; ``every``:
    epochs between two files.

    Raises GraphError, OSError. Example: ``gd.train.Checkpoint("runs/digits", best="val_accuracy")``."""

    last = writes = True

    def __init__(
        self, folder: str | Path, keep: int = 3, best: str | None = None, mode: str | None = None, every: int = 1
    ):
        if keep < 1 or every < 1:
            raise gd.GraphError(f"Checkpoint: keep={keep} and every={every} are 1 or more", source=where_am_i())
        self.folder, self.keep, self.every = Path(folder), keep, every
        self._best = None if best is None else Best("Checkpoint", best, mode)

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if LEFT_OVER.fullmatch(path.name):  # of a run that was killed while it wrote
                path.unlink(missing_ok=True)
        newer = [path for path in saved_in(self.folder) if number_of(path) > trainer.batches]
        if newer:
            raise gd.GraphError(
                f"Checkpoint: {newer[-1]} is of a run that is ahead of this one, which has {trainer.batches:,} batches "
                f"behind it; write gd.train.resume({str(self.folder)!r}, trainer), or give another folder",
                source=where_am_i(),
            )

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        better = self._best is not None and self._best.improved(self._best.read(logs))
        if better:
            write_state(self.folder / "best.npz", trainer.state_dict())
        if trainer.epoch % self.every == 0:
            self.save(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        if trainer.batches and not (self.folder / _name(trainer)).exists():
            self.save(trainer)

    def save(self, trainer: Trainer) -> Path:
        """Saves the run now and removes files beyond those to keep. Raises OSError: the files there stay then."""
        path = self.folder / _name(trainer)
        write_state(path, trainer.state_dict())
        for old in saved_in(self.folder)[: -self.keep]:
            old.unlink(missing_ok=True)
        return path

    def state_dict(self) -> State:
        return {} if self._best is None else {"best": self._best.value}

    def load_state_dict(self, state: State) -> None:
        if self._best is not None:
            self._best.value = state.get("best")


SAVED = re.compile(r"batch-(\d+)\.npz")
LEFT_OVER = re.compile(r"\.[0-9a-f]{16}\.part")


def _name(trainer: Trainer) -> str:
    return f"batch-{trainer.batches:09d}.npz"


def number_of(path: Path) -> int:
    """How many batches the run of a file has behind it."""
    found = SAVED.fullmatch(path.name)
    return int(found[1]) if found else -1


def saved_in(folder: Path) -> list[Path]:
    """The files of a run, the newest last."""
    return sorted((p for p in folder.iterdir() if SAVED.fullmatch(p.name)), key=number_of)


@explained
def resume(path: FilePath, trainer: Trainer) -> Trainer:
    """Fills ``trainer``, made by the same code as the one that was saved, with the state of a run, and returns it.

    ``path``: a file that ``trainer.save`` wrote, or the folder of a Checkpoint, whose newest file it is; a folder with
    no file yet leaves the trainer as it is. The next ``fit``, with the same data and callbacks, goes on bit for bit as
    the run that was saved would have. Raises OSError, and FeedError for a file that is cut short or damaged and for
    another model: nothing has changed then.
    Example: ``gd.train.resume("runs/digits", trainer).fit((x, t), epochs=50)``."""
    trainer.read(lambda: _state_at(Path(os.fsdecode(path))))
    return trainer


def _state_at(place: Path) -> State | None:
    """The state in a file, or in the newest one of a folder; None where that has none."""
    if place.is_dir():
        saved = saved_in(place)
        if not saved:
            return None
        place = saved[-1]
    found: State = read_state(place)
    return found


class ReduceLROnPlateau(Callback):
    """Turns the rate down when ``monitor`` has not become better for ``patience`` epochs, as
    torch.optim.lr_scheduler.ReduceLROnPlateau does.

    Arguments: ``monitor``: a name of the history; ``mode``: "min" or "max", by the name unless given; ``factor``: what
    the rate is multiplied by; ``patience``: how many epochs without a better one are borne; ``threshold``: by how much
    better counts; ``threshold_mode``: "rel" or "abs"; ``cooldown``: epochs after it that do not count; ``min_lr``: the
    least rate, or of a schedule the least factor; ``eps``: changes no larger than that are not made.

    Raises GraphError. Example: ``gd.train.ReduceLROnPlateau("val_loss", factor=0.5, patience=3)``."""

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str | None = None,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ):
        if not 0 < factor < 1 or threshold_mode not in ("rel", "abs"):
            told = f"ReduceLROnPlateau: factor is between 0 and 1 and threshold_mode rel or abs, got {factor!r}, "
            raise gd.GraphError(f"{told}{threshold_mode!r}", source=where_am_i())
        self._best = Best("ReduceLROnPlateau", monitor, mode)
        self.factor, self.patience, self.cooldown, self.min_lr, self.eps = factor, patience, cooldown, min_lr, eps
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.bad, self.cooling = 0, 0

    def _least(self) -> float:
        """What a value must be better than the best by."""
        best = self._best.value
        return self.threshold if self.threshold_mode == "abs" or best is None else self.threshold * best

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        if self._best.improved(self._best.read(logs), self._least()):
            self.bad = 0
        else:
            self.bad += 1
        if self.cooling > 0:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad > self.patience:
            for rate in trainer.rates:
                new = max(rate.value * self.factor, self.min_lr)
                if rate.value - new > self.eps:
                    rate.value = new
            self.cooling, self.bad = self.cooldown, 0

    def state_dict(self) -> State:
        return {"best": self._best.value, "bad": self.bad, "cooling": self.cooling}

    def load_state_dict(self, state: State) -> None:
        self._best.value, self.bad, self.cooling = state["best"], state["bad"], state["cooling"]


class CSVLogger(Callback):
    """Keeps the history as a CSV file of a row an epoch. Raises OSError. Example: ``gd.train.CSVLogger("r.csv")``."""

    writes = True

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        history = {name: column for name, column in trainer.history.items() if all(np.ndim(v) == 0 for v in column)}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", *history])
        writer.writerows([k + 1, *row] for k, row in enumerate(zip(*history.values())))
        write_file(self.path, text.getvalue())


class TensorBoard(Callback):
    """Writes the numbers of each epoch for TensorBoard, by the package of that name.

    Raises ModuleNotFoundError without it (``pip install 'graphdiff[tensorboard]'``), OSError.
    Example: ``gd.train.TensorBoard("runs/digits")``."""

    writes = True

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._writer: Any = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        from tensorboard.summary import Writer

        self._writer = Writer(str(self.folder))

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        for name, value in logs.items():
            if np.ndim(value) == 0:
                self._writer.add_scalar(name, np.float32(value), step=trainer.epoch)
        self._writer.flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        self._writer.close()


class GradientFlow(Callback):
    """Records how gradients flow through the layers, ``gd.inspect.GradientFlow``, every ``every`` steps.

    ``flow`` has the records and shows them: ``print(callback.flow)``, ``callback.flow.plot("flow.png")``.
    Example: ``gd.train.GradientFlow(every=10)``."""

    def __init__(self, every: int = 1):
        self.every = every
        self.flow: Any = None
        self._kept = np.zeros((0, 0, len(STATISTICS)))

    def outputs(self, training: Training) -> Outputs:
        before = self._kept if self.flow is None else self.flow.history
        self.flow = gd.inspect.GradientFlow(
            training.loss, training.parameters, training.gradients, updates=training.updates
        )
        for row in before:
            self.flow.record(row)
        return self.flow.outputs

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        if trainer.batches % self.every == 0:
            self.flow.record(self.seen)

    def state_dict(self) -> State:
        return {"history": self._kept if self.flow is None else self.flow.history}

    def load_state_dict(self, state: State) -> None:
        self._kept = state["history"]
