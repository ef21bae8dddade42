"""Entries: one C function over a compiled function, for any thread, with the buffers of the caller."""

import copy
import ctypes
import os
import pickle
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from scipy import LowLevelCallable, ndimage
from scipy.integrate import nquad, quad
from under_test import ENVIRONMENT, PLACE

import graphdiff as gd

POINTERS = ctypes.POINTER(ctypes.c_void_p)
CALL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, POINTERS, POINTERS)
DOUBLES = ctypes.POINTER(ctypes.c_double)


def caller(e):
    """``call(inputs, outputs)`` of the entry's own signature; None among them is NULL."""
    function = CALL(e.address[0])

    def call(inputs, outputs):  # keeps the entry
        given = [[None if a is None else a.ctypes.data for a in arrays] for arrays in (inputs, outputs)]
        return function(e.address[1], *((ctypes.c_void_p * len(a))(*a) for a in given))

    return call


def doubles(a):
    return a.ctypes.data_as(DOUBLES)


def gathering():
    """Named size, integer input, parameter with an update; two outputs."""
    x, i = gd.input("x", ("n", 3), dtype="float64"), gd.input("i", ("n",), dtype="int64")
    w = gd.parameter("w", value=np.arange(9.0).reshape(3, 3))
    y = (x @ w)[i]
    return gd.compile([x, i], [y, gd.sum(y)], updates={w: w + 1.0}), w


def quadratic(n=3):
    """[value, gradient] of a convex function of n numbers."""
    x = gd.input("x", (n,), dtype="float64")
    y = gd.sum(gd.square(x - 1.0)) + gd.exp(x[0])
    return gd.compile([x], [y, gd.grad(y, x)])


def test_a_call_reads_and_writes_the_callers_buffers_and_the_functions_parameters():
    f, w = gathering()
    g, _ = gathering()
    call = caller(f.entry(n=2))
    x, i = np.arange(6.0).reshape(2, 3), np.array([1, 0])
    y, s = np.full((2, 3), np.nan), np.full((), np.nan)
    for _ in range(3):
        assert call([x, i], [y, s]) == 0
        want = g(x, i)
        assert (y == want[0]).all() and s == want[1]
    assert (w.value == np.arange(9.0).reshape(3, 3) + 3).all()


def test_buffers_that_are_not_aligned_are_copied():
    f, _ = gathering()
    g, _ = gathering()
    call = caller(f.entry(n=2))
    raw, i = np.zeros(200, np.uint8), np.array([1, 0])
    x, y = (raw[k : k + 48].view(np.float64).reshape(2, 3) for k in (1, 99))
    s = raw[155:163].view(np.float64).reshape(())
    for shift in range(3):
        x[...] = np.arange(6.0).reshape(2, 3) + shift
        assert call([x, i], [y, s]) == 0
        want = g(x.copy(), i)
        assert (y == want[0]).all() and s == want[1]
    aligned = np.empty((2, 3))
    assert call([np.ones((2, 3)), i], [aligned, s]) == 0 and (aligned == g(np.ones((2, 3)), i)[0]).all()


def test_what_cannot_run_is_told_and_changes_nothing():
    f, w = gathering()
    e = f.entry(n=2)
    call = caller(e)
    assert e.fault() is None
    x, i = np.arange(6.0).reshape(2, 3), np.array([1, 0])
    y, s = np.zeros((2, 3)), np.zeros(())
    before = w.value.copy()
    cases = [
        ([x, None], [y, s], r"input 1 \(i: i64\[n\]\) is NULL"),
        ([x, i], [y, None], r"output 1 \(.*\) is NULL"),
        ([x, i], [x, s], r"input 0 \(x: f64\[n,3\]\) and output 0 .* share memory"),
        ([x, i], [y, y[1, 2:]], "output 0 .* and output 1 .* share memory"),
        ([w.value[:2], i], [y, s], r"input 0 \(x: f64\[n,3\]\) and w: f64\[3,3\] share memory"),
        ([x, i], [w.value[1:], s], "output 0 .* share memory"),
        ([x, np.array([1, 2])], [y, s], "index 2 is out of range for size 2"),
    ]
    for inputs, outputs, told in cases:
        assert call(inputs, outputs) != 0
        with pytest.raises(gd.FeedError, match=told):
            raise e.fault()
        assert (w.value == before).all() and not y.any()
    assert CALL(e.address[0])(e.address[1], None, None) != 0 and "NULL" in str(e.fault())
    assert CALL(e.address[0])(None, None, None) != 0
    assert call([x, i], [y, s]) == 0 and y.any()


def test_inputs_may_share_memory_with_each_other_and_with_parameters_that_stay():
    a, b = gd.input("a", (4,), dtype="float64"), gd.input("b", (4,), dtype="float64")
    w = gd.parameter("w", value=np.arange(4.0))
    call = caller(gd.compile([a, b], a * b + w).entry())
    out = np.empty(4)
    assert call([w.value, w.value], [out]) == 0 and (out == np.arange(4.0) ** 2 + np.arange(4.0)).all()


def test_a_fault_belongs_to_the_thread_whose_call_failed():
    f, _ = gathering()
    e, other = f.entry(n=2), quadratic().entry()
    call = caller(e)
    x, y, s = np.ones((2, 3)), np.empty((2, 3)), np.empty(())
    seen = {}

    def fails(k):
        assert call([x, np.array([0, k])], [y.copy(), s.copy()]) != 0
        seen[k] = str(e.fault())

    threads = [threading.Thread(target=fails, args=(k,)) for k in (5, 6, 7)]
    for t in threads:
        t.start()
        t.join()
    assert e.fault() is None and all(f"index {k} is" in seen[k] for k in (5, 6, 7))
    fails(8)
    assert other.fault() is None and caller(other)([None], [s, y]) != 0
    assert "NULL" in str(other.fault()) and "index 8 is" in str(e.fault())


@pytest.mark.parametrize("contexts", [1, 3, None])
def test_any_number_of_threads_call_one_entry(contexts):
    n = 200
    x = gd.input("x", (n,), dtype="float64")
    f = gd.compile([x], gd.cumsum(gd.sin(x) * x))
    call = caller(f.entry(contexts=contexts))
    feeds = [np.random.default_rng(k).normal(size=n) for k in range(8)]
    wanted = [f(a) for a in feeds]
    wrong = []

    def work(k):
        out = np.empty(n)
        for _ in range(200):
            out[:] = 0
            if call([feeds[k]], [out]) != 0 or (out != wanted[k]).any():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_updates_by_many_threads_follow_each_other():
    x, w = gd.input("x", (), dtype="float64"), gd.parameter("w", value=np.zeros(50))
    call = caller(gd.compile([x], gd.sum(w), updates={w: w + x}).entry(contexts=4))

    def work():
        one, out = np.ones(()), np.empty(())
        for _ in range(300):
            assert call([one], [out]) == 0

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (w.value == 1200).all()


@pytest.mark.parametrize("what", ["entry", "bound", "threads"])
def test_who_waits_with_the_interpreters_lock_gives_it_to_the_run_that_it_waits_for(what):
    """A run on the main thread asks for signals, and needs that lock."""
    code = f"""
import ctypes, threading
import numpy as np
import graphdiff as gd
gd.set_num_threads(2)
what = {what!r}
x, n = gd.input("x", (4096,)), gd.state("n", np.int64(0))
loop = gd.scan(lambda c, _: (gd.sin(c), None), x, None, length=20_000)[0]
f = gd.compile([x], gd.sum(loop), updates={{n: n + 1}})
given, out, calls = np.ones(4096, np.float32), np.empty((), np.float32), ctypes.POINTER(ctypes.c_void_p)
if what == "threads":
    other = lambda: gd.set_num_threads(1)
else:
    e, b = f.entry(), f.bind(x=given.copy())
    pointer, data = (e if what == "entry" else b).address
    types = [calls, calls] if what == "entry" else []
    held = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *types)(pointer)
    args = [(ctypes.c_void_p * 1)(a.ctypes.data) for a in (given, out)]
    other = lambda: held(data, *args[: len(types)])
thread = threading.Timer(0.1, other)
thread.start()
f(given)
thread.join()
assert n.value == (1 if what == "threads" else 2)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=PLACE, env=ENVIRONMENT)


def test_quad_and_nquad_call_it():
    x = gd.input("x", (), dtype="float64")
    f = gd.compile([x], gd.exp(gd.sin(3 * x)))
    signature = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_void_p)
    e = f.entry()
    pointer, data = e.pointer("double (double x, void *user_data)")
    function = LowLevelCallable(signature(pointer), ctypes.c_void_p(data))
    assert quad(function, 0, 2) == quad(f, 0, 2)
    a, b = gd.input("a", (), dtype="float64"), gd.input("b", (2,), dtype="float64")
    e = gd.compile([a, b], gd.sin(a) * b[0] + b[1] ** 2).entry()
    pointer, data = e.pointer("double (int, double *, void *)")
    several = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, DOUBLES, ctypes.c_void_p)(pointer)
    got, _ = nquad(LowLevelCallable(several, ctypes.c_void_p(data)), [(0, 1), (0, 1)], args=(2.0,))
    assert np.isclose(got, (1 - np.cos(1)) / 2 + 4)
    assert np.isnan(several(2, doubles(np.ones(2)), data)) and "2 elements where the function has 3" in str(e.fault())


def test_filters_of_ndimage_call_it():
    window = gd.input("window", (3,), dtype="float64")
    e = gd.compile([window], gd.max(window) - gd.min(window)).entry()
    pointer, data = e.pointer("int (double *, intptr_t, double *, void *)")
    kind = ctypes.CFUNCTYPE(ctypes.c_int, DOUBLES, ctypes.c_ssize_t, DOUBLES, ctypes.c_void_p)
    signal = np.random.default_rng(0).normal(size=20)
    function = LowLevelCallable(kind(pointer), ctypes.c_void_p(data), "int (double *, intptr_t, double *, void *)")
    assert (ndimage.generic_filter(signal, function, size=3) == ndimage.generic_filter(signal, np.ptp, size=3)).all()

    line = gd.input("line", (22,), dtype="float64")
    e1 = gd.compile([line], line[2:] - line[:-2]).entry()
    pointer, data = e1.pointer("int (double *, npy_intp, double *, npy_intp, void *)")
    kind = ctypes.CFUNCTYPE(ctypes.c_int, DOUBLES, ctypes.c_ssize_t, DOUBLES, ctypes.c_ssize_t, ctypes.c_void_p)
    function = LowLevelCallable(
        kind(pointer), ctypes.c_void_p(data), "int (double *, intptr_t, double *, intptr_t, void *)"
    )
    got = ndimage.generic_filter1d(signal, function, 3)
    padded = np.pad(signal, 1, mode="symmetric")
    assert (got == padded[2:] - padded[:-2]).all()

    at = gd.input("at", (2,), dtype="int64")
    e2 = gd.compile([at], gd.flip(gd.astype(at, "float64"))).entry()
    pointer, data = e2.pointer("int (intptr_t *, double *, int, int, void *)")
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_ssize_t), DOUBLES, ctypes.c_int, ctypes.c_int, ctypes.c_void_p
    )
    function = LowLevelCallable(kind(pointer), ctypes.c_void_p(data), "int (intptr_t *, double *, int, int, void *)")
    image = np.arange(16.0).reshape(4, 4)
    assert np.allclose(ndimage.geometric_transform(image, function), image.T)


def test_optimisers_samplers_and_ode_solvers_have_their_signatures():
    f, x = quadratic(), np.array([0.5, -1.0, 2.0])
    value, slope = f(x)
    e, got, density = f.entry(), np.empty(3), np.empty(())
    pointer, data = e.pointer("double (unsigned n, const double *x, double *grad, void *data)")
    nlopt = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_uint, DOUBLES, DOUBLES, ctypes.c_void_p)(pointer)
    assert nlopt(3, doubles(x), doubles(got), data) == value and (got == slope).all()
    assert nlopt(3, doubles(x), None, data) == value
    assert np.isnan(nlopt(2, doubles(x), doubles(got), data)) and np.isnan(got[:2]).all()
    pointer, data = e.pointer("int64 (uint64, const double *x, double *grad, double *logp, void *)")
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, DOUBLES, DOUBLES, DOUBLES, ctypes.c_void_p)
    assert kind(pointer)(3, doubles(x), doubles(got), doubles(density), data) == 0
    assert density == value and (got == slope).all()
    assert kind(pointer)(3, doubles(x * np.inf), doubles(got), doubles(density), data) > 0
    assert kind(pointer)(4, doubles(x), doubles(got), doubles(density), data) < 0

    t, y = gd.input("t", (), dtype="float64"), gd.input("y", (2,), dtype="float64")
    e = gd.compile([t, y], gd.stack([y[1], -y[0] * t])).entry()
    for returns, signature in (
        (None, "void (double t, double *y, double *dydt, void *data)"),
        (ctypes.c_int, "int (*)(double t, const double y[], double dydt[], void *params)"),
    ):
        pointer, data = e.pointer(signature)
        kind = ctypes.CFUNCTYPE(returns, ctypes.c_double, DOUBLES, DOUBLES, ctypes.c_void_p)
        assert not kind(pointer)(2.0, doubles(np.array([3.0, 4.0])), doubles(got), data)
        assert (got[:2] == [4.0, -6.0]).all()


def test_a_signature_that_does_not_fit_says_why():
    e = quadratic().entry()
    for signature, told in (
        ("double (double)", "no adapter has the signature 'double \\(double\\)'"),
        ("double (double, void *)", "has 1 where there are 3"),
        ("void (double, double *, double *, void *)", "has 1 where there are 3"),
        ("nonsense", "a signature is C text"),
    ):
        with pytest.raises(gd.GraphError, match=told):
            e.pointer(signature)
    x = gd.input("x", ())
    with pytest.raises(gd.GraphError, match="other dtypes than x: f32"):
        gd.compile([x], x).entry().pointer("double (double, void *)")


def test_arguments_of_entry():
    f, _ = gathering()
    for sizes, told in (
        ({}, "the size n is missing"),
        ({"n": -1}, "n must be a non-negative integer"),
        ({"n": 2, "m": 3}, "no dimension is called 'm'"),
    ):
        with pytest.raises(gd.FeedError, match=told):
            f.entry(**sizes)
    with pytest.raises(gd.CompileError, match="contexts is a number"):
        f.entry(0, n=2)
    assert re.fullmatch(r"<Entry \(x: f64\[n,3\], i: i64\[n\]\) -> .*>", repr(f.entry(n=2)))
    for copying in (pickle.dumps, copy.deepcopy):
        with pytest.raises(gd.GraphError, match="belongs to this process"):
            copying(f.entry(n=2))


def test_monitors_and_nan_checks_work_in_an_entry():
    x = gd.input("x", (3,), dtype="float64")
    y = gd.log(x)
    gd.monitor(y, "y")
    e = gd.compile([x], gd.sum(y), debug="nan").entry()
    call, out = caller(e), np.empty(())
    assert call([np.ones(3)], [out]) == 0 and out == 0
    assert call([-np.ones(3)], [out]) != 0
    assert isinstance(e.fault(), gd.NonFiniteError) and "log" in str(e.fault())


def test_patterns_of_sparse_jacobians_are_the_entrys_own():
    x = gd.input("x", ("n",), dtype="float64")
    f = gd.compile([x], gd.jacobian(gd.square(x[1:] - x[:-1]), x, sparse=True))
    e, at = f.entry(n=4), np.arange(4.0) ** 2
    want = f(at)
    data = np.empty(want.nnz)
    assert caller(e)([at], [data]) == 0 and (data == want.data).all()


def test_no_elements_need_no_memory():
    f, _ = gathering()
    s = np.ones(())
    assert caller(f.entry(n=0))([None, None], [None, s]) == 0 and s == 0


EXIT = """
import ctypes, threading, time
import numpy as np
import graphdiff as gd
x, w = gd.input("x", (500,), dtype="float64"), gd.parameter("w", value=np.ones(500))
e = gd.compile([x], gd.sum(gd.sin(x) * w)).entry()
kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
start = ctypes.CDLL(LIBRARY).start
start.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
start(*e.address)
"""
LOOP = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <graphdiff.h>
static gd_entry_fn function; static void *data; static volatile long calls;
static double x[500];
static void *loop(void *unused) {
    double y;
    const void *in[] = {x}; void *out[] = {&y};
    for (;; calls++) if (function(data, in, out) != GD_OK) abort();
    return unused;
}
__attribute__((destructor)) static void last(void) { long now = calls; usleep(30000); if (calls == now) _exit(3); }
int start(gd_entry_fn f, void *d) {
    pthread_t t; function = f; data = d;
    return pthread_create(&t, NULL, loop, NULL);
}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the library is built with the flags of Linux")
def test_c_threads_go_on_while_the_interpreter_exits_and_the_header_compiles(tmp_path):
    source, library = tmp_path / "loop.c", tmp_path / "loop.so"
    source.write_text(LOOP)
    command = ["cc", "-shared", "-fPIC", "-pthread", "-I", gd.get_include(), source, "-o", library]
    subprocess.run(command, check=True)
    program = EXIT.replace("LIBRARY", repr(str(library)))
    done = subprocess.run([sys.executable, "-c", program], cwd=PLACE, env=ENVIRONMENT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert (Path(gd.get_include()) / "graphdiff.h").read_text().startswith("/* graphdiff.h")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_calls_what_its_parent_made():
    program = """
import ctypes, os, sys, threading
import numpy as np
import graphdiff as gd
x = gd.input("x", (2000,), dtype="float64")
f = gd.compile([x], gd.sum(gd.sin(x)))
e = f.entry(contexts=2)
C = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_void_p))
call = C(e.address[0])
def run(a):
    out = np.empty(())
    assert call(e.address[1], (ctypes.c_void_p * 1)(a.ctypes.data), (ctypes.c_void_p * 1)(out.ctypes.data)) == 0
    return float(out)
a = np.ones(2000)
want = run(a)
stop = False
def work():
    while not stop:
        run(a)
for t in [threading.Thread(target=work, daemon=True) for _ in range(2)]: t.start()
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        b = a.copy()
        os._exit(0 if all(run(b) == want for _ in range(5)) else 1)
    assert os.waitpid(pid, 0)[1] == 0
stop = True
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=PLACE,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
