"""Linear, Embedding, Dropout and Flatten. Values at first are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import graphdiff as gd

from ..ops.messages import where_am_i
from ..ops.types import DTypeLike
from .layer import Init, Layer, parameter, seeded, whole
from .training import current


def uniform_of(fan_in: int) -> Init:
    """Uniform on ±1 / sqrt(fan_in), as most of torch.nn's layers begin."""
    limit = 1 / math.sqrt(max(fan_in, 1))
    return partial(gd.init.uniform, -limit, limit)


class Linear(Layer):
    """``x @ weight + bias``; weight (inputs, outputs), the transpose of PyTorch's.

    Uniform on ±1 / sqrt(inputs) at first. ``init``: of the weight, an initialiser or a function of ``gd.init`` that
    takes a seed.
    Example: ``L.Linear(784, 64, init=gd.init.he_normal)``.

    Arguments: ``inputs``: the last size of x; ``outputs``: the last size of the result; ``bias``: whether there is one;
    ``init``: of the weight; ``dtype``: of the parameters; the default dtype unless given.
    """

    _transposed = ("weight",)  # against PyTorch's layout

    def __init__(
        self, inputs: int, outputs: int, bias: bool = True, init: Init | None = None, dtype: DTypeLike | None = None
    ):
        whole("Linear", inputs=inputs, outputs=outputs)
        default = uniform_of(inputs)
        self.weight = parameter((inputs, outputs), init or default, dtype)
        self.bias = parameter((outputs,), default, dtype) if bias else None

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return gd.nn.linear(x, self.weight, self.bias)


class Embedding(Layer):
    """The rows of a table (count, width) that integers name; standard normal at first.

    ``padding_idx``: a row that is 0 at first and gets no gradient. Example: ``L.Embedding(1000, 64)(ids)``.

    Arguments: ``count``: rows; ``width``: the size of the last axis; ``padding_idx``: as above; ``init``: of the table;
    ``dtype``: of the parameters; the default dtype unless given.
    """

    def __init__(
        self,
        count: int,
        width: int,
        padding_idx: int | None = None,
        init: Init | None = None,
        dtype: DTypeLike | None = None,
    ):
        whole("Embedding", count=count, width=width)
        if padding_idx is not None and not -count <= padding_idx < count:
            raise gd.GraphError(f"Embedding: padding_idx is {padding_idx}, of {count} rows", source=where_am_i())
        self.padding_idx = None if padding_idx is None else padding_idx % count
        first = init or _standard

        def padded(seed: int) -> Callable[..., np.ndarray]:
            def draw(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
                table = np.array(seeded(first, seed)(shape, dtype))
                table[self.padding_idx] = 0
                return table

            return draw

        self.weight = parameter((count, width), first if padding_idx is None else padded, dtype)

    def __call__(self, ids: gd.Tensor) -> gd.Tensor:
        return gd.nn.embedding(ids, self.weight, self.padding_idx)


def _standard(seed: int) -> Callable[..., np.ndarray]:
    return gd.init.normal(1.0, seed)


class Dropout(Layer):
    """In training each element 0 with probability ``p``, else divided by 1 - p; in inference x itself.

    In the step of a loop, and under ``gd.vmap``, what is dropped is drawn once, for all steps and examples.
    Example: ``L.Dropout(0.1)``.
    """

    def __init__(self, p: float = 0.5):
        if not isinstance(p, (int, float, np.number)) or not 0 <= p <= 1:
            raise gd.GraphError(f"Dropout: p is a number from 0 to 1, got {p!r}", source=where_am_i())
        self.p = p

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        run = current()
        return x if run is None or self.p == 0 else gd.nn.dropout(x, self.p, key=run.key())


class Flatten(Layer):
    """All axes from ``start_axis`` on as one: (batch, 3, 8, 8) becomes (batch, 192).

    Example: ``L.Flatten()``.
    """

    def __init__(self, start_axis: int = 1):
        self.start_axis = start_axis

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return x.reshape((*x.shape[: self.start_axis], -1))
