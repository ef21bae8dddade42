"""Declarations of tanh and sigmoid, of their slopes, and of what each pair has in common: by how much the function
misses the limit that is nearer. Value and slope follow from that to the last digits, so that who needs both takes one
exponential.
"""

from __future__ import annotations

import numpy as np

from .elementwise import abs, negative, where
from .opdef import elementwise, on
from .registry import Part, Sample
from .tensor import Tensor
from .types import TensorLike

TANH_NEAR = 0.55  # where tanh is no longer made of its tail (csrc/math)


def _falling(x: Tensor, slope: TensorLike) -> Tensor:
    """The derivative of a function of abs(x) that falls by ``slope``."""
    return where(x < 0, slope, negative(slope))


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
    part=Part("tanh_tail", lambda x, tail: tanh_join(x, tail)),
)
tanh_slope = elementwise(
    "tanh_slope",
    "The derivative of tanh, 1 - tanh(x)**2, with all its digits on either side.",
    partials=(lambda y, x: negative(y * tanh(x) * 2),),
    reference=lambda x: np.square(1 / np.cosh(x)),
    samples=on(-2, 2),
    internal=True,
    page="(x) => 1 / Math.cosh(x) ** 2",
    part=Part("tanh_tail", lambda x, tail: tail * (2 - tail)),
)
tanh_tail = elementwise(
    "tanh_tail",
    "1 - abs(tanh(x)) with all its digits: what tanh and its derivative have in common.",
    partials=(lambda y, x: _falling(x, y * (2 - y)),),
    reference=lambda x: 2 / (np.exp(2 * np.abs(x)) + 1),
    samples=on(0.1, 2),
    internal=True,
    counted=False,
    page="(x) => 2 / (exp(2 * Math.abs(x)) + 1)",
)
tanh_join = elementwise(
    "tanh_join",
    "tanh(x) of x and tanh_tail(x).",
    n=2,
    partials=(
        lambda y, x, tail: where(abs(x) < TANH_NEAR, tanh_slope(x), 0.0),
        lambda y, x, tail: where(abs(x) < TANH_NEAR, 0.0, _falling(x, 1.0)),
    ),
    reference=lambda x, tail: np.where(np.abs(x) >= TANH_NEAR, np.copysign(1 - tail, x), np.tanh(x)),
    samples=lambda rng: [
        Sample((rng.uniform(low, high, (3, 4)), rng.uniform(0.1, 0.4, 4))) for low, high in ((-0.5, 0.5), (0.6, 2))
    ],
    internal=True,
    counted=False,
    page="(x, tail) => (Math.abs(x) >= 0.55 ? Math.sign(x) * Math.abs(1 - tail) : Math.tanh(x))",
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
    part=Part("sigmoid_tail", lambda x, tail: sigmoid_join(x, tail)),
)
sigmoid_slope = elementwise(
    "sigmoid_slope",
    "The derivative of sigmoid, exp(-x) / (1 + exp(-x))**2, with all its digits on either side.",
    partials=(lambda y, x: negative(y * tanh(x * 0.5)),),
    reference=lambda x: 0.25 / np.square(np.cosh(x / 2)),
    samples=on(-3, 3),
    internal=True,
    page="(x) => 0.25 / Math.cosh(x / 2) ** 2",
    part=Part("sigmoid_tail", lambda x, tail: tail * (1 - tail)),
)
sigmoid_tail = elementwise(
    "sigmoid_tail",
    "The lesser of sigmoid(x) and sigmoid(-x): what sigmoid and its derivative have in common.",
    partials=(lambda y, x: _falling(x, y * (1 - y)),),
    reference=lambda x: 1 / (np.exp(np.abs(x)) + 1),
    samples=on(0.1, 3),
    internal=True,
    counted=False,
    page="(x) => 1 / (exp(Math.abs(x)) + 1)",
)
sigmoid_join = elementwise(
    "sigmoid_join",
    "sigmoid(x) of x and sigmoid_tail(x).",
    n=2,
    partials=(None, lambda y, x, tail: _falling(x, 1.0)),
    reference=lambda x, tail: np.where(x < 0, tail, 1 - tail),
    samples=lambda rng: [Sample((sign * rng.uniform(0.1, 3, (3, 4)), rng.uniform(0, 0.5, 4))) for sign in (-1, 1)],
    internal=True,
    counted=False,
    page="(x, tail) => (x < 0 ? tail : 1 - tail)",
)
