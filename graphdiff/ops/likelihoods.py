"""Declarations of the losses of ``gd.nn`` that are negative logarithms of a distribution's density, and focal, which
weighs one of them.

All are composites: their derivatives follow. Definitions are those of torch.nn.functional, names without its ``_loss``;
``reduction`` as in losses.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import broadcast, format_shape
from .comparison import greater, less
from .elementwise import negative, square, stop_gradient, where
from .functions import bounded_log, exp, log, logaddexp, softplus
from .losses import matched, numpy_reduced, reduced
from .movement import expand_dims
from .opdef import composite
from .operands import operands
from .registry import Sample
from .tensor import Tensor, fail
from .types import Reduction, TensorLike


def _poisson_reference(
    x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    loss = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        safe = np.where(t > 1, t, 1)
        loss = loss + np.where(t > 1, safe * np.log(safe) - safe + 0.5 * np.log(2 * np.pi * safe), 0)
    return numpy_reduced(loss, reduction)


@composite(
    namespace="nn",
    reference=_poisson_reference,
    samples=lambda rng: [
        Sample((rng.uniform(0.2, 2, (3, 4)), rng.uniform(0, 4, (3, 4))), {"log_input": i, "full": f, "reduction": r})
        for i, f, r in ((True, False, "mean"), (False, False, "sum"), (True, True, "none"), (False, True, "mean"))
    ],
    smooth=False,
)
def poisson_nll(
    input: TensorLike,
    target: TensorLike,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Tensor:
    """The negative log-likelihood of counts under Poisson distributions, without log(target!) unless ``full``: then
    with Stirling's approximation of it for targets above 1.

    Arguments: ``input``: rates, or their logarithms; ``target``: counts, of input's shape; ``log_input``: whether input
    is a logarithm; ``full``: as above; ``eps``: added to a rate before its logarithm; ``reduction``: "mean", "sum" or
    "none"
    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: poisson_nll([], []) = nan; poisson_nll([0.0], [0.0], log_input=False) = 0.0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.poisson_nll([0.0, 0.0], [1.0, 3.0]) -> 1.0
    Source: as torch.nn.functional.poisson_nll_loss
    """
    x, t = matched("poisson_nll", input, target)
    loss = exp(x) - t * x if log_input else x - t * log(x + eps)
    if full:
        several = greater(t, 1)
        safe = where(several, t, 1)
        loss = loss + where(several, safe * log(safe) - safe + 0.5 * log(2 * math.pi * safe), 0)
    return reduced("poisson_nll", loss, reduction)


def _gaussian_reference(
    x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    if var.ndim == x.ndim - 1 and var.shape == x.shape[:-1]:
        var = var[..., None]
    var = np.maximum(var, eps)
    loss = 0.5 * (np.log(var) + (x - t) ** 2 / var) + (0.5 * math.log(2 * math.pi) if full else 0)
    return numpy_reduced(loss, reduction)


@composite(
    namespace="nn",
    reference=_gaussian_reference,
    samples=lambda rng: [
        Sample(
            (rng.uniform(-2, 2, (3, 4)), rng.uniform(-2, 2, (3, 4)), rng.uniform(0.3, 2, v)),
            {"full": f, "reduction": r},
        )
        for v, f, r in (((3, 4), False, "mean"), ((3, 1), True, "sum"), ((3,), False, "none"), ((), True, "mean"))
    ],
)
def gaussian_nll(
    input: TensorLike,
    target: TensorLike,
    var: TensorLike,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Tensor:
    """The negative log-likelihood of ``target`` under normal distributions with means ``input`` and variances ``var``,
    half of log(2 pi) left out unless ``full``. A variance below ``eps`` counts as eps, with the derivative there.

    Arguments: ``input``: means; ``target``: of input's shape; ``var``: of input's shape, or without its last axis, or
    what broadcasts to it; ``full``: as above; ``eps``: above 0; ``reduction``: "mean", "sum" or "none"
    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: gaussian_nll([], [], 1.0) = nan; gaussian_nll([nan], [0.0], [1.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.gaussian_nll([1.0, 2.0], [1.0, 4.0], [1.0, 1.0]) -> 1.0
    Source: Nix and Weigend 1994
    """
    name = "gaussian_nll"
    x, t = matched(name, input, target)
    x, t, v = operands(name, (x, t, var), "float")
    if not eps > 0:
        fail(GraphError, name, f"eps lies above 0, got {eps!r}", [x, t, v])
    if broadcast(v.shape, x.shape) != x.shape or v.ndim == x.ndim - 1:
        if v.shape == x.shape[:-1]:
            v = expand_dims(v, -1)
        elif broadcast(v.shape, x.shape) != x.shape:
            told = f"var {format_shape(v.shape)} does not broadcast to {format_shape(x.shape)}"
            fail(ShapeError, name, told, [x, t, v])
    # held at eps in value alone: the derivative is that at eps
    v = v + stop_gradient(where(less(v, eps), eps - v, 0))
    loss = (log(v) + square(x - t) / v) * 0.5
    return reduced(name, loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def _focal_reference(x: Any, t: Any, alpha: float | None = 0.25, gamma: float = 2.0, reduction: str = "mean") -> Any:
    p = 1 / (1 + np.exp(-x))
    loss = (t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)) * (1 - (p * t + (1 - p) * (1 - t))) ** gamma
    return numpy_reduced(loss if alpha is None else (alpha * t + (1 - alpha) * (1 - t)) * loss, reduction)


def _focal_samples(rng: np.random.Generator) -> Any:
    for alpha, gamma, r in ((0.25, 2.0, "mean"), (None, 1.5, "sum"), (0.6, 0.0, "none")):
        how = {"alpha": alpha, "gamma": gamma, "reduction": r}
        yield Sample((rng.uniform(-2, 2, (3, 4)), rng.uniform(0.1, 0.9, (3, 4))), how)


@composite(namespace="nn", reference=_focal_reference, samples=_focal_samples)
def focal(
    logits: TensorLike,
    target: TensorLike,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """binary_cross_entropy_with_logits times (1 - p)^gamma, p the probability of the target: what is well classified
    counts little. ``alpha`` weighs positive targets and 1 - alpha the others; None: both alike.

    The power is taken in logarithms, so every derivative is finite at every finite logit.

    Arguments: ``logits``: predictions; ``target``: from 0 to 1, of logits' shape; ``alpha``: from 0 to 1, or None;
    ``gamma``: at least 0; ``reduction``: "mean", "sum" or "none"
    Dtypes: float
    Shapes: logits and target alike; 0-d, or that shape where reduction is "none"
    Edges: focal([1000.0], [1.0]) = 0.0; focal([1000.0], [0.0]) = 750.0; focal([nan], [0.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.focal([0.0, 0.0], [1.0, 1.0]) -> 0.0433217
    Source: Lin et al. 2017, arXiv:1708.02002
    """
    name = "focal"
    x, t = matched(name, logits, target)
    if not gamma >= 0:
        fail(GraphError, name, f"gamma is at least 0, got {gamma!r}", [x, t])
    if alpha is not None and not 0 <= alpha <= 1:
        fail(GraphError, name, f"alpha lies from 0 to 1, or is None, got {alpha!r}", [x, t])
    miss, hit = softplus(x), softplus(negative(x))  # -log(1 - p) and -log(p) of a positive target
    loss = t * hit + (1 - t) * miss
    if gamma:
        loss = loss * exp(gamma * logaddexp(bounded_log(t) - miss, bounded_log(1 - t) - hit))
    if alpha is not None:
        loss = loss * (t * (2 * alpha - 1) + (1 - alpha))
    return reduced(name, loss, reduction)
