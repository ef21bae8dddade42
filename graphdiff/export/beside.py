"""What goes with the program: a build, a test with a saved case, values as tables, and the same facts as JSON.

Owns: these texts, and the case: feeds that C and NumPy draw alike, and what the function gave for them.
Must not know: the program's own text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops.trees import LEAF, Tree
from .header import Interface, Slot
from .limits import name_of
from .source_file import table_lines
from .sources import C_TYPES
from .writer import comment, identifier, number

_SHOWN = 16  # elements of each result that the test compares
FIRST_INPUT, FIRST_PARAM = 1, 1001  # seeds
_STEP, _ADD = 1664525, 1013904223  # Numerical Recipes' generator modulo 2^32


def drawn(slot: Slot, seed: int) -> np.ndarray:
    """Elements of the case: floats in (0, 1] with 8 bits, as none is divided by 0 then; integers and bools 0 or 1."""
    n = slot.count
    powers = np.full(n, _STEP, np.uint32)
    with np.errstate(over="ignore"):
        factor = np.cumprod(powers, dtype=np.uint32)
        ones = np.concatenate([np.ones(1, np.uint32), factor[:-1]])[:n]
        state = factor * np.uint32(seed) + np.uint32(_ADD) * np.cumsum(ones, dtype=np.uint32)
    top = state >> np.uint32(24)
    if slot.dtype.kind == "f":
        return ((top + np.uint32(1)).astype(slot.dtype) / slot.dtype.type(256)).reshape(slot.shape)
    return (top >> np.uint32(7)).astype(slot.dtype).reshape(slot.shape)


def case(x: Interface) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inputs and the parameters of the case."""
    inputs = [drawn(slot, FIRST_INPUT + n) for n, slot in enumerate(x.inputs)]
    return inputs, [drawn(slot, FIRST_PARAM + n) for n, slot in enumerate(x.params)]


# --------------------------------------------------------------------------------------- the test


def test_text(
    x: Interface, sizes: Sequence[str], status: int, outputs: Sequence[np.ndarray], params: Sequence[np.ndarray]
) -> str:
    """NAME_test.c: runs the case and compares. ``sizes``: those given as arguments; ``outputs`` and ``params``: what
    the function gave, and left."""
    name = x.name
    out = [
        f"/* {name}_test.c: runs {name} once on numbers made here and compares with what graphdiff gave for them.",
        f" * Build: cc {name}_test.c {name}.c -lm */",
        f'#include "{name}.h"',
        "",
        "#ifndef ARDUINO /* there all files beside a sketch are built, and it has a main of its own */",
        "#include <math.h>",
        "#include <stdio.h>",
        "",
        f"enum {{ STATUS = {status} }};",
        "",
        "#ifdef __cplusplus",
        f"#define ALIGNED alignas({name}_WORK_ALIGN)",
        "#else",
        f"#define ALIGNED _Alignas({name}_WORK_ALIGN)",
        "#endif",
        "",
        _DRAW,
    ]
    groups = (("input", x.inputs), ("output", x.outputs), ("param", x.params))
    for kind, slots in groups:
        for n, slot in enumerate(slots):
            count = max(1, slot.count)
            out.append(f"static {C_TYPES[slot.dtype.name]} {kind}_{n}[{count}]; /* {comment(slot.name)} */")
    work = f"{x.work_bytes}" if sizes else f"{name}_WORK_BYTES"
    out += [f"ALIGNED static unsigned char work[{work} + 1];", ""]
    checks: list[str] = []
    if status == 0:
        found = [("output", n, a) for n, a in enumerate(outputs) if a.size]
        found += [("param", n, a) for n, (s, a) in enumerate(zip(x.params, params)) if s.updated and a.size]
        out += [_COMPARE] if found else []
        for kind, n, array in found:
            out += _expected(kind, n, array)
            checks.append(f"    bad += check_{kind}_{n}();")
    out += ["", "int main(void) {"]
    for kind, slots in groups:
        pointer = "const void *" if kind == "input" else "void *"
        places = ", ".join(f"{kind}_{n}" for n in range(len(slots))) or "NULL"
        out.append(f"    {pointer}const {kind}s[] = {{{places}}};")
    out.append("    int bad = 0;")
    for kind, slots, first in (("input", x.inputs, FIRST_INPUT), ("param", x.params, FIRST_PARAM)):
        for n, slot in enumerate(slots):
            count = slot.count
            if not count:
                continue
            c_type = C_TYPES[slot.dtype.name]
            value = f"({c_type})(((drawn >> 24) + 1) / {'256.0f' if slot.dtype.itemsize == 4 else '256.0'})"
            if slot.dtype.kind != "f":
                value = f"({c_type})(drawn >> 31)"
            out.append(f"    DRAW({first + n}u, {count}, {kind}_{n}, {value})")
    if sizes:
        bytes_ = f"{name}_work_bytes_for({', '.join(sizes)})"
        out.append(f"    if ({bytes_} < 0 || {bytes_} > (int64_t)sizeof work) return 1;")
    run = f"{x.function}({', '.join([*sizes, 'inputs', 'outputs', 'params', 'work'])})"
    out += [
        f"    const int status = {run};",
        "    if (status != STATUS) {",
        f'        printf("{name}: status %d, %s\\n", status, {name}_status_text(status));',
        "        return 1;",
        "    }",
        *checks,
        f'    puts(bad ? "{name}: wrong" : "{name}: as graphdiff");',
        "    return bad != 0;",
        "}",
        "#endif",
    ]
    return "\n".join(out) + "\n"


_DRAW = f"""\
/* numbers of a linear congruential generator */
#define DRAW(seed, n, array, value)                                    \\
    {{                                                                  \\
        uint32_t drawn = seed;                                         \\
        for (size_t i = 0; i < (n); i++) {{                             \\
            drawn = drawn * {_STEP}u + {_ADD}u;                    \\
            (array)[i] = value;                                        \\
        }}                                                              \\
    }}
"""

_COMPARE = """\
static int compare(const char *name, size_t at, double got, double wanted, double room) {{
    if (got == wanted || fabs(got - wanted) <= room || (isnan(got) && isnan(wanted))) return 0;
    printf("%s[%lu] is %.9g, not %.9g\\n", name, (unsigned long)at, got, wanted);
    return 1;
}}
"""


def _expected(kind: str, n: int, array: np.ndarray) -> list[str]:
    """A function that compares some elements of an array."""
    flat = array.reshape(-1)
    places = np.unique(np.linspace(0, flat.size - 1, min(_SHOWN, flat.size)).astype(np.int64))
    values = ", ".join(number(np.float64(v)) for v in flat[places])
    finite = np.abs(flat[np.isfinite(flat)].astype(np.float64)) if array.dtype.kind == "f" else np.zeros(0)
    room = float(finite.max(initial=0)) * (1e-5 if array.dtype == np.float32 else 1e-11)
    return [
        f"static int check_{kind}_{n}(void) {{",
        f"    static const size_t at[] = {{{', '.join(map(str, places))}}};",
        f"    static const double wanted[] = {{{values}}};",
        "    int bad = 0;",
        "    for (size_t i = 0; i < sizeof at / sizeof *at; i++)",
        f'        bad += compare("{kind} {n}", at[i], (double){kind}_{n}[at[i]], wanted[i], {room!r});',
        "    return bad;",
        "}",
    ]


# --------------------------------------------------------------------------------------- values, the build, JSON


def values_text(x: Interface, arrays: Sequence[np.ndarray]) -> str:
    """NAME_values.c: what parameters and states hold, as constants that can stay in flash."""
    out = [
        f"/* {x.name}_values.c: what parameters and states held when {x.name} was exported. */",
        f'#include "{x.name}.h"',
        "",
    ]
    names = []
    for n, (slot, array) in enumerate(zip(x.params, arrays)):
        names.append(f"value_{n}_{identifier(slot.name, 'unnamed')}")
        c_type = C_TYPES[slot.dtype.name]
        count = max(1, array.size)
        lines = table_lines(array.reshape(-1)) if array.size else "    0,\n"
        out.append(f"/* {comment(slot.name)} */\nstatic const {c_type} {names[-1]}[{count}] = {{\n{lines}}};\n")
    out.append(f"const void *const {x.name}_values[] = {{{', '.join(names) or 'NULL'}}};")
    sizes = ", ".join(str(slot.bytes) for slot in x.params)
    out.append(f"const size_t {x.name}_values_bytes[] = {{{sizes or '0'}}};")
    return "\n".join(out) + "\n"


def cmake_text(x: Interface, values: bool) -> str:
    """CMakeLists.txt: a library, and its test."""
    sources = f"{x.name}.c" + (f" {x.name}_values.c" if values else "")
    return f"""\
cmake_minimum_required(VERSION 3.10)
project({x.name} C)
enable_testing()

add_library({x.name} {sources})
target_include_directories({x.name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
set_target_properties({x.name} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON POSITION_INDEPENDENT_CODE ON)
if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
    # the same bits at every optimisation; square roots as instructions
    target_compile_options({x.name} PRIVATE -ffp-contract=off -fno-math-errno -fno-trapping-math)
endif()
if(UNIX)
    target_link_libraries({x.name} PUBLIC m)
endif()

add_executable({x.name}_test {x.name}_test.c)
target_link_libraries({x.name}_test {x.name})
set_target_properties({x.name}_test PROPERTIES C_STANDARD 11)
add_test(NAME {x.name} COMMAND {x.name}_test)
"""


def json_text(x: Interface, sizes: dict[str, int], arguments: Tree, results: Tree, n_results: int) -> str:
    """NAME.json: what binders of other languages ask for."""

    def slots(found: Sequence[Slot], with_updates: bool = False) -> list[dict[str, Any]]:
        out = []
        for slot in found:
            row: dict[str, Any] = {
                "name": slot.name,
                "dtype": slot.dtype.name,
                "shape": list(slot.shape),
                "bytes": None if slot.formula else slot.bytes,
            }
            if with_updates:
                row["updated"] = slot.updated
            out.append(row)
        return out

    facts = {
        "name": x.name,
        "function": f"int {x.function}({x.arguments})",
        "work_bytes": None if x.sizes else x.work_bytes,
        "work_align": 64,
        "sizes": {n: None if name_of(n) in x.sizes else size for n, size in sizes.items()},
        "inputs": slots(x.inputs),
        "outputs": slots(x.outputs),
        "params": slots(x.params, True),
        "statuses": ["ok", *(f.text for f in x.failures)],
        "has_values": x.has_values,
        "results": n_results,
        "arguments_tree": tree_json(arguments),
        "results_tree": tree_json(results),
    }
    return json.dumps(facts, indent=1) + "\n"


def tree_json(tree: Tree) -> Any:
    """A structure: "leaf", None, a list, {"tuple": [..]} or {"dict": [[key, ..], ..]}; what else nests is a dict."""
    if tree.kind == LEAF:
        return "leaf"
    if tree.kind is None:
        return None
    items = [tree_json(c) for c in tree.children]
    if tree.kind is list:
        return items
    if tree.kind is tuple:
        return {"tuple": items}
    return {
        "dict": [
            [k if isinstance(k, (str, int, float)) else str(getattr(k, "name", k)), i] for k, i in zip(tree.keys, items)
        ]
    }
