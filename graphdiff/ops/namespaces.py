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

# What one writes for functions of NumPy, SciPy, JAX and the array API standard that have no counterpart
INSTEAD = {
    "allclose": "gd.all(gd.abs(a - b) <= 1e-6)",
    "average": "gd.sum(w * x) / gd.sum(w)",
    "bincount": "gd.segment_sum(gd.ones_like(i), i, n)",
    "bool": "dtype='bool'",
    "bool_": "dtype='bool'",
    "cbrt": "gd.sign(x) * gd.abs(x) ** (1 / 3)",
    "copy": "x; Tensors never change",
    "cov": "(x - gd.mean(x, axis=0)).T @ (x - gd.mean(x, axis=0)) / (x.shape[0] - 1)",
    "curve_fit": "gd.interop.scipy.least_squares",
    "deg2rad": "x * (gd.pi / 180)",
    "digitize": "gd.searchsorted(edges, x, side='right')",
    "fori_loop": "gd.scan(lambda c, i: (f(i, c), None), init, gd.arange(n))[0]",
    "gammaln": "gd.lgamma(x)",
    "geomspace": "gd.exp(gd.linspace(0.0, 1.0, n))",
    "heaviside": "gd.where(x > 0, 1.0, gd.where(x < 0, 0.0, a))",
    "inner": "gd.vecdot(a, b)",
    "isclose": "gd.abs(a - b) <= 1e-6",
    "least_squares": "gd.interop.scipy.least_squares",
    "logspace": "10.0 ** gd.linspace(0.0, 1.0, n)",
    "logsubexp": "gd.logdiffexp(a, b)",
    "nanmax": "gd.max(gd.where(gd.isnan(x), -gd.inf, x))",
    "nanmean": "gd.sum(gd.where(gd.isnan(x), 0.0, x)) / gd.sum(gd.where(gd.isnan(x), 0.0, 1.0))",
    "nanmin": "gd.min(gd.where(gd.isnan(x), gd.inf, x))",
    "nansum": "gd.sum(gd.where(gd.isnan(x), 0.0, x))",
    "ndim": "x.ndim",
    "percentile": "gd.quantile(x, 0.3)",
    "psi": "gd.digamma(x)",
    "rad2deg": "x * (180 / gd.pi)",
    "select": "gd.where(x > 1, a, gd.where(x > 0, b, 0.0))",
    "size": "x.size",
    "solve_ivp": "gd.odeint(lambda y, t: -y, a, gd.linspace(0.0, 1.0, n))",
    "special": "gd.erf(x); special functions are in gd itself",
    "switch": "gd.cond(i[0] == 0, lambda: a, lambda: gd.cond(i[0] == 1, lambda: b, lambda: 0 * a))",
    "trapz": "gd.trapezoid(x)",
    "vectorize": "gd.vmap(f)",
}
_DTYPES = "Tensors are of float32, float64, int32, int64 or bool"
_PAIRS = "a complex number is a pair of Tensors, its real and its imaginary part"
_SHAPE = "the shape of its result would be known only at the call, and shapes are known before"
ABSENT = {
    **dict.fromkeys(("float16", "bfloat16", "int8", "int16", "uint8", "uint16", "uint32", "uint64"), _DTYPES),
    **dict.fromkeys(("complex64", "complex128", "fft2", "ifft", "angle"), _PAIRS),
    **dict.fromkeys(("nonzero", "argwhere", "flatnonzero", "compress", "extract", "unique"), _SHAPE),
    **dict.fromkeys(("unique_all", "unique_counts", "unique_inverse", "unique_values"), _SHAPE),
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
    if name in INSTEAD:
        return f"; write {INSTEAD[name]}"
    if name in ABSENT:
        return f"; {ABSENT[name]}"
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
