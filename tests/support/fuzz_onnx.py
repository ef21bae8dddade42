"""Damaged models of ONNX: truncated, with bytes changed, and of messages with fields changed.

    python tests/support/fuzz_onnx.py [--seed 0] [--count 2000]

First each damage of a list, at every place that it can have (attacks), then as many more at random. Each is read; what
comes is a model or one GraphdiffError, within seconds and little memory. Prints what came of each kind, and fails where
it is something else.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx_models import FLOAT, INT64, model, node

import graphdiff as gd

MOST = 64 << 20  # bytes that reading a model of a few kilobytes may take


def models() -> list[bytes]:
    """Small models of many parts: weights, shapes, a loop, a branch, attributes of all kinds."""
    rng = np.random.default_rng(0)
    arrays = {
        "w": rng.normal(size=(4, 3)).astype("f"),
        "b": np.zeros(3, "f"),
        "to": np.array([-1, 3]),
        "k": np.array(2),
    }
    dense = model(
        [
            node("Gemm", "x w b", "h", alpha=0.5),
            node("Relu", "h", "r"),
            node("Shape", "r", "s"),
            node("Reshape", "r to", "y"),
            node("Softmax", "y", "z", axis=-1),
        ],
        {"x": (FLOAT, ["n", 4])},
        {"z": (FLOAT, ["n", 3]), "s": (INT64, [2])},
        arrays,
    )
    conv = model(
        [
            node("Conv", "i c", "h", pads=[1, 1, 1, 1], strides=[2, 2]),
            node("MaxPool", "h", "p", kernel_shape=[2, 2]),
            node("Flatten", "p", "f"),
            node("ReduceMean", "f", "y", keepdims=0),
        ],
        {"i": (FLOAT, [1, 2, 8, 8])},
        {"y": (FLOAT, [])},
        {"c": rng.normal(size=(3, 2, 3, 3)).astype("f")},
    )
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["c", "r"], ["d"]), onnx.helper.make_node("Tanh", ["d"], ["e"])],
        "body",
        [onnx.helper.make_tensor_value_info(n, FLOAT, [3]) for n in "cr"],
        [onnx.helper.make_tensor_value_info(n, FLOAT, [3]) for n in "de"],
    )
    loop = model(
        [node("Scan", "x0 xs", "last ys", body=body, num_scan_inputs=1)],
        {"x0": (FLOAT, [3]), "xs": (FLOAT, ["t", 3])},
        {"last": (FLOAT, [3]), "ys": (FLOAT, ["t", 3])},
    )
    return [m.SerializeToString() for m in (dense, conv, loop)]


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """One damage, or a few."""
    out = bytearray(data)
    kind = rng.integers(6)
    if kind == 0:
        return bytes(out[: rng.integers(len(out))])
    if kind == 1:
        return rng.bytes(int(rng.integers(1, 400)))
    if kind == 2:
        at = int(rng.integers(len(out)))
        return bytes(out[:at] + out[at + int(rng.integers(1, 20)) :])
    if kind == 3:
        at = int(rng.integers(len(out)))
        return bytes(out[:at] + rng.bytes(int(rng.integers(1, 8))) + out[at:])
    if kind == 4:
        return changed(rng, data)
    for _ in range(int(rng.integers(1, 5))):
        out[rng.integers(len(out))] = rng.integers(256)
    return bytes(out)


def changed(rng: np.random.Generator, data: bytes) -> bytes:
    """A field of the message changed for one that contradicts: a shape, a name, a type, an operand, an attribute."""
    m = onnx.ModelProto.FromString(data)
    g = m.graph
    n = g.node[rng.integers(len(g.node))]
    what = rng.integers(9)
    if what == 0 and g.initializer:
        t = g.initializer[rng.integers(len(g.initializer))]
        t.dims[:] = [int(d) for d in rng.choice([-1, 0, 1, 3, 2**40, 2**62], len(t.dims) or 1)]
    elif what == 1 and g.initializer:
        g.initializer[rng.integers(len(g.initializer))].data_type = int(rng.integers(25))
    elif what == 2 and n.input:
        n.input[rng.integers(len(n.input))] = str(rng.choice(["", "nothing", n.output[0], g.node[-1].output[0]]))
    elif what == 3:
        n.op_type = str(rng.choice(["Nothing", "Add", "MatMul", "Loop", "If", "Concat", "Expand", "Tile", "Resize"]))
    elif what == 4 and n.attribute:
        a = n.attribute[rng.integers(len(n.attribute))]
        a.i, a.ints[:] = int(rng.choice([-(2**62), -1, 0, 10**9, 2**62])), [2**40] * int(rng.integers(4))
    elif what == 5 and g.input:
        shape = g.input[0].type.tensor_type.shape
        if shape.dim:
            shape.dim[0].dim_value = int(rng.choice([-5, 0, 2**40, 2**62]))
    elif what == 6:
        g.output[0].name = str(rng.choice(["", "nothing", g.input[0].name]))
    elif what == 7:
        del n.output[:]
    else:
        m.opset_import[0].version = int(rng.choice([-1, 0, 5, 10, 12, 99, 2**40]))
    return m.SerializeToString()


CLAIMED = (-1, 0, 2**31, 2**40, 2**62)  # of sizes
OTHERS = ("Nothing", "Add", "MatMul", "Loop", "If", "Scan", "Concat", "Expand", "Tile", "Resize", "Squeeze", "Constant")


def attacks() -> Iterator[tuple[str, bytes]]:
    """Every damage of a kind at every place: the kind, and the bytes."""
    for data in models():
        for at in range(0, len(data), 64):
            yield "truncated", data[:at]
        for kind, change in _changes(onnx.ModelProto.FromString(data)):
            m = onnx.ModelProto.FromString(data)
            change(m)
            yield kind, m.SerializeToString()


def _changes(whole: onnx.ModelProto) -> Iterator[tuple[str, Callable[[onnx.ModelProto], object]]]:
    """Changes of a message, each with its kind."""

    def of(path: Callable[[onnx.ModelProto], Any], change: Callable[[Any], object]) -> Any:
        return lambda m: change(path(m))

    graphs: list[Callable[[onnx.ModelProto], Any]] = [lambda m: m.graph]
    for i, n in enumerate(whole.graph.node):
        for j, a in enumerate(n.attribute):
            if a.HasField("g"):
                graphs.append(lambda m, i=i, j=j: m.graph.node[i].attribute[j].g)
    for graph in graphs:
        here = graph(whole)
        for i, n in enumerate(here.node):
            node = lambda m, graph=graph, i=i: graph(m).node[i]  # noqa: E731
            for name in (n.output[0], here.node[-1].output[0], "nothing", ""):
                for k in range(len(n.input)):
                    kind = "a cycle" if name == n.output[0] else "an operand"
                    yield kind, of(node, lambda n, k=k, name=name: n.input.__setitem__(k, name))
            for op in OTHERS:
                yield "an operator", of(node, lambda n, op=op: setattr(n, "op_type", op))
            yield "a name given twice", of(node, lambda n: n.output.append(n.output[0]))
            yield "no results", of(node, lambda n: n.ClearField("output"))
            yield "no operands", of(node, lambda n: n.ClearField("input"))
            yield "an unknown attribute", of(node, lambda n: n.attribute.add(name="nothing", type=2))
            for j in range(len(n.attribute)):
                for number in CLAIMED:
                    yield "an attribute", of(node, lambda n, j=j, v=number: setattr(n.attribute[j], "i", v))
                    yield "an attribute", of(node, lambda n, j=j, v=number: _set(n.attribute[j].ints, [v] * 4))
                for kind in range(14):
                    yield (
                        "an attribute's kind",
                        of(node, lambda n, j=j, kind=kind: setattr(n.attribute[j], "type", kind)),
                    )
        for i in range(len(here.initializer)):
            tensor = lambda m, graph=graph, i=i: graph(m).initializer[i]  # noqa: E731
            for element in range(27):
                yield "an element type", of(tensor, lambda t, e=element: setattr(t, "data_type", e))
            for size in CLAIMED:
                yield "a claimed size", of(tensor, lambda t, s=size: _set(t.dims, [s] * max(1, len(t.dims))))
            yield "a claimed size", of(tensor, lambda t: setattr(t, "raw_data", t.raw_data[:-1]))
            yield "external data of bytes", of(tensor, lambda t: setattr(t, "data_location", 1))
        for what in ("input", "output", "node", "initializer"):
            yield f"no {what}", of(graph, lambda g, what=what: g.ClearField(what))
        for i in range(len(here.input)):
            value = lambda m, graph=graph, i=i: graph(m).input[i]  # noqa: E731
            for element in range(27):
                yield "an input's type", of(value, lambda v, e=element: setattr(v.type.tensor_type, "elem_type", e))
            for size in CLAIMED:
                yield "an input's size", of(value, lambda v, s=size: v.type.tensor_type.shape.dim.add(dim_value=s))
            yield "an input's type", of(value, lambda v: v.ClearField("type"))
        for i in range(len(here.output)):
            result = lambda m, graph=graph, i=i: graph(m).output[i]  # noqa: E731
            for element in (6, 7, 9, 11, 26):
                yield "an output's type", of(result, lambda v, e=element: setattr(v.type.tensor_type, "elem_type", e))
            yield "an output's name", of(result, lambda v: setattr(v, "name", "nothing"))
    for version in (-1, 0, 1, 5, 8, 10, 12, 29, 99, 2**31, 2**40):
        yield "an opset", lambda m, v=version: setattr(m.opset_import[0], "version", v)
    yield "an opset", lambda m: m.ClearField("opset_import")


def _set(field: Any, values: list[int]) -> None:
    field[:] = values


def read_all(cases: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str, bytes]]:
    """Of each damaged model its kind, what comes of it - "read", the error's class, or what it should not be - and its
    bytes."""
    for kind, data in cases:
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()
        begun = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gd.interop.onnx.load(data)
            told = "read"
        except gd.GraphdiffError as e:
            told = type(e).__name__ if str(e) else "an empty message"
        except Exception as e:
            told = f"{type(e).__module__}.{type(e).__name__}: {e}"[:200]
        if time.process_time() - begun > 5:
            told = "slow"
        if tracemalloc.is_tracing() and tracemalloc.get_traced_memory()[1] > MOST:
            told = "large"
        yield kind, told, data


def at_random(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Some damages at random."""
    rng = np.random.default_rng(seed)
    whole = models()
    for _ in range(count):
        yield "at random", damaged(rng, whole[rng.integers(len(whole))])


GOOD = ("read", "GraphError", "ShapeError", "DTypeError", "UnsupportedOperator", "FeedError")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    args = parser.parse_args()
    tracemalloc.start()
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kind, told, _ in read_all([*attacks(), *at_random(args.seed, args.count)]):
        found[kind][told] += 1
    for kind, counts in found.items():
        print(f"{counts.total():6d} {kind}:", ", ".join(f"{told} {n}" for told, n in counts.most_common()))
    return int(any(told not in GOOD for counts in found.values() for told in counts))


if __name__ == "__main__":
    sys.exit(main())
