"""``gd.random``: counter-based random numbers, read off the registry (graphdiff/ops declares them)."""

from typing import Any

from .ops import namespaces as _namespaces

globals().update(_namespaces.functions("random"))
__all__ = sorted(_namespaces.functions("random"))


def __getattr__(name: str) -> Any:
    raise AttributeError(f"gd.random has no {name!r}; it has {', '.join(__all__)}")
