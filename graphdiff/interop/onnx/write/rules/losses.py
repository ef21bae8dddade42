"""Losses of labels by their names."""

from __future__ import annotations

from .....ir.dtypes import INTEGERS
from .....ops.tensor import Tensor
from ..operators import operator
from ..table import Call, Given, by_name


def _loss(name: str, operation: str, scores: str, since: int) -> None:
    @by_name(operation, since=since)
    def rule(call: Call) -> Given | None:
        x, labels, weight = call.tensor(scores), call["labels"], call.optional("weight")
        if not isinstance(labels, Tensor) or labels.dtype not in INTEGERS or call.given.get("label_smoothing"):
            return None
        axis = call.given.get("axis", -1)
        if (x.ndim != 2 and axis % x.ndim != 1) or x.dtype is not call.y.dtype:
            return None
        how = {"reduction": call["reduction"], "ignore_index": call["ignore_index"]}
        return operator(name, [x, labels, weight], call.y, **how)


_loss("SoftmaxCrossEntropyLoss", "nn.cross_entropy", "logits", 13)
_loss("NegativeLogLikelihoodLoss", "nn.nll", "log_probabilities", 13)
