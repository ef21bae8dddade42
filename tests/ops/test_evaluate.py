"""The NumPy evaluator agrees with the reference of every operation, so what is compared with it is compared well."""

import importlib

import numpy as np
import pytest
from evaluate import evaluate, evaluate_graph
from graphs import SAMPLED, of_operation

from graphdiff.errors import FeedError
from graphdiff.ops.gather import take
from graphdiff.ops.leaves import input as input_
from graphdiff.ops.registry import REGISTRY

STORED = ("input", "parameter", "state")
SIGNS = {"linalg.svd", "linalg.eigh"}  # the signs of vectors are the library's choice


def expected(name, sample):
    reference = REGISTRY[name].reference
    if isinstance(reference, str):
        module, _, function = reference.rpartition(".")
        reference = getattr(importlib.import_module(module), function)
    out = reference(*sample.args, **sample.kwargs)
    return list(out) if isinstance(out, (tuple, list)) else [out]


@pytest.mark.parametrize("name", SAMPLED)
def test_the_evaluator_agrees_with_the_reference(name):
    samples = list(REGISTRY[name].samples(np.random.default_rng(0)))
    with np.errstate(all="ignore"):
        for sample, (graph, feed) in zip(samples, of_operation(name, gradients=False), strict=True):
            got, _ = evaluate_graph(graph, feed)
            for a, b in zip(got, expected(name, sample), strict=True):
                np.testing.assert_allclose(
                    np.abs(a) if name in SIGNS else a, np.abs(b) if name in SIGNS else b, rtol=1e-6, atol=1e-6
                )


def test_every_primitive_is_known():
    primitives = [op for op in REGISTRY.values() if op.infer is not None and op.name not in (*STORED, "sparsity")]
    assert [op.name for op in primitives if op.compute is None and op.reference is None] == []


def test_an_index_out_of_range_fails():
    x, i = input_("x", (3,)), input_("i", (2,), "int64")
    with pytest.raises(FeedError):
        evaluate([take(x, i)], {"x": [1, 2, 3], "i": [0, 3]})


def test_a_result_of_another_type_is_told():
    x = input_("x", (3,))
    with pytest.raises(AssertionError):
        evaluate([x + 1], {"x": np.zeros(4)})
