"""Rows of building blocks: the gradient of sum((1 + f(x))^3) in float32, by shape, for what models are made of.

They tell a kind that is slow apart from all others, where a whole model hides it. JAX alone is beside graphdiff, as
what PyTorch calls otherwise is much of this. Must not know: any package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .workloads import Arrays, normal, workload

Shapes = tuple[tuple[int, ...], ...]


def block(kind: str, name: str, f: Callable[..., Any], **shapes: Shapes) -> None:
    """Registers ``f(e, *arrays)``; ``shapes``: of its arrays, by the label of a size."""

    def data(shapes: Shapes) -> Arrays:
        return [normal(*s, seed=i, dtype="float32") for i, s in enumerate(shapes)]

    def loss(e: Any, xs: Arrays) -> Any:
        y = 1 + f(e, *xs)  # squares of what is standardised would have no gradient
        return e.np.sum(y * y * y)

    def program(e: Any, a: Arrays) -> Any:
        return e.gradient(lambda *xs: loss(e, list(xs)), a, len(a))

    program.__name__ = name
    workload(kind, data, "graphdiff jax", 2e-3, **{label: {"shapes": s} for label, s in shapes.items()})(program)


def standardised(*axes: int) -> Callable[..., Any]:
    def f(e: Any, x: Any) -> Any:
        centred = x - e.np.mean(x, axis=axes, keepdims=True)
        return centred / e.np.sqrt(e.np.mean(e.np.square(centred), axis=axes, keepdims=True) + 1e-5)

    return f


block("normalisation", "standard_channels", standardised(0, 2, 3), s28=((32, 64, 28, 28),), s7=((64, 256, 7, 7),))
block("normalisation", "standard_rows", standardised(1), wide=((256, 1000),), short=((5000, 30),))
block("normalisation", "standard_columns", standardised(0), wide=((1000, 1000),), long=((5000, 30),))
block("normalisation", "standard_images", standardised(2, 3), s28=((32, 64, 28, 28),))
for axis in (0, 1):
    block("normalisation", f"softmax_{axis}", lambda e, x, axis=axis: e.softmax(x, axis), square=((1000, 1000),))
block("normalisation", "softmax_channels", lambda e, x: e.softmax(x, 1), s64=((32, 10, 64, 64),))

ROWS = {"wide": ((256, 1000),), "short": ((100_000, 3),), "long": ((3, 100_000),)}
block("rows", "row_sums", lambda e, x: e.np.sum(x * x, axis=1), **ROWS)
block("rows", "row_maxima", lambda e, x: e.np.max(x, axis=1), **ROWS)
block("rows", "row_log_sums", lambda e, x: e.log_sum(x), **ROWS)
block("rows", "row_running_sums", lambda e, x: e.np.cumsum(x, axis=1), **ROWS)

block("movement", "permuted", lambda e, x: 2 * e.np.permute_dims(x, (0, 2, 3, 1)), s28=((32, 64, 28, 28),))
block(
    "movement", "transposed", lambda e, x: 2 * e.np.permute_dims(x, (1, 0)), s256=((256, 256),), s1000=((1000, 1000),)
)
block("movement", "joined", lambda e, x, y: e.np.concat([x, 2 * y], axis=1), s500=((500, 30), (500, 50)))
block("movement", "differences", lambda e, x: x[:, 1:] - x[:, :-1], s500=((500, 300),))
block(
    "movement",
    "laplacian",
    lambda e, x: 4 * x[1:-1, 1:-1] - x[2:, 1:-1] - x[:-2, 1:-1] - x[1:-1, 2:] - x[1:-1, :-2],
    s300=((300, 300),),
)

for name in ("exp", "expm1", "sin", "tanh", "sinh", "asinh"):
    block("each", f"each_{name}", lambda e, x, name=name: getattr(e.np, name)(x), s300=((300, 500),))
block("each", "each_root", lambda e, x: e.np.sqrt(e.np.abs(x) + 0.1), s300=((300, 500),))
block("each", "each_power", lambda e, x: (e.np.abs(x) + 0.1) ** 1.5, s300=((300, 500),))
block("each", "with_a_row", lambda e, x, b: e.np.tanh(x + b), s1000=((1000, 300), (300,)))
block("each", "with_a_column", lambda e, x, b: e.np.tanh(x * b), s1000=((1000, 300), (1000, 1)))
block("each", "huber", lambda e, x: e.np.where(e.np.abs(x) < 1, 0.5 * x * x, e.np.abs(x) - 0.5), s50k=((50_000,),))

block("products", "tall", lambda e, x, y: x @ y, s10=((1000, 10), (10, 10)), s1000=((10, 1000), (1000, 10)))
block("products", "square", lambda e, x, y: x @ y, s50=((50, 50), (50, 50)), s200=((200, 200), (200, 200)))
block("products", "batched", lambda e, x, y: x @ y, s4=((1000, 4, 4),) * 2, s64=((12, 64, 64),) * 2)
block(
    "products",
    "bilinear",
    lambda e, x, a, y: e.np.einsum("bi,ijk,bj->bk", x, a, y),
    s200=((200, 30), (30, 30, 10), (200, 30)),
)
