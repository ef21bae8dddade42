"""Sizes of dimensions: ints, names, and integer polynomials of names.

A :class:`Dim` is a string (its canonical text, so ``x.shape == ("batch", 64)`` holds and shapes hash) that
also does arithmetic: ``batch - 1``, ``2*batch``, ``batch*T``, ``(n+1)//2``. Arithmetic that works out to a
number gives an ``int``. A name is an identifier of any script, taken as it is written; Python's keywords are names too.
Invariants: two Dims are equal exactly when their canonical texts are; a Dim is never constant; what a size holds, and
the work of making it, is bounded, so that a text of sizes takes time in proportion to its length.
Must not know: values, nodes, operations.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from math import gcd, isqrt
from typing import Any, NoReturn

import numpy as np

from ..errors import ShapeError
from .numbers import Arithmetic, number

Monomial = tuple[str, ...]  # atoms, sorted, with repetition: ("T", "batch", "batch"). An atom is a name or a Made.

LONGEST = 4000  # characters of a size's text
DEEPEST = 100  # roundings inside each other
PRODUCTS = 1000  # of terms, in one multiplication
LARGEST_RANK = 64  # of NumPy's arrays


class Made(str):
    """An atom that is worked out of other sizes: a quotient rounded down, a root rounded up, a minimum."""

    __slots__ = ("kind", "operands", "depth")
    kind: str
    operands: tuple[Size, ...]
    depth: int


class Dim(Arithmetic, str):
    """A size that becomes known at the call. Made by naming a dimension and by arithmetic on shapes."""

    __slots__ = ("terms",)
    terms: dict[Monomial, int]

    def __add__(self, other: Any) -> Any:
        return _combine(self, other, 1) if _is_size(other) else number("add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _combine(self, other, -1) if _is_size(other) else number("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _combine(as_size(other), self, -1) if _is_size(other) else number("subtract", other, self)

    def __neg__(self) -> Size:
        return _combine(0, self, -1)

    def __mul__(self, other: Any) -> Any:
        if not _is_size(other):
            return number("multiply", self, other)
        out: dict[Monomial, int] = {}
        others = _terms(other)
        if len(self.terms) * len(others) > PRODUCTS:
            raise ShapeError(f"the product of the sizes {shortened(self)} and {shortened(other)} has too many terms")
        for ma, ca in self.terms.items():
            for mb, cb in others.items():
                mono = tuple(sorted(ma + mb))
                out[mono] = out.get(mono, 0) + ca * cb
        return _make(out)

    __rmul__ = __mul__

    def __pow__(self, other: Any) -> Any:
        if type(other) is int and 0 <= other <= 16:
            return product([self] * other)
        return number("pow", self, other)

    def __floordiv__(self, other: Any) -> Any:
        return floor_div(self, as_size(other)) if _is_size(other) else number("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return floor_div(as_size(other), self) if _is_size(other) else number("floor_divide", other, self)

    def __mod__(self, other: Any) -> Any:
        if not _is_size(other):
            return number("remainder", self, other)
        return self - floor_div(self, as_size(other)) * as_size(other)

    def __rmod__(self, other: Any) -> Any:
        if not _is_size(other):
            return number("remainder", other, self)
        return as_size(other) - floor_div(as_size(other), self) * self

    def _unordered(self, other: Any) -> bool:
        if isinstance(other, (int, Dim)):
            raise ShapeError(f"the size {self} is known only at the call and cannot be compared with {other}")
        return NotImplemented

    __lt__ = __le__ = __gt__ = __ge__ = _unordered

    def __int__(self) -> int:
        raise ShapeError(f"the size {self} is known only at the call and has no value here")

    __index__ = __int__

    def __getnewargs__(self) -> tuple[str]:
        return (str(self),)

    def __reduce__(self) -> Any:
        return (as_size, (str(self),))


def _is_size(x: Any) -> bool:
    return isinstance(x, (int, str, np.integer))


Size = int | Dim
Shape = tuple[Size, ...]


def _terms(size: Any) -> dict[Monomial, int]:
    size = as_size(size)
    if isinstance(size, Dim):
        return size.terms
    return {(): size} if size else {}


def _make(terms: dict[Monomial, int]) -> Size:
    terms = {m: c for m, c in terms.items() if c}
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    parts = []
    for mono in sorted(terms, key=lambda m: (-len(m), m)):
        coefficient = terms[mono]
        factors = list(mono)
        if abs(coefficient) != 1 or not mono:
            factors.insert(0, str(abs(coefficient)))
        parts.append(("-" if coefficient < 0 else "+") + "*".join(factors))
    text = "".join(parts).removeprefix("+")
    if len(text) > LONGEST:
        raise ShapeError(f"a size is longer than {LONGEST} characters: {shortened(text)}")
    dim = str.__new__(Dim, text)
    dim.terms = terms
    return dim


def _made(kind: str, text: str, *operands: Size) -> Size:
    """The size that is one atom."""
    atom = str.__new__(Made, text)
    atom.kind, atom.operands = kind, operands
    inside = [a.depth for s in operands for mono in _terms(s) for a in mono if isinstance(a, Made)]
    atom.depth = 1 + max(inside, default=0)
    if atom.depth > DEEPEST:
        raise ShapeError(f"a size rounds {atom.depth} times, one inside the other: {shortened(text)}")
    return _make({(atom,): 1})


def shortened(size: Any) -> str:
    """A size as errors show it."""
    text = str(size)
    return text if len(text) <= 80 else text[:80] + "..."


def _combine(a: Any, b: Any, sign: int) -> Size:
    out = dict(_terms(a))
    for mono, c in _terms(b).items():
        out[mono] = out.get(mono, 0) + sign * c
    return _make(out)


def named(name: str) -> Dim:
    """The dimension called ``name`` (an identifier)."""
    dim = str.__new__(Dim, name)
    dim.terms = {(name,): 1}
    return dim


def as_size(spec: Any) -> Size:
    """An int, a name, an expression such as ``"2*batch-1"`` or a Dim as a size. Raises ShapeError."""
    if type(spec) is int or isinstance(spec, Dim):
        return spec
    if isinstance(spec, str):
        return named(spec) if spec.isidentifier() else _Expression(spec).size()
    if isinstance(spec, bool):
        raise ShapeError(f"{spec!r} is no size: use an int or a name")
    try:
        return operator.index(spec)
    except TypeError:
        raise ShapeError(f"{spec!r} is no size: use an int or a name") from None


class _Expression:
    """The text of a size, read by operator precedence: what waits stands on lists, so that no nesting is too deep."""

    _TOKEN = re.compile(r"\s*(//|[-+*(),]|[^\s\-+*/(),]+)")
    _RANK = {"+": 1, "-": 1, "*": 2, "//": 2, "neg": 3}

    def __init__(self, text: str):
        self.text = text
        self.sizes: list[Size] = []
        self.waiting: list[str] = []  # operators, brackets, and functions before theirs

    def size(self) -> Size:
        operand = True  # whether one is due
        at, text = 0, self.text.rstrip()
        if len(text) > LONGEST:
            self._fail()
        while at < len(text):
            m = self._TOKEN.match(text, at)
            if m is None:
                self._fail()
            token, at = m[1], m.end()
            if operand and token == "-":
                self.waiting.append("neg")
            elif operand and token == "(":
                self.waiting.append("(")
            elif operand and token in _WORDS and text.startswith("(", at):
                self.waiting += [token, "("]
                at += 1
            elif operand:
                self.sizes.append(self._atom(token))
                operand = False
            elif token == ")":
                self._until_bracket()
                self.waiting.pop()
                if self.waiting and self.waiting[-1] in _WORDS:
                    self._apply(self.waiting.pop())
            elif token == ",":
                self._until_bracket()
                operand = True
            elif token in self._RANK:
                while self.waiting and self._RANK.get(self.waiting[-1], 0) >= self._RANK[token]:
                    self._apply(self.waiting.pop())
                self.waiting.append(token)
                operand = True
            else:
                self._fail()
        while self.waiting and self.waiting[-1] != "(":
            self._apply(self.waiting.pop())
        if operand or self.waiting or len(self.sizes) != 1:
            self._fail()
        return self.sizes[0]

    def _atom(self, token: str) -> Size:
        if token.isidentifier():
            return named(token)
        if not (token.isascii() and token.isdecimal()) or len(token) > 19:
            self._fail()
        return int(token)

    def _until_bracket(self) -> None:
        while self.waiting and self.waiting[-1] != "(":
            self._apply(self.waiting.pop())
        if not self.waiting:
            self._fail()

    def _apply(self, name: str) -> None:
        arity = 1 if name in ("neg", "ceil_sqrt") else 2
        if len(self.sizes) < arity:
            self._fail()
        operands = self.sizes[-arity:]
        del self.sizes[-arity:]
        self.sizes.append(_APPLY[name](*operands))

    def _fail(self) -> NoReturn:
        raise ShapeError(f"{shortened(self.text)!r} is no size: use an int, a name, or an expression of names")


def as_shape(spec: Any) -> Shape:
    """A shape from an int, a name or a sequence of them. Raises ShapeError for a negative size and too many."""
    if isinstance(spec, (str, int)) or not isinstance(spec, Iterable):
        spec = (spec,)
    shape = tuple(as_size(s) for s in spec)
    if len(shape) > LARGEST_RANK:
        raise ShapeError(f"a shape of {len(shape)} dimensions; arrays have at most {LARGEST_RANK}")
    for s in shape:
        if isinstance(s, int) and s < 0:
            raise ShapeError(f"negative size {s} in shape {format_shape(shape)}")
    return shape


def exact_div(a: Size, b: Size) -> Size | None:
    """``a / b`` where it is a polynomial with integer coefficients, else None (long division)."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b and a % b == 0 else None
    divisor = _terms(b)
    if not divisor:
        return None
    # The lead must be the greatest of an order that multiplication keeps: by degree, then by the powers of each atom.
    atoms = sorted({x for m in (*_terms(a), *divisor) for x in m})

    def key(m: Monomial) -> tuple[int, ...]:
        return (len(m), *(m.count(x) for x in atoms))

    lead = max(divisor, key=key)
    rest, quotient = dict(_terms(a)), {}
    while rest:
        top = max(rest, key=key)
        mono = list(top)
        for atom in lead:
            if atom not in mono:
                return None
            mono.remove(atom)
        if rest[top] % divisor[lead]:
            return None
        c = rest[top] // divisor[lead]
        quotient[tuple(mono)] = c
        for m, d in divisor.items():
            product = tuple(sorted(tuple(mono) + m))
            value = rest.get(product, 0) - c * d
            if value:
                rest[product] = value
            else:
                rest.pop(product, None)
    return _make(quotient)


def floor_div(a: Size, b: Size) -> Size:
    """``a // b`` rounding down; an atom of its own where it does not divide."""
    if b == 0:
        raise ShapeError(f"size {a} divided by zero")
    exact = exact_div(a, b)
    if exact is not None:
        return exact
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if isinstance(b, int) and b > 0:
        # whole multiples of b come out: (2*n+3)//2 = n + 1 + 1//2; canonical so that equal sizes meet
        whole = {m: c // b * b for m, c in _terms(a).items() if m}
        const = _terms(a).get((), 0) // b * b
        outer = _make({**whole, (): const})
        part = exact_div(outer, b) if outer else None
        if part is not None:
            return part + floor_div(a - outer, b)
        common = gcd(b, *_terms(a).values())
        reduced = exact_div(a, common) if common > 1 else None
        if reduced is not None:
            return floor_div(reduced, b // common)
    text = "//".join(f"({s})" if isinstance(s, Dim) and not s.isidentifier() else str(s) for s in (a, b))
    return _made("//", f"({text})", a, b)


def _root(n: int) -> int:
    return isqrt(max(n - 1, 0)) + 1


def ceil_sqrt(a: Size) -> Size:
    """The root of a size, rounded up and at least 1."""
    return _root(a) if isinstance(a, int) else _made("ceil_sqrt", f"ceil_sqrt({a})", a)


def least(a: Size, b: Size) -> Size:
    """The smaller one of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    for small, large in ((a, b), (b, a)):
        if isinstance(small, int) and isinstance(large, Dim) and small <= _at_least(large):
            return small
    return _made("least", f"least({a},{b})", a, b)


def _at_least(size: Dim) -> float:
    """What a size cannot be less than, where that is seen at once: n + 6 is at least 6, as no name is negative."""
    sums = all(c >= 0 and not any(isinstance(atom, Made) for atom in mono) for mono, c in size.terms.items())
    return size.terms.get((), 0) if sums else -math.inf


def unclipped(size: Size) -> Size:
    """A size where no slice in it reaches past an end: n for least(5,n)-5+n. Sizes that agree so may meet, and are
    compared at the call."""
    if not isinstance(size, Dim):
        return size
    total: Size = 0
    for mono, c in size.terms.items():
        product: Size = c
        for atom in mono:
            product = product * _whole(atom)
        total = total + product
    return total


def _whole(atom: str) -> Size:
    if not isinstance(atom, Made):
        return named(atom)
    ints = [s for s in atom.operands if isinstance(s, int)]
    if atom.kind == "least" and len(ints) == 1:
        return ints[0]
    return _APPLY[atom.kind](*map(unclipped, atom.operands))


_WORDS = ("ceil_sqrt", "least")
_APPLY: dict[str, Callable[..., Size]] = {
    "+": operator.add,
    "-": operator.sub,
    "neg": operator.neg,
    "*": operator.mul,
    "//": floor_div,
    "ceil_sqrt": ceil_sqrt,
    "least": least,
}


def names_of(size: Size) -> set[str]:
    """The names a size depends on."""
    out: set[str] = set()
    for mono in size.terms if isinstance(size, Dim) else ():
        for atom in mono:
            if isinstance(atom, Made):
                out.update(*map(names_of, atom.operands))
            else:
                out.add(atom)
    return out


def evaluate(size: Size, env: Mapping[str, int]) -> int:
    """The value of a size where each name has one. Raises KeyError for a name without, ShapeError where it divides by
    zero."""
    if not isinstance(size, Dim):
        return size
    total = 0
    for mono, c in size.terms.items():
        for atom in mono:
            c *= (
                int(_worked_out(atom, [evaluate(s, env) for s in atom.operands]))
                if isinstance(atom, Made)
                else env[atom]
            )
        total += c
    return total


def shape_at(shape: Shape, env: Mapping[str, int]) -> tuple[int, ...]:
    """A shape where each name has a value."""
    return tuple([evaluate(s, env) for s in shape])


def attr_at(attribute: Any, env: Mapping[str, int]) -> Any:
    """A static argument where each name has a value."""
    if isinstance(attribute, tuple):
        return tuple([attr_at(a, env) for a in attribute])
    return evaluate(attribute, env) if isinstance(attribute, Dim) else attribute


def substitute(size: Size, env: Mapping[str, Size]) -> Size:
    """A size with names replaced by sizes."""
    if not isinstance(size, Dim):
        return size
    total: Size = 0
    for mono, c in size.terms.items():
        product: Size = c
        for atom in mono:
            if isinstance(atom, Made):
                product = product * _worked_out(atom, [substitute(s, env) for s in atom.operands])
            else:
                product = product * (env[atom] if atom in env else named(atom))
        total = total + product
    return total


def _worked_out(atom: Made, operands: list[Any]) -> Size:
    if atom.kind == "//" and isinstance(operands[1], int) and operands[1] == 0:
        raise ShapeError(f"size {shortened(atom)} divides by zero")
    return _APPLY[atom.kind](*operands)


def product(sizes: Iterable[Size]) -> Size:
    out: Size = 1
    for s in sizes:
        out = s if out == 1 else out * s
    return out


def format_shape(shape: Iterable[Size]) -> str:
    return "(" + ", ".join(str(s) for s in shape) + ")"


def broadcast(a: Shape, b: Shape) -> Shape | None:
    """The shape two shapes broadcast to, or None where they do not meet."""
    if a == b:
        return a
    if len(a) < len(b):
        a, b = b, a
    skip = len(a) - len(b)
    out = list(a)
    for i, size in enumerate(b, skip):
        if out[i] == size or size == 1:
            continue
        if out[i] != 1:
            return None
        out[i] = size
    return tuple(out)
