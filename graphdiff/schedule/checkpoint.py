"""Recomputation: which forward values are kept for the backward pass, and repeating instructions for the others.

Works on ordered instructions. A policy says which buffers are kept; the rest are computed again, with storage of their
own, right before the backward instruction that needs them, and live until their last use. The repeated instructions
are the same as the first ones, so every bit is.
Must not know: operations, offsets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..lower.instruction import ARENA, PARAM, Buffer, Instruction


def forward_part(order: Sequence[Instruction]) -> list[Instruction]:
    return [i for i in order if i.phase == "forward"]


def first_write(order: Sequence[Instruction]) -> int:
    """The position of the first instruction that writes a parameter, or the end."""
    return next((n for n, i in enumerate(order) if any(b.kind == PARAM for b in i.writes)), len(order))


def segments(order: Sequence[Instruction], k: int | None) -> set[Buffer]:
    """The buffers kept when the forward part is cut every ``k`` instructions (None: the root of their number)."""
    forward = forward_part(order)
    k = k or max(1, math.isqrt(max(len(forward) - 1, 0)) + 1)
    position = {b: n // k for n, i in enumerate(forward) for b in i.writes}
    kept = set()
    for n, i in enumerate(forward):
        for b in i.reads:
            if b in position and position[b] < n // k:
                kept.add(b)
    return kept


def recompute(
    order: Sequence[Instruction],
    kept: Iterable[Buffer],
    copies_kept: Iterable[Buffer] | None = None,
    base_size: int | None = None,
) -> list[Instruction]:
    """``order`` with forward buffers that are not ``kept`` computed again where backward instructions read them.

    Copies of ``copies_kept`` (of all unless given) serve until their last use; others only the instruction they were
    made for, so the next one that needs them has them made once more: less memory for more time. With ``base_size``, of
    each run of repetitions what crosses its half, three quarters, seven eighths ... serves until its last use, and the
    last ``base_size`` of them: a chain of n takes memory of log n for n log n repetitions."""
    kept = set(kept)
    keeps = None if copies_kept is None and base_size is None else set(copies_kept or ())
    maker: dict[Buffer, Instruction] = {}
    for i in order:
        if i.phase == "forward":
            for b in i.writes:
                if b.kind == ARENA and b not in kept:
                    maker[b] = i
    position = {m: n for n, m in enumerate(dict.fromkeys(maker.values()))}  # first execution: a topological order
    again: dict[Buffer, Buffer] = {}  # dropped buffer -> its present copy
    out: list[Instruction] = []
    # a parameter that is written is not what forward instructions read any more: what is needed later is made before
    writing = first_write(order)
    for n, i in enumerate(order):
        if n == writing:
            for later in order[n:]:
                out += _missing(later, maker, again, position)
            keeps = None
        if i.phase != "forward":
            repeats = _missing(i, maker, again, position)
            out += repeats
            if base_size is not None and keeps is not None:
                keeps |= _crossing(repeats, i, base_size)
            if any(b in again for b in i.reads):
                repeated = i.again(again)
                repeated.recompute = i.recompute
                repeated.writes = i.writes
                i = repeated
            if keeps is not None:  # of earlier copies only those to be kept are left
                for b in (b for r in repeats for b in r.first.writes if b not in keeps):
                    again.pop(b, None)
        out.append(i)
    return out


def _crossing(repeats: Sequence[Instruction], reader: Instruction, base_size: int) -> set[Buffer]:
    """The first buffers of what crosses the half, three quarters, ... of ``repeats`` made for ``reader``, and of all
    in the rest."""
    n = len(repeats)
    made: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for k, r in enumerate((*repeats, reader)):
        for b in r.reads:
            last[b] = k
        if k < n:
            for first, b in zip(r.first.writes, r.writes):
                if first is not b:
                    made[first], last[b] = k, k
    cuts, rest = [], n
    while rest > base_size:
        rest -= (rest + 1) // 2
        cuts.append(n - rest)
    end = cuts[-1] if cuts else 0
    found = set()
    copies = {first: b for r in repeats for first, b in zip(r.first.writes, r.writes)}
    for first, k in made.items():
        use = last[copies[first]]
        if k >= end or any(k < cut <= use for cut in cuts):
            found.add(first)
    return found


def _missing(
    i: Instruction, maker: dict[Buffer, Instruction], again: dict[Buffer, Buffer], position: dict[Instruction, int]
) -> list[Instruction]:
    """The repetitions that ``i`` needs and that have no present copy, operands first."""
    needed: dict[Instruction, None] = {}
    stack = [b for b in i.reads if b in maker and b not in again]
    while stack:
        source = maker[stack.pop()]
        if source in needed:
            continue
        needed[source] = None
        stack += [b for b in source.reads if b in maker and b not in again]
    repeats = []
    for source in sorted(needed, key=lambda m: position[m]):
        for b in source.writes:
            if b in maker:
                again[b] = b.clone()
        copy = source.again(again)
        copy.writes = [again.get(b, b) for b in source.writes]
        repeats.append(copy)
    return repeats
