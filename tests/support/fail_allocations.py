"""Every allocation made to fail in turn: ``python tests/support/fail_allocations.py [--most N] [--only NAME]``.

In compile, the first call, a call, a new size, bind, a search under a limit, save and load, the first, second, ... n-th
allocation of C fails, and with ``_testcapi`` that of a Python object, until the action gets by. Each time it must end
well or in MemoryError, with all parameters as before or all updated; and the same again must then give the right
numbers. ``--most``: so many numbers of each action, drawn by the seed, beside the ``--first`` ones.
"""

import argparse
import ctypes
import os
import random
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from under_test import ENVIRONMENT

HERE = Path(__file__).resolve().parent
# What Python and NumPy say of some places instead of MemoryError.
OTHERS = (
    "can't allocate",
    "exception set",
    "without setting an exception",
    "os.PathLike object, not PosixPath",
    "NULL object passed to Py_BuildValue",
)
BETWEEN = 25  # allocations of Python objects: one in so many is tried


def preloaded(argv):
    """Runs this script again with the malloc that fails."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "fail_allocations.so"
        subprocess.run(
            ["cc", "-std=c11", "-O1", "-fPIC", "-shared", str(HERE / "fail_allocations.c"), "-o", str(library)],
            check=True,
        )
        environment = {**ENVIRONMENT, "LD_PRELOAD": str(library), "GRAPHDIFF_RATES": "nominal", "OMP_NUM_THREADS": "1"}
        return subprocess.run([sys.executable, __file__, *argv], env=environment).returncode


def campaign(options):
    import numpy as np

    import graphdiff as gd

    fail = ctypes.PyDLL(None).fail_allocation
    fail.argtypes, fail.restype = [ctypes.c_long], ctypes.c_long
    try:
        import _testcapi
    except ImportError:
        _testcapi = None
    gd.set_num_threads(2)
    rng = random.Random(options.seed)
    file = Path(tempfile.mkdtemp()) / "step.gd"

    def build(**how):
        x = gd.input("x", shape=("n", 8))
        W = gd.parameter("W", np.full((8, 8), 0.125, np.float32))
        n = gd.state("count", np.int64(0))
        h = gd.tanh(x @ W)
        c, _ = gd.scan(lambda c, row: (c * 0.5 + row, None), gd.sum(h, axis=0), h)
        loss = gd.mean(gd.nn.softmax(h) ** 2) + gd.sum(c)
        return gd.compile([x], [loss, gd.sort(h[:, 0])], updates={W: W - 0.1 * gd.grad(loss, W), n: n + 1}, **how)

    def numbers(f, n):
        """What a call gives from fresh parameters, which it leaves fresh."""
        W, count = f.parameters
        W.value, count.value = np.full((8, 8), 0.125, np.float32), np.int64(0)
        out = f(np.ones((n, 8), np.float32))
        assert count.value == 1
        kept = [np.asarray(a).copy() for a in (*out, W.value)]
        W.value, count.value = np.full((8, 8), 0.125, np.float32), np.int64(0)
        return kept

    reference = {n: numbers(build(), n) for n in (3, 5, 40)}

    def right(f):
        for n, want in reference.items():
            for got, wanted in zip(numbers(f, n), want):
                np.testing.assert_array_equal(got, wanted)

    after = {}

    def all_or_nothing(f):
        """All is as before the call, or all as after it."""
        W, count = f.parameters
        assert count.value in (0, 1) and np.array_equal(W.value, after[int(count.value)]), "half updated"

    feed = np.ones((5, 8), np.float32)

    def call(f):
        f(feed)

    f = build()
    f.save(file)
    saved = file.read_bytes()
    warm = build()
    after[0], after[1] = np.full((8, 8), 0.125, np.float32), reference[5][2]
    bound = warm.bind(x=feed)

    def load():
        gd.load(file)

    actions = {
        "compile": (lambda: None, lambda _: build()),
        "first call": (build, call),
        "a call": (lambda: warm, call),
        "a new size": (lambda: warm, lambda f: f(feed.repeat(rng.randrange(2, 99), axis=0)) and None),
        "bind": (lambda: warm, lambda f: f.bind(x=feed)),
        "a bound call": (lambda: warm, lambda _: bound()),
        "a limit": (lambda: warm, lambda f: f.within(100_000).plan_for(n=7)),
        "save": (lambda: warm, lambda f: f.save(file)),
        "load": (lambda: None, lambda _: load()),
    }
    bad, tried, others = 0, 0, []
    for name, (make, act) in actions.items():
        if options.only and name != options.only:
            continue
        for kind in ("C", "Python") if _testcapi is not None else ("C",):
            each = 1 if kind == "C" else BETWEEN
            subject = make()
            fail(0)
            act(subject)
            whole = max(fail(0), 1) if kind == "C" else 40_000
            order = list(range(1, min(whole, options.first * each) + 1, each))
            order += rng.sample(range(1, whole + 1), min(options.most, whole))
            failed = 0
            for k in order:
                subject = make()
                for p in subject.parameters if subject is not None else ():
                    p.value = np.full(p.shape, 0.125 if p.name == "W" else 0, p.dtype)
                told = None
                try:
                    if kind == "C":
                        fail(k)
                    else:
                        _testcapi.set_nomemory(k, k + 1)
                    act(subject)
                except MemoryError:
                    failed += 1
                except BaseException as e:
                    text = f"{type(e).__name__}: {e}"
                    if any(part in text for part in OTHERS):
                        others.append(text)
                    else:
                        told = text
                    if options.verbose:
                        traceback.print_exc()
                finally:
                    if kind == "C":
                        fail(0)
                    else:
                        _testcapi.remove_mem_hooks()
                tried += 1
                try:
                    if subject is not None and name != "a new size":
                        all_or_nothing(subject)
                    if subject is not None:
                        right(subject)
                    if name == "save":
                        right(gd.load(file))
                except BaseException as e:
                    told = f"{told or ''} then {type(e).__name__}: {e}"
                if told:
                    bad += 1
                    print(f"{name}, allocation {k} ({kind}): {told[:300]}", flush=True)
                if name == "save":
                    file.write_bytes(saved)
            right(build())
            print(f"{name}: {len(order)} allocations of {kind}, {failed} times MemoryError", flush=True)
    for text, times in Counter(others).items():
        print(f"not told as MemoryError, {times} times: {text}")
    print(f"{tried} tried, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--first", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only")
    parser.add_argument("--verbose", action="store_true")
    if "fail_allocations" in os.environ.get("LD_PRELOAD", ""):
        sys.exit(campaign(parser.parse_args()))
    sys.exit(preloaded(sys.argv[1:]))
