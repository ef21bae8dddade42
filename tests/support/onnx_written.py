"""Graphs written as ONNX and run by others: the package's own evaluator, ONNX Runtime, and graphdiff that reads them.

    python tests/support/onnx_written.py [--match softmax] [--opset 17] [--gradients] [--named]

Writes every registered operation over its samples, prints what ONNX has not and what is wrong; fails where anything is.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator
from op_samples import SAMPLED, Case, cast, changed, samples

import graphdiff as gd

# What ONNX Runtime's kernels for processors and the package's evaluator lack, as their errors say it
LACKING = re.compile(
    r"NOT_IMPLEMENTED|Could not find an implementation|not implemented|zero scan-input length|Issues with types"
    r"|matching the calculated number of sliding|match the calculated number of sliding|cannot reshape array"
    r"|could not broadcast input array|OrtValueTensorSlicer|is not defined for empty set|at most 64 array objects"
    r"|layout_ == 0 was false|Unknown activation function|must have the same size as num_directions"
    r"|all dimensions of index and self should be the same size"
    r"|No registered implementation|need at least one array to concatenate|is no ONNX corresponding type"
    r"|output_size is None and scale_factors is None",
    re.IGNORECASE,
)


def by_reference(path: Path, feeds: dict[str, np.ndarray]) -> list[Any] | None:
    """What the evaluator of the package onnx gives; None where it lacks a case (ConvTranspose of groups or dilations,
    scans of no rows, functions of numbers) or is wrong: in the places of MaxPool, in BatchNormalization before opset
    14, in LRN of more channels than examples."""
    model = onnx.load(path)
    old = model.opset_import[0].version < 14
    for n in model.graph.node:
        wrong = {"MaxPool": len(n.output) > 1, "BatchNormalization": old, "LRN": True}
        if wrong.get(n.op_type):
            return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return ReferenceEvaluator(str(path)).run(None, feeds)
        except (RuntimeError, ValueError, TypeError) as e:
            if LACKING.search(str(e)):
                return None
            raise


def by_runtime(path: Path, feeds: dict[str, np.ndarray]) -> list[Any] | None:
    """What ONNX Runtime gives; None where it has no kernel for these dtypes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as e:
        if LACKING.search(str(e)):
            return None
        raise
    try:
        return session.run(None, feeds)
    except Exception as e:
        if LACKING.search(str(e)):
            return None
        raise


def by_reading(path: Path, feeds: dict[str, np.ndarray]) -> list[Any]:
    """What graphdiff gives of the file."""
    m = gd.interop.onnx.load(path)
    return list(gd.compile(list(m.inputs.values()), list(m.outputs.values()))(*[feeds[n] for n in m.inputs]))


def used(graph: onnx.GraphProto) -> set[str]:
    """The names that a graph and those inside it read or give."""
    names = {v.name for v in graph.output}
    for n in graph.node:
        names.update(n.input)
        for a in n.attribute:
            if a.HasField("g"):
                names |= used(a.g)
    return names


READERS = {"reference": by_reference, "runtime": by_runtime, "read": by_reading}


def compare(
    inputs: dict[str, Any], outputs: dict[str, Any], feeds: dict[str, np.ndarray], opset: int, who: Any = tuple(READERS)
) -> Counter[str]:
    """Writes a graph and compares what others make of it with graphdiff's own numbers. Returns who had no kernel.
    Raises AssertionError where they differ."""
    want = gd.compile(list(inputs.values()), list(outputs.values()))(*[feeds[n] for n in inputs])
    lacking: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        gd.interop.onnx.save(path, inputs, outputs, opset=opset)
        graph = onnx.load(path).graph
        assert not (held := {t.name for t in graph.initializer} - used(graph)), f"nothing reads {held}"
        for name in who:
            got = READERS[name](path, feeds)
            if got is None:
                lacking[name] += 1
                continue
            for key, y, z in zip(outputs, want, got):
                z = np.asarray(z)
                assert z.dtype == y.dtype, f"{name}: {key} is {z.dtype}, not {y.dtype}"
                assert z.shape == y.shape, f"{name}: {key} has shape {z.shape}, not {y.shape}"
                scale = float(np.max(np.abs(y[np.isfinite(y)]), initial=0)) if y.dtype.kind == "f" else 0.0
                tolerance = 2e-5 if y.dtype == np.float32 else 1e-10 if name == "read" else 1e-7
                np.testing.assert_allclose(z, y, tolerance, tolerance * scale + 1e-30, err_msg=f"{name}: {key}")
    return lacking


def case_of(name: str, sample: Any, dtype: Any, gradients: bool, named: bool) -> tuple[Any, Any, Any]:
    """Inputs, outputs and feeds of a sample; with ``gradients`` those of a sum of its results."""
    sample = changed(sample, cast(dtype))
    case = Case(name, sample, named=(3, 4, 5) if named else ())
    inputs = {x.name: x for x in case.leaves}
    outputs = {f"y{i}": y for i, y in enumerate(case.results)}
    if gradients:
        rng = np.random.default_rng(0)
        floats = [y for y in case.results if y.dtype.kind == "f"]
        wrt = [x for x in case.leaves if x.dtype.kind == "f"]
        if not floats or not wrt:
            return None, None, None
        loss: Any = 0.0
        for y in floats:  # no loss that a normalisation keeps as it is
            known = not any(isinstance(s, str) for s in y.shape)
            weight = gd.constant(rng.uniform(0.5, 1.5, y.shape), y.dtype) if known else gd.sin(y * 2)
            loss = loss + gd.sum(y * y * weight)
        outputs |= {f"g{i}": g for i, g in enumerate(gd.grad(loss, wrt))}
    return inputs, outputs, dict(zip(inputs, case.arrays))


def _is_taken(inputs: dict[str, Any], outputs: dict[str, Any], feeds: dict[str, np.ndarray]) -> bool:
    """Whether graphdiff itself takes these sizes where they have names, of which some operations ask more."""
    try:
        gd.compile(list(inputs.values()), list(outputs.values()))(*feeds.values())
    except gd.FeedError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--match", default="", help="a pattern of operations' names")
    parser.add_argument("--opset", type=int, default=21)
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--named", action="store_true", help="sizes have names")
    args = parser.parse_args()
    refused: Counter[str] = Counter()
    lacking: Counter[str] = Counter()
    wrong, passed = [], 0
    for name in SAMPLED:
        if not re.search(args.match, name):
            continue
        for i, sample in enumerate(samples(name)):
            for dtype in ("float32", "float64"):
                try:
                    inputs, outputs, feeds = case_of(name, sample, dtype, args.gradients, args.named)
                except gd.GraphdiffError:
                    continue
                if inputs is None:
                    continue
                try:
                    if args.named and not _is_taken(inputs, outputs, feeds):
                        continue
                    missing = compare(inputs, outputs, feeds, args.opset)
                    passed += 1
                    lacking.update({f"{name} {dtype} {k}": n for k, n in missing.items()})
                except gd.UnsupportedOperator as e:
                    refused.update([f"{name}: {', '.join(e.counts)}"])
                except Exception as e:
                    wrong.append(f"{name} {i} {dtype}: {type(e).__name__}: {' '.join(str(e).split())[:300]}")
    print(f"passed {passed}")
    print(f"refused {refused.total()}:", *sorted(refused), sep="\n  ")
    print(f"without a kernel of ONNX Runtime {lacking.total()}:", ", ".join(sorted(lacking)))
    print(f"wrong {len(wrong)}:", *wrong, sep="\n  ")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
