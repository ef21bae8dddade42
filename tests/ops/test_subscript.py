"""``x[key]`` against NumPy: slices of named sizes clip at every size, indices, masks and windows gather, and gradients
go back where that was taken from. What cannot be indexed is told with what to write."""

import itertools
import random

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ir.dims import evaluate, named
from graphdiff.ir.slices import taken

BOUNDS = [None, 0, 1, 2, 3, 5, -1, -2, -3, -5, 10**9, -(10**9), 2**63 - 1, -(2**63), 2**70]


def test_bounds_are_numpy_s():
    """Every pair of bounds with every step, at sizes from 1; at 0 a size that is not 0 is one that the call refuses."""
    for first, last, step in itertools.product(BOUNDS, BOUNDS, [None, 1, 2, 3, -1, -2, -3]):
        start, size, _ = taken(slice(first, last, step), named("n"))
        for n in range(1, 9):
            want = range(n)[first:last:step]
            assert evaluate(size, {"n": n}) == len(want)
            if want:
                assert evaluate(start, {"n": n}) == want.start
        assert evaluate(size, {"n": 0}) in (0, -1, 1)


@pytest.mark.parametrize("key", [np.s_[3:0:-1], np.s_[-4:-1], np.s_[1:5], np.s_[:-3:-1], np.s_[7::-3], np.s_[5:2:-1]])
def test_nothing_of_nothing(key):
    x = gd.input("x", ("n",), "float64")
    y = x[key]
    f = gd.compile([x], [y, gd.grad(gd.sum(y**3), x)])
    for n in range(5):
        a = np.arange(n) + 1.0
        b, g = f(a)
        np.testing.assert_array_equal(b, a[key])
        np.testing.assert_allclose(g, pushed(a, key, 3 * b**2))


def pushed(a, key, g):
    """The gradient of the sum of g * a[key]."""
    places = np.arange(a.size).reshape(a.shape)[key]
    out = np.zeros(a.size)
    np.add.at(out, places.reshape(-1), g.reshape(-1))
    return out.reshape(a.shape)


def clipped_cases():
    rng = random.Random(0)
    keys = [np.s_[:5], np.s_[5:3], np.s_[-5:], np.s_[5::-1], np.s_[::-2], np.s_[: 10**9], np.s_[: 2**63 - 1], np.s_[2:]]
    for _ in range(16):
        keys.append(np.s_[rng.choice(BOUNDS) : rng.choice(BOUNDS) : rng.choice([None, 1, 2, -1, -3])])
    return keys


@pytest.mark.parametrize("key", clipped_cases(), ids=str)
def test_slices_of_named_sizes_clip(key):
    x = gd.input("x", ("n", "m"), "float64")
    y = x[key, key]
    f = gd.compile([x], [y, gd.grad(gd.sum(y**3), x), gd.sum(y * 2)])
    again = gd.compile(gd.parse(str(gd.Graph("g", [x], [y]))))
    batched = gd.compile([x], gd.vmap(lambda row: row[key])(x))
    for n, m in ((1, 7), (2, 3), (3, 1), (4, 4), (7, 2), (8, 6)):
        a = np.random.default_rng(n).normal(size=(n, m))
        b, g, total = f(a)
        np.testing.assert_array_equal(b, a[key, key])
        np.testing.assert_allclose(g, pushed(a, (key, key), 3 * b**2), rtol=1e-12)
        np.testing.assert_allclose(total, 2 * b.sum(), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(again(a), b)
        np.testing.assert_array_equal(batched(a), a[:, key])


def test_an_empty_named_size():
    x = gd.input("x", ("n",), "float64")
    f = gd.compile([x], [x[:5], x[5:], x[-5:], x[5:3], x[::-1]])
    for y in f(np.zeros(0)):
        assert y.shape == (0,)
    with pytest.raises(gd.FeedError, match="n=3"):
        gd.compile([x], x[5])(np.zeros(3))


def test_parts_make_a_whole():
    x = gd.input("x", ("n",), "float64")
    assert gd.concat([x[:5], x[5:]]).shape == ("n",)
    assert gd.concat([x[:-3], x[-3:]]).shape == ("n",)
    assert x[1:].shape == x[:-1].shape == ("n-1",)
    assert x[2:].shape == x[:-2].shape == x[1:-1].shape


def test_sizes_that_only_clipping_tells_apart_meet():
    """A stencil padded back is of the whole's size wherever it has an element; where it is not the call says so."""
    x = gd.input("x", ("n", 2), "float64")
    inner = x[2:] - 2 * x[1:-1] + x[:-2]
    padded = gd.pad(inner, ((1, 1), (0, 0)))
    step = gd.scan(lambda u, _: (u + 0.1 * gd.pad(u[1:-1] ** 2, ((1, 1), (0, 0))), None), x, None, length=3)[0]
    stepped = gd.scan(lambda u, _: (gd.concat([u[:1], u[1:-1] * 2, u[-1:]]), None), x, None, length=3)[0]
    y = [padded + x, gd.where(padded > 0, x, padded), gd.nn.mse(padded, x), step, stepped]
    f = gd.compile([x], [*y, gd.grad(sum(gd.sum(v**2) for v in y), x)])
    for n in (2, 3, 6):
        a = np.random.default_rng(n).normal(size=(n, 2))
        p = np.pad(a[2:] - 2 * a[1:-1] + a[:-2], ((1, 1), (0, 0)))
        got = f(a)
        np.testing.assert_allclose(got[0], p + a, rtol=1e-14)
        np.testing.assert_allclose(got[1], np.where(p > 0, a, p), rtol=1e-14)
        np.testing.assert_allclose(got[2], ((p - a) ** 2).mean(), rtol=1e-14)
        u = a
        for _ in range(3):
            u = u + 0.1 * np.pad(u[1:-1] ** 2, ((1, 1), (0, 0)))
        np.testing.assert_allclose(got[3], u, rtol=1e-14)
        np.testing.assert_allclose(got[4], np.concatenate([a[:1], a[1:-1] * 8, a[-1:]]), rtol=1e-14)
        gd.check_grad(gd.sum(padded * x), x, {x: a})
    with pytest.raises(gd.FeedError, match=r"differ at n=1"):
        f(np.zeros((1, 2)))
    assert gd.stack([padded, x]).shape == (2, "n", 2)
    with pytest.raises(gd.ShapeError, match="do not broadcast"):
        x[2:] + x[3:]


# ------------------------------------------------------------------ indices, masks, windows
A = np.random.default_rng(0).normal(size=(4, 5, 6))
FEED = {"i": np.array([0, -1, 2]), "j": np.array([[1], [3]]), "k": np.int64(1)}
M, M2 = np.array([True, False, True, True]), np.random.default_rng(1).random((4, 5)) > 0.5
KEYS = """
x[i] x[:,i] x[i,j] x[j,i] x[i,:,j] x[:,i,j] x[0,:,i] x[0,i] x[i,0] x[i,:,0] x[...,i] x[None,i] x[:,None,i] x[k] x[k,1:]
x[i,j,0] x[i,j,k] x[i,1,:] x[1,i,2] x[:,1,i] x[1:,i,::2] x[::-1,i,j] x[i,None,j] x[M] x[M2] x[M,0] x[M2,i[0]] x[M,:,:2]
x[:,[0,2]] x[[True,False,True,True]] x[[]] x[:,np.array([1,2]),:] x[()] x[...] x[k:k+2] x[k:2+k,:,0] x[:,k:k+3]
x[:,2*k:2*(k+1)] x[k-1:k+1,i] x[k:k] x[i[0]:i[0]+2] x[:,:,k:k+x.shape[0]] x[k:k+1,M2[0]]
""".split()


@pytest.mark.parametrize("shape", [(4, 5, 6), ("a", "b", "c")], ids=["fixed", "named"])
@pytest.mark.parametrize("key", KEYS)
def test_indexing_is_numpy_s(key, shape):
    names = {"M": M, "M2": M2, "np": np}
    x = gd.input("x", shape, "float64")
    leaves = {name: gd.input(name, a.shape, "int64") for name, a in FEED.items()}
    y = eval(key, {**names, **leaves, "x": x})
    known = {**names, **{name: a if a.ndim else int(a) for name, a in FEED.items()}}
    want = np.asarray(eval(key, {**known, "x": A}))
    got, g = gd.compile([x, *leaves.values()], [y, gd.grad(gd.sum(y**2), x)])(A, *FEED.values())
    np.testing.assert_array_equal(got, want)
    places = eval(key, {**known, "x": np.arange(A.size).reshape(A.shape)})
    np.testing.assert_allclose(g, pushed(A, np.unravel_index(places, A.shape), 2 * want), rtol=1e-14)


def test_a_mask_of_a_named_size_must_fit_it():
    x = gd.input("x", ("n",), "float64")
    f = gd.compile([x], x[M])
    for n in (3, 5):
        with pytest.raises(gd.FeedError):
            f(np.zeros(n))


def test_an_index_out_of_range_fails_the_call():
    x, i = gd.input("x", ("n", 3), "float64"), gd.input("i", (), "int64")
    for y, wrong in ((x[i : i + 2], 3), (x[i : i + 2], -5), (x[i, [0, 1]], 4), (x[5, [i, i][0]], 0)):
        f = gd.compile([x, i], y)
        with pytest.raises(gd.FeedError):
            f(np.zeros((4, 3)), wrong)


X, I, K = gd.input("x", (4, 5), "float64"), gd.input("i", (3,), "int64"), gd.input("k", (), "int64")


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: X[I > 0], gd.DTypeError, r"only at the call.*gd.where\(mask, x, 0\).*NumPy array"),
        (lambda: X[K:], gd.ShapeError, r"write x\[i : i \+ size\]"),
        (lambda: X[K : 2 * K], gd.ShapeError, r"gd.take"),
        (lambda: X[I : I + 2], gd.DTypeError, "single integers"),
        (lambda: X[K : K + 4 : 2], gd.ShapeError, "step 1"),
        (lambda: X[1.5], gd.ShapeError, "got float"),
        (lambda: X["a"], gd.ShapeError, "got str"),
        (lambda: X[True], gd.ShapeError, "got bool"),
        (lambda: X[np.array([0.5])], gd.DTypeError, r"float64; write .astype\('int64'\)"),
        (lambda: X[M[:3]], gd.ShapeError, "3 elements along a dimension of 4"),
        (lambda: X[I, I, I], gd.ShapeError, "3 indices for 2"),
        (lambda: X[I, gd.constant([0, 1])], gd.ShapeError, "broadcast"),
        (lambda: X[..., ...], gd.ShapeError, "more than one ellipsis"),
        (lambda: X[::0], gd.ShapeError, "step"),
        (lambda: X[:1.5], gd.ShapeError, "1.5"),
    ],
)
def test_what_is_no_index_is_told(make, error, text):
    with pytest.raises(error, match=text) as caught:
        make()
    assert "test_subscript.py" in str(caught.value)
