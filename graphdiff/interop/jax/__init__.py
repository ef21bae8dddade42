"""JAX's programs as graphs : ``gd.interop.jax.from_jax``.

Owns: the public names. JAX's conventions hold: pytrees, dtypes, what is pure.
"""

from .translate import from_jax

__all__ = ["from_jax"]

for _public in (from_jax,):
    _public.__module__ = __name__
