"""The command `graphdiff onnx`, and models of ONNX as targets of the other commands."""

import numpy as np
import onnx
import pytest
from onnx_models import FLOAT, model, node

import graphdiff as gd
from graphdiff.cli import main

RNG = np.random.default_rng(0)


def network():
    """Two layers, whose biases are one array as exporters leave equal ones."""
    arrays = {"w": RNG.normal(0, 0.5, (4, 4)), "u": RNG.normal(0, 0.5, (4, 4)), "zero": np.zeros(4)}
    nodes = [node("Gemm", "x w zero", "a"), node("Relu", "a", "b"), node("Gemm", "b u zero", "logits")]
    nodes += [node("CastLike", "x w", "unused"), node("Shape", "w", "sizes")]  # of a type and of sizes alone
    arrays = {n: a.astype(np.float32) for n, a in arrays.items()}
    return model(nodes, {"x": (FLOAT, ["batch", 4])}, {"logits": (FLOAT, ["batch", 4])}, arrays)


@pytest.fixture
def path(tmp_path):
    onnx.save(network(), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def test_a_model_is_told(path, capsys):
    assert main(["onnx", str(path)]) == 0
    out = capsys.readouterr().out
    for line in (
        "net.onnx  opset 21",
        "operators     5: Gemm 2, Relu 1, CastLike 1, Shape 1",
        "shared        zero 2 times: training",
        "inputs        x: float32[batch, 4]",
        "outputs       logits: float32[batch, 4]",
        "parameters    3 of 36 elements; 0 states",
        "batch=8 ",
    ):
        assert line in out
    assert "arena" in out


def test_sizes_other_than_the_batch_are_asked_for(tmp_path, capsys):
    nodes = [node("Relu", "x", "y")]
    onnx.save(model(nodes, {"x": (FLOAT, ["n", "h"])}, {"y": (FLOAT, ["n", "h"])}), tmp_path / "m.onnx")
    assert main(["onnx", str(tmp_path / "m.onnx")]) == 0
    assert "give --size h=N" in capsys.readouterr().out
    assert main(["onnx", str(tmp_path / "m.onnx"), "--size", "h=5"]) == 0
    assert "n=64" in capsys.readouterr().out
    assert main(["onnx", str(tmp_path / "m.onnx"), "--shape", "x=n,7"]) == 0
    assert "x: float32[n, 7]" in capsys.readouterr().out


def test_what_is_unsupported_is_listed(tmp_path, capsys):
    nodes = [node("NonMaxSuppression", "x x", "y"), node("Unique", "x", "z"), node("Relu", "x", "w")]
    proto = model(nodes, {"x": (FLOAT, [1, 2, 3])}, {"w": (FLOAT, [1, 2, 3])})
    onnx.save(proto, tmp_path / "m.onnx")
    assert main(["onnx", str(tmp_path / "m.onnx")]) == 1
    assert "unsupported   NonMaxSuppression 1, Unique 1" in capsys.readouterr().out


def test_a_model_is_trained_and_written_back(path, tmp_path, capsys):
    x = RNG.normal(size=(120, 4)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, label=np.argmax(x, axis=1))
    out = tmp_path / "new.onnx"
    how = ["--train", str(tmp_path / "data.npz"), "--out", str(out), "--epochs", "25", "--rate", "0.02"]
    assert main(["onnx", str(path), *how, "--memory-limit", "1MB"]) == 0
    losses = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert len(losses) == 25 and losses[-1] < 0.5 * losses[0]
    before, after = (gd.interop.onnx.load(p).parameters for p in (path, out))
    assert [*before] == [*after] and not np.array_equal(before["w"].value, after["w"].value)
    assert main(["onnx", str(path), *how, "--trainable", "u"]) == 0
    assert np.array_equal(gd.interop.onnx.load(out).parameters["w"].value, before["w"].value)
    written = onnx.load(out)
    assert [n.op_type for n in written.graph.node] == ["Gemm", "Relu", "Gemm"]
    assert written.opset_import[0].version == 21


def test_a_model_of_an_old_opset_is_trained_in_it(tmp_path):
    nodes = [node("MatMul", "x w", "a"), node("Softmax", "a", "s", axis=1), node("Clip", "s", "y", min=0.0)]
    arrays = {"w": RNG.normal(0, 0.5, (4, 4)).astype(np.float32)}
    proto = model(nodes, {"x": (FLOAT, ["n", 4])}, {"y": (FLOAT, ["n", 4])}, arrays, opset=9)
    onnx.save(proto, tmp_path / "m.onnx")
    np.savez(tmp_path / "data.npz", x=np.ones((6, 4), np.float32), t=np.zeros((6, 4), np.float32))
    out = tmp_path / "new.onnx"
    how = ["--train", str(tmp_path / "data.npz"), "--out", str(out), "--loss", "mse", "--batch-size", "3"]
    assert main(["onnx", str(tmp_path / "m.onnx"), *how]) == 0
    written = onnx.load(out)
    assert written.opset_import[0].version == 9
    assert [n.op_type for n in written.graph.node] == ["MatMul", "Softmax", "Clip"]


@pytest.mark.parametrize(
    "more, told",
    [
        ([], "--train needs --out"),
        (["--out", "new", "--optimizer", "Adm"], "there is no optimizer 'Adm'"),
        (["--out", "new", "--output", "logit"], "has no output 'logit'"),
        (["--out", "new", "--trainable", "q*"], "'q*' fits no weight"),
    ],
)
def test_what_cannot_be_trained(path, tmp_path, capsys, more, told):
    np.savez(tmp_path / "data.npz", x=np.zeros((3, 4), np.float32), t=np.zeros(3, int))
    assert main(["onnx", str(path), "--train", str(tmp_path / "data.npz"), *more]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_data_that_do_not_fit(path, tmp_path, capsys):
    for arrays, told in (
        ({"t": np.zeros(3, int)}, "has an array for each of x and one of targets"),
        ({"x": np.zeros((3, 4), "f"), "t": np.zeros(2, int)}, "different numbers of samples"),
    ):
        np.savez(tmp_path / "data.npz", **arrays)
        assert main(["onnx", str(path), "--train", str(tmp_path / "data.npz"), "--out", "new"]) == 2
        assert told in capsys.readouterr().err


def test_a_model_is_a_target_of_other_commands(path, tmp_path, capsys):
    assert main(["inspect", str(path)]) == 0
    assert "matmul" in capsys.readouterr().out
    assert main(["inspect", str(path), "--plan", "--size", "batch=3"]) == 0
    assert main(["profile", str(path), "--size", "batch=3"]) == 0
    capsys.readouterr()
    assert main(["check", str(path), "--size", "batch=3"]) == 0
    assert main(["diff", str(path), str(path)]) == 0
    proto = network()
    proto.graph.node[1].op_type = "Tanh"
    onnx.save(proto, tmp_path / "other.onnx")
    capsys.readouterr()
    assert main(["diff", str(path), str(tmp_path / "other.onnx")]) == 1
    assert "tanh" in capsys.readouterr().out


def test_a_file_that_is_no_model(tmp_path, capsys):
    (tmp_path / "m.onnx").write_bytes(b"\x00\x01 no model")
    for command in ("onnx", "inspect", "check"):
        assert main([command, str(tmp_path / "m.onnx")]) == 2
        assert "no ONNX model" in capsys.readouterr().err
