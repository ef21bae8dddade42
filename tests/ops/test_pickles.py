"""Tensors and what is made of them pickle: what they share they share again, and compile to the same bits."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from under_test import PLACE

import graphdiff as gd

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def again(value):
    return pickle.loads(pickle.dumps(value))


def model():
    x = gd.input("x", ("batch", 4))
    W, b = gd.parameter("W", np.full((4, 3), 0.5, np.float32)), gd.parameter("b·", np.zeros(3, np.float32))
    with gd.name_scope("layer"):
        h = gd.tanh(x @ W + b)
    return x, [W, b], h, gd.mean(h * h) + gd.logsumexp(h)


def test_a_tensor_computes_the_same():
    x, _, _, loss = model()
    x2, loss2 = again((x, loss))
    assert x2 is not x and x2.shape == x.shape and str(x2.node.source) == str(x.node.source)
    a, b = gd.compile([x], loss), gd.compile([x2], loss2)
    assert a(X).tobytes() == b(X).tobytes() and str(a.graph) == str(b.graph)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1)], ids=str)
@pytest.mark.parametrize("through", [again, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_what_tensors_share_they_share_again(order, through):
    x, (W, _), h, loss = model()
    things = [x, W, h, loss]
    made = through([things[k] for k in order])
    x2, W2, h2, loss2 = (made[order.index(k)] for k in range(4))
    wanted = gd.compile([x], gd.grad(loss, [W, h]))(X)
    found = gd.compile([x2], gd.grad(loss2, [W2, h2]))(X)
    assert [a.tobytes() for a in wanted] == [a.tobytes() for a in found]
    assert found[1].any(), "the loss depends on h"
    W2.value[...] = 0
    assert W.value.all() and h2.node.scope == "layer"


def test_updates_and_structures_and_optimisers():
    x, params, _, loss = model()
    opt = gd.optim.Adam(1e-2)
    updates = opt.updates(params, gd.grad(loss, params))
    gd.check(gd.all(x < 50), "x is large")
    gd.monitor(loss, "loss")
    x2, loss2, updates2 = again((x, loss, updates))
    f, g = gd.compile([x], loss, updates), gd.compile([x2], loss2, updates2)
    for _ in range(3):
        assert f(X).tobytes() == g(X).tobytes() and f.monitors["loss"] == g.monitors["loss"]
    assert [p.value.tobytes() for p in f.parameters] == [p.value.tobytes() for p in g.parameters]
    with pytest.raises(gd.FeedError, match="x is large"):
        g(X + 99)


def test_graphs():
    x, params, h, loss = model()
    graph = gd.Graph("step", [x], [loss, h], [(p, p - g) for p, g in zip(params, gd.grad(loss, params))])
    graph2, h2 = again((graph, h))
    assert str(graph2) == str(graph) and h2 is graph2.outputs[1]
    f, g = gd.compile(graph), gd.compile(graph2)
    h = again(f)
    assert [a.tobytes() for a in f(X)] == [a.tobytes() for a in g(X)] == [a.tobytes() for a in h(X)]
    assert str(f.plan) == str(g.plan)
    parsed = again(gd.parse(str(graph)))
    assert str(parsed) == str(graph) and gd.compile(parsed, parameters={p.name: p.value for p in params}) is not None


def test_adjoints_explain_as_they_did():
    x, params, h, loss = model()
    adj = gd.adjoint(loss, {"all": params, "x": [x]})
    adj2 = again(adj)
    assert str(adj2) == str(adj)
    assert [str(adj2.explain(n)) for n in adj2.backward] == [str(adj.explain(n)) for n in adj.backward]
    assert len(adj2.forward) == len(adj.forward) and repr(adj2.gradients) == repr(adj.gradients)
    place = adj.forward.index(h.node)
    a, b = gd.compile([x], adj.of(h)), gd.compile(adj2.wrt["x"], adj2.of(adj2.forward[place].outputs[0]))
    assert a(X).tobytes() == b(X).tobytes()


def test_loops_branches_second_order_and_sparse_jacobians():
    x = gd.input("x", (4,))
    y, ys = gd.scan(lambda c, r: (gd.cond(r > 0, gd.sin, gd.cos, c * r), c), gd.ones(()), x)
    loss = y + gd.sum(ys)
    H = gd.hessian(loss, x)
    J = gd.jacobian(x[1:] * x[:-1], x, sparse=True)
    x2, H2, J2 = again((x, H, J))
    f, g = gd.compile([x], [H, J]), gd.compile([x2], [H2, J2])
    for a, b in zip(f(X[0]), g(X[0])):
        assert np.asarray(getattr(a, "data", a)).tobytes() == np.asarray(getattr(b, "data", b)).tobytes()


def test_a_long_chain_and_many_tensors_take_linear_room():
    x = gd.input("x", ())
    chain = [x]
    for _ in range(3000):
        chain.append(chain[-1] * 1.5)
    whole, last = len(pickle.dumps(chain[::30])), len(pickle.dumps(chain[-1]))
    assert whole < 2 * last
    made = again(chain[::30])
    assert made[0].name == "x" and gd.compile([made[0]], gd.grad(made[-1], made[50])) is not None


def test_another_process(tmp_path):
    x, params, _, loss = model()
    (tmp_path / "t").write_bytes(pickle.dumps((x, loss, params, gd.adjoint(loss, params))))
    code = "import sys, pickle, numpy as np, graphdiff as gd; x, loss, p, adj = pickle.load(open(sys.argv[1], 'rb'));"
    code += (
        "f = gd.compile([x], [loss, *adj.gradients]); print(float(sum(map(np.sum, f(np.ones((2, 4), np.float32))))))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "t"], capture_output=True, text=True, cwd=PLACE)
    f = gd.compile([x], [loss, *gd.grad(loss, params)])
    assert done.stdout == f"{float(sum(map(np.sum, f(np.ones((2, 4), np.float32)))))}\n", done.stderr


def test_copies_and_what_does_not_pickle():
    x, (W, _), h, _ = model()
    assert copy.copy(x) is x and copy.copy(h) is h
    W2 = copy.deepcopy(W)
    assert W2 is not W and W2.name == "W" and W2.value.tobytes() == W.value.tobytes()
    odd = gd.custom("odd", lambda v: v * 2.0, vjp=lambda g, y, v: g)(x)
    with pytest.raises(gd.GraphError, match="odd has rules that are functions, which no text holds"):
        pickle.dumps(odd)
    assert again(gd.compile([x], gd.grad(gd.sum(odd), x)))(X).all()
    bound = gd.compile([x], h).bind(x=X)
    with pytest.raises(gd.GraphError, match="pickle the function and bind there"):
        pickle.dumps(bound)
