"""What a model is, before anything of it is built: its operators, those without a rule, arrays used more than once.

Owns: :func:`facts`. Must not know: rules, Tensors.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import NamedTuple

from .source import NodeView, read_model
from .support import nodes_of, unsupported


class Facts(NamedTuple):
    """``operators`` and ``unsupported``: how often each stands in the model, its functions and the graphs inside it,
    the most frequent first; ``shared``: float arrays with a dimension that several operands are, which exporters make
    of equal ones, by name with their number."""

    label: str
    opset: int
    operators: dict[str, int]
    unsupported: dict[str, int]
    shared: dict[str, int]


def _of_its_type(node: NodeView, i: int) -> bool:
    """Whether an operand is asked for its type or its shape alone."""
    return node.op in ("Shape", "Size") or (node.op == "CastLike" and i == 1)


def facts(path: str | os.PathLike[str]) -> Facts:
    """Reads a file that far. Raises GraphError for what is no model, OSError for a file that cannot be read."""
    view = read_model(path)
    found: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for graph in (view.graph, *view.functions.values()):
        for node in nodes_of(graph):
            found[f"{node.domain}.{node.op}" if node.domain else node.op] += 1
            used.update(name for i, name in enumerate(node.inputs) if not _of_its_type(node, i))
    weights = {name for name, array in view.graph.arrays.items() if array.is_float and array.dims}
    shared = {name: n for name, n in used.most_common() if n > 1 and name in weights}
    missing = dict(unsupported(view).most_common())
    return Facts(view.label, view.opsets.get("", 0), dict(found.most_common()), missing, shared)
