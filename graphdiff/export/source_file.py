"""NAME.c: helpers, tables, a function for each instruction, and the function that calls them in order.

Owns: what stands where in the file; which instruction is written by whom; where its memory lies.
Invariant: everything is found before a byte is written, so what cannot be exported leaves no file.
Must not know: how a kernel computes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import CompileError
from ..ops.messages import call_text
from . import amalgam, attention, calls, control, lapack, products, reductions, tape, tiles, windows
from .program import ALIGN, Item, Program, Step
from .scratch import Gaps
from .sources import C_TYPES, mathematics, micro_helpers, needed
from .sources import Item as Definition
from .unit import PARALLEL_LEAST, Parts, Unit
from .writer import Lines, comment, identifier, number

WRITERS: dict[str, Callable[[Unit], None]] = {
    "tile": tiles.write,
    "tape": tape.write,
    "matmul": products.write,
    **calls.WRITERS,
    **control.WRITERS,
    **windows.WRITERS,
    **attention.WRITERS,
    **lapack.WRITERS,
}
TOGETHER = 48  # calls in one function
STAND_IN = "NAME_OF_THE_PROGRAM"
CHECKS = "/* checks of the arguments */"  # where they go, once the interface is known
_NAMED = 40  # operations that a comment names one by one
_PER_LINE = 100  # characters of a table's line


@dataclass
class Failure:
    """A status that NAME returns: its constant, and what is told of it."""

    constant: str
    text: str


@dataclass
class Written:
    """The file's text, and what the header says of it."""

    text: str
    work_bytes: int
    failures: list[Failure] = field(default_factory=list)


def write(program: Program, plan_scratch: int, messages: Callable[[Step], str]) -> Written:
    """The C of a program, called STAND_IN. ``plan_scratch``: bytes of scratch in the plan; ``messages``: what is
    told where an instruction fails. Raises CompileError for one that cannot be exported."""
    return File(STAND_IN, messages).write(program, plan_scratch)


class File:
    """One file being written: a program, and those inside it before it."""

    def __init__(self, name: str, messages: Callable[[Step], str]):
        self.name, self.messages = name, messages
        self.parts = Parts()
        self.failures: list[Failure] = []
        self.code = Lines()
        self.tables: list[str] = []
        self.programs = 0
        self.needs: dict[int, int] = {}  # scratch that an instruction cannot do without, by its id

    def write(self, program: Program, plan_scratch: int) -> Written:
        units = self._units(program, program.arena_bytes + plan_scratch, "")
        scratch, work = _places(program, [unit.scratch for _, unit in units])
        self._functions(units)
        self.code(CHECKS)
        self.code(f"const size_t {self.name}_work_bytes = {self.name}_WORK_BYTES;")
        self.code("")
        self._entry(units, scratch, f"int {self.name}", "", is_checked=True)
        return self._finished(work)

    def _finished(self, work: int, first: str = "") -> Written:
        body = self.code.text()
        helpers = _helpers(self.parts, body, bool(first))
        rest = [t for t in (first, helpers, *self.tables, body) if t]
        guard = [_DOUBLE] if re.search(r"\bdouble\b", "".join(rest)) else []
        text = "\n\n".join([_head(self.name), *guard, *rest])
        return Written(text, work, self.failures)

    def _units(self, program: Program, limit: int, prefix: str) -> list[tuple[str, Unit]]:
        """The instructions of a program, in so many bytes of work or as many as they need."""
        units: list[tuple[str, Unit]] = []
        gaps = Gaps(program)
        for n, step in enumerate(program.steps):
            spare = max(0, gaps.room(n, limit) - self._need(step))
            unit = Unit(step, self.parts, spare, f"{self.name}_FAILED_{prefix}{n}", self._inner, self._least)
            WRITERS[step.kernel](unit)
            if unit.can_fail:
                self.failures.append(Failure(unit.failed, self.messages(step)))
            units.append((f"{prefix}step_{n}_{words(step)}", unit))
        self.tables += table_texts(program, prefix)
        for _, unit in units:
            unit.prefix = prefix
        return units

    def _need(self, step: Step) -> int:
        """The scratch of an instruction that has none to spare."""
        if id(step) not in self.needs:
            writer = WRITERS.get(step.kernel)
            if writer is None:
                raise refused(step)
            unit = Unit(step, Parts(), 0, "", lambda p, _: ("", self._least(p)), self._least)
            writer(unit)
            self.needs[id(step)] = unit.scratch
        return self.needs[id(step)]

    def _least(self, program: Program) -> int:
        """The work of a program inside an instruction that has none to spare."""
        return _places(program, [self._need(step) for step in program.steps])[1]

    def _inner(self, program: Program, spare: int) -> tuple[str, int]:
        """Writes a program inside an instruction: the name of its function, and the bytes of its work."""
        self.programs += 1
        prefix = f"body_{self.programs}_"
        units = self._units(program, self._least(program) + spare, prefix)
        scratch, work = _places(program, [unit.scratch for _, unit in units])
        self._functions(units)
        self._entry(units, scratch, f"STEP int {prefix}run", prefix)
        self.code("")
        return f"{prefix}run", work

    def _functions(self, units: Sequence[tuple[str, Unit]]) -> None:
        for function, unit in units:
            self.code(f"/* {told(unit.step)} */")
            with self.code.block(f"STEP {unit.signature(function)}"):
                for line in unit.body():
                    self.code(line)
            self.code("")

    def _entry(
        self,
        units: Sequence[tuple[str, Unit]],
        scratch: Sequence[int],
        head: str,
        prefix: str,
        is_checked: bool = False,
    ) -> None:
        """The function that runs all instructions in order."""
        code = self.code
        arguments = "const void *const inputs[], void *const outputs[], void *const params[], "
        calls = []
        for (function, unit), at in zip(units, scratch):
            call = call_of(function, unit, f"work + {at}" if at else "work")
            calls.append(f"if ((status = {call}) != 0) return status;" if unit.returns else f"{call};")
        unused = "".join(f"(void){n}; " for n in ("inputs", "outputs", "params", "work"))
        groups = [calls[i : i + TOGETHER] for i in range(0, len(calls), TOGETHER)]
        if len(groups) > 1:
            for n, group in enumerate(groups):
                with code.block(f"STEP int {prefix}part_{n}({arguments}unsigned char *work)"):
                    for line in _with_status(group):
                        code(line)
                    code(f"{unused}")
                    code("return 0;")
                code("")
            run = f"{prefix}part_{{}}(inputs, outputs, params, work)"
            calls = [f"if ((status = {run.format(n)}) != 0) return status;" for n in range(len(groups))]
        with code.block(f"{head}({arguments}void *work_)"):
            code("unsigned char *const work = (unsigned char *)work_;")
            if is_checked:
                self.code.lines += [
                    f"#ifdef {self.name}_CHECKED",
                    f"    if (is_bad(inputs, outputs, params, work_)) return {self.name}_BAD_POINTER;",
                    "#endif",
                ]
            for line in _with_status(calls):
                code(line)
            code(unused.strip())
            code("return 0;")


def _with_status(calls: Sequence[str]) -> list[str]:
    return ["int status;", *calls] if any("status" in c for c in calls) else list(calls)


def _places(program: Program, scratch: Sequence[int]) -> tuple[list[int], int]:
    """Where the scratch of each instruction lies, and the bytes of work: the end of all."""
    gaps = Gaps(program)
    places = [gaps.place(n, count) for n, count in enumerate(scratch)]
    return places, max([gaps.end, *(at + count for at, count in zip(places, scratch))])


def refused(step: Step) -> CompileError:
    """The error for an instruction that cannot be exported."""
    node = step.node
    return CompileError(
        f"export_c: {node.op.name if node else step.kernel} cannot be exported to C",
        call_text(node.op.name, node.inputs, {}) if node else None,
        str(node.source) if node and node.source else None,
    )


def words(step: Step) -> str:
    """What an instruction computes, as the tail of a name."""
    names = [n.op.name for n in step.row.nodes] or [step.kernel]
    chosen = names if len(names) <= 3 else [names[0], names[-1]]
    return identifier("_".join(chosen), step.kernel)[:48]


def _head(name: str) -> str:
    return f"""\
/* {name}.c: see {name}.h. Made by graphdiff: change the model and export it again.
 *
 * Compile with -ffp-contract=off for the same bits at every optimisation. */
#include "{name}.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus /* what it says otherwise */
#define restrict __restrict
#define LITERAL(type) type
#else
#define LITERAL(type) (type)
#endif

/* nobody reads errno or flags: choices between two values and square roots become vectors; no bit depends on it */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif
#if defined(__GNUC__) && !defined(__cplusplus)
double sqrt(double x) __attribute__((const));
float sqrtf(float x) __attribute__((const));
#endif

#if defined(__GNUC__) /* vectors are handed only to functions that are inlined */
#pragma GCC diagnostic ignored "-Wpsabi"
#endif
#if defined(__clang__) /* -Os does without some inline functions */
#pragma clang diagnostic ignored "-Wunused-function"
#endif

/* loops that threads may share, with -fopenmp; the bits are the same */
#ifdef {name}_OPENMP
#define PRAGMA(text) _Pragma(#text)
#define PARALLEL(work) PRAGMA(omp parallel for if ((work) >= {PARALLEL_LEAST}))
#else
#define PARALLEL(work) (void)(work);
#endif

/* functions that stay functions: of what is known of one call compilers would make copies, and warnings */
#if defined(__clang__)
#define STEP static __attribute__((noinline))
#elif defined(__GNUC__)
#define STEP static __attribute__((noinline, noclone))
#else
#define STEP static
#endif"""


# Of programs that compute in double.
_DOUBLE = """\
#if defined(__SIZEOF_DOUBLE__) && __SIZEOF_DOUBLE__ < 8
#error "double has fewer than 8 bytes here: use float32 alone and give all sizes, or a compiler's 64-bit double"
#endif"""

# Functions of libm that C11 alone does not declare.
_POSIX = {
    "lgamma_r": "double lgamma_r(double x, int *sign);",
    "j0": "double j0(double x);",
    "j1": "double j1(double x);",
    "jn": "double jn(int n, double x);",
}

# --------------------------------------------------------------------------------------- helpers


def _helpers(parts: Parts, body: str, has_sizes: bool) -> str:
    """The definitions that functions need, each once. ``has_sizes``: sizes are arguments."""
    rest_of = {stem: _kernel(stem, *found) for stem, found in parts.kernels.items()}
    turned: set[str] = set()  # the element types of those that call it
    for stem in ("product", "conv"):
        turned |= parts.kernels[stem][1] if "gd_transpose" in rest_of.get(stem, "") else set()
    kernels = [rest_of[stem] for stem in sorted(rest_of, key=lambda stem: (stem != "product", stem))]
    if turned:
        text = _kernel("transpose", {"gd_transpose"}, turned)
        kernels.insert(0, text if "conv" in rest_of else f"#ifndef __OPTIMIZE_SIZE__\n\n{text}\n#endif\n")
    folds = [reductions.text(*h) for h in reductions.with_needed(parts.helpers)]
    texts = [*parts.texts.values()]
    all_text = "\n".join([*kernels, *folds, *texts, body])
    micro: list[Definition] = []
    for dtype in ("float32", "float64", "int32", "int64"):
        micro += needed(micro_helpers(dtype), all_text)
    all_text += "\n".join(i.text for i in micro)
    general = needed(amalgam.shared(has_sizes), all_text)
    mathematical = needed(mathematics(), all_text)
    named = {word for i in mathematical for word in i.words}
    general[:0] = [Definition((name,), text) for name, text in _POSIX.items() if name in named]
    out = [*(i.text for i in general), *(i.text for i in mathematical), *(i.text for i in micro)]
    each = [t for n, t in parts.texts.items() if n.startswith("each_")]  # kernels call them
    rest = [t for n, t in parts.texts.items() if not n.startswith("each_")]
    return "\n\n".join([*out, *(t.strip() for t in (*each, *kernels, *folds, *rest))])


def _kernel(stem: str, functions: set[str], dtypes: set[str]) -> str:
    return amalgam.kernel(stem, frozenset(dtypes), frozenset(functions))


# --------------------------------------------------------------------------------------- tables


def table_texts(program: Program, prefix: str) -> list[str]:
    """The constants of a program as tables."""
    return [t for x in _constants(program) if (t := _table_text(program, x, prefix))]


def _table_text(program: Program, x: Item, prefix: str) -> str:
    """A constant as a table."""
    values = np.frombuffer(program.constants, x.dtype, x.count, x.place)
    return f"static const {C_TYPES[x.dtype.name]} {_table(x, prefix)}[{x.count}] = {{\n{table_lines(values)}}};"


def _constants(program: Program) -> list[Item]:
    found = {(x.place, x.dtype.name, x.count): x for step in program.steps for x in step.operands if x.kind == "const"}
    return [found[k] for k in sorted(found) if found[k].count]


def _table(x: Item, prefix: str) -> str:
    return f"{prefix}constant_{x.place}_{x.dtype.name}"


def table_lines(values: Iterable[np.generic]) -> str:
    """Numbers between braces, in lines."""
    lines, line = [], ""
    for value in values:
        text = number(value)
        if line and len(line) + len(text) > _PER_LINE:
            lines.append(f"    {line.strip()}\n")
            line = ""
        line += f"{text}, "
    return "".join([*lines, f"    {line.strip()}\n"])


# --------------------------------------------------------------------------------------- functions


def told(step: Step) -> str:
    """An instruction in a comment: its phase, operations, shape and line."""
    nodes = step.row.nodes
    names = step.row.name if len(nodes) > _NAMED else ", ".join(n.op.name for n in nodes) or step.kernel
    node = step.node
    shape = str(list(node.outputs[0].shape)) if node else ""
    phase = "recompute" if step.row.recompute else step.row.phase
    source = f"  {node.source}" if node is not None and node.source else ""
    text = f"{phase}: {names}  {shape}{source}".replace("'", "")
    return comment(re.sub(r"(\S*/)?(\S+:\d+)", r"\2", text))


def _address(x: Item, written: bool, prefix: str) -> str:
    """Where a value lies, as the argument of a function."""
    c_type = C_TYPES[x.dtype.name]
    const = "" if written else "const "
    if x.kind == "const":
        return _table(x, prefix) if x.count else "NULL"
    if x.kind == "slot":
        return f"({const}{c_type} *)(void *)(work + (size_t)at[{x.place}] * {ALIGN})"
    if x.kind == "arena":
        at = f"work + {x.place}" if x.place else "work"
        return f"({const}{c_type} *)(void *)({at})"
    array = {"input": "inputs", "output": "outputs", "param": "params"}[x.kind]
    return f"({const}{c_type} *){array}[{x.place}]"


def call_of(function: str, unit: Unit, scratch: str) -> str:
    """The call of an instruction's function. ``scratch``: its address."""
    written = {Unit._key(x) for x in unit.step.operands[unit.step.n_reads :]}
    arguments = unit.sizes_named()
    arguments += [_address(x, Unit._key(x) in written, unit.prefix) for x in unit.operands.values()]
    if unit.needs_scratch:
        arguments.append(scratch)
    return f"{function}({', '.join(arguments)})"
