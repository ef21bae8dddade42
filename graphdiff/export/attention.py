"""Attention and its gradients: the block that csrc/kernels/attention.c's preparation makes of a payload.

Invariant: splits of keys as there, by shapes alone: sums depend on them. Must not know: how blocks are computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np

from .calls import CODES, activation, call
from .formula import real, whole
from .products import Sizes
from .unit import Unit, fixed
from .writer import number

_ROWS, _KEYS, _PARTS, _UNIT = 32, 128, 16, 2e6
_HEAD = 8
Q, K, V, Y, G, DQ, DK, DV = range(8)


def _room(sizes: Sizes, item: int) -> int:
    """The most that a product of up to so many rows and so deep needs."""
    rows = {sizes.m, *(m for m in (48,) if m < sizes.m)}
    depths = {sizes.k, *(k for k in (16,) if k < sizes.k)}
    return max((replace(sizes, m=m, k=k).scratch(item) for m in rows for k in depths if m * k), default=0)


def _write(unit: Unit, backward: bool) -> None:
    step = unit.step
    w = step.payload
    n, rows, keys, features, values, causal, scale_bits, mask = w[:_HEAD]
    batch, at = list(w[_HEAD : _HEAD + n]), _HEAD + n
    views = []
    for _ in range(8 if backward else 4):
        views.append(w[at : at + n + 3])
        at += n + 3
    sums = w[at] if backward else step.n_reads + 1
    mask_words = w[len(w) - n - 4 :] if mask else ()
    dtype = unit.dtype(step.n_reads)
    item, entries = np.dtype(dtype).itemsize, prod(batch)
    if entries * (rows + (keys if backward else 0)) == 0:
        return
    row = [view[-1] for view in views]
    r, c, e, f = min(_ROWS, rows), min(_KEYS, keys), features, values
    products = [Sizes(r, c, e, row[Q], 1, 1, row[K], c), Sizes(r, f, c, c, 1, row[V], 1, row[Y])]
    if backward:
        products += [
            Sizes(c, f, r, 1, c, row[G], 1, row[DV]),
            Sizes(r, c, f, row[G], 1, 1, row[V], c),
            Sizes(r, e, c, c, 1, row[K], 1, row[DQ]),
            Sizes(r, e, c, c, 1, row[K], 1, e),
            Sizes(c, e, r, 1, c, row[Q], 1, row[DK]),
        ]
    room = -(-max(_room(p, item) for p in products) // 64) * 64
    scratch = room + ((2 if backward else 1) * _ROWS * _KEYS + (rows if backward else 3 * _ROWS)) * item
    work = real(rows) * real(keys) * (0.6 if causal else 1.0)
    work *= (3 if backward else 1) * 2.0 * real(e + f) + 40
    dims = _table(unit, "dims", batch)
    tables = [_table(unit, f"batch{i}", list(view[2 : 2 + n])) for i, view in enumerate(views)]
    fields: dict[str, int | str] = {
        "dtype": CODES[dtype],
        "causal": causal,
        "mask": mask,
        "n_batch": n,
        "batch_dims": dims,
        "entries": entries,
        "rows": rows,
        "keys": keys,
        "features": features,
        "values": values,
        "sums": sums,
        "products": room,
        "scale": number(np.frombuffer(int(scale_bits).to_bytes(8, "little", signed=True), np.float64)[0]),
        "exp": activation(unit, "exp", dtype),
        "log": activation(unit, "log", dtype),
        "view": "{" + ", ".join(f"{{{x[0]}, {x[1]}, {x[-1]}, {t}}}" for x, t in zip(views, tables)) + "}",
    }
    if mask:
        strides = _table(unit, "mask_batch", list(mask_words[2 : 2 + n]))
        fields["mask_view"] = f"{{{mask_words[0]}, {mask_words[1]}, {mask_words[2 + n]}, {strides}}}"
        fields["mask_key"] = mask_words[3 + n]
    shared = splits = 0
    if backward:
        blocks = -(-keys // _KEYS)
        wanted = min(-(-_PARTS // max(1, entries)), blocks)
        if real(wanted) > work / _UNIT:
            wanted = whole(work / _UNIT)
        split_keys = -(-blocks // wanted) * _KEYS if wanted > 1 else max(1, keys)
        splits = max(1, -(-keys // split_keys))
        fields |= {"splits": splits, "split_keys": split_keys, "part_units": 1 if splits > 1 else entries}
        shared = entries * splits * rows * features * item if splits > 1 else 0
    else:
        row_blocks = -(-rows // _ROWS)
        fields |= {"row_blocks": row_blocks, "part_units": entries * row_blocks}
    suffix = "f64" if dtype == "float64" else "f32"
    unit.kernel("product", f"gd_product_{suffix}", dtype)
    function = "gd_k_attention_vjp" if backward else "gd_k_attention"
    parts = entries * splits + 1 if splits > 1 else 1  # the last one adds up what the others have left
    call(unit, "attention", function, fields, dtype, scratch, parts, shared=shared)


def _table(unit: Unit, name: str, values: list[int]) -> str:
    """A table of sizes or strides, as a block takes it."""
    if not values:
        return "NULL"
    unit.out(f"{fixed(values)}const int64_t {name}[] = {{{', '.join(map(str, values))}}};")
    return f"(int64_t *){name}"


WRITERS: dict[str, Callable[[Unit], None]] = {
    "attention": lambda unit: _write(unit, False),
    "attention_vjp": lambda unit: _write(unit, True),
}
