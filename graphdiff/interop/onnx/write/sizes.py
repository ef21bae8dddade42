"""Sizes that are known only at the call, as arithmetic on the shapes of a model's inputs.

Owns: for each size the name of an int64 vector of one element in the outermost graph, made once.
Must not know: operators other than those of this arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....errors import GraphError
from ....ir.dims import Dim, Made, Size, evaluate, named, names_of, substitute
from ....ir.node import Value
from .asked import Whole
from .types import DOUBLE, INT64


class SizeWriter:
    """The sizes of one model."""

    def __init__(self, whole: Whole):
        self.whole = whole
        self.made: dict[Size, str] = {}
        self.shapes: dict[Value, str] = {}
        self.vectors: dict[tuple[Size, ...], str] = {}
        self.numbers: dict[Size, str] = {}

    def vector(self, sizes: Sequence[Size]) -> str:
        """The name of a vector of sizes."""
        key = tuple(sizes)
        if key not in self.vectors:
            parts = [self.one(s) for s in key]
            self.vectors[key] = parts[0] if len(parts) == 1 else self._add("Concat", parts, axis=0)
        return self.vectors[key]

    def one(self, size: Size) -> str:
        """The name of the vector whose one element is a size. Raises GraphError for a name that no input has."""
        if not isinstance(size, Dim):
            return self.whole.constant(np.array([size], np.int64))
        if size not in self.made:
            self.made[size] = self._name(size) if size.isidentifier() else self._sum(size)
        return self.made[size]

    def number(self, size: Size) -> str:
        """The name of the 0-d array that is a size."""
        if not isinstance(size, Dim):
            return self.whole.constant(np.array(size, np.int64))
        if size not in self.numbers:
            self.numbers[size] = self._add("Reshape", [self.one(size), self.whole.constant(np.zeros(0, np.int64))])
        return self.numbers[size]

    def range_of(self, size: Size) -> str:
        """The name of the vector 0, 1, ... of as many elements."""
        ends = [self.whole.constant(np.array(0)), self.number(size), self.whole.constant(np.array(1))]
        return self._add("Range", ends)

    def _add(self, op: str, inputs: Sequence[str], **attrs: int) -> str:
        self.whole.scope = ""
        return self.whole.main.add(op, inputs, [self.whole.fresh("size")], **attrs)

    def _name(self, name: Dim) -> str:
        for x in self.whole.inputs.values():
            if name in x.shape:
                return self._along(x, x.shape.index(name))
        for x in self.whole.inputs.values():
            for axis, s in enumerate(x.shape):
                found = self._solved(name, x, axis, s) if name in names_of(s) else None
                if found is not None:
                    return found
        raise GraphError(f"no input tells the size {name!r}, which is needed at the call")

    def _along(self, x: Value, axis: int) -> str:
        if x not in self.shapes:
            self.shapes[x] = self._add("Shape", [self.whole.main.name(x)])
        return self._add("Gather", [self.shapes[x], self.whole.constant(np.array([axis]))], axis=0)

    def _solved(self, name: Dim, x: Value, axis: int, size: Size) -> str | None:
        """``name`` from the axis of an input that is a multiple of it plus a number."""
        if names_of(size) != {name}:
            return None
        first = evaluate(size, {name: 0})
        slope = evaluate(size, {name: 1}) - first
        if not slope or substitute(size, {name: named(name)}) != named(name) * slope + first:
            return None
        rest = self._add("Sub", [self._along(x, axis), self.one(first)])
        return self._add("Div", [rest, self.one(slope)])

    def _sum(self, size: Dim) -> str:
        total: str | None = None
        constant = size.terms.get((), 0)
        for atoms, factor in size.terms.items():
            if not atoms:
                continue
            term = self._product(atoms)
            if total is not None and factor == -1:
                total = self._add("Sub", [total, term])
                continue
            if factor != 1:
                term = self._add("Mul", [term, self.one(factor)])
            total = term if total is None else self._add("Add", [total, term])
        assert total is not None
        return total if not constant else self._add("Add", [total, self.one(constant)])

    def _product(self, atoms: Sequence[str]) -> str:
        found = [self._made(a) if isinstance(a, Made) else self.one(named(a)) for a in atoms]
        total = found[0]
        for factor in found[1:]:
            total = self._add("Mul", [total, factor])
        return total

    def _made(self, atom: Made) -> str:
        a, *rest = [self.one(s) for s in atom.operands]
        if atom.kind == "least":
            self.whole.scope = ""
            return self.whole.main.least(a, rest[0])
        if atom.kind == "//" and self.whole.opset < 10:
            quotient = self._add("Div", [self._add("Cast", [v], to=DOUBLE) for v in (a, rest[0])])
            return self._add("Cast", [self._add("Floor", [quotient])], to=INT64)
        if atom.kind == "//":  # Div rounds towards 0, and this down
            return self._add("Div", [self._add("Sub", [a, self._add("Mod", [a, rest[0]])]), rest[0]])
        if atom.kind == "ceil_sqrt":
            root = self._add("Ceil", [self._add("Sqrt", [self._add("Cast", [a], to=DOUBLE)])])
            return self._add("Cast", [self._add("Max", [root, self.whole.constant(np.ones(1))])], to=INT64)
        raise GraphError(f"the size {atom} has no form in ONNX")
