"""``gd.fft``: Fourier transforms of what is real, read off the registry (graphdiff/ops declares them)."""

from .ops import namespaces as _namespaces

_functions = _namespaces.functions("fft")
globals().update(_functions)
__all__ = sorted(_functions)
__getattr__, __dir__ = _namespaces.presented(globals(), __all__)
