"""Graphs inside PyTorch: ``gd.interop.torch.function`` and ``Module``.

Owns: autograd functions over compiled ones - backward, forward mode, second order and ``torch.func.vmap`` are graphs
too, made when they are first asked for - and modules whose parameters are the storage of graphdiff's. Tensors lie on
the CPU and are shared, never copied. Must not know: optimisers, training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

import graphdiff as gd

from ...errors import FeedError, GraphError
from ...ir.node import topological
from ...ops.leaves import input as input_leaf
from ...ops.messages import describe, where_am_i
from ...ops.tensor import Tensor
from ...ops.trees import tensors
from ...ops.types import Tensors
from ..flat import carry_checks, check_again
from ..needs import needs

with needs("torch"):
    import torch
    from torch.autograd.function import FunctionCtx


def function(inputs: Sequence[Tensor], outputs: Tensors, order: Literal[1, 2] = 1) -> Callable[..., Any]:
    """Graph as a differentiable function of torch tensors: ``y = f(*tensors)``, in the structure of ``outputs``.

    ``inputs``: gd.input leaves, and parameters and states, whose place an argument takes; all that ``outputs`` depend
    on is among them, for torch takes functions to be pure. ``order``: how often it can be differentiated; with 1, value
    and gradient of one number are computed together. Forward mode, ``torch.func.grad``, ``jvp`` and ``vmap`` work.
    Raises GraphError; a call FeedError for tensors of other shapes, dtypes or devices.

    Example: ``f = gd.interop.torch.function([x, w], loss); f(torch.ones(3), v).backward()``."""
    if order not in (1, 2):
        raise GraphError(f"torch.function: order is 1 or 2, got {order!r}", source=where_am_i())
    leaves = list(inputs)
    found, tree = tensors("torch.function", outputs, "outputs")
    for leaf in leaves:
        if not isinstance(leaf, Tensor) or leaf.node.op.name not in ("input", "parameter", "state"):
            told = describe(leaf) if isinstance(leaf, Tensor) else repr(leaf)
            raise GraphError(f"torch.function: inputs are leaves, got {told}", source=where_am_i())
    free = [v for v in _leaves(found) if v not in set(leaves)]
    if free:
        raise GraphError(
            f"torch.function: outputs depend on {', '.join(map(describe, free))} too; list them among inputs, or use "
            "torch.Module, which has them as parameters",
            source=where_am_i(),
        )
    fresh = [input_leaf(None, v.shape, v.dtype) for v in leaves]

    def moved(values: Sequence[Tensor]) -> list[Tensor]:
        return list(gd.substitute(list(values), dict(zip(leaves, fresh))))

    carry_checks(leaves, (), fresh, moved)
    op = _Op(fresh, moved(found), [str(v.name) for v in leaves], order)

    def call(*args: Any) -> Any:
        if len(args) != len(leaves):
            raise FeedError(f"torch.function: {len(leaves)} inputs, got {len(args)}", source=where_am_i())
        return tree.build(op(*args))

    return call


def _leaves(values: Sequence[Tensor]) -> list[Tensor]:
    return [v for n in topological(values) if n.op.name in ("input", "parameter", "state") for v in n.outputs]


class Module(torch.nn.Module):
    """Graph as a ``torch.nn.Module``: ``m(*tensors)`` gives ``outputs`` for the ``inputs``.

    The parameters that ``outputs`` depend on are its parameters, under their names, dots parting submodules; states are
    buffers. They are the storage of ``W.value``: a step of a torch optimiser changes it, and the other way round.
    ``order``: as for :func:`function`. Raises GraphError.

    Example: ``m = gd.interop.torch.Module([x], logits); torch.optim.Adam(m.parameters())``."""

    def __init__(self, inputs: Sequence[Tensor], outputs: Tensors, order: Literal[1, 2] = 1):
        super().__init__()
        found, _ = tensors("torch.Module", outputs, "outputs")
        self._held = [v for v in _leaves(found) if v.node.op.name != "input"]
        self._paths = [str(v.name) for v in self._held]
        for leaf in self._held:
            self._hold(leaf)
        self._function = function([*inputs, *self._held], outputs, order)

    def _hold(self, leaf: Tensor) -> None:
        owner: torch.nn.Module = self
        *path, name = str(leaf.name).split(".")
        for part in path:
            if part not in owner._modules:
                owner.add_module(part, torch.nn.Module())
            owner = owner.get_submodule(part)
        shared = torch.from_numpy(leaf.value)
        if leaf.node.op.name == "parameter":
            owner.register_parameter(name, torch.nn.Parameter(shared))
        else:
            owner.register_buffer(name, shared)

    def forward(self, *args: torch.Tensor) -> Any:
        held = {**dict(self.named_parameters(remove_duplicate=False)), **dict(self.named_buffers())}
        return self._function(*args, *(held[path] for path in self._paths))


class _Op:
    """Inputs and outputs as one autograd function. Derivatives are functions of the same kind, of one order less."""

    def __init__(self, inputs: list[Tensor], outputs: list[Tensor], names: list[str], order: int):
        self.inputs, self.outputs, self.names, self.order = inputs, outputs, names, order
        self.wrt = [k for k, v in enumerate(inputs) if v.dtype.kind == "f"]
        self.of = [k for k, v in enumerate(outputs) if v.dtype.kind == "f"]
        self._batched: dict[tuple[int | None, ...], _Op] = {}
        self.apply = _function_class(self).apply
        self.fused = order == 1 and len(outputs) == 1 and self.of == [0] and outputs[0].shape == () and bool(self.wrt)

    @cached_property
    def value(self) -> gd.Function:
        return gd.compile(self.inputs, self.outputs, name="torch_function")

    @cached_property
    def with_gradient(self) -> gd.Function:
        """Of one number: value, then the gradient for each float."""
        return gd.compile(self.inputs, self._given_back, name="torch_function")

    @property
    def _given_back(self) -> list[Tensor]:
        """What the autograd function gives: the outputs, and behind one number its gradient."""
        if not self.fused:
            return self.outputs
        return [self.outputs[0], *gd.grad(self.outputs[0], [self.inputs[k] for k in self.wrt])]

    @cached_property
    def backward(self) -> _Op:
        """Cotangents of floats by the inputs, then the cotangents of the results that are floats."""
        ys = [self.outputs[k] for k in self.of]
        gs = [input_leaf(None, y.shape, y.dtype) for y in ys]
        found = gd.vjp(ys, [self.inputs[k] for k in self.wrt], gs)
        names = [*self.names, *(f"cotangent {k}" for k in range(len(gs)))]
        return _Op([*self.inputs, *gs], list(found), names, self.order - 1)

    @cached_property
    def forward(self) -> _Op:
        """Tangents of results that are floats by the inputs, then the tangents of floats."""
        xs = [self.inputs[k] for k in self.wrt]
        ts = [input_leaf(None, x.shape, x.dtype) for x in xs]
        found = gd.jvp([self.outputs[k] for k in self.of], xs, ts)
        names = [*self.names, *(f"tangent {k}" for k in range(len(ts)))]
        return _Op([*self.inputs, *ts], list(found), names, self.order - 1)

    def batched(self, in_dims: tuple[int | None, ...]) -> _Op:
        """For many examples at once, along the axes ``in_dims`` of inputs."""
        if in_dims not in self._batched:
            size = f"batch_{len(in_dims)}_{id(self)}"
            given_back = self._given_back
            xs = []
            for v, d in zip(self.inputs, in_dims):
                shape = tuple(v.shape) if d is None else (*v.shape[:d], size, *v.shape[d:])
                xs.append(input_leaf(None, shape, v.dtype))

            def one(*given: Tensor) -> Any:
                check_again(self.inputs, given)
                return tuple(gd.substitute(given_back, dict(zip(self.inputs, given))))

            outputs = list(gd.vmap(one, in_axes=in_dims)(*xs))
            self._batched[in_dims] = _Op(xs, outputs, self.names, self.order)
        return self._batched[in_dims]

    def arrays(self, given: Sequence[Any]) -> list[np.ndarray]:
        """Tensors as arrays over their memory. Raises FeedError for another device."""
        found = []
        for name, t in zip(self.names, given):
            if not isinstance(t, torch.Tensor):
                found.append(np.asarray(t))
                continue
            if t.device.type != "cpu":
                raise FeedError(f"{name} lies on {t.device}; write {name}.cpu()", source=where_am_i())
            found.append(t.detach().resolve_conj().resolve_neg().contiguous().numpy())
        return found

    def __call__(self, *args: Any) -> list[Any]:
        given = [
            a if isinstance(a, torch.Tensor) else torch.as_tensor(np.asarray(a, v.dtype))
            for a, v in zip(args, self.inputs)
        ]
        found = self.apply(*given)
        return list(found)[: len(self.outputs)]


def _function_class(op: _Op) -> Any:
    """The autograd function of an op, in the form that torch.func takes."""

    class Compiled(torch.autograd.Function):
        @staticmethod
        def forward(*args: Any) -> Any:
            arrays = op.arrays(args)
            found = op.with_gradient(*arrays) if op.fused else op.value(*arrays)
            return tuple(torch.from_numpy(np.asarray(a)) for a in found)

        @staticmethod
        def setup_context(ctx: FunctionCtx, inputs: Any, output: Any) -> None:
            made = output[len(op.outputs) :]
            plain = [y for k, y in enumerate(output) if k not in op.of]
            ctx.mark_non_differentiable(*plain)
            ctx.save_for_backward(*inputs, *made)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            inputs, made = ctx.saved_tensors[: len(op.inputs)], ctx.saved_tensors[len(op.inputs) :]
            if op.order < 1:
                raise RuntimeError("this was differentiated as often as it can be; write torch.function(..., order=2)")
            if op.fused:
                found = [gs[0] * g for g in made]
            else:
                found = op.backward(*inputs, *(gs[k] for k in op.of))
            rest = iter(found)
            return tuple(next(rest) if k in op.wrt else None for k in range(len(op.inputs)))

        @staticmethod
        def jvp(ctx: Any, *ts: Any) -> Any:
            inputs = ctx.saved_tensors[: len(op.inputs)]
            full = [torch.zeros_like(inputs[k]) if ts[k] is None else ts[k] for k in op.wrt]
            if op.order < 1:
                raise RuntimeError("this was differentiated as often as it can be; write torch.function(..., order=2)")
            found = iter(op.forward(*inputs, *full))
            n = len(op.outputs) + (len(op.wrt) if op.fused else 0)
            return tuple(next(found) if k in op.of else None for k in range(n))

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            many = op.batched(tuple(in_dims))
            found = many.apply(*args)
            return found, (0,) * len(found)

    return Compiled
