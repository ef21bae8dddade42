"""A vision network from an ONNX file, whose last layers are fine-tuned on scikit-learn's digits within a memory limit
and which is written back.

    python examples/onnx_finetune.py [--out FOLDER]     # with a network that is written first
    python examples/onnx_finetune.py NET.onnx 'fc.*'    # with yours, of images (n, 1, 8, 8), and what of it is trained

What is read has named sizes, so that one compiled step serves every batch. All weights are parameters under their
names, of which those that fit the patterns are trained, and the running statistics of batch normalisation are states.
The step is compiled once freely and once to run in less memory; both give the same bits.
"""

import argparse
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

import graphdiff as gd


def write_network(path):
    """A small network of convolutions as another program might have left it: features of random directions, no head."""
    rng = np.random.default_rng(0)
    sizes = {"stem": (16, 1, 3, 3), "body.0": (32, 16, 3, 3), "body.1": (32, 32, 3, 3)}
    arrays = {f"{n}.weight": rng.normal(0, np.sqrt(2 / np.prod(s[1:])), s) for n, s in sizes.items()}
    arrays |= {f"norm.{n}": np.full(16, v) for n, v in (("scale", 1.0), ("bias", 0.0), ("mean", 0.1), ("var", 1.0))}
    arrays |= {"head.0.weight": rng.normal(0, 0.05, (64, 512)), "head.0.bias": np.zeros(64)}
    arrays |= {"head.1.weight": rng.normal(0, 0.1, (10, 64)), "head.1.bias": np.zeros(10)}
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "stem.weight"], ["a"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["a", "norm.scale", "norm.bias", "norm.mean", "norm.var"], ["b"]),
        node("Relu", ["b"], ["c"]),
        node("Conv", ["c", "body.0.weight"], ["d"], pads=[1, 1, 1, 1]),
        node("Relu", ["d"], ["e"]),
        node("Conv", ["e", "body.1.weight"], ["f"], pads=[1, 1, 1, 1]),
        node("Relu", ["f"], ["g"]),
        node("MaxPool", ["g"], ["h"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["h"], ["i"]),
        node("Gemm", ["i", "head.0.weight", "head.0.bias"], ["j"], transB=1),
        node("Relu", ["j"], ["k"]),
        node("Gemm", ["k", "head.1.weight", "head.1.bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items()],
    )
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString())


def plot(losses, accuracies, folder):
    """The loss of each step, and the accuracy before each epoch and after the last."""
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.semilogy(np.ravel(losses))
    left.set(xlabel="step", ylabel="loss")
    right.plot(accuracies, "o-")
    right.set(xlabel="epochs", ylabel="accuracy on unseen digits")
    figure.savefig(folder / "onnx_finetune.png", dpi=120)


def main(path, trained, out=None):
    model = gd.interop.onnx.load(path)
    print(model)
    weights = {n: p for n, p in model.parameters.items() if any(fnmatchcase(n, pattern) for pattern in trained)}
    (image,), (logits,) = model.inputs.values(), model.outputs.values()
    t = gd.input("t", ("batch",), "int64")
    loss = gd.nn.cross_entropy(logits, t)
    grads = gd.grad(loss, weights)
    free = gd.compile([image, t], [loss, grads]).plan_for(batch=64).arena_bytes
    limit = free * 3 // 4
    updates = gd.optim.Adam(2e-3).updates(weights, grads)
    step = gd.compile([image, t], loss, updates=updates, memory_limit=limit)
    print(f"a step on 64 images takes {step.plan_for(batch=64).arena_bytes} bytes, without a limit {free}")
    predict = gd.compile([image], gd.argmax(logits, axis=1))

    digits = load_digits()
    x, y = (digits.images[:, None] / 16).astype(np.float32), digits.target.astype(np.int64)
    order = np.random.default_rng(1).permutation(len(x))
    x, y = x[order], y[order]

    def accuracy():
        return float(np.mean(predict(x[1472:]) == y[1472:]))

    losses, accuracies = [], [accuracy()]
    print(f"accuracy before {accuracies[0]:.3f}")
    for epoch in range(6):
        losses.append([step(x[i : i + 64], y[i : i + 64]) for i in range(0, 1472, 64)])
        accuracies.append(accuracy())
        print(f"epoch {epoch + 1}: loss {np.mean(losses[-1]):.4f}, accuracy {accuracies[-1]:.3f}")
    assert accuracies[-1] > 0.95 and step.plan_for(batch=64).arena_bytes <= limit
    if out:
        plot(losses, accuracies, out)
    new = path.with_name(f"{path.stem}_tuned.onnx")
    gd.interop.onnx.save(new, model.inputs, model.outputs)
    again = gd.interop.onnx.load(new)
    same = gd.compile(again.inputs["image"], again.outputs["logits"])(x[1472:]).argmax(axis=1) == y[1472:]
    print(f"wrote {new.name}, of accuracy {np.mean(same):.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A vision network from an ONNX file, fine-tuned.")
    parser.add_argument("network", type=Path, nargs="?")
    parser.add_argument("trained", nargs="*")
    parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
    options = parser.parse_args()
    if options.network:
        main(options.network, options.trained, options.out)
    else:
        with tempfile.TemporaryDirectory() as folder:
            write_network(Path(folder) / "network.onnx")
            main(Path(folder) / "network.onnx", ["head.*", "body.1.*"], options.out)
