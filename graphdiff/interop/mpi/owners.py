"""Who updates what, where updates are divided over ranks: leaves that need each other's values stay together.

Owns: the owner of each leaf, and which leaves are so small that all ranks update them. Must not know: MPI.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence

from ...ir.node import topological
from ...ops.tensor import Tensor

SMALL = 1024  # elements; what has fewer is updated everywhere
_owner: weakref.WeakKeyDictionary[object, int] = weakref.WeakKeyDictionary()  # by storage, of what others have not


def own(leaf: Tensor, rank: int | None) -> None:
    """Notes which rank alone has the values of a leaf; None: all do."""
    if rank is None:
        _owner.pop(leaf.node.attrs["storage"], None)
    else:
        _owner[leaf.node.attrs["storage"]] = rank


def owner_of(leaf: Tensor) -> int | None:
    """The rank that alone has the values of a leaf; None: all do."""
    return _owner.get(leaf.node.attrs["storage"])


def leaves_under(value: Tensor, kinds: Sequence[str]) -> set[Tensor]:
    """The leaves of some kinds that a value depends on."""
    return {v for n in topological([value]) if n.op.name in kinds for v in n.outputs}


def owners(updates: Mapping[Tensor, Tensor], ranks: int) -> dict[Tensor, int | None]:
    """The rank that updates each leaf; None: all do. Even in elements, the same on every rank."""
    held = ("parameter", "state")
    reads = {leaf: leaves_under(new, held) & set(updates) for leaf, new in updates.items()}
    everywhere = {leaf for leaf in updates if _size(leaf) < SMALL}
    while True:  # what is updated everywhere reads nothing that is not
        fewer = {leaf for leaf in everywhere if reads[leaf] <= everywhere}
        if fewer == everywhere:
            break
        everywhere = fewer
    group = {leaf: leaf for leaf in updates if leaf not in everywhere}

    def first(leaf: Tensor) -> Tensor:
        while group[leaf] is not leaf:
            leaf = group[leaf]
        return leaf

    for leaf in group:
        for other in reads[leaf] - everywhere:
            group[first(other)] = first(leaf)
    members: dict[Tensor, list[Tensor]] = {}
    for leaf in group:
        members.setdefault(first(leaf), []).append(leaf)
    found: dict[Tensor, int | None] = dict.fromkeys(everywhere)
    load = [0] * ranks
    for leaves in sorted(members.values(), key=lambda m: -sum(map(_size, m))):
        rank = load.index(min(load))
        load[rank] += sum(map(_size, leaves))
        found.update(dict.fromkeys(leaves, rank))
    return found


def _size(leaf: Tensor) -> int:
    return math.prod(int(s) for s in leaf.shape)
