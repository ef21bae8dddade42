"""NAME.h: the contract, its sizes as macros, and each slot in a comment.

Must not know: how the program computes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir.dims import Size, product
from .source_file import Failure
from .sources import C_TYPES
from .writer import LIBRARY, comment, identifier, quoted

ARGUMENTS = "const void *const inputs[], void *const outputs[], void *const params[], void *work"
_MACRO = re.compile(
    r"NULL|NAN|INFINITY|HUGE_VAL[FL]?|EOF|(M|FP|MATH)_\w+|U?(INT|PTR|SIZE|WCHAR)\w*_(MAX|MIN|C)|SIZE_MAX"
)
_BAD_SIZE = "there is no code for these sizes"
_BAD = "a pointer is missing or not aligned, or memory overlaps"


@dataclass(frozen=True)
class Slot:
    """One input, output or parameter: ``updated`` says that a call writes it."""

    name: str
    dtype: np.dtype
    shape: tuple[Size, ...]
    updated: bool = False
    formula: str = ""  # of its bytes, where sizes are arguments

    @property
    def count(self) -> int:
        """How many elements it has, where no size is an argument."""
        return int(product(self.shape))

    @property
    def bytes(self) -> int:
        return self.count * self.dtype.itemsize

    @property
    def bytes_text(self) -> str:
        """Its bytes as C."""
        return self.formula or str(self.bytes)


@dataclass(frozen=True)
class Interface:
    """What a caller sees of a program."""

    name: str
    inputs: Sequence[Slot]
    outputs: Sequence[Slot]
    params: Sequence[Slot]
    work_bytes: int
    failures: Sequence[Failure]
    summary: str
    has_values: bool
    sizes: tuple[str, ...] = ()  # the variables of sizes that are arguments

    @property
    def function(self) -> str:
        """The function that runs it."""
        return f"{self.name}_sized" if self.sizes else self.name

    @property
    def arguments(self) -> str:
        """What it takes."""
        return ", ".join([*(f"int64_t {v}" for v in self.sizes), ARGUMENTS])

    def passing(self, *arrays: str) -> str:
        """Arguments for it: the sizes by their names, then ``arrays``."""
        return ", ".join([*self.sizes, *arrays])

    @property
    def groups(self) -> list[tuple[str, Sequence[Slot]]]:
        return [("INPUT", self.inputs), ("OUTPUT", self.outputs), ("PARAM", self.params)]


def write(x: Interface) -> str:
    """The header's text."""
    name, guard = x.name, f"{x.name}_H"
    out = [
        f"/* {name}.h: a program made by graphdiff, in plain C.",
        " *",
        *(f" * {comment(line)}".rstrip() for line in x.summary.splitlines()),
        " *",
        f" * int {x.function}({x.passing('inputs', 'outputs', 'params', 'work')}) runs it once: results are written; "
        "parameters and states",
        " * that it updates are changed in place, all of them or, where a status other than 0 comes back, none.",
        " * Arrays are C-contiguous and aligned as their elements; none overlaps another. `work` has NAME_WORK_BYTES",
        " * bytes, aligned to NAME_WORK_ALIGN; what is in it means nothing between calls. Any number of threads may",
        " * call it, each with work and outputs of its own. Nothing is allocated, and there is no other state. */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        *([] if x.sizes else [f"#define {name}_WORK_BYTES {x.work_bytes}"]),
        f"#define {name}_WORK_ALIGN 64",
        f"#define {name}_PARAMS_BYTES {sum(-(-s.bytes // 8) * 8 for s in x.params)} "
        "/* all of them, each from a multiple of 8 on */",
    ]
    work = "work_bytes_for(..)" if x.sizes else "WORK_BYTES"
    out = [
        line.replace("NAME_WORK_BYTES", f"{name}_{work}").replace("NAME_", f"{name}_")
        if line.startswith(" *")
        else line
        for line in out
    ]
    for kind, slots in x.groups:
        out += ["", f"#define {name}_{kind}S {len(slots)}"]
        for n, slot in enumerate(slots):
            shape = ", ".join(map(str, slot.shape))
            more = ", updated" if slot.updated else ""
            macro = f"{kind}_{n}_BYTES({', '.join(x.sizes)})" if slot.formula else f"{kind}_{n}_BYTES"
            out.append(
                f"#define {name}_{macro} {_of_any(slot.bytes_text, x.sizes)} /* {C_TYPES[slot.dtype.name]} "
                f"{comment(slot.name)}[{shape}]{more} */"
            )
        taken: set[str] = set()
        for n, slot in enumerate(slots):
            word = identifier(slot.name, "") if slot.name else str(n)
            if word not in taken and not word.isdigit():
                out.append(f"#define {name}_{kind}_{word} {n}")
            taken.add(word)
    out += ["", "/* what a call returns */", "enum {", f"    {name}_OK = 0,"]
    for n, failure in enumerate(x.failures, 1):
        out.append(f"    {failure.constant} = {n}, /* {comment(failure.text)} */")
    out += [
        f"    {name}_BAD_POINTER = {len(x.failures) + 1}, /* with -D{name}_CHECKED alone: {_BAD} */",
        *([f"    {name}_BAD_SIZE = {len(x.failures) + 2} /* {_BAD_SIZE} */"] if x.sizes else []),
        "};",
        "/* the text of a status */",
        f"const char *{name}_status_text(int status);",
        "",
        f"int64_t {name}_work_bytes_for({', '.join(f'int64_t {v}' for v in x.sizes)}); /* -1: {_BAD_SIZE} */"
        if x.sizes
        else f"extern const size_t {name}_work_bytes;",
        f"int {x.function}({x.arguments});",
        "/* the same with an argument for each array */",
        f"int {name}_call({', '.join(typed(x)[0])});",
        *(
            [
                "/* what parameters and states held when this was exported, and the bytes of each */",
                f"extern const void *const {name}_values[];",
                f"extern const size_t {name}_values_bytes[];",
            ]
            if x.has_values
            else []
        ),
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "#endif",
    ]
    return "\n".join(out) + "\n"


def _of_any(text: str, sizes: Sequence[str]) -> str:
    """An expression of sizes as a macro's, whose arguments may be expressions of any type."""
    for v in sizes:
        text = re.sub(rf"\b{v}\b", f"(int64_t)({v})", text)
    return text


def typed(x: Interface) -> tuple[list[str], list[list[str]]]:
    """The parameters of NAME_call, and their names by group."""
    taken = {"inputs", "outputs", "params", "work", x.name}
    declared = [f"int64_t {v}" for v in x.sizes]
    names: list[list[str]] = []
    for kind, slots in x.groups:
        names.append([])
        for n, slot in enumerate(slots):
            word = identifier(slot.name, f"{kind.lower()}_{n}")
            while word in taken or word in LIBRARY or _MACRO.fullmatch(word):
                word += "_"
            taken.add(word)
            names[-1].append(word)
            const = "" if kind == "OUTPUT" or slot.updated else "const "
            declared.append(f"{const}{C_TYPES[slot.dtype.name]} *{word}")
    return [*declared, "void *work"], names


def definitions(x: Interface) -> str:
    """The functions of NAME.c that are about its interface alone."""
    name = x.name
    parameters, names = typed(x)
    lines = [f"int {name}_call({', '.join(parameters)}) {{"]
    for (kind, slots), found in zip(x.groups, names):
        pointer = "const void *const" if kind == "INPUT" else "void *const"
        values = (
            ", ".join(w if kind != "PARAM" or s.updated else f"(void *){w}" for w, s in zip(found, slots)) or "NULL"
        )
        lines.append(f"    {pointer} {kind.lower()}s[] = {{{values}}};")
    arguments = x.passing("inputs", "outputs", "params", "work")
    lines += [f"    return {x.function}({arguments});", "}", ""]
    texts = ["ok", *(f.text for f in x.failures), _BAD, *([_BAD_SIZE] if x.sizes else [])]
    rows = "".join(f"        case {n}: return {quoted(text)};\n" for n, text in enumerate(texts))
    return (
        "\n".join(lines)
        + f"""
const char *{name}_status_text(int status) {{
    switch (status) {{
{rows}        default: return "unknown status";
    }}
}}
"""
    )


def checked(x: Interface) -> str:
    """What -DNAME_CHECKED adds: the preconditions, looked at before anything is written."""
    slots = [s for _, group in x.groups for s in group]
    work = f"(size_t)work_bytes({x.passing()})" if x.sizes else f"{x.name}_WORK_BYTES"
    sizes = ", ".join([*(f"(size_t){s.formula}" if s.formula else str(s.bytes) for s in slots), work])
    declared = "".join(f"int64_t {v}, " for v in x.sizes)
    unused = "".join(f"    (void){v};\n" for v in x.sizes)
    aligns = ", ".join([*(str(s.dtype.itemsize) for s in slots), f"{x.name}_WORK_ALIGN"])
    n, n_in, n_out, n_params = len(slots), len(x.inputs), len(x.outputs), len(x.params)
    missing = [f"{kind.lower()}s == NULL" for kind, found in x.groups if found]
    body = [f"    if (n == {n}) return (const char *)work;"]
    body += [f"    if (n + 1 > {n_in + n_out}) return (const char *)params[n - {n_in + n_out}];"] if n_params else []
    body += [f"    if (n + 1 > {n_in}) return (const char *)outputs[n - {n_in}];"] if n_out else []
    body += ["    return (const char *)inputs[n];" if n_in else "    return NULL;"]
    arrays = "const void *const inputs[], void *const outputs[], void *const params[], const void *work"
    return f"""\
#ifdef {x.name}_CHECKED
/* array n of all inputs, outputs and parameters; the last is work */
static const char *pointer_of(size_t n, {arrays}) {{
    (void)inputs, (void)outputs, (void)params;
{chr(10).join(body)}
}}

static int is_bad({declared}{arrays}) {{
{unused}    {"" if x.sizes else "static "}const size_t bytes[] = {{{sizes}}};
    static const size_t align[] = {{{aligns}}};
    if ({" || ".join(missing) or "0"}) return 1;
    for (size_t i = 0; i <= {n}; i++) {{
        const char *a = pointer_of(i, inputs, outputs, params, work);
        if (bytes[i] == 0) continue;
        if (a == NULL || (uintptr_t)a % align[i] != 0) return 1;
        for (size_t j = 0; j < i; j++) {{
            const char *b = pointer_of(j, inputs, outputs, params, work);
            const int may_share = i + 1 <= {n_in}; /* inputs are only read */
            if (bytes[j] > 0 && !may_share && a < b + bytes[j] && b < a + bytes[i]) return 1;
        }}
    }}
    return 0;
}}
#endif
"""
