"""Placement on plain arrays: never two in one place at one time, the least there is where that can be told, the same
each time, and what is said of numbers that cannot be."""

import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.schedule import _planner
from graphdiff.schedule.arena import Placement, place


def check(lower, upper, size, placed, align=1):
    """That a placement is one, and tells the truth about itself."""
    lower, upper, size = (np.asarray(a, np.int64) for a in (lower, upper, size))
    size = -(-size // align) * align
    offsets, peak, bound = placed
    alive = (size > 0) & (lower < upper)
    assert offsets.dtype == np.int64 and np.all(offsets >= 0) and not np.any(offsets % align)
    assert not np.any(offsets[~alive])
    assert peak == max((offsets + size)[alive], default=0)
    lo, up, size, offsets = lower[alive], upper[alive], size[alive], offsets[alive]
    for k in range(len(lo)):
        met = (lo < up[k]) & (lo[k] < up) & (offsets < offsets[k] + size[k]) & (offsets[k] < offsets + size)
        assert np.flatnonzero(met).tolist() == [k], "two buffers share memory while both are alive"
    assert bound == max((int(size[(lo <= t) & (t < up)].sum()) for t in lo), default=0)
    assert bound <= peak


def least(lower, upper, size):
    """The smallest peak of any placement, by trying them all. In some best one every buffer rests on the ground or on
    another that shares time with it, so that placing from the lowest offset up, each on what it meets, makes it."""
    n = len(size)
    meets = [[j for j in range(n) if lower[i] < upper[j] and lower[j] < upper[i]] for i in range(n)]
    best = sum(size) + 1

    def extend(rest, ground, last, peak):
        nonlocal best
        if not rest:
            best = peak
        for i in rest:
            at, top = ground[i], ground[i] + size[i]
            if at >= last and top < best:
                raised = [top if j in meets[i] and top > g else g for j, g in enumerate(ground)]
                extend(rest - {i}, raised, at, max(peak, top))

    extend(frozenset(range(n)), [0] * n, 0, 0)
    return best


def random_buffers(seed, n, times=40, most=50, longest=20):
    rng = np.random.default_rng(seed)
    lower = rng.integers(0, times, n)
    return lower, lower + rng.integers(1, longest + 1, n), rng.integers(1, most + 1, n)


def test_what_never_meets_shares():
    placed = place([0, 2, 0], [2, 4, 4], [100, 50, 30])
    assert isinstance(placed, Placement) and placed.peak == placed.bound == 130
    assert placed.offsets.tolist() in ([0, 0, 100], [30, 30, 0])
    placed = place([0, 2, 0], [2, 4, 4], [100, 50, 30], align=64)
    assert placed.peak == placed.bound == 192


def test_a_buffer_is_gone_at_its_upper_end():
    assert place([0, 3], [3, 5], [7, 9]).peak == 9
    assert place([0, 3], [4, 5], [7, 9]).peak == 16


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 7, 8])
def test_few_buffers_are_placed_as_well_as_can_be(n):
    for seed in range(40):
        buffers = random_buffers(seed, n, times=8, most=9, longest=6)
        placed = place(*buffers)
        check(*buffers, placed)
        assert placed.peak == least(*(a.tolist() for a in buffers))


@pytest.mark.parametrize(
    ("lower", "upper", "size"),
    [([5, 2, 8, 1, 1, 3, 3, 4, 0, 2], [9, 5, 9, 4, 2, 8, 4, 5, 1, 3], [5, 3, 1, 1, 5, 1, 1, 2, 6, 2])],
)
def test_where_the_bound_cannot_be_reached_the_least_peak_is(lower, upper, size):
    placed = place(lower, upper, size)
    check(lower, upper, size, placed)
    assert placed.peak == least(lower, upper, size) > placed.bound


numbers = st.integers(-(2**40), 2**40)


@given(
    st.lists(st.tuples(numbers, st.integers(0, 2**41), st.integers(0, 2**45)), max_size=40),
    st.sampled_from([1, 2, 64, 4096]),
)
def test_any_buffers_are_placed_apart(drawn, align):
    lower = [lo for lo, _, _ in drawn]
    upper = [lo + span for lo, span, _ in drawn]
    size = [s for _, _, s in drawn]
    check(lower, upper, size, place(lower, upper, size, 0.005, align=align), align)


@pytest.mark.parametrize("n", [1, 2, 30, 300, 3000])
@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_random_buffers_are_placed_apart_and_the_same_each_time(n, seconds):
    buffers = random_buffers(n, n, times=2 * n)
    placed, again = place(*buffers, seconds), place(*buffers, seconds)
    check(*buffers, placed)
    assert np.array_equal(placed.offsets, again.offsets) and placed.peak == again.peak
    check(*buffers, place(*buffers, seconds, align=64), 64)


def test_more_time_is_never_worse():
    buffers = random_buffers(5, 120, times=100)
    peaks = [place(*buffers, seconds).peak for seconds in (0, 0.001, 0.01, 0.1)]
    assert peaks == sorted(peaks, reverse=True)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64", ">i4", list, tuple])
def test_integers_of_any_kind(dtype):
    buffers = random_buffers(3, 20)
    want = place(*buffers)
    given = [dtype(a.tolist()) if isinstance(dtype, type) else a.astype(dtype) for a in buffers]
    got = place(*given)
    assert np.array_equal(got.offsets, want.offsets)
    strided = [np.repeat(a, 2)[::2] for a in buffers]
    assert np.array_equal(place(*strided).offsets, want.offsets)


def test_nothing_to_place():
    for empty in ([], np.zeros(0), np.zeros(0, np.int32)):
        placed = place(empty, empty, empty)
        assert placed.offsets.shape == (0,) and placed.peak == placed.bound == 0
    placed = place([0, 5], [4, 5], [0, 9])
    assert placed.offsets.tolist() == [0, 0] and placed.peak == placed.bound == 0


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (([0], [1, 2], [3]), gd.ShapeError, "lower has 1 buffers, upper 2, size 1"),
        (([[0]], [[1]], [[3]]), gd.ShapeError, "lower has 2 dimensions"),
        (([0, [1]], [1, 2], [1, 2]), gd.ShapeError, "lower is not one-dimensional"),
        ((3, 4, 5), gd.ShapeError, "lower has 0 dimensions"),
        (([0, 4], [1, 3], [1, 1]), gd.GraphError, "buffer 1 ends at 3, before it begins at 4"),
        (([0, 0], [1, 1], [1, -7]), gd.GraphError, "buffer 1 has a size of -7"),
        (([0.0], [1], [1]), gd.DTypeError, "lower is float64, not integers"),
        (([0], [1], [float("nan")]), gd.DTypeError, "size is float64"),
        (([0], ["1"], [1]), gd.DTypeError, "upper is <U1"),
        (([0], [True], [1]), gd.DTypeError, "upper is bool"),
        (([0], [1], [None]), gd.DTypeError, "size is object"),
        (([0], [1], [2**70]), gd.GraphError, "size holds 1180591620717411303424, which does not fit into 64 bits"),
        (([0], [2**63], [1]), gd.GraphError, "upper holds 9223372036854775808, which does not fit into 64 bits"),
        (([0], [1], [2**62]), gd.GraphError, "sizes of 4.612e+18 bytes together"),
        (([0] * 5, [1] * 5, [2**58] * 5), gd.GraphError, "at most 2**60"),
        (([0], [1], [1], -1.0), gd.GraphError, "seconds is -1.0"),
        (([0], [1], [1], float("nan")), gd.GraphError, "seconds is nan"),
    ],
)
def test_what_cannot_be_placed_is_told(arguments, error, told):
    with pytest.raises(error) as raised:
        place(*arguments)
    assert str(raised.value).startswith("arena.place: ") and told in str(raised.value)


@pytest.mark.parametrize("align", [0, -1, 3, 2.0, "64", 2**31])
def test_alignments_are_powers_of_two(align):
    with pytest.raises(gd.GraphError, match=r"align is .*, not a power of two"):
        place([0], [1], [1], align=align)


def test_lifetimes_as_long_as_can_be():
    low, high = -(2**63), 2**63 - 1
    placed = place([low, low, 0], [high, 0, high], [3, 4, 5])
    assert placed.peak == placed.bound == 8


def test_the_core_checks_again():
    wrong = (([0], [1], [-1], 1), ([2], [1], [1], 1), ([0], [1], [2**62], 1), ([0], [1], [1], 3))
    for lower, upper, size, align in wrong:
        with pytest.raises(ValueError, match="arena_place"):
            _planner.arena_place(lower, upper, size, align, 0.01)


ENDLESS = """
import numpy as np
from graphdiff.schedule.arena import place

random, height, buffers = np.random.default_rng(0), np.zeros(40, int), []
for _ in range(2000):  # no room is left at any time, so that no search ends by itself
    lower, size = random.integers(0, 40), random.integers(1, 151)
    upper = min(40, lower + random.integers(1, 21))
    if height[lower:upper].max() + size <= 1000:
        height[lower:upper] += size
        buffers.append((lower, upper, size))
print("begins", flush=True)
place(*np.transpose(buffers), seconds=1e6)
"""


def test_ctrl_c_ends_a_search(start, tmp_path):
    with start(tmp_path, "-c", ENDLESS) as process:
        assert process.stdout.readline() == "begins\n"
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode and err.splitlines()[-1] == "KeyboardInterrupt"


def test_on_another_thread():
    results = []
    worker = threading.Thread(target=lambda: results.append(place([0], [1], [5]).peak))
    worker.start()
    worker.join()
    assert results == [5]
