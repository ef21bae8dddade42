# _core_words.pxi: items of payloads as words; a part of _core.pyx.

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1


def words_of(list items, dict names):
    """The bytes of ``items`` as words, names by their numbers. None where one is neither, or does not fit a word."""
    cdef Py_ssize_t k, n = len(items)
    cdef int overflow = 0
    cdef bytes out = PyBytes_FromStringAndSize(NULL, n * sizeof(int64_t))
    cdef int64_t *words = <int64_t *> PyBytes_AS_STRING(out)
    for k in range(n):
        item = items[k]
        if type(item) is str:
            item = names.get(item)
        if type(item) is not int:
            return None
        words[k] = PyLong_AsLongLongAndOverflow(item, &overflow)
        if overflow:
            return None
    return out
