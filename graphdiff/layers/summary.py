"""The table of a model: what each layer gives, how many parameters it has and how many flops it takes.

Owns: the record of calls while a model is looked at (``watched``).
Must not know: what a layer is.
"""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import graphdiff as gd

Call = tuple[Any, str, tuple[Any, ...], dict[str, Any], Any]  # layer, path, arguments, keyword arguments, result


class _Watched:
    """``with watched() as calls:`` lists the calls of layers, each when it ends."""

    def __init__(self) -> None:
        self.lists: ContextVar[tuple[list[Call], ...]] = ContextVar("layers_watched", default=())

    @contextlib.contextmanager
    def __call__(self) -> Iterator[list[Call]]:
        calls: list[Call] = []
        token = self.lists.set((*self.lists.get(), calls))
        try:
            yield calls
        finally:
            self.lists.reset(token)


watched = _Watched()


class Row(NamedTuple):
    """One layer: its path, its kind, the shape it gives, its parameters and flops (None: unknown)."""

    name: str
    kind: str
    output: str
    parameters: int
    flops: int | None


class Summary:
    """``rows``, ``parameters`` and ``flops`` of the whole; ``print`` shows the table."""

    def __init__(self, kind: str, rows: Sequence[Row], parameters: int, flops: int | None):
        self.kind, self.rows, self.parameters, self.flops = kind, list(rows), parameters, flops

    def _cells(self) -> list[tuple[str, ...]]:
        rows = [*self.rows, Row("total", self.kind, "", self.parameters, self.flops)]
        cells = [
            (r.name, r.kind, r.output, f"{r.parameters:,}", "-" if r.flops is None else f"{r.flops:,}") for r in rows
        ]
        return [("layer", "kind", "output", "parameters", "flops"), *cells]

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[k]) for row in cells) for k in range(5)]
        return "\n".join(
            "  ".join(c.ljust(w) if k < 3 else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths))).rstrip()
            for row in cells
        )

    def __repr__(self) -> str:
        return f"<Summary of {self.kind}: {len(self.rows)} layers, {self.parameters:,} parameters>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(c)}</td>' for c in row)}</tr>" for row in self._cells())
        return f"<table>{rows}</table>"


def _number(flops: int | None) -> str:
    return "-" if flops is None else f"{flops:,}"


def measured(kind: str, calls: Sequence[Call], parameters: Mapping[int, int], total: int) -> Summary:
    """The table of these calls, the outermost's last; ``parameters`` by the layer's id."""
    *inner, whole = calls
    rows = [
        Row(path, type(layer).__name__, _shapes(result), parameters[id(layer)], _flops(layer, args, kwargs))
        for layer, path, args, kwargs, result in sorted(inner, key=_order(inner))
    ]
    return Summary(kind, rows, total, _flops(whole[0], whole[2], whole[3]))


def _order(calls: Sequence[Call]) -> Any:
    """A layer before those in it: calls are listed when they end, so by the first that ended within it."""
    first: dict[str, int] = {}
    for k, (_, path, *_rest) in enumerate(calls):
        parts = path.split(".")
        for n in range(1, len(parts) + 1):
            first.setdefault(".".join(parts[:n]), k)
    return lambda call: (first[call[1]], len(call[1]))


def _shapes(result: Any) -> str:
    if isinstance(result, gd.Tensor):
        return "(" + ", ".join(map(str, result.shape)) + ("," if result.ndim == 1 else "") + ")"
    if isinstance(result, (list, tuple)):
        return ", ".join(map(_shapes, result))
    return type(result).__name__


def _flops(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """What a call with inputs of these shapes takes, alone, each named size as 1."""
    inputs: list[gd.Tensor] = []

    def fresh(value: Any) -> Any:
        if isinstance(value, gd.Tensor):
            value = gd.input(
                f"in{len(inputs)}", tuple(1 if not isinstance(s, int) else s for s in value.shape), value.dtype
            )
            inputs.append(value)
        return type(value)(map(fresh, value)) if type(value) in (list, tuple) else value

    taken, named = [fresh(a) for a in args], {k: fresh(a) for k, a in kwargs.items()}
    try:
        return int(gd.compile(inputs, layer(*taken, **named)).plan.flops)
    except gd.GraphdiffError:  # a size of 1 is too small for it
        return None
