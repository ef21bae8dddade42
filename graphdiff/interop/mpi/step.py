"""A step over ranks: the graph is cut where it is reduced.

Owns: which part of a graph runs on a rank's own rows and which everywhere alike, and the order in which a rank's pieces
are added. Collectives stay outside of the graph. Invariants: nothing is updated unless every rank could compute its
share; parameters stay the same everywhere. Must not know: optimisers, data formats.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

import graphdiff as gd

from ...errors import CompileError, FeedError, GraphError
from ...ir.graph import Graph, exact_text
from ...ir.node import topological
from ...ops.leaves import input as input_leaf
from ...ops.messages import describe, where_am_i
from ...ops.tensor import Tensor, as_tensor
from ...ops.trees import tensors
from ...ops.types import Fed, Tensors
from ...runtime.staged import Staged, order_of_results
from .buckets import Buckets
from .data import piece_sizes
from .owners import leaves_under, own, owners
from .ranks import MPI, rank_of, size_of, together, world


def compile(
    inputs: Sequence[Tensor],
    outputs: Tensors,
    updates: Mapping[Tensor, Tensor] | None = None,
    *,
    reduce: Sequence[Tensor] = (),
    op: Literal["mean", "sum"] = "mean",
    comm: Any = None,
    shards: int | None = None,
    batch: str = "batch",
    bucket_bytes: int = 4 << 20,
    shard_updates: bool = False,
    **options: Any,
) -> Step:
    """As ``gd.compile``, for a step whose rows lie on many ranks: ``step(x_rows, t_rows)`` with the rows of this rank.

    ``reduce``: Tensors, as the loss and its gradients, that each rank computes of its rows and that are put together:
    the mean of what ranks have, weighted by their rows, or the sum (``op``). ``outputs`` and ``updates`` are computed
    everywhere alike of those, parameters and states; outputs may also be of a rank's own rows. ``comm``: an mpi4py
    communicator, all ranks unless given. ``shards``: a power of two: the global batch is that many pieces for any
    number of ranks, added as one binary tree, so that 1, 2, 4, ... ranks have the same bits. ``batch``: the name of the
    rows' dimension. ``bucket_bytes``: how much goes into one reduction; what fills one, as the gradients of the last
    layers, is on its way while the rest is computed. ``shard_updates``: each rank updates a
    share of the leaves, with the gradients that it alone is given, and the others get the new values: the work and, but
    for what the forward pass reads, the memory traffic of updates are divided. ``options``: of ``gd.compile``. A failed
    check, a bad feed, or with ``debug="nan"`` a value that is not finite, on one rank is an error on all.
    Raises GraphError for an update that depends on a rank's rows beside ``reduce``, for what is reduced and needed
    again to compute what is reduced, and where ranks have different graphs; what ``gd.compile`` raises.

    Example: ``step = gd.interop.mpi.compile([x, t], loss, opt.updates(P, grads), reduce=[loss, *grads])``."""
    return Step(
        list(inputs),
        outputs,
        dict(updates or {}),
        list(reduce),
        op,
        world(comm),
        shards,
        batch,
        bucket_bytes,
        shard_updates,
        options,
    )


class Step:
    """A compiled step over ranks; made by :func:`compile`. ``seconds``: how long all calls so far have computed, waited
    for other ranks, communicated and updated; ``parameters``: of the updates and of what is computed."""

    def __init__(
        self,
        inputs: list[Tensor],
        outputs: Tensors,
        updates: dict[Tensor, Tensor],
        reduce: list[Tensor],
        op: str,
        comm: Any,
        shards: int | None,
        batch: str,
        bucket_bytes: int,
        shard_updates: bool,
        options: dict[str, Any],
    ):
        if op not in ("mean", "sum"):
            raise CompileError(f'mpi.compile: op is "mean" or "sum", got {op!r}', source=where_am_i())
        ranks = size_of(comm)
        if shards is not None and (shards < ranks or shards & (shards - 1) or ranks & (ranks - 1)):
            raise CompileError(
                f"mpi.compile: shards is a power of two for a power of two of ranks, got {shards} for {ranks}",
                source=where_am_i(),
            )
        self.comm, self.shards, self.op, self.batch = comm, shards, op, batch
        self.inputs = inputs
        axes = [_rows_axis(v, batch) for v in inputs]
        self._rows_at = next(((k, axis) for k, axis in enumerate(axes) if axis is not None), None)
        self._several = ranks > 1
        self._word = np.zeros(2, np.int64)  # whether a rank has failed, and the rows
        self.seconds = dict.fromkeys(("compute", "wait", "communicate", "update"), 0.0)
        found, self._tree = tensors("mpi.compile", outputs, "outputs")
        _refuse_unfit(reduce)
        self._stand_ins = [input_leaf(None, v.shape, v.dtype) for v in reduce]
        weighted = op == "mean" and (ranks > 1 or shards is not None)
        dtypes = list(dict.fromkeys(v.dtype for v in reduce)) if weighted else []
        rows, total = ({d: input_leaf(None, (), d) for d in dtypes} for _ in range(2))  # of a piece, and of all
        self._rows_fed, self._total_fed = ([np.zeros((), d) for d in dtypes] for _ in range(2))
        means = [v / total[v.dtype] for v in self._stand_ins] if weighted else self._stand_ins
        replaced = dict(zip(reduce, means))
        values = {p: as_tensor(v, "update", p.dtype) for p, v in updates.items()}
        alike = gd.substitute([*found, *values.values()], replaced) if replaced else [*found, *values.values()]
        mine = [_inputs(v) & set(inputs) for v in alike]
        for leaf, on in zip(values, mine[len(found) :]):
            if on:
                told = ", ".join(str(v.name) for v in on)
                raise GraphError(
                    f"mpi.compile: the update of {leaf.name} depends on {told}, which differ between ranks; put "
                    "what it is made of into reduce",
                    source=where_am_i(),
                )
        self._own = [k for k in range(len(found)) if mine[k]]  # outputs of a rank's own rows
        for k in self._own:
            if any(v in set(self._stand_ins) for v in _inputs(alike[k])):
                raise GraphError(
                    f"mpi.compile: output {describe(found[k])} needs both a rank's rows and what is reduced",
                    source=where_am_i(),
                )
        self._own_axes = [_rows_axis(found[k], batch) for k in self._own]
        if shards is not None and None in self._own_axes:
            told = describe(found[self._own[self._own_axes.index(None)]])
            raise GraphError(
                f"mpi.compile: with shards, output {told} of a rank's own rows has them along an axis, {batch}",
                source=where_am_i(),
            )
        self._alike = [k for k in range(len(found)) if not mine[k]]
        sums = [v * rows[v.dtype] for v in reduce] if weighted else reduce
        self.local = gd.compile(
            [*inputs, *rows.values()], [*sums, *(found[k] for k in self._own)], name="mpi_local", **options
        )
        new_values = dict(zip(values, alike[len(found) :]))
        of: dict[Tensor, int | None] = dict.fromkeys(new_values)
        if shard_updates and ranks > 1:
            of = owners(new_values, ranks)
        self.shared = gd.compile(
            [*self._stand_ins, *total.values()],
            [alike[k] for k in self._alike],
            {leaf: new for leaf, new in new_values.items() if of[leaf] in (None, rank_of(comm))},
            name="mpi_shared",
            **options,
        )
        held = {p.name: p for p in (*self.shared.parameters, *self.local.parameters, *new_values)}
        self.parameters = list(held.values())
        shared = [*(alike[k] for k in self._alike), *new_values.values()]
        self._compare([Graph("local", inputs, reduce), Graph("shared", [*self._stand_ins, *total.values()], shared)])
        used: dict[Tensor, set[int | None]] = {v: set() for v in self._stand_ins}
        for value, owner in [*((alike[k], None) for k in self._alike), *((v, of[p]) for p, v in new_values.items())]:
            for v in _inputs(value) & used.keys():
                used[v].add(owner)
        order = self._order()
        owned = [_only(used[v]) for v in self._stand_ins]
        self._buckets = Buckets(reduce, owned, order, bucket_bytes, comm, shards is not None)
        read = set(self.local.parameters) | {
            p for k in self._alike for p in leaves_under(alike[k], ("parameter", "state"))
        }
        self._sent = [(leaf, owner) for leaf, owner in of.items() if owner is not None and leaf in read]
        for leaf, owner in of.items():
            own(leaf, None if leaf in read else owner)

    def _compare(self, graphs: Sequence[Graph]) -> None:
        """Raises GraphError on every rank where one has another graph than rank 0."""
        if size_of(self.comm) == 1:
            return
        names = {v.name: f"reduced_{k}" for k, v in enumerate(graphs[1].inputs)}
        text = "\n".join(exact_text(g) for g in graphs)
        for old, new in names.items():
            text = text.replace(old, new)
        digests = self.comm.allgather(hashlib.sha256(text.encode()).hexdigest())
        other = next((r for r, d in enumerate(digests) if d != digests[0]), None)
        if other is None:
            return
        texts = [self.comm.bcast(text, root=r).splitlines() for r in (0, other)]
        pairs = [(a, b) for a, b in zip(*texts) if a != b] or [(f"{len(texts[0])} lines", f"{len(texts[1])} lines")]
        raise GraphError(
            f"mpi.compile: rank {other} has another graph than rank 0: {pairs[0][1].strip()!r} where that has "
            f"{pairs[0][0].strip()!r}",
            source=where_am_i(),
        )

    def _order(self) -> list[int]:
        """What is reduced by when it is there, as on rank 0: the same everywhere."""
        order = order_of_results(self.local, len(self._stand_ins))
        return order if size_of(self.comm) == 1 else list(self.comm.bcast(order, root=0))

    def _rows(self, args: Sequence[Fed]) -> int:
        """This rank's rows. Raises FeedError."""
        if len(args) != len(self.inputs):
            raise FeedError(f"mpi step: {len(self.inputs)} inputs, got {len(args)}", source=where_am_i())
        if self._rows_at is None:
            return 1
        which, axis = self._rows_at
        fed: Any = args[which]
        shape = fed.shape if isinstance(fed, np.ndarray) else np.shape(fed)
        if axis >= len(shape):
            told = describe(self.inputs[which])
            raise FeedError(f"mpi step: {told} is fed an array of shape {shape}", source=where_am_i())
        return int(shape[axis])

    def __call__(self, *args: Fed) -> Any:
        began = time.perf_counter()
        error: BaseException | None = None
        rows, own = 0, list[list[np.ndarray]]()
        try:
            rows = self._rows(args)
        except Exception as e:
            error = e
        several = self._several
        total = int(self.comm.allreduce(rows)) if several and self.shards is not None else rows
        if several:
            self._buckets.begin()
        if error is None:
            try:
                own = self._share(self._pieces(args, rows, total))
            except Exception as e:
                error = e
        if several:
            self._buckets.begin_rest(there=bool(own))
        computed = time.perf_counter()
        failed, waited = error is not None, computed
        if several:
            self._word[0], self._word[1] = failed, rows
            self.comm.Allreduce(MPI.IN_PLACE, self._word)
            failed, total = bool(self._word[0]), int(self._word[1])
            waited = time.perf_counter()
            self._buckets.finish()
        if failed:
            together(self.comm, error)
        if total == 0 and self.op == "mean":
            raise FeedError("mpi step: no rank has rows", source=where_am_i())
        reduced = time.perf_counter()
        shared = self._updated(total)
        updated = time.perf_counter()
        if self._sent:
            MPI.Request.Waitall([self.comm.Ibcast(leaf.value, root=owner) for leaf, owner in self._sent])
        seconds = self.seconds
        seconds["compute"] += computed - began
        seconds["wait"] += waited - computed
        seconds["communicate"] += reduced - waited + (time.perf_counter() - updated if self._sent else 0.0)
        seconds["update"] += updated - reduced
        if not self._own:
            return self._tree.build(shared)
        results: list[Any] = [None] * (len(self._own) + len(self._alike))
        for k, value in [*zip(self._own, self._joined(own)), *zip(self._alike, shared)]:
            results[k] = value
        return self._tree.build(results)

    def _updated(self, total: int) -> list[np.ndarray]:
        """What is computed everywhere alike, with this rank's updates; where these are divided, all fail or none."""
        error, found = None, list[np.ndarray]()
        for fed in self._total_fed:
            fed[...] = total
        try:
            found = self.shared(*self._buckets.views, *self._total_fed)
        except Exception as e:
            error = e
        if self._sent:
            together(self.comm, error)
        elif error is not None:
            raise error
        return found

    def _pieces(self, args: Sequence[Any], rows: int, total: int) -> list[tuple[int, Sequence[Any]]]:
        """The rank's rows in the pieces that are computed apart: (rows, arrays)."""
        if self.shards is None:
            return [(rows, args)]
        sizes = piece_sizes(total, self.shards, rank_of(self.comm), size_of(self.comm))
        if sum(sizes) != rows:
            raise FeedError(
                f"mpi step: rank {rank_of(self.comm)} has {rows} rows of {total}, and {self.shards} shards give it "
                f"{sum(sizes)}",
                source=where_am_i(),
            )
        found: list[tuple[int, Sequence[Any]]] = []
        at = 0
        for n in sizes:
            cut = []
            for v, a in zip(self.inputs, args):
                axis = _rows_axis(v, self.batch)
                where = (slice(None),) * (axis or 0) + (slice(at, at + n),)
                cut.append(a if axis is None else np.asarray(a)[where])
            found.append((n, cut))
            at += n
        return found

    def _joined(self, pieces: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """The outputs of the rank's own rows, of its pieces one after the other."""
        if len(pieces) < 2:
            return list(pieces[0]) if pieces else [np.zeros(0)] * len(self._own)
        return [np.concatenate(column, axis=axis) for axis, column in zip(self._own_axes, zip(*pieces))]

    def _share(self, pieces: Sequence[tuple[int, Sequence[Any]]]) -> list[list[np.ndarray]]:
        """Computes the rank's share, its pieces added as a binary tree, into the buckets, each on its way while the
        rest of the last piece is computed; returns the outputs of the rank's own rows, of each piece."""
        pieces = [(n, piece) for n, piece in pieces if n > 0 or self.op == "sum"]
        found: list[list[np.ndarray]] = []
        for n, piece in pieces:
            for fed in self._rows_fed:
                fed[...] = n
            args = [*piece, *self._rows_fed]
            found.append(self.local(*args) if len(found) < len(pieces) - 1 else self._last(args, found))
        return [a[len(self._stand_ins) :] for a in found]

    def _last(self, args: Sequence[Any], before: Sequence[list[np.ndarray]]) -> list[np.ndarray]:
        """Runs the last piece, and adds to its values those of the pieces ``before`` it."""
        views, several = self._buckets.views, self._buckets.several
        call = Staged(self.local, args, () if before else views)
        found: list[np.ndarray] | None = None if several else call.finish()
        for k in call.in_order(len(views)) if several else range(len(views) if before else 0):
            if before:
                views[k][...] = _added([*(a[k] for a in before), call.results[k]])
            if several:
                self._buckets.arrived(k)
        return call.finish() if found is None else found

    def __repr__(self) -> str:
        return f"<Step over {size_of(self.comm)} ranks: {self.local!r}>"


def _added(level: list[np.ndarray]) -> np.ndarray:
    """The sum of the values of pieces, as a binary tree."""
    while len(level) > 1:
        level = [a + b for a, b in zip(level[::2], level[1::2])] + level[len(level) & ~1 :]
    return level[0]


def _rows_axis(v: Tensor, batch: str) -> int | None:
    return next((d for d, s in enumerate(v.shape) if s == batch), None)


def _inputs(value: Tensor) -> set[Tensor]:
    return leaves_under(value, ("input",))


def _only(users: set[int | None]) -> int | None:
    """The rank that alone needs a value; None: all do."""
    return next(iter(users)) if len(users) == 1 else None


def _refuse_unfit(reduce: Sequence[Tensor]) -> None:
    """Raises GraphError where what is reduced is no float of known shape, or is computed, in the forward pass, of what
    is reduced."""
    reduced = set(reduce)
    for v in reduce:
        if v.dtype.kind != "f" or not all(isinstance(s, int) for s in v.shape):
            raise GraphError(
                f"mpi.compile: what is reduced are floats of known shapes, got {describe(v)}", source=where_am_i()
            )
        nodes = [node for node in topological([v]) if node.origin is None]
        forward = [x for node in nodes for x in node.inputs if x in reduced and x is not v]
        if forward:
            raise GraphError(
                f"mpi.compile: {describe(forward[0])} is reduced, and needed to compute {describe(v)}, which is "
                "reduced too",
                source=where_am_i(),
            )
