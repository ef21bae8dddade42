"""``gd.nn``: the pieces of networks, read off the registry (graphdiff/ops declares them)."""

from ..ops import namespaces as _namespaces

_functions = _namespaces.functions("nn")
globals().update(_functions)
__all__ = sorted(_functions)
__getattr__, __dir__ = _namespaces.presented(globals(), __all__)
