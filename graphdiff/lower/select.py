"""From groups to instructions: which core kernels compute them, over which buffers.

Each kind of node has a way of its own: elementwise groups become tiles (tiles.py), products and attention read views
(products.py), loops are in loop_encode.py. This file decides which, and what of the graph is stored at all.
Must not know: payload words, in what order instructions end up, where buffers lie.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..errors import CompileError
from ..ir.graph import Graph
from ..ir.node import Node, Value
from ..ops.registry import Attention, Branch, Call, Guard, Loop, Matmul, Place
from ..ops.sparsity import SPARSITY
from . import products, tiles
from .duplicate import duplicate_cheap
from .encode import Inner, branch_words, call_words
from .epilogue import Epilogue, epilogues
from .fuse import Group, group
from .instruction import INPUT, OUTPUT, PARAM, Buffer, Instruction, KernelCall, Location
from .locate import Locator
from .loop_encode import Loops
from .loop_forms import forms
from .readers import find_reads


class Selected(NamedTuple):
    """Instructions in topological order, with the storage of everything the caller sees."""

    instructions: list[Instruction]
    inputs: list[Buffer]  # the arguments, then what is given for each set of sizes
    outputs: list[Buffer]
    parameters: list[Buffer]
    commits: list[Instruction]  # copies of new values into parameters, to run after everything else
    location: dict[Value, Location]
    segment_starts: set[Buffer]  # carries at the starts of loops' segments
    duplicated: set[Node]  # computed again by instructions other than their own; not stored, most of them


def select(
    graph: Graph,
    extra: Sequence[Value],
    phases: dict[Node, str],
    compile_inner: Callable[[Graph], Inner],
    checkpoint: Any = None,
    accumulate: bool = False,
) -> Selected:
    """The instructions of ``graph``. ``extra`` values (checks, monitors) are computed and stored as outputs are;
    ``compile_inner`` makes the programs of loops and branches, whose segments are by the policy ``checkpoint``. With
    ``accumulate`` a product that an update adds to a parameter nothing else reads is added where the parameter is."""
    required = [*graph.outputs, *(v for _, v in graph.updates), *extra]
    sums = _products_added(graph, required) if accumulate else {}
    selector = _Selector(graph, required, phases, sums, compile_inner, checkpoint)
    locate = selector.locate
    fed = [*graph.inputs, *(v for node in graph.nodes if node.op is SPARSITY for v in node.outputs)]
    inputs = [locate.leaf(v, INPUT, i) for i, v in enumerate(fed)]
    parameters = [locate.leaf(v, PARAM, i) for i, v in enumerate(graph.parameters)]
    for g in selector.groups:
        made = selector.instruction(g)
        if made is not None:
            selector.out.append(made)
    outputs = [locate.output(v, OUTPUT, i) for i, v in enumerate(graph.outputs)]
    slot = {p: i for i, p in enumerate(graph.parameters)}
    added = set(sums.values())
    commits = [locate.copy_to(v, parameters[slot[p]], "update") for p, v in graph.updates if v.node not in added]
    return Selected(
        selector.out,
        inputs,
        outputs,
        parameters,
        commits,
        locate.location,
        selector.loops.segment_starts,
        {n for nodes in selector.duplicated.values() for n in nodes},
    )


def _products_added(graph: Graph, required: Sequence[Value]) -> dict[Node, Node]:
    """Products whose only reader adds them to a parameter that nothing else reads, for its update; and that reader."""
    readers = Counter(v for n in graph.nodes for v in n.inputs)
    readers.update(required)
    out = {}
    for p, y in graph.updates:
        if y.node.op.name == "add" and readers[p] == readers[y] == 1:
            a, b = y.node.inputs
            term = b if a is p else a
            if (a is p or b is p) and type(term.node.op.kernel) is Matmul and readers[term] == 1:
                if term.shape == p.shape:
                    out[term.node] = y.node
    return out


class _Selector:
    """The groups of a graph, and what each of them becomes. ``sums``: products that are added to a parameter, by the
    node that does; ``out``: the instructions so far."""

    def __init__(
        self,
        graph: Graph,
        required: Sequence[Value],
        phases: dict[Node, str],
        sums: dict[Node, Node],
        compile_inner: Callable[[Graph], Inner],
        checkpoint: Any,
    ):
        self.phases, self.sums, self.compile_inner = phases, sums, compile_inner
        self.out: list[Instruction] = []
        self.locate = Locator(phases, self.out)
        loops = forms(graph, required)
        self.loops = Loops(loops, checkpoint, self.locate.storage, self.locate.result, compile_inner)
        added = set(sums.values())
        self.groups, group_of = group([n for n in graph.nodes if n not in added], required, phases)
        self.reads = reads = find_reads(graph.nodes, group_of, loops, required)
        self.duplicated = duplicate_cheap(reads, group_of, {reads.storage_of(v) for v in required})
        reads.duplicated(self.duplicated)
        self.epilogue_of: dict[Group, Epilogue] = epilogues(
            self.groups, reads.stored, self.duplicated, reads.read_by, reads.base, phases
        )
        self.ended = {e.product for e in self.epilogue_of.values()}  # products that run as part of what follows

    def instruction(self, g: Group) -> Instruction | None:
        """The instruction of a group; None where another one's does its work."""
        node = g.nodes[-1]
        if node in self.ended:
            return None
        if g in self.epilogue_of:
            epilogue = self.epilogue_of[g]
            return self._product(epilogue.product, epilogue)
        if g.shape is not None:
            again = self.duplicated.get(g, ())
            return tiles.group_tile(g, self.locate, self.reads.base, self.reads.stored, again)
        match node.op.kernel:
            case Matmul() | Call():
                return self._product(node, None)
            case Attention():
                return products.attention(node, self.locate, self.reads.read_as)
            case Guard():
                return self._guard(node)
            case Place():
                return tiles.place(node, self.locate)
            case Loop():
                return self.loops.instruction(node, self.reads.stored, self.phases[node])
            case Branch():
                return self._branch(node)
        raise CompileError(f"{node.op.name} cannot be executed", source=str(node.source))

    def _product(self, node: Node, epilogue: Epilogue | None) -> Instruction:
        if type(node.op.kernel) is not Matmul:
            return products.call(node, self.locate, epilogue)
        read_as = self.reads.read_as.get(node.outputs[0], ())
        return products.matmul(node, self.locate, read_as, epilogue, self.sums.get(node))

    def _guard(self, node: Node) -> Instruction:
        at = self.locate.whole(node.inputs[0])
        assert at.buffer is not None
        self.locate.location[node.outputs[0]] = at
        kernel: Guard = node.op.kernel
        call = KernelCall(kernel.kernel, (0,), (), call_words(kernel.params(node)))
        return Instruction([call], [at.buffer], [], self.phases[node], [node], guard=True)

    def _branch(self, node: Node) -> Instruction:
        reads = [self.locate.storage(v) for v in node.inputs]
        writes = [self.locate.result(y) for y in node.outputs]
        programs = [self.compile_inner(node.attrs[k]) for k in ("if_true", "if_false")]
        n, m = len(reads), len(writes)
        words = branch_words(n - 1, m, programs)
        call = KernelCall("branch", tuple(range(n)), tuple(range(n, n + m)), words)
        return Instruction([call], reads, writes, self.phases[node], [node], programs[0].flops, guard=True)
