"""JAX: its programs as graphs, ``gd.interop.jax.from_jax``, and graphs as its primitives, ``function``.

Owns: the public names. JAX's conventions hold: pytrees, dtypes, what is pure.
"""

from .primitive import function
from .translate import from_jax

__all__ = ["from_jax", "function"]

for _public in (from_jax, function):
    _public.__module__ = __name__
