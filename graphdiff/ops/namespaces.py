"""The public functions by namespace, read off the registry: ``gd``, ``gd.nn``, ``gd.linalg``, ``gd.random``.

Complete once ``graphdiff.ops`` is imported, which importing this module does: declaring is importing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .registry import REGISTRY

ALSO_NN = {"tanh"}  # an activation, and an elementwise function
# operations that rules and indexing build, without a public name of their own
INTERNAL = {
    "custom",
    "loop",
    "branch",
    "slice",
    "place",
    "take_vjp",
    "take_along_vjp",
    "conv2d_dx",
    "conv2d_dw",
    "sum_pool2d",
    "sum_pool2d_vjp",
    "recurrence",
    "attention",
    "attention_vjp",
}


def functions(namespace: str) -> dict[str, Callable[..., Any]]:
    """Name -> public function of a namespace ("" for ``gd`` itself)."""
    out = {}
    for name, op in REGISTRY.items():
        if op.public is None or name in INTERNAL:
            continue
        short = name.rpartition(".")[2]
        if op.namespace == namespace or (namespace == "nn" and name in ALSO_NN):
            out[short] = op.public
    return out
