"""Pictures that need matplotlib, an optional package: the memory of a plan over time.

Must not know: how plans are made.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..runtime.plan import Plan
from .dot import COLOURS

RECOMPUTED = "#f3c6e2"


def plot_plan(plan: Plan, path: str | Path) -> None:
    """Draws the arena - blocks over time, coloured by phase - and the bytes alive at each instruction, to ``path``.

    Raises ModuleNotFoundError without matplotlib (``pip install 'graphdiff[demo]'`` brings it), OSError for a path
    that cannot be written. Example: ``f.plan.plot("plan.png")``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    arena, live = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    colours = {**COLOURS, "recompute": RECOMPUTED}
    drawn: set[str] = set()
    for b in plan.blocks():
        arena.broken_barh([(b.first, b.last + 1 - b.first)], (b.offset, b.bytes), facecolor=colours[b.phase],
                          edgecolor="#555", linewidth=0.4, label=None if b.phase in drawn else b.phase)  # fmt: skip
        drawn.add(b.phase)
    timeline = plan.timeline()
    live.step(np.arange(len(timeline)), timeline, where="mid", color="#555")
    if len(timeline):
        peak = int(timeline.argmax())
        for axes in (arena, live):
            axes.axvline(peak + 0.5, color="#d9480f", linewidth=1)
    if drawn:
        arena.legend(loc="upper right")
    arena.set(ylabel="offset in the arena (bytes)", title=plan.name)
    live.set(ylabel="bytes alive", xlabel="instruction")
    figure.savefig(path)
