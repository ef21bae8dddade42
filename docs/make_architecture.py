"""Writes what docs/architecture.md shows of the compiler: one small example at every stage, as it really is.

    python -m docs.make_architecture

The page's prose is written by hand; each block between ``<!-- made: NAME -->`` and ``<!-- end -->`` is what the stage
NAME of :func:`stages` gives. Invariant: the same package gives the same page on every machine.
Must not know: anything that the stages do; it calls them as graphdiff/runtime/compiled.py does, and prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import graphdiff as gd
from graphdiff.ir.dims import format_shape
from graphdiff.lower.fuse import group
from graphdiff.lower.instruction import Buffer, Instruction
from graphdiff.lower.phases import phases
from graphdiff.lower.select import select
from graphdiff.runtime.assemble import HEADER_WORDS, VALUE_WORDS, Template, place
from graphdiff.runtime.compiled import compile_inner
from graphdiff.schedule.memory import Lifetimes
from graphdiff.schedule.order import arrange
from graphdiff.transforms.simplify import simplify

PAGE = Path(__file__).with_name("architecture.md")
BLOCK = re.compile(r"(<!-- made: (\w+) -->\n```\w+\n).*?(```\n<!-- end -->)", re.DOTALL)
SIZES = {"batch": 8}

SOURCE = """\
import graphdiff as gd

x = gd.input("x", ("batch", 3))
t = gd.input("t", ("batch",))
w = gd.parameter("w", value=[0.1, -0.2, 0.3])
loss = gd.mean(gd.square(gd.tanh(x @ w) - t))
adjoint = gd.adjoint(loss, w)
new_w = w - 0.5 * adjoint.gradients
"""


def example() -> dict[str, object]:
    """The names that the example defines; its lines are those of example.py."""
    names: dict[str, object] = {}
    exec(compile(SOURCE, "example.py", "exec"), names)
    return names


def stages() -> dict[str, str]:
    """The text of each stage, by name, in the order they follow each other."""
    names = example()
    x, t, w, loss, adjoint, new_w = (names[k] for k in ("x", "t", "w", "loss", "adjoint", "new_w"))
    out = {"source": SOURCE}
    forward, _, backward = str(adjoint).partition("adjoint of ")
    out["graph"] = forward
    out["adjoint"] = "adjoint of " + backward

    graph, _ = simplify(gd.Graph("step", [x, t], [loss], [(w, new_w)]))
    out["simplified"] = str(graph)

    phase = phases(graph)
    groups, _ = group(list(graph.nodes), [*graph.outputs, *(v for _, v in graph.updates)], phase)
    out["groups"] = "\n".join(
        f"{g.phase:<9} {'' if g.shape is None else format_shape(g.shape):<8} {', '.join(n.op.name for n in g.nodes)}"
        for g in groups
    )

    selected = select(graph, (), phase, partial(compile_inner, checkpoint=None))
    order = arrange(selected)
    label = labels(order, selected.inputs + selected.outputs + selected.parameters)
    out["instructions"] = "\n".join(instruction_lines(order, label))

    lifetimes = Lifetimes(order)
    offsets, peak, bound = place(lifetimes, SIZES)
    out["plan"] = (
        "\n".join(plan_lines(lifetimes, offsets, label)) + f"\narena {peak} bytes, no plan has less than {bound}"
    )

    template = Template(order, lifetimes, (selected.inputs, selected.outputs, selected.parameters))
    words = template.fill(SIZES, offsets, peak).tolist()
    out["words"] = "\n".join(word_lines(order, template, words, label))
    return {name: text.rstrip("\n") + "\n" for name, text in out.items()}


def labels(order: Sequence[Instruction], leaves: Sequence[Buffer]) -> dict[Buffer, str]:
    """A short name for each buffer: that of the leaf, the result's kind and slot, or a letter."""
    names = {b: f"output{b.slot}" if b.kind == "output" else b.label for b in leaves}
    letters = iter("abcdefghijklmnopq")
    for i in order:
        for b in (*i.reads, *i.writes):
            if b not in names:
                names[b] = next(letters)
    return names


def instruction_lines(order: Sequence[Instruction], label: dict[Buffer, str]) -> Iterator[str]:
    for n, i in enumerate(order):
        kernels = ", ".join(call.kernel for call in i.calls)
        reads, writes = (", ".join(label[b] for b in buffers) for buffers in (i.reads, i.writes))
        yield f"{n}  {i.phase:<9} {kernels:<7} {reads:<8} -> {writes:<11} {', '.join(v.op.name for v in i.nodes)}"


def plan_lines(lifetimes: Lifetimes, offsets: Sequence[int], label: dict[Buffer, str]) -> Iterator[str]:
    yield "buffers  offset  bytes  from instruction, to instruction"
    sizes = lifetimes.sizes(SIZES)
    for u, (first, last) in enumerate(zip(lifetimes.first, lifetimes.last)):
        shared = " ".join(label[b] for b, unit in lifetimes.unit.items() if unit == u)
        yield f"{shared:<9}{offsets[u]:>6}{sizes[u]:>7}  {first}, {last}"


def word_lines(
    order: Sequence[Instruction], template: Template, words: Sequence[int], label: dict[Buffer, str]
) -> Iterator[str]:
    yield f"header    {words[0]:#x} {' '.join(map(str, words[1:HEADER_WORDS]))}"
    for n, b in enumerate(template.buffers):
        at = HEADER_WORDS + VALUE_WORDS * n
        numbers = " ".join(map(str, words[at : at + VALUE_WORDS]))
        yield f"value {n:<3} {numbers:<10} {label[b]}: {b.dtype.name}[{b.count}]"
    first, last = order[0].calls[0], order[-1].calls[0]
    yield f"{first.kernel}    {' '.join(map(str, first.payload))}"
    yield from tile_lines(last.payload)


def tile_lines(payload: Sequence[object]) -> Iterator[str]:
    """The payload of a tile in its parts (csrc/include/graphdiff.h)."""
    dims, _, loads, consts, ops, stores = payload[:6]
    at = 6
    yield f"tile      {' '.join(map(str, payload[:6]))}"
    view = 2 + dims
    for part, count, size in (
        ("dims", dims, 1),
        ("load", loads, view),
        ("const", consts, 2),
        ("op", ops, 5),
        ("store", stores, 3 + view),
    ):
        for _ in range(count):
            yield f"  {part:<7} {' '.join(map(str, payload[at : at + size]))}"
            at += size


def page() -> str:
    """The page with every block made anew."""
    texts = stages()
    return BLOCK.sub(lambda m: m[1] + texts[m[2]] + m[3], PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.name, len(stages()), "stages")
