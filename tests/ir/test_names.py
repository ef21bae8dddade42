"""Any text is a name and comes back as it was: through text, files, pickles, scripts, pages; and names of sizes."""

import json
import pickle
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from under_test import ENVIRONMENT

import graphdiff as gd
from graphdiff.ir.dims import Dim, as_size, names_of
from graphdiff.ir.text import name_text

NAMES = [
    "class",
    "self",
    "out",
    "gpu_0/data.0",
    "x̂",
    "θ̂",
    "x·y",
    "हिन्दी",
    "ภาษาไทย",
    "ﬁ",
    "ª",
    "x²",
    "①",
    " ",
    "a b ",
    "say \"x\" and 'y'",
    '"""',
    "\\",
    "\\n",
    "a\nb\r\n",
    "a\u2028b",
    "\x00\x1b",
    "\ud800",
    "f32",
    "True",
    "inf",
    "2",
    "%0",
    "@0",
    "# of %1",
    "x: f32[2], y",
    "x)->f32[]:",
    "return",
    "<b>&amp;",
    "{x}",
    "🎉",
    "a" * 1000,
]


@pytest.fixture(params=NAMES, ids=ascii)
def name(request):
    return request.param


def function_of(name, **options):
    x, w = gd.input(name, (2,)), gd.parameter(name + "'", np.full(2, 3, np.float32))
    with gd.name_scope(name):
        y = gd.log(x) * w
    gd.monitor(gd.sum(y), name)
    gd.check(gd.all(x < 99), name)
    return gd.compile([x], {name: y, "g": gd.grad(gd.sum(y), w)}, updates={w: w + 1}, name=name, **options)


ONES = np.ones(2, np.float32)


def check(f, name):
    assert f.name == name and [v.name for v in f.graph.inputs] == [name]
    assert [p.name for p in f.parameters] == [name + "'"]
    out = f(**{name: ONES})
    assert out[name].tobytes() == f(ONES)[name].tobytes() and list(f.monitors) == [name]
    assert all(n.scope == name for n in f.graph.nodes if n.op.name == "log")
    with pytest.raises(gd.FeedError) as error:
        f(ONES * 100)
    assert error.value.fact == name


def test_calls_files_and_pickles(name, tmp_path):
    f = function_of(name)
    f.save(tmp_path / "f.gd")
    for g in (f, gd.load(tmp_path / "f.gd"), pickle.loads(pickle.dumps(f))):
        check(g, name)
    buffers = [np.zeros(2, np.float32), np.zeros(2, np.float32)]
    bound = f.bind(ONES, out=buffers) if name == "out" else f.bind(**{name: ONES}, out=buffers)
    bound()
    assert np.array_equal(buffers[1], np.zeros(2))


def test_text(name):
    text = str(function_of(name).graph)
    graph = gd.parse(text)
    assert graph.name == name and graph.inputs[0].name == name and graph.parameters[0].name == name + "'"
    assert str(graph) == text and text.isprintable() is False and text.replace("\n", "").isprintable()
    assert gd.compile(graph, parameters={name + "'": ONES})(**{name: ONES})[0].tolist() == [0, 0]


def test_errors_and_repro_scripts(name, tmp_path):
    f = function_of(name, debug="nan")
    with pytest.raises(gd.NonFiniteError) as error:
        f(-ONES)
    assert name_text(name) in str(error.value)
    script = error.value.write_repro(tmp_path)
    if name in NAMES[::6]:
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=ENVIRONMENT)
        assert "2 of 2 not finite" in done.stdout, done.stderr
    compile(script.read_text(encoding="utf-8"), "repro.py", "exec")


def test_pages_and_pictures(name, tmp_path):
    f = function_of(name)
    f.to_html(tmp_path / "a.html", **{name: ONES})
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<b>&amp;" not in page
    ElementTree.fromstring(f.to_svg(tmp_path / "a.svg"))
    dot = re.sub(r"\\.", "", f.to_dot())  # what is escaped
    assert all(line.count('"') % 2 == 0 and line.isprintable() for line in dot.split("\n"))


def test_fresh_names():
    made = [gd.input(None, (2,)) for _ in range(3)]
    assert len({x.name for x in made}) == 3
    assert gd.compile(made, made[0] + made[1] * made[2])(ONES, ONES, ONES).tolist() == [2, 2]
    for none in ("", 3, b"x"):
        with pytest.raises(gd.GraphError, match="the name must be a non-empty string"):
            gd.input(none, (2,))


# ------------------------------------------------------------------ names of sizes

SIZES = ["ﬁ", "ª", "x̂", "x·y", "हिन्दी", "class", "None", "f32", "inf", "least", "K", "self"]


@pytest.mark.parametrize("name", SIZES)
def test_a_size_is_called_as_it_is_written(name, tmp_path):
    x = gd.input("x", (name, f"2*{name}+1"))
    n = x.shape[0]
    assert n == name and x.shape[1] == 2 * n + 1 and names_of(x.shape[1]) == {name}
    assert as_size(str((n + 1) // 2 * n)) == (n + 1) // 2 * n
    y = gd.reshape(x[1:], (-1,))
    f = gd.compile([x], [y, gd.broadcast_to(gd.sum(x), (n,))])
    graph = gd.parse(str(f.graph))
    assert graph.inputs[0].shape == x.shape and str(graph) == str(f.graph)
    f.save(tmp_path / "f.gd")
    feed = np.ones((3, 7), np.float32)
    for g in (f, gd.load(tmp_path / "f.gd"), pickle.loads(pickle.dumps(f)), gd.compile(graph)):
        assert [a.shape for a in g(feed)] == [(14,), (3,)] and g.plan.sizes == {name: 3}
    assert f.plan_for(**{name: 3}).arena_bytes == f.plan.arena_bytes
    assert pickle.loads(pickle.dumps(x.shape)) == x.shape


EXPRESSIONS = [
    ("n", 5),
    (" n + 1 ", 6),
    ("-n+1", -4),
    ("-(n-1)", -4),
    ("2*-n", -10),
    ("n-m-1", 1),
    ("n-(m-1)", 3),
    ("n*m//2", 7),
    ("n//m*2", 2),
    ("-n//2", -3),
    ("least(n+1,2*m)", 6),
    ("ceil_sqrt(least(n,m))*2", 4),
    ("((((n))))", 5),
    ("17", 17),
]


@pytest.mark.parametrize(("text", "value"), EXPRESSIONS)
def test_expressions_of_sizes(text, value):
    size = as_size(text)
    assert gd.ir.dims.evaluate(size, {"n": 5, "m": 3}) == value
    if isinstance(size, Dim):
        assert as_size(str(size)) == size


BAD = ["", " ", "n+", "+n", "n m", "n(m)", "(n", "n)", "()", "n,m", "(n,m)", "least(n)", "least(n,m,n)", "ceil_sqrt()"]
BAD += ["ceil_sqrt(n,m)", "n**2", "n/2", "1.5", "n%2", "0x10", "1_000", "2n", "x.y", "n==m", "٣", "[n]", "n;m", "n\0"]
BAD += ["9" * 20, "(" * 9999 + "n" + ")" * 9999, "-" * 9999 + "n"]


@pytest.mark.parametrize("text", BAD, ids=lambda t: t[:20].encode("unicode_escape").decode())
def test_texts_that_are_no_size(text):
    with pytest.raises(gd.ShapeError, match="is no size"):
        as_size(text)


def test_sizes_cannot_grow_without_bound():
    sum_ = "(" + "+".join("abcdef") + ")"
    for text in ("*".join([sum_] * 40), "//".join(f"({n}+1)" for n in "abc" * 300), "*".join(["n"] * 1999)):
        try:
            assert len(str(as_size(text))) <= 4000
        except gd.ShapeError as error:
            assert len(str(error)) < 400
    n = gd.ir.dims.named("n")
    with pytest.raises(gd.ShapeError, match="rounds 101 times"):
        for _ in range(200):
            n = (n + 1) // 2
    with pytest.raises(gd.ShapeError, match=r"rounds 101 times|is longer than 4000 characters|too many terms"):
        for _ in range(200):
            n = (n * n + n) // 2
    with pytest.raises(gd.ShapeError, match="65 dimensions; arrays have at most 64"):
        gd.input("x", (1,) * 65)


def test_json_of_names_is_what_stands_in_text():
    assert name_text("θ̂") == '"θ̂"' and name_text("θ") == "θ" and name_text("a\n") == '"a\\n"'
    assert json.loads(name_text("\ud800")) == "\ud800"
