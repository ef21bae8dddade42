"""Rules of random numbers, drawn by the model's state ``random_key``: the same until an update moves it."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd

from ....ir.dtypes import bool_
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads


def _dtype(call: Call, otherwise: np.dtype) -> np.dtype:
    return otherwise if call.raw("dtype") is None else call.dtype(call.integer("dtype"))


def _drawn(call: Call, shape: Any, dtype: np.dtype) -> Tensor:
    key = call.importer.key()
    if call.node.op.startswith("RandomNormal"):
        unit = gd.random.normal(key, shape, dtype=dtype)
        return unit * call.number("scale", 1.0) + call.number("mean", 0.0)
    return gd.random.uniform(key, shape, call.number("low", 0.0), call.number("high", 1.0), dtype=dtype)


@reads("RandomNormal", "RandomUniform")
def random_of(call: Call) -> Tensor:
    return _drawn(call, tuple(call.list_of("shape")), call.dtype(call.integer("dtype", 1)))


@reads("RandomNormalLike", "RandomUniformLike")
def random_like(call: Call) -> Tensor:
    like = call.value(0)
    return _drawn(call, tuple(like.shape), _dtype(call, like.dtype))


@reads("Bernoulli")
def bernoulli(call: Call) -> Tensor:
    p = call.tensor()
    drawn = gd.random.bernoulli(call.importer.key(), p, p.shape)
    dtype = _dtype(call, p.dtype)
    return drawn if dtype is bool_ else gd.astype(drawn, dtype)


@reads("Multinomial")
def multinomial(call: Call) -> Tensor:
    """Of log-probabilities (batch, classes) samples (batch, count), by the largest of Gumbel's numbers."""
    logits, count = call.tensor(), call.integer("sample_size", 1)
    shape = (logits.shape[0], count, logits.shape[1])
    u = gd.random.uniform(call.importer.key(), shape, dtype="float64")
    gumbel = -gd.log(-gd.log(gd.maximum(u, 1e-300)))
    chosen = gd.argmax(gd.expand_dims(gd.astype(logits, "float64"), axis=1) + gumbel, axis=2)
    return gd.astype(chosen, call.dtype(call.integer("dtype", 6)))
