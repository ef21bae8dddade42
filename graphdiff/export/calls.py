"""Instructions whose run step is csrc's own: the sizes that its preparation makes, as a constant, and the call.

Owns: the block of each of these kernels, of the same payload words (their files in csrc/kernels state them).
Invariant: one part, or all parts in order, so the bits of any number of threads. Must not know: where operands lie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, prod, sin
from operator import index

from .blocks import Fields, block_text, row_text
from .program import Step
from .sources import C_TYPES, SUFFIX, micro_expressions
from .unit import PARALLEL_LEAST, Unit

CODES = {"float32": "GD_F32", "float64": "GD_F64", "int32": "GD_I32", "int64": "GD_I64", "bool": "GD_BOOL"}

_MANY, _LONGEST, _WIDE_BYTES = 4096, 1 << 17, 1 << 20  # csrc/kernels/indexing.c
_RANDOM_PART = 1 << 14  # csrc/kernels/random.c


def table(unit: Unit, c_type: str, name: str, rows: Sequence[Sequence[int | str]]) -> None:
    """A constant table; a row of several numbers is a struct."""
    cells = [str(r[0]) if len(r) == 1 else row_text(c_type, r) for r in rows] or ["0"]
    lines, line = [], ""
    for cell in cells:
        if len(line) + len(cell) > 100:
            lines.append(line)
            line = ""
        line += f"{cell}, "
    unit.out(f"static const {c_type} {name}[] = {{")
    for text in (*lines, line):
        unit.out("    " + text.strip())
    unit.out("};")


def call(
    unit: Unit,
    stem: str,
    function: str,
    fields: Fields,
    dtype: str,
    scratch: int = 0,
    parts: int = 1,
    *,
    block_type: str = "",
    shared: int = 0,
) -> None:
    """The lines that run a kernel of csrc/kernels/<stem>.c on a constant block of these fields, ``shared``: bytes that
    its parts share."""
    unit.kernel(stem, function, *([dtype] if dtype else []))
    out = unit.out
    struct = block_type or f"{stem}_{stem}_block"
    out(f"const {struct} block = {block_text(struct, fields)};")
    operands = ", ".join(f"(void *){unit.name(n)}" for n in range(len(unit.step.operands)))
    out(f"void *const operands[] = {{{operands}}};")
    out("gd_fault fault = {0, 0};")
    rooms = ", ".join(unit.bytes(n) if n else "NULL" for n in (scratch, shared))
    runs = f"{function}(&call)"
    if parts == 1:
        out(f"const gd_call call = {{&block, operands, {rooms}, 0, &fault, NULL}};")
        out(f"return {runs} == GD_OK ? 0 : {unit.failed};" if unit.can_fail else f"{runs};")
        return
    if not scratch and not shared and not unit.can_fail:
        unit.parallel(parts * PARALLEL_LEAST)
    with out.block(f"for (int64_t part = 0; part < {parts}; part++)"):
        out(f"const gd_call call = {{&block, operands, {rooms}, part, &fault, NULL}};")
        out(f"{runs};")


def activation(unit: Unit, name: str, dtype: str) -> str:
    """A micro-operation over an array, as kernels call it."""
    function = f"each_{name}_{SUFFIX[dtype]}"
    c_type = C_TYPES[dtype]
    unit.parts.texts[function] = f"""\
static void {function}(void *out_, const void *a_, const void *b_, const void *c_, int64_t n) {{
    {c_type} *out = ({c_type} *)out_;
    const {c_type} *a = (const {c_type} *)a_;
    (void)b_, (void)c_;
    for (int64_t i = 0; i < n; i++) {{
        const {c_type} x = a[i];
        out[i] = {micro_expressions(dtype)[name]};
    }}
}}
"""
    return function


def _params(step: Step) -> tuple[int, ...]:
    return step.payload[1:]


def _indexing(function: str, along: bool, scatters: bool, folds: bool = False) -> Callable[[Unit], None]:
    def write(unit: Unit) -> None:
        step = unit.step
        outer, axis, inner, n_idx, *kind = _params(step)
        result = step.n_reads
        dtype = unit.dtype(result if scatters else 0)
        fields: dict[str, int | str] = {
            "outer": outer,
            "axis": axis,
            "inner": inner,
            "n_idx": n_idx,
            "parts": 1,
            "dtype": CODES[dtype],
            "index_dtype": CODES[unit.dtype(0 if scatters else 1)],
            "has_base": int(step.n_reads == 3),
            "result": result,
            "kind": kind[0] if folds else 0,
            "columns": inner,
        }
        scratch, longest = 0, axis * inner if along else axis
        if scatters and not folds and dtype == "float32" and n_idx >= _MANY and longest <= _LONGEST and inner > 0:
            wide = axis if along else min(max(1, _WIDE_BYTES // 8 // inner), axis)
            fields["wide"], scratch = wide, wide * inner * 8
        unit.can_fail = True
        call(unit, "indexing", function, fields, dtype, scratch)

    return write


def _argreduce(function: str) -> Callable[[Unit], None]:
    def write(unit: Unit) -> None:
        outer, axis, inner = _params(unit.step)
        fields: Fields = {"outer": outer, "axis": axis, "inner": inner, "parts": 1, "dtype": CODES[unit.dtype(0)]}
        call(unit, "argreduce", function, fields, unit.dtype(0))

    return write


def _cumulative(unit: Unit) -> None:
    outer, axis, inner, kind, reverse = _params(unit.step)
    dtype = CODES[unit.dtype(0)]
    fields: Fields = {
        "outer": outer,
        "axis": axis,
        "inner": inner,
        "parts": 1,
        "dtype": dtype,
        "kind": kind,
        "reverse": reverse,
    }
    call(unit, "cumulative", "gd_k_cumulative", fields, unit.dtype(0))


def _check_index(unit: Unit) -> None:
    limit, lowest = _params(unit.step)
    unit.can_fail = True
    fields: Fields = {"count": unit.count(0), "lowest": lowest, "limit": limit, "dtype": CODES[unit.dtype(0)]}
    call(unit, "check", "gd_k_check_index", fields, "")


def _check_true(unit: Unit) -> None:
    unit.can_fail = True
    fields: Fields = {"count": unit.count(0), "lowest": 0, "limit": 0, "dtype": CODES[unit.dtype(0)]}
    call(unit, "check", "gd_k_check_true", fields, "")


def _random(unit: Unit) -> None:
    (stream,) = _params(unit.step)
    n_reads = unit.step.n_reads
    count, dtype = unit.count(n_reads), unit.dtype(n_reads)
    spans = unit.count(1) if n_reads == 2 else 1
    fields: Fields = {"count": count, "dtype": CODES[dtype], "span_step": int(spans != 1), "stream": stream}
    call(unit, "random", "gd_k_random", fields, "", parts=max(1, -(-count // _RANDOM_PART)))


def _sort(unit: Unit) -> None:
    outer, axis, inner, descending, k = _params(unit.step)
    dtype = unit.dtype(0)
    fields: Fields = {
        "outer": outer,
        "axis": axis,
        "inner": inner,
        "k": k,
        "parts": 1,
        "dtype": CODES[dtype],
        "descending": descending,
    }
    call(unit, "sort", "gd_k_sort", fields, dtype, scratch=32 * axis)


def _search(unit: Unit) -> None:
    outer, axis, count, right = _params(unit.step)
    dtype = unit.dtype(0)
    fields: Fields = {"outer": outer, "axis": axis, "count": count, "parts": 1, "dtype": CODES[dtype], "right": right}
    call(unit, "search", "gd_k_search", fields, dtype)


_LARGEST_RADIX = 13  # csrc/kernels/fft.c


def _root(k: int, n: int) -> tuple[float, float]:
    quadrant, rest = divmod(4 * k, n)
    mirrored = 2 * rest > n
    angle = 1.57079632679489661923 * ((n - rest if mirrored else rest) / n)
    c, s = (sin(angle), cos(angle)) if mirrored else (cos(angle), sin(angle))
    return ((c, -s), (-s, -c), (-c, s), (s, c))[quadrant]


def _passes_of(n: int) -> int:
    rest = n
    for p in range(2, _LARGEST_RADIX + 1):
        while rest % p == 0:
            rest //= p
    return n if rest == 1 else 1 << (2 * n - 2).bit_length()


def _fft(unit: Unit) -> None:
    outer, size, inner, kind = _params(unit.step)
    if outer * inner == 0:
        return
    n = index(size)  # the tables are of one length
    length = _passes_of(n)
    numbers = [v for k in range(length) for v in _root(k, length)]
    if length != n:
        numbers += [v for k in range(n) for v in _root(k * k % (2 * n), 2 * n)]
    table(unit, "double", "roots", [[v.hex()] for v in numbers])
    fields: Fields = {
        "outer": outer,
        "n": n,
        "inner": inner,
        "parts": 1,
        "length": length,
        "roots": "roots",
        "chirp": "NULL" if length == n else f"roots + {2 * length}",
        "dtype": CODES[unit.dtype(0)],
        "kind": kind,
    }
    call(unit, "fft", "gd_k_fft", fields, "", scratch=length * (4 if length == n else 6) * 8)


def _recurrence(unit: Unit) -> None:
    outer, axis, inner, reverse, previous = _params(unit.step)
    fields: Fields = {
        "outer": outer,
        "axis": axis,
        "inner": inner,
        "parts": 1,
        "dtype": CODES[unit.dtype(0)],
        "reverse": reverse,
        "use_previous": previous,
    }
    call(unit, "recurrence", "gd_k_recurrence", fields, unit.dtype(0))


def _pool(function: str) -> Callable[[Unit], None]:
    def write(unit: Unit) -> None:
        planes, h, w, ho, wo, kh, kw, sh, sw, top, left, dh, dw = _params(unit.step)
        fields: Fields = {
            "dtype": CODES[unit.dtype(0)],
            "planes": planes,
            "height": h,
            "width": w,
            "rows": ho,
            "cols": wo,
            "kernel_rows": min(kh, -(-(h + top) // dh)),
            "kernel_cols": min(kw, -(-(w + left) // dw)),
            "row_stride": sh,
            "col_stride": sw,
            "top": top,
            "left": left,
            "row_step": dh,
            "col_step": dw,
            "parts": 1,
        }
        if prod((planes, ho, wo)) or function.endswith("vjp"):
            call(unit, "pool", function, fields, unit.dtype(0))

    return write


WRITERS: dict[str, Callable[[Unit], None]] = {
    "take": _indexing("gd_k_take", False, False),
    "take_vjp": _indexing("gd_k_take_vjp", False, True),
    "take_along": _indexing("gd_k_take_along", True, False),
    "take_along_vjp": _indexing("gd_k_take_along_vjp", True, True),
    "segment": _indexing("gd_k_segment", False, True, True),
    "arg_max": _argreduce("gd_k_arg_max"),
    "arg_min": _argreduce("gd_k_arg_min"),
    "cumulative": _cumulative,
    "check_index": _check_index,
    "check_true": _check_true,
    "random": _random,
    "sort": _sort,
    "search": _search,
    "fft": _fft,
    "recurrence": _recurrence,
    "max_pool2d": _pool("gd_k_max_pool2d"),
    "sum_pool2d": _pool("gd_k_sum_pool2d"),
    "sum_pool2d_vjp": _pool("gd_k_sum_pool2d_vjp"),
}
