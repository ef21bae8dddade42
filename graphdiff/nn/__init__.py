"""``gd.nn``: the pieces of networks, read off the registry (graphdiff/ops declares them)."""

from typing import Any

from ..ops import namespaces as _namespaces

globals().update(_namespaces.functions("nn"))
__all__ = sorted(_namespaces.functions("nn"))


def __getattr__(name: str) -> Any:
    raise AttributeError(f"gd.nn has no {name!r}; it has {', '.join(__all__)}")
