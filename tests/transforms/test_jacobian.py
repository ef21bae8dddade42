"""Jacobians, Hessians, their sparse forms, and operations with derivatives of the user's own."""

import numpy as np
import pytest
import scipy.sparse

import graphdiff as gd
from graphdiff.ir.node import topological


def differences(f, x, h=1e-6):
    columns = []
    for i in range(x.size):
        d = np.zeros(x.size)
        d[i] = h
        d = d.reshape(x.shape)
        columns.append((f(x + d) - f(x - d)) / (2 * h))
    return np.stack(columns, -1)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobians_of_every_shape(mode):
    rng = np.random.default_rng(0)
    x = gd.input("x", (2, 3), "float64")
    A = rng.standard_normal((3, 4))
    for y in (gd.sin(x @ A), gd.sum(x * x), x[:, 0] * x[:, 1], gd.sum(x, axis=0), gd.constant(np.ones(2)) * 2.0):
        J = gd.jacobian(y, x, mode=mode)
        assert J.shape == y.shape + x.shape
        f, v = gd.compile([x], y), rng.standard_normal((2, 3))
        got = gd.compile([x], J)(v)
        assert np.allclose(got.reshape(*y.shape, 6), differences(f, v), atol=1e-7)


def test_a_jacobian_of_named_size_and_of_a_list():
    x, w = gd.input("x", ("n",), "float64"), gd.input("w", ("n",), "float64")
    y = gd.sin(x) * w
    Jx, Jw = gd.compile([x, w], gd.jacobian(y, [x, w]))(np.arange(4.0), np.full(4, 2.0))
    assert np.allclose(Jx, np.diag(2 * np.cos(np.arange(4.0)))) and np.allclose(Jw, np.diag(np.sin(np.arange(4.0))))


def test_hessians():
    x = gd.input("x", (4,), "float64")
    loss = gd.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    v = np.random.default_rng(0).standard_normal(4)
    _, H = gd.compile([x], [gd.grad(loss, x), gd.hessian(loss, x)])(v)
    assert np.allclose(H, differences(gd.compile([x], gd.grad(loss, x)), v), atol=1e-4) and np.allclose(H, H.T)
    w = gd.input("w", (2,), "float64")
    blocks = gd.hessian(gd.sum(w) * gd.sum(x * x), [x, w])
    assert [[b.shape for b in row] for row in blocks] == [[(4, 4), (4, 2)], [(2, 4), (2, 2)]]


def test_sparse_jacobians_find_pattern_and_values():
    n = 30
    x = gd.input("x", (n,), "float64")
    y = x[1:] * x[:-1] + gd.sin(x[1:])
    J = gd.jacobian(y, x, sparse=True)
    assert J.nnz == 2 * (n - 1) and J.colors == 2
    f = gd.compile([x], [J, gd.jacobian(y, x)])
    for seed in (0, 1):
        v = np.random.default_rng(seed).standard_normal(n)
        sparse, dense = f(v)
        assert isinstance(sparse, scipy.sparse.csr_array) and sparse.shape == (n - 1, n)
        assert np.allclose(sparse.toarray(), dense)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_sparse_patterns_through_every_kind_of_node(mode):
    x = gd.input("x", (3, 4), "float64")
    A = np.random.default_rng(0).standard_normal((4, 2))
    for y in (
        x @ A,
        gd.sum(x, axis=1),
        gd.concat([x.T, x.T * 2]),
        gd.pad(x, ((1, 0), (0, 2))),
        gd.cumsum(x, axis=1),
        gd.where(x > 0, x, x[::-1]),
        gd.nn.softmax(x, axis=0),
        x[1],
        gd.take(x, np.array([2, 0])),
    ):
        v = np.random.default_rng(1).standard_normal((3, 4))
        sparse, dense = gd.compile([x], [gd.jacobian(y, x, mode=mode, sparse=True), gd.jacobian(y, x)])(v)
        assert np.allclose(sparse.toarray(), dense.reshape(sparse.shape))


def test_a_gather_by_constants_is_as_sparse_as_its_indices():
    x = gd.input("x", (4, 3), "float64")
    idx = np.array([[2, 0], [-1, 2]])
    v = np.random.default_rng(0).standard_normal((4, 3))
    for axis, taken in ((0, idx), (1, idx % 3)):
        y = gd.square(gd.take(x, taken, axis=axis))
        J = gd.jacobian(y, x, sparse=True)
        assert J.nnz == y.size and J.colors == 1
        a, b = gd.compile([x], (J, gd.jacobian(y, x)))(v)
        assert np.allclose(a.toarray(), b.reshape(J.shape))
        H = gd.hessian(gd.sum(y * y[::-1]), x, sparse=True)
        a, b = gd.compile([x], (H, gd.hessian(gd.sum(y * y[::-1]), x)))(v)
        assert np.allclose(a.toarray(), b.reshape(H.shape)) and H.nnz < 144 / 2
    i = gd.input("i", (2,), "int64")
    assert gd.jacobian(gd.take(x, i, axis=0), x, sparse=True).nnz == 6 * 12


def test_what_is_linear_is_as_sparse_as_it_computes():
    x = gd.input("x", (1, 1, 4, 6), "float64")
    v = np.random.default_rng(3).standard_normal((1, 1, 4, 6))
    for y, nonzeros in (
        (gd.cumsum(x[0, 0], axis=1), 4 * 21),
        (gd.nn.avg_pool2d(x, 2), 24),
        (gd.diagonal(x[0, 0]), 4),
        (gd.take_along_axis(x[0, 0], np.array([[0, -1, 2, 2, 1, 0]]), axis=0), 6),
    ):
        sparse, dense = gd.compile([x], [gd.jacobian(y, x, sparse=True), gd.jacobian(y, x)])(v)
        assert sparse.nnz == nonzeros and np.allclose(sparse.toarray(), dense.reshape(sparse.shape))


def test_a_sparse_hessian_and_its_bad_input():
    x = gd.input("x", (12,), "float64")
    loss = gd.sum(gd.exp(x[1:] * x[:-1]))
    H = gd.hessian(loss, x, sparse=True)
    assert H.nnz == 12 + 2 * 11 and H.colors == 3
    v = np.random.default_rng(0).standard_normal(12)
    a, b = gd.compile([x], (H, gd.hessian(loss, x)))(v)
    assert np.allclose(a.toarray(), b)
    with pytest.raises(gd.GraphError, match="mode is"):
        gd.jacobian(x, x, mode="sideways")
    with pytest.raises(gd.DTypeError):
        gd.jacobian(x, gd.input("i", (2,), "int64"))


# ------------------------------------------------------------------ custom


def test_a_custom_operation_has_its_own_derivative():
    x, w = gd.input("x", (3,), "float64"), gd.input("w", (3,), "float64")
    f = gd.custom(
        "twice", lambda a, b: a * b, vjp=lambda g, y, a, b: (g * b * 10, None), jvp=lambda ts, y, a, b: ts[0] * b
    )
    y = f(x, w)
    gx, gw = gd.grad(gd.sum(y), [x, w])
    out = gd.compile([x, w], [y, gx, gw, gd.jvp(y, x, x)])(np.arange(3.0), np.full(3, 2.0))
    assert [o.tolist() for o in out] == [[0, 2, 4], [20, 20, 20], [0, 0, 0], [0, 2, 4]]
    assert all(n.op.name != "custom" for n in gd.compile([x, w], [y, gx]).graph)


def test_what_custom_refuses():
    x = gd.input("x", (3,), "float64")
    only = gd.custom("only_reverse", gd.sin, vjp=lambda g, y, x: g)
    with pytest.raises(gd.GraphError, match="only_reverse has no jvp"):
        gd.jvp(only(x), x, x)
    plain = gd.custom("plain", gd.sin)
    assert np.allclose(gd.compile([x], gd.grad(gd.sum(plain(x)), x))(np.zeros(3)), 1)
    with pytest.raises(gd.ShapeError, match="its vjp gave shape"):
        gd.grad(gd.sum(gd.custom("bad", gd.sin, vjp=lambda g, y, x: gd.sum(g))(x)), x)
    with pytest.raises(gd.GraphError, match="2 cotangents for 1"):
        gd.grad(gd.sum(gd.custom("bad", gd.sin, vjp=lambda g, y, x: (g, g))(x)), x)
    with pytest.raises(gd.GraphError, match="must be a function"):
        gd.custom("bad", 3)


A = gd.parameter("A", np.random.default_rng(1).standard_normal((3, 3)))
CHAINS = {
    "elementwise": lambda x: gd.tanh(-x / 2 + x) * x,
    "elementwise, then a product": lambda x: gd.nn.relu(gd.sin(x) * 2) @ A,
    "a product first": lambda x: gd.tanh(x @ A) - x,
    "reshaped and broadcast": lambda x: gd.reshape(gd.tanh(x), (3, 1)) * x,
    "matrix times vector": lambda x: gd.tanh(A @ gd.exp(x)),
    "turned": lambda x: gd.permute_dims(gd.reshape(gd.exp(x), (1, 3)), (1, 0))[:, 0] * x[::-1],
    "loop": lambda x: gd.scan(lambda h, _: (gd.tanh(h @ A), h), x, None, length=3)[0],
    "constant": lambda x: 0 * x + 1,
}


@pytest.mark.parametrize("batch", [None, 1, 2, 100])
@pytest.mark.parametrize("name", CHAINS)
def test_blocks_of_unit_vectors(name, batch):
    """Diagonals that stay diagonals, and blocks that do not divide the whole, are what the loop over vectors gives."""
    x = gd.input("x", (3,), "float64")
    y, v = CHAINS[name](x), np.array([0.3, -0.7, 1.1])
    wanted = differences(gd.compile([x], y), v).reshape(*y.shape, 3)
    for mode in ("forward", "reverse"):
        assert np.allclose(gd.compile([x], gd.jacobian(y, x, mode=mode, batch=batch))(v), wanted, atol=1e-8)


def test_a_diagonal_is_not_multiplied_out():
    x, W = gd.input("x", (50,), "float64"), gd.parameter("W", np.eye(50))
    f = gd.compile([x], gd.jacobian(gd.tanh(gd.sin(x) @ W), x))
    assert "matmul" not in {n.op.name for n in f.graph.nodes if n.origin is not None}


def test_rows_that_repeat_others_are_multiplied_once():
    """The Jacobian of a sum over a batch begins with the same unit vector for every example."""
    rng = np.random.default_rng(0)
    x, w, v = gd.input("x", (50, 4), "float64"), gd.input("w", (4, 6), "float64"), gd.input("v", (6, 3), "float64")
    J = gd.jacobian(gd.sum(gd.tanh(x @ w) @ v, axis=0), x)
    rows = [n.outputs[0].shape[0] for n in topological([J]) if n.op.name == "matmul"]
    assert sorted(rows) == [3, 50, 150]
    x0, w0, v0 = rng.standard_normal((50, 4)), rng.standard_normal((4, 6)), rng.standard_normal((6, 3))
    slopes = 1 - np.tanh(x0 @ w0) ** 2
    got = gd.compile([x, w, v], J)(x0, w0, v0)
    np.testing.assert_allclose(got, np.einsum("jo,bj,ij->obi", v0, slopes, w0), rtol=1e-12)
    row = gd.input("row", (4,), "float64")
    y = gd.broadcast_to(row, (5, 50, 4)) @ w
    assert [n.outputs[0].shape for n in topological([y]) if n.op.name == "matmul"] == [(1, 6)]
    np.testing.assert_allclose(gd.compile([row, w], y)(x0[0], w0), np.broadcast_to(x0[0] @ w0, (5, 50, 6)), rtol=1e-12)


def test_auto_takes_the_fewer_also_where_sizes_are_named():
    rows, theta = gd.input("rows", ("n", 3), "float64"), gd.input("theta", (3,), "float64")
    f = gd.compile([rows, theta], gd.jacobian(gd.tanh(rows @ theta), theta))
    assert not any(n.op.name == "loop" for n in f.graph.nodes)  # three columns, forward
    a, v = np.random.default_rng(0).standard_normal((7, 3)), np.array([0.1, 0.2, 0.3])
    assert np.allclose(f(a, v), (1 - np.tanh(a @ v) ** 2)[:, None] * a)


@pytest.mark.parametrize("batch", [0, -1, 1.5, "all"])
def test_a_bad_block_is_told(batch):
    x = gd.input("x", (3,))
    with pytest.raises(gd.GraphError, match="batch"):
        gd.jacobian(x * 2, x, batch=batch)


# --------------------------------------------------------------------------------------- what nobody meant

V = gd.parameter("V", np.ones(3))


@pytest.mark.parametrize(
    "forward",
    [lambda x: x * V, lambda x: gd.sum(V) * x, lambda x: x + gd.sin(V * 2), lambda x: V, lambda x: x * LATER(x)],
)
@pytest.mark.parametrize("rules", [{"vjp": lambda g, y, x: g}, {"jvp": lambda ts, y, x: ts[0]}, {}])
def test_an_operation_that_closes_over_a_tensor_is_told(forward, rules):
    """By rules its derivative by what it closes over would be 0: whoever adds one later meets no new error."""
    x = gd.input("x", (3,), "float64")
    with pytest.raises(gd.GraphError, match="not among its operands"):
        gd.custom("closed", forward, **rules)(x)


HELD = gd.input("held", (3,), "float64") * 2


def LATER(x):
    return gd.exp(HELD)


def test_a_rule_that_closes_over_a_tensor_is_told():
    x = gd.input("x", (3,), "float64")
    twice = gd.custom("twice", lambda x: x * 2, vjp=lambda g, y, x: g * V)
    with pytest.raises(gd.GraphError, match=r"its vjp uses .*V.* pass it as an operand"):
        gd.grad(gd.sum(twice(x)), x)
    pushed = gd.custom("pushed", lambda x: x * 2, jvp=lambda ts, y, x: ts[0] * V)
    with pytest.raises(gd.GraphError, match="its jvp uses"):
        gd.jvp(pushed(x), x, x)


def test_constants_sizes_and_integers_may_be_closed_over():
    x = gd.input("x", ("n", 3), "float64")
    table, n = gd.constant(np.arange(3.0)), x.shape[0]
    key = gd.state("key", np.int64(1))
    f = gd.custom(
        "f",
        lambda x: x * table + gd.eye(3)[0] + key.astype("float64") * 0 + gd.zeros((n, 3), "float64"),
        vjp=lambda g, y, x: g * table,
    )
    got = gd.compile([x], gd.grad(gd.sum(f(x)), x))(np.ones((2, 3)))
    np.testing.assert_array_equal(got, [[0, 1, 2]] * 2)


def test_a_leaf_that_was_made_again_is_told_everywhere():
    """As where a cell of a notebook is run twice: the loss depends on the leaf of before."""
    old = gd.parameter("w", np.ones(3))
    loss = gd.sum(old**2)
    w, x = gd.parameter("w", np.ones(3)), gd.input("x", (3,), "float64")
    for derive in (
        lambda: gd.grad(loss, w),
        lambda: gd.grad(loss, {"a": [w]}),
        lambda: gd.vjp(old * 2, w, np.ones(3)),
        lambda: gd.jvp(old * 2, w, np.ones(3)),
        lambda: gd.jacobian(old * 2, w),
        lambda: gd.jacobian(old * 2, w, sparse=True),
        lambda: gd.hessian(loss, w),
        lambda: gd.hvp(loss, w, np.ones(3)),
        lambda: gd.adjoint(loss, w),
        lambda: gd.check_grad(loss, w, {}),
    ):
        with pytest.raises(gd.GraphError, match=r"of that name.*made at test_jacobian.py:\d+"):
            derive()
    assert (gd.compile([x], gd.grad(loss, x))(np.ones(3)) == 0).all()  # of another name: no dependence
