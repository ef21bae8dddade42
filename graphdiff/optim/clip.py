"""Gradients made smaller, as graphs."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from ..errors import GraphError
from ..ops.elementwise import astype, maximum, minimum, sqrt, square
from ..ops.messages import where_am_i
from ..ops.reduce import squarable
from ..ops.reduce import sum as sum_
from ..ops.tensor import Tensor, as_tensor
from ..ops.trees import tensors
from ..ops.types import Same


@overload
def clip_by_global_norm(grads: Same, max_norm: float, return_norm: Literal[False] = False) -> Same: ...
@overload
def clip_by_global_norm(grads: Same, max_norm: float, return_norm: Literal[True]) -> tuple[Same, Tensor]: ...
def clip_by_global_norm(grads: Same, max_norm: float, return_norm: bool = False) -> Same | tuple[Same, Tensor]:
    """``grads`` scaled by min(1, max_norm / (norm + 1e-6)), norm being the 2-norm of them all together.

    In the structure of ``grads``; formula of torch.nn.utils.clip_grad_norm_. With ``return_norm`` a pair: the gradients
    and the norm before clipping, a 0-d Tensor.
    Example: ``gW, gb = gd.optim.clip_by_global_norm([gW, gb], 1.0)``."""
    _limit("clip_by_global_norm", "max_norm", max_norm)
    gs, tree = tensors("clip_by_global_norm", grads, "grads")
    if not gs:
        return (grads, as_tensor(0.0, "clip_by_global_norm")) if return_norm else grads
    total: Any = None
    for g in gs:
        term = sum_(square(squarable(g)))
        total = term if total is None else total + term
    norm = astype(sqrt(total), gs[0].dtype)
    scale = minimum(max_norm / (norm + 1e-6), 1.0)
    clipped = tree.build([g * astype(scale, g.dtype) for g in gs])
    return (clipped, norm) if return_norm else clipped


def clip_by_value(grads: Same, v: float) -> Same:
    """Every element of ``grads`` limited to [-v, v], in their structure.

    Example: ``gW, gb = gd.optim.clip_by_value([gW, gb], 1.0)``.
    """
    _limit("clip_by_value", "v", v)
    gs, tree = tensors("clip_by_value", grads, "grads")
    return tree.build([minimum(maximum(g, -v), v) for g in gs])


def _limit(what: str, name: str, value: Any) -> None:
    """Raises GraphError for a limit that is neither a Tensor nor a number from 0 on."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not isinstance(value, Tensor) and not (number and value >= 0):
        raise GraphError(f"{what}: {name} is a number from 0 on, got {value!r}", source=where_am_i())
