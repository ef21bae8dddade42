"""Recurrent networks against loops over one sequence at a time, written from torch.nn's formulas."""

import itertools

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import layers as L

T, N, I, H = 6, 4, 3, 5
LENGTHS = np.array([3, 6, 1, 4])


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def cell(kind, x, states, w, u, b, c):
    a, s = w @ x + b, u @ states[0] + c
    if kind == "lstm":
        i, f, g, o = np.split(a + s, 4)
        new = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(new), new
    if kind == "gru":
        (r, z, n), (hr, hz, hn) = np.split(a, 3), np.split(s, 3)
        r, z = sigmoid(r + hr), sigmoid(z + hz)
        return ((1 - z) * np.tanh(n + r * hn) + z * states[0],)
    return (np.tanh(a + s) if kind == "tanh" else np.maximum(a + s, 0),)


def reference(kind, x, first, weights, layers, directions, lengths):
    """x (time, batch, features), first: the states (layers * directions, batch, hidden); weights four a direction."""
    last = [np.zeros_like(s) for s in first]
    for layer in range(layers):
        out = np.zeros((T, N, directions * H))
        for n, d in itertools.product(range(N), range(directions)):
            k = layer * directions + d
            states = [s[k, n] for s in first]
            for t in range(lengths[n])[:: -1 if d else 1]:
                states = cell(kind, x[t, n], states, *weights[4 * k : 4 * k + 4])
                out[t, n, d * H : (d + 1) * H] = states[0]
            for s, end in zip(last, states):
                s[k, n] = end
        x = out
    return x, last


GATES = {"lstm": 4, "gru": 3, "tanh": 1, "relu": 1}
CASES = list(itertools.product(GATES, (1, 2), (1, 2), (False, True), (False, True)))


def drawn(kind, layers, directions, seed=0):
    rng, weights = np.random.default_rng(seed), []
    for k in range(layers):
        for _ in range(directions):
            shapes = (I if k == 0 else directions * H,), (H,), (), ()
            weights += [rng.normal(size=(GATES[kind] * H, *s)) * 0.5 for s in shapes]
    first = [rng.normal(size=(layers * directions, N, H)) for _ in range(2 if kind == "lstm" else 1)]
    return rng.normal(size=(T, N, I)), weights, first


def call(kind, x, hx, weights, **settings):
    if kind in ("tanh", "relu"):
        return gd.nn.rnn(x, hx, weights, nonlinearity=kind, **settings)
    return getattr(gd.nn, kind)(x, hx, weights, **settings)


@pytest.mark.parametrize(("kind", "layers", "directions", "ragged", "batch_first"), CASES)
def test_values_are_those_of_the_loop(kind, layers, directions, ragged, batch_first):
    data, weights, first = drawn(kind, layers, directions)
    want, last = reference(kind, data, first, weights, layers, directions, LENGTHS if ragged else [T] * N)
    x = gd.input("x", (N, "t", I) if batch_first else ("t", N, I), "float64")
    lengths = gd.input("lengths", (N,), "int64")
    hx = tuple(map(gd.constant, first)) if kind == "lstm" else gd.constant(first[0])
    settings = {"num_layers": layers, "bidirectional": directions == 2, "batch_first": batch_first}
    y, states = call(kind, x, hx, weights, lengths=lengths if ragged else None, **settings)
    outs = [y, *(states if kind == "lstm" else [states])]
    feed = [data.swapaxes(0, 1) if batch_first else data, *([LENGTHS] if ragged else [])]
    y, *states = gd.compile([x, lengths][: len(feed)], outs)(*feed)
    np.testing.assert_allclose(y.swapaxes(0, 1) if batch_first else y, want, rtol=1e-12, atol=1e-14)
    for found, wanted in zip(states, last, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["lstm", "gru", "tanh"])
def test_derivatives_are_those_of_differences(kind):
    data, weights, _ = drawn(kind, 2, 2)
    x, lengths = gd.input("x", ("t", N, I), "float64"), gd.input("lengths", (N,), "int64")
    ps = [gd.parameter(f"w{k}", w) for k, w in enumerate(weights)]
    y, states = call(kind, x, None, ps, num_layers=2, bidirectional=True, lengths=lengths)
    loss = gd.sum(gd.sin(y)) + sum(gd.sum(gd.cos(s)) for s in (states if kind == "lstm" else [states]))
    gd.check_grad(loss, [x, ps[0], ps[1], ps[3], ps[-3]], {x: data, lengths: LENGTHS})


def test_without_a_batch_and_without_biases():
    data, weights, _ = drawn("gru", 1, 1)
    bare = [w if w.ndim == 2 else np.zeros_like(w) for w in weights]
    want, last = reference("gru", data, [np.zeros((1, N, H))], bare, 1, 1, [T] * N)
    x = gd.input("x", ("t", I), "float64")
    y, h = gd.compile([x], gd.nn.gru(x, None, weights[:2]))(data[:, 2])
    np.testing.assert_allclose(y, want[:, 2], rtol=1e-12)
    np.testing.assert_allclose(h, last[0][:, 2], rtol=1e-12)


def test_steps_that_do_not_count_change_nothing():
    data, weights, _ = drawn("lstm", 1, 2)
    x, lengths = gd.input("x", ("t", N, I), "float64"), gd.input("lengths", (N,), "int64")
    y, (h, c) = gd.nn.lstm(x, None, weights, bidirectional=True, lengths=lengths)
    f = gd.compile([x, lengths], [y, h, c, gd.grad(gd.sum(y), x)])
    noisy = np.where(np.arange(T)[:, None, None] < LENGTHS[:, None], data, np.nan)
    for a, b in zip(f(data, LENGTHS), f(noisy, LENGTHS)):
        assert a.tobytes() == b.tobytes()


BAD = [
    (lambda x, w: gd.nn.lstm(x, None, w[:3]), gd.GraphError, "1 layers take 4 weights, or 2 without biases, got 3"),
    (lambda x, w: gd.nn.lstm(x, None, [w[0], w[0], *w[2:]]), gd.ShapeError, "weight 0 has shape"),
    (lambda x, w: gd.nn.gru(x, None, w), gd.ShapeError, "weight 0 has shape"),
    (lambda x, w: gd.nn.lstm(x, np.zeros(3), w), gd.GraphError, "hx is a pair"),
    (lambda x, w: gd.nn.lstm(x, (np.zeros((2, N, H)),) * 2, w), gd.ShapeError, "a first state has shape"),
    (lambda x, w: gd.nn.lstm(x, None, w, lengths=np.ones(3, np.int64)), gd.ShapeError, "lengths has shape"),
    (lambda x, w: gd.nn.lstm(x, None, w, lengths=np.ones(N, np.float32)), gd.DTypeError, "lengths are integers"),
    (lambda x, w: gd.nn.rnn(x, None, w, nonlinearity="sin"), gd.GraphError, "nonlinearity is"),
]


@pytest.mark.parametrize(("make", "error", "told"), BAD)
def test_what_does_not_fit_is_told(make, error, told):
    with pytest.raises(error, match=told):
        make(gd.input("x", ("t", N, I), "float64"), drawn("lstm", 1, 1)[1])


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_layers_have_the_names_and_layouts_of_pytorchs(kind):
    model = L.Sequential(getattr(L, kind)(I, H, layers=2, bidirectional=True, dtype="float64"), seed=0)
    gates = GATES[kind.lower().replace("rnn", "tanh")]
    parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    names = [f"0.{w}_l{k}{d}" for k in (0, 1) for d in ("", "_reverse") for w in parts]
    assert list(model.parameters) == names
    assert model.parameters["0.weight_ih_l1_reverse"].shape == (gates * H, 2 * H)
    largest = [np.abs(p.value).max() for p in model.parameters.values()]
    assert 0.9 / np.sqrt(H) < max(largest) <= 1 / np.sqrt(H) and min(largest) > 0
    x, lengths = gd.input("x", ("t", N, I), "float64"), gd.input("lengths", (N,), "int64")
    y, states = model[0](x, lengths=lengths)
    data = drawn("lstm", 1, 1)[0]
    y, *states = gd.compile([x, lengths], [y, *(states if kind == "LSTM" else [states])])(data, LENGTHS)
    weights = [p.value for p in model.parameters.values()]
    first = [np.zeros((4, N, H)) for _ in states]
    want, last = reference(kind.lower().replace("rnn", "tanh"), data, first, weights, 2, 2, LENGTHS)
    np.testing.assert_allclose(y, want, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(states, last, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_lengths_out_of_range_fail_the_call_and_none_may_count(kind):
    x, lengths = gd.input("x", ("t", "n", I), "float64"), gd.input("lengths", ("n",), "int64")
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    W, U = (gd.parameter(name, np.full((gates * 2, k), 0.5)) for name, k in (("W", I), ("U", 2)))
    y, _ = getattr(gd.nn, kind)(x, None, [W, U], lengths=lengths)
    counted = gd.state("counted", np.int64(0))
    f = gd.compile([x, lengths], [y, gd.grad(gd.sum(y), x)], updates={counted: counted + 1})
    data = np.ones((4, 2, I))
    for bad in ([5, 1], [4, -1]):
        with pytest.raises(gd.FeedError, match=f"{kind}: a length is below 0 or above the number of steps"):
            f(data, bad)
    assert counted.value == 0
    found, g = f(data, [4, 0])
    assert found[:, 0].all() and g[:, 0].all() and not found[:, 1].any() and not g[:, 1].any()
