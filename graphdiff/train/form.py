"""What the arrays of a batch are to a graph: how they are arranged, and which of their sizes stay the same.

Must not know: where batches come from; what graphs are made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import FeedError
from ..ops.messages import where_am_i
from ..ops.trees import Tree


class Structures(NamedTuple):
    """How the arrays of a batch are arranged: those the model is called with, and the targets."""

    x: Tree
    t: Tree

    def alike(self, other: Structures) -> bool:
        """Whether both have the same paths."""
        return self is other or (self.x.paths("x") == other.x.paths("x") and self.t.paths("t") == other.t.paths("t"))


class Form(NamedTuple):
    """The shapes and dtypes of the arrays of a batch; a size that differs between batches is a name."""

    shapes: tuple[tuple[int | str, ...], ...]
    dtypes: tuple[str, ...]

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray], floats: np.dtype) -> Form:
        """Of a first batch: the first sizes are of one name where they are alike."""
        rows = {a.shape[:1] for a in arrays}
        first: tuple[int | str, ...] = ("batch",) if len(rows) == 1 else ()
        shapes = tuple((*first[: a.ndim], *a.shape[len(first) :]) for a in arrays)
        return cls(shapes, tuple(_dtype(a.dtype, floats) for a in arrays))

    def fits(self, arrays: Sequence[np.ndarray]) -> bool:
        """Whether they have these sizes; raises FeedError for another number of axes."""
        sizes: dict[str, int] = {}
        for shape, array in zip(self.shapes, arrays):
            if len(shape) != array.ndim:
                told = f"a batch has an array of shape {array.shape} where those before it had {len(shape)} axes"
                raise FeedError(told, source=where_am_i())
            for declared, size in zip(shape, array.shape):
                if (sizes.setdefault(declared, size) if isinstance(declared, str) else declared) != size:
                    return False
        return True

    def widened(self, arrays: Sequence[np.ndarray]) -> Form:
        """One that these arrays fit, too. Sizes that have been the same in every batch so far have one name."""
        names: dict[tuple[int | str, int], int | str] = {}
        taken = {s for shape in self.shapes for s in shape if isinstance(s, str)}
        pairs = [list(zip(shape, array.shape)) for shape, array in zip(self.shapes, arrays)]
        for pair in (p for row in pairs for p in row):
            declared, size = pair
            if declared == size or pair in names:
                continue
            other = next((s for d, s in names if d == declared), None)
            name = declared if isinstance(declared, str) and other is None else f"size{len(taken)}"
            taken.add(name)
            names[pair] = name
        return self._replace(shapes=tuple(tuple(names.get(pair, pair[0]) for pair in row) for row in pairs))


def _dtype(dtype: np.dtype, floats: np.dtype) -> str:
    if dtype.kind == "f":
        return floats.name
    return {"b": "bool"}.get(dtype.kind, "int32" if dtype == np.int32 else "int64")


class Fed:
    """What a graph is fed so far, and whether more has to fit."""

    def __init__(self, form: Form | None = None) -> None:
        self.form = form
        self.structures: Structures | None = None

    def take(self, what: str, structures: Structures, arrays: Sequence[np.ndarray], floats: np.dtype) -> bool:
        """Whether the form is another one now, as these arrays did not fit. Raises FeedError."""
        if self.structures is not None and not self.structures.alike(structures):
            raise FeedError(f"{what}: the data is of another structure than what was fed before", source=where_am_i())
        first = self.structures is None
        self.structures = structures
        if self.form is None or len(self.form.shapes) != len(arrays):
            self.form = Form.of(arrays, floats)
        elif not self.form.fits(arrays):
            self.form = self.form.widened(arrays)
        else:
            return first
        return True
