"""JAX's functions as graphs: values and gradients beside JAX's own, in float64."""

import inspect

import numpy as np
import pytest

import graphdiff as gd

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

from graphdiff.interop.jax import from_jax  # noqa: E402
from graphdiff.interop.jax.control import MOST_STEPS  # noqa: E402

rng = np.random.default_rng(0)
x, v = rng.normal(size=(4, 3)), rng.normal(size=5)
A, i = rng.normal(size=(5, 5)) + 5 * np.eye(5), np.array([1, 3, 1])


@pytest.fixture(autouse=True)
def doubles():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def doubled(x, y):
    return jnp.sin(x) * y


vjp_of_ones_own = jax.custom_vjp(doubled)
vjp_of_ones_own.defvjp(lambda x, y: (jnp.sin(x) * y, (x, y)), lambda r, g: (g * 2 * r[1], g * r[0]))
jvp_of_ones_own = jax.custom_jvp(jnp.sin)
jvp_of_ones_own.defjvp(lambda p, t: (jvp_of_ones_own(p[0]), t[0] * 3 * p[0]))
CASES = {
    "relu softplus": (lambda x: jax.nn.relu(x) + jax.nn.softplus(x), v),
    "gelu silu": (lambda x: jax.nn.gelu(x) + jax.nn.silu(x) + jax.nn.elu(x) + jax.nn.selu(x), v),
    "softmax": (lambda x: jax.nn.softmax(x) + jax.nn.log_softmax(x) + jax.nn.logsumexp(x), x),
    "var": (lambda x: jnp.var(x, 0) + jnp.std(x, 0) + jnp.mean(x, 0), x),
    "scan": (lambda x: jax.lax.scan(lambda c, a: (c * a + 1, jnp.sin(c)), 1.0, x), v),
    "fori": (lambda x: jax.lax.fori_loop(0, 4, lambda i, c: c * x[i], 1.0), v),
    "while": (
        lambda x: jax.lax.while_loop(lambda c: c[0] < 10, lambda c: (c[0] * 2 + 1, c[1] * x), (jnp.abs(x) + 1, x)),
        0.5,
    ),
    "cond": (lambda x: jax.lax.cond(x > 0, lambda y: y * 2, lambda y: y + x * x, x), 0.5),
    "switch": (lambda k, x: jax.lax.switch(k, [lambda y: y * 2, lambda y: y + x * x, jnp.sin], x), np.int32(2), 0.5),
    "solve": (lambda A, b: jnp.linalg.solve(A, b), A, v),
    "solve mat": (lambda A: jnp.linalg.solve(A, A[:, :2] @ jnp.ones((2, 3))), A),
    "inv det": (lambda A: jnp.linalg.inv(A) + jnp.linalg.det(A) / 1e3 + jnp.linalg.slogdet(A)[1], A),
    "chol": (lambda A: jnp.linalg.cholesky(A @ A.T + jnp.eye(5)), A),
    "cho_solve": (lambda A, b: jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(A @ A.T + jnp.eye(5)), b), A, v),
    "qr": (lambda A: jnp.linalg.qr(A)[1] ** 2, A),
    "eigh": (lambda A: jnp.linalg.eigh(A + A.T)[0], A),
    "svd": (lambda A: jnp.linalg.svd(A, compute_uv=False), A),
    "index": (lambda x, i: x[i] + x[i, 0][:, None], x, i),
    "index2": (lambda x, i: x[:, i[:2]] * x[i[0], i[1] - 1], x[:, :] * 1.0, np.array([1, 2, 1])),
    "take fill": (lambda x, i: jnp.take(x, i, axis=0), x, np.array([1, 2, 0])),
    "take oob": (lambda x, i: jnp.nan_to_num(jnp.take(x, i, axis=0)), x, np.array([1, 7, -9])),
    "take clip": (lambda x, i: jnp.take(x, i, axis=1, mode="clip"), x, np.array([1, 7, 0])),
    "take_along": (lambda x, i: jnp.take_along_axis(x, i[:, None], axis=1), x, np.array([1, 2, 0, 1])),
    "at add": (lambda x, i: x.at[i].add(2.0 * x[:3]), x, i),
    "at set": (lambda x, i: x.at[i].set(x[:3] * 3), x, i),
    "at set2": (lambda x: x.at[1, 2].set(5.0).at[:, 0].multiply(2.0), x),
    "at drop": (lambda x, i: x.at[i].add(1.0, mode="drop"), x, np.array([1, 9, 2])),
    "at one": (
        lambda x, k: [
            (x.at[k].set(x[0] * 2), x.at[k, 1:].add(x[1, :2], mode="drop"), x.at[0, k].set(7.0, mode="clip"))
            for k in (k, k + 3, k - 9)
        ],
        x,
        np.int32(2),
    ),
    "at one of min": (
        lambda x, k: [
            (x.at[k].multiply(x[0]), x.at[k].min(0.1), x.at[k, 1].max(x[0, 0]), (x > 0).at[k].set(True))
            for k in (k, k + 3)
        ],
        x,
        np.int32(2),
    ),
    "dyn": (
        lambda x, k: (
            jax.lax.dynamic_slice(x, (k, np.int32(0)), (2, 2))
            + jax.lax.dynamic_update_slice(x, x[:2, :2], (k, np.int32(1)))[:2, :2]
        ),
        x,
        np.int32(3),
    ),
    "sort": (lambda x: (jnp.sort(x), jnp.argsort(x), jnp.sort(x)[::-1]), v),
    "lexsort": (lambda x: jax.lax.sort((jnp.round(x), x * 2, x), num_keys=2), v),
    "topk": (lambda x: jax.lax.top_k(x, 3), v),
    "cum": (lambda x: jnp.cumsum(x) + jnp.cumprod(x) + jax.lax.cummax(x) + jax.lax.cumlogsumexp(x), v),
    "einsum": (lambda x, A: jnp.einsum("ij,kj,kl->il", x, x, x) + jnp.tensordot(A, A) / 10, x, A),
    "conv": (
        lambda x, w: jax.lax.conv_general_dilated(x, w, (2, 1), "SAME", rhs_dilation=(1, 2)),
        rng.normal(size=(2, 4, 8, 7)),
        rng.normal(size=(6, 4, 3, 2)),
    ),
    "conv nhwc groups": (
        lambda x, w: jax.lax.conv_general_dilated(
            x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=2
        ),
        rng.normal(size=(2, 8, 7, 4)),
        rng.normal(size=(3, 2, 2, 6)),
    ),
    "conv transpose": (
        lambda x, w: jax.lax.conv_transpose(x, w, (2,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")),
        rng.normal(size=(2, 8, 4)),
        rng.normal(size=(3, 4, 6)),
    ),
    "maxpool": (
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"),
        rng.normal(size=(2, 3, 6, 6)),
    ),
    "avgpool": (
        lambda x: jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 1, 3, 2), (1, 1, 2, 1), "SAME"),
        rng.normal(size=(2, 3, 6, 6)),
    ),
    "special": (
        lambda x: (
            jax.scipy.special.gammaln(jnp.abs(x) + 0.5)
            + jax.scipy.special.erf(x)
            + jax.scipy.special.digamma(jnp.abs(x) + 0.5)
            + jax.scipy.special.expit(x)
            + jax.scipy.special.xlogy(x * x, x * x + 1)
        ),
        v,
    ),
    "int ops": (
        lambda k: (k // 3, k % 3, jax.lax.rem(k, 4), k << 1, k >> 1, k & 3, k | 4, k ^ 1, -k, jnp.abs(k)),
        np.arange(-5, 6),
    ),
    "pad": (lambda x: jax.lax.pad(x, 2.0, ((1, -1, 2), (0, 2, 0))), x),
    "where clip": (lambda x: jnp.where(x > 0, x**3, jnp.clip(x, -0.5, 0.5)) + jnp.sign(x) * jnp.floor(x), v),
    "vmap grad": (lambda A, x: jax.vmap(jax.grad(lambda w: jnp.tanh(w @ A @ w)))(x @ jnp.ones((3, 5))), A, x),
    "checkpoint": (jax.checkpoint(lambda x: jnp.sin(x) * x), v),
    "custom_vjp": (lambda x: vjp_of_ones_own(x, x * 2), v),
    "custom_jvp": (lambda x: jvp_of_ones_own(x) + jax.vmap(jvp_of_ones_own)(x), v),
    "pytree": (lambda p, x: {"y": p["w"] @ x + p["b"], "z": (x,)}, {"w": x, "b": v[:4]}, v[:3]),
    "dict mlp": (lambda p, x: jnp.mean((jnp.tanh(x @ p[0]) @ p[1]) ** 2), [x.T @ x, x.T], x),
    "median etc": (
        lambda x: jnp.median(x) + jnp.quantile(x, 0.3) + jnp.linalg.norm(x) + jnp.interp(0.2, jnp.sort(x), x),
        v,
    ),
    "float32": (lambda x: jnp.dot(x, x) * jnp.float32(2), v.astype(np.float32)),
    "expm": (lambda A: jax.scipy.linalg.expm(A / 10), A),
    "logaddexp": (
        lambda x: jnp.logaddexp(x, -x) + jnp.hypot(x, 2.0) + jnp.arctan2(x, 1.0) + jnp.cbrt(x) + jnp.sinc(x),
        v,
    ),
}
WITHOUT_GRADIENT = ("while", "take oob", "int ops", "at one of min")  # JAX has none of them, or it is NaN


def call(fn, *args):
    return fn(*jax.tree_util.tree_map(jnp.asarray, args))


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_jaxs(name):
    fn, *args = CASES[name]
    flat, tree = jax.tree_util.tree_flatten(tuple(args))
    tolerance = 1e-5 if name == "float32" else 1e-10
    xs = [gd.input(f"x{k}", np.shape(a), np.asarray(a).dtype) for k, a in enumerate(flat)]
    made = from_jax(fn, *jax.tree_util.tree_map(jnp.asarray, args))(*jax.tree_util.tree_unflatten(tree, xs))
    want = call(fn, *args)
    assert jax.tree_util.tree_structure(made) == jax.tree_util.tree_structure(want)
    outputs = jax.tree_util.tree_leaves(made)
    for got, wanted in zip(gd.compile(xs, outputs)(*flat), jax.tree_util.tree_leaves(want)):
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
    if name in WITHOUT_GRADIENT:
        return
    floats = [k for k, a in enumerate(flat) if np.asarray(a).dtype.kind == "f"]

    def loss(*given):
        filled = list(flat)
        for k, a in zip(floats, given):
            filled[k] = a
        found = jax.tree_util.tree_leaves(call(fn, *jax.tree_util.tree_unflatten(tree, filled)))
        return sum(jnp.sum(jnp.sin(y)) for y in found if jnp.issubdtype(y.dtype, jnp.floating))

    wanted = jax.grad(loss, argnums=tuple(range(len(floats))))(*(jnp.asarray(flat[k]) for k in floats))
    total = sum(gd.sum(gd.sin(y)) for y in outputs if y.dtype.kind == "f")
    for got, g in zip(gd.compile(xs, gd.grad(total, [xs[k] for k in floats]))(*flat), wanted):
        np.testing.assert_allclose(got, g, rtol=tolerance, atol=tolerance)


def test_forward_mode_and_second_order_of_rules_of_ones_own_and_of_solves():
    for fn, args in (
        (lambda x: jnp.sum(jax.nn.softplus(x) ** 2), (v,)),
        (lambda A: jnp.linalg.solve(A, A[0] ** 2)[1], (A,)),
    ):
        (leaf,) = (gd.input("leaf", a.shape, "float64") for a in args)
        y = from_jax(fn, *args)(leaf)
        want = jax.hessian(fn)(jnp.asarray(args[0]))
        np.testing.assert_allclose(gd.compile([leaf], gd.hessian(y, leaf))(*args), want, rtol=1e-9, atol=1e-10)
    leaf = gd.input("leaf", v.shape, "float64")
    made = gd.jvp(from_jax(jvp_of_ones_own, v)(leaf), leaf, gd.constant(v))
    np.testing.assert_allclose(gd.compile([leaf], made)(v), 3 * v * v)
    with pytest.raises(gd.GraphError, match="has no jvp"):
        gd.jvp(from_jax(lambda x: vjp_of_ones_own(x, x), v)(leaf), leaf, gd.constant(v))


def loops(y):
    return [n for n in gd.ir.node.topological([y]) if n.op.name == "loop"]


@pytest.mark.parametrize(
    "going, step, most",
    [
        (lambda i, n, a: i < 7, 1, 7),
        (lambda i, n, a: (a < 100) & (i <= 7), 1, 8),
        (lambda i, n, a: (7 > i) & (i < 100), 3, 3),
        (lambda i, n, a: i < 0, 1, 0),
        (lambda i, n, a: i < n, 1, None),
        (lambda i, n, a: i < 7, -1, None),
        (lambda i, n, a: (i < 7) | (a < 0.5), 1, None),
        (lambda i, n, a: a < 7, 1, None),
    ],
)
def test_a_counter_that_the_condition_bounds_bounds_the_loop(going, step, most):
    def looped(a, n):
        return jax.lax.while_loop(
            lambda s: going(s[0], s[2], s[1]) & (s[1] < 1e4), lambda s: (s[0] + step, s[1] * 2 + 1, s[2]), (0, a, n)
        )[1]

    a, n = gd.input("a", (), "float64"), gd.input("n", (), "int64")
    y = from_jax(looped, 0.3, 5)(a, n)
    (loop,) = loops(y)
    assert loop.attrs["length"] == (MOST_STEPS if most is None else most)
    want = looped(0.3, 5)
    value, slope = gd.compile([a, n], [y, gd.grad(y, a)])(0.3, 5)
    np.testing.assert_allclose(value, want)
    np.testing.assert_allclose(slope, (want + 1) / 1.3)


def test_a_loop_that_equinox_checkpoints_is_differentiated_as_a_loop():
    eqxi = pytest.importorskip("equinox.internal")

    def looped(x):
        def body(s):
            return s[0] + 1, jnp.sin(s[1]) * x[0], s[2].at[s[0]].set(s[1][0])

        begin = (0, x, jnp.zeros(6))
        found = eqxi.while_loop(
            lambda s: s[1][1] > 0.1,
            body,
            begin,
            max_steps=6,
            buffers=lambda s: s[2],
            kind="checkpointed",
            checkpoints=3,
        )
        return jnp.sum(found[1] * found[2][:2]) + found[2][3]

    both = np.array([[0.9, 0.7], [0.8, 0.3]])
    for fn, at in ((looped, both[0]), (lambda xs: jnp.sum(jax.vmap(looped)(xs) ** 2), both)):
        x = gd.input("x", at.shape, "float64")
        y = from_jax(fn, at)(x)
        value, slope = gd.compile([x], [y, gd.grad(y, x)])(at)
        want = jax.value_and_grad(fn)(at)
        np.testing.assert_allclose(value, want[0], rtol=1e-12)
        np.testing.assert_allclose(slope, want[1], rtol=1e-12)
        # what has a backward rule alone has no jvp
        t = np.linspace(0.5, -1, at.size).reshape(at.shape)
        forward = gd.compile([x], gd.jvp(y, x, gd.constant(t)))(at)
        np.testing.assert_allclose(forward, np.sum(want[1] * t), rtol=1e-12)


def test_all_that_has_no_rule_is_told_at_once_with_its_lines():
    def odd(x):
        y = jnp.linalg.eigvals(jnp.outer(x, x) + 1)
        return jnp.abs(y) + jax.pure_callback(np.sin, jax.ShapeDtypeStruct((5,), "float64"), x)

    line = inspect.getsourcelines(odd)[1]
    with pytest.raises(gd.GraphdiffError) as told:
        from_jax(odd, v)
    counts = told.value.counts
    assert any(c.startswith("eig") for c in counts) and any(c.startswith("pure_callback") for c in counts)
    assert any(f"test_jax.py:{line + 1}" in c for c in counts)


def test_arguments_are_those_that_were_traced():
    g = from_jax(jnp.sin, v)
    with pytest.raises(gd.ShapeError, match=r"argument 0 was traced with shape \(5,\), got"):
        g(gd.input("w", (4,), "float64"))
    with pytest.raises(gd.DTypeError, match="argument 0 was traced as float64"):
        g(gd.input("w", (5,), "float32"))
    with pytest.raises(gd.ShapeError, match="arguments have the structure"):
        g(gd.input("w", (5,), "float64"), 1.0)
    traced = from_jax(jnp.sin, jax.ShapeDtypeStruct((5,), "float64"))
    assert traced(gd.input("w", (5,), "float64")).shape == (5,)
