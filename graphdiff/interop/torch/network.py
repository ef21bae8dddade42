"""Rules of ATen's operators that networks are made of: convolutions, pools, norms, recurrences, attention, losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import graphdiff as gd

from ...ops.tensor import Tensor
from .rules import rule


def _each(values: Any, n: int) -> tuple[int, ...]:
    """A number for each of ``n`` axes."""
    found = (values,) if isinstance(values, int) else tuple(values)
    return found * n if len(found) == 1 else found


def _bare(values: tuple[int, ...]) -> Any:
    """As functions of one axis take it."""
    return values[0] if len(values) == 1 else values


# ------------------------------------------------------------------ convolutions


@rule("linear.default")
def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    found = gd.matmul(x, gd.matrix_transpose(weight))
    return found if bias is None else found + bias


def _batched(x: Tensor, axes: int, build: Callable[[Tensor], Tensor]) -> Tensor:
    """Of one example, without an axis for more, too."""
    return build(x) if x.ndim == axes + 2 else gd.squeeze(build(gd.expand_dims(x, 0)), axis=0)


_CONVOLUTIONS = (gd.nn.conv1d, gd.nn.conv2d, gd.nn.conv3d)
_TRANSPOSED = (gd.nn.conv_transpose1d, gd.nn.conv_transpose2d)


@rule("conv1d.default", "conv2d.default", "conv3d.default", "conv1d.padding", "conv2d.padding", "conv3d.padding")
def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    n = weight.ndim - 2
    if not isinstance(padding, str):
        padding = _bare(_each(padding, n))
    function: Any = _CONVOLUTIONS[n - 1]
    options = {"stride": _bare(_each(stride, n)), "dilation": _bare(_each(dilation, n)), "groups": groups}
    return _batched(x, n, lambda x: function(x, weight, bias, padding=padding, **options))


@rule("conv_transpose1d.default", "conv_transpose2d.input")
def _conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    n = weight.ndim - 2
    given = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    options = {name: _bare(_each(v, n)) for name, v in given.items()}
    function: Any = _TRANSPOSED[n - 1]
    return _batched(x, n, lambda x: function(x, weight, bias, groups=groups, **options))


def _convolution_refused(x: Any, weight: Any, *rest: Any) -> str:
    transposed = rest[4] if len(rest) > 4 else False
    return "transposed, of three dimensions" if transposed and getattr(weight, "ndim", 4) > 4 else ""


@rule("convolution.default", refuses=_convolution_refused)
def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Tensor:
    if transposed:
        return _conv_transpose(x, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv(x, weight, bias, stride, padding, dilation, groups)


# ------------------------------------------------------------------ pools


def _max_pool(n: int, function: Any) -> None:
    @rule(f"max_pool{n}d.default")
    def build(
        x: Tensor, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> Tensor:
        given = {"stride": stride or size, "padding": padding, "dilation": dilation}
        options = {name: _bare(_each(v, n)) for name, v in given.items()}
        return _batched(x, n, lambda x: function(x, _bare(_each(size, n)), ceil_mode=ceil_mode, **options))


def _divided(x: Any, size: Any, *rest: Any) -> str:
    return "with ceil_mode and a divisor" if len(rest) > 4 and rest[2] and rest[4] is not None else ""


def _avg_pool(n: int, function: Any) -> None:
    @rule(f"avg_pool{n}d.default", refuses=_divided)
    def build(
        x: Tensor,
        size: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        options = {"stride": _bare(_each(stride or size, n)), "padding": _bare(_each(padding, n))}
        whole = count_include_pad or divisor_override is not None
        found = _batched(
            x, n, lambda x: function(x, _bare(_each(size, n)), ceil_mode=ceil_mode, count_include_pad=whole, **options)
        )
        return found if divisor_override is None else found * (math.prod(_each(size, n)) / divisor_override)


for _n, (_max, _avg) in enumerate(
    ((gd.nn.max_pool1d, gd.nn.avg_pool1d), (gd.nn.max_pool2d, gd.nn.avg_pool2d), (gd.nn.max_pool3d, gd.nn.avg_pool3d)),
    1,
):
    _max_pool(_n, _max)
    _avg_pool(_n, _avg)


@rule("adaptive_avg_pool1d.default")
def _adaptive_avg_pool1d(x: Tensor, size: Sequence[int]) -> Tensor:
    return _batched(x, 1, lambda x: gd.nn.adaptive_avg_pool1d(x, size[0]))


@rule("adaptive_avg_pool2d.default", "_adaptive_avg_pool2d.default")
def _adaptive_avg_pool2d(x: Tensor, size: Sequence[int]) -> Tensor:
    return _batched(x, 2, lambda x: gd.nn.adaptive_avg_pool2d(x, (size[0], size[1])))


def _resized(mode: Any) -> Callable[..., Tensor]:
    def build(x: Tensor, size: Any, *rest: Any) -> Tensor:
        *align, factors = rest
        return gd.nn.interpolate(
            x,
            None if size is None else tuple(size),
            None if factors is None else tuple(factors),
            mode=mode,
            align_corners=bool(align and align[0]),
        )

    return build


rule("upsample_nearest1d.vec", "upsample_nearest2d.vec", "upsample_nearest3d.vec")(_resized("nearest"))
rule("_upsample_nearest_exact1d.vec", "_upsample_nearest_exact2d.vec")(_resized("nearest-exact"))
rule("upsample_linear1d.vec")(_resized("linear"))
rule("upsample_bilinear2d.vec")(_resized("bilinear"))
rule("upsample_trilinear3d.vec")(_resized("trilinear"))
rule("upsample_bicubic2d.vec")(_resized("bicubic"))


# ------------------------------------------------------------------ norms


@rule("_native_batch_norm_legit_functional.default")
def _batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> list[Any]:
    if not training:
        return [gd.nn.batch_norm(x, mean, var, weight, bias, eps=eps), None, None, mean, var]
    found = gd.nn.batch_norm(x, mean, var, weight, bias, training=True, eps=eps)
    return [found, None, None, *gd.nn.batch_norm_updates(x, mean, var, momentum)]


@rule("_native_batch_norm_legit_no_training.default")
def _batch_norm_inference(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, var: Tensor, momentum: float, eps: float
) -> list[Any]:
    return [gd.nn.batch_norm(x, mean, var, weight, bias, eps=eps), None, None]


@rule("_native_batch_norm_legit.no_stats")
def _batch_norm_of_batches(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, training: bool, momentum: float, eps: float
) -> list[Any]:
    return [gd.nn.batch_norm(x, None, None, weight, bias, training=True, eps=eps), None, None]


def _normalised(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    apart = x - gd.mean(x, axis=axes, keepdims=True)
    return apart * gd.rsqrt(gd.mean(gd.square(apart), axis=axes, keepdims=True) + eps)


@rule("layer_norm.default")
def _layer_norm(
    x: Tensor,
    shape: Sequence[Any],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    if len(shape) == 1:
        return gd.nn.layer_norm(x, weight, bias, eps=eps)
    found = _normalised(x, tuple(range(-len(shape), 0)), eps)
    found = found if weight is None else found * weight
    return found if bias is None else found + bias


@rule("native_layer_norm.default")
def _native_layer_norm(
    x: Tensor, shape: Sequence[Any], weight: Tensor | None, bias: Tensor | None, eps: float
) -> list[Any]:
    return [_layer_norm(x, shape, weight, bias, eps), None, None]


@rule("group_norm.default")
def _group_norm(
    x: Tensor,
    groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    return gd.nn.group_norm(x, groups, weight, bias, eps=eps)


@rule("rms_norm.default")
def _rms_norm(x: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    axes = tuple(range(-len(shape), 0))
    least = {4: 2.0**-23, 8: 2.0**-52}[x.dtype.itemsize] if eps is None else eps
    found = x * gd.rsqrt(gd.mean(gd.square(x), axis=axes, keepdims=True) + least)
    return found if weight is None else found * weight


# ------------------------------------------------------------------ recurrences and attention


def _dropped(x: Any, hx: Any, params: Any, has_biases: bool, layers: int, dropout: float, train: bool, *r: Any) -> str:
    bidirectional = bool(r and r[0])
    if len(params) != layers * (1 + bidirectional) * (4 if has_biases else 2):
        return "with a projection"
    return "with dropout between its layers" if train and dropout > 0 and layers > 1 else ""


@rule("lstm.input", refuses=_dropped)
def _lstm(
    x: Tensor,
    hx: Sequence[Tensor],
    weights: Sequence[Tensor],
    has_biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Tensor]:
    y, (h, c) = gd.nn.lstm(x, (hx[0], hx[1]), list(weights), layers, bidirectional, batch_first)
    return [y, h, c]


def _recurrent(name: str, function: Any, **options: Any) -> None:
    @rule(name, refuses=_dropped)
    def build(
        x: Tensor,
        hx: Tensor,
        weights: Sequence[Tensor],
        has_biases: bool,
        layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> list[Tensor]:
        return list(function(x, hx, list(weights), layers, bidirectional, batch_first, **options))


_recurrent("gru.input", gd.nn.gru)
_recurrent("rnn_tanh.input", gd.nn.rnn)
_recurrent("rnn_relu.input", gd.nn.rnn, nonlinearity="relu")


@rule("scaled_dot_product_attention.default", draws=True)
def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    key: Tensor,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    return gd.nn.scaled_dot_product_attention(
        q, k, v, attn_mask, is_causal, scale, enable_gqa, dropout_p, key if dropout_p > 0 else None
    )


# ------------------------------------------------------------------ losses

_REDUCTIONS: tuple[Any, ...] = ("none", "mean", "sum")


@rule("mse_loss.default")
def _mse(x: Tensor, t: Tensor, reduction: int = 1) -> Tensor:
    return gd.nn.mse(x, t, reduction=_REDUCTIONS[reduction])


@rule("l1_loss.default")
def _l1(x: Tensor, t: Tensor, reduction: int = 1) -> Tensor:
    return gd.nn.l1(x, t, reduction=_REDUCTIONS[reduction])


@rule("smooth_l1_loss.default")
def _smooth_l1(x: Tensor, t: Tensor, reduction: int = 1, beta: float = 1.0) -> Tensor:
    return gd.nn.smooth_l1(x, t, reduction=_REDUCTIONS[reduction], beta=beta)


@rule("huber_loss.default")
def _huber(x: Tensor, t: Tensor, reduction: int = 1, delta: float = 1.0) -> Tensor:
    return gd.nn.huber(x, t, reduction=_REDUCTIONS[reduction], delta=delta)


@rule("binary_cross_entropy.default")
def _binary_cross_entropy(x: Tensor, t: Tensor, weight: Tensor | None = None, reduction: int = 1) -> Tensor:
    return gd.nn.binary_cross_entropy(x, t, weight=weight, reduction=_REDUCTIONS[reduction])


@rule("binary_cross_entropy_with_logits.default")
def _binary_cross_entropy_with_logits(
    x: Tensor, t: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 1
) -> Tensor:
    return gd.nn.binary_cross_entropy_with_logits(
        x, t, weight=weight, pos_weight=pos_weight, reduction=_REDUCTIONS[reduction]
    )


@rule("cross_entropy_loss.default")
def _cross_entropy(
    x: Tensor,
    t: Tensor,
    weight: Tensor | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    return gd.nn.cross_entropy(
        x,
        t,
        reduction=_REDUCTIONS[reduction],
        weight=weight,
        ignore_index=ignore_index if t.dtype.kind == "i" else None,
        label_smoothing=label_smoothing,
        axis=min(1, x.ndim - 1),
    )


@rule("nll_loss_nd.default", "nll_loss.default")
def _nll(x: Tensor, t: Tensor, weight: Tensor | None = None, reduction: int = 1, ignore_index: int = -100) -> Tensor:
    return gd.nn.nll(
        gd.moveaxis(x, 1, -1) if x.ndim > 2 else x,
        t,
        reduction=_REDUCTIONS[reduction],
        weight=weight,
        ignore_index=ignore_index,
    )


@rule("kl_div.default")
def _kl_div(x: Tensor, t: Tensor, reduction: int = 1, log_target: bool = False) -> Tensor:
    return gd.nn.kl_div(x, t, reduction=_REDUCTIONS[reduction], log_target=log_target)
