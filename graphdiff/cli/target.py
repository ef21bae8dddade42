"""What TARGET means on the command line: module:object, script.py:object, a saved function, a model of ONNX or the text
of a graph.

Owns finding it and telling what is wrong with it.
Must not know: what is done with it.
"""

import argparse
import importlib
import runpy
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import graphdiff as gd

from ..errors import GraphError
from ..inspect.picture import whole_graph
from ..ir.dims import Dim, evaluate

SHOWN = (gd.Adjoint, gd.Function, gd.Graph, gd.Tensor)
HELP = "module:object, script.py:object, a file of Function.save, of ONNX, or with the text of a graph"


def find(target: str) -> Any:
    """The adjoint, function, graph or Tensor that `target` names. Raises GraphError saying what is missing."""
    place, colon, name = target.rpartition(":")
    if not colon and target.endswith(".py"):
        raise GraphError(f"which object of {target}? Write {target}:NAME; it has {_shown(_script(target))}")
    if not colon:
        return _read(target)
    values = _script(place) if place.endswith(".py") else _module(place)
    try:
        found = values[name.partition(".")[0]]
        for part in name.split(".")[1:]:
            found = getattr(found, part)
    except (KeyError, AttributeError):
        raise GraphError(f"{place} has no {name!r}; it has {_shown(values)}") from None
    if not isinstance(found, SHOWN):
        what = type(found).__name__
        raise GraphError(f"{target} is a {what}, not a graph, an adjoint, a compiled function or a Tensor")
    return found


def _shown(values: dict[str, Any]) -> str:
    """The names in a module of what can be shown."""
    there = sorted(k for k, v in values.items() if isinstance(v, SHOWN) and not k.startswith("_"))
    return ", ".join(there) or "nothing that can be shown"


def graph_of(target: str) -> gd.Graph:
    """The graph of what `target` names."""
    found = find(target)
    return found.graph() if isinstance(found, gd.Adjoint) else whole_graph(found)


def _read(path: str) -> gd.Function | gd.Graph:
    if not Path(path).exists():
        raise GraphError(f"{path}: no such file; a target is {HELP}")
    if path.endswith(".onnx"):
        m = gd.interop.onnx.load(path)
        return gd.Graph(Path(path).stem, list(m.inputs.values()), list(m.outputs.values()))
    if zipfile.is_zipfile(path):
        return gd.load(path)
    try:
        return gd.parse(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise GraphError(f"{path} is neither a saved function nor the text of a graph") from None


def _script(path: str) -> dict[str, Any]:
    if not Path(path).exists():
        raise GraphError(f"{path}: no such file")
    sys.path.insert(0, str(Path(path).resolve().parent))
    try:
        return runpy.run_path(path)
    finally:
        del sys.path[0]


def _module(name: str) -> dict[str, Any]:
    sys.path.insert(0, "")
    try:
        return vars(importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise  # one that the module itself needs
        raise GraphError(f"no module is called {name!r}") from None
    except (ValueError, TypeError):
        raise GraphError(f"{name!r} is no name of a module") from None
    finally:
        del sys.path[0]


def add_feed_arguments(parser: argparse.ArgumentParser) -> None:
    """--feed and --size, which commands that run a target share."""
    parser.add_argument("--feed", metavar="FILE", help=".npz with an array for each input, by name")
    add_size_argument(parser, "the size of a named dimension, for arrays drawn where none are given")


def add_size_argument(parser: argparse.ArgumentParser, told: str) -> None:
    """--size, once for each named dimension."""
    parser.add_argument("--size", metavar="NAME=N", action="append", default=[], type=_size, help=told)


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name.isidentifier() or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not like batch=32")
    return name, int(number)


def feed_for(graph: gd.Graph, args: argparse.Namespace) -> dict[str, np.ndarray]:
    """Arrays for the inputs: those of --feed, the others standard normal, or 0 and 1 for integers and bools.

    Raises GraphError for a named size that nothing tells, and for a file that is no .npz."""
    given = {} if args.feed is None else arrays(args.feed)
    sizes = dict(args.size)
    for v in graph.inputs:
        if v.name in given:
            told = zip(v.shape, given[v.name].shape)
            sizes.update({str(s): n for s, n in told if isinstance(s, Dim) and s.isidentifier()})
    rng = np.random.default_rng(0)
    for v in graph.inputs:
        if v.name in given:
            continue
        try:
            shape = [evaluate(s, sizes) for s in v.shape]
        except KeyError as unknown:
            name = unknown.args[0]
            raise GraphError(f"input {v.name!r} has a size that is not told: give --size {name}=N or --feed") from None
        try:
            drawn = rng.standard_normal(shape) if v.dtype.kind == "f" else rng.integers(0, 2, shape)
            given[v.name] = np.asarray(drawn, v.dtype)
        except (ValueError, OverflowError, MemoryError):  # what NumPy says of a negative size and of too large ones
            raise GraphError(f"input {v.name!r} cannot be drawn in the shape {tuple(shape)}") from None
    return given


def arrays(path: str) -> dict[str, np.ndarray]:
    """What an .npz file has. Raises GraphError for another one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError
            return dict(file)
    except (ValueError, zipfile.BadZipFile):
        raise GraphError(f"{path} is no .npz file") from None


def function_of(found: Any) -> gd.Function:
    """What was found as a function that can be called; a text's parameters are drawn at random."""
    if isinstance(found, gd.Function):
        return found
    graph = found.graph() if isinstance(found, gd.Adjoint) else whole_graph(found)
    rng = np.random.default_rng(0)
    values = {}
    for p in graph.parameters:
        if p.node.attrs.get("storage") is None:
            drawn = rng.standard_normal(p.shape) if p.dtype.kind == "f" else np.zeros(p.shape)
            values[p.name] = np.asarray(drawn, p.dtype)
    return gd.compile(graph, parameters=values)
