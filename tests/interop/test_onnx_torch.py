"""Networks of PyTorch, exported to ONNX and read: values and gradients are PyTorch's, and so is training."""

import contextlib
import io
import logging
import warnings

import numpy as np
import pytest

import graphdiff as gd

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
nn = torch.nn


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.out = kind(6, 8, num_layers=2, batch_first=True, bidirectional=True), nn.Linear(16, 3)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class Block(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.a, self.n1 = nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.b, self.n2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.skip, self.out = nn.Conv2d(3, c, 1), nn.Linear(c, 4)

    def forward(self, x):
        y = self.n2(self.b(torch.relu(self.n1(self.a(x)))))
        return self.out(torch.relu(y + self.skip(x)).mean((2, 3)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.0, activation="gelu")
        self.layers, self.out = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 5)

    def forward(self, x):
        return self.out(self.layers(x).mean(1))


def cnn():
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)]
    first = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, nn.Conv2d(8, 8, 3), nn.ReLU(), *head)


def mlp():
    return nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3))


NETWORKS = {
    "cnn": (cnn, (3, 8, 8)),
    "mlp": (mlp, (10,)),
    "transformer": (Encoder, (7, 16)),
    "lstm": (lambda: Recurrent(nn.LSTM), (5, 6)),
    "gru": (lambda: Recurrent(nn.GRU), (5, 6)),
    "resnet": (Block, (3, 8, 8)),
}


def made(name):
    """A network whose weights and statistics are all numbers of their own, so that the exporter merges none."""
    torch.manual_seed(0)
    build, shape = NETWORKS[name]
    net = build().eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.normal_()
                m.running_var.uniform_(0.5, 2)
    return net, shape


def exported(net, shape, path, new, keep=torch.onnx.TrainingMode.PRESERVE):
    x = torch.randn(2, *shape)
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            if new:
                sizes = ({0: torch.export.Dim("batch")},)
                torch.onnx.export(net, (x,), path, dynamo=True, dynamic_shapes=sizes, input_names=["x"])
            else:
                axes = {"x": {0: "batch"}}
                torch.onnx.export(
                    net,
                    (x,),
                    path,
                    dynamo=False,
                    dynamic_axes=axes,
                    input_names=["x"],
                    training=keep,
                    do_constant_folding=False,
                )
    finally:
        logging.disable(logging.NOTSET)


def gradients(net, x):
    net.zero_grad()
    y = net(x)
    (y**3).sum().backward()
    return y.detach().numpy(), {n: p.grad.numpy() for n, p in net.named_parameters()}


def as_named(found, names):
    """Gradients of what the exporter kept a name of; it turns some weights around and writes others as it likes."""
    return {n: g for n, g in found.items() if n in names}


@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_are_those_of_pytorch_at_every_batch(name, tmp_path):
    net, shape = made(name)
    exported(net, shape, tmp_path / "net.onnx", new=False)
    m = gd.interop.onnx.load(tmp_path / "net.onnx", dtype="float64")
    (y,) = m.outputs.values()
    f = gd.compile(list(m.inputs.values()), [y, gd.grad(gd.sum(y * y * y), m.parameters)])
    net.double()
    for n in (1, 3, 4):
        x = torch.randn(n, *shape, dtype=torch.float64)
        want, of_each = gradients(net, x)
        got, found = f(x.numpy())
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9)
        named = as_named(found, of_each)
        for key, g in named.items():
            np.testing.assert_allclose(g, of_each[key], rtol=1e-6, atol=1e-8, err_msg=key)
        if name in ("cnn", "mlp", "resnet"):
            assert named.keys() == of_each.keys()
        if name in ("lstm", "gru"):  # weights are joined and turned around: all of them together
            squares = [sum(float((g**2).sum()) for g in those.values()) for those in (found, of_each)]
            assert squares[0] == pytest.approx(squares[1], rel=1e-9)


def test_the_new_exporter_writes_what_is_read(tmp_path):
    pytest.importorskip("onnxscript")
    net, shape = made("mlp")
    exported(net, shape, tmp_path / "net.onnx", new=True)
    m = gd.interop.onnx.load(tmp_path / "net.onnx", dtype="float64")
    (y,) = m.outputs.values()
    f = gd.compile(list(m.inputs.values()), [y, gd.grad(gd.sum(y * y * y), m.parameters)])
    net.double()
    for n in (1, 5):
        x = torch.randn(n, *shape, dtype=torch.float64)
        want, of_each = gradients(net, x)
        got, found = f(x.numpy())
        np.testing.assert_allclose(got, want, rtol=1e-9)
        assert found.keys() == of_each.keys()
        for key, g in found.items():
            np.testing.assert_allclose(g, of_each[key], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_ten_steps_of_training_are_those_of_pytorch(name, tmp_path):
    net, shape = made(name)
    net.train()
    exported(net, shape, tmp_path / "net.onnx", new=False, keep=torch.onnx.TrainingMode.TRAINING)
    m = gd.interop.onnx.load(tmp_path / "net.onnx", dtype="float64")
    net.double().train()
    y = next(iter(m.outputs.values()))
    t = gd.input("t", ("batch",), "int64")
    loss = gd.nn.cross_entropy(y, t)
    params = [p for n, p in m.parameters.items() if n in dict(net.named_parameters())]
    assert len(params) == len(list(net.parameters()))
    optimizer = gd.optim.Adam(1e-2)
    step = gd.compile([*m.inputs.values(), t], loss, updates=optimizer.updates(params, gd.grad(loss, params)))
    theirs = torch.optim.Adam(net.parameters(), 1e-2)
    for n in range(10):
        x, labels = torch.randn(4 + n, *shape, dtype=torch.float64), torch.randint(0, 3, (4 + n,))
        theirs.zero_grad()
        want = nn.functional.cross_entropy(net(x), labels)
        want.backward()
        theirs.step()
        assert float(step(x.numpy(), labels.numpy())) == pytest.approx(want.item(), rel=1e-6)
    for p in params:
        np.testing.assert_allclose(p.value, dict(net.named_parameters())[p.name].detach().numpy(), rtol=1e-4, atol=1e-6)
