"""What is worked out while a model is read: arithmetic of shapes, over sizes that have names.

Owns: ``FOLDS``, for each operator that shapes are made with its meaning on arrays whose elements may be sizes. A fold
gives None for what it cannot work out, and the node becomes one of the graph; nothing here makes an array longer than
``LONGEST``.
Must not know: Tensors, graphs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir.dims import Dim, product
from . import known as exact
from .call import Call
from .known import Element, Known, known

LONGEST = 1 << 20  # elements of an array that is made longer than its operands
Folded = Known | Sequence[Known] | None
Fold = Callable[[Call, list[Known]], Folded]
FOLDS: dict[tuple[str, str], Fold] = {}


def folds(*names: str) -> Callable[[Fold], Fold]:
    def add(fold: Fold) -> Fold:
        FOLDS.update({("", name): fold for name in names})
        return fold

    return add


def _like(array: Any, xs: Sequence[Known]) -> Known:
    return known(array, xs[0].dtype)


# --------------------------------------------------------------------------------------- elementwise

Two = Callable[[Element, Element], Element]


def _elementwise(f: Two, plain: Callable[[np.ndarray, np.ndarray], Any]) -> Fold:
    def fold(call: Call, xs: list[Known]) -> Folded:
        out = xs[0]
        for x in xs[1:]:
            if out.plain and x.plain:
                with np.errstate(all="ignore"):
                    out = known(np.asarray(plain(out.array, x.array)), out.dtype)
                continue
            found = _each(f, out, x)
            if found is None:
                return None
            out = known(found, out.dtype)
        return out

    return fold


def _each(f: Callable[..., Element], *xs: Known) -> np.ndarray | None:
    """``f`` of elements, exactly, of operands that broadcast; None where it is so for one."""
    arrays = np.broadcast_arrays(*[_exact(x) for x in xs])
    out = np.empty(arrays[0].shape, object)
    if out.size > LONGEST:
        return None
    for i in np.ndindex(out.shape):
        operands = [a[i] for a in arrays]
        found = None if any(e is None for e in operands) else f(*operands)
        if found is None:
            return None
        out[i] = found
    return out


def _exact(x: Known) -> np.ndarray:
    out = np.empty(x.shape, object)
    for i in np.ndindex(x.shape):
        out[i] = exact.exactly(x.array[i], x.dtype)
    return out


def _truncated(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return a / b
    if not np.all(b):
        return a // b
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)


FOLDS["", "Add"] = FOLDS["", "Sum"] = _elementwise(exact.add, np.add)
FOLDS["", "Sub"] = _elementwise(exact.subtract, np.subtract)
FOLDS["", "Mul"] = _elementwise(exact.multiply, np.multiply)
FOLDS["", "Min"] = _elementwise(exact.minimum, np.minimum)
FOLDS["", "Max"] = _elementwise(exact.maximum, np.maximum)


@folds("Div")
def _div(call: Call, xs: list[Known]) -> Folded:
    floats = xs[0].dtype.kind == "f"
    return _elementwise(exact.divide if floats else exact.quotient, _truncated)(call, xs)


@folds("Mod")
def _mod(call: Call, xs: list[Known]) -> Folded:
    return _elementwise(exact.remainder, np.fmod if call.flag("fmod") else np.mod)(call, xs)


@folds("Neg", "Floor", "Ceil", "Abs", "Round", "Sqrt", "Not", "Sign", "Reciprocal", "Exp", "Log")
def _unary(call: Call, xs: list[Known]) -> Folded:
    (x,) = xs
    if x.plain:
        f = {"Neg": np.negative, "Abs": np.abs, "Not": np.logical_not, "Round": np.rint}.get(call.node.op)
        with np.errstate(all="ignore"):
            return _like(np.asarray((f or getattr(np, call.node.op.lower()))(x.array)), xs)
    rules: dict[str, Callable[[Element], Element]] = {
        "Neg": lambda e: exact.multiply(e, -1),
        "Floor": exact.floor,
        "Ceil": exact.ceil,
        "Abs": lambda e: e if isinstance(e, (int, Dim)) and exact.sign_of(e) == 1 else None,
    }
    found = _each(rules[call.node.op], x) if call.node.op in rules else None
    return None if found is None else _like(found, xs)


@folds("Pow")
def _pow(call: Call, xs: list[Known]) -> Folded:
    if xs[0].plain and xs[1].plain:
        with np.errstate(all="ignore"):
            return _like(np.asarray(np.power(xs[0].array, xs[1].array)), xs) if _powers(xs) else None
    found = _each(lambda a, b: a**b if isinstance(b, int) and 0 <= b <= 4 and isinstance(a, Dim) else None, *xs)
    return None if found is None else _like(found, xs)


def _powers(xs: list[Known]) -> bool:
    return xs[0].dtype.kind == "f" or bool(np.all(xs[1].array >= 0))


@folds("Cast")
def _cast(call: Call, xs: list[Known]) -> Folded:
    (x,) = xs
    to = call.importer.dtype(call.integer("to"), f"{call.node.label}: the result")
    if x.plain:
        with np.errstate(all="ignore"):
            return known(x.array.astype(to), to)
    if to.kind == "f":
        return Known(x.array, to)
    found = _each(exact.floor, x) if to.kind == "i" else None
    return None if found is None else known(found, to)


@folds("Identity")
def _identity(call: Call, xs: list[Known]) -> Folded:
    return xs[0]


@folds("Equal")
def _equal(call: Call, xs: list[Known]) -> Folded:
    a, b = xs
    if a.plain and b.plain:
        return known(a.array == b.array, bool)
    found = _compared(call, a, b)
    return None if found is None else known(found, bool)


def _compared(call: Call, a: Known, b: Known) -> np.ndarray | None:
    def same(x: Element, y: Element) -> Element:
        difference = exact.subtract(x, y)
        if not isinstance(difference, Dim):
            return difference == 0 if isinstance(difference, int) else False
        if exact.sign_of(difference) is None:
            call.importer.assume(x, y, False)
        return False

    return _each(same, a, b)


@folds("Less", "LessOrEqual", "Greater", "GreaterOrEqual")
def _order(call: Call, xs: list[Known]) -> Folded:
    compare = {"Less": np.less, "LessOrEqual": np.less_equal, "Greater": np.greater}.get(call.node.op, np.greater_equal)
    if xs[0].plain and xs[1].plain:
        return known(compare(xs[0].array, xs[1].array), bool)

    def decided(x: Element, y: Element) -> Element:
        difference = exact.subtract(x, y)
        sign = exact.sign_of(difference) if isinstance(difference, (int, Dim)) else None
        return None if sign is None else bool(compare(sign, 0))

    found = _each(decided, *xs)
    return None if found is None else known(found, bool)


@folds("And", "Or", "Xor")
def _logic(call: Call, xs: list[Known]) -> Folded:
    f = {"And": np.logical_and, "Or": np.logical_or}.get(call.node.op, np.logical_xor)
    return known(f(xs[0].array, xs[1].array), bool)


@folds("Where")
def _where(call: Call, xs: list[Known]) -> Folded:
    condition, yes, no = xs
    if not condition.plain:
        return None
    pair = [x.array if yes.plain and no.plain else x.array.astype(object) for x in (yes, no)]
    if math.prod(np.broadcast_shapes(condition.shape, yes.shape, no.shape)) > LONGEST:
        return None
    return known(np.where(condition.array, *pair), yes.dtype)


# --------------------------------------------------------------------------------------- movement


@folds("Gather")
def _gather(call: Call, xs: list[Known]) -> Folded:
    x, indices = xs
    if not indices.plain:
        return None
    return _like(np.take(x.array, indices.array, axis=call.integer("axis", 0)), xs)


@folds("Concat")
def _concat(call: Call, xs: list[Known]) -> Folded:
    arrays = [x.array for x in xs]
    if not all(x.plain for x in xs):
        arrays = [a.astype(object) for a in arrays]
    return _like(np.concatenate(arrays, axis=call.integer("axis")), xs)


@folds("Slice")
def _slice(call: Call, xs: list[Known]) -> Folded:
    x = xs[0].array
    if call.opset < 10:
        starts, ends = call.list_of("starts"), call.list_of("ends")
        axes, steps = call.list_of("axes", range(len(starts))), [1] * len(starts)
    else:
        if not all(v.plain for v in xs[1:]):
            return None
        starts, ends = call.ints(1, "the starts"), call.ints(2, "the ends")
        axes = call.ints(3, "the axes") if call.has(3) else [*range(len(starts))]
        steps = call.ints(4, "the steps") if call.has(4) else [1] * len(starts)
    cut: list[slice] = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = x.shape[axis]
        stop = None if step < 0 and end < -n else end
        cut[call.axis(axis, x.ndim)] = slice(start, stop, step)
    return _like(x[tuple(cut)], xs)


@folds("Squeeze", "Unsqueeze")
def _squeeze(call: Call, xs: list[Known]) -> Folded:
    x = xs[0].array
    if call.node.op == "Unsqueeze":
        given = call.ints(1, "the axes") if call.opset >= 13 else call.list_of("axes")
        return _like(np.expand_dims(x, tuple(given)), xs)
    axes = call.axes(x.ndim, 1, 13)
    return _like(np.squeeze(x, None if axes is None else tuple(axes)), xs)


@folds("Reshape", "Flatten")
def _reshape(call: Call, xs: list[Known]) -> Folded:
    x = xs[0].array
    if call.node.op == "Flatten":
        axis = call.integer("axis", 1)
        return _like(x.reshape(math.prod(x.shape[:axis]), -1), xs)
    if not xs[1].plain:
        return None
    shape = [int(s) for s in xs[1].array]
    if not call.flag("allowzero"):
        shape = [x.shape[i] if s == 0 else s for i, s in enumerate(shape)]
    return _like(x.reshape(shape), xs)


@folds("Transpose")
def _transpose(call: Call, xs: list[Known]) -> Folded:
    return _like(np.transpose(xs[0].array, call.raw("perm")), xs)


@folds("Expand", "Tile")
def _expand(call: Call, xs: list[Known]) -> Folded:
    x, to = xs
    if not to.plain:
        return None
    sizes = [int(s) for s in to.array.ravel()]
    if math.prod(sizes) * max(x.array.size, 1) > LONGEST:
        return None
    if call.node.op == "Tile":
        return _like(np.tile(x.array, sizes), xs)
    return _like(np.broadcast_to(x.array, np.broadcast_shapes(x.shape, tuple(sizes))), xs)


@folds("Split")
def _split(call: Call, xs: list[Known]) -> Folded:
    x, axis = xs[0].array, call.integer("axis", 0)
    if call.opset >= 13:
        sizes = call.ints(1, "the sizes") if call.has(1) else None
    else:
        sizes = call.raw("split")
    if sizes is None:
        n = len(call.node.outputs)
        each = -(-x.shape[axis] // n)
        sizes = [each] * (n - 1) + [x.shape[axis] - each * (n - 1)]
    ends = np.cumsum(sizes)[:-1]
    return [_like(p, xs) for p in np.split(x, ends, axis)]


# --------------------------------------------------------------------------------------- makers and reductions


@folds("Range")
def _range(call: Call, xs: list[Known]) -> Folded:
    if not all(x.plain for x in xs):
        return None
    start, stop, step = (x.array.ravel()[0] for x in xs)
    if step == 0 or not (stop - start) / step <= LONGEST:
        return None
    return _like(start + step * np.arange(max(0, math.ceil((stop - start) / step))), xs)


@folds("ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin")
def _reduce(call: Call, xs: list[Known]) -> Folded:
    x = xs[0].array
    axes = call.axes(x.ndim, 1, 13 if call.node.op == "ReduceSum" else 18)
    if not axes and call.flag("noop_with_empty_axes"):
        return xs[0]
    over, keep = tuple(axes or range(x.ndim)), call.flag("keepdims", True)
    if xs[0].plain:
        name = {"ReduceProd": "prod", "ReduceSum": "sum", "ReduceMax": "max"}.get(call.node.op, "min")
        return _like(np.asarray(getattr(x, name)(axis=over, keepdims=keep)), xs) if x.size else None
    if call.node.op != "ReduceProd" or len(over) != x.ndim:
        return None
    return _like(exact.objects(product(x.ravel())).reshape((1,) * x.ndim if keep else ()), xs)


@folds("NonZero")
def _nonzero(call: Call, xs: list[Known]) -> Folded:
    return known(np.asarray(np.nonzero(xs[0].array)), np.int64) if xs[0].plain else None


@folds("CumSum")
def _cumsum(call: Call, xs: list[Known]) -> Folded:
    if call.flag("exclusive") or call.flag("reverse") or not xs[0].plain:
        return None
    return _like(np.cumsum(xs[0].array, axis=int(xs[1].array.ravel()[0])), xs)


@folds("ScatterND", "ScatterElements")
def _scatter(call: Call, xs: list[Known]) -> Folded:
    x, indices, updates = xs
    if not indices.plain or call.text("reduction", "none") != "none" or x.array.ndim != 1:
        return None
    out = x.array.astype(object)
    out[indices.array.ravel()] = updates.array.ravel()
    return _like(out, xs)
