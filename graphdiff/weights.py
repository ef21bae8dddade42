"""Values by name: weights in files (``gd.save_weights``, ``gd.load_weights``), and leaves filled from them.

Two formats, told apart by the ending of the path: ``.npz``, which NumPy reads, and ``.safetensors``, by the package of
that name. Invariants: a file is written beside its place and renamed; leaves are filled all or, where an error is
raised, none.
Must not know: what the names stand for.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np

from .errors import FeedError, GraphError
from .files import Path, write_file
from .ops.messages import where_am_i
from .ops.tensor import Tensor
from .runtime.archive import checked, pack


class Model(Protocol):
    """What has its values by name, as layers do."""

    def state_dict(self) -> Mapping[str, Any]: ...
    def load_state_dict(self, values: Mapping[str, Any], strict: bool = True) -> object: ...


def save_weights(path: Path, params: Mapping[str, Tensor | np.ndarray] | Sequence[Tensor] | Model) -> None:
    """Writes values to ``path``, a ``.npz`` or ``.safetensors`` file; a name that is there is replaced at the end only.

    ``params``: parameters, states or arrays by name (``model.parameters``, ``model.state_dict()``), a list of
    parameters, which go by their own names, or a model. Raises GraphError for another ending or what has no values,
    OSError; ImportError where the package safetensors is needed and is not there.
    Example: ``gd.save_weights("weights.npz", model.state_dict())``."""
    arrays = {name: np.asarray(as_array(v), order="C") for name, v in _by_name("save_weights", params).items()}
    if _format("save_weights", path) == ".npz":
        members = [(f"{name}.npy", array) for name, array in arrays.items()]
        write_file(path, lambda file: pack(file, members))
    else:
        import safetensors.numpy

        write_file(path, safetensors.numpy.save(arrays))


def load_weights(
    path: Path, into: Mapping[str, Tensor] | Sequence[Tensor] | Model | None = None, strict: bool = True
) -> dict[str, np.ndarray]:
    """The values of a ``.npz`` or ``.safetensors`` file, as arrays by name; they become the values of ``into``.

    ``into``: parameters and states by name, a list of them, or a model. ``strict``: no name may be missing or surplus;
    without, those that both have are taken. Raises FeedError for a file that is damaged or does not fit, with all names
    that are missing, surplus or misshapen, and nothing has changed then; GraphError for another ending, OSError.
    Example: ``gd.load_weights("weights.npz", into=model)``."""
    arrays = _read(path)
    if into is not None and hasattr(into, "load_state_dict"):
        into.load_state_dict(arrays, strict)
    elif into is not None:
        fill(_by_name("load_weights", into), arrays, "load_weights", strict)
    return arrays


def _format(what: str, path: Path) -> str:
    ending = os.path.splitext(os.fsdecode(path))[1].lower()
    if ending not in (".npz", ".safetensors"):
        raise GraphError(f"{what}: {os.fsdecode(path)!r} ends neither in .npz nor in .safetensors", source=where_am_i())
    return ending


def _by_name(what: str, params: Any) -> dict[str, Any]:
    if hasattr(params, "state_dict"):
        params = params.state_dict()
    if not isinstance(params, Mapping):
        named = {p.name: p for p in params}
        if len(named) < len(params):
            raise GraphError(f"{what}: two of the parameters have one name; give a dict", source=where_am_i())
        params = named
    for name, value in params.items():
        if not isinstance(name, str) or (
            isinstance(value, Tensor) and value.node.op.name not in ("parameter", "state")
        ):
            raise GraphError(f"{what}: {name!r} is no name of a parameter, a state or an array", source=where_am_i())
    return dict(params)


def _read(path: Path) -> dict[str, np.ndarray]:
    ending = _format("load_weights", path)
    with open(path, "rb") as file:
        try:
            if ending == ".npz":
                found: dict[str, np.ndarray] = checked(_members, file)
                return found
            import safetensors.numpy

            return dict(checked(safetensors.numpy.load, file.read()))
        except ValueError as error:
            told = f"load_weights: {os.fsdecode(path)} is no whole {ending} file: {error}"
            raise FeedError(told, source=where_am_i()) from error


def _members(file: BinaryIO) -> dict[str, np.ndarray]:
    found = {}
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                found[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    return found


# ------------------------------------------------------------------ filling leaves
def as_array(value: Any) -> np.ndarray:
    """An array of what has a value: an array, a parameter, a torch Tensor or numbers."""
    if isinstance(value, Tensor):
        return np.asarray(value.value)
    if hasattr(value, "detach"):  # a torch Tensor, which may be on its way to a gradient
        value = value.detach().cpu()
    return np.asarray(value)


def fill(
    leaves: Mapping[str, Tensor],
    values: Mapping[str, object],
    what: str,
    strict: bool = True,
    turned: Collection[str] = (),
) -> None:
    """Sets the values of ``leaves`` by name, all or, where FeedError is raised, none. ``turned``: names whose shapes
    the user has the other way round."""
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        found = "a name is no text" if isinstance(values, Mapping) else f"got {type(values).__name__}"
        raise FeedError(
            f"{what}: arrays by name are expected, as state_dict() gives them; {found}", source=where_am_i()
        )
    arrays = {name: as_array(values[name]) for name in leaves if name in values}
    wrong = [
        f"{name} is {_seen(arrays[name].shape, name in turned)}, not {_seen(leaf.shape, name in turned)}"
        for name, leaf in leaves.items()
        if name in arrays and arrays[name].shape != leaf.shape
    ]
    wrong += [
        f"{name} is {a.dtype}, not {leaves[name].dtype}"
        for name, a in arrays.items()
        if not np.can_cast(a.dtype, leaves[name].dtype, "same_kind")
    ]
    told = [f"wrong: {'; '.join(wrong)}"] if wrong else []
    if strict:
        for kind, names in (
            ("missing", [n for n in leaves if n not in values]),
            ("surplus", [n for n in values if n not in leaves]),
        ):
            told += [f"{kind}: {', '.join(names)}"] if names else []
    if told:
        raise FeedError(f"{what}: {'. '.join(told)}", source=where_am_i())
    for name, array in arrays.items():
        leaves[name].value = array.astype(leaves[name].dtype, copy=False)


def _seen(shape: Sequence[Any], turned: bool) -> list[Any]:
    return list(shape[::-1] if turned else shape)
