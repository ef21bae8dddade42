"""What an operation is: one declaration each, read by everything else from the registry."""

from . import (  # noqa: F401  (declaring is importing)
    attention,
    contraction,
    conv,
    decompositions,
    elementwise,
    leaves,
    linalg,
    losses,
    movement,
    nn,
    norm,
    pool,
    random,
    reduce,
)
