"""Rows, values and cases over ranks: batches, broadcast, files, sweeps.

Invariant: what every rank gets follows from what all have and the number of the rank alone. Must not know: steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import graphdiff as gd

from ...errors import FeedError, GraphdiffError, GraphError
from ...ops.messages import where_am_i
from ...ops.tensor import Tensor
from ...weights import fill
from .owners import owner_of
from .ranks import rank_of, size_of, together, world

T = TypeVar("T")
STEP = "graphdiff.mpi.step"  # the name of the step's number in files


def piece_sizes(total: int, shards: int, rank: int, ranks: int) -> list[int]:
    """The rows of each piece of a rank, of ``shards`` pieces of ``total`` rows."""
    each = shards // ranks
    return [total // shards + (s < total % shards) for s in range(rank * each, (rank + 1) * each)]


class batches:
    """The rows of this rank, batch by batch, of arrays that all ranks have.

    ``arrays``: an array, a tuple or a dict of arrays of as many rows. Each pass is an epoch in an order of its own,
    which ``seed`` and the number of the epoch tell, the same for any number of ranks; every rank has the same number of
    batches, some perhaps without rows. ``drop_last``: leaves out the last batch where it is smaller. ``shards``: as for
    :func:`compile`. Raises FeedError.

    Example: ``for x, t in gd.interop.mpi.batches((X, T), 256, seed=0): step(x, t)``."""

    def __init__(
        self,
        arrays: Any,
        batch_size: int,
        seed: int,
        comm: Any = None,
        drop_last: bool = False,
        shards: int | None = None,
    ):
        self.arrays, self.batch_size, self.seed, self.drop_last = arrays, batch_size, seed, drop_last
        self.comm, self.shards, self.epoch = world(comm), shards, 0
        held = (
            list(arrays.values())
            if isinstance(arrays, Mapping)
            else list(arrays)
            if isinstance(arrays, tuple)
            else [arrays]
        )
        if batch_size < 1 or len({len(a) for a in held}) != 1:
            lengths = ", ".join(str(len(a)) for a in held)
            raise FeedError(f"mpi.batches: {lengths} rows in batches of {batch_size}", source=where_am_i())
        self.rows = len(held[0])

    def __len__(self) -> int:
        return self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        self.epoch += 1
        rank, ranks = rank_of(self.comm), size_of(self.comm)
        for k in range(len(self)):
            rows = order[k * self.batch_size : (k + 1) * self.batch_size]
            sizes = [sum(piece_sizes(len(rows), self.shards or ranks, r, ranks)) for r in range(ranks)]
            begin = sum(sizes[:rank])
            mine = rows[begin : begin + sizes[rank]]
            if isinstance(self.arrays, Mapping):
                yield {name: a[mine] for name, a in self.arrays.items()}
            else:
                yield tuple(a[mine] for a in self.arrays) if isinstance(self.arrays, tuple) else self.arrays[mine]


def _named(what: str, leaves: Any) -> dict[str, Tensor]:
    found = leaves.items() if isinstance(leaves, Mapping) else ((v.name, v) for v in leaves)
    named = {str(k): v for k, v in found}
    if not all(isinstance(v, Tensor) for v in named.values()):
        raise GraphError(f"mpi.{what}: leaves are parameters and states", source=where_am_i())
    return named


def broadcast(leaves: Mapping[str, Tensor] | Sequence[Tensor], comm: Any = None, root: int = 0) -> None:
    """Gives parameters and states everywhere the values that rank ``root`` has.

    Example: ``gd.interop.mpi.broadcast(step.parameters)``."""
    comm = world(comm)
    if size_of(comm) > 1:
        for leaf in _named("broadcast", leaves).values():
            comm.Bcast(leaf.value, root=root)


def save(
    path: str | os.PathLike[str], leaves: Mapping[str, Tensor] | Sequence[Tensor], step: int, comm: Any = None
) -> None:
    """Rank 0 writes values and the step's number to a ``.npz`` or ``.safetensors`` file, beside its place and renamed.

    An error there is raised on every rank. Example: ``gd.interop.mpi.save("run.npz", step.parameters, k)``."""
    comm, error = world(comm), None
    for leaf in _named("save", leaves).values():
        owner = owner_of(leaf)
        if size_of(comm) > 1 and owner is not None:
            comm.Bcast(leaf.value, root=owner)
    if rank_of(comm) == 0:
        try:
            values: dict[str, Tensor | np.ndarray] = {name: v.value for name, v in _named("save", leaves).items()}
            gd.save_weights(path, {**values, STEP: np.asarray(step, np.int64)})
        except (OSError, GraphdiffError, ImportError) as e:
            error = e
    together(comm, error)


def restore(path: str | os.PathLike[str], leaves: Mapping[str, Tensor] | Sequence[Tensor], comm: Any = None) -> int:
    """Gives parameters and states the values of a file that :func:`save` wrote, and returns the step's number.

    The number of ranks may be another. A file that is damaged or does not fit is an error on every rank. Example:
    ``k = gd.interop.mpi.restore("run.npz", step.parameters)``."""
    comm, error = world(comm), None
    values: dict[str, np.ndarray] = {}
    if rank_of(comm) == 0:
        try:
            values = gd.load_weights(Path(path))
        except (OSError, GraphdiffError, ImportError) as e:
            error = e
    together(comm, error)
    if size_of(comm) > 1:
        values = comm.bcast(values, root=0)
    if STEP not in values:
        raise FeedError(f"mpi.restore: {path} was not written by mpi.save", source=where_am_i())
    step = int(values.pop(STEP))
    fill(_named("restore", leaves), values, "restore")
    return step


def sweep(function: Callable[[Any], T], cases: Sequence[Any], comm: Any = None) -> list[T]:
    """``function(case)`` for every case, over ranks; the results in order on every rank.

    ``function`` is pickled; rank 0 hands out the cases. An error of one case is raised on every rank. Example:
    ``losses = gd.interop.mpi.sweep(fit, [{"lr": 0.1}, {"lr": 0.01}])``."""
    comm = world(comm)
    if size_of(comm) == 1:
        return [function(case) for case in cases]
    from mpi4py.futures import MPICommExecutor

    found: list[T] = []
    error: BaseException | None = None
    with MPICommExecutor(comm, root=0) as executor:
        if executor is not None:
            try:
                found = list(executor.map(function, cases))
            except Exception as e:
                error = e
    together(comm, error)
    shared: list[T] = comm.bcast(found, root=0)
    return shared
