"""Rules of RNN, GRU and LSTM: scans over time, with what does not depend on the state computed before them at once.

Gates stand in ONNX's order: z r h of a GRU, i o f c of an LSTM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import graphdiff as gd

from ....errors import GraphError
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads
from .elementwise import as_int64

Function = Callable[[Tensor], Tensor]
# (states, what the input gives the gates) -> the new states
Cell = Callable[[Sequence[Tensor], Tensor], Sequence[Tensor]]

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


class Weights(NamedTuple):
    """Of one direction: for the input (gates * h, n), for the state (gates * h, h), both biases together and apart, and
    for peepholes (3 * h,)."""

    of_input: Tensor
    of_state: Tensor
    bias: Tensor | None
    state_bias: Tensor | None
    peephole: Tensor | None


@reads("RNN", "GRU", "LSTM")
def recurrent(call: Call) -> list[Tensor]:
    op = call.node.op
    x, w, r = call.tensor(0), call.tensor(1), call.tensor(2)
    bias, lengths = call.optional(3), call.optional(4)
    states = [call.optional(5), *([call.optional(6)] if op == "LSTM" else [])]
    peepholes = call.optional(7) if op == "LSTM" else None
    batch_first = call.flag("layout")
    if batch_first:
        x = gd.swapaxes(x, 0, 1)
        states = [None if s is None else gd.swapaxes(s, 0, 1) for s in states]
    direction = call.text("direction", "forward")
    runs = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}.get(direction)
    if runs is None:
        call.fail(GraphError, f'direction is "forward", "reverse" or "bidirectional", got {direction!r}')
    hidden = r.shape[2]
    alive = None
    if lengths is not None:
        steps = gd.expand_dims(gd.arange(x.shape[0]), axis=1)
        alive = gd.expand_dims(steps < as_int64(lengths), axis=2)
    functions = _functions(call, len(runs))
    ys, lasts = [], []
    for k, back in enumerate(runs):
        biases = None if bias is None else gd.split(bias[k], 2)
        of_one = Weights(
            w[k],
            r[k],
            None if biases is None else biases[0] if op == "GRU" else biases[0] + biases[1],
            biases[1] if biases is not None and op == "GRU" else None,
            None if peepholes is None else peepholes[k],
        )
        zero = gd.zeros((x.shape[1], hidden), dtype=x.dtype)
        start = [zero if s is None else s[k] for s in states]
        y, last = _direction(call, of_one, functions[k], x, start, alive, back)
        ys.append(y)
        lasts.append(last)
    y = gd.stack(ys, axis=1)
    ends = [gd.stack([last[i] for last in lasts]) for i in range(len(states))]
    if batch_first:
        y, ends = gd.permute_dims(y, (2, 0, 1, 3)), [gd.swapaxes(s, 0, 1) for s in ends]
    return [y, *ends]


def _direction(
    call: Call,
    weights: Weights,
    functions: Sequence[Function],
    x: Tensor,
    start: Sequence[Tensor],
    alive: Tensor | None,
    back: bool,
) -> tuple[Tensor, Sequence[Tensor]]:
    of_input = x @ weights.of_input.T
    of_input = of_input if weights.bias is None else of_input + weights.bias
    cell = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}[call.node.op](call, weights, functions)

    def step(states: tuple[Tensor, ...], row: tuple[Tensor, Tensor | None]) -> tuple[tuple[Tensor, ...], Tensor]:
        part, runs = row
        new = tuple(cell(states, part))
        if runs is None:
            return new, new[0]
        return tuple(gd.where(runs, n, s) for n, s in zip(new, states)), gd.where(runs, new[0], 0)

    last, y = gd.scan(step, tuple(start), (of_input, alive), reverse=back)
    return y, last


# --------------------------------------------------------------------------------------- cells


def _clipped(call: Call) -> Function:
    limit = call.raw("clip")
    return (lambda x: x) if limit is None else (lambda x: gd.clip(x, -float(limit), float(limit)))


def _rnn(call: Call, w: Weights, functions: Sequence[Function]) -> Cell:
    clip, (f,), r = _clipped(call), functions, w.of_state.T
    return lambda states, part: (f(clip(part + states[0] @ r)),)


def _gru(call: Call, w: Weights, functions: Sequence[Function]) -> Cell:
    clip, (f, g) = _clipped(call), functions
    hidden = w.of_state.shape[1]
    gates, new = w.of_state[: 2 * hidden].T, w.of_state[2 * hidden :].T
    bias = w.state_bias
    reset_late = call.flag("linear_before_reset")

    def cell(states: Sequence[Tensor], part: Tensor) -> Sequence[Tensor]:
        (h,) = states
        of_gates = part[:, : 2 * hidden] + h @ gates
        of_gates = of_gates if bias is None else of_gates + bias[: 2 * hidden]
        z, r = gd.split(f(clip(of_gates)), 2, axis=1)
        if reset_late:
            of_state = h @ new if bias is None else h @ new + bias[2 * hidden :]
            of_new = part[:, 2 * hidden :] + r * of_state
        else:
            of_new = part[:, 2 * hidden :] + (r * h) @ new
            of_new = of_new if bias is None else of_new + bias[2 * hidden :]
        n = g(clip(of_new))
        return (n + z * (h - n),)

    return cell


def _lstm(call: Call, w: Weights, functions: Sequence[Function]) -> Cell:
    clip, (f, g, h_of), r = _clipped(call), functions, w.of_state.T
    joined = call.flag("input_forget")
    peep = None if w.peephole is None else gd.split(w.peephole, 3)

    def cell(states: Sequence[Tensor], part: Tensor) -> Sequence[Tensor]:
        h, c = states
        i, o, forget, new = gd.split(part + h @ r, 4, axis=1)
        if peep is not None:
            i, forget = i + peep[0] * c, forget + peep[2] * c
        i = f(clip(i))
        forget = 1 - i if joined else f(clip(forget))
        c = forget * c + i * g(clip(new))
        o = f(clip(o if peep is None else o + peep[1] * c))
        return o * h_of(c), c

    return cell


# --------------------------------------------------------------------------------------- activations

_PLAIN: dict[str, Function] = {
    "tanh": gd.tanh,
    "sigmoid": gd.nn.sigmoid,
    "relu": gd.nn.relu,
    "softplus": gd.nn.softplus,
    "softsign": lambda x: x / (1 + gd.abs(x)),
}
# those with numbers: the defaults of alpha and beta, None for one that it does not have
_WITH: dict[str, tuple[Callable[[Tensor, float, float], Tensor], float, float | None]] = {
    "affine": (lambda x, a, b: a * x + b, 1.0, 0.0),
    "leakyrelu": (lambda x, a, b: gd.nn.leaky_relu(x, a), 0.01, None),
    "thresholdedrelu": (lambda x, a, b: gd.where(x > a, x, 0), 1.0, None),
    "scaledtanh": (lambda x, a, b: a * gd.tanh(b * x), 1.0, 1.0),
    "hardsigmoid": (lambda x, a, b: gd.clip(a * x + b, 0.0, 1.0), 0.2, 0.5),
    "elu": (lambda x, a, b: gd.nn.elu(x, a), 1.0, None),
}


def _functions(call: Call, directions: int) -> list[list[Function]]:
    """The activations of each direction; numbers go to those that have them, in order."""
    defaults = _DEFAULTS[call.node.op]
    names = [str(n).lower() for n in call.list_of("activations", defaults * directions)]
    if len(names) != len(defaults) * directions:
        call.fail(GraphError, f"{len(names)} activations for {directions} directions of {len(defaults)}")
    alphas, betas = iter(call.list_of("activation_alpha", [])), iter(call.list_of("activation_beta", []))
    found = [_function(call, name, alphas, betas) for name in names]
    n = len(defaults)
    return [found[i * n : (i + 1) * n] for i in range(directions)]


def _function(call: Call, name: str, alphas: Iterator[float], betas: Iterator[float]) -> Function:
    if name in _PLAIN:
        return _PLAIN[name]
    if name not in _WITH:
        call.fail(GraphError, f"the activation {name!r} is none of {', '.join(sorted({*_PLAIN, *_WITH}))}")
    f, alpha, beta = _WITH[name]
    a = next(alphas, alpha)
    b = 0.0 if beta is None else next(betas, beta)
    return lambda x: f(x, a, b)
