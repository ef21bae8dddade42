"""Weights from and to PyTorch's layouts, by dotted names, which are the same there.

A layer says in ``_transposed`` which of its weights are PyTorch's transposed. Must not know: any particular layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..weights import as_array, fill
from .layer import Entry, Layer, _settled

COUNT = "num_batches_tracked"  # batch norm's in PyTorch: how many batches, which nothing here depends on


def _transposed(entry: Entry) -> bool:
    return entry.local in getattr(type(entry.owner), "_transposed", ())


def from_torch(model: Layer, state_dict: Mapping[str, object]) -> None:
    """Fills ``model`` with the ``state_dict()`` of the corresponding PyTorch module: torch Tensors or arrays by name.

    Raises FeedError that tells all names that are missing, surplus or misshapen at once; nothing has changed then.
    Example: ``L.from_torch(model, module.state_dict())``."""
    entries = {e.path: e for e in _settled(model)}
    if not isinstance(state_dict, Mapping):
        fill({}, state_dict, "from_torch")
    values: dict[str, Any] = {}
    for name, value in state_dict.items():
        if name.rpartition(".")[2] == COUNT and name not in entries:
            continue
        array = as_array(value)
        values[name] = array.T if name in entries and _transposed(entries[name]) else array
    turned = [name for name, e in entries.items() if _transposed(e)]
    fill({name: e.value for name, e in entries.items()}, values, "from_torch", turned=turned)


def to_torch(model: Layer) -> dict[str, np.ndarray]:
    """Copies of the parameters and states of ``model`` under PyTorch's names and in its layouts.

    Example: ``module.load_state_dict({k: torch.from_numpy(v) for k, v in L.to_torch(model).items()})``."""
    return {
        e.path: np.ascontiguousarray(e.value.value.T) if _transposed(e) else e.value.value.copy()
        for e in _settled(model)
    }
