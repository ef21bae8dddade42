# cython: language_level=3
"""The sweep of simplify.py over the nodes of a graph, in C: what is done for every node that there is.

Each is brought to its final form: made again over the final form of its operands, folded, rewritten or given up for an
equal one. Invariants and passes are simplify.py's. Must not know: what the rows do; plans.
"""

from graphdiff.errors import GraphError
from graphdiff.ir._nodes import over
from graphdiff.ir.graph import Graph, shared
from graphdiff.ir.node import LEAVES, Node, Value, ambient, origin_of, topological
from graphdiff.ir.text import is_literal, type_text
from graphdiff.ops.naming import NAMED as NAMED_
from graphdiff.ops.rebuild import rebuild
from graphdiff.ops.registry import Branch, Loop
from graphdiff.ops.registry import Op as Op_
from graphdiff.ops.tensor import CONSTANT as CONSTANT_
from graphdiff.ops.tensor import constant
from graphdiff.transforms.fold import fold

include "../ir/slots.pxi"

cdef object CONSTANT = CONSTANT_, NAMED = NAMED_, LOOP = Loop, BRANCH = Branch, Op = Op_
cdef Py_ssize_t OP = slot_of(Node, "op"), INPUTS = slot_of(Node, "inputs"), ATTRS = slot_of(Node, "attrs")
cdef Py_ssize_t OUTPUTS = slot_of(Node, "outputs"), SERIAL = slot_of(Node, "serial"), ORIGIN = slot_of(Node, "origin")
cdef Py_ssize_t SOURCE = slot_of(Node, "source"), SCOPE = slot_of(Node, "scope")
cdef Py_ssize_t V_NODE = slot_of(Value, "node"), V_SHAPE = slot_of(Value, "shape"), V_DTYPE = slot_of(Value, "dtype")
cdef Py_ssize_t KERNEL = slot_of(Op, "kernel"), NAME = slot_of(Op, "name"), COMMUTATIVE = slot_of(Op, "commutative")


cdef class Sweep:
    """The state of one simplification. ``table``: of the rows, None where nothing is rewritten; ``last``: the serial
    of the youngest node that was there before; ``labels``: what people call values; ``simple(graph)``: an inner graph,
    simplified, and whether it has changed; ``known``: inner graphs by text. ``became``: only what changed."""

    cdef public dict became
    cdef dict seen, labels, known, rows
    cdef bint folds, merges
    cdef object table, simple, origin, moved_origin
    cdef long long last

    def __init__(self, table, bint folds, bint merges, dict known, long long last, dict labels, simple):
        self.table, self.folds, self.merges = table, folds, merges
        self.known, self.last, self.labels, self.simple = known, last, labels, simple
        self.became = {}
        self.seen = {}  # by the hash of what makes them equal
        self.rows = {}  # of the table, by the operation and what made its operands
        self.origin = self.moved_origin = None  # the last one met, and what it became

    def visit(self, list nodes):
        """Brings nodes, each after its operands, and what rows make of them, to their final form."""
        cdef dict became = self.became
        cdef list tasks = []
        for node in nodes:
            tasks.append(node)
            while tasks:
                task = tasks.pop()
                if type(task) is tuple:  # a replacement that is final by now
                    old, new = task
                    became[old] = became[new] if new in became else new
                    if old in self.labels:
                        self.call(became[old], self.labels[old])
                    continue
                current = self.renew(task)
                if self.folds and type(read(op_of(current), KERNEL)) is BRANCH and is_known(current):
                    tasks.extend(taken(task, current))
                    continue
                rewritten = self.rewrite(current)
                if rewritten is None:
                    self.finish(task, self.merged(current))
                    continue
                (y,) = current.outputs
                if rewritten.shape != y.shape or rewritten.dtype is not y.dtype:
                    raise GraphError(f"a rewrite of {node.op.name} gave {type_text(rewritten)} for {type_text(y)}")
                tasks.append((task.outputs[0], rewritten))
                made = made_since(current.serial, rewritten)
                for n in made:
                    if n.serial > current.serial:
                        n.rewrites = current.rewrites + 1
                tasks.extend(reversed(made))

    cdef finish(self, task, final):
        """``task``, which no row rewrites, is ``final`` in the end."""
        cdef tuple olds, news
        if final is task and not self.labels:
            return
        olds, news = <tuple>read(task, OUTPUTS), <tuple>read(final, OUTPUTS)
        if self.labels:
            for y, z in zip(olds, news):
                if y in self.labels:
                    self.call(z, self.labels[y])
        if final is not task:
            for y, z in zip(olds, news):
                self.became[y] = z

    cdef renew(self, node):
        """``node`` over the final form of its operands."""
        cdef dict became = self.became
        cdef tuple inputs
        cdef bint changed = False
        op = op_of(node)
        if self.labels and op is not CONSTANT:  # any node may get a label, and who built it sees it as it was
            node = over(node, read(node, INPUTS), read(node, ORIGIN))
        kernel = type(read(op, KERNEL))
        before = read(node, ATTRS)
        attrs = self.bodies(node) if kernel is LOOP or kernel is BRANCH else before
        if not became:
            return node if attrs is before else over(node, read(node, INPUTS), read(node, ORIGIN), attrs)
        origin = read(node, ORIGIN)
        inputs = <tuple>read(node, INPUTS)
        now = None if origin is None else self.moved(origin)
        for v in inputs:
            if v in became:
                changed = True
                break
        if changed:
            inputs = tuple([became.get(v, v) for v in inputs])
        elif now is origin and attrs is before and (<long long>read(node, SERIAL) > self.last or is_literal(node)):
            return node
        return over(node, inputs, now, attrs)

    cdef call(self, value, name):
        """Labels a value by a name that was given to what it was; leaves have names of their own."""
        node = value.node
        if node.op.name not in LEAVES and not value.name:
            labels = node.labels or ("",) * len(node.outputs)
            node.labels = (*labels[: value.index], name, *labels[value.index + 1 :])

    cdef moved(self, origin):
        """``origin`` with its forward node followed to what it became."""
        if origin is not self.origin:
            found = self.became.get(origin.node.outputs[0])
            is_node = found is not None and found.node.op.name not in LEAVES
            self.moved_origin = origin_of(found.node, origin.rule) if is_node else origin
            self.origin = origin
        return self.moved_origin

    cdef bodies(self, node):
        """The attributes of a node with simplified inner graphs; those that are equal are one object."""
        found = {}
        for key, inner in node.attrs.items():
            if isinstance(inner, Graph):
                simple, became = self.simple(inner)
                found[key] = shared(simple if became else inner, self.known)
        if all([node.attrs[key] is inner for key, inner in found.items()]):
            return node.attrs
        return {**node.attrs, **found}

    cdef rewrite(self, node):
        """What the first step that applies makes of a node, built in its name; else None."""
        cdef tuple inputs = <tuple>read(node, INPUTS)
        op = op_of(node)
        if op is CONSTANT:
            return None
        if op is NAMED:
            return inputs[0]
        folds = self.folds and inputs and op_of(read(inputs[0], V_NODE)) is CONSTANT
        rows = () if self.table is None else self.rows_of(op, inputs)
        if not rows and not folds:
            return None
        ambient.now = (read(node, ORIGIN), read(node, SOURCE), read(node, SCOPE))
        if folds:
            array = fold(node)
            if array is not None:
                return constant(array)
        for row in rows:
            result = row(node)
            if result is not None:
                return result
        return None

    cdef rows_of(self, op, tuple inputs):
        """The rows for a node of ``op``, by what made its operands."""
        cdef Py_ssize_t n = len(inputs)
        if n == 1:
            key = (op, op_of(read(inputs[0], V_NODE)))
        elif n == 2:
            key = (op, op_of(read(inputs[0], V_NODE)), op_of(read(inputs[1], V_NODE)))
        else:
            key = (op, frozenset([op_of(read(v, V_NODE)) for v in inputs]))
        found = self.rows.get(key)
        if found is None:
            found = self.rows[key] = self.table.of(op.name, {v.node.op.name for v in inputs})
        return found

    cdef merged(self, node):
        """An equal node met before, else ``node``."""
        cdef tuple inputs
        cdef dict attrs
        if not self.merges:
            return node
        op, inputs, attrs = op_of(node), <tuple>read(node, INPUTS), <dict>read(node, ATTRS)
        if op is CONSTANT:
            array = attrs["value"]
            key = hash((array.dtype, array.shape, array.tobytes()))
        else:
            operands = inputs
            if read(op, COMMUTATIVE):
                a, b = inputs
                if <size_t><PyObject *>b < <size_t><PyObject *>a:
                    operands = (b, a)
            name = read(op, NAME)
            try:
                key = hash((name, operands, tuple(attrs.items())) if attrs else (name, operands))
            except TypeError:  # an attribute that does not hash is equal to none
                return node
        found = self.seen.setdefault(key, node)
        return found if found is node or are_equal(found, node) else node


cdef bint is_known(branch) except -1:
    """Whether it is a constant which of the bodies runs."""
    return op_of(read((<tuple>read(branch, INPUTS))[0], V_NODE)) is CONSTANT


cdef list taken(task, branch):
    """What is left to do where ``branch``, which ``task`` is by now, is the body that its constant predicate takes: the
    body's nodes over the operands, the first last, below what each result becomes."""
    pred, *operands = branch.inputs
    body = branch.attrs["if_true" if pred.node.attrs["value"] else "if_false"]
    values = rebuild(body.outputs, dict(zip(body.inputs, operands)))
    nodes = [n for n in topological(values, stop=operands) if n.op.name not in LEAVES or n.op is CONSTANT]
    return [*zip(task.outputs, values), *reversed(nodes)]


cdef inline op_of(node):
    op = read(node, OP)
    if type(op) is not Op:
        raise TypeError(f"{op!r} is no operation")
    return op


cdef bint are_equal(a, b) except -1:
    """Whether two nodes of the same hash compute the same."""
    if a.op is CONSTANT and b.op is CONSTANT:
        x, y = a.attrs["value"], b.attrs["value"]
        return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
    if a.op.name != b.op.name or len(a.inputs) != len(b.inputs) or a.attrs != b.attrs:
        return False
    if all([v is w for v, w in zip(a.inputs, b.inputs)]):
        return True
    return a.op.commutative and a.inputs[0] is b.inputs[1] and a.inputs[1] is b.inputs[0]


cdef list made_since(long long serial, value):
    """The nodes under ``value`` that are younger than ``serial``, operands first, and the constants they use, which
    may have been made for another graph."""
    cdef set found = set()
    cdef list stack = [value.node]
    while stack:
        node = stack.pop()
        if (node.serial > serial or node.op is CONSTANT) and node not in found:
            found.add(node)
            stack.extend([v.node for v in node.inputs])
    return sorted(found, key=serial_of)


def serial_of(node):
    return read(node, SERIAL)
