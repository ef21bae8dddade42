"""`graphdiff export-c`: the files of a script's function, and what is told of a target or of sizes that do not fit."""

import pytest

from graphdiff.cli import main

SCRIPT = """
import graphdiff as gd
import numpy as np

x = gd.input("x", ("batch", 3))
W = gd.parameter("W", value=np.ones((3, 2), np.float32))
loss = gd.sum(gd.tanh(x @ W))
step = gd.compile([x], loss, updates={W: W - 0.1 * gd.grad(loss, W)}, name="step")
"""


@pytest.fixture
def target(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    return f"{tmp_path / 'train.py'}:step"


def test_the_files_are_written_and_listed(target, tmp_path, capsys):
    place = tmp_path / "firmware"
    assert main(["export-c", target, str(place), "--name", "model", "--values", "--size", "batch=2"]) == 0
    names = ["model.h", "model.c", "model_test.c", "CMakeLists.txt", "model.json", "model_values.c"]
    assert capsys.readouterr().out.split() == [str(place / n) for n in names]
    assert "#define model_INPUT_0_BYTES 24" in (place / "model.h").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the size batch is missing"),
        (["--size", "batch=2", "--size", "n=3"], "no dimension is called 'n'"),
        (["--size", "batch=2", "--name", "while"], "'while' is a word of C"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_written(arguments, told, target, tmp_path, capsys):
    assert main(["export-c", target, str(tmp_path / "out"), *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
