"""Declarations of tanh and sigmoid, and of their slopes with all their digits far out."""

from __future__ import annotations

import numpy as np

from .elementwise import negative
from .opdef import elementwise
from .samples import on

tanh = elementwise(
    "tanh",
    "The hyperbolic tangent.\n"
    "Edges: tanh(inf) = 1.0; tanh(-inf) = -1.0; tanh(nan) = nan; tanh'(inf) = 0.0\n"
    "Example: gd.tanh([0.0, 1.0]) -> [0.0, 0.7615942]",
    partials=(lambda y, x: tanh_slope(x),),
    errors=(1.5, 3, 5),
    reference=np.tanh,
    samples=on(-2, 2),
    onnx="Tanh",
    also="nn",
    page="Math.tanh",
)
tanh_slope = elementwise(
    "tanh_slope",
    "The derivative of tanh, 1 - tanh(x)**2, with all its digits on either side.",
    partials=(lambda y, x: negative(y * tanh(x) * 2),),
    reference=lambda x: np.square(1 / np.cosh(x)),
    samples=on(-2, 2),
    internal=True,
    page="(x) => 1 / Math.cosh(x) ** 2",
)
sigmoid = elementwise(
    "sigmoid",
    "1 / (1 + exp(-x)).\n"
    "Edges: sigmoid(inf) = 1.0; sigmoid(-inf) = 0.0; sigmoid(nan) = nan\n"
    "Example: gd.nn.sigmoid([0.0, 1.0]) -> [0.5, 0.7310586]",
    partials=(lambda y, x: sigmoid_slope(x),),
    errors=(2, 3, 3),
    reference="scipy.special.expit",
    samples=on(-3, 3),
    onnx="Sigmoid",
    namespace="nn",
    page="(x) => (x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)))",
)
sigmoid_slope = elementwise(
    "sigmoid_slope",
    "The derivative of sigmoid, exp(-x) / (1 + exp(-x))**2, with all its digits on either side.",
    partials=(lambda y, x: negative(y * tanh(x * 0.5)),),
    reference=lambda x: 0.25 / np.square(np.cosh(x / 2)),
    samples=on(-3, 3),
    internal=True,
    page="(x) => 0.25 / Math.cosh(x / 2) ** 2",
)
