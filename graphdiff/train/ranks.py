"""The processes of a run: one, or the ranks of MPI, which all do the same on rows of their own.

Owns: which rows are this rank's, who writes, and that all go on or none. With one rank all of it does nothing.
Must not know: what is trained; how shares are added (gd.interop.mpi).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

import graphdiff as gd

T = TypeVar("T")
Given = TypeVar("Given")


class Ranks:
    """``distributed``: the ranks of MPI, where there are several; ``shards``: as for ``gd.interop.mpi.compile``."""

    def __init__(self, distributed: bool, shards: int | None):
        self.shards = shards
        self.comm: Any = gd.interop.mpi.ranks.world(None) if distributed else None
        self.size = gd.interop.mpi.ranks.size_of(self.comm) if distributed else 1
        self.rank = gd.interop.mpi.ranks.rank_of(self.comm) if distributed else 0
        self.several = distributed and (self.size > 1 or shards is not None)
        self._alone = False  # whether what is done now is rank 0's

    @property
    def root(self) -> bool:
        """Whether this is the rank that writes and shows."""
        return self.rank == 0

    def mine(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """This rank's rows of a batch that all have."""
        if self.size == 1:
            return list(arrays)
        sizes = [self._rows(len(arrays[0]), rank) for rank in range(self.size)]
        begin = sum(sizes[: self.rank])
        return [a[begin : begin + sizes[self.rank]] for a in arrays]

    def _rows(self, total: int, rank: int) -> int:
        return sum(gd.interop.mpi.data.piece_sizes(total, self.shards or self.size, rank, self.size))

    def whole(self, part: Any) -> Any:
        """The rows of all ranks, in order, of an array or a structure of them."""
        if self.size == 1:
            return part
        return _joined([p for p in self.comm.allgather(part) if _length(p)])

    def same(self, leaves: Mapping[str, gd.Tensor]) -> None:
        """Gives leaves the values that rank 0 has."""
        if self.size > 1:
            gd.interop.mpi.broadcast(leaves, self.comm)

    def at_root(self, do: Callable[[], T]) -> T | None:
        """What rank 0 does; an error there is raised on every rank."""
        if self.size == 1 or self._alone:
            return do()
        found, error = None, None
        if self.root:
            self._alone = True
            try:
                found = do()
            except Exception as e:
                error = e
            finally:
                self._alone = False
        gd.interop.mpi.ranks.together(self.comm, error)
        return found

    def each(self, do: Callable[[Given], T], given: Sequence[Given]) -> list[T]:
        """What is done of each, at most one for a rank, on every rank; an error of one is raised on all."""
        if self.size == 1:
            return [do(g) for g in given]
        found, error = None, None
        try:
            found = do(given[self.rank]) if self.rank < len(given) else None
        except Exception as e:
            error = e
        gd.interop.mpi.ranks.together(self.comm, error)
        all_found: list[T] = self.comm.allgather(found)
        return all_found[: len(given)]

    def told(self, found: Any) -> Any:
        """What rank 0 has found, on every rank."""
        return found if self.size == 1 else self.comm.bcast(found, root=0)


def _length(part: Any) -> int:
    while isinstance(part, (list, tuple, dict)):
        part = next(iter(part.values() if isinstance(part, dict) else part))
    return len(part)


def _joined(parts: Sequence[Any]) -> Any:
    first = parts[0]
    if isinstance(first, dict):
        return {key: _joined([p[key] for p in parts]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)(_joined(list(column)) for column in zip(*parts))
    return np.concatenate(parts)


ONE = Ranks(False, None)
"""One process."""
