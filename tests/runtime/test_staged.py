"""Calls in stages: each result is there when it is told, and no other bits than those of a call."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.runtime.staged import Staged, order_of_results


def deep(layers=4, **options):
    """A network's loss and gradients, and a feed."""
    rng = np.random.default_rng(0)
    x = gd.input("x", ("batch", 6))
    W = [gd.parameter(f"W{k}", value=rng.normal(size=(6, 6)).astype("float32")) for k in range(layers)]
    h = x
    for w in W:
        h = gd.tanh(h @ w)
    loss = gd.mean(gd.square(h))
    return gd.compile([x], [loss, *gd.grad(loss, W)], **options), rng.normal(size=(16, 6)).astype("float32")


@pytest.mark.parametrize("options", [{}, {"debug": "nan"}, {"checkpoint": "sqrt"}, {"threads": 2}])
def test_gradients_of_the_last_layers_are_there_first_with_the_bits_of_a_call(options):
    f, x = deep(**options)
    whole = f(x)
    call = Staged(f, [x])
    for a in call.results:
        a.fill(np.nan)
    there = []
    for k in call.in_order(len(call.results)):
        there.append(k)
        assert (call.results[k] == whole[k]).all()
        if k == 4 and not options:
            assert np.isnan(call.results[1]).all()
    assert there == order_of_results(f, 5)
    assert there.index(4) < there.index(3) < there.index(2) < there.index(1)
    assert all((a == b).all() for a, b in zip(call.finish(), whole))
    assert all((a == b).all() for a, b in zip(f(x), whole))


def test_a_call_in_stages_has_buffers_of_its_own_and_may_be_left():
    f, x = deep()
    whole = f(x)
    first, left = Staged(f, [x]), Staged(f, [2 * x])
    next(first.in_order(5))
    next(left.in_order(5))
    assert (f(x)[0] == whole[0]).all()
    del left
    assert all((a == b).all() for a, b in zip(first.finish(), whole))
    with pytest.raises(RuntimeError, match="over"):
        first.finish()


def test_what_fails_in_a_stage_is_told_as_in_a_call():
    x = gd.input("x", ("n",))
    gd.check(gd.all(x < 3), "x is too large")
    y = gd.sum(gd.log(x))
    f = gd.compile([x], [y, gd.grad(y, x)], debug="nan")
    for bad, told in ((np.float32([1, 4]), "x is too large"), (np.float32([1, -1]), "log")):
        call = Staged(f, [bad])
        with pytest.raises(gd.GraphdiffError, match=told):
            call.finish()
    with pytest.raises(gd.FeedError, match="float32, fed float64"):
        Staged(f, [np.zeros(3)])
    assert np.allclose(f(np.float32([1, 2]))[1], [1, 0.5])


def test_a_function_with_updates_runs_whole_or_not_at_all():
    w = gd.parameter("w", value=np.float32(1))
    f = gd.compile([], [w * 2], updates={w: w + 1})
    with pytest.raises(gd.GraphdiffError):
        Staged(f, []).finish()
    assert w.value == 1


def test_results_are_written_into_what_is_given_for_them():
    f, x = deep()
    whole = f(x)
    into = [np.empty_like(a) for a in whole[:3]]
    for feed in (x, x, x.tolist()):
        for a in into:
            a.fill(np.nan)
        found = Staged(f, [feed], into).finish()
        assert all(a is b for a, b in zip(found, into)) and len(found) == 5
        assert all((a == b).all() for a, b in zip(found, whole))
    read_only = into[0].copy()
    read_only.flags.writeable = False
    for wrong in ([into[1]], [into[0].astype("float64")], [read_only], [f.parameters[0].value[:1]], [*whole, into[0]]):
        with pytest.raises(TypeError):
            Staged(f, [x], wrong)
    assert all((a == b).all() for a, b in zip(f(x), whole))
