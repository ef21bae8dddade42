# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The contact with programs in C: programs, contexts and calls over NumPy arrays.

Owns: the lifetime of C objects, the crossing of pointers, the fast path of a call. Invariants: no pointer goes to C
whose array is not kept alive and checked in size; results are fresh arrays; a call has its frame - a context with shapes
and addresses - to itself before it looks at its arguments, and no Python code runs between the check of an array and
the run. It must not know graphs, operations, or how a plan is made.

Module functions
    load_blas(path), blas_loaded(), isa(), select_isa(name), set_threads(n), threads()
    opcodes(), microops(), reductions()         dicts of names to the numbers used in program words
    MAGIC, FORMAT, ALIGN, HEADER_*, VALUE_*, INSTRUCTION_*, DTYPES (dtype name to number), STATUS (status name to text)
Classes
    CoreError(status, instruction, tag, a, b)   raised where C refuses; status is a name such as "ERR_SHAPE".
                                                Where C has no memory it is a MemoryError
    Program(words, constants=b"")               words: int64 array in the format of graphdiff.h
    Turn()                                      runs of contexts that share one come one after another
    Context(program, threads=0, turn=None)      run, profile, value, address
    Frame(runner, context, input_shapes, output_shapes, key=(), planned=None, given=())    what one call has to itself;
                                                given: arrays that stand behind the arguments, the same at every call
    Runner                                      the call path of a compiled function, to be subclassed:
        _configure(input_dtypes, output_dtypes, parameters, form, check_finite=False, names=())
        _take(key), _put(frame), _apart(arrays)
        overridden: _prepare_call(args, kwargs), _make_frame(key), _pack(arrays, planned),
                    _fail(status, instruction, tag, a, b, context, planned)
    Bound(context, inputs, outputs, params, fail)   calls on fixed buffers; address for C callers; count(), last
    next_number()                               of a call that counts, in the order in which they end
    Entry(program, slots, hidden, parameters, contexts, ...)   calls of any thread, for C callers; adapters()
"""
import os
import sys
import threading

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memcpy

from graphdiff.runtime.core cimport *

cdef extern from *:
    """
    #include "graphdiff.h"
    #define X(name, text) #name,
    static const char *const status_names[] = { GD_STATUS_LIST(X) };
    #undef X
    """
    const char *status_names[]

cdef extern from "Python.h":
    PyObject *borrowed_item "PyTuple_GET_ITEM"(tuple t, Py_ssize_t i)
    PyObject *borrowed_descr "PyList_GET_ITEM"(list l, Py_ssize_t i)

cdef extern from "numpy/arrayobject.h":
    ctypedef struct PyTypeObject:
        pass
    ctypedef struct PyArray_Descr:
        pass
    PyTypeObject PyArray_Type
    object new_array "PyArray_NewFromDescr"(PyTypeObject *subtype, PyArray_Descr *descr, int nd, const cnp.npy_intp *dims,
                                            const cnp.npy_intp *strides, void *data, int flags, PyObject *obj)

cdef extern from *:
    """
    static int gd_main_interpreter(void) { return PyInterpreterState_Get() == PyInterpreterState_Main(); }
    static int gd_pending(void) { return PyErr_Occurred() != NULL ? -1 : 0; }
    static int gd_signalled(void) { return PyErr_Occurred() != NULL || PyErr_CheckSignals() != 0; }
    """
    bint gd_main_interpreter()
    int pending "gd_pending"() except -1        # raises what a signal's handler has raised during a run
    int signalled "gd_signalled"() noexcept     # runs the handlers; what one raises stays for `pending`

cdef extern from "pythread.h" nogil:
    unsigned long PyThread_get_thread_ident() noexcept

cnp.import_array()
if not gd_main_interpreter():
    raise ImportError("graphdiff serves the main interpreter of a process alone, as NumPy does, and no subinterpreter")
if gd_init() != GD_OK:
    raise ImportError(f"GRAPHDIFF_ISA={os.environ.get('GRAPHDIFF_ISA')!r} is none that this processor has: v4, v3, v2, "
                      "or plain where it is no x86-64")

cdef unsigned long main_thread = threading.main_thread().ident


cdef int stop_wanted() noexcept nogil:
    """What a run asks: handlers of signals run on the main thread alone."""
    return PyThread_get_thread_ident() == main_thread and ask()


cdef int ask() noexcept with gil:
    return signalled()


def _forked() -> None:
    global main_thread
    main_thread = PyThread_get_thread_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

MAGIC = GD_MAGIC
FORMAT = GD_FORMAT
HEADER_ARENA, HEADER_WORDS = GD_HEADER_ARENA, GD_HEADER_WORDS
VALUE_KIND, VALUE_DTYPE, VALUE_COUNT, VALUE_PLACE = GD_VALUE_KIND, GD_VALUE_DTYPE, GD_VALUE_COUNT, GD_VALUE_PLACE
VALUE_WORDS = GD_VALUE_WORDS
INSTRUCTION_TOTAL = GD_INSTRUCTION_TOTAL
ALIGN = GD_ALIGN
VALUE_ARENA = GD_VALUE_ARENA
VALUE_INPUT = GD_VALUE_INPUT
VALUE_OUTPUT = GD_VALUE_OUTPUT
VALUE_PARAM = GD_VALUE_PARAM
VALUE_CONST = GD_VALUE_CONST
DTYPES = {"float32": GD_F32, "float64": GD_F64, "int32": GD_I32, "int64": GD_I64, "bool": GD_BOOL}
STATUS = {status_names[i].decode(): gd_status_text(i).decode() for i in range(GD_STATUS_COUNT)}

cdef dict ITEM_BYTES = {GD_F32: 4, GD_F64: 8, GD_I32: 4, GD_I64: 8, GD_BOOL: 1}


class CoreError(Exception):
    """What C refused or failed at: `status` by name, and `instruction`, `tag`, `a`, `b` of its fault (-1: none)."""

    def __init__(self, status: str, instruction: int = -1, tag: int = -1, a: int = -1, b: int = -1) -> None:
        self.status, self.instruction, self.tag, self.a, self.b = status, instruction, tag, a, b
        super().__init__(f"{status}: {STATUS[status]} (instruction {instruction}, tag {tag}, a {a}, b {b})")


cdef gd_fault NO_FAULT = gd_fault(-1, -1, -1, -1)


cdef object error(int status, const gd_fault *fault):
    """The exception for a status: what a signal's handler raised where that has ended the run; MemoryError."""
    if status == GD_ERR_CANCELLED:
        pending()
    if status == GD_ERR_MEMORY:
        return MemoryError("the core has no memory")
    name = status_names[status].decode()
    if fault == NULL:
        return CoreError(name)
    return CoreError(name, fault.instruction, fault.tag, fault.a, fault.b)


# ---- set-up and tables ----


def isa() -> str:
    """The instruction set the kernels run with: "v4", "v3", "v2" or "plain"."""
    return gd_isa().decode()


def select_isa(name: str) -> None:
    """Use another instruction set for programs made from now on; CoreError ERR_OPCODE if this machine has it not."""
    cdef int status = gd_isa_select(name.encode())
    if status != GD_OK:
        raise error(status, NULL)


def load_blas(path: str) -> None:
    """Load OpenBLAS (the build with the prefix scipy_) for programs made from now on; CoreError ERR_NO_BLAS."""
    cdef int status = gd_blas_load(path.encode())
    if status != GD_OK:
        raise error(status, NULL)


def blas_loaded() -> bool:
    return gd_blas_loaded() != 0


def set_threads(n: int) -> None:
    """Size of the pool, at least 1. Results never depend on it."""
    cdef int status = gd_set_threads(n)
    if status != GD_OK:
        raise error(status, NULL)


def threads() -> int:
    return gd_threads()


ctypedef const char *(*name_fn)(int) noexcept nogil


cdef dict names(name_fn name, int first):
    cdef int i = first
    cdef dict table = {}
    while name(i) != NULL:
        table[name(i).decode()] = i
        i += 1
    return table


def opcodes() -> dict[str, int]:
    return names(gd_opcode_name, 0)


def microops() -> dict[str, int]:
    return names(gd_microop_name, 0)


def reductions() -> dict[str, int]:
    return names(gd_reduction_name, 1)


# ---- programs and contexts ----


cdef class Program:
    """An immutable program from its words (int64 array, format in graphdiff.h) and constants; CoreError if invalid."""

    cdef gd_program *handle
    cdef readonly int64_t inputs, outputs, parameters
    cdef object words
    cdef list slot_bytes    # of inputs, outputs, parameters: the most that any value in that slot takes

    def __cinit__(self, words, constants=b""):
        cdef gd_fault fault
        if not isinstance(words, np.ndarray) or words.dtype != np.int64 or words.ndim != 1:
            raise TypeError("words must be a one-dimensional int64 array")
        cdef cnp.ndarray[int64_t, ndim=1, mode="c"] w = np.ascontiguousarray(words)
        cdef const unsigned char[::1] data = constants if len(constants) else b"\0"
        cdef int status = gd_program_create(<const int64_t *> cnp.PyArray_DATA(w), w.shape[0], &data[0],
                                            len(constants), &self.handle, &fault)
        if status != GD_OK:
            raise error(status, &fault)
        self.inputs, self.outputs = int(w[GD_HEADER_INPUTS]), int(w[GD_HEADER_OUTPUTS])
        self.parameters = int(w[GD_HEADER_PARAMS])
        end = GD_HEADER_WORDS + GD_VALUE_WORDS * w[GD_HEADER_VALUES]
        self.words = w[GD_HEADER_WORDS:end].reshape(-1, GD_VALUE_WORDS).copy()
        self.slot_bytes = [[0] * self.inputs, [0] * self.outputs, [0] * self.parameters]
        tables = {GD_VALUE_INPUT: self.slot_bytes[0], GD_VALUE_OUTPUT: self.slot_bytes[1],
                  GD_VALUE_PARAM: self.slot_bytes[2]}
        for kind, dtype, count, place in self.words[self.words[:, GD_VALUE_KIND] != GD_VALUE_ARENA].tolist():
            if kind in tables:
                tables[kind][place] = max(tables[kind][place], count * ITEM_BYTES[dtype])

    def __dealloc__(self):
        gd_program_destroy(self.handle)

    @property
    def arena_bytes(self) -> int:
        return gd_program_arena_bytes(self.handle)

    @property
    def scratch_bytes(self) -> int:
        return gd_program_scratch_bytes(self.handle)

    @property
    def lane_bytes(self) -> int:
        """Scratch of each further thread."""
        return gd_program_lane_bytes(self.handle)

    @property
    def shared_bytes(self) -> int:
        return gd_program_shared_bytes(self.handle)

    @property
    def parallel(self) -> bool:
        """Whether any instruction can be shared out to threads."""
        return gd_program_parallel(self.handle) != 0

    @property
    def instructions(self) -> int:
        return gd_program_instructions(self.handle)


cdef class Pointers:
    """The three pointer arrays of a run, with the arrays they point into."""

    cdef void **all
    cdef const void **inputs
    cdef void **outputs
    cdef void **params
    cdef list kept

    def __cinit__(self, Program program, inputs, outputs, params):
        cdef Py_ssize_t i = 0
        cdef tuple groups = (list(inputs), list(outputs), list(params))
        self.all = <void **> PyMem_Calloc(program.inputs + program.outputs + program.parameters + 1, sizeof(void *))
        if self.all == NULL:
            raise MemoryError
        self.inputs = <const void **> self.all
        self.outputs = self.all + program.inputs
        self.params = self.outputs + program.outputs
        self.kept = []
        for given, needed in zip(groups, program.slot_bytes):
            if len(given) != len(needed):
                raise CoreError("ERR_SHAPE", a=len(given), b=len(needed))
            for slot, (array, size) in enumerate(zip(given, needed)):
                if not isinstance(array, np.ndarray) or not array.flags.c_contiguous or not array.flags.aligned:
                    raise CoreError("ERR_TYPE", a=slot)
                if array.nbytes < size or (given is not groups[0] and not array.flags.writeable):
                    raise CoreError("ERR_SHAPE", a=slot, b=size)
                self.kept.append(array)
                self.all[i] = cnp.PyArray_DATA(array)
                i += 1

    def __dealloc__(self):
        PyMem_Free(self.all)


@cython.final
cdef class Turn:
    """Contexts that share one run one after another: those of programs that write the same parameters."""

    cdef gd_turn *handle

    def __cinit__(self):
        if gd_turn_create(&self.handle) != GD_OK:
            raise MemoryError

    def __dealloc__(self):
        gd_turn_destroy(self.handle)


cdef class Context:
    """What one thread needs to run a program: arena, scratch and a lock. Ctrl-C ends a run."""

    cdef gd_context *handle
    cdef readonly Program program
    cdef Turn turn

    def __cinit__(self, Program program not None, int threads=0, Turn turn=None):
        cdef int status
        self.program = program
        with nogil:
            status = gd_context_create(program.handle, &self.handle)
            if status == GD_OK and threads > 0:
                status = gd_context_set_threads(self.handle, threads)
        if status != GD_OK:
            raise error(status, NULL)
        gd_context_set_cancel(self.handle, stop_wanted)
        if turn is not None:
            self.turn = turn
            gd_context_set_turn(self.handle, turn.handle)

    def __dealloc__(self):
        gd_context_destroy(self.handle)

    @property
    def threads(self) -> int:
        """At most how many threads work on a run: each has scratch of its own."""
        return gd_context_threads(self.handle)

    def run(self, inputs, outputs, params=(), int flags=0) -> None:
        """Run once on C-contiguous arrays in slot order; CoreError with the fault."""
        cdef Pointers p = Pointers(self.program, inputs, outputs, params)
        cdef gd_fault fault = NO_FAULT
        cdef int status
        with nogil:
            status = gd_context_run(self.handle, p.inputs, p.outputs, p.params, flags, &fault)
        if status != GD_OK:
            raise error(status, &fault)

    def profile(self, inputs, outputs, params=(), int flags=0):
        """As run; returns the nanoseconds of each instruction, int64."""
        cdef Pointers p = Pointers(self.program, inputs, outputs, params)
        cdef gd_fault fault = NO_FAULT
        cdef int status
        cdef cnp.ndarray ns = np.zeros(self.program.instructions, np.int64)
        cdef int64_t *times = <int64_t *> cnp.PyArray_DATA(ns)
        with nogil:
            status = gd_context_profile(self.handle, p.inputs, p.outputs, p.params, flags, times, &fault)
        if status != GD_OK:
            raise error(status, &fault)
        return ns

    def address(self, int64_t value) -> int:
        """Where a value lies, or lay in the last run; 0 for a slot never bound."""
        if value < 0 or value >= len(self.program.words):
            raise IndexError(f"value {value} of {len(self.program.words)}")
        return <uintptr_t> gd_context_value(self.handle, value)

    def value(self, int64_t value, dtype, int64_t count):
        """A copy of the first `count` elements of a value, as they are now; its slot's array must still be alive."""
        cdef uintptr_t at = self.address(value)
        cdef cnp.ndarray copy = np.empty(count, dtype)
        entry = self.program.words[value]
        if at == 0 or DTYPES[copy.dtype.name] != entry[GD_VALUE_DTYPE] or count > entry[GD_VALUE_COUNT]:
            raise CoreError("ERR_TYPE", a=value, b=count)
        memcpy(cnp.PyArray_DATA(copy), <const void *> at, copy.nbytes)
        return copy


# ---- calls ----


def next_number() -> int:
    """Of a call that ends now: they are counted together with those of counted bound calls."""
    return gd_next_number()


@cython.final
cdef class Slots:
    """Inputs or outputs of a frame: dtype and shape of each slot; CoreError where one does not cover what the program
    touches."""

    cdef Py_ssize_t n
    cdef int *types
    cdef int *ndims
    cdef cnp.npy_intp **shapes
    cdef list descrs

    def __cinit__(self, list descrs, shapes, list needed):
        cdef list given = [tuple(int(d) for d in shape) for shape in shapes]
        self.descrs = descrs
        if not len(descrs) == len(given) == len(needed):
            raise CoreError("ERR_SHAPE", a=len(given), b=len(needed))
        self.types = <int *> PyMem_Calloc(len(descrs) + 1, sizeof(int))
        self.ndims = <int *> PyMem_Calloc(len(descrs) + 1, sizeof(int))
        self.shapes = <cnp.npy_intp **> PyMem_Calloc(len(descrs) + 1, sizeof(cnp.npy_intp *))
        if self.types == NULL or self.ndims == NULL or self.shapes == NULL:
            raise MemoryError
        self.n = len(descrs)
        for i, (shape, size) in enumerate(zip(given, needed)):
            bytes_ = self.descrs[i].itemsize
            for d in shape:
                bytes_ *= d
            if len(shape) > 64 or any(not 0 <= d < 1 << 62 for d in shape) or bytes_ < size:
                raise CoreError("ERR_SHAPE", a=i, b=size)
            self.types[i] = (<cnp.dtype> self.descrs[i]).type_num
            self.ndims[i] = <int> len(shape)
            self.shapes[i] = <cnp.npy_intp *> PyMem_Calloc(len(shape) + 1, sizeof(cnp.npy_intp))
            if self.shapes[i] == NULL:
                raise MemoryError
            for k, d in enumerate(shape):
                self.shapes[i][<int> k] = d

    def __dealloc__(self):
        if self.shapes != NULL:
            for i in range(self.n):
                PyMem_Free(self.shapes[i])
        PyMem_Free(self.shapes)
        PyMem_Free(self.types)
        PyMem_Free(self.ndims)

    cdef inline bint fits(self, Py_ssize_t i, PyObject *item) noexcept:
        """Whether an object can go to C as it is."""
        cdef int d, nd
        cdef cnp.npy_intp *shape
        if not cnp.PyArray_CheckExact(<object> item):
            return False
        cdef cnp.ndarray a = <cnp.ndarray> item
        nd = cnp.PyArray_NDIM(a)
        if cnp.PyArray_TYPE(a) != self.types[i] or nd != self.ndims[i]:
            return False
        if not cnp.PyArray_ISCARRAY_RO(a):
            return False
        shape = cnp.PyArray_DIMS(a)
        for d in range(nd):
            if shape[d] != self.shapes[i][d]:
                return False
        return True

    cdef object number(self, Py_ssize_t i, object item):
        """A Python float (or, for float64, one of NumPy's) for a slot of no dimensions, as an array; else None."""
        cdef double value
        if self.ndims[i] != 0:
            return None
        if not PyFloat_CheckExact(item) and (self.types[i] != cnp.NPY_DOUBLE or type(item) is not FLOAT64):
            return None
        value = PyFloat_AS_DOUBLE(item)
        if self.types[i] == cnp.NPY_DOUBLE:
            array = self.empty(i)
            (<double *> cnp.PyArray_DATA(<cnp.ndarray> array))[0] = value
        elif self.types[i] == cnp.NPY_FLOAT and (isfinite(<float> value) or not isfinite(value)):
            array = self.empty(i)
            (<float *> cnp.PyArray_DATA(<cnp.ndarray> array))[0] = <float> value
        else:
            return None
        return array

    cdef inline object empty(self, Py_ssize_t i):
        cdef PyObject *descr = borrowed_descr(self.descrs, i)
        Py_INCREF(<object> descr)    # the new array keeps one
        return new_array(&PyArray_Type, <PyArray_Descr *> descr, self.ndims[i], self.shapes[i], NULL, NULL, 0, NULL)


cdef object FLOAT64 = np.float64


cdef enum Form:
    FORM_ONE, FORM_TUPLE, FORM_LIST, FORM_PACK


cdef dict FORMS = {"one": FORM_ONE, "tuple": FORM_TUPLE, "list": FORM_LIST, "pack": FORM_PACK}


cdef class Runner


@cython.final
cdef class Frame:
    """What one call has to itself: a context, shapes, and room for addresses. `key` tells the sizes it is for,
    `planned` is whatever the maker wants to find again."""

    cdef readonly Context context
    cdef readonly tuple key
    cdef readonly object planned
    cdef Slots inputs, outputs
    cdef list given
    cdef void **pointers        # of arguments, then of what is given, results and parameters
    cdef void **made            # among them: of results
    cdef void **params

    def __cinit__(self, Runner runner not None, Context context not None, input_shapes, output_shapes, tuple key=(),
                  planned=None, given=()):
        cdef Program program = context.program
        cdef list sizes = program.slot_bytes
        cdef Py_ssize_t i, n = runner.n_inputs
        self.given = list(given)
        self.inputs = Slots(runner.input_types, input_shapes, sizes[0][:n])
        self.outputs = Slots(runner.output_types, output_shapes, sizes[1])
        if [p.nbytes >= n for p, n in zip(runner._parameters, sizes[2])] != [True] * program.parameters:
            raise CoreError("ERR_SHAPE", a=runner.n_params, b=program.parameters)
        if [a.flags.carray and a.nbytes >= n for a, n in zip(self.given, sizes[0][n:])] != [True] * (program.inputs - n):
            raise CoreError("ERR_SHAPE", a=len(self.given), b=program.inputs - n)
        self.pointers = <void **> PyMem_Calloc(program.inputs + self.outputs.n + runner.n_params + 1, sizeof(void *))
        if self.pointers == NULL:
            raise MemoryError
        self.made = self.pointers + program.inputs
        self.params = self.made + self.outputs.n
        for i in range(program.inputs - n):
            self.pointers[n + i] = cnp.PyArray_DATA(<cnp.ndarray> self.given[i])
        for i in range(runner.n_params):
            self.params[i] = cnp.PyArray_DATA(<cnp.ndarray> runner._parameters[i])
        self.context, self.key, self.planned = context, key, planned

    def __dealloc__(self):
        PyMem_Free(self.pointers)

    cdef tuple arrays(self, tuple args):
        """The arguments with numbers made arrays; None where one is neither, or there is no number."""
        cdef Py_ssize_t i
        cdef object number
        cdef tuple given = args
        for i in range(self.inputs.n):
            if not cnp.PyArray_CheckExact(<object> borrowed_item(args, i)):
                number = self.inputs.number(i, <object> borrowed_item(args, i))
                if number is None:
                    return None
                args = (*args[:i], number, *args[i + 1:])
        return args if args is not given else None

    cdef object results(self, int form):
        """Fresh arrays for all outputs, whose addresses are noted."""
        cdef Py_ssize_t i
        cdef object made, array
        if form == FORM_ONE:
            made = self.outputs.empty(0)
            self.made[0] = cnp.PyArray_DATA(<cnp.ndarray> made)
        elif form == FORM_TUPLE:
            made = PyTuple_New(self.outputs.n)
            for i in range(self.outputs.n):
                array = self.outputs.empty(i)
                self.made[i] = cnp.PyArray_DATA(<cnp.ndarray> array)
                Py_INCREF(array)
                PyTuple_SET_ITEM(made, i, array)
        else:
            made = PyList_New(self.outputs.n)
            for i in range(self.outputs.n):
                array = self.outputs.empty(i)
                self.made[i] = cnp.PyArray_DATA(<cnp.ndarray> array)
                Py_INCREF(array)
                PyList_SET_ITEM(made, i, array)
        return made


cdef enum:
    KEPT_SIZES = 2      # of which a function keeps a frame
    KEPT_CALLS = 8      # further frames of a size go when so many calls in a row were alone


cdef class Runner:
    """The call path of a compiled function, from Python arguments to fresh result arrays.

    A call takes a frame that nobody uses, or has one made, and gives it back: so one function serves many threads.
    Arguments that are arrays of the frame's very dtypes and shapes, contiguous and aligned, go straight to C, and so do
    floats; anything else is first given to `_prepare_call`.
    """

    cdef list input_types, output_types
    cdef Py_ssize_t n_inputs, n_params
    cdef char **storage         # begin and end of each parameter, by address
    cdef int form, flags
    cdef Frame idle             # the frame used last of those that nobody uses
    cdef list spare             # the others, the one used last at the end
    cdef Py_ssize_t running     # calls under way
    cdef Py_ssize_t alone       # calls in a row that ended with none other under way
    cdef public object _planned         # of the last call
    cdef readonly list _parameters
    cdef tuple names            # of the inputs

    def __cinit__(self, *args, **kwargs):
        self.input_types, self.output_types, self.spare = [], [], []

    def _configure(self, input_dtypes, output_dtypes, parameters, form: str, check_finite: bool = False,
                   names: tuple = ()) -> None:
        """Once, before anything else: dtypes by slot, parameter arrays by slot, and what a call returns:
        "one" array, a "tuple" or "list" of all outputs, or what `_pack(list)` makes of them. names: the inputs'."""
        cdef list inputs = [np.dtype(d) for d in input_dtypes], outputs = [np.dtype(d) for d in output_dtypes]
        cdef list kept = list(parameters)
        cdef Py_ssize_t i
        if self.storage != NULL:
            raise RuntimeError("configured twice")
        if form not in FORMS or (form == "one" and len(outputs) != 1):
            raise ValueError(f"form {form!r} for {len(outputs)} outputs")
        for array in kept:
            if not isinstance(array, np.ndarray) or not array.flags.carray:
                raise TypeError("parameters must be contiguous, aligned, writeable arrays")
        ranges = sorted((array.ctypes.data, array.ctypes.data + array.nbytes) for array in kept)
        self.storage = <char **> PyMem_Calloc(2 * len(kept) + 1, sizeof(char *))
        if self.storage == NULL:
            raise MemoryError
        for i, (begin, end) in enumerate(ranges):
            self.storage[2 * i] = <char *> <uintptr_t> begin
            self.storage[2 * i + 1] = <char *> <uintptr_t> end
        self.input_types, self.output_types, self._parameters = inputs, outputs, kept
        self.n_inputs, self.n_params = len(inputs), len(kept)
        self.form = FORMS[form]
        self.names = names
        self.flags = GD_RUN_CHECK_FINITE if check_finite else 0

    def __dealloc__(self):
        PyMem_Free(self.storage)

    def _prepare_call(self, args, kwargs):
        """Override: one array per input, and the key of the frame that they fit."""
        raise TypeError("arguments do not fit the plan")

    def _make_frame(self, key):
        """Override: a new frame for a key."""
        raise TypeError("arguments do not fit the plan")

    def _pack(self, arrays, planned):
        """Override: what a call returns, from all outputs, where form is "pack"; planned: of the frame."""
        return arrays

    def _fail(self, status, instruction, tag, a, b, context, planned):
        """Override: raise the error to show for a failed run."""
        raise CoreError(status, instruction, tag, a, b)

    # ---- frames ----

    def _take(self, tuple key) -> Frame:
        """A frame for a key that nobody else uses, made where there is none; give it back by `_put`."""
        cdef Frame frame = self.idle
        cdef Py_ssize_t i
        if frame is not None and frame.key == key:
            self.idle = self.spare.pop() if self.spare else None
            return frame
        for i in range(len(self.spare) - 1, -1, -1):
            if (<Frame> self.spare[i]).key == key:
                return self.spare.pop(i)
        self.spare = []     # room for the new one: old sizes do not pile up
        return self._make_frame(key)

    def _put(self, Frame frame not None) -> None:
        self.put(frame)

    cdef int put(self, Frame frame) except -1:
        cdef Frame other = self.idle
        self.idle = frame
        if other is not None:
            self.spare.append(other)
        self.alone = 0 if self.running > 0 else self.alone + 1
        if len(self.spare) > 0 and not (len(self.spare) == 1 and other is not None and other.key != frame.key):
            self.trim()
        return 0

    cdef int trim(self) except -1:
        """Keeps the frames used last of a few sizes: one of each, more only where calls overlapped of late."""
        cdef list kept = [], sizes = [self.idle.key]
        cdef Frame frame
        for frame in reversed(self.spare):
            if frame.key in sizes:
                if self.alone < KEPT_CALLS:
                    kept.append(frame)
            elif len(sizes) < KEPT_SIZES:
                sizes.append(frame.key)
                kept.append(frame)
        kept.reverse()
        self.spare = kept
        return 0

    # ---- arguments ----

    cdef inline bint touches_parameters(self, cnp.ndarray a) noexcept:
        """Whether an array shares bytes with a parameter, which a run may write while it reads the array."""
        cdef char *begin = <char *> cnp.PyArray_DATA(a)
        cdef char *end = begin + cnp.PyArray_NBYTES(a)
        cdef Py_ssize_t low = 0, high = self.n_params, middle
        while low < high:       # the first parameter that ends after the array begins
            middle = (low + high) // 2
            if self.storage[2 * middle + 1] <= begin:
                low = middle + 1
            else:
                high = middle
        return low < self.n_params and self.storage[2 * low] < end

    def _apart(self, arrays) -> list:
        """Feeds of which none shares bytes with a parameter: copies of those that do."""
        return [a.copy() if isinstance(a, np.ndarray) and self.touches_parameters(a) else a for a in arrays]

    cdef bint load(self, Frame frame, tuple args) noexcept:
        """Whether all arrays can go to C as they are; notes their addresses. The last thing before a run."""
        cdef Py_ssize_t i
        cdef PyObject *item
        for i in range(frame.inputs.n):
            item = borrowed_item(args, i)
            if not frame.inputs.fits(i, item) or self.touches_parameters(<cnp.ndarray> item):
                return False
            frame.pointers[i] = cnp.PyArray_DATA(<cnp.ndarray> item)
        return True

    cdef tuple ordered(self, tuple args, dict kwargs):
        """The arguments by position, if they are one for each input; else as they came."""
        cdef Py_ssize_t i
        if len(args) + len(kwargs) != len(self.names):
            return args, kwargs
        found = list(args)
        for i in range(len(args), len(self.names)):
            if self.names[i] not in kwargs:
                return args, kwargs
            found.append(kwargs[self.names[i]])
        return tuple(found), {}

    # ---- a call ----

    def __call__(self, *args, **kwargs):
        cdef Frame frame = self.idle
        cdef object made = None
        cdef tuple feeds
        self.idle = None    # taken: whatever runs meanwhile, on another thread or in a finalizer, finds another one
        self.running += 1
        try:
            if kwargs:
                args, kwargs = self.ordered(args, kwargs)
            if frame is not None and not kwargs and PyTuple_GET_SIZE(args) == self.n_inputs:
                made = frame.results(self.form)
                if not self.load(frame, args):
                    feeds = frame.arrays(args)
                    if feeds is None or not self.load(frame, feeds):
                        made = None
            if made is None:
                if frame is not None:
                    self.put(frame)
                    frame = None
                given, key = self._prepare_call(args, kwargs)
                feeds = tuple(self._apart(given))
                frame = self._take(key)
                made = frame.results(self.form)
                if len(feeds) != self.n_inputs or not self.load(frame, feeds):
                    raise TypeError("the arrays changed while they were prepared, or do not fit")
            self.run(frame)
        finally:
            self.running -= 1
            if frame is not None:
                self.put(frame)
        return self._pack(made, frame.planned) if self.form == FORM_PACK else made

    cdef int run(self, Frame frame) except -1:
        cdef gd_fault fault
        cdef int status
        cdef void **outputs = frame.made
        cdef void **params = frame.params
        cdef gd_context *handle = frame.context.handle
        with nogil:
            status = gd_context_run(handle, <const void **> frame.pointers, outputs, params, self.flags, &fault)
        if self._planned is not frame.planned:
            self._planned = frame.planned
        if status != GD_OK:
            if status == GD_ERR_CANCELLED:
                pending()
            if status == GD_ERR_BUSY or status == GD_ERR_REENTERED:
                fault = NO_FAULT
            self._fail(status_names[status].decode(), fault.instruction, fault.tag, fault.a, fault.b, frame.context,
                       frame.planned)
            raise error(status, &fault)
        return 0


cdef class Bound:
    """A run on fixed arrays: calling it makes no Python object. On failure calls `fail` as `Runner._fail`.

    Arrays are C-contiguous, in slot order, results and parameters writeable; CoreError ERR_ALIAS where one that is
    written shares bytes with another. `address` is (function pointer, user data) of an `int (*)(void *)`.
    """

    cdef gd_bound *handle
    cdef Context context
    cdef Pointers pointers
    cdef object fail
    cdef object __weakref__

    def __cinit__(self, Context context not None, inputs, outputs, params, fail):
        cdef int status
        self.context = context
        self.fail = fail
        self.pointers = Pointers(context.program, inputs, outputs, params)
        reach, reach_is_input = 0, True     # where the arrays so far end
        for begin, end, is_input in sorted(
            (a.ctypes.data, a.ctypes.data + a.nbytes, i < context.program.inputs)
            for i, a in enumerate(self.pointers.kept) if a.nbytes
        ):
            if begin < reach and not (is_input and reach_is_input):
                raise CoreError("ERR_ALIAS")
            reach, reach_is_input = max(reach, end), is_input
        status = gd_bound_create(context.handle, self.pointers.inputs, self.pointers.outputs, self.pointers.params,
                                 &self.handle)
        if status != GD_OK:
            raise error(status, NULL)

    def __dealloc__(self):
        gd_bound_destroy(self.handle)

    def __call__(self):
        cdef int status
        cdef gd_fault fault
        with nogil:
            status = gd_bound_run(self.handle, &fault)
        if status != GD_OK:
            if status == GD_ERR_CANCELLED:
                pending()
            if status == GD_ERR_BUSY or status == GD_ERR_REENTERED:
                fault = NO_FAULT
            self.fail(status_names[status].decode(), fault.instruction, fault.tag, fault.a, fault.b, self.context)
            raise error(status, &fault)

    def count(self) -> None:
        """Number the calls from now on."""
        gd_bound_count(self.handle)

    @property
    def last(self) -> int:
        """The number of the last call that ended well; 0: there was none."""
        return gd_bound_last(self.handle)

    @property
    def address(self) -> tuple[int, int]:
        return <uintptr_t> &gd_bound_call, <uintptr_t> self.handle


include "_core_entry.pxi"
