"""``f.export_c``: the files of a compiled function as plain C.

Owns: what may be asked for, which files there are, and that either all of them are written or none.
Must not know: C beyond names; how programs are written down.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import CompileError, FeedError
from ..files import write_file
from ..ir.dims import evaluate
from ..ir.node import Value, user_source
from ..runtime import _core
from ..runtime.compiled import PlannedProgram
from ..runtime.function import Function
from . import beside, header, program, source_file
from .header import Interface, Slot
from .program import Step
from .source_file import STAND_IN, Failure
from .sources import SUFFIX, code_of, items_of
from .writer import KEYWORDS, LIBRARY


def export_c(
    self: Function, folder: str | os.PathLike[str], name: str, *, values: bool = False, **sizes: int
) -> list[Path]:
    """Writes the function as C11: ``NAME.h``, ``NAME.c`` and what goes with them; gives the paths.

    ``folder`` is made if it is not there. ``name``: the C function, and the prefix of all that has a name outside.
    ``sizes``: the named dimensions, as in ``f.plan_for(batch=32)``. ``values``: also ``NAME_values.c``, tables of
    what parameters and states hold now. Raises CompileError for a name that C cannot have and for an operation that
    cannot be exported, FeedError for sizes, OSError where the folder cannot be written. Nothing is written then.

    Example: ``step.export_c("firmware/model", "model", batch=32)``
    """
    _check_name(name)
    if not isinstance(values, bool):
        raise CompileError(f"export_c: values is True or False, got {values!r}", source=_here())
    try:
        self.plan_for(**sizes)
    except FeedError as e:
        raise FeedError(e.fact.replace("plan_for", "export_c"), e.operation, e.source) from None
    compiled = self._compiled
    env = {n: int(sizes[n]) for n in compiled.names}
    planned = compiled.planned(env)
    whole = program.of_planned(planned)
    written = source_file.write(whole, planned.plan.scratch_bytes, _message(self))
    updated = {id(p) for p, _ in self.graph.updates}

    def slots(found: Sequence[Value]) -> list[Slot]:
        return [Slot(v.name or "", v.dtype, _shape(v, env), id(v) in updated) for v in found]

    interface = Interface(
        name,
        slots(self.graph.inputs),
        slots(self.graph.outputs),
        slots(self.parameters),
        written.work_bytes,
        [Failure(f.constant.replace(STAND_IN, name), f.text) for f in written.failures],
        planned.plan.summary(),
        values,
    )
    structure, n_results = self._structure, self._n_results
    status, outputs, params = _run_case(interface, planned)
    head = header.write(interface)
    text = written.text.replace(source_file.CHECKS, header.checked(replace(interface, name=STAND_IN)))
    _check_apart(name, head, text)
    text = text.replace(STAND_IN, name)
    files = {
        f"{name}.h": head,
        f"{name}.c": text + "\n" + header.definitions(interface),
        f"{name}_test.c": beside.test_text(interface, status, outputs, params),
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


def _shape(v: Value, env: dict[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(s, env) for s in v.shape)


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
    if name in KEYWORDS or name in LIBRARY or name == "main":
        raise CompileError(f"export_c: {name!r} is a word of C or C++; choose another name", source=_here())


def _here() -> str | None:
    source = user_source()
    return str(source) if source else None
