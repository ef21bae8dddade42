"""Looking into graphs: what drawings, pages, diffs and the command line show, and that nothing in them runs."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.inspect.layout import HEIGHT, WIDTH, Item, lay_out

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
            assert re.fullmatch(rf'}}|\w+=(?:{quoted}|\w+);', line), line
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
