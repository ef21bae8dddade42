"""The backend cases of the installed package onnx: read, run, compared with their expected results, and derivatives of
float ones with differences in float64.

    python tests/support/onnx_cases.py [--match test_conv] [--verbose] [--round-trip] [--seed 0] [--node | --files]

Prints, by operator, how many cases pass, what is refused and why, and what is wrong; fails where anything is. A case
whose data decides a shape is read with that input's value as a constant, as the error says.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper, version_converter
from onnx_written import READERS

import graphdiff as gd

SEED = 0
JUDGED: Counter[str] = Counter()  # graphs that others have run
ITSELF: Counter[str] = Counter()  # what is written again of nodes that were read: "" for the same operators, else which
COMPARED: Counter[bool] = Counter()  # gradients, by whether there is a finite difference
DTYPES = ("float32", "float64", "int32", "int64", "bool")


class Case(NamedTuple):
    name: str
    model: Any
    data_sets: list[tuple[list[Any], list[Any]]]
    rtol: float
    atol: float

    @property
    def operator(self) -> str:
        return Counter(n.op_type for n in self.model.graph.node).most_common(1)[0][0] if self.model.graph.node else "-"


def node_cases(match: str = "") -> Iterator[Case]:
    """The cases of single operators, which the package computes."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in collect_testcases(None):
            if re.search(match, case.name):
                yield Case(case.name, case.model, case.data_sets, case.rtol, case.atol)


def file_cases(match: str = "") -> Iterator[Case]:
    """The cases that lie in folders: converted from PyTorch, and small models."""
    root = Path(onnx.__file__).parent / "backend/test/data"
    for kind in ("pytorch-converted", "pytorch-operator", "simple"):
        for folder in sorted((root / kind).iterdir()):
            if re.search(match, folder.name) and (folder / "model.onnx").exists():
                data = [(_arrays(d, "input"), _arrays(d, "output")) for d in sorted(folder.glob("test_data_set_*"))]
                yield Case(folder.name, recent(onnx.load(folder / "model.onnx")), data, 1e-3, 1e-5)


def recent(model: Any) -> Any:
    """A model of the oldest opset that is read, converted if it is older."""
    old = any(o.domain in ("", "ai.onnx") and o.version < 7 for o in model.opset_import)
    try:
        return version_converter.convert_version(model, 7) if old else model
    except RuntimeError:  # of some operators the package has no conversion
        return model


def _arrays(folder: Path, kind: str) -> list[Any]:
    out = []
    for i in range(len(list(folder.glob(f"{kind}_*.pb")))):
        tensor = onnx.TensorProto()
        tensor.ParseFromString((folder / f"{kind}_{i}.pb").read_bytes())
        out.append(numpy_helper.to_array(tensor))
    return out


def array(a: Any) -> np.ndarray:
    return numpy_helper.to_array(a) if isinstance(a, onnx.TensorProto) else np.asarray(a)


def largest(a: np.ndarray) -> float:
    """The largest finite element of floats, whose last digits are rounded differently elsewhere."""
    finite = np.abs(a[np.isfinite(a)]) if a.dtype.kind == "f" else np.zeros(0)
    return float(finite.max()) if finite.size else 0.0


def foreign(case: Case) -> str | None:
    """Why a case is none for graphdiff: what its inputs and results are."""
    graph = case.model.graph
    for v in [*graph.input, *graph.output]:
        kind = v.type.WhichOneof("value")
        if kind != "tensor_type":
            return (kind or "no type").removesuffix("_type")
        number = v.type.tensor_type.elem_type
        name = onnx.TensorProto.DataType.Name(number).lower() if number else "no type"
        name = {"float": "float32", "double": "float64"}.get(name, name)
        if name not in DTYPES:
            return name
    return None


def read(case: Case, inputs: dict[str, Any], dtype: str | None = None, trainable: Any = False) -> Any:
    """The model as a graph, with inputs that decide shapes as constants."""
    constants: dict[str, Any] = {}
    shapes = {v.name: inputs[v.name].shape for v in case.model.graph.input if not v.type.tensor_type.HasField("shape")}
    while True:
        try:
            return gd.interop.onnx.load(case.model, trainable, dtype, shapes=shapes, constants=constants)
        except gd.ShapeError as e:
            asked = re.findall(r"'([^']*)': \.\.\.", str(e))
            if not asked or not set(asked) <= set(inputs) or set(asked) & set(constants):
                raise
            constants |= {name: inputs[name] for name in asked}


def written_again(
    case: Case | None, inputs: dict[str, Any], outputs: dict[str, Any], given: dict[str, Any], want: list[np.ndarray]
) -> list[str]:
    """A graph is written, which checks it, and run by others beside graphdiff's results. Returns who has run it. What
    another gives of the case's own file too is its error."""
    ran = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        try:
            gd.interop.onnx.save(path, inputs, outputs)
        except gd.UnsupportedOperator:
            return []
        feeds = {n: given[n] for n in inputs}
        for name in ("reference", "runtime"):
            got = READERS[name](path, feeds)
            if got is None:
                continue
            ran.append(name)
            for y, z in zip(want, got):
                try:
                    np.testing.assert_allclose(z, y, 1e-3, 1e-5 + 1e-5 * largest(y), err_msg=f"written again: {name}")
                except AssertionError:
                    if case is None or not _same_of_the_file(case, name, given, got):
                        raise
                    ran[-1:] = []
                    break
    return ran


def written_as_itself(case: Case, model: Any) -> None:
    """Notes whether an operator that was read is written in its own opset as itself; shapes of the standard's own
    functions are worked out when they are read."""
    opset = next((o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset < 7:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        try:
            gd.interop.onnx.save(path, model.inputs, model.outputs, opset=opset)
        except gd.UnsupportedOperator:
            return
        before, after = (
            Counter(n.op_type for n in m.graph.node if n.op_type not in ("Constant", "Identity"))
            for m in (case.model, onnx.load(path))
        )
    ITSELF.update([""] if before == after else sorted((before - after).keys() or (after - before).keys()))


def _same_of_the_file(case: Case, name: str, given: dict[str, Any], got: list[Any]) -> bool:
    """Whether another gives of the case's file what it gives of what was written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        path.write_bytes(case.model.SerializeToString())
        try:
            own = READERS[name](path, given)
        except Exception:
            return False
    return own is not None and all(np.allclose(a, b, 1e-3, 1e-5, equal_nan=True) for a, b in zip(own, got))


def run(case: Case, gradients: bool = True, again: bool = False) -> str | None:
    """None where a case passes; raises AssertionError where it is wrong; else why it is refused."""
    reason = foreign(case)
    if reason is not None:
        return f"of {reason}"
    graph = case.model.graph
    held = {t.name for t in graph.initializer}
    names = [v.name for v in graph.input]
    if len(names) > len(case.data_sets[0][0]):
        names = [n for n in names if n not in held]
    for inputs, outputs in case.data_sets:
        given = {n: array(a) for n, a in zip(names, inputs) if n not in held}
        try:
            model = read(case, given)
        except (gd.GraphdiffError, OSError) as e:
            if isinstance(e, gd.UnsupportedOperator):
                return "operator " + ", ".join(e.counts)
            return f"{type(e).__name__}: {str(e).splitlines()[0]}"
        drawn = "random_key" in model.states
        compiled = gd.compile(list(model.inputs.values()), list(model.outputs.values()))
        got = compiled(*[given[n] for n in model.inputs])
        for y, want, v in zip(got, outputs, graph.output):
            want = array(want)
            assert y.dtype == want.dtype, f"{v.name} is {y.dtype}, not {want.dtype}"
            assert y.shape == want.shape, f"{v.name} has shape {y.shape}, not {want.shape}"
            if not drawn:
                np.testing.assert_allclose(y, want, case.rtol, case.atol + 1e-6 * largest(want))
        if again and not drawn:
            JUDGED.update(written_again(case, model.inputs, model.outputs, given, list(got)))
            if model.inputs and len(graph.node) == 1:
                written_as_itself(case, model)
        if gradients:
            check_gradient(case, given, again)
    return None


def check_gradient(case: Case, given: dict[str, Any], again: bool = False) -> None:
    """The derivative along a direction of all float inputs beside a centred difference, off kinks, in float64;
    ``again``: the gradients are written too and run by others."""
    rng = np.random.default_rng([SEED, *case.name.encode()])
    wide = {n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in given.items()}
    model = read(case, wide, "float64", trainable=True)
    leaves = {n: x for n, x in model.inputs.items() if x.dtype == np.float64} | dict(model.parameters)
    outputs = [y for y in model.outputs.values() if y.dtype == np.float64]
    if not leaves or not outputs:
        return
    loss = sum(
        gd.sum(y * rng.uniform(0.5, 1.5, [int(s) if isinstance(s, int) else 1 for s in y.shape])) for y in outputs
    )
    grads = gd.compile(list(model.inputs.values()), [loss, gd.grad(loss, leaves)])
    value = gd.compile(list(model.inputs.values()), loss)
    feeds = {n: wide[n] for n in model.inputs}
    at = {n: feeds[n] if n in feeds else x.value.copy() for n, x in leaves.items()}
    at = {n: a + rng.uniform(1e-3, 2e-3, a.shape) for n, a in at.items()}
    step = {n: rng.uniform(-1, 1, a.shape) * (np.isfinite(a) if a.size else 1) for n, a in at.items()}

    def f(h: float, function: Any) -> Any:
        for n, x in leaves.items():
            if n in feeds:
                feeds[n] = np.where(step[n] == 0, at[n], at[n] + h * step[n])
            else:
                x.value = at[n] + h * step[n]
        return function(**feeds)

    found = f(0.0, grads)[1]
    slope = sum(float(np.sum(np.where(step[n] == 0, 0, found[n] * step[n]))) for n in leaves)
    h = 1e-6
    centred = (f(h, value) - f(-h, value)) / (2 * h)
    if np.isfinite(centred):
        size = max(abs(centred), abs(slope), float(abs(f(0.0, value))) * 1e-3, 1e-3)
        assert abs(slope - centred) <= 2e-4 * size, f"derivative {slope}, by differences {centred}"
    COMPARED.update([np.isfinite(centred)])
    if again and "random_key" not in model.states:
        for n, x in leaves.items():
            if n not in feeds:
                x.value = at[n]
        of_each = {f"d_{i}": g for i, g in enumerate(gd.grad(loss, list(leaves.values())))}
        feeds |= {n: at[n] for n in feeds if n in at}
        ran = written_again(None, model.inputs, of_each, feeds, list(f(0.0, grads)[1].values()))
        JUDGED.update(f"{name}, gradients" for name in ran)


def table(cases: Iterator[Case], verbose: bool, gradients: bool, again: bool) -> int:
    """Prints the table; the number of cases that are wrong."""
    passed: Counter[str] = Counter()
    refused: defaultdict[str, list[str]] = defaultdict(list)
    wrong: list[str] = []
    for case in cases:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                reason = run(case, gradients, again)
        except AssertionError as e:
            wrong.append(f"{case.name}: {' '.join(str(e).split())[:300]}")
            continue
        except Exception as e:
            wrong.append(f"{case.name}: {type(e).__name__}: {' '.join(str(e).split())[:300]}")
            continue
        if reason is None:
            passed[case.operator] += 1
        else:
            refused[reason].append(case.name)
    print(f"passed {sum(passed.values())}:", ", ".join(f"{k} {v}" for k, v in sorted(passed.items())))
    print(f"refused {sum(map(len, refused.values()))}:")
    for reason, names in sorted(refused.items(), key=lambda item: -len(item[1])):
        print(f"  {len(names):4d} {reason}" + (f": {', '.join(names[:4])}" if verbose else ""))
    print(f"gradients beside differences {COMPARED[True]}, without a finite one {COMPARED[False]}")
    print("written and run:", ", ".join(f"{who} {n}" for who, n in sorted(JUDGED.items())) or "none")
    others = ", ".join(f"{name} {n}" for name, n in sorted(ITSELF.items()) if name)
    print(f"written as they were read {ITSELF['']}, others: {others or 'none'}")
    JUDGED.clear(), COMPARED.clear(), ITSELF.clear()
    print(f"wrong {len(wrong)}:", *wrong, sep="\n  ")
    return len(wrong)


def main() -> int:
    global SEED
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--match", default="", help="a pattern of cases' names")
    parser.add_argument("--verbose", action="store_true", help="names of some refused cases")
    parser.add_argument("--values", action="store_true", help="values alone, no derivatives")
    parser.add_argument("--round-trip", action="store_true", help="written again, gradients too, and run by others")
    parser.add_argument("--seed", type=int, default=0, help="of directions and of what results weigh")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--node", action="store_true", help="cases of single operators alone")
    group.add_argument("--files", action="store_true", help="cases in folders alone")
    args = parser.parse_args()
    SEED = args.seed
    bad = 0
    for kind, cases in (("node", node_cases), ("files", file_cases)):
        if not (args.files if kind == "node" else args.node):
            print(f"== {kind}")
            bad += table(cases(args.match), args.verbose, not args.values, args.round_trip)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
