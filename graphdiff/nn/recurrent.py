"""Recurrent networks, ``gd.nn.rnn``, ``gru`` and ``lstm``: scans with the signature, weights and gates of torch.nn.

What does not depend on the state, the product of all inputs with a layer's weight, is one product outside the loop.
Must not know: layers; how loops run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import format_shape
from ..ir.dtypes import INTEGERS
from ..ops.arrange import split, swapaxes
from ..ops.called import remember
from ..ops.comparison import greater_equal, less, less_equal, logical_and
from ..ops.control import scan
from ..ops.creation import arange, zeros
from ..ops.elementwise import where
from ..ops.functions import relu
from ..ops.joining import concat, stack
from ..ops.leaves import ensured
from ..ops.movement import expand_dims, matrix_transpose, squeeze
from ..ops.sigmoids import sigmoid, tanh
from ..ops.tensor import Tensor, as_tensor, fail
from ..ops.types import TensorLike

# (states, the inputs' part, the weight of the state transposed, its bias) -> the new states
Cell = Callable[[Sequence[Tensor], Tensor, Tensor, Any], Sequence[Tensor]]


def _lstm_cell(states: Sequence[Tensor], of_input: Tensor, weight: Tensor, bias: Any) -> Sequence[Tensor]:
    h, c = states
    i, f, g, o = split(of_input + h @ weight, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def _gru_cell(states: Sequence[Tensor], of_input: Tensor, weight: Tensor, bias: Any) -> Sequence[Tensor]:
    (h,) = states
    of_state = h @ weight if bias is None else h @ weight + bias
    (r, z, n), (hr, hz, hn) = split(of_input, 3, axis=1), split(of_state, 3, axis=1)
    z = sigmoid(z + hz)
    new = tanh(n + sigmoid(r + hr) * hn)
    return (new + z * (h - new),)


def _rnn_cell(activation: Callable[[Tensor], Tensor]) -> Cell:
    def cell(states: Sequence[Tensor], of_input: Tensor, weight: Tensor, bias: Any) -> Sequence[Tensor]:
        return (activation(of_input + states[0] @ weight),)

    return cell


def rnn(
    x: TensorLike,
    hx: TensorLike | None,
    weights: Sequence[TensorLike],
    num_layers: int = 1,
    bidirectional: bool = False,
    batch_first: bool = False,
    lengths: TensorLike | None = None,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
) -> tuple[Tensor, Tensor]:
    """h' = tanh(W x + b + U h + c), or relu, over the first axis of ``x`` (time, batch, features); as torch.nn.RNN.

    ``weights``: for each layer, and each direction in it, W (hidden, features), U (hidden, hidden), and b and c
    (hidden,) or no biases at all. ``hx``: the first h (layers * directions, batch, hidden), None for zeros.
    ``lengths``: how many steps of each sequence count, an integer Tensor (batch,); one below 0 or above time fails the
    call. Later steps give 0 and move no state, and the backward direction starts at the last that counts.
    ``batch_first``: x and y are (batch, time, ..). Without a batch axis x is (time, features). Returns y (time, batch,
    directions * hidden) and the last h.
    Raises ShapeError, DTypeError, GraphError.

    Example: ``y, h = gd.nn.rnn(x, None, [W, U, b, c])``.

    Arguments: ``x``: (time, batch, features); ``hx``: what to begin with, None for zeros; ``weights``: for each layer
    and direction; ``num_layers``: how many, one above the other; ``bidirectional``: whether there is a second one from
    the end; ``batch_first``: whether x and y are (batch, time, ...); ``lengths``: of the sequences, or None;
    ``nonlinearity``: "tanh" or "relu".
    """
    if nonlinearity not in ("tanh", "relu"):
        fail(GraphError, "rnn", f'nonlinearity is "tanh" or "relu", got {nonlinearity!r}')
    cell = _rnn_cell(tanh if nonlinearity == "tanh" else relu)
    how = (x, [hx], weights, num_layers, bidirectional, batch_first, lengths)
    y, (h,) = _layers("rnn", cell, 1, *how)
    remember("nn.rnn", how, {"activation": nonlinearity}, (y, h))
    return y, h


def gru(
    x: TensorLike,
    hx: TensorLike | None,
    weights: Sequence[TensorLike],
    num_layers: int = 1,
    bidirectional: bool = False,
    batch_first: bool = False,
    lengths: TensorLike | None = None,
) -> tuple[Tensor, Tensor]:
    """Gated recurrent units (Cho et al. 2014) over the first axis of ``x``; arguments and results as ``rnn``.

    W and U are (3 * hidden, ..), gates in the order reset, update, new, as torch.nn.GRU has them.
    Raises ShapeError, DTypeError, GraphError. Example: ``y, h = gd.nn.gru(x, None, [W, U, b, c])``.

    Arguments: ``x``: (time, batch, features); ``hx``: what to begin with, None for zeros; ``weights``: for each layer
    and direction; ``num_layers``: how many, one above the other; ``bidirectional``: whether there is a second one from
    the end; ``batch_first``: whether x and y are (batch, time, ...); ``lengths``: of the sequences, or None.
    """
    how = (x, [hx], weights, num_layers, bidirectional, batch_first, lengths)
    y, (h,) = _layers("gru", _gru_cell, 3, *how)
    remember("nn.gru", how, {}, (y, h))
    return y, h


def lstm(
    x: TensorLike,
    hx: tuple[TensorLike, TensorLike] | None,
    weights: Sequence[TensorLike],
    num_layers: int = 1,
    bidirectional: bool = False,
    batch_first: bool = False,
    lengths: TensorLike | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Long short-term memory (Hochreiter and Schmidhuber 1997) over the first axis of ``x``; arguments as ``rnn``.

    W and U are (4 * hidden, ..), gates in the order input, forget, cell, output, as torch.nn.LSTM has them. ``hx``: the
    first (h, c). Returns y and the last (h, c). Raises ShapeError, DTypeError, GraphError.

    Example: ``y, (h, c) = gd.nn.lstm(x, None, [W, U, b, c])``.

    Arguments: ``x``: (time, batch, features); ``hx``: what to begin with, None for zeros; ``weights``: for each layer
    and direction; ``num_layers``: how many, one above the other; ``bidirectional``: whether there is a second one from
    the end; ``batch_first``: whether x and y are (batch, time, ...); ``lengths``: of the sequences, or None.
    """
    if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
        fail(GraphError, "lstm", f"hx is a pair (h, c) or None, got {type(hx).__name__}")
    first = [None, None] if hx is None else list(hx)
    how = (x, first, weights, num_layers, bidirectional, batch_first, lengths)
    y, (h, c) = _layers("lstm", _lstm_cell, 4, *how)
    remember("nn.lstm", how, {}, (y, h, c))
    return y, (h, c)


def _layers(
    name: str,
    cell: Cell,
    gates: int,
    x: Any,
    hx: Sequence[Any],
    weights: Any,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
    lengths: Any,
) -> tuple[Tensor, list[Tensor]]:
    """The layers one on another, and the last states of each one and direction, stacked."""
    x = as_tensor(x, name)
    ws = [as_tensor(w, name) for w in weights]
    runs = num_layers * (2 if bidirectional else 1)
    if x.ndim not in (2, 3):
        fail(ShapeError, name, f"x has {x.ndim} axes; it is (time, batch, features) or (time, features)", [x])
    if num_layers < 1 or len(ws) not in (2 * runs, 4 * runs):
        fail(
            GraphError,
            name,
            f"{num_layers} layers{' in two directions' if bidirectional else ''} take {4 * runs} weights, "
            f"or {2 * runs} without biases, got {len(ws)}",
            [x],
        )
    each = len(ws) // runs
    _check_weights(name, ws, each, gates, x, runs // num_layers)
    alone = x.ndim == 2
    states = [None if s is None else as_tensor(s, name) for s in hx]
    if alone:
        x, states = expand_dims(x, axis=1), [None if s is None else expand_dims(s, axis=1) for s in states]
    elif batch_first:
        x = swapaxes(x, 0, 1)
    hidden = ws[1].shape[1]
    for s in states:
        if s is not None and s.shape != (runs, x.shape[1], hidden):
            told = f"a first state has shape {format_shape(s.shape)}, not {format_shape((runs, x.shape[1], hidden))}"
            fail(ShapeError, name, told, [x, s])
    alive = None
    if lengths is not None:
        ends = as_tensor(lengths, name)
        if alone or ends.shape != (x.shape[1],):
            fail(
                ShapeError, name, f"lengths has shape {format_shape(ends.shape)}, one for each sequence is needed", [x]
            )
        if ends.dtype not in INTEGERS:
            fail(DTypeError, name, f'lengths are integers, got {ends.dtype.name}; write .astype("int64")', [x, ends])
        within = logical_and(greater_equal(ends, 0), less_equal(ends, as_tensor(x.shape[0], name)))
        known = ensured(within, f"{name}: a length is below 0 or above the number of steps")
        steps = expand_dims(arange(x.shape[0]), axis=1)
        alive = expand_dims(logical_and(known, less(steps, ends)), axis=2)
    last: list[Sequence[Tensor]] = []
    for _ in range(num_layers):
        outs = []
        for backward in (False, True)[: 2 if bidirectional else 1]:
            k = len(last)
            nothing = zeros((x.shape[1], hidden), x.dtype)
            start = [nothing if s is None else s[k] for s in states]
            y, end = _direction(cell, x, start, ws[k * each : (k + 1) * each], alive, backward, merged=name != "gru")
            outs.append(y)
            last.append(end)
        x = concat(outs, axis=2) if bidirectional else outs[0]
    ends_of = [stack(list(of_state), axis=0) for of_state in zip(*last)]
    if alone:
        return squeeze(x, axis=1), [squeeze(s, axis=1) for s in ends_of]
    return swapaxes(x, 0, 1) if batch_first else x, ends_of


def _check_weights(name: str, ws: Sequence[Tensor], each: int, gates: int, x: Tensor, directions: int) -> None:
    """All of the shapes that the first layer's hidden size asks for. Raises ShapeError."""
    if ws[1].ndim != 2:
        fail(ShapeError, name, f"weight 1 has shape {format_shape(ws[1].shape)}, not two axes", [x, ws[1]])
    hidden = ws[1].shape[1]
    for k, w in enumerate(ws):
        features = x.shape[-1] if k // each < directions else directions * hidden
        wanted = ((gates * hidden, features), (gates * hidden, hidden), (gates * hidden,), (gates * hidden,))[k % each]
        if w.shape != wanted:
            told = f"weight {k} has shape {format_shape(w.shape)}, not {format_shape(wanted)}"
            fail(ShapeError, name, told, [x, w])


def _direction(
    cell: Cell, x: Tensor, start: Sequence[Tensor], ws: Sequence[Tensor], alive: Tensor | None, back: bool, merged: bool
) -> tuple[Tensor, Sequence[Tensor]]:
    """One layer in one direction: what it gives at each step, and its last states. ``merged``: the state's bias may
    be added with the input's."""
    of_input = x @ matrix_transpose(ws[0])
    bias = None
    if len(ws) == 4:
        of_input = of_input + (ws[2] + ws[3] if merged else ws[2])
        bias = None if merged else ws[3]
    weight = matrix_transpose(ws[1])

    def step(states: Any, row: Any) -> Any:
        if alive is None:
            new = tuple(cell(states, row, weight, bias))
            return new, new[0]
        part, runs = row
        new = tuple(cell(states, part, weight, bias))
        kept = tuple(where(runs, n, s) for n, s in zip(new, states))
        return kept, where(runs, new[0], 0.0)

    last, y = scan(step, tuple(start), of_input if alive is None else (of_input, alive), reverse=back)
    return y, last
