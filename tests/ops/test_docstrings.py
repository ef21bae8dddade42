"""Every public operation says its dtypes, shapes, edges, derivative, errors and an example, and what it says is so."""

import re

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ir.dtypes import DTYPES
from graphdiff.ops.docstrings import SECTIONS, docstring, dtype_names, parts
from graphdiff.ops.namespaces import public
from graphdiff.ops.registry import REGISTRY

OPS = sorted(public(), key=lambda op: op.name)
NAMES = [op.name for op in OPS]
ERRORS = {name: getattr(gd, name) for name in ("ShapeError", "DTypeError", "GraphError")}
CLAIM = re.compile(r"^(\w+)('?)(\(.*\)) = (.+)$")


def function_of(op):
    return getattr(getattr(gd, op.namespace) if op.namespace else gd, op.name.rpartition(".")[2])


def sections_of(op):
    return parts(function_of(op).__doc__)[1]


def value(text):
    """What an expression of an example is: Tensors computed, structures of them as lists of arrays."""
    found = eval(text, {"gd": gd, "np": np, "inf": np.inf, "nan": np.nan})
    if isinstance(found, gd.Tensor):
        return gd.compile([], found)()
    if isinstance(found, (list, tuple)) and found and isinstance(found[0], gd.Tensor):
        return list(gd.compile([], list(found))())
    return found


def slope(path, arguments):
    """The derivative with respect to the one argument, at it."""
    x = gd.input("x", (), "float64")
    f = gd.compile([x], gd.grad(value_of(path)(x), x))
    return f(np.float64(eval(arguments, {"inf": np.inf, "nan": np.nan})))


def value_of(path):
    return eval(path, {"gd": gd})


def same(found, told):
    """Whether a value is what is told, whole: shapes, and numbers to the digits that are written."""
    if isinstance(found, list):
        return len(found) == len(told) and all(map(same, found, told))
    found, told = np.asarray(found), np.asarray(told)
    return found.shape == told.shape and np.allclose(found, told, rtol=2e-6, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("op", OPS, ids=NAMES)
def test_it_is_complete(op):
    prose, sections = parts(function_of(op).__doc__)
    assert prose.endswith((".", "|")) and "Example:" not in prose
    assert set(SECTIONS) - {"Accuracy", "Arguments", "Source"} <= set(sections) and list(sections) == [
        k for k in SECTIONS if k in sections
    ]
    assert all(sections.values())
    assert function_of(op).__doc__ == docstring(op)


@pytest.mark.parametrize("op", OPS, ids=NAMES)
def test_its_example_and_its_edges_are_so(op):
    sections = sections_of(op)
    expression, _, told = sections["Example"].partition(" -> ")
    short = op.name.rpartition(".")[2]
    path = f"gd.{op.namespace}.{short}" if op.namespace else f"gd.{short}"
    assert expression.startswith(path + "("), "the example calls what it is of"
    assert same(value(expression), value(told)), f"{expression} is {value(expression)}"
    for claim in sections["Edges"].split("; "):
        if found := CLAIM.match(claim):
            name, prime, arguments, told = found.groups()
            is_so = slope(path, arguments) if prime else value(path + arguments)
            assert name == short and same(is_so, value(told)), f"{claim}: it is {is_so}"


def test_a_wrong_value_is_noticed():
    assert not same(value("gd.tanh([0.0, 1.0])"), [0.0, 0.76159])
    assert not same(value("gd.sum([[1.0, 2.0]], axis=0)"), [[1.0, 2.0]])
    assert not same(value("gd.log(-1.0)"), 0.0) and not same(value("gd.topk([1.0, 2.0], 1)"), [[2.0]])


def applied(op, sample, dtype):
    """The operation on a sample whose floats are of ``dtype``."""

    def lift(a):
        if isinstance(a, list):
            return [lift(e) for e in a]
        if not isinstance(a, np.ndarray):
            return a
        return gd.input("x", a.shape, dtype if a.dtype.kind == "f" else a.dtype)

    return op.public(*map(lift, sample.args), **{k: lift(v) for k, v in sample.kwargs.items()})


@pytest.mark.parametrize("op", OPS, ids=NAMES)
def test_the_dtypes_told_are_those_it_takes(op):
    sample = next(iter(op.samples(np.random.default_rng(0))))
    arrays = [e for a in (*sample.args, *sample.kwargs.values()) for e in (a if isinstance(a, list) else [a])]
    if not any(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in arrays):
        return  # of indices, or of nothing: the prose tells
    taken = []
    for dtype in DTYPES:
        try:
            applied(op, sample, dtype)
            taken.append(dtype.name)
        except gd.DTypeError:
            pass
    assert sections_of(op)["Dtypes"].partition(";")[0] == ", ".join(taken)


def misuses(sample):
    """Arguments like a sample's, one of them changed into what may not fit."""

    def changed(a):
        if isinstance(a, np.ndarray):
            yield from (a.astype(t) for t in ("bool", "int64", "float32", "complex128"))
            yield from (np.zeros(s, a.dtype) for s in ((), (7,), (0, 0), (3, 5, 7)))
        elif isinstance(a, str):
            yield "zzz"
        elif isinstance(a, (int, float)) and not isinstance(a, bool):
            yield from (99, -99)

    for i, a in enumerate(sample.args):
        yield from ((*sample.args[:i], b, *sample.args[i + 1 :]) for b in changed(a))


@pytest.mark.parametrize("op", OPS, ids=NAMES)
def test_the_errors_told_are_those_it_raises(op):
    told = sections_of(op)["Raises"]
    assert all(name in ERRORS for name in re.findall(r"\w+Error", told)) and re.search(r"\w+Error", told)
    for sample in list(op.samples(np.random.default_rng(0)))[:2]:
        for args in misuses(sample):
            try:
                op.public(*args, **sample.kwargs)
            except tuple(ERRORS.values()) as error:
                assert type(error).__name__ in told, error.fact
            except (TypeError, gd.CompileError):
                pass  # what Python itself refuses, or what is refused because a size is not known


def test_what_the_declaration_says_elsewhere_is_made_of_it():
    assert "\nDtypes: float32, float64\n" in gd.tanh.__doc__
    assert "\nDtypes: float32, float64, int32, int64; the result is bool\n" in gd.less.__doc__
    assert "\nShapes: the operands broadcast\n" in gd.add.__doc__
    assert "\nDerivative: dy/dx1 = 1 / x2; dy/dx2 = " in gd.divide.__doc__
    assert "\nDerivative: none" in gd.floor.__doc__
    assert "\nDerivative: linear: " in gd.reshape.__doc__
    assert not {"Dtypes", "Shapes", "Derivative", "Raises"} & set(parts(REGISTRY["tanh"].doc)[1])
    assert dtype_names("integer_or_bool") == "int32, int64, bool"


def test_sections_go_on_in_the_next_line():
    doc = "Prose.\n\nMore.\n\nEdges: one\ntwo\nExample: f(1) -> 2"
    assert parts(doc) == ("Prose.\n\nMore.", {"Edges": "one two", "Example": "f(1) -> 2"})
