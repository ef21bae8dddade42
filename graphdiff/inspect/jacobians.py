"""Which Jacobians in a chain of layers shrink or grow what passes them.

For values h0, h1, ... of which each is made of the last: the spectral norm of dh[k+1]/dh[k], the most that it can
multiply the length of a gradient by, from power iteration v <- J'Jv; and what it did multiply this gradient's by. All
Jacobians are iterated in one compiled function, a forward pass, a tangent and a cotangent each.
Must not know: training, how statistics are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..errors import GraphError
from ..ir.dims import Dim, evaluate
from ..ir.dtypes import FLOATS
from ..ir.graph import Graph
from ..ir.node import Value, topological
from ..ops.leaves import input as placeholder
from ..ops.messages import where_am_i
from ..ops.registry import REGISTRY
from ..ops.tensor import Tensor
from ..transforms.differentiate import grad, jvp, vjp
from .values import named

SHRINKS, GROWS = 0.9, 1.1  # spectral norms
SETTLED = 1e-4  # relative change of a norm at which iteration ends


class Jacobian(NamedTuple):
    """One link: ``norm`` is the spectral norm, ``gain`` what the gradient's norm was multiplied by on its way back.
    ``str(jacobian)`` is a line of text."""

    link: str
    norm: float
    gain: float

    @property
    def verdict(self) -> str:
        """``"shrinks"``: every gradient, whatever it is; ``"grows"``: some; empty: it does neither by much."""
        return "shrinks" if self.norm < SHRINKS else "grows" if self.norm > GROWS else ""

    def __str__(self) -> str:
        return f"{self.link:<28} ‖J‖ {self.norm:<10.4g} gradient × {self.gain:<10.4g} {self.verdict}".rstrip()


def chain_of(loss: Tensor, params: Sequence[Tensor]) -> list[tuple[str, Tensor]]:
    """What enters each layer - the other operand where a parameter of two or more dimensions is first used - by the
    parameter's name, in order; of several layers that one value enters, the first."""
    held: dict[Value, str] = {p: p.name or "a layer" for p in params}  # and what is made of parameters alone
    wide = {p.name or "a layer" for p in params if p.ndim >= 2}
    found: dict[Tensor, str] = {}
    for node in topological([loss]):
        names = [held[v] for v in node.inputs if v in held]
        others = [v for v in node.inputs if v not in held and v.dtype in FLOATS and v.node.op.name != "constant"]
        if names and not others:
            held.update((y, names[0]) for y in node.outputs)
        elif names and names[0] in wide:
            wide.discard(names[0])
            found.setdefault(others[0], names[0])
    return [(name, h) for h, name in found.items()]


class Chain:
    """The links of a chain, compiled once; called with a feed it gives a :class:`Jacobian` for each."""

    def __init__(self, loss: Tensor, chain: Sequence[tuple[str, Tensor]], compile_: Callable[..., Any]):
        self.links: list[tuple[str, Tensor, Tensor]] = []
        for (name, h), (after, k) in pairwise(chain):
            if any(h in n.inputs for n in topological([k], stop=[h])):
                self.links.append((f"{name} → {after}", h, k))
        if not self.links:
            raise GraphError(
                "there is no chain of layers: give chain=[h0, h1, ...], each made of the last", source=where_am_i()
            )
        values = [v for _, h, k in self.links for v in (h, k)]
        self.inputs = Graph(
            "chain", [n.outputs[0] for n in topological([loss, *values]) if n.op.name == "input"], [loss, *values]
        ).inputs
        self.directions = [placeholder(f"direction {n}", h.shape, h.dtype) for n, (_, h, _) in enumerate(self.links)]
        results = []
        for (_, h, k), v in zip(self.links, self.directions):
            stretched = jvp(k, h, v)
            back = vjp(k, h, stretched)
            results += [_norm(stretched), back / _nonzero(_norm(back))]
        self.step = compile_([*self.inputs, *self.directions], results)
        gradients = [_norm(g) for g in grad(loss, values)]
        self.gradients = compile_(list(self.inputs), gradients)

    def __call__(self, feed: Mapping[Any, Any], iterations: int) -> list[Jacobian]:
        by_name = named(feed, self.inputs)
        arrays = [np.asarray(by_name[v.name], v.dtype) for v in self.inputs]
        sizes = {
            str(s): n
            for v, a in zip(self.inputs, arrays)
            for s, n in zip(v.shape, a.shape)
            if isinstance(s, Dim) and s.isidentifier()
        }
        rng = np.random.default_rng(0)
        directions = []
        for v in self.directions:
            d = rng.standard_normal([evaluate(s, sizes) for s in v.shape])
            directions.append((d / (np.linalg.norm(d) or 1)).astype(v.dtype))
        norms = np.zeros(len(self.links))
        for _ in range(max(1, iterations)):
            results = self.step(*arrays, *directions)
            before, norms, directions = norms, np.array(results[::2], float), results[1::2]
            if np.all(np.abs(norms - before) <= SETTLED * norms):
                break
        lengths = np.array(self.gradients(*arrays), float).reshape(-1, 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            gains = lengths[:, 0] / lengths[:, 1]
        return [Jacobian(name, float(s), float(g)) for (name, _, _), s, g in zip(self.links, norms, gains)]


def _norm(v: Tensor) -> Tensor:
    return REGISTRY["sqrt"].public(REGISTRY["sum"].public(v * v))


def _nonzero(norm: Tensor) -> Tensor:
    return REGISTRY["where"].public(norm > 0, norm, 1)
