"""Exported C gives the bits of the function it was made of, and bad input leaves no file."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from export_programs import PROGRAMS, WITHOUT_BITS, differences
from exported import Exported, flat
from under_test import ENVIRONMENT, PLACE

import graphdiff as gd
from graphdiff.export.program import KERNELS
from graphdiff.export.source_file import WRITERS

ALL = {**PROGRAMS, **WITHOUT_BITS}
SCRIPT = Path(__file__).resolve().parents[1] / "support" / "export_programs.py"


@pytest.mark.parametrize("name", ALL)
def test_results_are_those_of_the_function(name, tmp_path):
    function, feeds, sizes, _ = ALL[name]()
    _, made = differences(name, tmp_path, "-O0")
    assert made.work_bytes <= function.plan_for(**sizes).arena_bytes
    made.params = [p.value.copy() for p in function.parameters]
    status, got = made.call(*feeds)
    assert status == 0
    for a, b in zip(flat(function(*feeds)), got, strict=True):
        scale = np.abs(a[np.isfinite(a)]).max(initial=1e-30) if a.dtype.kind == "f" else 1
        np.testing.assert_allclose(b, a, rtol=0, atol=float(scale) * (1e-13 if a.dtype == np.float64 else 2e-6))


def test_bits_are_those_of_the_plain_core():
    environment = {**ENVIRONMENT, "GRAPHDIFF_ISA": "plain", "GRAPHDIFF_BLAS": "off", "GRAPHDIFF_RATES": "nominal"}
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "-O1"], env=environment, cwd=PLACE, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def small():
    x = gd.input("x", ("n", 3))
    return gd.compile([x], gd.sum(x * 2, axis=1), name="f")


@pytest.mark.parametrize(
    ("name", "sizes", "told"),
    [
        ("1st", {"n": 2}, "name is an identifier of C, letters, digits and _ after a letter, got '1st'"),
        ("a-b", {"n": 2}, "name is an identifier of C"),
        ("größe", {"n": 2}, "name is an identifier of C"),
        (3, {"n": 2}, "name is an identifier of C"),
        ("for", {"n": 2}, "'for' is a word of C or C\\+\\+"),
        ("class", {"n": 2}, "'class' is a word of C or C\\+\\+"),
        ("main", {"n": 2}, "'main' is a word of C"),
        ("x" * 201, {"n": 2}, "name has 201 characters, files have names of at most 200"),
        ("expf", {"n": 2}, "'expf' is a word of C"),
        ("read", {"n": 2}, "'read' is a word of C"),
        ("STEP", {"n": 2}, "'STEP' is a name that the exported program has inside"),
        ("inputs", {"n": 2}, "'inputs' is a name that the exported program has inside"),
        ("ok", {}, "export_c: the size n is missing"),
        ("ok", {"n": 2, "m": 3}, "export_c: no dimension is called 'm' \\(there are: n\\)"),
        ("ok", {"n": -1}, "export_c: n must be a non-negative integer, got -1"),
        ("ok", {"n": 2.5}, "export_c: n must be a non-negative integer, got 2.5"),
    ],
)
def test_bad_input_is_told_and_nothing_written(name, sizes, told, tmp_path):
    with pytest.raises(gd.GraphdiffError, match=told):
        small().export_c(tmp_path / "out", name, **sizes)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("folder", [None, 3])
def test_what_is_no_path_is_told(folder):
    with pytest.raises(gd.CompileError, match=f"folder is a path, got {folder}"):
        small().export_c(folder, "ok", n=2)


def test_every_kernel_is_exported_and_one_that_is_not_is_named(tmp_path, monkeypatch):
    assert set(KERNELS.values()) == set(WRITERS)
    x = gd.input("x", ("n", 3))
    f = gd.compile([x], gd.sort(x, axis=1) * 2, name="f")
    monkeypatch.delitem(WRITERS, "sort")
    for sizes in ({"n": 2}, {"sized": True}):
        with pytest.raises(gd.CompileError, match="sort cannot be exported to C") as told:
            f.export_c(tmp_path / "out", "f", **sizes)
        assert "test_export.py" in str(told.value) and not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OSError, match="file"):
        small().export_c(tmp_path / "file" / "out", "f", n=2)


def test_the_same_function_gives_the_same_text(tmp_path):
    first = [p.read_bytes() for p in small().export_c(tmp_path / "a", "f", n=2)]
    assert first == [p.read_bytes() for p in small().export_c(tmp_path / "b", "f", n=2)]


def test_a_failed_check_has_its_text_and_changes_nothing(tmp_path):
    _, made = differences("mlp", tmp_path, "-O0")
    before = [p.copy() for p in made.params]
    feeds = PROGRAMS["mlp"]()[1]
    status, _ = made.call(feeds[0], np.full(12, 5))
    assert status != 0 and b"index" in made.text(status)
    assert all((a == b).all() for a, b in zip(before, made.params))


def test_random_graphs_give_the_bits_of_the_plain_core():
    environment = {**ENVIRONMENT, "GRAPHDIFF_ISA": "plain", "GRAPHDIFF_BLAS": "off", "GRAPHDIFF_RATES": "nominal"}
    command = [sys.executable, str(SCRIPT.parent / "fuzz_export.py"), "--graphs", "12", "--first", "5"]
    run = subprocess.run(command, env=environment, cwd=PLACE, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(run.stdout.partition(" graphs")[0].split()[-1]) >= 9, run.stdout


def test_a_perceptron_with_adam_is_small(tmp_path):
    """784-64-10 at -Os: code and tables of 7 KB, no variables."""
    x, t = gd.input("x", ("batch", 784)), gd.input("t", ("batch",), dtype="int64")
    shapes = {"W1": (784, 64), "b1": (64,), "W2": (64, 10), "b2": (10,)}
    P = [gd.parameter(n, value=np.zeros(s, np.float32)) for n, s in shapes.items()]
    loss = gd.nn.cross_entropy(gd.nn.relu(x @ P[0] + P[1]) @ P[2] + P[3], t)
    f = gd.compile([x, t], loss, updates=gd.optim.Adam(1e-3).updates(P, gd.grad(loss, P)), name="mlp")
    f.export_c(tmp_path, "mlp", batch=32)
    subprocess.run([*"cc -std=c11 -Os -ffp-contract=off -c mlp.c".split()], cwd=tmp_path, check=True)
    told = subprocess.run(["size", "mlp.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    text, data, bss = map(int, told.splitlines()[1].split()[:3])
    assert data + bss == 0 and 2000 < text < 12_000


def test_threads_share_loops_with_the_same_bits(tmp_path):
    x, y = gd.input("x", (300, 200)), gd.input("y", (40, 30, 20))
    key = gd.state("key", value=np.int64(1))
    outs = [gd.exp(x) * gd.sin(x), gd.tanh(y @ gd.matrix_transpose(y)), gd.random.normal(key, (70_000,))]
    f = gd.compile([x, y], outs, name="f")
    rng = np.random.default_rng(0)
    feeds = [rng.standard_normal((300, 200)), rng.standard_normal((40, 30, 20))]
    with_threads = Exported(f, tmp_path / "a", "f", "-O1 -fopenmp -Df_OPENMP")
    assert (tmp_path / "a" / "f.c").read_text().count("    PARALLEL(") >= 3
    for a, b in zip(with_threads.call(*feeds)[1], Exported(f, tmp_path / "b", "f", "-O1").call(*feeds)[1]):
        assert a.tobytes() == b.tobytes()


def test_the_functions_own_name_may_be_an_arrays(tmp_path):
    x, P = gd.input("x", (3,)), gd.parameter("step", value=np.ones(3, np.float32))
    f = gd.compile([x], x * P, updates={P: P + x}, name="f")
    for name in ("x", "step"):
        status, got = Exported(f, tmp_path, name, "-O0").call(np.ones(3))
        assert status == 0 and got[0].tolist() == [1, 1, 1]


def test_names_of_arrays_are_kept_apart_from_those_inside(tmp_path):
    """Of loops, tables, functions, macros; NAME_call has its own."""
    names = ("i", "row", "inputs", "NAN", "captured0", "exp", "for")
    x = gd.input(names[0], (3, 4))
    W, U, b = (gd.parameter(n, value=np.ones(s, np.float32)) for n, s in zip(names[1:4], ((4, 4), (4, 4), (4,))))
    a, c, d = (gd.input(n, (4,)) for n in names[4:7])
    h, _ = gd.scan(lambda h, v: (gd.tanh(h @ U + v), None), a, x @ W + b)
    f = gd.compile([x, a, c, d], gd.sum(h * gd.exp(c) + d), name="names")
    made = Exported(f, tmp_path, "names", "-O0")
    feeds = [np.full(v.shape, 0.1, np.float32) for v in (x, a, c, d)]
    status, got = made.call(*feeds)
    assert status == 0 and abs(got[0] - f(*feeds)) < 1e-5
