"""How operations are written as operators of ONNX: of the tables (../table.py), one file for each kind.

Owns: nothing itself; importing it fills the tables.
"""

from . import (
    activations,
    attention,
    convolution,
    cumulative,
    elementwise,
    gather,
    losses,
    movement,
    normalisation,
    pooling,
    products,
    recurrent,
    reductions,
    resize,
    special,
)

__all__ = [
    "activations",
    "attention",
    "convolution",
    "cumulative",
    "elementwise",
    "gather",
    "losses",
    "movement",
    "normalisation",
    "pooling",
    "products",
    "recurrent",
    "reductions",
    "resize",
    "special",
]
