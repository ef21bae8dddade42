"""What ``gd.linalg`` holds: solvers, factorisations and norms of matrices; each module declares some."""

from . import determinant, exponential, factorisations, least, made, norms, packed, solve, spectral  # noqa: F401  (declaring is importing)
