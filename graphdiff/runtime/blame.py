"""What made the first value that is not finite: which node, from which operands, and where they began to grow.

The core says which instruction it was; here, after the failure, what that instruction is made of is computed once more
from the same feeds, node by node. Nothing of this is kept or done while nothing fails.
Must not know: how a call is made, how the error is raised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import GraphError, NonFiniteError
from ..files import write_file
from ..ir.dims import attr_at, shape_at
from ..ir.dtypes import FLOATS
from ..ir.graph import Graph
from ..ir.node import Node, Origin, Value, topological
from ..ir.text import Names, is_inline, is_literal, type_text
from ..late import give
from ..lower.instruction import Instruction
from ..ops.elementwise import abs as abs_
from ..ops.leaves import input as placeholder
from ..ops.reduce import max as max_
from ..ops.tensor import make
from . import _core
from .compiled import CompiledGraph
from .inside import Inside, inside

FURTHEST = 5000  # nodes that are looked through for where growth began
GROWN = 10.0  # times larger: what is called growth

SCRIPT = '''"""Shows alone the instruction that made a value that is not finite.

{about}
"""

from pathlib import Path

import numpy as np

import graphdiff as gd

OPERANDS = np.load(Path(__file__).with_name("operands.npz"))
GRAPH = """{text}"""

for name, array in OPERANDS.items():
    bad = np.count_nonzero(~np.isfinite(array)) if array.dtype.kind == "f" else 0
    span = f"from {{array.min()}} to {{array.max()}}" if array.size else "empty"
    print(f"{{name}}: {{array.dtype}} {{array.shape}}, {{span}}" + (f", {{bad}} not finite" if bad else ""))
f = gd.compile(gd.parse(GRAPH))
results = f(**OPERANDS)
for result in results if isinstance(results, list) else [results]:
    bad = ~np.isfinite(result)
    print(f"result: {{result.dtype}} {{result.shape}}, {{np.count_nonzero(bad)}} of {{result.size}} not finite")
    for place in np.argwhere(bad)[:5]:
        print(f"  {{result[tuple(place)]}} at {{tuple(place.tolist())}}")
'''


class Blame(NamedTuple):
    """What an error tells: texts, the operands by the names that the script has for them, and the script."""

    fact: str
    operation: str
    source: str | None
    operands: dict[str, np.ndarray]
    script: str


def blame(graph: Graph, i: Instruction, feeds: Sequence[np.ndarray], sizes: Mapping[str, int]) -> Blame | None:
    """What is to blame in instruction ``i`` of ``graph`` at ``feeds``; None where computing it again finds nothing."""
    values = [v for n in i.nodes for v in (*n.inputs, *n.outputs)]
    arrays = _computed(graph, [v for v in dict.fromkeys(values) if not is_literal(v.node)], feeds)
    bad = next(
        (
            n
            for n in i.nodes
            if any(y.dtype in FLOATS and not np.isfinite(arrays[y]).all() for y in n.outputs if y in arrays)
        ),
        None,
    )
    if bad is None:
        return None
    phase = "recompute" if i.recompute else i.phase
    read = [arrays[v] if v in arrays else np.asarray(v.node.attrs["value"]) for v in bad.inputs]
    found = inside(bad, read, sizes)
    if found is not None:
        return _told_inside(found, phase)
    names = Names((*graph.inputs, *graph.parameters))
    for node in graph.nodes:
        if not is_inline(node):
            names.add(node)
    fact = f"{bad.op.name} made a non-finite value in the {phase} pass"
    if bad.origin is not None:
        fact += f", by {bad.origin.rule} of {_told(bad.origin, names)}"
    operands = [v for v in bad.inputs if v in arrays]
    spans = [f"{names.of(v)} in {span(arrays[v])}" for v in operands if v.dtype in FLOATS]
    fact += f"; operands: {', '.join(spans)}" if spans else ""
    fact += _growth(graph, bad, arrays, feeds, names)
    return _blame(bad, arrays, names, fact, sizes)


def _told_inside(found: Inside, phase: str) -> Blame:
    """The blame of a node in the step of a loop, or in a branch."""
    bad, arrays = found.node, found.arrays
    names = Names(())
    for node in topological([*bad.inputs, *bad.outputs]):
        if not is_inline(node):
            names.add(node)
    fact = f"{bad.op.name} made a non-finite value in {found.where}, in the {phase} pass"
    spans = [f"{names.of(v)} in {span(arrays[v])}" for v in bad.inputs if v in arrays and v.dtype in FLOATS]
    fact += f"; operands: {', '.join(spans)}" if spans else ""
    return _blame(bad, arrays, names, fact, {})


def _blame(bad: Node, arrays: Mapping[Value, np.ndarray], names: Names, fact: str, sizes: Mapping[str, int]) -> Blame:
    call = ", ".join(f"{names.of(v)}: {type_text(v)}" for v in bad.inputs)
    operation = f"{names.of(bad.outputs[0])} = {bad.op.name}({call})"
    source = str(bad.source) if bad.source else None
    about = "\n".join([operation, fact, *([f"at {source}"] if source else [])])
    given = {f"x{k}": arrays[v] for k, v in enumerate(bad.inputs) if v in arrays}
    script = SCRIPT.format(about=_in_string(about), text=_in_string(str(_alone(bad, sizes))))
    return Blame(fact, operation, source, given, script)


def span(array: np.ndarray) -> str:
    """The range of what is finite, and how much is not."""
    finite = array[np.isfinite(array)]
    bad = array.size - finite.size
    text = f"[{finite.min():.6g}, {finite.max():.6g}]" if finite.size else "[]"
    return text + (f" and {bad} non-finite" if bad else "")


def _told(origin: Origin, names: Names) -> str:
    """A forward node with its line."""
    node = origin.node
    known = names.get(id(node.outputs[0]))
    text = f"{known} = {node.op.name}" if known else node.op.name
    return f"{text} ({node.source})" if node.source else text


def _in_string(text: str) -> str:
    """Text as it stands between three quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _computed(graph: Graph, values: Sequence[Value], feeds: Sequence[np.ndarray]) -> dict[Value, np.ndarray]:
    """What ``values`` are, by a program of their own; parameters and states as they are, which a failed call left."""
    part = Graph(graph.name, graph.inputs, values, (), graph.parameters)
    program = CompiledGraph(part, [], None, False)
    planned = program.planned(program.sizes.bind([a.shape for a in feeds]))
    outputs = [np.empty(shape_at(v.shape, planned.plan.sizes), v.dtype) for v in values]
    stored = [p.node.attrs["storage"].array for p in part.parameters]
    _core.Context(planned.program, program.threads).run([*feeds, *planned.given], outputs, stored)
    return dict(zip(values, outputs))


def _alone(node: Node, sizes: Mapping[str, int]) -> Graph:
    """The node over inputs x0, x1, ...; sizes as they were, but for a loop's or branch's, whose inner graphs keep
    their names."""
    inner = any(isinstance(a, Graph) for a in node.attrs.values())
    inputs: list[Any] = []
    for k, v in enumerate(node.inputs):
        shape = v.shape if inner else shape_at(v.shape, sizes)
        inputs.append(v if is_literal(v.node) else placeholder(f"x{k}", shape, v.dtype))
    if inner:
        outputs: Sequence[Value] = node.over(tuple(inputs), None).outputs
    else:
        made = make(node.op, tuple(inputs), {k: attr_at(a, sizes) for k, a in node.attrs.items()})
        outputs = made if isinstance(made, tuple) else (made,)
    return Graph("repro", [x for x in inputs if not is_literal(x.node)], [y for y in outputs if y.dtype in FLOATS])


def _growth(
    graph: Graph, node: Node, arrays: Mapping[Value, np.ndarray], feeds: Sequence[np.ndarray], names: Names
) -> str:
    """Where the largest operand's magnitude began to grow, followed back through the largest operands; those that are
    computed come before leaves, which are what they are."""
    before = [n for n in topological(node.inputs, stop=graph.inputs) if n is not node][-FURTHEST:]
    seen = [v for n in before for v in n.outputs if v.dtype in FLOATS and n.op.name != "constant"]
    seen = [v for v in dict.fromkeys([*seen, *node.inputs]) if v.dtype in FLOATS and not is_literal(v.node)]
    if not seen or any(a.size == 0 for v, a in arrays.items()):
        return ""
    found = _computed(graph, [max_(abs_(v)) for v in seen], feeds)
    largest = dict(zip(seen, (float(a) for a in found.values())))

    def worst(n: Node) -> Value | None:
        known = [v for v in n.inputs if v in largest and np.isfinite(largest[v])]
        return max(known, key=lambda v: (not v.is_leaf, largest[v]), default=None)

    path = [worst(node)]
    while path[-1] is not None and not path[-1].is_leaf:
        v = worst(path[-1].node)
        if v is None or largest[v] > largest[path[-1]]:
            break
        path.append(v)
    grown = [v for v in path if v is not None]
    while len(grown) > 1 and largest[grown[-2]] <= largest[grown[-1]]:
        grown.pop()  # where it began, not what was there before
    if len(grown) < 2 or largest[grown[0]] < GROWN * largest[grown[-1]]:
        return ""
    start = grown[-1]
    at = f" ({start.node.source})" if start.node.source else ""
    return (
        f"; what it reads grew over {len(grown) - 1} nodes, from {largest[start]:.6g} in {names.of(start)}{at} "
        f"to {largest[grown[0]]:.6g} in {names.of(grown[0])}"
    )


def write_repro(error: NonFiniteError, folder: str | Path) -> Path:
    """Writes ``repro.py`` and its operands into ``folder`` (made where it is missing) and returns the script's
    path: it runs the instruction alone and shows which elements are not finite.

    Raises OSError where the folder cannot be written. Example::

        try:
            step(x0, t0)
        except gd.NonFiniteError as error:
            print(error, error.write_repro("repro"))
    """
    if not error._script:
        raise GraphError("the instruction could not be told apart from the rest of the program", error.operation)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = dict(error.operands)  # by names that NumPy's own arguments might have, to a checker
    write_file(folder / "operands.npz", lambda file: np.savez(file, **arrays))
    script = folder / "repro.py"
    write_file(script, error._script)
    return script


give(NonFiniteError, write_repro)
