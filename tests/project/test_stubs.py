"""Names and types: stubs are what the registry makes them, type checkers refuse what is misspelt, and at run time an
error says what was meant.

mypy is run once on USES, with the package that the tests import; a line marked ``# refused`` must be an error and no
other may.
"""

import ast
import importlib
import importlib.util
import inspect
import os
import pickle
import re
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.export import METHODS as EXPORTS
from graphdiff.inspect import METHODS
from graphdiff.ops.namespaces import functions
from graphdiff.ops.registry import op_of
from graphdiff.spelling import explained, nearest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(gd.__file__).parent
PUBLIC = [gd, gd.init, gd.inspect, gd.layers, gd.linalg, gd.nn, gd.optim, gd.random, gd.testing, gd.train]

# --------------------------------------------------------------------------------------- the stubs


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_stubs", ROOT / "docs" / "make_stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stubs_are_current(maker):
    for space in maker.namespaces():
        text = maker.stub_of(space).read_text(encoding="utf-8")
        assert text == maker.stub(space), "run: python -m docs.make_stubs"


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").exists()


def test_stubs_have_every_public_name(maker):
    for space in maker.namespaces():
        module = importlib.import_module(f"graphdiff.{space}" if space else "graphdiff")
        defined = set()
        for node in ast.parse(maker.stub_of(space).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                defined.add(node.name)
            elif isinstance(node, ast.ImportFrom):
                defined |= {a.asname for a in node.names if a.asname}
        assert defined == set(module.__all__)


def test_methods_that_later_rooms_give_are_declared_as_they_are():
    """The classes say under TYPE_CHECKING which methods they are given; the signatures are those of the functions."""
    checked = 0
    for owner, methods in METHODS.items():
        (tree,) = ast.parse(inspect.getsource(owner)).body
        blocks = [b for b in tree.body if isinstance(b, ast.If) and ast.unparse(b.test) == "TYPE_CHECKING"]
        found = (f for b in blocks for f in b.body if isinstance(f, ast.FunctionDef))
        declared = {f.name: f for f in found if f.name != "__getitem__"}  # which subscript.py gives
        given = {n: f for n, f in (*methods.items(), *EXPORTS.get(owner, {}).items()) if not n.startswith("_")}
        assert set(declared) == set(given), owner
        for name, function in given.items():
            (real,) = ast.parse(inspect.getsource(function)).body
            assert ast.unparse(declared[name].args).partition(",")[2] == ast.unparse(real.args).partition(",")[2]
            assert ast.unparse(declared[name].returns) == ast.unparse(real.returns)
            checked += 1
    assert checked >= 14


# --------------------------------------------------------------------------------------- mypy

USES = """
import numpy as np
import graphdiff as gd

x = gd.input("x", shape=("batch", 64))
t = gd.input("t", ("batch",), dtype="int64")
W = gd.parameter("W", value=np.zeros((64, 10), np.float32))
b = gd.parameter("b", shape=(10,), init=gd.init.zeros())
logits: gd.Tensor = gd.tanh(x @ W + b) * 2
loss: gd.Tensor = gd.nn.cross_entropy(logits, t)
total: gd.Tensor = gd.sum(x, axis=(0, 1), keepdims=True) + gd.mean(x, 0) - gd.norm(x, axis=1, ord=1)
values, places = gd.topk(x, 3)
parts: list[gd.Tensor] = gd.split(x, 2, axis=1)
u, s, vh = gd.linalg.svd(x)
joined = gd.concat([x, 2.0, np.ones(3)], axis=0) + gd.stack(parts) + gd.where(x > 0, x, 0.0)
noise: gd.Tensor = gd.random.normal(gd.state("key", value=np.int64(0)), x.shape)
y = gd.nn.conv2d(gd.reshape(x, (-1, 1, 8, 8)), np.ones((2, 1, 3, 3)), padding="same").sum(axis=0)
adj = gd.adjoint(loss, [W, b])
adj.to_html("adjoint.html", feed={x: np.zeros((2, 64)), t: np.zeros(2, np.int64)})
adj.to_html("adjoint.html", feed={"x": np.zeros((2, 64))})
dot: str = adj.to_dot()
text: str = loss.to_svg("loss.svg")
f = gd.compile([x, t], loss, updates={W: W - 0.1 * logits}, checkpoint="sqrt", memory_limit="64MB")
f.plan.plot()
f.plan.plot("plan.png")
f.plan_for(batch=3).summary()
arena: int = f.plan.arena_bytes
f.to_html("f.html", np.zeros((2, 64)), np.zeros(2))
g: gd.Function = f.fork()
optimizer = gd.optim.Adam(lr=0.001)
clipped = gd.clip(x, min=0) + gd.exp(x) + x.reshape(2, -1).astype("float64") + x.T + x[0] + x[:, 1:]
step = gd.train.resume
gW, gb = gd.grad(loss, [W, b])
by_name: dict[str, gd.Tensor] = gd.grad(loss, {"W": W, "b": b})
nested: dict[str, list[gd.Tensor]] = gd.grad(loss, {"l1": [W, b]})
one: gd.Tensor = gd.vjp(logits, W, logits) + gd.hvp(loss, W, W) + gd.jvp(logits, W, W) + gd.hessian(loss, W)
sparse: gd.SparseJacobian = gd.jacobian(logits, W, sparse=True)
J: gd.Tensor = gd.jacobian(logits, W)
(last, rows) = gd.scan(lambda h, r: (gd.tanh(h + r), h), 0.0, x)
looped: gd.Tensor = gd.while_loop(lambda v: gd.sum(v) > 1, lambda v: v * 0.5, x, 10)
branch: gd.Tensor = gd.cond(gd.sum(x) > 0, gd.sqrt, gd.zeros_like, x)
updates: dict[gd.Tensor, gd.Tensor] = optimizer.updates({"W": W}, {"W": gW})
ga, gc = gd.optim.clip_by_global_norm([gW, gb], 1.0)
first: gd.Tensor = adj.gradients[0]
new = gd.substitute([loss], {x: gd.zeros((3, 64))})[0]
outputs = gd.compile([x, t], {"loss": loss, "more": [gW, (gb, None)]}, debug="nan", costs="nominal")
curve = gd.tradeoff([x, t], loss, [0.9, "64MB"], sizes={"batch": 3}, threads=2)
gd.check_grad(loss, [W, b], feed={x: np.zeros((2, 64)), t: np.zeros(2)})
error: type[ValueError] = gd.ShapeError

gd.tahn(x)  # refused
gd.grad(loss, 3)  # refused
gd.grad(loss, W, unused="eror")  # refused
gd.jacobian(logits, W, mode="backward")  # refused
gd.compile([x], x, debug="inf")  # refused
gd.compile([x], x, checkpoint="sqr")  # refused
gd.tradeoff([x], x, [0.5], thread=2)  # refused
gd.optim.Adam(lr="fast")  # refused
gd.input("x", 3.5)  # refused
gd.inspect.to_dott(loss)  # refused
gd.testing.check_grads(loss, W)  # refused
gd.mean(y, axes=0)  # refused
gd.mean(y, "rows")  # refused
gd.norm(x, 1)  # refused
gd.linalg.norm(x, 2)  # refused
gd.nn.sofmax(x)  # refused
gd.nn.softmax(x, dim=1)  # refused
gd.nn.mse(x, x, reduction="max")  # refused
gd.linalg.cholesky(x, lower=True)  # refused
gd.random.uniform(x)  # refused
gd.exp(x, x)  # refused
gd.reshape(x)  # refused
gd.topk(x, 3).shape  # refused
gd.optim.SDG(0.1)  # refused
gd.init.he_norml(0)  # refused
gd.concatenate([x])  # refused
gd.compile([x], x, chekpoint="sqrt")  # refused
adj.to_htlm("a.html")  # refused
adj.to_html()  # refused
f.plan.arena_byte  # refused
f.plan_for(3)  # refused
loss.resahpe(2)  # refused
wrong: int = gd.sum(x)  # refused
"""


def test_mypy_takes_uses_and_refuses_misspellings(tmp_path):
    source = tmp_path / "uses.py"
    source.write_text(USES, encoding="utf-8")
    environment = dict(os.environ)
    if "site-packages" not in PACKAGE.parts:  # a checkout, where mypy would look for an installed package
        environment["MYPYPATH"] = str(PACKAGE.parent)
    cache = Path(os.environ.get("MYPY_CACHE_DIR", ROOT / ".mypy_cache")) / "uses"
    options = ["--config-file=", f"--cache-dir={cache}", "--follow-imports=silent"]
    found = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(source)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "error" in found.stdout, found.stdout + found.stderr
    refused = {int(n) for n in re.findall(r"^uses\.py:(\d+): error", found.stdout, re.M)}
    marked = {i for i, line in enumerate(USES.splitlines(), 1) if line.endswith("# refused")}
    assert refused == marked, found.stdout


# --------------------------------------------------------------------------------------- names at run time


def test_public_modules_list_their_names():
    for module in PUBLIC:
        assert sorted(module.__all__) == dir(module), module
        assert len(set(module.__all__)) == len(module.__all__)
        for name in module.__all__:
            getattr(module, name)
    assert {"Tensor", "grad", "tanh", "nn", "train", "testing", "ShapeError"} <= set(dir(gd))
    assert not {"np", "annotations", "ops", "ir", "runtime", "Any"} & set(dir(gd))


@pytest.mark.parametrize(
    ("module", "name", "meant"),
    [
        (gd, "tahn", "; did you mean 'tanh'?"),
        (gd, "resahpe", "; did you mean 'reshape'?"),
        (gd, "Tensr", "; did you mean 'Tensor'?"),
        (gd, "jacobain", "; did you mean 'jacobian'?"),
        (gd, "concatenate", "; did you mean 'concat'?"),
        (gd, "power", "; did you mean 'pow'?"),
        (gd, "arctan2", "; did you mean 'atan2'?"),
        (gd, "absolute", "; did you mean 'abs'?"),
        (gd, "transpose", "; did you mean 'permute_dims'?"),
        (gd, "unsqueeze", "; did you mean 'expand_dims'?"),
        (gd, "relu", "; did you mean gd.nn.relu?"),
        (gd, "softmx", "; did you mean gd.nn.softmax?"),
        (gd, "cholesky", "; did you mean gd.linalg.cholesky?"),
        (gd.nn, "rleu", "; did you mean 'relu'?"),
        (gd.nn, "exp", "; did you mean gd.exp?"),
        (gd.linalg, "choleski", "; did you mean 'cholesky'?"),
        (gd.random, "unifrom", "; did you mean 'uniform'?"),
        (gd.init, "he_norml", "; did you mean 'he_normal'?"),
        (gd.optim, "SDG", "; did you mean 'SGD'?"),
        (gd.inspect, "to_dto", "; did you mean 'to_dot'?"),
    ],
)
def test_a_misspelt_name_says_what_was_meant(module, name, meant):
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    assert str(caught.value).startswith(f"module {module.__name__!r} has no attribute {name!r}{meant}")
    assert "Did you mean" not in "".join(traceback.format_exception(caught.value)).replace(str(caught.value), "")


def test_what_is_like_nothing_gets_no_hint():
    with pytest.raises(AttributeError, match=r"^module 'graphdiff' has no attribute 'zzzzqqqq'$"):
        gd.zzzzqqqq  # noqa: B018
    assert not hasattr(gd, "__path_of_nothing__")


def test_every_numpy_name_of_a_function_leads_to_it():
    """NumPy has the array API's names beside its own: whatever is the same function there is named."""
    checked = 0
    for name, function in vars(np).items():
        twins = [k for k in functions("") if callable(function) and vars(np).get(k) is function]
        if twins and not hasattr(gd, name):
            with pytest.raises(AttributeError, match=f"did you mean '{twins[0]}'"):
                getattr(gd, name)
            checked += 1
    assert checked >= 15


def test_a_methods_misspelt_name_says_what_was_meant():
    x = gd.input("x", (3,))
    f, adj = gd.compile([x], gd.sum(x)), gd.adjoint(gd.sum(x), x)
    with pytest.raises(AttributeError, match=r"'Adjoint' object has no attribute 'to_htlm'; did you mean 'to_html'\?$"):
        adj.to_htlm("a.html")
    with pytest.raises(AttributeError, match="'Plan' object has no attribute 'arena_byte'; did you mean 'arena_bytes'"):
        f.plan.arena_byte  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean 'outputs'"):
        f.graph.ouputs  # noqa: B018


@pytest.mark.parametrize(
    ("code", "meant"), [("x.resahpe(3)", "reshape"), ("gd.compile([x], x).plan_fro()", "plan_for")]
)
def test_python_names_the_method_of_a_tensor_or_function(code, meant):
    """In the traceback that ends a script: a hook of our own would slow down every reading of an attribute."""
    script = f"import graphdiff as gd\nx = gd.input('x', (3,))\n{code}"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert ended.stderr.endswith(f"Did you mean: {meant!r}?\n"), ended.stderr


def test_the_nearest_name():
    assert nearest("tahn", ["tan", "tanh", "sin"]) == "tanh"  # letters swapped, not one left out
    assert nearest("sofmax", ["softmax", "max"]) == "softmax"
    assert nearest("ADAM", ["Adam", "SGD"]) == "Adam"
    assert nearest("concatenate", ["concat", "stack"]) is None


# --------------------------------------------------------------------------------------- arguments at run time

X = gd.input("x", (3, 4))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: gd.mean(X, axes=0), r"mean\(\) has no argument 'axes'; did you mean 'axis'\? It is mean\(x, /, axis="),
        (lambda: gd.sum(X, dim=0), "did you mean 'axis'"),
        (lambda: gd.max(X, keepdim=True), "did you mean 'keepdims'"),
        (lambda: gd.nn.conv2d(X, X, strides=2), "did you mean 'stride'"),
        (lambda: gd.linalg.cholesky(X, uper=True), "did you mean 'upper'"),
        (lambda: gd.random.uniform(3, (2,), hihg=2), "did you mean 'high'"),
        (lambda: gd.input("x", (3,), shpae=3), "did you mean 'shape'"),
        (lambda: gd.compile([X], X, chekpoint=None), "did you mean 'checkpoint'"),
        (lambda: gd.grad(X, [X], unusd="error"), "did you mean 'unused'"),
        (lambda: gd.optim.Adam(learning_rate=1), r"Adam\(\) has no argument 'learning_rate'; did you mean 'lr'"),
        (lambda: gd.optim.SGD(0.1, momentm=0.9), "did you mean 'momentum'"),
        (lambda: X.sum(axes=0), r"Tensor.sum\(\) has no argument 'axes'; did you mean 'axis'\?"),
        (lambda: gd.adjoint(gd.sum(X), X).to_html(pth="a"), r"Adjoint.to_html\(\) has no argument 'pth'; did you mean"),
        (lambda: gd.norm(X, 1), "takes 1 argument by position, got 2; write axis=1 or ord=1"),
        (lambda: gd.linalg.norm(X, 2), "takes 1 argument by position, got 2; write ord=2 or axis=2"),
        (lambda: gd.exp(X, 2), r"exp\(\) takes 1 argument by position, got 2; it is exp\(x, /\)"),
        (lambda: gd.stack([X], 0, 1), r"takes 2 arguments by position, got 3; it is stack\(arrays, /, axis=0\)"),
        (lambda: gd.mean(x=X), "takes 'x' by position, not by name"),
        (lambda: gd.mean(X, 0, axis=0), "got 'axis' twice"),
        (lambda: gd.reshape(X), r"reshape\(\) needs 'shape'; it is reshape\(x, /, shape\)"),
        (lambda: gd.nn.dropout(X), "needs 'key'"),
    ],
)
def test_arguments_that_do_not_fit_say_what_to_write(call, told):
    with pytest.raises(TypeError, match=told):
        call()


def test_an_error_of_a_body_is_left_as_it_is():
    def inner():
        raise TypeError("of the body")

    @explained
    def function(a, b=1):
        return inner() if a else inner(3)

    with pytest.raises(TypeError, match=r"^of the body$"):
        function(1)
    with pytest.raises(TypeError, match=r"takes 0 positional arguments but 1 was given"):  # inner's own
        function(0)
    with pytest.raises(TypeError, match=r"^function\(\) has no argument 'c'; it is function\(a, b=1\)$"):
        function(1, c=2)


def public_callables():
    """(dotted name, function) of every public function and every method of a public class."""
    for module in PUBLIC:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value):
                for key, member in vars(value).items():
                    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
                    public = not key.startswith("_") or key in ("__init__", "__call__", "__getitem__")
                    if public and inspect.isfunction(function):
                        yield f"{module.__name__}.{name}.{key}", function
            elif inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value


def test_every_public_signature_has_types():
    """None is left out, and none is Any but the results of Jacobians of structures, which overloads tell apart."""
    found = dict(public_callables())
    assert len(found) > 250
    untyped = []
    for name, function in found.items():
        signature = inspect.signature(function)
        parts = {k: p.annotation for k, p in signature.parameters.items() if k not in ("self", "cls", "what")}
        if not name.endswith("__init__"):
            parts["return"] = signature.return_annotation
        untyped += [f"{name}: {k}" for k, a in parts.items() if a is inspect.Parameter.empty or "Any" in str(a)]
    assert sorted(untyped) == ["graphdiff.hessian: return", "graphdiff.jacobian: return"]


def test_public_functions_pickle_as_what_they_are():
    functions_ = [f for _, f in public_callables() if "." not in f.__qualname__]
    assert len(functions_) > 200
    for function in functions_:
        assert pickle.loads(pickle.dumps(function)) is function
    assert (gd.grad.__module__, gd.map.__name__) == ("graphdiff", "map")


def test_inputs_and_sizes_that_are_not_there_say_which_was_meant():
    x = gd.input("signal", ("batch",))
    f = gd.compile([x], gd.sum(x))
    a = np.zeros(3, np.float32)
    for call, told in (
        (lambda: f(singal=a), "has no input 'singal'; it has signal; did you mean 'signal'?"),
        (lambda: f.bind(singal=a, signal=a), "has no input 'singal'; it has signal; did you mean 'signal'?"),
        (lambda: f.plan_for(bacth=3), "no dimension is called 'bacth' (there are: batch); did you mean 'batch'?"),
        (lambda: gd.adjoint(gd.sum(x), x).to_html("a.html", feed={"singal": a}), "did you mean 'signal'?"),
    ):
        with pytest.raises(gd.FeedError, match=re.escape(told)):
            call()
    with pytest.raises(TypeError, match=r"Function.plan_for\(\) takes 0 arguments by position, got 1; it is "):
        f.plan_for(3)
    with pytest.raises(gd.FeedError, match=r"has no input 'zzz'; it has signal\n"):
        f(zzz=a)


def test_functions_are_named_and_signed_as_users_call_them():
    for space in ("", "fft", "nn", "linalg", "random"):
        for name, function in functions(space).items():
            assert function.__name__ == name and function.__doc__
            assert op_of(function).public is not None
            signature = inspect.signature(function)
            texts = [p.annotation for p in signature.parameters.values()] + [signature.return_annotation]
            assert all(isinstance(text, str) and "Any" not in text for text in texts), name
    assert str(inspect.signature(gd.tanh)) == "(x: 'TensorLike', /) -> 'Tensor'"
    assert list(inspect.signature(gd.mean).parameters) == ["x", "axis", "keepdims"]
    assert gd.nn.tanh is gd.tanh
