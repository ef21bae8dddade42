"""The light networks of the package onnx: read, run beside ONNX Runtime, differentiated, written again, timed.

    python tests/support/onnx_light.py [--match resnet] [--seed 0] [--repeat 3] [--values]

Their files have one number for all elements of a weight, so each network is run as it is and with weights drawn at
random, by which it is written too. Columns, of which the differences are the largest over the largest number:

* forward: graphdiff's results beside ONNX Runtime's of the same file;
* saved: those of random weights beside ONNX Runtime's of the file that was written, which onnx has checked;
* gradient: in float64 the slope along a direction in which each weight moves along its own gradient, forward or back,
  beside a centred difference;
* load, compile: seconds, the latter of a step, forward and all gradients;
* infer, step: processor time beside ONNX Runtime's forward, both with one thread, the least of some turns.

Prints a table; fails where a difference is larger than it may be.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

import graphdiff as gd

MOST = {"forward": 2e-5, "saved": 2e-5, "gradient": 2e-5}
ROOT = Path(onnx.__file__).parent / "backend/test/data/light"


def session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def apart(got: Any, want: Any) -> float:
    """The largest difference over the largest number."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape
    return float(np.max(np.abs(got - want)) / max(np.max(np.abs(want)), 1e-30))


def draw(m: Any, f: gd.Function, image: np.ndarray, rng: np.random.Generator) -> None:
    """Weights of the size that keeps a signal's, or smaller, until no class has nearly all of the probability."""
    for p in m.parameters.values():
        shape = p.value.shape
        inputs = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        near = rng.normal(0, np.sqrt(2 / inputs), shape) if len(shape) > 1 else rng.normal(0.5, 0.2, shape)
        p.value = near.astype(p.value.dtype)
    for s in m.states.values():
        s.value = rng.uniform(0.5, 1.5, s.value.shape).astype(s.value.dtype)
    while True:
        y = f(image)[0]
        if np.max(np.abs(y)) < (0.5 if abs(np.sum(y) - 1) < 1e-3 else 20):
            return
        for p in m.parameters.values():
            p.value = p.value * p.value.dtype.type(0.9)


def least(f: Callable[[], Any], repeat: int) -> float:
    """Processor time of a call, the least of some."""
    found = []
    for _ in range(repeat):
        begun = time.process_time()
        f()
        found.append(time.process_time() - begun)
    return min(found)


def loss_of(m: Any, rng: np.random.Generator) -> Any:
    """A number that moves with every result, small ones too: about their logarithms, weighed at random."""
    y = next(iter(m.outputs.values()))
    weight = rng.uniform(-1, 1, [int(s) for s in y.shape])
    return gd.sum(gd.asinh(y * 1e3) * gd.constant(weight, y.dtype))


def gradient_error(path: Path, image: np.ndarray, seed: int) -> float:
    """How far the slope is from a difference, over the sizes of all weights' shares in it."""
    rng = np.random.default_rng(seed)
    m = gd.interop.onnx.load(path, dtype="float64")
    x, image = next(iter(m.inputs.values())), image.astype(np.float64)
    draw(m, gd.compile([x], list(m.outputs.values())), image, rng)
    loss = loss_of(m, rng)
    leaves = list(m.parameters.values())
    value, *grads = gd.compile([x], [loss, *gd.grad(loss, leaves)])(image)
    f = gd.compile([x], loss)
    at = [p.value.copy() for p in leaves]
    steps: list[np.ndarray] = []
    shares: list[float] = []
    while grads:  # the largest of these networks fills a gigabyte with each of these lists
        g = grads.pop(0)
        assert np.isfinite(g).all()
        size = float(np.linalg.norm(g))
        by = max(float(np.linalg.norm(at[len(steps)])), 1e-3) / max(size, 1e-300)  # some weights are not used
        steps.append(g * (by if rng.random() < 0.5 else -by))
        shares.append(float(np.vdot(g, steps[-1])))
    h = 1e-8 * float(abs(value)) / max(float(np.sum(np.abs(shares))), 1e-30) + 1e-9

    def moved(by: float) -> float:
        for p, a, d in zip(leaves, at, steps):
            p.value = a + by * d
        return float(f(image))

    centred = (moved(h) - moved(-h)) / (2 * h)
    return abs(sum(shares) - centred) / float(np.sum(np.abs(shares)))


def row(path: Path, seed: int, repeat: int, values: bool) -> dict[str, float]:
    """What is told of one network."""
    rng = np.random.default_rng(seed)
    found: dict[str, float] = {}
    begun = time.process_time()
    m = gd.interop.onnx.load(path)
    found["load s"] = time.process_time() - begun
    ((name, x),) = m.inputs.items()
    image = rng.uniform(0, 1, x.shape).astype(np.float32)
    f = gd.compile([x], list(m.outputs.values()), threads=1)
    theirs = session(path)
    found["forward"] = apart(f(image)[0], theirs.run(None, {name: image})[0])
    draw(m, f, image, rng)
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again.onnx"
        gd.interop.onnx.save(again, m.inputs, m.outputs)
        found["saved"] = apart(session(again).run(None, {name: image})[0], f(image)[0])
    if values:
        return found
    found["gradient"] = gradient_error(path, image, seed)
    loss = loss_of(m, rng)
    begun = time.process_time()
    step = gd.compile([x], [loss, gd.grad(loss, list(m.parameters.values()))], threads=1)
    step(image)
    found["compile s"] = time.process_time() - begun
    beside = least(lambda: theirs.run(None, {name: image}), repeat)
    found["infer"] = least(lambda: f(image), repeat) / beside
    found["step"] = least(lambda: step(image), repeat) / beside
    return found


def networks(match: str) -> Iterator[Path]:
    for path in sorted(ROOT.glob("light_*.onnx")):
        if re.search(match, path.stem):
            yield path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--match", default="", help="a pattern of names")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=3, help="turns that times are the least of (%(default)s)")
    parser.add_argument("--values", action="store_true", help="no gradients and no times")
    args = parser.parse_args()
    bad = []
    for i, path in enumerate(networks(args.match)):
        found = row(path, args.seed, args.repeat, args.values)
        if i == 0:
            print("| network |", " | ".join(found), "|", flush=True)
            print("|---" * (len(found) + 1) + "|")
        shown = [f"{v:.1e}" if k in MOST else f"{v:.2f}" for k, v in found.items()]
        print("|", path.stem.removeprefix("light_"), "|", " | ".join(shown), "|", flush=True)
        bad += [f"{path.stem}: {k} {v:.1e}" for k, v in found.items() if v > MOST.get(k, np.inf)]
    print(f"wrong {len(bad)}:", *bad, sep="\n  ")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
