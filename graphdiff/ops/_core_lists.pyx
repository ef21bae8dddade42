# cython: language_level=3
"""The core's lists of micro-operations and reductions, csrc/micro/*.def, compiled in: nothing of the core is linked.

    microops() -> [(name, arity, kinds, result, cost)]        reductions() -> [(name, kinds, join, row)]
"""

cdef extern from *:
    """
    static const struct {
        const char *name;
        int arity;
        char kinds, result;
        int cost;
    } gd_listed_micros[] = {
    #define X(name, arity, kinds, result, scalars, cost) {#name, arity, #kinds[0], #result[0], cost},
    #include "micro/microop.def"
    #undef X
        {0}};
    static const struct {
        const char *name;
        char kinds;
        const char *join;
        int row;
    } gd_listed_reductions[] = {
    #define X(name, kinds, join, row, idempotent) {#name, #kinds[0], #join, row},
    #include "micro/reduce.def"
    #undef X
        {0}};
    """
    ctypedef struct listed_micro:
        const char *name
        int arity
        char kinds, result
        int cost
    ctypedef struct listed_reduction:
        const char *name
        char kinds
        const char *join
        int row
    const listed_micro gd_listed_micros[]
    const listed_reduction gd_listed_reductions[]


def microops() -> list[tuple[str, int, str, str, int]]:
    cdef int i = 0
    cdef list out = []
    while gd_listed_micros[i].name != NULL:
        out.append((gd_listed_micros[i].name.decode(), gd_listed_micros[i].arity, chr(gd_listed_micros[i].kinds),
                    chr(gd_listed_micros[i].result), gd_listed_micros[i].cost))
        i += 1
    return out


def reductions() -> list[tuple[str, str, str, bool]]:
    cdef int i = 0
    cdef list out = []
    while gd_listed_reductions[i].name != NULL:
        out.append((gd_listed_reductions[i].name.decode(), chr(gd_listed_reductions[i].kinds),
                    gd_listed_reductions[i].join.decode(), gd_listed_reductions[i].row != 0))
        i += 1
    return out
