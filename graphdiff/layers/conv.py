"""Convolutions and pools: channels on axis 1, layouts and values at first PyTorch's, arguments those of ``gd.nn``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import graphdiff as gd

from ..ops.messages import where_am_i
from ..ops.types import DTypeLike, Ints, Padding
from .basic import uniform_of
from .layer import Init, Layer, parameter, whole


def _declare(
    layer: Any,
    axes: int,
    size: Ints,
    channels: tuple[int, int, int],
    transposed: bool,
    bias: bool,
    init: Init | None,
    dtype: Any,
) -> None:
    """The weight (out, in / groups, *kernel), or (in, out / groups, *kernel), and the bias of a convolution; uniform on
    ±1 / sqrt(fan_in)."""
    inputs, outputs, groups = channels
    whole(type(layer).__name__, inputs=inputs, outputs=outputs, groups=groups)
    if groups < 1 or inputs % groups or outputs % groups:
        raise gd.GraphError(
            f"{type(layer).__name__}: {inputs} and {outputs} channels do not divide into {groups} groups",
            source=where_am_i(),
        )
    pair = (inputs, outputs // groups) if transposed else (outputs, inputs // groups)
    kernel = (size,) * axes if isinstance(size, (int, np.integer)) else tuple(size)
    if len(kernel) != axes:
        raise gd.GraphError(
            f"{type(layer).__name__}: kernel_size {size!r} is of {len(kernel)} dimensions, not {axes}",
            source=where_am_i(),
        )
    for k in kernel:
        whole(type(layer).__name__, kernel_size=k)
    default = uniform_of(pair[1] * math.prod(kernel))
    layer.weight = parameter((*pair, *kernel), init or default, dtype)
    layer.bias = parameter((outputs,), default, dtype) if bias else None


class _Convolution(Layer):
    """Weight (out, in / groups, *kernel)."""

    _axes = 0

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Padding | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        init: Init | None = None,
        dtype: DTypeLike | None = None,
    ):
        _declare(self, self._axes, kernel_size, (inputs, outputs, groups), False, bias, init, dtype)
        self._settings: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


class Conv1d(_Convolution):
    """``gd.nn.conv1d`` of x (N, C, L). Example: ``L.Conv1d(8, 16, 5, stride=2)``.

    Arguments: ``inputs``: how many channels come in; ``outputs``: how many go out; ``kernel_size``: an int, or one for
    each dimension; ``stride``: likewise; ``padding``: likewise, or a text as gd.nn takes; ``dilation``: likewise;
    ``groups``: in how many the channels are parted; ``bias``: whether there is one; ``init``: of the weight; ``dtype``:
    of the parameters; the default dtype unless given.
    """

    _axes = 1

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return gd.nn.conv1d(x, self.weight, self.bias, **self._settings)


class Conv2d(_Convolution):
    """``gd.nn.conv2d`` of x (N, C, H, W). Example: ``L.Conv2d(1, 16, 3, padding=1)``.

    Arguments: ``inputs``: how many channels come in; ``outputs``: how many go out; ``kernel_size``: an int, or one for
    each dimension; ``stride``: likewise; ``padding``: likewise, or a text as gd.nn takes; ``dilation``: likewise;
    ``groups``: in how many the channels are parted; ``bias``: whether there is one; ``init``: of the weight; ``dtype``:
    of the parameters; the default dtype unless given.
    """

    _axes = 2

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return gd.nn.conv2d(x, self.weight, self.bias, **self._settings)


class Conv3d(_Convolution):
    """``gd.nn.conv3d`` of x (N, C, D, H, W). Example: ``L.Conv3d(1, 8, 3, padding=1)``.

    Arguments: ``inputs``: how many channels come in; ``outputs``: how many go out; ``kernel_size``: an int, or one for
    each dimension; ``stride``: likewise; ``padding``: likewise, or a text as gd.nn takes; ``dilation``: likewise;
    ``groups``: in how many the channels are parted; ``bias``: whether there is one; ``init``: of the weight; ``dtype``:
    of the parameters; the default dtype unless given.
    """

    _axes = 3

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return gd.nn.conv3d(x, self.weight, self.bias, **self._settings)


class _Transposed(Layer):
    """Weight (in, out / groups, *kernel)."""

    _axes = 0

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Padding = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        init: Init | None = None,
        dtype: DTypeLike | None = None,
    ):
        _declare(self, self._axes, kernel_size, (inputs, outputs, groups), True, bias, init, dtype)
        self._settings: dict[str, Any] = {"stride": stride, "padding": padding, "output_padding": output_padding}
        self._settings |= {"groups": groups, "dilation": dilation}


class ConvTranspose1d(_Transposed):
    """``gd.nn.conv_transpose1d`` of x (N, C, L). Example: ``L.ConvTranspose1d(16, 8, 4, stride=2, padding=1)``.

    Arguments: ``inputs``: how many channels come in; ``outputs``: how many go out; ``kernel_size``: an int, or one for
    each dimension; ``stride``: likewise; ``padding``: likewise; ``output_padding``: of the ends alone; ``groups``: in
    how many the channels are parted; ``bias``: whether there is one; ``dilation``: likewise; ``init``: of the weight;
    ``dtype``: of the parameters; the default dtype unless given.
    """

    _axes = 1

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return gd.nn.conv_transpose1d(x, self.weight, self.bias, **self._settings)


class ConvTranspose2d(_Transposed):
    """``gd.nn.conv_transpose2d`` of x (N, C, H, W). Example: ``L.ConvTranspose2d(16, 8, 4, stride=2, padding=1)``.

    Arguments: ``inputs``: how many channels come in; ``outputs``: how many go out; ``kernel_size``: an int, or one for
    each dimension; ``stride``: likewise; ``padding``: likewise; ``output_padding``: of the ends alone; ``groups``: in
    how many the channels are parted; ``bias``: whether there is one; ``dilation``: likewise; ``init``: of the weight;
    ``dtype``: of the parameters; the default dtype unless given.
    """

    _axes = 2

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return gd.nn.conv_transpose2d(x, self.weight, self.bias, **self._settings)


class _Pool(Layer):
    _settings: dict[str, Any]

    def _pooled(self, x: gd.Tensor, one: Any, two: Any, three: Any) -> Any:
        if x.ndim not in (3, 4, 5):
            raise gd.ShapeError(
                f"{type(self).__name__}: x has {x.ndim} axes, not (N, C, L), (N, C, H, W) or (N, C, D, H, W)",
                source=where_am_i(),
            )
        return (one, two, three)[x.ndim - 3](x, **self._settings)


class MaxPool(_Pool):
    """The largest of each window of x (N, C, L), (N, C, H, W) or (N, C, D, H, W). Example: ``L.MaxPool(2)``.

    Arguments: ``kernel_size``: an int, or one for each dimension; ``stride``: likewise; kernel_size unless given;
    ``padding``: likewise, or pairs (low, high); ``dilation``: an int, or one for each dimension; ``ceil_mode``: whether
    a last window may reach beyond the padding.
    """

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Padding = 0,
        dilation: Ints = 1,
        ceil_mode: bool = False,
    ):
        self._settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        self._settings |= {"dilation": dilation, "ceil_mode": ceil_mode}

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return self._pooled(x, gd.nn.max_pool1d, gd.nn.max_pool2d, gd.nn.max_pool3d)


class AvgPool(_Pool):
    """The mean of each window of x (N, C, L), (N, C, H, W) or (N, C, D, H, W). Example: ``L.AvgPool(2)``.

    Arguments: ``kernel_size``: an int, or one for each dimension; ``stride``: likewise; kernel_size unless given;
    ``padding``: likewise, or pairs (low, high); ``ceil_mode``: whether a last window may reach beyond the padding;
    ``count_include_pad``: whether padding counts as zeros.
    """

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        self._settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        self._settings |= {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad}

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return self._pooled(x, gd.nn.avg_pool1d, gd.nn.avg_pool2d, gd.nn.avg_pool3d)
