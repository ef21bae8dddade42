"""RNN, GRU and LSTM: ``gd.nn``'s functions with their weights. Names, layouts and values at first are PyTorch's."""

from __future__ import annotations

from typing import Any, Literal

import graphdiff as gd

from ..ops.types import DTypeLike, TensorLike
from .basic import uniform_of
from .layer import Layer, parameter, whole


class _Recurrent(Layer):
    _gates = 1

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        bidirectional: bool = False,
        batch_first: bool = False,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ):
        whole(type(self).__name__, inputs=inputs, hidden=hidden, layers=layers)
        self._settings: dict[str, Any] = {"bidirectional": bidirectional, "batch_first": batch_first}
        self._settings["num_layers"] = layers
        directions = ["", "_reverse"] if bidirectional else [""]
        self._weights: list[str] = []
        for k in range(layers):
            features = inputs if k == 0 else hidden * len(directions)
            for end in directions:
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (features,), "weight_hh": (hidden,)}
                shapes |= {"bias_ih": (), "bias_hh": ()} if bias else {}
                for what, rest in shapes.items():
                    name = f"{what}_l{k}{end}"
                    self._weights.append(name)
                    setattr(self, name, parameter((self._gates * hidden, *rest), uniform_of(hidden), dtype))

    def _run(self, function: Any, x: gd.Tensor, hx: Any, lengths: Any) -> Any:
        return function(x, hx, [getattr(self, name) for name in self._weights], lengths=lengths, **self._settings)


class RNN(_Recurrent):
    """``gd.nn.rnn``. Example: ``y, h = L.RNN(8, 16)(x)`` for x (time, batch, 8).

    Arguments: ``inputs``: the features; ``hidden``: the size of the state; ``layers``: how many, one above the other;
    ``bidirectional``: whether there is a second one from the end; ``batch_first``: whether x is (batch, time, ...);
    ``bias``: whether there are biases; ``nonlinearity``: "tanh" or "relu"; ``dtype``: of the parameters; the default
    dtype unless given.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        bidirectional: bool = False,
        batch_first: bool = False,
        bias: bool = True,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        dtype: DTypeLike | None = None,
    ):
        super().__init__(inputs, hidden, layers, bidirectional, batch_first, bias, dtype)
        self._settings["nonlinearity"] = nonlinearity

    def __call__(
        self, x: gd.Tensor, lengths: TensorLike | None = None, hx: TensorLike | None = None
    ) -> tuple[gd.Tensor, gd.Tensor]:
        y, h = self._run(gd.nn.rnn, x, hx, lengths)
        return y, h


class GRU(_Recurrent):
    """``gd.nn.gru``. Example: ``y, h = L.GRU(8, 16, layers=2)(x, lengths=n)`` for x (time, batch, 8)."""

    _gates = 3

    def __call__(
        self, x: gd.Tensor, lengths: TensorLike | None = None, hx: TensorLike | None = None
    ) -> tuple[gd.Tensor, gd.Tensor]:
        y, h = self._run(gd.nn.gru, x, hx, lengths)
        return y, h


class LSTM(_Recurrent):
    """``gd.nn.lstm``. Example: ``y, (h, c) = L.LSTM(8, 16, bidirectional=True)(x)`` for x (time, batch, 8)."""

    _gates = 4

    def __call__(
        self, x: gd.Tensor, lengths: TensorLike | None = None, hx: tuple[TensorLike, TensorLike] | None = None
    ) -> tuple[gd.Tensor, tuple[gd.Tensor, gd.Tensor]]:
        y, states = self._run(gd.nn.lstm, x, hx, lengths)
        return y, states
