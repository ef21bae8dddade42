# cython: language_level=3
"""The builders of encode.py, and the walk of tiles.py over the nodes of a group, in C: what is done for every
micro-operation that there is.

Owns: how the words of tiles and of tapes are put together. How they are read back, and the words of all else, is
encode.py's. Must not know: how groups were formed, where buffers lie.
"""

from functools import lru_cache

from graphdiff.ir.dims import product
from graphdiff.ir.dtypes import CODE as CODE_
from graphdiff.ir.dtypes import bool_, int64
from graphdiff.ir.node import Node, Value
from graphdiff.lower.fuse import in_frame
from graphdiff.lower.instruction import ARENA as ARENA_
from graphdiff.lower.instruction import Buffer, Instruction, KernelCall
from graphdiff.lower.instruction import Location as Location_
from graphdiff.ops.microops import MICROOPS
from graphdiff.ops.operands import contiguous_strides
from graphdiff.ops.registry import Op, Reduce

include "../ir/slots.pxi"

cdef object REDUCE = Reduce, INT64 = int64, BOOL = bool_, ARENA = ARENA_
cdef type BUFFER = Buffer, LOCATION = Location_
cdef object new_tuple = tuple.__new__
cdef dict CODE = CODE_
cdef Py_ssize_t OP = slot_of(Node, "op"), INPUTS = slot_of(Node, "inputs"), OUTPUTS = slot_of(Node, "outputs")
cdef Py_ssize_t V_NODE = slot_of(Value, "node"), V_SHAPE = slot_of(Value, "shape"), V_DTYPE = slot_of(Value, "dtype")
cdef Py_ssize_t KERNEL = slot_of(Op, "kernel")
cdef Py_ssize_t B_KIND = slot_of(Buffer, "kind"), B_DTYPE = slot_of(Buffer, "dtype")
cdef Py_ssize_t B_COUNT = slot_of(Buffer, "count"), B_SLOT = slot_of(Buffer, "slot"), B_DATA = slot_of(Buffer, "data")
cdef Py_ssize_t B_LABEL = slot_of(Buffer, "label"), B_NODE = slot_of(Buffer, "node")

cdef enum:
    HEAD = 6  # words before the sizes of the iteration space
    VIEW = 2  # words of a view before its strides
    OP_WORDS = 5  # of a micro-operation
    # A register of what is being built, until the totals are known: a load's number, or a constant's or an operation's
    # from one of these on.
    FIRST_CONST = 1 << 24
    FIRST_OP = 2 << 24

HEAD_WORDS, VIEW_WORDS, MICROOP_WORDS = HEAD, VIEW, OP_WORDS  # for who reads them back
NO_OPERAND = -1
elements = lru_cache(maxsize=4096)(product)  # of a shape
cdef dict NAMES = {}  # of micro-operations, as payloads have them
cdef frozenset OF_ROWS = frozenset([f"microop:{name}" for name, microop in MICROOPS.items() if microop.result == "R"])


def bits(array):
    """A scalar's bytes as the int64 that holds them in its low bytes."""
    return int.from_bytes(array.tobytes().ljust(8, b"\0"), "little", signed=True)


def names_in(list payload, weigh):
    """How many names a payload has, and what they weigh together; None where it has more than names and numbers."""
    cdef Py_ssize_t names = 0, weight = 0
    for item in payload:
        if type(item) is str:
            names += 1
            weight += <Py_ssize_t>weigh(item)
        elif type(item) is not int:
            return None
    return names, weight


def result(value, dict location):
    """New storage in the arena for a value that the next instruction computes; ``location`` is told where it is."""
    cdef object buffer = PyType_GenericAlloc(BUFFER, 0)
    node, shape = read(value, V_NODE), read(value, V_SHAPE)
    put(buffer, B_KIND, ARENA)
    put(buffer, B_DTYPE, read(value, V_DTYPE))
    put(buffer, B_COUNT, elements(shape))
    put(buffer, B_SLOT, -1)
    put(buffer, B_DATA, None)
    put(buffer, B_LABEL, value.name or read(node, OP).name)
    put(buffer, B_NODE, node)
    location[value] = new_tuple(LOCATION, (buffer, 0, contiguous_strides(shape), None))
    return buffer


cdef inline name_of(microop):
    name = NAMES.get(microop)
    if name is None:
        name = NAMES[microop] = f"microop:{microop}"
    return name


cdef inline long long final(long long register, Py_ssize_t loads, Py_ssize_t consts):
    """The number of a register, where so many are of loads and of constants; -1 is none."""
    if register < FIRST_CONST:
        return register
    if register < FIRST_OP:
        return register - FIRST_CONST + loads
    return register - FIRST_OP + loads + consts


cdef class TileBuilder:
    """Collects the loads, constants, micro-operations and stores of one tile instruction over ``shape``."""

    cdef readonly dict reads  # with their positions
    cdef dict writes, loads, consts
    cdef tuple shape, row
    cdef list ops  # a name, the code of a dtype and three registers for each
    cdef list stores

    def __init__(self, tuple shape, tuple row=()):
        self.shape, self.row = shape, row
        self.reads, self.writes = {}, {}
        self.loads, self.consts = {}, {}  # a buffer, an offset and strides; a code and bits
        self.ops, self.stores = [], []

    def load(self, at, value, frame=None):
        """``value``, which is ``at``, as an operand of a node of shape ``frame`` (that of the instruction)."""
        buffer, offset, strides, scalar = <tuple>at
        if scalar is not None:
            key = (CODE[scalar.dtype], bits(scalar))
            return FIRST_CONST + <Py_ssize_t>self.consts.setdefault(key, len(self.consts))
        shape = read(value, V_SHAPE)
        if shape is not self.shape or not (frame is None or frame is shape):
            strides = in_frame(value, strides, self.shape if frame is None else frame, self.shape, self.row)
        n = self.loads.setdefault((buffer, offset, strides), len(self.loads))
        if buffer is not None:
            self.reads.setdefault(buffer, len(self.reads))
        elif read(value, V_DTYPE) is not INT64:
            return self.op("cast", read(value, V_DTYPE), [n])
        return n

    cpdef op(self, microop, dtype, list args):
        """The register with the result of a micro-operation."""
        cdef Py_ssize_t n = len(self.ops) // OP_WORDS, k
        self.ops.append(name_of(microop))
        self.ops.append(CODE[dtype])
        self.ops.extend(args)
        for k in range(3 - len(args)):
            self.ops.append(-1)
        return FIRST_OP + n

    cpdef store(self, register, target, offset, strides, reduction=None, mask=0):
        """``mask``: a bit for each dimension that is reduced."""
        write = self.writes.setdefault(target, len(self.writes))
        self.stores.append((register, reduction, mask, write, offset, strides))

    def compute(self, nodes, again, axes, locate, dict base, set stored, reduced):
        """The micro-operations of ``nodes`` on what is computed before or loaded, then stores of what is ``stored``.
        ``again``: nodes of other groups; ``axes``: of the reductions that leave the group; ``base``, ``stored``: as
        :func:`tiles.group_tile` says; ``reduced(register, value, reduction)``: stores what is reduced."""
        cdef dict registers = {}  # of what is computed here
        cdef dict loaded = {}  # where there are no rows, every frame reads a value alike
        cdef dict location = locate.location
        cdef list stores = [], args
        cdef bint repeats = len(again) > 0, rows = len(self.row) > 0, reduces
        for node in nodes:
            y = (<tuple>read(node, OUTPUTS))[0]
            kernel = read(read(node, OP), KERNEL)
            reduces = type(kernel) is REDUCE
            frame = read((<tuple>read(node, INPUTS))[0] if reduces else y, V_SHAPE)
            args = []
            for v in <tuple>read(node, INPUTS):
                r = registers.get(v)
                if r is None:
                    r = loaded.get(v)
                if r is None and v in base:  # row by row, if there are views between
                    r = registers.get(base[v])
                if r is None:
                    at = location.get(v)
                    r = self.load(locate.of(v) if at is None else at, v, frame)
                    if not rows:
                        loaded[v] = r
                args.append(r)
            dtype = read(y, V_DTYPE)
            if not reduces:
                r = registers[y] = self.op(kernel.microop, dtype, args)
                if y in stored and not (repeats and node in again):
                    # one value for each row: as it is the same all along the row, the largest is it
                    whole = not rows or read(y, V_SHAPE) == self.shape
                    stores.append((r, y, None if whole else "any" if dtype is BOOL else "max"))
            elif axes is None:
                registers[y] = self.op(f"row_{kernel.reduction}", dtype, args)
                if y in stored:
                    stores.append((args[0], y, kernel.reduction))
            else:
                stores.append((args[0], y, kernel.reduction))
        for r, y, reduction in stores:
            if reduction is None:
                self.store(r, result(y, location), 0, contiguous_strides(read(y, V_SHAPE)))
            else:
                reduced(r, y, reduction)

    def words(self):
        """The payload of the tile."""
        cdef Py_ssize_t n_loads = len(self.loads), n_consts = len(self.consts), n_reads = len(self.reads), k
        cdef list ops = self.ops, out
        out = [len(self.shape), sum([1 << a for a in self.row]), n_loads, n_consts, len(ops) // OP_WORDS]
        out.append(len(self.stores))
        out.extend(self.shape)
        for buffer, offset, strides in self.loads:
            out.append(NO_OPERAND if buffer is None else self.reads[buffer])
            out.append(offset)
            out.extend(<tuple>strides)
        for const in self.consts:
            out.extend(<tuple>const)
        for k in range(0, len(ops), OP_WORDS):
            out.append(ops[k])
            out.append(ops[k + 1])
            out.append(final(ops[k + 2], n_loads, n_consts))
            out.append(final(ops[k + 3], n_loads, n_consts))
            out.append(final(ops[k + 4], n_loads, n_consts))
        for register, reduction, mask, write, offset, strides in self.stores:
            out.append(final(register, n_loads, n_consts))
            out.append(0 if reduction is None else f"reduction:{reduction}")
            out.append(mask)
            out.append(n_reads + <Py_ssize_t>write)
            out.append(offset)
            out.extend(<tuple>strides)
        return out

    def instruction(self, str phase, nodes, flops=0):
        """The tile as an instruction."""
        cdef Py_ssize_t n = len(self.reads)
        call = KernelCall("tile", tuple(range(n)), tuple(range(n, n + len(self.writes))), self.words())
        return Instruction([call], list(self.reads), list(self.writes), phase, nodes, flops, self.inplace())

    cdef dict inplace(self):
        """By a write's position, those of the reads it may share memory with: the write's only store is plain and every
        load of the read goes through the same view."""
        cdef dict view_of = {}  # None: several
        cdef dict through = {}  # view and bytes of an element -> reads
        cdef dict out = {}
        cdef list sizes, stores
        for buffer, offset, strides in self.loads:
            if buffer is not None:
                view_of[buffer] = None if buffer in view_of else (offset, strides)
        for buffer, view in view_of.items():
            through.setdefault((view, read(buffer, B_DTYPE).itemsize), []).append(self.reads[buffer])
        sizes = [read(b, B_DTYPE).itemsize for b in self.writes]
        stores = [0] * len(sizes)
        for _, _, _, w, _, _ in self.stores:
            stores[w] += 1
        for _, reduction, _, w, offset, strides in self.stores:
            reads = through.get(((offset, strides), sizes[w]))
            if reduction is None and stores[w] == 1 and reads is not None:
                out[w] = reads
        return out


cdef class TapeBuilder:
    """Collects the loads, constants, micro-operations and stores of one tape. Registers are each of one element; what
    is there already is not made again."""

    cdef readonly dict loads, stores  # by a buffer and an element
    cdef readonly dict consts, ops  # by a code and bits; by a name, a code and registers

    def __init__(self):
        self.loads, self.consts, self.ops, self.stores = {}, {}, {}, {}

    cpdef load(self, buffer, element):
        """The register with one element of a buffer."""
        return self.loads.setdefault((buffer, element), len(self.loads))

    cpdef constant(self, code, word):
        """``code``: of the dtype; ``word``: the bits."""
        return FIRST_CONST + <Py_ssize_t>self.consts.setdefault((code, word), len(self.consts))

    cpdef op(self, microop, code, tuple args):
        """``microop`` as payloads name it."""
        return FIRST_OP + <Py_ssize_t>self.ops.setdefault((microop, code, args), len(self.ops))

    def store(self, register, buffer, element):
        """Has a register written to an element of a buffer."""
        self.stores[buffer, element] = register

    def one(self, call, list operands, dict there):
        """Writes out a tile over one element, of whose views only the offsets matter, and whose rows are what is in
        them. ``there``: the registers of what was written, which is told of what this writes.

        Most tiles of scalar work are such, thousands of operations each: their words are read in place."""
        cdef list w = call.payload, registers = []
        cdef Py_ssize_t n = w[0], n_loads = w[2], n_consts = w[3], n_ops = w[4]
        cdef Py_ssize_t view = VIEW + n, start = HEAD + n, end, i, a, b, c
        cdef tuple args, at
        end = start + view * n_loads
        for i in range(start, end, view):
            if w[i] < 0:  # the number itself
                registers.append(self.constant(CODE[INT64], w[i + 1]))
            else:
                at = (operands[w[i]], w[i + 1])
                found = there.get(at)
                registers.append(self.loads.setdefault(at, len(self.loads)) if found is None else found)
        start, end = end, end + 2 * n_consts
        for i in range(start, end, 2):
            registers.append(self.constant(w[i], w[i + 1]))
        start, end = end, end + OP_WORDS * n_ops
        for i in range(start, end, OP_WORDS):
            a, b, c = w[i + 2], w[i + 3], w[i + 4]
            if w[i] in OF_ROWS:
                registers.append(registers[a])
                continue
            if b < 0:
                args = (registers[a],) if a >= 0 else ()
            else:
                args = (registers[a], registers[b]) if c < 0 else (registers[a], registers[b], registers[c])
            registers.append(self.op(w[i], w[i + 1], args))
        for i in range(end, len(w), 3 + view):
            there[operands[w[i + 3]], w[i + 4]] = registers[w[i]]

    def words(self, dict reads, dict writes):
        """The payload of the tape. ``reads``, ``writes``: the numbers of operands."""
        cdef Py_ssize_t n_loads, n_consts, k
        cdef list out
        self.prune()
        n_loads, n_consts = len(self.loads), len(self.consts)
        out = [n_loads, n_consts, len(self.ops), len(self.stores)]
        for buffer, element in self.loads:
            out.append(reads[buffer])
            out.append(element)
        for const in self.consts:
            out.extend(<tuple>const)
        for microop, code, args in self.ops:
            out.append(microop)
            out.append(code)
            for r in <tuple>args:
                out.append(final(r, n_loads, n_consts))
            for k in range(3 - len(<tuple>args)):
                out.append(-1)
        for (buffer, element), r in self.stores.items():
            out.append(final(r, n_loads, n_consts))
            out.append(writes[buffer])
            out.append(element)
        return out

    cdef prune(self):
        """Leaves out what no store needs: elements of a value of which a later tile reads others only."""
        cdef set needed = set(self.stores.values())
        cdef dict moved = {}, ops
        for (_, _, args), i in reversed(self.ops.items()):
            if FIRST_OP + <Py_ssize_t>i in needed:
                needed.update(args)
        if len(needed) == len(self.loads) + len(self.consts) + len(self.ops):
            return
        self.loads = renumbered(self.loads, 0, needed, moved)
        self.consts = renumbered(self.consts, FIRST_CONST, needed, moved)
        ops = renumbered(self.ops, FIRST_OP, needed, moved)
        self.ops = {(name, code, tuple([moved[a] for a in args])): n for (name, code, args), n in ops.items()}
        self.stores = {at: moved[r] for at, r in self.stores.items()}


cdef dict renumbered(dict rows, Py_ssize_t first, set needed, dict moved):
    """Those of ``rows`` whose registers, from ``first`` on, are needed; ``moved`` is told where each is now."""
    cdef dict out = {}
    for row, i in rows.items():
        if first + <Py_ssize_t>i in needed:
            moved[first + <Py_ssize_t>i] = first + len(out)
            out[row] = len(out)
    return out
