"""The kernels for products and indexing against NumPy, on programs written by hand."""

import itertools
import os

import numpy as np
import pytest
import scipy_openblas32
from hypothesis import given, settings
from hypothesis import strategies as st
from program_words import MICROOPS, REDUCTIONS, Words, matmul_payload, run_one

from graphdiff.runtime import _core

# The C tests run the core's own products; these run with the BLAS that compiled functions use.
_core.load_blas(os.path.join(scipy_openblas32.get_lib_dir(), scipy_openblas32.get_library(fullname=True)))

ISAS = []
for name in ("v2", "v3", "v4", "plain"):
    try:
        _core.select_isa(name)
    except _core.CoreError:
        continue
    ISAS.append(name)
INDEXES = ["int32", "int64"]
NUMBERS = ["float32", "float64", "int32", "int64"]


@pytest.fixture(params=ISAS)
def isa(request):
    before = _core.isa()
    _core.select_isa(request.param)
    yield request.param
    _core.select_isa(before)


def draw(rng, shape, dtype):
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(-9, 10, shape).astype(dtype)


def laid_out(rng, dtype, dims, order, gaps, flips):
    """A flat buffer and the view of it with these dims, in a given order of memory, with gaps and negative strides."""
    strides, step = [0] * len(dims), 1
    for d in order:
        strides[d] = step
        step = step * max(dims[d], 1) + gaps[d]
    reach = sum((n - 1) * s for n, s in zip(dims, strides)) if 0 not in dims else 0
    buffer = draw(rng, reach + 8, dtype)
    offset = 3
    for d, flip in enumerate(flips):
        if flip and dims[d] > 0:
            offset += (dims[d] - 1) * strides[d]
            strides[d] = -strides[d]
    view = np.lib.stride_tricks.as_strided(buffer[offset:], dims, [s * buffer.itemsize for s in strides])
    return buffer, view, offset, strides


def check_matmul(rng, dtype, batch, m, n, k, layouts, accumulate=False, act=None, bias=False, alpha=1.0):
    a, b = (laid_out(rng, dtype, (*batch, *dims), *layout) for dims, layout in zip([(m, k), (k, n)], layouts))
    c = draw(rng, (*batch, m, n), dtype)
    row = draw(rng, n, dtype)
    steps = [int(np.prod(c.shape[i + 1 :])) for i in range(c.ndim)]
    steps[-1] = 1
    payload = matmul_payload(
        m,
        n,
        k,
        (0, a[2], *a[3]),
        (1, b[2], *b[3]),
        (2 + bias, 0, *steps),
        batch,
        int(accumulate),
        MICROOPS[act] if act else -1,
        (2, 0, 1) if bias else None,
        alpha,
    )
    want = np.matmul(a[1].astype(np.float64), b[1].astype(np.float64)) * alpha
    if bias:
        want = want + row
    if accumulate:
        want = want + c
    if act == "relu":
        want = np.maximum(want, 0)
    if act == "tanh":
        want = np.tanh(want)
    run_one("matmul", [a[0], b[0]] + [row] * bias, [c], payload)
    tolerance = {"float32": 2e-6, "float64": 1e-14}.get(dtype, 0) * (k + 4)
    np.testing.assert_allclose(c, want.astype(dtype), rtol=tolerance, atol=8 * tolerance)


PLAIN, TRANSPOSED, STRIDED, FLIPPED = (
    lambda n, order=order, gap=gap, flip=flip: (
        [*(n + 1 - o for o in order), *range(n - 1, -1, -1)],
        [gap] * (n + 2),
        [flip] * (n + 2),
    )
    for order, gap, flip in [((0, 1), 0, 0), ((1, 0), 0, 0), ((0, 1), 2, 0), ((1, 0), 1, 1)]
)
LAYOUTS = [PLAIN, TRANSPOSED, STRIDED, FLIPPED]
SIZES = [
    (1, 1, 1),
    (2, 4, 2),
    (4, 1, 4),
    (3, 5, 7),
    (8, 8, 8),
    (1, 40, 9),
    (40, 1, 9),
    (1, 300, 70),
    (300, 1, 70),
    (17, 33, 65),
    (70, 10, 128),
    (64, 64, 64),
    (100, 130, 300),
    (5, 7, 0),
    (0, 3, 4),
    (3, 0, 4),
    (90, 80, 1),
    (60, 256, 40),
    (97, 512, 70),
    (70, 512, 300),
]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("a, b", list(itertools.product(range(4), range(4))))
def test_matmul_layouts(isa, dtype, a, b):
    rng = np.random.default_rng(1)
    for m, n, k in SIZES:
        check_matmul(rng, dtype, (), m, n, k, [LAYOUTS[a](0), LAYOUTS[b](0)])
        check_matmul(rng, dtype, (), m, n, k, [LAYOUTS[a](0), LAYOUTS[b](0)], accumulate=True, bias=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a, b", list(itertools.product(range(4), range(4))))
def test_matmul_cut_in_both_directions(isa, dtype, a, b):
    rng = np.random.default_rng(3)
    check_matmul(rng, dtype, (), 700, 130, 300, [LAYOUTS[a](0), LAYOUTS[b](0)], act="relu", bias=True)
    check_matmul(rng, dtype, (2,), 520, 200, 150, [LAYOUTS[a](1), LAYOUTS[b](1)], accumulate=True, bias=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_matmul_alpha_bias_activation(isa, dtype, size):
    rng = np.random.default_rng(2)
    for act in ("relu", "tanh"):
        check_matmul(rng, dtype, (2, 3), *size, [PLAIN(2), TRANSPOSED(2)], act=act, bias=True, alpha=0.25)
    check_matmul(rng, dtype, (2,), *size, [TRANSPOSED(1), PLAIN(1)], accumulate=True, alpha=-2.0)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_matmul_any_strides(data):
    small = st.integers(0, 24)
    m, n, k = data.draw(small), data.draw(small), data.draw(small)
    batch = tuple(data.draw(st.lists(st.integers(0, 3), max_size=2)))
    layouts = [
        (
            data.draw(st.permutations(range(len(batch) + 2))),
            data.draw(st.lists(st.integers(0, 2), min_size=len(batch) + 2, max_size=len(batch) + 2)),
            data.draw(st.lists(st.booleans(), min_size=len(batch) + 2, max_size=len(batch) + 2)),
        )
        for _ in range(2)
    ]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    check_matmul(
        rng,
        data.draw(st.sampled_from(NUMBERS)),
        batch,
        m,
        n,
        k,
        layouts,
        accumulate=data.draw(st.booleans()),
        bias=data.draw(st.booleans()),
    )


def test_matmul_broadcast_batch_and_permuted_result():
    # attention: q (b, t, h, d) by k (b, t, 1, d), scores (b, h, t, t) written as (b, t, h, t)
    rng = np.random.default_rng(3)
    nb, t, h, d = 2, 5, 3, 4
    q, key = draw(rng, (nb, t, h, d), "float32"), draw(rng, (nb, t, 1, d), "float32")
    scores = np.zeros((nb, t, h, t), "float32")
    run_one(
        "matmul",
        [q, key],
        [scores],
        matmul_payload(
            t, t, d, (0, 0, t * h * d, d, h * d, 1), (1, 0, t * d, 0, 1, d), (2, 0, t * h * t, t, h * t, 1), (nb, h)
        ),
    )
    np.testing.assert_allclose(scores, np.einsum("bthd,bsd->bths", q, key[:, :, 0]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "size", [(500, 300, 200), (700, 130, 300), (64, 256, 784), (1, 3000, 1000), (3000, 1, 1000), (2, 3, 4)]
)
def test_matmul_same_bits_for_any_number_of_threads(dtype, size):
    m, n, k = size
    rng = np.random.default_rng(4)
    a, b = draw(rng, (3, m, k), dtype), draw(rng, (3, k, n), dtype)
    payload = matmul_payload(
        m, n, k, (0, 0, m * k, k, 1), (1, 0, k * n, n, 1), (2, 0, m * n, n, 1), (3,), act=MICROOPS["tanh"]
    )
    before, results = _core.threads(), []
    try:
        for threads in (1, 2, 3, 5):
            _core.set_threads(threads)
            c = np.zeros((3, m, n), dtype)
            run_one("matmul", [a, b], [c], payload)
            results.append(c.tobytes())
    finally:
        _core.set_threads(before)
    assert len(set(results)) == 1


def test_matmul_propagates_nan_and_leaves_uninitialised_results_unread():
    a, b = np.ones((40, 40), "float32"), np.ones((40, 40), "float32")
    a[3, 5] = np.nan
    c = np.full((40, 40), np.nan, "float32")
    run_one("matmul", [a, b], [c], matmul_payload(40, 40, 40, (0, 0, 40, 1), (1, 0, 40, 1), (2, 0, 40, 1)))
    assert np.isnan(c[3]).all() and (np.delete(c, 3, 0) == 40).all()


@pytest.mark.parametrize(
    "change, status",
    [
        ({"m": -1}, "ERR_SHAPE"),
        ({"m": 1 << 41}, "ERR_SHAPE"),
        ({"m": 4}, "ERR_BOUNDS"),
        ({"a": (0, -1, 4, 1)}, "ERR_BOUNDS"),
        ({"a": (0, 0, 1 << 62, 1)}, "ERR_BOUNDS"),
        ({"b": (0, 0, -5, 1)}, "ERR_BOUNDS"),
        ({"a": (2, 0, 4, 1)}, "ERR_BOUNDS"),
        ({"a": (-1, 0, 4, 1)}, "ERR_BOUNDS"),
        ({"c": (1, 0, 5, 1)}, "ERR_BOUNDS"),
        ({"c": (2, 0, 1, 2)}, "ERR_BOUNDS"),
        ({"c": (2, 0, 4, 1)}, "ERR_ALIAS"),
        ({"c": (2, 0, 0, 1)}, "ERR_ALIAS"),
        ({"accumulate": 2}, "ERR_FORMAT"),
        ({"act": 10**6}, "ERR_TYPE"),
        ({"act": MICROOPS["add"]}, "ERR_TYPE"),
        ({"act": MICROOPS["isnan"]}, "ERR_TYPE"),
        ({"act": MICROOPS["relu"], "accumulate": 1}, "ERR_TYPE"),
        ({"bias": (0, 9, 1)}, "ERR_BOUNDS"),
        ({"bias": (7, 0, 1)}, "ERR_BOUNDS"),
    ],
)
def test_matmul_refuses(change, status):
    good = {"m": 3, "n": 5, "k": 4, "a": (0, 0, 4, 1), "b": (1, 0, 5, 1), "c": (2, 0, 5, 1)}
    words = Words()
    values = [
        words.slot("input", "float32", 12),
        words.slot("input", "float32", 20),
        words.slot("output", "float32", 15),
    ]
    words.instruction("matmul", values[:2], values[2:], matmul_payload(**{**good, **change}))
    with pytest.raises(_core.CoreError) as e:
        words.program()
    assert e.value.status == status and e.value.instruction == 0 and e.value.tag == 100


def test_matmul_refuses_other_types_and_a_cut_payload():
    for dtypes in (["float32", "float64", "float32"], ["bool"] * 3):
        words = Words()
        v = [words.slot(kind, d, n) for kind, d, n in zip(["input", "input", "output"], dtypes, [12, 20, 15])]
        words.instruction("matmul", v[:2], v[2:], matmul_payload(3, 5, 4, (0, 0, 4, 1), (1, 0, 5, 1), (2, 0, 5, 1)))
        with pytest.raises(_core.CoreError, match="ERR_TYPE"):
            words.program()
    full = matmul_payload(3, 5, 4, (0, 0, 4, 1), (1, 0, 5, 1), (2, 0, 5, 1))
    for n in range(len(full)):
        words = Words()
        v = [
            words.slot("input", "float32", 12),
            words.slot("input", "float32", 20),
            words.slot("output", "float32", 15),
        ]
        words.instruction("matmul", v[:2], v[2:], full[:n])
        with pytest.raises(_core.CoreError, match="ERR_FORMAT"):
            words.program()


# ---- indexing ----


@pytest.mark.parametrize("dtype", [*NUMBERS, "bool"])
@pytest.mark.parametrize("index_dtype", INDEXES)
@pytest.mark.parametrize(
    "outer, axis, inner, n",
    [
        (1, 5, 1, 9),
        (3, 4, 1, 2),
        (2, 7, 3, 5),
        (1, 100, 300, 700),
        (0, 3, 2, 4),
        (2, 3, 0, 4),
        (2, 3, 4, 0),
        (40, 6, 1, 9000),
    ],
)
def test_take(isa, dtype, index_dtype, outer, axis, inner, n):
    rng = np.random.default_rng(5)
    x, idx = draw(rng, (outer, axis, inner), dtype), rng.integers(-axis, axis, n).astype(index_dtype)
    y = np.zeros((outer, n, inner), dtype)
    run_one("take", [x, idx], [y], [4, outer, axis, inner, n])
    np.testing.assert_array_equal(y, np.take(x, idx, axis=1))


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("index_dtype", INDEXES)
@pytest.mark.parametrize("based", [False, True])
@pytest.mark.parametrize(
    "outer, axis, inner, n",
    [(1, 5, 1, 9), (3, 4, 1, 2), (2, 7, 3, 50), (1, 1000, 128, 300), (0, 3, 2, 4), (2, 3, 4, 0), (300, 50, 20, 30)],
)
def test_take_vjp(isa, dtype, index_dtype, based, outer, axis, inner, n):
    rng = np.random.default_rng(6)
    g, idx = draw(rng, (outer, n, inner), dtype), rng.integers(-axis, axis, n).astype(index_dtype)
    base = draw(rng, (outer, axis, inner), dtype)
    want = base.copy() if based else np.zeros_like(base)
    np.add.at(want, (slice(None), idx), g)
    y = np.ones((outer, axis, inner), dtype)
    run_one("take_vjp", [idx, g] + [base] * based, [y], [4, outer, axis, inner, n])
    np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("index_dtype", INDEXES)
@pytest.mark.parametrize(
    "outer, axis, inner, n", [(1, 5, 1, 9), (64, 10, 1, 1), (2, 7, 3, 5), (300, 500, 1, 1), (3, 2, 0, 4)]
)
def test_take_along_and_its_vjp(isa, dtype, index_dtype, outer, axis, inner, n):
    rng = np.random.default_rng(7)
    x, g = draw(rng, (outer, axis, inner), dtype), draw(rng, (outer, n, inner), dtype)
    idx = rng.integers(-axis, axis, (outer, n, inner)).astype(index_dtype)
    y = np.zeros_like(g)
    run_one("take_along", [x, idx], [y], [4, outer, axis, inner, n])
    np.testing.assert_array_equal(y, np.take_along_axis(x, idx.astype(np.int64), axis=1))
    want = x.copy()
    o, _, i = np.indices(idx.shape)
    np.add.at(want, (o, idx, i), g)
    y = np.ones_like(x)
    run_one("take_along_vjp", [idx, g, x], [y], [4, outer, axis, inner, n])
    np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("kernel", ["take", "take_vjp", "take_along", "take_along_vjp"])
@pytest.mark.parametrize("bad", [5, -6, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("index_dtype", INDEXES)
def test_index_out_of_range_is_told_before_anything_is_written(kernel, bad, index_dtype):
    idx = np.zeros(70, index_dtype)
    idx[66] = bad
    scatters = kernel.endswith("vjp")
    reads = [idx, np.ones(70, "float32")] if scatters else [np.ones(5, "float32"), idx]
    y = np.full(5 if scatters else 70, 7, "float32")
    with pytest.raises(_core.CoreError) as e:
        run_one(kernel, reads, [y], [4, 1, 5, 1, 70])
    assert (e.value.status, e.value.a, e.value.b, e.value.tag) == ("ERR_INDEX", bad, 5, 100)
    assert (y == 7).all()


def test_take_vjp_in_place_of_its_base_and_nowhere_else():
    for shift, fine in ((0, True), (1, False)):
        words = Words()
        idx, g = words.slot("input", "int64", 2), words.slot("input", "float32", 2 * 16)
        base = words.value(_core.VALUE_ARENA, "float32", 5 * 16, 0)
        y = words.value(_core.VALUE_ARENA, "float32", 5 * 16, 64 * shift)
        words.arena_bytes = 6 * 64
        words.instruction("take_vjp", [idx, g, base], [y], [4, 1, 5, 16, 2])
        if fine:
            words.program()
            continue
        with pytest.raises(_core.CoreError, match="ERR_ALIAS"):
            words.program()


# ---- extremes and running sums ----


@pytest.mark.parametrize("dtype", [*NUMBERS, "bool"])
@pytest.mark.parametrize(
    "outer, axis, inner",
    [(1, 1, 1), (3, 5, 1), (2, 200, 1), (2, 64, 1), (4, 6, 3), (2, 9, 130), (0, 4, 2), (200, 500, 1)],
)
@pytest.mark.parametrize("special", ["ties", "nan", "inf"])
def test_arg_extremes(isa, dtype, outer, axis, inner, special):
    rng = np.random.default_rng(8)
    x = rng.integers(0, 3, (outer, axis, inner)).astype(dtype)
    if special != "ties" and x.dtype.kind == "f" and x.size:
        x.flat[rng.integers(0, x.size, 1 + x.size // 20)] = np.nan if special == "nan" else -np.inf
    for kernel, numpy_one in (("arg_max", np.argmax), ("arg_min", np.argmin)):
        y = np.full((outer, inner), -1, np.int64)
        run_one(kernel, [x], [y], [3, outer, axis, inner])
        np.testing.assert_array_equal(y, numpy_one(x, axis=1))


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("outer, axis, inner", [(1, 1, 1), (3, 5, 1), (2, 9, 4), (0, 3, 2), (2, 0, 3), (300, 500, 1)])
@pytest.mark.parametrize("kind", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("reverse", [0, 1])
def test_cumulative(isa, dtype, outer, axis, inner, kind, reverse):
    rng = np.random.default_rng(9)
    x = rng.choice([-1, 1, 1, 2], (outer, axis, inner)).astype(dtype)
    if kind in ("max", "min") and x.dtype.kind == "f" and x.size > 4:
        x.flat[x.size // 2] = np.nan
    if x.dtype.kind == "f" and kind == "prod":
        x = np.clip(x, -1, 1)
    y = np.zeros_like(x)
    run_one("cumulative", [x], [y], [5, outer, axis, inner, REDUCTIONS[kind], reverse])
    accumulate = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}[kind].accumulate
    with np.errstate(all="ignore"):
        want = accumulate(x[:, ::-1], axis=1)[:, ::-1] if reverse else accumulate(x, axis=1)
    np.testing.assert_array_equal(y, want.astype(dtype))


def test_checks():
    run_one("check_index", [np.array([-5, 4], np.int32)], [], [2, 5, -5])
    with pytest.raises(_core.CoreError) as e:
        run_one("check_index", [np.array([0, 5])], [], [2, 5, -5])
    assert (e.value.status, e.value.a, e.value.b) == ("ERR_INDEX", 5, 5)
    run_one("check_true", [np.ones(9, bool)], [], [0])
    with pytest.raises(_core.CoreError) as e:
        run_one("check_true", [np.arange(9) != 6], [], [0])
    assert (e.value.status, e.value.a) == ("ERR_CHECK", 6)


@pytest.mark.parametrize(
    "kernel, reads, writes, payload",
    [
        ("take", [("float32", 10), ("int64", 3)], [("float32", 6)], [4, 1, 5, 2, 3]),
        ("take_vjp", [("int64", 3), ("float32", 6)], [("float32", 10)], [4, 1, 5, 2, 3]),
        ("take_along", [("float32", 10), ("int64", 6)], [("float32", 6)], [4, 1, 5, 2, 3]),
        ("take_along_vjp", [("int64", 6), ("float32", 6)], [("float32", 10)], [4, 1, 5, 2, 3]),
        ("arg_max", [("float32", 10)], [("int64", 2)], [3, 1, 5, 2]),
        ("cumulative", [("float32", 10)], [("float32", 10)], [5, 1, 5, 2, REDUCTIONS["sum"], 0]),
        ("check_index", [("int64", 3)], [], [2, 4, -4]),
        ("check_true", [("bool", 3)], [], [0]),
    ],
)
def test_payloads_and_operands_are_checked(kernel, reads, writes, payload):
    def create(reads, writes, payload):
        words = Words()
        r = [words.slot("input", *v) for v in reads]
        w = [words.slot("output", *v) for v in writes]
        words.instruction(kernel, r, w, payload)
        words.program()

    create(reads, writes, payload)
    wrong = [
        (reads, writes, payload[:-1]),
        (reads, writes, [*payload, 0]),
        (reads, writes, []),
        (reads[:-1], writes, payload),
    ]
    if kernel not in ("check_index", "check_true"):
        wrong += [
            (reads, writes, [*payload[:i], bad, *payload[i + 1 :]]) for i in (0, 1, 2, 3) for bad in (-1, 7, 2**62)
        ]
        wrong += [(reads, [(d, n + 1) for d, n in writes], payload), (reads, [("bool", n) for _, n in writes], payload)]
    wrong += [
        ([*reads[:i], (other, reads[i][1]), *reads[i + 1 :]], writes, payload)
        for i in range(len(reads))
        for other in ("bool" if reads[i][0] != "bool" else "int32",)
        if kernel != "arg_max"
    ]
    for case in wrong:
        with pytest.raises(_core.CoreError):
            create(*case)
