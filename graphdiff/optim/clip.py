"""Gradients made smaller, as graphs."""

from __future__ import annotations

from typing import Any

from ..ops.elementwise import astype, maximum, minimum, sqrt, square
from ..ops.reduce import sum as sum_
from ..ops.tensor import Tensor


def as_list(xs: Any) -> list[Tensor]:
    """The Tensors in a Tensor, list, tuple or dict."""
    return list(xs.values()) if isinstance(xs, dict) else list(xs) if isinstance(xs, (list, tuple)) else [xs]


def _restore(like: Any, items: list[Tensor]) -> Any:
    if isinstance(like, dict):
        return dict(zip(like, items))
    return items if isinstance(like, (list, tuple)) else items[0]


def clip_by_global_norm(grads: Any, max_norm: float) -> Any:
    """``grads`` scaled by min(1, max_norm / (norm + 1e-6)), norm being the 2-norm of them all together.

    In the structure of ``grads``; formula of torch.nn.utils.clip_grad_norm_.
    Example: ``gW, gb = gd.optim.clip_by_global_norm([gW, gb], 1.0)``."""
    gs = as_list(grads)
    if not gs:
        return grads
    total: Any = None
    for g in gs:
        term = sum_(square(g))
        total = term if total is None else total + (term if term.dtype is total.dtype else astype(term, total.dtype))
    scale = minimum(max_norm / (sqrt(total) + 1e-6), 1.0)
    return _restore(grads, [g * astype(scale, g.dtype) for g in gs])


def clip_by_value(grads: Any, v: float) -> Any:
    """Every element of ``grads`` limited to [-v, v], in their structure."""
    return _restore(grads, [minimum(maximum(g, -v), v) for g in as_list(grads)])
