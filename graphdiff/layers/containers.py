"""Layers made of layers: Sequential and Residual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import graphdiff as gd

from ..ops.messages import where_am_i
from .layer import Layer


class Sequential(Layer):
    """Layers and functions one after another; their names are their numbers: ``"0.weight"``.

    ``seed``: of all that is drawn for parameters. Raises GraphError for what cannot be called.
    Example: ``L.Sequential(L.Linear(784, 64), gd.nn.relu, L.Linear(64, 10), seed=0)``."""

    def __init__(self, *layers: Callable[..., gd.Tensor], seed: int | None = None):
        self._seed = seed
        for k, layer in enumerate(layers):
            if not callable(layer):
                raise gd.GraphError(
                    f"{type(self).__name__}: argument {k} is {layer!r}, no layer and no function", source=where_am_i()
                )
            vars(self)[str(k)] = layer

    def _items(self) -> list[Any]:
        return [value for key, value in vars(self).items() if key[0] != "_"]

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[Callable[..., gd.Tensor]]:
        return iter(self._items())

    def __getitem__(self, k: int) -> Layer:
        found: Layer = self._items()[k]
        return found

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        for layer in self._items():
            x = layer(x)
        return x


class Residual(Sequential):
    """``x + f(x)``, f being layers and functions one after another (He et al. 2016); ``shortcut(x) + f(x)`` with one.

    Example: ``L.Residual(L.Linear(64, 64), L.BatchNorm(64), gd.nn.relu, L.Linear(64, 64), L.BatchNorm(64))``."""

    def __init__(
        self,
        *layers: Callable[..., gd.Tensor],
        shortcut: Callable[..., gd.Tensor] | None = None,
        seed: int | None = None,
    ):
        super().__init__(*layers, seed=seed)
        self.shortcut = shortcut

    def _items(self) -> list[Any]:
        return [value for key, value in vars(self).items() if key.isdigit()]

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return (x if self.shortcut is None else self.shortcut(x)) + super().__call__(x)
