# _core_entry.pxi: entries as Python has them; a part of _core.pyx. Owns what an entry keeps alive. Invariant: no memory
# that C may still be given goes before the entry; when the interpreter exits, while C threads go on, none of it goes.


cdef class Entry:
    """One C function over a program that any thread may call with buffers of its own, at most `contexts` at once.

    slots: dtype and number of elements of each input, output and parameter; given: arrays for the last inputs, the same
    at every call; hidden: how many of the last outputs are the entry's own; parameters: arrays as for `Context.run`.
    CoreError where they do not fit the program.
    """

    cdef gd_entry *handle
    cdef PyObject *kept

    def __cinit__(self, Program program not None, slots, list given, int64_t hidden, list parameters, int contexts,
                  int threads=0, bint check_finite=False, Turn turn=None):
        cdef int status
        cdef Py_ssize_t i, n = program.inputs + program.outputs + program.parameters
        cdef Py_ssize_t first_given = program.inputs - len(given), first_parameter = n - program.parameters
        cdef gd_slot *told = <gd_slot *> PyMem_Calloc(n + 1, sizeof(gd_slot))
        cdef void **pointers = <void **> PyMem_Calloc(len(given) + program.parameters + 1, sizeof(void *))
        try:
            if told == NULL or pointers == NULL:
                raise MemoryError
            if len(slots) != n or len(parameters) != program.parameters or first_given < 0:
                raise CoreError("ERR_SHAPE", a=len(slots), b=n)
            for i, (dtype, count) in enumerate(slots):
                told[i].dtype, told[i].count = DTYPES[np.dtype(dtype).name], count
            fixed = [(first_given + k, a) for k, a in enumerate(given)]
            fixed += [(first_parameter + k, a) for k, a in enumerate(parameters)]
            for i, (slot, array) in enumerate(fixed):
                dtype, count = slots[slot]
                if not isinstance(array, np.ndarray) or not array.flags.carray or array.dtype != dtype:
                    raise CoreError("ERR_TYPE", a=slot)
                if array.size < count:
                    raise CoreError("ERR_SHAPE", a=slot, b=array.size)
                pointers[i] = cnp.PyArray_DATA(array)
            status = gd_entry_create(program.handle, told, <const void **> pointers, len(given), hidden,
                                     pointers + len(given), contexts, threads,
                                     GD_RUN_CHECK_FINITE if check_finite else 0,
                                     turn.handle if turn is not None else NULL, &self.handle)
        finally:
            PyMem_Free(told)
            PyMem_Free(pointers)
        if status != GD_OK:
            raise error(status, NULL)
        kept = (given, list(parameters), turn)
        Py_INCREF(kept)
        self.kept = <PyObject *> kept

    def __dealloc__(self):
        if self.kept == NULL or is_finalizing():    # C threads may call it until the process is gone
            return
        gd_entry_destroy(self.handle)
        Py_DECREF(<object> self.kept)

    @property
    def address(self) -> tuple[int, int]:
        return <uintptr_t> &gd_entry_call, <uintptr_t> self.handle

    def pointer(self, signature: str) -> tuple[int, int]:
        """The function of a signature and its data; CoreError ERR_OPCODE, ERR_TYPE, ERR_SHAPE as gd_entry_pointer."""
        cdef gd_function function
        cdef gd_fault fault
        cdef int status = gd_entry_pointer(self.handle, signature.encode(), &function, &fault)
        if status != GD_OK:
            raise error(status, &fault)
        return <uintptr_t> function, <uintptr_t> self.handle

    def failure(self):
        """(status, instruction, tag, a, b) of the last call of this thread that failed; None: none did of late."""
        cdef gd_fault fault
        cdef int status = gd_entry_fault(self.handle, &fault)
        if status == GD_OK:
            return None
        return status_names[status].decode(), fault.instruction, fault.tag, fault.a, fault.b


def adapters() -> list[str]:
    """The signatures that entries have functions of."""
    return list(names(gd_adapter_name, 0))


def xla_handler() -> int:
    """The address of the function that programs compiled by XLA call entries by."""
    return <uintptr_t> &gd_xla_call


cdef object is_finalizing = sys.is_finalizing
