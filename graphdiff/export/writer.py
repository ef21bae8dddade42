"""Lines of C being written, and how numbers and names stand in them.

Must not know: programs, instructions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from .formula import Formula

# C11's and C++'s, as headers are read by both.
KEYWORDS = frozenset(
    """alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const
    constexpr const_cast continue co_await co_return co_yield decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq
    nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return short signed
    sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef typeid
    typename typeof union unsigned using virtual void volatile wchar_t while xor xor_eq""".split()
)

# What C's library and the systems under it define: a function of such a name would stand in its place.
LIBRARY = frozenset(
    """abort abs accept access acos acosh alarm asin asinh atan atan2 atanh atexit atof atoi atol bind bsearch
    calloc cbrt ceil clock close connect copysign cos cosh ctime difftime div dup environ erf erfc errno exit
    exp exp2 expm1 fabs fclose fdim feof ferror fflush fgetc fgets floor fma fmax fmin fmod fopen fork fprintf
    fputc fputs fread free frexp fscanf fseek ftell fwrite gamma getc getchar getenv gets gmtime hypot ilogb
    index isalnum isalpha isdigit isfinite isinf islower isnan isspace isupper j0 j1 jn kill labs ldexp lgamma
    lgamma_r link listen llrint localtime log log10 log1p log2 logb longjmp lrint lround malloc memchr memcmp
    memcpy memmove memset mktime modf nan nanosleep nearbyint nextafter offsetof open pause perror pipe poll pow
    printf putc putchar puts qsort raise rand read realloc recv remainder remove remquo rename rewind rindex
    rint round scalbn scanf select send setjmp signal signbit sin sinh sleep snprintf socket sprintf sqrt srand
    sscanf stderr stdin stdout strcat strchr strcmp strcpy strlen strncmp strncpy strstr strtod strtol swab sync
    system tan tanh tgamma time tmpfile tmpnam tolower toupper trunc ungetc unlink usleep va_list vprintf wait
    write y0 y1 yn asm assert EOF NULL NAN INFINITY BUFSIZ RAND_MAX FILE va_arg va_start va_end size_t ptrdiff_t
    intptr_t uintptr_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t intmax_t uintmax_t
    max_align_t float_t double_t""".split()
)
LIBRARY |= {f"{name}f" for name in LIBRARY}


class Lines:
    """C text, one line after the other, indented by the blocks that are open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0

    def __call__(self, line: str) -> None:
        self.lines.append("    " * self.depth + line if line else "")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines in braces behind ``head``."""
        self(head + " {" if head else "{")
        self.depth += 1
        yield
        self.depth -= 1
        self("}")

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def number(value: np.generic | int | Formula) -> str:
    """A scalar as C writes it, every bit of it."""
    if isinstance(value, Formula):
        return str(value)
    if isinstance(value, np.floating):
        tail = "f" if value.dtype.itemsize == 4 else ""
        if math.isnan(value):
            return "NAN"
        if math.isinf(value):
            return "INFINITY" if value > 0 else "-INFINITY"
        text = repr(value.item()) if not tail else str(np.float32(value))
        return (text if re.search(r"[.e]", text) else text + ".0") + tail
    integer = int(value)
    if -(2**31) < integer < 2**31:
        return str(integer)
    return f"INT64_C({integer})" if integer > -(2**63) else "(-INT64_C(9223372036854775807) - 1)"


def index(offset: int, strides: Sequence[int], names: Sequence[str]) -> str:
    """``3 + i * 64 + j``."""
    terms = []
    for stride, name in zip(strides, names):
        if stride:
            terms.append(name if stride == 1 else f"-{name}" if stride == -1 else f"{name} * {stride}")
    if offset or not terms:
        terms.insert(0, str(offset))
    return " + ".join(terms).replace("+ -", "- ")


def address(name: str, offset: str) -> str:
    """A pointer so many elements further."""
    return name if offset == "0" else f"{name} + {offset}"


def identifier(text: str, fallback: str) -> str:
    """A name of C made of a text for people."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    if not name:
        return fallback
    return name + "_" if name in KEYWORDS or re.match(r"main$", name) else f"_{name}" if name[0].isdigit() else name


def comment(text: str) -> str:
    """A text that ends no comment and no line: as it may stand in ``/* */``."""
    plain = text.encode("ascii", "backslashreplace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", " ", plain).replace("*/", "* /").replace("/*", "/ *").replace("??/", "? ?/")


def quoted(text: str) -> str:
    """A text as a string literal of ASCII."""
    out = ""
    for byte in text.encode():
        char = chr(byte)
        out += "\\" + char if char in '\\"?' else char if 32 <= byte < 127 else f"\\{byte:03o}"
    return f'"{out}"'
