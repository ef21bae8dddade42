"""`graphdiff train`: a file that trains, what it writes, how it goes on, and what is told of a file that does not."""

import re
import signal

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.cli import main

CONFIG = """
data = "d.csv"
layers = ["Linear(features, 16)", "BatchNorm(16)", "relu", "Dropout(0.1)", "Linear(16, classes)"]
optimizer = "AdamW(weight_decay=0.01)"
schedule = "one_cycle(0.05, steps)"
epochs = 15
batch_size = 16
report = "report"
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    t = np.arange(120) % 3
    x = rng.normal(size=(120, 5)) + 4 * np.eye(5)[t]
    rows = "".join(",".join([*map(str, row), "abc"[k]]) + "\n" for row, k in zip(x, t, strict=True))
    (tmp_path / "d.csv").write_text(rows)
    (tmp_path / "c.toml").write_text(CONFIG)
    return tmp_path


def test_a_file_trains_a_model_and_writes_its_report(folder, capsys):
    assert main(["train", str(folder / "c.toml")]) == 0
    out = capsys.readouterr().out
    assert float(re.search(r"([\d.]+)% of the test part right", out)[1]) > 90
    assert "BatchNorm   (batch, 16)" in out
    report = folder / "report"
    names = {path.name for path in report.iterdir()}
    assert names == {"history.csv", "history.png", "weights.npz", "model.txt", "checkpoints"}
    assert (report / "history.csv").read_text().count("\n") == 16
    assert gd.load_weights(report / "weights.npz")["0.weight"].shape == (5, 16)
    assert main(["train", str(folder / "c.toml"), "--resume"]) == 0  # there is nothing left to do
    assert capsys.readouterr().out.split("\n")[-3] == out.split("\n")[-3]
    assert main(["train", str(folder / "c.toml")]) == 2
    assert "is of a run that is ahead of this one" in capsys.readouterr().err


def test_convolutions_on_digits_and_a_function_of_nn(folder, capsys):
    (folder / "c.toml").write_text(
        'data = "digits"\nshape = [1, 8, 8]\nepochs = 1\ndrop_last = true\nclip_norm = 1\noptimizer = "SGD(0.1)"\n'
        'layers = ["Conv2d(1, 4, 3)", "leaky_relu", "Flatten()", "Linear(144, classes)"]\n'
    )
    assert main(["train", str(folder / "c.toml")]) == 0
    assert "(batch, 4, 6, 6)" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(folder, start, run):
    (folder / "c.toml").write_text(CONFIG.replace("epochs = 15", "epochs = 100000"))
    with start(folder, "-m", "graphdiff", "train", "c.toml") as process:
        shown = ""
        while not re.search(r"training: .* [1-9]\d*/", shown):
            shown += process.stderr.read(1)
            assert process.poll() is None, shown
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert re.search(r"saved as report/checkpoints/batch-\d+\.npz.*; graphdiff train c.toml --resume goes on", err)
    (folder / "c.toml").write_text(CONFIG.replace("epochs = 15", "epochs = 1"))
    code, _, err = run(folder, "-m", "graphdiff", "train", "c.toml", "--resume")
    assert code == 0, err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("epochs = 15", "epoch = 15", "there is no 'epoch'; did you mean 'epochs'?"),
        ("epochs = 15", 'epochs = "15"', "epochs is of type int, got '15'"),
        ("epochs = 15", "epochs = true", "epochs is of type int, got True"),
        ("epochs = 15", "epochs = -1", "epochs is an integer from 0 on, got -1"),
        ("epochs = 15", "shape = [2, 3]", "samples of 5 features are not of shape [2, 3]"),
        ('data = "d.csv"', "", "data missing"),
        ('data = "d.csv"', 'data = "none.csv"', "No such file"),
        ('"relu"', '"rleu"', "there is no rleu; did you mean 'relu'?"),
        ('"relu"', '"relu("', "is no call of numbers"),
        ('"relu"', '"Linear(16)"', "Linear(16)"),
        ('"relu"', '"__import__(1)"', "there is no __import__"),
        ('"relu"', '"Linear(16, open(1))"', "is no call of numbers, texts and features, classes"),
        ("classes)", "clases)", "there is no clases; did you mean 'classes'?"),
        ("Dropout(0.1)", "Dropout(2)", "p is a number from 0 to 1, got 2"),
        ("one_cycle(0.05", "one_cycle(-1", "one_cycle"),
        ("features, 16", "4, 16", "x has 5"),
        ("report =", "report", "no TOML"),
    ],
)
def test_files_that_do_not_train(folder, capsys, old, new, told):
    (folder / "c.toml").write_text(CONFIG.replace(old, new))
    assert main(["train", str(folder / "c.toml")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("graphdiff train: ") and "Traceback" not in err
    assert told in err.replace("inner dimensions differ: ", "")
