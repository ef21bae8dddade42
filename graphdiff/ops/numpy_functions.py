"""NumPy's functions on Tensors: ``np.concatenate([x, y])`` builds what ``gd.concat`` does.

Each adapter has NumPy's parameters and defaults, which are often others than the array API's (a flattened axis, places
instead of sizes). The names here are those of NumPy's own functions, whose parameters no declaration knows. What a
function of NumPy's takes beside these, and functions that are not here, are told with what to write.
Must not know: derivatives, plans, kernels.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import GraphError
from .registry import REGISTRY
from .tensor import Tensor, as_tensor, fail


def _op(name: str) -> Callable[..., Any]:
    return REGISTRY[name].public


def _along(name: str) -> Callable[..., Any]:
    """Of all elements in order where no axis is given."""

    def adapter(a: Any, axis: Any = None) -> Any:
        a = as_tensor(a, name)
        return _op(name)(a.reshape(-1) if axis is None else a, axis=0 if axis is None else axis)

    return adapter


def _reduction(name: str) -> Callable[..., Any]:
    return lambda a, axis=None, keepdims=False: _op(name)(a, axis=axis, keepdims=keepdims)


def _as_it_is(name: str) -> Callable[..., Any]:
    return lambda *args, **kwargs: _op(name)(*args, **kwargs)


def _take(a: Any, indices: Any, axis: Any = None) -> Any:
    a = as_tensor(a, "take")
    return _op("take")(a.reshape(-1) if axis is None else a, indices, axis=0 if axis is None else axis)


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    if isinstance(indices_or_sections, int):
        return _op("split")(ary, indices_or_sections, axis=axis)
    x = as_tensor(ary, "split")
    ends = [0, *indices_or_sections, x.shape[axis]]
    lead = (slice(None),) * (axis % x.ndim)
    return [x[(*lead, slice(first, last))] for first, last in itertools.pairwise(ends)]


def _round(a: Any, decimals: int = 0) -> Any:
    if decimals:
        fail(GraphError, "np.round", "rounds to whole numbers; multiply before and divide after", [a])
    return _op("round")(a)


def _histogram(a: Any, bins: Any = 10) -> Any:
    if isinstance(bins, (int, str)):
        fail(GraphError, "np.histogram", f"bins of Tensors are given by their edges, got {bins!r}", [a])
    return _op("histogram")(a, bins), bins


def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    return _op("gradient")(f, *varargs, axis=axis, edge_order=edge_order)


def _where(condition: Any, x: Any, y: Any) -> Any:
    return _op("where")(condition, x, y)


def _pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    return _op("pad")(array, pad_width, mode=mode, constant_values=constant_values)


ADAPTERS: dict[Any, Callable[..., Any]] = {
    np.ndim: lambda a: as_tensor(a).ndim,
    np.shape: lambda a: as_tensor(a).shape,
    np.size: lambda a, axis=None: as_tensor(a).size if axis is None else as_tensor(a).shape[axis],
    np.concatenate: lambda arrays, axis=0: _op("concat")(list(arrays), axis=axis),
    np.stack: lambda arrays, axis=0: _op("stack")(list(arrays), axis=axis),
    np.where: _where,
    np.clip: lambda a, a_min=None, a_max=None: _op("clip")(a, a_min, a_max),
    np.reshape: lambda a, shape: _op("reshape")(a, shape),
    np.ravel: lambda a: _op("reshape")(a, (-1,)),
    np.transpose: lambda a, axes=None: as_tensor(a).transpose(axes),
    np.squeeze: lambda a, axis=None: _op("squeeze")(a, axis=axis),
    np.flip: lambda m, axis=None: _op("flip")(m, axis=axis),
    np.roll: lambda a, shift, axis=None: _op("roll")(a, shift, axis=axis),
    np.tile: lambda A, reps: _op("tile")(A, reps),
    np.repeat: lambda a, repeats, axis=None: _op("repeat")(a, repeats, axis=axis),
    np.pad: _pad,
    np.take: _take,
    np.split: _split,
    np.round: _round,
    np.around: _round,
    np.dot: lambda a, b: _op("dot")(a, b),
    np.outer: lambda a, b: _op("outer")(as_tensor(a).reshape(-1), as_tensor(b).reshape(-1)),
    np.trace: lambda a, offset=0: _op("trace")(a, offset=offset),
    np.sort: lambda a, axis=-1: _op("sort")(a, axis=axis),
    np.argsort: lambda a, axis=-1: _op("argsort")(a, axis=axis),
    np.cumsum: _along("cumsum"),
    np.cumprod: _along("cumprod"),
    np.std: lambda a, axis=None, ddof=0, keepdims=False: _op("std")(a, axis=axis, correction=ddof, keepdims=keepdims),
    np.var: lambda a, axis=None, ddof=0, keepdims=False: _op("var")(a, axis=axis, correction=ddof, keepdims=keepdims),
    np.median: lambda a, axis=None, keepdims=False: _op("median")(a, axis=axis, keepdims=keepdims),
    np.quantile: lambda a, q, axis=None, keepdims=False: _op("quantile")(a, q, axis=axis, keepdims=keepdims),
    np.histogram: _histogram,
    np.interp: lambda x, xp, fp, left=None, right=None, period=None: _op("interp")(x, xp, fp, left, right, period),
    np.searchsorted: lambda a, v, side="left", sorter=None: _op("searchsorted")(a, v, side, sorter),
    np.gradient: _gradient,
    np.diff: lambda a, n=1, axis=-1, **more: _op("diff")(a, axis=axis, n=n, **more),
    np.cross: lambda a, b, axis=-1: _op("cross")(a, b, axis=axis),
    np.count_nonzero: lambda a, axis=None, keepdims=False: _op("count_nonzero")(a, axis=axis, keepdims=keepdims),
    np.linalg.matrix_rank: lambda A, rtol=None: _op("linalg.matrix_rank")(A, rtol=rtol),
    np.linalg.pinv: lambda a, rtol=None: _op("linalg.pinv")(a, rtol=rtol),
    np.linalg.norm: lambda x, ord=None, axis=None, keepdims=False: _op("linalg.norm")(
        x, axis=axis, keepdims=keepdims, **({} if ord is None else {"ord": ord})
    ),
    **{getattr(np, n): _reduction(n) for n in ("sum", "mean", "prod", "max", "min", "all", "any", "argmax", "argmin")},
    **{
        getattr(np, n): _as_it_is(n)
        for n in (
            *("swapaxes", "moveaxis", "expand_dims", "broadcast_to", "tril", "triu", "diag", "zeros_like", "ones_like"),
            *("full_like", "einsum", "tensordot", "diagonal", "take_along_axis", "kron", "convolve", "correlate"),
            *("meshgrid", "broadcast_arrays", "trapezoid", "real", "imag", "empty_like"),
        )
    },
    **{  # which NumPy has since 2.1
        getattr(np, n): _as_it_is(n) for n in ("cumulative_sum", "cumulative_prod", "unstack") if hasattr(np, n)
    },
    **{
        getattr(np.linalg, n): _as_it_is(f"linalg.{n}")
        for n in ("inv", "det", "solve", "cholesky", "slogdet", "eigh", "matrix_power")
    },
}


def array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """NumPy's protocol for its functions. Raises GraphError for one that Tensors do not have."""
    path = ".".join(part for part in function.__module__.split(".")[1:] if not part.startswith("_"))
    short, name = function.__name__, ".".join(filter(None, ("np", path, function.__name__)))
    known = [n for n in (f"{path}.{short}", short, f"linalg.{short}") if n in REGISTRY and REGISTRY[n].public]
    instead = f"write gd.{known[0]}" if known else "see the gd functions"
    adapter = ADAPTERS.get(function)
    operands = [a for a in args if isinstance(a, Tensor)]
    if adapter is None:
        fail(GraphError, name, f"does not take Tensors; {instead}", operands)
    try:
        return adapter(*args, **kwargs)
    except TypeError as error:
        if isinstance(error, GraphError) or "argument" not in str(error):
            raise
        given = ", ".join(kwargs) or f"{len(args)} arguments"
        fail(GraphError, name, f"does not take {given} with Tensors; {instead}", operands)


Tensor.__array_function__ = array_function  # type: ignore[attr-defined]
