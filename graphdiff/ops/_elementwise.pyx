# cython: language_level=3
"""What operations on elements do for every node of theirs, in C: the type of the result, the rule of the reverse sweep.

opdef.py declares them and has the rule of the forward sweep. Must not know: any particular operation but those that
derivatives are put together from; plans, kernels.
"""

from graphdiff.ir.dtypes import bool_
from graphdiff.ops.operands import broadcast_shape, sum_to
from graphdiff.ops.registry import op

cdef object BOOL = bool_


def infer_of(str name, bint is_test):
    """``Op.infer`` of the operation ``name``; ``is_test``: its results are bools."""

    def infer(xs, attrs):
        first = xs[0]
        shape = first.shape
        for x in xs:
            other = x.shape
            if other is not shape and other != shape:
                shape = broadcast_shape(name, xs) if shape and other else shape or other
        return ((shape, BOOL if is_test else first.dtype),)

    return infer


def vjp_of(tuple partials):
    """``Op.vjp`` of an operation of these partial derivatives."""

    def vjp(node, gs, wanted, d):
        cdef list out = []
        mask = d.mask
        for x, partial, needed in zip(node.inputs, partials, wanted):
            g = scaled(gs[0], partial, node) if needed else None
            if mask is not None and g is not None and callable(partial):
                g = d.kept(g)
            shape = x.shape
            out.append(g if g is None or g.shape is shape else sum_to(g, shape))
        return out

    return vjp


cpdef scaled(g, partial, node):
    """``g`` times a partial derivative of ``node``, which opdef.py explains; None where that is zero everywhere."""
    if type(partial) is int and partial == 1:
        return g
    value = partial(node.outputs[0], *node.inputs) if callable(partial) else partial
    if value is None:
        return None
    if callable(value):
        return value(g)
    if isinstance(value, int):
        return g if value == 1 else op("negative")(g)
    if value.dtype is BOOL:
        return op("where")(value, g, 0)
    return times(g, value, node.inputs)


cdef times(g, value, operands):
    """g * value; where that is a quotient u / v, as (g / v) * u: the other operand's derivative wants g / v too; where
    it is u * u, as (g * u) * u, which neither overflows nor vanishes before the result does. Not where it is an operand
    itself: what u and v are is not known, and each may overflow where u / v does not."""
    node = value.node
    for x in operands:
        if value is x:
            return op("multiply")(g, value)
    name = node.op.name
    if name == "negative":
        first = node.inputs[0]
        if first.node.op.name in ("divide", "multiply"):
            return op("negative")(times(g, first, operands))
    if name == "multiply":
        u, v = node.inputs
        if u is v:
            return op("multiply")(op("multiply")(g, u), u)
    if name == "divide":
        u, v = node.inputs
        return op("multiply")(op("multiply")(g, op("reciprocal")(v)), u)
    return op("multiply")(g, value)
