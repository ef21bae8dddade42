"""Functions of matrices, recognised by how users write them: v f(w) v^T of eigh, u f(s) vh of svd.

Through the vectors such a product has no derivative where eigenvalues or singular values are equal, though it has one
itself. So it is given a form with rules of its own: the vectors turn by divided differences of f, whose limit is the
slope of f. A function of a symmetric matrix has a second derivative so too, by the differences of those. What f shares
between values, or has beside them, differentiates as any operation. A product of some of the columns (a projector) is
one with 0 for the others. What else is made of vectors keeps the rules of eigh and svd, which give NaN there.
Must not know: the sweeps of derivatives, plans.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from ..ir.dims import Shape, Size
from ..ir.node import NAMED_LEAVES, Node, Value, topological
from ..ops.contraction import diagonal
from ..ops.customize import CUSTOM, Rules
from ..ops.elementwise import reciprocal
from ..ops.linalg.differences import (
    NAN,
    Differences,
    divided_differences,
    divided_sums,
    off_diagonal,
    quotients,
    second_differences,
)
from ..ops.linalg.matrices import symmetric_part, with_diagonal
from ..ops.matmul import matmul
from ..ops.movement import broadcast_to, expand_dims, matrix_transpose, place, reshape
from ..ops.operands import sum_to
from ..ops.reduce import sum as sum_
from ..ops.registry import Tile
from ..ops.tensor import Tensor, make, scalar

DEPTH = 12  # operations between a product and the vectors, on each side

Part = tuple[Size, Size, int]  # of the columns: first, how many, step


class _Side(NamedTuple):
    """An operand of the product: ``vectors`` times ``inner`` factors by column, of which ``part`` is taken (None: all),
    times ``outer`` ones."""

    vectors: Value
    inner: list[Any]
    part: Part | None
    outer: list[Any]


class Function(NamedTuple):
    """``value`` is the product as a function of a matrix; ``passed``: values that its rules give no derivatives."""

    value: Tensor
    passed: set[Value]


def matrix_function(node: Node, kept: Collection[Value]) -> Function | None:
    """The result of a matmul as a function of a symmetric matrix or of singular values, if it is written as one; None
    where its rules would pass by what is ``kept``."""
    left = _side(node.inputs[0], -1)
    right = _side(node.inputs[1], -2) if left is not None else None
    if left is None or right is None or left.vectors.node is not right.vectors.node or left.part != right.part:
        return None
    found = left.vectors.node
    x: Any = found.inputs[0]
    symmetric = found.op.name == "linalg.eigh"
    vectors: list[Any] = list(found.outputs[1:] if symmetric else (found.outputs[0], found.outputs[2]))
    values: Any = found.outputs[0 if symmetric else 1]
    if symmetric:
        given = left.vectors is vectors[0] and right.vectors is vectors[0]
        turned = False
    else:
        turned = left.vectors is vectors[1]
        given = (right.vectors is vectors[0]) if turned else left.vectors is vectors[0] and right.vectors is vectors[1]
        given = given and vectors[0].shape[-1] == values.shape[-1] == vectors[1].shape[-2]
    if not given:
        return None
    passed = set(vectors)
    if passed & set(kept):
        return None
    d = _values(left, right, values)
    y = node.outputs[0]
    slope = _slope(d, values)
    if symmetric and slope is not None:
        own = _own(d, slope, values, kept)
        if own is not None:
            operands, moving = own
            value = make(CUSTOM, (y, x, values, *vectors, d, slope, *operands), {"rules": _FUNCTION})
            return Function(value, passed | moving)
    if slope is None:
        slope = _nowhere(values)
    rules = _SYMMETRIC if symmetric else _TURNED if turned else _SINGULAR
    return Function(make(CUSTOM, (y, x, values, *vectors, d, slope), {"rules": rules}), passed)


# --------------------------------------------------------------------------------------- how it is written


def _side(value: Value, axis: int) -> _Side | None:
    """What an operand is made of; ``axis``, -1 or -2, counts the vectors."""
    inner: list[Any] = []
    outer: list[Any] = []
    part: Part | None = None
    for _ in range(DEPTH):
        node, name = value.node, value.node.op.name
        if name in ("linalg.eigh", "linalg.svd"):
            columns = -2 if name == "linalg.svd" and value is node.outputs[2] else -1
            return _Side(value, inner, part, outer) if axis == columns else None
        found: Any = None
        if name == "permute_dims":
            axes, n = node.attrs["axes"], value.ndim
            if axes == (*range(n - 2), n - 1, n - 2):
                value, axis = node.inputs[0], -3 - axis
                continue
        elif name == "slice" and part is None:
            found = _part(node, axis)
            if found is not None:
                part, value = found, node.inputs[0]
                outer, inner = inner, []
                continue
        elif name == "negative":
            found = node.inputs[0], scalar(-1, value.dtype)
        elif name in ("multiply", "divide"):
            a, b = node.inputs
            if a.shape == value.shape and _is_row(b, axis):
                found = a, _row(b if name == "multiply" else reciprocal(b), axis)
            elif name == "multiply" and b.shape == value.shape and _is_row(a, axis):
                found = b, _row(a, axis)
        elif name == "matmul":
            a, b = node.inputs if axis == -1 else reversed(node.inputs)
            d = _diagonal(b)
            if d is not None:
                found = a, d
        if found is None:
            return None
        value = found[0]
        inner.append(found[1])
    return None


def _part(node: Node, axis: int) -> Part | None:
    a, x = node.attrs, node.inputs[0]
    k = axis + x.ndim
    for i, (start, size, step) in enumerate(zip(a["starts"], a["sizes"], a["steps"])):
        if i != k and (start != 0 or size != x.shape[i] or step != 1):
            return None
    return a["starts"][k], a["sizes"][k], a["steps"][k]


def _is_row(x: Value, axis: int) -> bool:
    """Whether ``x`` has one number for each vector, or for all."""
    return x.ndim == 0 or (x.ndim == 1 or x.shape[-2] == 1 if axis == -1 else x.ndim >= 2 and x.shape[-1] == 1)


def _row(x: Any, axis: int) -> Tensor:
    """``x`` without the dimension that goes along the vectors."""
    if x.ndim < 2:
        return x
    return reshape(x, (*x.shape[:-2], x.shape[-1 if axis == -1 else -2]))


def _diagonal(value: Value) -> Any:
    """d where ``value`` is diag(d), as gd.diag builds it."""
    if value.node.op.name != "where" or value.ndim != 2:
        return None
    on, d, else_ = value.node.inputs
    if not _is_number(else_, 0) or on.node.op.name != "equal" or d.node.op.name != "reshape" or d.shape[-1] != 1:
        return None
    apart, zero = on.node.inputs
    a = apart.node.attrs
    if apart.node.op.name != "index" or not _is_number(zero, 0) or (a["offset"], a["strides"]) != (0, (1, -1)):
        return None
    n = value.shape[-1]
    return reshape(d, (n,)) if value.shape == (n, n) == (d.shape[0], n) else None


def _is_number(value: Value, number: float) -> bool:
    node = value.node
    return not value.shape and node.op.name == "constant" and bool(node.attrs["value"] == number)


def _product(factors: list[Any]) -> Any:
    total = None
    for f in factors:
        total = f if total is None else total * f
    return total


def _values(left: _Side, right: _Side, values: Any) -> Tensor:
    """The number for each vector, of the shape of ``values``."""
    d = _product(left.inner + right.inner)
    if left.part is not None:
        start, size, step = left.part
        outer = _product(left.outer + right.outer)
        if outer is None or outer.ndim == 0 or outer.shape[-1] != size:
            one = scalar(1, values.dtype) if outer is None else outer
            outer = broadcast_to(one, (*one.shape[:-1], size))
        lead = outer.ndim - 1
        shape: Shape = (*outer.shape[:-1], values.shape[-1])
        placed = place(outer, 0, shape=shape, starts=(0,) * lead + (start,), steps=(1,) * lead + (step,))
        d = placed if d is None else d * placed
    if d is None:
        d = scalar(1, values.dtype)
    return d if d.shape == values.shape else broadcast_to(d, values.shape)


# --------------------------------------------------------------------------------------- the slope of f


def _nowhere(w: Any) -> Tensor:
    """The slope of what has none."""
    return broadcast_to(scalar(NAN, w.dtype), w.shape)


MOST = 8  # numbers that the values of a function share


def _own(d: Tensor, slope: Tensor, w: Any, kept: Collection[Value]) -> tuple[list[Tensor], set[Value]] | None:
    """For ``d``, a function of each of the values ``w`` by itself: its curvature; the numbers that the values share, or
    that stand beside them; for each of these the derivative of ``d`` by it, and the slope of that. And the values
    between w and d. None where something has a number for each value, or is kept."""
    found = _between(d, w)
    assert found is not None  # it has a slope
    moving = {w, *(y for node in found for y in node.outputs)}
    beside = dict.fromkeys(
        v for node in found for v in node.inputs if v not in moving and v.dtype is d.dtype and v.node.inputs
    )
    beside.update(dict.fromkeys(v for node in found for v in node.inputs if v.node.op.name in NAMED_LEAVES))
    if d not in moving:
        return None
    if not all(_is_shared(v, w) for v in beside) or len(beside) > MOST or moving & set(kept):
        return None
    changes: list[Any] = [_tangent(d, w, found, v) for v in beside]
    slopes = [_slope(x, w) for x in (slope, *changes)]
    curvature, *turns = [_nowhere(w) if x is None else x for x in slopes]
    return [curvature, *beside, *changes, *turns], moving


def _slope(d: Tensor, w: Tensor) -> Tensor | None:
    """The derivative of each of ``d`` by the one of ``w`` in its place, where what they share (a sum over all, say)
    stays as it is: what is equal at equal values cancels in a difference. None where d is no such function."""
    found = _between(d, w)
    return None if found is None else _tangent(d, w, found, w)


def _tangent(d: Tensor, w: Tensor, found: Sequence[Node], by: Value) -> Tensor:
    """The derivative of each of ``d``, made by the nodes ``found``, by ``by``, of the shape of ``w``."""
    ts: dict[Value, Any] = {by: broadcast_to(scalar(1, by.dtype), by.shape)}
    for node in found:
        given = [ts.get(v) for v in node.inputs]
        if node.op.jvp is not None and any(t is not None for t in given):
            (t,) = node.op.jvp(node, given, _NO_MASK)
            if t is not None:
                ts[node.outputs[0]] = t
    t = ts.get(d)
    return broadcast_to(scalar(0, w.dtype) if t is None else t, w.shape)


def _between(d: Tensor, w: Tensor) -> list[Node] | None:
    """The nodes that make each of ``d`` of the one of ``w`` in its place, operands first; None where there are others
    that do."""
    start = w.node.serial
    found: set[Node] = set()
    stack: list[Value] = [d]
    part: Part | None = None
    while stack:
        value = stack.pop()
        node = value.node
        if value is w or node.serial < start or node in found or not node.inputs:
            continue
        here = _place(node)
        if here is not None and (part is None or part == here):
            part = here
        elif not (isinstance(node.op.kernel, Tile) and len(node.outputs) == 1) and not _keeps_places(node):
            if _is_shared(value, w) or not (_depends(value, w) or _have_in_common(value, w.node.inputs[0])):
                continue
            return None
        found.add(node)
        stack.extend(node.inputs)
    return sorted(found, key=lambda n: n.serial)


class _NoMask:
    mask = None


_NO_MASK = _NoMask()


def _without_ones(shape: Shape) -> Shape:
    return tuple(s for s in shape if s != 1)


def _keeps_places(node: Node) -> bool:
    """Whether a view leaves each number to the vector it belongs to."""
    if node.op.name == "broadcast_to":
        return True
    return node.op.name == "reshape" and _without_ones(node.inputs[0].shape) == _without_ones(node.outputs[0].shape)


def _place(node: Node) -> Part | None:
    """Which of the last dimension a slice takes, or where it is put again."""
    if node.op.name not in ("slice", "place"):
        return None
    small, large = node.outputs[0], node.inputs[0]
    if node.op.name == "place":
        small, large = large, small
    a = node.attrs
    for start, step, m, n in list(zip(a["starts"], a["steps"], small.shape, large.shape))[:-1]:
        if (start, step) != (0, 1) or m != n:
            return None
    return (a["starts"][-1], small.shape[-1], a["steps"][-1]) if small.ndim else None


def _is_shared(value: Value, w: Value) -> bool:
    """Whether a value is one number for all vectors of a matrix."""
    rest = _without_ones(value.shape)
    return not rest or (value.shape[-1] == 1 and rest == _without_ones(w.shape[:-1]))


def _depends(value: Value, w: Value) -> bool:
    """Whether a value is made of ``w``, or of the vectors."""
    seen: set[Node] = set()
    stack = [value.node]
    while stack:
        node = stack.pop()
        if node is w.node:
            return True
        if node.serial > w.node.serial and node not in seen:
            seen.add(node)
            stack.extend(v.node for v in node.inputs)
    return False


def _have_in_common(value: Value, x: Value) -> bool:
    """Whether ``value`` and ``x`` are made of a leaf in common: numbers that are equal at equal values may then go
    apart where these do, at a rate that nothing here knows."""
    leaves = [{n for n in topological([v]) if n.op.name in NAMED_LEAVES} for v in (value, x)]
    return not leaves[0].isdisjoint(leaves[1])


# --------------------------------------------------------------------------------------- rules
# Higham 2008, "Functions of matrices", section 3.2 (Daleckii and Krein): with P = V^T dA V and L the divided
# differences of f, d f(A) = V (L o P) V^T, which is its own transpose. With T the divided differences of L it moves by
# V S V^T, S_ij = sum_k T_ikj (C_ik P_kj + P_ik C_kj), C = V^T dA' V, symmetric in all three directions. For singular
# values (Noferini 2017, "A formula for the Frechet derivative of a generalized matrix function") the symmetric part of
# P = U^T dA V meets differences, the skew part sums, and what is outside of U or V meets f(s) / s. There the diagonal
# is left to the values, and so it is for eigenvectors whose numbers are no function of each value.


def _within(x: Any, left: Any, right: Any) -> Any:
    return matmul(matmul(matrix_transpose(left), x), matrix_transpose(right))


def _along(t: Any, v: Any) -> Any:
    """P: the symmetric part of a matrix in the basis of the vectors."""
    return symmetric_part(_within(t, v, matrix_transpose(v)))


def _back(inner: Any, v: Any) -> Any:
    return matmul(matmul(v, inner), matrix_transpose(v))


def _shared(total: Any, number: Any) -> Any:
    """What a number that all values of a matrix share gets of a matrix of contributions."""
    total = sum_(total, axis=(-2, -1))
    return sum_to(total if number.ndim < 2 else expand_dims(total, -1), number.shape)


def _parts(beside: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    """The numbers beside the values, the derivatives by them, and the slopes of these."""
    n = len(beside) // 3
    return beside[:n], beside[n : 2 * n], beside[2 * n :]


def _function_vjp(g: Any, y: Any, x: Any, w: Any, v: Any, d: Any, slope: Any, curvature: Any, *beside: Any) -> Any:
    numbers, changes, _ = _parts(beside)
    cotangents = [_shared(g * _scaled(v, h), number) for number, h in zip(numbers, changes)]
    return (_moved(g, x, w, v, d, slope, curvature, beside), *(None,) * 5, *cotangents, *(None,) * (2 * len(numbers)))


def _function_jvp(ts: Any, y: Any, x: Any, w: Any, v: Any, d: Any, slope: Any, curvature: Any, *beside: Any) -> Any:
    numbers, changes, _ = _parts(beside)
    total = _moved(ts[0], x, w, v, d, slope, curvature, beside)
    for t, h in zip(ts[6:], changes[: len(numbers)]):
        total = total + _scaled(v, h * t)
    return total


def _scaled(v: Any, d: Any) -> Any:
    """v diag(d) v^T, as users write it."""
    return matmul(v * expand_dims(d, -2), matrix_transpose(v))


def _moved(t: Any, x: Any, w: Any, v: Any, d: Any, slope: Any, curvature: Any, beside: Sequence[Any]) -> Any:
    """How a function of a symmetric matrix moves where the matrix does by ``t``."""
    first = divided_differences(w, d, slope)
    y = _back(first.values * _along(t, v), v)
    return make(CUSTOM, (y, t, x, w, v, *first, curvature, *beside), {"rules": _MOVED})


def _turn(c: Any, p: Any, w: Any, first: Differences, curvature: Any) -> Any:
    """S for two directions."""
    t = second_differences(w, first, curvature)
    return sum_(t * (expand_dims(c, -1) * expand_dims(p, -3) + expand_dims(p, -1) * expand_dims(c, -3)), axis=-2)


def _moved_vjp(g: Any, y: Any, t: Any, x: Any, w: Any, v: Any, l: Any, error: Any, curvature: Any, *beside: Any) -> Any:
    numbers, changes, turns = _parts(beside)
    c, p = _along(g, v), _along(t, v)
    turned = _back(_turn(c, p, w, Differences(l, error), curvature), v)
    cotangents = [
        _shared(c * p * divided_differences(w, h, slope).values, number)
        for number, h, slope in zip(numbers, changes, turns)
    ]
    return (_back(l * c, v), turned, *(None,) * 5, *cotangents, *(None,) * (2 * len(numbers)))


def _moved_jvp(
    ts: Any, y: Any, t: Any, x: Any, w: Any, v: Any, l: Any, error: Any, curvature: Any, *beside: Any
) -> Any:
    _, changes, turns = _parts(beside)
    p = _along(t, v)
    inner = _turn(_along(ts[1], v), p, w, Differences(l, error), curvature) + l * _along(ts[0], v)
    for number_t, h, slope in zip(ts[7:], changes, turns):
        number_t = number_t if number_t.ndim < 2 else expand_dims(number_t, -1)
        inner = inner + divided_differences(w, h, slope).values * number_t * p
    return _back(inner, v)


def _symmetric_vjp(g: Any, y: Any, x: Any, w: Any, v: Any, d: Any, slope: Any) -> Any:
    p = _along(g, v)
    turned = _back(off_diagonal(divided_differences(w, d, slope).values) * p, v)
    return turned, None, None, diagonal(p, 0, -2, -1), None


def _symmetric_jvp(ts: Any, y: Any, x: Any, w: Any, v: Any, d: Any, slope: Any) -> Any:
    inner = off_diagonal(divided_differences(w, d, slope).values) * _along(ts[0], v)
    return _back(with_diagonal(ts[3]) + inner, v)


def _turned(t: Any, s: Any, u: Any, vh: Any, d: Any, slope: Any, on_diagonal: Any) -> tuple[Any, Any]:
    """U (L o P) V^T and the rest for a change ``t`` of the matrix; and P."""
    p = _within(t, u, vh)
    pt = matrix_transpose(p)
    differences = off_diagonal(divided_differences(s, d, slope).values)
    inner = differences * ((p + pt) * 0.5) + divided_sums(s, d, slope) * ((p - pt) * 0.5)
    if on_diagonal is not None:
        inner = with_diagonal(on_diagonal) + inner
    total = matmul(matmul(u, inner), vh)
    tall, wide = u.shape[-1] != u.shape[-2], vh.shape[-1] != vh.shape[-2]
    q: Any = quotients(s, d, slope) if tall or wide else None
    if tall:
        tv = matmul(t, matrix_transpose(vh))
        total = total + matmul((tv - matmul(u, p)) * expand_dims(q, -2), vh)
    if wide:
        ut = matmul(matrix_transpose(u), t)
        total = total + matmul(u, expand_dims(q, -1) * (ut - matmul(p, vh)))
    return total, p


def _singular_vjp(g: Any, y: Any, x: Any, s: Any, u: Any, vh: Any, d: Any, slope: Any) -> Any:
    total, p = _turned(g, s, u, vh, d, slope, None)
    return total, None, None, None, diagonal(p, 0, -2, -1), None


def _singular_jvp(ts: Any, y: Any, x: Any, s: Any, u: Any, vh: Any, d: Any, slope: Any) -> Any:
    return _turned(ts[0], s, u, vh, d, slope, ts[4])[0]


def _transposed_vjp(g: Any, *operands: Any) -> Any:
    return _singular_vjp(matrix_transpose(g), *operands)


def _transposed_jvp(ts: Any, *operands: Any) -> Any:
    return matrix_transpose(_singular_jvp(ts, *operands))


_FUNCTION = Rules("matrix function", _function_vjp, _function_jvp)
_MOVED = Rules("change of a matrix function", _moved_vjp, _moved_jvp)
_SYMMETRIC = Rules("matrix function", _symmetric_vjp, _symmetric_jvp)
_SINGULAR = Rules("function of singular values", _singular_vjp, _singular_jvp)
_TURNED = Rules("function of singular values, transposed", _transposed_vjp, _transposed_jvp)
