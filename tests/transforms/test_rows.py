"""Updates by rows: the bits of whole gradients, memory of the rows alone, and what keeps a gradient whole."""

import numpy as np
import pytest

import graphdiff as gd

N, D = 5000, 3


def table(dtype="float64", n=N, name="table", seed=0):
    return gd.parameter(name, np.random.default_rng(seed).normal(size=(n, D)).astype(dtype))


def loss_of(W, ids, c):
    return gd.sum(gd.square(gd.nn.embedding(ids, W)) * c)


def feeds(dtype="float64", k=12, n=N, seed=1):
    rng = np.random.default_rng(seed)
    ids = rng.integers(-n, n, k)
    ids[k // 2 :] = ids[0]  # one row several times
    return ids, rng.normal(size=(k, D)).astype(dtype)


def both(update, dtype="float64", k=12, shape=("k",), n=N):
    """What ``update(W, gradient)`` gives as an update and as a result, and the function that updates."""
    ids = gd.input("ids", shape, "int64")
    c = gd.input("c", (*shape, D), dtype)
    given = feeds(dtype, k, n)
    given = [
        given[0].reshape([k if s == "k" else s for s in shape]),
        given[1].reshape(*[k if s == "k" else s for s in shape], D),
    ]
    W = table(dtype, n)
    whole = gd.compile([ids, c], update(W, gd.grad(loss_of(W, ids, c), W)))(*given)
    f = gd.compile([ids, c], [], updates={W: update(W, gd.grad(loss_of(W, ids, c), W))})
    f(*given)
    return W.value.copy(), whole, f


def operations(f):
    return [n.op.name for n in f.graph.nodes]


UPDATES = {
    "minus": lambda W, g: W - 0.1 * g,
    "plus": lambda W, g: W + g / 3.0,
    "plus, the other way round": lambda W, g: -(g * 0.3) + W,
    "a rate as a Tensor": lambda W, g: W - g * gd.sqrt(gd.constant(np.float64(0.02))).astype(W.dtype),
    "nothing but the gradient": lambda W, g: W - g,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UPDATES)
def test_the_bits_are_those_of_the_whole_gradient(name, dtype):
    got, whole, f = both(UPDATES[name], dtype)
    assert got.tobytes() == whole.tobytes()
    assert "scatter_add" in operations(f) and f.plan_for(k=12).instructions[-1].writes == ()


@pytest.mark.parametrize("n", [4096, 20_000, 200_000])
def test_many_rows_are_added_up_as_precisely(n):
    """From 4,096 indices on float32 is summed in double where the table is not too long for it."""
    got, whole, _ = both(UPDATES["minus"], "float32", k=5000, n=n)
    np.testing.assert_allclose(got, whole, rtol=1e-5, atol=1e-5)
    assert n == 200_000 or got.tobytes() == whole.tobytes()


def test_ids_of_several_dimensions():
    got, whole, f = both(UPDATES["minus"], shape=(3, 4))
    assert got.tobytes() == whole.tobytes() and "scatter_add" in operations(f)


def test_no_ids_at_all_change_nothing():
    ids = gd.input("ids", ("k",), "int64")
    W = table()
    f = gd.compile([ids], [], updates={W: W - gd.grad(loss_of(W, ids, 1.0), W)})
    before = W.value.copy()
    f(np.zeros(0, int))
    assert W.value.tobytes() == before.tobytes()


def test_memory_is_that_of_the_rows():
    ids, W = gd.input("ids", ("k",), "int64"), table(n=100_000)
    f = gd.compile([ids], [], updates=gd.optim.SGD(0.1).updates([W], [gd.grad(loss_of(W, ids, 1.0), W)]))
    few, many = f.plan_for(k=8).arena_bytes, f.plan_for(k=80).arena_bytes
    assert few < many < 20_000 < W.value.nbytes


@pytest.mark.parametrize("wrong", [N, -N - 1])
def test_a_wrong_id_changes_nothing(wrong):
    ids, other, W, n = (
        gd.input("ids", ("k",), "int64"),
        gd.input("other", (2,), "int64"),
        table(),
        gd.state("n", np.int64(0)),
    )
    rows = gd.input("rows", (2, D), "float64")
    g = gd.grad(loss_of(W, ids, 1.0), W)
    for new in (W - g, gd.scatter_add(W, other, rows)):
        f = gd.compile([ids, other, rows], [], updates={W: new, n: n + 1})
        before = W.value.copy()
        with pytest.raises(gd.FeedError, match=f"index {wrong} is out of range"):
            f(np.array([1, wrong]), np.array([wrong, 1]), np.ones((2, D)))
        assert W.value.tobytes() == before.tobytes() and n.value == 0


def test_everything_else_sees_the_old_table():
    ids, W = gd.input("ids", ("k",), "int64"), table()
    copy, mean = gd.parameter("copy", np.zeros((N, D))), gd.state("mean", np.float64(0))
    loss = loss_of(W, ids, 1.0)
    new = W - 0.1 * gd.grad(loss, W)
    f = gd.compile([ids], [loss, gd.sum(W)], updates={W: new, copy: W * 2, mean: gd.mean(W)})
    before = W.value.copy()
    ids_fed = feeds()[0]
    _, total = f(ids_fed)
    assert total == pytest.approx(before.sum()) and mean.value == pytest.approx(before.mean())
    np.testing.assert_array_equal(copy.value, 2 * before)
    assert (W.value != before).any()


def test_a_new_table_that_is_also_a_result():
    ids, W = gd.input("ids", ("k",), "int64"), table()
    new = W - 0.1 * gd.grad(loss_of(W, ids, 1.0), W)
    result = gd.compile([ids], new, updates={W: new})(feeds()[0])
    assert result.tobytes() == W.value.tobytes()


def test_a_gradient_that_is_needed_whole_stays_whole():
    ids, W = gd.input("ids", ("k",), "int64"), table()
    g = gd.grad(loss_of(W, ids, 1.0), W)
    for outputs in ([g], [gd.max(g)], [gd.sum(gd.square(g), axis=0)]):
        f = gd.compile([ids], outputs, updates={W: W - 0.1 * g})
        assert "scatter_add" not in operations(f)


def test_more_ids_than_rows_make_a_whole_gradient():
    for shape, n, rows in (((60,), 50, False), ((12,), 50, True), (("k",), 50, False), (("k",), 5000, True)):
        ids, W = gd.input("ids", shape, "int64"), table(n=n)
        f = gd.compile([ids], [], updates={W: W - gd.grad(loss_of(W, ids, 1.0), W)})
        assert ("scatter_add" in operations(f)) is rows


def test_rows_of_two_gathers_are_added_together():
    a, b, W = gd.input("a", ("k",), "int64"), gd.input("b", (4,), "int32"), table()
    loss = loss_of(W, a, 1.0) + gd.sum(gd.exp(W[b]))
    new = W - 0.1 * gd.grad(loss, W)
    fed = feeds()[0], np.array([3, 3, -1, 7], np.int32)
    whole = gd.compile([a, b], new)(*fed)
    f = gd.compile([a, b], [], updates={W: new})
    f(*fed)
    assert "scatter_add" in operations(f)
    np.testing.assert_allclose(W.value, whole, rtol=1e-14)


@pytest.mark.parametrize("max_norm", [0.01, 1e6])
def test_clipping_by_the_norm_needs_no_whole_gradient(max_norm):
    ids, W, v = gd.input("ids", ("k",), "int64"), table(), gd.parameter("v", np.ones(D))
    loss = gd.sum(gd.square(gd.nn.embedding(ids, W)) * v)
    gs, norm = gd.optim.clip_by_global_norm(gd.grad(loss, [W, v]), max_norm, return_norm=True)
    updates = gd.optim.SGD(0.5).updates([W, v], gs)
    whole = gd.compile([ids], [norm, *updates.values()])(feeds()[0])
    f = gd.compile([ids], norm, updates=updates)
    assert f(feeds()[0]) == pytest.approx(whole[0], rel=1e-14)
    assert "scatter_add" in operations(f) and f.plan_for(k=12).arena_bytes < 4000
    np.testing.assert_allclose(W.value, whole[1], rtol=1e-13)


def test_rows_with_momentum_or_decay_are_made_whole():
    ids = gd.input("ids", ("k",), "int64")
    for rule in (gd.optim.SGD(0.1, momentum=0.9), gd.optim.SGD(0.1, weight_decay=0.1), gd.optim.Adam()):
        W = table()
        f = gd.compile([ids], [], updates=rule.updates([W], [gd.grad(loss_of(W, ids, 1.0), W)]))
        f(feeds()[0])
        assert "scatter_add" not in operations(f)


def test_several_steps_saved_and_read_back(tmp_path):
    ids, W = gd.input("ids", ("k",), "int64"), table()
    f = gd.compile([ids], [], updates={W: W - 0.1 * gd.grad(loss_of(W, ids, 1.0), W)})
    f.save(tmp_path / "f")
    g = gd.load(tmp_path / "f")
    for seed in range(3):
        f(feeds(seed=seed)[0])
        g(feeds(seed=seed)[0])
    assert g.parameters[0].value.tobytes() == W.value.tobytes()


def test_an_intermediate_is_added_to_in_place():
    x, ids, rows = gd.input("x", (1000,), "float64"), gd.input("ids", (2,), "int64"), gd.input("rows", (2,), "float64")
    f = gd.compile([x, ids, rows], gd.sum(gd.scatter_add(gd.exp(x), ids, rows) * 2.0))
    assert f.plan.arena_bytes < 20_000  # 8,000, and as much for the sum's parts; not once more
    fed = np.linspace(0, 1, 1000), np.array([5, 5]), np.array([1.0, 2.0])
    wanted = np.exp(fed[0])
    wanted[5] += 3
    assert f(*fed) == pytest.approx(2 * wanted.sum(), rel=1e-14)
    y = gd.exp(x)
    both = gd.compile([x, ids, rows], [gd.scatter_add(y, ids, rows), y])(*fed)
    np.testing.assert_allclose(both[1], np.exp(fed[0]), rtol=1e-14)
    np.testing.assert_allclose(both[0], wanted, rtol=1e-14)


# ------------------------------------------------------------------ lazy Adam


def test_lazy_adam_moves_the_gathered_rows_alone():
    ids, W = gd.input("ids", ("k",), "int64"), table(n=50_000)
    opt = gd.optim.Adam(0.1, lazy=True)
    f = gd.compile([ids], [], updates=opt.updates([W], [gd.grad(loss_of(W, ids, 1.0), W)]))
    assert f.plan_for(k=12).arena_bytes < 6000
    start = W.value.copy()
    wanted, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step in range(1, 5):
        fed = feeds(k=12, n=50_000, seed=step % 2)[0]
        g = np.zeros_like(start)
        np.add.at(g, fed, 2 * wanted[fed])
        r = np.unique(fed % 50_000)
        m[r] += (g[r] - m[r]) * 0.1
        v[r] += (g[r] ** 2 - v[r]) * 0.001
        wanted[r] -= 0.1 / (1 - 0.9**step) * m[r] / (np.sqrt(v[r]) / np.sqrt(1 - 0.999**step) + 1e-8)
        f(fed)
    np.testing.assert_allclose(W.value, wanted, rtol=1e-12, atol=1e-15)


def test_lazy_adam_of_other_gradients_is_adam():
    x, W = gd.input("x", (4, D), "float64"), gd.parameter("w", np.ones(D))
    g = gd.grad(gd.mean(gd.square(x @ W - 2.0)), W)
    fed = np.random.default_rng(0).normal(size=(4, D))
    values = []
    for lazy in (False, True):
        W.value = np.ones(D)
        f = gd.compile([x], [], updates=gd.optim.Adam(0.1, lazy=lazy).updates([W], [g]))
        for _ in range(3):
            f(fed)
        values.append(W.value.tobytes())
    assert values[0] == values[1]


def test_lazy_adam_against_torch():
    torch = pytest.importorskip("torch")
    ids, W = gd.input("ids", ("k",), "int64"), table()
    theirs = torch.nn.Embedding(N, D, sparse=True, dtype=torch.float64, _weight=torch.tensor(W.value))
    opt = torch.optim.SparseAdam(theirs.parameters(), lr=0.05, eps=1e-30)  # which is added elsewhere there
    rule = gd.optim.Adam(0.05, eps=1e-30, lazy=True)
    f = gd.compile([ids], [], updates=rule.updates([W], [gd.grad(loss_of(W, ids, 1.0), W)]))
    for seed in range(6):
        fed = feeds(seed=seed)[0] % N
        f(fed)
        opt.zero_grad()
        theirs(torch.tensor(fed)).square().sum().backward()
        opt.step()
    np.testing.assert_allclose(W.value, theirs.weight.detach().numpy(), rtol=1e-9)


def test_lazy_adam_takes_no_decay():
    with pytest.raises(gd.GraphError, match="lazy goes with no weight decay and no amsgrad"):
        gd.optim.Adam(weight_decay=0.1, lazy=True)
