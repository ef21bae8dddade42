"""Files and pickles: what fails while one is written leaves the old one whole, what is damaged is refused."""

import errno
import io
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from under_test import PLACE

import graphdiff as gd
from graphdiff.files import write_file


def small(value=1.0, rows=3):
    x, W = gd.input("x", shape=("batch", 3)), gd.parameter("W", value=np.full((rows, 3), value, np.float32))
    return gd.compile([x], gd.sum(gd.tanh(x @ W.T)), updates={W: W + gd.mean(x)})


def only(folder, name="f.gd"):
    return os.listdir(folder) == [name]


# ------------------------------------------------------------------ writing


def test_bytes_text_and_functions_are_written(tmp_path):
    path = tmp_path / "a"
    for content in (b"one", "zwei ü", lambda file: file.write(b"three")):
        write_file(path, content)
        assert path.read_bytes() in (b"one", "zwei ü".encode(), b"three")
    assert only(tmp_path, "a")


def test_permissions_and_links_stay(tmp_path):
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_text("old")
    there.chmod(0o640)
    link.symlink_to("there")
    write_file(link, "new")
    assert link.is_symlink() and there.read_text() == "new" and there.stat().st_mode & 0o777 == 0o640
    write_file(tmp_path / "fresh", "new")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    end = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_file(tmp_path / "pipe", "through")
    assert os.read(end, 99) == b"through" and only(tmp_path, "pipe")
    os.close(end)


@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, stop):
    path = tmp_path / "f.gd"
    path.write_text("old")

    def content(file):
        file.write(b"half")
        raise stop

    with pytest.raises(type(stop)):
        write_file(path, content)
    assert path.read_text() == "old" and only(tmp_path)


def test_an_interrupt_at_any_line_of_a_save_leaves_a_whole_file(tmp_path):
    """The old one or the new one, and nothing beside it."""
    path, old, new = tmp_path / "f.gd", small(1.0), small(2.0)
    wholes = []
    for f in (old, new):
        f.save(path)
        wholes.append(path.read_bytes())
    old.save(path)

    def at_line(stop):
        seen = 0

        def trace(frame, event, _):
            nonlocal seen
            if "graphdiff" in frame.f_code.co_filename or "zipfile" in frame.f_code.co_filename:
                seen += event == "line"
                if event == "line" and seen == stop:
                    raise KeyboardInterrupt
            return trace

        return trace

    stop, interrupted, before = 0, 0, sys.gettrace()
    while interrupted == stop // 7:  # every seventh line, until a save ends uninterrupted
        stop += 7
        old.save(path)
        sys.settrace(at_line(stop))
        try:
            new.save(path)
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            sys.settrace(before)
        assert path.read_bytes() in wholes and only(tmp_path), stop
    assert interrupted > 100


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.gd"
    small().save(path)
    whole = path.read_bytes()
    code = """
import os, signal, sys, graphdiff as gd
from graphdiff.runtime import save
pack = save.pack
def half(file, content):
    pack(file, content)
    file.seek(100)
    file.truncate()
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
save.pack = half
x = gd.input("x", shape=(3,))
gd.compile([x], x * 2.0).save(sys.argv[1])
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=PLACE)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == whole and gd.load(path)(np.ones((2, 3), np.float32)) is not None


def test_a_limit_of_file_sizes_is_an_oserror_and_leaves_the_old_file(tmp_path):
    path, large = tmp_path / "f.gd", small(rows=4000)
    small().save(path)
    whole = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match=r"File too large.*f\.gd"):
            large.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert path.read_bytes() == whole and only(tmp_path)


def test_a_full_disk_is_an_oserror():
    with pytest.raises(OSError, match="No space left"):
        small(rows=4000).save("/dev/full")


def test_a_folder_that_is_missing_is_told_by_the_users_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none/f\.gd"):
        small().save(tmp_path / "none" / "f.gd")


@pytest.mark.parametrize("write", ["html", "svg", "trace", "plot", "repro"])
def test_every_writer_writes_whole_files(tmp_path, monkeypatch, write):
    """What fails before the new file takes its place leaves the old one."""
    f = small()
    path = tmp_path / ("operands.npz" if write == "repro" else "a.svg")
    path.write_text("old")
    error = gd.NonFiniteError("x", operands={"x0": np.ones(3)}, script="import os")
    writers = {
        "html": lambda: f.to_html(path),
        "svg": lambda: f.to_svg(path),
        "trace": lambda: f.profile(np.ones((2, 3), np.float32), calls=1).write_trace(path),
        "plot": lambda: (f(np.ones((2, 3), np.float32)), f.plan.plot(path)),
        "repro": lambda: error.write_repro(tmp_path),
    }
    with monkeypatch.context() as failing:
        failing.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
        with pytest.raises(OSError, match="I/O error"):
            writers[write]()
    assert path.read_text() == "old" and only(tmp_path, path.name)
    writers[write]()
    assert path.read_bytes() != b"old"


# ------------------------------------------------------------------ where from and where to


def test_paths_and_open_files(tmp_path):
    f, file = small(), io.BytesIO()
    f.save(str(tmp_path / "a"))
    f.save(tmp_path / "b")
    f.save(file)
    with open(tmp_path / "c", "wb") as opened:
        f.save(opened)
    whole = file.getvalue()
    assert all((tmp_path / name).read_bytes() == whole for name in "abc")
    one = np.ones((2, 3), np.float32)
    with open(tmp_path / "c", "rb") as opened:
        for place in (str(tmp_path / "a"), tmp_path / "b", io.BytesIO(whole), opened):
            assert gd.load(place)(one) == small()(one)
    for call, wrong in ((f.save, 3), (f.save, None), (gd.load, 3), (gd.load, b"x")):
        with pytest.raises(gd.GraphError, match="expected a path or an open file"):
            call(wrong)


def test_a_loaded_function_overwrites_its_file(tmp_path):
    small().save(tmp_path / "f.gd")
    for _ in range(3):
        f = gd.load(tmp_path / "f.gd")
        f(np.ones((2, 3), np.float32))
        f.save(tmp_path / "f.gd")
    assert gd.load(tmp_path / "f.gd").parameters[0].value[0, 0] == 4


# ------------------------------------------------------------------ results of every structure


def test_sparse_results_are_saved_and_pickled(tmp_path):
    x = gd.input("x", shape=(5,))
    y = x[1:] * x[:-1]
    f = gd.compile([x], {"J": gd.jacobian(y, x, sparse=True), "y": [y, gd.jacobian(x * x, x, sparse=True)]})
    f.save(tmp_path / "f.gd")
    feed = np.arange(5, dtype=np.float32)
    wanted = f(feed)
    for g in (gd.load(tmp_path / "f.gd"), pickle.loads(pickle.dumps(f))):
        got = g(feed)
        assert (got["J"] != wanted["J"]).nnz == 0 and (got["y"][1] != wanted["y"][1]).nnz == 0
        assert got["J"].shape == (4, 5) and got["J"].nnz == wanted["J"].nnz


KEYS = ["a", "", "é\n", 0, -3, 2.5, True, None, b"\xff", ("a", 1, (None,)), ()]


def test_any_plain_key_is_saved(tmp_path):
    x = gd.input("x", shape=(2,))
    W = gd.parameter("W", value=np.ones(2, np.float32))
    f = gd.compile([x], {**{k: x * float(n) for n, k in enumerate(KEYS)}, W: W * x, x: (x, {1: [x]})})
    f.save(tmp_path / "f.gd")
    for g in (gd.load(tmp_path / "f.gd"), pickle.loads(pickle.dumps(f))):
        got = g(np.ones(2, np.float32))
        assert [got[k][0] for k in KEYS] == list(range(len(KEYS)))
        assert [type(k) for k in got if not isinstance(k, gd.Tensor)] == [type(k) for k in KEYS]
        assert got[g.parameters[0]][0] == 1 and got[g.graph.inputs[0]][1][1][0][0] == 1


def test_other_keys_are_pickled_and_refused_by_files_before_anything_is_written(tmp_path):
    x = gd.input("x", shape=(2,))
    f = gd.compile([x], {frozenset("a"): x, "y": x})
    assert pickle.loads(pickle.dumps(f))(np.ones(2, np.float32))[frozenset("a")][0] == 1
    (tmp_path / "f.gd").write_text("old")
    with pytest.raises(gd.GraphError, match=r"cannot hold frozenset\(\{'a'\}\) \(frozenset\), a key of the results"):
        f.save(tmp_path / "f.gd")
    assert (tmp_path / "f.gd").read_text() == "old" and only(tmp_path)
    with pytest.raises(gd.GraphError, match="a file cannot hold %0: f32"):
        gd.compile([x], {x * 2.0: x}).save(tmp_path / "f.gd")


# ------------------------------------------------------------------ damaged files


def members(f):
    file = io.BytesIO()
    f.save(file)
    with zipfile.ZipFile(file) as z:
        return {name: z.read(name) for name in z.namelist()}


def packed(content, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as z:
        for name, data in content.items():
            z.writestr(name, data)
    return io.BytesIO(file.getvalue())


def changed(content, **settings):
    meta = json.loads(content["function.json"]) | settings
    return {**content, "function.json": json.dumps({k: v for k, v in meta.items() if v != "gone"})}


@pytest.fixture(scope="module")
def good():
    x, W = gd.input("x", shape=("batch", 3)), gd.parameter("W", value=np.ones((3, 3), np.float32))
    gd.check(gd.all(x < 9), "x is large")
    gd.monitor(gd.mean(x), "mean")
    f = gd.compile([x], {"a": [x @ W, gd.jacobian(W @ W[0], W, sparse=True)]}, updates={W: W * 2}, checkpoint="sqrt")
    content = members(f)
    assert gd.load(packed(content))(np.ones((2, 3), np.float32))["a"][0].shape == (2, 3)
    return content


STRUCTURES = [
    7,
    -1,
    0,
    None,
    1.0,
    True,
    "a",
    [],
    {"list": [0, 1]},
    {"list": [0, 0]},
    {"list": [0, 1, 2]},
    {"list": 0},
    {"set": [0, 1]},
    {"dict": [["a"]]},
    {"dict": [["a", 0], ["a", 1]]},
    {"dict": [[{"leaf": "V"}, 0]]},
    {"dict": [[{"object": 0}, 0]]},
    {"dict": [[{"leaf": {}}, 0]]},
    {"dict": [[{"leaf": ["a"]}, 0], ["b", 1]]},
    {"dict": [[{"tuple": [{"leaf": {"a": 0}}]}, 0]]},
    {"list": [0, {"sparse": 1, "entries": []}]},
    {"list": [0, {"sparse": 1, "entries": {"a": 1}}]},
    {"dict": [[[], 0]]},
    {"list": [0, {"sparse": 1, "shape": [3, 9], "pattern": "nothing"}]},
    {"list": [0, {"sparse": 1, "shape": [3, 8], "pattern": "pattern0"}]},
    {"list": [0, {"sparse": 1, "shape": [10**12, 9], "pattern": "pattern0"}]},
    {"list": [1, {"sparse": 0, "shape": [3, 9], "pattern": "pattern0"}]},
]


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_a_bad_structure_is_told_at_load(good, structure):
    if structure == {"list": [0, 1]}:  # what fits loads, but for the pattern that nobody asks for
        with pytest.raises(gd.GraphError, match="does not belong here"):
            gd.load(packed(changed(good, structure=structure)))
        return
    with pytest.raises(gd.GraphError, match="no saved function"):
        gd.load(packed(changed(good, structure=structure)))


@pytest.mark.parametrize("key", list(json.loads(members(small())["function.json"])))
@pytest.mark.parametrize("value", ["gone", None, [], {}, -1, 10**30, "x", [[0]], 1.5, True, float("nan")], ids=str)
def test_settings_that_are_missing_or_of_another_kind(good, key, value):
    allowed = {"debug": [True], "nominal": [True], "memory_limit": [None, 10**30], "threads": [None]}
    allowed |= {"checkpoint": [None, [], 10**30], "plan_seconds": [1.5], "factors": [[]]}
    if value in allowed.get(key, []) and type(value) in map(type, allowed[key]):
        gd.load(packed(changed(good, **{key: value})))
        return
    with pytest.raises(gd.GraphError, match="the file is no saved function"):
        gd.load(packed(changed(good, **{key: value})))


def test_members_that_are_missing_doubled_strange_or_compressed(good):
    for name in good:
        with pytest.raises(gd.GraphError, match=name):
            gd.load(packed({k: v for k, v in good.items() if k != name}))
    with pytest.raises(gd.GraphError, match=r"b\.py does not belong here"):
        gd.load(packed({**good, "b.py": b"import os"}))
    with pytest.raises(gd.GraphError, match="is compressed or encrypted"):
        gd.load(packed(good, zipfile.ZIP_DEFLATED))
    file = packed(good)
    with zipfile.ZipFile(file, "a") as z, pytest.warns(UserWarning, match="Duplicate"):
        z.writestr("graph.txt", good["graph.txt"])
    with pytest.raises(gd.GraphError, match="a member is there twice"):
        gd.load(file)


def test_arrays_are_held_to_the_graphs_types(good):
    def npy(array, order="C"):
        file = io.BytesIO()
        np.save(file, np.asarray(array, order=order))
        return file.getvalue()

    good_array = npy(np.eye(3, dtype=np.float32))
    gd.load(packed({**good, "parameter0.npy": good_array}))
    bad = [
        npy(np.eye(3)),
        npy(np.eye(4, dtype=np.float32)),
        npy(np.zeros(9, np.float32)),
        npy(np.arange(9, dtype=np.float32).reshape(3, 3), "F"),
        npy(np.eye(3, dtype=">f4")),
        good_array[:-1],
        good_array + b"\0",
        good_array.replace(b"(3, 3)", b"(3,-3)"),
        good_array.replace(b"(3, 3)", b"(3**3)"),
        good_array[:60],
        b"",
        pickle.dumps(3),
    ]
    for data in bad:
        with pytest.raises(gd.GraphError, match=r"parameter0\.npy"):
            gd.load(packed({**good, "parameter0.npy": data}))


def test_what_text_and_settings_say_wrong_is_told_with_file_and_line(good, tmp_path):
    path = tmp_path / "damaged.gd"
    text = good["graph.txt"].replace(b"matmul(x", b"matmul(y")
    path.write_bytes(packed({**good, "graph.txt": text}).getvalue())
    with pytest.raises(gd.GraphError, match=r"damaged\.gd: graph\.txt, line \d+: y is no input") as error:
        gd.load(path)
    assert "matmul(y" in error.value.operation and "test_files.py" in error.value.source
    for data in (b"\xff", b"", b"graph f() -> ():\n  return\n"):
        with pytest.raises(gd.GraphError):
            gd.load(packed({**good, "graph.txt": data}))
    for data in (b"", b"[]", b"{", b"[" * 100_000, b'{"format": ' + b"9" * 5000 + b"}", b"\xff"):
        with pytest.raises(gd.GraphError, match="no saved function"):
            gd.load(packed({**good, "function.json": data}))


def test_what_is_no_archive(tmp_path):
    for data in (b"", b"PK", b"PK\x05\x06" + bytes(18), bytes(100), b"PK\x03\x04" * 50):
        with pytest.raises(gd.GraphError, match="no saved function"):
            gd.load(io.BytesIO(data))
    with pytest.raises(gd.GraphError, match="none"):
        gd.load(tmp_path / "none")
    with pytest.raises(gd.GraphError, match="directory"):
        gd.load(tmp_path)


def test_settings_survive(tmp_path):
    x, W = gd.input("x", shape=(4,)), gd.parameter("W", value=np.ones(4, np.float32))
    y = gd.tanh(x * W)
    f = gd.compile(
        [x], gd.grad(gd.sum(y), W), costs="nominal", threads=1, plan_seconds=0.5, memory_limit="1MB", checkpoint=[y]
    )
    profiled = gd.compile([x], gd.grad(gd.sum(y), W), costs=f.profile(np.ones(4, np.float32), calls=1), debug="nan")
    for before in (f, profiled):
        before.save(tmp_path / "f.gd")
        a, b = before._compiled, gd.load(tmp_path / "f.gd")._compiled
        assert (a.threads_asked, a.plan_seconds, a.limit, a.debug) == (
            b.threads_asked,
            b.plan_seconds,
            b.limit,
            b.debug,
        )
        assert (a.costs.nominal, a.costs.factors) == (b.costs.nominal, b.costs.factors)
