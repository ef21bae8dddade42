"""From the views of a model to a graph: leaves made, nodes read one after another by the table's rules.

Owns: :func:`load` and the :class:`Model` that it gives; :class:`Importer`, which walks graphs, functions and subgraphs.
Invariants: nothing is built of a model that has an operator without a rule; every name of the model keeps its spelling.
Must not know: what any operator does, how files are laid out.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import graphdiff as gd

from ...errors import DTypeError, FeedError, GraphdiffError, GraphError, ShapeError
from ...ir.dims import Dim, names_of
from ...ir.dtypes import FLOATS, as_dtype
from ...ir.node import collector_paused
from ...ir.words import ArrayLike, DTypeLike, ShapeLike
from ...ops.leaves import check_sizes
from ...ops.messages import where_am_i
from ...ops.tensor import Tensor
from . import rules as rules
from .again import remember_node
from .call import Call
from .fold import FOLDS
from .known import Element, Known
from .leaves import Leaves
from .roles import roles_of
from .scope import Roles, Scope, Value
from .source import GraphView, ModelView, NodeView, dtype_of, read_model, type_name
from .support import check_attributes, check_supported, function_of, in_order
from .table import reader_of

if TYPE_CHECKING:
    import onnx

OLDEST = 7  # operators broadcast by attributes before
DEEPEST = 100  # graphs inside each other


class Model:
    """A model of the file as a graph, by the names that it has there: ``inputs``, ``outputs``, ``parameters`` and
    ``states``, dicts of Tensors."""

    def __init__(
        self,
        label: str,
        inputs: dict[str, Tensor],
        outputs: dict[str, Tensor],
        parameters: dict[str, Tensor],
        states: dict[str, Tensor],
    ):
        self.label, self.inputs, self.outputs, self.parameters, self.states = label, inputs, outputs, parameters, states

    def __repr__(self) -> str:
        def shown(tensors: dict[str, Tensor]) -> str:
            few = [f"{name}: {t.dtype.name}{list(map(str, t.shape))}".replace("'", "") for name, t in tensors.items()]
            return ", ".join(few[:4]) + (", ..." if len(few) > 4 else "")

        weights = f"{len(self.parameters)} parameters, {len(self.states)} states"
        return f"<ONNX model {self.label}: {shown(self.inputs)} -> {shown(self.outputs)}; {weights}>"


def load(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto,
    trainable: bool | str | Sequence[str] = True,
    dtype: DTypeLike | None = None,
    shapes: Mapping[str, ShapeLike] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
) -> Model:
    """Reads an ONNX model as a graph, which is differentiated, compiled and trained as any other.

    Sizes with a name in the file have it here, once for each name, and shape arithmetic is worked out over them: one
    compiled function serves all sizes. A size without a name gets one of its own, of the input's name and the axis.
    Weights are parameters and running statistics of batch normalisation states, by their names in the file. Files of
    opsets 7 and later are read. Needs the package ``onnx``: ``pip install 'graphdiff[onnx]'``.

    Raises UnsupportedOperator, which lists all operators that have no rule, before anything is built; GraphError for
    what is no model, or one that contradicts itself; DTypeError and ShapeError, with the node, where a type or a shape
    is none that graphdiff has; OSError for a file that cannot be read.

    Example::

        m = gd.interop.onnx.load("resnet.onnx", shapes={"image": ("batch", 3, 224, 224)})
        f = gd.compile(list(m.inputs.values()), list(m.outputs.values()))

    Arguments: ``model``: a path, the bytes of a file, or an ``onnx.ModelProto``, which stays as it is;
    ``trainable``: True: every float initializer with a dimension or more is a parameter, and so are weights in Constant
    and ConstantOfShape nodes; False: none; a name or a list of names and patterns (``"encoder.*"``): just those;
    ``dtype``: "float32" or "float64": all floats are converted to it, half precision too;
    ``shapes``: for inputs by name, sizes that take the place of the file's: ints, names, and expressions such as
    "32*h"; a name of the file that gets another here gets it everywhere;
    ``constants``: for inputs by name, arrays that are their values from now on: those that choose a branch or a shape.
    """
    view = read_model(model)
    with collector_paused():
        return _load(view, trainable, dtype, shapes or {}, constants or {})


def _load(
    view: ModelView, trainable: Any, dtype: Any, shapes: Mapping[str, Any], constants: Mapping[str, Any]
) -> Model:
    opset = view.opsets.get("", max((f.opsets.get("", 0) for f in view.functions.values()), default=0))
    if "" in view.opsets and opset < OLDEST:
        raise GraphError(
            f"{view.label} is of opset {opset}, and {OLDEST} is the oldest that is read: convert it with "
            f"onnx.version_converter.convert_version(model, {OLDEST + 6})",
            source=where_am_i(),
        )
    check_supported(view)
    check_attributes(view)
    floats = None if dtype is None else as_dtype(dtype)
    if floats is not None and floats not in FLOATS:
        raise DTypeError(f"dtype is float32 or float64, got {floats.name}", source=where_am_i())
    importer = Importer(view, floats, trainable)
    try:
        return importer.model(shapes, constants)
    except GraphdiffError as e:
        newest = _newest()
        if opset <= newest:
            raise
        told = f"{e.fact} (the model is of opset {opset}, newer than {newest}, the newest known, as which it was read)"
        raise type(e)(told, e.operation, e.source) from e


def _newest() -> int:
    import onnx

    return onnx.defs.onnx_opset_version()


class Importer:
    """Walks a model and builds its graph."""

    def __init__(self, view: ModelView, floats: np.dtype | None, trainable: Any):
        self.view, self.floats = view, floats
        self.roles, self.roles_of_functions = roles_of(view)
        self.leaves = Leaves(view, floats, trainable, self.roles)
        self.told: GraphdiffError | None = None  # the last error that already names its node
        self.assumed: list[tuple[Element, Element, bool]] = []
        self.drawn = 0

    # ------------------------------------------------------------------ what rules ask
    def telling(self, error: GraphdiffError) -> GraphdiffError:
        """``error``, which names its node."""
        self.told = error
        return error

    def dtype(self, element: int, what: str) -> np.dtype:
        """The dtype of an element type, floats as load was told to have them."""
        found = dtype_of(element, what)
        return self.floats if self.floats is not None and _is_float(found) else found

    def assume(self, a: Element, b: Element, equal: bool) -> None:
        """Two sizes are taken to be equal, or to differ, which is looked at in each call."""
        if (a, b, equal) not in self.assumed:
            self.assumed.append((a, b, equal))

    def converted(self, dtype: np.dtype) -> np.dtype:
        """A dtype of the file as load was told to have it."""
        return self.leaves.converted(dtype)

    def fed(self) -> Collection[str]:
        """The names of inputs that are fed."""
        return self.leaves.fed

    def key(self) -> Tensor:
        """A key for random numbers, another one for each node that draws."""
        self.drawn += 1
        return self.leaves.key() + self.drawn

    # ------------------------------------------------------------------ the whole
    def model(self, shapes: Mapping[str, Any], constants: Mapping[str, Any]) -> Model:
        graph, leaves = self.view.graph, self.leaves
        scope = Scope(None, self.view.opsets, self.roles)
        scope.values.update(leaves.inputs(shapes, constants))
        scope.values.update(leaves.initializers(graph, ""))
        self.walk(graph, scope)
        outputs: dict[str, Tensor] = {}
        for name in graph.outputs:
            value = scope.find(name)
            if value is None:
                raise GraphError(f"the output {name!r} is the result of no node", source=where_am_i())
            outputs[name] = self.output(name, value, scope)
        self._check_assumptions()
        leaves.check_patterns()
        return Model(self.view.label, leaves.fed, outputs, leaves.parameters, leaves.states)

    def output(self, name: str, value: Value, scope: Scope) -> Tensor:
        node = NodeView("output", "", name, [name], [], {})
        found = Call(node, [value], 0, self, scope).tensor()
        element = self.view.graph.elements.get(name)
        if element is not None and self.dtype(element, f"the output {name!r}") != found.dtype:
            told = f"the output {name!r} is {found.dtype.name}, and {type_name(element)} by the file"
            raise DTypeError(told, source=where_am_i())
        return found

    def _check_assumptions(self) -> None:
        for a, b, equal in self.assumed:
            names = names_of(a) | names_of(b)
            fed = [x for x in self.leaves.fed.values() if names <= set().union(*map(names_of, x.shape))]
            pred = (gd.equal if equal else gd.not_equal)(gd.constant(a, "int64"), gd.constant(b, "int64"))
            told = (
                f"the model was read for {a} {'equal to' if equal else 'other than'} {b}; load it with shapes={{...}}"
            )
            told += "" if equal else " where they are equal"
            check_sizes(pred, told, fed)

    # ------------------------------------------------------------------ graphs
    def walk(self, graph: GraphView, scope: Scope) -> None:
        """Reads the nodes of a graph, whose inputs have values in ``scope``."""
        if scope.depth > DEEPEST:
            raise GraphError(f"more than {DEEPEST} graphs and functions inside each other, the last {graph.name!r}")
        for node in in_order(graph, lambda name: scope.find(name) is not None):
            self._read(node, scope)

    def subgraph(self, graph: GraphView, scope: Scope, values: Sequence[Value]) -> list[Value]:
        """What a branch or body gives for values of its inputs."""
        inner = scope.inner()
        if len(values) != len(graph.inputs):
            raise GraphError(f"the graph {graph.name!r} has {len(graph.inputs)} inputs and is given {len(values)}")
        inner.values.update(zip(graph.inputs, values))
        inner.values.update(self.leaves.initializers(graph, scope.owner))
        self.walk(graph, inner)
        found = [inner.find(name) for name in graph.outputs]
        for name, value in zip(graph.outputs, found):
            if value is None:
                raise GraphError(f"the output {name!r} of the graph {graph.name!r} is the result of no node")
        return [v for v in found if v is not None]

    def _read(self, node: NodeView, scope: Scope) -> None:
        values = [scope.find(name) if name else None for name in node.inputs]
        opset = scope.opsets.get(node.domain, 1)
        call = Call(node, values, opset, self, scope)
        try:
            with gd.name_scope(node.name or node.op):
                results = self._results(call)
        except (ShapeError, DTypeError, FeedError, GraphError) as e:
            if e is self.told:
                raise
            kind = GraphError if type(e) is FeedError else type(e)
            raise self.telling(kind(f"{node.label}: {e.fact}{self._cure(e)}", e.operation, e.source)) from e
        except (TypeError, ValueError, IndexError, KeyError, OverflowError, ZeroDivisionError, RecursionError) as e:
            fact = f"{node.label} cannot be read: {type(e).__name__}: {e}"
            raise self.telling(GraphError(fact, source=where_am_i())) from e
        if isinstance(results, (Tensor, Known)):
            results = (results,)
        if reader_of(node.domain, node.op) is not None:
            remember_node(call, results)
        for name, result in zip(node.outputs, results):
            if name and result is not None:
                scope.values[name] = result
        missing = [name for name in node.outputs[len(results) :] if name]
        if missing:
            call.fail(GraphError, f"there is no result {len(results)} to be called {missing[0]!r}")

    def _cure(self, error: GraphdiffError) -> str:
        """What to write where named sizes do not meet."""
        named = [name for name, x in self.leaves.fed.items() if any(isinstance(s, Dim) for s in x.shape)]
        if not isinstance(error, ShapeError) or not named:
            return ""
        shown = ", ".join(f"{name!r}: {self.leaves.fed[name].shape}" for name in named[:3])
        return f" (sizes are joined, fixed or made multiples by shapes={{...}} of load; they are {{{shown}}})"

    def _results(self, call: Call) -> Any:
        node = call.node
        key = (node.domain, node.op)
        function = self.view.functions.get(key)
        if function is not None:
            return self._function(call, function, self.roles_of_functions.get(key, Roles()))
        given = [v for v in call.values if isinstance(v, Known)]
        fold = FOLDS.get(key)
        if fold is not None and given and len(given) == sum(v is not None for v in call.values):
            folded = fold(call, given)
            if folded is not None:
                return folded
        reader = reader_of(*key)
        if reader is not None:
            return reader.rule(call)
        body = function_of(call)
        if body is None:
            call.fail(GraphError, "the operator has no rule and no body for operands of these types")
        return self._function(call, body, Roles())

    def _function(self, call: Call, function: GraphView, roles: Roles) -> list[Value | None]:
        scope = Scope(None, function.opsets, roles, None, function.name, call.scope.depth + 1)
        scope.attributes = dict(function.attributes)
        scope.attributes.update((k, v) for k in call.node.attrs if (v := call.raw(k)) is not None)
        scope.values.update((n, v) for n, v in zip(function.inputs, call.values) if v is not None)
        self.walk(function, scope)
        return [scope.find(name) for name in function.outputs]

    def constant(self, call: Call, array: np.ndarray, name: str) -> Value:
        """What a Constant or ConstantOfShape node holds: a parameter, or an array known now."""
        return self.leaves.weight(array, name, call.scope.owner, call.scope.roles)


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype.name == "bfloat16"
