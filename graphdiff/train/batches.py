"""What a run is fed: arrays, data sets and iterables, cut into batches, and read ahead where reading takes time.

Invariants: the order of an epoch follows from seed and number of the epoch alone, so it can be had again anywhere; what
is larger than memory is read row by row.
Must not know: models; what a batch is used for.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from ..errors import FeedError
from ..ir.node import ambient, user_source
from ..ops.messages import where_am_i
from ..ops.trees import flatten, is_nest
from ..ops.types import Fed
from ..wording import count
from .data import Dataset
from .form import Structures

T = TypeVar("T")
# (x, t) of arrays or structures of them, a Dataset, a sequence of samples, or an iterable of batches
Data = tuple[Fed, Fed] | Dataset | Sequence[Any] | Iterable[Any]
Batch = list[np.ndarray]  # the arrays of a batch, those of x before those of t
AHEAD = 2  # batches that wait to be used


class Source:
    """Data as it is read. ``structures``: how the arrays of a batch are arranged, once one was read; ``rows``: how many
    there are, None where that is not known; ``slow``: whether reading takes time."""

    rows: int | None = None
    slow = True

    def __init__(self, what: str, name: str, floats: np.dtype, targets: bool):
        self._what, self._name, self._floats, self._targets = what, name, floats, targets
        self.structures: Structures | None = None

    def read(self, rows: np.ndarray) -> list[np.ndarray]:
        """These rows of each array."""
        raise AssertionError("what has no rows is iterated")

    def _taken(self, batch: Any, name: str) -> list[np.ndarray]:
        """The arrays of (x, t), or of x alone, floats as the model has them. Raises FeedError."""
        if self._targets:
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                told = f"{count(len(batch), 'item')}" if isinstance(batch, (tuple, list)) else type(batch).__name__
                raise FeedError(f"{self._what}: {name} is (x, t), got {told}", source=where_am_i())
            x, t = batch
        else:
            x, t = batch, None
        (xs, x_tree), (ts, t_tree) = (
            flatten(self._what, _without_lists(part), f"{name}[{k}]" if self._targets else name, _array)
            for k, part in enumerate((x, t))
        )
        found = Structures(x_tree, t_tree)
        if self.structures is None:
            self.structures = found
        elif not self.structures.alike(found):
            raise FeedError(f"{self._what}: {name} is of another structure than those before", source=where_am_i())
        return [self._cast(a) for a in (*xs, *ts)]

    def _cast(self, array: np.ndarray) -> np.ndarray:
        return array.astype(self._floats, copy=False) if array.dtype.kind == "f" else array


class Arrays(Source):
    """A structure of arrays of as many rows; batches are of some of the rows."""

    def __init__(self, what: str, data: Any, name: str, floats: np.dtype, targets: bool):
        super().__init__(what, name, np.dtype(np.float64), targets)
        names = (f"{name}[0]", f"{name}[1]") if targets else (name, "")
        parts = data if targets else (data, None)
        (xs, x), (ts, t) = (flatten(what, _without_lists(p), n, _array) for p, n in zip(parts, names))
        self.structures, self._leaves = Structures(x, t), [*xs, *ts]
        paths = [*x.paths(names[0]), *t.paths(names[1])]
        for array, path in zip(self._leaves, paths):
            if array.ndim == 0:
                raise FeedError(f"{what}: {path} is one number; an array of rows is expected", source=where_am_i())
        lengths = [len(a) for a in self._leaves]
        if not lengths or max(lengths) == 0:
            raise FeedError(f"{what}: {name} has no rows", source=where_am_i())
        if min(lengths) < max(lengths):
            told = ", ".join(f"{p} has {n}" for p, n in zip(paths, lengths))
            raise FeedError(f"{what}: arrays of as many rows are expected; {told}", source=where_am_i())
        self.rows = lengths[0]
        self.slow = any(_mapped(a) for a in self._leaves)
        self._floats = floats
        if not self.slow:
            self._leaves = [self._cast(a) for a in self._leaves]

    def read(self, rows: np.ndarray) -> list[np.ndarray]:
        if self.slow:
            return [self._cast(_rows(a, rows)) for a in self._leaves]
        return [a.take(rows, axis=0) for a in self._leaves]


class Samples(Source):
    """A sequence of samples, each a structure of arrays and numbers; batches are of some of them, stacked."""

    def __init__(self, what: str, data: Any, name: str, floats: np.dtype, targets: bool):
        super().__init__(what, name, floats, targets)
        self._data = data
        self.rows = len(data)
        if not self.rows:
            raise FeedError(f"{what}: {name} has no samples", source=where_am_i())

    def read(self, rows: np.ndarray) -> list[np.ndarray]:
        found = [self._taken(self._data[int(k)], f"{self._name}[{k}]") for k in rows]
        try:
            return [np.stack(column) for column in zip(*found)]
        except ValueError as error:
            told = f"{self._what}: samples of {self._name} cannot be stacked: {error}"
            raise FeedError(told, source=where_am_i()) from None


class Batches(Source):
    """An iterable that gives a batch at a time, begun anew for each pass."""

    def __init__(self, what: str, data: Iterable[Any], name: str, floats: np.dtype, targets: bool):
        super().__init__(what, name, floats, targets)
        self._data, self._used = data, False

    def __iter__(self) -> Iterator[Batch]:
        iterator = iter(self._data)
        if iterator is self._data and self._used:
            raise FeedError(
                f"{self._what}: {self._name} is a {type(self._data).__name__}, which can be passed once; "
                "give what can be iterated again, such as a list or an object with __iter__",
                source=where_am_i(),
            )
        self._used = True
        for k, batch in enumerate(iterator):
            arrays = self._taken(batch, f"batch {k} of {self._name}")
            if any(a.ndim == 0 for a in arrays) or not len(arrays[0]):
                raise FeedError(
                    f"{self._what}: batch {k} of {self._name} has no rows: its arrays have shapes "
                    f"{', '.join(str(a.shape) for a in arrays)}",
                    source=where_am_i(),
                )
            yield arrays


def opened(
    what: str, data: Any, name: str, floats: np.dtype, part: str = "test", targets: bool = True
) -> Arrays | Samples | Batches:
    """``data`` as a source. ``floats``: the dtype that floats are cast to; ``part``: of a Dataset, "train" or "test";
    ``targets``: whether there are such, or x alone. Raises FeedError."""
    if isinstance(data, Dataset):
        x, t = (data.x_train, data.t_train) if part == "train" else (data.x_test, data.t_test)
        return Arrays(what, (x, t) if targets else x, name, floats, targets)
    if not targets and isinstance(data, list) and data and not hasattr(data[0], "shape") and not is_nest(data):
        data = np.asarray(data)
    arrays = hasattr(data, "shape") or (isinstance(data, dict) and not targets)
    if isinstance(data, tuple) or (arrays and not targets):
        if targets and len(data) != 2:
            raise FeedError(f"{what}: {name} is (x, t), got {count(len(data), 'item')}", source=where_am_i())
        return Arrays(what, data, name, floats, targets)
    if isinstance(data, list) and not data:
        raise FeedError(f"{what}: {name} is empty", source=where_am_i())
    if not arrays and not isinstance(data, (str, bytes, dict)):
        if not isinstance(data, list) and hasattr(data, "__getitem__") and hasattr(data, "__len__"):
            return Samples(what, data, name, floats, targets)
        if hasattr(data, "__iter__"):
            return Batches(what, data, name, floats, targets)
    raise FeedError(
        f"{what}: {name} is {'(x, t)' if targets else 'arrays'}, a Dataset, a sequence of samples or an iterable of "
        f"batches, got {type(data).__name__}",
        source=where_am_i(),
    )


def order_of(rows: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which an epoch takes its rows."""
    return np.random.default_rng([seed, epoch]).permutation(rows)


def number_of(source: Source, batch_size: int, drop_last: bool) -> int | None:
    """How many batches a pass has, where that is known."""
    if source.rows is None:
        return None
    return source.rows // batch_size if drop_last else -(-source.rows // batch_size)


def passed(
    source: Source, batch_size: int, order: np.ndarray | None, drop_last: bool, skip: int = 0
) -> Iterator[Batch]:
    """The batches of a pass without the first ``skip``; in ``order``, or as they come."""
    batches = _cut(source, batch_size, order, drop_last, skip)
    return read_ahead(batches) if source.slow else batches


def _cut(source: Source, batch_size: int, order: np.ndarray | None, drop_last: bool, skip: int) -> Iterator[Batch]:
    if isinstance(source, Batches):
        for k, batch in enumerate(source):
            if k >= skip:
                yield batch
        return
    assert source.rows is not None
    last = source.rows - source.rows % batch_size if drop_last else source.rows
    for start in range(skip * batch_size, last, batch_size):
        stop = min(start + batch_size, last)
        yield source.read(np.arange(start, stop) if order is None else order[start:stop])


# ------------------------------------------------------------------ arrays
def _array(what: str, path: str, value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray):
        array = value
    else:
        try:
            array = np.asarray(value.detach() if hasattr(value, "detach") else value)
        except (ValueError, TypeError, RuntimeError) as error:
            raise FeedError(f"{what}: {path} is no array: {error}", source=where_am_i()) from None
    if array.dtype.kind not in "buif":
        raise FeedError(f"{what}: {path} is an array of {array.dtype}; numbers are expected", source=where_am_i())
    return array


def _without_lists(value: Any) -> Any:
    if isinstance(value, list):
        return np.asarray(value)
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(map(_without_lists, value))
    if isinstance(value, dict):
        return {key: _without_lists(v) for key, v in value.items()}
    return value


def _mapped(array: np.ndarray) -> bool:
    base: Any = array
    while base is not None:
        if isinstance(base, np.memmap):
            return True
        base = getattr(base, "base", None)
    return False


def _rows(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows of an array, read in the order in which they lie in its file."""
    order = np.argsort(rows)
    found = np.empty((len(rows), *array.shape[1:]), array.dtype)
    found[order] = array[rows[order]]
    return found


# ------------------------------------------------------------------ reading ahead
class _End:
    """What a thread puts last: None, or what it failed of."""

    def __init__(self, error: BaseException | None):
        self.error = error


class _Reader(Generic[T]):
    """A thread that has ``AHEAD`` of the next items ready."""

    def __init__(self, items: Iterator[T]):
        self._items = items
        self._found: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._left = False
        self._source = user_source()  # of errors: the thread's own frames are none of the user's
        self._thread = threading.Thread(target=self._read, name="graphdiff.train reads ahead", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        error = None
        _, _, scope = ambient.now
        ambient.now = (None, self._source, scope)
        try:
            while self._room.acquire() and not self._left:
                self._found.put(next(self._items))
        except StopIteration:
            pass
        except BaseException as failure:
            error = failure
        self._found.put(_End(error))

    def __iter__(self) -> Iterator[T]:
        while not isinstance(item := self._found.get(), _End):
            yield item
            self._room.release()
        if item.error is not None:
            raise item.error

    def leave(self) -> None:
        self._left = True
        self._room.release()
        self._thread.join(1.0)  # not for ever: it may be in the user's own code


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """The items, the next ones read by a thread meanwhile. What reading raises is raised where the item would come."""
    reader = _Reader(items)
    try:
        yield from reader
    finally:
        reader.leave()
