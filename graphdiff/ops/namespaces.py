"""The public functions by namespace, read off the registry: ``gd``, ``gd.nn``, ``gd.linalg``, ``gd.random``; and what
is said where a module does not have a name.

Complete once ``graphdiff.ops`` is imported, which importing this module does: declaring is importing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from types import FunctionType
from typing import Any

import numpy as np

from ..spelling import did_you_mean, explained, nearest
from .docstrings import docstring
from .registry import REGISTRY, Op
from .tensor import UFUNC_NAMES


def public() -> list[Op]:
    """The operations that users call by name."""
    return [op for op in REGISTRY.values() if op.public is not None and not op.internal]


for _op in public():  # when all are declared: derivatives are written in one another's names
    _op.public.__doc__ = docstring(_op)


# What NumPy and PyTorch call a function beside the names that NumPy itself has for the same one
OTHER_NAMES = {
    **UFUNC_NAMES,
    "amax": "max",
    "amin": "min",
    "array": "constant",
    "bmm": "matmul",
    "cat": "concat",
    "clamp": "clip",
    "flatten": "reshape",
    "hstack": "concat",
    "inverse": "inv",
    "mm": "matmul",
    "permute": "permute_dims",
    "ravel": "reshape",
    "round_": "round",
    "unsqueeze": "expand_dims",
    "view": "reshape",
    "vstack": "concat",
}


_explained = functools.cache(explained)  # the same function by every name it has


def functions(namespace: str) -> dict[str, Callable[..., Any]]:
    """Name -> public function of a namespace ("" for ``gd`` itself)."""
    return {
        _short(op.name): op.public if op.kind == "composite" else _explained(op.public)
        for op in public()
        if namespace in (op.namespace, op.also)
    }


def presented(module: dict[str, Any], names: Collection[str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """What a public module, given by its globals, does for people: its functions among ``names`` say what does not fit
    their signatures. Returns its ``__getattr__``, which says what a name it does not have was probably meant to be, and
    its ``__dir__``, which lists ``names`` alone."""
    for name in names:
        present(module, name)

    def missing(name: str) -> Any:
        raise absent(module["__name__"], name, names)

    return missing, lambda: sorted(names)


def present(module: dict[str, Any], name: str) -> Any:
    """What a public module has under a name, a function so that it says what does not fit its signature."""
    function = module.get(name)
    if isinstance(function, FunctionType) and not hasattr(function, "__wrapped__"):
        shown = module[name] = _explained(function)
        # of where it is public, as help shows it and a pickle looks for it
        shown.__module__, shown.__name__, shown.__qualname__ = module["__name__"], name, name
    return module.get(name)


def absent(module: str, name: str, names: Collection[str]) -> AttributeError:
    """The error for a name that ``module``, which has ``names``, does not have."""
    text = f"module {module!r} has no attribute {name!r}"
    if not name.startswith("_"):
        text += _meant(name, names)
    # with an object that has nothing like it: else Python would add a guess of its own
    return AttributeError(text, name=name, obj=None)


def _meant(name: str, names: Collection[str]) -> str:
    of_numpy = vars(np).get(name)
    same = [k for k in names if of_numpy is not None and vars(np).get(k) is of_numpy]
    same += [k for k in names if k == OTHER_NAMES.get(name)]
    if same:
        return f"; did you mean {same[0]!r}? It goes by the array API's name here"
    elsewhere = {op.namespace: op.name for op in REGISTRY.values() if _short(op.name) == name and not op.internal}
    for namespace in elsewhere:
        return f"; did you mean {_path(namespace)}.{name}?"
    found = did_you_mean(name, names)
    if found:
        return found
    others = {_short(op.name): op.namespace for op in public()}
    near = nearest(name, others)
    return f"; did you mean {_path(others[near])}.{near}?" if near else ""


def _path(namespace: str) -> str:
    return f"gd.{namespace}" if namespace else "gd"


def _short(name: str) -> str:
    return name.rpartition(".")[2]
