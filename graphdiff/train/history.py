"""What a run has seen: the sums of the epoch it is in, and numbers by name of those before, to plot or to frame."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..inspect.plot import empty_figure, write_figure
from ..wording import count
from .files import State

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


Value: TypeAlias = Any  # a number, or what else a metric gives
Logs: TypeAlias = Mapping[str, Value]


class History(Mapping[str, list[Value]]):
    """``history["loss"]``, ``history["val_loss"]``, ``history["lr"]`` and metrics by name: one value an epoch.

    Example: ``min(trainer.fit((x, t), epochs=10)["loss"])``."""

    def __init__(self, columns: Mapping[str, list[Value]] | None = None):
        self._columns: dict[str, list[Any]] = {key: list(v) for key, v in (columns or {}).items()}

    def add(self, logs: Logs) -> None:
        """Appends an epoch; what it has no value of is NaN there."""
        epochs = self.epochs
        for name in logs:
            self._columns.setdefault(name, [float("nan")] * epochs)
        for name, column in self._columns.items():
            column.append(logs.get(name, float("nan")))

    def __getitem__(self, name: str) -> list[Value]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return max(map(len, self._columns.values()), default=0)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draws losses, metrics and rate over epochs, what is of the validation dashed. Written to ``path`` if given.

        Raises ModuleNotFoundError without matplotlib (``pip install 'graphdiff[demo]'`` brings it), OSError.
        Example: ``trainer.history.plot("history.png")``."""
        names = [name for name in self if all(np.ndim(v) == 0 for v in self[name])]
        panels: dict[str, list[str]] = {}
        for name in names:
            panels.setdefault(name.removeprefix("val_"), []).append(name)
        figure = empty_figure(7, 2.2 * max(1, len(panels)) + 0.6)
        every = figure.subplots(max(1, len(panels)), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (panel, shown) in zip(every, panels.items()):
            for name in shown:
                style = "--" if name.startswith("val_") else "-"
                axes.plot(np.arange(1, self.epochs + 1), self[name], style, label=name)
            axes.set(ylabel=panel)
            axes.legend()
        every[-1].set(xlabel="epoch")
        if path is not None:
            write_figure(figure, path)
        return figure

    def to_frame(self) -> DataFrame:
        """A pandas DataFrame of a row an epoch. Raises ModuleNotFoundError without pandas.

        Example: ``trainer.history.to_frame().tail()``."""
        import pandas

        index = pandas.RangeIndex(1, self.epochs + 1, name="epoch")
        return pandas.DataFrame(dict(self._columns), index=index)

    def __repr__(self) -> str:
        return f"<History of {count(self.epochs, 'epoch')}: {', '.join(self) or 'nothing yet'}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in ("epoch", *self))
        rows = [
            "".join(f"<td>{told(value)}</td>" for value in (k + 1, *(column[k] for column in self.values())))
            for k in range(self.epochs)
        ]
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


class Epoch:
    """How far an epoch is, and its sums; ``cut``: how the data is cut into batches."""

    def __init__(self) -> None:
        self.cut: list[Any] = []
        self.begin()

    def begin(self) -> None:
        self.batch, self.rows, self.total, self.rate = 0, 0, 0.0, 0.0

    def add(self, loss: float, rate: float, rows: int) -> None:
        self.batch += 1
        self.rows += rows
        self.total += loss * rows
        self.rate = rate

    def cut_as(self, cut: list[Any]) -> None:
        """Begins the epoch anew where batches are cut in another way than those that it has had."""
        if cut != self.cut:
            self.cut = cut
            self.begin()

    @property
    def mean(self) -> float:
        return self.total / self.rows

    def state_dict(self) -> State:
        return dict(vars(self))

    def load_state_dict(self, state: State) -> None:
        vars(self).update(state)


def told(value: Any) -> str:
    """A number in six digits; of an array its shape."""
    return f"{value:.6g}" if np.ndim(value) == 0 else f"array of {np.shape(value)}"
