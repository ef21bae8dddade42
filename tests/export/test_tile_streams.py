"""Values folded as they come: the bits of values that are all there, small frames, and work within the plan's arena."""

import re

import numpy as np
import pytest
from exported import Exported

import graphdiff as gd
from graphdiff.export.unit import Unit

REDUCTIONS = {
    "sum": lambda x, axis: gd.sum(gd.sin(x) * x, axis=axis),
    "max": lambda x, axis: gd.max(x * x, axis=axis),
    "several": lambda x, axis: gd.sum(x * x, axis=axis) * gd.max(gd.exp(-x), axis=axis) + gd.sum(gd.sin(x), axis=axis),
    "logsumexp": lambda x, axis: gd.logsumexp(x * 2, axis=axis),
    "var": lambda x, axis: gd.var(x * 1.5, axis=axis),
}
SHAPES = [((7,), (None,)), ((30_001,), (None,)), ((3, 2000), (None, 0, 1)), ((1100, 5), (0, 1)), ((2, 9000), (1,))]
SHAPES += [((12, 13, 14), (0, 1, (0, 1), (0, 2), (1, 2)))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_those_of_values_that_are_there(dtype, tmp_path, monkeypatch):
    rng, xs, feeds, outs = np.random.default_rng(0), [], [], []
    for n, (shape, axes) in enumerate(SHAPES):
        xs.append(gd.input(f"x{n}", shape, dtype=dtype))
        feeds.append(rng.standard_normal(shape).astype(dtype))
        outs += [reduce(xs[-1], axis) for reduce in REDUCTIONS.values() for axis in axes]
    outs.append(gd.nn.softmax(xs[2] * 1.5))
    f = gd.compile(xs, outs, name="f")
    there = Exported(f, tmp_path / "there", "f", "-O0")
    monkeypatch.setattr(Unit, "spares", lambda self, bytes_: False)
    streamed = Exported(f, tmp_path / "streamed", "f", "-O0 -Wframe-larger-than=4096")
    assert len(re.findall(r"^ +more_\w+\(", (tmp_path / "streamed" / "f.c").read_text(), re.M)) > 40
    for a, b in zip(there.call(*feeds)[1], streamed.call(*feeds)[1], strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", REDUCTIONS)
def test_work_is_within_an_arena_that_is_small(name, tmp_path):
    """The core has a tile's values on a thread's stack: they are no part of the plan."""
    for shape, axes in SHAPES:
        x = gd.input("x", shape)
        for axis in axes:
            f = gd.compile([x], REDUCTIONS[name](x, axis), name="f")
            f.export_c(tmp_path, "f")
            work = int(re.search(r"#define f_WORK_BYTES (\d+)", (tmp_path / "f.h").read_text())[1])
            assert work <= f.plan_for().arena_bytes, (shape, axis)
