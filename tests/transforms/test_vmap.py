"""gd.vmap against the loop that it stands for: every declared operation, derivatives on either side, control flow,
axes, sizes fixed and named, and what is refused."""

import collections

import numpy as np
import pytest
from op_samples import SAMPLED, convert, items, samples

import graphdiff as gd
from graphdiff.ops.registry import REGISTRY

N = 3  # examples
RNG = np.random.default_rng(0)
DIFFERENTIABLE = [n for n in SAMPLED if REGISTRY[n].differentiable and not n.startswith("random.")]


def draw(*shape):
    return RNG.normal(size=shape)


def examples(a):
    """N arrays like ``a`` with other numbers that an operation takes as well."""
    if a.dtype.kind == "f":
        return np.stack([a * (1 + 0.01 * i) for i in range(N)])
    if a.ndim == 1 and a.dtype.kind == "i" and len(a) > 1 and a[0] == 0 and (np.diff(a) >= 0).all():
        return np.stack([a] * N)  # offsets, say, which start at 0 and do not fall
    return np.stack([np.roll(a, i, 0) if a.ndim else a for i in range(N)])


class Case:
    """A sample as a function of its arrays, in the order they stand in it."""

    def __init__(self, name, sample):
        self.name, self.sample, self.arrays = name, sample, []
        self.over(lambda a: self.arrays.append(a) or a)

    def over(self, change):
        """The arguments with each array changed."""
        args = [convert(a, change) for a in self.sample.args]
        return args, {k: convert(a, change) for k, a in self.sample.kwargs.items()}

    def __call__(self, *xs):
        source = iter(xs)
        args, kwargs = self.over(lambda _: next(source))
        return items(REGISTRY[self.name].public(*args, **kwargs))


def inputs(arrays, names=None):
    return [gd.input(f"x{i}", (*names, *a.shape[1:]) if names else a.shape, a.dtype) for i, a in enumerate(arrays)]


def against_loop(f, arrays, mapped=None, named=False, rtol=1e-9):
    """``gd.vmap(f)`` over arrays, of which those ``mapped`` hold an example a row, beside ``f`` of each example."""
    mapped = mapped or [True] * len(arrays)
    n = next(len(a) for a, m in zip(arrays, mapped, strict=True) if m)
    leaves = [
        gd.input(f"x{i}", ("n", *a.shape[1:]) if named and m else a.shape, a.dtype)
        for i, (a, m) in enumerate(zip(arrays, mapped, strict=True))
    ]
    got = gd.compile(leaves, items(gd.vmap(f, in_axes=tuple(0 if m else None for m in mapped))(*leaves)))(*arrays)
    ones = inputs([a[0] if m else a for a, m in zip(arrays, mapped, strict=True)])
    one = gd.compile(ones, items(f(*ones)))
    for i in range(n):
        wanted = one(*[a[i] if m else a for a, m in zip(arrays, mapped, strict=True)])
        for y, w in zip(got, wanted, strict=True):
            assert y[i].shape == w.shape and y.dtype == w.dtype
            size = np.max(np.abs(w[np.isfinite(w)]), initial=0) if w.dtype.kind == "f" else 0
            np.testing.assert_allclose(y[i], w, rtol=rtol, atol=rtol * size)


def masks(n):
    """All operands mapped; then each by itself."""
    yield [True] * n
    if n > 1:
        yield from ([i == j for i in range(n)] for j in range(n))


# --------------------------------------------------------------------------------------- every operation


@pytest.mark.parametrize("name", SAMPLED)
def test_values(name):
    for sample in samples(name):
        case = Case(name, sample)
        for mask in masks(len(case.arrays)) if case.arrays else ():
            against_loop(case, [examples(a) if m else a for a, m in zip(case.arrays, mask, strict=True)], mask)


def first_case(name):
    """The first sample that has elements, with arrays of floats."""
    for sample in samples(name):
        case = Case(name, sample)
        if all(a.size for a in case.arrays) and any(a.dtype.kind == "f" for a in case.arrays):
            return case
    return None


def loss_of(case, xs):
    """A number that all results of the operation count in, each element by another weight."""
    total = 0
    for y in case(*xs):
        if y.dtype == "float64":
            total = total + gd.sum(y * gd.constant(np.linspace(0.5, 1.5, int(y.size)).reshape(y.shape)))
    return total


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives(name):
    """Reverse, forward and second order inside; reverse around."""
    case = first_case(name)
    if case is None:
        return
    at = [i for i, a in enumerate(case.arrays) if a.dtype.kind == "f"]
    arrays = [examples(a) for a in case.arrays]

    def derived(*xs):
        wrt = [xs[i] for i in at]
        loss = loss_of(case, xs)
        if not isinstance(loss, gd.Tensor):
            return [xs[at[0]]]
        first = gd.grad(loss, wrt)
        second = gd.jvp(first, wrt, [x * 0 + 0.5 for x in wrt])
        return [*first, *second, gd.jvp(loss, wrt, [x * 0 + 0.5 for x in wrt])]

    against_loop(derived, arrays, rtol=1e-7)

    leaves = inputs(arrays)
    losses = gd.vmap(lambda *xs: loss_of(case, xs) + 0 * gd.sum(xs[at[0]]))(*leaves)
    around = gd.grad(gd.sum(losses), [leaves[i] for i in at])
    inside = gd.vmap(lambda *xs: gd.grad(loss_of(case, xs) + 0 * gd.sum(xs[at[0]]), [xs[i] for i in at]))(*leaves)
    outs = gd.compile(leaves, [*around, *inside])(*arrays)
    for a, b in zip(outs[: len(at)], outs[len(at) :], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def test_the_derivatives_of_most_operations_are_tried():
    tried = [n for n in DIFFERENTIABLE if first_case(n) is not None]
    assert len(tried) > 120


@pytest.mark.parametrize("name", SAMPLED)
def test_nested(name):
    """Two dimensions of examples: the rules' results are batched again."""
    case = first_case(name)
    if case is None:
        return
    arrays = [np.stack([examples(a), examples(a)[::-1]]) for a in case.arrays]
    against_loop(lambda *xs: gd.vmap(case)(*xs), arrays)


def test_an_operation_without_a_rule_is_named(monkeypatch):
    x = gd.input("x", (3, 4))
    monkeypatch.setattr(REGISTRY["cumsum"], "batch", None)
    with pytest.raises(gd.GraphError, match="cumsum has no batching rule"):
        gd.vmap(lambda a: gd.cumsum(a, axis=0))(x)


def test_a_wrong_rule_is_seen(monkeypatch):
    monkeypatch.setattr(REGISTRY["cumsum"], "batch", lambda node, xs, batch: [xs[0]])
    with pytest.raises(AssertionError):
        test_values("cumsum")


# --------------------------------------------------------------------------------------- control flow and the like

W = gd.parameter("W", draw(4, 4))
KEY = gd.state("key", np.int64(5))


def rolled(x):
    return gd.scan(lambda h, _: (gd.tanh(h @ W + x), gd.sum(h)), gd.zeros((4,), "float64"), None, length=5)


def root(a):
    return gd.while_loop(lambda x: gd.abs(x * x - a) > 1e-6, lambda x: 0.5 * (x + a / x), a, 50)


def walked(k):
    """Reads up to the end of a table: a step more, which examples that have stopped must not take, would fail."""
    table = gd.constant(np.arange(5.0))
    start = (gd.constant(np.int64(0)), gd.constant(np.float64(0)))
    return gd.while_loop(lambda s: s[0] < k, lambda s: (s[0] + 1, s[1] + table[s[0]]), start, 10)[1]


def chosen(x):
    return gd.cond(gd.sum(x) > 0, lambda x: gd.log(gd.abs(x)) * 2, lambda x: x * x, x)


square = gd.custom("square", lambda x, a: x * x * a, vjp=lambda g, y, x, a: (g * 2 * x * a, gd.sum(g * x * x)))
pushed = gd.custom("pushed", lambda x: x * x, jvp=lambda ts, y, x: 2 * x * ts[0])
STARTS = np.array([1.0, 4.0, 100.0, 1e4])
CASES = {
    "scan": (rolled, [draw(N, 4)]),
    "scan, gradients": (lambda x: gd.grad(gd.sum(rolled(x)[0] ** 2) + gd.sum(rolled(x)[1]), [x, W]), [draw(N, 4)]),
    "scan, second order": (lambda x: gd.hessian(gd.sum(rolled(x)[0] ** 2), x), [draw(N, 4)]),
    "scan over rows": (lambda xs: gd.scan(lambda c, x: (c * x + 1, c), xs[0] * 0, xs, reverse=True), [draw(N, 6)]),
    "while": (root, [STARTS]),
    "while, reverse": (lambda a: gd.grad(root(a), a), [STARTS]),
    "while, forward": (lambda a: gd.jvp(root(a), a, gd.ones_like(a)), [STARTS]),
    "while, second order": (lambda a: gd.grad(gd.grad(root(a), a), a), [STARTS]),
    "while that indexes": (walked, [np.array([0, 5, 3, 1])]),
    "cond": (chosen, [draw(6, 3)]),
    "cond, gradients": (lambda x: gd.grad(gd.sum(chosen(x)), x), [draw(6, 3)]),
    "cond that indexes": (
        lambda i, x: gd.cond(i < 3, lambda i, x: x[i], lambda i, x: gd.sum(x), i, x),
        [np.array([0, 1, 7, 2]), draw(4, 3)],
    ),
    "cond, one choice": (lambda x: gd.cond(KEY > 0, lambda x: x * 2, lambda x: x + 1, x), [draw(N, 3)]),
    "map": (lambda x: gd.map(lambda row: gd.norm(row), x), [draw(N, 4, 2)]),
    "custom, reverse": (lambda x, a: gd.grad(gd.sum(square(x, a)), [x, a]), [draw(N, 3), draw(N)]),
    "custom, shared operand": (lambda x: gd.grad(gd.sum(square(x, W[0, 0])), [x, W]), [draw(N, 3)]),
    "custom, forward": (lambda x: gd.jvp(pushed(x), x, x * 2), [draw(N, 3)]),
    "keys": (lambda k: gd.random.normal(k, (3,), dtype="float64"), [np.array([1, 2, 3])]),
    "keys and shapes": (lambda k, x: gd.nn.dropout(x, 0.5, key=k), [np.array([1, 2, 3]), draw(N, 5)]),
    "per-example gradients": (
        lambda x, t: gd.grad(gd.nn.cross_entropy(gd.tanh(x @ W), t), [W]),
        [draw(5, 4), np.array([0, 1, 2, 3, 1])],
    ),
    "convolution, both": (
        lambda x, w: gd.grad(gd.sum(gd.nn.conv2d(x, w, padding=1, groups=2) ** 2), [x, w]),
        [draw(N, 2, 4, 5, 5), draw(N, 6, 2, 3, 3)],
    ),
    "attention with masks": (
        lambda q, k, v, m: gd.grad(gd.sum(gd.nn.scaled_dot_product_attention(q, k, v, attn_mask=m) ** 2), [q, k, v, m]),
        [draw(N, 2, 5, 4), draw(N, 2, 5, 4), draw(N, 2, 5, 4), draw(N, 5, 5)],
    ),
    "eigenvalues": (lambda a: gd.grad(gd.sum(gd.linalg.eigvalsh(a @ a.T) ** 3), a), [draw(N, 4, 4)]),
    "one matrix, many right sides": (lambda b: gd.grad(gd.sum(gd.linalg.solve(W, b) ** 2), [W, b]), [draw(N, 4)]),
}


@pytest.mark.parametrize("named", [False, True], ids=["fixed", "named"])
@pytest.mark.parametrize("case", CASES)
def test_a_function(case, named):
    f, arrays = CASES[case]
    against_loop(f, arrays, named=named, rtol=1e-8)


def test_a_shared_key_draws_the_same_for_each_example():
    x = gd.input("x", ("n", 8))
    kept = gd.compile([x], gd.vmap(lambda a: gd.nn.dropout(a, 0.5, key=KEY))(x))(np.ones((5, 8), "float32"))
    assert (kept == kept[0]).all() and 0 < (kept[0] == 0).sum() < 8


def test_one_graph_of_larger_operations():
    x, t = gd.input("x", ("n", 4), "float64"), gd.input("t", ("n",), "int64")
    each = gd.vmap(lambda x, t: gd.grad(gd.nn.cross_entropy(gd.tanh(x @ W), t), W))(x, t)
    names = collections.Counter(node.op.name for node in gd.compile([x, t], each).graph.nodes)
    assert names["loop"] == 0 and names["matmul"] <= 3


def test_a_batch_of_named_size_is_printed_and_read_back():
    x, w = gd.input("x", ("n", 2, 4, 5, 5), "float64"), gd.input("w", ("n", 6, 2, 3, 3), "float64")
    f = gd.compile([x, w], gd.vmap(lambda x, w: gd.nn.conv2d(x, w, padding=1, groups=2))(x, w))
    again = gd.compile(gd.parse(str(f.graph)))
    a, b = draw(N, 2, 4, 5, 5), draw(N, 6, 2, 3, 3)
    np.testing.assert_array_equal(f(a, b), again(a, b))


def test_phases_are_kept():
    x = gd.input("x", ("n", 4), "float64")
    f = gd.compile([x], gd.vmap(lambda a: gd.grad(gd.sum(gd.tanh(a @ W) ** 2), a))(x))
    assert {i.phase for i in f.plan_for(n=3).instructions} == {"forward", "backward"}


# --------------------------------------------------------------------------------------- axes and structures


def test_axes():
    a = draw(2, 5, 3)
    x = gd.input("x", a.shape, "float64")
    y = gd.vmap(lambda v: gd.sum(v, axis=0), in_axes=-2, out_axes=-1)(x)
    z = gd.vmap(lambda d, *, s: {"sum": d["a"] + d["b"] * s}, in_axes=({"a": 1, "b": None},), out_axes={"sum": 1})
    both = z({"a": x, "b": x[:, 0]}, s=x[0, :, 0])["sum"]
    got = gd.compile([x], [y, both])(a)
    np.testing.assert_allclose(got[0], a.sum(0).T)
    np.testing.assert_allclose(got[1], a + a[:, :1] * a[0, :, 0][None, :, None])


def test_what_does_not_depend_on_the_examples():
    a = draw(3, 2)
    x, c = gd.input("x", a.shape, "float64"), gd.input("c", (2,), "float64")
    repeated, plain = gd.vmap(lambda v, c: (c * 2, c + 1), in_axes=(0, None), out_axes=(0, None))(x, c)
    got = gd.compile([x, c], [repeated, plain])(a, a[0])
    np.testing.assert_array_equal(got[0], np.stack([a[0] * 2] * 3))
    np.testing.assert_array_equal(got[1], a[0] + 1)


def test_monitors_and_checks_see_the_batch():
    x = gd.input("x", ("n", 4))

    def f(a):
        gd.monitor(gd.sum(a), "sum")
        gd.check(gd.all(a < 10), "too large")
        return a * 2

    f = gd.compile([x], gd.vmap(f)(x))
    f(np.ones((3, 4), "float32"))
    np.testing.assert_array_equal(f.monitors["sum"], [4, 4, 4])
    with pytest.raises(gd.FeedError, match="too large"):
        f(np.array([[1, 2, 3, 4], [5, 6, 7, 11]], "float32"))


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda x: gd.vmap(lambda a: a, in_axes=3)(x), gd.ShapeError, r"in_axes is 3 for args\[0\].* 3 dimensions"),
        (lambda x: gd.vmap(lambda a, b: a)(x, x[0]), gd.ShapeError, r"args\[0\] has 2 .* args\[1\] has 5"),
        (lambda x: gd.vmap(lambda a: a, in_axes=(0, 1))(x), gd.GraphError, "in_axes for args .* 1 entr"),
        (lambda x: gd.vmap(lambda d: d["a"], in_axes=({"b": 0},))({"a": x}), gd.GraphError, r"args\[0\].* keys 'a'"),
        (lambda x: gd.vmap(lambda a: a, in_axes=None)(x), gd.GraphError, "no argument is mapped"),
        (lambda x: gd.vmap(lambda a: a, out_axes=None)(x), gd.GraphError, "differs between examples"),
        (lambda x: gd.vmap(lambda a: a, out_axes=(0, 1))(x), gd.GraphError, "out_axes"),
        (lambda x: gd.vmap(lambda a: a, out_axes=7)(x), gd.ShapeError, "out_axes is 7 for result"),
        (lambda x: gd.vmap(lambda a: a, in_axes="0")(x), gd.GraphError, "in_axes"),
        (lambda x: gd.vmap(lambda a, s: a)(x, 2.0), gd.ShapeError, r"args\[1\], which has 0 dimensions"),
        (lambda x: gd.vmap(3)(x), gd.GraphError, "expected a function"),
    ],
)
def test_a_bad_call(call, error, told):
    with pytest.raises(error, match=told):
        call(gd.input("x", (2, 5, 3)))
