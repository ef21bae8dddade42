"""Rules of JAX's random numbers by keys: threefry, word by word, as JAX itself lowers it; the same draws, to the bit.

Invariant: an array of keys is a Tensor of its shape, as integers.py packs it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.incomplete import gamma_density, gammainc_by_a
from ...ops.tensor import Tensor
from ..needs import needs
from .control import by_jax
from .integers import WORD, is_key
from .rules import Params, one, rule

with needs("jax"):
    import jax
    from jax._src.random import core as distributions
    from jax._src.random import prng, threefry2x32

U32 = np.dtype("uint32")
THREEFRY = threefry2x32.threefry_prng_impl


def _words(key: Tensor) -> Tensor:
    """The words of keys, on a last axis."""
    return gd.stack([gd.bitwise_and(gd.bitwise_right_shift(key, 32), WORD), gd.bitwise_and(key, WORD)], axis=-1)


def _packed(words: Tensor) -> Tensor:
    return gd.bitwise_or(gd.bitwise_left_shift(words[..., 0], 32), words[..., 1])


def _odd(params: Params, avals: Sequence[Any]) -> str:
    """Keys that are no two words of threefry."""
    impl = params.get("impl")
    if impl is not None:
        return "" if impl is THREEFRY else f"of {impl.name}"
    return "" if is_key(avals[0].dtype) else f"of {avals[0].dtype}"


def _of(shape: Sequence[Any], dtype: Any = U32) -> Any:
    return jax.ShapeDtypeStruct(tuple(int(s) for s in shape), dtype)


@one("random_wrap", refuses=_odd)
def _wrap(params: Params, words: Tensor) -> Tensor:
    return _packed(words)


@one("random_unwrap", refuses=_odd)
def _unwrap(params: Params, key: Tensor) -> Tensor:
    return _words(key)


@one("random_clone")
def _clone(params: Params, key: Tensor) -> Tensor:
    return key


@rule("threefry2x32")
def _threefry(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    def rounds(*words: Any) -> Any:
        return threefry2x32._threefry2x32_lowering(*words, use_rolled_loops=False)

    return by_jax("threefry2x32", rounds, [_of(x.shape) for x in xs], xs)


@rule("iota_2x32_shape")
def _counts(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    shape = tuple(int(s) for s in params["shape"])
    count = np.arange(math.prod(shape), dtype=np.int64).reshape(shape)
    return [gd.constant(count >> 32), gd.constant(count & WORD)]


@rule("random_seed", refuses=_odd)
def _seed(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    def words(seeds: Any) -> Any:
        return prng.random_seed_impl_base(seeds, impl=params["impl"])

    (found,) = by_jax("random.key", words, [_of(xs[0].shape, xs[0].dtype)], xs)
    return [_packed(found)]


@rule("random_split", refuses=_odd)
def _split(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    def words(base: Any) -> Any:
        return prng.random_split_impl_base(THREEFRY, base, xs[0].ndim, shape=params["shape"])

    (found,) = by_jax("random.split", words, [_of([*xs[0].shape, 2])], [_words(xs[0])])
    return [_packed(found)]


@rule("random_fold_in", refuses=_odd)
def _fold_in(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    key, data = xs

    def words(base: Any, data: Any) -> Any:
        return prng.random_fold_in_impl_base(THREEFRY, base, data, tuple(int(s) for s in key.shape))

    (found,) = by_jax("random.fold_in", words, [_of([*key.shape, 2]), _of(data.shape)], [_words(key), data])
    return [_packed(found)]


@rule("random_bits", refuses=_odd)
def _bits(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    def drawn(base: Any) -> Any:
        return prng.random_bits_impl_base(THREEFRY, base, xs[0].ndim, **params)

    return by_jax("random.bits", drawn, [_of([*xs[0].shape, 2])], [_words(xs[0])])


@rule("random_gamma")
def _gamma(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    in_logs = params["log_space"]

    def forward(key: Tensor, a: Tensor) -> Tensor:
        def drawn(key: Any, a: Any) -> Any:
            return distributions._gamma_impl(key, a, log_space=in_logs, use_vmap=True)

        avals = [_of(key.shape, jax.random.key(0).dtype), _of(a.shape, a.dtype)]
        return by_jax("random.gamma", drawn, avals, [key, a])[0]

    def slope(y: Tensor, a: Tensor) -> Tensor:
        x = gd.exp(y) if in_logs else y
        density = gamma_density(a, x)
        by_a = -gammainc_by_a(a, x) / density
        return by_a / x if in_logs else by_a

    def jvp(ts: Sequence[Tensor], y: Tensor, key: Tensor, a: Tensor) -> Tensor:
        return ts[1] * slope(y, a)

    def vjp(g: Tensor, y: Tensor, key: Tensor, a: Tensor) -> list[Tensor | None]:
        return [None, g * slope(y, a)]

    return [gd.custom("random_gamma", forward, vjp=vjp, jvp=jvp)(*xs)]
