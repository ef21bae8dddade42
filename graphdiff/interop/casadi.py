"""``gd.interop.casadi.external(f, name)``: a compiled function as a CasADi function, over its C entry.

Owns: a small library of C with the symbols that CasADi looks for - the function, its Jacobian, one forward and one
reverse derivative, and these of those - each of which calls an entry; and CasADi's order of elements, column by column.
Entries are kept for good. Must not know: how an entry runs.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphdiff as gd

from ..errors import GraphdiffError, GraphError, ShapeError
from ..ops.leaves import input as input_leaf
from ..ops.messages import describe, where_am_i
from ..ops.tensor import Tensor, constant
from ..runtime.entry import Entry
from ..runtime.function import Function
from ..transforms.sparsity import at_sizes
from .flat import frozen
from .needs import needs

with needs("casadi"):
    import casadi

_kept: list[Any] = []


class Slot(NamedTuple):
    """A matrix of CasADi's by its entries: ``value``, a vector of them column by column, and where they stand."""

    name: str
    value: Tensor
    shape: tuple[int, int]
    rows: np.ndarray
    columns: np.ndarray

    @property
    def places(self) -> np.ndarray:
        """The number of each entry among all elements."""
        return self.columns * self.shape[0] + self.rows


class Node(NamedTuple):
    """One CasADi function; ``inputs`` have leaves as values."""

    name: str
    inputs: list[Slot]
    outputs: list[Slot]


def external(f: Function, name: str | None = None, *, order: int = 2, **sizes: int) -> Any:
    """``f`` as a ``casadi.Function``, for expressions, ``nlpsol`` and integrators.

    ``name``: what CasADi calls it, the function's own unless given; ``order``: how often it can be differentiated,
    exactly and with the sparsity of its Jacobian; ``sizes``: named dimensions. Inputs and outputs are numbers, vectors
    and matrices; parameters have the values that they have now. Compiles a file of C by ``$CC`` or ``cc``. Raises
    GraphError for a function with updates, ShapeError for more dimensions, GraphdiffError where nothing compiles.

    Example: ``F = gd.interop.casadi.external(gd.compile([x], y)); casadi.jacobian(F(v), v)``."""
    if not isinstance(f, Function) or f.graph.updates:
        told = "has updates, and CasADi takes functions to be pure" if isinstance(f, Function) else "is no gd.Function"
        raise GraphError(f"casadi.external: {getattr(f, 'name', f)!r} {told}", source=where_am_i())
    label = name or f.name
    if not label.isidentifier() or isinstance(order, bool) or not isinstance(order, int) or not 0 <= order <= 4:
        raise GraphError(
            f"casadi.external: the name is an identifier and order a number from 0 to 4, got {label!r}, {order!r}",
            source=where_am_i(),
        )
    nodes: list[Node] = []
    level = [_first(f, label, sizes)]
    for depth in range(order + 1):
        nodes += level
        level = [made for node in level for made in _derivatives(node)] if depth < order else []
    return casadi.external(label, _library(label, nodes))


def _first(f: Function, label: str, sizes: dict[str, int]) -> Node:
    """The function over vectors, in CasADi's order."""
    env = f._compiled.sizes.given("casadi.external", sizes)
    graph = at_sizes(f.graph, env)
    values = frozen("casadi.external", list(graph.outputs)[: f._n_results], None, list(graph.inputs))
    inputs, known = [], {}
    for old, v in zip(f.graph.inputs, graph.inputs):
        rows, columns = _matrix(old, v)
        leaf = input_leaf(None, (rows * columns,), "float64")
        turned = gd.matrix_transpose(gd.reshape(leaf, (columns, rows)))
        known[v] = gd.astype(gd.reshape(turned, v.shape), v.dtype)
        inputs.append(_dense(str(old.name), leaf, (rows, columns)))
    outputs = []
    for k, v in enumerate(gd.substitute(values, known)):
        rows, columns = _matrix(v, v)
        turned = gd.matrix_transpose(gd.reshape(v, (rows, columns)))
        outputs.append(_dense(f"o{k}", gd.astype(gd.reshape(turned, (-1,)), "float64"), (rows, columns)))
    return Node(label, inputs, outputs)


def _matrix(told: Tensor, v: Tensor) -> tuple[int, int]:
    """Rows and columns, as CasADi has numbers and vectors. Raises ShapeError for more dimensions."""
    if v.ndim > 2:
        raise ShapeError(f"casadi.external: CasADi has matrices, got {describe(told)}", source=where_am_i())
    rows, columns = (*(int(s) for s in v.shape), 1, 1)[:2]
    return rows, columns


def _dense(name: str, value: Tensor, shape: tuple[int, int]) -> Slot:
    columns, rows = np.divmod(np.arange(shape[0] * shape[1]), max(shape[0], 1))
    return Slot(name, value, shape, rows, columns)


def _like(name: str, slot: Slot) -> Slot:
    """A leaf for the entries of a slot."""
    return slot._replace(name=name, value=input_leaf(None, slot.value.shape, "float64"))


def _derivatives(node: Node) -> list[Node]:
    """The Jacobian, and one forward and one reverse derivative, as CasADi names and orders their arguments."""
    nominal = [_like(f"out_{s.name}", s) for s in node.outputs]
    xs, ys = [s.value for s in node.inputs], [s.value for s in node.outputs]
    begin = [*node.inputs, *nominal]
    blocks = [_block(y, x) for y in node.outputs for x in node.inputs]
    seeds = [_like(f"fwd_{s.name}", s) for s in node.inputs]
    moved = [s._replace(name=f"fwd_{s.name}", value=t) for s, t in zip(node.outputs, _jvp(ys, xs, seeds))]
    cotangents = [_like(f"adj_{s.name}", s) for s in node.outputs]
    back = [s._replace(name=f"adj_{s.name}", value=g) for s, g in zip(node.inputs, _vjp(ys, xs, cotangents))]
    return [
        Node(f"jac_{node.name}", begin, blocks),
        Node(f"fwd1_{node.name}", [*begin, *seeds], moved),
        Node(f"rev1_{node.name}", [*begin, *cotangents], back),
    ]


def _jvp(ys: list[Tensor], xs: list[Tensor], seeds: Sequence[Slot]) -> list[Tensor]:
    return list(gd.jvp(ys, xs, [s.value for s in seeds])) if xs and ys else []


def _vjp(ys: list[Tensor], xs: list[Tensor], seeds: Sequence[Slot]) -> list[Tensor]:
    return list(gd.vjp(ys, xs, [s.value for s in seeds])) if xs and ys else []


def _block(y: Slot, x: Slot) -> Slot:
    """The Jacobian of all elements of y by all of x: its entries column by column."""
    name, shape = f"jac_{y.name}_{x.name}", (y.shape[0] * y.shape[1], x.shape[0] * x.shape[1])
    if not len(y.rows) or not len(x.rows):
        nothing = np.zeros(0, np.int64)
        return Slot(name, gd.zeros((0,), "float64"), shape, nothing, nothing)
    found = gd.jacobian(y.value, x.value, sparse=True)
    indptr, indices = np.asarray(found.indptr), np.asarray(found.indices)
    rows = y.places[np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))]
    columns = x.places[indices]
    order = np.lexsort((rows, columns))
    return Slot(name, gd.take(found.data, constant(order)), shape, rows[order], columns[order])


# ------------------------------------------------------------------ the library

_HEAD = """typedef int (*entry_fn)(void *data, const void *const *inputs, void *const *outputs);
static entry_fn functions[%d];
static void *data[%d];
void graphdiff_set(int k, entry_fn function, void *entry) { functions[k] = function; data[k] = entry; }
"""


def _library(label: str, nodes: Sequence[Node]) -> str:
    """The path of a library with the functions, which has been loaded and given their entries."""
    text = [_HEAD % (len(nodes), len(nodes)), *(_source(k, node) for k, node in enumerate(nodes))]
    folder = tempfile.TemporaryDirectory(prefix="graphdiff_casadi_")
    place = Path(folder.name)
    (place / f"{label}.c").write_text("".join(text))
    path, compiler = place / f"lib{label}.so", shlex.split(os.environ.get("CC") or "cc")
    command = [*compiler, "-O1", "-fPIC", "-shared", str(place / f"{label}.c"), "-o", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise GraphdiffError(f"casadi.external: there is no compiler {compiler[0]!r}; set CC") from None
    except subprocess.CalledProcessError as error:
        raise GraphdiffError(f"casadi.external: {shlex.join(command)} failed: {error.stderr.strip()[:500]}") from None
    library = ctypes.CDLL(str(path))
    library.graphdiff_set.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    entries: list[Entry] = []
    for k, node in enumerate(nodes):
        inputs = [s.value for s in node.inputs]
        entries.append(gd.compile(inputs, [s.value for s in node.outputs], name=node.name).entry())
        library.graphdiff_set(k, *entries[-1].address)
    _kept.append((library, entries, folder))
    return str(path)


def _source(number: int, node: Node) -> str:
    """A function as CasADi calls it. An argument that is NULL is zero, a result that is NULL is not wanted: both are
    given room in the work memory."""
    n_in, n_out = len(node.inputs), len(node.outputs)
    sizes = [len(s.rows) for s in (*node.inputs, *node.outputs)]
    lines = [
        f"int {node.name}(const double **arg, double **res, long long *iw, double *w, int mem) {{",
        f"    const void *in[{n_in} + 1];",
        f"    void *out[{n_out} + 1];",
    ]
    at = 0
    for k, n in enumerate(sizes):
        if k < n_in:
            lines.append(f"    if (!arg[{k}]) for (int i = 0; i < {n}; i++) w[{at} + i] = 0;")
            lines.append(f"    in[{k}] = arg[{k}] ? arg[{k}] : w + {at};")
        else:
            lines.append(f"    out[{k - n_in}] = res[{k - n_in}] ? res[{k - n_in}] : w + {at};")
        at += n
    lines += [f"    return functions[{number}](data[{number}], in, (void *const *)out) != 0;", "}"]
    for kind, slots in (("in", node.inputs), ("out", node.outputs)):
        names = "".join(f'"{s.name if s.name.isidentifier() else f"i{k}"}", ' for k, s in enumerate(slots))
        lines.append(f"long long {node.name}_n_{kind}(void) {{ return {len(slots)}; }}")
        lines.append(f"const char *{node.name}_name_{kind}(long long i) {{")
        lines.append(f"    static const char *const names[] = {{{names}0}};")
        lines += ["    return names[i];", "}"]
        lines.append(f"const long long *{node.name}_sparsity_{kind}(long long i) {{")
        for k, s in enumerate(slots):
            begins = np.searchsorted(s.columns, np.arange(s.shape[1] + 1))
            told = ", ".join(map(str, [*s.shape, *begins, *s.rows]))
            lines.append(f"    static const long long s{k}[] = {{{told}}};")
        lines.append(f"    static const long long *const all[] = {{{''.join(f's{k}, ' for k in range(len(slots)))}0}};")
        lines += ["    return all[i];", "}"]
    lines.append(
        f"int {node.name}_work(long long *sz_arg, long long *sz_res, long long *sz_iw, long long *sz_w) {{\n"
        f"    if (sz_arg) *sz_arg = {n_in};\n    if (sz_res) *sz_res = {n_out};\n"
        f"    if (sz_iw) *sz_iw = 0;\n    if (sz_w) *sz_w = {at};\n    return 0;\n}}"
    )
    return "\n".join(lines) + "\n"
