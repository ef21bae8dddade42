"""The checkpointing policies that users name as objects.

Must not know: instructions, or what a policy is applied to (schedule/checkpoint.py does; loops read it when lowered).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import GraphError
from ..ops.messages import where_am_i


@dataclass(frozen=True, init=False)
class Every:
    """Checkpointing policy: keep what crosses every k-th forward instruction. Example: ``checkpoint=gd.Every(4)``."""

    k: int

    def __init__(self, k: int):  # written out, so that the line told is the one that called it
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise GraphError(f"Every(k) needs a positive integer, got {k!r}", source=where_am_i())
        object.__setattr__(self, "k", k)
