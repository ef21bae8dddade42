"""More of ``gd.nn`` beside torch.nn.functional, for sweep_torch.py: norms, softmax, recurrent networks, plain losses.

Entering is importing, as in torch_windows.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch_cases import Case, Rng, case, normal, pick, some

import graphdiff as gd


def _channels(rng: Rng) -> tuple[int, ...]:
    """(N, C, ..) with at least two values a channel."""
    return (int(rng.integers(2, 5)), int(rng.integers(1, 5)), *rng.integers(1, 4, int(rng.integers(0, 3))).tolist())


@case
def batch_norm(rng: Rng) -> Case:
    s, training, eps = _channels(rng), bool(rng.random() < 0.5), 10 ** rng.uniform(-6, -2)
    c = (s[1],)
    arrays = [normal(rng, s), normal(rng, c), normal(rng, c)]
    mean, var = rng.normal(size=c), rng.uniform(0.2, 3, c)
    return Case(
        arrays,
        lambda x, w, b: gd.nn.batch_norm(x, mean, var, w, b, training=training, eps=eps),
        lambda x, w, b: F.batch_norm(x, torch.tensor(mean), torch.tensor(var), w, b, training, 0.1, eps),
        (training, eps),
        named=(0,),
    )


@case
def group_norm(rng: Rng) -> Case:
    groups, each = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    s = (int(rng.integers(1, 4)), groups * each, *rng.integers(2, 4, int(rng.integers(1, 3))).tolist())
    arrays = [normal(rng, s), normal(rng, s[1:2]), normal(rng, s[1:2])]
    return Case(
        arrays,
        lambda x, w, b: gd.nn.group_norm(x, groups, w, b),
        lambda x, w, b: F.group_norm(x, groups, w, b),
        groups,
        named=(0,),
    )


def _last(rng: Rng) -> tuple[int, ...]:
    return (*rng.integers(1, 4, int(rng.integers(0, 3))).tolist(), int(rng.integers(2, 6)))


@case
def layer_norm(rng: Rng) -> Case:
    s = _last(rng)
    return Case(
        [normal(rng, s), normal(rng, s[-1:]), normal(rng, s[-1:])],
        lambda x, w, b: gd.nn.layer_norm(x, w, b),
        lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b),
        named=some(rng, len(s) - 1),
    )


@case
def rms_norm(rng: Rng) -> Case:
    s, eps = _last(rng), 10 ** rng.uniform(-6, -2)
    return Case(
        [normal(rng, s), normal(rng, s[-1:])],
        lambda x, w: gd.nn.rms_norm(x, w, eps=eps),
        lambda x, w: F.rms_norm(x, x.shape[-1:], w, eps),
        eps,
        named=some(rng, len(s) - 1),
    )


@case
def linear(rng: Rng) -> Case:
    s, out = _last(rng), int(rng.integers(1, 5))
    return Case(
        [normal(rng, s), normal(rng, (s[-1], out)), normal(rng, (out,))],
        gd.nn.linear,
        lambda x, w, b: F.linear(x, w.T, b),
        named=some(rng, len(s) - 1),
    )


def _softmax(name: str) -> None:
    def draw(rng: Rng) -> Case:
        s = _last(rng)
        axis = int(rng.integers(-len(s), len(s)))
        return Case(
            [normal(rng, s) * float(rng.choice([1, 30]))],
            lambda x: getattr(gd.nn, name)(x, axis=axis),
            lambda x: getattr(F, name)(x, dim=axis),
            axis,
            named=some(rng, len(s)),
        )

    draw.__name__ = name
    case(draw)


_softmax("softmax")
_softmax("log_softmax")


@case
def nll(rng: Rng) -> Case:
    n, c = int(rng.integers(1, 5)), int(rng.integers(2, 5))
    labels = rng.integers(0, c, n)
    reduction, weight = pick(rng, "mean", "sum", "none"), rng.uniform(0.1, 2, c)
    return Case(
        [normal(rng, (n, c))],
        lambda x: gd.nn.nll(gd.nn.log_softmax(x), labels, weight=weight, reduction=reduction),
        lambda x: F.nll_loss(
            F.log_softmax(x, -1), torch.tensor(labels), weight=torch.tensor(weight), reduction=reduction
        ),
        reduction,
    )


@case
def binary_cross_entropy(rng: Rng) -> Case:
    s, reduction = _last(rng), pick(rng, "mean", "sum", "none")
    t, weight = rng.uniform(0, 1, s), rng.uniform(0.1, 2, s)
    return Case(
        [rng.uniform(0.01, 0.99, s)],
        lambda p: gd.nn.binary_cross_entropy(p, t, weight=weight, reduction=reduction),
        lambda p: F.binary_cross_entropy(p, torch.tensor(t), weight=torch.tensor(weight), reduction=reduction),
        reduction,
    )


def _recurrent(name: str) -> None:
    """Layers, directions and lengths that differ, against torch.nn's modules with packed sequences."""

    def draw(rng: Rng) -> Case:
        t, n, i, h, layers = (int(k) for k in rng.integers(1, 4, 5))
        both, ragged = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
        module = getattr(torch.nn, name.upper())(i, h, layers, bidirectional=both).double()
        lengths = rng.integers(1, t + 1, n) if ragged else np.full(n, t)
        names = [k for k, _ in module.named_parameters()]
        arrays = [normal(rng, (t, n, i)), *(normal(rng, tuple(p.shape)) * 0.3 for _, p in module.named_parameters())]

        def ours(x: gd.Tensor, *weights: gd.Tensor) -> gd.Tensor:
            how: dict[str, Any] = {"lengths": lengths} if ragged else {}
            y, last = getattr(gd.nn, name)(x, None, list(weights), num_layers=layers, bidirectional=both, **how)
            last = list(last) if name == "lstm" else [last]
            return gd.concat([gd.reshape(v, (-1,)) for v in (y, *last)])

        def theirs(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
            packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
            given = dict(zip(names, weights, strict=True))
            y, last = torch.func.functional_call(module, given, (packed,))
            y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=t)
            last = list(last) if name == "lstm" else [last]
            return torch.cat([v.reshape(-1) for v in (y, *last)])

        return Case(arrays, ours, theirs, (t, n, i, h, layers, both, ragged))

    draw.__name__ = name
    case(draw)


_recurrent("rnn")
_recurrent("gru")
_recurrent("lstm")
