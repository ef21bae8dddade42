"""Exported C programs called from Python: a shared library and NAME.json, by ctypes.

Owns: finding or building the library, checking feeds against NAME.json, giving results in their structure.
Must not know: how programs are exported, the graph they were made of.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import FeedError, GraphdiffError, GraphError
from ..ir.dims import as_size, evaluate
from ..spelling import did_you_mean

__all__ = ["Program", "load"]

_FLAGS = ("-std=c11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")


class Program:
    """An exported program as a function: ``p(x, t)`` or by name, with the results' structure of the function it was
    exported from. ``parameters``: arrays by name, which calls read and update in place; ``sizes``: of the named
    dimensions, those of the last call where they are arguments. Any number of programs may run at once, one call of
    each at a time."""

    def __init__(self, library: ctypes.CDLL, facts: Mapping[str, Any], parameters: dict[str, np.ndarray]):
        self.name: str = facts["name"]
        self.sizes: dict[str, int] = {n: size for n, size in facts["sizes"].items() if size is not None}
        self.parameters = parameters
        self._facts = facts
        self._open = [n for n, size in facts["sizes"].items() if size is None]
        self._run = getattr(library, f"{self.name}_sized" if self._open else self.name)
        self._text = getattr(library, f"{self.name}_status_text")
        self._text.restype = ctypes.c_char_p
        self._params = _pointers([parameters[p["name"]] for p in facts["params"]])
        if self._open:
            self._bytes_for = getattr(library, f"{self.name}_work_bytes_for")
            self._bytes_for.restype = ctypes.c_int64
        else:
            self._make_room(facts["work_bytes"])

    def _make_room(self, size: int) -> None:
        align = self._facts["work_align"]
        self._room = np.zeros(size + align, np.uint8)
        self._work = ctypes.c_void_p(self._room.ctypes.data + -self._room.ctypes.data % align)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs it once. Raises FeedError for feeds that do not fit and where an index or a check fails."""
        fed = self._fed(args, kwargs)
        if self._open:
            self._find_sizes(fed)
        inputs = [self._array(slot, a) for slot, a in zip(self._facts["inputs"], fed)]
        sizes = [ctypes.c_int64(self.sizes[n]) for n in self._open]
        if self._open:
            if (need := self._bytes_for(*sizes)) < 0:
                at = ", ".join(f"{n}={self.sizes[n]}" for n in self._open)
                raise FeedError(f"{self.name}: there is no code for the sizes {at}")
            self._make_room(need)
        results = [np.empty(self._shape(slot), slot["dtype"]) for slot in self._facts["outputs"]]
        status = self._run(*sizes, _pointers(inputs), _pointers(results), self._params, self._work)
        if status != 0:
            raise FeedError(f"{self.name}: {self._text(status).decode()}")
        return _built(self._facts["results_tree"], iter(results[: self._facts["results"]]))

    def _find_sizes(self, fed: Sequence[ArrayLike]) -> None:
        """The sizes that are arguments, from the shapes of feeds. Raises FeedError where none says one."""
        found: dict[str, int] = {}
        for slot, a in zip(self._facts["inputs"], fed):
            for size, n in zip(slot["shape"], np.shape(a)):
                if size in self._open:
                    found.setdefault(size, n)
        missing = [n for n in self._open if n not in found]
        if missing:
            raise FeedError(f"{self.name}: the size {missing[0]} cannot be found from the feeds")
        self.sizes.update(found)

    def _shape(self, slot: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(evaluate(as_size(size), self.sizes) for size in slot["shape"])

    def _fed(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """What is given for each input. Raises FeedError."""
        names = [slot["name"] for slot in self._facts["inputs"]]
        leaves: list[Any] = []
        for tree, given in zip(self._facts["arguments_tree"], args):
            leaves += _spread(tree, given)
        if len(args) > len(self._facts["arguments_tree"]):
            raise FeedError(f"{self.name} takes {len(names)} inputs, got {len(args)}")
        given_by_name = dict(zip(names, leaves))
        for key, a in kwargs.items():
            if key not in names or key in given_by_name:
                told = "is given twice" if key in names else f"is no input{did_you_mean(key, names)}"
                raise FeedError(f"{self.name}: {key!r} {told}; there are {', '.join(names) or 'none'}")
            given_by_name[key] = a
        missing = [n for n in names if n not in given_by_name]
        if missing:
            raise FeedError(f"{self.name} misses input {', '.join(map(repr, missing))}")
        return [given_by_name[n] for n in names]

    def _array(self, slot: Mapping[str, Any], given: ArrayLike) -> np.ndarray:
        array, dtype = np.asarray(given), np.dtype(slot["dtype"])
        weak = not isinstance(given, (np.ndarray, np.generic)) and array.dtype.kind in "bif"
        if not np.can_cast(array.dtype, dtype, "same_kind" if weak else "safe"):
            raise FeedError(f"{slot['name']} is {dtype.name}, fed {array.dtype}; write .astype({dtype.name!r})")
        if array.shape != (shape := self._shape(slot)):
            raise FeedError(f"{slot['name']} has shape {shape}, fed {array.shape}")
        return np.require(array, dtype, ["C", "A"])

    def __repr__(self) -> str:
        fed = ", ".join(f"{s['name']}: {s['dtype']}{list(s['shape'])}" for s in self._facts["inputs"])
        return f"<C program {self.name}({fed})>"


def load(folder: str | os.PathLike[str], name: str, *, parameters: Mapping[str, ArrayLike] | None = None) -> Program:
    """The program that ``f.export_c(folder, name)`` wrote, as a function with the same call.

    Takes ``libNAME.so`` (``.dylib``, ``NAME.dll``) from the folder or from ``build`` in it; where there is none, the
    sources are compiled with ``$CC`` or ``cc``. ``parameters``: values by name; without it those of
    ``export_c(…, values=True)``. Raises GraphError for what is no such folder and for values that are missing, and
    GraphdiffError where nothing compiles it.

    Example: ``step = gd.interop.c.load("firmware/model", "model"); loss = step(x, t)``
    """
    place = Path(folder)
    try:
        facts = json.loads((place / f"{name}.json").read_text())
    except FileNotFoundError:
        raise GraphError(f"{place / f'{name}.json'}: no such file; f.export_c(folder, name) writes it") from None
    library = ctypes.CDLL(str(_library(place, name, facts)))
    return Program(library, facts, _values(library, facts, parameters))


def _library(place: Path, name: str, facts: Mapping[str, Any]) -> Path:
    """The shared library, compiled where it is not there or older than its source."""
    sources = [place / f"{name}.c", *([place / f"{name}_values.c"] if facts["has_values"] else [])]
    tail = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
    for folder in (place, place / "build"):
        found = folder / f"lib{name}{tail}"
        if found.exists() and found.stat().st_mtime_ns >= max(s.stat().st_mtime_ns for s in sources):
            return found.resolve()
    target = (place / f"lib{name}{tail}").resolve()
    compiler = shlex.split(os.environ.get("CC") or "cc")
    command = [*compiler, *_FLAGS, *map(str, sources), "-o", str(target), "-lm"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise GraphdiffError(f"{name}: there is no compiler {compiler[0]!r}; set CC, or build {target.name}") from None
    except subprocess.CalledProcessError as error:
        raise GraphdiffError(f"{name}: {shlex.join(command)} failed: {error.stderr.strip()[:500]}") from None
    return target


def _values(
    library: ctypes.CDLL, facts: Mapping[str, Any], given: Mapping[str, ArrayLike] | None
) -> dict[str, np.ndarray]:
    """Arrays of parameters and states: what is given, else what was exported."""
    names = [p["name"] for p in facts["params"]]
    for key in given or {}:
        if key not in names:
            raise GraphError(f"load: {key!r} is no parameter; there are {', '.join(names)}{did_you_mean(key, names)}")
    tables: Callable[[int], int | None] = lambda n: None  # noqa: E731
    if facts["has_values"]:
        pointers = (ctypes.c_void_p * len(names)).in_dll(library, f"{facts['name']}_values")
        tables = pointers.__getitem__
    out: dict[str, np.ndarray] = {}
    for n, p in enumerate(facts["params"]):
        array = np.zeros(p["shape"], p["dtype"])
        address = tables(n)
        if given is not None and p["name"] in given:
            array[...] = given[p["name"]]
        elif address is not None and array.size:
            ctypes.memmove(array.ctypes.data, address, array.nbytes)
        elif address is None and array.size:
            raise GraphError(
                f"load: the value of {p['name']!r} is missing; give parameters={{{p['name']!r}: array}}, "
                "or export with values=True"
            )
        out[p["name"]] = array
    return out


def _pointers(arrays: Sequence[np.ndarray]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * max(1, len(arrays)))(*[a.ctypes.data for a in arrays])


def _spread(tree: Any, given: Any) -> list[Any]:
    """What is given for a structure of inputs, one after the other. Raises FeedError."""
    if tree == "leaf":
        return [given]
    if tree is None:
        return []
    if isinstance(tree, dict) and "dict" in tree:
        try:
            return [leaf for key, child in tree["dict"] for leaf in _spread(child, given[key])]
        except (KeyError, TypeError, IndexError):
            keys = ", ".join(repr(key) for key, _ in tree["dict"])
            raise FeedError(f"an argument is a dict with the keys {keys}, got {type(given).__name__}") from None
    children = tree["tuple"] if isinstance(tree, dict) else tree
    if not isinstance(given, (list, tuple)) or len(given) != len(children):
        raise FeedError(f"an argument is a sequence of {len(children)}, got {type(given).__name__}")
    return [leaf for child, part in zip(children, given) for leaf in _spread(child, part)]


def _built(tree: Any, results: Iterator[np.ndarray]) -> Any:
    """Results in their structure."""
    if tree == "leaf":
        return next(results)
    if tree is None:
        return None
    if isinstance(tree, list):
        return [_built(child, results) for child in tree]
    if "tuple" in tree:
        return tuple(_built(child, results) for child in tree["tuple"])
    return {key: _built(child, results) for key, child in tree["dict"]}
