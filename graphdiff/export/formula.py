"""Numbers that depend on sizes: an expression of C, its value at sample sizes, and what was asked of it.

The writers of instructions compute with these as with ints. Whenever they decide by one, the decision at the sample is
taken and noted as a condition: what they write is right wherever all conditions hold, and elsewhere they are asked
again at another sample. Owns: arithmetic, conditions, the functions of C that expressions call.
Invariant: a decision without a condition is one that holds for all sizes. Must not know: instructions, files.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..ir.dims import Dim, Made, Size
from . import limits
from .limits import Bound, Limits, name_of

Sizes = Mapping[str, int]

# What expressions call: quotients rounded down, as Python's, or up, a root rounded up, the bits of a number.
FUNCTIONS = """\
static inline int64_t size_over(int64_t a, int64_t b) {
    return b == 0 ? 0 : a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static inline int64_t size_parts(int64_t a, int64_t b) { return b > 0 ? (a + b - 1) / b : 0; }

static inline int64_t size_least(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t size_most(int64_t a, int64_t b) { return a < b ? b : a; }

static inline int64_t size_blocks(int64_t a) { return (a + 63) / 64; }

static inline int64_t size_bits(int64_t a) {
    int64_t n = 0;
    for (; a > 0; a /= 2) n++;
    return n;
}

static inline int64_t size_root(int64_t a) {
    int64_t n = (int64_t)sqrt((double)a);
    while (n * n < a) n++;
    while (n > 0 && (n - 1) * (n - 1) >= a) n--;
    return n;
}

/* places are 32 bits, of blocks of 64 bytes */
#define SIZE_MOST_BLOCKS (INT64_C(1) << 32)

/* whether so many blocks have places and addresses */
static inline int size_has_room(int64_t blocks) {
    return blocks < SIZE_MOST_BLOCKS && blocks <= (int64_t)(PTRDIFF_MAX / 64);
}
"""


_LONG = 40  # characters of an expression that gets a name
_CALLS = re.compile(r"size_\w+\(|/|body_|double")  # what is no polynomial
_FAR = 1 << 40  # no size is larger


@dataclass
class Region:
    """Where a text is right: bounds of sizes, both included, and other conditions, by text with what decides them."""

    bounds: dict[str, tuple[int, int]] = field(default_factory=dict)
    others: dict[str, Callable[[Sizes], bool]] = field(default_factory=dict)

    def covers(self, env: Sizes) -> bool:
        """Whether these sizes are in it."""
        inside = all(low <= env[n] <= high for n, (low, high) in self.bounds.items())
        return inside and all(holds(env) for holds in self.others.values())

    def narrow(self, name: str, low: int, high: int) -> None:
        """Leaves of a size what is between."""
        old = self.bounds.get(name, (0, _FAR))
        self.bounds[name] = max(old[0], low), min(old[1], high)

    def joined(self, other: Region) -> Region | None:
        """Both as one, where they differ in neighbouring bounds of one size."""
        if self.others.keys() != other.others.keys():
            return None
        names = [n for n in {**self.bounds, **other.bounds} if self._of(n) != other._of(n)]
        if len(names) > 1:
            return None
        if not names:
            return self
        (low, high), (low2, high2) = self._of(names[0]), other._of(names[0])
        if max(low, low2) > min(high, high2) + 1:
            return None
        bounds = {**self.bounds, names[0]: (min(low, low2), max(high, high2))}
        return Region(bounds, self.others)

    def _of(self, name: str) -> tuple[int, int]:
        return self.bounds.get(name, (0, _FAR))

    def __str__(self) -> str:
        """As an expression of C; empty where it is everywhere."""
        parts = []
        for n, (low, high) in self.bounds.items():
            v = name_of(n)
            if low == high:
                parts.append(f"{v} == {text_of(low)}")
                continue
            parts += [f"{v} >= {text_of(low)}"] if low > 0 else []
            parts += [f"{v} <= {text_of(high)}"] if high < _FAR else []
        return " && ".join([*parts, *self.others])


def joined(regions: Iterable[Region]) -> list[Region]:
    """The same with neighbours as one."""
    found: list[Region] = []
    for region in regions:
        rest = []
        for other in found:
            both = region.joined(other)
            if both is None:
                rest.append(other)
            else:
                region = both
        found = [*rest, region]
    return found


class Trace:
    """One sample of sizes, of which some are ``fixed``, and where what was decided since ``region`` was emptied is
    decided so. ``limits``: told of every expression."""

    def __init__(self, env: Sizes, fixed: Sizes, limits: Limits | None = None):
        self.env, self.fixed = dict(env), fixed
        self.limits = Limits() if limits is None else limits
        self.begin()

    def begin(self) -> None:
        """Forgets what was decided and what has names."""
        self.region = Region()
        self.names: dict[str, str] = {}  # of long expressions that were written down

    def named(self, text: str) -> str:
        """A long expression by a name, for which ``definitions`` has the line."""
        return text if len(text) < _LONG else self.names.setdefault(text, f"z{len(self.names)}")

    def definitions(self, lines: Iterable[str], names: Mapping[str, str] | None = None) -> list[str]:
        """The lines that define the names in ``lines``, each after those that it needs; ``names``: instead of
        those of now."""
        names = self.names if names is None else names
        words = {w for line in lines for w in re.findall(r"\bz\d+\b", line)}
        out = []
        for text, name in sorted(names.items(), key=lambda kv: -len(kv[0])):
            if name not in words:
                continue
            for part in sorted((t for t in names if len(t) < len(text)), key=len, reverse=True):
                text = text.replace(part, names[part])
            words.update(re.findall(r"\bz\d+\b", text))
            out.append(f"const int64_t {name} = {text};")
        return out[::-1]

    def formula(self, size: Size) -> Any:
        """A size as a formula; one without names as an int."""
        if not isinstance(size, Dim):
            return size
        total: Any = 0
        for mono, c in size.terms.items():
            term: Any = c
            for atom in mono:
                term = term * (self._made(atom) if isinstance(atom, Made) else self._named(atom))
            total = total + term
        return total

    def _named(self, name: str) -> Formula | int:
        if name in self.fixed:
            return self.fixed[name]
        return Formula(self, name_of(name), lambda env: env[name], {(name,): 1.0}, name, 1)

    def _made(self, atom: Made) -> Any:
        operands = [self.formula(s) for s in atom.operands]
        if atom.kind == "//":
            return operands[0] // operands[1]
        if atom.kind == "least":
            return least(*operands)
        return root(operands[0])


class Formula:
    """An integer or floating-point expression of sizes. ``text``: C; ``at``: its value at sizes; ``name``: of the only
    size it depends on, where it does not fall (``rises`` 1) or does not rise (-1) with it; else ``rises`` is 0.
    ``bound``: what it does not exceed, with either sign; ``is_real``: of double; ``minus``: its negative, where that is
    simpler."""

    __slots__ = ("trace", "text", "at", "bound", "name", "rises", "is_real", "minus")

    def __init__(
        self,
        trace: Trace,
        text: str,
        at: Callable[[Sizes], Any],
        bound: Bound,
        name: str = "",
        rises: int = 0,
        is_real: bool = False,
    ):
        self.trace, self.text, self.at, self.bound, self.name, self.rises = trace, text, at, bound, name, rises
        self.is_real, self.minus = is_real, None
        if not is_real:
            trace.limits.note(bound)

    @property
    def value(self) -> Any:
        """Its value at the sample."""
        return self.at(self.trace.env)

    def __str__(self) -> str:
        return self.trace.named(self.text)

    def __format__(self, spec: str) -> str:
        return str(self)

    def _with(self, other: Any, sign: str, apply: Callable[[Any, Any], Any], swapped: bool = False) -> Any:
        if isinstance(other, np.generic):
            other = other.item()
        if not isinstance(other, (int, float, Formula)):
            return NotImplemented
        a, b = (other, self) if swapped else (self, other)
        x, y = _at(a), _at(b)
        text = f"{sign}({text_of(a)}, {text_of(b)})" if sign[0].isalpha() else f"({text_of(a)} {sign} {text_of(b)})"
        name, rises = self._direction(other, sign, swapped)
        is_real = sign == "/" or any(isinstance(v, float) or (isinstance(v, Formula) and v.is_real) for v in (a, b))
        bound = _bound_of(sign, a, b)
        return Formula(self.trace, text, lambda env: apply(x(env), y(env)), bound, name, rises, is_real)

    def _direction(self, other: Any, sign: str, swapped: bool) -> tuple[str, int]:
        """The name and how it rises of a result."""
        if isinstance(other, Formula):
            both = self.name == other.name and self.rises == other.rises
            never_negative = (
                min(self.at({self.name: 0}), other.at({self.name: 0})) >= 0 if both and self.rises > 0 else 0
            )
            if both and (sign == "+" or (sign == "*" and never_negative)):
                return self.name, self.rises
            if sign == "-" and self.name == other.name and self.rises == -other.rises:
                return self.name, self.rises
            return "", 0
        up = {"+": 1, "-": -1 if swapped else 1, "*": 1 if other >= 0 else -1}.get(sign, 0)
        if sign in ("/", "size_over") and not swapped and other > 0:
            up = 1
        if sign == "size_over" and swapped and self.rises and min(self.at({self.name: n}) for n in (1, _FAR)) > 0:
            up = -1 if other >= 0 else 1
        return (self.name, self.rises * up) if up else ("", 0)

    def __add__(self, other: Any) -> Any:
        return self if _is(other, 0) else self._with(other, "+", operator.add)

    def __radd__(self, other: Any) -> Any:
        return self if _is(other, 0) else self._with(other, "+", operator.add, True)

    def __sub__(self, other: Any) -> Any:
        return self if _is(other, 0) else self._with(other, "-", operator.sub)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, "-", operator.sub, True)

    def __mul__(self, other: Any) -> Any:
        return self if _is(other, 1) else 0 if _is(other, 0) else self._with(other, "*", operator.mul)

    def __rmul__(self, other: Any) -> Any:
        return self if _is(other, 1) else 0 if _is(other, 0) else self._with(other, "*", operator.mul, True)

    def __floordiv__(self, other: Any) -> Any:
        if _is(other, 1):
            return self
        out = self._with(other, "size_over", _over)
        if self.minus is not None:
            out.minus = _parts(self.minus, other)
        return out

    def __rfloordiv__(self, other: Any) -> Any:
        out = self._with(other, "size_over", _over, True)
        if not isinstance(other, Formula) and other < 0:
            out.minus = _parts(-other, self)
        return out

    def __mod__(self, other: Any) -> Any:
        return self - self // other * other

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, "/", operator.truediv)

    def __neg__(self) -> Any:
        if self.minus is not None:
            return self.minus
        out = self * -1
        out.minus = self
        return out

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def bit_length(self) -> Any:
        """The bits that a number takes."""
        at = self.at
        return self._of(f"size_bits({self.text})", lambda env: int(at(env)).bit_length())

    def _of(self, text: str, at: Callable[[Sizes], Any], is_real: bool = False) -> Formula:
        """A function of it that rises, and not faster than it does but for 64."""
        return Formula(self.trace, text, at, limits.total(self.bound, {(): 64.0}), self.name, self.rises, is_real)

    # ------------------------------------------------------------------ decisions
    def _decide(self, other: Any, sign: str, opposite: str, apply: Callable[[Any, Any], bool]) -> bool:
        if isinstance(other, Formula) and self._is_always(other):
            return apply(0, 0)
        x, y, trace = self.at, _at(other), self.trace
        found = bool(apply(x(trace.env), y(trace.env)))

        def holds(env: Sizes) -> bool:
            return bool(apply(x(env), y(env))) == found

        if isinstance(other, Formula) or not self.rises:
            trace.region.others[f"{self.text} {sign if found else opposite} {text_of(other)}"] = holds
        elif sign == "==":
            self._bound_equal(other, found)
        else:
            here, name = trace.env[self.name], self.name
            at_least = _first(lambda n: holds({name: n}), here)
            trace.region.narrow(name, at_least, _last(lambda n: holds({name: n}), here))
        return found

    def _bound_equal(self, other: Any, found: bool) -> None:
        """Bounds that hold what is equal to a number together, or keep to the side of it that the sample is on."""
        name, here = self.name, self.trace.env[self.name]
        value = self.value

        def same_side(n: int) -> bool:
            at = self.at({name: n})
            return bool(at == other) if found else bool(at != other and (at < other) == (value < other))

        self.trace.region.narrow(name, _first(same_side, here), _last(same_side, here))

    def __lt__(self, other: Any) -> bool:
        return self._decide(other, "<", ">=", operator.lt)

    def __le__(self, other: Any) -> bool:
        return self._decide(other, "<=", ">", operator.le)

    def __gt__(self, other: Any) -> bool:
        return self._decide(other, ">", "<=", operator.gt)

    def __ge__(self, other: Any) -> bool:
        return self._decide(other, ">=", "<", operator.ge)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (int, float, Formula)):
            return False
        return self._decide(other, "==", "!=", operator.eq)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = object.__hash__

    def _is_always(self, other: Formula) -> bool:
        """Whether two expressions are the same: polynomials are where they agree at enough large points."""
        if _CALLS.search(self.text + other.text):
            return bool(self.text == other.text)
        points = (
            {n: 1_000_003 + 7919 * k * (i + 3) ** (k % 3) for i, n in enumerate(self.trace.env)} for k in range(12)
        )
        return all(self.at(p) == other.at(p) for p in points)

    def __bool__(self) -> bool:
        return self != 0

    def __index__(self) -> int:
        value: int = self.value
        assert self._decide(value, "==", "!=", operator.eq)
        return value

    __int__ = __index__


def _first(holds: Callable[[int], bool], here: int) -> int:
    """The first number from which on it holds up to ``here``, of what changes once at most below it."""
    low, high = -1, here
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _last(holds: Callable[[int], bool], here: int) -> int:
    """The last number up to which it holds from ``here`` on."""
    low, high = here, _FAR + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def real(x: Any) -> Any:
    """As float(x), a formula as one of double."""
    if not isinstance(x, Formula):
        return float(x)
    at = x.at
    return x._of(f"(double)({x.text})", lambda env: float(at(env)), is_real=True)


def whole(x: Any) -> Any:
    """As int(x) of what is not negative, a formula as one of int64_t."""
    if not isinstance(x, Formula):
        return int(x)
    at = x.at
    return x._of(f"(int64_t)({x.text})", lambda env: int(at(env)))


def root(x: Any) -> Any:
    """The square root rounded up."""
    if not isinstance(x, Formula):
        return math.isqrt(max(x - 1, 0)) + (x > 0)
    at = x.at
    return x._of(f"size_root({x.text})", lambda env: math.isqrt(max(at(env) - 1, 0)) + (at(env) > 0))


def least(a: Any, b: Any) -> Any:
    """As min(a, b), without a decision."""
    first = a if isinstance(a, Formula) else b
    if not isinstance(first, Formula):
        return min(a, b)
    x, y = _at(a), _at(b)
    one = not (isinstance(a, Formula) and isinstance(b, Formula))
    name, rises = (first.name, first.rises) if one else ("", 0)
    text = f"size_least({text_of(a)}, {text_of(b)})"
    return Formula(first.trace, text, lambda env: min(x(env), y(env)), _bound_of("+", a, b), name, rises)


def _over(a: Any, b: Any) -> Any:
    return a // b if b else 0


def _parts(a: Any, b: Any) -> Any:
    """How many parts of b hold a."""
    whole_ = a if isinstance(a, Formula) else b
    x, y = _at(a), _at(b)
    name, rises = whole_._direction(b, "size_over", False) if a is whole_ else whole_._direction(a, "size_over", True)
    text = f"size_parts({text_of(a)}, {text_of(b)})"
    whole_.trace.limits.note(_bound_of("+", a, b))
    return Formula(whole_.trace, text, lambda env: -_over(-x(env), y(env)), _bound_of("size_over", a, b), name, rises)


def _bound_of(sign: str, a: Any, b: Any) -> Bound:
    """What the result of an operation does not exceed."""
    x, y = _bound(a), _bound(b)
    if sign in ("+", "-"):
        return limits.total(x, y)
    return limits.product(x, y) if sign == "*" else limits.quotient(x, 1.0 if isinstance(b, Formula) else float(b))


def _bound(x: Any) -> Bound:
    return x.bound if isinstance(x, Formula) else {(): abs(float(x))}


def _is(x: Any, number: int) -> bool:
    return not isinstance(x, Formula) and bool(x == number)


def _at(x: Any) -> Callable[[Sizes], Any]:
    return x.at if isinstance(x, Formula) else lambda env: x


def text_of(x: Any) -> str:
    """A number or a formula as C."""
    if isinstance(x, Formula):
        return x.text
    if isinstance(x, float):
        return repr(x)
    return str(x) if -(2**31) < x < 2**31 else f"INT64_C({x})"
