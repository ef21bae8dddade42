"""From groups to instructions: which core kernels compute them, over which buffers and strides.

Views never become instructions: each value is known as a buffer with offset and strides, and consumers read through
them; where a kernel needs whole contiguous operands, a copy is put in.
Must not know: the word format (runtime.assemble), in what order instructions end up, where buffers lie.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import CompileError
from ..ir.dims import Shape, Size, floor_div, product
from ..ir.dtypes import CODE, int64
from ..ir.graph import Graph
from ..ir.node import Node, Value
from ..ops.opdef import contiguous_strides
from ..ops.registry import Attention, Branch, Call, Guard, Index, Loop, Matmul, Place, Reduce, Strided, Tile, View
from .duplicate import Reads, duplicate_cheap
from .epilogue import PRODUCTS, Epilogue, epilogues
from .fuse import Group, group, in_frame
from .instruction import ARENA, CONST, INPUT, OUTPUT, PARAM, Buffer, Instruction, Step
from .loop_encode import Inner, Loops
from .loop_forms import forms


class Location(NamedTuple):
    """Where a value's elements are. ``buffer`` None: nowhere; an index (offset and strides give the numbers), or a
    0-d constant (``scalar``) repeated."""

    buffer: Buffer | None
    offset: Size
    strides: tuple[Size, ...]
    scalar: np.ndarray | None = None


class Selected(NamedTuple):
    """Instructions in topological order, with the storage of everything the caller sees."""

    instructions: list[Instruction]
    inputs: list[Buffer]
    outputs: list[Buffer]
    parameters: list[Buffer]
    commits: list[Instruction]  # copies of new values into parameters, to run after everything else
    location: dict[Value, Location]
    kept: set[Buffer]  # carries at the starts of loops' segments
    repeated: set[Node]  # computed again by instructions other than their own; not stored, most of them


_NO_EPILOGUE = [-1, -1, 0, 0]
_MASK = {None: 0, "b": 1, "f": 2}  # as csrc/kernels/attention.c numbers them, by the kind of dtype
_elements = functools.lru_cache(maxsize=4096)(product)  # of a shape


def bits(array: np.ndarray) -> int:
    """A scalar's bytes as the int64 that holds them in its low bytes."""
    return int.from_bytes(array.tobytes().ljust(8, b"\0"), "little", signed=True)


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
    return _Selector(graph, extra, phases, compile_inner, checkpoint, accumulate).run()


class _Selector:
    def __init__(
        self,
        graph: Graph,
        extra: Sequence[Value],
        phases: dict[Node, str],
        compile_inner: Callable[[Graph], Inner],
        checkpoint: Any,
        accumulate: bool,
    ):
        self.graph, self.extra, self.phases, self.compile_inner = graph, extra, phases, compile_inner
        self.location: dict[Value, Location] = {}
        self.out: list[Instruction] = []
        self.constants: dict[int, Buffer] = {}
        self.contiguous: dict[Value, Location] = {}
        self.base: dict[Value, Value] = {}  # view -> the value whose storage it reads
        self.read_as: dict[Value, set[Value]] = {}  # a product's result -> what it is read as: itself, views of it
        self.read_by: dict[Value, set[Group | None]] = {}  # a product's result -> groups; None: what is in none
        self.kept = [*graph.outputs, *(v for _, v in graph.updates), *extra]
        self.forms = forms(graph, self.kept)
        self.loops = Loops(self.forms, checkpoint, self._storage, self._result, compile_inner)
        self.accumulate = accumulate
        self.repeated: dict[Group, dict[Node, None]] = {}  # nodes of others that a group computes again

    # ------------------------------------------------------------------ the whole
    def run(self) -> Selected:
        graph = self.graph
        inputs = [self._leaf(v, INPUT, i) for i, v in enumerate(graph.inputs)]
        parameters = [self._leaf(v, PARAM, i) for i, v in enumerate(graph.parameters)]
        sums = self._products_added() if self.accumulate else {}
        added = set(sums.values())
        groups, group_of = group([n for n in graph.nodes if n not in added], self.kept, self.phases)
        stored = self._stored(group_of)
        finishing = epilogues(groups, stored, self.repeated, self.read_by, self.base, self.phases)
        finished = {e.product for e in finishing.values()}
        for g in groups:
            root = g.nodes[-1]
            kernel = root.op.kernel
            if root in finished:
                continue
            if g in finishing:
                self._product(finishing[g])
            elif g.shape is not None:
                self._tile(g, stored)
            elif isinstance(kernel, Matmul):
                self._matmul(root, sums.get(root))
            elif isinstance(kernel, Attention):
                self._attention(root)
            elif isinstance(kernel, Call):
                self._call(root)
            elif isinstance(kernel, Guard):
                self._guard(root)
            elif isinstance(kernel, Place):
                self._place(root)
            elif isinstance(kernel, Loop):
                self.out.append(self.loops.instruction(root, stored, self.phases[root]))
            elif isinstance(kernel, Branch):
                self._branch(root)
            else:
                raise CompileError(f"{root.op.name} cannot be executed", source=str(root.source))
        outputs = self._outputs()
        commits = [
            self._copy_to(value, parameters[slot], "update")
            for slot, value in self._updates()
            if value.node not in added
        ]
        return Selected(
            self.out,
            inputs,
            outputs,
            parameters,
            commits,
            self.location,
            self.loops.kept,
            {n for nodes in self.repeated.values() for n in nodes},
        )

    def _updates(self) -> list[tuple[int, Value]]:
        slot = {p: i for i, p in enumerate(self.graph.parameters)}
        return [(slot[p], v) for p, v in self.graph.updates]

    def _leaf(self, v: Value, kind: str, slot: int) -> Buffer:
        buffer = Buffer(kind, v.dtype, _elements(v.shape), slot, label=v.name, node=v.node)
        self.location[v] = Location(buffer, 0, contiguous_strides(v.shape))
        return buffer

    def _products_added(self) -> dict[Node, Node]:
        """Products whose only reader adds them to a parameter that nothing else reads, for its update; and that
        reader."""
        readers = Counter(v for n in self.graph.nodes for v in n.inputs)
        readers.update(self.kept)
        out = {}
        for p, y in self.graph.updates:
            if y.node.op.name == "add" and readers[p] == readers[y] == 1:
                a, b = y.node.inputs
                term = b if a is p else a
                if (a is p or b is p) and type(term.node.op.kernel) is Matmul and readers[term] == 1:
                    if term.shape == p.shape:
                        out[term.node] = y.node
        return out

    def _stored(self, group_of: dict[Node, Group]) -> set[Value]:
        """Values that must be in memory: read outside their group, or by the caller; through views or not. Of the
        others some are repeated by groups that read them."""
        base = self.base
        reads = Reads()
        stored, outside, inside, loads = reads.stored, reads.outside, reads.inside, reads.loads
        for node in self.graph.nodes:
            g = group_of.get(node)
            if g is None and type(node.op.kernel) is View:
                v = node.inputs[0]
                base[node.outputs[0]] = base.get(v, v)
                continue
            for v in self.forms[node].operands() if node in self.forms else node.inputs:
                read = v
                if v in base:
                    v = base[v]
                kind = type(v.node.op.kernel)
                if group_of.get(v.node) is not g:
                    stored.add(v)
                    if kind is Matmul or (kind is Attention and type(node.op.kernel) is not Attention):
                        self.read_as.setdefault(v, set()).add(read)
                    if kind in PRODUCTS:
                        self.read_by.setdefault(v, set()).add(g)
                    elif kind is Tile:
                        outside.setdefault(v, {})[g if read is v else None] = None
                    if g is not None and g.shape is not None:
                        loads.setdefault(g, set()).add(read)
                elif kind is Tile:
                    inside.add(v)
        kept = {base.get(v, v) for v in self.kept}
        stored |= kept
        for read in self.kept:
            self.read_as.setdefault(base.get(read, read), set()).add(read)
            self.read_by.setdefault(base.get(read, read), set()).add(None)
        self.repeated = duplicate_cheap(reads, group_of, kept)
        for g, nodes in self.repeated.items():
            for node in nodes:
                for v in node.inputs:
                    if type(v.node.op.kernel) is Matmul:
                        self.read_as.setdefault(v, set()).add(v)
                    if type(v.node.op.kernel) in PRODUCTS:
                        self.read_by.setdefault(v, set()).add(g)
        return stored

    def _product(self, e: Epilogue) -> None:
        if type(e.product.op.kernel) is Matmul:
            self._matmul(e.product, None, e)
        else:
            self._call(e.product, e)

    def _finishing(self, e: Epilogue | None, reads: list[Buffer], own: bool) -> list[Any]:
        """The words of an epilogue; the bias becomes one more of ``reads`` if it is to be an operand of its ``own`` or
        is not there."""
        if e is None:
            return _NO_EPILOGUE
        words: list[Any] = [-1 if e.act is None else f"microop:{e.act}", -1, 0, 0]
        if e.bias is not None:
            at = self._of(e.bias)
            if at.buffer is None:
                at = self._whole(e.bias)
            assert at.buffer is not None
            if own or at.buffer not in reads:
                reads.append(at.buffer)
            words[1:] = [len(reads) - 1 if own else reads.index(at.buffer), at.offset, at.strides[e.channel]]
        return words

    # ------------------------------------------------------------------ where values are
    def _of(self, value: Value) -> Location:
        """Where ``value`` is, resolving views down to storage."""
        found = self.location.get(value)
        if found is not None:
            return found
        chain = [value]
        while True:
            node = chain[-1].node
            if type(node.op.kernel) is not View or node.inputs[0] in self.location:
                break
            chain.append(node.inputs[0])
        for v in reversed(chain):
            self.location[v] = self._resolve(v)
        return self.location[value]

    def _resolve(self, value: Value) -> Location:
        node = value.node
        kernel = node.op.kernel
        if isinstance(kernel, View):
            source = node.inputs[0]
            at = self.location[source]
            if at.scalar is not None:
                return Location(None, 0, (0,) * value.ndim, at.scalar)
            seen = kernel.rule(node, Strided(at.offset, at.strides))
            if seen is None:
                at = self._whole(source)
                seen = kernel.rule(node, Strided(at.offset, at.strides))
                assert seen is not None, "a view rule must take contiguous storage"
            return Location(at.buffer, *seen)
        if isinstance(kernel, Index):
            return Location(None, *kernel.rule(node))
        if node.op.name == "constant":
            array = node.attrs["value"]
            if array.ndim == 0:
                return Location(None, 0, (), array)
            return Location(self._constant(array), 0, contiguous_strides(array.shape))
        raise CompileError(f"{node.op.name} is used before it is computed")

    def _constant(self, array: np.ndarray) -> Buffer:
        buffer = self.constants.get(id(array))
        if buffer is None:
            buffer = self.constants[id(array)] = Buffer(CONST, array.dtype, array.size, data=array, label="constant")
        return buffer

    def _whole(self, value: Value) -> Location:
        """``value`` as a whole buffer in row-major order, copied if it is not."""
        at = self._of(value)
        strides = contiguous_strides(value.shape)
        row_major = at.offset == 0 and at.strides == strides
        if at.buffer is not None and row_major and at.buffer.count == _elements(value.shape):
            return at
        found = self.contiguous.get(value)
        if found is None:
            buffer = Buffer(ARENA, value.dtype, _elements(value.shape), label=value.node.op.name, node=value.node)
            self.out.append(self._copy_to(value, buffer, self.phases.get(value.node, "forward")))
            found = self.contiguous[value] = Location(buffer, 0, strides)
        return found

    def _storage(self, value: Value) -> Buffer:
        buffer = self._whole(value).buffer
        assert buffer is not None
        return buffer

    def _copy_to(self, value: Value, target: Buffer, phase: str) -> Instruction:
        tile = _TileBuilder(value.shape)
        tile.store(tile.load(self._of(value), value), target, 0, contiguous_strides(value.shape))
        return tile.instruction(phase, [value.node])

    def _outputs(self) -> list[Buffer]:
        """Result storage: what computes an output writes it where the caller gets it; leaves, views and values
        wanted twice are copied."""
        outputs: list[Buffer] = []
        for slot, v in enumerate([*self.graph.outputs]):
            at = self._of(v)
            b = at.buffer
            count = _elements(v.shape)
            if (
                b is not None
                and b.kind == ARENA
                and b.count == count
                and at.offset == 0
                and at.strides == contiguous_strides(v.shape)
            ):
                b.kind, b.slot = OUTPUT, slot
            else:
                b = Buffer(OUTPUT, v.dtype, count, slot, label=v.node.op.name, node=v.node)
                self.out.append(self._copy_to(v, b, self.phases.get(v.node, "forward")))
            outputs.append(b)
        return outputs

    def _emit(
        self,
        node: Node,
        steps: list[Step],
        reads: list[Buffer],
        writes: list[Buffer],
        e: Epilogue | None = None,
        **more: Any,
    ) -> None:
        nodes = [node] if e is None else e.nodes
        self.out.append(Instruction(steps, reads, writes, self.phases[node], nodes, **more))

    def _result(self, value: Value) -> Buffer:
        buffer = Buffer(ARENA, value.dtype, _elements(value.shape), label=value.node.op.name, node=value.node)
        self.location[value] = Location(buffer, 0, contiguous_strides(value.shape))
        return buffer

    # ------------------------------------------------------------------ kinds of instructions
    def _tile(self, g: Group, stored: set[Value]) -> None:
        assert g.shape is not None
        tile = _TileBuilder(g.shape, g.row)
        registers: dict[Value, int] = {}  # of what is computed here
        known, base, stores = tile.known, self.base, []
        repeated = self.repeated.get(g, {})
        for node in (*repeated, *g.nodes):
            y = node.outputs[0]
            kernel = node.op.kernel
            reduces = type(kernel) is Reduce
            frame = node.inputs[0].shape if reduces else y.shape
            args = []
            for v in node.inputs:
                if v in registers:
                    args.append(registers[v])
                elif v in known:
                    args.append(known[v])
                elif v in base and base[v] in registers:  # row by row, if there are views between
                    args.append(registers[base[v]])
                else:
                    args.append(self._loaded(tile, v, frame))
            if not reduces:
                registers[y] = tile.op(kernel.microop, y.dtype, args)
                if y in stored and node not in repeated:
                    # one value for each row: as it is the same all along the row, the largest is it
                    stores.append((registers[y], y, None if y.shape == g.shape or not g.row else "max"))
            elif g.axes is None:
                registers[y] = tile.op(f"row_{kernel.reduction}", y.dtype, args)
                if y in stored:
                    stores.append((args[0], y, kernel.reduction))
            else:
                stores.append((args[0], y, kernel.reduction))
        for r, y, reduction in stores:
            buffer = self._result(y)
            strides = contiguous_strides(y.shape)
            if reduction is None:
                tile.store(r, buffer, 0, strides)
            else:
                axes = g.axes if g.axes is not None else tuple(range(len(g.shape) - g.row, len(g.shape)))
                strides = strides[: len(g.shape) - len(axes)] if g.axes is None else strides
                kept = iter(strides)
                spread = tuple(0 if i in axes else next(kept) for i in range(len(g.shape)))
                tile.store(r, buffer, 0, spread, reduction, sum(1 << a for a in axes))
        self.out.append(tile.instruction(g.phase, g.nodes, _elements(g.shape) * len(g.nodes)))

    def _loaded(self, tile: _TileBuilder, v: Value, frame: Shape) -> int:
        """The register with a stored operand of a node of shape ``frame``."""
        r = tile.load(self._of(v), v, frame)
        if not tile.row:  # where there are no rows, every frame reads it alike
            tile.known[v] = r
        return r

    def _matmul(self, node: Node, added_by: Node | None, e: Epilogue | None = None) -> None:
        """A product; ``added_by``: the node that adds it to a parameter, which becomes part of it."""
        a, b = node.inputs
        y = node.outputs[0]
        batch = y.shape[:-2]
        reads: list[Buffer] = []
        views: list[Any] = []
        for v in (a, b):
            at = self._of(v)
            if at.buffer is None:
                at = self._whole(v)
            if at.buffer not in reads:
                reads.append(at.buffer)  # type: ignore[arg-type]
            extra = len(batch) - (v.ndim - 2)
            strides = (
                (0,) * extra
                + tuple(0 if s == 1 else st for s, st in zip(v.shape[:-2], at.strides[:-2]))
                + at.strides[-2:]
            )
            views += [reads.index(at.buffer), at.offset, *strides]  # type: ignore[arg-type]
        epilogue = self._finishing(e, reads, own=False)
        strides = contiguous_strides(y.shape)
        if e is not None:
            out = self._result(e.nodes[-1].outputs[0])
        elif added_by is None:
            out = self._result(y)
            strides = self._product_strides(y)
            self.location[y] = Location(out, 0, strides)
        else:
            (p,) = (v for v in added_by.inputs if v is not y)
            out = self.location[p].buffer  # type: ignore[assignment]
        m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
        payload = [
            len(batch),
            m,
            n,
            k,
            int(added_by is not None),
            *batch,
            *views,
            len(reads),
            0,
            *strides,
            *epilogue,
            bits(np.asarray(1.0)),
        ]
        step = Step("matmul", tuple(range(len(reads))), (len(reads),), payload)
        self._emit(node, [step], reads, [out], e, flops=2 * _elements(batch) * m * n * k)

    def _product_strides(self, y: Value) -> tuple[Size, ...]:
        """How a product's result is laid out: row-major, or so that it is once its dimensions are permuted, where that
        is how all read it and the last one stays."""
        orders = set()
        for read in self.read_as.get(y, ()):
            first = None  # the view nearest to the result
            while read is not y:
                first, read = read.node, read.node.inputs[0]
            orders.add(first.attrs["axes"] if first is not None and first.op.name == "permute_dims" else None)
        axes = orders.pop() if len(orders) == 1 else None
        if axes is None or axes[-1] != len(axes) - 1:
            return contiguous_strides(y.shape)
        permuted = dict(zip(axes, contiguous_strides(tuple(y.shape[a] for a in axes))))
        return tuple(permuted[i] for i in range(len(axes)))

    def _attention(self, node: Node) -> None:
        """Attention of (q, k, v), or its gradients of (q, k, v, y, sums, cotangent), with a mask behind these or
        without one: views but for the sums."""
        kernel = node.op.kernel.kernel
        q, k, v = node.inputs[:3]
        backward = len(node.inputs) > 4
        viewed = [*node.inputs[:4], node.inputs[5]] if backward else node.inputs[:3]
        sums = node.inputs[4] if backward else None
        mask = node.inputs[-1] if len(node.inputs) in (4, 7) else None
        n = q.ndim - 2
        reads: list[Buffer] = []
        views: list[Any] = []
        for x in viewed:
            at = self._of(x)
            if at.buffer is None or at.strides[-1] != 1:
                at = self._whole(x)
            if at.buffer not in reads:
                reads.append(at.buffer)  # type: ignore[arg-type]
            views += [reads.index(at.buffer), at.offset, *at.strides[:-1]]  # type: ignore[arg-type]
        if sums is not None and self._storage(sums) not in reads:
            reads.append(self._storage(sums))
        masked: list[Any] = []
        if mask is not None:
            at = self._of(mask)
            if at.buffer is None:
                at = self._whole(mask)
            if at.buffer not in reads:
                reads.append(at.buffer)  # type: ignore[arg-type]
            over = tuple(0 if s == 1 else t for s, t in zip(mask.shape, at.strides))
            masked = [reads.index(at.buffer), at.offset, *(0,) * (q.ndim - mask.ndim), *over]  # type: ignore[arg-type]
        writes: list[Buffer] = []
        for y in node.outputs:
            out = self._result(y)
            if backward or y.index == 0:
                strides = self._product_strides(y)
                self.location[y] = Location(out, 0, strides)
                views += [len(reads) + len(writes), 0, *strides[:-1]]
            writes.append(out)
        rest = [] if sums is None else [reads.index(self._storage(sums))]
        rows, keys, features, values = q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1]
        payload = [
            n,
            rows,
            keys,
            features,
            values,
            int(node.attrs["causal"]),
            bits(np.asarray(node.attrs["scale"], np.float64)),
            _MASK[None if mask is None else mask.dtype.kind],
            *q.shape[:-2],
            *views,
            *rest,
            *masked,
        ]
        step = Step(kernel, tuple(range(len(reads))), tuple(range(len(reads), len(reads) + len(writes))), payload)
        pairs = _elements(q.shape[:-2]) * rows * keys
        if node.attrs["causal"]:
            pairs = floor_div(pairs + 1, 2)
        flops = pairs * (2 * (features + values) + 4) * (1 if sums is None else 2) + (
            0 if sums is None else 2 * pairs * features
        )
        self._emit(node, [step], reads, writes, flops=flops)

    def _call(self, node: Node, e: Epilogue | None = None) -> None:
        kernel = node.op.kernel
        reads: list[Any] = [self._whole(v).buffer for v in node.inputs]
        if kernel.reads is not None:
            reads = [reads[i] for i in kernel.reads]
        epilogue = self._finishing(e, reads, own=True) if e is not None else []
        writes = [self._result(y) for y in (node.outputs if e is None else e.nodes[-1].outputs)]
        workspace = []
        if kernel.workspace is not None:
            workspace.append(Buffer(ARENA, np.dtype("bool"), kernel.workspace(node), label=f"{node.op.name} workspace"))
        params = list(kernel.params(node))
        n = len(reads)
        step = Step(
            kernel.kernel,
            tuple(range(n)),
            tuple(range(n, n + len(writes) + len(workspace))),
            [len(params), *params, *epilogue],
        )
        flops = kernel.flops(node) if kernel.flops is not None else sum((b.count for b in reads), start=0)
        self._emit(node, [step], reads, [*writes, *workspace], e, flops=flops, guard=kernel.guard, workspace=workspace)

    def _guard(self, node: Node) -> None:
        at = self._whole(node.inputs[0])
        params = list(node.op.kernel.params(node))
        self.location[node.outputs[0]] = at
        step = Step(node.op.kernel.kernel, (0,), (), [len(params), *params])
        self._emit(node, [step], [at.buffer], [], guard=True)  # type: ignore[list-item]

    def _place(self, node: Node) -> None:
        """The fill, then a copy of each operand into its part: one instruction of several steps."""
        y = node.outputs[0]
        kernel: Place = node.op.kernel
        out = self._result(y)
        strides = contiguous_strides(y.shape)
        parts = []
        fill = kernel.fill(node)
        if fill is not None:
            tile = _TileBuilder(y.shape)
            v = node.inputs[fill]
            tile.store(tile.load(self._of(v), v), out, 0, strides)
            parts.append(tile)
        for i, starts, steps in kernel.rule(node):
            v = node.inputs[i]
            tile = _TileBuilder(v.shape)
            offset: Size = 0
            for start, stride in zip(starts, strides):
                offset = offset + start * stride
            tile.store(tile.load(self._of(v), v), out, offset, tuple(st * k for st, k in zip(strides, steps)))
            parts.append(tile)
        at: dict[Buffer, int] = {}
        for t in parts:
            for b in t.reads:
                at.setdefault(b, len(at))
        steps_ = [Step("tile", tuple(at[b] for b in t.reads), (len(at),), t.payload()) for t in parts]
        self._emit(node, steps_, list(at), [out], flops=0)

    def _branch(self, node: Node) -> None:
        reads = [self._whole(v).buffer for v in node.inputs]
        writes = [self._result(y) for y in node.outputs]
        programs = [self.compile_inner(node.attrs[k]) for k in ("if_true", "if_false")]
        step = Step(
            "branch",
            tuple(range(len(reads))),
            tuple(range(len(reads), len(reads) + len(writes))),
            [len(reads) - 1, len(writes), *programs],
        )
        self._emit(node, [step], reads, writes, flops=programs[0].flops, guard=True)  # type: ignore[arg-type]


# A register of a tile being built, until the totals are known: a load's number, or a constant's or an operation's
# from one of these on.
_CONST, _OP = 1 << 24, 2 << 24


class _TileBuilder:
    """Collects the loads, constants, micro-operations and stores of one tile instruction over ``shape``."""

    def __init__(self, shape: Shape, row: int = 0):
        self.shape, self.row = shape, row
        self.reads: dict[Buffer, int] = {}  # with their positions
        self.writes: dict[Buffer, int] = {}
        self.loads: dict[tuple[Buffer | None, Size, tuple[Size, ...]], int] = {}
        self.consts: dict[tuple[int, int], int] = {}
        self.known: dict[Value, int] = {}  # what is loaded, where that is the same for all that read it
        self.ops: list[tuple[str, int, list[int]]] = []
        self.stores: list[tuple[int, str | None, int, int, Size, tuple[Size, ...]]] = []

    def load(self, at: Location, value: Value, frame: Shape | None = None) -> int:
        """``value``, which is ``at``, as an operand of a node of shape ``frame`` (that of the instruction)."""
        if at.scalar is not None:
            key = (CODE[at.scalar.dtype], bits(at.scalar))
            return _CONST + self.consts.setdefault(key, len(self.consts))
        strides = in_frame(value, at.strides, self.shape if frame is None else frame, self.shape, self.row)
        n = self.loads.setdefault((at.buffer, at.offset, strides), len(self.loads))
        if at.buffer is not None:
            self.reads.setdefault(at.buffer, len(self.reads))
        elif value.dtype is not int64:
            return self.op("cast", value.dtype, [n])
        return n

    def op(self, microop: str, dtype: np.dtype, args: list[int]) -> int:
        self.ops.append((microop, CODE[dtype], args))
        return _OP + len(self.ops) - 1

    def store(
        self,
        register: int,
        target: Buffer,
        offset: Size,
        strides: tuple[Size, ...],
        reduction: str | None = None,
        mask: int = 0,
    ) -> None:
        write = self.writes.setdefault(target, len(self.writes))
        self.stores.append((register, reduction, mask, write, offset, strides))

    def payload(self) -> list[Any]:
        n_loads, n_consts, n_reads = len(self.loads), len(self.consts), len(self.reads)
        first = (0, n_loads - _CONST, n_loads + n_consts - _OP)  # what makes a register's number final, by its kind
        out: list[Any] = [len(self.shape), self.row, n_loads, n_consts, len(self.ops), len(self.stores), *self.shape]
        for buffer, offset, strides in self.loads:
            out += (-1 if buffer is None else self.reads[buffer], offset, *strides)
        for const in self.consts:
            out += const
        for microop, code, args in self.ops:
            out.append(_MICROOPS.get(microop) or _MICROOPS.setdefault(microop, f"microop:{microop}"))
            out.append(code)
            for r in args:
                out.append(r + first[r >> 24])
            if len(args) < 3:
                out += _NO_ARGS[len(args)]
        for r, reduction, mask, write, offset, strides in self.stores:
            out += (
                r + first[r >> 24],
                0 if reduction is None else f"reduction:{reduction}",
                mask,
                n_reads + write,
                offset,
                *strides,
            )
        return out

    def instruction(self, phase: str, nodes: Sequence[Node], flops: Size = 0) -> Instruction:
        reads, writes = list(self.reads), list(self.writes)
        n = len(reads)
        step = Step("tile", tuple(range(n)), tuple(range(n, n + len(writes))), self.payload())
        return Instruction([step], reads, writes, phase, nodes, flops, self._inplace())

    def _inplace(self) -> dict[int, list[int]]:
        """By a write's position, those of the reads it may share memory with: the write's only store is plain and every
        load of the read goes through the same view."""
        view_of: dict[Buffer, Any] = {}  # None: several
        for buffer, offset, strides in self.loads:
            if buffer is not None:
                view_of[buffer] = None if buffer in view_of else (offset, strides)
        through: dict[Any, list[int]] = {}  # view and bytes of an element -> reads
        for buffer, view in view_of.items():
            through.setdefault((view, buffer.dtype.itemsize), []).append(self.reads[buffer])
        sizes = [b.dtype.itemsize for b in self.writes]
        stores = Counter(s[3] for s in self.stores)
        out = {}
        for _, reduction, _, w, offset, strides in self.stores:
            reads = through.get(((offset, strides), sizes[w]))
            if reduction is None and stores[w] == 1 and reads is not None:
                out[w] = reads
        return out


_MICROOPS: dict[str, str] = {}  # as payloads name them
_NO_ARGS = ((-1, -1, -1), (-1, -1), (-1,))
