"""PyTorch: graphs inside it, ``gd.interop.torch.function`` and ``Module``, and its modules as graphs, ``from_torch``.

Owns: the public names.
"""

from .autograd import Module, function
from .exported import Exported, from_torch

__all__ = ["Exported", "Module", "from_torch", "function"]

for _public in (Exported, Module, from_torch, function):
    _public.__module__ = __name__
