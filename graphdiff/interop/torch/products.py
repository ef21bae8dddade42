"""Rules of ATen's operators that make arrays of nothing, and of products and linear algebra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from .rules import Scalar, dtype_of, rule, wanted

# ------------------------------------------------------------------ products


@rule("mm.default", "bmm.default", "matmul.default", "mv.default", "dot.default")
def _matmul(x: Tensor, y: Tensor) -> Tensor:
    return gd.matmul(x, y)


@rule("addmm.default", "baddbmm.default", "addmv.default")
def _addmm(x: Tensor, a: Tensor, b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor:
    product = gd.matmul(a, b)
    return (x if beta == 1 else beta * x) + (product if alpha == 1 else alpha * product)


@rule("einsum.default")
def _einsum(equation: str, xs: Sequence[Tensor], path: Any = None) -> Tensor:
    return gd.einsum(equation, *xs)


# ------------------------------------------------------------------ linear algebra


@rule("linalg_cholesky_ex.default")
def _cholesky(x: Tensor, upper: bool = False, check_errors: bool = False) -> list[Any]:
    found = gd.linalg.cholesky(x)
    return [gd.matrix_transpose(found) if upper else found, None]


@rule("linalg_inv_ex.default")
def _inv(x: Tensor, check_errors: bool = False) -> list[Any]:
    return [gd.linalg.inv(x), None]


@rule("_linalg_solve_ex.default", refuses=lambda a, b, left=True, **options: "" if left else "from the right")
def _solve(a: Tensor, b: Tensor, left: bool = True, check_errors: bool = False) -> list[Any]:
    return [gd.linalg.solve(a, b), None, None, None]


@rule("linalg_solve_triangular.default")
def _solve_triangular(a: Tensor, b: Tensor, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    if left:
        return gd.linalg.solve_triangular(a, b, lower=not upper, unit_diagonal=unitriangular)
    turned = gd.linalg.solve_triangular(
        a, gd.matrix_transpose(b), lower=not upper, unit_diagonal=unitriangular, transpose=True
    )
    return gd.matrix_transpose(turned)


@rule("_linalg_det.default")
def _det(x: Tensor) -> list[Any]:
    return [gd.linalg.det(x), None, None]


@rule("_linalg_slogdet.default")
def _slogdet(x: Tensor) -> list[Any]:
    return [*gd.linalg.slogdet(x), None, None]


@rule("_linalg_eigh.default", refuses=lambda x, uplo="L", **options: "" if uplo == "L" else "of the upper triangle")
def _eigh(x: Tensor, uplo: str = "L", compute_v: bool = True) -> list[Tensor]:
    return list(gd.linalg.eigh(gd.tril(x) + gd.matrix_transpose(gd.tril(x, -1))))


@rule("_linalg_svd.default")
def _svd(x: Tensor, full_matrices: bool = False, compute_uv: bool = True, **options: Any) -> list[Any]:
    if not compute_uv:
        return [None, gd.linalg.svdvals(x), None]
    return list(gd.linalg.svd(x, full_matrices=full_matrices))


@rule("linalg_qr.default", refuses=lambda x, mode="reduced": "" if mode != "r" else "of R alone")
def _qr(x: Tensor, mode: Literal["reduced", "complete"] = "reduced") -> list[Tensor]:
    return list(gd.linalg.qr(x, mode=mode))


@rule("linalg_matrix_exp.default")
def _matrix_exp(x: Tensor) -> Tensor:
    return gd.linalg.expm(x)


@rule("cholesky_solve.default")
def _cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False) -> Tensor:
    y = gd.linalg.solve_triangular(factor, b, lower=not upper, transpose=upper)
    return gd.linalg.solve_triangular(factor, y, lower=not upper, transpose=not upper)


@rule("_cdist_forward.default", refuses=lambda x, y, p, mode: "" if p > 0 else f"of p {p}")
def _cdist(x: Tensor, y: Tensor, p: float, mode: int | None) -> Tensor:
    return gd.norm(gd.expand_dims(x, -2) - gd.expand_dims(y, -3), axis=-1, ord=p)


# ------------------------------------------------------------------ makers


@rule("full.default")
def _full(size: Sequence[Any], value: Any, dtype: Any = None, **options: Any) -> Tensor:
    found = dtype_of(dtype) if dtype is not None else None
    return gd.full(tuple(size), value, found or _default_of(value))


def _default_of(value: Any) -> np.dtype:
    return np.dtype(bool if isinstance(value, bool) else "int64") if isinstance(value, int) else wanted(None)


@rule("zeros.default", "empty.memory_format")
def _zeros(size: Sequence[Any], dtype: Any = None, **options: Any) -> Tensor:
    return gd.zeros(tuple(size), wanted(dtype))


@rule("ones.default")
def _ones(size: Sequence[Any], dtype: Any = None, **options: Any) -> Tensor:
    return gd.ones(tuple(size), wanted(dtype))


@rule("full_like.default")
def _full_like(x: Tensor, value: Any, dtype: Any = None, **options: Any) -> Tensor:
    return gd.full(x.shape, value, x.dtype if dtype is None else wanted(dtype))


@rule("zeros_like.default", "empty_like.default")
def _zeros_like(x: Tensor, **options: Any) -> Tensor:
    return _full_like(x, 0, **options)


@rule("ones_like.default")
def _ones_like(x: Tensor, **options: Any) -> Tensor:
    return _full_like(x, 1, **options)


@rule("scalar_tensor.default")
def _scalar_tensor(value: Any, dtype: Any = None, **options: Any) -> Tensor:
    return gd.full((), value, wanted(dtype))


@rule("arange.default")
def _arange(end: Any, dtype: Any = None, **options: Any) -> Tensor:
    return _arange_from(0, end, dtype=dtype)


@rule("arange.start", "arange.start_step")
def _arange_from(start: Any, end: Any, step: Any = 1, dtype: Any = None, **options: Any) -> Tensor:
    of_floats = any(isinstance(v, float) for v in (start, end, step))
    return gd.arange(start, end, step, dtype=wanted(dtype) if dtype is not None or of_floats else np.dtype("int64"))


@rule("linspace.default")
def _linspace(start: Scalar, end: Scalar, steps: int, dtype: Any = None, **options: Any) -> Tensor:
    return gd.linspace(start, end, steps, dtype=wanted(dtype))


@rule("eye.default", "eye.m")
def _eye(n: int, m: int | None = None, dtype: Any = None, **options: Any) -> Tensor:
    return gd.eye(n, m, dtype=wanted(dtype))
