"""Other orders of the same steps, for less to be alive at once: each step still runs once.

Two kinds: whatever frees most bytes first, and depth first from the end, where the bigger of what a step reads is made
first. Whether one of them is of use is told by its peak; the order given may be better than both.
Must not know: instructions, limits.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence


def reordered(size: Sequence[int], inputs: Sequence[Sequence[int]]) -> Iterator[tuple[str, list[int]]]:
    """(name, order) of nodes of ``size`` bytes, each after its ``inputs``; the last node, which is last in each, is
    what all is made for."""
    yield "what frees most first", _freeing(size, inputs)
    yield "depth first", _depth_first(size, inputs)


def _freeing(size: Sequence[int], inputs: Sequence[Sequence[int]]) -> list[int]:
    n = len(size)
    readers: list[list[int]] = [[] for _ in range(n)]
    for v, reads in enumerate(inputs):
        for i in reads:
            readers[i].append(v)
    uses = [len(r) for r in readers]  # that are still to come
    waits = [len(reads) for reads in inputs]
    done = [False] * n

    def grows(v: int) -> int:
        return size[v] - sum(size[i] for i in inputs[v] if uses[i] == 1)

    ready = [(grows(v), v) for v in range(n) if not waits[v]]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        was, v = heapq.heappop(ready)
        if done[v]:
            continue
        now = grows(v)
        if now > was:
            heapq.heappush(ready, (now, v))
            continue
        done[v] = True
        order.append(v)
        for r in readers[v]:
            waits[r] -= 1
            if not waits[r]:
                heapq.heappush(ready, (grows(r), r))
        for i in inputs[v]:
            uses[i] -= 1
            if uses[i] == 1:  # whoever is left to read it frees it
                for r in readers[i]:
                    if not done[r] and not waits[r]:
                        heapq.heappush(ready, (grows(r), r))
    order.remove(n - 1)
    return [*order, n - 1]


def _depth_first(size: Sequence[int], inputs: Sequence[Sequence[int]]) -> list[int]:
    n = len(size)
    order: list[int] = []
    seen = [False] * n
    for root in (n - 1, *range(n - 1)):  # nodes that only others than the last need come after it, and it is moved
        stack = [(root, False)]
        while stack:
            v, expanded = stack.pop()
            if expanded:
                order.append(v)
            elif not seen[v]:
                seen[v] = True
                stack.append((v, True))
                stack += [(i, False) for i in sorted(inputs[v], key=lambda i: size[i])]
    order.remove(n - 1)
    return [*order, n - 1]
