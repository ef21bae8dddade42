"""Steps over ranks: one process as ``gd.compile``, and one, two and four ranks beside each other."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from ranks_of_mpi import command, run

import graphdiff as gd
from graphdiff.interop import mpi

RUN = """
import json, sys
import numpy as np
import graphdiff as gd
from graphdiff.interop import mpi

rng = np.random.default_rng(0)
X, T = rng.normal(size=(50, 5)), rng.normal(size=50)


def made(shards=None, seed=0):
    x, t = gd.input("x", ("batch", 5), "float64"), gd.input("t", ("batch",), "float64")
    w = gd.parameter("w", value=np.random.default_rng(seed).normal(size=5))
    error = gd.tanh(x @ w) - t
    gd.check(gd.all(gd.abs(t) < 100), "t is out of range")
    loss = gd.mean(gd.square(error))
    g = gd.grad(loss, w)
    step = mpi.compile([x, t], [loss, gd.sum(gd.square(g))], gd.optim.Adam(0.05).updates([w], [g]),
                       reduce=[loss, g], shards=shards)
    return step, w


def losses(shards, epochs=2):
    step, w = made(shards)
    data = mpi.batches((X, T), 16, seed=1, shards=shards)
    return [float(step(*rows)[0]).hex() for _ in range(epochs) for rows in data] + [v.hex() for v in w.value.tolist()]

"""
CASES = {
    "plain": RUN + "found = losses(None)",
    "shards": RUN + "found = losses(4)",
    "divided": RUN
    + """
x, t = gd.input("x", ("batch", 5), "float64"), gd.input("t", ("batch",), "float64")
start = np.random.default_rng(0)
P = [gd.parameter(f"p{k}", value=start.normal(size=(5, n)) * 0.1) for k, n in enumerate((300, 400, 2))]
loss = gd.mean(gd.square(gd.sum(gd.tanh(x @ P[0]), axis=1) + gd.sum(x @ P[1], axis=1) + gd.sum(x @ P[2], axis=1) - t))
grads = gd.grad(loss, P)
opt = gd.optim.Adam(0.01)
step = mpi.compile([x, t], loss, opt.updates(P, grads), reduce=[loss, *grads], shard_updates=DIVIDED, shards=SHARDS)
found = [float(step(*rows)).hex() for rows in mpi.batches((X, T), 16, seed=1, shards=SHARDS)]
held = [*P, *opt.states]
mpi.save(PATH, held, 3)
mpi.restore(PATH, held)
found += [float(np.sum(v.value * np.arange(1, v.value.size + 1).reshape(v.shape))).hex() for v in held]
""",
    "overlapped": RUN
    + """
begun = []
arrived = mpi.buckets.Buckets.arrived


def noted(buckets, k):
    arrived(buckets, k)
    begun.append(buckets._begun)


mpi.buckets.Buckets.arrived = noted


def trained(shards, divided):
    start = np.random.default_rng(0)
    x, t = gd.input("x", ("batch", 5), "float64"), gd.input("t", ("batch",), "float64")
    shapes = {"first": (5, 40), "middle": (40, 40), "last": (40, 1)}
    P = [gd.parameter(name, value=start.normal(size=shape) * 0.3) for name, shape in shapes.items()]
    h = x
    for w in P:
        h = gd.tanh(h @ w)
    loss = gd.mean(gd.square(h[:, 0] - t))
    grads = gd.grad(loss, P)
    step = mpi.compile([x, t], loss, gd.optim.Adam(0.01).updates(P, grads), reduce=[loss, *grads], shards=shards,
                       bucket_bytes=1000, shard_updates=divided)
    data = mpi.batches((X, T), 16, seed=1, shards=shards)
    return [float(step(*rows)).hex() for rows in data] + [float(v.value.sum()).hex() for v in P]


found = [trained(None, False), trained(4, False), trained(None, True)]
early = mpi.ranks.size_of(mpi.ranks.world(None)) == 1 or 0 < begun[1] < begun[2]
found.append([early])
""",
    "failing": RUN
    + """
step, w = made()
before = w.value.copy()
found = []
rank = mpi.ranks.rank_of(mpi.ranks.world(None))
for bad in ("check", "shape"):
    x, t = X[:8].copy(), T[:8].copy()
    if rank == 1:
        t = t * 1e6 if bad == "check" else t[:3]
    try:
        step(x, t)
    except gd.FeedError as e:
        found.append(str(e).splitlines()[0])
    assert (w.value == before).all()
step(X[:8], T[:8])
assert not (w.value == before).all()
""",
    "graphs": RUN
    + """
rank = mpi.ranks.rank_of(mpi.ranks.world(None))
x = gd.input("x", ("batch",), "float64")
try:
    mpi.compile([x], y := gd.mean(x) * (2 + rank), reduce=[y])
except gd.GraphError as e:
    found = str(e).splitlines()[0]
""",
    "values": RUN
    + """
rank = mpi.ranks.rank_of(mpi.ranks.world(None))
step, w = made(seed=rank)
mpi.broadcast([w])
mpi.save(PATH, [w], 7)
first = w.value.copy()
w.value = np.zeros(5)
found = [mpi.restore(PATH, {"w": w}), bool((w.value == first).all())]
if mpi.root():
    open(PATH, "r+b").write(b"damaged")
try:
    mpi.restore(PATH, [w])
except gd.FeedError as e:
    found.append("failed")
found.append(mpi.sweep(abs, [-1, -2, 3]))
""",
}


def ranks(n, case, tmp_path=None):
    """What each of ``n`` ranks found."""
    return run(n, case.replace("PATH", repr(str(tmp_path and tmp_path / "run.npz"))))


def test_one_process_has_the_bits_of_compile():
    scope: dict = {}
    exec(RUN, scope)
    step, w = scope["made"]()
    x, t = gd.input("x", ("batch", 5), "float64"), gd.input("t", ("batch",), "float64")
    v = gd.parameter("w", value=w.value.copy())
    loss = gd.mean(gd.square(gd.tanh(x @ v) - t))
    g = gd.grad(loss, v)
    alone = gd.compile([x, t], [loss, gd.sum(gd.square(g))], gd.optim.Adam(0.05).updates([v], [g]))
    for rows in mpi.batches((scope["X"], scope["T"]), 16, seed=1):
        assert step(*rows) == alone(*rows)
    assert (w.value == v.value).all() and step.parameters[0].name == "w"
    assert step.seconds["compute"] > 0


def test_two_and_four_ranks_are_one_process_to_rounding_and_to_the_bit_with_shards():
    pytest.importorskip("mpi4py")
    for case, exact in (("plain", False), ("shards", True)):
        (one,), two, four = (ranks(n, CASES[case]) for n in (1, 2, 4))
        assert all(found == two[0] for found in two) and all(found == four[0] for found in four)
        for found in (two[0], four[0]):
            assert found == one if exact else np.allclose(*([float.fromhex(v) for v in a] for a in (found, one)))


def test_sums_that_begin_while_the_rest_is_computed_are_those_of_one_process():
    pytest.importorskip("mpi4py")
    (one,), two, four = (ranks(n, CASES["overlapped"]) for n in (1, 2, 4))
    assert one[-1] == [True]
    for found in (two, four):
        assert all(f == found[0] for f in found)
        plain, shards, divided, early = found[0]
        assert shards == one[1] and early == [True]
        for told in (plain, divided):
            np.testing.assert_allclose(*([float.fromhex(v) for v in a] for a in (told, one[0])), rtol=1e-9)


@pytest.mark.parametrize("shards", [None, 4])
def test_updates_that_are_divided_are_those_that_are_not(shards, tmp_path):
    pytest.importorskip("mpi4py")
    case = CASES["divided"].replace("SHARDS", str(shards))
    whole = ranks(2, case.replace("DIVIDED", "False"), tmp_path)
    divided = ranks(2, case.replace("DIVIDED", "True"), tmp_path)
    assert whole[0] == whole[1] and divided[0] == divided[1]
    if shards:
        assert divided == whole
    else:
        np.testing.assert_allclose(*([float.fromhex(v) for v in f[0]] for f in (divided, whole)), rtol=1e-9)


def test_a_failure_of_one_rank_is_one_of_all():
    pytest.importorskip("mpi4py")
    first, second = ranks(2, CASES["failing"])
    assert "rank 1 failed, and nothing was updated: FeedError: t is out of range" in first[0]
    assert second[0].startswith("t is out of range") and len(first) == len(second) == 2
    first, second = ranks(2, CASES["graphs"])
    assert first == second and "rank 1 has another graph than rank 0" in first


def test_values_files_and_sweeps_over_ranks(tmp_path):
    pytest.importorskip("mpi4py")
    for n in (1, 2):
        assert ranks(n, CASES["values"], tmp_path) == [[7, True, "failed", [1, 2, 3]]] * n


def test_a_rank_that_dies_ends_the_job_which_goes_on_with_others(tmp_path):
    pytest.importorskip("mpi4py")
    case = (
        RUN
        + """
import os
from pathlib import Path

step, w = made(4)
held = [*step.parameters]
done = mpi.restore(PATH, held) if Path(PATH).exists() else 0
data = mpi.batches((X, T), 16, seed=1, shards=4)
for k, rows in enumerate(data):
    if k < done:
        continue
    if k == DIES and mpi.ranks.rank_of(mpi.ranks.world(None)) == 1:
        os._exit(9)
    step(*rows)
    mpi.save(PATH, held, k + 1)
found = [v.hex() for v in w.value.tolist()]
"""
    )
    whole = ranks(1, case.replace("DIES", "-1"), tmp_path)
    (tmp_path / "run.npz").unlink()
    program = case.replace("DIES", "2").replace("PATH", repr(str(tmp_path / "run.npz")))
    with subprocess.Popen(**command(2, program)) as job:
        assert job.wait(60) != 0
    assert ranks(4, case.replace("DIES", "-1"), tmp_path) == whole * 4


def test_batches_are_the_same_for_any_number_of_ranks():
    class Rank:
        def __init__(self, rank, size):
            self.Get_rank, self.Get_size = (lambda: rank), (lambda: size)

    rows = np.arange(23)
    whole = list(mpi.batches(rows, 8, seed=3))
    assert sorted(np.concatenate(whole)) == list(rows) and len(whole) == 3
    for size, shards in ((2, None), (3, None), (4, 8)):
        parts = [list(mpi.batches({"rows": rows}, 8, 3, Rank(r, size), shards=shards)) for r in range(size)]
        assert {len(p) for p in parts} == {3}
        for k, batch in enumerate(whole):
            assert (np.concatenate([p[k]["rows"] for p in parts]) == batch).all()
    epochs = mpi.batches(rows, 8, seed=3)
    assert (next(iter(epochs)) != next(iter(epochs))).any()
    assert len(mpi.batches(rows, 8, seed=3, drop_last=True)) == 2


def test_what_does_not_fit_is_told(tmp_path: Path):
    x, w = gd.input("x", ("batch",), "float64"), gd.parameter("w", value=np.float64(1))
    loss = gd.mean(gd.square(x * w))
    g = gd.grad(loss, w)
    for call, told in (
        (lambda: mpi.compile([x], loss, {w: w - g}, reduce=[loss]), "the update of w depends on x"),
        (lambda: mpi.compile([x], [g + gd.sum(x)], reduce=[g]), "needs both a rank's rows and what is reduced"),
        (lambda: mpi.compile([x], loss, reduce=[loss, m := gd.mean(x), gd.sum(x - m)]), "which is reduced too"),
        (lambda: mpi.compile([x], loss, reduce=[loss], op="max"), 'op is "mean" or "sum"'),
        (lambda: mpi.compile([x], loss, reduce=[loss], shards=3), "shards is a power of two"),
        (lambda: mpi.compile([x], loss, reduce=[x]), "floats of known shapes"),
        (lambda: mpi.compile([x], loss, reduce=[loss])(np.zeros(0)), "no rank has rows"),
        (lambda: mpi.batches((np.zeros(3), np.zeros(4)), 2, 0), "3, 4 rows in batches of 2"),
        (lambda: mpi.restore(tmp_path / "none.npz", [w]), "none.npz"),
    ):
        with pytest.raises((gd.GraphdiffError, OSError), match=told):
            call()
    gd.save_weights(tmp_path / "other.npz", [w])
    with pytest.raises(gd.FeedError, match="was not written by"):
        mpi.restore(tmp_path / "other.npz", [w])
