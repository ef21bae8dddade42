"""Training over the ranks of MPI: ``step = gd.interop.mpi.compile(...)``. Needs the extra ``mpi``.

Owns: the public names. With one rank, or without mpi4py, a step is that of ``gd.compile``.
"""

from .data import batches, broadcast, restore, save, sweep
from .ranks import root
from .step import Step, compile

__all__ = ["Step", "batches", "broadcast", "compile", "restore", "root", "save", "sweep"]

for _public in (Step, batches, broadcast, compile, restore, root, save, sweep):
    _public.__module__ = __name__
