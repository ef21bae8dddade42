"""Every operation by its declaration: the samples of the registry, run through compiled functions.

Values against the NumPy or SciPy reference in float64, float32 and integers, from contiguous and strided feeds, with
sizes fixed and named; derivatives in both modes against centred differences and against each other, and to second
order. The last tests break rules and kernels on purpose and see that these checks tell.
"""

import numpy as np
import pytest
from op_samples import SAMPLED, Case, cast, changed, items, reference, samples

import graphdiff as gd
from graphdiff.ops import namespaces
from graphdiff.ops.registry import REGISTRY, Reduce, Tile

SIGNS = {"linalg.eigh", "linalg.svd"}  # the vectors' signs are LAPACK's choice
# Their samples say sizes beside the arrays, or have matrices that are wider than high or numbers in order, which names
# do not tell.
FIXED = {
    "broadcast_to",
    "fft_half",
    "gradient",
    "histogram",
    "interp",
    "linalg.lstsq",
    "linalg.norm",
    "linalg.pinv",
    "linalg.qr",
    "linalg.svd",
    "linalg.svdvals",
    "nn.embedding_bag",
    "place",
    "random.bernoulli",
    "random.beta",
    "random.categorical",
    "random.gamma",
    "random.permutation",
    "random.randint",
    "random.truncated_normal",
    "random.uniform",
    "search",
    "searchsorted",
}
STEP = 1e-5


def strided(a):
    """The same numbers with other strides: every other element of a larger array, the first dimension reversed."""
    if a.ndim == 0:
        return a
    view = np.zeros([2 * s for s in a.shape], a.dtype)[tuple(np.s_[::2] for _ in a.shape)][::-1]
    view[...] = a
    return view


def expected(name, sample):
    """The reference's results. In float64 even for float32, random bits aside: those depend on the dtype."""
    if not name.startswith("random."):
        sample = changed(sample, cast("float64"))
    with np.errstate(all="ignore"):
        return [np.asarray(b) for b in items(reference(name)(*sample.args, **sample.kwargs))]


def compare(name, got, wanted):
    assert len(got) == len(wanted)
    for y, b in zip(got, wanted, strict=True):
        assert y.shape == b.shape
        assert y.dtype == b.dtype or (y.dtype.kind == b.dtype.kind == "f")
        if b.dtype.kind != "f":
            np.testing.assert_array_equal(y, b)
        elif name not in SIGNS:
            size = np.max(np.abs(b[np.isfinite(b)]), initial=0)
            tolerance = 1e-5 if y.dtype == np.float32 else 1e-11
            np.testing.assert_allclose(y, b, rtol=tolerance, atol=tolerance * size)


def check_values(name, sample, dtype="float64"):
    sample = changed(sample, cast(dtype))
    case = Case(name, sample)
    f = gd.compile(case.leaves, case.results)
    got = f(*case.arrays)
    compare(name, got, expected(name, sample))
    if any(a.dtype == dtype for a in case.arrays) and name != "astype" and "dtype" not in sample.kwargs:
        assert all(y.dtype == dtype for y in got if y.dtype.kind == "f")
    for y, z in zip(got, f(*map(strided, case.arrays)), strict=True):
        assert y.tobytes() == z.tobytes(), "other strides of the feed, other bits"


def check_derivatives(name, sample, named=()):
    """Raises AssertionError where rules are wrong; False where the sample has nothing to differentiate."""
    case = Case(name, sample, named)
    at = [i for i, x in enumerate(case.leaves) if x.dtype == np.float64]
    xs, ys = [case.leaves[i] for i in at], [y for y in case.results if y.dtype == np.float64]
    if not xs or not ys:
        return False
    rng = np.random.default_rng(1)
    gs = [gd.input(f"g{i}", y.shape, "float64") for i, y in enumerate(ys)]
    ts = [gd.input(f"t{i}", x.shape, "float64") for i, x in enumerate(xs)]
    shapes = [y.shape for y in gd.compile(case.leaves, ys)(*case.arrays)]
    g, t = [rng.uniform(-1, 1, s) for s in shapes], [rng.uniform(-1, 1, case.arrays[i].shape) for i in at]
    reverse, forward = gd.vjp(ys, xs, gs), gd.jvp(ys, xs, ts)
    # the derivative of <g, J t>, forward over reverse and reverse over forward
    over, under = gd.jvp(reverse, xs, ts), gd.vjp(forward, xs, gs)
    f = gd.compile([*case.leaves, *gs, *ts], [ys, reverse, forward, over, under])

    def along(h):
        arrays = list(case.arrays)
        for i, d in zip(at, t, strict=True):
            arrays[i] = arrays[i] + h * d
        return f(*arrays, *g, *t)

    _, gx, ty, first, second = along(0)
    high, low = along(STEP), along(-STEP)
    size = 1 + sum(np.sum(np.abs(a * b)) for a, b in zip(gx, t, strict=True))
    left, right = sum(map(np.vdot, g, ty)), sum(map(np.vdot, gx, t))
    assert abs(left - right) <= 1e-11 * size, f"<g, J t> is {left}, <J^T g, t> is {right}"
    for what, got, up, down in (("jvp", ty, high[0], low[0]), ("second order", first, high[1], low[1])):
        for a, b, c in zip(got, up, down, strict=True):
            np.testing.assert_allclose(a, (b - c) / (2 * STEP), rtol=1e-6, atol=1e-6, err_msg=what)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg="the two orders of differentiation")
    return True


# ------------------------------------------------------------------ every operation


def test_every_public_operation_has_samples_and_a_reference():
    public = [op.name for op in namespaces.public()]
    assert [n for n in public if REGISTRY[n].samples is None or REGISTRY[n].reference is None] == []


@pytest.mark.parametrize("name", SAMPLED)
def test_values(name):
    for sample in samples(name):
        check_values(name, sample)
        check_values(name, sample, "float32")


@pytest.mark.parametrize("name", [n for n in SAMPLED if REGISTRY[n].differentiable])
def test_derivatives(name):
    assert sum(check_derivatives(name, s) for s in samples(name)), "no sample has anything to differentiate"


@pytest.mark.parametrize("name", [n for n in SAMPLED if REGISTRY[n].differentiable])
def test_float32_gradients_are_those_of_float64_rounded(name):
    for sample in samples(name):
        if name == "astype" or "dtype" in sample.kwargs:
            continue
        both = []
        for dtype in ("float32", "float64"):
            case = Case(name, changed(changed(sample, cast("float32")), cast(dtype)))
            xs, ys = ([v for v in vs if v.dtype == dtype] for vs in (case.leaves, case.results))
            rng = np.random.default_rng(1)
            gs = [gd.constant(rng.uniform(-1, 1, y.shape).astype("float32").astype(dtype)) for y in ys]
            both.append(gd.compile(case.leaves, gd.vjp(ys, xs, gs))(*case.arrays) if xs and ys else [])
        for a, b in zip(*both, strict=True):
            assert a.dtype == np.float32
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4 * np.max(np.abs(b), initial=0))


def sizes_to_name(sample):
    """The arrays' sizes, and for operations that need some of them as ints the first alone: a batch."""
    arrays = []
    changed(sample, arrays.append)
    sizes = {s for a in arrays for s in a.shape} - {1}
    return [sizes, set(arrays[0].shape[:1]) - {1}] if arrays else []


@pytest.mark.parametrize("name", [n for n in SAMPLED if n not in FIXED])
def test_named_sizes(name):
    built = 0
    for sample in samples(name):
        for named in filter(None, sizes_to_name(sample)):
            try:
                case = Case(name, sample, named)
            except gd.ShapeError:
                continue  # a size that the sample's other arguments tell, or that must be an int
            built += 1
            f = gd.compile(case.leaves, case.results)
            compare(name, f(*case.arrays), expected(name, sample))
            if REGISTRY[name].differentiable:
                check_derivatives(name, sample, named)
            if REGISTRY[name].namespace != "linalg":  # which needs matrices of a kind
                larger = changed(sample, lambda a, n=named: np.resize(a, [s + (s in n) for s in a.shape]))
                compare(name, f(*Case(name, larger).arrays), expected(name, larger))
            break
    assert built or not any(any(sizes_to_name(s)) for s in samples(name)), "no sample goes with named sizes"


NUMERIC = [
    n for n in SAMPLED if REGISTRY[n].dtypes[:1] in (("numeric",), ("any",), ("integer",)) and n != "bitwise_left_shift"
]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("name", NUMERIC)
def test_integers(name, dtype):
    for sample in samples(name):
        sample = changed(sample, lambda a: np.rint(3 * a).astype(dtype) if a.dtype.kind == "f" else a)
        if name == "pow":
            sample = changed(sample, np.abs)
        case = Case(name, sample)
        got = gd.compile(case.leaves, case.results)(*case.arrays)
        with np.errstate(all="ignore"):
            compare(name, got, [np.asarray(b) for b in items(reference(name)(*sample.args, **sample.kwargs))])


# ------------------------------------------------------------------ the checks themselves


def scaled(rule, factor):
    def wrong(*args):
        return [None if g is None else g * factor for g in rule(*args)]

    return wrong


def first_sample(name):
    return next(s for s in samples(name) if s.args[0].size > 1)


@pytest.mark.parametrize("mode", ["vjp", "jvp"])
@pytest.mark.parametrize("name", ["tanh", "multiply", "sum", "prod", "reshape", "take", "sort", "cumprod", "matmul"])
def test_a_wrong_rule_is_caught(name, mode, monkeypatch):
    check_derivatives(name, first_sample(name))
    monkeypatch.setattr(REGISTRY[name], mode, scaled(getattr(REGISTRY[name], mode), 1.001))
    with pytest.raises(AssertionError):
        check_derivatives(name, first_sample(name))


def test_a_rule_right_to_first_order_only_is_caught(monkeypatch):
    right = REGISTRY["square"]

    def vjp(node, gs, wanted, d):
        return [gs[0] * gd.stop_gradient(node.inputs[0] * 2)]

    def jvp(node, ts, d):
        return [ts[0] * gd.stop_gradient(node.inputs[0] * 2)]

    monkeypatch.setattr(right, "vjp", vjp)
    monkeypatch.setattr(right, "jvp", jvp)
    with pytest.raises(AssertionError, match="second order"):
        check_derivatives("square", first_sample("square"))


def test_a_wrong_kernel_is_caught(monkeypatch):
    monkeypatch.setattr(REGISTRY["sin"], "kernel", Tile("tan"))
    with pytest.raises(AssertionError):
        check_values("sin", first_sample("sin"))


@pytest.mark.parametrize("axis", [None, -1, 0, (1, 2)], ids=str)
@pytest.mark.parametrize("name", [n for n, op in REGISTRY.items() if isinstance(op.kernel, Reduce)])
def test_a_reduction_goes_back_to_what_it_came_from(name, axis):
    """As in softmax: fused or not, whatever reduces and along whichever axes."""
    a = np.random.default_rng(0).integers(0, 4, (3, 4, 5)).astype(bool if name in ("all", "any") else np.float32)
    x = gd.input("x", a.shape, a.dtype)
    y = gd.where(x == getattr(gd, name)(x, axis=axis, keepdims=True), 1.0, 2.0)
    wanted = np.where(a == getattr(np, name)(a, axis=axis, keepdims=True), 1, 2)
    assert np.array_equal(gd.compile([x], y)(a), wanted)
