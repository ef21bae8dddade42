# How extensions read the slots of Python classes: where they lie, without a look-up by name.
#
# The classes stay Python's, which reads slots fast by itself. Passes in C read a dozen of each node, and a look-up by
# name would take longer than all else that they do.

from cpython.object cimport PyObject

cdef extern from *:
    """
    #include <structmember.h>
    #define GD_SLOT(object, at) (*(PyObject **)((char *)(object) + (at)))

    /* Where the slot that ``member`` describes lies; -1 where it describes none. */
    static Py_ssize_t gd_slot_of(PyObject *member) {
        if (!Py_IS_TYPE(member, &PyMemberDescr_Type)) return -1;
        return ((PyMemberDescrObject *)member)->d_member->offset;
    }

    /* Fills a slot of what has just been made. */
    static inline void gd_put(PyObject *owner, Py_ssize_t at, PyObject *value) {
        Py_INCREF(value);
        Py_XSETREF(GD_SLOT(owner, at), value);
    }
    """
    PyObject *GD_SLOT(PyObject *object, Py_ssize_t at) nogil
    Py_ssize_t gd_slot_of(object member)
    void put "gd_put"(object owner, Py_ssize_t at, object value)
    object PyType_GenericAlloc(type made, Py_ssize_t items)


cdef Py_ssize_t slot_of(type owner, str name) except -1:
    at = gd_slot_of(getattr(owner, name))
    if at < 0:
        raise TypeError(f"{owner.__name__}.{name} is no slot")
    return at


cdef inline object read(object owner, Py_ssize_t at):
    cdef PyObject *found = GD_SLOT(<PyObject *>owner, at)
    if found == NULL:
        raise AttributeError(f"a slot of {owner!r} is not set")
    return <object>found
