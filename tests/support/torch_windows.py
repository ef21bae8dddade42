"""Random configurations of what ``gd.nn`` does with windows, places and times, beside torch.nn.functional's, for
sweep_torch.py: entered in torch_cases.CASES."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch_cases import CASES, Case, Rng, normal, pick, some

import graphdiff as gd


def _sizes(rng: Rng, n: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(int(k) for k in rng.integers(low, high, n))


def _pool(n: int, largest: bool) -> None:
    name = f"{'max' if largest else 'avg'}_pool{n}d"

    def draw(rng: Rng) -> Case:
        kernel, stride = _sizes(rng, n, 1, 4), _sizes(rng, n, 1, 4)
        step = _sizes(rng, n, 1, 3) if largest else (1,) * n
        span = [d * (k - 1) + 1 for d, k in zip(step, kernel)]
        pads = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)  # torch takes no more
        size = [max(s, 2) + int(k) for s, k in zip(span, rng.integers(0, 7 if n < 3 else 4, n))]
        x = normal(rng, (*_sizes(rng, 2, 1, 3), *size))
        told: dict[str, Any] = {"kernel_size": kernel, "stride": stride, "padding": pads}
        told |= {"ceil_mode": bool(rng.integers(2))}
        told |= {"dilation": step} if largest else {"count_include_pad": bool(rng.integers(2))}
        ours, theirs = getattr(gd.nn, name), getattr(F, name)
        return Case([x], lambda x: ours(x, **told), lambda x: theirs(x, **told), told, some(rng, n + 2))

    CASES[name] = draw


for _n in (1, 2, 3):
    for _largest in (False, True):
        _pool(_n, _largest)


def _one_sided(rng: Rng) -> Case:
    """torch pads beforehand."""
    n = pick(rng, 1, 2)
    kernel, stride = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    pads = tuple((int(rng.integers(0, kernel // 2 + 1)), int(rng.integers(0, kernel // 2 + 1))) for _ in range(n))
    x = normal(rng, (*_sizes(rng, 2, 1, 3), *_sizes(rng, n, kernel, 9)))
    largest = bool(rng.integers(2))
    name = f"{'max' if largest else 'avg'}_pool{n}d"
    flat = [p for pair in reversed(pads) for p in pair]
    ours, theirs = getattr(gd.nn, name), getattr(F, name)
    return Case(
        [x],
        lambda x: ours(x, kernel, stride, pads),
        lambda x: theirs(F.pad(x, flat, value=-np.inf if largest else 0.0), kernel, stride),
        (name, kernel, stride, pads),
        some(rng, n + 2),
    )


CASES["pools padded on one side"] = _one_sided


def _adaptive(n: int) -> None:
    name = f"adaptive_avg_pool{n}d"

    def draw(rng: Rng) -> Case:
        size = _sizes(rng, n, 1, 9)
        m: Any = _sizes(rng, n, 1, 9)
        m = m[0] if n == 1 else tuple(pick(rng, k, None) for k in m)
        named = tuple(i for i in some(rng, n + 2) if i > 1)
        x = normal(rng, (*_sizes(rng, 2, 1, 3), *size))
        ours, theirs = getattr(gd.nn, name), getattr(F, name)
        return Case([x], lambda x: ours(x, m), lambda x: theirs(x, m), (size, m), named)

    CASES[name] = draw


_adaptive(1)
_adaptive(2)


def _convolution(n: int) -> None:
    name = f"conv{n}d"

    def draw(rng: Rng) -> Case:
        groups, kernel, steps = int(rng.integers(1, 3)), _sizes(rng, n, 1, 4), _sizes(rng, n, 1, 3)
        inputs, outputs = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
        told: dict[str, Any] = {"stride": _sizes(rng, n, 1, 4), "padding": _sizes(rng, n, 0, 3), "dilation": steps}
        size = [d * (k - 1) + 1 + int(more) for d, k, more in zip(steps, kernel, rng.integers(0, 4, n))]
        arrays = [normal(rng, (int(rng.integers(1, 3)), inputs, *size))]
        arrays += [normal(rng, (outputs, inputs // groups, *kernel)), normal(rng, (outputs,))]
        ours, theirs = getattr(gd.nn, name), getattr(F, name)
        return Case(
            arrays,
            lambda *xs: ours(*xs, groups=groups, **told),
            lambda *xs: theirs(*xs, groups=groups, **told),
            (groups, told),
            tuple(i for i in some(rng, n + 2) if i != 1),
        )

    CASES[name] = draw


for _n in (1, 2, 3):
    _convolution(_n)


def _transposed(n: int) -> None:
    name = f"conv_transpose{n}d"

    def draw(rng: Rng) -> Case:
        groups, kernel, steps = int(rng.integers(1, 3)), _sizes(rng, n, 1, 4), _sizes(rng, n, 1, 3)
        inputs, outputs, stride = groups * int(rng.integers(1, 3)), int(rng.integers(1, 3)), _sizes(rng, n, 1, 4)
        extra = tuple(int(rng.integers(0, max(s, d))) for s, d in zip(stride, steps))
        pads = tuple(min(int(p), d * (k - 1) // 2) for p, d, k in zip(rng.integers(0, 3, n), steps, kernel))
        told = {"stride": stride, "padding": pads, "output_padding": extra, "groups": groups, "dilation": steps}
        arrays = [normal(rng, (int(rng.integers(1, 3)), inputs, *_sizes(rng, n, 1, 6)))]
        arrays += [normal(rng, (inputs, outputs, *kernel)), normal(rng, (outputs * groups,))]
        ours, theirs = getattr(gd.nn, name), getattr(F, name)
        named = tuple(i for i in some(rng, n + 2) if i != 1)
        return Case(arrays, lambda *xs: ours(*xs, **told), lambda *xs: theirs(*xs, **told), told, named)

    CASES[name] = draw


_transposed(1)
_transposed(2)


def _interpolate(rng: Rng) -> Case:
    modes = ("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area")
    mode = pick(rng, *modes)
    n = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode) or int(rng.integers(1, 4))
    told: dict[str, Any] = {"mode": mode}
    size = _sizes(rng, n, 1, 7)
    if rng.random() < 0.5 and mode != "area":
        told["scale_factor"] = tuple(pick(rng, 1.0, 1.5, 2.0, 3.0, 2.5) for _ in size)
    else:
        told["size"] = _sizes(rng, n, 1, 10)
    theirs = dict(told)
    if mode in ("linear", "bilinear", "trilinear", "bicubic"):
        told["align_corners"] = theirs["align_corners"] = bool(rng.integers(2))
    x = normal(rng, (*_sizes(rng, 2, 1, 3), *size))
    named = some(rng, n + 2) if mode != "area" else ()
    return Case([x], lambda x: gd.nn.interpolate(x, **told), lambda x: F.interpolate(x, **theirs), told, named)


CASES["interpolate"] = _interpolate


def _ctc(rng: Rng) -> Case:
    times, n, classes, most = int(rng.integers(2, 8)), *_sizes(rng, 2, 2, 5), int(rng.integers(1, 4))
    blank, zero = int(rng.integers(classes)), bool(rng.integers(2))
    labels = np.array([k for k in range(classes) if k != blank])
    targets = labels[rng.integers(0, len(labels), (n, most))]
    sizes = rng.integers(0, most + 1, n)
    ends = rng.integers(1, times + 1, n)
    if not zero:  # of what no way leads to torch's derivative is NaN
        ends = np.full(n, 2 * most + 1)
        times = max(times, 2 * most + 1)
    if rng.random() < 0.5:
        targets = np.concatenate([t[:k] for t, k in zip(targets, sizes)])
    how = {"blank": blank, "reduction": pick(rng, "mean", "sum", "none"), "zero_infinity": zero}

    def theirs(x: Any, t: Any, a: Any, b: Any) -> Any:
        return F.ctc_loss(F.log_softmax(x, -1), t, a, b, **how)

    return Case(
        [normal(rng, (times, n, classes)), targets, ends, sizes],
        lambda x, t, a, b: gd.nn.ctc_loss(gd.nn.log_softmax(x), t, a, b, **how),
        theirs,
        (how, targets, ends, sizes),
        (0,) if rng.random() < 0.5 else (),
        order=1,
    )


CASES["ctc_loss"] = _ctc


def _attention(rng: Rng) -> Case:
    groups, each, length, keys, e, f = _sizes(rng, 6, 1, 4)
    lead = _sizes(rng, int(rng.integers(0, 2)), 1, 3)
    gqa, causal = bool(rng.integers(2)), bool(rng.integers(2))
    heads = groups * each if gqa else groups
    arrays = [normal(rng, (*lead, h, s, d)) for h, s, d in ((heads, length, e), (groups, keys, e), (groups, keys, f))]
    kind = pick(rng, None, "bool", "float")
    mask = rng.random((length, keys)) < 0.7 if kind == "bool" else normal(rng, (heads, length, keys))
    if kind == "bool":
        mask[:, 0] = True  # torch's gradient of a query without keys is NaN
    how = {"scale": pick(rng, None, 0.7), "enable_gqa": gqa}

    def theirs(q: Any, k: Any, v: Any) -> Any:
        m = None if kind is None else torch.tensor(mask)
        if causal:
            behind = torch.ones(length, keys, dtype=torch.bool).tril()
            m = behind if m is None else m & behind if kind == "bool" else m.masked_fill(~behind, -np.inf)
        return F.scaled_dot_product_attention(q, k, v, m, **how)

    return Case(
        arrays,
        lambda q, k, v: gd.nn.scaled_dot_product_attention(q, k, v, None if kind is None else mask, causal, **how),
        theirs,
        (kind, causal, how),
    )


CASES["scaled_dot_product_attention"] = _attention
