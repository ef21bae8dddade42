"""Networks of PyTorch, exported to ONNX and read: values, gradients of every weight and training are PyTorch's, at all
sizes of the batch, and ONNX Runtime gives what was trained. tests/support/onnx_torch.py does so by all exporters."""

import pytest

import graphdiff as gd

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx_torch import MOST, NETWORKS, export, made, row, train  # noqa: E402


def check(found):
    assert {k: v for k, v in found.items() if v > MOST.get(k, float("inf"))} == {}


@pytest.mark.parametrize("name", NETWORKS)
def test_all_weights_are_trained_as_by_pytorch_and_run_by_others(name):
    found = row(name, "torchscript")
    check(found)
    assert found.keys() >= MOST.keys()
    assert found["weights"] == len(list(made(name)[0].parameters()))


@pytest.mark.parametrize("name, weights", [("mlp", 6), ("lstm", 18), ("resnet", 8)])
def test_what_the_new_exporter_joins_and_folds_is_trained_as_by_pytorch(name, weights):
    """All weights of the network, of the ResNet block those with its batch norms folded."""
    pytest.importorskip("onnxscript")
    found = row(name, "dynamo, optimised")
    check(found)
    assert found.keys() >= MOST.keys()
    assert found["weights"] == found["all"] == weights


@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_batches_have_their_own_statistics_in_training(name, tmp_path):
    net, shape = made(name)
    net.train()
    export(net, shape, tmp_path / "net.onnx", "torchscript", torch.onnx.TrainingMode.TRAINING)
    assert train(net, gd.interop.onnx.load(tmp_path / "net.onnx"), shape, "Adam") < 1e-7
