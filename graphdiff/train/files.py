"""The file of a run: a whole state as one archive that NumPy can open too, written beside its place and renamed.

A state is a structure of dicts with text keys, lists, tuples, arrays, numbers, text, booleans and None. Invariants:
what is read is bit for bit what was written; a file that is cut short or damaged is refused.
Must not know: what a state means.
"""

from __future__ import annotations

import json
import os
from typing import Any, TypeAlias

import numpy as np

from ..errors import FeedError, GraphError
from ..files import Path, write_file
from ..ops.messages import where_am_i
from ..runtime.archive import Archive, pack

State: TypeAlias = dict[str, Any]

FORMAT = "graphdiff.train 1"
_TABLE = "state.json"


def write_state(path: Path, state: Any) -> None:
    """Writes a state. Raises OSError, and GraphError for what no file can hold; what stood there then stays."""
    arrays: list[np.ndarray] = []
    form = _written(state, arrays, "state")
    table = {"format": FORMAT, "arrays": [[a.dtype.str, a.shape] for a in arrays], "state": form}
    members: list[tuple[str, bytes | np.ndarray]] = [(_TABLE, json.dumps(table).encode())]
    members += [(f"{k}.npy", a) for k, a in enumerate(arrays)]
    write_file(path, lambda file: pack(file, members))


def read_state(path: Path) -> Any:
    """The state that a file holds. Raises OSError, and FeedError for what is no such file or no whole one."""
    with open(path, "rb") as file:
        try:
            archive = Archive(file)
            table = json.loads(archive.take(_TABLE))
            if table["format"] != FORMAT:
                raise ValueError(f"its format is {table['format']!r}, not {FORMAT!r}")
            arrays = [
                archive.take_array(f"{k}.npy", tuple(shape), np.dtype(dtype)).copy()
                for k, (dtype, shape) in enumerate(table["arrays"])
            ]
            archive.finish()
            return _read(table["state"], arrays)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            told = f"resume: {os.fsdecode(path)} is no whole checkpoint: {error}"
            raise FeedError(told, source=where_am_i()) from None


def _written(value: Any, arrays: list[np.ndarray], path: str) -> Any:
    """A value as JSON has it; containers and arrays are marked by what they are."""
    if isinstance(value, np.generic) and not isinstance(value, float):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "buif":
        arrays.append(np.asarray(value, order="C"))
        return {"array": len(arrays) - 1}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _written(v, arrays, f"{path}[{key!r}]") for key, v in value.items()}}
    if isinstance(value, (list, tuple)):
        items = [_written(v, arrays, f"{path}[{k}]") for k, v in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": items}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise GraphError(f"save: {path} is {type(value).__name__}, which no checkpoint holds", source=where_am_i())


def _read(form: Any, arrays: list[np.ndarray]) -> Any:
    if not isinstance(form, dict):
        return form
    ((kind, value),) = form.items()
    if kind == "array":
        return arrays[value]
    if kind == "dict":
        return {key: _read(v, arrays) for key, v in value.items()}
    items = [_read(v, arrays) for v in value]
    return items if kind == "list" else tuple(items)
