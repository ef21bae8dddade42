"""The bar of a run: by tqdm, in a terminal or a notebook; without that package a line an epoch.

Must not know: what is trained.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from .history import told


class Progress:
    """Shows the batches of the epochs that are left, and the numbers of the last epoch."""

    def __init__(self, shown: bool, epoch: int, epochs: int, batch: int, total: int | None):
        self._shown = shown and epoch < epochs
        self._epoch, self._epochs = epoch, epochs
        self._bar: Any = None
        if not self._shown:
            return
        try:
            from tqdm.auto import tqdm
        except ModuleNotFoundError:
            return
        whole = None if total is None else total * epochs
        begun = 0 if total is None else total * epoch + batch
        self._bar = tqdm(total=whole, initial=begun, desc="training", unit="batch", leave=False)

    def batch(self) -> None:
        """One more."""
        if self._bar is not None:
            self._bar.update()

    def epoch(self, logs: Mapping[str, Any]) -> None:
        """An epoch is done."""
        if not self._shown:
            return
        self._epoch += 1
        numbers = {name: told(v) for name, v in logs.items() if np.ndim(v) == 0}
        if self._bar is not None:
            self._bar.set_postfix(numbers, refresh=False)
        else:
            line = ", ".join(f"{name} {text}" for name, text in numbers.items())
            print(f"epoch {self._epoch} of {self._epochs}: {line}", file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
