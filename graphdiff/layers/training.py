"""The difference between inference and training: ``with training() as run``, and what its graphs change.

Owns: the run that layers ask for keys and tell the new values of their states.
Must not know: layers.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from contextvars import ContextVar

import numpy as np

import graphdiff as gd

_fresh = itertools.count()
_run: ContextVar[Run | None] = ContextVar("layers_training", default=None)


class Run:
    """The training graphs built in one ``with training()``. ``updates``: the new values of their states."""

    def __init__(self, seed: int):
        self._seed = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(2))
        self._new: dict[gd.Tensor, gd.Tensor] = {}
        self._key: gd.Tensor | None = None
        self._draws = 0

    @property
    def updates(self) -> dict[gd.Tensor, gd.Tensor]:
        """``{state: new value}`` of running statistics and of the key that dropout draws by, for ``gd.compile``."""
        return self._new | ({} if self._key is None else {self._key: self._key + self._draws})

    def key(self) -> gd.Tensor:
        """A key for ``gd.random`` that no other draw of this run has, another one at each call of its function."""
        if self._key is None:
            self._key = gd.state(f"training{next(_fresh)}.key", np.int64(self._seed))
        self._draws += 1
        return self._key + (self._draws - 1)

    def now(self, state: gd.Tensor) -> gd.Tensor:
        """A state as the layers before have left it."""
        return self._new.get(state, state)

    def move(self, state: gd.Tensor, new: gd.Tensor) -> None:
        """Gives a state its new value."""
        self._new[state] = new

    def __repr__(self) -> str:
        return f"<Run: {len(self.updates)} updates>"


@contextlib.contextmanager
def training(seed: int = 0) -> Iterator[Run]:
    """Calls of layers within build training graphs: dropout draws, batch norm takes the batch's own statistics.

    Yields the run, whose ``updates`` belong to ``gd.compile(updates=...)``. ``seed``: of what is drawn.
    Example: ``with L.training() as run: loss = gd.nn.cross_entropy(model(x), t)``."""
    token = _run.set(Run(seed))
    try:
        run = _run.get()
        assert run is not None
        yield run
    finally:
        _run.reset(token)


def current() -> Run | None:
    """The run whose training graph is being built; None for an inference graph. For layers of your own that draw.

    Example: ``key = L.current().key()``."""
    return _run.get()
