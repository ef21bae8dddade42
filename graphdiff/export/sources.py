"""The C text of csrc, cut into the pieces that exported programs are put together from.

Owns: finding the sources, in a checkout or an installed package; cutting a file into its top-level items; taking from
them what some text needs, and no more; the expression of each micro-operation for each dtype.
Invariant: no body is written down here: what csrc says is what is exported, its compilers' builtins given C's own
names. Must not know: programs, what items are for.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SHIPPED = Path(__file__).parent / "csrc"
CSRC = _SHIPPED if _SHIPPED.is_dir() else Path(__file__).resolve().parents[2] / "csrc"

C_TYPES = {"float32": "float", "float64": "double", "int32": "int32_t", "int64": "int64_t", "bool": "uint8_t"}
UNSIGNED = {"int32": "uint32_t", "int64": "uint64_t"}
SUFFIX = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "b8"}

# What compilers of the core have built in, in C's own words; what C++ writes otherwise, as a macro.
_BUILTINS = (
    (r'__builtin_nanf?\(""\)', "NAN"),
    (r"__builtin_inff?\(\)", "INFINITY"),
    (r"__builtin_(fabs|sqrt|rint|copysign|floor|ceil|trunc)", r"\1"),
    (r"\((\w+|VECTOR\(\w+\))\)\{", r"LITERAL(\1){"),  # of a struct or vector: source_file.py has C++'s
)


@functools.cache
def text_of(name: str) -> str:
    """A file of csrc in C's own words, without what depends on the processor: fused multiply-adds."""
    text = _without((CSRC / name).read_text(), frozenset({"GD_HAS_FMA", "GD_PREPARE"}))
    for pattern, word in _BUILTINS:
        text = re.sub(pattern, word, text)
    return text


def _without(text: str, undefined: frozenset[str]) -> str:
    """The text as it is where none of some macros is defined: their conditionals are resolved."""
    out: list[str] = []
    keep: list[bool | None] = []  # of each conditional that is open: whether its lines stay; None: it is not known
    for line in text.splitlines():
        word = line.strip()
        if match := re.match(r"#\s*(ifdef|ifndef|if)\b\s*(.*)", word):
            known = match[1] != "if" and match[2].strip() in undefined
            keep.append(match[1] == "ifndef" if known else None)
            if known:
                continue
        elif keep and re.match(r"#\s*else\b", word) and keep[-1] is not None:
            keep[-1] = not keep[-1]
            continue
        elif keep and re.match(r"#\s*endif\b", word) and keep.pop() is not None:
            continue
        if all(k is not False for k in keep):
            out.append(line)
    return "\n".join(out) + "\n"


@dataclass(frozen=True)
class Item:
    """A function, macro, type or list of constants with the comment before it. ``names``: what it defines."""

    names: tuple[str, ...]
    text: str

    @functools.cached_property
    def words(self) -> frozenset[str]:
        return frozenset(re.findall(r"[A-Za-z_]\w*", code_of(self.text)))


def code_of(text: str) -> str:
    """C without its comments."""
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def items_of(text: str) -> list[Item]:
    """The top-level items of C text, without its includes, guards and the comment that opens a file. Conditional
    definitions are one item."""
    text = re.sub(r"\A\s*(?:/\*.*?\*/\n)?#ifndef (\w+_H)\n#define \1\n(.*)^#endif\s*\Z", r"\2", text, flags=re.S | re.M)
    out: list[Item] = []
    for piece in _pieces(text, True):
        code = code_of(piece).strip()
        if code and not re.match(r"#\s*(include|undef|pragma)\b", code):
            out.append(Item(tuple(_names(code)), piece.strip()))
    return out


def reachable(text: str, roots: Iterable[str], suffixes: Iterable[str]) -> str:
    """The text without functions that nothing it defines for ``roots`` calls; what is no function stays. NAME(f) may
    be f with any of the ``suffixes``."""
    pieces = list(_pieces(text, False))
    codes = [code_of(p).strip() for p in pieces]
    other = re.compile(r"#|typedef\b|enum\b|struct\b|[^({]*=")
    names = [set(_names(c)) if c.endswith("}") and not other.match(c) else set() for c in codes]
    words = [set(re.findall(r"[A-Za-z_]\w*", c)) for c in codes]
    typed = re.compile(r"[\w ]*\b(?:GD_CAT\()?NAME\(")  # such a stem alone is another word
    names = [
        {f"{n}_{s}" for n in found for s in suffixes} if typed.match(c) else found for c, found in zip(codes, names)
    ]
    for code, found in zip(codes, words):
        found.update(f"{stem}_{s}" for stem in re.findall(r"NAME\((\w+)\)", code) for s in suffixes)
    wanted = set(roots).union(*(w for w, n in zip(words, names) if not n))
    kept: set[int] = set()
    while new := [i for i, n in enumerate(names) if i not in kept and n & wanted]:
        kept.update(new)
        wanted.update(*(words[i] for i in new))
    return "\n".join(p for i, (p, n) in enumerate(zip(pieces, names)) if not n or i in kept) + "\n"


def _names(code: str) -> Iterable[str]:
    """What an item defines."""
    if code.startswith("#if"):
        return re.findall(r"^\s*#\s*define\s+(\w+)", code, flags=re.M)
    if match := re.match(r"#\s*define\s+(\w+)", code):
        return [match[1]]
    if re.match(r"(?:enum|typedef)\b", code):
        return _defined(code)
    templates = re.match(r"[\w *]*?(?:GD_CAT\(|GD_ISA_NAME\()*(?:NAME\()?(\w+)\)[^(=;]*\(", code)
    if templates and re.match(r"[\w *]*?\b(?:GD_CAT|GD_ISA_NAME|NAME)\(", code):
        return [templates[1]]
    found = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?:\(|=)", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", code))
    return [found[1]] if found else []


def _defined(code: str) -> Iterable[str]:
    """The names of a type, or of the constants of an enum."""
    if function := re.match(r"typedef [^;{]*\(\*(\w+)\)", code):
        return [function[1]]
    after = code[code.rindex("}") :] if "}" in code else code
    names = re.findall(r"(\w+)\s*(?:__attribute__.*)?;", after)[-1:]
    if re.match(r"(typedef )?enum", code):
        names += re.findall(r"[{,]\s*(\w+)", re.sub(r"=[^,}]*", "", code))
    return names


def _pieces(text: str, whole_conditionals: bool) -> Iterable[str]:
    """Top-level pieces: lines up to one that ends a statement, a body or a directive, at no depth of brackets."""
    piece: list[str] = []
    depth, comment, directive, conditions = 0, False, False, 0
    for line in text.splitlines():
        if not piece and not line.strip():
            continue
        piece.append(line)
        code, comment = _uncommented(line, comment)
        directive = directive or (depth == 0 and code.lstrip().startswith("#"))
        if not directive:
            depth += code.count("{") - code.count("}") + code.count("(") - code.count(")")
        elif whole_conditionals:
            conditions += bool(re.match(r"\s*#\s*if", code)) - bool(re.match(r"\s*#\s*endif", code))
        if comment or depth > 0:
            continue
        ends = code.rstrip().endswith(("}", ";")) or (not directive and code.strip().endswith(")"))
        if (directive and not line.endswith("\\")) or (not directive and ends):
            if not conditions:
                yield "\n".join(piece)
                piece = []
            directive = False
    if piece:
        yield "\n".join(piece)


def _uncommented(line: str, comment: bool) -> tuple[str, bool]:
    """A line's code, and whether a comment is open after it."""
    out, i = "", 0
    while i < len(line):
        if comment:
            end = line.find("*/", i)
            if end < 0:
                return out, True
            i, comment = end + 2, False
        elif line.startswith("/*", i):
            i, comment = i + 2, True
        else:
            out += line[i]
            i += 1
    return out, comment


def needed(items: Sequence[Item], text: str) -> list[Item]:
    """Those of ``items`` that ``text`` names, and those that these name, in their order."""
    by_name = {name: item for item in items for name in item.names}
    waiting = [by_name[w] for w in set(re.findall(r"[A-Za-z_]\w*", code_of(text))) if w in by_name]
    found: set[int] = set()
    while waiting:
        item = waiting.pop()
        if id(item) in found:
            continue
        found.add(id(item))
        waiting += [by_name[w] for w in item.words if w in by_name]
    return [item for item in items if id(item) in found]


@functools.cache
def mathematics() -> tuple[Item, ...]:
    """The functions of csrc/math, each after those that it calls; those compiled once there are static here."""
    once = "".join(text_of(f"math/{name}.c") for name in ("gamma", "normal", "bessel", "incomplete"))
    once = re.sub(r"^double special_", "static double special_", once, flags=re.M)
    texts = [*map(text_of, ("math/real.h", "math/f64.h", "math/f32.h")), once]
    return tuple(item for text in texts for item in items_of(text))


# --------------------------------------------------------------------------------------- micro-operations

_FORMS = (
    *("UNARY", "BINARY", "PAIR", "CALL_1", "CALL_2", "CALL_3", "TEST_1", "TEST_2", "BODY_3", "GUARDED", "FAST_1"),
    "FAST_PAIR",
)
_LIBRARY = {"float32": ("f", "m32_"), "float64": ("", "m64_")}
_FILES = {
    "float32": ("micro/micro_float.h", "micro/micro_f32.c"),
    "float64": ("micro/micro_float.h", "micro/micro_f64.c"),
    "int32": ("micro/micro_int.h",),
    "int64": ("micro/micro_int.h",),
    "bool": ("micro/micro_bool.c",),
}


@functools.cache
def micro_expressions(dtype: str) -> dict[str, str]:
    """By name of a micro-operation: its value as an expression of x, y and z, for operands of ``dtype``."""
    out: dict[str, str] = {}
    for file in _FILES[dtype]:
        for form, arguments in _calls(text_of(file).replace("#define GD_POW ", "")):
            name, expression = arguments[0], arguments[-1]
            if form == "GUARDED":
                expression = f"({arguments[1]}) ? {arguments[2]} : {arguments[3]}"
            elif form == "FAST_1":
                expression = re.sub(r"\bv\b", arguments[1], expression)
            elif form.startswith("TEST"):
                expression = f"(uint8_t)({expression})"
            elif dtype in UNSIGNED or dtype == "bool":
                expression = f"(GD_T)({expression})"
            out[name] = typed(expression, dtype)
    return out


@functools.cache
def micro_near(dtype: str) -> dict[str, tuple[str, str]]:
    """Of micro-operations that take a library's function far out: where they need none, and their value there."""
    texts = (text_of(file) for file in _FILES[dtype])
    out = {}
    for form, arguments in (call for text in texts for call in _calls(text.replace("#define GD_POW ", ""))):
        if form == "GUARDED":
            name, near, value, _ = arguments
        elif form == "FAST_PAIR":
            name, v, near, value, _ = arguments
            near = re.sub(r"\bv\b", v, near)
        else:
            continue
        out[name] = typed(near, dtype), typed(value, dtype)
    return out


def typed(text: str, dtype: str) -> str:
    """Text of csrc/micro for one dtype: its type, and the names of its functions."""
    text = re.sub(r"\bGD_T\b", C_TYPES[dtype], text)
    text = re.sub(r"\bGD_U\b", UNSIGNED.get(dtype, "GD_U"), text)
    text = re.sub(r"\bBITS\b", "64" if dtype == "int64" else "32", text)
    if dtype in _LIBRARY:
        tail, head = _LIBRARY[dtype]
        text = re.sub(r"\bF\((\w+)\)", rf"\g<1>{tail}", text)
        text = re.sub(r"\bM\((\w+)\)", rf"{head}\g<1>", text)
    text = re.sub(r"\b(float|int)_(remainder|floor_divide|pow|logaddexp)\b", rf"\2_{SUFFIX[dtype]}", text)
    return re.sub(r"(?<=[\w)]) ([*&])(?=[(\w])", r" \1 ", text)


@functools.cache
def micro_helpers(dtype: str) -> tuple[Item, ...]:
    """The functions that expressions of a dtype call, beside those of csrc/math."""
    out = []
    for item in items_of(text_of(_FILES[dtype][0])):
        if re.match(r"static\b", code_of(item.text).strip()):
            text = typed(item.text, dtype)
            out.append(Item((re.sub(r"^(float|int)_", "", item.names[0]) + f"_{SUFFIX[dtype]}",), text))
    return tuple(out)


@functools.cache
def cast_expressions() -> dict[tuple[str, str], str]:
    """By dtypes from and to: the conversion, as an expression of x."""
    names = {suffix: name for name, suffix in SUFFIX.items()}
    out: dict[tuple[str, str], str] = {}
    low = {"LOW_32": "-2147483648.0f", "LOW_64": "-9223372036854775808.0f"}
    origin = ""
    for line in text_of("micro/micro_cast.c").splitlines():
        if match := re.match(r"#define GD_CAST_NAME cast_(\w+)", line):
            origin = names[match[1]]
        elif match := re.match(r"CAST\((\w+), (\w+), (.*)\)$", line):
            expression = match[3]
            if to_int := re.match(r"TO_INT\(x, (\w+), (.*)\)$", expression):
                bound = re.sub(r"LOW_\d+", lambda m: low[m[0]], to_int[2])
                most = bound.replace("-", "", 1)
                expression = f"x >= {bound} && x < {most} ? x : {bound}"
            out[origin, names[match[2]]] = f"({match[1]})({expression})"
    return out


def applied(name: str, dtype: str, compute: str, operands: Sequence[str]) -> str:
    """A micro-operation of such operands as an expression. ``compute``: their dtype, of the choices where one is
    chosen; ``dtype``: the result's."""
    expression = cast_expressions()[compute, dtype] if name == "cast" else micro_expressions(compute)[name]
    return _named(expression, operands)


def applied_near(name: str, compute: str, operands: Sequence[str]) -> tuple[str, str] | None:
    """Where a micro-operation of such operands needs no library's function, and its value there; None where it is the
    same everywhere."""
    near = micro_near(compute).get(name)
    return None if near is None else (_named(near[0], operands), _named(near[1], operands))


def _named(expression: str, operands: Sequence[str]) -> str:
    named = dict(zip("xyz", operands))
    return re.sub(r"\b[xyz]\b", lambda m: named[m[0]], expression)


def _calls(text: str) -> Iterable[tuple[str, list[str]]]:
    """The lines GD_FORM(name, ..) of a file: the form and its arguments."""
    for match in re.finditer(rf"^GD_({'|'.join(_FORMS)})\(", text, flags=re.M):
        depth, at, arguments = 1, match.end(), [""]
        while depth:
            c = text[at]
            depth += (c == "(") - (c == ")")
            if c == "," and depth == 1:
                arguments.append("")
            elif depth:
                arguments[-1] += c
            at += 1
        yield match[1], [" ".join(a.split()) for a in arguments]
