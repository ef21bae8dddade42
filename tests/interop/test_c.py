"""Exported C as a function of Python again."""

import sys

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.interop import c


def made():
    x, pair = gd.input("x", ("n", 3)), {"a": gd.input("a", (2,)), "b": gd.input("b", (2,))}
    W = gd.parameter("W", value=np.arange(6, dtype=np.float32).reshape(3, 2))
    y = x @ W + pair["a"] - pair["b"]
    return gd.compile([x, pair], {"y": y, "all": (gd.sum(y), [gd.max(y)])}, updates={W: W * 0.5}, name="made")


def test_it_is_called_as_the_function_is(tmp_path):
    f = made()
    f.export_c(tmp_path, "made", values=True, n=2)
    g = c.load(tmp_path, "made")
    x, a = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, np.float32)
    for _ in range(2):
        want, got = f(x, {"a": a, "b": a * 2}), g(x, {"a": a, "b": a * 2})
        assert got["y"].tolist() == want["y"].tolist()
        assert isinstance(got["all"], tuple) and isinstance(got["all"][1], list)
        assert got["all"][0] == want["all"][0] and got["all"][1][0] == want["all"][1][0]
    assert g.parameters["W"].tolist() == f.parameters[0].value.tolist()
    assert g(x=x, a=a, b=a)["y"].shape == (2, 2)
    assert g([[0, 0, 0], [0, 0, 0]], {"a": [0, 0], "b": [0, 0]})["y"].tolist() == [[0, 0], [0, 0]]


def test_values_that_are_missing_are_asked_for(tmp_path):
    f = made()
    f.export_c(tmp_path, "made", n=2)
    with pytest.raises(gd.GraphError, match=r"value of 'W' is missing; give parameters=\{'W': array\}"):
        c.load(tmp_path, "made")
    with pytest.raises(gd.GraphError, match="'V' is no parameter"):
        c.load(tmp_path, "made", parameters={"V": 0})
    assert c.load(tmp_path, "made", parameters={"W": np.ones((3, 2))}).parameters["W"].sum() == 6


def test_bad_feeds_are_told(tmp_path):
    made().export_c(tmp_path, "made", values=True, n=2)
    g, x, a = c.load(tmp_path, "made"), np.zeros((2, 3), np.float32), np.zeros(2, np.float32)
    for args, told in [
        ((x[:1], {"a": a, "b": a}), r"x has shape \(2, 3\), fed \(1, 3\)"),
        ((x.astype("float64"), {"a": a, "b": a}), "x is float32, fed float64"),
        ((x,), "misses input 'a', 'b'"),
        ((x, {"a": a}), "a dict with the keys 'a', 'b'"),
        ((x, {"a": a, "b": a}, x), "takes 3 inputs"),
    ]:
        with pytest.raises(gd.FeedError, match=told):
            g(*args)
    with pytest.raises(gd.FeedError, match="'c' is no input"):
        g(x, {"a": a, "b": a}, c=a)


def test_a_folder_without_an_export_and_no_compiler(tmp_path, monkeypatch):
    with pytest.raises(gd.GraphError, match=r"made.json: no such file; f.export_c\(folder, name\) writes it"):
        c.load(tmp_path, "made")
    made().export_c(tmp_path, "made", values=True, n=2)
    monkeypatch.setenv("CC", "/nowhere/cc")
    with pytest.raises(gd.GraphdiffError, match="no compiler '/nowhere/cc'"):
        c.load(tmp_path, "made")


def test_the_command_writes_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    made().save(tmp_path / "made.gd")
    assert main(["export-c", str(tmp_path / "made.gd"), str(tmp_path / "out"), "--size", "n=2", "--values"]) == 0
    assert capsys.readouterr().out.split()[0] == str(tmp_path / "out" / "made.h")
    assert c.load(tmp_path / "out", "made").sizes == {"n": 2}
    assert main(["export-c", str(tmp_path / "made.gd"), str(tmp_path / "out"), "--name", "1"]) == 2
