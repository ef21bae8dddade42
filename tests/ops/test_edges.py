"""Operations where they are easily wrong: infinities and NaN, kinks, ties, zeros, nothing at all, indices out of range,
and arguments that make no sense."""

import numpy as np
import pytest
import scipy.special
from op_samples import items, reference, samples

import graphdiff as gd
from graphdiff.ops.registry import REGISTRY

INF, NAN = np.inf, np.nan


def leaves(arrays, named=False):
    return [
        gd.input(f"x{i}", tuple(f"n{i}{j}" for j in range(a.ndim)) if named else a.shape, a.dtype)
        for i, a in enumerate(arrays)
    ]


def value(function, *arrays, named=False):
    arrays = [np.asarray(a) for a in arrays]
    xs = leaves(arrays, named)
    return gd.compile(xs, function(*xs))(*arrays)


def along(name, axis, array, named=False):
    return value(lambda x: getattr(gd, name)(x, axis=axis), array, named=named)


def slopes(function, *arrays):
    """The gradient of the sum of a function by its first argument, and the Hessian times ones."""
    arrays = [np.asarray(a, float) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in arrays]
    xs = leaves(arrays)
    loss = gd.sum(function(*xs))
    first = gd.grad(loss, xs[0])
    forward = gd.jvp(loss, xs[0], gd.ones_like(xs[0]))
    second = gd.hvp(loss, xs[0], gd.ones_like(xs[0]))
    g, t, h = gd.compile(xs, [first, forward, second])(*arrays)
    np.testing.assert_allclose(t, g.sum(), err_msg="forward and reverse mode differ")
    return g, h


def same(a, b):
    np.testing.assert_array_equal(a, np.asarray(b))


# ------------------------------------------------------------------ values

SPECIAL = [
    NAN,
    INF,
    -INF,
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.0,
    -3.0,
    1e-40,
    1e30,
    -1e30,
    700.0,
    -700.0,
    90.0,
    -90.0,
    36.0,
    1e-8,
    -1e-8,
]
EITHER_ZERO = {"maximum", "at_least", "minimum", "relu", "erfinv"}  # whose sign NumPy and SciPy leave open
ELEMENTWISE = [
    n
    for n, op in REGISTRY.items()
    if op.kind == "elementwise"
    and op.dtypes[0] in ("float", "numeric", "any")
    and op.samples is not None
    and all(isinstance(a, np.ndarray) for a in samples(n)[0].args)  # orders: tests/ops/test_special.py
    and op.reference is not None
    and not str(op.reference).startswith("graphdiff.ops.orders")
    and op.arity < 3
]
# Where SciPy's is another: the limit's sign, 0 for 1e-315, and what far out is no longer the argument's sine
BESIDE = {"lgamma": [-INF], "gammaincc": [700.0], "j0": [1e30, -1e30], "j1": [1e30, -1e30]}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_special_values(name, dtype):
    line = np.array([x for x in SPECIAL if x not in BESIDE.get(name, ())], dtype)
    arrays = [line] if len(samples(name)[0].args) == 1 else [np.repeat(line, len(line)), np.tile(line, len(line))]
    got = value(REGISTRY[name].public, *arrays)
    with np.errstate(all="ignore"):
        wanted = reference(name)(*(a.astype("float64") for a in arrays)).astype(got.dtype)
        single = reference(name)(*arrays)  # what overflows or vanishes in float32 does so here too
    if got.dtype == bool:
        return same(got, single)
    tolerance = 3e-6 if dtype == "float32" else 1e-12
    good = np.zeros(len(got), bool)
    for b in (wanted, single):
        signed = (got != 0) | (np.signbit(got) == np.signbit(b)) | (name in EITHER_ZERO)
        good |= np.isclose(got, b, rtol=tolerance, atol=0, equal_nan=True) & signed
    if name == "betaln":  # SciPy's is infinite at a pole, whatever the other is
        good |= np.isnan(got) & np.isnan(arrays).any(0)
    assert good.all(), [(*(a[i] for a in arrays), got[i], wanted[i]) for i in np.flatnonzero(~good)]
    return None


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers_divided_by_zero_give_zero(dtype):
    a, b = np.array([7, -7, 0, 5], dtype), np.array([0, 0, 0, -2], dtype)
    same(value(gd.floor_divide, a, b), [0, 0, 0, -3])
    same(value(gd.remainder, a, b), [0, 0, 0, -1])


def test_reductions_of_nothing():
    none = np.zeros((0, 3))
    for name, wanted in (("sum", 0), ("prod", 1), ("all", True), ("any", False), ("norm", 0)):
        for named in (False, True):
            same(along(name, 0, none, named), [wanted] * 3)
    for name in ("mean", "var", "std"):
        assert np.isnan(value(getattr(gd, name), none))
    for name in ("max", "min", "argmax", "argmin"):
        with pytest.raises(gd.ShapeError, match="no elements"):
            value(getattr(gd, name), none)
        with pytest.raises(gd.FeedError, match="no elements"):
            value(getattr(gd, name), none, named=True)
        assert along(name, 1, none).shape == (0,)


def test_extremes_with_nan_and_ties():
    x = np.array([[1.0, NAN, 3.0, NAN], [2.0, 5.0, 5.0, 1.0]])
    for name in ("max", "min", "argmax", "argmin"):
        same(along(name, 1, x), getattr(np, name)(x, axis=1))


def test_logsumexp_and_softmax_without_overflow():
    same(value(gd.logsumexp, [-INF, -INF]), -INF)
    same(value(gd.logsumexp, [INF, 0.0]), INF)
    np.testing.assert_allclose(value(gd.logsumexp, [1000.0, 1000.0]), 1000 + np.log(2))
    np.testing.assert_allclose(value(gd.logsumexp, [-1000.0, -INF]), -1000)
    same(value(gd.nn.softmax, [-INF, 0.0]), [0, 1])
    same(value(gd.nn.softmax, [1e30, 0.0]), [1, 0])
    g, h = slopes(gd.logsumexp, [1000.0, 1000.0, -INF])
    np.testing.assert_allclose(g, [0.5, 0.5, 0])
    np.testing.assert_allclose(h, 0, atol=1e-15)


def test_sort_is_stable_and_puts_nan_last():
    x = np.array([2.0, NAN, -0.0, 0.0, 2.0, -INF, NAN, 0.0, INF])
    for dtype in ("float32", "float64"):
        x = x.astype(dtype)
        order = value(gd.argsort, x)
        same(order, np.argsort(x, kind="stable"))
        assert value(gd.sort, x).tobytes() == x[order].tobytes()
        down = value(lambda x: gd.argsort(x, descending=True), x)
        same(down, [1, 6, 8, 0, 4, 2, 3, 7, 5])
        largest, where = value(lambda x: gd.topk(x, 4), x)
        same(where, down[:4])
        assert largest.tobytes() == x[down[:4]].tobytes()
    same(value(gd.argsort, [True, False, True, False]), [1, 3, 0, 2])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_sort_of_many(dtype):
    rng = np.random.default_rng(0)
    for n, spread in ((49, 5), (1000, 3), (4000, 1e6)):
        x = rng.integers(-spread, spread, (2, n, 2)).astype(dtype)
        order = value(lambda x: gd.argsort(x, axis=1), x)
        same(order, np.argsort(x, axis=1, kind="stable"))
        for k in (1, 10, n // 2, n - 1):
            largest, where = value(lambda x, k=k: gd.topk(x, k, axis=1), x)
            same(where, np.argsort(-x, axis=1, kind="stable")[:, :k])
            same(largest, np.take_along_axis(x, where, 1))


def test_makers():
    same(value(lambda x: gd.arange(x.shape[0], 0, -2) * 1, np.zeros(5), named=True), [5, 3, 1])
    same(value(lambda x: gd.linspace(2, 4, x.shape[0]) * 1, np.zeros(1), named=True), [2])
    same(
        value(lambda x: gd.full(x.shape, 7) + gd.eye(*x.shape, dtype="int64"), np.zeros((2, 2)), named=True),
        [[8, 7], [7, 8]],
    )
    dtypes = [
        gd.zeros(2).dtype,
        gd.ones(2).dtype,
        gd.eye(2).dtype,
        gd.linspace(0, 1).dtype,
        gd.full(2, 1.0).dtype,
        gd.arange(0.0, 1.0).dtype,
    ]
    assert set(dtypes) == {np.dtype("float32")}
    assert {gd.arange(3).dtype, gd.full(2, 1).dtype} == {np.dtype("int64")}
    x = gd.linspace(0.1, 0.7, 7, dtype="float64")
    same(gd.compile([], x)(), np.linspace(0.1, 0.7, 7))
    same(gd.compile([], gd.full(2, 0.1, "float64"))(), [0.1, 0.1])
    same(value(lambda x: gd.full_like(x, 0.1), np.zeros(2)), [0.1, 0.1])


# ------------------------------------------------------------------ derivatives at kinks, ties and poles


def test_ties_share():
    same(slopes(gd.max, [1.0, 3.0, 3.0, 2.0, 3.0])[0], [0, 1 / 3, 1 / 3, 0, 1 / 3])
    same(slopes(gd.min, [[1.0, 1.0], [2.0, 3.0]])[0], [[0.5, 0.5], [0, 0]])
    for f in (gd.maximum, gd.minimum):
        same(slopes(f, [1.0, 2.0], [1.0, 2.0])[0], [0.5, 0.5])
    # of equal elements the first in order gets what the sorted place is given
    same(slopes(lambda x: gd.sort(x) * np.array([1.0, 2.0, 4.0]), [2.0, 1.0, 2.0])[0], [2, 1, 4])
    same(slopes(lambda x: gd.topk(x, 2)[0] * np.array([1.0, 3.0]), [5.0, 1.0, 5.0, 5.0])[0], [1, 0, 3, 0])


@pytest.mark.parametrize(
    ("function", "at", "first"),
    [
        (gd.abs, [0.0, -2.0], [0, -1]),
        (gd.nn.relu, [0.0, -1.0, 1.0], [0, 0, 1]),
        (gd.sign, [0.0, 2.0], [0, 0]),
        (lambda x: gd.norm(x, ord=3), [0.0, 0.0], [0, 0]),
        (lambda x: gd.norm(x, ord=3), [0.0, 2.0], [0, 1]),
        (lambda x: gd.norm(x, ord=1), [0.0, 2.0], [0, 1]),
        (lambda x: gd.norm(x, axis=1), [[4.0, 3.0], [3.0, 4.0]], [[0.8, 0.6], [0.6, 0.8]]),
        (gd.std, [2.0], [0]),
        (gd.var, [2.0, 2.0], [0, 0]),
        (lambda x: x**2, [0.0, -3.0], [0, -6]),
        (lambda x: x**1, [0.0], [1]),
        (lambda x: x**0, [0.0], [0]),
        (lambda x: x**3.0, [-2.0], [12]),
        (lambda x: gd.pow(2.0, x), [0.0], [np.log(2)]),
        (lambda x: gd.pow(0.0, x), [2.0], [0]),
        (gd.prod, [2.0, 0.0, 3.0], [0, 6, 0]),
        (gd.prod, [2.0, 0.0, 0.0], [0, 0, 0]),
        (gd.cumprod, [0.0, 2.0, 0.0], [3, 0, 0]),
        (lambda x: gd.clip(x, -1, 1), [-2.0, 0.0, 2.0], [0, 1, 0]),
    ],
)
def test_slopes(function, at, first):
    g, h = slopes(function, at)
    np.testing.assert_allclose(g, first, atol=1e-15)
    assert np.isfinite(h).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_xlogy_is_scipys_everywhere(dtype):
    values = np.array([-INF, -2.0, -1e-30, -0.0, 0.0, 1e-40, 0.5, 1.0, 3e38, INF, np.nan])
    a, b = (v.ravel().astype(dtype) for v in np.meshgrid(values, values))
    x, y = (gd.input(name, a.shape, dtype) for name in "xy")
    with np.errstate(all="ignore"):
        wanted = scipy.special.xlogy(a.astype(float), b.astype(float)).astype(dtype)
    got = gd.compile([x, y], gd.xlogy(x, y))(a, b)
    np.testing.assert_allclose(got, wanted, rtol=1e-6 if dtype == "float32" else 1e-15)


def test_slopes_of_xlogy_at_nothing():
    same(slopes(gd.xlogy, [0.0, 0.0, 2.0], [0.0, 1.0, 0.0])[0], [-INF, 0, -INF])
    same(slopes(lambda y, x: gd.xlogy(x, y), [0.0, 3.0, 0.0], [0.0, 0.0, 2.0])[0], [0, 0, INF])
    x, y = gd.input("x", (), "float64"), gd.input("y", (), "float64")
    mixed = [gd.grad(gd.grad(gd.xlogy(x, y), x), y), gd.grad(gd.grad(gd.xlogy(x, y), y), x)]
    same(gd.compile([x, y], mixed)(0.0, 0.0), [INF, INF])


@pytest.mark.parametrize(
    ("function", "at"), [(gd.norm, [0.0, 0.0]), (lambda x: gd.norm(x, axis=1), [[0.0, 0.0]]), (gd.std, [2.0, 2.0, 2.0])]
)
def test_roots_of_nothing_have_no_second_derivative(function, at):
    g, h = slopes(function, at)
    assert not g.any() and np.isnan(h).all()


def test_the_length_of_nothing_has_no_second_derivative():
    g, h = slopes(lambda x: gd.hypot(x, x * 0), [0.0])
    assert g == [0] and np.isnan(h)


def test_poles_are_those_of_the_functions():
    same(slopes(gd.log, [0.0])[0], [INF])
    same(slopes(gd.sqrt, [0.0])[0], [INF])
    assert np.isnan(slopes(lambda x: gd.pow(-2.0, x), [2.0])[0])


def test_second_derivatives_of_products_with_zeros():
    # of x y z w: the mixed derivatives are the products of the other two
    x = np.array([2.0, 0.0, 0.0, 5.0])
    others = np.array([[0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(4)] for i in range(4)])
    same(slopes(gd.prod, x)[1], others.sum(1))
    same(slopes(lambda x: gd.cumprod(x)[3], x)[1], others.sum(1))


def test_nothing_comes_from_the_branch_not_taken():
    x = np.array([1.0, -1.0])
    same(slopes(lambda x: gd.where(x > 0, x * 2, NAN), x)[0], [2, 0])
    same(slopes(lambda x: gd.where(x > 0, gd.log(x), 3 * x), x)[0], [1, 3])
    same(slopes(lambda x, y: gd.where(x > 0, x, y), x, [INF, NAN])[0], [1, 0])


def test_what_scatters_adds_up():
    x, i, u = np.zeros((3, 2)), np.array([2, 0, -1, 2]), np.arange(8.0).reshape(4, 2)
    same(value(gd.scatter_add, x, i, u), [[2, 3], [0, 0], [10, 13]])
    same(slopes(lambda x: x[np.array([1, 1, -2])], [1.0, 2.0, 3.0])[0], [0, 3, 0])
    both = np.array([1, 1])
    same(slopes(lambda u: gd.scatter_add(np.zeros(2), both, u) * np.array([5.0, 7.0]), [1.0, 2.0])[0], [7, 7])
    ids = np.array([[0, 1], [0, 1], [-1, -1]])
    same(slopes(lambda x: gd.gather_nd(x, ids), np.zeros((2, 2)))[0], [[0, 2], [0, 1]])


# ------------------------------------------------------------------ indices and sizes that only the call tells

OUT_OF_RANGE = [
    (lambda x, i: x[i], 3),
    (lambda x, i: x[i], -4),
    (lambda x, i: gd.take(x, i, axis=0), 7),
    (lambda x, i: gd.take_along_axis(x, i, axis=0), 3),
    (lambda x, i: gd.gather_nd(x, gd.expand_dims(i, 1)), 3),
    (lambda x, i: gd.one_hot(i, 3), 3),
    (lambda x, i: gd.scatter_add(x, i, i.astype("float64")), -4),
]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("number", range(len(OUT_OF_RANGE)))
def test_an_index_out_of_range_changes_nothing(number, dtype):
    make, bad = OUT_OF_RANGE[number]
    x, i = gd.input("x", ("n",), "float64"), gd.input("i", ("k",), dtype)
    calls = gd.state("calls", np.int64(0))
    f = gd.compile([x, i], [make(x, i)], updates={calls: calls + 1})
    f(np.ones(3), np.array([2], dtype))
    with pytest.raises(gd.FeedError, match=rf"index {bad} is out of range for size 3(?s:.*)at: test_edges.py"):
        f(np.ones(3), np.array([bad], dtype))
    assert calls.value == 1
    f(np.ones(3), np.array([0], dtype))
    assert calls.value == 2


SIZES = [
    (lambda x: gd.topk(x, 4), "first 4 of fewer elements at n00=3"),
    (lambda x: gd.arange(5, x.shape[0]) * 1, "n00-5 is negative at n00=3"),
    (lambda x: gd.split(x, [4, x.shape[0] - 4])[0], "past the end at n00=3"),
    (lambda x: x[3], "past the end at n00=3"),
    (lambda x: gd.pad(x[3:], 1, mode="edge"), "out of range for size 0"),
]


@pytest.mark.parametrize("number", range(len(SIZES)))
def test_sizes_that_do_not_fit_at_the_call(number):
    with pytest.raises(gd.FeedError, match=SIZES[number][1]):
        value(SIZES[number][0], np.zeros(3), named=True)


def test_rolls_and_pads_of_nothing():
    for shift in (0, 2, -7):
        for n in (0, 1, 5):
            same(value(lambda x, k=shift: gd.roll(x, k), np.arange(float(n)), named=True), np.roll(np.arange(n), shift))
    for mode in ("edge", "reflect", "symmetric", "wrap"):
        for n in (1, 2, 5):
            x = np.arange(float(n))
            same(value(lambda x, m=mode: gd.pad(x, (7, 4), mode=m), x, named=True), np.pad(x, (7, 4), mode=mode))


# ------------------------------------------------------------------ arguments that make no sense

x = gd.input("x", (3, 4))
b = gd.input("b", ("n", 4))
i = gd.input("i", (2,), "int64")
p = gd.input("p", (2,), "bool")
E, D, G = gd.ShapeError, gd.DTypeError, gd.GraphError
MISUSE = [
    (lambda: gd.sum(x, axis=2), E, "axis 2 is out of range"),
    (lambda: gd.sum(x, axis=(0, -2)), E, "repeated axis"),
    (lambda: gd.sum(x, axis=1.0), E, "1.0 is no integer"),
    (lambda: gd.std(x, axis=(1, 1)), E, "std: repeated axis"),
    (lambda: gd.var(i), D, "var: needs floating"),
    (lambda: gd.var(x, correction="a"), D, "correction is a number"),
    (lambda: gd.norm(x, ord="nuc"), G, "'nuc'"),
    (lambda: gd.norm(x, ord=x), G, "ord is a number"),
    (lambda: gd.max(p), D, "got bool"),
    (lambda: gd.max(gd.zeros((0,))), E, "no elements"),
    (lambda: gd.argmax(x, axis=(0, 1)), E, "no integer"),
    (lambda: gd.argmin(gd.zeros((0,))), E, "no elements"),
    (lambda: gd.cumsum(x, axis=2), E, "out of range"),
    (lambda: gd.cumprod(x, axis="a"), E, "no integer"),
    (lambda: gd.sort(x, axis=None), E, "no integer"),
    (lambda: gd.sort(1.0), E, "0 dimensions"),
    (lambda: gd.topk(x, 5), E, "5 of 4"),
    (lambda: gd.topk(x, -1), E, "-1 of 4"),
    (lambda: gd.topk(x, 1.5), E, "no size"),
    (lambda: gd.topk(x, None), E, "no size"),
    (lambda: gd.reshape(x, (5, 2)), E, "12 elements into"),
    (lambda: gd.reshape(x, (-1, -1)), E, "more than one"),
    (lambda: gd.reshape(x, (7, -1)), E, "do not divide"),
    (lambda: gd.reshape(b, (7, -1)), E, "do not divide"),
    (lambda: gd.reshape(x, (-2, -6)), E, "negative size"),
    (lambda: gd.reshape(x, 1.5), E, "no size"),
    (lambda: gd.broadcast_to(x, (2, 4)), E, "does not broadcast"),
    (lambda: gd.broadcast_to(x, (-3, 4)), E, "negative"),
    (lambda: gd.permute_dims(x, (0, 0)), E, "no order"),
    (lambda: gd.permute_dims(x, 0), E, "no order"),
    (lambda: gd.swapaxes(x, 0, 2), E, "out of range"),
    (lambda: gd.moveaxis(x, (0, 0), (0, 1)), E, "repeated axis"),
    (lambda: gd.moveaxis(x, (0, 1), 0), E, "2 axes to 1 places"),
    (lambda: gd.expand_dims(x, (0, 0)), E, "repeated"),
    (lambda: gd.squeeze(x, 0), E, "size 3, not 1"),
    (lambda: gd.squeeze(b, 0), E, "size n, not 1"),
    (lambda: gd.flip(x, 3), E, "out of range"),
    (lambda: gd.concat([]), E, "at least one"),
    (lambda: gd.concat(x), E, "a list"),
    (lambda: gd.concat([x, i]), D, "do not mix"),
    (lambda: gd.concat([x, b], axis=1), E, "differ beside axis 1"),
    (lambda: gd.stack([x, b]), E, "differ"),
    (lambda: gd.stack([x], axis=4), E, "stack: axis 4"),
    (lambda: gd.split(x, 2), E, "do not divide into 2"),
    (lambda: gd.split(x, 0), E, "0 equal parts"),
    (lambda: gd.split(x, (4, -1)), E, "negative size"),
    (lambda: gd.split(x, (1, 1)), E, "add up to 2, not 3"),
    (lambda: gd.split(b, 2), E, "n elements"),
    (lambda: gd.roll(x, (1, 2, 3), (0, 1)), E, "3 shifts for 2 axes"),
    (lambda: gd.roll(x, 1.5, 0), E, "no size"),
    (lambda: gd.tile(x, -1), E, "-1 repetitions"),
    (lambda: gd.repeat(x, (1, 2), 0), E, "2 repetitions for 3"),
    (lambda: gd.pad(x, -1), E, "negative width"),
    (lambda: gd.pad(x, (1, 2, 3)), E, "pad_width"),
    (lambda: gd.pad(x, 1, mode="mean"), G, "'mean'"),
    (lambda: gd.pad(x, 1, constant_values=x), E, "one float32"),
    (lambda: gd.pad(gd.zeros((0,)), 1, mode="edge"), E, "no element to repeat"),
    (lambda: gd.take(x, x), D, "indices are float32"),
    (lambda: gd.take(x, i, axis=2), E, "out of range"),
    (lambda: gd.take(gd.constant(1.0), i), E, "no axis"),
    (lambda: gd.take_along_axis(x, i), E, "differ"),
    (lambda: gd.gather_nd(x, gd.zeros((2, 3), "int64")), E, "3 dimensions into 2"),
    (lambda: gd.gather_nd(x, i, batch_dims=2), E, "batch_dims 2"),
    (lambda: gd.gather_nd(x, gd.zeros((2, 1), "int64"), batch_dims=1), E, "batch dimensions"),
    (lambda: gd.gather_nd(x, gd.input("j", (3, "q"), "int64")), E, "indices of q dimensions"),
    (lambda: gd.scatter_add(x, i, x), E, "updates must have shape"),
    (lambda: gd.scatter_add(x, x, x), D, "indices"),
    (lambda: gd.one_hot(i, -1), E, "negative size"),
    (lambda: gd.one_hot(x, 3), D, "indices are float32"),
    (lambda: gd.tril(i), E, "two dimensions"),
    (lambda: gd.diag(gd.zeros((1, 1, 1))), E, "one or two dimensions"),
    (lambda: gd.diag(x, 1.5), E, "no size"),
    (lambda: gd.diag(x, "k"), E, "k must be an int"),
    (lambda: gd.diagonal(x, "k"), E, "offset must be an int"),
    (lambda: gd.diagonal(x, 0, 1, 1), E, "twice"),
    (lambda: gd.zeros((2, -1)), E, "negative size -1"),
    (lambda: gd.zeros((2, 1.5)), E, "no size"),
    (lambda: gd.zeros(2, "float16"), D, "float16 is not one of"),
    (lambda: gd.astype(x, None), D, "None is not one of"),
    (lambda: gd.full((2,), x), E, r"not \(\)"),
    (lambda: gd.full((2,), "a"), D, "got str"),
    (lambda: gd.eye(-1), E, "negative"),
    (lambda: gd.arange(0, 1, 0), E, "step 0"),
    (lambda: gd.arange(NAN), D, "finite"),
    (lambda: gd.arange(x), D, "numbers"),
    (lambda: gd.arange("a b"), E, "no size"),
    (lambda: gd.arange(1.5, dtype="int64"), D, "of floats"),
    (lambda: gd.linspace(0, 1, -3), E, "negative"),
    (lambda: gd.linspace(x, 1), E, "start and stop"),
    (lambda: gd.linspace(0, 1, dtype="int64"), D, "gives floats"),
    (lambda: gd.astype(x, None), D, "None is not one of"),
    (lambda: gd.where(x, 1, 2), D, "condition is float32"),
    (lambda: gd.exp(i), D, "needs floating"),
    (lambda: x + i, D, r"write .astype\('float32'\) on the int64"),
    (lambda: x + b[1:], E, "meets"),
    (lambda: x[3], E, "out of range"),
    (lambda: x[::0], E, "step"),
    (lambda: gd.input("y", (-1,)), E, "negative"),
    (lambda: gd.input("y", (), "int8"), D, "int8 is not one of"),
]


@pytest.mark.parametrize("number", range(len(MISUSE)))
def test_misuse_is_told_when_the_graph_is_built(number):
    make, error, text = MISUSE[number]
    with pytest.raises(error, match=text) as caught:
        make()
    assert "\n  in: " in str(caught.value) and "\n  at: test_edges.py:" in str(caught.value)


def test_errors_are_pythons_own_too():
    with pytest.raises(ValueError):
        gd.sum(x, axis=5)
    with pytest.raises(TypeError):
        gd.exp(i)


def test_results_are_lists_and_tuples_of_tensors():
    assert [y.shape for y in gd.split(x, 3)] == [(1, 4)] * 3
    assert [y.shape for y in items(gd.topk(x, 2))] == [(3, 2)] * 2


def test_coefficients_of_polynomials_are_counted():
    x = gd.input("x", (3,))
    assert gd.polyval([1, 2], x).dtype == np.float32 and gd.polyval([1, 2], [3]).dtype == np.int64
    with pytest.raises(gd.ShapeError, match="the number of coefficients must be an int, got n"):
        gd.polyval(gd.input("p", ("n",)), x)
    with pytest.raises(gd.ShapeError, match="one dimension, not 2"):
        gd.polyval(gd.input("p", (2, 2)), x)


@pytest.mark.parametrize(("function", "sign"), [(gd.cummax, 1), (gd.cummin, -1)])
def test_cumulative_extremes_are_those_of_the_last_equal_element(function, sign):
    """As torch.cummax counts them; a NaN stays, and is the last NaN's."""
    a = sign * np.array([[1.0, 1.0, 0.0, 2.0, 2.0], [0.0, np.nan, 3.0, np.nan, 1.0]])
    weights = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])
    forwards, backwards = (
        slopes(lambda x, r=reverse: function(x, axis=1, reverse=r) * weights, a)[0] for reverse in (False, True)
    )
    same(forwards, [[1, 110, 0, 1000, 10000], [1, 110, 0, 11000, 0]])
    same(backwards, [[0, 0, 0, 1111, 10000], [0, 11, 0, 1100, 10000]])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
@pytest.mark.parametrize(("function", "ufunc"), [(gd.cummax, np.maximum), (gd.cummin, np.minimum)])
def test_cumulative_extremes_keep_the_dtype(function, ufunc, dtype):
    a = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 9, (5, 7)).astype(dtype)
    x = gd.input("x", ("n", 7), dtype)
    for axis in (0, 1):
        y = gd.compile([x], function(x, axis))(a)
        assert y.dtype == dtype and np.array_equal(y, ufunc.accumulate(a, axis))


def test_cumulative_extremes_of_examples_and_by_pattern():
    a = np.random.default_rng(0).standard_normal((3, 6))
    x = gd.input("x", (3, 6), "float64")
    batched = gd.vmap(lambda row: gd.grad(gd.sum(gd.cummax(row, reverse=True) ** 2), row))(x)
    whole = gd.grad(gd.sum(gd.cummax(x, axis=1, reverse=True) ** 2), x)
    one, other = gd.compile([x], [batched, whole])(a)
    same(one, other)
    sparse = gd.jacobian(gd.cummin(x, axis=1), x, sparse=True)
    assert sparse.nnz == 3 * 21
