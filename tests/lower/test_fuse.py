"""Reductions join what is computed of them row by row, along any axes, and change no bit."""

import numpy as np
import pytest

import graphdiff as gd


def standardised(x, axes):
    centred = x - gd.mean(x, axis=axes, keepdims=True)
    return centred * gd.rsqrt(gd.mean(centred * centred, axis=axes, keepdims=True) + 1e-5)


def reference(x, axes):
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axes, keepdims=True) + 1e-5)


def slope(x, w, axes):
    """The gradient of sum(w * standardised(x))."""
    normal = reference(x, axes)
    scale = 1 / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    return scale * (w - w.mean(axes, keepdims=True) - normal * (w * normal).mean(axes, keepdims=True))


CASES = [
    ((6, 7, 40), (1,)),  # whole columns
    ((3, 900, 40), (1,)),  # several steps of them at a time
    ((2, 200, 300), (1,)),  # a part of each at a time
    ((8, 6, 9, 17), (0, 2)),
    ((16, 8, 5, 5), (0, 2, 3)),  # channels: rows of several axes
    ((4, 30, 20), (0, 1)),
    ((40, 700), (0,)),
    ((5, 60, 3000), (2,)),  # longer than a tile
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "axes"), CASES)
def test_a_normalisation_over_any_axes_is_one_instruction_each_way(shape, axes, dtype):
    rng = np.random.default_rng(0)
    data, weight = rng.standard_normal(shape), rng.standard_normal(shape)
    x, w = gd.input("x", shape, dtype=dtype), gd.input("w", shape, dtype=dtype)
    y = standardised(x, axes)
    assert len(gd.compile([x], y).plan.instructions) == 1
    f = gd.compile([x, w], [y, gd.grad(gd.sum(y * w), x)], threads=1)
    assert len(f.plan.instructions) == 2
    feeds = data.astype(dtype), weight.astype(dtype)
    got = f(*feeds)
    far = 1e-11 if dtype == "float64" else 2e-5
    np.testing.assert_allclose(got[0], reference(data, axes), atol=far)
    np.testing.assert_allclose(got[1], slope(data, weight, axes), atol=far * np.abs(got[1]).max())
    for a, b in zip(got, gd.compile([x, w], f.graph.outputs, threads=2)(*feeds)):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_softmax_over_any_axis_is_one_instruction(axis):
    x = gd.input("x", (12, 18, 30), dtype="float64")
    f = gd.compile([x], gd.nn.softmax(x, axis=axis))
    assert len(f.plan.instructions) == 1
    data = np.random.default_rng(1).standard_normal((12, 18, 30))
    e = np.exp(data - data.max(axis, keepdims=True))
    np.testing.assert_allclose(f(data), e / e.sum(axis, keepdims=True), rtol=1e-13)


@pytest.mark.parametrize(
    ("shape", "axes", "at_once"),
    [
        ((16, 16, 16, 16), (0, 2, 3), True),
        ((16, 32, 32, 32), (0, 2, 3), False),  # from memory, other channels between
        ((16, 32, 32, 32), (0, 2), False),
        ((16, 32, 32, 32), (2, 3), True),
        ((16, 32, 32, 32), (1, 2), True),
        ((1, 512, 32, 32), (0, 2, 3), True),  # in one piece
        (("n", 32, 32, 32), (0, 2, 3), False),
        (("n", 32, 5, 5), (0, 2, 3), True),
    ],
)
def test_rows_in_pieces_far_apart_are_read_in_their_order_in_memory(shape, axes, at_once):
    x = gd.input("x", shape)
    f = gd.compile([x], standardised(x, axes))
    plan = f.plan_for(**{n: 2 for n in shape if isinstance(n, str)})
    assert (len(plan.instructions) == 1) == at_once, plan


def test_few_long_rows_are_not_one_instruction_that_one_thread_runs():
    x = gd.input("x", (1 << 18,))
    assert len(gd.compile([x], x / gd.sum(x)).plan.instructions) > 1


def test_a_mask_of_labels_is_made_where_the_gradient_reads_it():
    x, labels = gd.input("x", (16, 500)), gd.input("labels", (16,), dtype="int64")
    loss = gd.nn.cross_entropy(x * 2, labels)
    f = gd.compile([x, labels], [loss, gd.grad(loss, x)])
    assert "take_along_axis" in str(f.graph)
    assert not any("equal" in row.name for row in f.plan.instructions if row.phase == "forward"), f.plan
    data, named = np.random.default_rng(0).standard_normal((16, 500), dtype=np.float32), np.arange(16) * 31
    p = np.exp(2 * data) / np.exp(2 * data).sum(1, keepdims=True)
    value, slope = f(data, named)
    np.testing.assert_allclose(value, -np.log(p[np.arange(16), named]).mean(), rtol=1e-5)
    p[np.arange(16), named] -= 1
    np.testing.assert_allclose(slope, 2 * p / 16, atol=1e-7)
    with pytest.raises(gd.FeedError):
        f(data, named + 400)


@pytest.mark.parametrize("rule", [gd.optim.Adam(1e-3), gd.optim.AdamW(1e-3), gd.optim.RMSprop(1e-3)], ids=repr)
def test_a_step_with_a_clipped_gradient_is_one_instruction_for_each_parameter(rule):
    def updates(clipped):
        P = {f"{name}{clipped}": gd.parameter(f"{name}{clipped}", value=np.ones(s, "f4")) for name, s in sizes.items()}
        loss = gd.sum(gd.square(gd.tanh(x @ P[f"W{clipped}"]) @ P[f"V{clipped}"]))
        grads = gd.grad(loss, P)
        f = gd.compile(
            [x], loss, updates=rule.updates(P, gd.optim.clip_by_global_norm(grads, 1.0) if clipped else grads)
        )
        return [row.name for row in f.plan.instructions if row.phase == "update"]

    sizes = {"W": (20, 30), "V": (30, 10)}
    x = gd.input("x", (8, 20))
    plain, clipped = updates(False), updates(True)
    norms = [name for name in clipped if name.endswith("sum")]
    assert len(norms) <= 2 and len(clipped) <= len(plain) + len(norms) + 1, clipped
