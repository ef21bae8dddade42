"""Leaves as one float64 vector, which is how solvers have them: ``Flat``, and functions of it.

Owns: which elements of the vector are which leaf's, the names by which data are given, and the compiled function of
vector and data. Invariant: a function made here reads no value of the leaves in the vector; they come by it alone.
Must not know: any solver.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import FeedError, GraphError, ShapeError
from ..ir.graph import Graph
from ..ir.node import topological
from ..ops.elementwise import astype
from ..ops.leaves import Watcher, check
from ..ops.leaves import input as input_leaf
from ..ops.messages import LONGEST, describe, where_am_i
from ..ops.movement import reshape
from ..ops.tensor import Tensor, constant
from ..ops.trees import tensors
from ..ops.types import Fed, Tensors
from ..runtime.compile import compile
from ..runtime.function import Function
from ..runtime.sizes import Sizes
from ..spelling import did_you_mean
from ..transforms.differentiate import check_leaves
from ..transforms.sparsity import SparseJacobian, at_sizes
from ..transforms.substitute import substitute
from ..wording import one_line

Data = Mapping[Tensor | str, Fed] | None
EXAMPLE = 100  # of a size, where an error writes one
FEW = 8  # numbers that an error writes out


class Flat:
    """``wrt``, a structure of parameters and inputs of known shapes, as the vector ``z`` (an input of float64).

    Raises GraphError and ShapeError for what is no such leaf."""

    def __init__(self, what: str, wrt: Tensors):
        self.what = what
        self.leaves, self.tree = tensors(what, wrt, "wrt")
        if not self.leaves or len(set(self.leaves)) != len(self.leaves):
            raise GraphError(f"{what}: wrt must be leaves, each once", source=where_am_i())
        for leaf in self.leaves:
            if leaf.node.op.name not in ("input", "parameter", "state") or leaf.dtype.kind != "f":
                raise GraphError(
                    f"{what}: wrt are parameters and inputs of floats, got {describe(leaf)}", source=where_am_i()
                )
            if not all(isinstance(s, int) for s in leaf.shape):
                shape = tuple(s if isinstance(s, int) else EXAMPLE for s in leaf.shape)
                raise ShapeError(
                    f"{what}: {describe(leaf)} must have a shape that is known; make it with a number for each size, "
                    f"as gd.{leaf.node.op.name}({leaf.name!r}, shape={shape})",
                    source=where_am_i(),
                )
        self.number = {leaf: k for k, leaf in enumerate(self.leaves)}
        self.sizes = [math.prod(self.shape(v)) for v in self.leaves]
        self.ends = np.cumsum(self.sizes).tolist()
        self.n = self.ends[-1]
        self.z = input_leaf(None, (self.n,), "float64")
        self._has_checks = False

    @staticmethod
    def shape(leaf: Tensor) -> tuple[int, ...]:
        return tuple(int(s) for s in leaf.shape)

    def at_z(self, values: Sequence[Tensor]) -> list[Tensor]:
        """The values as functions of the vector in place of the leaves, whose checks it has from now on.

        Raises GraphError where they depend on another leaf of the name of one of these."""
        check_leaves(self.what, values, self.leaves)
        if not self._has_checks:
            self._has_checks = True
            carry_checks(self.leaves, None, [self.z], self._moved)
        return self._moved(values)

    def frozen_at_z(self, values: Sequence[Tensor], data: Data) -> list[Tensor]:
        """As ``at_z``, with all else as it is now (:func:`frozen`)."""
        check_leaves(self.what, values, self.leaves)
        if not self._has_checks:
            self._has_checks = True
            carry_checks(
                self.leaves,
                data or (),
                [self.z],
                lambda found: self._moved(frozen(self.what, [*values, *found], data, self.leaves)[len(values) :]),
            )
        return self._moved(frozen(self.what, values, data, self.leaves))

    def _moved(self, values: Sequence[Tensor]) -> list[Tensor]:
        pieces = {
            leaf: astype(reshape(self.z[end - n : end], leaf.shape), leaf.dtype)
            for leaf, n, end in zip(self.leaves, self.sizes, self.ends)
        }
        return list(substitute(list(values), pieces))

    def pack(self, structure: Any) -> np.ndarray:
        """The vector of arrays in the structure of ``wrt``. Raises FeedError where they do not fit."""
        given = self.tree.spread(self.what, structure, "wrt", "values", FeedError, arrays=True)
        out = np.empty(self.n)
        for leaf, array, n, end in zip(self.leaves, given, self.sizes, self.ends):
            array = self._numbers(array, describe(leaf))
            if array.shape != self.shape(leaf):
                raise FeedError(
                    f"{self.what}: {leaf.name} has shape {self.shape(leaf)}, got {array.shape}", source=where_am_i()
                )
            out[end - n : end] = array.ravel()
        return out

    def unpack(self, z: np.ndarray) -> Any:
        """Arrays in the structure of ``wrt``."""
        z = self.checked(z)
        return self.tree.build(
            [
                z[end - n : end].reshape(self.shape(leaf)).astype(leaf.dtype)
                for leaf, n, end in zip(self.leaves, self.sizes, self.ends)
            ]
        )

    def checked(self, z: np.ndarray) -> np.ndarray:
        """``z`` as a float64 vector of the size there must be. Raises FeedError."""
        if not isinstance(z, np.ndarray) or z.dtype != np.float64:
            z = self._numbers(z, "the vector")
        if z.shape != (self.n,):
            raise FeedError(f"{self.what}: the vector has shape ({self.n},), got {z.shape}", source=where_am_i())
        return z

    def _numbers(self, given: Any, which: str) -> np.ndarray:
        """An array of float64 of real numbers. Raises FeedError."""
        array = np.asarray(given)
        if array.dtype.kind not in "biuf":
            told = f"{which} has no real numbers, got {one_line(repr(given), LONGEST)}"
            raise FeedError(f"{self.what}: {told}", source=where_am_i())
        return array.astype(np.float64, copy=False)

    def start(self, x0: Any = None) -> np.ndarray:
        """Where a solver begins: ``x0`` as a vector or in the structure of ``wrt``, else the values of parameters."""
        if x0 is not None:
            if isinstance(x0, np.ndarray) and x0.shape == (self.n,):
                return x0.astype(np.float64)
            return self.pack(x0)
        storages = [leaf.node.attrs.get("storage") for leaf in self.leaves]
        for leaf, storage in zip(self.leaves, storages):
            if storage is None:
                raise FeedError(
                    f"{self.what}: {describe(leaf)} has no value to begin from; give x0", source=where_am_i()
                )
        return np.concatenate([s.array.ravel().astype(np.float64) for s in storages if s is not None])

    def assign(self, z: np.ndarray) -> None:
        """Gives parameters and states among the leaves the values of ``z``."""
        for leaf, n, end in zip(self.leaves, self.sizes, self.ends):
            if leaf.node.attrs.get("storage") is not None:
                leaf.value = z[end - n : end].reshape(self.shape(leaf)).astype(leaf.dtype)

    def bounds(self, by_leaf: Mapping[Tensor, Any] | None) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest that each element may be, from pairs by leaf; infinite where there is no bound.

        Raises FeedError for another leaf, for what is no dict or no pair, where a bound does not broadcast to its leaf
        and where the lower one is above the upper."""
        low, high = np.full(self.n, -np.inf), np.full(self.n, np.inf)
        if not isinstance(by_leaf, (Mapping, type(None))):
            told = f"bounds go by leaf; {self._as_bounds()}, got {type(by_leaf).__name__}"
            raise FeedError(f"{self.what}: {told}", source=where_am_i())
        for leaf, pair in (by_leaf or {}).items():
            if not isinstance(leaf, Tensor) or leaf not in self.number:
                told = describe(leaf) if isinstance(leaf, Tensor) else repr(leaf)
                told = f"bounds of {told}, which is not among wrt; {self._as_bounds(leaf)}"
                raise FeedError(f"{self.what}: {told}", source=where_am_i())
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                told = f"bounds of {leaf.name} are a pair, low and high or None, got {one_line(repr(pair), LONGEST)}"
                raise FeedError(f"{self.what}: {told}", source=where_am_i())
            end = self.ends[self.number[leaf]]
            here = slice(end - self.sizes[self.number[leaf]], end)
            for side, given in zip((low, high), pair):
                if given is not None:
                    side[here] = self._bound(leaf, given)
        for i in np.flatnonzero(~(low <= high))[:1]:
            told = f"bounds of {self._element(i)} are {low[i]} and {high[i]}, and no number is between them; write the "
            raise FeedError(f"{self.what}: {told}lower one first, None for no bound", source=where_am_i())
        return low, high

    def between(self, start: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """Raises FeedError where ``start`` is outside of its bounds or these leave no room: some solvers want both."""
        for i in np.flatnonzero(low == high)[:1]:
            told = f"bounds of {self._element(i)} are both {low[i]}, so there is nothing to find; leave them apart, or "
            raise FeedError(f"{self.what}: {told}take what is known out of wrt", source=where_am_i())
        for i in np.flatnonzero((start < low) | (start > high))[:1]:
            told = f"{self._element(i)} begins at {start[i]}, outside of its bounds {low[i]} and {high[i]}; "
            within = np.clip(start, low, high).tolist()
            told += f"write x0=np.array({within})" if self.n <= FEW else "give an x0 that lies within them"
            raise FeedError(f"{self.what}: {told}", source=where_am_i())

    def _bound(self, leaf: Tensor, given: Any) -> np.ndarray:
        value, shape = self._numbers(given, f"a bound of {leaf.name}"), self.shape(leaf)
        if value.ndim > len(shape) or any(a not in (1, b) for a, b in zip(value.shape[::-1], shape[::-1])):
            told = f"{describe(leaf)} has a bound of shape {value.shape}"
            raise FeedError(f"{self.what}: {told}; write one number, or one an element", source=where_am_i())
        return np.broadcast_to(value, shape).ravel()

    def _as_bounds(self, like: Any = None) -> str:
        """What to write for bounds, of the leaf that has the name ``like`` if there is one."""
        names = [leaf.name or "x" for leaf in self.leaves]
        return f"write bounds={{{like if like in names else names[0]}: (low, high)}}"

    def _element(self, i: int) -> str:
        """What an element of the vector is of its leaf."""
        k = int(np.searchsorted(self.ends, i, side="right"))
        leaf, first = self.leaves[k], self.ends[k] - self.sizes[k]
        at = ", ".join(str(j) for j in np.unravel_index(i - first, self.shape(leaf)))
        return f"{leaf.name}[{at}]" if at else str(leaf.name)


class Feeds:
    """``data`` for the inputs under ``values``, but those ``apart``: arrays by leaf or name. Raises FeedError with all
    that is missing, and for what no value depends on."""

    def __init__(self, what: str, values: Sequence[Tensor], data: Data, apart: Sequence[Tensor] = ()):
        names = {v.name for v in apart}
        needed = {v.name: v for v in inputs_under(values) if v.name not in names}
        self.arrays: dict[str, np.ndarray] = {}
        known = data or {}
        if not isinstance(known, Mapping):
            told = f"data go by leaf or name, as data={_by_leaf(needed.values())}, got {type(data).__name__}"
            raise FeedError(f"{what}: {told}", source=where_am_i())
        for key, array in known.items():
            name = key.name if isinstance(key, Tensor) else key
            if name not in needed:
                raise FeedError(
                    f"{what}: data has {name!r}, which nothing depends on; inputs are {', '.join(needed) or 'none'}"
                    + did_you_mean(str(name), needed),
                    source=where_am_i(),
                )
            self.arrays[name] = np.asarray(array)
        missing = [v for name, v in needed.items() if name not in self.arrays]
        if missing:
            told = f"data misses {', '.join(map(describe, missing))}; write data={_by_leaf(needed.values())}"
            raise FeedError(f"{what}: {told}", source=where_am_i())


def _by_leaf(inputs: Iterable[Tensor]) -> str:
    """Data for inputs, as one writes them."""
    return "{" + ", ".join(f"{v.name}: array" for v in inputs) + "}"


def sized(what: str, values: Sequence[Tensor], data: Data, apart: Sequence[Tensor]) -> tuple[list[Tensor], Data]:
    """The values over inputs that have the shapes of ``data``, so that those leave no size open, and the data by these.
    Raises FeedError as Feeds does and for shapes that do not fit."""
    arrays, inputs = Feeds(what, values, data, apart).arrays, inputs_under(values)
    fed = {v for v in inputs if v.name in arrays}
    if all(isinstance(s, int) for v in fed for s in v.shape):
        known: dict[Tensor | str, Fed] = {v: arrays[v.name] for v in fed}
        return list(values), known
    graph = Graph(what, inputs, list(values))
    shapes: list[Any] = [arrays[v.name].shape if v in fed else v.shape for v in inputs]
    at = at_sizes(graph, Sizes(graph, graph).bind(shapes))
    leaves = [input_leaf(None, y.shape, v.dtype) if v in fed else v for v, y in zip(inputs, at.inputs)]
    known = {leaf: arrays[v.name] for v, leaf in zip(inputs, leaves) if v in fed}
    return list(substitute(list(at.outputs), dict(zip(at.inputs, leaves)))), known


def inputs_under(values: Sequence[Tensor]) -> list[Tensor]:
    """The inputs that values depend on."""
    return [v for node in topological(values) if node.op.name == "input" for v in node.outputs]


def frozen(what: str, values: Sequence[Tensor], data: Data, apart: Sequence[Tensor]) -> list[Tensor]:
    """The values with parameters and states as the constants they are now, and inputs but those ``apart`` as ``data``
    says: for hosts that take functions to be pure. Raises FeedError as Feeds does."""
    values, data = sized(what, values, data, apart)
    feeds = Feeds(what, values, data, apart)
    kept = set(apart)
    known: dict[Tensor, Tensor] = {}
    for node in topological(values):
        if node.op.name not in ("input", "parameter", "state"):
            continue
        for v in node.outputs:
            array = feeds.arrays.get(v.name) if node.op.name == "input" else node.attrs["storage"].array
            if array is not None and v not in kept:
                known[v] = constant(np.array(array, v.dtype))
    return list(substitute(list(values), known))


def _checks(leaves: Sequence[Tensor]) -> list[Watcher]:
    found = {id(w): w for leaf in leaves for w in leaf.node.attrs.get("watchers", ()) if w.kind == "check"}
    return list(found.values())


def check_again(leaves: Sequence[Tensor], given: Sequence[Tensor]) -> None:
    """Checks what the checks of ``leaves`` do of Tensors that stand for them, as in ``gd.vmap``."""
    for w in _checks(leaves):
        check(substitute(w.value.node.inputs[0], dict(zip(leaves, given))), w.text)


def carry_checks(
    leaves: Sequence[Tensor],
    fed: Iterable[Tensor | str] | None,
    on: Sequence[Tensor],
    through: Callable[[list[Tensor]], list[Tensor]],
) -> None:
    """Gives the checks of ``leaves`` to those that stand for them, ``on``, as ``through`` makes them of these.

    A check of an input that is neither among ``leaves`` nor ``fed`` is of other functions; None: all are fed."""
    checks = _checks(leaves)
    if fed is not None:
        known = {v.name for v in leaves} | {key.name if isinstance(key, Tensor) else key for key in fed}
        checks = [w for w in checks if all(v.name in known for v in inputs_under([w.value]))]
    if not checks:
        return
    for w, value in zip(checks, through([w.value for w in checks])):
        under = set(inputs_under([value]))
        for leaf in on:
            if leaf in under:
                leaf.node.attrs.setdefault("watchers", []).append(w._replace(value=value))


class Compiled:
    """``call(z, *more)``: outputs of a vector, and of further arrays for ``more``, the data behind them; pickles."""

    def __init__(self, flat: Flat, outputs: Any, feeds: Feeds, more: Sequence[Tensor] = ()):
        listed = outputs if isinstance(outputs, list) else [outputs]
        found = inputs_under([v.data if isinstance(v, SparseJacobian) else v for v in listed])
        inputs = [v for v in found if v.name in feeds.arrays]
        self.flat, self.data = flat, tuple(feeds.arrays[v.name] for v in inputs)
        self.function: Function = compile([flat.z, *more, *inputs], outputs, name=flat.what.replace(".", "_"))

    def __call__(self, z: np.ndarray, *more: Any) -> Any:
        return self.function(self.flat.checked(z), *more, *self.data)
