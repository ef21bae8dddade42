"""Pictures that need matplotlib, an optional package: the memory of a plan over time, time against bytes.

Must not know: how plans are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import write_file
from ..runtime.plan import Plan
from ..runtime.tradeoff import Tradeoff
from .dot import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECOMPUTED = "#f3c6e2"


def empty_figure(width: float, height: float) -> Any:
    """A matplotlib Figure in inches, drawn without a display. Raises ModuleNotFoundError saying what brings it."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        told = "a plot needs matplotlib, which is not installed: pip install 'graphdiff[demo]'"
        raise ModuleNotFoundError(told, name=error.name) from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Any, path: str | Path) -> None:
    """Writes a figure in the format that the path's suffix names, PNG where it has none."""
    form = Path(path).suffix[1:] or "png"
    write_file(path, lambda file: figure.savefig(file, format=form))


def along(share: float) -> tuple[float, float, float]:
    """A colour from dark blue (0) over green to yellow (1), in which an order can be seen."""
    stops = np.array([[0.19, 0.10, 0.40], [0.13, 0.44, 0.55], [0.36, 0.70, 0.38], [0.93, 0.75, 0.15]])
    r, g, b = (float(np.interp(share * 3, range(4), stops[:, c])) for c in range(3))
    return r, g, b


def plot_plan(plan: Plan, path: str | Path | None = None) -> Figure:
    """Draws the arena - blocks over time, coloured by phase - and the bytes alive at each instruction; under a
    byte limit also the line that neither crosses (what is scratch is taken off it). Written to ``path`` if given.

    Raises ModuleNotFoundError without matplotlib (``pip install 'graphdiff[demo]'`` brings it), OSError for a path
    that cannot be written. Example: ``f.plan.plot("plan.png")``.
    """
    figure = empty_figure(9, 5)
    arena, live = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    colours = {**COLOURS, "recompute": RECOMPUTED}
    drawn: set[str] = set()
    for b in plan.blocks():
        arena.broken_barh(
            [(b.first, b.last + 1 - b.first)],
            (b.offset, b.bytes),
            facecolor=colours[b.phase],
            edgecolor="#555",
            linewidth=0.4,
            label=None if b.phase in drawn else b.phase,
        )
        drawn.add(b.phase)
    timeline = plan.timeline()
    live.step(np.arange(len(timeline)), timeline, where="mid", color="#555")
    if len(timeline):
        peak = int(timeline.argmax())
        for axes in (arena, live):
            axes.axvline(peak + 0.5, color="#d9480f", linewidth=1)
    if plan.memory_limit is not None:
        limit = plan.memory_limit - plan.scratch_bytes
        for axes in (arena, live):
            axes.axhline(
                limit, color="#c92a2a", linestyle="--", linewidth=1, label=f"limit of {plan.memory_limit:,} bytes"
            )
    if drawn:
        arena.legend(loc="upper right")
    arena.set(ylabel="offset in the arena (bytes)", title=plan.name)
    live.set(ylabel="bytes alive", xlabel="instruction")
    if path is not None:
        write_figure(figure, path)
    return figure


def plot_tradeoff(curve: Tradeoff, path: str | Path | None = None) -> Figure:
    """Draws predicted - and where there are feeds measured - time over the arena's bytes, and the limits. Written to
    ``path`` if given.

    Raises as :func:`plot_plan`. Example: ``gd.tradeoff([x], g, [0.9, 0.7, 0.5]).plot("curve.png")``.
    """
    figure = empty_figure(7, 4.5)
    axes = figure.subplots()
    points = sorted((p for p in (*curve.points, curve.everything) if p.arena_bytes is not None), key=lambda p: p.limit)
    arena = np.array([p.arena_bytes for p in points], float)
    axes.step(arena, [p.seconds * 1e3 for p in points], where="post", marker="o", color="#1864ab", label="predicted")
    measured = np.array([p.measured or np.nan for p in points])
    if np.isfinite(measured).all():
        axes.plot(arena, measured * 1e3, "s", color="#d9480f", label="measured")
    for p in curve.points:
        axes.axvline(p.limit, color="#c92a2a" if p.arena_bytes is None else "#bbb", linestyle=":", linewidth=1)
    axes.set(xlabel="arena (bytes)", ylabel="time of a call (ms)", title=curve.name, ylim=(0, None))
    axes.legend()
    if path is not None:
        write_figure(figure, path)
    return figure
