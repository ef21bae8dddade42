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
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
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

    #include <time.h>
    #if PY_VERSION_HEX < 0x030D0000
    #define PyThreadState_GetUnchecked _PyThreadState_UncheckedGet
    #endif
    /* A caller of an entry may hold the interpreter's lock, which the run that it waits for asks for signals with. */
    static void gd_give_lock(int64_t ns) {
        struct timespec t = {ns / 1000000000, ns % 1000000000};
        PyThreadState *mine = Py_IsInitialized() ? PyGILState_GetThisThreadState() : NULL;
        int holds = mine != NULL && PyThreadState_GetUnchecked() == mine;
        PyThreadState *state = holds ? PyEval_SaveThread() : NULL;
        nanosleep(&t, NULL);
        if (holds) PyEval_RestoreThread(state);
    }
    """
    void give_lock "gd_give_lock"(int64_t ns) noexcept nogil
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

gd_set_pause(give_lock)

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
    cdef int status, wanted = n
    with nogil:  # waits for a run, which may ask for signals
        status = gd_set_threads(wanted)
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


include "_core_calls.pxi"


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
include "_core_words.pxi"
