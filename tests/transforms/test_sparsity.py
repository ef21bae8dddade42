"""Sparsity patterns: as tight as the graph allows, never too tight, and quick to find.

Each case's sparse Jacobian is held to the dense one, and its entries to those that are not 0 at some point.
"""

import io
import pickle

import numpy as np
import pytest
import scipy.sparse

import graphdiff as gd
from graphdiff.ir.graph import Graph
from graphdiff.transforms.simplify import simplify
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


# ------------------------------------------------------------------ named sizes


OPEN = "map,scan,scan rev,inv,det,eigh,cond,prod,cumsum,cumprod,prod hess,tril,sort,maxpool,avgpool,avgpool hess"
OPEN += ",attention,concat,pad,einsum,diag,chol,while,vmap solve,conv both,take"  # cases whose first size can be any


@pytest.mark.parametrize("name", OPEN.split(","))
def test_patterns_of_named_sizes_are_those_of_known_ones(name):
    f, shape, _ = CASES[name]
    x = gd.input("x", ("n", *shape[1:]) if shape[0] != shape[-1] else ("n",) * len(shape), "float64")
    y = f(x)
    function = gd.compile([x], [gd.jacobian(y, x, sparse=True), gd.jacobian(y, x)])
    for n in (shape[0], shape[0] + 2, shape[0]):
        sizes = tuple(n if s == "n" else s for s in x.shape)
        known = gd.input("x", sizes, "float64")
        sparse, dense = function(draw(*sizes))
        np.testing.assert_allclose(sparse.toarray(), dense.reshape(sparse.shape), atol=1e-10)
        want = gd.jacobian(f(known), known, sparse=True)
        assert np.array_equal(sparse.indices, want.indices) and np.array_equal(sparse.indptr, want.indptr)


def heat(dtype="float64"):
    """Implicit heat flow on a line of any length; its Jacobian is tridiagonal."""
    x = gd.input("x", ("n",), dtype)
    u = gd.pad(x, 1)
    return x, u[2:] - 2 * u[1:-1] + u[:-2] + gd.exp(x)


def tridiagonal_of(v):
    n = len(v)
    return np.diag(np.exp(v) - 2) + np.eye(n, k=1, dtype=v.dtype) + np.eye(n, k=-1, dtype=v.dtype)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("batch", [None, 1, 2])
def test_a_pattern_for_each_size(mode, batch):
    x, y = heat("float32")
    J = gd.jacobian(y, x, mode, sparse=True, batch=batch)
    assert J.shape == ("n", "n") and J.indices is None and J.nnz == J.data.shape[0] and "entries" in repr(J)
    f = gd.compile([x], {"J": J, "y": y})
    for n in (6, 1, 2, 0, 300, 6):
        v = np.linspace(-1, 1, n, dtype=np.float32)
        found = f(v)["J"]
        assert isinstance(found, scipy.sparse.csr_array) and found.dtype == np.float32 and found.has_canonical_format
        np.testing.assert_allclose(found.toarray(), tridiagonal_of(v), rtol=1e-6, atol=1e-6)
        sizes = f.plan.sizes
        assert sizes[J.nnz] == max(3 * n - 2, 0) and sizes[J.colors] == min(n, 3)


def test_the_pattern_is_made_once_for_a_size(monkeypatch):
    from graphdiff.runtime import compiled

    calls = []
    found = compiled.sparsity_at
    monkeypatch.setattr(compiled, "sparsity_at", lambda *a: calls.append(a) or found(*a))
    x, y = heat()
    f = gd.compile([x], gd.jacobian(y, x, sparse=True))
    first, second = f(np.ones(5)), f(np.zeros(5))
    f(np.ones(7)), f(np.zeros(5)), f.fork()(np.ones(5)), f.plan_for(n=7)
    assert len(calls) == 2
    assert first.indices is second.indices and first.data is not second.data
    np.testing.assert_allclose(first.toarray(), tridiagonal_of(np.ones(5)))
    with pytest.raises(ValueError):  # shared by results that were returned before
        first.indices[0] = 1
    changed = first.copy()
    changed.data[:] = 0
    changed.eliminate_zeros()
    np.testing.assert_allclose(f(np.ones(5)).toarray(), tridiagonal_of(np.ones(5)))


def test_named_patterns_go_where_functions_go(tmp_path):
    x, y = heat()
    w = gd.parameter("w", np.float64(2))
    loss = gd.sum(gd.cosh(w * x[1:] * x[:-1]))
    f = gd.compile(
        [x], [gd.jacobian(y, x, sparse=True), {"H": gd.hessian(loss, x, sparse=True)}], {w: w * 2}, memory_limit="1GB"
    )
    f.save(tmp_path / "f.gd")
    copies = [gd.load(tmp_path / "f.gd"), pickle.loads(pickle.dumps(f)), f.within("2GB")]
    v = np.linspace(0, 1, 9)
    w.value = 2.0
    want = f(v)
    for g in copies:
        w.value = 2.0
        got = g(v)
        for a, b in ((want[0], got[0]), (want[1]["H"], got[1]["H"])):
            assert a.data.tobytes() == b.data.tobytes() and np.array_equal(a.indices, b.indices)
    bound = f.bind(x=v)
    w.value = 2.0
    bound()
    assert bound.out[0].tobytes() == want[0].data.tobytes() and bound.out[1].tobytes() == want[1]["H"].data.tobytes()
    w.value = 2.0
    assert "take" in str(f.profile(v, calls=1))
    again = gd.compile(gd.parse(f.graph.text()), parameters={"w": np.float64(2)})
    assert again(v)[0].tobytes() == want[0].data.tobytes()


def test_the_values_are_a_tensor_of_any_graph():
    x, y = heat()
    J = gd.jacobian(y, x, sparse=True)
    scale = gd.input("scale", (3,), "float64")
    in_scan = gd.scan(lambda c, s: (c + s * gd.sum(J.data), None), 0.0, scale)[0]
    in_vmap = gd.vmap(lambda s: gd.sum(J.data * s))(scale)
    in_cond = gd.cond(gd.sum(x) > 0, lambda: J.data, lambda: -J.data)
    of_values = gd.jacobian(J.data**2, x, sparse=True)
    f = gd.compile(
        [x, scale], [in_scan, in_vmap, in_cond, of_values, gd.jacobian(J.data**2, x), gd.grad(gd.sum(J.data**2), x)]
    )
    v, s = np.linspace(0.5, 1, 6), np.arange(3.0)
    total = tridiagonal_of(v).sum()
    carried, mapped, chosen, sparse, dense, gradient = f(v, s)
    np.testing.assert_allclose(carried, 3 * total)
    np.testing.assert_allclose(mapped, s * total)
    assert chosen.sum() == pytest.approx(total)
    np.testing.assert_allclose(sparse.toarray(), dense)
    np.testing.assert_allclose(gradient, 2 * (np.exp(v) - 2) * np.exp(v))


def test_what_does_not_depend_has_no_entries_at_any_size():
    x, y = heat()
    for z in (gd.floor(x), gd.where(gd.zeros(x.shape, "bool"), y, 0.0), gd.stop_gradient(y)):
        found = gd.compile([x], gd.jacobian(z, x, sparse=True))(np.ones(4))
        assert found.shape == (4, 4) and not found.toarray().any()


def test_damaged_names_of_patterns_do_not_load():
    import json
    import zipfile

    x, y = heat()
    f = gd.compile([x], gd.jacobian(y, x, sparse=True))
    file = io.BytesIO()
    f.save(file)
    with zipfile.ZipFile(file) as z:
        members = {n: z.read(n) for n in z.namelist()}
    meta = json.loads(members["function.json"])
    entries = meta["structure"]["entries"]
    for name in ("n", "entries_of_none", 3, None):
        meta["structure"]["entries"] = name
        changed = io.BytesIO()
        with zipfile.ZipFile(changed, "w") as z:
            for n, data in members.items():
                z.writestr(n, json.dumps(meta) if n == "function.json" else data)
        with pytest.raises(gd.GraphError):
            gd.load(changed)
    text = f.graph.text()
    with pytest.raises(gd.GraphdiffError):
        gd.compile(gd.parse(text.replace("[n", f"[{entries}").replace("(n", f"({entries}")))


def test_what_is_made_of_seeds_alone_is_known():
    """Coefficients of what is linear cost nothing at a call; what depends on values is all that is computed."""
    x = gd.input("x", (20,), "float64")
    y = gd.sin(x[1:]) + 3 * x[:-1] - x[1:] ** 2
    J = gd.jacobian(y, x, sparse=True)
    graph, _ = simplify(Graph("g", [x], [J.data]))
    names = {n.op.name for n in graph.nodes}
    assert "cos" in names and not names & {"index", "equal", "place", "astype"}
    x0 = np.linspace(-1, 1, 20)
    want = np.zeros((19, 20))
    want[np.arange(19), np.arange(19)] = 3
    want[np.arange(19), np.arange(1, 20)] = np.cos(x0[1:]) - 2 * x0[1:]
    np.testing.assert_allclose(gd.compile([x], J)(x0).toarray(), want, atol=1e-14)


def _straight(x):
    return gd.custom("straight", lambda a: gd.round(a), vjp=lambda g, y, a: g)(x)


def _pushed(x):
    return gd.custom("pushed", lambda a: gd.sign(a) * 3, jvp=lambda ts, y, a: ts[0] * a)(x)


def _crossed(x):
    f = gd.custom("crossed", lambda a, b: gd.stop_gradient(a * b), vjp=lambda g, y, a, b: (g * b, gd.flip(g) * a))
    return f(x[:6], x[6:])


def _turned(x):
    """A linear operation whose derivative is the other of two, without end."""
    forth = gd.custom(
        "forth", lambda a: D[:12, :12] @ a, vjp=lambda g, y, a: back(g), jvp=lambda ts, y, a: forth(ts[0])
    )
    back = gd.custom(
        "back", lambda a: D[:12, :12].T @ a, vjp=lambda g, y, a: forth(g), jvp=lambda ts, y, a: back(ts[0])
    )
    return forth(x**2)


# derivatives that are not their body's: of what is solved for, or made of operands that no gradient goes through
GIVEN = {
    "root": (lambda x: gd.root(lambda z, a: z**3 + z - a, x * 0, x), None),
    "fixed point": (lambda x: gd.fixed_point(lambda z, a: gd.cos(z) * a, x * 0, x / 4), None),
    "minimize": (lambda x: gd.minimize(lambda z, a: gd.sum(z**2 - z * a), x * 0, x), None),
    "expm": (lambda x: gd.linalg.expm(x.reshape(3, 2, 2)), 48),
    "pinv": (lambda x: gd.linalg.pinv(x.reshape(2, 2, 3)), 72),
    "lstsq": (lambda x: gd.linalg.lstsq(x[:8].reshape(2, 2, 2), x[8:].reshape(2, 2)[..., None]), 24),
    "lu_factor": (lambda x: gd.linalg.lu_factor(x.reshape(3, 2, 2))[0], 48),
    "gamma": (lambda x: gd.random.gamma(3, gd.exp(x), x.shape), 12),
    "beta, by constants too": (lambda x: gd.random.beta(3, gd.exp(x), 2.0, x.shape), 12),
    "a loop of constants": (lambda x: x**2 * gd.scan(lambda c, r: (c + r, None), 0.0, np.arange(5.0))[0], 12),
    "straight through": (_straight, 12),
    "pushed": (_pushed, 12),
    "crossed": (_crossed, 12),
    "without end": (_turned, None),
    "function of a matrix": (lambda x: gd.grad(gd.sum(gd.exp(gd.linalg.eigvalsh(x[:9].reshape(3, 3)))), x), 81),
}


@pytest.mark.parametrize("name", GIVEN)
def test_patterns_of_given_derivatives_are_those_of_their_rules(name):
    f, entries = GIVEN[name]
    x = gd.input("x", (12,), "float64")
    y = f(x)
    mode = {"straight through": "reverse", "crossed": "reverse", "pushed": "forward"}.get(name, "auto")
    sparse, dense = gd.jacobian(y, x, sparse=True, mode=mode), gd.jacobian(y, x, mode=mode)
    at = np.random.default_rng(0).normal(size=12)
    got, want = gd.compile([x], [sparse, dense])(at)
    np.testing.assert_allclose(got.toarray(), want.reshape(-1, 12), rtol=1e-6, atol=1e-9)
    assert np.abs(want).max() > 0
    assert entries is None or got.nnz <= entries
