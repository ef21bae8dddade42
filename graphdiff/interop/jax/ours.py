"""The rule of our own primitive, ``gd.interop.jax.function``, where a function that is read calls one: its graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphdiff as gd

from ...ir.graph import Graph
from ...ops.tensor import Tensor
from ...transforms.sparsity import at_sizes
from .rules import Params, rule


@rule("graphdiff")
def _function(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    of = params["op"].of
    sizes = of.sizes([tuple(int(s) for s in x.shape) for x in xs])
    graph = at_sizes(Graph(of.name, of.inputs, of.outputs), sizes)
    return list(gd.substitute(list(graph.outputs), dict(zip(graph.inputs, xs))))
