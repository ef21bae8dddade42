"""One node as its rule sees it: operands as Tensors or known arrays, attributes, errors that name the node.

Owns: :class:`Call`, and how a value known while reading becomes a Tensor and back.
Must not know: any operator, how a model is walked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np

import graphdiff as gd

from ...errors import DTypeError, GraphdiffError, GraphError, ShapeError
from ...ir.dims import Dim, Size
from ...ir.dtypes import CODE, FLOATS
from ...ir.node import NAMED_LEAVES, Node, topological
from ...ops.messages import call_text, where_am_i
from ...ops.tensor import Tensor
from .known import Element, Known, Ratio, known
from .scope import Scope, Value
from .source import ArrayView, GraphView, NodeView, Ref, Refused

Kind = TypeVar("Kind")
_NOT_FLOAT = "write dtype='float32' to load, which converts it"


class Reading(Protocol):
    """What a rule may ask of the model that is being read (load.py)."""

    def telling(self, error: GraphdiffError) -> GraphdiffError:
        """``error``, which names its node."""

    def dtype(self, element: int, what: str) -> np.dtype:
        """The dtype of an element type, floats as load was told to have them."""

    def converted(self, dtype: np.dtype) -> np.dtype:
        """A dtype of the file as load was told to have it."""

    def assume(self, a: Element, b: Element, equal: bool) -> None:
        """Two sizes are taken to be equal, or to differ, which is looked at in each call."""

    def constant(self, call: Call, array: np.ndarray, name: str) -> Value:
        """What a Constant or ConstantOfShape node holds: a parameter, or an array known now."""

    def subgraph(self, graph: GraphView, scope: Scope, values: Sequence[Value]) -> list[Value]:
        """What a branch or body gives for values of its inputs."""

    def fed(self) -> Collection[str]:
        """The names of inputs that are fed."""

    def key(self) -> Tensor:
        """A key for random numbers, another one for each node that draws."""


class Call:
    """A node with the values of its operands. ``opset``: the version of its domain that the model uses."""

    __slots__ = ("node", "values", "opset", "importer", "scope")

    def __init__(
        self, node: NodeView, values: Sequence[Value | None], opset: int, importer: Reading, scope: Scope
    ) -> None:
        self.node, self.values, self.opset, self.importer, self.scope = node, values, opset, importer, scope

    # ------------------------------------------------------------------ errors
    def fail(self, error: type[GraphdiffError], fact: str) -> NoReturn:
        """Raises ``error`` about this node."""
        raise self.importer.telling(error(f"{self.node.label}: {fact}", self._text(), where_am_i()))

    def _text(self) -> str:
        shown = [v if not isinstance(v, Known) else v.array for v in self.values if v is not None]
        return call_text(self.node.op, shown, {})

    # ------------------------------------------------------------------ operands
    def __len__(self) -> int:
        return len(self.values)

    def has(self, i: int) -> bool:
        """Whether operand ``i`` is given: those at the end may be left out, others are named ``""``."""
        return i < len(self.values) and self.values[i] is not None

    def value(self, i: int) -> Value:
        """Operand ``i`` as it is. Raises GraphError where it is left out."""
        found = self.values[i] if i < len(self.values) else None
        if found is None:
            self.fail(GraphError, f"operand {i} is left out, which {self.node.op} needs")
        return found

    def tensor(self, i: int = 0) -> Tensor:
        return self.as_tensor(self.value(i))

    def optional(self, i: int) -> Tensor | None:
        return self.tensor(i) if self.has(i) else None

    def tensors(self, count: int | None = None) -> list[Tensor]:
        """All operands; exactly ``count`` of them."""
        if count is not None and len(self.values) != count:
            self.fail(GraphError, f"{self.node.op} has {count} operands, got {len(self.values)}")
        return [self.tensor(i) for i in range(len(self.values))]

    def as_tensor(self, value: Value) -> Tensor:
        """A value as a Tensor. Raises DTypeError for a dtype that none has."""
        if not isinstance(value, Known):
            return value
        if value.dtype not in CODE:
            self.fail(DTypeError, f"an operand is {value.dtype.name}, which graphdiff has not{self._cure(value.dtype)}")
        return tensor_of(value)

    def _cure(self, dtype: np.dtype) -> str:
        return f"; {_NOT_FLOAT}" if dtype.name in ("float16", "bfloat16") else ""

    def known(self, i: int, what: str) -> np.ndarray:
        """Operand ``i`` as an array known now, of numbers or of objects some of which are sizes. Raises ShapeError
        where the model makes it of data."""
        value = self.settled(i)
        if not isinstance(value, Known):
            self.fail(ShapeError, f"{what} ({self.node.inputs[i]!r}) {self._made_of([value])}")
        return value.array

    def settled(self, i: int) -> Value:
        """Operand ``i``, known now where it is made of constants alone."""
        value = self.value(i)
        found = value if isinstance(value, Known) else evaluated(value)
        return value if found is None else found

    def _made_of(self, values: Sequence[Value]) -> str:
        """What is told of values that must be known and are not."""
        leaves = [n for n in topological([v for v in values if isinstance(v, Tensor)]) if n.op.name in NAMED_LEAVES]
        names = [n.name for n in leaves if n.name in self.importer.fed()]
        if not names:
            stored = ", ".join(f"the {n.op.name} {n.name!r}" for n in leaves if n.op.name != "input")
            made = f"is made of {stored}" if stored else "is known only at the call"
            return f"{made}, and must be known when the model is read"
        listed = ", ".join(f"{name!r}: ..." for name in names)
        made = " and ".join(map(repr, names))
        return f"is made of {made} at the call, and must be known when the model is read: write constants={{{listed}}}"

    def must_know(self, indices: Sequence[int], what: str) -> NoReturn:
        """Raises ShapeError: operands must be known, as ``what`` says."""
        self.fail(ShapeError, f"{what} {self._made_of([v for i in indices if (v := self.values[i]) is not None])}")

    def numbers(self, i: int, what: str) -> np.ndarray:
        """As ``known``, of numbers alone."""
        array = self.known(i, what)
        if array.dtype == object:
            self.fail(ShapeError, f"{what} depends on a named size ({array.ravel()[0]}), and must be a number")
        return array

    def sizes(self, i: int, what: str) -> list[Size]:
        """A list of integers of which some may be sizes, from an operand of one dimension or none."""
        return [self._whole(e, what) for e in self.known(i, what).ravel()]

    def _whole(self, e: Any, what: str) -> Size:
        if not isinstance(e, (Dim, int, np.integer)):
            self.fail(ShapeError, f"{what} has {e}, which is no whole number")
        return e if isinstance(e, Dim) else int(e)

    def size(self, i: int, what: str) -> Size:
        """One number or size, which may stand as a float."""
        (found,) = self.known(i, what).ravel()
        if isinstance(found, (float, np.floating)) and found == int(found):
            found = int(found)
        return self._whole(found, what)

    def ints(self, i: int, what: str) -> list[int]:
        return [int(e) for e in self.numbers(i, what).ravel()]

    # ------------------------------------------------------------------ attributes
    def attr(self, name: str, kind: type[Kind], default: Kind | None = None) -> Kind:
        """An attribute of a kind. Raises GraphError where it is missing or of another kind."""
        value = self.raw(name)
        if value is None:
            if default is None:
                self.fail(GraphError, f"the attribute {name!r} is missing")
            return default
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, kind):
            self.fail(GraphError, f"the attribute {name!r} is {value!r}, and must be {kind.__name__}")
        return value

    def raw(self, name: str) -> Any:
        """An attribute as it stands in the file, None where it is missing."""
        value = self.node.attrs.get(name)
        if isinstance(value, Ref):
            value = self.scope.attributes.get(value.name)
        if isinstance(value, Refused):
            self.fail(GraphError, f"the attribute {name!r} is of {value.kind}, which no operator here has")
        return None if isinstance(value, Ref) else value

    def integer(self, name: str, default: int | None = None) -> int:
        return self.attr(name, int, default)

    def number(self, name: str, default: float | None = None) -> float:
        return self.attr(name, float, default)

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.attr(name, int, int(default)))

    def text(self, name: str, default: str | None = None) -> str:
        return self.attr(name, str, default)

    def list_of(self, name: str, default: Sequence[Any] | None = None) -> list[Any]:
        value = self.raw(name)
        if value is None:
            if default is None:
                self.fail(GraphError, f"the attribute {name!r} is missing")
            return list(default)
        if not isinstance(value, list):
            self.fail(GraphError, f"the attribute {name!r} is {value!r}, and must be a list")
        return value

    def array(self, name: str) -> np.ndarray:
        return self.attr(name, ArrayView).array()

    def graph(self, name: str) -> GraphView:
        return self.attr(name, GraphView)

    def axes(self, ndim: int, operand: int, since: int) -> list[int] | None:
        """The attribute ``axes``, which is operand ``operand`` since an opset, as places from the front; None where
        it is not given."""
        if self.opset >= since:
            given = self.ints(operand, "the axes") if self.has(operand) else None
        else:
            given = self.raw("axes")
        return None if given is None else [self.axis(a, ndim) for a in given]

    def axis(self, axis: int, ndim: int) -> int:
        """An axis from the front. Raises ShapeError."""
        if not -ndim <= axis < ndim:
            self.fail(ShapeError, f"axis {axis} of {ndim} dimensions")
        return axis % ndim

    def dtype(self, element: int) -> np.dtype:
        """The dtype of an element type, as load was told to have floats."""
        found = self.importer.dtype(element, f"{self.node.label}: an attribute")
        if found not in CODE:
            self.fail(DTypeError, f"{found.name} is not among graphdiff's dtypes{self._cure(found)}")
        return found

    def results(self) -> int:
        """How many results the node gives names."""
        return max((i for i, name in enumerate(self.node.outputs, 1) if name), default=0)

    def wants(self, i: int) -> bool:
        """Whether result ``i`` has a name."""
        return i < len(self.node.outputs) and bool(self.node.outputs[i])


def tensor_of(value: Known) -> Tensor:
    """A known array of one of graphdiff's dtypes as a Tensor."""
    if value.plain:
        return gd.constant(value.array)
    rows = [_number(e, value.dtype) for e in value.array.ravel()]
    return rows[0] if not value.shape else gd.reshape(gd.stack(rows), value.shape)


def _number(e: Any, dtype: np.dtype) -> Tensor:
    if isinstance(e, Ratio):
        whole = gd.constant(e.top, dtype)
        return whole / e.bottom if dtype in FLOATS else gd.floor_divide(whole, e.bottom)
    return gd.constant(e if isinstance(e, Dim) else dtype.type(e), dtype)


def _open(node: Node) -> bool:
    """Whether a node without operands has a value only at the call."""
    sizes = [s for v in node.attrs.values() for s in (v if isinstance(v, tuple) else (v,))]
    return node.op.name in NAMED_LEAVES or any(isinstance(s, Dim) for s in sizes)


def evaluated(value: Tensor) -> Known | None:
    """A Tensor that is made of constants alone as the array that it is, else None."""
    seen, waiting = {value.node}, [value.node]
    while waiting:  # most are found to be made of an input after a few steps
        node = waiting.pop()
        if not node.inputs and node.op.name != "constant" and _open(node):
            return None
        fresh = {v.node for v in node.inputs} - seen
        seen |= fresh
        waiting += fresh
    arrays: dict[Any, np.ndarray] = {}
    for node in topological([value]):
        try:
            with np.errstate(all="ignore"):
                found = node.op.on_arrays([arrays[v] for v in node.inputs], node.attrs)
        except (LookupError, TypeError, ValueError):
            return None
        for v, array in zip(node.outputs, found if len(node.outputs) > 1 else [found]):
            arrays[v] = np.asarray(array, v.dtype)
    return known(arrays[value], value.dtype)
