"""NAME.h: the contract, its sizes as macros, and each slot in a comment.

Must not know: how the program computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .source_file import Failure
from .sources import C_TYPES
from .writer import comment, identifier


@dataclass(frozen=True)
class Slot:
    """One input, output or parameter: ``updated`` says that a call writes it."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    updated: bool = False

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


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
        f" * int {name}(inputs, outputs, params, work) runs it once: results are written; parameters and states",
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
        f"#define {name}_WORK_BYTES {x.work_bytes}",
        f"#define {name}_WORK_ALIGN 64",
    ]
    out = [line.replace("NAME_", f"{name}_") if line.startswith(" *") else line for line in out]
    for kind, slots in x.groups:
        out += ["", f"#define {name}_{kind}S {len(slots)}"]
        for n, slot in enumerate(slots):
            shape = ", ".join(map(str, slot.shape))
            more = ", updated" if slot.updated else ""
            out.append(
                f"#define {name}_{kind}_{n}_BYTES {slot.bytes} /* {C_TYPES[slot.dtype.name]} "
                f"{comment(slot.name)}[{shape}]{more} */"
            )
        taken: set[str] = set()
        for n, slot in enumerate(slots):
            word = identifier(slot.name, str(n))
            if word not in taken and not word.isdigit():
                out.append(f"#define {name}_{kind}_{word} {n}")
            taken.add(word)
    out += ["", "/* what a call returns */", "enum {", f"    {name}_OK = 0,"]
    for n, failure in enumerate(x.failures, 1):
        out.append(f"    {failure.constant} = {n}, /* {comment(failure.text)} */")
    out += [
        "};",
        "/* the text of a status */",
        f"const char *{name}_status_text(int status);",
        "",
        f"extern const size_t {name}_work_bytes;",
        f"int {name}(const void *const inputs[], void *const outputs[], void *const params[], void *work);",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "#endif",
    ]
    return "\n".join(out) + "\n"
