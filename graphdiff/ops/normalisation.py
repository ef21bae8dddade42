"""Declarations of the normalisations of ``gd.nn``: values brought to mean 0 and variance 1 over some axes.

All are composites: their derivatives follow. Variances are biased; weight and bias are applied afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import FeedError, GraphError, ShapeError
from ..ir.dims import Dim, Size, exact_div, format_shape, product
from .arrange import pad
from .conv import pair_of
from .elementwise import rsqrt, square, where
from .gather import size_as
from .leaves import ensured
from .movement import reshape
from .opdef import composite
from .operands import check_dtype, int_of, operands
from .reduce import count, mean
from .registry import Sample
from .tensor import Tensor, as_tensor, fail
from .types import TensorLike


def _operands(name: str, x: Any, **vectors: Any) -> tuple[Any, ...]:
    """x and its vectors of one dtype, None where not given. Raises DTypeError."""
    given = operands(name, [v for v in (x, *vectors.values()) if v is not None], "float")
    rest = iter(given[1:])
    return (given[0], *(None if v is None else next(rest) for v in vectors.values()))


def _vector(name: str, what: str, v: Tensor | None, length: Size, x: Tensor) -> None:
    if v is not None and v.shape != (length,):
        fail(ShapeError, name, f"{what} has shape {format_shape(v.shape)}, not {format_shape((length,))}", [x, v])


def _need(name: str, x: Tensor, least: int) -> None:
    if x.ndim < least:
        fail(ShapeError, name, f"the input has {x.ndim} dimensions, at least {least} are needed", [x])


def _normalised(x: Tensor, axes: Sequence[int], eps: float) -> Tensor:
    centred = x - mean(x, axis=tuple(axes), keepdims=True)
    return centred * rsqrt(mean(square(centred), axis=tuple(axes), keepdims=True) + eps)


def _scaled(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


# ------------------------------------------------------------------ over the last axis
def _layer_reference(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return y * (1 if weight is None else weight) + (0 if bias is None else bias)


def _row_samples(vectors: int) -> Any:
    def draw(rng: np.random.Generator) -> Any:
        for shape, n in (((3, 4), vectors), ((2, 3, 5), 0), ((4,), 1), ((1, 7), vectors)):
            yield Sample((rng.uniform(-2, 2, shape), *(rng.uniform(0.5, 2, shape[-1]) for _ in range(n))))
        yield Sample((rng.uniform(-2, 2, (3, 4)),), {"weight": rng.uniform(0.5, 2, 4), "eps": 0.1})

    return draw


@composite(namespace="nn", reference=_layer_reference, samples=_row_samples(2), onnx="LayerNormalization")
def layer_norm(
    x: TensorLike, weight: TensorLike | None = None, bias: TensorLike | None = None, eps: float = 1e-5
) -> Tensor:
    """x less its mean over the last axis, by its standard deviation there; weight and bias have that axis' size.

    Arguments: ``x``: (..., n); ``weight``: (n,), or None; ``bias``: (n,), or None; ``eps``: added to the variance
    Dtypes: float
    Shapes: of x; weight and bias (n,), n x's last size
    Edges: layer_norm([2.0, 2.0]) = [0.0, 0.0]; layer_norm([nan, 1.0]) = [nan, nan]
    Raises: ShapeError, DTypeError
    Example: gd.nn.layer_norm([1.0, 3.0]) -> [-0.999995, 0.999995]
    Source: Ba et al. 2016, arXiv:1607.06450
    """
    t, w, b = _operands("layer_norm", x, weight=weight, bias=bias)
    _need("layer_norm", t, 1)
    _vector("layer_norm", "weight", w, t.shape[-1], t)
    _vector("layer_norm", "bias", b, t.shape[-1], t)
    return _scaled(_normalised(t, (t.ndim - 1,), eps), w, b)


def _rms_reference(x: Any, weight: Any = None, eps: float = 1e-5) -> Any:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * (1 if weight is None else weight)


@composite(namespace="nn", reference=_rms_reference, samples=_row_samples(1), onnx="RMSNormalization")
def rms_norm(x: TensorLike, weight: TensorLike | None = None, eps: float = 1e-5) -> Tensor:
    """x by the root of its mean square over the last axis; weight has that axis' size (Zhang and Sennrich 2019).

    Dtypes: float
    Shapes: of x; weight (n,), n x's last size
    Edges: rms_norm([0.0, 0.0]) = [0.0, 0.0]; rms_norm([nan, 1.0]) = [nan, nan]
    Raises: ShapeError, DTypeError
    Example: gd.nn.rms_norm([1.0, 1.0]) -> [0.999995, 0.999995]
    Source: Zhang and Sennrich 2019, arXiv:1910.07467
    """
    t, w = _operands("rms_norm", x, weight=weight)
    _need("rms_norm", t, 1)
    _vector("rms_norm", "weight", w, t.shape[-1], t)
    return _scaled(t * rsqrt(mean(square(t), axis=-1, keepdims=True) + eps), w, None)


# ------------------------------------------------------------------ over channels, axis 1
def _by_channel(v: Tensor, x: Tensor) -> Tensor:
    """One number a channel, to broadcast against ``x`` with channels on axis 1."""
    return v if x.ndim == 2 else reshape(v, (*v.shape, *(1,) * (x.ndim - 2)))


def _channel(v: Any, x: Any, otherwise: float) -> Any:
    return otherwise if v is None else v.reshape(-1, *(1,) * (x.ndim - 2))


def _group_reference(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    g = x.reshape(x.shape[0], num_groups, -1)
    y = ((g - g.mean(-1, keepdims=True)) / np.sqrt(g.var(-1, keepdims=True) + eps)).reshape(x.shape)
    return y * _channel(weight, x, 1) + _channel(bias, x, 0)


def _group_samples(rng: np.random.Generator) -> Any:
    for shape, groups in (((2, 6, 3, 2), 3), ((3, 4), 2), ((2, 4, 5), 1), ((2, 4, 3, 3), 4)):
        yield Sample((rng.uniform(-2, 2, shape), groups, rng.uniform(0.5, 2, shape[1]), rng.uniform(-1, 1, shape[1])))
    yield Sample((rng.uniform(-2, 2, (2, 4, 3)), 2), {"eps": 0.01})


@composite(namespace="nn", reference=_group_reference, samples=_group_samples, onnx="GroupNormalization")
def group_norm(
    x: TensorLike, num_groups: int, weight: TensorLike | None = None, bias: TensorLike | None = None, eps: float = 1e-5
) -> Tensor:
    """x (N, C, ..) less the mean of its sample and group of channels, by the standard deviation there; weight and
    bias (C,) are by channel (Wu and He 2018).

    Arguments: ``x``: (N, C, ...); ``num_groups``: a divisor of C; ``weight``: (C,), or None; ``bias``: (C,), or None;
    ``eps``: added to the variance
    Dtypes: float
    Shapes: of x (N, C, ...); weight and bias (C,)
    Edges: group_norm([[2.0, 2.0]], 1) = [[0.0, 0.0]]; a group of equal elements gives bias
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.group_norm([[1.0, 3.0]], 1) -> [[-0.999995, 0.999995]]
    Source: Wu and He 2018, arXiv:1803.08494
    """
    t, w, b = _operands("group_norm", x, weight=weight, bias=bias)
    _need("group_norm", t, 2)
    (groups,) = pair_of("group_norm", "num_groups", num_groups, 1, [t], 1)
    _vector("group_norm", "weight", w, t.shape[1], t)
    _vector("group_norm", "bias", b, t.shape[1], t)
    per_group = exact_div(t.shape[1], groups)
    if per_group is None:
        fail(ShapeError, "group_norm", f"{t.shape[1]} channels do not divide into {groups} groups", [t])
    y = _normalised(reshape(t, (t.shape[0], groups, per_group * product(t.shape[2:]))), (2,), eps)
    return _scaled(reshape(y, t.shape), *(None if p is None else _by_channel(p, t) for p in (w, b)))


def _instance_reference(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if use_input_stats:
        return _group_reference(x, x.shape[1], weight, bias, eps)
    return _batch_reference(x, running_mean, running_var, weight, bias, eps=eps)


def _instance_samples(rng: np.random.Generator) -> Any:
    for shape in ((2, 3, 5), (2, 3, 4, 2), (1, 3, 2, 2, 2)):
        vectors = rng.uniform(-1, 1, 3), rng.uniform(0.5, 2, 3), rng.uniform(0.5, 2, 3), rng.uniform(-1, 1, 3)
        yield Sample((rng.uniform(-2, 2, shape),))
        yield Sample((rng.uniform(-2, 2, shape),), {"weight": vectors[2], "bias": vectors[3], "eps": 0.01})
        yield Sample((rng.uniform(-2, 2, shape), *vectors), {"use_input_stats": False})


@composite(namespace="nn", reference=_instance_reference, samples=_instance_samples, onnx="InstanceNormalization")
def instance_norm(
    x: TensorLike,
    running_mean: TensorLike | None = None,
    running_var: TensorLike | None = None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """x (N, C, ..) less the mean of its sample and channel, by the standard deviation there; weight and bias (C,) are
    by channel (Ulyanov et al. 2016). ``use_input_stats=False``: by the running mean and variance, as batch_norm.

    Arguments: ``x``: (N, C, L, ...); ``running_mean``: (C,), read without use_input_stats alone; ``running_var``:
    likewise; ``weight``: (C,), or None; ``bias``: (C,), or None; ``use_input_stats``: as above; ``momentum``: for what
    moves running statistics alone; ``eps``: added to the variance
    Dtypes: float
    Shapes: of x (N, C, L, ...); means, variances, weight and bias (C,)
    Edges: instance_norm([[[2.0, 2.0]]]) = [[[0.0, 0.0]]]; a channel of equal elements gives bias
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.instance_norm([[[1.0, 3.0]]]) -> [[[-0.999995, 0.999995]]]
    Source: Ulyanov et al. 2016, arXiv:1607.08022
    """
    name = "instance_norm"
    if not use_input_stats and (running_mean is None or running_var is None):
        fail(GraphError, name, "without use_input_stats it needs running_mean and running_var", [as_tensor(x, name)])
    t, m, v, w, b = _operands(name, x, m=running_mean, v=running_var, weight=weight, bias=bias)
    _need(name, t, 3)
    if use_input_stats:
        return group_norm(t, int_of(name, "the number of channels", t.shape[1], [t]), w, b, eps)
    return batch_norm(t, m, v, w, b, eps=eps)


def _response_reference(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    squares = np.pad(x * x, [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)])
    total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
    return x / (k + alpha * total / size) ** beta


@composite(
    namespace="nn",
    onnx="LRN",
    reference=_response_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, shape), size), more)
        for shape, size, more in (
            ((2, 5, 3), 3, {}),
            ((1, 6, 2, 3), 4, {"alpha": 0.5, "beta": 0.5, "k": 2.0}),
            ((2, 3, 2, 2, 2), 5, {"alpha": 0.1}),
        )
    ],
)
def local_response_norm(x: TensorLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x (N, C, ..) by (k + alpha m)^beta, m the mean of the squares of ``size`` channels about each, which are 0 beyond
    the first and last.

    Arguments: ``x``: (N, C, ...); ``size``: how many channels, at least 1; ``alpha``, ``beta``, ``k``: as above
    Dtypes: float
    Shapes: of x (N, C, ...)
    Edges: local_response_norm([[[0.0]]], 1) = [[[0.0]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.local_response_norm([[[1.0]], [[3.0]]], 1, alpha=1.0, beta=0.5) -> [[[0.7071068]], [[0.9486833]]]
    Source: Krizhevsky et al. 2012, section 3.3
    """
    name = "local_response_norm"
    (t,) = _operands(name, x)
    _need(name, t, 3)
    (size,) = pair_of(name, "size", size, 1, [t], 1)
    edge = [(0, 0)] * (t.ndim - 2)
    squares = pad(square(t), [(0, 0), (size // 2, (size - 1) // 2), *edge])
    total = squares[:, : t.shape[1]]
    for i in range(1, size):
        total = total + squares[:, i : i + t.shape[1]]
    return t / (total * (alpha / size) + k) ** beta


def _batch_reference(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    axes = (0, *range(2, x.ndim))
    m, v = (x.mean(axes), x.var(axes)) if training else (running_mean, running_var)
    y = (x - _channel(m, x, 0)) / np.sqrt(_channel(v, x, 1) + eps)
    return y * _channel(weight, x, 1) + _channel(bias, x, 0)


def _batch_samples(rng: np.random.Generator) -> Any:
    for shape in ((5, 3), (4, 3, 2), (2, 3, 4, 3)):
        vectors = rng.uniform(-1, 1, 3), rng.uniform(0.5, 2, 3), rng.uniform(0.5, 2, 3), rng.uniform(-1, 1, 3)
        yield Sample((rng.uniform(-2, 2, shape), *vectors), {"training": True})
        yield Sample((rng.uniform(-2, 2, shape), *vectors))
        yield Sample((rng.uniform(-2, 2, shape), *vectors[:2]), {"eps": 0.1})
    yield Sample((rng.uniform(-2, 2, (5, 3)),), {"training": True})


@composite(namespace="nn", reference=_batch_reference, samples=_batch_samples, onnx="BatchNormalization")
def batch_norm(
    x: TensorLike,
    running_mean: TensorLike | None = None,
    running_var: TensorLike | None = None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """x (N, C, ..) less a mean by channel, by a standard deviation by channel: in training the batch's own (biased),
    else the running ones (Ioffe and Szegedy 2015). weight and bias are by channel.

    The result is y alone: nothing is stored. What training makes of the running statistics, with ``momentum``, is
    given by ``batch_norm_updates``, for ``compile(updates=…)``.

    Arguments: ``x``: (N, C, ...); ``running_mean``: (C,), needed unless training; ``running_var``: likewise;
    ``weight``: (C,), or None; ``bias``: (C,), or None; ``training``: whether the statistics are those of x;
    ``momentum``: for batch_norm_updates alone; ``eps``: added to the variance
    Dtypes: float
    Shapes: of x (N, C, ...); means, variances, weight and bias (C,)
    Edges: batch_norm([[2.0], [2.0]], training=True) = [[0.0], [0.0]]; a channel of equal elements gives bias
    Raises: ShapeError, DTypeError
    Example: gd.nn.batch_norm([[1.0], [3.0]], training=True) -> [[-0.999995], [0.999995]]
    Source: Ioffe and Szegedy 2015, arXiv:1502.03167
    """
    name = "batch_norm"
    if not training and (running_mean is None or running_var is None):
        fail(GraphError, name, "without training=True it needs running_mean and running_var", [as_tensor(x, name)])
    t, m, v, w, b = _operands(name, x, m=running_mean, v=running_var, weight=weight, bias=bias)
    _need(name, t, 2)
    for what, vector in (("running_mean", m), ("running_var", v), ("weight", w), ("bias", b)):
        _vector(name, what, vector, t.shape[1], t)
    w, b = (None if p is None else _by_channel(p, t) for p in (w, b))
    if training:
        return _scaled(_normalised(t, (0, *range(2, t.ndim)), eps), w, b)
    return _scaled((t - _by_channel(m, t)) * rsqrt(_by_channel(v, t) + eps), w, b)


def _updates_reference(x: Any, running_mean: Any, running_var: Any, momentum: float = 0.1) -> Any:
    axes = (0, *range(2, x.ndim))
    return (
        (1 - momentum) * running_mean + momentum * x.mean(axes),
        (1 - momentum) * running_var + momentum * x.var(axes, ddof=1),
    )


def _values_of_channel(x: Tensor, axes: Sequence[int]) -> Tensor:
    """How many values a channel has in a batch. Raises FeedError for fewer than two, at the call where need be."""
    n, message = count(x, axes), "batch_norm_updates: the variance of a batch needs two values for each channel"
    if isinstance(n, Dim):
        counted = size_as(n, x.dtype)
        return where(ensured(counted > 1, message), counted, 1)
    if n < 2:
        fail(FeedError, "batch_norm_updates", f"{message.partition(': ')[2]}, got {n}", [x])
    return size_as(n, x.dtype)


@composite(
    namespace="nn",
    reference=_updates_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), rng.uniform(-1, 1, 3), rng.uniform(0.5, 2, 3)), {"momentum": m})
        for s, m in (((5, 3), 0.1), ((2, 3, 4, 3), 0.3))
    ],
)
def batch_norm_updates(
    x: TensorLike, running_mean: TensorLike, running_var: TensorLike, momentum: float = 0.1
) -> tuple[Tensor, Tensor]:
    """The running mean and variance after a training batch x: (1 - momentum) times the old and momentum times the
    batch's own, its variance unbiased. A pair, for ``updates={mean: pair[0], var: pair[1]}``; what it shares with
    ``batch_norm`` of the same x is computed once. A batch with fewer than two values for each channel has no such
    variance: FeedError, at the call where the size is known only then, and nothing is updated.

    Arguments: ``x``: (N, C, ...); ``running_mean``: (C,); ``running_var``: (C,); ``momentum``: the share of the new
    Dtypes: float
    Shapes: x (N, C, ...), (C,), (C,) -> (C,), (C,)
    Edges: batch_norm_updates([[nan, 1.0], [1.0, 1.0]], [0.0, 0.0], [1.0, 1.0]) = [[nan, 0.1], [nan, 0.9]]
    Raises: ShapeError, DTypeError
    Example: gd.nn.batch_norm_updates([[1.0], [3.0]], [0.0], [1.0]) -> [[0.2], [1.1]]
    Source: Ioffe and Szegedy 2015, arXiv:1502.03167
    """
    name = "batch_norm_updates"
    t, m, v = _operands(name, x, m=running_mean, v=running_var)
    check_dtype(name, (m, v), "float")
    _need(name, t, 2)
    _vector(name, "running_mean", m, t.shape[1], t)
    _vector(name, "running_var", v, t.shape[1], t)
    axes = (0, *range(2, t.ndim))
    batch_mean = mean(t, axis=axes, keepdims=True)
    n = _values_of_channel(t, axes)
    batch_var = mean(square(t - batch_mean), axis=axes) * (n / (n - 1))
    return (m * (1 - momentum) + reshape(batch_mean, m.shape) * momentum, v * (1 - momentum) + batch_var * momentum)
