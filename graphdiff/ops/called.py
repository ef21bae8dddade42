"""Which operations made of others were called: what a reader of graphs that knows them by name asks for.

A composite leaves nothing but the nodes of its body. The nodes that give its results remember the call, for who writes
a graph in another language that has the operation by name (interop/onnx/write/). Derivatives, rewrites and text know
only the nodes: a node made anew remembers no call.
Invariant: a call keeps nothing alive but its arguments, of which its results are made anyway.
Must not know: any operation; what is made of calls.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ir.dims import Shape
from ..ir.node import Value


class Called(NamedTuple):
    """A call of the operation ``name``; ``results``: those of its results that somebody still has, each None or a
    value; ``types``: of all of them."""

    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    found: Sequence[weakref.ref[Value]]
    types: Sequence[tuple[Shape, np.dtype]]

    @property
    def results(self) -> list[Value | None]:
        return [ref() for ref in self.found]


def remember(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], results: Any) -> None:
    """Has the nodes that give ``results``, a Tensor or nested tuples and lists of them, remember what was called. Those
    that were there before are not results of it."""
    values = _flat(results)
    youngest = max((v.node.serial for a in (*args, *kwargs.values()) for v in _flat(a)), default=-1)
    if not values or any(v.node.serial <= youngest for v in values):
        return
    called = Called(name, args, kwargs, [weakref.ref(v) for v in values], [(v.shape, v.dtype) for v in values])
    for node in dict.fromkeys(v.node for v in values):
        node.calls = (*node.calls, called)


def _flat(x: Any) -> list[Value]:
    if isinstance(x, Value):
        return [x]
    return [v for e in x for v in _flat(e)] if isinstance(x, (tuple, list)) else []
