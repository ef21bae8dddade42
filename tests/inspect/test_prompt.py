"""What a prompt, a notebook and a print show: one line, a bounded table, a whole text up to where it is too long."""

import html.parser
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import train
from graphdiff.testing import Comparison, Report
from graphdiff.wording import count, one_line, seconds_text


def values():
    """An instance of every public class, and of what public functions give."""
    x = gd.input("x", shape=("batch", 3))
    W = gd.parameter("W", np.arange(6, dtype=np.float32).reshape(3, 2))
    n = gd.state("n", np.int64(0))
    loss = gd.mean(gd.tanh(x @ W))
    adj = gd.adjoint(loss, {"W": W})
    opt = gd.optim.Adam()
    f = gd.compile([x], [loss], updates={**opt.updates(W, adj.gradients["W"]), n: n + 1}, name="step")
    data = np.ones((4, 3), np.float32)
    f(data)
    y = gd.input("y", shape=(3,), dtype="float64")
    report = gd.check_grad(loss, W, {x: data})
    flow = gd.inspect.GradientFlow(loss, W, chain=[x, loss])
    flow.record(gd.compile([x], flow.outputs)(data))
    kinds = [e for e in vars(gd).values() if inspect.isclass(e) and issubclass(e, gd.GraphdiffError)]
    told = {gd.UnsupportedOperator: ("m.onnx", {"A" * 500: 2}, "file.py:1")}  # all others take the same
    errors = [e(*told.get(e, ("a fact " + "long " * 100, "%0 = f()", "file.py:1"))) for e in kinds]
    dataset = train.Dataset("digits", data, np.zeros(4, np.int64), data, np.zeros(4, np.int64), ("0", "1"))
    return [
        x,
        W,
        n,
        loss,
        x.shape[0] * 2 - 1,
        loss.node,
        loss.node.source,
        adj,
        adj.explain(adj.backward[0]),
        adj.graph(),
        f,
        f.plan,
        f.plan.instructions[0],
        f.plan.blocks()[0],
        f.bind(x=data),
        f.profile(data),
        f.profile(data).rows[0],
        gd.tradeoff([x], loss, [0.5], sizes={"batch": 4}),
        gd.jacobian(y * y, y, sparse=True),
        report,
        *report.comparisons,
        flow,
        *flow.jacobians({x: data}),
        gd.inspect.diff(f.graph, f.graph),
        gd.Every(3),
        gd.name_scope("block"),
        opt,
        gd.optim.SGD(0.1, momentum=0.9),
        gd.optim.AdamW(n.astype("float32")),
        gd.optim.RMSprop(),
        gd.optim.Adagrad(),
        *[getattr(gd.optim, name)() for name in ("NAdam", "RAdam", "Adamax", "LAMB", "Lion", "Adafactor", "Adadelta")],
        gd.optim.Rprop(lambda count: 0.1),
        gd.optim.schedules.warmup(gd.optim.schedules.one_cycle(0.1, 1000), 10),
        gd.init.he_normal(seed=0),
        gd.init.normal(0.5, seed=3),
        gd.init.constant(np.zeros((50, 50))),
        dataset,
        train.History(),
        train.Trainer(gd.layers.Linear(3, 3), gd.nn.mse, gd.optim.SGD(0.1)),
        train.EarlyStopping(),
        train.Checkpoint("folder"),
        train.CSVLogger("log.csv"),
        train.TensorBoard("folder"),
        f.entry(batch=4),
        train.ReduceLROnPlateau(),
        train.DataError("no data"),
        *errors,
    ]


def public_classes():
    """Every class that a public module has."""
    modules = [gd, gd.inspect, gd.optim, gd.init, gd.nn, gd.linalg, gd.random, train]
    return {c for m in modules for name, c in vars(m).items() if inspect.isclass(c) and not name.startswith("_")}


def test_every_repr_is_one_short_line_that_says_what_it_is():
    shown = values()
    for v in shown:
        text = repr(v)
        assert "\n" not in text and 0 < len(text) < 200 and "object at 0x" not in text, text
    met = {c for v in shown for c in type(v).__mro__}
    missing = {c.__name__ for c in public_classes() if c.__module__.startswith("graphdiff")} - {c.__name__ for c in met}
    assert missing == set()


def test_what_some_say():
    x, t = gd.input("x", shape=("batch", 4)), gd.input("t", shape=("batch",), dtype="int64")
    W, b = gd.parameter("W", np.ones((4, 3), np.float32)), gd.parameter("b", np.ones(3, np.float32))
    loss = gd.nn.cross_entropy(x @ W + b, t)
    adj = gd.adjoint(loss, [W, b])
    halves = f"{len(adj.forward)} forward, {len(adj.backward)} backward nodes"
    assert repr(adj) == f"<Adjoint of loss wrt W, b: {halves}>"
    graph = gd.inspect.whole_graph(loss)
    assert repr(graph) == f"<Graph graph: 2 inputs, {len(graph)} nodes>"
    assert repr(gd.Graph("step", [x], [x])) == "<Graph step: 1 input, 0 nodes>"
    assert repr(gd.optim.Adam()) == "Adam(lr=0.001)"
    assert repr(gd.optim.SGD(0.1, nesterov=True, momentum=0.9)) == "SGD(lr=0.1, momentum=0.9, nesterov=True)"
    assert repr(gd.optim.AdamW(weight_decay=0.1)) == "AdamW(lr=0.001, weight_decay=0.1)"
    assert repr(gd.optim.Adagrad(initial_accumulator_value=1.0)) == "Adagrad(lr=0.01, initial_accumulator_value=1.0)"
    assert [repr(i) for i in (gd.init.he_normal(seed=0), gd.init.zeros(), gd.init.uniform(-1, 1, 5))] == [
        "he_normal(seed=0)",
        "zeros()",
        "uniform(a=-1, b=1, seed=5)",
    ]
    assert repr(gd.ShapeError("no", "%0 = f()")) == "ShapeError('no')"
    assert repr(gd.Every(4)) == "Every(k=4)"
    f = gd.compile([x, t], loss, name="step")
    assert repr(f) == "<Function step(x: f32[batch,4], t: i64[batch]) -> f32[]>"
    plan = f.plan_for(batch=8)
    assert repr(plan).startswith(f"<Plan of step at batch=8: {count(len(plan.instructions), 'instruction')}, arena ")
    assert "\n" not in repr(gd.input("a\nb" * 300)) and len(repr(gd.input("a\nb" * 300))) < 200


class Balanced(html.parser.HTMLParser):
    """Fails where tags do not close, or a name that was given became one."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "img", "evil")
        if tag not in ("br", "path", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "rect"):
            assert self.open.pop() == tag


def test_what_notebooks_show_is_escaped_closed_and_bounded():
    evil = "<evil onload=1>&</pre>"
    x = gd.input(evil + "x", shape=(3,))
    W = gd.parameter(evil, np.array([np.nan, 1.0, -2.0], np.float32))
    large = gd.parameter("large", np.random.default_rng(0).standard_normal((300, 300)))
    with gd.name_scope(evil):
        loss = gd.sum(gd.tanh(x * W))
        h = x
        for _ in range(3000):
            h = gd.sin(h)
        loss = loss + gd.sum(h)
    adj = gd.adjoint(loss, [W])
    f = gd.compile([x], [loss], updates={W: W - adj.gradients[0]}, name=evil)
    data = {evil + "x": np.ones(3, np.float32)}
    ok = gd.parameter("ok" + evil, np.ones(3, np.float32))
    report = Report([Comparison(evil, "vjp", 1, 3, 0, float(k), 1e-6) for k in range(100)])
    flow = gd.inspect.GradientFlow(gd.sum(ok * ok), [ok])
    flow.record(gd.compile([], flow.outputs)())
    shown = [
        x,
        W,
        large,
        loss,
        adj,
        adj.graph(evil),
        f,
        f.plan,
        f.profile(**data),
        report,
        flow,
        gd.tradeoff([x], loss, [0.5, 0.9], name=evil),
        gd.state("e", np.zeros((0, 2))),
    ]
    for v in shown:
        text = v._repr_html_()
        page = Balanced()
        page.feed(text)
        page.close()
        assert page.open == [] and "<evil" not in text and len(text) < 40_000, repr(v)
    bad = gd.parameter("bad", np.array([np.nan, 1.0, -2.0]))._repr_html_()
    assert "1 not finite" in bad and "from -2 to 1" in bad
    assert "90,000 elements" in large._repr_html_() and "norm 300" in large._repr_html_()
    assert "MISMATCH" in report._repr_html_() and "and 70 more" in report._repr_html_()


def chain(n):
    x = gd.input("x", shape=(2,))
    h = x
    for _ in range(n):
        h = gd.sin(h)
    return x, h


def test_prints_are_whole_up_to_a_thousand_nodes():
    x, h = chain(1000)
    graph = gd.Graph("g", [x], [h])
    assert str(graph) == graph.text() and str(gd.parse(str(graph))).count("sin(") == 1000
    x, h = chain(5000)
    graph = gd.Graph("g", [x], [h])
    text = graph.text().splitlines()
    short = str(graph).splitlines()
    assert short[0] == text[0] and short[-1] == text[-1] == "  return %4999" and len(short) < 200
    (note,) = [k for k, line in enumerate(short) if line not in text]
    assert short[note] == "  ... 4,850 of 5,000 nodes are left out; text() has all of them"
    assert short[:note] == text[:note] and short[note + 1 :] == text[note - len(short) + 1 :]
    with pytest.raises(gd.GraphError, match=r"graph\.text\(\) has all of them"):
        gd.parse(str(graph))
    assert gd.parse(graph.text()).text() == graph.text().replace("test_prompt", "test_prompt")
    adj = gd.adjoint(gd.sum(h), x)
    assert len(str(adj).splitlines()) < 400 and str(adj).count("left out") == 2
    assert len(adj.text().splitlines()) > 15_000 and "left out" not in adj.text()
    plan = gd.compile([x], [gd.cumsum(h)], debug="nan").plan
    assert str(plan) == plan.text() or "left out" in str(plan)


def test_long_plans_are_cut():
    x = gd.input("x", shape=(5, 5))  # smaller products would be one tape
    h = x
    for _ in range(1500):
        h = h @ x
    plan = gd.compile([x], h).plan
    assert len(plan.instructions) == 1500 and len(plan.text().splitlines()) >= 1502
    assert len(str(plan).splitlines()) < 200 and "1,350 of 1,500 instructions are left out" in str(plan)


def test_words():
    times = (0, 1.234e-9, 9.999e-7, 1.5e-6, 12.34e-6, 9.996e-4, 0.1234, 0.9999, 12.5, 4000)
    assert [seconds_text(s) for s in times] == [
        "0 ns",
        "1.23 ns",
        "1 µs",
        "1.5 µs",
        "12.3 µs",
        "1 ms",
        "123 ms",
        "1 s",
        "12.5 s",
        "4,000 s",
    ]
    assert [count(n, "instruction") for n in (0, 1, 2, 1500)] == [
        "0 instructions",
        "1 instruction",
        "2 instructions",
        "1,500 instructions",
    ]
    assert len(one_line("a\tb" * 1000, 50)) == 50 and one_line("a\nb") == "a b"


def test_times_and_counts_are_told_in_words():
    x = gd.input("x", shape=(3,))
    f = gd.compile([x], gd.sin(x))
    assert "1 instruction," in f.plan.summary() and "predicted" in f.plan.summary() and "e-0" not in str(f.plan)
    told = str(f.profile(np.ones(3, np.float32)))
    assert "in 1 instruction (" in told and (" ns " in told or " µs " in told)


IPYTHON = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
if {kernel}:
    shell.compile.get_code_name = lambda raw, code, number: f"/tmp/ipykernel_123/{{hash(code) % 10**9}}.py"
run = lambda cell: shell.run_cell(cell, store_history=True).raise_error()
run("import graphdiff as gd, numpy as np")
run("def layer(h):\\n\\n    return gd.tanh(h)")
run("x = gd.input('x', shape=(3,))\\ny = layer(x)\\nz = y * 2")
run("print(gd.Graph('g', [x], [z]))")
run("try:\\n    x @ gd.ones((4, 2))\\nexcept gd.ShapeError as e:\\n    print(e)")
run("x = gd.input('x', shape=(3,))\\ny = layer(x)\\nz = y * 2")
run("print(z.node.source)")
"""


@pytest.mark.parametrize("kernel", [False, True])
def test_lines_of_a_notebook_are_cells(kernel):
    pytest.importorskip("IPython")
    paths = [os.path.dirname(os.path.dirname(gd.__file__)), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", IPYTHON.format(kernel=kernel)], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition("# ")[2] for line in lines if "= tanh(" in line or "= multiply(" in line] == [
        "In[2]:3",
        "In[3]:3",
    ]
    assert "  at: In[5]:2" in lines and lines[-1] == "In[6]:3"
    assert ("In[2]", 3) in [node.source for node in gd.parse("\n".join(lines[:4]))]


def test_lines_of_a_cell_are_told_without_ipython():
    made = {"gd": gd}
    exec(compile("\ny = gd.sin(gd.input('x'))", "<ipython-input-7-0123abcd>", "exec"), made)
    assert str(made["y"].node.source) == "In[7]:2"
