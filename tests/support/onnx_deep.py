"""How long models of many layers take to read, compile and write again: seconds of the processor, by layers.

    python tests/support/onnx_deep.py [--layers 500 1000 2000 4000]

A layer is a product with a weight of its own, a bias and a Relu. Compiled is a step: the loss and all gradients. What
is written is run by ONNX Runtime, and must give what the model gave.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import graphdiff as gd

WIDTH = 8


def deep(layers: int) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for k in range(layers):
        w = (np.eye(WIDTH) + 0.1 * rng.normal(size=(WIDTH, WIDTH)) / np.sqrt(layers)).astype(np.float32)
        weights += [numpy_helper.from_array(w, f"w{k}"), numpy_helper.from_array(np.zeros(WIDTH, np.float32), f"b{k}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{k}", f"b{k}"], [f"h{k}"]))
        last = "y" if k == layers - 1 else f"r{k}"
        nodes.append(helper.make_node("Relu", [f"h{k}"], [last]))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", WIDTH]) for n in "xy"]
    graph = helper.make_graph(nodes, "deep", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--layers", type=int, nargs="*", default=[500, 1000, 2000, 4000])
    print(f"{'layers':>7} {'load':>7} {'compile':>8} {'save':>7}  seconds")
    for layers in parser.parse_args().layers:
        model, clock = deep(layers), [time.process_time()]
        m = gd.interop.onnx.load(model)
        clock.append(time.process_time())
        x, y = m.inputs["x"], m.outputs["y"]
        step = gd.compile([x], [y, gd.grad(gd.sum(y), list(m.parameters.values()))])
        clock.append(time.process_time())
        feed = np.abs(np.random.default_rng(1).normal(size=(3, WIDTH))).astype(np.float32)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "again.onnx"
            gd.interop.onnx.save(path, {"x": x}, {"y": y})
            clock.append(time.process_time())
            (again,) = onnxruntime.InferenceSession(str(path)).run(None, {"x": feed})
        np.testing.assert_allclose(again, step(feed)[0], rtol=1e-4, atol=1e-5)
        load, compile_, save = np.diff(clock)
        print(f"{layers:7} {load:7.2f} {compile_:8.2f} {save:7.2f}", flush=True)


if __name__ == "__main__":
    main()
