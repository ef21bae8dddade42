"""The table of rules: how each of ATen's operators is built, by its name with overload, ``"add.Tensor"``.

Owns: the table, and the dtypes that operands of PyTorch's operators meet in. Filled by the modules beside it; knows no
operator.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from ..needs import needs

with needs("torch"):
    import torch

Refuse: TypeAlias = Callable[..., str]
Scalar: TypeAlias = bool | int | float


class Rule(NamedTuple):
    """``build(*arguments)`` gives a Tensor or a list; with ``draws`` it is given a key for random numbers.
    ``refuses(*arguments)``: why it cannot, or nothing; Tensors among the arguments may be anything there."""

    build: Callable[..., Any]
    draws: bool
    refuses: Refuse


RULES: dict[str, Rule] = {}


def rule(*names: str, draws: bool = False, refuses: Refuse = lambda *args, **options: "") -> Callable[[Any], Any]:
    """Declares the decorated function as how the operators of those names are built."""

    def declare(build: Any) -> Any:
        RULES.update(dict.fromkeys(names, Rule(build, draws, refuses)))
        return build

    return declare


def dtype_of(dtype: torch.dtype) -> np.dtype | None:
    """NumPy's dtype for a dtype of torch's; None where graphs have none."""
    known = {torch.float32, torch.float64, torch.int32, torch.int64, torch.bool}
    return np.dtype(str(dtype).removeprefix("torch.")) if dtype in known else None


def wanted(dtype: torch.dtype | None) -> np.dtype:
    """The dtype asked for, PyTorch's default where none is."""
    found = dtype_of(dtype or torch.get_default_dtype())
    assert found is not None  # what has another dtype is told before anything is built
    return found


def cast(x: Tensor, dtype: np.dtype) -> Tensor:
    """PyTorch's conversion: floats toward zero, all but 0 are True."""
    if x.dtype == dtype:
        return x
    if dtype.kind == "b":
        return x != 0
    return gd.astype(gd.trunc(x), dtype) if dtype.kind == "i" and x.dtype.kind == "f" else gd.astype(x, dtype)


def met(*xs: Any) -> list[Any]:
    """Operands in the dtype that PyTorch has them meet in: that of those with dimensions first."""
    dtypes = {x.dtype for x in xs if isinstance(x, Tensor)}
    if len(dtypes) == 1 and not any(isinstance(x, float) for x in xs):
        return list(xs)
    like = [torch.empty((1,) * min(x.ndim, 1), dtype=_torch(x.dtype)) if isinstance(x, Tensor) else x for x in xs]
    dtype = dtype_of(functools.reduce(_result, like[1:], like[0]).dtype)
    assert dtype is not None
    return [cast(x, dtype) if isinstance(x, Tensor) else x for x in xs]


def _torch(dtype: np.dtype) -> torch.dtype:
    found: torch.dtype = getattr(torch, dtype.name)
    return found


def _result(a: Any, b: Any) -> torch.Tensor:
    dims = max(getattr(a, "ndim", 0), getattr(b, "ndim", 0))
    return torch.empty((1,) * dims, dtype=torch.result_type(a, b))


def floating(x: Tensor) -> Tensor:
    """An operand of functions of real numbers: integers in PyTorch's default dtype."""
    return x if x.dtype.kind == "f" else gd.astype(x, wanted(None))


def at_axis(x: Tensor, axis: int, key: Any) -> Tensor:
    """``x`` indexed along one axis."""
    axis %= x.ndim
    return x[(slice(None),) * axis + (key,)]


def axes(dim: int | Sequence[int] | None) -> int | tuple[int, ...] | None:
    """The axes of a reduction; none at all are all."""
    if dim is None or isinstance(dim, int):
        return dim
    return tuple(dim) or None
