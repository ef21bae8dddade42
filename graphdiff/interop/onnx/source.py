"""The file: from a path, bytes or a ModelProto to graphs of plain Python objects.

Owns: reading and checking of protobuf messages and of the arrays in them, external data among them; which types of
ONNX are arrays here. A message is never changed.
Invariants: nothing is allocated by a length that was only claimed; no byte outside of the model's folder is read.
Must not know: operators, Tensors.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DTypeError, GraphError
from ..needs import needs

if TYPE_CHECKING:
    import onnx

CONSTANTS = "graphdiff.constants"  # the key under which a model says which of its arrays are no parameters

Type = tuple[int, tuple[Any, ...] | None]  # an element type's number, sizes (None: even their number is not known)


@dataclass(frozen=True, slots=True)
class Ref:
    """An attribute of a function's node that has the value of one of the function's own."""

    name: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An attribute of a kind that no operator here has: sparse tensors, types."""

    kind: str


@dataclass(eq=False, slots=True)
class ArrayView:
    """A tensor of the file, read when it is asked for."""

    proto: onnx.TensorProto
    folder: Path | None
    name: str

    @property
    def dims(self) -> tuple[int, ...]:
        return tuple(self.proto.dims)

    @property
    def is_float(self) -> bool:
        return self.proto.data_type in _FLOATS

    def array(self) -> np.ndarray:
        """Its elements. Raises DTypeError and GraphError."""
        return array_of(self.proto, self.folder, f"the tensor {self.name!r}")


@dataclass(eq=False, slots=True)
class NodeView:
    """A node of the file."""

    op: str
    domain: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attrs: dict[str, Any]

    @property
    def label(self) -> str:
        """How errors call it: by its name, or else by its first result."""
        if self.name:
            return f"node {self.name!r} ({self.op})"
        return f"the node {self.op} of {next(filter(None, self.outputs), '')!r}"

    def graphs(self) -> Iterator[GraphView]:
        """The graphs among its attributes: branches and bodies."""
        for value in self.attrs.values():
            if isinstance(value, GraphView):
                yield value


@dataclass(eq=False, slots=True)
class GraphView:
    """A graph of the file, or a function: ``inputs`` have types in the model's own graph alone."""

    name: str
    inputs: dict[str, Type | None]
    outputs: list[str]
    arrays: dict[str, ArrayView]
    nodes: list[NodeView]
    opsets: dict[str, int] = field(default_factory=dict)  # of a function; a graph has the model's
    elements: dict[str, int] = field(default_factory=dict)  # element types of the model's outputs, where it says them
    attributes: dict[str, Any] = field(default_factory=dict)  # of a function: defaults, Ref where it has none


@dataclass(eq=False, slots=True)
class ModelView:
    graph: GraphView
    opsets: dict[str, int]
    functions: dict[tuple[str, str], GraphView]  # by domain and name
    label: str
    constants: frozenset[str] = frozenset()  # arrays of a model that save wrote which are no parameters


# --------------------------------------------------------------------------------------- types

# element types by their numbers in onnx.proto, and the dtypes of their arrays
_DTYPES: dict[int, str] = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
_FLOATS = (1, 10, 11, 16)
_OTHERS = {8: "string", 14: "complex64", 15: "complex128", 17: "float8", 18: "float8", 19: "float8", 20: "float8"}


def dtype_of(element: int, what: str) -> np.dtype:
    """The dtype of an element type. Raises DTypeError for one that arrays here cannot have."""
    name = _DTYPES.get(element)
    if name is None:
        raise DTypeError(f"{what} has elements of type {type_name(element)}, which graphdiff has not")
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def type_name(element: int) -> str:
    """What ONNX calls an element type."""
    return _DTYPES.get(element) or _OTHERS.get(element) or f"number {element}"


# --------------------------------------------------------------------------------------- the message


def read_model(model: str | os.PathLike[str] | bytes | onnx.ModelProto) -> ModelView:
    """A model as views of it. Raises GraphError for what is no model, OSError for a file that cannot be read."""
    with needs("onnx"):
        import onnx
        from google.protobuf.message import DecodeError

    folder = None
    if isinstance(model, (str, os.PathLike)):
        path = Path(model)
        label, folder, data = path.name, path.parent, path.read_bytes()
    elif isinstance(model, (bytes, bytearray, memoryview)):
        label, data = "the model", bytes(model)
    elif isinstance(model, onnx.ModelProto):
        label, data = "the model", None
    else:
        raise GraphError(f"a model is a path, bytes or an onnx.ModelProto, got {type(model).__name__}")
    proto = model if isinstance(model, onnx.ModelProto) else onnx.ModelProto()
    if data is not None:
        try:
            proto.ParseFromString(data)
        except (DecodeError, RuntimeError) as e:
            raise GraphError(f"{label} is no ONNX model, or only a part of one: {e}") from None
    if not proto.HasField("graph") or not (proto.opset_import or proto.ir_version):
        raise GraphError(f"{label} is no ONNX model: it has no graph")
    reader = _Reader(folder)
    functions = {(_domain(f.domain), f.name): reader.function(f) for f in proto.functions}
    opsets = {_domain(o.domain): o.version for o in proto.opset_import}
    graph = reader.graph(proto.graph)
    graph.inputs = {v.name: _type_of(v) for v in proto.graph.input}
    graph.elements = {v.name: of for v in proto.graph.output if (of := v.type.tensor_type.elem_type)}
    said = {p.key: p.value for p in proto.metadata_props}
    return ModelView(graph, opsets, functions, label, frozenset(said.get(CONSTANTS, "").split("\n")))


def _domain(text: str) -> str:
    return "" if text == "ai.onnx" else _name(text)


def _name(text: str | bytes) -> str:
    """A name of the file, which protobuf gives as bytes where it is no text. Raises GraphError."""
    if isinstance(text, bytes):
        raise GraphError(f"the model has a name that is no text: {text!r}")
    return text


def function_view(proto: onnx.FunctionProto) -> GraphView:
    """A function that is in no file: one of the standard's."""
    return _Reader(None).function(proto)


def attribute_value(proto: onnx.AttributeProto) -> Any:
    """The value of an attribute that is in no file: a default of the standard's."""
    return _Reader(None).attribute(proto)


class _Reader:
    """Makes views of messages whose external data lies in ``folder``."""

    def __init__(self, folder: Path | None):
        self.folder = folder

    def graph(self, proto: onnx.GraphProto) -> GraphView:
        if proto.sparse_initializer:
            name = proto.sparse_initializer[0].values.name
            raise DTypeError(f"the initializer {name!r} is sparse; graphdiff has dense ones")
        arrays = {_name(t.name): ArrayView(t, self.folder, t.name) for t in proto.initializer}
        inputs: dict[str, Type | None] = dict.fromkeys(_name(v.name) for v in proto.input)
        outputs = [_name(v.name) for v in proto.output]
        return GraphView(_name(proto.name), inputs, outputs, arrays, [*map(self.node, proto.node)])

    def function(self, proto: onnx.FunctionProto) -> GraphView:
        defaults: dict[str, Any] = {name: Ref(name) for name in proto.attribute}
        defaults.update((a.name, self.attribute(a)) for a in proto.attribute_proto)
        opsets = {_domain(o.domain): o.version for o in proto.opset_import}
        nodes = [*map(self.node, proto.node)]
        inputs: dict[str, Type | None] = dict.fromkeys(map(_name, proto.input))
        return GraphView(_name(proto.name), inputs, [*map(_name, proto.output)], {}, nodes, opsets, defaults)

    def node(self, proto: onnx.NodeProto) -> NodeView:
        attrs = {_name(a.name): self.attribute(a) for a in proto.attribute}
        inputs, outputs = [*map(_name, proto.input)], [*map(_name, proto.output)]
        return NodeView(_name(proto.op_type), _domain(proto.domain), _name(proto.name), inputs, outputs, attrs)

    def attribute(self, a: onnx.AttributeProto) -> Any:
        if a.ref_attr_name:
            return Ref(a.ref_attr_name)
        kind = a.type or next((k for k, (name, many) in _FIELDS.items() if _has(a, name, many)), 0)
        name, many = _FIELDS.get(kind, ("", False))
        if not name:
            return Refused(f"kind {kind}")
        value = getattr(a, name)
        if many:
            return [_text(v) for v in value]
        if name == "t":
            return ArrayView(value, self.folder, value.name or a.name)
        return self.graph(value) if name == "g" else _text(value)


# By the numbers of kinds in onnx.proto: the field, and whether it is a list
_FIELDS: dict[int, tuple[str, bool]] = {
    1: ("f", False),
    2: ("i", False),
    3: ("s", False),
    4: ("t", False),
    5: ("g", False),
    6: ("floats", True),
    7: ("ints", True),
    8: ("strings", True),
}


def _has(a: onnx.AttributeProto, name: str, many: bool) -> bool:
    return bool(len(getattr(a, name))) if many else a.HasField(name)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _type_of(v: onnx.ValueInfoProto) -> Type:
    """Element type and sizes: ints, names, or None for a size that has neither. Raises DTypeError for what is no
    tensor."""
    kind = v.type.WhichOneof("value")
    if kind != "tensor_type":
        what = (kind or "no type").removesuffix("_type")
        raise DTypeError(f"the input {v.name!r} is of kind {what!r}; graphdiff has tensors alone")
    tensor = v.type.tensor_type
    if not tensor.HasField("shape"):
        return tensor.elem_type, None
    return tensor.elem_type, tuple(
        d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else _name(d.dim_param) or None
        for d in tensor.shape.dim
    )


# --------------------------------------------------------------------------------------- arrays


def array_of(tensor: onnx.TensorProto, folder: Path | None, what: str) -> np.ndarray:
    """The elements of a tensor of the file. Raises DTypeError, and GraphError where its lengths contradict."""
    from onnx import numpy_helper

    dtype = dtype_of(tensor.data_type, what)
    dims = tuple(tensor.dims)
    count = math.prod(dims)
    if any(d < 0 for d in dims) or tensor.HasField("segment"):
        raise GraphError(f"{what} has the shape {list(dims)}, which no array has")
    if tensor.data_location == 1:
        raw: Any = _external(tensor, folder, count * dtype.itemsize, what)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    else:
        name = {1: "float_data", 11: "double_data", 7: "int64_data", 12: "uint64_data", 13: "uint64_data"}
        found = len(getattr(tensor, name.get(tensor.data_type, "int32_data")))
        if found != count:
            raise GraphError(f"{what} has the shape {list(dims)}, which is {count} elements, and holds {found}")
        return np.asarray(numpy_helper.to_array(tensor))
    if len(raw) != count * dtype.itemsize:
        told = f"which is {count * dtype.itemsize} bytes, and holds {len(raw)}"
        raise GraphError(f"{what} has the shape {list(dims)}, {told}")
    return np.frombuffer(raw, dtype.newbyteorder("<") if dtype.isbuiltin else dtype).astype(dtype).reshape(dims)


def _external(tensor: onnx.TensorProto, folder: Path | None, length: int, what: str) -> bytes:
    """What lies in a file of the model's folder; ``length`` bytes of it. Raises GraphError."""
    said = {e.key: e.value for e in tensor.external_data}
    location = said.get("location", "")
    if folder is None:
        raise GraphError(f"{what} lies in the file {location!r} beside the model: give load the model's path")
    try:
        home = folder.resolve()
        path = (home / location).resolve()
        there = path.is_file()
    except (OSError, ValueError, RuntimeError) as e:  # too long, not a name at all, links in a circle
        raise GraphError(f"{what} lies in {location[:60]!r}, which is no file: {e}") from None
    if not location or not path.is_relative_to(home):
        raise GraphError(f"{what} lies in {location!r}, which is not in the model's folder")
    try:
        offset, claimed = int(said.get("offset") or 0), int(said.get("length") or length)
    except ValueError:
        raise GraphError(f"{what} has an offset or a length that is no number") from None
    if not there:
        raise GraphError(f"{what} lies in {location!r}, which is not there: {home / location} is no file")
    size = path.stat().st_size
    if claimed != length or offset < 0 or offset + length > size:
        told = f"{length} bytes from {offset} of {location!r}"
        raise GraphError(f"{what} is {told}, which has {size} bytes; the model claims {claimed}")
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)
