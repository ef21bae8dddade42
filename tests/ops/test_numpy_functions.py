"""NumPy's functions on Tensors give what they give of arrays, and what they cannot is told with what to write."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops.numpy_functions import ADAPTERS

A = np.random.default_rng(0).normal(size=(3, 4))
S = A @ A.T + np.eye(3)
I34 = np.argsort(A, axis=1)
CALLS = {
    np.ndim: ["f(a)"],
    np.shape: ["f(a)"],
    np.size: ["f(a)", "f(a, 1)"],
    np.concatenate: ["f([a, a])", "f((a, a), axis=1)", "f([a, a], axis=None)"],
    np.stack: ["f([a, a], axis=1)"],
    np.where: ["f(a > 0, a, 0.0)"],
    np.clip: ["f(a, -0.5, 0.5)", "f(a, a_min=0, a_max=None)"],
    np.reshape: ["f(a, (4, 3))", "f(a, -1)"],
    np.ravel: ["f(a)"],
    np.transpose: ["f(a)", "f(a, (1, 0))"],
    np.squeeze: ["f(a[None])"],
    np.flip: ["f(a)", "f(a, 0)"],
    np.roll: ["f(a, 2)", "f(a, 1, axis=1)"],
    np.tile: ["f(a, (2, 1))"],
    np.repeat: ["f(a, 2)", "f(a, 2, axis=0)"],
    np.pad: ["f(a, 1)", "f(a, ((1, 0), (0, 2)), constant_values=3.0)", "f(a, 1, mode='edge')"],
    np.take: ["f(a, [0, 5, 11])", "f(a, [0, 2], axis=1)"],
    np.split: ["f(a, 3)", "f(a, [1, 2])", "f(a, (1, 3), axis=1)"],
    np.round: ["f(a)"],
    np.dot: ["f(a, a.T)"],
    np.outer: ["f(a, a[0])"],
    np.trace: ["f(s)", "f(s, 1)"],
    np.sort: ["f(a)", "f(a, axis=0)"],
    np.argsort: ["f(a)"],
    np.cumsum: ["f(a)", "f(a, axis=1)"],
    np.cumprod: ["f(a)", "f(a, axis=0)"],
    np.std: ["f(a)", "f(a, axis=0, ddof=1)"],
    np.var: ["f(a, axis=1, keepdims=True)"],
    np.linalg.norm: ["f(a)", "f(a, axis=1)", "f(a, ord=1, axis=0, keepdims=True)"],
    np.median: ["f(a)", "f(a, axis=1, keepdims=True)"],
    np.quantile: ["f(a, 0.3)", "f(a, [0.2, 0.7], axis=1)"],
    np.histogram: ["f(a, np.arange(-2.0, 3.0))[0]"],
    np.interp: [
        "f(a, np.arange(3.0), np.array([1.0, 5.0, 2.0]))",
        "f(a, np.arange(3.0), np.arange(3.0), left=7.0)",
        "f(a, np.arange(3.0), np.arange(3.0), period=3.5)",
    ],
    np.searchsorted: ["f(np.arange(-2.0, 2.0), a)", "f(np.arange(4.0), a, side='right')"],
    np.gradient: ["f(a, axis=0)", "f(a, 0.5, axis=1, edge_order=2)"],
    np.diff: ["f(a)", "f(a, n=2, axis=0)", "f(a, prepend=0.0)"],
    np.cross: ["f(a[:, :3], a[:, 1:])", "f(a, a[::-1], axis=0)"],
    np.count_nonzero: ["f(a)", "f(a, axis=0)"],
    np.kron: ["f(a, s)"],
    np.convolve: ["f(a[0], a[1])", "f(a[0], a[1, :3], mode='same')"],
    np.correlate: ["f(a[0], a[1, :2])"],
    np.meshgrid: ["f(a[0], a[1])[1]", "f(a[0], a[1], indexing='ij')[0]"],
    np.real: ["f(a)"],
    np.imag: ["f(a)"],
    np.empty_like: ["np.isnan(f(a)) & False"],
    np.broadcast_arrays: ["f(a, a[0])[1]"],
    np.trapezoid: ["f(a)", "f(a, dx=0.5, axis=0)"],
    np.linalg.matrix_power: ["f(s, 3)"],
    np.linalg.matrix_rank: ["f(s)"],
    np.linalg.pinv: ["f(a)"],
    **{getattr(np, n): ["f(a, axis=1)"] for n in ("cumulative_sum", "cumulative_prod") if hasattr(np, n)},
    **({np.unstack: ["f(a)[1]", "f(a, axis=1)[0]"]} if hasattr(np, "unstack") else {}),
    np.linalg.inv: ["f(s)"],
    np.linalg.det: ["f(s)"],
    np.linalg.solve: ["f(s, a)"],
    np.linalg.cholesky: ["f(s)"],
    np.linalg.slogdet: ["f(s)"],
    np.linalg.eigh: ["np.abs(f(s)[1])"],
    np.swapaxes: ["f(a, 0, 1)"],
    np.moveaxis: ["f(a, 0, 1)"],
    np.expand_dims: ["f(a, 1)"],
    np.broadcast_to: ["f(a, (2, 3, 4))"],
    np.diag: ["f(a)"],
    np.full_like: ["f(a, 2.5)"],
    np.einsum: ["f('ij,kj->ik', a, a)"],
    np.tensordot: ["f(a, a.T, 1)"],
    np.diagonal: ["f(a)"],
    np.take_along_axis: ["f(a, i, 1)"],
    **{getattr(np, n): ["f(a)", "f(a, axis=0)", "f(a, keepdims=True)"] for n in ("sum", "mean", "prod", "max", "min")},
    **{getattr(np, n): ["f(a > 0)", "f(a > 0, axis=0)"] for n in ("all", "any")},
    **{getattr(np, n): ["f(a)", "f(a, axis=1)"] for n in ("argmax", "argmin")},
    **{getattr(np, n): ["f(a)"] for n in ("tril", "triu", "zeros_like", "ones_like")},
}


def listed(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def test_every_adapter_is_tried():
    assert set(CALLS) | {np.around} == set(ADAPTERS)


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_it_is_numpy_s(function):
    a, s = gd.input("a", A.shape, "float64"), gd.input("s", S.shape, "float64")
    for call in CALLS[function]:
        names = {"f": function, "np": np, "i": I34}
        got = listed(eval(call, {**names, "a": a, "s": s}))
        want = listed(eval(call, {**names, "a": A, "s": S}))
        assert all(type(y) in (gd.Tensor, int) for y in got)
        if type(got[0]) is gd.Tensor:
            got = gd.compile([a, s], got)(A, S)
        assert len(got) == len(want)
        for y, z in zip(got, want, strict=True):
            assert np.shape(y) == np.shape(z)
            np.testing.assert_allclose(y, z, rtol=1e-12, atol=1e-12)


X = gd.input("x", (3, 3))


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: np.sum(X, dtype="float64"), "np.sum: does not take dtype with Tensors; write gd.sum"),
        (lambda: np.mean(X, out=np.zeros(())), "np.mean: does not take out with Tensors; write gd.mean"),
        (lambda: np.linalg.svd(X), "np.linalg.svd: does not take Tensors; write gd.linalg.svd"),
        (lambda: np.linalg.cond(X), "np.linalg.cond: does not take Tensors"),
        (lambda: np.fft.rfft(X), "np.fft.rfft: does not take Tensors"),
        (lambda: np.nanmedian(X), "np.nanmedian: does not take Tensors"),
        (lambda: np.round(X, 2), "whole numbers"),
        (lambda: np.asarray(X), "holds no numbers"),
        (lambda: f"{X:.2f}", "holds no numbers"),
        (lambda: (X * 2).value, "has no value; compile it with gd.compile and call the function"),
    ],
)
def test_what_is_not_taken_is_told(make, text):
    with pytest.raises(gd.GraphError, match=text) as caught:
        make()
    assert "test_numpy_functions.py" in str(caught.value)


# ------------------------------------------------------------------ said so that a user knows what to write
def test_the_input_of_a_cell_that_was_run_again():
    old = gd.input("x", (3,))
    y = gd.sum(old)
    new = gd.input("x", (3,))
    with pytest.raises(gd.GraphError) as caught:
        gd.compile([new], y)
    assert f"made at {old.node.source}" in str(caught.value) and f"made at {new.node.source}" in str(caught.value)


F = gd.compile([X], X * 2)


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: gd.compile(lambda a: a), gd.GraphError, r"got a function.*gd.compile\(\[x\], f\(x\)\)"),
        (lambda: gd.compile([X], lambda a: a), gd.GraphError, r"outputs is a function.*gd.compile\(\[x\], f\(x\)\)"),
        (lambda: gd.grad([gd.sum(X)], X), gd.GraphError, "a list of 1; .* gd.jacobian"),
        (lambda: gd.hessian({"a": gd.sum(X)}, X), gd.GraphError, "a dict of 1; .* gd.jacobian"),
        (lambda: F(None), gd.FeedError, "x is fed None; feed an array"),
        (lambda: F(np.zeros((3, 3))), gd.FeedError, r"write .astype\('float32'\), or give the input dtype=\"float64\""),
        (lambda: F.bind(x=np.zeros((3, 3))), gd.FeedError, r"or give the input dtype=\"float64\""),
        (lambda: F("abc"), gd.FeedError, "feed an array of numbers"),
        (lambda: F(np.zeros((3, 3), "complex64")), gd.FeedError, "real and its imaginary part"),
        (lambda: gd.nn.dropout(X, 0.5, 1), TypeError, "write key=1"),
        (lambda: gd.parse(None), gd.GraphError, "expected the text of a graph, got NoneType"),
        (lambda: gd.load(None), gd.GraphError, "expected a path"),
        (lambda: gd.load("/nowhere.gd"), gd.GraphError, "No such file"),
    ],
)
def test_said_with_what_to_write(make, error, text):
    with pytest.raises(error, match=text) as caught:
        make()
    if error is not TypeError:
        assert "at: test_numpy_functions.py" in str(caught.value)


def test_several_jacobians():
    a, b = gd.jacobian([gd.sum(X), X[0] * 2], X)
    assert a.shape == (3, 3) and b.shape == (3, 3, 3)
