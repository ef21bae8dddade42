"""Functions of matrices, recognised by how users write them: v f(w) v^T of eigh, u f(s) vh of svd.

Through the vectors such a product has no derivative where eigenvalues or singular values are equal, though it has one
itself. So it is given a form with rules of its own: the vectors turn by divided differences of f, whose limit is the
slope of f; f of the values differentiates as any operation. A product of some of the columns (a projector) is one with
0 for the others. What else is made of vectors keeps the rules of eigh and svd, which give NaN there.
Must not know: the sweeps of derivatives, plans.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..ir.dims import Shape, Size
from ..ir.node import Node, Value
from ..ops.contraction import diagonal
from ..ops.customize import CUSTOM, Rules
from ..ops.elementwise import reciprocal
from ..ops.linalg.differences import NAN, divided_differences, divided_sums, quotients
from ..ops.linalg.matrices import symmetric_part, with_diagonal
from ..ops.matmul import matmul
from ..ops.movement import broadcast_to, expand_dims, matrix_transpose, place, reshape
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


def matrix_function(node: Node) -> Tensor | None:
    """The result of a matmul as a function of a symmetric matrix or of singular values, if it is written as one."""
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
    d = _values(left, right, values)
    slope = _slope(d, values)
    if slope is None:
        slope = broadcast_to(scalar(NAN, values.dtype), values.shape)
    y = node.outputs[0]
    if symmetric:
        return make(CUSTOM, (y, x, values, *vectors, d, slope), {"rules": _SYMMETRIC})
    return make(CUSTOM, (y, x, values, *vectors, d, slope), {"rules": _TURNED if turned else _SINGULAR})


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


def _slope(d: Tensor, w: Tensor) -> Tensor | None:
    """The derivative of each of ``d`` by the one of ``w`` in its place, where what they share (a sum over all, say)
    stays as it is: what is equal at equal values cancels in a difference. None where d is no such function."""
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
            if _is_shared(value, w) or not _depends(value, w):
                continue
            return None
        found.add(node)
        stack.extend(node.inputs)
    ts: dict[Value, Any] = {w: broadcast_to(scalar(1, w.dtype), w.shape)}
    for node in sorted(found, key=lambda n: n.serial):
        given = [ts.get(v) for v in node.inputs]
        if node.op.jvp is not None and any(t is not None for t in given):
            (t,) = node.op.jvp(node, given, _NO_MASK)
            if t is not None:
                ts[node.outputs[0]] = t
    t = ts.get(d)
    return broadcast_to(scalar(0, w.dtype), w.shape) if t is None else t


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


# --------------------------------------------------------------------------------------- rules
# Higham 2008, "Functions of matrices", section 3.2 (Daleckii and Krein): with P = V^T dA V and L the divided
# differences of f, d f(A) = V (L o P) V^T, which is its own transpose. For singular values (Noferini 2017, "A formula
# for the Frechet derivative of a generalized matrix function") the symmetric part of P = U^T dA V meets differences,
# the skew part sums, and what is outside of U or V meets f(s) / s. The diagonal is left to the values.


def _within(x: Any, left: Any, right: Any) -> Any:
    return matmul(matmul(matrix_transpose(left), x), matrix_transpose(right))


def _symmetric_vjp(g: Any, y: Any, x: Any, w: Any, v: Any, d: Any, slope: Any) -> Any:
    vt = matrix_transpose(v)
    p = symmetric_part(_within(g, v, vt))
    turned = matmul(matmul(v, divided_differences(w, d, slope) * p), vt)
    return turned, None, None, diagonal(p, 0, -2, -1), None


def _symmetric_jvp(ts: Any, y: Any, x: Any, w: Any, v: Any, d: Any, slope: Any) -> Any:
    vt = matrix_transpose(v)
    inner = divided_differences(w, d, slope) * symmetric_part(_within(ts[0], v, vt))
    return matmul(matmul(v, with_diagonal(ts[3]) + inner), vt)


def _turned(t: Any, s: Any, u: Any, vh: Any, d: Any, slope: Any, on_diagonal: Any) -> tuple[Any, Any]:
    """U (L o P) V^T and the rest for a change ``t`` of the matrix; and P."""
    p = _within(t, u, vh)
    pt = matrix_transpose(p)
    inner = divided_differences(s, d, slope) * ((p + pt) * 0.5) + divided_sums(s, d, slope) * ((p - pt) * 0.5)
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


_SYMMETRIC = Rules("matrix function", _symmetric_vjp, _symmetric_jvp)
_SINGULAR = Rules("function of singular values", _singular_vjp, _singular_jvp)
_TURNED = Rules("function of singular values, transposed", _transposed_vjp, _transposed_jvp)
