"""Rules of normalisation: of batches, layers, groups, instances, of neighbouring channels; and of dropout."""

from __future__ import annotations

import graphdiff as gd

from ....errors import GraphError
from ....ir.dims import exact_div
from ....ops.tensor import Tensor
from ..call import Call
from ..known import Known
from ..scope import Value
from ..table import reads
from .elementwise import converted


def _by_channel(v: Tensor, x: Tensor) -> Tensor:
    return gd.reshape(v, (-1, *(1,) * (x.ndim - 2)))


@reads("BatchNormalization", states=(3, 4))
def batch_normalization(call: Call) -> list[Tensor]:
    """By running statistics, or in training mode by the batch's own, whose variance is the biased one."""
    x, scale, bias, mean, var = (call.tensor(i) for i in range(5))
    eps, momentum = call.number("epsilon", 1e-5), call.number("momentum", 0.9)
    if call.opset < 9 and not call.flag("spatial", True):
        y = (x - mean) * gd.rsqrt(var + eps) * scale + bias
        return [y]
    if not (call.flag("training_mode") if call.opset >= 14 else call.results() > 1):
        m, v, w, b = (converted(t, x.dtype) for t in (mean, var, scale, bias))
        return [gd.nn.batch_norm(x, m, v, w, b, eps=eps)]
    axes = (0, *range(2, x.ndim))
    of_batch = gd.mean(x, axis=axes)
    spread = gd.var(x, axis=axes)
    y = gd.nn.batch_norm(x, None, None, converted(scale, x.dtype), converted(bias, x.dtype), training=True, eps=eps)
    moved = [
        old * momentum + converted(new, old.dtype) * (1 - momentum) for old, new in ((mean, of_batch), (var, spread))
    ]
    return [y, *moved] if call.opset >= 14 else [y, *moved, of_batch, spread][: call.results()]


@reads("LayerNormalization")
def layer_normalization(call: Call) -> list[Tensor]:
    """Over all axes from one on; mean and 1 / standard deviation are results too."""
    x = call.tensor()
    axis = call.axis(call.integer("axis", -1), x.ndim)
    axes, eps = tuple(range(axis, x.ndim)), call.number("epsilon", 1e-5)
    scale, bias = call.optional(1), call.optional(2)
    if call.results() <= 1 and len(axes) == 1 and scale is not None and scale.shape == x.shape[axis:]:
        if bias is None or bias.shape == scale.shape:
            return [gd.nn.layer_norm(x, scale, bias, eps)]
    mean = gd.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    inverse = gd.rsqrt(gd.mean(gd.square(centred), axis=axes, keepdims=True) + eps)
    y = centred * inverse
    y = y if scale is None else y * scale
    return [y if bias is None else y + bias, mean, inverse]


@reads("RMSNormalization", "SimplifiedLayerNormalization")
def rms_normalization(call: Call) -> Tensor:
    x, scale = call.tensor(0), call.optional(1)
    axis = call.axis(call.integer("axis", -1), x.ndim)
    axes, eps = tuple(range(axis, x.ndim)), call.number("epsilon", 1e-5)
    if len(axes) == 1 and scale is not None and scale.shape == x.shape[axis:]:
        return gd.nn.rms_norm(x, scale, eps)
    y = x * gd.rsqrt(gd.mean(gd.square(x), axis=axes, keepdims=True) + eps)
    return y if scale is None else y * scale


@reads("GroupNormalization")
def group_normalization(call: Call) -> Tensor:
    """Scale and bias are by group before opset 21."""
    x, scale, bias = call.tensors(3)
    groups, channels = call.integer("num_groups"), x.shape[1]
    if call.opset < 21 and scale.shape != (channels,):
        each = exact_div(channels, groups)
        if not isinstance(each, int):
            call.fail(GraphError, f"{channels} channels do not divide into {groups} groups")
        scale, bias = gd.repeat(scale, each), gd.repeat(bias, each)
    return gd.nn.group_norm(x, groups, scale, bias, call.number("epsilon", 1e-5))


@reads("InstanceNormalization")
def instance_normalization(call: Call) -> Tensor:
    x, scale, bias = call.tensors(3)
    axes = tuple(range(2, x.ndim))
    centred = x - gd.mean(x, axis=axes, keepdims=True)
    variance = gd.mean(gd.square(centred), axis=axes, keepdims=True)
    return centred * gd.rsqrt(variance + call.number("epsilon", 1e-5)) * _by_channel(scale, x) + _by_channel(bias, x)


WIDEST = 1000  # channels that are neighbours in LRN, each a sum


@reads("LRN")
def local_response(call: Call) -> Tensor:
    """By the squares of the neighbouring channels (Krizhevsky et al. 2012)."""
    x, size = call.tensor(), call.integer("size")
    alpha, beta, k = call.number("alpha", 1e-4), call.number("beta", 0.75), call.number("bias", 1.0)
    if not 1 <= size <= WIDEST:
        call.fail(GraphError, f"size is {size}, and must lie from 1 to {WIDEST}")
    before = (size - 1) // 2
    squares = gd.pad(gd.square(x), [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)])
    total = squares[:, : x.shape[1]]
    for i in range(1, size):
        total = total + squares[:, i : x.shape[1] + i]
    return x * gd.pow(total * (alpha / size) + k, -beta)


# --------------------------------------------------------------------------------------- dropout


@reads("Dropout", settings=(1, 2))
def dropout(call: Call) -> list[Value]:
    """Its operand, but in training mode, where the state ``random_key`` says what is dropped."""
    x = call.value(0)
    if call.opset >= 12:
        training = call.has(2) and bool(call.numbers(2, "the mode").ravel()[0])
        ratio = float(call.numbers(1, "the ratio").ravel()[0]) if call.has(1) else 0.5
    else:
        training, ratio = False, call.number("ratio", 0.5)
    if not training or ratio == 0:
        return [x, _kept(call, x)] if call.wants(1) else [x]
    data = call.as_tensor(x)
    keep = gd.random.bernoulli(call.importer.key(), 1.0 - ratio, data.shape)
    return [gd.where(keep, data / (1.0 - ratio), 0), keep]


def _kept(call: Call, x: Known | Tensor) -> Tensor:
    dtype = "bool" if call.opset >= 10 else x.dtype
    return gd.ones(x.shape, dtype=dtype)
