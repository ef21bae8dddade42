"""Activations by their names, softmax among them."""

from __future__ import annotations

import graphdiff as gd

from .....ir.dtypes import float32
from ..operators import operator
from ..table import Call, Given, by_name, is_number

_FLOAT32 = ("Celu", "Selu", "HardSwish")  # of this type alone, or with constants that have its digits


def _activation(name: str, operation: str, since: int = 0, **attrs: str) -> None:
    """``attrs``: for each attribute the argument that is its number, or the number."""

    @by_name(operation, since=since)
    def rule(call: Call) -> Given | None:
        x = call.tensor("x")
        values = {k: call.given.get(v, v) for k, v in attrs.items()}
        if x.dtype is not call.y.dtype or not all(map(is_number, values.values())):
            return None
        if name in _FLOAT32 and x.dtype is not float32:
            return None
        return operator(name, [x], call.y, **{k: float(v) for k, v in values.items()})


_activation("LeakyRelu", "nn.leaky_relu", alpha="negative_slope")
_activation("Elu", "nn.elu", alpha="alpha")
_activation("Selu", "nn.selu")
_activation("HardSwish", "nn.hardswish", since=14)
_activation("Mish", "nn.mish", since=18)
_activation("Softsign", "nn.softsign")
_activation("Celu", "nn.celu", alpha="alpha")
_activation("Swish", "nn.silu", since=24)


@by_name("nn.hard_sigmoid")
def _hard_sigmoid(call: Call) -> Given:
    return operator("HardSigmoid", [call.tensor("x")], call.y, alpha=1 / 6, beta=0.5)


@by_name("nn.softshrink")
def _softshrink(call: Call) -> Given | None:
    if not is_number(call["lambd"]):
        return None
    bound = float(call["lambd"])
    return operator("Shrink", [call.tensor("x")], call.y, bias=bound, lambd=bound)


@by_name("nn.gelu", since=20)
def _gelu(call: Call) -> Given:
    return operator("Gelu", [call.tensor("x")], call.y, approximate=call["approximate"])


@by_name("nn.prelu")
def _prelu(call: Call) -> Given | None:
    """One slope a channel stands beside the axes after it."""
    x, slope = call.tensor("x"), call.tensor("weight")
    if x.dtype is not slope.dtype or x.dtype is not call.y.dtype:
        return None
    if slope.ndim == 1 and x.ndim > 2 and slope.shape[0] != 1:
        slope = gd.reshape(slope, (*slope.shape, *(1,) * (x.ndim - 2)))
    return operator("PRelu", [x, slope], call.y)


def _softmax(name: str, operation: str) -> None:
    @by_name(operation)
    def rule(call: Call) -> Given | None:
        x, axis = call.tensor("x"), call["axis"]
        axis = axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis
        if not isinstance(axis, int) or x.ndim == 0:
            return None
        axis %= x.ndim
        if call.opset >= 13 or axis == x.ndim - 1:
            return operator(name, [x], call.y, axis=axis)
        turned = gd.swapaxes(x, axis, -1)  # before, all axes from ``axis`` on are one
        return gd.swapaxes(operator(name, [turned], turned, axis=x.ndim - 1), axis, -1)


_softmax("Softmax", "nn.softmax")
_softmax("LogSoftmax", "nn.log_softmax")
