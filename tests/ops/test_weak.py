"""Python numbers are weak: they take the dtype of what they meet, with all digits, and the default dtype where they
meet nothing.

Walks the registry: every operation of several floating operands, with one of them as Python numbers after the other,
and every operation under either default dtype.
"""

import threading

import numpy as np
import pytest
from op_samples import SAMPLED, Case, cast, changed, items, samples

import graphdiff as gd
from graphdiff.ir.node import topological
from graphdiff.ops.registry import REGISTRY

PUBLIC = [n for n in SAMPLED if not REGISTRY[n].internal]
TENTH = 0.1  # float32 has other digits


def is_float(a):
    return isinstance(a, np.ndarray) and a.dtype.kind == "f"


def dtypes(values):
    return {y.dtype for node in topological(values) for y in node.outputs if y.dtype.kind == "f"}


def constants(values):
    nodes = [n for n in topological(values) if n.op.name == "constant" and n.outputs[0].dtype.kind == "f"]
    return np.concatenate([np.zeros(0), *(n.attrs["value"].reshape(-1) for n in nodes)])


def one_as_numbers(sample):
    """The sample with one floating operand as Python numbers, for each of them; the others are leaves of float64."""
    flat = [a for arg in sample.args for a in (arg if isinstance(arg, list) else [arg])]
    places = [i for i, a in enumerate(flat) if is_float(a) and a.size]
    for weak in places if len(places) > 1 else ():
        new = [gd.input(None, a.shape, "float64") if is_float(a) else a for a in flat]
        new[weak] = (flat[weak] * 0 + TENTH).tolist()
        values = iter(new)
        yield [[next(values) for _ in a] if isinstance(a, list) else next(values) for a in sample.args]


@pytest.mark.parametrize("name", PUBLIC)
def test_numbers_beside_float64_keep_their_digits(name):
    for sample in samples(name)[:3]:
        for args in one_as_numbers(sample):
            kwargs = {k: a.astype("float64") if is_float(a) else a for k, a in sample.kwargs.items()}
            try:
                results = items(REGISTRY[name].public(*args, **kwargs))
            except (gd.ShapeError, gd.GraphError) as error:  # an operand that has to be a Tensor, or another number
                assert "dtype" not in str(error)
                continue
            assert np.dtype("float32") not in dtypes(results), name
            assert np.float32(TENTH) not in constants(results)


def listed(a):
    return a.tolist() if a.dtype.kind == "f" else a


@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("name", [n for n in PUBLIC if n != "astype"])
def test_what_meets_nothing_has_the_default_dtype(name, default):
    other = np.dtype("float64" if default == "float32" else "float32")
    for sample in samples(name)[:3]:
        if any(is_float(a) and not a.size for a in sample.args):
            continue  # an empty list has no kind
        weak = changed(sample, listed)
        kwargs = {k: v for k, v in weak.kwargs.items() if k != "dtype"}
        with gd.default_dtype(default):
            results = items(REGISTRY[name].public(*weak.args, **kwargs))
        assert other not in {y.dtype for y in results}, name


@pytest.mark.parametrize("name", PUBLIC)
def test_tensors_do_not_follow_the_default_dtype(name):
    for dtype, other in (("float32", "float64"), ("float64", "float32")):
        for sample in samples(name)[:2]:
            made = []
            for default in (dtype, other):
                with gd.default_dtype(default):
                    kwargs = {"dtype": dtype} if "dtype" in sample.kwargs else {}
                    case = Case(name, changed(sample, cast(dtype))._replace(kwargs={**sample.kwargs, **kwargs}))
                    if not case.leaves:
                        continue
                    outs = [y for y in case.results if y.dtype.kind == "f"]
                    wrt = [x for x in case.leaves if x.dtype.kind == "f"]
                    if outs and wrt and REGISTRY[name].differentiable:
                        outs = [*case.results, *gd.grad(sum((gd.sum(y) for y in outs), gd.constant(0, dtype)), wrt)]
                    made.append(str(gd.Graph("g", case.leaves, outs or case.results)))
            assert len(set(made)) <= 1, name


# ------------------------------------------------------------------ structures, loops and branches
X64 = gd.input("x64", (3,), "float64")
X32 = gd.input("x32", (3,), "float32")
S64 = gd.input("s64", (), "float64")
I32 = gd.input("i32", (3,), "int32")
FEED = {
    X64: np.array([1.0, 2, 3]),
    X32: np.array([1, 2, 3], "float32"),
    S64: np.float64(0.7),
    I32: np.arange(3, dtype="int32"),
}


def run(*ys):
    return gd.compile(list(FEED), list(ys))(*FEED.values())


@pytest.mark.parametrize(
    "make, wanted",
    [
        (lambda: gd.stack([0.1, S64]), [0.1, 0.7]),
        (lambda: gd.stack([S64, 1, 2.5]), [0.7, 1, 2.5]),
        (lambda: gd.concat([X64, [0.1, 0.2]]), [1, 2, 3, 0.1, 0.2]),
        (lambda: gd.where(X64 > 2, 0.1, X64), [1, 2, 0.1]),
        (lambda: gd.maximum(X64, 2.1), [2.1, 2.1, 3]),
        (lambda: gd.clip(X64, 1.1, 2.9), [1.1, 2, 2.9]),
        (lambda: X64**0.1, np.array([1.0, 2, 3]) ** 0.1),
        (lambda: gd.pad(X64, 1, constant_values=0.1), [0.1, 1, 2, 3, 0.1]),
        (lambda: gd.full_like(X64, 0.1), [0.1] * 3),
        (lambda: gd.linspace(0.1, S64, 3), [0.1, 0.4, 0.7]),
        (lambda: gd.nn.leaky_relu(-X64, 0.1), -0.1 * np.array([1.0, 2, 3])),
        (lambda: gd.nn.mse(X64, 0.1, reduction="none"), (np.array([1.0, 2, 3]) - 0.1) ** 2),
        (lambda: gd.matmul(X64, [0.1, 0.2, 0.3]), 1.4),
        (lambda: gd.scan(lambda c, x: (c + x * 0.1, c), 0.0, X64)[0], 0.6),
        (lambda: gd.scan(lambda c, x: (c + x * 0.1, c), 0, X64)[0], 0.6),
        (lambda: gd.scan(lambda c, x: (c * x + 0.1, c), 0.1, X64)[1], [0.1, 0.2, 0.5]),
        (lambda: gd.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * S64), (0, 0.1), 9)[1], 0.1 * 0.7**3),
        (lambda: gd.cond(S64 > 0, lambda: 0.1, lambda: S64), 0.1),
        (lambda: gd.cond(S64 < 0, lambda: S64, lambda: 0.1), 0.1),
        (lambda: gd.cond(S64 > 0, lambda a: a * S64, lambda a: S64, 0.1), 0.07),
        (lambda: gd.vmap(lambda x, a: x * a, in_axes=(0, None))(X64, 0.1), [0.1, 0.2, 0.3]),
        (lambda: gd.custom("f", lambda x, a: x * a, vjp=lambda g, y, x, a: (g * a, None))(X64, 0.1), [0.1, 0.2, 0.3]),
        (lambda: gd.nn.cross_entropy(gd.stack([X64 * 0]), [[0.1, 0.2, 0.7]]), np.log(3)),
        (lambda: gd.random.uniform(1, (2,), 0.1, S64) * 0 + 0.1, [0.1, 0.1]),
    ],
)
def test_beside_float64(make, wanted):
    (got,) = run(make())
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, wanted, rtol=1e-15, atol=1e-16)


def types(f, init, xs):
    return [c.dtype.name for c in items(gd.scan(lambda c, x: (f(c, x), None), init, xs)[0])]


def test_a_carry_takes_the_dtype_of_what_it_meets():
    def count_and_add(c, x):
        return c[0] + 1, c[1] + x, c[2] * 0.5

    assert types(count_and_add, (0, 0, 1.0), X32) == ["int64", "float32", "float32"]
    assert types(count_and_add, (0, 0, 1.0), X64) == ["int64", "float64", "float32"]
    assert types(lambda c, x: c + x, 0, I32) == ["int32"]
    assert types(lambda c, x: gd.where(x > 0, c * 0.5, c), 1.0, X64) == ["float32"]
    assert types(lambda c, x: (c[0] + 1, c[1] + X64[c[0]]), (0, 0), X32) == ["int64", "float64"]  # one is an index
    assert types(lambda c, x: c | (x > 0), False, X64) == ["bool"]
    assert types(lambda c, x: gd.where(x > 0, c, c + 1), 2**40, I32) == ["int64"]  # no int32 holds it
    with gd.default_dtype("float64"):
        assert types(count_and_add, (0, 0, 1.0), X32) == ["int64", "float32", "float64"]
        assert types(lambda c, x: gd.where(x > 0, c * 0.5, c), 1.0, X32) == ["float64"]
        assert types(lambda c, x: c + 1, np.float32(0), X64) == ["float32"]
    with pytest.raises(gd.DTypeError, match="float64"):
        gd.scan(lambda c, x: (c + x, None), np.float32(0), X64)  # a NumPy scalar is strong


def test_numpy_scalars_are_strong():
    assert gd.stack([np.float64(0.1), X32[0]]).dtype == np.float64
    assert (X32 * [np.float64(0.1), 1, 2]).dtype == np.float64
    assert gd.constant([np.float32(1), 0.5]).dtype == np.float32
    assert (X32 * [np.float32(0.1), 1, 2]).dtype == np.float32


def test_an_optimiser_keeps_a_rate_s_digits():
    w = gd.parameter("w", np.array([1.0]))
    for rule, wanted in ((gd.optim.SGD(0.1), 1 - 0.1 * 2), (gd.optim.SGD(0.1, weight_decay=0.3), 1 - 0.1 * 2.3)):
        w.value = np.array([1.0])
        gd.compile([], gd.sum(w), updates=rule.updates([w], gd.grad(gd.sum(w * w), [w])))()
        np.testing.assert_allclose(w.value, wanted, rtol=1e-15)


# ------------------------------------------------------------------ the default dtype
MAKERS = [
    lambda: gd.input("x"),
    lambda: gd.parameter("w", 0.1),
    lambda: gd.parameter("w", [1, 2]),
    lambda: gd.parameter("w", shape=(2, 2), init=gd.init.he_normal(0)),
    lambda: gd.state("s", 0.1),
    lambda: gd.constant(0.1),
    lambda: gd.zeros(2),
    lambda: gd.ones(2),
    lambda: gd.eye(2),
    lambda: gd.full(2, 0.1),
    lambda: gd.linspace(0, 1, 3),
    lambda: gd.arange(0.0, 1.0, 0.5),
    lambda: gd.one_hot([0], 2),
    lambda: gd.random.normal(1, (2,)),
    lambda: gd.random.uniform(1, (2,), 0.1, 2),
    lambda: gd.init.uniform(0, 1, 0)((2,)),
    lambda: gd.init.ones()((2,)),
    lambda: gd.where(X64 > 0, 0.1, 0.2),
    lambda: gd.add(0.1, 1),
]


@pytest.mark.parametrize("make", MAKERS)
def test_it_governs_what_meets_nothing(make):
    assert make().dtype == np.float32
    with gd.default_dtype("float64"):
        assert make().dtype == np.float64
    assert make().dtype == np.float32


def test_whole_numbers_are_int64_and_what_is_told_stays():
    with gd.default_dtype("float64"):
        assert {y.dtype.name for y in (gd.arange(3), gd.full(2, 1), gd.constant([1, 2]), gd.state("n", 0))} == {"int64"}
        assert {y.dtype.name for y in (gd.zeros(2, "float32"), gd.input("x", (), "float32"), gd.zeros_like(X32))} == {
            "float32"
        }
        assert (gd.constant(np.float32(0.1)) * 0.1).dtype == np.float32


def test_setting_it_gives_the_old_one_on_every_thread():
    try:
        assert gd.set_default_dtype("float64") == np.float32
        seen = []
        thread = threading.Thread(target=lambda: seen.append(gd.zeros(1).dtype))
        thread.start()
        thread.join()
        assert seen == [np.dtype("float64")]
        with gd.default_dtype("float32"):
            assert gd.set_default_dtype("float64") == np.float32 and gd.zeros(1).dtype == np.float64
    finally:
        assert gd.set_default_dtype("float32") == np.float64
    assert gd.zeros(1).dtype == np.float32


def test_a_block_s_default_is_its_thread_s_own():
    with gd.default_dtype("float64"):
        seen = []
        thread = threading.Thread(target=lambda: seen.append(gd.zeros(1).dtype))
        thread.start()
        thread.join()
        assert seen == [np.dtype("float32")]
    with pytest.raises(ZeroDivisionError), gd.default_dtype("float64"):
        raise ZeroDivisionError
    assert gd.zeros(1).dtype == np.float32


@pytest.mark.parametrize("wrong", ["int64", "float16", None, bool])
def test_only_floats_are_defaults(wrong):
    with pytest.raises(gd.DTypeError, match="float32"):
        gd.set_default_dtype(wrong)
    with pytest.raises(gd.DTypeError, match="float32"), gd.default_dtype(wrong):
        pass


def test_a_text_reads_back_under_another_default():
    y = gd.sum(gd.where(X32 > 0, 0.1, X32) * 2.5) + gd.constant(0.1)
    graph = gd.Graph("g", [X32], [y, gd.grad(y, X32)])
    with gd.default_dtype("float64"):
        assert str(gd.parse(str(graph))) == str(graph)
