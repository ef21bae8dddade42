# cython: language_level=3
"""The reverse sweep of differentiate.py over the nodes of a graph, in C: what is done for every node that there is.

Owns: which values derivatives go through, who contributes to which adjoint, and in what order. Sums of contributions
and masks are differentiate.py's, whose invariants hold here too. Must not know: any operation.
"""

from graphdiff.ir.dtypes import FLOATS as FLOATS_
from graphdiff.ir.node import Node, Value, ambient, origin_of
from graphdiff.ops.registry import Loop, Op

include "../ir/slots.pxi"

cdef frozenset FLOATS = FLOATS_
cdef object LOOP = Loop
cdef Py_ssize_t OP = slot_of(Node, "op"), INPUTS = slot_of(Node, "inputs"), OUTPUTS = slot_of(Node, "outputs")
cdef Py_ssize_t SOURCE = slot_of(Node, "source"), SCOPE = slot_of(Node, "scope"), V_DTYPE = slot_of(Value, "dtype")
cdef Py_ssize_t NAME = slot_of(Op, "name"), KERNEL = slot_of(Op, "kernel"), VJP = slot_of(Op, "vjp")
cdef Py_ssize_t SELECTS = slot_of(Op, "selects"), DIFFERENTIABLE = slot_of(Op, "differentiable")


def activate(nodes, set active):
    """Adds to ``active`` the floating values of ``nodes`` that depend on one in it through operations that
    differentiate."""
    for node in nodes:
        for v in <tuple>read(node, INPUTS):
            if v in active:
                if read(read(node, OP), DIFFERENTIABLE):
                    for y in <tuple>read(node, OUTPUTS):
                        if read(y, V_DTYPE) in FLOATS:
                            active.add(y)
                break


cdef class Contributions:
    """What has been contributed to the adjoints of values, and the adjoints that are known: sums, as ``total(value,
    contributions)`` makes them."""

    cdef dict found
    cdef readonly dict adjoints
    cdef object total

    def __init__(self, total):
        self.found, self.adjoints, self.total = {}, {}, total

    cpdef bint add(self, value, g) except -1:
        """Whether this was the first contribution to ``value``."""
        cdef list there = self.found.get(value)
        if there is None:
            self.found[value] = [g]
            return True
        there.append(g)
        return False

    cpdef collect(self, value):
        """The adjoint of a value to which all has been contributed; None where nothing was."""
        cdef list there = self.found.pop(value, None)
        if there is None:
            return None
        g = there[0] if len(there) == 1 else self.total(value, there)
        self.adjoints[value] = g
        return g


def backward(
    list nodes, set active, dict forms, dict stands_for, Contributions contributions, masks, dict terms, set passed,
    differentiator, plain, refuse
):
    """Goes back over ``nodes`` from what was contributed to the outputs. ``forms``, ``stands_for``: stable forms by
    node, and the nodes that those of forms stand for; ``terms``, ``passed``: as ``pullback`` says; ``differentiator``:
    what rules are handed, made of a mask, and ``plain`` the one without; ``refuse(node, mode)``: raises where there is
    no rule."""
    cdef dict known = masks.known
    cdef dict rules = {}  # of each operation, its rule's name: one text for all its nodes
    cdef tuple inputs
    cdef list gs, wanted
    cdef bint reached, any_wanted, first
    cdef Py_ssize_t k
    for node in reversed(nodes):
        gs = []
        reached = any_wanted = False
        for y in <tuple>read(node, OUTPUTS):
            g = contributions.collect(y)
            gs.append(g)
            if g is not None:
                reached = True
        if not reached:
            continue
        inputs = <tuple>read(node, INPUTS)
        wanted = []
        for v in inputs:
            if v in active:
                any_wanted = True
                wanted.append(True)
            else:
                wanted.append(False)
        if not any_wanted:
            continue
        if forms and node in forms:
            form = forms[node]
            passed |= form.passed
            value = form.value
            if value in active:
                first = contributions.add(value, gs[0])
                mask = known.pop((<tuple>read(node, OUTPUTS))[0], None)
                if mask is not None:
                    masks.add(value, mask, first)
                else:
                    known.pop(value, None)
            continue
        op = read(node, OP)
        vjp = read(op, VJP)
        if vjp is None:
            refuse(node, "vjp")
        of = stands_for.get(node, node) if stands_for else node
        name = read(read(of, OP), NAME)
        rule = rules.get(name)
        if rule is None:
            rule = rules[name] = f"{name}.vjp"
        ambient.now = (origin_of(of, rule), read(node, SOURCE), read(node, SCOPE))  # as ``deriving``
        mask = masks.of(node, gs) if known else None
        d = plain if mask is None and type(read(op, KERNEL)) is not LOOP else differentiator(mask)
        below = None
        if mask is not None or read(op, SELECTS) is not None:
            below = masks.below(node, mask, wanted)
        found = vjp(node, gs, wanted, d)
        told = d.told
        if told:
            below = [(told[k], True) if k in told else None for k in range(len(inputs))]
        k = 0
        for v, g in zip(inputs, found):
            if g is not None and wanted[k]:
                first = contributions.add(v, g)
                if below is not None or known:
                    masks.add(v, None if below is None else below[k], first)
                if terms is not None:
                    terms[node, k] = g
            k += 1
