"""Matrix products: csrc's blocked product where its packing has room, plain sums in the same order elsewhere.

Owns: the cut into blocks of rows and columns, which its dot products and depth do not depend on; bias and activation.
Invariant: an element's sum is the same whichever way it is made. Must not know: where operands lie.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from .formula import Formula, real, whole
from .program import MICROOPS
from .sources import C_TYPES, SUFFIX, UNSIGNED, micro_expressions
from .unit import Unit
from .writer import address, index, number

DEPTH, DOT_ROWS, STRIPS_BYTES, BLOCK_BYTES = 256, 4, 4 * 128, 1 << 19  # csrc/kernels/product.h


@dataclass(frozen=True)
class Sizes:
    """A product of (m, k) and (k, n) at given strides."""

    m: int
    n: int
    k: int
    a_row: int
    a_col: int
    b_row: int
    b_col: int
    c_row: int

    def _collides(self, item: int) -> bool:
        if isinstance(self.b_row, Formula):
            return self.m > 48  # there may be one that collides
        apart = abs(self.b_row) * item
        power = apart & -apart
        if self.m <= 48 or power < 1024:
            return False
        return min(self.k, DEPTH) > (4096 // power if power < 4096 else 1) * 8

    def scratch(self, item: int) -> int:
        """Bytes for packing, as gd_product_scratch has it."""
        depth, total = min(self.k, DEPTH), 0
        large = self.m > 16 and self.k * self.n * item > 1 << 17
        if (self.b_col != 1 and self.n > 1) or large or self._collides(item):
            total += depth * STRIPS_BYTES
        if self.n > 128 and self.m * self.k * item > 1 << 16:
            total += depth * min(-(-self.m // 8) * 8, BLOCK_BYTES // (DEPTH * item)) * item
        return -(-total // 64) * 64

    def route(self, item: int) -> str:
        """Which of gd_product's ways it takes: their sums run over the whole depth, in lanes, or block by block."""
        if self.k == 0:
            return "strips"
        if self.n == 1 and self.a_row == 1 and self.c_row == 1 and self.m > 1:
            return "strips"
        if self.n == 1 and self.a_col == 1 and self.b_row == 1:
            return "dots"
        if 1 < self.n and self.m <= DOT_ROWS and self.b_col != 1 and self.b_row == 1 and self.a_col == 1:
            return "dots"
        return "blocks" if self.scratch(item) else "strips"


_PLAIN = """\
/* C = alpha A B, or C += alpha A B, in the order of gd_product_{S}'s blocks but without room for packing */
static void product_plain_{S}(const gd_product *p, const {T} *a, const {T} *b, {T} *c) {{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j0 = 0; j0 < p->n; j0 += {lanes}) {{
            const int64_t n = p->n - j0 < {lanes} ? p->n - j0 : {lanes};
            for (int64_t d0 = 0; d0 < p->k || d0 == 0; d0 += {depth}) {{
                const int64_t end = p->k - d0 < {depth} ? p->k : d0 + {depth};
                {T} sum[{lanes}] = {{0}};
                for (int64_t d = d0; d < end; d++) {{
                    const {T} x = a[i * p->a_row + d * p->a_col];
                    const {T} *y = b + d * p->b_row + j0 * p->b_col;
                    for (int64_t j = 0; j < n; j++) sum[j] += x * y[j * p->b_col];
                }}
                {T} *to = c + i * p->c_row + j0;
                for (int64_t j = 0; j < n; j++) {{
                    const {T} more = ({T})p->alpha * sum[j];
                    to[j] = p->accumulate || d0 > 0 ? to[j] + more : more;
                }}
            }}
        }}
}}
"""

_INTEGER = """\
/* products of integers wrap around; rows of C are updated by rows of B */
static void product_{S}(const gd_product *p, const {T} *a, const {T} *b, {T} *c) {{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {{
            {U} sum = p->accumulate ? ({U})c[i * p->c_row + j] : 0;
            for (int64_t d = 0; d < p->k; d++)
                sum += ({U})a[i * p->a_row + d * p->a_col] * ({U})b[d * p->b_row + j * p->b_col];
            c[i * p->c_row + j] = ({T})sum;
        }}
}}
"""


def write(unit: Unit) -> None:
    """The body of one product over a batch."""
    w = unit.step.payload
    n_batch, m, n, k, accumulate = w[:5]
    batch, at = list(w[5 : 5 + n_batch]), 5 + n_batch
    views = []
    for _ in range(3):
        views.append(w[at : at + n_batch + 4])
        at += n_batch + 4
    act, bias, bias_offset, bias_stride = w[at : at + 4]
    alpha = float(np.frombuffer(int(w[at + 4]).to_bytes(8, "little", signed=True), np.float64)[0])
    dtype = unit.dtype(views[2][0])
    if prod(batch) * m * n == 0:
        return
    steps = []
    for (_, _, *strides), rows, columns in zip(views, (m, k, m), (k, n, n)):
        steps += [strides[-2] if rows > 1 else 0, strides[-1] if columns > 1 else 1]
    sizes = Sizes(m, n, k, *steps[:5])
    names = [f"i{d}" for d in range(n_batch)]
    out = unit.out
    out(f"/* {'x'.join(map(str, [*batch, f'({m}, {k})']))} times ({k}, {n}) */")
    row, column = (max(1, m), max(1, n))
    blocks = _blocks(sizes, batch, dtype)
    if blocks is not None:
        row, column = blocks
    loops = [count for count in batch if count > 1] + [1] * (row < m or column < n)
    if loops and not _room(unit, replace(sizes, m=row, n=column), dtype):
        unit.parallel(prod(batch) * m * n * k)
    with ExitStack() as stack:
        for name, count in zip(names, batch):
            if count > 1:
                stack.enter_context(out.block(f"for (ptrdiff_t {name} = 0; {name} < {count}; {name}++)"))
        offsets: list[str] = []
        for (operand, offset, *strides), rows_, columns_ in zip(views, (True, False, True), (False, True, True)):
            strides = [s if count > 1 else 0 for s, count in zip(strides, batch)]
            r, c = strides_of(steps, len(offsets))
            extra, extra_names = [], []
            if row < m and rows_:
                extra.append(r)
                extra_names.append("m0")
            if column < n and columns_:
                extra.append(c)
                extra_names.append("n0")
            offsets.append(address(unit.name(operand), index(offset, [*strides, *extra], [*names, *extra_names])))
        m_text, n_text = str(m), str(n)
        if row < m:
            stack.enter_context(out.block(f"for (ptrdiff_t m0 = 0; m0 < {m}; m0 += {row})"))
            m_text = (
                f"{m} - m0 < {row} ? {m} - m0 : {row}"
                if isinstance(m, Formula) or isinstance(row, Formula) or m % row
                else str(row)
            )
        if column < n:
            stack.enter_context(out.block(f"for (ptrdiff_t n0 = 0; n0 < {n}; n0 += {column})"))
            n_text = (
                f"{n} - n0 < {column} ? {n} - n0 : {column}"
                if isinstance(n, Formula) or isinstance(column, Formula) or n % column
                else str(column)
            )
        strides_text = ", ".join(map(str, steps[:5]))
        alpha_text = number(np.float64(alpha))
        out(f"const gd_product p = {{{m_text}, {n_text}, {k}, {strides_text}, {alpha_text}, {accumulate}}};")
        _multiply(unit, replace(sizes, m=row, n=column), dtype, offsets)
        _finish(unit, dtype, act, bias, bias_offset, bias_stride, offsets[2], "n0" if column < n else "")


def strides_of(steps: list[int], view: int) -> tuple[int, int]:
    """A view's strides of rows and columns."""
    return steps[2 * view], steps[2 * view + 1]


def _blocks(sizes: Sizes, batch: list[int], dtype: str) -> tuple[int, int] | None:
    """Rows and columns of blocks as csrc cuts large products (cut_large of matmul.c): which sums are dot products, and
    which are taken block by block, depends on them."""
    m, n, k = real(sizes.m), real(sizes.n), real(sizes.k)
    work = 2 * m * n * k + 8 * (m * n + m * k + n * k) + 64
    if work <= 4e6:
        return None
    most = whole(work / 2e6)
    if sizes.m == 1 or sizes.n == 1:
        rows = columns = min(most, 64)
    elif sizes.k <= 64:
        columns = min(-(-sizes.n // 1024), most)
        rows = min(-(-sizes.m // 64), most // columns)
    elif sizes.m * sizes.k * np.dtype(dtype).itemsize <= 1 << 20:
        columns = min(-(-sizes.n // 128), most)
        rows = min(most // 6, 64) // columns
    else:
        rows, columns = (max(1, min((side + 256) // 512, 6)) for side in (sizes.m, sizes.n))
        if rows * columns < 4:
            rows, columns = (2 * rows, columns) if sizes.m > sizes.n else (rows, 2 * columns)
    return _piece(sizes.m, rows), _piece(sizes.n, columns)


def _piece(side: int, pieces: int) -> int:
    """Of a side: pieces of a multiple of 64."""
    return min(side, (-(-side // max(pieces, 1)) + 63) // 64 * 64)


def _multiply(unit: Unit, sizes: Sizes, dtype: str, at: list[str]) -> None:
    operands = ", ".join(at)
    suffix = SUFFIX[dtype]
    if dtype in UNSIGNED:
        unit.parts.texts[f"product_{suffix}"] = _INTEGER.format(S=suffix, T=C_TYPES[dtype], U=UNSIGNED[dtype])
        unit.out(f"product_{suffix}(&p, {operands});")
        return
    need = _need(sizes, dtype)
    function = unit.kernel("product", f"gd_product_{suffix}", dtype)
    if need <= unit.spare:
        unit.out(f"{function}(&p, {operands}, {unit.bytes(need) if need else 'NULL'});")
        return
    unit.parts.texts[f"product_plain_{suffix}"] = _PLAIN.format(S=suffix, T=C_TYPES[dtype], lanes=8, depth=DEPTH)
    if replace(sizes, m=1).route(np.dtype(dtype).itemsize) == "dots":  # a last block of few rows
        unit.out(f"if (p.m <= {DOT_ROWS}) {function}(&p, {operands}, NULL);")
        unit.out(f"else product_plain_{suffix}(&p, {operands});")
        return
    unit.out(f"product_plain_{suffix}(&p, {operands});")


def _need(sizes: Sizes, dtype: str) -> int:
    """Bytes of packing of a product of floats."""
    item = np.dtype(dtype).itemsize
    return sizes.scratch(item) if sizes.route(item) == "blocks" else 0


def _room(unit: Unit, sizes: Sizes, dtype: str) -> bool:
    """Whether a product is given scratch, of which there is one."""
    return dtype not in UNSIGNED and 0 < _need(sizes, dtype) <= unit.spare


def _finish(unit: Unit, dtype: str, act: int, bias: int, offset: int, stride: int, at: str, column: str) -> None:
    """Bias and activation of what a product has left."""
    if act < 0 and bias < 0:
        return
    expressions, out = micro_expressions(dtype), unit.out
    value = "row[j]"
    if bias >= 0:
        where = index(offset, [stride, stride], ["j", column] if column else ["j"])
        value = expressions["add"].replace("x", "(row[j])").replace("y", f"{unit.name(bias)}[{where}]")
    with out.block("for (ptrdiff_t i = 0; i < p.m; i++)"):
        out(f"{C_TYPES[dtype]} *row = {at} + i * p.c_row;")
        with out.block("for (ptrdiff_t j = 0; j < p.n; j++)"):
            out(f"const {C_TYPES[dtype]} x = {value};")
            result = "x" if act < 0 else expressions[MICROOPS[act]]
            out(f"row[j] = {result};")


def _of(expression: str, x: str, y: str = "") -> str:
    """A micro-operation's value of operands by these names."""
    return re.sub(r"\b[xy]\b", lambda m: x if m[0] == "x" else y, expression)
