"""Configurations of JAX's primitives of whole arrays, for ``jax_primitives.py``: products, order, linear algebra,
Fourier transforms, programs, random numbers. Imported only where JAX is. Owns the configurations.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax_cases import Case, ints, kinds, odd, rng, spd, square, ties, u, v, w


def products() -> dict[str, list[Case]]:
    a, b = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(4, 2, 5, 3))
    numbers = [
        (((3,), (2,)), ((0,), (1,))),
        (((2, 3), (0, 2)), ((), ())),
        (((1,), (3,)), ((0, 3), (1, 2))),
        (((), ()), ((0, 1, 2, 3), (1, 3, 0, 2))),
    ]
    cases: list[Case] = [(lambda a, b, d=d: lax.dot_general(a, b, d), (a, b)) for d in numbers]
    cases += [(lambda a, b: lax.dot_general(a, b, (((), ()), ((), ()))), (v[0], w[1]))]
    cases += [
        (lambda a: lax.dot(a, a.T, preferred_element_type="int32"), (np.clip(ints, -9, 9).astype("int8"),)),
        (lambda a: lax.dot(a, a.T), (ints > 0,)),
        (lambda a: lax.dot(a, a.T), (ints,)),
    ]
    sizes = np.array([1, 2], "int32")
    return {
        "dot_general": cases,
        "ragged_dot_general": [(lambda x, y, n: lax.ragged_dot(x, y, n), (v, rng.normal(size=(2, 4, 5)), sizes))],
    }


def orders() -> dict[str, list[Case]]:
    lists = [(lambda x, a=a: lax.sort(x, a), (x,)) for x in (v, w) for a in (0, 1)]
    lists += [
        (lambda x, y: lax.sort((x, y), 1), (v, w)),
        (lambda x, y: lax.sort((x, y), 0, num_keys=2), (ties, w)),
        (lambda x: lax.stop_gradient(lax.sort(x)), (odd,)),
        *kinds(lambda x: lax.sort(x, 0), ints),
    ]
    return {
        "sort": lists,
        "top_k": [(lambda x, k=k: lax.top_k(x, k), (x,)) for x in (v, ints) for k in (1, 2)]
        + [(lambda x: lax.top_k(x, 2, axis=0), (v,))],
        "approx_top_k": [(lambda x: lax.approx_max_k(x, 2), (v,)), (lambda x: lax.approx_min_k(x, 2), (v,))],
    }


def linear_algebra() -> dict[str, list[Case]]:
    tall, wide = rng.normal(size=(2, 5, 3)), rng.normal(size=(3, 5))
    lower, right = np.tril(square) + 3 * np.eye(4), rng.normal(size=(2, 4, 4))
    triangular = [
        (
            lambda a, b, s=s, l=l, t=t, d=d: lax.linalg.triangular_solve(
                a, b, left_side=s, lower=l, transpose_a=t, unit_diagonal=d
            ),
            (lower, right),
        )
        for s in (False, True)
        for l in (False, True)
        for t in (False, True)
        for d in (False, True)
    ]
    diagonals = (np.r_[0, u[0]], 3 + np.arange(5.0), np.r_[u[1], 0], rng.normal(size=(5, 2)))
    return {
        "cholesky": [
            (lambda a: lax.linalg.cholesky(a), (spd,)),
            (lambda a: lax.linalg.cholesky(a + a.T, symmetrize_input=False), (spd[0],)),
        ],
        "triangular_solve": triangular,
        "qr": [
            (lambda a: [jnp.abs(x) for x in lax.linalg.qr(a, full_matrices=False)], (tall,)),
            (lambda a: [x @ x.T for x in lax.linalg.qr(a, full_matrices=False)], (square[0],)),
            (lambda a: jnp.abs(lax.stop_gradient(lax.linalg.qr(a, full_matrices=True)[1])), (tall,)),
            (lambda a: jnp.abs(lax.linalg.qr(a, full_matrices=False)[1]), (square,)),
            (lambda a: jnp.abs(lax.linalg.qr(a, pivoting=True)[1]), (tall,)),
        ],
        "eigh": [(lambda a, l=l: [jnp.abs(x) for x in lax.linalg.eigh(a, lower=l)], (spd,)) for l in (False, True)]
        + [(lambda a: lax.linalg.eigh(a + jnp.swapaxes(a, 1, 2), symmetrize_input=False)[1], (square,))],
        "svd": [(lambda a: lax.linalg.svd(a, compute_uv=False), (x,)) for x in (tall, wide, square)]
        + [(lambda a: [jnp.abs(x) for x in lax.linalg.svd(a, full_matrices=False)], (x,)) for x in (square, tall)]
        + [(lambda a: jnp.abs(lax.stop_gradient(lax.linalg.svd(a, full_matrices=True)[0][..., :3])), (tall,))],
        "lu": [
            (lambda a: lax.linalg.lu(a), (square,)),
            (lambda a: lax.linalg.lu(a), (tall,)),
            (lambda a: lax.linalg.lu(a), (wide,)),
        ],
        "lu_pivots_to_permutation": [
            (lambda a: lax.linalg.lu_pivots_to_permutation(lax.linalg.lu(a)[1], 4), (square,))
        ],
        "symmetric_product": [
            (lambda a, c: lax.linalg.symmetric_product(a, c, alpha=2.0, beta=0.5), (v, spd[0, :3, :3]))
        ],
        "cholesky_update": [
            (
                lambda a, x: lax.stop_gradient(lax.linalg.cholesky_update(jnp.swapaxes(a, -1, -2), x)),
                (np.linalg.cholesky(spd[0]), v[0]),
            )
        ],
        "tridiagonal_solve": [(lambda *d: lax.linalg.tridiagonal_solve(*d), diagonals)],
        "tridiagonal": [(lambda a: lax.linalg.tridiagonal(a), (spd[0],))],
        "eig": [(lambda a: lax.linalg.eig(a), (square,))],
        "schur": [(lambda a: lax.linalg.schur(a), (square[0],))],
        "hessenberg": [(lambda a: lax.linalg.hessenberg(a), (square[0],))],
        "householder_product": [(lambda a, t: lax.linalg.householder_product(a, t), (square[0], u[0]))],
        "custom_linear_solve": [
            (lambda a, b: jnp.linalg.solve(a, b), (spd, right)),
            (
                lambda a, b: lax.custom_linear_solve(
                    lambda x: a @ x, b, lambda f, b: jnp.linalg.solve(a, b), lambda f, b: jnp.linalg.solve(a.T, b)
                ),
                (spd[0], v[0]),
            ),
        ],
    }


def fourier() -> dict[str, list[Case]]:
    z = v + 0.0
    whole: list[Case] = [
        (lambda x: jnp.fft.fft(x), (z,)),
        (lambda x: jnp.fft.ifft(x + 1j * x[::-1]), (z,)),
        (lambda x: jnp.fft.rfft(x, axis=0), (z,)),
        (lambda x: jnp.fft.irfft(jnp.fft.rfft(x)[:, :2] * (1 + 2j), n=5), (z,)),
        (lambda x: jnp.fft.fft2(x), (z,)),
        (lambda x: jnp.fft.irfftn(jnp.fft.rfftn(x) * 1j, s=(3, 4)), (z,)),
        (lambda x: jnp.fft.fftshift(jnp.fft.fft(x)), (z,)),
    ]
    return {
        "fft": whole,
        "complex": [(lax.complex, (v, w))],
        "conj": [(lambda x, y: lax.conj(lax.complex(x, y)), (v, w)), (lambda x: lax.conj(x), (v,))],
        "real": [(lambda x, y: lax.real(lax.complex(x, y) ** 2), (v, w))],
        "imag": [(lambda x, y: lax.imag(jnp.exp(lax.complex(x, y)) / lax.complex(y, x)), (v, w))],
    }


def programs() -> dict[str, list[Case]]:
    c = jnp.asarray(w[0])

    def f(x: Any) -> Any:
        return jnp.sin(x) * c

    custom = jax.custom_jvp(f)
    custom.defjvp(lambda p, t: (f(p[0]), t[0] * 3))
    back = jax.custom_vjp(f)
    back.defvjp(lambda x: (f(x), x), lambda x, g: (g * x,))
    return {
        "jit": [(jax.jit(f), (v,)), (lambda x: jax.jit(f, inline=True)(jax.jit(f)(x)), (v,))],
        "remat2": [
            (jax.checkpoint(f), (v,)),
            (lambda x: jax.grad(lambda x: jnp.sum(jax.checkpoint(f)(x) ** 2))(x), (v,)),
        ],
        "custom_jvp_call": [
            (custom, (v,)),
            (lambda x: jax.vmap(custom)(x), (v,)),
            (lambda x: jnp.sum(jax.nn.relu(x)), (ties,)),
        ],
        "custom_vjp_call": [(back, (v,)), (lambda x: jax.vmap(back)(x), (v,))],
        "closed_call": [(lambda x: jax.closure_convert(f, x)[0](x, *jax.closure_convert(f, x)[1]), (v,))],
        "cond": [
            (lambda x: lax.cond(jnp.sum(x) > 0, f, lambda x: x * c, x), (v,)),
            (lambda k, x: lax.switch(k, [f, jnp.cos, lambda x: x * c], x), (np.int32(7), v)),
            (lambda x: jax.vmap(lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x))(x), (v,)),
        ],
        "while": [
            (
                lambda x: lax.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] * c), (0, x)),
                (lax.stop_gradient(v),),
            ),
            (
                lambda x: jax.vmap(lambda x: lax.while_loop(lambda y: jnp.sum(y * y) < 50, lambda y: y * 2 + c, x))(x),
                (v,),
            ),
        ],
        "scan": [
            (lambda x, r=r: lax.scan(lambda s, a: (s * c + a, s.sum()), jnp.zeros(4), x, reverse=r), (v,))
            for r in (False, True)
        ]
        + [
            (lambda x: lax.fori_loop(0, 4, lambda i, s: s * c + x[i % 3], jnp.ones(4)), (v,)),
            (lambda x: lax.associative_scan(jnp.multiply, x), (v,)),
            (lambda x: lax.map(lambda r: jnp.outer(r, c), x), (v,)),
        ],
        "composite": [(lax.composite(f, "my.f"), (v,))] if hasattr(lax, "composite") else [],
        "linear_call": [
            (lambda x: jax.custom_derivatives.linear_call(lambda r, x: r * x, lambda r, t: r * t, c, x), (v,))
        ],
        "pure_callback": [(lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x), (v,))],
        "platform_index": [(lambda x: lax.platform_dependent(x, cpu=f, default=jnp.cos), (v,))],
    }


def randoms() -> dict[str, list[Case]]:
    def key(seed: Any) -> Any:
        return jax.random.key(seed)

    seed = np.int64(5)
    return {
        "random_seed": [(lambda s: jax.random.key_data(key(s)), (seed,))],
        "random_wrap": [(lambda x: jax.random.uniform(jax.random.PRNGKey(0), (3, 4)) + x, (v,))],
        "random_unwrap": [(lambda s: jax.random.split(jax.random.PRNGKey(s)), (seed,))],
        "random_split": [(lambda s: [jax.random.normal(k, (2,)) for k in jax.random.split(key(s), 3)], (seed,))],
        "random_fold_in": [(lambda s: jax.random.normal(jax.random.fold_in(key(s), 17), (2,)), (seed,))],
        "random_bits": [
            (lambda s, n=n: jax.random.bits(key(s), (3,), n), (seed,)) for n in ("uint8", "uint16", "uint32", "uint64")
        ],
        "threefry2x32": [
            (lambda s, f=f: f(key(s)), (seed,))
            for f in (
                lambda k: jax.random.uniform(k, (3,), "float32"),
                lambda k: jax.random.normal(k, (3, 2)),
                lambda k: jax.random.randint(k, (4,), -3, 1000),
                lambda k: jax.random.randint(k, (4,), 0, 7, "int32"),
                lambda k: jax.random.permutation(k, 7),
                lambda k: jax.random.categorical(k, jnp.asarray(v)),
                lambda k: jax.random.bernoulli(k, 0.3, (9,)),
                lambda k: jax.random.laplace(k, (3,)),
                lambda k: jax.random.truncated_normal(k, -1.0, 2.0, (3,)),
                lambda k: jax.random.choice(k, 5, (3,), replace=False),
                lambda k: jax.random.dirichlet(k, jnp.ones(3)),
                lambda k: jax.random.poisson(k, 3.0, (3,)),
            )
        ]
        + [(lambda x: jax.vmap(lambda k, x: jax.random.normal(k) * x)(jax.random.split(key(1), 3), x), (v,))],
        "random_gamma": [
            (lambda a: jax.random.gamma(key(2), a), (u + 0.5,)),
            (lambda a: jax.random.loggamma(key(2), a), (u + 0.5,)),
        ],
        "random_clone": [(lambda s: jax.random.key_data(jax.random.clone(key(s))), (seed,))],
        "iota_2x32_shape": [(lambda s: jax.random.bits(key(s), (3, 2)), (seed,))],
    }


def cases() -> dict[str, list[Case]]:
    """Configurations of what this file is about."""
    found: dict[str, list[Case]] = {}
    for part in (products, orders, linear_algebra, fourier, programs, randoms):
        found |= part()
    return found
