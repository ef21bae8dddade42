"""Sparsity patterns: as tight as the graph allows, never too tight, and quick to find.

Each case's sparse Jacobian is held to the dense one, and its entries to those that are not 0 at some point.
"""

import numpy as np
import pytest
import scipy.sparse

import graphdiff as gd
from graphdiff.transforms.sparsity import pattern

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape)


def tridiagonal(n):
    return np.diag(np.full(n, 2.0)) - np.diag(np.ones(n - 1), 1) - np.diag(np.ones(n - 1), -1)


D = tridiagonal(30)
CASES = {
    "const@x": (lambda x: gd.constant(D) @ x**3, (30,), True),
    "x@const": (lambda x: x**2 @ gd.constant(D), (30,), True),
    "conv": (lambda x: gd.nn.conv2d(x, gd.constant(draw(*(3, 2, 3, 3))), padding=1), (1, 2, 6, 5), True),
    "conv1d": (lambda x: gd.nn.conv1d(x**2, gd.constant(draw(*(2, 1, 3)))), (1, 1, 20), True),
    "conv both": (lambda x: gd.nn.conv2d(x, x[:2, :, :3, :3], padding=1), (2, 2, 5, 5), False),
    "conv hess": (
        lambda x: gd.grad(gd.sum(gd.nn.conv2d(x, gd.constant(draw(*(3, 2, 3, 3))), stride=2, groups=1) ** 2), x),
        (1, 2, 7, 7),
        True,
    ),
    "map": (lambda x: gd.map(lambda r: gd.sin(r) * gd.sum(r), x), (8, 3), True),
    "scan": (lambda x: gd.scan(lambda c, r: (gd.tanh(c + r), c * r), gd.zeros((3,), "float64"), x)[1], (6, 3), False),
    "scan rev": (lambda x: gd.scan(lambda c, r: (c * r, c), x[0], x, reverse=True)[0], (6, 3), True),
    "solve": (lambda x: gd.linalg.solve(x, np.ones((4, 3, 1))), (4, 3, 3), True),
    "det": (lambda x: gd.linalg.det(x), (5, 2, 2), True),
    "inv": (lambda x: gd.linalg.inv(x), (5, 2, 2), True),
    "eigh": (lambda x: gd.linalg.eigh(x + gd.matrix_transpose(x))[0], (5, 2, 2), True),
    "scatter": (lambda x: gd.scatter_add(gd.zeros((6,), "float64"), np.array([0, 2, 2, 5]), x**2), (4,), True),
    "scatter both": (lambda x: gd.scatter_add(x, np.array([0, 2, 2, 5]), x[:4] * 3), (6,), True),
    "take": (lambda x: gd.take(x, np.array([3, 1]), axis=1), (2, 4), True),
    "take_along": (lambda x: gd.take_along_axis(x, np.array([[3], [1]]), axis=1) * 2, (2, 4), True),
    "cond": (lambda x: gd.cond(gd.sum(x) > 0, lambda x: x * 2, lambda x: x[::-1], x), (5,), False),
    "prod": (lambda x: gd.prod(x, axis=1), (3, 4), True),
    "cumsum": (lambda x: gd.cumsum(x, axis=1), (2, 4), True),
    "cumprod": (lambda x: gd.cumprod(x, axis=1, reverse=True), (2, 4), True),
    "prod hess": (lambda x: gd.grad(gd.sum(gd.prod(x, axis=1)), x), (3, 4), True),
    "tril": (lambda x: gd.tril(x) ** 2, (4, 4), True),
    "sort": (lambda x: gd.sort(x, axis=1), (2, 4), False),
    "maxpool": (lambda x: gd.nn.max_pool2d(x, 2), (1, 2, 4, 4), False),
    "avgpool": (lambda x: gd.nn.avg_pool2d(x, 3, stride=2, padding=1), (1, 2, 5, 5), True),
    "avgpool hess": (
        lambda x: gd.grad(gd.sum(gd.nn.avg_pool2d(x, 3, stride=2, padding=1) ** 2), x),
        (1, 2, 5, 5),
        True,
    ),
    "attention": (lambda x: gd.nn.scaled_dot_product_attention(x, x, x), (3, 4, 2), True),
    "concat": (lambda x: gd.concat([x[:3] * 2, x[1:] ** 2]), (6,), True),
    "pad": (lambda x: gd.pad(x, 1), (3, 3), True),
    "einsum": (lambda x: gd.einsum("bij,bj->bi", x, x[:, 0]), (4, 3, 3), True),
    "where const": (lambda x: gd.where(gd.constant(np.arange(5) > 2), x, x[::-1]), (5,), True),
    "diag": (lambda x: gd.diag(x), (4,), True),
    "chol": (
        lambda x: gd.linalg.cholesky(gd.matrix_transpose(x) @ x + 3 * gd.eye(3, dtype="float64")),
        (4, 3, 3),
        False,
    ),
    "while": (lambda x: gd.while_loop(lambda c: gd.sum(c) < 100, lambda c: c * 2 + x[::-1], x, 20), (4,), False),
    "vmap solve": (lambda x: gd.vmap(lambda r: gd.linalg.solve(r[:, :2], r[:, 2]))(x), (4, 2, 3), True),
}


@pytest.mark.parametrize("name", CASES)
def test_patterns(name):
    f, shape, tight = CASES[name]
    x = gd.input("x", shape, "float64")
    y = f(x)
    J = gd.jacobian(y, x, sparse=True)
    both = gd.compile([x], [J, gd.jacobian(y, x)])
    seen = np.zeros(J.shape, bool)
    for _ in range(3):
        sparse, dense = both(draw(*shape))
        assert isinstance(sparse, scipy.sparse.csr_array) and sparse.shape == J.shape
        np.testing.assert_allclose(sparse.toarray(), dense.reshape(J.shape), atol=1e-10)
        seen |= dense.reshape(J.shape) != 0
    if tight:
        assert J.nnz == seen.sum()


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("batch", [None, 1, 2])
def test_colours_in_blocks(mode, batch):
    x = gd.input("x", (30,), "float64")
    y = gd.constant(D) @ x**3
    J = gd.compile([x], gd.jacobian(y, x, sparse=True, mode=mode, batch=batch))(np.arange(30.0))
    np.testing.assert_allclose(J.toarray(), D * (3 * np.arange(30.0) ** 2))


def test_work_follows_the_entries():
    """What took 46 s as sets of Python numbers: a million elements, of which 2,998 are stored."""
    n = 1000
    x = gd.input("x", (n,), "float64")
    J = gd.jacobian(gd.constant(tridiagonal(n)) @ x**3, x, sparse=True)
    assert (J.nnz, J.colors) == (3 * n - 2, 3)
    steps = gd.input("steps", (800, 6), "float64")
    ends = gd.map(lambda z: gd.scan(lambda c, _: (c + 0.1 * gd.sin(c), None), z, None, length=10)[0], steps)
    J = gd.jacobian(ends[:-1] - steps[1:], steps, sparse=True)
    assert (J.nnz, J.colors) == (2 * 799 * 6, 2)


def test_an_operation_without_a_rule_depends_on_everything(monkeypatch):
    from graphdiff.ops.registry import REGISTRY

    x = gd.input("x", (3, 4), "float64")
    y = gd.cumprod(x, axis=1)
    assert len(pattern(y, x).indices) == 3 * 10
    monkeypatch.setattr(REGISTRY["cumprod"], "pattern", None)
    assert len(pattern(y, x).indices) == 12 * 12
