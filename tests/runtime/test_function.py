"""Compiled functions: feeds, results, updates, sizes, plans, bound calls, forks, saving."""

import copy
import ctypes
import json
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import graphdiff as gd


def mlp(dtype="float32"):
    rng = np.random.default_rng(0)
    x, t = gd.input("x", ("batch", 5), dtype), gd.input("t", ("batch",), "int64")
    W = gd.parameter("W", rng.standard_normal((5, 4)).astype(dtype))
    b = gd.parameter("b", np.zeros(4, dtype))
    V = gd.parameter("V", rng.standard_normal((4, 3)).astype(dtype))
    loss = gd.nn.cross_entropy(gd.tanh(x @ W + b) @ V, t)
    return x, t, [W, b, V], loss


def feeds(n, dtype="float32", seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 5)).astype(dtype), rng.integers(0, 3, n)


# ------------------------------------------------------------------ structures


def test_results_come_in_the_structure_of_the_outputs():
    x = gd.input("x", (3,))
    a, b = x + 1, x * 2
    v = np.arange(3, dtype=np.float32)
    assert gd.compile([x], a)(v).tolist() == [1, 2, 3]
    assert [r.tolist() for r in gd.compile([x], [a, b])(v)] == [[1, 2, 3], [0, 2, 4]]
    assert isinstance(gd.compile([x], (a, b))(v), tuple)
    nested = gd.compile([x], {"a": a, "rest": [b, (a, 3.0)]})(v)
    assert nested["rest"][0].tolist() == [0, 2, 4] and nested["rest"][1][1] == 3
    assert gd.compile([x], [])(v) == []
    assert gd.compile(x, a)(x=v).tolist() == [1, 2, 3]


def test_an_output_may_be_a_leaf_a_view_or_wanted_twice():
    x, W = gd.input("x", (2, 3)), gd.parameter("W", np.ones((2, 3), np.float32))
    y = x * 2
    v = np.arange(6, dtype=np.float32).reshape(2, 3)
    out = gd.compile([x], [x, W, y, y, y.T, y[:, 1], y.reshape(6), gd.constant(7.0)])(v)
    for got, want in zip(out, [v, np.ones((2, 3)), 2 * v, 2 * v, 2 * v.T, 2 * v[:, 1], 2 * v.reshape(6), 7]):
        assert np.array_equal(got, want)
    out[0][...] = 9
    assert v[0, 0] == 0, "a result is the caller's own"
    out[1][...] = 9
    assert W.value[0, 0] == 1


def test_results_never_change_later():
    x = gd.input("x", (3,))
    f = gd.compile([x], x * 2)
    first = f(np.ones(3, np.float32))
    f(np.zeros(3, np.float32))
    assert first.tolist() == [2, 2, 2]


# ------------------------------------------------------------------ updates


def test_updates_read_the_state_before_the_call_and_take_effect_together():
    a, b = gd.parameter("a", np.ones(3, np.float32)), gd.parameter("b", np.full(3, 2, np.float32))
    n = gd.state("n", np.int64(0))
    f = gd.compile([], [a, b, n], updates={a: b, b: a, n: n + 1})
    first = f()
    assert first[0][0] == 1 and first[1][0] == 2 and first[2] == 0
    assert a.value[0] == 2 and b.value[0] == 1 and n.value == 1
    f()
    assert a.value[0] == 1 and b.value[0] == 2 and n.value == 2


def test_a_ring_of_elementwise_updates():
    a, b, c = (gd.parameter(k, np.full(4, float(i + 1), np.float32)) for i, k in enumerate("abc"))
    f = gd.compile([], a + b, updates={a: a + b, b: b * c, c: c - a})
    assert f().tolist() == [3] * 4
    assert [p.value[0] for p in (a, b, c)] == [3, 6, 2]


def test_an_update_through_a_transpose_reads_old_values():
    a = gd.parameter("a", np.arange(9, dtype=np.float32).reshape(3, 3))
    before = a.value.copy()
    gd.compile([], [], updates={a: a + a.T})()
    assert np.array_equal(a.value, before + before.T)


SEEN_AS = [lambda a: a, lambda a: a.T, lambda a: a[::-1], lambda a: gd.broadcast_to(a[1], a.shape)]


@pytest.mark.parametrize("value", SEEN_AS)
def test_a_parameter_becomes_itself_and_what_it_looked_like_from_elsewhere(value):
    start = np.arange(9, dtype=np.float32).reshape(3, 3)
    a, b = gd.parameter("a", start.copy()), gd.parameter("b", -start)
    f = gd.compile([], gd.sum(a), updates={a: value(a), b: value(a)})
    f()
    want = value(gd.constant(start))
    want = gd.compile([], want)()
    assert np.array_equal(a.value, want) and np.array_equal(b.value, want)


def test_several_functions_share_a_parameter_and_value_is_a_view():
    x, W = gd.input("x", (2,)), gd.parameter("W", np.ones(2, np.float32))
    view = W.value
    step, read = gd.compile([x], [], updates={W: W + x}), gd.compile([], W)
    step(np.ones(2, np.float32))
    assert view.tolist() == [2, 2] and read().tolist() == [2, 2]
    W.value = [5, 6]
    assert read().tolist() == [5, 6] and np.shares_memory(W.value, view) and view.tolist() == [5, 6]
    with pytest.raises(gd.ShapeError):
        W.value = np.ones(3, np.float32)
    with pytest.raises(gd.DTypeError, match="astype"):
        W.value = np.ones(2)
    assert view.tolist() == [5, 6]


def test_what_updates_refuse():
    x, W = gd.input("x", (2,)), gd.parameter("W", np.ones(2, np.float32))
    with pytest.raises(gd.ShapeError, match="update of W"):
        gd.compile([x], [], updates={W: gd.sum(W)})
    with pytest.raises(gd.DTypeError, match="update of W"):
        gd.compile([x], [], updates={W: W.astype("float64")})
    with pytest.raises(gd.GraphError, match="only parameters"):
        gd.compile([x], [], updates={x: x + 1})


# ------------------------------------------------------------------ sizes


def test_one_function_serves_every_size():
    x, t, params, loss = mlp("float64")
    f = gd.compile([x, t], [loss, *gd.grad(loss, params)])
    for n in (4, 1, 7, 4, 32):
        X, T = feeds(n, "float64")
        fixed = gd.compile(
            [x, t], [loss, *gd.grad(loss, params)]
        )  # a fresh one, so that nothing depends on what was run before
        for got, want in zip(f(X, T), fixed(X, T)):
            assert np.array_equal(got, want)


def test_plans_by_size():
    x, t, params, loss = mlp()
    f = gd.compile([x, t], [loss, *gd.grad(loss, params)])
    with pytest.raises(gd.CompileError, match=r"f\.plan_for\(batch=…\)"):
        f.plan  # noqa: B018
    small, large = f.plan_for(batch=8), f.plan_for(batch=800)
    assert small.arena_bytes < large.arena_bytes and small.lower_bound_bytes <= small.arena_bytes
    assert large.flops > small.flops > 0 and small.recompute_flops == 0
    f(*feeds(8))
    assert f.plan.arena_bytes == small.arena_bytes
    text = str(small)
    assert "matmul" in text and "backward" in text and small.summary() in text
    with pytest.raises(gd.FeedError, match="no dimension is called 'b'"):
        f.plan_for(batch=3, b=1)
    with pytest.raises(gd.FeedError, match="missing"):
        f.plan_for()
    with pytest.raises(gd.FeedError, match="non-negative"):
        f.plan_for(batch=-1)


def test_derived_sizes():
    x = gd.input("x", ("n", 3))
    y = gd.concat([x[1:], x[:-1]], axis=0)
    assert y.shape == ("2*n-2", 3)
    assert gd.concat([x[1:], x[:1]]).shape == ("n", 3)
    z = gd.compile([x], [y.reshape(-1), x[::2], x[::-1]])
    v = np.arange(12, dtype=np.float32).reshape(4, 3)
    a, b, c = z(v)
    assert np.array_equal(a, np.concatenate([v[1:], v[:-1]]).reshape(-1))
    assert np.array_equal(b, v[::2]) and np.array_equal(c, v[::-1])
    with pytest.raises(gd.FeedError, match="n=0"):
        z(np.zeros((0, 3), np.float32))


def test_a_size_of_zero():
    x = gd.input("x", ("n", 3))
    f = gd.compile([x], [gd.sum(x), gd.mean(x, axis=0), x * 2, gd.grad(gd.sum(x * x), x)])
    total, mean, twice, grad = f(np.zeros((0, 3), np.float32))
    assert total == 0 and np.isnan(mean).all() and twice.shape == grad.shape == (0, 3)


# ------------------------------------------------------------------ what calls refuse


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, "misses input 'x', 't'"),
        ((1, 2, 3), {}, "takes 2 inputs, got 3"),
        ((), {"x": 1, "y": 2}, "no input 'y'"),
        ((np.ones((2, 5), np.float32),), {"x": 1}, "by position and by name"),
        ((np.ones((2, 5)), np.zeros(2, int)), {}, r"fed float64; write \.astype\('float32'\)"),
        ((np.ones((2, 5), np.float32), np.zeros(2)), {}, r"t is int64, fed float64; write \.astype\('int64'\)"),
        ((np.ones((2, 4), np.float32), np.zeros(2, int)), {}, "size 5 along axis 1"),
        ((np.ones(5, np.float32), np.zeros(2, int)), {}, "x has 2 dimensions"),
        ((np.ones((2, 5), np.float32), np.zeros(3, int)), {}, "batch is 2 in x and 3 in t"),
        (([["a"] * 5] * 2, np.zeros(2, int)), {}, "fed <U1"),
        ((np.ones((2, 5), complex), np.zeros(2, int)), {}, "fed complex128"),
        ((None, np.zeros(2, int)), {}, "x is fed None; feed an array"),
    ],
)
def test_wrong_feeds_are_told_before_anything_runs(args, kwargs, text):
    x, t, _, loss = mlp()
    n = gd.state("n", np.int64(0))
    f = gd.compile([x, t], loss, updates={n: n + 1})
    with pytest.raises(gd.FeedError, match=text) as e:
        f(*args, **kwargs)
    assert "test_function.py" in str(e.value) and "in: function(x: f32[batch,5]" in str(e.value)
    assert n.value == 0
    f(*feeds(3))
    assert n.value == 1


def test_feeds_that_cast_safely_and_strange_arrays():
    x = gd.input("x", (2, 3), "float64")
    f = gd.compile([x], x * 2)
    v = np.arange(6).reshape(2, 3)
    want = 2.0 * v
    for fed in (
        v,
        v.astype(np.float32),
        v.astype(np.int32),
        v.tolist(),
        v.astype(">f8"),
        v.astype(float).T.copy().T,
        np.repeat(v.astype(float), 2, axis=1)[:, ::2],
        np.asfortranarray(v.astype(float)),
    ):
        assert np.array_equal(f(fed), want)
    raw = np.zeros(6 * 8 + 1, np.uint8)
    odd = raw[1:].view(np.float64).reshape(2, 3)
    odd[...] = v
    assert np.array_equal(f(odd), want)


def test_an_index_out_of_range_fails_before_anything_is_updated():
    table = gd.parameter("table", np.zeros((4, 2), np.float32))
    i = gd.input("i", ("n",), "int64")
    n = gd.state("n", np.int64(0))
    f = gd.compile([i], gd.take(table, i), updates={n: n + 1, table: table + 1})
    with pytest.raises(gd.FeedError, match="index 4 is out of range for size 4"):
        f(np.array([0, 4]))
    assert n.value == 0 and not table.value.any()
    f(np.array([-4, 3]))
    assert n.value == 1


def test_graphs_that_do_not_compile():
    x, y = gd.input("x", (2,)), gd.input("y", (2,))
    with pytest.raises(gd.GraphError, match="'y' is used but not listed"):
        gd.compile([x], x + y)
    with pytest.raises(gd.GraphError, match="listed twice"):
        gd.compile([x, x], x)
    with pytest.raises(gd.GraphError, match="two inputs are called 'x'"):
        gd.compile([x, gd.input("x", (2,))], x)
    with pytest.raises(gd.GraphError, match="two leaves are called 'x'"):
        gd.compile([x], x + gd.parameter("x", np.ones(2, np.float32)))
    with pytest.raises(gd.GraphError, match=r"made by gd\.input"):
        gd.compile([x + 1], x)
    with pytest.raises(gd.GraphError, match="outputs is a str"):
        gd.compile([x], "x")
    with pytest.raises(gd.CompileError, match="checkpoint"):
        gd.compile([x], x, checkpoint="often")


# ------------------------------------------------------------------ bind, fork, threads


def test_bound_calls_run_on_their_buffers():
    x, t, params, loss = mlp()
    f = gd.compile([x, t], [loss, gd.grad(loss, params[0])])
    X, T = feeds(6)
    out = [np.zeros((), np.float32), np.zeros((5, 4), np.float32)]
    b = f.bind(x=X, t=T, out=out)
    b()
    for got, want in zip(out, f(X, T)):
        assert np.array_equal(got, want)
    X[...] = 0
    address, data = b.address
    assert ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)(data) == 0
    assert np.array_equal(out[0], f(X, T)[0])
    T[0] = 99
    with pytest.raises(gd.FeedError, match="index 99"):
        b()
    assert f.bind(x=X, t=np.zeros(6, np.int64)).out[1].shape == (5, 4)


def test_what_bind_refuses():
    x = gd.input("x", (4, 4))
    f = gd.compile([x], x * 2)
    good = np.ones((4, 4), np.float32)
    for feed, out, text in (
        (np.ones((4, 4)), None, "fed|float32, got float64"),
        (good[::2], None, "contiguous"),
        ([1], None, "must be an array"),
        (good, [np.ones((4, 4))], "float64"),
        (good, [np.ones(4, np.float32)], "shape"),
        (good, [good], "overlaps"),
        (good, [], "give a list of 1 array"),
    ):
        with pytest.raises(gd.FeedError, match=text):
            f.bind(x=feed, out=out)
    frozen = np.ones((4, 4), np.float32)
    frozen.setflags(write=False)
    with pytest.raises(gd.FeedError, match="not writable"):
        f.bind(x=good, out=[frozen])
    with pytest.raises(gd.FeedError, match="misses input 'x'"):
        f.bind()


def test_functions_and_forks_serve_many_threads_and_a_bound_call_twice_raises():
    x = gd.input("x", (400, 400), "float64")
    y = x
    for _ in range(6):
        y = gd.tanh(y @ x)
    f = gd.compile([x], y)
    X = np.random.default_rng(0).standard_normal((400, 400)) / 20
    want = f(X)
    errors, results = [], []
    bound = f.bind(x=X)

    def run(g):
        try:
            for _ in range(5):
                results.append(g(X) if g is not bound else (bound(), bound.out[0])[1])
        except gd.BusyError as e:
            errors.append(e)

    threads = [threading.Thread(target=run, args=(g,)) for g in (f.fork(), f.fork(), f, f)]
    for th in threads:
        th.start()
    for th in threads:
        th.join()
    assert not errors and len(results) == 20 and all(np.array_equal(r, want) for r in results)
    threads = [threading.Thread(target=run, args=(bound,)) for _ in range(4)]
    for th in threads:
        th.start()
    for th in threads:
        th.join()
    assert errors and "another thread" in str(errors[0]) and not isinstance(errors[0], gd.CompileError)
    assert all(np.array_equal(r, want) for r in results)


# ------------------------------------------------------------------ monitors, checks, nan, save


def test_monitors_and_checks():
    x = gd.input("x", ("n",))
    n = gd.state("n", np.int64(0))
    y = gd.log(x)
    gd.monitor(gd.max(y), "largest log")
    gd.check(gd.all(x > 0), "x must be positive")
    f = gd.compile([x], gd.sum(y), updates={n: n + 1})
    other = gd.compile([], n)
    f(np.array([1.0, np.e], np.float32))
    assert abs(f.monitors["largest log"] - 1) < 1e-6 and other.monitors == {}
    with pytest.raises(gd.FeedError, match="x must be positive"):
        f(np.array([1.0, -1], np.float32))
    assert n.value == 1


def test_the_first_instruction_that_makes_a_nan_is_named():
    x, W = gd.input("x", (3,)), gd.parameter("W", np.ones(3, np.float32))
    y = gd.log(x) * W
    f = gd.compile([x], gd.sum(y), updates={W: W + y}, debug="nan")
    f(np.ones(3, np.float32))
    before = W.value.copy()
    with pytest.raises(gd.NonFiniteError, match="log") as e:
        f(np.array([1, -1, 1], np.float32))
    assert "forward" in str(e.value) and "test_function.py" in str(e.value)
    assert np.array_equal(W.value, before)


def test_a_saved_function_runs_as_it_did(tmp_path):
    x, t, params, loss = mlp()
    n = gd.state("n", np.int64(3))
    gd.check(gd.all(gd.isfinite(x)), "x must be finite")
    gd.monitor(gd.mean(x), "mean")
    grads = dict(zip("abc", gd.grad(loss, params)))
    f = gd.compile([x, t], {"loss": loss, "g": (grads["a"], [grads["b"]])}, updates={n: n + 1}, checkpoint="sqrt")
    f.save(tmp_path / "step.gd")
    g = gd.load(tmp_path / "step.gd")
    X, T = feeds(5)
    a, b = f(X, T), g(X, T)
    assert np.array_equal(a["loss"], b["loss"]) and np.array_equal(a["g"][1][0], b["g"][1][0])
    assert [p.name for p in g.parameters] == [p.name for p in f.parameters]
    assert {p.name: p.value for p in g.parameters}["n"] == 4 and g.monitors["mean"] == f.monitors["mean"]
    with pytest.raises(gd.FeedError, match="x must be finite"):
        g(X * np.inf, T)
    (tmp_path / "bad.gd").write_bytes(b"PK no")
    for bad in ("bad.gd", "none.gd"):
        with pytest.raises(gd.GraphError, match=bad):
            gd.load(tmp_path / bad)


def test_a_parsed_graph_compiles_with_values():
    x, t, params, loss = mlp()
    f = gd.compile([x, t], loss)
    graph = gd.parse(str(f.graph))
    values = {p.name: p.value for p in params}
    X, T = feeds(5)
    assert np.array_equal(gd.compile(graph, parameters=values)(X, T), f(X, T))
    with pytest.raises(gd.GraphError, match="no values"):
        gd.compile(gd.parse(str(f.graph)), parameters={"W": values["W"]})
    with pytest.raises(gd.GraphError, match="no parameter 'Q'"):
        gd.compile(gd.parse(str(f.graph)), parameters={**values, "Q": 1})


def test_results_are_bound_by_structure_and_not_by_order():
    x = gd.input("x", shape=("batch",))
    f = gd.compile([x], {"low": gd.min(x), "rest": [gd.max(x), (gd.sum(x),)]})
    low, high, total = (np.zeros((), np.float32) for _ in range(3))
    X = np.array([1, 2, 4], np.float32)
    for out in ({"rest": [high, (total,)], "low": low}, [low, high, total]):
        low[...] = high[...] = total[...] = 0
        f.bind(x=X, out=out)()
        assert (low, high, total) == (1, 4, 7)
    for out in ({"low": low, "rest": [high, total]}, {"low": low}, [low, high], 3):
        with pytest.raises(gd.FeedError, match="out has not the structure of the results; give a list of 3 arrays"):
            f.bind(x=X, out=out)


def test_functions_are_pickled_and_copied_with_values_of_their_own():
    n = gd.state("n", value=np.int64(0))
    x = gd.input("x", shape=("batch",))
    f = gd.compile([x], {"sum": gd.sum(x)}, updates={n: n + 1}, checkpoint="sqrt")
    one = np.ones(3, np.float32)
    f(one)
    for g in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f)):
        assert g(one) == f(one) and g.parameters[0].value == 2
    assert n.value == 3


def test_values_given_to_a_graph_are_that_functions_own():
    x, n, W = gd.input("x", shape=("batch",)), gd.state("n", value=np.int64(0)), gd.parameter("W", value=np.float32(2))
    first = gd.compile([x], x * W, updates={W: W + 1.0, n: n + 1})
    second = gd.compile(first.graph, parameters={"W": 10.0})
    third = gd.compile(gd.parse(str(first.graph)), parameters={"W": np.float32(5), "n": 7})
    one = np.ones(1, np.float32)
    assert [float(f(one)[0]) for f in (first, second, third, first, second, third)] == [2, 10, 5, 3, 11, 6]
    assert W.value == 4 and n.value == 4, "the second shares n, which nobody gave"
    held = {p.name: p.value for p in third.parameters}
    assert held["W"] == 7 and held["n"] == 9
    with pytest.raises(gd.ShapeError, match=r"W has shape \(\), got \(2,\)"):
        gd.compile(first.graph, parameters={"n": 1, "W": np.zeros(2, np.float32)})
    with pytest.raises(gd.DTypeError, match="W is float32, got float64"):
        gd.compile(first.graph, parameters={"W": np.float64(1)})
    assert n.value == 4


def test_profiles_name_every_instruction(tmp_path):
    x, t, params, loss = mlp()
    f = gd.compile([x, t], [loss, *gd.grad(loss, params)])
    p = f.profile(*feeds(16), calls=3)
    assert len(p.rows) == len(f.plan.instructions) and p.total_ns > 0
    assert any("test_function.py" in r.source for r in p.rows) and "matmul" in str(p)
    p.write_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["name"] for e in events] == [r.name for r in p.rows] and events[0]["args"]["of ceiling"] > 0
    assert sum(r.flops for r in p.rows) == f.plan.flops


def test_profiles_say_what_sets_the_ceiling():
    a, b = gd.input("a", (256, 256)), gd.input("b", (1 << 16,))
    p = gd.compile([a, b], [a @ a, b + 1.0]).profile(np.ones((256, 256), np.float32), np.ones(1 << 16, np.float32))
    product, addition = (next(r for r in p.rows if r.name == n) for n in ("matmul", "add"))
    assert product.bound == "flops" and product.flops == 2 * 256**3
    assert addition.bound == "bytes" and addition.bytes == 2 * 4 * (1 << 16)
    assert product.of_ceiling == product.ceiling_ns / product.ns and "% bytes" in str(p)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_threads(n):
    rng = np.random.default_rng(0)
    x, W = gd.input("x", (300, 400)), gd.parameter("W", rng.standard_normal((400, 500)).astype(np.float32))
    y = gd.tanh(x @ W)
    outputs = [gd.sum(y), gd.sum(y, axis=0), gd.sum(y, axis=1), gd.nn.softmax(y), *gd.grad(gd.sum(y * y), [x, W])]
    X = rng.standard_normal((300, 400)).astype(np.float32)
    before = gd.get_num_threads()
    try:
        gd.set_num_threads(4)
        got = gd.compile([x], outputs, threads=n)(X)
        gd.set_num_threads(1)
        want = gd.compile([x], outputs)(X)
    finally:
        gd.set_num_threads(before)
    assert all(np.array_equal(a, b) for a, b in zip(got, want))


def test_more_threads_than_processors_change_no_bit():
    rng = np.random.default_rng(0)
    x, W = gd.input("x", ("n", 300)), gd.parameter("W", rng.standard_normal((300, 200)).astype(np.float32))
    y = gd.tanh(x @ W)
    outputs = [gd.sum(y), *gd.grad(gd.sum(y * y), [x, W])]
    X = rng.standard_normal((400, 300)).astype(np.float32)
    want, before, many = gd.compile([x], outputs, threads=1)(X), gd.get_num_threads(), 2 * (os.cpu_count() or 1) + 1
    try:
        gd.set_num_threads(many)
        f = gd.compile([x], outputs)
        with ThreadPoolExecutor(3) as callers:
            found = list(callers.map(f, [X] * 6))
    finally:
        gd.set_num_threads(before)
    assert all(np.array_equal(a, b) for got in found for a, b in zip(got, want))


def test_bad_numbers_of_threads():
    x = gd.input("x", (2,))
    for bad in (0, -1, 1.5, True, "2"):
        with pytest.raises(gd.CompileError, match="threads"):
            gd.compile([x], x, threads=bad)
        with pytest.raises(gd.GraphError, match="set_num_threads"):
            gd.set_num_threads(bad)


def test_a_feed_of_check_grad_is_a_dict():
    *_, params, loss = mlp()
    with pytest.raises(gd.FeedError, match="feed is a dict of arrays by input or name, got list"):
        gd.check_grad(loss, params, list(feeds(3)))


def test_a_row_that_a_gradient_declared_earlier_reads_is_computed_before_it():
    x = gd.input("x", ("n", 5))
    h = gd.tanh(x)
    m = gd.max(h, axis=-1, keepdims=True)
    slope = gd.grad(gd.sum(gd.sin(m)), m)
    rows = gd.exp(h - m)
    X = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    got, out = gd.compile([x], [slope, rows])(X)
    H = np.tanh(X)
    np.testing.assert_allclose(got, np.cos(H.max(axis=-1, keepdims=True)), rtol=1e-6)
    np.testing.assert_allclose(out, np.exp(H - H.max(axis=-1, keepdims=True)), rtol=1e-6)
