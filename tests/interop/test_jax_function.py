"""Graphs as JAX's primitives, beside JAX's own operations."""

import numpy as np
import pytest

import graphdiff as gd

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax.sharding import Mesh, PartitionSpec  # noqa: E402

from graphdiff.interop.jax import function  # noqa: E402

A = np.random.default_rng(0).normal(size=(4, 3))
X = np.array([0.3, -0.7, 1.1])


@pytest.fixture(autouse=True)
def doubles():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def graph(**options):
    x, k = gd.input("x", (3,), "float64"), gd.input("k", (), "int64")
    w = gd.parameter("w", value=A)
    return function([x, k], {"y": gd.tanh(w @ x) * gd.astype(k, "float64"), "k": k + 1}, **options)


def theirs(x, k):
    return {"y": jnp.tanh(A @ x) * k, "k": k + 1}


def number(**options):
    x, w = gd.input("x", (3,), "float64"), gd.parameter("w", value=A)
    return function([x, w], gd.sum(gd.sin(w @ x) ** 3), **options)


def of_theirs(x, w):
    return jnp.sum(jnp.sin(w @ x) ** 3)


def close(a, b):
    for got, want in zip(jax.tree_util.tree_leaves(a), jax.tree_util.tree_leaves(b), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_values_are_the_bits_of_the_function_and_under_jit_too():
    x, w = gd.input("x", (3,), "float64"), gd.parameter("w", value=A)
    alone = gd.compile([x], gd.tanh(w @ x))(X)
    f = graph()
    for g in (f, jax.jit(f)):
        found = g(X, 1)
        assert (np.asarray(found["y"]) == alone).all() and found["k"] == 2 and found["k"].dtype == "int64"
    assert "graphdiff" in str(jax.make_jaxpr(f)(X, 1)) and "name=" not in f.__name__


@pytest.mark.parametrize("vmap", ["batch", "sequential"])
def test_derivatives_and_batches(vmap):
    f, g = graph(vmap=vmap), number(vmap=vmap)
    rows = jnp.stack([X, 2 * X, -X])
    of_y = lambda f: lambda x: f(x, 2)["y"]  # noqa: E731
    close(jax.jacrev(of_y(f))(X), jax.jacrev(of_y(theirs))(X))
    close(jax.jacfwd(of_y(f))(X), jax.jacfwd(of_y(theirs))(X))
    close(jax.vmap(of_y(f))(rows), jax.vmap(of_y(theirs))(rows))
    close(jax.vmap(f, (None, 0))(X, jnp.arange(3)), jax.vmap(theirs, (None, 0))(X, jnp.arange(3)))
    close(jax.value_and_grad(g, (0, 1))(X, A), jax.value_and_grad(of_theirs, (0, 1))(X, A))
    close(jax.vmap(jax.grad(g), (0, None))(rows, A), jax.vmap(jax.grad(of_theirs), (0, None))(rows, A))
    close(jax.jit(jax.hessian(g, (0, 1)))(X, A), jax.hessian(of_theirs, (0, 1))(X, A))
    close(jax.jacfwd(jax.jacrev(of_y(f)))(X), jax.jacfwd(jax.jacrev(of_y(theirs)))(X))
    close(jax.jacrev(jax.jacfwd(of_y(f)))(X), jax.jacrev(jax.jacfwd(of_y(theirs)))(X))
    close(jax.vmap(jax.vmap(of_y(f)))(rows[None]), jax.vmap(jax.vmap(of_y(theirs)))(rows[None]))


def test_third_order_and_linearize():
    g = number()
    close(jax.jacfwd(jax.hessian(g))(X, A), jax.jacfwd(jax.hessian(of_theirs))(X, A))
    close(jax.jacrev(jax.hessian(g))(X, A), jax.jacrev(jax.hessian(of_theirs))(X, A))
    y, pushed = jax.linearize(lambda x: graph()(x, 3)["y"], X)
    close((y, pushed(X)), jax.jvp(lambda x: theirs(x, 3)["y"], (X,), (X,)))
    close(
        jax.linear_transpose(pushed, X)(y),
        jax.linear_transpose(lambda t: (1 - jnp.tanh(A @ X) ** 2) * 3 * (A @ t), X)(y),
    )
    moved = jax.jvp(jax.grad(g), (X, A), (X, A))
    close(moved, jax.jvp(jax.grad(of_theirs), (X, A), (X, A)))


def test_inside_of_loops_branches_and_checkpoints():
    g = number()

    def run(f):
        def step(x, _):
            return x + 0.1 * jax.grad(f)(x, A), f(x, A)

        def whole(x):
            last, ys = jax.lax.scan(jax.checkpoint(step), x, None, length=4)
            return jax.lax.cond(ys[0] > 0, lambda: jnp.sum(last), lambda: jnp.sum(last * 2)) + ys.sum()

        return jax.value_and_grad(jax.jit(whole))(X)

    close(run(g), run(of_theirs))


def test_shard_map_and_pmap():
    f = graph()
    mesh = Mesh(np.array(jax.devices()[:1]), ("rows",))
    rows = jnp.stack([X, 2 * X])
    spread = jax.shard_map(
        jax.vmap(lambda x: f(x, 2)["y"]), mesh=mesh, in_specs=PartitionSpec("rows"), out_specs=PartitionSpec("rows")
    )
    close(spread(rows), jax.vmap(lambda x: theirs(x, 2)["y"])(rows))
    close(jax.pmap(lambda x: f(x, 2)["y"])(rows[:1]), jax.vmap(lambda x: theirs(x, 2)["y"])(rows[:1]))


def test_named_sizes_and_parameters_as_they_were():
    x, w = gd.input("x", ("n", 3), "float64"), gd.parameter("v", value=X)
    f = jax.jit(function([x], gd.mean(x @ w), name="means"))
    assert f.__name__ == "means"
    for n in (2, 5):
        close(f(np.ones((n, 3))), X.sum())
    w.value = X * 100
    close(f(np.ones((2, 3))), X.sum())


def test_what_does_not_fit_is_told():
    f = graph()
    for call, kind, told in (
        (lambda: f(X), gd.FeedError, "2 inputs, got 1"),
        (lambda: f(X[:2], 1), gd.FeedError, r"x has shape \(3,\), got \(2,\)"),
        (lambda: f(X, 1.5), gd.FeedError, "k is int64, got float64"),
        (lambda: f(X, jnp.float64(1)), gd.DTypeError, "k is int64, got float64"),
        (lambda: graph(vmap="loop"), gd.CompileError, 'vmap is "batch" or "sequential"'),
        (lambda: function([gd.input("a", (2,)) * 2], gd.ones(())), gd.GraphError, "inputs are leaves"),
    ):
        with pytest.raises(kind, match=told):
            call()
    with pytest.raises(gd.FeedError, match="data misses x"):
        x = gd.input("x", (3,))
        function([], gd.sum(x))
    jax.config.update("jax_enable_x64", False)
    with pytest.raises(gd.DTypeError, match="x is float64, which JAX has switched off"):
        f(X, 1)


def test_a_call_that_fails_is_an_error():
    x, i = gd.input("x", (3,), "float64"), gd.input("i", (2,), "int64")
    f = jax.jit(function([x, i], x[i]))
    close(f(X, np.array([0, -1])), X[[0, 2]])
    with pytest.raises(ValueError, match="graphdiff: the call failed: index out of range"):
        jax.block_until_ready(f(X, np.array([0, 7])))


def test_tracers_outside_of_their_functions_are_told():
    x, kept = gd.input("x", (3,), "float64"), []
    y = gd.sum(x * x)
    compiled, twice = gd.compile([x], y), gd.interop.jax.from_jax(lambda v: v * 2, np.zeros(3))

    def leak(v):
        kept.append(v)
        return v * 2

    jax.jit(lambda v: leak(v))(X)
    twice_leaked = gd.interop.jax.from_jax(leak, np.zeros(3))(x)
    assert len(kept) == 2 and twice_leaked.shape == (3,)
    for tracer in kept:
        for use, error in (
            (compiled, gd.FeedError),
            (gd.sin, gd.DTypeError),
            (lambda v: x * v, gd.DTypeError),
            (gd.constant, gd.DTypeError),
            (lambda v: gd.parameter("w", value=v), gd.DTypeError),
            (twice, gd.DTypeError),
            (lambda v: gd.interop.jax.from_jax(lambda u: u * v, np.zeros(3)), gd.GraphError),
        ):
            with pytest.raises(error, match="a tracer of"):
                use(tracer)
        with pytest.raises(gd.GraphError, match="JAX's functions do not take"):  # JAX asks first here
            tracer * x
        with pytest.raises(jax.errors.UnexpectedTracerError):
            function([x], y)(tracer)
    for use in (compiled, twice, gd.sin):  # one whose function is traced just now
        with pytest.raises(gd.GraphdiffError, match=r"a tracer of JAX.*\n?.*gd.interop.jax.function"):
            jax.jit(use)(X)
