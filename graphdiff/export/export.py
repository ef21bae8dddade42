"""``f.export_c``: the files of a compiled function as plain C.

Owns: what may be asked for, which files there are, and that either all of them are written or none.
Must not know: C beyond names; how programs are written down.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import CompileError, FeedError
from ..files import write_file
from ..ir.dims import evaluate
from ..ir.node import Value, user_source
from ..runtime.function import Function
from . import header, program, source_file
from .header import Interface, Slot
from .program import Step
from .writer import KEYWORDS, quoted


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
    written = source_file.write(whole, name, planned.plan.scratch_bytes, _message(self))
    updated = {id(p) for p, _ in self.graph.updates}

    def slots(found: Sequence[Value]) -> list[Slot]:
        return [Slot(v.name or f"{n}", v.dtype, _shape(v, env), id(v) in updated) for n, v in enumerate(found)]

    interface = Interface(
        name,
        slots(self.graph.inputs),
        slots(self.graph.outputs),
        slots(self.parameters),
        written.work_bytes,
        written.failures,
        planned.plan.summary(),
    )
    files = {f"{name}.h": header.write(interface), f"{name}.c": written.text + _status_text(interface)}
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        write_file(place / file, text)
    return [place / file for file in files]


def _status_text(x: Interface) -> str:
    rows = "".join(f"    {quoted(f.text)},\n" for f in x.failures)
    n = len(x.failures) + 1
    return f"""
const char *{x.name}_status_text(int status) {{
    static const char *const texts[] = {{
    "ok",
{rows}    }};
    return status >= 0 && status < {n} ? texts[status] : "unknown status";
}}
"""


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


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII):
        raise CompileError(
            f"export_c: name is an identifier of C, letters, digits and _ after a letter, got {name!r}", source=_here()
        )
    if name in KEYWORDS or name == "main":
        raise CompileError(f"export_c: {name!r} is a word of C or C++; choose another name", source=_here())


def _here() -> str | None:
    source = user_source()
    return str(source) if source else None
