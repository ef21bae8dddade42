"""``t.named("h")``: what carries a name, where people see it, and that nothing else changes."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ir.graph import Graph


def network(name=True):
    x = gd.input("x", shape=("n", 3))
    W = gd.parameter("W", np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32))
    pre = x @ W
    h = gd.tanh(pre)
    g = h.named("hidden") if name else h
    loss = gd.sum(g * g)
    return x, W, h, g, loss


FEED = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)


def test_it_is_a_new_tensor_of_the_same_value_and_changes_nothing():
    x, W, h, g, loss = network()
    assert g is not h and (g.shape, g.dtype, g.name, h.name) == (h.shape, h.dtype, "hidden", "")
    assert "hidden" in repr(g) and "hidden" not in repr(h)
    plain_x, plain_W, _, _, plain = network(name=False)
    named = gd.compile([x], [loss, gd.grad(loss, W)], updates={W: W * 1})
    other = gd.compile([plain_x], [plain, gd.grad(plain, plain_W)], updates={plain_W: plain_W * 1})
    for a, b in zip(named(FEED), other(FEED)):
        np.testing.assert_array_equal(a, b)
    assert [r.name for r in named.plan.instructions] == [r.name for r in other.plan.instructions]
    assert named.plan.arena_bytes == other.plan.arena_bytes
    before = str(Graph("g", [x], [h]))
    gd.compile([x], gd.grad(loss, x))
    assert str(Graph("g", [x], [h])) == before and "hidden" not in before and h.node.labels == ()


def test_derivatives_of_every_kind_flow_through():
    y = gd.input("y", shape=(3,), dtype="float64")
    h = gd.sin(y).named("h")
    loss = gd.sum(h * h * y)
    assert gd.check_grad(loss, y, {y: [0.3, -1.0, 2.0]}).ok
    f = gd.compile([y], [gd.hessian(loss, y), gd.grad(loss, h), gd.jvp(h, y, np.ones(3))])
    v = np.array([0.3, -1.0, 2.0])
    second, by_h, tangent = f(v)
    np.testing.assert_allclose(np.diag(second), 4 * np.sin(v) * np.cos(v) + 2 * v * np.cos(2 * v), atol=1e-12)
    np.testing.assert_allclose(by_h, 2 * np.sin(v) * v)
    np.testing.assert_allclose(tangent, np.cos(v))


def test_batching_keeps_names():
    x = gd.input("x", shape=(5, 3))
    y = gd.vmap(lambda r: gd.sum(gd.sin(r).named("h") * r))(x)
    f = gd.compile([x], y)
    np.testing.assert_allclose(f(FEED), (np.sin(FEED) * FEED).sum(1), rtol=1e-6)
    assert '# "h"' in f.graph.text()


def test_people_see_the_name_everywhere(tmp_path):
    x, W, h, g, loss = network()
    adj = gd.adjoint(loss, W)
    f = gd.compile([x], [loss, adj.gradients], name="step")
    f(FEED)
    (line,) = [line for line in str(f.graph).splitlines() if "= tanh(" in line]
    assert '# "hidden" test_naming.py:' in line
    assert '"hidden"' in str(f.plan) and '"hidden"' in str(f.profile(FEED)) and "hidden" in f.plan._repr_html_()
    explained = [str(adj.explain(n)) for n in adj.backward]
    assert any('"hidden" = tanh by tanh.vjp' in text for text in explained)
    f.to_html(tmp_path / "f.html")
    adj.to_html(tmp_path / "adj.html", feed={x: FEED})
    for page in ("f.html", "adj.html"):
        assert "hidden" in (tmp_path / page).read_text()
    assert "hidden" in f.to_dot() and "hidden" in adj.to_svg()
    with pytest.raises(gd.ShapeError, match=r"matmul\(hidden: f32\[n,4\], constant"):
        g @ np.ones((3, 3), np.float32)
    with pytest.raises(gd.GraphError, match="non-empty string"):
        h.named("")


@pytest.mark.parametrize("name", ["h", 'quoted "# name', "two\nlines", "ünïcode", "%3", "of %1 (a.py:3)", "\\"])
def test_texts_with_names_read_back(name):
    x = gd.input("x", shape=("n", 3))
    values, places = gd.topk(x, 2)
    y = gd.sum(gd.tanh(values.named(name)).named(name + "2")) + gd.sum(places.named("places").astype("float32"))
    for graph in (Graph("g", [x], [y]), gd.compile([x], y).graph):
        back = gd.parse(graph.text())
        assert back.text() == graph.text()
    named = {label for node in back for label in node.labels}
    assert named == {"", name, name + "2", "places"} - ({""} if False else set()) or named == {
        name,
        name + "2",
        "places",
    }
    f = gd.compile(back)
    assert all(label in {v for node in f.graph for v in node.labels} for label in named)


def test_names_survive_rewrites_that_keep_the_value():
    x = gd.input("x", shape=(4,))
    cases = [
        gd.log(gd.nn.softmax(x)).named("h"),
        (gd.tanh(x) * 1).named("h"),
        gd.exp(x).named("other").named("h"),
        (gd.sin(x) + gd.sin(x).named("h")),
        gd.scan(lambda c, r: ((c * r).named("h"), c), gd.constant(np.float32(1)), x)[0],
        gd.cond(gd.sum(x) > 0, lambda a: gd.cos(a).named("h") * 2, lambda a: a, x),
    ]
    for y in cases:
        f = gd.compile([x], gd.sum(y))
        assert '# "h"' in f.graph.text(), f.graph.text()
        assert "named(" not in f.graph.text()
    assert gd.compile([x], x.named("h"))(np.ones(4, np.float32)).tolist() == [1.0] * 4
