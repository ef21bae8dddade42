"""Which compilations make the core, and when one is done again. setup.py builds the extensions with it.

The same rules as csrc/Makefile's, which builds the core alone with its tests: flags from csrc/cflags; math/,
program/, planner/, threads/ and openblas/ compiled once; kernels/, micro/ and tile/ once with GD_PREPARE and once for
each instruction set, with GD_ISA its name, and then micro/ with -O3, the kernels in LIGHT with csrc/lightflags. A file
joins by being there.
Invariant: a target is kept only if it was made by the same command from files that have not changed since. The files
are those that the compiler says it read. Must not know: Python's headers, Cython, setuptools.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MACHINE = platform.machine().lower()
if MACHINE in ("x86_64", "amd64"):
    ISAS = {
        "v2": ["-march=x86-64-v2"],
        "v3": ["-march=x86-64-v3"],
        "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    }
elif MACHINE in ("aarch64", "arm64"):
    ISAS = {"neon": ["-march=armv8-a"], "plain": ["-DGD_NO_FMA"]}
else:
    ISAS = {"plain": []}


def unsupported(system: str, bits: int, order: str) -> str | None:
    """Why the core cannot be built for a machine, and what to do; None where it can."""
    if system == "Windows":
        return (
            "graphdiff does not build on Windows: csrc/threads stands on POSIX threads, and csrc/openblas on dlopen; "
            "use it in WSL, where it is Linux"
        )
    if bits != 64 or order != "little":
        return f"graphdiff needs a 64-bit, little-endian processor, this one is {bits}-bit, {order}-endian"
    return None


def unfit(compiler: Sequence[str]) -> str | None:
    """Why a compiler cannot build the core, and what to do; None where it can."""
    program = "typedef float v __attribute__((vector_size(16))); v f(v a) { return a + a; }"
    command = [*compiler, "-std=c11", "-fvisibility=hidden", "-x", "c", "-fsyntax-only", "-"]
    try:
        done = subprocess.run(command, input=program, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return f"there is no C compiler {shlex.join(compiler)!r}; install gcc or clang, or name one by CC"
    if done.returncode:
        return f"{shlex.join(compiler)!r} is no gcc or clang, which the core takes; name one by CC:\n{done.stderr}"
    return None


ONCE = ("math", "program", "planner", "threads", "openblas")
PER_ISA = ("kernels", "micro", "tile")
MORE = {"micro": ("-O3",)}  # cflags leave some functions of float vectors scalar, at a fifth of the speed
LIGHT = ("argreduce", "cumulative", "indexing", "pool", "recurrence", "search", "sort", "tape")
"""Kernels that run as many instructions, or fewer, without most passes of -O2, which take half the compiler's time."""


@dataclass(frozen=True)
class Compilation:
    """One object of the core: its source, its name without suffix, and the flags of its own."""

    source: Path
    name: str
    flags: tuple[str, ...] = ()


def compilations(csrc: Path, light: Sequence[str] = ()) -> list[Compilation]:
    """Every compilation of the core whose sources are in `csrc`, with the flags `light` for the kernels in LIGHT."""
    found = []
    for folder in ONCE:
        found += [Compilation(s, f"{folder}_{s.stem}") for s in sorted((csrc / folder).glob("*.c"))]
    for folder in PER_ISA:
        for source in sorted((csrc / folder).glob("*.c")):
            name = f"{folder}_{source.stem}"
            found.append(Compilation(source, f"{name}_prepare", ("-DGD_PREPARE",)))
            more = light if folder == "kernels" and source.stem in LIGHT else MORE.get(folder, ())
            for isa, own in ISAS.items():
                found.append(Compilation(source, f"{name}_{isa}", (f"-DGD_ISA={isa}", *own, *more)))
    return found


OPTIONAL = (  # flags of gcc alone
    "-fvect-cost-model=dynamic",  # to vectorise at -O2 what is worth it; clang always does
    "-fno-schedule-insns2",  # processors order instructions themselves; a tenth of the compiler's time
)


@functools.cache
def knows(compiler: tuple[str, ...], *flags: str) -> bool:
    """Whether the compiler takes all the flags."""
    tried = [*compiler, "-Werror", *flags, "-x", "c", "-fsyntax-only", os.devnull]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


def flags_of(csrc: Path, compiler: Sequence[str]) -> list[str]:
    """The flags of every compilation of the core by a compiler."""
    more = [flag for flag in OPTIONAL if knows(tuple(compiler), flag)]
    return [*shlex.split((csrc / "cflags").read_text()), *more, "-I", str(csrc / "include")]


def light_flags(csrc: Path, compiler: Sequence[str]) -> list[str]:
    """What the kernels in LIGHT are compiled with besides; nothing where the compiler, as clang, doesn't know it."""
    flags = shlex.split((csrc / "lightflags").read_text())
    return flags if knows(tuple(compiler), *flags) else []


def compile_object(compiler: Iterable[str], source: Path, target: Path) -> bool:
    """Compile `source` into `target` if that is due: `compiler` with its flags. True if it was."""
    record = target.with_suffix(".d")
    command = [*compiler, "-MMD", "-MP", "-MF", str(record), "-c", str(source), "-o", str(target)]
    return make(target, command, record=record)


def check_linked(compiler: Iterable[str], objects: Iterable[Path], target: Path) -> None:
    """Link the core's objects into a library of their own, in which every name must be defined.

    An extension leaves Python's names to be found when it is loaded, so its own link takes any missing name for one.
    """
    inputs = sorted(objects)
    command = [*compiler, "-shared", "-Wl,-z,defs", *map(str, inputs), "-lm", "-ldl", "-pthread", "-o", str(target)]
    make(target, command, inputs)


def make(
    target: Path, command: list[str], inputs: Iterable[Path] = (), record: Path | None = None, tool: str = ""
) -> bool:
    """Run `command` if `target` is not what it would make. True if it ran; CalledProcessError if it failed.

    `inputs` are the files it reads; `record` is where it writes, as rules of make, what else it has read; `tool` is the
    version of what it runs, where that matters.
    """
    made_by = [*command, tool]
    why = reason(target, made_by, inputs, record)
    if why is None:
        return False
    sys.stdout.write(f"{target.name}: {why}\n")  # one write: others print at the same time
    target.parent.mkdir(parents=True, exist_ok=True)
    began = time.time_ns()
    _command_file(target).unlink(missing_ok=True)
    subprocess.run(command, check=True)
    os.utime(target, ns=(began, began))  # what is edited while the command runs is newer than its result
    _command_file(target).write_text(json.dumps(made_by))
    return True


def reason(target: Path, made_by: list[str], inputs: Iterable[Path] = (), record: Path | None = None) -> str | None:
    """Why `target` has to be made by a command and tool; None if it need not be."""
    if not target.exists():
        return "not there"
    if not _command_file(target).exists() or json.loads(_command_file(target).read_text()) != made_by:
        return "made by another command"
    if record is not None and not record.exists():
        return "what it was made from is not known"
    read = [*inputs, *(dependencies(record.read_text()) if record is not None else ())]
    made = target.stat().st_mtime_ns
    for path in read:
        if not path.exists():
            return f"{path} is gone"
        if path.stat().st_mtime_ns > made:
            return f"{path} is newer"
    return None


def dependencies(rules: str) -> list[Path]:
    """The files that the first rule of a compiler's dependency file names."""
    text = rules.replace("\\\n", " ").partition("\n")[0].partition(": ")[2]
    return [Path(re.sub(r"\\([\s#\\])", r"\1", name).replace("$$", "$")) for name in re.findall(r"(?:\\.|\S)+", text)]


def _command_file(target: Path) -> Path:
    return target.with_name(target.name + ".command")
