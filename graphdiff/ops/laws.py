"""What the public functions make sure of, as one predicate for each primitive: for graphs that come from outside.

Type rules rely on it (a reshape's is the shape it is given), so a graph read from text is held to it node by node.
Operations on elements need none of their own: arity and dtypes are in their declaration.
Invariant: a node that any public function or derivative rule makes keeps its law.
Must not know: how text is read.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..ir.dims import Dim, Shape, Size, broadcast, exact_div, product
from ..ir.dtypes import DTYPES, FLOATS, INTEGERS, bool_, int32, int64
from ..ir.graph import Graph
from ..ir.node import Value
from .conv import window_count
from .registry import Op

Values = Sequence[Value]
Attrs = dict[str, Any]


class Law(NamedTuple):
    """``operands``: a dtype class each ("*" at the end: the last any number of times); ``attrs``: a check of each
    value; ``holds`` of operands and attributes that pass these."""

    operands: tuple[str, ...]
    attrs: dict[str, Callable[[Any], bool]]
    holds: Callable[[Values, Attrs], Any]


LAWS: dict[str, Law] = {}


def law(
    names: str,
    operands: str,
    holds: Callable[[Values, Attrs], Any] = lambda xs, a: True,
    **attrs: Callable[[Any], bool],
) -> None:
    for name in names.split():
        LAWS[name] = Law(tuple(operands.split()), attrs, holds)


@functools.cache
def law_of(op: Op) -> Law | None:
    """The law of a primitive; None for one that has values no text can hold."""
    if op.arity is not None:
        return Law((_ACCEPTS[op.dtypes],) * op.arity, {}, lambda xs, a: True)
    return LAWS.get(op.name)


def broken(op: Op, xs: Values, attrs: Attrs) -> str | None:
    """What a node of an operation would break, or None. Raises what type rules raise."""
    name, found = op.name, law_of(op)
    if found is None:
        return f"{name} cannot be read from text"
    classes = found.operands
    if classes and classes[-1] == "*":
        classes = classes[:-2] + (classes[-2],) * max(len(xs) - len(classes) + 2, 0)
    if len(classes) != len(xs):
        return f"{name} takes {len(classes)} operands, not {len(xs)}"
    common = None
    for v, c in zip(xs, classes):
        if c in _ALIKE:
            common = common or v.dtype
        if v.dtype not in _CLASSES[c] or (c in _ALIKE and v.dtype is not common):
            return f"{name} does not take operands of {', '.join(x.dtype.name for x in xs)}"
    for key, check in found.attrs.items():
        if key not in attrs:
            return f"{name} needs {key}"
        if not check(attrs[key]):
            return f"{name} cannot have this {key}"
    if extra := attrs.keys() - found.attrs.keys():
        return f"{name} has no {', '.join(sorted(extra))}"
    return None if found.holds(xs, attrs) else f"{name} does not take these operands and attributes together"


_CLASSES = {
    "float": FLOATS,
    "number": FLOATS | INTEGERS,
    "integer": INTEGERS,
    "bits": INTEGERS | {bool_},
    "bool": {bool_},
    "any": frozenset(DTYPES),
    "each": frozenset(DTYPES),
    "index": INTEGERS,
    "int64": {int64},
    "int32": {int32},
}
_ALIKE = frozenset(("float", "number", "integer", "bits", "any"))  # one dtype throughout a node; others by themselves
_ACCEPTS = {
    "float": "float",
    "numeric": "number",
    "integer": "integer",
    "bool": "bool",
    "integer_or_bool": "bits",
    "any": "any",
}

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


# --------------------------------------------------------------------------------------- views and copies


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


law("reshape", "any", lambda xs, a: product(a["shape"]) == product(xs[0].shape), shape=is_shape)
law("broadcast_to", "any", lambda xs, a: broadcast(xs[0].shape, a["shape"]) == a["shape"], shape=is_shape)
law("permute_dims", "any", lambda xs, a: sorted(a["axes"]) == list(range(xs[0].ndim)), axes=are_ints)
law(
    "slice",
    "any",
    lambda xs, a: all_within(a["starts"], a["sizes"], a["steps"], xs[0].shape),
    starts=are_offsets,
    sizes=is_shape,
    steps=are_ints,
)
law(
    "place",
    "any any",
    lambda xs, a: xs[1].shape == () and all_within(a["starts"], xs[0].shape, a["steps"], a["shape"]),
    shape=is_shape,
    starts=are_offsets,
    steps=are_ints,
)
law(
    "concat",
    "any any *",
    lambda xs, a: all(
        on_axis(x, a["axis"]) and beside(x.shape, a["axis"]) == beside(xs[0].shape, a["axis"]) for x in xs
    ),
    axis=is_int,
)
law(
    "index",
    "",
    lambda xs, a: len(a["shape"]) == len(a["strides"]),
    shape=is_shape,
    offset=is_offset,
    strides=are_offsets,
)
law("stop_gradient", "any")
law("astype", "any", dtype=is_dtype)
law("where", "bool any any")


def _diagonal(xs: Values, a: Attrs) -> bool:
    (x,), axes, k = xs, a["axes"], a["offset"]
    if len(set(axes)) != 2 or len(axes) != 2 or not all(on_axis(x, i) for i in axes):
        return False
    rows, columns = (x.shape[i] for i in axes)
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        return rows == columns and a["length"] == rows - abs(k)
    return a["length"] == max(min(rows + min(k, 0), columns - max(k, 0)), 0)


law("diagonal", "any", _diagonal, offset=is_int, axes=are_ints, length=is_size)

# --------------------------------------------------------------------------------------- along axes


def _axes(xs: Values, a: Attrs) -> bool:
    return sorted(set(a["axes"])) == list(a["axes"]) and all(on_axis(xs[0], i) for i in a["axes"])


def _some(xs: Values, axes: Sequence[int]) -> bool:
    return all(xs[0].shape[i] != 0 for i in axes)


law("sum prod", "number", _axes, axes=are_ints)
law("max min", "number", lambda xs, a: _axes(xs, a) and _some(xs, a["axes"]), axes=are_ints)
law("all any", "bool", _axes, axes=are_ints)
law("argmax argmin", "number", lambda xs, a: on_axis(xs[0], a["axis"]) and _some(xs, [a["axis"]]), axis=is_int)
law("cumsum cumprod", "number", lambda xs, a: on_axis(xs[0], a["axis"]), axis=is_int, reverse=is_bool)
law(
    "recurrence",
    "float float",
    lambda xs, a: on_axis(xs[0], a["axis"]) and xs[0].shape == xs[1].shape,
    axis=is_int,
    reverse=is_bool,
    use_previous=is_bool,
)


def _sort(xs: Values, a: Attrs) -> bool:
    if not on_axis(xs[0], a["axis"]):
        return False
    n, k = xs[0].shape[a["axis"]], a["k"]
    return isinstance(n, Dim) or isinstance(k, Dim) or k <= n


law("sort", "any", _sort, axis=is_int, descending=is_bool, k=is_size)

# --------------------------------------------------------------------------------------- indices


def _take_vjp(xs: Values, a: Attrs) -> bool:
    g, idx = xs
    return 0 <= a["axis"] and a["axis"] + idx.ndim <= g.ndim and g.shape[a["axis"] :][: idx.ndim] == idx.shape


def _along(xs: Values, a: Attrs) -> bool:
    x, idx = xs
    return on_axis(x, a["axis"]) and x.ndim == idx.ndim and beside(x.shape, a["axis"]) == beside(idx.shape, a["axis"])


law("take", "any index", lambda xs, a: on_axis(xs[0], a["axis"]), axis=is_int)
law("take_vjp", "number index", _take_vjp, axis=is_int, size=is_size)
law("take_along_axis", "any index", _along, axis=is_int)
law(
    "take_along_vjp",
    "number index",
    lambda xs, a: on_axis(xs[0], a["axis"]) and xs[0].shape == xs[1].shape,
    axis=is_int,
    size=is_size,
)
law(
    "scatter_add",
    "number index number",
    lambda xs, a: xs[0].ndim > 0 and xs[2].shape == (*xs[1].shape, *xs[0].shape[1:]),
)
law("check_index", "index", limit=is_size, lowest=is_offset)
law("check_true", "bool", message=lambda v: type(v) is str)

# --------------------------------------------------------------------------------------- products


def _matmul(xs: Values, a: Attrs) -> bool:
    x, y = xs
    return (
        x.ndim >= 2 and y.ndim >= 2 and x.shape[-1] == y.shape[-2] and broadcast(x.shape[:-2], y.shape[:-2]) is not None
    )


def _counts(size: Shape, kernel: Shape, a: Attrs, pads: Sequence[int], dilation: Sequence[int]) -> Shape:
    return tuple(
        window_count("conv2d", size[i], int(kernel[i]), a["stride"][i], pads[2 * i], pads[2 * i + 1], dilation[i], ())
        for i in (0, 1)
    )


def _conv(image: Shape, weight: Shape, result: Shape, a: Attrs) -> bool:
    """Whether an image, a weight and a result belong together."""
    groups = a["groups"]
    return (
        len(image) == len(weight) == len(result) == 4
        and len(a["padding"]) == 4
        and (isinstance(groups, Dim) or groups >= 1)
        and image[0] == result[0]
        and weight[0] == result[1]
        and image[1] == weight[1] * groups
        and exact_div(weight[0], groups) is not None
        and is_pair(tuple(weight[2:]))
        and result[2:] == _counts(image[2:], weight[2:], a, a["padding"], a["dilation"])
    )


def _conv2d(xs: Values, a: Attrs) -> bool:
    x, w = (v.shape for v in xs)
    return (
        len(x) == len(w) == 4
        and len(a["padding"]) == 4
        and is_pair(tuple(w[2:]))
        and _conv(x, w, (x[0], w[0], *_counts(x[2:], w[2:], a, a["padding"], a["dilation"])), a)
    )


def _conv2d_dx(xs: Values, a: Attrs) -> bool:
    g, w = (v.shape for v in xs)
    return len(g) == len(w) == 4 and len(a["size"]) == 2 and _conv((g[0], w[1] * a["groups"], *a["size"]), w, g, a)


def _conv2d_dw(xs: Values, a: Attrs) -> bool:
    x, g = (v.shape for v in xs)
    if len(x) != 4 or len(g) != 4 or (not isinstance(a["groups"], Dim) and a["groups"] < 1):
        return False
    channels = exact_div(x[1], a["groups"])
    return channels is not None and _conv(x, (g[1], channels, *a["kernel"]), g, a)


def _attention(xs: Values, a: Attrs) -> bool:
    q, k, v = (x.shape for x in xs[:3])
    scores = (*q[:-1], k[-2]) if len(q) >= 2 and len(k) >= 2 else ()
    return (
        len(q) == len(k) == len(v) >= 2
        and q[:-2] == k[:-2] == v[:-2]
        and q[-1] == k[-1]
        and k[-2] == v[-2]
        and all(x.dtype is xs[0].dtype for x in xs[:3])
        and math.isfinite(a["scale"])
        and len(xs) <= 4
        and all(x.dtype in (xs[0].dtype, bool_) and broadcast(x.shape, scores) == scores for x in xs[3:])
        and not (a["causal"] and len(xs) == 4)
    )


def _attention_vjp(xs: Values, a: Attrs) -> bool:
    y = (*xs[0].shape[:-1], xs[2].shape[-1])
    return (
        _attention([*xs[:3], *xs[6:]], a)
        and xs[3].shape == xs[5].shape == y
        and xs[4].shape == (*y[:-1], 2)
        and all(x.dtype is xs[0].dtype for x in xs[3:6])
    )


_WINDOW: dict[str, Callable[[Any], bool]] = {
    "stride": is_pair,
    "padding": are_offsets,
    "dilation": is_pair,
    "groups": is_size,
}
law("matmul", "number number", _matmul)
law("attention", "float float float each *", _attention, causal=is_bool, scale=is_real)
law("attention_vjp", "float float float float float float each *", _attention_vjp, causal=is_bool, scale=is_real)
law("conv2d", "float float", _conv2d, **_WINDOW)
law("conv2d_dx", "float float", _conv2d_dx, size=is_shape, **_WINDOW)
law("conv2d_dw", "float float", _conv2d_dw, kernel=is_pair, **_WINDOW)


def _pools(size: Shape, a: Attrs) -> Shape | None:
    """How many windows there are, None where padding is more than half of one."""
    p, q = a["padding"]
    if not all(0 <= 2 * pad <= k for pad, k in zip(a["padding"], a["kernel"])):
        return None
    return _counts(size, a["kernel"], a, (p, p, q, q), (1, 1))


def _pool(xs: Values, a: Attrs) -> bool:
    return xs[0].ndim == 4 and len(a["padding"]) == 2 and _pools(xs[0].shape[2:], a) is not None


def _pool_vjp(xs: Values, a: Attrs) -> bool:
    return (
        xs[0].ndim == 4 and len(a["padding"]) == 2 and len(a["size"]) == 2 and _pools(a["size"], a) == xs[0].shape[2:]
    )


law("max_pool2d sum_pool2d", "float", _pool, kernel=is_pair, stride=is_pair, padding=are_ints)
law("sum_pool2d_vjp", "float", _pool_vjp, kernel=is_pair, stride=is_pair, padding=are_ints, size=is_shape)

# --------------------------------------------------------------------------------------- factorisations, random numbers


def _square(x: Value) -> bool:
    return x.ndim >= 2 and x.shape[-1] == x.shape[-2]


def _tall(x: Value) -> bool:
    return x.ndim >= 2 and (isinstance(x.shape[-2], Dim) or isinstance(x.shape[-1], Dim) or x.shape[-2] >= x.shape[-1])


def _factors(xs: Values) -> bool:
    a, f, pivots = xs[:3]
    return _square(a) and a.shape == f.shape and pivots.shape == a.shape[:-1]


def _right(a: Value, b: Value) -> bool:
    return _square(a) and b.ndim == a.ndim and b.shape[:-1] == a.shape[:-1]


law("linalg.cholesky linalg.eigh lu", "float", lambda xs, a: _square(xs[0]))
law("linalg.qr", "float", lambda xs, a: _tall(xs[0]))
law("linalg.svd", "float", lambda xs, a: xs[0].ndim >= 2, full_matrices=is_bool)
law(
    "linalg.solve_triangular",
    "float float",
    lambda xs, a: _right(*xs),
    lower=is_bool,
    transpose=is_bool,
    unit_diagonal=is_bool,
)
law("lu_solve", "float float int32 float", lambda xs, a: _factors(xs) and _right(xs[0], xs[3]), transpose=is_bool)
law("determinant", "float float int32", lambda xs, a: _factors(xs), log=is_bool)


def is_stream(v: Any) -> bool:
    return type(v) is int and 0 <= v < 2**32


law("random_unit", "int64", lambda xs, a: xs[0].shape == (), shape=is_shape, dtype=is_float, stream=is_stream)
law(
    "random_below",
    "int64 int64",
    lambda xs, a: xs[0].shape == () and xs[1].shape in ((), a["shape"]),
    shape=is_shape,
    stream=is_stream,
)

# --------------------------------------------------------------------------------------- loops and branches


def _types(values: Sequence[Value]) -> list[tuple[Shape, Any]]:
    return [(v.shape, v.dtype) for v in values]


def _loop(xs: Values, a: Attrs) -> bool:
    operands, body, condition, n, m = list(xs), a["body"], a["condition"], a["n_carry"], a["n_xs"]
    if a["counted"] and (not operands or _types([operands.pop()]) != [((), int64)]):
        return False
    if n < 0 or m < 0 or n + m > len(operands):
        return False
    carries, rows, captured = _types(operands[:n]), operands[n : n + m], _types(operands[n + m :])
    if any(x.ndim == 0 or x.shape[0] != a["length"] for x in rows):
        return False
    if condition is not None and (
        _types(condition.inputs) != carries + captured or _types(condition.outputs) != [((), bool_)]
    ):
        return False
    return (
        _types(body.inputs) == carries + [(x.shape[1:], x.dtype) for x in rows] + captured
        and _types(body.outputs[:n]) == carries
    )


def _branch(xs: Values, a: Attrs) -> bool:
    yes, no = a["if_true"], a["if_false"]
    return (
        xs[0].shape == ()
        and xs[0].dtype is bool_
        and _types(xs[1:]) == _types(yes.inputs) == _types(no.inputs)
        and _types(yes.outputs) == _types(no.outputs)
    )


law(
    "loop",
    "each *",
    _loop,
    body=is_body,
    condition=lambda v: v is None or is_body(v),
    n_carry=is_int,
    n_xs=is_int,
    length=is_size,
    reverse=is_bool,
    counted=is_bool,
)
law("branch", "bool each *", _branch, if_true=is_body, if_false=is_body)
