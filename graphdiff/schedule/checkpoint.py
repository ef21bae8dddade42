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
    place = {b: n // k for n, i in enumerate(forward) for b in i.writes}
    kept = set()
    for n, i in enumerate(forward):
        for b in i.reads:
            if b in place and place[b] < n // k:
                kept.add(b)
    return kept


def recompute(
    order: Sequence[Instruction], kept: Iterable[Buffer], held: Iterable[Buffer] | None = None, leaf: int | None = None
) -> list[Instruction]:
    """``order`` with forward buffers that are not ``kept`` computed again where backward instructions read them.

    Copies that are ``held`` (all unless given) serve until their last use; others only the instruction they were made
    for, so the next one that needs them has them made once more: less memory for more time. With ``leaf``, of each run
    of repetitions what crosses its half, three quarters, seven eighths ... serves until its last use, and the last
    ``leaf`` of them: a chain of n takes memory of log n for n log n repetitions."""
    kept = set(kept)
    holds = None if held is None and leaf is None else set(held or ())
    maker: dict[Buffer, Instruction] = {}
    for i in order:
        if i.phase == "forward":
            for b in i.writes:
                if b.kind == ARENA and b not in kept:
                    maker[b] = i
    place = {m: n for n, m in enumerate(dict.fromkeys(maker.values()))}  # first execution: a topological order
    again: dict[Buffer, Buffer] = {}  # dropped buffer -> its present copy
    out: list[Instruction] = []
    # a parameter that is written is not what forward instructions read any more: what is needed later is made before
    writing = first_write(order)
    for n, i in enumerate(order):
        if n == writing:
            for later in order[n:]:
                out += _missing(later, maker, again, place)
            holds = None
        if i.phase != "forward":
            repeats = _missing(i, maker, again, place)
            out += repeats
            if leaf is not None and holds is not None:
                holds |= _crossing(repeats, i, leaf)
            if any(b in again for b in i.reads):
                repeated = i.again(again)
                repeated.recompute = i.recompute
                repeated.writes = i.writes
                i = repeated
            if holds is not None:  # of earlier copies only those that are held are left
                for b in (b for r in repeats for b in r.first.writes if b not in holds):
                    again.pop(b, None)
        out.append(i)
    return out


def _crossing(repeats: Sequence[Instruction], reader: Instruction, leaf: int) -> set[Buffer]:
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
    while rest > leaf:
        rest -= (rest + 1) // 2
        cuts.append(n - rest)
    end = cuts[-1] if cuts else 0
    held = set()
    copies = {first: b for r in repeats for first, b in zip(r.first.writes, r.writes)}
    for first, k in made.items():
        use = last[copies[first]]
        if k >= end or any(k < cut <= use for cut in cuts):
            held.add(first)
    return held


def _missing(
    i: Instruction, maker: dict[Buffer, Instruction], again: dict[Buffer, Buffer], place: dict[Instruction, int]
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
    for source in sorted(needed, key=lambda m: place[m]):
        for b in source.writes:
            if b in maker:
                again[b] = b.clone()
        copy = source.again(again)
        copy.writes = [again.get(b, b) for b in source.writes]
        repeats.append(copy)
    return repeats
