"""``x.at[key].set(v)`` and its kin give what NumPy's assignments and ``ufunc.at`` give, whatever key NumPy takes; sums
and extremes of segments are those of a loop."""

import itertools

import numpy as np
import pytest

import graphdiff as gd

RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 5, 3))
ROWS, COLUMNS = np.array([3, 0, -1, 3]), np.array([[1], [4]])
MASK = RNG.uniform(size=(4, 5)) < 0.4
KEYS = [
    2,
    -1,
    (1, 2, 0),
    slice(1, 3),
    (slice(None, None, -2), 1),
    (Ellipsis, 0),
    (None, 2),
    (slice(None), slice(7, 9)),
    ROWS,
    ROWS.tolist(),
    (slice(None), ROWS),
    (ROWS, 1),
    (ROWS, slice(None), [0, 2, 1, 0]),
    (1, slice(None), [0, 2, 0]),
    (ROWS, COLUMNS),
    (ROWS, COLUMNS, 0),
    (None, ROWS, slice(1, 4)),
    MASK,
    (MASK, 1),
    (slice(None), MASK[0]),
    MASK[:, 0],
    np.zeros((4, 5, 3), bool),
    np.zeros((0,), int),
]
HOW = {"set": None, "add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}


def assigned(a, key, v, how):
    y = a.copy()
    if how == "set":
        y[key] = v
    else:
        HOW[how].at(y, key, v)
    return y


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("named", [False, True])
def test_it_is_numpys_assignment(how, named):
    x = gd.input("x", ("n", "m", 3) if named else A.shape, "float64")
    values = [RNG.normal(size=() if named else A[k].shape) for k in KEYS]
    got = gd.compile([x], [getattr(x.at[k], how)(v) for k, v in zip(KEYS, values, strict=True)])(A)
    for k, v, y in zip(KEYS, values, got, strict=True):
        np.testing.assert_allclose(y, assigned(A, k, v, how), rtol=1e-15, err_msg=str(k))


@pytest.mark.parametrize("how", HOW)
def test_indices_and_starts_that_are_fed(how):
    x, i, j, s = (
        gd.input("x", A.shape, "float64"),
        *(gd.input(n, (4,), "int64") for n in "ij"),
        gd.input("s", (), "int32"),
    )
    keys = [i, (i, j), (slice(None), j), (slice(None), slice(s, s + 2)), (s, i), (s, slice(1, 3))]
    at = np.array([1, 1, -4, 3]), np.array([0, 0, 4, -1]), np.int32(2)
    known = [at[0], at[:2], (slice(None), at[1]), (slice(None), slice(2, 4)), (2, at[0]), (2, slice(1, 3))]
    got = gd.compile([x, i, j, s], [getattr(x.at[k], how)(0.5) for k in keys])(A, *at)
    for k, y in zip(known, got, strict=True):
        np.testing.assert_allclose(y, assigned(A, k, 0.5, how), rtol=1e-15, err_msg=str(k))


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "bool"])
def test_every_dtype(dtype):
    a = np.array([3, 0, 2]).astype(dtype)
    x, i = gd.input("x", (3,), dtype), np.array([2, 2, 0])
    for how in HOW if dtype != "bool" else ["set"]:
        v = np.array([1, 2, 0]).astype(dtype)
        y = gd.compile([x], getattr(x.at[i], how)(v))(a)
        assert y.dtype == dtype and np.array_equal(y, assigned(a, i, v, how))


def test_the_last_of_several_is_set_and_its_gradient_alone_is_not_zero():
    x, v = gd.input("x", (3,), "float64"), gd.input("v", (4,), "float64")
    y = x.at[np.array([1, 1, 0, 1])].set(v)
    gx, gv = gd.compile([x, v], gd.grad(gd.sum(y * [1.0, 2.0, 4.0]), [x, v]))(np.zeros(3), np.arange(4.0))
    assert gx.tolist() == [0, 0, 4] and gv.tolist() == [0, 0, 1, 2]


def test_ties_share_the_gradient():
    x, v = gd.input("x", (2,), "float64"), gd.input("v", (3,), "float64")
    loss = gd.sum(x.at[np.array([0, 0, 1])].max(v) * [1.0, 3.0])
    gx, gv = gd.compile([x, v], gd.grad(loss, [x, v]))(np.array([5.0, 0.0]), np.array([5.0, 5.0, 2.0]))
    assert gx.tolist() == [0.5, 0] and gv.tolist() == [0.25, 0.25, 3]


def test_products_have_derivatives_where_values_are_zero():
    x, v, i = gd.input("x", (3,), "float64"), gd.input("v", (5,), "float64"), np.array([0, 2, 0, 2, 2])
    loss = gd.sum(gd.square(x.at[i].mul(v)))
    for zeros in ([], [0], [1, 3], [0, 1, 2, 3, 4]):
        b = np.array([0.5, -1.5, 2.0, 3.0, -0.25])
        b[zeros] = 0
        gd.check_grad(loss, [x, v], {x: np.array([1.0, 2.0, -3.0]), v: b})


def test_each_example_of_a_batch_has_its_own_indices():
    x, i, v = (
        gd.input("x", ("b", 4, 2), "float64"),
        gd.input("i", ("b", 3), "int64"),
        gd.input("v", ("b", 3, 2), "float64"),
    )
    a, at, b = RNG.normal(size=(5, 4, 2)), RNG.integers(-4, 4, (5, 3)), RNG.normal(size=(5, 3, 2))
    for how in HOW:
        y = gd.compile([x, i, v], gd.vmap(lambda x, i, v, how=how: getattr(x.at[i], how)(v))(x, i, v))(a, at, b)
        expected = [assigned(*arrays, how) for arrays in zip(a, at, b, strict=True)]
        np.testing.assert_allclose(y, expected, rtol=1e-15)


def test_what_does_not_fit_is_told():
    x, i = gd.input("x", (4, 5)), gd.input("i", (2,), "int64")
    with pytest.raises(gd.ShapeError, match=r"at.set: \(3\) does not broadcast to x\[key\], \(5\)"):
        x.at[0].set(np.zeros(3, "float32"))
    with pytest.raises(gd.DTypeError, match=r"at.add: float64 into a Tensor of float32; write .astype\('float32'\)"):
        x.at[i].add(np.zeros((2, 5)))
    with pytest.raises(gd.DTypeError, match=r"at.max: needs integer or floating operands, got bool"):
        (x > 0).at[0].max(True)
    with pytest.raises(gd.ShapeError, match="3 indices for 2 dimensions"):
        x.at[0, 0, 0].set(1.0)
    W = gd.parameter("W", value=np.zeros((4, 5), "float32"))
    for how in HOW:
        f = gd.compile([i], gd.sum(W), updates={W: getattr(W.at[i], how)(1.0)})
        with pytest.raises(gd.FeedError, match="index 4 is out of range"):
            f(np.array([0, 4]))
        assert not W.value.any(), how
    assert repr(x.at[0]) == "<at 0 of Tensor(x: f32[4,5])>" and repr(x.at) == "<at of Tensor(x: f32[4,5])>"


# ------------------------------------------------------------------ segments


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_segments_are_those_of_a_loop(dtype):
    a = RNG.normal(size=(9, 2)).round(1) if dtype[0] == "f" else RNG.integers(-9, 9, (9, 2))
    a, ids = a.astype(dtype), np.array([4, 0, -1, 0, 2, 5, 4, 4, -9])
    x, i = gd.input("x", ("n", 2), dtype), gd.input("i", ("n",), "int32")
    total, most = gd.compile([x, i], [gd.segment_sum(x, i, 5), gd.segment_max(x, i, 5)])(a, ids.astype("int32"))
    least = -np.inf if dtype[0] == "f" else np.iinfo(dtype).min
    for k in range(5):
        np.testing.assert_allclose(total[k], a[ids == k].sum(axis=0), rtol=1e-6)
        assert np.array_equal(most[k], a[ids == k].max(axis=0, initial=least))
    assert total.dtype == most.dtype == dtype


def test_how_many_segments_there_are_may_be_known_at_the_call():
    x, i, like = gd.input("x", ("n",), "float64"), gd.input("i", ("n",), "int64"), gd.input("like", ("k",), "float64")
    f = gd.compile([x, i, like], [gd.segment_sum(x, i, "k"), gd.segment_max(x, i, like.shape[0])])
    total, most = f(np.arange(4.0), np.array([1, 0, 1, 1]), np.zeros(3))
    assert total.tolist() == [1, 5, 0] and most.tolist() == [1, 3, -np.inf]


def test_gradients_of_segments_with_ties_none_and_nan():
    x = gd.input("x", (6,), "float64")
    y = gd.segment_max(x, np.array([0, 0, 1, 1, 3, 7]), 5)
    g = gd.compile([x], gd.vjp(y, x, np.array([1.0, 2.0, 4.0, 8.0, 16.0])))
    assert g(np.array([1.0, 1.0, 0.0, 3.0, -np.inf, 5.0])).tolist() == [0.5, 0.5, 0, 2, 8, 0]
    assert g(np.array([np.nan, 1.0, 0.0, 3.0, 2.0, 5.0]))[2:].tolist() == [0, 2, 8, 0]


def test_what_segments_refuse():
    x = gd.input("x", (3, 2))
    with pytest.raises(gd.ShapeError, match=r"segment_sum: ids of shape \(2\) are no ids of the first dimensions of"):
        gd.segment_sum(x, np.zeros(2, int), 3)
    with pytest.raises(gd.DTypeError, match="indices are float64"):
        gd.segment_max(x, np.zeros(3), 3)


def test_the_bits_are_the_same_for_any_number_of_threads():
    n = 200_000
    a, ids = RNG.normal(size=(n, 2)).astype("float32"), RNG.integers(0, 50, n)
    x, i = gd.input("x", (n, 2)), gd.input("i", (n,), "int64")
    outs = [gd.segment_sum(x, i, 50), gd.segment_max(x, i, 50), gd.zeros((50, 2)).at[i].min(x)]
    one, two = (gd.compile([x, i], outs, threads=k)(a, ids) for k in (1, 2))
    assert all(p.tobytes() == q.tobytes() for p, q in zip(one, two, strict=True))
    assert list(itertools.chain(*one[1])) == [a[ids == k, c].max() for k in range(50) for c in (0, 1)]
