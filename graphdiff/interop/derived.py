"""Graph as a function that hosts differentiate: ``Derived``, whose derivatives are functions of the same kind.

Owns: forward and reverse mode to any order, and batching, each made when it is first asked for and kept. Inputs are
leaves with names of their own, so that derivatives of derivatives never collide. Must not know: any host.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

import graphdiff as gd

from ..errors import FeedError, GraphError
from ..ir.dims import shape_at
from ..ir.graph import Graph
from ..ops.leaves import input as input_leaf
from ..ops.messages import describe, where_am_i
from ..ops.tensor import Tensor
from ..runtime.entry import Entry
from ..runtime.sizes import Sizes
from .flat import carry_checks, check_again, frozen

_numbers = itertools.count()


def derived(what: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], name: str | None = None) -> Derived:
    """Outputs of inputs, with parameters and states that are not among these as they are now: hosts take functions to
    be pure. Raises GraphError for an input that is no leaf, FeedError for one that is missing."""
    leaves = list(inputs)
    for leaf in leaves:
        if not isinstance(leaf, Tensor) or leaf.node.op.name not in ("input", "parameter", "state"):
            told = describe(leaf) if isinstance(leaf, Tensor) else repr(leaf)
            raise GraphError(f"{what}: inputs are leaves, got {told}", source=where_am_i())
    fresh = [input_leaf(None, v.shape, v.dtype) for v in leaves]

    def moved(values: Sequence[Tensor]) -> list[Tensor]:
        return list(gd.substitute(frozen(what, list(values), None, leaves), dict(zip(leaves, fresh))))

    carry_checks(leaves, (), fresh, moved)
    return Derived(fresh, moved(outputs), [str(v.name) for v in leaves], name or what.replace(".", "_"))


class Derived:
    """``outputs`` of ``inputs``, which ``names`` tell people; linear, all together, in the inputs ``linear``."""

    def __init__(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        names: Sequence[str],
        name: str,
        linear: Sequence[int] = (),
    ):
        self.inputs, self.outputs, self.names, self.name = list(inputs), list(outputs), list(names), name
        self.linear = frozenset(linear)
        self.wrt = tuple(k for k, v in enumerate(inputs) if v.dtype.kind == "f")
        self.of = tuple(k for k, v in enumerate(outputs) if v.dtype.kind == "f")
        self._made: dict[Any, Derived] = {}
        self._entries: dict[tuple[tuple[str, int], ...], Entry] = {}

    @cached_property
    def function(self) -> gd.Function:
        return gd.compile(self.inputs, self.outputs, name=self.name)

    @cached_property
    def _sizes(self) -> Sizes:
        graph = Graph(self.name, self.inputs, self.outputs)
        return Sizes(graph, graph)

    def sizes(self, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
        """The named sizes of arguments of those shapes. Raises FeedError where they do not fit."""
        for name, v, shape in zip(self.names, self.inputs, shapes):
            if len(shape) != v.ndim or any(isinstance(s, int) and s != n for s, n in zip(v.shape, shape)):
                raise FeedError(
                    f"{self.name}: {name} has shape {tuple(v.shape)}, got {tuple(shape)}".replace("'", ""),
                    source=where_am_i(),
                )
        return self._sizes.bind(shapes)

    def shapes(self, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
        """The shapes of the outputs."""
        return [shape_at(v.shape, sizes) for v in self.outputs]

    def entry(self, sizes: Mapping[str, int]) -> Entry:
        """The C entry for sizes, made once."""
        key = tuple(sizes.items())
        if key not in self._entries:
            self._entries[key] = self.function.entry(**sizes)
        return self._entries[key]

    def forward(self, wrt: Sequence[int]) -> Derived:
        """Tangents of the float outputs by the inputs and then the tangents of inputs ``wrt``; linear in the latter."""
        key = ("forward", *wrt)
        if key not in self._made:
            xs = [self.inputs[k] for k in wrt]
            ts = [input_leaf(None, x.shape, x.dtype) for x in xs]
            found = gd.jvp([self.outputs[k] for k in self.of], xs, ts)
            names = [*self.names, *(f"tangent of {self.names[k]}" for k in wrt)]
            n = len(self.inputs)
            self._made[key] = Derived(
                [*self.inputs, *ts], list(found), names, f"jvp_{self.name}", range(n, n + len(ts))
            )
        return self._made[key]

    def reverse(self, wrt: Sequence[int], of: Sequence[int]) -> Derived:
        """Cotangents of inputs ``wrt`` by the inputs and then the cotangents of outputs ``of``; linear in the latter.
        Of the inputs it has those that are ``kept``."""
        key = ("reverse", tuple(wrt), tuple(of))
        if key not in self._made:
            ys = [self.outputs[k] for k in of]
            gs = [input_leaf(None, y.shape, y.dtype) for y in ys]
            found = gd.vjp(ys, [self.inputs[k] for k in wrt], gs)
            kept = self.kept(wrt)
            names = [*(self.names[k] for k in kept), *(f"cotangent {k}" for k in of)]
            n = len(kept)
            self._made[key] = Derived(
                [*(self.inputs[k] for k in kept), *gs], list(found), names, f"vjp_{self.name}", range(n, n + len(gs))
            )
        return self._made[key]

    def kept(self, wrt: Sequence[int]) -> list[int]:
        """The inputs that cotangents of ``wrt`` depend on: all but these where the outputs are linear in them."""
        gone = set(wrt) if set(wrt) <= self.linear else set()
        return [k for k in range(len(self.inputs)) if k not in gone]

    def with_gradient(self, wrt: Sequence[int]) -> Derived:
        """The one number that this is, then its gradient for inputs ``wrt``."""
        key = ("gradient", *wrt)
        if key not in self._made:
            found = gd.grad(self.outputs[0], [self.inputs[k] for k in wrt])
            self._made[key] = Derived(self.inputs, [self.outputs[0], *found], self.names, f"grad_{self.name}")
        return self._made[key]

    def batched(self, in_dims: Sequence[int | None]) -> Derived:
        """For many examples at once, along the axes ``in_dims`` of inputs and the first of outputs."""
        key = ("batched", *in_dims)
        if key not in self._made:
            size = f"batch_{next(_numbers)}"
            xs = []
            for v, d in zip(self.inputs, in_dims):
                shape = tuple(v.shape) if d is None else (*v.shape[:d], size, *v.shape[d:])
                xs.append(input_leaf(None, shape, v.dtype))

            def one(*given: Tensor) -> Any:
                check_again(self.inputs, given)
                return tuple(gd.substitute(self.outputs, dict(zip(self.inputs, given))))

            found = list(gd.vmap(one, in_axes=tuple(in_dims))(*xs))
            self._made[key] = Derived(xs, found, self.names, f"vmap_{self.name}", tuple(self.linear))
        return self._made[key]

    def array(self, number: int, given: Any) -> np.ndarray:
        """An argument that is no array of the host's, as an array of its dtype. Raises FeedError."""
        v, array = self.inputs[number], np.asarray(given)
        weak = not isinstance(given, (np.ndarray, np.generic)) and array.dtype.kind in "bif"
        if not np.can_cast(array.dtype, v.dtype, "same_kind" if weak else "safe"):
            raise FeedError(
                f"{self.names[number]} is {v.dtype}, got {array.dtype}; write .astype({v.dtype.name!r})",
                source=where_am_i(),
            )
        return array.astype(v.dtype, copy=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Derived, (self.inputs, self.outputs, self.names, self.name, tuple(self.linear))

    def __repr__(self) -> str:
        return self.name
