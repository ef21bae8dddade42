"""Normalisations. Weights are 1 and biases 0 at first, as PyTorch's; arguments and names too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import graphdiff as gd

from ..ops.messages import where_am_i
from ..ops.types import DTypeLike
from .layer import Layer, parameter, state, whole
from .training import current


class BatchNorm(Layer):
    """Each channel of x (N, C, ..) less its mean, by its standard deviation, then times weight plus bias.

    In training those of the batch, and ``running_mean`` and ``running_var`` move by ``momentum`` to them; in inference
    the running ones. A batch of one value a channel fails the training call.
    Example: ``L.BatchNorm(64)``.

    Arguments: ``channels``: how many; ``eps``: added to the variance; ``momentum``: how far running statistics move;
    ``affine``: whether there are weight and bias; ``dtype``: of the parameters; the default dtype unless given.
    """

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        dtype: DTypeLike | None = None,
    ):
        whole("BatchNorm", channels=channels)
        self.weight = parameter((channels,), gd.init.ones(), dtype) if affine else None
        self.bias = parameter((channels,), gd.init.zeros(), dtype) if affine else None
        self.running_mean = state((channels,), gd.init.zeros(), dtype)
        self.running_var = state((channels,), gd.init.ones(), dtype)
        self.eps, self.momentum = eps, momentum

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        run, mean, var = current(), self.running_mean, self.running_var
        if run is None:
            return gd.nn.batch_norm(x, mean, var, self.weight, self.bias, eps=self.eps)
        moved = gd.nn.batch_norm_updates(x, run.now(mean), run.now(var), self.momentum)
        for s, new in zip((mean, var), moved):
            run.move(s, new)
        return gd.nn.batch_norm(x, weight=self.weight, bias=self.bias, training=True, eps=self.eps)


class LayerNorm(Layer):
    """x less its mean over the last axes, by the standard deviation there; ``shape``: their sizes, or that of one.

    Arguments: ``shape``: as above; ``eps``: added to the variance; ``affine``: whether there is a weight; ``bias``:
    whether there is one too; ``dtype``: of the parameters; the default dtype unless given.

    Example: ``L.LayerNorm(64)``.
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        eps: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ):
        sizes = tuple(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else (shape,)
        for size in sizes:
            whole("LayerNorm", shape=size)
        self._shape, self.eps = sizes, eps
        self.weight = parameter(sizes, gd.init.ones(), dtype) if affine else None
        self.bias = parameter(sizes, gd.init.zeros(), dtype) if affine and bias else None

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        if len(self._shape) == 1:
            return gd.nn.layer_norm(x, self.weight, self.bias, self.eps)
        size = math.prod(self._shape)
        flat = x.reshape((*x.shape[: x.ndim - len(self._shape)], size))
        weight, bias = (None if v is None else v.reshape((size,)) for v in (self.weight, self.bias))
        return gd.nn.layer_norm(flat, weight, bias, self.eps).reshape(x.shape)


class RMSNorm(Layer):
    """x by the root of its mean square over the last axis, times weight. ``eps``: the dtype's epsilon unless given.

    Arguments: ``width``: the size of the last axis; ``eps``: as above; ``affine``: whether there is a weight;
    ``dtype``: of the parameters; the default dtype unless given.

    Example: ``L.RMSNorm(64)``.
    """

    def __init__(self, width: int, eps: float | None = None, affine: bool = True, dtype: DTypeLike | None = None):
        whole("RMSNorm", width=width)
        self.weight = parameter((width,), gd.init.ones(), dtype) if affine else None
        self.eps = eps

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return gd.nn.rms_norm(x, self.weight, float(np.finfo(x.dtype).eps) if self.eps is None else self.eps)


class GroupNorm(Layer):
    """Each sample and group of channels of x (N, C, ..) less its mean, by its standard deviation.

    Arguments: ``groups``: a divisor of channels; ``channels``: how many; ``eps``: added to the variance; ``affine``:
    whether there are weight and bias; ``dtype``: of the parameters; the default dtype unless given.

    Example: ``L.GroupNorm(4, 64)``.
    """

    def __init__(
        self, groups: int, channels: int, eps: float = 1e-5, affine: bool = True, dtype: DTypeLike | None = None
    ):
        whole(type(self).__name__, channels=channels, groups=groups)
        if not groups or channels % groups:
            raise gd.GraphError(
                f"GroupNorm: {channels} channels do not divide into {groups} groups", source=where_am_i()
            )
        self.weight = parameter((channels,), gd.init.ones(), dtype) if affine else None
        self.bias = parameter((channels,), gd.init.zeros(), dtype) if affine else None
        self.groups, self.eps = groups, eps

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return gd.nn.group_norm(x, self.groups, self.weight, self.bias, self.eps)


class InstanceNorm(GroupNorm):
    """Each sample and channel of x (N, C, ..) less its mean, by its standard deviation; no weight unless ``affine``.

    Arguments: ``channels``: how many; ``eps``: added to the variance; ``affine``: as above; ``dtype``: of the
    parameters; the default dtype unless given.

    Example: ``L.InstanceNorm(64)``.
    """

    def __init__(self, channels: int, eps: float = 1e-5, affine: bool = False, dtype: DTypeLike | None = None):
        super().__init__(channels, channels, eps, affine, dtype)
