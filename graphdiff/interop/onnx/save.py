"""From a graph to a file of ONNX: what the arguments say, the model as a message, the file.

Owns: :func:`save`; which values have which names; arrays beside the file where it would be too large.
Invariants: nothing is written of a graph that ONNX cannot hold; a file stands whole or not at all, and what was there
before stays where one could not be written.
Must not know: what any operation is in ONNX.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np

import graphdiff as gd

from ...errors import GraphError
from ...files import write_file
from ...ir.graph import Graph
from ...ir.node import Value, collector_paused
from ...ops.messages import where_am_i
from ...ops.tensor import Tensor, as_tensor
from ..needs import needs
from .source import CONSTANTS
from .write import rules as rules
from .write.emit import Emitter, Initializer
from .write.lower import as_operators

if TYPE_CHECKING:
    import onnx

OLDEST = 7
LARGEST = 2**31 - 2**20  # bytes of a message, less what nodes take
BESIDE = 1024  # bytes from which an array lies beside a large model

Tensors: TypeAlias = Tensor | Sequence[Tensor] | Mapping[str, Tensor]


def save(
    path: str | os.PathLike[str],
    inputs: Tensors | gd.Function,
    outputs: Tensors | None = None,
    opset: int = 21,
    name: str | None = None,
) -> None:
    """Writes a graph as an ONNX model, which any runtime evaluates: a network, or its gradients.

    A dict gives names; without one inputs are called what they are called here, outputs by what ``named`` calls them or
    ``output``. Parameters and states are initializers under their names, with the values that they have now; sizes with
    a name have it there. Operators that ONNX has by name are written as these where nothing reads what is in between,
    else, and for older opsets, as what they are made of. Loops are Scan and Loop, branches If. Checks are left out.
    Of a compiled function its inputs and outputs are written, and for each parameter or state that it updates the new
    value as an output more, "new_" and its name; the old one is an input too then, with the value now as default.
    Models of 2 GB and more have their arrays in a file beside them, called as they are with ".data" after it.

    Raises UnsupportedOperator, which lists all operations that the opset has not, and GraphError for what is no graph
    of these inputs, before a file is written; OSError where it cannot be. Needs the package ``onnx``.

    Example::

        gd.interop.onnx.save("gradient.onnx", {"x": x}, {"energy": e, "force": -gd.grad(e, x)})

    Arguments: ``path``: of the file; ``inputs``: input Tensors, or a compiled function; ``outputs``: Tensors;
    ``opset``: from 7 to the newest that the package onnx knows; ``name``: of the graph in the file.
    """
    with needs("onnx"):
        import onnx

    _check_opset(opset)
    if isinstance(inputs, gd.Function):
        if outputs is not None:
            raise GraphError("save: a compiled function has its own outputs", source=where_am_i())
        graph, given, results = _of_function(inputs, name)
    else:
        graph, given, results = _of_tensors(inputs, outputs, name)
    with collector_paused():
        n = len(graph.outputs)
        written = as_operators(graph, opset)
        moved = [p for p, _ in written.updates]
        values = [*written.outputs[:n], *(v for _, v in written.updates)]
        emitter = Emitter(written, given, dict(zip(results, values)), moved, opset)
        proto = _model(emitter, opset)
    _write(os.fspath(path), proto, emitter.initializers, onnx)


def _check_opset(opset: Any) -> None:
    import onnx

    newest = onnx.defs.onnx_opset_version()
    if isinstance(opset, bool) or not isinstance(opset, int) or not OLDEST <= opset <= newest:
        raise GraphError(f"save: opset is a number from {OLDEST} to {newest}, got {opset!r}", source=where_am_i())


# --------------------------------------------------------------------------------------- what is written
Parts = tuple[Graph, dict[str, Value], list[str]]


def _of_function(function: gd.Function, name: str | None) -> Parts:
    graph = function.written
    inputs = {v.name: v for v in graph.inputs}
    names = [
        v.name if path.startswith("output") and v.name and not v.is_leaf else path
        for path, v in zip(function.result_paths, graph.outputs)
    ]
    updated = [f"new_{p.name}" for p, _ in graph.updates]
    return _renamed(graph, name), inputs, _unique([*names, *updated], {*inputs, *(p.name for p in graph.parameters)})


def _renamed(graph: Graph, name: str | None) -> Graph:
    if name is None or name == graph.name:
        return graph
    return Graph(name, graph.inputs, graph.outputs, graph.updates, graph.parameters)


def _of_tensors(inputs: Any, outputs: Any, name: str | None) -> Parts:
    given = _by_name("inputs", inputs, "input")
    for key, x in given.items():
        if not isinstance(x, Tensor) or x.node.op.name != "input":
            raise GraphError(f"save: inputs are made by gd.input, got {x!r} for {key!r}", source=where_am_i())
    results = {k: as_tensor(v, "save") for k, v in _by_name("outputs", outputs, "output").items()}
    if not results:
        raise GraphError("save: there are no outputs", source=where_am_i())
    if len(set(given.values())) != len(given):
        raise GraphError("save: an input is listed twice", source=where_am_i())
    for key in sorted(k for k in given.keys() & results.keys() if given[k] is not results[k]):
        raise GraphError(f"save: {key!r} is an input and an output; give names by a dict", source=where_am_i())
    graph = Graph(name or "graph", list(given.values()), list(results.values()))
    for p in graph.parameters:
        if p.name in given or results.get(p.name, p) is not p:
            raise GraphError(f"save: {p.name!r} is a parameter's name and another's too", source=where_am_i())
    return graph, dict(given), [*results]


def _by_name(what: str, values: Any, base: str) -> dict[str, Any]:
    """Values by name: a dict's, else what they are called, else the place."""
    if isinstance(values, Mapping):
        for key in values:
            if not isinstance(key, str) or not key:
                raise GraphError(f"save: names of {what} are strings, got {key!r}", source=where_am_i())
        return dict(values)
    several = isinstance(values, (list, tuple))
    listed = list(values) if several else [values]
    if any(v is None for v in listed):
        raise GraphError(f"save: {what} are Tensors, got None", source=where_am_i())
    names = []
    for i, v in enumerate(listed):
        own = v.name if isinstance(v, Value) and (base == "input" or not v.is_leaf) else ""
        names.append(own or (f"{base}_{i}" if several and len(listed) > 1 else base))
    return dict(zip(_unique(names, set()), listed))


def _unique(names: Sequence[str], taken: set[str]) -> list[str]:
    """Names of which none is there twice or taken."""
    out: list[str] = []
    for name in names:
        found, count = name, 1
        while found in taken:
            count += 1
            found = f"{name}_{count}"
        taken.add(found)
        out.append(found)
    return out


# --------------------------------------------------------------------------------------- the file
def _model(emitter: Emitter, opset: int) -> onnx.ModelProto:
    from onnx import helper

    imports = [helper.make_opsetid("", opset)]
    version = helper.find_min_ir_version_for(imports)
    if emitter.moved:  # arrays that are inputs too are defaults since version 4, and before that constants
        version = max(version, 4)
    how = {"opset_imports": imports, "ir_version": version}
    graph = emitter.model_graph(version < 4)
    model = helper.make_model(graph, producer_name="graphdiff", producer_version=gd.__version__, **how)
    held = {p.name for p in emitter.graph.parameters}
    fixed = [a.name for a in emitter.initializers if a.name not in held and a.array.dtype.kind == "f" and a.array.ndim]
    if fixed:
        helper.set_model_props(model, {CONSTANTS: "\n".join(fixed)})
    return model


def _write(path: str, proto: onnx.ModelProto, arrays: Sequence[Initializer], package: Any) -> None:
    """The model with its arrays, in it or beside it."""
    beside = sum(a.array.nbytes for a in arrays) > LARGEST
    lies = os.path.basename(path) + ".data"
    placed: list[tuple[int, np.ndarray]] = []
    end = 0
    for a in arrays:
        tensor = proto.graph.initializer.add()
        if beside and a.array.nbytes >= BESIDE:
            end = -(-end // 4096) * 4096
            _outside(tensor, a, lies, end)
            placed.append((end, a.array))
            end += a.array.nbytes
        else:
            tensor.CopyFrom(
                package.numpy_helper.from_array(np.ascontiguousarray(a.array).reshape(a.array.shape), a.name)
            )
    data = os.path.join(os.path.dirname(path), lies)
    if placed:
        there = os.path.exists(data)
        write_file(data, lambda file: _put(file, placed))
        try:
            write_file(path, proto.SerializeToString())
        except BaseException:
            if not there:
                os.unlink(data)
            raise
    else:
        package.checker.check_model(proto, full_check=True)
        write_file(path, proto.SerializeToString())


def _outside(tensor: onnx.TensorProto, a: Initializer, lies: str, offset: int) -> None:
    from onnx import helper

    tensor.name, tensor.data_location = a.name, tensor.EXTERNAL
    tensor.data_type = helper.np_dtype_to_tensor_dtype(a.array.dtype)
    tensor.dims.extend(a.array.shape)
    for key, value in (("location", lies), ("offset", offset), ("length", a.array.nbytes)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)


def _put(file: BinaryIO, placed: Sequence[tuple[int, np.ndarray]]) -> None:
    at = 0
    for offset, array in placed:
        file.write(b"\0" * (offset - at))
        file.write(np.ascontiguousarray(array).data.cast("B"))
        at = offset + array.nbytes
