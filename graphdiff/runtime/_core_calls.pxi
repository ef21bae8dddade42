# _core_calls.pxi: the call path of compiled functions; a part of _core.pyx. Owns frames: what one call has to itself.
# Invariant: a call takes its frame before it looks at its arguments, and no Python code runs between the check of an
# array and the run.


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

    cdef list results_into(self, list into):
        """Arrays for all outputs, of which the first are given and others fresh, whose addresses are noted. Raises
        TypeError where one does not fit."""
        cdef Py_ssize_t i, given = len(into)
        cdef list made = [None] * self.outputs.n
        cdef object array
        if given > self.outputs.n:
            raise TypeError(f"{given} arrays for {self.outputs.n} results")
        for i in range(self.outputs.n):
            array = into[i] if i < given else self.outputs.empty(i)
            if not self.outputs.fits(i, <PyObject *> array) or not cnp.PyArray_ISWRITEABLE(<cnp.ndarray> array):
                raise TypeError(f"result {i} does not fit into what is given for it")
            self.made[i] = cnp.PyArray_DATA(<cnp.ndarray> array)
            made[i] = array
        return made

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
            self.failed(frame, status, fault)
        return 0

    cdef int failed(self, Frame frame, int status, gd_fault fault) except -1:
        if status == GD_ERR_CANCELLED:
            pending()
        if status == GD_ERR_BUSY or status == GD_ERR_REENTERED:
            fault = NO_FAULT
        self._fail(status_names[status].decode(), fault.instruction, fault.tag, fault.a, fault.b, frame.context,
                   frame.planned)
        raise error(status, &fault)


@cython.final
cdef class Staged:
    """A call of a function that writes no parameters, in stages: `until` runs the instructions before the one of a
    number, and perhaps some more; `results`, in slot order, are there as far as those write them. `finish` runs the
    rest, and returns what a call does. `into`: arrays for the first results, which share no bytes with arguments and
    parameters. `planned`: of its frame, which goes back with the last stage, or with the call where that fails or is
    left."""

    cdef Runner runner
    cdef Frame frame
    cdef tuple feeds            # C reads them until the last stage
    cdef int64_t at
    cdef readonly list results
    cdef readonly object planned

    def __cinit__(self, Runner runner not None, tuple args not None, list into not None):
        cdef Frame frame = runner.idle
        runner.idle = None    # taken, as in a call
        self.runner, self.feeds = runner, args
        if frame is not None and (PyTuple_GET_SIZE(args) != runner.n_inputs or not runner.load(frame, args)):
            runner.put(frame)
            frame = None
        if frame is None:
            given, key = runner._prepare_call(args, {})
            self.feeds = tuple(runner._apart(given))
            frame = runner._take(key)
            if len(self.feeds) != runner.n_inputs or not runner.load(frame, self.feeds):
                raise TypeError("the arrays changed while they were prepared, or do not fit")
        self.frame, self.planned, self.results = frame, frame.planned, frame.results_into(into)

    def until(self, int64_t end) -> None:
        """Runs the instructions before number `end` that have not run; none of them twice."""
        cdef gd_fault fault = NO_FAULT
        cdef int status
        cdef Frame frame = self.frame
        cdef int flags = self.runner.flags
        if frame is None or end <= self.at:
            return
        with nogil:
            status = gd_context_run_until(frame.context.handle, <const void **> frame.pointers, frame.made,
                                          frame.params, flags, end, &self.at, &fault)
        if status != GD_OK:
            self.frame = None
            self.runner.failed(frame, status, fault)

    def finish(self):
        """Runs what is left, and returns what a call does."""
        if self.frame is None:
            raise RuntimeError("the call is over")
        self.until(self.frame.context.program.instructions)
        self.runner._planned = self.planned
        self.runner.put(self.frame)
        self.frame = None
        return self.runner._pack(self.results, self.planned)
