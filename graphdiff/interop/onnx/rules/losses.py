"""Rules of losses: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, classes on axis 1."""

from __future__ import annotations

import graphdiff as gd

from ....errors import GraphError
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads
from .elementwise import as_int64


def _likelihood(call: Call, logs: Tensor, labels: Tensor, weight: Tensor | None) -> Tensor:
    """Minus the logarithm at each label, by its weight, reduced; labels that are ignored count nowhere."""
    ignored = call.raw("ignore_index")
    at = as_int64(labels)
    counted = None if ignored is None else at != int(ignored)
    at = at if counted is None else gd.where(counted, at, 0)
    picked = -gd.squeeze(gd.take_along_axis(logs, gd.expand_dims(at, axis=1), axis=1), axis=1)
    by = None if weight is None else gd.take(weight, at)
    if counted is not None:
        by = gd.where(counted, 1 if by is None else by, gd.zeros((), dtype=logs.dtype))
        picked = gd.where(counted, picked, 0)
    loss = picked if by is None else picked * by
    reduction = call.text("reduction", "mean")
    if reduction == "none":
        return loss
    if reduction == "sum":
        return gd.sum(loss)
    if reduction != "mean":
        call.fail(GraphError, f"reduction is {reduction!r}")
    return gd.mean(loss) if by is None else gd.sum(loss) / gd.sum(by)


@reads("NegativeLogLikelihoodLoss")
def negative_log_likelihood(call: Call) -> Tensor:
    return _likelihood(call, call.tensor(0), call.tensor(1), call.optional(2))


@reads("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(call: Call) -> list[Tensor]:
    logs = gd.nn.log_softmax(call.tensor(0), axis=1)
    return [_likelihood(call, logs, call.tensor(1), call.optional(2)), logs]
