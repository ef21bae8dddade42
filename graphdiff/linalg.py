"""``gd.linalg``: decompositions and solvers of matrices, read off the registry (graphdiff/ops declares them)."""

from typing import Any

from .ops import namespaces as _namespaces

globals().update(_namespaces.functions("linalg"))
__all__ = sorted(_namespaces.functions("linalg"))


def __getattr__(name: str) -> Any:
    raise AttributeError(f"gd.linalg has no {name!r}; it has {', '.join(__all__)}")
