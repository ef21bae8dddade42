"""Writes the stubs of the modules whose names come from the registry: graphdiff/__init__.pyi, nn, linalg, random.

    python -m docs.make_stubs

Functions are written with the signature and the docstring that they have at run time; what a module imports is
imported by its stub too. Invariant: the same package gives the same bytes.
Must not know: any particular operation.
"""

from __future__ import annotations

import ast
import collections.abc
import importlib
import inspect
import textwrap
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphdiff import errors
from graphdiff.ops import types as words
from graphdiff.ops.namespaces import functions
from graphdiff.ops.registry import REGISTRY

PACKAGE = Path(errors.__file__).parent
HEAD = "# Made by `python -m docs.make_stubs` from the declarations in graphdiff/ops; a test keeps it current.\n"
WIDTH = 120


def namespaces() -> list[str]:
    """Those that operations are declared in, the package's own first."""
    return sorted({op.namespace for op in REGISTRY.values()})


def stub_of(namespace: str) -> Path:
    """Where the stub lies: beside its module."""
    source = Path(importlib.import_module(f"graphdiff.{namespace}" if namespace else "graphdiff").__file__)
    return source.with_suffix(".pyi")


# ------------------------------------------------------------------ functions


def parameter(p: inspect.Parameter) -> str:
    """``axis: Axes = None`` as a signature has it."""
    star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
    default = "" if p.default is p.empty else f" = {p.default!r}"
    return f"{star}{p.name}: {p.annotation}{default}"


def definition(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    parts, seen = [], None
    for p in signature.parameters.values():
        if seen is p.POSITIONAL_ONLY and p.kind is not p.POSITIONAL_ONLY:
            parts.append("/")
        if p.kind is p.KEYWORD_ONLY and seen not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            parts.append("*")
        parts.append(parameter(p))
        seen = p.kind
    if seen is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    head = f"def {name}({', '.join(parts)}) -> {signature.return_annotation}:"
    if len(head) > WIDTH:
        head = f"def {name}(\n    {', '.join(parts)},\n) -> {signature.return_annotation}:"
        if max(map(len, head.splitlines())) > WIDTH:
            head = head.replace(f"    {', '.join(parts)},", "\n".join(f"    {part}," for part in parts))
    doc = (inspect.getdoc(function) or "").replace("\\", "\\\\")
    lines = [part for line in f'"""{doc}"""'.splitlines() for part in textwrap.wrap(line, WIDTH - 4) or [""]]
    return f"{head}\n{textwrap.indent(chr(10).join(lines), '    ')}\n"


def annotations(function: Callable[..., Any]) -> set[str]:
    """The names that the types of a function are written with."""
    signature = inspect.signature(function)
    texts = [p.annotation for p in signature.parameters.values()] + [signature.return_annotation]
    return {n.id for text in texts for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name)}


def imports_for(names: set[str], dots: str) -> list[str]:
    """The imports that give those names. Raises NameError for one that is neither a word of ops/types.py nor common."""
    builtin = {"bool", "dict", "float", "int", "list", "object", "str", "tuple"}
    homes: dict[str, list[str]] = {}
    for name in sorted(names - builtin):
        if name in words.__all__:
            home = f"{dots}ops.types"
        elif hasattr(collections.abc, name):
            home = "collections.abc"
        elif hasattr(typing, name):
            home = "typing"
        else:
            raise NameError(f"{name!r}: add it to graphdiff/ops/types.py, the words of signatures")
        homes.setdefault(home, []).append(name)
    return [f"from {home} import {', '.join(found)}" for home, found in sorted(homes.items())]


# ------------------------------------------------------------------ modules


def reexports(source: str) -> list[str]:
    """The imports of a module that have public names, one name each, a star written out."""
    lines = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        home = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                lines += [f"from {home} import {name} as {name}" for name in errors.__all__]
            elif not (alias.asname or alias.name).startswith("_"):
                lines.append(f"from {home} import {alias.name} as {alias.asname or alias.name}")
    return lines


def stub(namespace: str) -> str:
    """The whole text."""
    path = stub_of(namespace)
    module = importlib.import_module(f"graphdiff.{namespace}" if namespace else "graphdiff")
    dots = "." * len(path.relative_to(PACKAGE.parent).parts[:-1])
    found = dict(sorted(functions(namespace).items()))
    kept = reexports(path.with_suffix(".py").read_text(encoding="utf-8"))
    kept += [f"from . import {name} as {name}" for name in getattr(module, "_LATE", ())]
    kept += [f"from .{home} import {name} as {name}" for name, home in getattr(module, "_LATE_NAMES", {}).items()]
    given = {line.rpartition(" ")[2] for line in kept}
    needed = set().union(*map(annotations, found.values())) - given
    parts = [f'"""{inspect.getdoc(module)}"""\n', HEAD]
    parts.append("\n".join([*imports_for(needed, dots), *kept]) + "\n")
    parts.append("__all__ = [\n" + "".join(f'    "{name}",\n' for name in module.__all__) + "]\n")
    if not namespace:
        parts.append("__version__: str\n")
    parts += [definition(name, function) for name, function in found.items()]
    return "\n".join(parts)


if __name__ == "__main__":
    for space in namespaces():
        stub_of(space).write_text(stub(space), encoding="utf-8")
        print(stub_of(space).relative_to(PACKAGE.parent), len(functions(space)), "functions")
