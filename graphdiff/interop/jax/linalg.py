"""Rules of JAX's linear algebra. Its conventions: rows where LAPACK has columns, no pivots, a triangle that is read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from ..needs import needs
from .control import by_jax
from .rules import Params, one, rule

with needs("jax"):
    import jax
    from jax._src.lax import linalg as theirs


@one("cholesky")
def _cholesky(params: Params, x: Tensor) -> Tensor:
    return gd.linalg.cholesky(x)


@one("triangular_solve")
def _triangular_solve(params: Params, a: Tensor, b: Tensor) -> Tensor:
    options = {"lower": params["lower"], "unit_diagonal": params["unit_diagonal"]}
    if params["left_side"]:
        return gd.linalg.solve_triangular(a, b, transpose=params["transpose_a"], **options)
    turned = gd.matrix_transpose(b)
    return gd.matrix_transpose(gd.linalg.solve_triangular(a, turned, transpose=not params["transpose_a"], **options))


@rule("qr", refuses=lambda p, avals: "with pivots" if p.get("pivoting") else "")
def _qr(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return list(gd.linalg.qr(xs[0], mode="complete" if params["full_matrices"] else "reduced"))


@rule("eigh", refuses=lambda p, a: "of a part of them" if p.get("subset_by_index") else "")
def _eigh(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    x = xs[0]
    part = gd.tril(x) if params["lower"] else gd.triu(x)
    other = gd.matrix_transpose(gd.tril(x, -1) if params["lower"] else gd.triu(x, 1))
    values, vectors = gd.linalg.eigh(part + other)
    return [vectors, values]


@rule("svd", refuses=lambda p, a: "of a part of them" if p.get("subset_by_index") else "")
def _svd(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    if not params["compute_uv"]:
        return [gd.linalg.svdvals(xs[0])]
    u, s, vt = gd.linalg.svd(xs[0], full_matrices=params["full_matrices"])
    return [s, u, vt]


@rule("lu", refuses=lambda p, avals: "of matrices that are not square" if len(set(avals[0].shape[-2:])) > 1 else "")
def _lu(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    factors, pivots = gd.linalg.lu_factor(xs[0])
    pivots = gd.astype(pivots, "int32")
    return [factors, pivots, _permutation(pivots)]


@one("lu_pivots_to_permutation")
def _pivots_to_permutation(params: Params, pivots: Tensor) -> Tensor:
    return _permutation(pivots)


def _permutation(pivots: Tensor) -> Tensor:
    """The order of rows that interchanges, one after the other, lead to."""
    n = int(pivots.shape[-1])
    places = gd.constant(np.arange(n, dtype=np.int32))

    def swapped(order: Tensor, at: Tensor) -> tuple[Tensor, None]:
        k, p = at[0], at[1]
        return gd.where(places == k, order[p], gd.where(places == p, order[k], order)), None

    def of_one(row: Tensor) -> Tensor:
        order, _ = gd.scan(swapped, places, gd.stack([places, row], axis=1))
        return order

    flat = gd.reshape(pivots, (-1, n))
    return gd.reshape(gd.vmap(of_one)(flat), pivots.shape)


# ------------------------------------------------------------------ as JAX itself lowers them


def _lowered(name: str, fn: Callable[..., Any]) -> None:
    def build(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
        options = {k: v for k, v in params.items() if k in ("alpha", "beta")}
        avals = [jax.ShapeDtypeStruct(tuple(int(s) for s in x.shape), x.dtype) for x in xs]
        return by_jax(name, functools.partial(fn, **options), avals, xs)

    rule(name)(build)


_lowered("symmetric_product", theirs._symmetric_product_jax_fn)
_lowered("cholesky_update", theirs._cholesky_update_jax_fn)
_lowered("tridiagonal_solve", theirs._tridiagonal_solve_jax_impl)
