"""What breaks things by force: allocations that fail, storage bent under a running program, hostile sizes and feeds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from under_test import ENVIRONMENT, PLACE

import graphdiff as gd
from graphdiff.cli import main

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"


@pytest.mark.skipif(not sys.platform.startswith("linux") or shutil.which("cc") is None, reason="needs glibc and cc")
def test_allocations_that_fail_change_nothing():
    """A short run of the campaign; ``python tests/support/fail_allocations.py`` is a long one."""
    done = subprocess.run(
        [sys.executable, str(SUPPORT / "fail_allocations.py"), "--most", "3", "--first", "8"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def twice(dtype="float32", shape=("n",)):
    x = gd.input("x", shape=shape, dtype=dtype)
    return gd.compile([x], x * 2)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_what_numpy_casts_safely_is_fed(dtype):
    f = twice(dtype)
    for given in "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 complex64".split():
        if np.can_cast(given, dtype, "safe"):
            assert f(np.ones(3, given)).tolist() == [2, 2, 2]
        else:
            what = "feed its real and its imaginary part" if given == "complex64" else "write .astype"
            with pytest.raises(gd.FeedError, match=f"fed {given}; {what}"):
                f(np.ones(3, given))


class Exported:
    """An array behind one of the protocols."""

    def __init__(self, array, *names):
        self.array, self.names = array, names

    def __getattr__(self, name):
        if name in self.names:
            return getattr(self.array, name)
        raise AttributeError(name)


def test_arrays_of_others_are_fed():
    f = twice()
    for array in (np.ones(2, np.float32), np.ones(2, np.float16)):
        assert f(Exported(array, "__dlpack__", "__dlpack_device__")).tolist() == [2, 2]
        assert f(Exported(array, "__array_interface__")).tolist() == [2, 2]
    assert f(memoryview(np.ones(2, np.float32))).tolist() == [2, 2]
    for names in (("__dlpack__", "__dlpack_device__"), ("__array_interface__",)):
        with pytest.raises(gd.FeedError, match='give the input dtype="float64"'):
            f(Exported(np.ones(2), *names))

    class Tracked:
        requires_grad = True

    with pytest.raises(gd.FeedError, match=r"x\.detach\(\)"):
        f(Tracked())
    with pytest.raises(gd.FeedError, match="x is fed None"):
        f(None)


def test_storage_keeps_its_shape_dtype_and_place():
    W = gd.parameter("W", np.arange(6, dtype=np.float32).reshape(2, 3))
    x = gd.input("x", shape=(2, 3))
    f = gd.compile([x], gd.sum(W * x), updates={W: W + x})
    W.value.shape = (6,)
    W.value.dtype = np.int32
    W.value.setflags(write=False)
    for array in (W.value, W.value.base):
        with pytest.raises((ValueError, AttributeError, BufferError)):
            array.resize((1000, 1000), refcheck=False)
    assert f(np.ones((2, 3), np.float32)) == 15
    assert W.value.shape == (2, 3) and W.value.dtype == np.float32 and W.value.tolist() == [[1, 2, 3], [4, 5, 6]]
    W.value[0, 0] = 10
    assert f(np.zeros((2, 3), np.float32)) == 0 and W.value[0, 0] == 10
    f.profile(W.value, calls=1)  # as a call: W + W as it was
    assert W.value[0, 0] == 20 and W.value[1, 2] == 12
    with pytest.raises(gd.FeedError, match="x shares memory with W"):
        f.bind(x=W.value)
    for empty in (np.zeros((0, 3)), np.float64(3), np.int64(1)):
        assert gd.state("s", empty).value.shape == np.shape(empty)


def test_monitors_are_those_of_the_last_call_bound_or_not():
    x = gd.input("x", shape=(2,))
    gd.monitor(gd.max(x), "largest")
    f = gd.compile([x], x * 2)
    buffer = np.array([1, 2], np.float32)
    bound = f.bind(x=buffer)
    assert f.monitors == {}
    f(np.array([5, 6], np.float32))
    assert f.monitors["largest"] == 6
    bound()
    seen = f.monitors
    assert seen["largest"] == 2
    buffer[:] = 9
    bound()
    assert f.monitors["largest"] == 9 and seen["largest"] == 2
    f(np.array([5, 6], np.float32))
    assert f.monitors["largest"] == 6


def nested(depth, x):
    return x * 0.5 if depth == 0 else gd.scan(lambda c, _: (nested(depth - 1, c), None), x, None, length=1)[0]


def test_many_dimensions_and_nested_loops():
    x, gate = gd.input("x", shape=(2,) * 20), gd.input("gate", shape=(2, 2))
    y = gd.moveaxis(gd.tensordot(gate, x, axes=((1,), (7,))), 0, 7)
    f = gd.compile([x, gate], [y, gd.permute_dims(x, tuple(range(19, -1, -1))), gd.grad(gd.sum(y * y), gate)])
    state, g0 = np.random.default_rng(0).standard_normal((2,) * 20).astype("f"), np.array([[1, 2], [3, 4]], np.float32)
    got = f(state, g0)
    want = np.moveaxis(np.tensordot(g0, state, ((1,), (7,))), 0, 7)
    np.testing.assert_allclose(got[0], want, rtol=1e-5)
    np.testing.assert_array_equal(got[1], state.T)
    rest = list(range(1, 20))
    want = 2 * np.tensordot(np.moveaxis(want, 7, 0), np.moveaxis(state, 7, 0), (rest, rest))
    np.testing.assert_allclose(got[2], want, rtol=2e-3)
    assert gd.compile([s := gd.input("s")], nested(15, s))(1.0) == 0.5
    with pytest.raises(gd.ShapeError, match="more than 16 deep"):
        gd.compile([s := gd.input("s")], nested(20, s))
    many = gd.input("x", shape=(2,) * 33)
    with pytest.raises(gd.ShapeError, match="33 dimensions"):
        gd.compile([many], gd.permute_dims(many, tuple(range(32, -1, -1))) + many)


def test_sizes_that_nothing_holds():
    x = gd.input("x", shape=("n",))
    one = np.ones(1, np.float32)
    f = gd.compile([x], gd.sum(gd.cumsum(x) * x))
    for n in (1 << 61, 1 << 63, 1 << 70):
        with pytest.raises(gd.FeedError, match=f"too large at n={n}"):
            f.plan_for(n=n)
    with pytest.raises(gd.ShapeError, match="too large"):
        gd.compile([], gd.zeros((1 << 62,)))
    with pytest.raises(gd.ShapeError, match="too large at n=1"):
        gd.compile([x], gd.broadcast_to(x, (1 << 50, 1 << 11, *x.shape)))(one)
    for action in (
        lambda: gd.compile([x], gd.sum(gd.cumsum(gd.broadcast_to(x, (1 << 43, *x.shape)), axis=0)))(one),
        lambda: gd.compile([x], gd.sum(gd.cumsum(gd.broadcast_to(x, (1 << 43, *x.shape)), axis=0))).bind(x=one),
        lambda: gd.compile([], gd.sum(gd.cumsum(gd.broadcast_to(gd.parameter("w", 1.0), (1 << 43,))))),
    ):
        with pytest.raises(MemoryError, match=r"an arena of [\d,]+ bytes cannot be had"):
            action()


def test_a_size_that_is_negative_is_told_even_where_nothing_depends_on_it():
    x = gd.input("x", shape=("n",))
    n = x.shape[0]
    for y in (gd.sum(gd.zeros((3 + (n - 9),))), gd.sum(gd.ones((n - 5, n - 5))), gd.zeros((n - 5,)) * 1.0):
        f = gd.compile([x], [y, gd.sum(x)])
        assert f(np.ones(10, np.float32))[1] == 10
        with pytest.raises(gd.FeedError, match="is negative at n=2"):
            f(np.ones(2, np.float32))


def test_the_command_line_tells_what_cannot_be(tmp_path, capsys):
    x = gd.input("x", shape=("n",))
    gd.compile([x], gd.sum(x * x)).save(tmp_path / "f.gd")
    for n in (10**12, 10**18, 10**25):
        assert main(["profile", str(tmp_path / "f.gd"), "--size", f"n={n}"]) == 2
        assert "x" in capsys.readouterr().err
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "graphdiff", "inspect", str(tmp_path / "f.gd")]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=PLACE)
        assert done.returncode == 2 and "No space left" in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_instruction_set_is_an_import_error():
    done = subprocess.run(
        [sys.executable, "-c", "import graphdiff"],
        env={**os.environ, "GRAPHDIFF_ISA": "v9"},
        capture_output=True,
        text=True,
        cwd=PLACE,
    )
    assert done.returncode == 1 and "ImportError: GRAPHDIFF_ISA='v9'" in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_threads_signals_finalisers_and_forks_at_once():
    """Seconds of the campaign; ``python tests/support/hammer_threads.py`` is ten minutes."""
    done = subprocess.run(
        [sys.executable, str(SUPPORT / "hammer_threads.py"), "--seconds", "4", "--threads", "4"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


AT_EXIT = """
import threading, time
import numpy as np
import graphdiff as gd
gd.set_num_threads(3)
x = gd.input("x", shape=("n", 64))
h = x
for _ in range(8):
    h = gd.tanh(gd.cumsum(h, axis=0)) @ gd.constant(np.eye(64, dtype=np.float32))
f = gd.compile([x], gd.grad(gd.sum(h), x), memory_limit=1 << 30)
f(np.ones((3, 64), np.float32))
class Late:
    def __del__(self):
        print(f(np.ones((77, 64), np.float32)).shape, flush=True)
def keep():
    while True:
        f(np.ones((500, 64), np.float32))
"""


@pytest.mark.parametrize(
    "code, out",
    [
        ("late = Late()", "(77, 64)"),
        ("late = Late(); late.me = late", "(77, 64)"),
        ("import atexit; atexit.register(lambda: print(f(np.ones((5, 64), np.float32)).shape))", "(5, 64)"),
        (
            "[threading.Thread(target=keep, daemon=True).start() for _ in range(3)]; time.sleep(0.3); print('end')",
            "end",
        ),
    ],
    ids=["del", "cycle", "atexit", "daemons"],
)
def test_calls_while_the_interpreter_exits(code, out):
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT + code], capture_output=True, text=True, timeout=120, cwd=PLACE
    )
    assert done.returncode == 0 and out in done.stdout and not done.stderr, (done.returncode, done.stdout, done.stderr)
