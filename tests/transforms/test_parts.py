"""Cotangents of parts side by side: the derivative of the same with parts taken by a product, whatever overlaps."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ir.graph import Graph

X = np.random.default_rng(0).standard_normal((6, 2))


def by_products(parts):
    """The parts of X's rows by 0 and 1 matrices: nothing is sliced."""
    return lambda x: [np.eye(6)[start:stop] @ x for start, stop in parts]


def by_slices(parts):
    return lambda x: [x[start:stop] for start, stop in parts]


PARTS = {
    "each": [(i, i + 1) for i in range(6)],
    "again and again": [(0, 1), (3, 4), (0, 1), (0, 1), (5, 6)],
    "gaps": [(1, 2), (3, 5), (1, 2), (3, 5)],
    "overlapping": [(0, 3), (1, 2), (2, 4), (5, 6)],
    "the same": [(2, 4)] * 4,
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("whole", [False, True])
def test_gradients_and_second_derivatives_are_those_of_products(name, whole):
    def results(take):
        x = gd.input("x", X.shape, "float64")
        loss = gd.sum(gd.exp(x)) if whole else gd.sum(x) * 0
        for k, part in enumerate(take(PARTS[name])(x)):
            loss = loss + gd.sum(gd.sin(part * (k + 1)))
        return gd.compile([x], [gd.grad(loss, [x])[0], gd.hvp(loss, x, gd.cos(x))])(X)

    for got, wanted in zip(results(by_slices), results(by_products)):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def test_elements_of_a_vector_cost_as_many_nodes_as_there_are():
    def nodes(n):
        x = gd.input("x", (n,), "float64")
        loss = gd.sum(x)
        for i in range(n):
            loss = loss + gd.square(x[i] * x[(i * 7) % n])
        f = gd.compile([x], gd.grad(loss, [x])[0])
        return sum(node.outputs[0].shape == (n,) for node in Graph("g", [x], gd.grad(loss, [x])).nodes), f

    (few, _), (many, f) = nodes(20), nodes(200)
    assert many - few <= 2 * 180 + 5  # each element's own place, and no sum of arrays for each
    x = np.linspace(0, 1, 200)
    wanted = np.ones(200)
    for i in range(200):
        j = (i * 7) % 200
        wanted[i] += 2 * x[i] * x[j] * x[j]
        wanted[j] += 2 * x[i] * x[j] * x[i]
    np.testing.assert_allclose(f(x), wanted, rtol=1e-12)
