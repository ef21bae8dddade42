"""Normalisations by their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import graphdiff as gd

from .....ir.dims import Dim, Size
from .....ops.tensor import Tensor
from ..operators import operator
from ..table import Call, Given, by_name, is_number


def _vector(call: Call, name: str, size: Size, value: float) -> Tensor:
    """An argument of one number a channel, which operators want where it was left out too."""
    given = call.optional(name)
    if given is not None:
        return given
    if isinstance(size, Dim):
        return gd.broadcast_to(gd.full((), value, call.y.dtype), (size,))
    return gd.constant(np.full(size, value, call.y.dtype))


def _same(*xs: Tensor | None) -> bool:
    """Whether operands are of one dtype, as operators want them."""
    return len({x.dtype for x in xs if x is not None}) == 1


@by_name("nn.layer_norm", since=17)
def _layer(call: Call) -> Given | None:
    x, bias = call.tensor("x"), call.optional("bias")
    weight = _vector(call, "weight", x.shape[-1], 1)
    if not _same(x, weight, bias) or not is_number(call["eps"]):
        return None
    return operator("LayerNormalization", [x, weight, bias], call.y, axis=-1, epsilon=float(call["eps"]))


@by_name("nn.rms_norm", since=23)
def _rms(call: Call) -> Given | None:
    x = call.tensor("x")
    weight = _vector(call, "weight", x.shape[-1], 1)
    if not _same(x, weight) or not is_number(call["eps"]):
        return None
    return operator("RMSNormalization", [x, weight], call.y, axis=-1, epsilon=float(call["eps"]))


def _channels(call: Call, x: Tensor) -> list[Tensor]:
    return [_vector(call, "weight", x.shape[1], 1), _vector(call, "bias", x.shape[1], 0)]


@by_name("nn.group_norm")
def _group(call: Call) -> Given | None:
    """Of as many groups as channels it is InstanceNormalization."""
    x = call.tensor("x")
    operands = [x, *_channels(call, x)]
    if not _same(*operands) or not is_number(call["eps"]) or x.ndim < 3:
        return None
    if call["num_groups"] == x.shape[1]:
        return operator("InstanceNormalization", operands, call.y, epsilon=float(call["eps"]))
    if call.opset < 21:
        return None
    how = {"num_groups": int(call["num_groups"]), "epsilon": float(call["eps"])}
    return operator("GroupNormalization", operands, call.y, **how)


@by_name("nn.instance_norm")
def _instance(call: Call) -> Given | None:
    x = call.tensor("x")
    operands = [x, *_channels(call, x)]
    if not call["use_input_stats"] or not _same(*operands) or not is_number(call["eps"]) or x.ndim < 3:
        return None
    return operator("InstanceNormalization", operands, call.y, epsilon=float(call["eps"]))


@by_name("nn.batch_norm")
def _batch(call: Call) -> Given | None:
    """By running statistics. A batch's own are pieces: of the operator's training mode the new running statistics are
    not those of ``batch_norm_updates``, whose variance is unbiased, and where nothing reads them ONNX Runtime 1.32
    writes them over operands that it has found equal (a bias and a mean of zeros), and gives other numbers."""
    if call["training"] or call["running_mean"] is None or call["running_var"] is None:
        return None
    x = call.tensor("x")
    operands: Sequence[Tensor] = [x, *_channels(call, x), call.tensor("running_mean"), call.tensor("running_var")]
    if not _same(*operands) or not is_number(call["eps"]):
        return None
    return operator("BatchNormalization", operands, call.y, epsilon=float(call["eps"]))


@by_name("nn.local_response_norm")
def _response(call: Call) -> Given | None:
    x, size = call.tensor("x"), call["size"]
    if (
        x.ndim != 4
        or not isinstance(size, int)
        or size % 2 == 0
        or not all(is_number(call[n]) for n in ("alpha", "beta", "k"))
    ):
        return None  # of an even number of channels ONNX has one more before than after, or the other way round
    how = {"alpha": float(call["alpha"]), "beta": float(call["beta"]), "bias": float(call["k"])}
    return operator("LRN", [x], call.y, size=size, **how)
