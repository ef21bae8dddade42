"""The Cython layer on programs written by hand: what is refused, the call path, bound calls, contexts and threads."""

import ctypes
import gc
import threading
import time
import weakref

import numpy as np
import pytest
from program_words import MICROOPS, Words, matmul_payload

from graphdiff.runtime import _core


def product_words(m=3, n=5, k=4, batch=1):
    """outputs (batch, m, n) = inputs (m, k) @ (k, n)."""
    words = Words()
    a, b = words.slot("input", "float32", m * k), words.slot("input", "float32", k * n)
    c = words.slot("output", "float32", batch * m * n)
    words.instruction(
        "matmul", [a, b], [c], matmul_payload(m, n, k, (0, 0, 0, k, 1), (1, 0, 0, n, 1), (2, 0, m * n, n, 1), (batch,))
    )
    return words


def doubled_words(n=6):
    """output = 2 x, as a tile: x + x."""
    words = Words()
    x, y = words.slot("input", "float64", n), words.slot("output", "float64", n)
    words.instruction(
        "tile",
        [x],
        [y],
        [1, 0, 1, 0, 1, 1, n, 0, 0, 1, MICROOPS["add"], _core.DTYPES["float64"], 0, 0, -1, 1, 0, 0, 1, 0, 1],
    )
    return words


def step_words(n=4):
    """output = w; w += x: a parameter that a run changes, by a product with the 1 x 1 matrix x."""
    words = Words()
    x, one = words.slot("input", "float64", n), words.slot("input", "float64", 1)
    w, y = words.slot("param", "float64", n), words.slot("output", "float64", n)
    words.instruction("matmul", [w, one], [y], matmul_payload(n, 1, 1, (0, 0, 1, 1), (1, 0, 1, 1), (2, 0, 1, 1)))
    words.instruction(
        "matmul", [x, one], [w], matmul_payload(n, 1, 1, (0, 0, 1, 1), (1, 0, 1, 1), (2, 0, 1, 1), accumulate=1)
    )
    return words


class Function(_core.Runner):
    """As a compiled function would: casts on the slow path, one plan per size."""

    def __init__(self, words, dtypes, out_dtypes, shapes, out_shapes, parameters=(), form="one", **options):
        self._configure(dtypes, out_dtypes, parameters, form, **options)
        self.dtypes, self.slow, self.made, self.failures = dtypes, 0, 0, []
        self.frame_of = lambda: _core.Frame(self, _core.Context(words.program()), shapes, out_shapes)
        self._put(self.frame_of())

    def _prepare_call(self, args, kwargs):
        self.slow += 1
        return [
            np.require(np.asarray(a), d, ["C", "A", "E"]) for a, d in zip([*args, *kwargs.values()], self.dtypes)
        ], ()

    def _make_frame(self, key):
        self.made += 1
        return self.frame_of()

    def _pack(self, arrays, planned):
        return dict(enumerate(arrays))

    def _fail(self, *what):
        self.failures.append(what)
        raise RuntimeError(what[0])


def product_function(**options):
    words = product_words()
    return Function(words, ["float32"] * 2, ["float32"], [(3, 4), (4, 5)], [(3, 5)], **options)


A, B = np.arange(12, dtype="float32").reshape(3, 4), np.arange(20, dtype="float32").reshape(4, 5)


def test_tables_and_numbers():
    assert set(_core.opcodes()) >= {"tile", "matmul", "take"} and _core.microops()["add"] == MICROOPS["add"]
    assert _core.reductions()["sum"] == 1
    assert _core.STATUS["OK"] == "ok" and "ERR_BUSY" in _core.STATUS
    assert _core.isa() in ("v2", "v3", "v4", "plain") and _core.threads() >= 1
    with pytest.raises(_core.CoreError, match="ERR_OPCODE"):
        _core.select_isa("v9")
    if not _core.blas_loaded():
        with pytest.raises(_core.CoreError, match="ERR_NO_BLAS"):
            _core.load_blas("/nowhere")


def test_program_and_context():
    words = doubled_words()
    program = words.program()
    assert (program.instructions, program.inputs, program.outputs, program.parameters) == (1, 1, 1, 0)
    assert program.arena_bytes == 0
    context = _core.Context(program)
    x, y = np.arange(6.0), np.zeros(6)
    context.run([x], [y])
    np.testing.assert_array_equal(y, 2 * x)
    assert context.program is program
    assert context.address(1) == y.ctypes.data
    np.testing.assert_array_equal(context.value(0, "float64", 3), x[:3])
    ns = context.profile([x], [y])
    assert ns.dtype == np.int64 and ns.shape == (1,) and ns[0] > 0
    for wrong in [(0, "float32", 3), (0, "float64", 7)]:
        with pytest.raises(_core.CoreError):
            context.value(*wrong)
    with pytest.raises(IndexError):
        context.address(2)


def test_every_broken_word_is_refused_or_harmless():
    """No word, however wrong, may crash: the program is refused, or runs within its buffers."""
    good = product_words().array()
    rng = np.random.default_rng(0)
    refused = 0
    for at in range(len(good)):
        for bad in (-1, 0, 1, 3, 2**31, 2**62, -(2**63), int(rng.integers(-9, 99))):
            words = good.copy()
            words[at] = bad
            try:
                context = _core.Context(_core.Program(words))
                context.run([A, B], [np.zeros((3, 5), "float32")])
            except _core.CoreError:
                refused += 1
    assert refused > 4 * len(good)
    for n in range(len(good)):
        with pytest.raises(_core.CoreError):
            _core.Program(good[:n])
    with pytest.raises(TypeError):
        _core.Program(good.astype(np.int32))
    with pytest.raises(TypeError):
        _core.Program(list(good))


def test_context_checks_the_arrays_it_is_given():
    context = _core.Context(product_words().program())
    out = np.zeros((3, 5), "float32")
    frozen = out.copy()
    frozen.flags.writeable = False
    for inputs, outputs in [
        ([A], [out]),
        ([A, B[:3]], [out]),
        ([A, B], [out[:2]]),
        ([A, B], []),
        ([A, B.T], [out]),
        ([A, B], [frozen]),
        ([A, None], [out]),
    ]:
        with pytest.raises(_core.CoreError):
            context.run(inputs, outputs)


def test_fast_path_makes_fresh_results_and_never_asks_python():
    f = product_function()
    first = f(A, B)
    second = f(A, B)
    np.testing.assert_array_equal(first, A @ B)
    assert f.slow == 0 and first is not second and first.flags.owndata and first.dtype == np.float32
    assert not np.shares_memory(first, second)


def test_slow_path_for_everything_that_does_not_fit():
    f = product_function()
    read_only = A.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(f(read_only, B), A @ B)
    assert f.slow == 0
    unaligned = np.zeros(A.nbytes + 8, "uint8")[1 : A.nbytes + 1].view("float32").reshape(A.shape)
    unaligned[:] = A
    cases = [
        (A.astype("float64"), B),
        (A.tolist(), B),
        (np.asfortranarray(A), B),
        (A[::1, ::-1], B),
        (A.astype(">f4"), B),
        (A.view(np.matrix), B),
        (unaligned, B),
    ]
    for i, (a, b) in enumerate(cases):
        want = np.asarray(a, "float32") @ b
        np.testing.assert_array_equal(f(a, b), want)
        assert f.slow == i + 1
    np.testing.assert_array_equal(f(a=A, b=B), A @ B)
    assert f.slow == len(cases) + 1
    for wrong in ((A,), (A[:2], B)):
        with pytest.raises(TypeError, match="do not fit"):
            f(*wrong)
    assert f(A, B).shape == (3, 5)


def test_forms():
    words = product_words(batch=1)
    extra = words.slot("output", "float32", 15)
    words.instruction(
        "matmul", [0, 1], [extra], matmul_payload(3, 5, 4, (0, 0, 4, 1), (1, 0, 5, 1), (2, 0, 5, 1), alpha=2)
    )
    for form, kind in (("tuple", tuple), ("list", list), ("pack", dict)):
        f = Function(words, ["float32"] * 2, ["float32"] * 2, [(3, 4), (4, 5)], [(3, 5), (15,)], form=form)
        result = f(A, B)
        assert type(result) is kind and len(result) == 2
        np.testing.assert_array_equal(result[0], A @ B)
        np.testing.assert_array_equal(result[1], 2 * (A @ B).ravel())
    with pytest.raises(ValueError):
        Function(words, ["float32"] * 2, ["float32"] * 2, [(3, 4), (4, 5)], [(3, 5), (15,)], form="one")
    with pytest.raises(ValueError):
        Function(words, ["float32"] * 2, ["float32"] * 2, [(3, 4), (4, 5)], [(3, 5), (15,)], form="heap")


def test_frames_are_checked():
    f = product_function()
    program = product_words().program()
    for shapes, outs in [
        ([(3, 4)], [(3, 5)]),
        ([(3, 3), (4, 5)], [(3, 5)]),
        ([(3, 4), (4, 5)], [(3, 4)]),
        ([(3, -4), (4, 5)], [(3, 5)]),
    ]:
        with pytest.raises(_core.CoreError, match="ERR_SHAPE"):
            _core.Frame(f, _core.Context(program), shapes, outs)
    other = _core.Frame(f, _core.Context(product_words(m=2).program()), [(2, 4), (4, 5)], [(2, 5)], (2,))
    f._put(other)
    np.testing.assert_array_equal(f(A[:2], B), A[:2] @ B)
    np.testing.assert_array_equal(f(A, B), A @ B)
    assert f.slow == 1 and f.made == 0
    unset = Function.__new__(Function)
    unset.slow, unset.dtypes = 0, ["float32"]
    with pytest.raises(AttributeError, match="made"):
        unset(A)
    with pytest.raises(RuntimeError, match="twice"):
        f._configure([], [], [], "tuple")


def test_results_and_feeds_are_let_go():
    f = product_function()
    a, b = A.copy(), B.copy()
    result = f(a, b)
    refs = [weakref.ref(x) for x in (a, b, result)]
    del a, b, result
    gc.collect()
    assert [r() for r in refs] == [None] * 3


def test_parameters_are_updated_in_place_and_feeds_may_be_views_of_them():
    w = np.arange(4.0)
    f = Function(step_words(), ["float64"] * 2, ["float64"], [(4,), (1,)], [(4,)], [w])
    one = np.ones(1)
    np.testing.assert_array_equal(f(np.full(4, 10.0), one), [0, 1, 2, 3])
    np.testing.assert_array_equal(w, [10, 11, 12, 13])
    assert f._parameters[0] is w and f.slow == 0
    np.testing.assert_array_equal(f(w, one), [10, 11, 12, 13])  # w += w, from a copy
    np.testing.assert_array_equal(w, [20, 22, 24, 26])
    assert f.slow == 1
    frozen = w.copy()
    frozen.flags.writeable = False
    for bad in (frozen, w[::2], [1.0]):
        with pytest.raises(TypeError):
            _core.Runner()._configure(["float64"], ["float64"], [bad], "one")
    with pytest.raises(_core.CoreError, match="ERR_SHAPE"):
        Function(step_words(), ["float64"] * 2, ["float64"], [(4,), (1,)], [(4,)], [np.zeros(3)])


def test_failures_name_the_instruction():
    words = doubled_words()
    words.slots["input"] += 1
    idx = words.value(_core.VALUE_INPUT, "int64", 2, 1)
    words.instruction("check_index", [idx], [], [2, 5, -5])
    f = Function(words, ["float64", "int64"], ["float64"], [(6,), (2,)], [(6,)])
    f(np.zeros(6), np.array([0, 4]))
    with pytest.raises(RuntimeError, match="ERR_INDEX"):
        f(np.zeros(6), np.array([0, 9]))
    status, instruction, tag, a, b, context, layout = f.failures[0]
    assert (status, instruction, tag, a, b) == ("ERR_INDEX", 1, 101, 9, 5)
    assert isinstance(context, _core.Context) and layout is None
    np.testing.assert_array_equal(f(np.ones(6), np.array([0, 4])), np.full(6, 2.0))  # it runs on after a failure


def test_check_finite():
    f = Function(doubled_words(), ["float64"], ["float64"], [(6,)], [(6,)], check_finite=True)
    f(np.zeros(6))
    with pytest.raises(RuntimeError, match="ERR_NONFINITE"):
        f(np.array([0, 0, np.nan, 0, 0, 0.0]))
    assert f.failures[0][:5] == ("ERR_NONFINITE", 0, 100, 1, 2)


def long_run():
    """A program of some tens of milliseconds, and its arrays."""
    n = 300
    words = product_words(n, n, n, batch=60)
    return words, [np.ones((n, n), "float32")] * 2, np.zeros((60, n, n), "float32")


def during(context, arrays, out, action):
    """Calls action() while another thread runs the context."""
    before = _core.threads()
    _core.set_threads(1)
    try:
        for _ in range(20):
            runner = threading.Thread(target=context.run, args=(arrays, [out]))
            runner.start()
            time.sleep(0.002)
            running = runner.is_alive()
            result = action() if running else None
            still = runner.is_alive()
            runner.join()
            if running and still:
                return result
        pytest.fail("the run was always over too soon")
    finally:
        _core.set_threads(before)


def test_a_context_runs_on_one_thread_at_a_time_and_the_gil_is_released():
    words, arrays, out = long_run()
    context = _core.Context(words.program())

    def attempt():
        try:
            context.run(arrays, [np.zeros_like(out)])
        except _core.CoreError as e:
            return e.status

    assert during(context, arrays, out, attempt) == "ERR_BUSY"
    assert (out == 300).all()


def test_calls_that_overlap_have_frames_of_their_own():
    f = product_function()
    frame = f._take(())  # as a call that is under way has it
    np.testing.assert_array_equal(f(A, B), A @ B)
    assert f.made == 1
    f._put(frame)
    np.testing.assert_array_equal(f(A, B), A @ B)
    assert f.made == 1


def test_frames_of_overlapping_calls_go_when_calls_are_alone():
    f = product_function()
    frames = [f._take(()) for _ in range(5)]
    assert f.made == 4 and len({id(x) for x in frames}) == 5
    for frame in frames:
        f._put(frame)
    frames = [f._take(()) for _ in range(5)]
    assert f.made == 4  # they were kept: calls overlapped a moment ago
    for frame in frames:
        f._put(frame)
    for _ in range(20):
        np.testing.assert_array_equal(f(A, B), A @ B)
    frames = [f._take(()) for _ in range(5)]
    assert f.made == 8  # all but one had gone


def test_a_shared_turn_lets_one_run_after_another():
    """w = w + 1 by two contexts on two threads: none is lost."""
    w = np.zeros(4)
    turn, program = _core.Turn(), step_words().program()
    ones = [np.ones(4), np.ones(1)]

    def run(context):
        for _ in range(2000):
            context.run(ones, [np.empty(4)], [w])

    threads = [threading.Thread(target=run, args=(_core.Context(program, 0, turn),)) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    np.testing.assert_array_equal(w, np.full(4, 6000.0))


def test_bound_call_and_its_address():
    context = _core.Context(product_words().program())
    a, out = A.copy(), np.zeros((3, 5), "float32")
    bound = _core.Bound(context, [a, B], [out], [], lambda *what: None)
    assert bound() is None
    np.testing.assert_array_equal(out, A @ B)
    a += 1
    bound()
    np.testing.assert_array_equal(out, (A + 1) @ B)
    function, data = bound.address
    out[:] = 0
    assert ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(function)(data) == 0
    np.testing.assert_array_equal(out, (A + 1) @ B)
    refs = [weakref.ref(x) for x in (a, out)]
    del a, out
    gc.collect()
    assert all(r() is not None for r in refs)  # they live as long as the bound call
    del bound
    assert [r() for r in refs] == [None] * 2


def test_bound_refuses_overlaps_and_reports_failures():
    context = _core.Context(product_words().program())
    buffer = np.zeros(64, "float32")
    a, b, out = buffer[:12].reshape(3, 4), buffer[12:32].reshape(4, 5), buffer[32:47].reshape(3, 5)
    _core.Bound(context, [a, b], [out], [], print)()
    _core.Bound(context, [buffer[:12], buffer[4:24]], [out], [], print)()  # feeds may share
    for overlapping in (buffer[10:25], buffer[:15], buffer[31:46]):
        with pytest.raises(_core.CoreError, match="ERR_ALIAS"):
            _core.Bound(context, [a, b], [overlapping], [], print)
    words = Words()
    words.instruction("check_true", [words.slot("input", "bool", 1)], [], [0])
    seen, flag = [], np.ones(1, bool)
    bound = _core.Bound(_core.Context(words.program()), [flag], [], [], lambda *what: seen.append(what[:5]))
    bound()
    flag[0] = False
    with pytest.raises(_core.CoreError, match="ERR_CHECK"):
        bound()
    assert seen == [("ERR_CHECK", 0, 100, 0, -1)]


def test_calls_from_many_threads_on_their_own_contexts():
    program = product_words(60, 70, 80).program()
    rng = np.random.default_rng(0)
    feeds = [(rng.standard_normal((60, 80)).astype("f4"), rng.standard_normal((80, 70)).astype("f4")) for _ in range(4)]
    wanted, wrong = [], []
    for a, b in feeds:
        out = np.zeros((60, 70), "float32")
        _core.Context(program).run([a, b], [out])
        wanted.append(out)

    def work(i):
        context, out = _core.Context(program), np.zeros((60, 70), "float32")
        for _ in range(50):
            out[:] = 0
            context.run(feeds[i], [out])
            if out.tobytes() != wanted[i].tobytes():
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert not wrong
