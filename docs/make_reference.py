"""Writes the pages of docs/made/reference/: every public name, read off the package, with its docstring.

conf.py calls it when the site is built. Owns: how names are grouped, and how a docstring is put for Sphinx. Invariant:
each public name of each public module stands on one page. Must not know: any particular name.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import graphdiff as gd
from graphdiff.ops import namespaces
from graphdiff.ops.docstrings import parts

MADE = Path(__file__).resolve().parent / "made" / "reference"
ROOMS = {
    "ir": "Graphs",
    "ops": "Leaves, control flow, Tensors",
    "transforms": "Derivatives and batching",
    "lower": "Compiling and running",
    "schedule": "Compiling and running",
    "runtime": "Compiling and running",
    "testing": "Checking",
    "weights": "Weights",
    "errors": "Errors",
}
"""The headings of the names of ``gd`` that are no operations, by the room that they come from."""


def homes() -> dict[str, str]:
    """Which room each imported name of the package comes from."""
    tree = ast.parse(Path(gd.__file__).read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            room = node.module.partition(".")[0]
            names = gd.errors.__all__ if node.names[0].name == "*" else [a.asname or a.name for a in node.names]
            found.update({name: room for name in names if not name.startswith("_")})
    found.update({name: home.partition(".")[0] for name, home in gd._LATE_NAMES.items()})
    return found


ABSENT = object()


def modules() -> dict[str, ModuleType]:
    """The public modules below ``gd``, by their dotted names after it."""
    found = {}
    queue = [name for name in gd.__all__ if isinstance(getattr(gd, name), ModuleType)]
    while queue:
        name = queue.pop(0)
        module = found[name] = importlib.import_module(f"graphdiff.{name}")
        queue += [f"{name}.{n}" for n in dir(module) if n[0] != "_" and public_module(module, n)]
    return dict(sorted(found.items()))


def public_module(module: ModuleType, name: str) -> bool:
    """Whether a name of a module is a module of its own that users see."""
    told = getattr(module, "__all__", None)
    return isinstance(there(module, name), ModuleType) and told is not None and name in told


def there(module: ModuleType, name: str) -> Any:
    """What a name of a module stands for; ABSENT for a bridge to a package that is not there: it has no page then."""
    try:
        return getattr(module, name)
    except ImportError:
        return ABSENT


def names_of(module: ModuleType) -> list[str]:
    """The public names of a module that are no modules."""
    told = getattr(module, "__all__", None)
    if told is None:
        mine = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__]
        told = sorted(n for n in mine if not n.startswith("_"))
    here = {n: v for n in told if (v := there(module, n)) is not ABSENT}
    shown_above = set() if module is gd else {n for n, v in here.items() if getattr(gd, n, None) is v}
    return [n for n, v in here.items() if not isinstance(v, ModuleType) and n not in shown_above]


def pages() -> dict[str, str]:
    """The text of each page, by its name."""
    operations = namespaces.functions("")
    found, rooms = {}, homes()
    grouped: dict[str, list[str]] = {}
    for name in names_of(gd):
        if name not in operations:
            grouped.setdefault(ROOMS.get(rooms[name], rooms[name].capitalize()), []).append(name)
    sections = [heading("graphdiff", "=")]
    for title in dict.fromkeys([*ROOMS.values(), *grouped]):
        if title in grouped:
            sections += [heading(title, "-"), *(entry("graphdiff", gd, n) for n in grouped[title])]
    found["graphdiff"] = "\n".join(sections)
    found["operations"] = page("Operations of graphdiff", "graphdiff", gd, sorted(operations))
    for name, module in modules().items():
        found[name.replace(".", "_")] = page(f"graphdiff.{name}", f"graphdiff.{name}", module, names_of(module))
    order = ["graphdiff", "operations", *(n for n in found if n not in ("graphdiff", "operations"))]
    text = "Every public name, from its docstring. :doc:`../../operations` lists the operations with their derivatives."
    tree = ".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {n}\n" for n in order)
    return {"index": f"{heading('API reference', '=')}\n{text}\n\n{tree}", **found}


def heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def page(title: str, module_name: str, module: ModuleType, names: list[str]) -> str:
    prose = rst((inspect.getdoc(module) or "").partition("\n\nOwns:")[0]) if module is not gd else []
    return "\n".join([heading(title, "="), *prose, "", *(entry(module_name, module, n) for n in names)])


def entry(module_name: str, module: ModuleType, name: str) -> str:
    """The directive of a name."""
    value = getattr(module, name)
    path = f"{module_name}.{name}"
    if inspect.isclass(value):
        return f".. autoclass:: {path}\n   :members:\n"
    if callable(value):
        return f".. autofunction:: {path}\n"
    return f".. autodata:: {path}\n"


def write() -> None:
    """Writes the pages that differ, so that a second build reads only what has changed; others of before go."""
    MADE.mkdir(parents=True, exist_ok=True)
    texts = {MADE / f"{name}.rst": text for name, text in pages().items()}
    for old in set(MADE.iterdir()) - set(texts):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# ------------------------------------------------------------------ docstrings

_KEPT = re.compile(r"(``.+?``|:[\w:]+:`[^`]+`)", re.DOTALL)


def escaped(text: str) -> str:
    """Prose in which nothing but literals and roles means something to reStructuredText."""
    parts = _KEPT.split(text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([\\*|`])", r"\\\1", parts[i])
        parts[i] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", parts[i])
    for i in range(1, len(parts), 2):
        role = re.fullmatch(r":(\w+):`(?:gd\.)?(\w+)`", parts[i])
        if role:
            known = role[1] != "mod" and hasattr(gd, role[2])
            parts[i] = f":py:{role[1]}:`~graphdiff.{role[2]}`" if known else f"``{role[2]}``"
        elif parts[i].startswith(":ref:"):  # of another package's pages
            parts[i] = f"``{parts[i][6:-1]}``"
    return "".join(parts)


def rst(doc: str) -> list[str]:
    """The lines of a docstring as reStructuredText: sections of operations as fields, the rest as it is, escaped."""
    found: list[str] = []
    for paragraph in re.split(r"\n\n+", doc.strip()):
        if paragraph.startswith(" "):  # the code below "Example::"
            found += paragraph.splitlines()
        elif re.search(r"^Dtypes: ", paragraph, re.MULTILINE):
            prose, sections = parts(paragraph)
            found += [*escaped(prose).splitlines(), "", *(field(*one) for one in sections.items())]
        else:
            found += escaped(paragraph).splitlines()
        found.append("")
    return found


def field(key: str, text: str) -> str:
    """A section of an operation's docstring; an example is code."""
    code, arrow, value = text.partition(" -> ")
    return f":{key}: ``{code}`` gives ``{value}``" if key == "Example" and arrow else f":{key}: {escaped(text)}"


def on_docstring(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Puts the lines of a docstring for Sphinx."""
    lines[:] = rst("\n".join(lines))


def on_signature(
    app: Any, what: str, name: str, value: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str, str | None] | None:
    """The signature with its types as they are written, which are words for people."""
    if not callable(value) or signature is None:
        return None
    try:
        whole = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    parameters = list(whole.parameters.values())
    if what in ("method",) and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    result = None if inspect.isclass(value) else whole.return_annotation
    text = ", ".join(words(whole.replace(parameters=parameters, return_annotation=whole.empty)))
    return f"({text})", None if result in (None, whole.empty) else word(result)


def words(signature: inspect.Signature) -> Iterator[str]:
    """The parameters of a signature, with the marks of what goes by position or by name alone."""
    text = str(
        signature.replace(
            parameters=[
                p.replace(annotation=p.empty if p.annotation is p.empty else _Word(p.annotation))
                for p in signature.parameters.values()
            ]
        )
    )
    yield text[1:-1]


class _Word:
    """An annotation that prints as it was written."""

    def __init__(self, annotation: Any):
        self.text = word(annotation)

    def __repr__(self) -> str:
        return self.text


def word(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


if __name__ == "__main__":
    write()
    print(f"{MADE}: {len(list(MADE.iterdir()))} pages")
