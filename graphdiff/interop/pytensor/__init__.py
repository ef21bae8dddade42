"""PyTensor: its graphs as ours, ``gd.interop.pytensor.from_pytensor``, and ours as its operations, ``op``.

Owns: the public names.
"""

from .operation import Graph, op
from .translate import from_pytensor

__all__ = ["Graph", "from_pytensor", "op"]

for _public in (Graph, from_pytensor, op):
    _public.__module__ = __name__
