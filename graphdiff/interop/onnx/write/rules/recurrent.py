"""LSTM, GRU and RNN by their names: torch's gates in ONNX's order. A layer after the other, each an operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphdiff as gd

from .....ir.dims import Dim
from .....ops.tensor import Tensor, as_tensor
from ..operators import operators
from ..table import Call, Given, by_name

# ONNX's name, and its gates by their places among torch's
_CELLS = {"lstm": ("LSTM", (0, 3, 1, 2)), "gru": ("GRU", (1, 0, 2)), "rnn": ("RNN", (0,))}


def _recurrent(name: str) -> None:
    cell, order = _CELLS[name]
    activations = ["Tanh"] if name == "rnn" else None

    @by_name(f"nn.{name}")
    def rule(call: Call) -> Given | None:
        x, first, weights, layers, both, batch_first, lengths = call["args"]
        ws = [as_tensor(w, name) for w in weights]
        if not isinstance(x, Tensor) or x.ndim != 3 or any(w.dtype is not x.dtype for w in ws):
            return None
        hidden = ws[1].shape[1]
        if isinstance(hidden, Dim):
            return None
        directions = 2 if both else 1
        how: dict[str, Any] = {"hidden_size": hidden, "direction": "bidirectional" if both else "forward"}
        if activations is not None:
            how["activations"] = [call["activation"].capitalize()] * directions
        if name == "gru":
            how["linear_before_reset"] = 1
        how = {k: tuple(v) if isinstance(v, list) else v for k, v in how.items()}
        x = gd.swapaxes(x, 0, 1) if batch_first else x
        ends = None if lengths is None else gd.astype(as_tensor(lengths, name), "int32")
        starts = [None if s is None else as_tensor(s, name) for s in first]
        last: list[list[Tensor]] = []
        each = len(ws) // (layers * directions)
        for layer in range(layers):
            k = layer * directions
            mine = [ws[(k + d) * each : (k + d + 1) * each] for d in range(directions)]
            operands = [
                x,
                *_stacked(mine, order),
                ends,
                *(None if s is None else s[k : k + directions] for s in starts),
            ]
            steps, batch = x.shape[:2]
            state = ((directions, batch, hidden), x.dtype)
            types = [((steps, directions, batch, hidden), x.dtype), *[state] * len(starts)]
            y, *ended = operators(cell, operands, types, **how)
            x = gd.reshape(gd.permute_dims(y, (0, 2, 1, 3)), (steps, batch, directions * hidden))
            last.append(ended)
        states = [gd.concat(list(of), axis=0) for of in zip(*last)]
        return [gd.swapaxes(x, 0, 1) if batch_first else x, *states]


def _stacked(directions: Sequence[Sequence[Tensor]], order: Sequence[int]) -> list[Tensor | None]:
    """Weights of inputs and of states and biases of both, all directions of each in one array."""

    def turned(w: Tensor) -> Tensor:
        if len(order) == 1:
            return w
        parts = gd.split(w, len(order))
        return gd.concat([parts[i] for i in order], axis=0)

    out: list[Tensor | None] = [gd.stack([turned(ws[i]) for ws in directions]) for i in (0, 1)]
    if len(directions[0]) == 2:
        return [*out, None]
    return [*out, gd.stack([gd.concat([turned(ws[2]), turned(ws[3])]) for ws in directions])]


for _name in _CELLS:
    _recurrent(_name)
