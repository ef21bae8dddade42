"""Writes docs/operations.md, the reference of all operations, from their declarations.

    python -m docs.make_operations

Everything on the page is read off the registry or found by building graphs: dtypes by trying them on a sample,
derivatives by tracing rules on named operands. Invariant: the same registry gives the same bytes.
Must not know: any particular operation.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.interop.onnx import table
from graphdiff.interop.onnx.write import rules as rules
from graphdiff.interop.onnx.write.table import written
from graphdiff.ir.dtypes import FLOATS
from graphdiff.ir.node import Value, topological
from graphdiff.ir.text import type_text
from graphdiff.ops import namespaces
from graphdiff.ops.docstrings import partials, parts
from graphdiff.ops.registry import REGISTRY, Op, Sample

PAGE = Path(__file__).with_name("operations.md")
CONTROL = (gd.scan, gd.while_loop, gd.cond, gd.map, gd.custom)
SHORT = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "bool"}
HEADINGS = {"": "Operations of `gd`", **{name: f"`gd.{name}`" for name in ("fft", "linalg", "nn", "random")}}

HEAD = """# Operations

Made by `python -m docs.make_operations` from the declarations in `graphdiff/ops`; a test keeps it current.

*dtypes* are those that the operands which may be floats may have (the others, such as indices, stay as they are).
Elementwise operations broadcast as in NumPy, dtypes promote as in the array API standard, Python numbers are weak.
*Types* show operands and results of samples from the declaration. Of a derivative, y is the result, g the cotangent
of y and t a tangent, [x > 0] is 1 where that holds and else 0; where operations are listed, those are what the
derivative's graph is made of for the first sample. Every derivative is a graph of these same operations, so it can be
differentiated again. Claims of *Edges*, `f'(x)` the derivative at x, and *Examples* are run by tests.
"""

# ------------------------------------------------------------------ what samples tell


def applied(op: Op, sample: Sample, dtype: Any = None) -> tuple[list[gd.Tensor], list[gd.Tensor]]:
    """Inputs for a sample's arrays (the float ones in ``dtype``) and the operation's results on them."""
    leaves: list[gd.Tensor] = []

    def lift(a: Any) -> Any:
        if isinstance(a, list):
            return [lift(e) for e in a]
        if not isinstance(a, np.ndarray):
            return a
        leaves.append(gd.input(f"x{len(leaves)}", a.shape, dtype if dtype and a.dtype.kind == "f" else a.dtype))
        return leaves[-1]

    result = op.public(*map(lift, sample.args), **{k: lift(v) for k, v in sample.kwargs.items()})
    return leaves, list(result) if isinstance(result, (list, tuple)) else [result]


def accepted(op: Op, sample: Sample) -> str | None:
    """The dtypes that may stand where the sample has floats; None where it has none."""
    if not any(getattr(a, "dtype", np.dtype(int)).kind == "f" for a in _arrays(sample)):
        return None
    good = []
    for dtype, short in SHORT.items():
        try:
            applied(op, sample, dtype)
            good.append(short)
        except gd.DTypeError:
            pass
    return ", ".join(good)


def _arrays(sample: Sample) -> Iterable[np.ndarray]:
    for a in (*sample.args, *sample.kwargs.values()):
        yield from (e for e in (a if isinstance(a, list) else [a]) if isinstance(e, np.ndarray))


def types(op: Op, sample: Sample) -> str:
    """Operands and results of a sample: ``f64[3,4], axis=0 → f64[4]``."""

    def text(a: Any) -> str:
        if isinstance(a, list) and any(isinstance(e, np.ndarray) for e in a):
            return f"[{', '.join(map(text, a))}]"
        return f"{SHORT[a.dtype.name]}[{','.join(map(str, a.shape))}]" if isinstance(a, np.ndarray) else repr(a)

    shown = [*map(text, sample.args), *(f"{k}={text(v)}" for k, v in sample.kwargs.items())]
    results = applied(op, sample)[1]
    return f"`{', '.join(shown)}` → `{', '.join(map(type_text, results))}`"


def _names(values: Iterable[Value], stop: Iterable[Value]) -> str:
    nodes = [n.op.name for n in topological(values, stop=stop) if n.op.kind != "leaf"]
    return ", ".join(f"`{n}`" for n in dict.fromkeys(nodes)) or "nothing"


def derivative(op: Op, samples: list[Sample]) -> list[str]:
    if not op.differentiable:
        return ["Not differentiable: the derivative is zero."]
    if op.kind == "elementwise":
        return [f"`{line}`" for line in partials(op)]
    for sample in samples:
        leaves, results = applied(op, sample)
        ys = [y for y in results if y.dtype in FLOATS]
        xs = [x for x in leaves if x.dtype in FLOATS]
        if xs and ys:
            break
    else:
        return ["By its body."]
    gs = [gd.input(f"g{i}", y.shape, y.dtype) for i, y in enumerate(ys)]
    ts = [gd.input(f"t{i}", x.shape, x.dtype) for i, x in enumerate(xs)]
    lines = {
        "linear": ["Linear: the tangent is the operation on t, the cotangent its transpose on g."],
        "bilinear": [
            "Linear in each operand: the tangent is a sum of the operation on (t1, x2) and (x1, t2), the "
            "cotangents are the two transposes."
        ],
        "composite": [f"By its body: {_names(ys, leaves)}."],
        "custom": ["By rules of its own."],
    }[op.kind]
    known = [*leaves, *gs, *ts, *ys]
    lines.append(f"Reverse: {_names(gd.vjp(ys, xs, gs), known)}. Forward: {_names(gd.jvp(ys, xs, ts), known)}.")
    return lines


# ------------------------------------------------------------------ the page


def signature(function: Any) -> str:
    """The parameters with their defaults, without annotations."""
    whole = inspect.signature(function)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in whole.parameters.values()]
    return str(whole.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def entry(op: Op) -> str:
    samples = list(op.samples(np.random.default_rng(0)))
    path = "gd." + op.name if "." in op.name or not op.namespace else f"gd.{op.namespace}.{op.name}"
    prose, sections = parts(op.doc)
    lines = [f"### `{path}{signature(op.public)}`", "", " ".join(prose.split()), ""]
    dtypes = accepted(op, samples[0])
    if dtypes is not None:
        lines.append(f"- dtypes: {dtypes}")
        if op.errors:
            value, first, second = op.errors
            lines.append(
                f"- Relative error, in units of the last place, over the range of `tests/support/sweep_numbers.py`: "
                f"{value:g}; of the first "
                f"derivative {first:g}, of the second {second:g}"
            )
    if op.kind != "elementwise":
        lines.append(f"- Types: {'; '.join(dict.fromkeys(types(op, s) for s in samples[:2]))}")
    lines += [f"- {key}: {sections[key]}" for key in ("Arguments", "Shapes", "Edges") if key in sections]
    lines += [f"- {line}" for line in derivative(op, samples)]
    if not op.smooth:
        lines.append("- Has kinks: there the derivative is the one stated above.")
    if "Raises" in sections:
        lines.append(f"- Raises: {sections['Raises']}")
    if "Example" in sections:
        lines.append(f"- Example: `{sections['Example'].replace(' -> ', '` → `')}`")
    if "Source" in sections:
        lines.append(f"- Source: {sections['Source']}")
    if op.onnx:
        lines.append(f"- ONNX: {op.onnx}")
    return "\n".join(lines)


def page() -> str:
    """The whole text."""
    public = sorted(namespaces.public(), key=lambda op: op.name)
    texts = [HEAD]
    for namespace, heading in HEADINGS.items():
        members = [op for op in public if op.namespace == namespace]
        texts.append(f"## {heading} ({len(members)})\n")
        texts += [entry(op) + "\n" for op in members]
    texts.append("## Control flow and custom derivatives\n")
    for function in CONTROL:
        name = function.__name__.rstrip("_")
        texts.append(f"### `gd.{name}{signature(function)}`\n\n{inspect.getdoc(function)}\n")
    texts.append("## What they are made of\n\nOperations that graphs show, without a public name of their own.\n")
    texts.append(
        "\n".join(f"- `{n}`: {' '.join(op.doc.split())}" for n, op in sorted(REGISTRY.items()) if op.internal) + "\n"
    )
    texts.append(onnx_operators())
    return "\n".join(texts)


def onnx_operators() -> str:
    """Which operations the operators of ONNX are, and where the rules of those stand that are several."""
    found = table.operators()
    texts = [
        f"## Operators of ONNX ({len(found)})\n",
        "What declarations name, in both directions; a line of several is one of them by its operands.\n",
        *(
            f"- {name}: {', '.join(sorted(f'`{op.name}`' for op in ops))}"
            for name, ops in sorted(table.meaning().items())
        ),
        "\nRead by rules of their own, by their file in graphdiff/interop/onnx/rules/:\n",
    ]
    for room in sorted({room for room in found.values() if room}):
        names = ", ".join(f"{d}.{n}" if d else n for (d, n), where in found.items() if where == room)
        texts.append(f"- {room}.py: {names}")
    return "\n".join([*texts, *onnx_written()]) + "\n"


def onnx_written() -> list[str]:
    """How operations are written: as one operator, or as what they are made of there."""
    found = written()
    texts = [
        "\nWritten by rules of their own, by their file in graphdiff/interop/onnx/write/rules/, with the opset since "
        "which there is one operator for it; an operation made of others that is not here is written as what it is "
        "made of:\n"
    ]
    for room in sorted({room for room, _ in found.values() if room}):
        names = [f"{n} ({since})" if since else n for n, (where, since) in found.items() if where == room]
        texts.append(f"- {room}.py: {', '.join(names)}")
    bare = [n for n, op in sorted(REGISTRY.items()) if op.kind not in ("leaf", "composite") and n not in found]
    texts.append(f"\nWithout a form in ONNX: {', '.join(n for n in bare if n not in ('loop', 'branch'))}.")
    return texts


if __name__ == "__main__":
    text = page()
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE.name, text.count("\n### "), "operations")
