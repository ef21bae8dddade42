"""What is reduced, in flat buffers cut into buckets: a bucket is on its way as soon as its last value is there.

Owns: where values lie, and how a bucket is summed over ranks. Invariant: every rank begins the same sums in the same
order, whatever fails on it, and what is added in which order follows from the numbers of ranks alone where sums are
trees. Collectives are begun, and helped on, by the thread that calls. Must not know: graphs that compute the values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...ops.tensor import Tensor
from .ranks import MPI, rank_of, size_of

ALIGNED = 64  # bytes, of each value


class _Bucket(NamedTuple):
    """``values``: how many lie in it, at least partly."""

    part: np.ndarray
    sum: _Sum | _TreeSum
    values: int


class Buckets:
    """One flat buffer for each dtype, and in ``views`` a part of it for each value, an array of known shape.

    ``order``: the values by when they are there, the first one first; ``owned``: the rank that alone needs each, None
    where all do; ``tree``: whether sums are binary trees over ranks. For each step :meth:`begin`, then :meth:`arrived`
    for each value that is in its view, where there are ``several`` buckets, then :meth:`begin_rest` and :meth:`finish`,
    on every rank. The last bucket, with which nothing overlaps, is summed by ``finish``, which waits for it: libraries
    do that at once faster than in the background."""

    def __init__(
        self,
        values: Sequence[Tensor],
        owned: Sequence[int | None],
        order: Sequence[int],
        bucket_bytes: int,
        comm: Any,
        tree: bool,
    ):
        sizes: dict[np.dtype, int] = {}
        places: dict[int, tuple[np.dtype, int, int]] = {}
        for k in sorted(order, key=lambda k: -1 if (owner := owned[k]) is None else owner):
            dtype, each = values[k].dtype, ALIGNED // values[k].dtype.itemsize
            begin = sizes.get(dtype, 0)
            end = begin + math.prod(int(s) for s in values[k].shape)
            places[k], sizes[dtype] = (dtype, begin, end), -(-end // each) * each
        self.flat = {dtype: _zeros(n, dtype) for dtype, n in sizes.items()}
        self.views = [self.flat[d][a:b].reshape(values[k].shape) for k, (d, a, b) in sorted(places.items())]
        self._of: list[list[int]] = [[] for _ in values]  # the buckets that each value lies in
        self._buckets: list[_Bucket] = []
        if size_of(comm) > 1:
            self._cut(places, owned, order, bucket_bytes, comm, tree)
        self.several = len(self._buckets) > 1
        self.begin()

    def _cut(
        self,
        places: dict[int, tuple[np.dtype, int, int]],
        owned: Sequence[int | None],
        order: Sequence[int],
        bucket_bytes: int,
        comm: Any,
        tree: bool,
    ) -> None:
        segments: dict[tuple[np.dtype, int | None], list[int]] = {}  # values that follow one another for the same ranks
        for k in order:
            segments.setdefault((places[k][0], owned[k]), []).append(k)
        when = {k: n for n, k in enumerate(order)}
        found: list[tuple[int, np.ndarray, int | None, list[int]]] = []
        for (dtype, owner), inside in segments.items():
            step = max(1, bucket_bytes // dtype.itemsize)
            begin, end = places[inside[0]][1], places[inside[-1]][2]
            for at in range(begin, end, step):
                to = min(at + step, end)
                held = [k for k in inside if places[k][1] < to and places[k][2] > at]
                found.append((max((when[k] for k in held), default=0), self.flat[dtype][at:to], owner, held))
        for n, (_, part, owner, held) in enumerate(sorted(found, key=lambda f: f[0])):
            sum_ = _TreeSum(comm, part, n % 1024) if tree else _Sum(comm, part, owner)
            self._buckets.append(_Bucket(part, sum_, len(held)))
            for k in held:
                self._of[k].append(n)

    def begin(self) -> None:
        """Makes ready for a step: no value is there."""
        self._missing = [b.values for b in self._buckets]
        self._begun = 0

    def arrived(self, k: int) -> None:
        """Begins the sums of buckets that are full now that value ``k`` is in its view, and helps others on."""
        for n in self._of[k]:
            self._missing[n] -= 1
        while self._begun < len(self._buckets) - 1 and self._missing[self._begun] == 0:
            self._begin()
        for bucket in self._buckets[: self._begun]:
            bucket.sum.test()

    def begin_rest(self, there: bool) -> None:
        """Begins the other sums but the last; of zeros where not all values are ``there``, as a rank has no rows or has
        failed."""
        if not there:
            for bucket in self._buckets[self._begun :]:
                bucket.part[:] = 0
        while self._begun < len(self._buckets) - 1:
            self._begin()

    def finish(self) -> None:
        """Waits until all sums are there."""
        if self._buckets:
            self._buckets[-1].sum.whole()
        for bucket in self._buckets[:-1]:
            bucket.sum.wait()

    def _begin(self) -> None:
        self._buckets[self._begun].sum.begin()
        self._begun += 1


def _zeros(n: int, dtype: np.dtype) -> np.ndarray:
    """Zeros that begin at a multiple of ALIGNED."""
    room = np.zeros(n * dtype.itemsize + ALIGNED, np.uint8)
    begin = -room.ctypes.data % ALIGNED
    return room[begin : begin + n * dtype.itemsize].view(dtype)


class _Sum:
    """Sums of a part in the library's order, for all ranks or for the one that needs it."""

    def __init__(self, comm: Any, part: np.ndarray, owner: int | None):
        mine = owner is None or owner == rank_of(comm)
        buffers = (MPI.IN_PLACE, part) if mine else (part, None)
        root = {} if owner is None else {"root": owner}
        self.whole = partial(comm.Allreduce if owner is None else comm.Reduce, *buffers, **root)
        self._later = partial(comm.Iallreduce if owner is None else comm.Ireduce, *buffers, **root)

    def begin(self) -> None:
        self._request = self._later()

    def test(self) -> None:
        self._request.Test()

    def wait(self) -> None:
        self._request.Wait()


class _TreeSum:
    """Sums of a part as the binary tree over numbers of ranks: pairs, pairs of pairs, ..., the same on all."""

    def __init__(self, comm: Any, part: np.ndarray, tag: int):
        self._comm, self._part, self._tag = comm, part, tag
        self._others = _zeros(part.size, part.dtype)

    def begin(self) -> None:
        self._distance = 1
        self._exchange()

    def _exchange(self) -> None:
        partner = rank_of(self._comm) ^ self._distance
        self._requests = [
            self._comm.Irecv(self._others, partner, self._tag),
            self._comm.Isend(self._part, partner, self._tag),
        ]

    def _add(self) -> None:
        self._part += self._others
        self._distance *= 2
        if self._distance < size_of(self._comm):
            self._exchange()

    def test(self) -> None:
        if self._distance < size_of(self._comm) and MPI.Request.Testall(self._requests):
            self._add()

    def wait(self) -> None:
        while self._distance < size_of(self._comm):
            MPI.Request.Waitall(self._requests)
            self._add()

    def whole(self) -> None:
        self.begin()
        self.wait()
