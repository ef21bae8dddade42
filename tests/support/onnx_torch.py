"""Networks of PyTorch through its exporters: values, gradients of all weights and ten steps of training beside
PyTorch's own, in float64, and what was trained written again and run by ONNX Runtime.

    python tests/support/onnx_torch.py [--match lstm] [--how dynamo]

Prints for each network and exporter the largest differences over the largest numbers; fails where one is too large.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import logging
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

import graphdiff as gd

BATCHES = (1, 3, 4)
MOST = {"values": 1e-10, "gradients": 1e-10, "SGD": 1e-9, "Adam": 1e-7, "saved": 2e-5}


class Recurrent(nn.Module):
    def __init__(self, kind: Any):
        super().__init__()
        self.rnn, self.out = kind(6, 8, num_layers=2, batch_first=True, bidirectional=True), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.out(self.rnn(x)[0][:, -1])


class Block(nn.Module):
    def __init__(self, c: int = 8):
        super().__init__()
        self.a, self.n1 = nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.b, self.n2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.skip, self.out = nn.Conv2d(3, c, 1), nn.Linear(c, 4)

    def forward(self, x: torch.Tensor) -> Any:
        y = self.n2(self.b(torch.relu(self.n1(self.a(x)))))
        return self.out(torch.relu(y + self.skip(x)).mean((2, 3)))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.0, activation="gelu")
        self.layers, self.out = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> Any:
        return self.out(self.layers(x).mean(1))


def cnn() -> Any:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)]
    first = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, nn.Conv2d(8, 8, 3), nn.ReLU(), *head)


def mlp() -> Any:
    return nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3))


NETWORKS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "cnn": (cnn, (3, 8, 8)),
    "mlp": (mlp, (10,)),
    "transformer": (Encoder, (7, 16)),
    "lstm": (lambda: Recurrent(nn.LSTM), (5, 6)),
    "gru": (lambda: Recurrent(nn.GRU), (5, 6)),
    "resnet": (Block, (3, 8, 8)),
}
# Convolutions with the batch norms after them, which the newer exporter's default folds
FOLDED = {"cnn": [("0", "1")], "resnet": [("a", "n1"), ("b", "n2")]}
# The exporter of TorchScript, and the newer one, of which the default rewrites the graph and renames weights
EXPORTERS = ("torchscript", "dynamo", "dynamo, optimised")


def made(name: str) -> tuple[Any, tuple[int, ...]]:
    """A network in float64, whose weights and statistics are all numbers of their own, so that the exporter merges
    none."""
    torch.manual_seed(0)
    build, shape = NETWORKS[name]
    net = build().double().eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.normal_()
                m.running_var.uniform_(0.5, 2)
    return net, shape


def export(net: Any, shape: tuple[int, ...], path: Path, how: str, keep: Any = None) -> None:
    """Writes a network by an exporter, the size of the batch with a name."""
    x = torch.randn(2, *shape, dtype=torch.float64)
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            if how == "torchscript":
                keep = torch.onnx.TrainingMode.PRESERVE if keep is None else keep
                of_batch = {"x": {0: "batch"}}
                more: dict[str, Any] = {"dynamic_axes": of_batch, "training": keep, "do_constant_folding": False}
                torch.onnx.export(net, (x,), path, dynamo=False, input_names=["x"], **more)
            else:
                sizes = ({0: torch.export.Dim("batch")},)
                more = {"dynamic_shapes": sizes, "optimize": how != "dynamo"}
                torch.onnx.export(net, (x,), path, dynamo=True, input_names=["x"], **more)
    finally:
        logging.disable(logging.NOTSET)


def apart(got: Any, want: Any) -> float:
    """The largest difference over the largest number."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    return float(np.max(np.abs(got - want)) / max(float(np.max(np.abs(want))), 1e-30))


def gradients(net: Any, x: torch.Tensor) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    net.zero_grad()
    y = net(x)
    (y**3).sum().backward()
    return y.detach().numpy(), {n: p.grad.numpy().copy() for n, p in net.named_parameters()}


def as_exported(name: str, net: Any, how: str) -> Any:
    """The network whose weights the file has: of the newer exporter's default that with batch norms folded."""
    if how != "dynamo, optimised" or name not in FOLDED:
        return net
    folded = copy.deepcopy(net)
    for conv, norm in FOLDED[name]:
        together = fuse_conv_bn_eval(folded.get_submodule(conv), folded.get_submodule(norm))
        folded.set_submodule(conv, together)
        folded.set_submodule(norm, nn.Identity())
    return folded.requires_grad_()


def _key(element: Any) -> str:
    return f"{float(element):.9e}"


def found_in(net: Any, m: Any) -> list[tuple[Any, list[tuple[str, int]]]]:
    """The weights of a file with, for each element, the name and the place of PyTorch's. What an exporter has renamed,
    turned around or joined is found by its elements, of which each is there once; constants of its own are none."""
    places = {_key(v): (n, i) for n, p in net.named_parameters() for i, v in enumerate(p.detach().numpy().flat)}
    pairs = []
    for p in m.parameters.values():
        at = [places.get(_key(v)) for v in p.value.flat]
        if all(at):
            pairs.append((p, at))
    return pairs


def gathered(arrays: dict[str, np.ndarray], p: Any, at: list[tuple[str, int]]) -> np.ndarray:
    return np.reshape([arrays[n].flat[i] for n, i in at], p.value.shape)


def beside(net: Any, m: Any, shape: tuple[int, ...]) -> dict[str, float]:
    """Values and gradients at some sizes of the batch, of one compiled function."""
    (y,) = m.outputs.values()
    x = m.inputs["x"]
    f = gd.compile([x], [y, gd.grad(gd.sum(y * y * y), [x, *m.parameters.values()])])
    found = {"values": 0.0, "gradients": 0.0}
    weights = found_in(net, m)
    found["weights"] = len({n for _, at in weights for n, _ in at})
    for n in BATCHES:
        image = torch.randn(n, *shape, dtype=torch.float64, requires_grad=True)
        want, of_each = gradients(net, image)
        got, (of_image, *grads) = f(image.detach().numpy())
        assert image.grad is not None
        by_weight = dict(zip(m.parameters.values(), grads))
        pairs = [(of_image, image.grad.numpy()), *((by_weight[p], gathered(of_each, p, at)) for p, at in weights)]
        found["values"] = max(found["values"], apart(got, want))
        found["gradients"] = max(found["gradients"], *(apart(a, b) for a, b in pairs))
    return found


OPTIMIZERS: dict[str, tuple[Any, Any]] = {
    "SGD": (lambda: gd.optim.SGD(0.05), lambda ps: torch.optim.SGD(ps, 0.05)),
    "Adam": (lambda: gd.optim.Adam(1e-2), lambda ps: torch.optim.Adam(ps, 1e-2)),
}


def train(net: Any, m: Any, shape: tuple[int, ...], optimizer: str) -> float:
    """Ten steps of training of the weights that the file has, on both sides: how far losses and weights are apart."""
    ours, theirs = OPTIMIZERS[optimizer]
    own, weights = dict(net.named_parameters()), found_in(net, m)
    (y,) = m.outputs.values()
    t = gd.input("t", (m.inputs["x"].shape[0],), "int64")
    loss = gd.nn.cross_entropy(y, t)
    params = [p for p, _ in weights]
    step = gd.compile([m.inputs["x"], t], loss, updates=ours().updates(params, gd.grad(loss, params)))
    other = theirs([own[n] for n in dict.fromkeys(n for _, at in weights for n, _ in at)])
    torch.manual_seed(1)
    far = 0.0
    for n in range(10):
        x, labels = torch.randn(4 + n, *shape, dtype=torch.float64), torch.randint(0, 3, (4 + n,))
        other.zero_grad()
        want = nn.functional.cross_entropy(net(x), labels)
        want.backward()
        other.step()
        far = max(far, apart(step(x.numpy(), labels.numpy()), want.item()))
    now = {n: p.detach().numpy() for n, p in own.items()}
    return max(far, *(apart(p.value, gathered(now, p, at)) for p, at in weights))


def saved(net: Any, m: Any, path: Path, shape: tuple[int, ...]) -> float:
    """What ONNX Runtime gives of the trained network, which is written in float32, beside PyTorch's float64."""
    single = gd.interop.onnx.load(path, dtype="float32")
    for name, p in m.parameters.items():
        single.parameters[name].value = p.value.astype(np.float32)
    again = path.with_name("again.onnx")
    gd.interop.onnx.save(again, single.inputs, single.outputs)
    session = onnxruntime.InferenceSession(str(again), providers=["CPUExecutionProvider"])
    far = 0.0
    for n in BATCHES:
        x = torch.randn(n, *shape, dtype=torch.float64)
        far = max(far, apart(session.run(None, {"x": x.numpy().astype(np.float32)})[0], net(x).detach().numpy()))
    return far


def row(name: str, how: str) -> dict[str, float]:
    """What is told of one network and one exporter."""
    net, shape = made(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        export(net, shape, path, how)
        net, m = as_exported(name, net, how), gd.interop.onnx.load(path)
        found = beside(net, m, shape)
        for optimizer in OPTIMIZERS:
            net, m = as_exported(name, made(name)[0], how), gd.interop.onnx.load(path)
            found[optimizer] = train(net, m, shape, optimizer)
        found["all"] = len(list(net.parameters()))
        found["saved"] = saved(net, m, path, shape)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--match", default="", help="a pattern of names")
    parser.add_argument("--how", choices=EXPORTERS, help="one exporter alone")
    args = parser.parse_args()
    print("| network | exporter | values | gradients | weights | SGD | Adam | saved |\n" + "|---" * 8 + "|")
    bad = []
    for name in NETWORKS:
        for how in EXPORTERS if args.how is None else (args.how,):
            if not re.search(args.match, name):
                continue
            found = row(name, how)
            shown = {k: f"{found[k]:.1e}" if k in found else "-" for k in MOST}
            weights = f"{int(found['weights'])} of {int(found['all'])}"
            cells = [name, how, shown["values"], shown["gradients"], weights, *(shown[k] for k in [*MOST][2:])]
            print("|", " | ".join(cells), "|", flush=True)
            bad += [f"{name}, {how}: {k} {v:.1e}" for k, v in found.items() if v > MOST.get(k, np.inf)]
    print(f"wrong {len(bad)}:", *bad, sep="\n  ")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
