"""``f.export_c``: the files of a compiled function as plain C.

Owns: what may be asked for, which files there are, and that either all of them are written or none.
Must not know: C beyond names; how programs are written down.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import CompileError
from ..files import write_file
from ..ir.dims import Dim, product, substitute
from ..ir.node import Value, user_source
from ..runtime import _core
from ..runtime.compiled import PlannedProgram
from ..runtime.function import Function
from . import beside, header, program, source_file
from .formula import Trace, text_of
from .header import Interface, Slot
from .limits import name_of
from .program import Step
from .sized_file import PACKED, SizedFile
from .source_file import STAND_IN, Failure, Written
from .sources import SUFFIX, code_of, items_of
from .writer import KEYWORDS, LIBRARY

_LONGEST_NAME = 200


def export_c(
    self: Function,
    folder: str | os.PathLike[str],
    name: str,
    *,
    values: bool = False,
    sized: bool = False,
    **sizes: int,
) -> list[Path]:
    """Writes the function as C11: ``NAME.h``, ``NAME.c`` and what goes with them; gives the paths.

    ``folder`` is made if it is not there. ``name``: the C function, and the prefix of all that has a name outside.
    ``sizes``: the named dimensions, as in ``f.plan_for(batch=32)``. ``values``: also ``NAME_values.c``, tables of
    what parameters and states hold now. ``sized``: sizes that are not given are arguments of ``NAME_sized(batch, …)``,
    whose work has ``NAME_work_bytes_for(batch)`` bytes. Raises CompileError for a name that C cannot have, for what is
    no folder, for an operation that cannot be exported and for ``sized`` under a memory limit, FeedError for sizes,
    OSError where the folder cannot be written. Nothing is written then.

    Example: ``step.export_c("firmware/model", "model", batch=32)``
    """
    _check_name(name)
    if not isinstance(folder, (str, os.PathLike)):
        raise CompileError(f"export_c: folder is a path, got {folder!r}", source=_here())
    for word, given in (("values", values), ("sized", sized)):
        if not isinstance(given, bool):
            raise CompileError(f"export_c: {word} is True or False, got {given!r}", source=_here())
    compiled = self._compiled
    if sized:
        written, planned, env, variables = _written_sized(self, sizes)
    else:
        env, variables = compiled.sizes.given("export_c", sizes), ()
        planned = compiled.planned(env)
        written = source_file.write(program.of_planned(planned), planned.plan.scratch_bytes, _message(self))
    updated = {id(p) for p, _ in self.graph.updates}
    fixed = {n: env[n] for n in env if name_of(n) not in variables}

    def slots(found: Sequence[Value], at: Mapping[str, int]) -> list[Slot]:
        out = []
        for v in found:
            shape = tuple(substitute(s, at) for s in v.shape)
            count = Trace(env, fixed).formula(product((*shape, v.dtype.itemsize)))
            is_open = any(isinstance(s, Dim) for s in shape)
            formula = text_of(count) if is_open else ""
            out.append(Slot(v.name or "", v.dtype, shape, id(v) in updated, formula))
        return out

    interface = Interface(
        name,
        slots(self.graph.inputs, fixed),
        slots(self.graph.outputs, fixed),
        slots(self.parameters, fixed),
        written.work_bytes,
        [Failure(f.constant.replace(STAND_IN, name), f.text) for f in written.failures],
        planned.plan.summary(),
        values,
        variables,
    )
    structure, n_results = self._structure, self._n_results
    case = replace(interface, inputs=slots(self.graph.inputs, env), outputs=slots(self.graph.outputs, env))
    status, outputs, params = _run_case(case, planned)
    head = header.write(interface)
    text = written.text.replace(source_file.CHECKS, header.checked(replace(interface, name=STAND_IN)))
    _check_apart(name, head, text)
    text = text.replace(STAND_IN, name)
    numbers = [str(env[n]) for n in env if n not in fixed]
    files = {
        f"{name}.h": head,
        f"{name}.c": text + "\n" + header.definitions(interface),
        f"{name}_test.c": beside.test_text(case, numbers, status, outputs, params),
        "CMakeLists.txt": beside.cmake_text(interface, values),
        f"{name}.json": beside.json_text(interface, env, structure.arguments, structure.results, n_results),
    }
    if values:
        arrays = [p.node.attrs["storage"].array for p in self.parameters]
        files[f"{name}_values.c"] = beside.values_text(interface, arrays)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        write_file(place / file, content)
    return [place / file for file in files]


def _written_sized(
    f: Function, sizes: Mapping[str, int]
) -> tuple[Written, PlannedProgram, dict[str, int], tuple[str, ...]]:
    """The program with sizes as arguments; the plan of a sample, its sizes, and the variables of the arguments."""
    compiled = f._compiled
    if compiled.limit is not None:
        raise CompileError(
            f"export_c: sized: the schedule of {f.name} under a memory limit depends on the sizes; give the sizes",
            source=_here(),
        )
    if compiled.sizes.patterns:
        raise CompileError(f"export_c: sized: {f.name} has a sparse result; give the sizes", source=_here())
    rest = {n: sizes.get(n, 1) for n in compiled.names}
    compiled.sizes.given("export_c", {**rest, **sizes})
    fixed = {n: int(sizes[n]) for n in sizes}
    for spare, body_spare in ((PACKED, PACKED), (PACKED, 0), (0, 0)):  # as much as there is room for
        file = SizedFile(STAND_IN, _message(f), compiled, fixed, spare, body_spare)
        written = file.write_sized()
        if file.is_within_plan():
            break
    env = file.samples[0]
    return written, compiled.planned(env), env, file.variables


def _run_case(x: Interface, planned: PlannedProgram) -> tuple[int, list[np.ndarray], list[np.ndarray]]:
    """What the program makes of the case of NAME_test.c, on parameters of its own: the status, results, parameters."""
    inputs, params = beside.case(x)
    outputs = [np.zeros(slot.shape, slot.dtype) for slot in x.outputs]
    try:
        _core.Context(planned.program, 1).run(inputs, outputs, params)
    except _core.CoreError as e:
        failed = f"_FAILED_{e.instruction}"
        for n, failure in enumerate(x.failures, 1):
            if failure.constant.endswith(failed) or e.status not in ("ERR_INDEX", "ERR_CHECK"):
                return n, outputs, params
        return 1, outputs, params
    return 0, outputs, params


def _message(function: Function) -> Callable[[Step], str]:
    """What is told of an instruction that fails: the check's text, or the operation whose index is out of range."""

    def message(step: Step) -> str:
        node = step.node
        watcher = function._messages.get(node) if node is not None else None
        if watcher is not None:
            return watcher.text
        if step.kernel == "check_true" and node is not None and "message" in node.attrs:
            return str(node.attrs["message"])
        what = node.op.name if node is not None else step.kernel
        source = f" at {node.source}" if node is not None and node.source else ""
        return f"{what}: index out of range{re.sub(r'(?:[^ ]*/)', '', source)}"

    return message


def _check_apart(name: str, head: str, text: str) -> None:
    """That no name of the header is one of those inside the program, where another name stands in."""
    own = set(re.findall(rf"\b{name}(?:_\w+)?\b", code_of(head)))
    inside = {n for item in items_of(text) for n in item.names}
    inside |= {f"{n}_{suffix}" for n in inside for suffix in SUFFIX.values()} | {"inputs", "outputs", "params", "work"}
    if own & inside:
        raise CompileError(
            f"export_c: {name!r} is a name that the exported program has inside; choose another name", source=_here()
        )


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII):
        raise CompileError(
            f"export_c: name is an identifier of C, letters, digits and _ after a letter, got {name!r}", source=_here()
        )
    if len(name) > _LONGEST_NAME:
        raise CompileError(
            f"export_c: name has {len(name)} characters, files have names of at most {_LONGEST_NAME}", source=_here()
        )
    if name in KEYWORDS or name in LIBRARY or name == "main":
        raise CompileError(f"export_c: {name!r} is a word of C or C++; choose another name", source=_here())


def _here() -> str | None:
    source = user_source()
    return str(source) if source else None
