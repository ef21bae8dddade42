"""Labelled data for classification: read, checked, scaled and split into a part to train on and one to test with.

Invariant: whatever comes out of here is finite float32 features in C order with int64 labels in 0..classes-1; what
cannot be made so is refused with the file, the place in it and what was expected there.
"""

import csv
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import GraphdiffError
from ..wording import count, one_line

FEATURES = ("x", "data", "images", "features")
# What reading a damaged archive raises, by the layer that notices: the numbers, zlib, zipfile, or the size it claims.
DAMAGE = (ValueError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, struct.error, MemoryError)
LABELS = ("y", "t", "target", "targets", "label", "labels", "class")


class DataError(GraphdiffError, ValueError):
    """Data that cannot be read, or that is not features with class labels."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """Features (n, d) float32 and labels (n,) int64, split in two; `classes[k]` is what label k was called."""

    name: str
    x_train: np.ndarray
    t_train: np.ndarray
    x_test: np.ndarray
    t_test: np.ndarray
    classes: tuple[str, ...]

    def __repr__(self) -> str:
        what = f"{count(self.size, 'sample')}, {count(self.features, 'feature')}, {len(self.classes)} classes"
        return one_line(f"<Dataset {self.name}: {what}>")

    @property
    def size(self) -> int:
        return len(self.t_train) + len(self.t_test)

    @property
    def features(self) -> int:
        return int(self.x_train.shape[1])


def digits(seed: int = 0) -> Dataset:
    """scikit-learn's 1,797 handwritten digits, images of 8×8.

    Raises ImportError where scikit-learn is missing.

    Example: ``data = gd.train.digits(seed=0)``.
    """
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    return prepare("digits", bunch.images, bunch.target, seed)


def read(path: str | Path, seed: int = 0) -> Dataset:
    """The data of an `.npz` archive or a CSV file.

    An archive holds features (n, ...) and labels (n,) under one of the usual pairs of names (x and y, data and target,
    images and labels), or in parts (x_train, y_train, x_test, y_test), which are joined and split anew. A CSV file has
    a row a sample; the label is the column named label, target, class or y in the first row, else the last one.

    Raises DataError, with the place, for a file that cannot be read or holds something else.

    >>> read("iris.csv").classes
    ('setosa', 'versicolor', 'virginica')
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: a file ending in .npz or .csv is expected")
    try:
        x, labels = readers[path.suffix.lower()](path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text: {error}") from error
    return prepare(str(path), x, labels, seed)


def prepare(name: str, x: np.ndarray, labels: np.ndarray, seed: int = 0, held_out: float = 0.2) -> Dataset:
    """Check, scale and split: of each class `held_out` of its samples are kept for the test, drawn by `seed`.

    Images (samples of two dimensions and more) are scaled by one mean and deviation, a table column by column, in both
    cases those of the part to train on.
    """
    if not (np.issubdtype(x.dtype, np.number) or x.dtype == bool) or np.iscomplexobj(x):
        raise DataError(f"{name}: features are {x.dtype}; real numbers are expected")
    if x.ndim < 2 or x.size == 0:
        raise DataError(f"{name}: features have shape {x.shape}; (samples, ...) with at least one of each is expected")
    if labels.shape != x.shape[:1]:
        raise DataError(f"{name}: features have shape {x.shape}, labels {labels.shape}; one label a sample is expected")
    if not np.isfinite(x).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise DataError(f"{name}: feature {place[1:]} of sample {place[0]} is {x[place]}")

    classes, t = np.unique(labels, return_inverse=True)
    if not 2 <= len(classes) <= max(2, len(t) // 2):
        raise DataError(
            f"{name}: {len(classes)} different labels among {len(t)} samples; "
            "at least two classes of several samples each are expected"
        )
    rng = np.random.default_rng(seed)
    of_class = [rng.permutation(np.flatnonzero(t == k)) for k in range(len(classes))]
    held = [round(len(rows) * held_out) for rows in of_class]
    test = np.concatenate([rows[:n] for rows, n in zip(of_class, held, strict=True)])
    train = np.concatenate([rows[n:] for rows, n in zip(of_class, held, strict=True)])
    if len(test) == 0:
        raise DataError(f"{name}: {len(t)} samples are too few to hold some out for the test")

    wide = x.astype(np.float64)
    axes = 0 if x.ndim == 2 else None
    with np.errstate(all="ignore"):  # what overflows is refused below
        deviation = np.std(wide[train], axis=axes)
        wide = (wide - wide[train].mean(axis=axes)) / np.where(deviation > 0, deviation, 1)
        flat = np.ascontiguousarray(wide.reshape(len(x), -1), dtype=np.float32)
    if not (np.isfinite(deviation).all() and np.isfinite(flat).all()):
        raise DataError(f"{name}: features reach {np.abs(x).max():g}, too large to scale")
    return Dataset(
        name,
        flat[train],
        t[train].astype(np.int64),
        flat[test],
        t[test].astype(np.int64),
        tuple(str(c) for c in classes),
    )


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as archive:
            arrays: dict[str, Any] = {name.lower(): archive[name] for name in archive.files}
    except DAMAGE as error:
        raise DataError(f"{path}: not an .npz archive of arrays: {error}") from error
    arrays = {name: a for name, a in arrays.items() if isinstance(a, np.ndarray)}

    def find(names: tuple[str, ...]) -> np.ndarray:
        for name in names:
            parts = [arrays[key] for key in (name, f"{name}_train", f"{name}_test") if key in arrays]
            if parts:
                try:
                    return np.concatenate(parts) if len(parts) > 1 else parts[0]
                except ValueError as error:
                    raise DataError(f"{path}: the parts of {name} do not fit together: {error}") from error
        raise DataError(f"{path}: has {', '.join(arrays) or 'no arrays'}; one of {', '.join(names)} is expected")

    return find(FEATURES), find(LABELS)


def _read_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            reader = csv.reader(file, skipinitialspace=True)
            lines = [(reader.line_num, row) for row in reader if row]
        except csv.Error as error:
            raise DataError(f"{path}: not CSV: {error}") from error
    if not lines:
        raise DataError(f"{path}: is empty")

    columns = len(lines[0][1])
    label = columns - 1
    if not any(_is_number(cell) for cell in lines[0][1][:-1]):
        names = [cell.strip().lower() for cell in lines.pop(0)[1]]
        label = next((i for i, name in enumerate(names) if name in LABELS), label)
    if not lines:
        raise DataError(f"{path}: has no rows below the names of the columns")
    rows, labels = [], []
    for number, row in lines:
        if len(row) != columns:
            raise DataError(f"{path}:{number}: has {len(row)} columns; {columns} are expected, as in the first row")
        labels.append(row.pop(label).strip())
        for cell in row:
            if not _is_number(cell):
                raise DataError(f"{path}:{number}: {cell!r} is not a number")
        rows.append([float(cell) for cell in row])
    return np.array(rows, dtype=np.float64), np.array(labels)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
