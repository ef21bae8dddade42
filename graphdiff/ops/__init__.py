"""What an operation is: one declaration each, read by everything else from the registry."""

from . import (  # noqa: F401  (declaring is importing)
    arrange,
    attention,
    contraction,
    control,
    conv,
    creation,
    cumulative,
    decompositions,
    elementwise,
    indexing,
    leaves,
    linalg,
    losses,
    movement,
    nn,
    norm,
    ordering,
    pool,
    random,
    reduce,
)
