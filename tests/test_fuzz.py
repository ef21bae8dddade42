"""Random graphs: compiled functions against NumPy, and against themselves with recomputation."""

import hypothesis
import numpy as np
from evaluate import evaluate_graph
from graphs import random_graphs

import graphdiff as gd


def results(f, feed):
    out = f(**feed)
    return out if isinstance(out, list) else [out]


@hypothesis.settings(max_examples=300)
@hypothesis.given(random_graphs(16))
def test_a_compiled_graph_computes_what_numpy_does(pair):
    graph, feed = pair
    expected, _ = evaluate_graph(graph, feed)
    for a, b in zip(expected, results(gd.compile(graph), feed), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        hypothesis.assume(np.isfinite(a).all())
        eps, scale = np.finfo(a.dtype).eps, np.max(np.abs(a), initial=0)
        np.testing.assert_allclose(b, a, rtol=1e4 * eps, atol=100 * eps * float(scale))


@hypothesis.settings(max_examples=100)
@hypothesis.given(random_graphs(16))
def test_recomputation_changes_no_bit(pair):
    graph, feed = pair
    kept = results(gd.compile(graph), feed)
    for checkpoint in ("sqrt", gd.Every(2)):
        again = results(gd.compile(graph, checkpoint=checkpoint), feed)
        assert [a.tobytes() for a in again] == [a.tobytes() for a in kept]


@hypothesis.settings(max_examples=100)
@hypothesis.given(random_graphs(16))
def test_text_compiles_to_the_same_bits(pair):
    graph, feed = pair
    f = gd.compile(graph)
    again = gd.compile(gd.parse(str(f.graph)))
    assert [a.tobytes() for a in results(again, feed)] == [a.tobytes() for a in results(f, feed)]
