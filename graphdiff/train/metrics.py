"""Measures of predictions over a whole data set, with scikit-learn's numbers.

A metric is called with predictions and targets, or fed batch by batch: ``reset``, ``add``, ``result``. What it has seen
is in its attributes, numbers, arrays and lists of them, so that a checkpoint can hold it. Predictions of classes are
scores along the last axis, probabilities of the second of two classes, or the labels themselves; negative target labels
are left out.
Must not know: models; where batches come from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import FeedError, GraphError
from ..ops.messages import where_am_i
from ..ops.trees import flatten

__all__ = ["Metric", "accuracy", "auc", "confusion_matrix", "f1", "mae", "r2", "top_k"]


class Metric:
    """A number, or an array, over all that it has been fed.

    Example: ``gd.train.metrics.accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1]) == 0.5``."""

    name = "metric"

    def reset(self) -> None:
        """Forgets what it has been fed."""

    def add(self, prediction: Any, target: Any) -> None:
        """Takes a batch."""

    def result(self) -> Any:
        """The measure of all batches since ``reset``."""

    def __call__(self, prediction: Any, target: Any) -> Any:
        """The measure of these predictions alone."""
        fresh = self.copy()
        fresh.add(prediction, target)
        return fresh.result()

    def state_dict(self) -> dict[str, Any]:
        """What it has been fed so far, for a checkpoint."""
        return {name: value for name, value in vars(self).items() if name[0] != "_"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave."""
        vars(self).update(state)

    def copy(self) -> Metric:
        """One with the same settings that has been fed nothing."""
        fresh = object.__new__(type(self))
        vars(fresh).update(vars(self))
        fresh.reset()
        return fresh

    def __repr__(self) -> str:
        return f"<Metric {self.name}>"


class Collected(Metric):
    """Any function of all predictions and all targets, which are kept until the end."""

    def __init__(self, function: Callable[[Any, Any], Any]):
        self.name = getattr(function, "__name__", "metric")
        self._function = function
        self.reset()

    def reset(self) -> None:
        self.batches: list[Any] = []

    def add(self, prediction: Any, target: Any) -> None:
        self.batches.append((prediction, target))

    def result(self) -> Any:
        if not self.batches:
            return np.nan
        found = [flatten(self.name, batch, "batch", lambda what, path, a: np.asarray(a)) for batch in self.batches]
        joined = [np.concatenate(column) for column in zip(*(leaves for leaves, _ in found))]
        return self._function(*found[0][1].build(joined))


def metric_of(name: str, metric: Metric | Callable[[Any, Any], Any]) -> Metric:
    """A metric of its own. Raises GraphError."""
    if isinstance(metric, Metric):
        return metric.copy()
    if not callable(metric):
        raise GraphError(f"Trainer: the metric {name!r} is {metric!r}, no function", source=where_am_i())
    if metric is top_k:
        raise GraphError("Trainer: write top_k(5), the metric of a k", source=where_am_i())
    return Collected(metric)


# ------------------------------------------------------------------ what predictions say
def _pair(name: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    p, t = np.asarray(prediction), np.asarray(target)
    if p.ndim == t.ndim + 1 and p.shape[-1] == 1:
        p = p[..., 0]
    if p.shape[: t.ndim] != t.shape or p.ndim not in (t.ndim, t.ndim + 1):
        raise FeedError(
            f"{name}: predictions of shape {p.shape} and targets of shape {t.shape} do not belong together",
            source=where_am_i(),
        )
    return p, t


def _labels(name: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels as predicted and as they are, flat and without those left out; how many classes the scores are of."""
    p, t = _pair(name, prediction, target)
    classes = p.shape[-1] if p.ndim > t.ndim else 0
    if p.ndim > t.ndim:
        p = p.argmax(axis=-1)
    elif p.dtype.kind == "f":
        p = _sure(name, p) > 0.5
    p, t = p.ravel().astype(np.int64), t.ravel()
    if t.dtype.kind == "f" and not (t == np.floor(t)).all():
        raise FeedError(f"{name}: targets are labels; {t[t != np.floor(t)][0]} is none", source=where_am_i())
    t = t.astype(np.int64)
    kept = t >= 0
    return (p, t, classes) if kept.all() else (p[kept], t[kept], classes)


def _sure(name: str, p: np.ndarray) -> np.ndarray:
    """Probabilities. Raises FeedError."""
    if p.size and not (np.nanmin(p) >= 0 and np.nanmax(p) <= 1):
        extreme = p.min() if p.min() < 0 else p.max()
        raise FeedError(
            f"{name}: predictions reach {extreme:g}, no probability; of logits write lambda p, t: {name}(p > 0, t)",
            source=where_am_i(),
        )
    return p


# ------------------------------------------------------------------ of classes
class _Share(Metric):
    """The share of targets that are hit."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.hits, self.seen = 0, 0

    def result(self) -> float:
        return self.hits / self.seen if self.seen else np.nan


class _Accuracy(_Share):
    name = "accuracy"

    def add(self, prediction: Any, target: Any) -> None:
        p, t, _ = _labels(self.name, prediction, target)
        self.hits += int((p == t).sum())
        self.seen += t.size


class _TopK(_Share):
    def __init__(self, k: int):
        self.k, self.name = k, f"top_{k}"
        super().__init__()

    def add(self, prediction: Any, target: Any) -> None:
        p, t = _pair(self.name, prediction, target)
        if p.ndim == t.ndim:
            raise FeedError(
                f"{self.name}: predictions of shape {p.shape} have no axis of classes beside those of the targets",
                source=where_am_i(),
            )
        p, t = p.reshape(-1, p.shape[-1]), t.ravel()
        p, t = p[t >= 0], t[t >= 0]
        best = np.argsort(p, axis=1, kind="stable")[:, ::-1][:, : self.k]  # among equals the last, as scikit-learn has
        self.hits += int((best == t[:, None]).sum())
        self.seen += t.size


class _Confusion(Metric):
    """How often each label (rows) was predicted as each (columns)."""

    name = "confusion_matrix"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.counts = np.zeros((0, 0), np.int64)

    def add(self, prediction: Any, target: Any) -> None:
        p, t, classes = _labels(self.name, prediction, target)
        if p.size and p.min() < 0:
            raise FeedError(f"{self.name}: the predicted label {p.min()} is negative", source=where_am_i())
        n = max(classes, len(self.counts), int(p.max(initial=-1)) + 1, int(t.max(initial=-1)) + 1)
        if n > len(self.counts):
            more = n - len(self.counts)
            self.counts = np.pad(self.counts, (0, more))
        self.counts += np.bincount(t * n + p, minlength=n * n).reshape(n, n)

    def result(self) -> Any:
        return self.counts.copy()


class _F1(_Confusion):
    """Of two classes that of label 1, of more the mean over the classes that there are."""

    name = "f1"

    def result(self) -> float:
        hits = self.counts.diagonal()
        seen = self.counts.sum(axis=0) + self.counts.sum(axis=1)  # 2 hits + false ones of both kinds
        scores = np.divide(2.0 * hits, seen, out=np.zeros(len(hits)), where=seen > 0)
        if len(hits) <= 2:
            return float(scores[1]) if len(hits) == 2 else 0.0
        return float(scores[seen > 0].mean()) if seen.any() else np.nan


class _AUC(Metric):
    """The area under the ROC curve: of two classes that of the second, of more the mean of each against the rest."""

    name = "auc"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.scores: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []

    def add(self, prediction: Any, target: Any) -> None:
        p, t = _pair(self.name, prediction, target)
        p = p.reshape(-1, p.shape[-1]) if p.ndim > t.ndim else p.ravel()
        self.scores.append(p.astype(np.float64))
        self.targets.append(t.ravel().astype(np.int64))

    def result(self) -> float:
        if not self.targets:
            return np.nan
        p, t = np.concatenate(self.scores), np.concatenate(self.targets)
        p, t = p[t >= 0], t[t >= 0]
        if p.ndim == 1:
            return _area(p, t == 1)
        if not np.allclose(p.sum(axis=1), 1) or p.min(initial=0.0) < 0:  # logits
            p = np.exp(p - p.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
        if p.shape[1] == 2:
            return _area(p[:, 1], t == 1)
        return float(np.mean([_area(p[:, k], t == k) for k in range(p.shape[1])]))


def _area(scores: np.ndarray, positive: np.ndarray) -> float:
    """The share of pairs of a positive and a negative in which the positive scores higher, ties half (Hanley and McNeil
    1982); NaN where there is no pair."""
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # from 1, those of equals their mean
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


# ------------------------------------------------------------------ of numbers
class _MAE(Metric):
    """The mean of the absolute differences."""

    name = "mae"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.seen = 0.0, 0

    def add(self, prediction: Any, target: Any) -> None:
        p, t = _numbers(self.name, prediction, target)
        self.total += float(np.abs(p - t).sum())
        self.seen += t.size

    def result(self) -> float:
        return self.total / self.seen if self.seen else np.nan


class _R2(Metric):
    """1 less the squared errors over those of the mean, its mean over columns where there are some."""

    name = "r2"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.seen = 0
        self.mean: Any = 0.0
        self.spread: Any = 0.0
        self.errors: Any = 0.0

    def add(self, prediction: Any, target: Any) -> None:
        p, t = _numbers(self.name, prediction, target)
        n = len(t)
        if not n:
            return
        mean = t.mean(axis=0)
        apart, whole = mean - self.mean, self.seen + n
        # sums of squares about the mean of both parts (Chan, Golub and LeVeque 1979)
        self.spread = self.spread + ((t - mean) ** 2).sum(axis=0) + apart**2 * (self.seen * n / whole)
        self.mean = self.mean + apart * (n / whole)
        self.errors = self.errors + ((p - t) ** 2).sum(axis=0)
        self.seen = whole

    def result(self) -> float:
        if self.seen < 2:
            return np.nan
        errors, spread = np.atleast_1d(self.errors), np.atleast_1d(self.spread)
        scores = np.where(errors == 0, 1.0, 0.0)  # where all targets are the same
        np.divide(spread - errors, spread, out=scores, where=spread > 0)
        return float(scores.mean())


def _numbers(name: str, prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    p, t = np.asarray(prediction, np.float64), np.asarray(target, np.float64)
    if (*p.shape, 1) == t.shape or (*t.shape, 1) == p.shape:
        p = p.reshape(t.shape)
    if p.shape != t.shape:
        raise FeedError(
            f"{name}: predictions of shape {p.shape} and targets of shape {t.shape} differ", source=where_am_i()
        )
    return p, t


accuracy = _Accuracy()
f1 = _F1()
auc = _AUC()
mae = _MAE()
r2 = _R2()
confusion_matrix = _Confusion()


def top_k(k: int) -> Metric:
    """The share of targets that are among the ``k`` best scores. Raises GraphError.

    Example: ``gd.train.metrics.top_k(2)([[0.1, 0.5, 0.4]], [2]) == 1.0``."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise GraphError(f"top_k: k is an integer from 1 on, got {k!r}", source=where_am_i())
    return _TopK(int(k))
