"""Saved functions: one file with the graph's text, the values of parameters and states, and how to compile it.

What compiles again are the same nodes in the same order with the same forward nodes, so phases, plan and bits are
those of the function that was saved. Nothing in a file is trusted: the text is parsed and held to the laws of its
operations, everything else to what a function can be, before anything is compiled.
Must not know: the core's word format; a file runs on any machine and build.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from ..errors import GraphdiffError, GraphError
from ..files import write_file
from ..ir.graph import Graph, exact_text
from ..ir.node import Node, Source, Value
from ..ir.text import is_literal
from ..lower.policy import Every
from ..ops.leaves import Watcher
from ..ops.messages import where_am_i
from ..ops.parse import parse
from ..ops.sparsity import SPARSITY
from ..ops.tensor import Storage
from ..schedule.cost import Costs
from . import _core
from .archive import Archive, pack
from .calling import Structure
from .compiled import CompiledGraph
from .rates import machine
from .structure import Decoder, Encoder

FORMAT = 4
Place = str | os.PathLike[str] | BinaryIO


class Saved(NamedTuple):
    """What a function is made of."""

    program: CompiledGraph
    graph: Graph
    structure: Structure
    monitors: tuple[str, ...]
    checks: dict[Node, Watcher]


def write(place: Place, saved: Saved) -> None:
    """Writes a file, by path or open, that :func:`read` reads. A file by path is replaced only when all is written.

    Raises GraphError where keys of the results are what no file can hold, OSError."""
    content, _ = _members(saved, pickled=False)
    if hasattr(place, "write"):
        pack(place, content)  # type: ignore[arg-type]
    elif isinstance(place, (str, os.PathLike)):
        write_file(place, lambda file: pack(file, content))
    else:
        raise GraphError(f"save: expected a path or an open file, got {place!r}", source=where_am_i())


def read(place: Place) -> Saved:
    """What :func:`write` wrote. Raises GraphError for what is no such file."""
    if hasattr(place, "read"):
        return _read(place, "the file", ())  # type: ignore[arg-type]
    if not isinstance(place, (str, os.PathLike)):
        raise GraphError(f"load: expected a path or an open file, got {place!r}", source=where_am_i())
    try:
        with open(place, "rb") as file:
            return _read(file, os.fspath(place), ())
    except (OSError, ValueError) as e:
        if isinstance(e, GraphdiffError):
            raise
        raise GraphError(f"{place}: {getattr(e, 'strerror', None) or e}", source=where_am_i()) from None


def to_pickle(saved: Saved) -> tuple[bytes, list[Any]]:
    """A saved function as bytes, and what of it only a pickle can hold."""
    content, objects = _members(saved, pickled=True)
    file = io.BytesIO()
    pack(file, content)
    return file.getvalue(), objects


def from_pickle(data: bytes, objects: Sequence[Any]) -> Saved:
    """What :func:`to_pickle` made. Raises GraphError."""
    return _read(io.BytesIO(data), "the pickle", objects)


# --------------------------------------------------------------------------------------- writing


def _members(saved: Saved, pickled: bool) -> tuple[list[tuple[str, Any]], list[Any]]:
    graph, program = saved.graph, saved.program
    whole = Graph(
        graph.name,
        graph.inputs,
        [*graph.outputs, *(n.outputs[0] for n in saved.checks)],
        graph.updates,
        graph.parameters,
    )
    encoder = Encoder([*graph.inputs, *graph.parameters], pickled)
    meta = {
        "format": FORMAT,
        "arguments": encoder.structure(saved.structure.arguments),
        "structure": encoder.structure(saved.structure.results, saved.structure.sparse),
        "lines": [_line(v) for v in (*graph.inputs, *graph.parameters)],
        "monitors": list(saved.monitors),
        "checks": [w.text for w in saved.checks.values()],
        "debug": program.debug,
        "memory_limit": program.limit,
        "checkpoint": _policy(program, whole),
        "threads": program.threads_asked,
        "plan_seconds": program.plan_seconds,
        "nominal": program.costs.nominal,
        "factors": [[*key, factor] for key, factor in program.costs.factors.items()],
    }
    members: list[tuple[str, Any]] = [
        ("function.json", json.dumps(meta).encode()),
        ("graph.txt", exact_text(whole).encode()),
        *encoder.arrays,
    ]
    members += [(f"parameter{i}.npy", p.node.attrs["storage"].array) for i, p in enumerate(graph.parameters)]
    return members, encoder.objects


def _line(leaf: Value) -> list[str | int] | None:
    """Where a leaf was made, which no text tells."""
    source = leaf.node.source
    return [os.path.basename(source.file), source.line] if source else None


def _policy(program: CompiledGraph, graph: Graph) -> Any:
    """A checkpoint setting as JSON; kept values by their place in the text."""
    policy = program.checkpoint
    if isinstance(policy, Every):
        return policy.k
    if isinstance(policy, (list, tuple)):
        place = {v: (n, v.index) for n, node in enumerate(_printed(graph)) for v in node.outputs}
        return [place[v] for v in policy if v in place]
    return policy


def _printed(graph: Graph) -> list[Node]:
    """The nodes that have a line in the text, in its order."""
    return [n for n in graph.nodes if not is_literal(n)]


# --------------------------------------------------------------------------------------- reading


def _read(file: BinaryIO, name: str, objects: Sequence[Any]) -> Saved:
    try:
        archive = Archive(file)
        meta = _Settings(json.loads(archive.take("function.json").decode()))
        graph = _graph(archive)
        for i, p in enumerate(graph.parameters):
            shape = tuple(map(int, p.shape))
            p.node.attrs["storage"] = Storage(archive.take_array(f"parameter{i}.npy", shape, p.dtype))
        for v, source in zip((*graph.inputs, *graph.parameters), meta.lines, strict=True):
            v.node.source = source
        checks = meta.checks(graph)
        graph.outputs = graph.outputs[: len(graph.outputs) - len(checks)]
        sizes = [v.size for v in graph.outputs[: len(graph.outputs) - len(meta.monitors)]]
        patterns = {node.attrs["sizes"][1] for node in graph.nodes if node.op is SPARSITY}
        decoder = Decoder([*graph.inputs, *graph.parameters], archive, objects, patterns)
        arguments, matrices = decoder.whole(meta.arguments, [v.size for v in graph.inputs])
        if arguments.kind is not list or matrices:
            raise ValueError("its arguments are no list")
        structure = Structure(arguments, *decoder.whole(meta.structure, sizes))
        archive.finish()
        program = CompiledGraph(graph, [n.outputs[0] for n in checks], meta.policy(graph), *meta.options)
    except _core.CoreError as e:
        raise GraphError(f"{name} holds a function that cannot run ({e})", source=where_am_i()) from None
    except GraphdiffError as e:
        raise type(e)(f"{name}: {e.fact}", e.operation, e.source or where_am_i()) from None
    except (ValueError, RecursionError) as e:
        raise GraphError(f"{name} is no saved function ({e})", source=where_am_i()) from None
    return Saved(program, graph, structure, meta.monitors, checks)


def _graph(archive: Archive) -> Graph:
    try:
        return parse(archive.take("graph.txt").decode())
    except GraphdiffError as e:
        raise GraphError(f"graph.txt, {e.fact}", e.operation) from None


class _Settings:
    """What function.json says, as far as it can be told without the graph. Raises ValueError."""

    def __init__(self, meta: Any):
        self.meta = meta if isinstance(meta, dict) else {}
        if self.get("format", int) != FORMAT:
            raise ValueError(f"its format is {self.meta['format']}, this version reads {FORMAT}")
        self.structure, self.arguments = meta.get("structure"), meta.get("arguments")
        self.lines = list(map(self.line, self.get("lines", list)))
        self.monitors = tuple(self.texts("monitors"))
        if len(set(self.monitors)) != len(self.monitors):
            raise ValueError("two monitors have one name")
        limit, threads = self.get("memory_limit", int, None), self.get("threads", int, None)
        seconds = self.get("plan_seconds", float)
        if (limit is not None and limit < 0) or not 0 <= seconds <= 1e6:
            raise ValueError("a setting is out of range")
        if threads is not None and not 1 <= threads <= 1024:
            raise ValueError(f"it has {threads} threads")
        ask = None if self.get("nominal", bool) else partial(machine, threads or _core.threads())
        costs = Costs(ask, dict(self.factors()))
        self.options = (self.get("debug", bool), limit, threads, costs, seconds)

    def get(self, key: str, *kinds: Any) -> Any:
        value = self.meta.get(key, self)
        if not any(value is None if kind is None else type(value) is kind for kind in kinds):
            raise ValueError(f"its {key} is missing or damaged")
        return value

    @staticmethod
    def line(place: Any) -> Source | None:
        if place is None:
            return None
        if not isinstance(place, list) or list(map(type, place)) != [str, int]:
            raise ValueError("the lines of its leaves are damaged")
        return Source(*place)

    def texts(self, key: str) -> list[str]:
        found = self.get(key, list)
        if not all(isinstance(t, str) for t in found):
            raise ValueError(f"its {key} are no texts")
        return found

    def factors(self) -> list[tuple[tuple[str, str], float]]:
        found = []
        for item in self.get("factors", list):
            if not isinstance(item, list) or list(map(type, item)) != [str, str, float] or not 0 < item[2] < 1e300:
                raise ValueError("its factors are damaged")
            found.append(((item[0], item[1]), item[2]))
        return found

    def checks(self, graph: Graph) -> dict[Node, Watcher]:
        texts = self.texts("checks")
        n = len(graph.outputs) - len(texts)
        if n < len(self.monitors):
            raise ValueError("it has fewer outputs than checks and monitors")
        found = {v.node: Watcher("check", v, text, v.node.source) for v, text in zip(graph.outputs[n:], texts)}
        if len(found) != len(texts) or any(node.op.name != "check_true" for node in found):
            raise ValueError("its checks are none")
        return found

    def policy(self, graph: Graph) -> Any:
        data = self.get("checkpoint", None, int, str, list)
        if isinstance(data, int):
            if data < 1:
                raise ValueError(f"its checkpoint is {data}")
            return Every(data)
        if isinstance(data, list):
            nodes = _printed(graph)
            kept = []
            for place in data:
                if not isinstance(place, list) or list(map(type, place)) != [int, int] or min(place) < 0:
                    raise ValueError("its checkpoint is damaged")
                n, i = place
                if n >= len(nodes) or i >= len(nodes[n].outputs):
                    raise ValueError("its checkpoint keeps what is not there")
                kept.append(nodes[n].outputs[i])
            return kept
        if data not in (None, "sqrt"):
            raise ValueError(f"its checkpoint is {data[:40]!r}")
        return data
