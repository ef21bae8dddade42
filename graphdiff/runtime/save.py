"""Saved functions: one zip file with the graph's text, the values of parameters and states, and how to compile it.

Nothing in the file is trusted: the text is parsed and verified, arrays are loaded without pickle.
Must not know: the core's word format; a file runs on any machine and build.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import GraphError
from ..ir.graph import Graph
from ..ir.node import Node
from ..lower.policy import Every
from ..ops.leaves import Watcher
from ..ops.parse import parse
from ..ops.tensor import Storage, where_am_i
from .program import Program

FORMAT = 1


class Saved(NamedTuple):
    """What a function is made of."""

    program: Program
    graph: Graph
    structure: Any
    monitors: tuple[str, ...]
    checks: dict[Node, Watcher]


def write(path: str | Path | BinaryIO, saved: Saved) -> None:
    """Writes a file, by path or open, that :func:`read` reads.

    Raises GraphError where the results' dict has keys that are no strings."""
    graph = saved.graph
    whole = Graph(
        graph.name,
        graph.inputs,
        [*graph.outputs, *(n.outputs[0] for n in saved.checks)],
        graph.updates,
        graph.parameters,
    )
    meta = {
        "format": FORMAT,
        "structure": _encode(saved.structure),
        "monitors": list(saved.monitors),
        "checks": [w.text for w in saved.checks.values()],
        "debug": saved.program.debug,
        "memory_limit": saved.program.limit,
        "checkpoint": _policy(saved.program, whole),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("graph.txt", str(whole))
        z.writestr("function.json", json.dumps(meta))
        for i, p in enumerate(graph.parameters):
            buffer = io.BytesIO()
            np.save(buffer, p.node.attrs["storage"].array, allow_pickle=False)
            z.writestr(f"parameter{i}.npy", buffer.getvalue())


def read(path: str | Path | BinaryIO) -> Saved:
    """What :func:`write` wrote. Raises GraphError for what is no such file."""
    graph, meta, arrays = _read(path)
    for p, array in zip(graph.parameters, arrays):
        if array.shape != p.shape or array.dtype != p.dtype:
            raise GraphError(f"{path}: parameter {p.name!r} does not fit its type", source=where_am_i())
        p.node.attrs["storage"] = Storage(array)
    policy = _from_policy(meta["checkpoint"], graph)
    n = len(graph.outputs) - len(meta["checks"])
    checks = graph.outputs[n:]
    graph.outputs = graph.outputs[:n]
    program = Program(graph, checks, policy, bool(meta["debug"]), meta["memory_limit"])
    messages = {v.node: Watcher("check", v, text, None) for v, text in zip(checks, meta["checks"])}
    return Saved(program, graph, _decode(meta["structure"]), tuple(meta["monitors"]), messages)


def _read(path: str | Path | BinaryIO) -> tuple[Graph, dict[str, Any], list[np.ndarray]]:
    try:
        with zipfile.ZipFile(path) as z:
            meta = json.loads(z.read("function.json"))
            if meta["format"] != FORMAT:
                raise GraphError(f"{path}: format {meta['format']} is not {FORMAT}", source=where_am_i())
            graph = parse(z.read("graph.txt").decode())
            arrays = [
                np.load(io.BytesIO(z.read(f"parameter{i}.npy")), allow_pickle=False)
                for i in range(len(graph.parameters))
            ]
    except OSError as e:
        raise GraphError(f"{path}: {e.strerror or e}", source=where_am_i()) from None
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as e:
        if isinstance(e, GraphError):
            raise
        raise GraphError(f"{path} is no saved function ({e})", source=where_am_i()) from None
    return graph, meta, arrays


def _policy(program: Program, graph: Graph) -> Any:
    """A checkpoint setting as JSON; kept values by their place in the text."""
    policy = program.checkpoint
    if isinstance(policy, Every):
        return policy.k
    if isinstance(policy, (list, tuple)):
        place = {v: (n, v.index) for n, node in enumerate(graph.nodes) for v in node.outputs}
        return [place[v] for v in policy if v in place]
    return policy


def _from_policy(data: Any, graph: Graph) -> Any:
    if isinstance(data, int):
        return Every(data)
    if isinstance(data, list):
        return [graph.nodes[n].outputs[i] for n, i in data]
    return data


def _encode(structure: Any) -> Any:
    """A structure of results as JSON: lists and tuples are told apart."""
    if isinstance(structure, dict):
        if not all(isinstance(k, str) for k in structure):
            raise GraphError("save: a dict of results needs strings as keys", source=where_am_i())
        return {"dict": {k: _encode(v) for k, v in structure.items()}}
    if isinstance(structure, (list, tuple)):
        return {type(structure).__name__: [_encode(v) for v in structure]}
    return structure


def _decode(data: Any) -> Any:
    if isinstance(data, int):
        return data
    ((kind, items),) = data.items()
    if kind == "dict":
        return {k: _decode(v) for k, v in items.items()}
    return (list if kind == "list" else tuple)(_decode(v) for v in items)
