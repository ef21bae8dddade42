"""Where the entries of a sparse Jacobian are, as a value of the graph: known once sizes are, the same at every call.

Owns: the leaf ``sparsity``. Its arrays are worked out when a set of sizes is planned and fed beside the arguments.
Must not know: how patterns are found; plans.
"""

from __future__ import annotations

import itertools
from typing import Any

from ..ir.dims import Dim, named, names_of, product
from ..ir.dtypes import FLOATS, int64
from ..ir.graph import Graph
from ..ir.node import Value
from .laws import is_body, is_bool, law
from .registry import Nothing, Op, register
from .tensor import Tensor, make

_numbers = itertools.count()


def _infer_sparsity(_xs: Any, attrs: Any) -> Any:
    body: Graph = attrs["body"]
    seeded: Value = body.inputs[0] if attrs["forward"] else body.outputs[0]
    return (((product(seeded.shape),), int64), ((attrs["sizes"][1],), int64))


def _keeps_sparsity(_xs: Any, attrs: Any) -> bool:
    body = attrs["body"]
    ends = (*body.inputs[:1], *body.outputs)
    return len(ends) == 2 and all(v.dtype in FLOATS for v in ends)


def _are_names(v: Any) -> bool:
    return type(v) is tuple and len(set(v)) == 2 and all(isinstance(s, Dim) and s.isidentifier() for s in v)


SPARSITY = register(
    Op(
        "sparsity",
        "leaf",
        "The color of each element and the place of each entry among the products of colors, for the Jacobian of "
        "``body``'s result by its first operand; ``sizes``: what the numbers of colors and of entries are called.",
        infer=_infer_sparsity,
        kernel=Nothing(),
        differentiable=False,
        law=law("", _keeps_sparsity, body=is_body, forward=is_bool, sizes=_are_names),
        internal=True,
    )
)


def sparsity(body: Graph, forward: bool) -> tuple[Tensor, Tensor, Dim]:
    """Colors of the elements of the operand (``forward``) or of the result, places of the entries, and how many colors
    there are."""
    used = {name for v in (*body.inputs, *body.outputs) for s in v.shape for name in names_of(s)}
    pairs = ((f"colors{n}", f"entries{n}") for n in _numbers)
    sizes = tuple(map(named, next(pair for pair in pairs if used.isdisjoint(pair))))
    colors, places = make(SPARSITY, (), {"body": body, "forward": forward, "sizes": sizes})
    return colors, places, sizes[0]
