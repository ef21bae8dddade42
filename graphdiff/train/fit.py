"""The loop: shuffle, cut into batches, call the compiled step, note what it returned and how long it took.

Owns no model and no display. What it has is never lost: Ctrl-C ends the loop, and the history so far is returned.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..wording import count


class Step(NamedTuple):
    """One step: its loss, the step's further results, and its seconds."""

    loss: float
    measures: tuple[float, ...]
    seconds: float


@dataclass(repr=False)
class History:
    """What a run of `fit` saw, and whether Ctrl-C ended it."""

    steps: list[Step] = field(default_factory=list)
    interrupted: bool = False

    def __repr__(self) -> str:
        return f"<History of {count(len(self.steps), 'step')}{', interrupted' * self.interrupted}>"


def batches(rng: np.random.Generator, n: int, size: int) -> Iterator[np.ndarray]:
    """The indices 0..n-1 in a new random order, `size` at a time; the last batch has what is left."""
    order = rng.permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]


def fit(
    step: Callable[..., Sequence[np.ndarray]],
    x: np.ndarray,
    t: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    on_step: Callable[[History], None] | None = None,
) -> History:
    """Call `step(x[batch], t[batch])` over `epochs` shuffled passes.

    ``step`` is a compiled function that updates its parameters and returns scalars, the loss first. ``x``, ``t``:
    arrays of as many rows; ``epochs``: how often all are seen; ``batch_size``: rows a step; ``seed``: of the shuffling.
    ``on_step`` is called after each step with the history so far, for a progress bar. Ctrl-C ends the loop and marks
    the history.

    >>> step = gd.compile([x, t], [loss], updates=opt.updates(params, grads))
    >>> history = fit(step, images, labels, epochs=10, batch_size=64)
    """
    rng = np.random.default_rng(seed)
    history = History()
    try:
        for _ in range(epochs):
            for batch in batches(rng, len(x), batch_size):
                x_batch, t_batch = x[batch], t[batch]
                start = time.perf_counter()
                loss, *measures = step(x_batch, t_batch)
                seconds = time.perf_counter() - start
                # One append, so that Ctrl-C finds a step noted whole or not at all.
                history.steps.append(Step(float(loss), tuple(float(m) for m in measures), seconds))
                if on_step is not None:
                    on_step(history)
    except KeyboardInterrupt:
        history.interrupted = True
    return history
