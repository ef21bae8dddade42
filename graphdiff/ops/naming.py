"""Names that people give to values: ``t.named("h")``.

A ``named`` node is its operand, and what it is called. When a graph is compiled the node disappears, and the node that
computes the value carries the name (``Node.labels``) through every rewrite that leaves the value in place.
Must not know: how names are shown.
"""

from __future__ import annotations

from typing import Any

from ..errors import GraphError
from . import batching
from .laws import law
from .notation import unseen
from .opdef import custom
from .registry import Strided, View, op_of
from .tensor import Tensor, as_tensor, fail, make
from .types import TensorLike


def _named(x: TensorLike, /, name: str) -> Tensor:
    x = as_tensor(x, "named")
    if not isinstance(name, str) or not name:
        fail(GraphError, "named", f"the name must be a non-empty string, got {name!r}", [x])
    return make(NAMED, (x,), {"name": name})


named = custom(
    "named",
    "What t.named makes: its operand, called something.",
    infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
    kernel=View(lambda node, at: Strided(at.offset, at.strides)),
    public=_named,
    vjp=lambda node, gs, wanted, d: [gs[0]],
    jvp=lambda node, ts, d: [ts[0]],
    law=law("any", name=lambda v: isinstance(v, str) and bool(v)),
    internal=True,
    compute=lambda xs, a: xs[0],
    page="same",
    notation=unseen,
    batch=batching.leading,
)
NAMED = op_of(named)


def labels_of(values: Any) -> dict[Any, str]:
    """What the operands of ``named`` nodes among ``values``' nodes are called, by value; through names of names."""
    out: dict[Any, str] = {}
    for node in values:
        if node.op is NAMED:
            x = node.inputs[0]
            while x.node.op is NAMED:
                x = x.node.inputs[0]
            out[x] = node.attrs["name"]
    return out
