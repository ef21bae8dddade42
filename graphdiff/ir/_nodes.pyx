# cython: language_level=3
"""What is done for every node that there is, in C: making one, making it again over other operands, the line of the
user's code it comes from, and the order of all that values depend on.

Owns: how a node's slots are filled, the serial numbers. The classes are Python's, ``ir/node.py``, which says where to
find them (``learn``). Must not know: any operation.
"""

include "slots.pxi"

cdef extern from *:
    """
    #define GD_FRAME() ((PyObject *)PyEval_GetFrame())
    #define GD_CODE(frame) ((PyObject *)PyFrame_GetCode((PyFrameObject *)(frame)))
    #define GD_LASTI(frame) PyFrame_GetLasti((PyFrameObject *)(frame))
    #define GD_LINE(frame) PyFrame_GetLineNumber((PyFrameObject *)(frame))
    """
    PyObject *GD_FRAME()
    object GD_CODE(object frame)
    int GD_LASTI(object frame)
    int GD_LINE(object frame)

cdef type NODE, SOURCE, ORIGIN_CLASS, RESULT
cdef object new_tuple = tuple.__new__
cdef object AMBIENT, NO_ATTRS, cell_of, is_inside
cdef Py_ssize_t OP, INPUTS, ATTRS, OUTPUTS, SERIAL, SOURCE_AT, ORIGIN, SCOPE, REWRITES, LABELS, CALLS
cdef Py_ssize_t V_NODE, V_INDEX, V_SHAPE, V_DTYPE
cdef long long last_serial = 0
# Code objects met on stacks, by id, each kept alive here: None for the package's own, else its lines by instruction.
cdef dict codes = {}
MOST_CODES = 10_000  # code made on the fly must not pile up


def learn(node_class, value_class, source_class, origin_class, ambient, no_attrs, cell, inside):
    """The classes whose slots are filled here; ``ambient.now``: what new nodes inherit; ``cell(file)``: what people
    call a file; ``inside(file)``: whether it is of the package."""
    global NODE, SOURCE, ORIGIN_CLASS, AMBIENT, NO_ATTRS, cell_of, is_inside
    global OP, INPUTS, ATTRS, OUTPUTS, SERIAL, SOURCE_AT, ORIGIN, SCOPE, REWRITES, LABELS, CALLS
    global V_NODE, V_INDEX, V_SHAPE, V_DTYPE
    NODE, SOURCE, ORIGIN_CLASS = node_class, source_class, origin_class
    AMBIENT, NO_ATTRS, cell_of, is_inside = ambient, no_attrs, cell, inside
    OP, INPUTS, ATTRS = slot_of(NODE, "op"), slot_of(NODE, "inputs"), slot_of(NODE, "attrs")
    OUTPUTS, SERIAL, SOURCE_AT = slot_of(NODE, "outputs"), slot_of(NODE, "serial"), slot_of(NODE, "source")
    ORIGIN, SCOPE, REWRITES = slot_of(NODE, "origin"), slot_of(NODE, "scope"), slot_of(NODE, "rewrites")
    LABELS, CALLS = slot_of(NODE, "labels"), slot_of(NODE, "calls")
    V_NODE, V_INDEX = slot_of(value_class, "node"), slot_of(value_class, "index")
    V_SHAPE, V_DTYPE = slot_of(value_class, "shape"), slot_of(value_class, "dtype")


def results_are(type value_class):
    """Of which class the results of operations are: their users', which is declared later."""
    global RESULT
    RESULT = value_class


cdef object value_of(type value_class, object node, object index, object shape, object dtype):
    y = PyType_GenericAlloc(value_class, 0)
    put(y, V_NODE, node)
    put(y, V_INDEX, index)
    put(y, V_SHAPE, shape)
    put(y, V_DTYPE, dtype)
    return y


cdef void fill(object node, object op, object inputs, object attrs, object origin, object source, object scope):
    global last_serial
    last_serial += 1
    put(node, OP, op)
    put(node, INPUTS, inputs)
    put(node, ATTRS, attrs)
    put(node, SERIAL, last_serial)
    put(node, ORIGIN, origin)
    put(node, SOURCE_AT, source)
    put(node, SCOPE, scope)
    put(node, CALLS, ())


def origin_of(node, rule):
    """``Origin(node, rule)`` in a fraction of the time: every node of an adjoint has one."""
    return new_tuple(ORIGIN_CLASS, (node, rule))


def newest():
    """The serial number of the newest node: what is made from now on has larger ones."""
    return last_serial


cpdef new_node(object op, tuple inputs, dict attrs, results, type value_class):
    """A node of ``op`` with a result of ``value_class`` for each shape and dtype of ``results``. It inherits what is
    ambient; where no source is, it has the user's line."""
    cdef object node = PyType_GenericAlloc(NODE, 0)
    origin, source, scope = AMBIENT.now
    fill(node, op, inputs, attrs or NO_ATTRS, origin, source or user_source(), scope)
    put(node, REWRITES, 0)
    put(node, LABELS, ())
    if len(results) == 1:
        shape, dtype = results[0]
        put(node, OUTPUTS, (value_of(value_class, node, 0, shape, dtype),))
    else:
        put(node, OUTPUTS, tuple([value_of(value_class, node, i, s, d) for i, (s, d) in enumerate(results)]))
    return node


def make(object op, tuple inputs, dict attrs=None):
    """A node of ``op``; its result, or the tuple of its results."""
    cdef tuple outputs
    if attrs is None:
        attrs = NO_ATTRS
    outputs = <tuple>read(new_node(op, inputs, attrs, op.infer(inputs, attrs), RESULT), OUTPUTS)
    return outputs[0] if len(outputs) == 1 else outputs


def over(object like, tuple inputs, object origin, dict attrs=None):
    """A new node like one over other operands of the same types, with its source and scope."""
    cdef object node = PyType_GenericAlloc(NODE, 0)
    cdef tuple outputs = <tuple>read(like, OUTPUTS)
    cdef tuple made
    fill(
        node,
        read(like, OP),
        inputs,
        read(like, ATTRS) if attrs is None else attrs,
        origin,
        read(like, SOURCE_AT),
        read(like, SCOPE),
    )
    put(node, REWRITES, read(like, REWRITES))
    put(node, LABELS, read(like, LABELS))
    if len(outputs) == 1:
        v = outputs[0]
        made = (value_of(type(v), node, 0, read(v, V_SHAPE), read(v, V_DTYPE)),)
    else:
        made = tuple([value_of(type(v), node, read(v, V_INDEX), read(v, V_SHAPE), read(v, V_DTYPE)) for v in outputs])
    put(node, OUTPUTS, made)
    return node


cpdef user_source():
    """The nearest line of code outside this package on the stack; None where all is the package's."""
    cdef PyObject *first = GD_FRAME()
    frame = None if first == NULL else <object>first
    while frame is not None:
        code = GD_CODE(frame)
        known = codes.get(<size_t><PyObject *>code)
        if known is None:
            if len(codes) > MOST_CODES:
                codes.clear()
            known = codes[<size_t><PyObject *>code] = (code, None if is_inside(code.co_filename) else {})
        lines = (<tuple>known)[1]
        if lines is not None:
            at = GD_LASTI(frame)
            source = (<dict>lines).get(at)
            if source is None:
                source = (<dict>lines)[at] = SOURCE(cell_of(code.co_filename), GD_LINE(frame))
            return source
        frame = frame.f_back
    return None


def of_kinds(nodes, *kinds):
    """Those of ``nodes`` whose operation's kernel is of one of these classes: of many nodes mostly few."""
    cdef list found = []
    for node in nodes:
        if type(read(node, OP).kernel) in kinds:
            found.append(node)
    return found


def topological(outputs, stop=()):
    """All nodes that ``outputs`` depend on, operands first, in the order they were declared.

    Values in ``stop`` are taken as given: their nodes are not entered.
    """
    cdef set closed = set(stop), seen = set()
    cdef list found = [], stack
    for v in outputs:
        node = v.node
        if v not in closed and node not in seen:
            seen.add(node)
            found.append(node)
    stack = found[:]
    cdef bint any_closed = len(closed) > 0
    while stack:
        for v in <tuple>read(stack.pop(), INPUTS):
            node = read(v, V_NODE)
            if node not in seen and not (any_closed and v in closed):
                seen.add(node)
                found.append(node)
                stack.append(node)
    found.sort(key=serial_of)
    return found


def serial_of(node):
    return read(node, SERIAL)
