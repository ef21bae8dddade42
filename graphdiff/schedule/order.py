"""In what order instructions run: everything that reads the old state first, then what writes parameters.

Sums of many values that nothing else reads run as soon as they can: so a weight's contributions to its gradient do not
all wait for the last one.

An update whose value is the result of one elementwise instruction, needed for nothing else, is written straight into
the parameter, and so are rows that an instruction adds to the parameter itself; any other is computed aside and copied
at the very end. So outputs and every update see the state as it was, updates take effect together, and whatever can
fail (guards) runs before anything is written.
Must not know: where buffers lie, what operations mean.
"""

from __future__ import annotations

from collections import Counter

from ..lower.encode import whole_copy
from ..lower.instruction import ARENA, PARAM, Buffer, Instruction
from ..lower.select import Selected

FREES = 4  # values of a result's size


def arrange(selected: Selected, write_through: bool = True) -> list[Instruction]:
    """The instructions of ``selected`` in a valid order. Without ``write_through`` every update is computed aside."""
    body = selected.instructions
    reads = Counter(b for i in body for b in i.reads)
    reads.update(b for c in selected.commits for b in c.reads)
    producer = {b: i for i in body for b in i.writes}
    goal: dict[Buffer, Buffer] = {}  # computed value -> the parameter it can be written straight into
    for commit in selected.commits:
        value, target = commit.reads[0] if commit.reads else None, commit.writes[0]
        if not write_through or value is None or not commit.inplace:
            continue
        if _can_write_through(value, target, producer.get(value), reads):
            goal[value] = target
    direct = _direct(body, goal)
    written = {b for i in direct for b in i.writes}
    tail = set(direct)
    later = {b for i in (*direct, *selected.commits) for b in i.reads}
    order = _freeing_early([i for i in body if i not in tail], later)
    late = []
    for commit in selected.commits:
        if commit.reads and commit.reads[0] in written:
            continue
        if commit.reads and commit.reads[0].kind == PARAM:
            # the value is another parameter as it was: taken aside before anything is written
            aside = Buffer(ARENA, commit.reads[0].dtype, commit.reads[0].count, label=commit.reads[0].label)
            order.append(Instruction(commit.calls, commit.reads, [aside], commit.phase, commit.nodes))
            commit = Instruction([whole_copy(commit.calls[0])], [aside], commit.writes, commit.phase, commit.nodes)
        late.append(commit)
    for i in direct:
        i.writes = [goal[b] for b in i.writes]
    return order + direct + late


def _freeing_early(order: list[Instruction], later: set[Buffer]) -> list[Instruction]:
    """``order`` with elementwise ones that free several times what they make right behind the last thing they read.
    ``later``: what is still read afterwards."""
    last = {b: n for n, i in enumerate(order) for b in i.reads}
    made: dict[Buffer, int] = {}
    position = []
    for n, i in enumerate(order):
        at = n
        if i.calls[0].kernel == "tile" and len(i.reads) >= FREES and len(i.writes) == 1:
            y = i.writes[0]
            dying = [b for b in i.reads if b.kind == ARENA and last[b] == n and b not in later]
            alike = sum(b.count == y.count and b.dtype.itemsize == y.dtype.itemsize for b in dying)
            if alike >= FREES:
                at = max(made.get(b, -1) for b in i.reads)
        position.append(at)
        made.update((b, at) for b in i.writes)
    return [order[n] for n in sorted(range(len(order)), key=lambda n: (position[n], n))]


def _can_write_through(value: Buffer, target: Buffer, maker: Instruction | None, reads: Counter[Buffer]) -> bool:
    if maker is None or value.kind != ARENA or reads[value] != 1 or len(maker.calls) != 1 or maker.guard:
        return False
    write = maker.writes.index(value)
    if target in maker.reads:  # only element by element, or where it adds, may it read what it overwrites
        return maker.reads.count(target) == 1 and maker.reads.index(target) in maker.inplace.get(write, ())
    return maker.calls[0].kernel == "tile"


def _direct(body: list[Instruction], goal: dict[Buffer, Buffer]) -> list[Instruction]:
    """The instructions all of whose results go straight into parameters, so ordered that each reads old values."""
    direct = [i for i in body if i.writes and all(b in goal for b in i.writes)]
    while True:
        writer = {goal[b]: i for i in direct for b in i.writes}
        after: dict[Instruction, set[Instruction]] = {i: set() for i in direct}  # must run before the key
        for i in direct:
            for b in i.reads:
                j = writer.get(b)
                if j is not None and j is not i:
                    after[j].add(i)
        order: list[Instruction] = []
        done: set[Instruction] = set()
        waiting = list(direct)
        while waiting:
            ready = [i for i in waiting if after[i] <= done]
            if not ready:
                break
            order += ready
            done.update(ready)
            waiting = [i for i in waiting if i not in done]
        if not waiting:
            return order
        direct.remove(waiting[0])  # a ring of updates: one of them goes aside
