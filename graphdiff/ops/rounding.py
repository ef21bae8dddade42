"""Declarations of what rounds elements to whole numbers of the same dtype, whose derivatives are 0, and of the next
number that a dtype has.

Of integers there is nothing to round: they are given back as they are, and no operation is made."""

import numpy as np

from .opdef import elementwise
from .samples import on

ceil = elementwise(
    "ceil",
    "The least integer not below x, in x's dtype.\n"
    "Edges: ceil(inf) = inf; ceil(nan) = nan; ceil(7) = 7; integers stay as they are\n"
    "Example: gd.ceil([1.2, -1.7, 2.5]) -> [2.0, -1.0, 3.0]",
    reference=np.ceil,
    whole=lambda x: x,
    samples=on(-3, 3),
    onnx="Ceil",
    page="Math.ceil",
)
floor = elementwise(
    "floor",
    "The greatest integer not above x, in x's dtype.\n"
    "Edges: floor(inf) = inf; floor(nan) = nan; floor(7) = 7; integers stay as they are\n"
    "Example: gd.floor([1.2, -1.7, 2.5]) -> [1.0, -2.0, 2.0]",
    reference=np.floor,
    whole=lambda x: x,
    samples=on(-3, 3),
    onnx="Floor",
    page="floor",
)
round = elementwise(
    "round",
    "The nearest integer, halves to even, in x's dtype.\n"
    "Edges: round(inf) = inf; round(nan) = nan; round(7) = 7; integers stay as they are\n"
    "Example: gd.round([1.2, -1.7, 2.5]) -> [1.0, -2.0, 2.0]",
    reference=np.round,
    whole=lambda x: x,
    samples=on(-3, 3),
    onnx="Round",
    page="even",
)
trunc = elementwise(
    "trunc",
    "x without its fraction, in x's dtype.\n"
    "Edges: trunc(inf) = inf; trunc(nan) = nan; trunc(7) = 7; integers stay as they are\n"
    "Example: gd.trunc([1.2, -1.7, 2.5]) -> [1.0, -1.0, 2.0]",
    reference=np.trunc,
    whole=lambda x: x,
    samples=on(-3, 3),
    page="trunc",
)
nextafter = elementwise(
    "nextafter",
    "The next number after x1 towards x2 that the dtype has; x2 itself where they are equal. Its "
    "derivative is that of x1.\n"
    "Edges: nextafter(0.0, 0.0) = 0.0; nextafter(inf, 0.0) > 1e38; nextafter(nan, 1.0) = nan\n"
    "Example: gd.nextafter(np.float64([1.0, 1.0]), np.float64([2.0, 0.0])) - 1.0 -> [2.220446e-16, -1.110223e-16]\n"
    "Source: IEEE 754, 5.3.1",
    partials=(1, None),
    reference=np.nextafter,
    samples=on(-2, 2, 2),
)
