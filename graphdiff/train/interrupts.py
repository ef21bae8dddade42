"""Ctrl-C while a run is between two states that can be saved: it waits until the second one is reached.

Must not know: what a run is.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Interrupts:
    """``with interrupts:`` around a loop, ``with interrupts.held():`` around what must not be half done in it.

    A first Ctrl-C in there is raised at its end, a second one at once; ``broken`` says that this has happened. Where
    the program has a handler of its own, or the loop is not on the main thread, nothing is changed."""

    def __init__(self) -> None:
        self.broken = False
        self._holding = self._waiting = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        on_main = threading.current_thread() is threading.main_thread()
        if on_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._caught)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if self._holding and not self._waiting:
            self._waiting = True
            return
        self.broken = self._holding
        raise KeyboardInterrupt

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._waiting:
            self._waiting = False
            raise KeyboardInterrupt
