"""`graphdiff demo`: what it reaches, what it shows, what it writes, and how it ends when something is wrong."""

import re
import signal
import sys

import numpy as np
import pytest

from graphdiff.cli import main

REPORT = ["adjoint.txt", "plan.txt", "loss.png", "gradient_flow.png"]


@pytest.fixture(scope="module")
def digits(run, tmp_path_factory):
    """One whole run on the digits: its output and its report."""
    folder = tmp_path_factory.mktemp("demo")
    code, out, err = run(folder, "-m", "graphdiff", "demo", "--report", "new/report")
    assert code == 0, err
    return out, folder / "new" / "report"


def figure(out, pattern):
    return float(re.search(pattern, out)[1].replace(",", ""))


def test_the_digits_are_learnt(digits):
    out, _ = digits
    assert figure(out, r"accuracy +([\d.]+)%") >= 97
    assert "1,797 samples, 64 features, 10 classes" in out


def test_what_is_inside_is_shown(digits):
    out, _ = digits
    assert figure(out, r"in (\d+) instructions; with the first step in") > 50
    assert figure(out, r"a step takes ([\d.]+) [mµ]s") > 0
    arenas = [int(a.replace(",", "")) for a in re.findall(r"([\d,]+) bytes +\d+% +[\d.]+ ms", out)]
    assert len(arenas) == 5 and max(arenas) == arenas[0]
    assert all(arena <= share * arenas[0] for arena, share in zip(arenas[1:4], (0.7, 0.5, 0.3)))
    assert arenas[4] < 0.5 * arenas[0]
    assert out.count("gradients bitwise equal") == 4 and "DIFFERENT" not in out
    for layer in (0, 1, 4, 5, 8):
        assert f"  {layer}.weight" in out and f"  {layer}.bias" in out
    assert len(re.findall(r"of %\d+ = \w+ by \w+\.vjp at demo\.py:\d+", out)) > 5


def test_the_report_is_whole(digits):
    _, folder = digits
    assert sorted(path.name for path in folder.iterdir()) == sorted(REPORT)
    adjoint, plan = ((folder / name).read_text(encoding="utf-8") for name in REPORT[:2])
    assert "matmul.vjp" in adjoint and "8.weight" in adjoint
    for phase in ("forward", "backward", "update"):
        assert phase in plan
    for name in REPORT[2:]:
        assert (folder / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_other_data(tmp_path, capsys, kind):
    rng = np.random.default_rng(0)
    t = np.arange(120) % 3
    x = rng.normal(size=(120, 5)) + 4 * np.eye(5)[t]
    if kind == "npz":
        np.savez(tmp_path / "d.npz", x=x, y=t)
    else:
        rows = "".join(",".join([*map(str, row), "abc"[k]]) + "\n" for row, k in zip(x, t, strict=True))
        (tmp_path / "d.csv").write_text(rows)
    assert main(["demo", "--data", str(tmp_path / f"d.{kind}"), "--epochs", "20", "--batch-size", "1000"]) == 0
    assert figure(capsys.readouterr().out, r"accuracy +([\d.]+)%") > 90


def refused(capsys, *arguments):
    """Runs the demo, which must end with exit code 2 and one message; returns it."""
    assert main(["demo", *map(str, arguments)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("graphdiff demo: ") and "Traceback" not in err
    return err


def test_data_that_cannot_be_read(tmp_path, capsys):
    assert "No such file" in refused(capsys, "--data", tmp_path / "none.npz")
    (tmp_path / "bad.csv").write_text("1,2,a\n1,two,b\n")
    assert "bad.csv:2: 'two' is not a number" in refused(capsys, "--data", tmp_path / "bad.csv")


def test_a_report_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused(capsys, "--report", tmp_path / "file")


@pytest.mark.parametrize("package", ["sklearn", "matplotlib"])
def test_a_missing_package_says_which_extra_has_it(tmp_path, capsys, monkeypatch, package):
    for module in [m for m in sys.modules if m.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    assert "pip install 'graphdiff[demo]'" in refused(capsys, "--report", tmp_path / "report")


@pytest.mark.parametrize("arguments", [["--epochs", "0"], ["--batch-size", "-1"], ["--seed", "x"], ["--wrong"]])
def test_wrong_arguments(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(["demo", *arguments])
    assert caught.value.code == 2 and "usage: graphdiff" in capsys.readouterr().err


def test_ctrl_c_ends_it_with_what_it_has(start, tmp_path):
    with start(tmp_path, "-u", "-m", "graphdiff", "demo", "--epochs", "100000", "--report", "report") as process:
        shown = ""
        while not re.search(r"training: .* [1-9]\d*/", shown):
            shown += process.stderr.read(1)
            assert process.poll() is None, shown
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert re.search(r"stopped +by Ctrl-C after [\d,]+ of", out) and "accuracy" in out
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == sorted(REPORT)
