"""``from_torch``: a PyTorch module exported by ``torch.export`` and built as a graph, operator by operator.

Owns: the walk over an exported graph, its leaves, and the report of all that has no rule. Invariant: nothing is built
unless everything can be. Operators that have a rule stay whole, others are taken apart as PyTorch tells.
Must not know: any operator (the modules of rules beside it).
"""

from __future__ import annotations

import operator
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import graphdiff as gd

from ...errors import DTypeError, GraphError, ShapeError, UnsupportedOperator
from ...ir.dims import Size, format_shape
from ...ops.messages import describe, where_am_i
from ...ops.tensor import Tensor, as_tensor
from ..needs import needs
from . import arrays, elementwise, network, ordering, products, sampling  # noqa: F401  for the rules that they declare
from .rules import RULES, cast, dtype_of

with needs("torch"):
    import torch
    from torch.export.graph_signature import InputKind, OutputKind
    from torch.utils import _pytree as pytree

KEY = "dropout.key"  # the state that random numbers are drawn by
_LINE = re.compile(r'File "([^"]+)", line (\d+)')
_WHOLE = {operator.add, operator.sub, operator.mul, operator.floordiv, operator.neg, operator.getitem}


class Exported:
    """A PyTorch module as a function of Tensors that builds graph; made by :func:`from_torch`.

    ``parameters`` and ``states``: dicts of leaves by the names of the module's parameters and buffers; a state
    ``dropout.key`` where the module draws random numbers. ``updates``: after a call, what it does to states, to be
    given to ``gd.compile(updates=...)``: running statistics in training mode, and the next key."""

    def __init__(self, name: str, program: Any):
        self.name, self._program = name, program
        self._nodes = _needed(program)
        missing = Counter(_missing(self._nodes, program))
        if missing:
            raise UnsupportedOperator(name, missing, where_am_i())
        self.parameters: dict[str, Tensor] = {}
        self.states: dict[str, Tensor] = {}
        self.updates: dict[Tensor, Tensor] = {}
        self._held: dict[str, Tensor] = {}
        self._shared: dict[Any, Tensor] = {}
        for spec in program.graph_signature.input_specs:
            if spec.kind not in (InputKind.USER_INPUT, InputKind.TOKEN):
                self._held[spec.arg.name] = self._leaf(spec)
        draws = any(RULES[_name(n)].draws for n in self._nodes if _name(n) in RULES)
        self._key = gd.state(KEY, value=np.int64(0)) if draws and _random(self._nodes) else None
        if self._key is not None:
            self.states[KEY] = self._key

    def _leaf(self, spec: Any) -> Tensor:
        if spec.kind == InputKind.CONSTANT_TENSOR or (spec.kind == InputKind.BUFFER and spec.persistent is False):
            source = self._program.constants if spec.target in self._program.constants else self._program.state_dict
            return gd.constant(source[spec.target].detach().numpy())
        kind, made = (self.parameters, gd.parameter) if spec.kind == InputKind.PARAMETER else (self.states, gd.state)
        value = self._program.state_dict[spec.target].detach()
        memory = (value.data_ptr(), value.shape, value.stride())  # of parameters that modules share, the first name
        if memory not in self._shared or value.numel() == 0:
            self._shared[memory] = kind[spec.target] = made(spec.target, value=value.numpy())
        return self._shared[memory]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The module's results for Tensors in place of its arguments. Raises ShapeError, DTypeError, GraphError."""
        values: dict[str, Any] = dict(self._held)
        names = self._program.graph_signature.user_inputs
        flat, tree = pytree.tree_flatten((args, kwargs))
        if tree != self._program.call_spec.in_spec:
            raise ShapeError(
                f"{self.name}: arguments have the structure {self._program.call_spec.in_spec}, got {tree}",
                source=where_am_i(),
            )
        sizes: dict[str, Size] = {}
        nodes = {n.name: n for n in self._program.graph.nodes if n.op == "placeholder"}
        for k, (name, x) in enumerate(zip(names, flat)):
            if isinstance(name, str):
                values[name] = self._fitting(k, x, nodes[name].meta["val"], sizes)
        drawn = 0
        for node in self._nodes:
            if node.op != "call_function":
                continue
            given, options = (torch.fx.node.map_arg(a, lambda n: values[n.name]) for a in (node.args, node.kwargs))
            options = {k: v for k, v in options.items() if k not in ("layout", "device", "pin_memory", "memory_format")}
            if node.target is torch.ops.aten.sym_size.int:
                values[node.name] = given[0].shape[given[1]]
                continue
            if _name(node) not in RULES:
                values[node.name] = node.target(*given, **options)
                continue
            rule = RULES[_name(node)]
            if rule.draws:
                drawn += 1
                options["key"] = None if self._key is None else self._key + drawn
            values[node.name] = _in_dtype(rule.build(*given, **options), node.meta["val"])
        return self._results(values, drawn)

    def _fitting(self, number: int, x: Any, like: Any, sizes: dict[str, Size]) -> Any:
        """An argument as a Tensor of the shape and dtype that was exported. Raises ShapeError, DTypeError."""
        if not isinstance(like, torch.Tensor):
            if x != like:
                raise GraphError(
                    f"{self.name}: argument {number} was exported as {like!r}, got {x!r}; export again with it",
                    source=where_am_i(),
                )
            return x
        x = as_tensor(x, self.name, dtype_of(like.dtype))
        wanted = dtype_of(like.dtype)
        if x.dtype != wanted:
            raise DTypeError(
                f"{self.name}: argument {number} was exported as {wanted}, got {describe(x)}; write "
                f".astype('{wanted}')",
                source=where_am_i(),
            )
        fits = x.ndim == like.ndim
        for mine, theirs in zip(x.shape, like.shape):
            if isinstance(theirs, int):
                fits &= mine == theirs
            else:
                fits &= sizes.setdefault(str(theirs), mine) == mine
        if not fits:
            shape: list[Any] = [s if isinstance(s, int) else "any" for s in like.shape]
            raise ShapeError(
                f"{self.name}: argument {number} was exported with shape {format_shape(shape)}, got {describe(x)}; "
                "a size that varies is named by dynamic_shapes=",
                source=where_am_i(),
            )
        return x

    def _results(self, values: Mapping[str, Any], drawn: int) -> Any:
        self.updates = {} if self._key is None else {self._key: self._key + drawn}
        found = []
        for spec in self._program.graph_signature.output_specs:
            value = values.get(spec.arg.name) if hasattr(spec.arg, "name") else spec.arg.value
            if spec.kind == OutputKind.BUFFER_MUTATION:
                if value is not None and spec.target in self.states:
                    self.updates[self.states[spec.target]] = value
            elif spec.kind == OutputKind.USER_OUTPUT:
                found.append(value)
        return pytree.tree_unflatten(found, self._program.call_spec.out_spec)

    def __repr__(self) -> str:
        return f"<Exported {self.name}: {len(self.parameters)} parameters, {len(self.states)} states>"


def from_torch(
    module: torch.nn.Module,
    example_inputs: Sequence[Any],
    example_kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    training: bool | None = None,
) -> Exported:
    """A PyTorch module as a function of Tensors that builds graph: ``g = from_torch(module, (x,)); y = g(x)``.

    ``example_inputs``: a tuple of torch tensors, the module's arguments, for ``torch.export``; ``example_kwargs``:
    those by name. ``dynamic_shapes``: as for ``torch.export.export``, sizes that may be any, by argument and axis; a
    name is enough, ``({0: "batch"},)``. ``training``: the mode, the module's own unless given. Parameters and buffers
    are copied to ``g.parameters`` and ``g.states``, under their names; ``g.updates`` has the new states of a call.
    Random numbers are drawn by our generator. Raises UnsupportedOperator with all operators that have no rule, each
    with the user's line, before anything is built; what ``torch.export`` raises.

    Example: ``g = gd.interop.torch.from_torch(net, (torch.zeros(2, 3),), dynamic_shapes=({0: "batch"},))``."""
    name, before = type(module).__name__, {m: m.training for m in module.modules()}
    dims: dict[str, Any] = {}
    try:
        if training is not None:
            module.train(training)
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                module, tuple(example_inputs), dict(example_kwargs or {}), dynamic_shapes=_named(dynamic_shapes, dims)
            )
            program = program.run_decompositions(_table())
    finally:
        for m, mode in before.items():
            m.training = mode
    return Exported(name, program)


def _named(shapes: Any, dims: dict[str, Any]) -> Any:
    """Names in a description of shapes as ``torch.export.Dim``."""
    if isinstance(shapes, str):
        if shapes not in dims:
            dims[shapes] = torch.export.Dim(shapes)
        return dims[shapes]
    if isinstance(shapes, Mapping):
        return {k: _named(v, dims) for k, v in shapes.items()}
    if isinstance(shapes, (list, tuple)):
        return type(shapes)(_named(v, dims) for v in shapes)
    return shapes


def _table() -> Any:
    """How operators are taken apart: those that have a rule are not."""
    table = torch.export.default_decompositions()
    for op in list(table):
        if str(op).removeprefix("aten.") in RULES:
            table.pop(op)
    return table


def _name(node: Any) -> str:
    return str(node.target).removeprefix("aten.")


def _needed(program: Any) -> list[Any]:
    """The nodes that results and new states depend on, in order."""
    nodes = list(program.graph.nodes)
    kinds = (OutputKind.USER_OUTPUT, OutputKind.BUFFER_MUTATION)
    specs = program.graph_signature.output_specs
    needed = {n for n, spec in zip(nodes[-1].args[0], specs) if spec.kind in kinds and isinstance(n, torch.fx.Node)}
    for node in reversed(nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    return [n for n in nodes if n in needed]


def _random(nodes: Sequence[Any]) -> bool:
    """Whether random numbers are drawn: dropout of nothing draws none."""
    for n in nodes:
        name = _name(n).partition(".")[0]
        if name == "scaled_dot_product_attention":
            if (n.args[4] if len(n.args) > 4 else n.kwargs.get("dropout_p", 0.0)) > 0:
                return True
        elif name in ("native_dropout", "dropout"):
            if n.args[1] > 0 and n.args[2]:
                return True
        elif _name(n) in RULES and RULES[_name(n)].draws:
            return True
    return False


def _values(node: Any) -> list[Any]:
    found = node.meta.get("val")
    return [v for v in (found if isinstance(found, (list, tuple)) else [found]) if isinstance(v, torch.Tensor)]


def _missing(nodes: Sequence[Any], program: Any) -> Iterator[str]:
    """What has no rule: names with the user's lines."""
    for node in nodes:
        odd = {str(v.dtype).removeprefix("torch.") for v in _values(node)[:1] if dtype_of(v.dtype) is None}
        told = node.name if node.op == "placeholder" else _name(node)
        if odd:
            yield f"{told} of {', '.join(odd)}{_line(node)}"
        if node.op != "call_function" or node.target in _WHOLE or node.target is torch.ops.aten.sym_size.int:
            continue
        rule = RULES.get(_name(node))
        if rule is None:
            yield f"{told}{_line(node)}"
            continue
        given, options = (torch.fx.node.map_arg(a, lambda n: n.meta.get("val")) for a in (node.args, node.kwargs))
        why = rule.refuses(*given, **options)
        if why:
            yield f"{told} ({why}){_line(node)}"


def _line(node: Any) -> str:
    """The last line outside of PyTorch that a node comes from."""
    found = _LINE.findall(node.meta.get("stack_trace") or "")
    torchs = str(Path(torch.__file__).parent)
    mine = [(file, line) for file, line in found if not file.startswith(torchs)] or found
    return f" at {Path(mine[-1][0]).name}:{mine[-1][1]}" if mine else ""


def _in_dtype(made: Any, like: Any) -> Any:
    """Results in the dtypes that PyTorch gives them; of one, the first of those a rule has."""
    if isinstance(like, torch.Tensor):
        first = made[0] if isinstance(made, list) else made
        wanted = dtype_of(like.dtype)
        return first if wanted is None else cast(first, wanted)
    if isinstance(like, (list, tuple)):
        return [y if y is None or not isinstance(v, torch.Tensor) else _in_dtype(y, v) for y, v in zip(made, like)]
    return made
