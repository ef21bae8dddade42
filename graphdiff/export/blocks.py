"""Initialisers of csrc's structs: values in the order of the fields, all of them, which C and C++ read alike.

Owns: the fields of each struct, read off csrc. Must not know: what they mean.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .formula import Formula
from .sources import code_of, items_of, text_of
from .writer import number

Fields = Mapping[str, int | str]
_SHARED = ("kernels/epilogue.h", "kernels/conv.h")
_ELSEWHERE = {"gd_blas"}  # what structs of exported programs do without


class Field(NamedTuple):
    """``c_type``: without pointers, as exported text has it; ``is_address``: of an object or a function."""

    name: str
    c_type: str
    is_address: bool
    is_array: bool


def block_text(struct: str, fields: Fields) -> str:
    """An initialiser with these fields, by the struct's name in exported text; those not given are 0."""
    declared = _structs(_stem(struct))[struct]
    unknown = fields.keys() - {f.name for f in declared}
    assert not unknown, f"{struct} has no {unknown}"
    texts = (_value(f, fields[f.name]) if f.name in fields else _zero(struct, f) for f in declared)
    return "{" + ", ".join(f"/*{f.name}=*/{text}" for f, text in zip(declared, texts)) + "}"


def row_text(struct: str, values: Sequence[int | str]) -> str:
    """An initialiser with the values of all fields in order, without their names."""
    declared = _structs(_stem(struct))[struct]
    return "{" + ", ".join(_value(f, v) for f, v in zip(declared, values, strict=True)) + "}"


def _value(field: Field, value: int | str) -> str:
    if isinstance(value, Formula) and field.c_type != "int64_t":
        return f"({field.c_type})({value})"
    return value if isinstance(value, str) else number(value)


def _zero(struct: str, field: Field) -> str:
    if field.is_array:
        return "{0}"
    if field.is_address:
        return "NULL"
    return block_text(field.c_type, {}) if field.c_type in _structs(_stem(struct)) else "0"


def _stem(struct: str) -> str:
    """The file of csrc/kernels that a struct is of; those that kernels share have none."""
    return "" if struct.startswith("gd_") else struct.partition("_")[0]


@functools.cache
def _structs(stem: str) -> dict[str, tuple[Field, ...]]:
    """The structs of csrc/kernels/<stem>.c and those that kernels share, by their names in exported text."""
    out: dict[str, tuple[Field, ...]] = {}
    for file in (*_SHARED, *([f"kernels/{stem}.c"] if stem else [])):
        for item in items_of(text_of(file)):
            found = re.search(r"typedef struct \w*\s*\{(.*)\}\s*(\w+);", code_of(item.text), flags=re.S)
            if found:
                fields = [f._replace(c_type=_exported(f.c_type, stem, out)) for f in _declared(found[1])]
                out[found[2] if found[2].startswith("gd_") else f"{stem}_{found[2]}"] = tuple(fields)
    return out


def _exported(c_type: str, stem: str, structs: Mapping[str, Sequence[Field]]) -> str:
    return f"{stem}_{c_type}" if f"{stem}_{c_type}" in structs else c_type


def _declared(body: str) -> Iterable[Field]:
    """The fields between a struct's braces."""
    for declaration in filter(str.strip, body.split(";")):
        found = re.match(r"\s*(?:const )?(?:struct )?(\w+)\s+(.*)", declaration, flags=re.S)
        assert found is not None, declaration
        for text in found[2].split(",") if found[1] not in _ELSEWHERE else ():
            name = re.sub(r"[\s*]|\[.*", "", text)
            yield Field(name, found[1], "*" in text or found[1] == "gd_micro_fn", "[" in text)
