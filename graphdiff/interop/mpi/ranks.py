"""The ranks of MPI: which there are, what threads each has, and that they fail together.

Without mpi4py there is one process, and a communicator is None. Must not know: graphs.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import graphdiff as gd

from ...errors import FeedError

try:
    from mpi4py import MPI as MPI
except ImportError:  # one process
    MPI = None


def world(comm: Any) -> Any:
    """The communicator: the world's unless given; None where there is one process without MPI."""
    return comm if comm is not None or MPI is None else MPI.COMM_WORLD


def size_of(comm: Any) -> int:
    return 1 if comm is None else int(comm.Get_size())


def rank_of(comm: Any) -> int:
    return 0 if comm is None else int(comm.Get_rank())


def _share_processors() -> None:
    """At most as many threads as there are processors for each rank of this node, unless the environment says."""
    if MPI is None or "GRAPHDIFF_NUM_THREADS" in os.environ:
        return
    ranks = MPI.COMM_WORLD.Split_type(MPI.COMM_TYPE_SHARED).Get_size()
    if ranks > 1:
        gd.set_num_threads(max(1, len(os.sched_getaffinity(0)) // ranks))


_share_processors()


def root(comm: Any = None) -> bool:
    """Whether this is the rank that writes and logs. Example: ``if gd.interop.mpi.root(): print(loss)``."""
    return rank_of(world(comm)) == 0


def together(comm: Any, error: BaseException | None) -> None:
    """Raises on every rank if any has an error: there its own, elsewhere one that tells the first rank's."""
    if size_of(comm) > 1:
        any_failed = np.array(error is not None, np.int64)
        comm.Allreduce(MPI.IN_PLACE, any_failed)
        if any_failed:
            failed = comm.allgather(None if error is None else f"{type(error).__name__}: {error}")
            first = next(r for r, told in enumerate(failed) if told is not None)
            if error is None:
                raise FeedError(f"rank {first} failed, and nothing was updated: {failed[first]}")
    if error is not None:
        raise error
