"""Looking into graphs: what drawings, pages, diffs and the command line show, and that nothing in them runs."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.inspect.diff import _aligned
from graphdiff.inspect.formula import Formulas
from graphdiff.inspect.layout import HEIGHT, WIDTH, Item, lay_out
from graphdiff.inspect.values import digest
from graphdiff.ops.registry import REGISTRY

HOSTILE = '</script><script>alert("1")</script>\\" \' & \n é ☃'


@pytest.fixture
def net():
    x = gd.input("x", shape=("batch", 3), dtype="float64")
    W = gd.parameter("W", value=np.arange(6.0).reshape(3, 2) / 10)
    with gd.name_scope("layer"):
        h = gd.tanh(x @ W)
    return x, W, h, gd.sum(h * h)


def hostile():
    x = gd.input(HOSTILE, shape=(2,), dtype="float64")
    with gd.name_scope(HOSTILE):
        return x, gd.sum(gd.exp(x))


# ---------------------------------------------------------------------------------------------- drawings


def statements(dot):
    """The nodes, edges and clusters of DOT text; every line must be one of the forms that the language has."""
    quoted = r'"(?:[^"\\\n]|\\.)*"'
    attributes = rf"\[\w+=(?:{quoted}|\w+)(?:, ?\w+=(?:{quoted}|\w+))*\]"
    nodes, edges, clusters = {}, [], []
    lines = dot.splitlines()
    assert re.fullmatch(rf"digraph {quoted} {{", lines[0]) and lines[-1] == "}"
    for line in map(str.strip, lines[1:-1]):
        if m := re.fullmatch(rf"(\w+) -> (\w+)(?: ({attributes}))?;", line):
            edges.append((m[1], m[2], "dashed" in (m[3] or "")))
        elif m := re.fullmatch(r"subgraph (\w+) {", line):
            clusters.append(m[1])
        elif m := re.fullmatch(rf"(\w+) ({attributes});", line):
            nodes[m[1]] = m[2]
        else:
            assert re.fullmatch(rf"}}|\w+=(?:{quoted}|\w+);", line), line
    return nodes, edges, clusters


def test_dot_has_both_halves_and_partners(net):
    x, W, _, loss = net
    nodes, edges, clusters = statements(gd.adjoint(loss, [W]).to_dot())
    assert clusters == ["cluster_forward", "cluster_backward"]
    assert {end for a, b, _ in edges for end in (a, b)} <= set(nodes)
    assert sum("= matmul(" in label for label in nodes.values()) == 2
    assert any(partner for _, _, partner in edges)
    f = gd.compile([x], loss, updates={W: W - gd.grad(loss, W)})
    assert statements(f.to_dot())[2][-1] == "cluster_update"
    assert statements(f.graph.to_dot()) == statements(f.to_dot())


def test_names_are_escaped_in_dot_and_svg():
    x, loss = hostile()
    adj = gd.adjoint(loss, x)
    statements(adj.to_dot())
    root = ET.fromstring(adj.to_svg())
    assert root.tag.endswith("svg") and not root.findall(".//{*}script")
    assert "alert" in "".join(root.itertext())


def test_svg_is_written_to_a_path(net, tmp_path):
    adj = gd.adjoint(net[3], [net[1]])
    assert (text := adj.to_svg(tmp_path / "a.svg")) == (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ET.fromstring(text).get("aria-label") == "adjoint of step"
    with pytest.raises(OSError):
        adj.to_svg(tmp_path / "missing" / "a.svg")


def test_boxes_do_not_overlap_and_adjoints_face_their_nodes():
    rng = np.random.default_rng(0)
    items = [Item([])]
    for n in range(1, 200):
        items.append(Item(sorted({int(i) for i in rng.integers(0, n, 2)})))
    for n in range(200, 400):
        items.append(Item([int(rng.integers(max(0, n - 30), n))], True, 399 - n if n % 3 else None))
    at = lay_out(items)
    for half in (False, True):
        corners = sorted((y, x) for y, x, item in zip(at.y, at.x, items) if item.right is half)
        for (y0, x0), (y1, x1) in pairwise(corners):
            assert y1 >= y0 + HEIGHT or (y0 == y1 and x1 >= x0 + WIDTH)
    left = max(x for x, item in zip(at.x, items) if not item.right) + WIDTH
    assert all(x > left for x, item in zip(at.x, items) if item.right)
    assert max(at.x) + WIDTH <= at.width and max(at.y) + HEIGHT <= at.height


def test_a_long_chain_is_laid_out():
    at = lay_out([Item([n - 1] if n else []) for n in range(50_000)])
    assert at.y == sorted(at.y) and len(set(at.y)) == 50_000


# ---------------------------------------------------------------------------------------------- pages


def data_of(path):
    """The JSON of a page, and the page."""
    page = path.read_text(encoding="utf-8")
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    return json.loads(found[0]), page


def value_of(data, box):
    """What is recorded of the first result of a box, its type in full."""
    value = data["values"][sum(data["boxes"]["results"][:box])]
    shape, dtype = data["types"][value["type"]]
    return {"shape": shape, "dtype": dtype, **value}


def test_a_page_is_one_file_of_its_own(net, tmp_path):
    adj = gd.adjoint(net[3], [net[1]])
    adj.to_html(tmp_path / "a.html")
    data, page = data_of(tmp_path / "a.html")
    assert len(page.encode()) < 200_000
    assert not re.search(r"\b(src|href)\s*=|@import|url\(|fetch\(|XMLHttpRequest|import\(", page)
    assert set(re.findall(r"https?://[\w./]+", page)) == {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert "default-src 'none'" in page and data["values"] is None and data["plan"] is None
    boxes = data["boxes"]
    assert [boxes["texts"][k] for k in boxes["op"]].count("matmul") == 2
    assert all(i < n for n, inputs in enumerate(boxes["inputs"]) for i in inputs)
    printed = str(adj)
    for name, call in zip(boxes["name"], boxes["call"]):
        assert name in ("x", "W") or re.search(rf"{re.escape(name)}: \S+ = {re.escape(call[:-1])}", printed), name


def test_recorded_values_are_those_of_numpy(net, tmp_path):
    x, W, _, loss = net
    x0 = np.random.default_rng(0).normal(size=(4, 3))
    before = W.value.copy()
    gd.adjoint(loss, [W]).to_html(tmp_path / "a.html", feed={x: x0})
    data, _ = data_of(tmp_path / "a.html")
    h = np.tanh(x0 @ before)
    expected = x0.T @ (2 * h * (1 - h * h))
    (gradient,) = [n for role, n in data["roles"] if role == "gradient of W"]
    value = value_of(data, gradient)
    assert value["shape"] == [3, 2]
    np.testing.assert_allclose(np.reshape(value["data"], (3, 2)), expected, rtol=1e-6)
    np.testing.assert_allclose(value_of(data, data["boxes"]["name"].index("x"))["data"], x0.ravel(), rtol=1e-6)
    plan = data["plan"]
    assert max(plan["timeline"]) <= plan["arena"] and all(b[3] + b[4] <= plan["arena"] for b in plan["blocks"])


def test_the_page_of_a_function_updates_nothing(net, tmp_path):
    x, W, _, loss = net
    f = gd.compile([x], loss, updates={W: W - gd.grad(loss, W)}, name="step")
    before = W.value.copy()
    f.to_html(tmp_path / "f.html", np.ones((2, 3)))
    assert (W.value == before).all()
    data, _ = data_of(tmp_path / "f.html")
    assert data["title"] == "step" and ["update of W", data["roles"][-1][1]] == data["roles"][-1]
    assert set(data["boxes"]["texts"]) >= {"matmul", "tanh", "layer"}
    with pytest.raises(gd.FeedError):
        f.to_html(tmp_path / "f.html", np.ones((2, 4)))


def test_large_arrays_are_summarised(tmp_path):
    x = gd.input("x", shape=("n",), dtype="float64")
    x0 = np.linspace(-1, 1, 5001)
    x0[0] = np.nan
    gd.sum(x * 2).to_html(tmp_path / "g.html", feed={"x": x0})
    data, _ = data_of(tmp_path / "g.html")
    value = value_of(data, data["boxes"]["name"].index("x"))
    assert "data" not in value and sum(value["bins"]) == 5000 and value["broken"] == 1 == value["zeros"]
    assert value["bins"] == np.histogram(x0[1:], 16)[0].tolist()
    np.testing.assert_allclose(value["stats"][1], 1.0)
    assert value_of(data, data["roles"][0][1])["data"] == ["nan"]


def test_statistics_made_together_are_those_of_each():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(40, 50)).astype("float32") for _ in range(300)]
    arrays += [np.full(2000, 3.0), np.zeros((2000, 1)), np.arange(2000), np.array([np.nan, np.inf, 1.0] * 700)]
    arrays += [np.full(1500, np.nan), np.array([1e308, -1e308] * 900), rng.normal(size=3)]
    values, types = digest(arrays)
    for array, told in zip(arrays, values):
        assert types[told["type"]] == [list(array.shape), array.dtype.name]
        finite = array[np.isfinite(array)].astype("float64")
        if array.size <= 1024:
            assert told["data"] == pytest.approx(array.tolist(), rel=1e-6)
            continue
        assert told.get("broken", 0) == array.size - finite.size and told.get("zeros", 0) == (finite == 0).sum()
        if finite.size and np.abs(finite).max() < 1e300:
            norm = np.sqrt((finite**2).sum())
            assert told["stats"] == pytest.approx([finite.min(), finite.max(), finite.mean(), norm], rel=1e-4, abs=1e-4)
            if np.ptp(finite):
                assert told["bins"] == np.histogram(finite, 16)[0].tolist()
            else:
                assert told["bins"][8] == finite.size
        else:
            assert "bins" not in told and ("stats" in told) == bool(finite.size)
    assert digest([None, np.zeros(0)]).values == [None, {"type": 0, "data": []}]


def test_hostile_names_stay_text(tmp_path):
    x, loss = hostile()
    gd.adjoint(loss, x).to_html(tmp_path / "h.html", feed={x: np.zeros(2)})
    data, page = data_of(tmp_path / "h.html")
    assert page.count("<script") == page.count("</script") == 2 and 'alert("1")' not in page
    assert json.loads(data["boxes"]["name"][0]) == HOSTILE and HOSTILE in data["boxes"]["texts"]


def test_what_a_page_cannot_be_made_of(net, tmp_path):
    _, W, _, loss = net
    adj = gd.adjoint(loss, [W])
    with pytest.raises(OSError):
        adj.to_html(tmp_path / "missing" / "a.html")
    with pytest.raises(gd.FeedError, match="no input is called 'z'"):
        adj.to_html(tmp_path / "a.html", feed={"z": 1.0})
    with pytest.raises(gd.FeedError, match="misses input 'x'"):
        adj.to_html(tmp_path / "a.html", feed={})


def test_scopes_close(tmp_path):
    h = x = gd.input("x", shape=(3,))
    for k in range(5):
        with gd.name_scope(f"block{k}"):
            h = gd.tanh(h * x) + 1.0
    gd.adjoint(gd.sum(h), x).to_html(tmp_path / "s.html")
    data, _ = data_of(tmp_path / "s.html")
    closed, repeated, whole = data["views"]
    assert [v["label"] for v in (closed, repeated)] == ["scopes to depth 1", "repeated structure"]
    assert len(whole["x"]) == len(data["boxes"]["name"]) > len(closed["x"])
    assert closed["scope"].count("block3") >= 2  # forward and backward
    assert all(i < k for k, inputs in enumerate(closed["inputs"]) for i in inputs)


def test_a_leaf_is_inside_the_scope_that_alone_uses_it(tmp_path):
    h = x = gd.input("x", shape=(3, 3))
    weights = [gd.parameter(f"W{k}", value=np.eye(3, dtype="float32")) for k in range(3)]
    shared = gd.parameter("shared", value=np.ones(3, "float32"))
    for k, W in enumerate(weights):
        with gd.name_scope(f"block{k}"):
            h = gd.tanh(h @ W + shared)
    updates = {W: W - g for W, g in zip(weights, gd.grad(gd.sum(h), weights))}
    gd.compile([x], h, updates=updates).to_html(tmp_path / "s.html")
    data, _ = data_of(tmp_path / "s.html")
    names, closed = data["boxes"]["name"], data["views"][0]
    assert closed["scope"].count("updates") == 1
    home = {names[leaf]: closed["scope"][item] for leaf, item in enumerate(closed["leaves"])}
    assert home == {"x": "block0", "W0": "block0", "W1": "block1", "W2": "block2", "shared": ""}
    assert all(i < k for k, inputs in enumerate(closed["inputs"]) for i in inputs)


def test_rewrites_are_counted():
    x = gd.input("x", shape=(3,))
    before = gd.exp(x * 2.0 * 3.0 * 4.0)
    assert {n.rewrites for n in gd.compile([x], gd.exp(x)).graph.nodes} == {0} == {before.node.rewrites}
    counts = {n.op.name: n.rewrites for n in gd.compile([x], before).graph.nodes}
    assert counts["multiply"] == 1 and counts["exp"] == 0


def test_every_link_of_the_chain_is_told(net, tmp_path):
    x, W, _, loss = net
    gd.adjoint(loss, [W]).to_html(tmp_path / "a.html", feed={x: np.ones((2, 3))})
    data, _ = data_of(tmp_path / "a.html")
    values, names = data["values"], data["boxes"]["name"]
    number = [np.reshape(v["data"], data["types"][v["type"]][0]) if v else None for v in values]
    seen = 0
    for node, _x, _formula, upstream, local, contribution, _box, factors in data["chain"]:
        if not isinstance(local, str):
            np.testing.assert_allclose(number[upstream] * number[local], number[contribution], rtol=1e-6)
            seen += 1
        if data["boxes"]["texts"][data["boxes"]["op"][node]] == "matmul":  # of W: x transposed, times what comes down
            ((symbol, slot, box),) = factors
            assert (data["boxes"]["texts"][symbol], names[box]) == ("x₁", "x")
            np.testing.assert_allclose(number[slot].T @ number[upstream], number[contribution], rtol=1e-6)
            seen += 1
    (tanh,) = [n for n, op in enumerate(data["boxes"]["op"]) if data["boxes"]["texts"][op] == "tanh"]
    to_tanh = [number[link[5]] for link in data["chain"] if link[1] == tanh]
    (total,) = [n for n, of in enumerate(data["boxes"]["of"]) if of == tanh]
    assert seen >= 3 and len(to_tanh) == 2 and names[total]
    np.testing.assert_allclose(sum(to_tanh), np.reshape(value_of(data, total)["data"], (2, 2)), rtol=1e-6)


def test_the_timeline_of_a_plan(net):
    x, W, _, loss = net
    f = gd.compile([x], gd.grad(loss, W))
    plan = f.plan_for(batch=7)
    live = plan.timeline()
    assert live.shape == (len(plan.instructions),)
    assert live.max() + plan.scratch_bytes == plan.lower_bound_bytes
    for b in plan.blocks():
        assert (live[b.first : b.last + 1] >= b.bytes).all()


# ---------------------------------------------------------------------------------------------- rules as formulas


def formulas_of(value):
    return [text for _, text in Formulas().vjp(value.node)]


def test_rules_are_formulas():
    x, y = gd.input("x", shape=("n", 3)), gd.input("y", shape=(3, 2))
    i, v = gd.input("i", shape=(4,), dtype="int64"), gd.input("v", shape=(3,))
    assert formulas_of(gd.sqrt(x)) == ["x̄ += ȳ / y · 0.5"] and formulas_of(gd.exp(x)) == ["x̄ += ȳ · y"]
    assert formulas_of(gd.nn.relu(x)) == ["x̄ += ȳ where y > 0"]
    assert formulas_of(x @ y) == ["x̄₁ += ȳ @ x₂ᵀ", "x̄₂ += x₁ᵀ @ ȳ"]
    assert formulas_of(x / v) == ["x̄₁ += ȳ / x₂", "x̄₂ += Σ (−ȳ / x₂ · y)"]
    assert formulas_of(x - 2.0) == ["x̄ += ȳ"]
    assert formulas_of(x * 3.0) == ["x̄ += ȳ · 3"]
    assert formulas_of(gd.sum(x)) == ["x̄ += ȳ"] and formulas_of(gd.square(x)) == ["x̄ += ȳ · x · 2"]
    assert formulas_of(gd.take(x, i, axis=1)) == ["x̄₁ += take_vjp(ȳ, x₂)"]
    assert formulas_of(gd.floor(x)) == [] == formulas_of(x)
    assert formulas_of(gd.digamma(v)) == ["x̄ += ȳ · polygamma(1, x)"]
    assert formulas_of(gd.linalg.qr(x)[0])[0].endswith("operations over y₁, y₂, ȳ₁, ȳ₂")
    h, _ = gd.scan(lambda h, row: (gd.tanh(h + row), None), gd.zeros((3,)), x)
    assert formulas_of(h)[0] == "x̄₁ += a loop of the body's adjoint, run from the last step to the first"
    assert Formulas().jvp(gd.tanh(x).node) == [(0, "ẏ = ẋ · tanh_slope(x)")]
    twice = gd.custom("twice", lambda x: 2 * x, vjp=lambda g, y, x: g * gd.exp(x))
    assert formulas_of(twice(v)) == ["x̄₂ += ȳ · exp(x₂)"]


def test_a_formula_is_the_rule_that_the_operation_declares(monkeypatch):
    monkeypatch.setattr(REGISTRY["sin"], "vjp", lambda node, gs, wanted, d: [gs[0] * 7.0])
    assert formulas_of(gd.sin(gd.input("x"))) == ["x̄ += ȳ · 7"]


def test_adjoint_nodes_show_their_rule(net, tmp_path):
    gd.adjoint(net[3], [net[1]]).to_html(tmp_path / "a.html")
    boxes = data_of(tmp_path / "a.html")[0]["boxes"]
    shown = {boxes["texts"][f] for f, p in zip(boxes["formula"], boxes["partner"]) if p >= 0}
    assert {
        "x̄ += ȳ · tanh_slope(x)",
        "x̄₁ += ȳ @ x₂ᵀ\nx̄₂ += x₁ᵀ @ ȳ",
        "x̄ = the sum of what its users contribute",
    } <= shown


# ---------------------------------------------------------------------------------------------- differences


def square(factor):
    x = gd.input("x", shape=(3,))
    return gd.compile([x], gd.sum(gd.exp(x * factor)), name="square")


def test_a_graph_and_its_text_are_the_same():
    f = square(2.0)
    found = gd.inspect.diff(f.graph, gd.parse(str(f.graph)))
    assert found.same and not (found.added or found.removed or found.changed)
    assert {w: (a, b) for w, a, b in found.facts}["flops"][0] == f"{f.plan.flops:,}"


def test_what_changed_is_named():
    found = gd.inspect.diff(square(2.0).graph, square(3.0).graph)
    assert [("multiply(x, 2.0)" in a, "multiply(x, 3.0)" in b) for a, b in found.changed] == [(True, True)]
    assert not found.added and not found.removed and not found.same
    x = gd.input("x", shape=(3,))
    other = gd.compile([x], gd.sum(gd.sin(gd.exp(x * 2.0))), name="square").graph
    found = gd.inspect.diff(square(2.0).graph, other)
    assert len(found.added) == 1 and "sin" in found.added[0] and not found.removed
    assert "+ %" in str(found) and "1 added, 0 removed" in str(found)
    back = gd.inspect.diff(other, square(2.0).graph)
    assert back.removed == found.added and not back.added
    assert gd.inspect.diff(square(2.0), square(3.0)).changed and gd.inspect.diff(x * 2, x * 2).same
    assert gd.inspect.diff(gd.adjoint(gd.sum(gd.exp(x)), x), gd.adjoint(gd.sum(gd.exp(x)), x)).same
    with pytest.raises(gd.GraphError, match="expected a graph, an adjoint, a compiled function or a Tensor, got int"):
        gd.inspect.diff(square(2.0), 3)


def test_the_common_order_is_the_longest():
    rng = np.random.default_rng(0)
    for _ in range(300):
        a, b = (rng.integers(0, 3, rng.integers(0, 12)).tolist() for _ in range(2))
        length = np.zeros((len(a) + 1, len(b) + 1), int)
        for i, j in np.ndindex(len(a), len(b)):
            length[i + 1, j + 1] = length[i, j] + 1 if a[i] == b[j] else max(length[i, j + 1], length[i + 1, j])
        pairs = _aligned(a, b)
        assert len(pairs) == length[-1, -1] and all(a[i] == b[j] for i, j in pairs)
        assert all(i < k and j < l for (i, j), (k, l) in pairwise(pairs))


def test_large_graphs_that_are_much_alike_are_compared_at_once():
    def chain(first, at):
        h = x = gd.input("x", shape=(3,))
        h = h * first
        for k in range(10_000):
            h = gd.tanh(h * x)
            h = gd.sin(h) if k in at else h
        return gd.inspect.whole_graph(h)

    found = gd.inspect.diff(chain(2.0, (50, 7000)), chain(3.0, (6000, 7001)))
    assert (len(found.added), len(found.removed), len(found.changed)) == (2, 2, 1)
    assert "multiply(x, 3.0)" in found.changed[0][1] and all("sin" in line for line in found.added + found.removed)


def test_operands_swapped_are_a_difference():
    def minus(swap):
        x, y = gd.input("x", shape=(3,)), gd.input("y", shape=(3,))
        return gd.compile([x, y], y - x if swap else x - y).graph

    assert not gd.inspect.diff(minus(False), minus(True)).same


# ---------------------------------------------------------------------------------------------- notebooks, plots


def test_notebooks_show_without_script(net):
    x, W, h, loss = net
    hx, hloss = hostile()
    f = gd.compile([x], loss, updates={W: W - gd.grad(loss, W)})
    for shown in (gd.adjoint(loss, [W]), f, f.graph, h, f.plan_for(batch=3), gd.adjoint(hloss, hx)):
        text = shown._repr_html_()
        ET.fromstring(text)
        assert "<script" not in text and len(text) < 50_000
    deep = x
    for _ in range(300):
        deep = gd.tanh(deep)
    assert len(deep._repr_html_()) < 5_000 and "301 nodes" in deep._repr_html_()
    many = [gd.parameter(f"b{k}", np.zeros(2, np.float32)) for k in range(40)]  # come first, and are not shown
    shown = gd.compile([], gd.tanh(sum(many)))._repr_html_()
    assert "add(b0, b1)" in shown and "parameter" not in shown


def test_a_plan_is_plotted(net, tmp_path):
    x, W, _, loss = net
    gd.compile([x], gd.grad(loss, W)).plan_for(batch=5).plot(tmp_path / "plan.png")
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


# ---------------------------------------------------------------------------------------------- command line

SCRIPT = """
import numpy as np, graphdiff as gd
x = gd.input("x", shape=("batch", 3))
W = gd.parameter("W", value=np.ones((3, 2), "float32"))
loss = gd.mean(gd.tanh(x @ W))
adj = gd.adjoint(loss, [W])
step = gd.compile([x], loss, updates={W: W - 0.1 * adj.gradients[0]}, name="step")
number = 3
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "empty.txt").write_text("x")
    (tmp_path / "bytes.gd").write_bytes(b"\xff\xfe")
    return tmp_path


def test_inspect_prints_and_writes(script, capsys):
    assert main(["inspect", "script.py:adj"]) == 0
    assert "adjoint of step wrt W:" in capsys.readouterr().out
    assert main(["inspect", "script.py:step", "--plan", "--size", "batch=4", "--html", "step.html"]) == 0
    assert "step at batch=4" in (out := capsys.readouterr().out) and "graph step" not in out
    assert data_of(script / "step.html")[0]["values"]
    np.savez(script / "feed.npz", x=np.full((2, 3), 7, "float32"))
    assert main(["inspect", "script.py:adj", "--html", "adj.html", "--feed", "feed.npz"]) == 0
    assert data_of(script / "adj.html")[0]["values"][0]["data"] == [7.0] * 6
    assert main(["inspect", "script.py:loss"]) == 0
    capsys.readouterr()
    assert main(["inspect", "script.py:step", "--text"]) == 0
    (script / "step.txt").write_text(capsys.readouterr().out)
    assert main(["inspect", "step.txt", "--plan", "--size", "batch=2", "--html", "text.html"]) == 0
    assert data_of(script / "text.html")[0]["values"]  # the parameters' drawn at random, as a text has none


def test_check_and_profile(script, capsys):
    assert main(["check", "script.py:adj", "--size", "batch=3"]) == 0
    assert main(["check", "script.py:step", "--size", "batch=3", "--order", "1"]) == 0
    out = capsys.readouterr().out
    assert out.count("vjp") == 3 and "MISMATCH" not in out
    assert main(["profile", "script.py:step", "--size", "batch=3", "--calls", "2", "--trace", "t.json"]) == 0
    assert "matmul" in capsys.readouterr().out and json.loads((script / "t.json").read_text())["traceEvents"]


def test_a_pipe_that_is_closed_ends_quietly(script, run):
    (script / "deep.py").write_text(
        SCRIPT
        + """
h = x
for _ in range(3000):
    h = gd.tanh(h)
"""
    )
    command = f"{sys.executable} -m graphdiff inspect deep.py:h | head -1; exit ${{PIPESTATUS[0]}}"
    there = os.environ | {"PYTHONPATH": str(Path(gd.__file__).parent.parent)}  # it need not be an installed one
    done = subprocess.run(["bash", "-c", command], cwd=script, capture_output=True, text=True, check=False, env=there)
    assert (done.returncode, done.stderr, done.stdout) == (141, "", "graph graph(x: f32[batch,3]) -> f32[batch,3]:\n")


def test_a_wrong_derivative_ends_with_one(script, capsys):
    (script / "wrong.py").write_text(
        SCRIPT
        + """
cube = gd.custom("cube", lambda v: v * v * v, vjp=lambda g, y, v: g * v * v)
loss = gd.sum(cube(gd.parameter("p", value=np.ones(2))))
"""
    )
    assert main(["check", "wrong.py:loss", "--order", "1"]) == 2
    assert "cube has no jvp" in capsys.readouterr().err
    assert main(["check", "wrong.py:loss", "--order", "1", "--mode", "vjp"]) == 1
    told = capsys.readouterr()
    assert "MISMATCH" in told.out and "check: cube: its vjp rule disagrees" in told.err


def test_diff_ends_as_diff_does(script, capsys):
    square(2.0).save("a.gd")
    (script / "b.txt").write_text(str(square(3.0).graph))
    assert main(["diff", "a.gd", "a.gd"]) == 0
    assert main(["diff", "a.gd", "b.txt"]) == 1
    assert "multiply(x, 3.0)" in capsys.readouterr().out
    assert main(["diff", "script.py:loss", "script.py:step"]) == 1
    assert "depends on batch" in capsys.readouterr().out
    assert main(["diff", "script.py:loss", "script.py:step", "--size", "batch=5"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"flops +82 -> [\d,]+\n", out) and re.search(r"nodes +\d+ -> \d+\n", out)
    assert main(["diff", "a.gd", "missing.gd"]) == 2
    assert "missing.gd: no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["inspect", "script.py:nothing"], "has no 'nothing'; it has W, adj, loss, step, x"),
        (["inspect", "script.py:number"], "is a int, not a graph"),
        (["inspect", "missing.py:step"], "missing.py: no such file"),
        (["inspect", "no_such_module:step"], "no module is called 'no_such_module'"),
        (["inspect", "script.py"], "which object of script.py? Write script.py:NAME; it has W, adj, loss, step, x"),
        (["inspect", "empty.py:step"], "empty.py has no 'step'; it has nothing that can be shown"),
        (["inspect", "empty.txt"], "line 1: a graph begins with its header"),
        (["inspect", "bytes.gd"], "is neither a saved function nor the text of a graph"),
        (["inspect", "script.py:step", "--plan"], "give --size batch=N or --feed"),
        (["inspect", "script.py:adj", "--html", "missing/a.html"], "missing/a.html"),
        (["inspect", "script.py:step", "--plan", "--feed", "script.py"], "is no .npz file"),
        (["check", "script.py:x", "--size", "batch=2"], "no 0-d float result"),
    ],
)
def test_what_is_wrong_is_told(script, capsys, arguments, told):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert told in err and "Traceback" not in err


@pytest.mark.parametrize("command", ["inspect", "check", "profile", "diff"])
def test_help_shows_examples(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0 and "examples:" in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------- gradient flow


def chain(depth, scale, activation=gd.tanh):
    x = gd.input("x", shape=(8, 16))
    rng = np.random.default_rng(0)
    params = [gd.parameter(f"W{k}", value=(scale * rng.normal(size=(16, 16))).astype("float32")) for k in range(depth)]
    h = x
    for W in params:
        h = activation(h @ W)
    return x, params, gd.sum(h * h)


def recorded(x, params, loss, calls=3):
    updates = {p: p - 0.01 * g for p, g in zip(params, gd.grad(loss, params))}
    flow = gd.inspect.GradientFlow(loss, params, updates=updates)
    step = gd.compile([x], [loss, flow.outputs], updates=updates)
    for _ in range(calls):
        flow.record(step(np.random.default_rng(1).normal(size=(8, 16)).astype("float32"))[1])
    return flow


def test_the_statistics_are_those_of_the_gradient(tmp_path):
    x, params, loss = chain(2, 0.3)
    x0 = np.random.default_rng(1).normal(size=(8, 16)).astype("float32")
    (g, _), W = gd.compile([x], gd.grad(loss, params))(x0), params[0].value.copy()
    flow = recorded(x, params, loss, calls=1)
    expected = [np.linalg.norm(g), np.abs(g).mean(), 0.0, 0.01 * np.linalg.norm(g) / np.linalg.norm(W), 0.0]
    np.testing.assert_allclose(flow.history[0, 0], expected, rtol=1e-3)
    flow.plot(tmp_path / "flow.png")
    assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(gd.FeedError, match="got shape"):
        flow.record([1.0])


def test_what_is_wrong_is_named():
    assert recorded(*chain(3, 0.25)).verdicts() == {}
    biases = [gd.parameter(f"b{k}", value=np.full(16, 0.1, "float32")) for k in range(20)]
    rest = iter(biases)
    x, _, loss = chain(20, 0.1, lambda h: gd.tanh(h + next(rest)))
    assert recorded(x, biases, loss).verdicts()["b0"] == "vanishing"
    assert set(recorded(*chain(6, 3.0, lambda h: h)).verdicts().values()) == {"exploding"}
    flow = recorded(*chain(2, 1.0, lambda h: gd.nn.relu(h - 1e4)))
    assert set(flow.verdicts().values()) == {"dead"} and "dead" in str(flow)


def test_beside_one_that_explodes_an_ordinary_layer_is_well():
    p, q, r = (gd.parameter(name, value=np.ones(4)) for name in "pqr")
    loss = gd.sum(p * 1e9 + q * 3.0 + r * 1e-6)
    flow = gd.inspect.GradientFlow(loss, [p, q, r])
    flow.record(gd.compile([], flow.outputs)())
    assert flow.verdicts() == {"p": "exploding", "r": "vanishing"}


def test_dead_units_are_counted():
    x, W = gd.input("x", shape=(8, 16)), gd.parameter("W", shape=(16, 4), init=gd.init.normal(0.3, 0))
    b = gd.parameter("b", value=np.array([0, 0, -1e4, 0], "float32"))
    flow = gd.inspect.GradientFlow(gd.sum(gd.nn.relu(x @ W + b)), [W, b])
    step = gd.compile([x], flow.outputs)
    assert flow.dead_units() == {} == flow.verdicts()
    for seed in range(3):
        flow.record(step(np.random.default_rng(seed).normal(size=(8, 16)).astype("float32")))
    assert flow.dead_units() == {"W": 0.25, "b": 0.25} and "25.0%" in str(flow) and flow.verdicts() == {}


def test_spectral_norms_are_those_of_the_jacobians():
    x, params, loss = chain(4, 0.1)
    x0 = np.random.default_rng(1).normal(size=(8, 16)).astype("float32")
    found = gd.inspect.GradientFlow(loss, params).jacobians({x: x0}, iterations=200)
    assert [j.link for j in found] == ["W0 → W1", "W1 → W2", "W2 → W3"]
    h, layers = x0.astype(float), []
    for W in params:
        slopes = 1 - np.tanh(h @ W.value) ** 2
        layers.append([W.value.T * s[:, None] for s in slopes])
        h = np.tanh(h @ W.value)
    for j, rows in zip(found, layers):
        np.testing.assert_allclose(j.norm, max(np.linalg.norm(J, 2) for J in rows), rtol=0.02)
    back = [2 * h]
    for rows in layers[::-1]:
        back.append(np.stack([J.T @ g for J, g in zip(rows, back[-1])]))
    lengths = [np.linalg.norm(g) for g in back[::-1]]
    np.testing.assert_allclose([j.gain for j in found], [a / b for a, b in pairwise(lengths)][:3], rtol=1e-3)
    assert {j.verdict for j in found} == {"shrinks"} and "shrinks" in str(found[0])


def test_jacobians_of_a_chain_that_is_given_and_of_none():
    x = gd.input("x", shape=("n", 3), dtype="float64")
    h = x * np.array([1.0, 5.0, 2.0])
    y = h / 100
    flow = gd.inspect.GradientFlow(gd.sum(y), [x], chain=[x, h, y])
    first, second = flow.jacobians({"x": np.ones((2, 3))}, iterations=200)
    np.testing.assert_allclose([first.norm, second.norm], [5, 0.01], rtol=1e-3)
    assert (first.verdict, second.verdict) == ("grows", "shrinks")
    with pytest.raises(gd.GraphError, match="no chain of layers"):
        gd.inspect.GradientFlow(gd.sum(y), [x]).jacobians({"x": np.ones((2, 3))})
    with pytest.raises(gd.FeedError, match="misses input 'x'"):
        flow.jacobians({})


def test_without_matplotlib_the_extra_is_named(net, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    plan = gd.compile([net[0]], net[3]).plan_for(batch=2)
    for plot in (plan.plot, recorded(*chain(2, 0.3)).plot):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'graphdiff\[demo\]'"):
            plot(tmp_path / "p.png")
