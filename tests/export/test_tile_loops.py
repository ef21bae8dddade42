"""Functions that a library computes far out: loops in blocks, which look whether all is near, give the same bits."""

import numpy as np
import pytest
from exported import Exported

import graphdiff as gd
from graphdiff.export import tile_loops

FAR = [0.0, -0.0, 1.5, 3e4, -2e6, 1e9, 1e30, np.inf, -np.inf, np.nan]
PROGRAMS = {
    "one": lambda x: gd.sin(x) * x,
    "one after the other": lambda x: gd.cos(gd.sin(x) * 1e7) + gd.tan(x),
    "summed": lambda x: gd.sum(gd.sin(x) * x),
    "in rows": lambda x: gd.nn.softmax(gd.cos(gd.reshape(x, (-1, 5)))),
    "by rows": lambda x: gd.sum(gd.sin(gd.reshape(x, (-1, 5))) * 2, axis=1, keepdims=True) + gd.reshape(x, (-1, 5)),
    "derivative": lambda x: gd.grad(gd.sum(gd.exp(-x * x) * gd.sin(x)), x),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_and_near_arguments_have_the_same_bits_in_blocks(program, dtype, tmp_path, monkeypatch):
    sizes = (20, 65, 1000)
    xs = [gd.input(f"x{n}", (n,), dtype) for n in sizes]
    f = gd.compile(xs, [program(x) for x in xs], name="f")
    blocks = Exported(f, tmp_path / "blocks", "f", "-O2")
    assert "if (near) {" in (tmp_path / "blocks" / "f.c").read_text()
    monkeypatch.setattr(tile_loops, "applied_near", lambda *_: None)
    plain = Exported(f, tmp_path / "plain", "f", "-O2")
    assert "near" not in (tmp_path / "plain" / "f.c").read_text()
    near = [np.random.default_rng(0).standard_normal(n).astype(dtype) for n in sizes]
    far = [np.where(np.arange(n) % 7 == 0, np.resize(np.array(FAR, dtype), n), a) for n, a in zip(sizes, near)]
    for feeds in (near, far):
        with np.errstate(all="ignore"):
            found = blocks.call(*feeds)[1], plain.call(*feeds)[1]
        for a, b in zip(*found, strict=True):
            assert a.tobytes() == b.tobytes()


def test_what_is_written_in_place_is_read_before(tmp_path):
    w = gd.parameter("w", np.linspace(-3, 3, 200, dtype=np.float32))
    w.value[7], w.value[150] = 1e20, np.inf
    f = gd.compile([], [gd.sum(w)], {w: gd.sin(w) * 2 + w}, name="f")
    start = w.value.copy()
    exported = Exported(f, tmp_path, "f", "-O2")
    assert exported.call()[0] == 0
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(exported.params[0], np.sin(start) * np.float32(2) + start, rtol=1e-5, atol=1e-6)
