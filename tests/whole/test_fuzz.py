"""Random graphs (tests/support/fuzz_graphs.py): a few hundred here, thousands by .ci/run; and that they find faults."""

from collections import Counter

import fuzz_graphs
import pytest

import graphdiff as gd
from graphdiff.ops import namespaces
from graphdiff.ops.registry import REGISTRY, Tile
from graphdiff.runtime import compile


def fuzz(numbers):
    counts = Counter()
    for number in numbers:
        fuzz_graphs.fuzz(0, number, counts)
    return counts


@pytest.mark.parametrize("block", range(8))
def test_all_ways_of_computing_agree(block):
    counts = fuzz(range(25 * block, 25 * block + 25))
    assert counts["graphs"] == 25 and counts["nodes"] > 25 * 10
    assert counts["derivatives compared"] >= 12, counts  # most graphs are smooth where they are drawn


def test_the_whole_registry_is_drawn_from():
    public = {op.name for op in namespaces.public()}
    assert set(fuzz_graphs.OPS) == public - set(fuzz_graphs.ORDERED) and all(fuzz_graphs.OPS.values())


def test_the_same_numbers_draw_the_same_graph():
    def listing():
        drawn = fuzz_graphs.Artist(fuzz_graphs.np.random.default_rng([0, 5]), "float64").draw(20)
        return drawn.listing(list(range(len(drawn.arrays))))

    assert listing() == listing()


# ------------------------------------------------------------------ what is broken is found, and named


def only(monkeypatch, *names):
    monkeypatch.setattr(fuzz_graphs, "OPS", {n: fuzz_graphs.OPS[n] for n in names})
    monkeypatch.setattr(fuzz_graphs, "ELEMENTWISE", list(names))
    monkeypatch.setattr(fuzz_graphs.Artist, "derived", lambda artist: None)
    monkeypatch.setattr(fuzz_graphs.fuzz_moves, "MOVES", [fuzz_graphs.fuzz_moves.slices])
    monkeypatch.setattr(fuzz_graphs.fuzz_moves, "OF_ANY_SIZE", [fuzz_graphs.fuzz_moves.slices])


@pytest.mark.parametrize("mode, told", [("vjp", "reverse and forward"), ("jvp", "reverse and forward")])
def test_a_wrong_rule(monkeypatch, mode, told):
    only(monkeypatch, "tanh", "add", "multiply")
    op = REGISTRY["tanh"]
    rule = getattr(op, mode)
    monkeypatch.setattr(op, mode, lambda *args: [None if g is None else g * 1.001 for g in rule(*args)])
    with pytest.raises(fuzz_graphs.Disagreement, match=told):
        fuzz(range(20))


def test_rules_wrong_alike(monkeypatch):
    only(monkeypatch, "tanh", "add", "multiply")
    monkeypatch.setattr(REGISTRY["tanh"], "vjp", lambda node, gs, wanted, d: [gs[0] * 0.5])
    monkeypatch.setattr(REGISTRY["tanh"], "jvp", lambda node, ts, d: [None if ts[0] is None else ts[0] * 0.5])
    with pytest.raises(fuzz_graphs.Disagreement, match="differences"):
        fuzz(range(20))


def test_a_wrong_kernel(monkeypatch):
    only(monkeypatch, "sin", "add", "multiply")
    monkeypatch.setattr(REGISTRY["sin"], "kernel", Tile("tanh"))
    with pytest.raises(fuzz_graphs.Disagreement, match=r"(?s)NumPy.*= sin\["):
        fuzz(range(20))


def test_a_wrong_rewrite(monkeypatch):
    right = compile.simplify

    def wrong(graph):
        return right(gd.Graph(graph.name, graph.inputs, [v * 2 if v.dtype.kind == "f" else v for v in graph.outputs]))

    monkeypatch.setattr(compile, "simplify", wrong)
    with pytest.raises(fuzz_graphs.Disagreement, match=r"NumPy|neither simplified nor fused|another graph"):
        fuzz(range(3))
