"""The C of reductions: rows folded by lanes, contributions joined, sums of sums in a tree (csrc/micro/fold.h, tile.c).

Invariant: the order of the core, in plain loops that any compiler can take. Must not know: instructions.
"""

from __future__ import annotations

from string import Template

import numpy as np

from ..ops.microops import REDUCTIONS
from .sources import C_TYPES, SUFFIX, micro_expressions

AT_ONCE = 64  # values of a stream

_COMBINE = Template("""\
static inline $T ${reduce}_of_$S($T x, $T y) { return ($T)($expression); }
""")

_ROW = Template("""\
/* a row: $lanes lanes side by side, then pairwise; a short one from its first element to its last */
static $T row_${reduce}_$S(const $T *x, ptrdiff_t n) {
    $T lane[4][$lanes], result = x[0];
    ptrdiff_t i = 1;
    if (n >= 2 * $lanes) {
        const int rows = n >= 8 * $lanes ? 4 : 1;
        for (int r = 0; r < rows; r++)
            for (int l = 0; l < $lanes; l++) lane[r][l] = x[r * $lanes + l];
        i = rows * $lanes;
        if (rows == 4) {
            for (; i + 4 * $lanes <= n; i += 4 * $lanes)
                for (int r = 0; r < 4; r++)
                    for (int l = 0; l < $lanes; l++)
                        lane[r][l] = ${reduce}_of_$S(lane[r][l], x[i + r * $lanes + l]);
            for (int l = 0; l < $lanes; l++) {
                const $T low = ${reduce}_of_$S(lane[0][l], lane[1][l]);
                lane[0][l] = ${reduce}_of_$S(low, ${reduce}_of_$S(lane[2][l], lane[3][l]));
            }
        }
        for (; i + $lanes <= n; i += $lanes)
            for (int l = 0; l < $lanes; l++) lane[0][l] = ${reduce}_of_$S(lane[0][l], x[i + l]);
        for (int half = $lanes / 2; half > 0; half /= 2)
            for (int l = 0; l < half; l++) lane[0][l] = ${reduce}_of_$S(lane[0][l], lane[0][l + half]);
        result = lane[0][0];
    }
    for (; i < n; i++) result = ${reduce}_of_$S(result, x[i]);
    return result;
}
""")

_COLUMN = Template("""\
/* one of columns side by side: from its first element to its last */
static $T column_${reduce}_$S(const $T *x, ptrdiff_t n) {
    $T result = x[0];
    for (ptrdiff_t i = 1; i < n; i++) result = ${reduce}_of_$S(result, x[i]);
    return result;
}
""")

_FOLD = Template("""\
/* (outer, length, inner) to (outer, inner) */
static void fold_${reduce}_$S($T *out, const $T *in, ptrdiff_t outer, ptrdiff_t length, ptrdiff_t inner) {
    for (ptrdiff_t o = 0; o < outer; o++, out += inner, in += length * inner) {
        if (inner == 1) {
            out[0] = row_${reduce}_$S(in, length);
            continue;
        }
        memcpy(out, in, (size_t)inner * sizeof *out);
        for (ptrdiff_t j = 1; j < length; j++)
            for (ptrdiff_t i = 0; i < inner; i++) out[i] = ${reduce}_of_$S(out[i], in[j * inner + i]);
    }
}
""")

_JOIN = Template("""\
/* one more contribution of n elements; the first one is copied */
static void join_${reduce}_$S($T *into, const $T *part, ptrdiff_t n, int is_first) {
    if (is_first) memcpy(into, part, (size_t)n * sizeof *into);
    else
        for (ptrdiff_t i = 0; i < n; i++) into[i] = ${reduce}_of_$S(into[i], part[i]);
}
""")

_STREAM = Template("""\
/* Values that come one after the other, up to $most at a time in `block`, and are folded at once: (outer, length,
 * inner) to (outer, inner), or, where inner is 0, rows of `length`, as row_ folds one that is there as a whole. */
typedef struct {
    $T *to;
    ptrdiff_t length, inner, row, column;
    $T block[$most], lane[4 * $lanes], total;
} stream_${reduce}_$S;

static void open_${reduce}_$S(stream_${reduce}_$S *s, $T *to, ptrdiff_t length, ptrdiff_t inner, ptrdiff_t row) {
    s->to = to, s->length = length, s->inner = inner, s->row = row, s->column = 0;
}

/* elements of a row from number i on, m of them of n; the first lane has their sum when all have come */
static void lanes_${reduce}_$S($T *lane, const $T *x, ptrdiff_t i, ptrdiff_t m, ptrdiff_t n) {
    const ptrdiff_t end = i + m, fours = n >= 8 * $lanes ? n / (4 * $lanes) * (4 * $lanes) : 0;
    const ptrdiff_t ones = n >= 2 * $lanes ? n / $lanes * $lanes : 0, firsts = fours > 0 ? 4 * $lanes : $lanes;
    while (i < end && i < ones) {
        const ptrdiff_t l = i % $lanes, left = end - i < $lanes - l ? end - i : $lanes - l;
        const int whole = i >= firsts && i < fours && i % (4 * $lanes) == 0 && end - i >= 4 * $lanes;
        const ptrdiff_t count = whole ? 4 * $lanes : left;
        $T *into = lane + (i < fours ? i % (4 * $lanes) : l);
        if (whole)
            for (int q = 0; q < 4 * $lanes; q++) into[q] = ${reduce}_of_$S(into[q], x[q]);
        else if (i < firsts) memcpy(into, x, (size_t)count * sizeof *into);
        else if (count == $lanes)
            for (int q = 0; q < $lanes; q++) into[q] = ${reduce}_of_$S(into[q], x[q]);
        else
            for (ptrdiff_t q = 0; q < count; q++) into[q] = ${reduce}_of_$S(into[q], x[q]);
        i += count, x += count;
        for (int q = 0; q < $lanes && i == fours; q++) {
            const $T low = ${reduce}_of_$S(lane[q], lane[$lanes + q]);
            lane[q] = ${reduce}_of_$S(low, ${reduce}_of_$S(lane[2 * $lanes + q], lane[3 * $lanes + q]));
        }
        for (int half = $lanes / 2; half > 0 && i == ones; half /= 2)
            for (int q = 0; q < half; q++) lane[q] = ${reduce}_of_$S(lane[q], lane[q + half]);
    }
    for (; i < end; i++, x++) lane[0] = i == 0 ? *x : ${reduce}_of_$S(lane[0], *x);
}

/* n more of them, in the block */
static void more_${reduce}_$S(stream_${reduce}_$S *s, ptrdiff_t n) {
    const $T *x = s->block;
    while (n > 0) {
        const ptrdiff_t left = s->inner > 0 ? s->inner - s->column : s->length - s->row, m = n < left ? n : left;
        if (s->inner > 0) {
            join_${reduce}_$S(s->to + s->column, x, m, s->row == 0);
            s->column += m;
            if (s->column == s->inner) s->column = 0, s->row++;
        } else {
            lanes_${reduce}_$S(s->lane, x, s->row, m, s->length);
            s->row += m;
        }
        if (s->row == s->length) {
            if (s->inner == 0) *s->to = s->lane[0];
            s->to += s->inner > 0 ? s->inner : 1;
            s->row = 0;
        }
        x += m, n -= m;
    }
}
""")

_TREE = Template("""\
/* Contribution number `turn`: a binary counter of partial sums, `apart` elements from one level to the next. Level 0
 * has up to 8 of them, level l > 0 the sum of 8 * 2^(l-1) where that bit of the count is set. */
static void climb_$S($T *level, ptrdiff_t apart, const $T *part, ptrdiff_t n, ptrdiff_t turn) {
    if (part != NULL) join_sum_$S(level, part, n, turn % 8 == 0); /* else it is there */
    if (turn % 8 != 7) return;
    $T *next = level + apart;
    for (ptrdiff_t leaves = turn / 8; leaves & 1; leaves >>= 1, next += apart) join_sum_$S(level, next, n, 0);
    memcpy(next, level, (size_t)n * sizeof *level);
}

/* the sum of all levels after so many turns, left in level 0 */
static void collect_$S($T *total, ptrdiff_t apart, ptrdiff_t n, ptrdiff_t turns) {
    $T *level = total;
    int is_first = turns % 8 == 0;
    for (ptrdiff_t leaves = turns / 8; leaves > 0; leaves >>= 1) {
        level += apart;
        if (!(leaves & 1)) continue;
        join_sum_$S(total, level, n, is_first);
        is_first = 0;
    }
}
""")

_PIECES = {
    "of": _COMBINE,
    "row": _ROW,
    "column": _COLUMN,
    "fold": _FOLD,
    "join": _JOIN,
    "tree": _TREE,
    "stream": _STREAM,
}
_NEEDS = {
    "of": (),
    "row": ("of",),
    "column": ("of",),
    "fold": ("row", "of"),
    "join": ("of",),
    "tree": ("join", "of"),
    "stream": ("join", "of"),
}


def with_needed(helpers: set[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """``helpers``, each a piece, a reduction and a dtype's name, and those they call, in the order they are written."""
    found = {(n, reduce, dtype) for piece, reduce, dtype in helpers for n in (piece, *_NEEDS[piece])}
    order = list(_PIECES)
    return sorted(found, key=lambda h: (h[1], h[2], order.index(h[0])))


def text(piece: str, reduce: str, dtype: str) -> str:
    """One helper's definition."""
    join = REDUCTIONS[reduce].join
    return _PIECES[piece].substitute(
        T=C_TYPES[dtype],
        S=SUFFIX[dtype],
        reduce=reduce,
        expression=micro_expressions(dtype)[join],
        lanes=64 // np.dtype(dtype).itemsize,
        most=AT_ONCE,
    )
