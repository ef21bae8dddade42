"""What the public functions make sure of, as one predicate for each primitive: for graphs that come from outside.

Type rules rely on it (a reshape's is the shape it is given), so a graph read from text is held to it node by node.
Owns the form of a law, what a declaration gives as ``law=``, the checks of attributes that laws share, and how a node
is held to one. Invariant: a node that any public function or derivative rule makes keeps its law.
Must not know: how text is read, any particular operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..ir.dims import Dim, Shape, Size
from ..ir.dtypes import CLASSES, DTYPES, FLOATS, TOGETHER
from ..ir.graph import Graph
from ..ir.node import Value

Values = Sequence[Value]
Attrs = dict[str, Any]


class Law(NamedTuple):
    """``operands``: the dtype class of each (``CLASSES``; "*" at the end: the last any number of times); ``attrs``: a
    check of each attribute's value; ``holds`` of operands and attributes that pass these."""

    operands: tuple[str, ...]
    attrs: dict[str, Callable[[Any], bool]]
    holds: Callable[[Values, Attrs], Any]


def law(
    operands: str, holds: Callable[[Values, Attrs], Any] = lambda xs, a: True, **attrs: Callable[[Any], bool]
) -> Law:
    """A law as declarations write it: ``law("any index", lambda xs, a: on_axis(xs[0], a["axis"]), axis=is_int)``."""
    return Law(tuple(operands.split()), attrs, holds)


def broken(name: str, found: Law | None, xs: Values, attrs: Attrs) -> str | None:
    """What a node of an operation would break, or None. Raises what type rules raise."""
    if found is None:
        return f"{name} cannot be read from text"
    classes = found.operands
    if classes and classes[-1] == "*":
        classes = classes[:-2] + (classes[-2],) * max(len(xs) - len(classes) + 2, 0)
    if len(classes) != len(xs):
        return f"{name} takes {len(classes)} operands, not {len(xs)}"
    common = None
    for v, c in zip(xs, classes):
        if c in TOGETHER:
            common = common or v.dtype
        if v.dtype not in CLASSES[c] or (c in TOGETHER and v.dtype is not common):
            return f"{name} does not take operands of {', '.join(x.dtype.name for x in xs)}"
    for key, check in found.attrs.items():
        if key not in attrs:
            return f"{name} needs {key}"
        if not check(attrs[key]):
            return f"{name} cannot have this {key}"
    if extra := attrs.keys() - found.attrs.keys():
        return f"{name} has no {', '.join(sorted(extra))}"
    try:
        holds = found.holds(xs, attrs)
    except IndexError:  # an operand has not the axis that the law looks at
        holds = False
    return None if holds else f"{name} does not take these operands and attributes together"


# --------------------------------------------------------------------------------------- kinds of attributes


def is_int(v: Any) -> bool:
    return type(v) is int


def is_bool(v: Any) -> bool:
    return type(v) is bool


def is_real(v: Any) -> bool:
    return type(v) is float


def is_offset(v: Any) -> bool:
    return type(v) is int or isinstance(v, Dim)


def is_size(v: Any) -> bool:
    return isinstance(v, Dim) or (type(v) is int and v >= 0)


def is_shape(v: Any) -> bool:
    return type(v) is tuple and all(map(is_size, v))


def are_offsets(v: Any) -> bool:
    return type(v) is tuple and all(map(is_offset, v))


def are_ints(v: Any) -> bool:
    return type(v) is tuple and all(map(is_int, v))


def is_pair(v: Any) -> bool:
    return are_ints(v) and len(v) == 2 and min(v) >= 1


def is_dtype(v: Any) -> bool:
    return any(v is d for d in DTYPES)


def is_float(v: Any) -> bool:
    return any(v is d for d in FLOATS)


def is_body(v: Any) -> bool:
    return isinstance(v, Graph) and not v.parameters and not v.updates


# --------------------------------------------------------------------------------------- what laws of several share


def on_axis(x: Value, axis: int) -> bool:
    return 0 <= axis < x.ndim


def beside(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def within(start: Size, count: Size, step: int, size: Size) -> bool:
    """Whether ``count`` elements from ``start`` lie in a dimension; sizes known only at the call are checked then."""
    if isinstance(start, Dim) or isinstance(count, Dim) or isinstance(size, Dim) or count == 0:
        return step != 0
    return step != 0 and 0 <= start < size and 0 <= start + (count - 1) * step < size


def all_within(starts: Any, counts: Any, steps: Any, sizes: Any) -> bool:
    return len(starts) == len(counts) == len(steps) == len(sizes) and all(map(within, starts, counts, steps, sizes))


def is_square(x: Value) -> bool:
    return x.ndim >= 2 and x.shape[-1] == x.shape[-2]
