"""Declaration of connectionist temporal classification: the probability of a sequence of labels, blanks and repetitions
among the classes of each time left out, over all ways to spread it over the times (Graves et al. 2006).

A composite: one scan over the times carries the logarithms of the probabilities of all prefixes. Must not know: how a
scan runs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import Size, format_shape
from ..ir.dtypes import INTEGERS, int64
from .arrange import pad
from .comparison import equal, greater, greater_equal, less, logical_and, not_equal
from .control import scan
from .creation import full
from .cumulative import cumsum
from .elementwise import astype, maximum, minimum, negative, where
from .functions import logaddexp
from .gather import as_index, checked_label, index, size_as, take, take_along_axis
from .joining import stack
from .leaves import ensured
from .losses import numpy_reduced, reduced
from .movement import broadcast_to, expand_dims, reshape, squeeze
from .opdef import composite
from .operands import int_of, operands
from .reduce import all as all_
from .reduce import mean
from .registry import Sample
from .tensor import Tensor, as_tensor, fail, scalar
from .types import Reduction, TensorLike


def _sequences(targets: Any, lengths: Any) -> list[Any]:
    if targets.ndim == 2:
        return [t[:n] for t, n in zip(targets, lengths, strict=True)]
    ends = np.cumsum(lengths)
    return [targets[end - n : end] for n, end in zip(lengths, ends, strict=True)]


def _reference(
    logp: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """By the sum over all states, in probabilities."""
    found = []
    for n, labels in enumerate(_sequences(targets, target_lengths)):
        states = [blank]
        for label in labels:
            states += [label, blank]
        p = np.zeros(len(states))
        p[0] = 1.0
        for t in range(input_lengths[n]):
            new = np.zeros(len(states))
            for s, state in enumerate(states):
                new[s] = p[s] + (p[s - 1] if s else 0)
                if s > 1 and state != blank and state != states[s - 2]:
                    new[s] += p[s - 2]
                new[s] *= np.exp(logp[t, n, state])
            p = new
        with np.errstate(divide="ignore"):
            found.append(-np.log(p[-1] + (p[-2] if len(states) > 1 else 0)))
    losses = np.array(found)
    losses = np.where(np.isinf(losses), 0, losses) if zero_infinity else losses
    return np.mean(losses / np.maximum(target_lengths, 1)) if reduction == "mean" else numpy_reduced(losses, reduction)


def _samples(rng: np.random.Generator) -> Any:
    def logp(*shape: int) -> Any:
        x = rng.normal(size=shape)
        return x - np.log(np.exp(x).sum(-1, keepdims=True))

    targets = np.array([[1, 2, 2, 0], [3, 1, 2, 3], [2, 1, 1, 3]])
    lengths = np.array([6, 5, 6]), np.array([3, 2, 0])
    for r in ("mean", "sum", "none"):
        yield Sample((logp(6, 3, 4), targets, *lengths), {"reduction": r})
    yield Sample((logp(6, 3, 4), np.array([0, 2, 2, 3, 3]), np.array([6, 6, 4]), np.array([0, 2, 3])), {"blank": 1})
    yield Sample(
        (logp(3, 2, 3), np.array([[1, 1, 2], [1, 2, 0]]), np.array([3, 3]), np.array([3, 2])), {"zero_infinity": True}
    )


def _lengths(name: str, what: str, given: Any, n: Size, most: Size, xs: list[Tensor]) -> Tensor:
    """Lengths (n,) from 0 to ``most``, int64; others fail the call."""
    found = as_tensor(np.asarray(given, np.int64), name) if isinstance(given, (list, tuple)) else as_tensor(given, name)
    if found.dtype not in INTEGERS:
        fail(DTypeError, name, f"{what} are {found.dtype.name}; write .astype('int64')", [*xs, found])
    if found.shape != (n,):
        told = f"{what} have shape {format_shape(found.shape)}, not {format_shape((n,))}"
        fail(ShapeError, name, told, [*xs, found])
    found = astype(found, int64)
    fits = all_(logical_and(greater_equal(found, 0), less(found, size_as(most, int64) + 1)))
    return where(ensured(fits, f"{name}: {what} lie from 0 to {most}"), found, 0)


@composite(namespace="nn", reference=_reference, samples=_samples)
def ctc_loss(
    log_probs: TensorLike,
    targets: TensorLike,
    input_lengths: TensorLike,
    target_lengths: TensorLike,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the logarithm of the probability that classes drawn at each time, repetitions merged and blanks left out,
    are the labels.

    ``log_probs``: (T, N, C), or (T, C) for one sequence: the logarithms of each time's probabilities, as log_softmax
    gives them, -inf allowed. ``targets``: labels (N, S), of which target_lengths count, or all of them one after
    another (sum of the lengths,). "mean" is of the losses by their target's length. A sequence that no way leads to has
    loss inf, or with ``zero_infinity`` 0, and no derivative. Lengths and labels out of range fail the call. The
    derivative is that by log_probs alone; torch's is that by what log_softmax was taken of.

    Arguments: ``log_probs``: as above; ``targets``: as above; ``input_lengths``: (N,), how many times count;
    ``target_lengths``: (N,), how many labels; ``blank``: the class that is none; ``reduction``: "mean", "sum" or
    "none"; ``zero_infinity``: as above
    Dtypes: float
    Shapes: (T, N, C), (N, S) or (total,), (N,), (N,) -> 0-d, or (N,) where reduction is "none"
    Edges: ctc_loss([[[0.0, -inf]]], [[1]], [1], [1]) = inf; a label out of range fails the call
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.ctc_loss([[[-0.6931472, -0.6931472]]], [[1]], [1], [1]) -> 0.6931472
    Source: Graves et al. 2006; arguments of torch.nn.functional.ctc_loss
    """
    name = "ctc_loss"
    (logp,) = operands(name, (log_probs,), "float")
    labels = as_index(name, targets)
    xs = [logp, labels]
    if logp.ndim not in (2, 3):
        fail(ShapeError, name, f"log_probs have {logp.ndim} dimensions; they are (T, N, C) or (T, C)", xs)
    alone = logp.ndim == 2
    if alone:
        logp, labels = expand_dims(logp, 1), expand_dims(labels, 0) if labels.ndim == 1 else labels
        input_lengths, target_lengths = (reshape(as_index(name, x), (1,)) for x in (input_lengths, target_lengths))
    times, n, classes = logp.shape
    blank = int_of(name, "blank", blank, xs)
    if blank < 0 or (isinstance(classes, int) and blank >= classes):
        fail(GraphError, name, f"blank {blank} is no class from 0 to {classes - 1}", xs)
    if labels.ndim not in (1, 2) or (labels.ndim == 2 and labels.shape[0] != n):
        told = f"targets have shape {format_shape(labels.shape)}, not ({n}, S) or (the sum of target_lengths,)"
        fail(ShapeError, name, told, xs)
    most = labels.shape[-1]
    ends = _lengths(name, "input_lengths", input_lengths, n, times, xs)
    sizes = _lengths(name, "target_lengths", target_lengths, n, most, xs)
    labels = astype(labels, int64)
    if labels.ndim == 1:
        first = cumsum(sizes, axis=0) - sizes
        at = minimum(expand_dims(first, 1) + index((1, most), 0, (0, 1)), size_as(most, int64) - 1)
        fits = all_(less(first + sizes, size_as(most, int64) + 1))
        at = where(ensured(fits, f"{name}: target_lengths add up to more than the {most} targets"), at, 0)
        labels = take(labels, at)
    counts = less(index((1, most), 0, (0, 1)), expand_dims(sizes, 1))
    labels = checked_label(where(counts, labels, blank), classes)
    losses = _losses(logp, labels, ends, sizes, blank)
    if zero_infinity:
        losses = where(equal(losses, math.inf), 0, losses)
    if reduction == "mean":
        return mean(losses / astype(maximum(sizes, 1), losses.dtype))
    losses = reduced(name, losses, reduction)
    return squeeze(losses, axis=0) if alone and losses.ndim else losses


def _losses(logp: Tensor, labels: Tensor, ends: Tensor, sizes: Tensor, blank: int) -> Tensor:
    """The loss of each sequence. States are the labels with a blank around each: after each time, the logarithm of the
    probability of all ways that end in each of them."""
    (times, n, _), most = logp.shape, labels.shape[1]
    width = 2 * most + 1
    between = stack([full((n, most), blank, int64), labels], axis=2)
    states = pad(reshape(between, (n, 2 * most)), ((0, 0), (0, 1)), constant_values=blank)
    # a label may follow the one before it at once, where the two differ
    two_before = pad(states, ((0, 0), (2, 0)), constant_values=blank)[:, :width]
    skips = logical_and(not_equal(states, blank), not_equal(states, two_before))
    each = take_along_axis(logp, broadcast_to(expand_dims(states, 0), (times, n, width)), axis=2)
    runs = expand_dims(less(index((times, 1), 0, (1, 0)), ends), 2)

    def later(p: Tensor, by: int) -> Tensor:
        return pad(p, ((0, 0), (by, 0)), constant_values=-math.inf)[:, :width]

    def step(p: Any, row: Any) -> Any:
        here, run = row
        reached = logaddexp(logaddexp(p, later(p, 1)), where(skips, later(p, 2), -math.inf))
        return where(run, reached + here, p), None

    start = where(equal(index((n, width), 0, (0, 1)), 0), scalar(0, logp.dtype), -math.inf)
    p, _ = scan(step, start, (each, runs))
    last = expand_dims(2 * sizes, 1)
    ends_in_blank = take_along_axis(p, last, axis=1)
    ends_in_label = take_along_axis(p, maximum(last - 1, 0), axis=1)
    ends_in_label = where(greater(last, 0), ends_in_label, -math.inf)
    return negative(reshape(logaddexp(ends_in_blank, ends_in_label), (n,)))
