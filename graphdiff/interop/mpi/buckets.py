"""What is reduced, in flat buffers cut into buckets: a bucket is on its way as soon as its last value is there.

Owns: where values lie, and how a bucket is summed over ranks. Invariant: every rank begins the same sums in the same
order, whatever fails on it, and what is added in which order follows from the numbers of ranks alone where sums are
trees. Collectives are begun, and helped on, by the thread that calls. Must not know: graphs that compute the values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import GraphError
from ...ops.messages import describe, where_am_i
from ...ops.tensor import Tensor
from .ranks import MPI, rank_of, size_of


class _Bucket(NamedTuple):
    """``owner``: the rank that alone needs the sum; None: all do. ``values``: how many lie in it, at least partly."""

    part: np.ndarray
    owner: int | None
    values: int


class Buckets:
    """One flat buffer for each dtype, and in ``views`` a part of it for each value.

    ``order``: the values by when they are there, the first one first; ``owned``: the rank that alone needs each, None
    where all do; ``tree``: whether sums are binary trees over ranks. For each step :meth:`clear`, then :meth:`arrived`
    for each value that is there, then :meth:`begin_rest` and :meth:`finish`, on every rank."""

    def __init__(
        self,
        values: Sequence[Tensor],
        owned: Sequence[int | None],
        order: Sequence[int],
        bucket_bytes: int,
        comm: Any,
        tree: bool,
    ):
        self.comm, self.tree = comm, tree
        sizes: dict[np.dtype, int] = {}
        places: dict[int, tuple[np.dtype, int, int]] = {}
        for k in sorted(order, key=lambda k: -1 if (owner := owned[k]) is None else owner):
            v = values[k]
            if v.dtype.kind != "f" or not all(isinstance(s, int) for s in v.shape):
                raise GraphError(
                    f"mpi.compile: what is reduced are floats of known shapes, got {describe(v)}", source=where_am_i()
                )
            begin = sizes.get(v.dtype, 0)
            sizes[v.dtype] = begin + math.prod(int(s) for s in v.shape)
            places[k] = (v.dtype, begin, sizes[v.dtype])
        by_dtype = {dtype: np.zeros(n, dtype) for dtype, n in sizes.items()}
        self.flat = list(by_dtype.values())
        self.views = [by_dtype[d][a:b].reshape(values[k].shape) for k, (d, a, b) in sorted(places.items())]
        self._of: list[list[int]] = [[] for _ in values]  # the buckets that each value lies in
        self._buckets: list[_Bucket] = []
        if size_of(comm) > 1:
            self._cut(by_dtype, places, owned, order, bucket_bytes)
        self.several = len(self._buckets) > 1
        self.clear()

    def _cut(
        self,
        flat: dict[np.dtype, np.ndarray],
        places: dict[int, tuple[np.dtype, int, int]],
        owned: Sequence[int | None],
        order: Sequence[int],
        bucket_bytes: int,
    ) -> None:
        segments: dict[tuple[np.dtype, int | None], list[int]] = {}  # values that follow one another for the same ranks
        for k in order:
            segments.setdefault((places[k][0], owned[k]), []).append(k)
        when = {k: n for n, k in enumerate(order)}
        found: list[tuple[int, _Bucket, list[int]]] = []
        for (dtype, owner), inside in segments.items():
            step = max(1, bucket_bytes // dtype.itemsize)
            begin, end = places[inside[0]][1], places[inside[-1]][2]
            for at in range(begin, end, step):
                to = min(at + step, end)
                held = [k for k in inside if places[k][1] < to and places[k][2] > at]
                found.append((max(when[k] for k in held), _Bucket(flat[dtype][at:to], owner, len(held)), held))
        for n, (_, bucket, held) in enumerate(sorted(found, key=lambda f: f[0])):
            self._buckets.append(bucket)
            for k in held:
                self._of[k].append(n)

    def clear(self) -> None:
        """Makes ready for a step: no value is there."""
        for flat in self.flat:
            flat[:] = 0
        self._missing = [b.values for b in self._buckets]
        self._begun: list[_Sum | _TreeSum] = []

    def arrived(self, k: int) -> None:
        """Begins the sums of buckets that are full now that value ``k`` is in its view, and helps others on."""
        for n in self._of[k]:
            self._missing[n] -= 1
        while len(self._begun) < len(self._buckets) and self._missing[len(self._begun)] == 0:
            self._begin()
        for sum_ in self._begun:
            sum_.test()

    def begin_rest(self) -> None:
        """Begins the other sums, of zeros where a rank has no rows or has failed."""
        while len(self._begun) < len(self._buckets):
            self._begin()

    def finish(self) -> None:
        """Waits until all sums are there."""
        for sum_ in self._begun:
            sum_.wait()

    def _begin(self) -> None:
        n = len(self._begun)
        part, owner, _ = self._buckets[n]
        self._begun.append(_TreeSum(self.comm, part, n % 1024) if self.tree else _Sum(self.comm, part, owner))


class _Sum:
    """A sum under way in the library's order, for all ranks or for the one that needs it."""

    def __init__(self, comm: Any, part: np.ndarray, owner: int | None):
        if owner is None:
            self._request = comm.Iallreduce(MPI.IN_PLACE, part)
        elif owner == rank_of(comm):
            self._request = comm.Ireduce(MPI.IN_PLACE, part, root=owner)
        else:
            self._request = comm.Ireduce(part, None, root=owner)

    def test(self) -> None:
        self._request.Test()

    def wait(self) -> None:
        self._request.Wait()


class _TreeSum:
    """A sum under way as the binary tree over numbers of ranks: pairs, pairs of pairs, ..., the same on all."""

    def __init__(self, comm: Any, part: np.ndarray, tag: int):
        self._comm, self._part, self._tag = comm, part, tag
        self._others, self._distance = np.empty_like(part), 1
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
