"""The leaves of a model: what is fed, what is trained, what is kept, what is constant.

Owns: names of sizes, which array becomes a parameter, and the names that all of them have.
Must not know: nodes, rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

import graphdiff as gd

from ...errors import DTypeError, GraphError, ShapeError
from ...ir.dims import Size, as_shape, as_size, format_shape, named, names_of, substitute
from ...ir.dtypes import CODE, FLOATS
from ...ops.messages import where_am_i
from ...ops.tensor import Tensor
from ...spelling import did_you_mean
from .known import Known, known
from .scope import Roles, Value
from .source import GraphView, ModelView, dtype_of

_CURE = "write dtype='float32' to load, which converts it"


def is_half(dtype: np.dtype) -> bool:
    return dtype.name in ("float16", "bfloat16")


class Leaves:
    """Makes the leaves of one model: ``fed``, ``parameters`` and ``states`` by their names in the file."""

    def __init__(self, view: ModelView, floats: np.dtype | None, trainable: Any, roles: Roles):
        self.view, self.floats, self.roles = view, floats, roles
        self.fed: dict[str, Tensor] = {}
        self.parameters: dict[str, Tensor] = {}
        self.states: dict[str, Tensor] = {}
        self._made: dict[tuple[str, str], Tensor] = {}  # by the function that has it and its name there
        self._sizes: dict[str, Size] = {}  # what a name of the file is here
        self._taken: set[str] = set(view.graph.inputs)
        self.all = trainable is True
        self.patterns = self._patterns(trainable)
        self._unmatched = dict.fromkeys(self.patterns)
        self._floats_met: list[str] = []
        self._key: Tensor | None = None

    @staticmethod
    def _patterns(trainable: Any) -> list[str]:
        if isinstance(trainable, bool):
            return []
        if isinstance(trainable, str):
            return [trainable]
        if isinstance(trainable, (list, tuple, set, frozenset, dict)) and all(isinstance(p, str) for p in trainable):
            return list(trainable)
        told = f"trainable is True, False, or names and patterns of initializers, got {trainable!r}"
        raise GraphError(told, source=where_am_i())

    # ------------------------------------------------------------------ what is fed
    def inputs(self, shapes: Mapping[str, Any], constants: Mapping[str, Any]) -> dict[str, Value]:
        """Values of the model's inputs. Raises ShapeError, DTypeError and GraphError."""
        graph = self.view.graph
        names = [name for name in graph.inputs if name not in graph.arrays]
        for given in (shapes, constants):
            for name in given:
                if name not in names:
                    told = f"{self.view.label} has no input {name!r}{did_you_mean(name, names)}"
                    raise GraphError(f"{told}; its inputs are {', '.join(map(repr, names))}", source=where_am_i())
        declared = {name: self._declared(name, shapes) for name in names}
        given = {name: self._given(name, spec) for name, spec in shapes.items()}
        for name, shape in given.items():
            self._join(name, declared[name], shape)
        out: dict[str, Value] = {}
        for name in names:
            spec = graph.inputs[name]
            element = 0 if spec is None else spec[0]
            dtype = self.converted(dtype_of(element, f"the input {name!r}"))
            if name in constants:
                out[name] = self._constant(name, constants[name], dtype, declared[name])
                continue
            shape = given.get(name) or [self._size(name, axis, s) for axis, s in enumerate(declared[name] or ())]
            if dtype not in CODE:
                told = f"the input {name!r} is {dtype.name}, which graphdiff has not"
                raise DTypeError(told + (f"; {_CURE}" if is_half(dtype) else ""), source=where_am_i())
            out[name] = self.fed[name] = gd.input(name, tuple(shape), dtype)
        return out

    def _declared(self, name: str, shapes: Mapping[str, Any]) -> tuple[Any, ...] | None:
        spec = self.view.graph.inputs[name]
        sizes = None if spec is None else spec[1]
        if sizes is None and name not in shapes:
            told = f"the input {name!r} has no shape in the file: write shapes={{{name!r}: (...)}} to load"
            raise ShapeError(told, source=where_am_i())
        return sizes

    def _given(self, name: str, spec: Any) -> list[Size]:
        try:
            return list(as_shape(spec))
        except ShapeError as e:
            raise ShapeError(f"shapes[{name!r}]: {e.fact}", source=where_am_i()) from None

    def _join(self, name: str, declared: tuple[Any, ...] | None, shape: list[Size]) -> None:
        """Notes what names of the file are by a shape that was given."""
        if declared is None:
            return
        if len(declared) != len(shape):
            told = f"shapes[{name!r}] has {len(shape)} dimensions, the file {len(declared)}: {format_shape(shape)}"
            raise ShapeError(told, source=where_am_i())
        for axis, (old, new) in enumerate(zip(declared, shape)):
            if isinstance(old, int):
                if isinstance(new, int) and old != new:
                    told = f"shapes[{name!r}] has {new} along axis {axis}, the file {old}"
                    raise ShapeError(told, source=where_am_i())
            elif _is_name(old) and self._sizes.setdefault(old, new) != new:
                told = f"the size {old!r} of the file is given as {self._sizes[old]} and as {new}"
                raise ShapeError(told, source=where_am_i())

    def _size(self, name: str, axis: int, declared: Any) -> Size:
        """A size of the file here: a name as it is spelt, as far as a name can be, and a fresh one for none."""
        if isinstance(declared, int):
            return declared
        if not _is_name(declared):
            return named(self._fresh(f"{name}_{axis}"))
        if declared not in self._sizes:
            self._sizes[declared] = self._read_size(declared)
        return self._sizes[declared]

    def _read_size(self, text: str) -> Size:
        if text.isidentifier():
            self._taken.add(text)
            return named(text)
        try:
            size = as_size(text)
        except ShapeError:
            return named(self._fresh(text))
        known_names = {name: self._size("", 0, name) for name in names_of(size)}
        return substitute(size, known_names)

    def _fresh(self, text: str) -> str:
        """A name like ``text`` that is an identifier and that nothing else has."""
        name = re.sub(r"\W", "_", text)
        name = base = name if name.isidentifier() else f"_{name}"
        count = 1
        while name in self._taken or name in self._declared_names():
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        return name

    def _declared_names(self) -> set[str]:
        specs = self.view.graph.inputs.values()
        return {s for spec in specs if spec and spec[1] for s in spec[1] if isinstance(s, str)}

    def _constant(self, name: str, value: Any, dtype: np.dtype, declared: tuple[Any, ...] | None) -> Known:
        array = np.asarray(value)
        fits = declared is None or (
            array.ndim == len(declared) and all(not isinstance(d, int) or d == s for d, s in zip(declared, array.shape))
        )
        if not fits:
            sizes = "(" + ", ".join("?" if d is None else str(d) for d in declared or ()) + ")"
            told = f"constants[{name!r}] has shape {array.shape}, the file says {sizes}"
            raise ShapeError(told, source=where_am_i())
        if array.dtype != dtype and not (array.dtype.kind in "bif" and np.can_cast(array.dtype, dtype, "same_kind")):
            told = f"constants[{name!r}] is {array.dtype}, the file says {dtype.name}"
            raise DTypeError(f"{told}; write .astype({dtype.name!r})", source=where_am_i())
        return known(array.astype(dtype), dtype)

    # ------------------------------------------------------------------ arrays of the file
    def initializers(self, graph: GraphView, owner: str) -> dict[str, Value]:
        """Values of a graph's initializers."""
        return {name: self.weight(view, name, owner, self.roles) for name, view in graph.arrays.items()}

    def weight(self, source: Any, name: str, owner: str, roles: Roles) -> Value:
        """An array of the file, or a view of one, as a parameter, a state, or itself."""
        key = (owner, name)
        if key in self._made:
            return self._made[key]
        array = source if isinstance(source, np.ndarray) else source.array()
        dtype = self.converted(array.dtype)
        array = array.astype(dtype, copy=False)
        if dtype not in FLOATS:
            return known(array, dtype)
        self._floats_met.append(name)
        if name in roles.states and array.ndim:
            unique = self._unique(name, owner)
            self._made[key] = self.states[unique] = gd.state(unique, array)
        elif self._trained(name, array, roles):
            unique = self._unique(name, owner)
            self._made[key] = self.parameters[unique] = gd.parameter(unique, array)
        else:
            return known(array, dtype)
        return self._made[key]

    def _trained(self, name: str, array: np.ndarray, roles: Roles) -> bool:
        for pattern in self.patterns:
            if fnmatchcase(name, pattern):
                self._unmatched.pop(pattern, None)
                return True
        known_fixed = roles.is_setting(name) or name in self.view.constants
        return self.all and array.ndim > 0 and not known_fixed

    def check_patterns(self) -> None:
        """Raises GraphError for a pattern of ``trainable`` that fits no float array of the model."""
        for pattern in self._unmatched:
            near = did_you_mean(pattern, self._floats_met)
            raise GraphError(f"trainable: {pattern!r} fits no float array of the model{near}", source=where_am_i())

    def _unique(self, name: str, owner: str) -> str:
        base = unique = f"{owner}/{name}" if owner else name
        count = 1
        while unique in self.parameters or unique in self.states or unique in self.fed:
            count += 1
            unique = f"{base}_{count}"
        return unique

    def converted(self, dtype: np.dtype) -> np.dtype:
        return self.floats if self.floats is not None and (dtype.kind == "f" or is_half(dtype)) else dtype

    def key(self) -> Tensor:
        """The state that random numbers are drawn by, made when the first are."""
        if self._key is None:
            name = self._unique("random_key", "")
            self._key = self.states[name] = gd.state(name, np.int64(0))
        return self._key


def _is_name(size: Any) -> bool:
    """Whether a size of the file is a name that may stand elsewhere too; PaddlePaddle writes "?" for any size."""
    return isinstance(size, str) and size not in ("", "?", "-1")
