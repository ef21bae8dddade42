"""Sizes of dimensions: ints, names, and integer polynomials of names.

A :class:`Dim` is a string (its canonical text, so ``x.shape == ("batch", 64)`` holds and shapes hash) that
also does arithmetic: ``batch - 1``, ``2*batch``, ``batch*T``, ``(n+1)//2``. Arithmetic that works out to a
number gives an ``int``.
Invariants: two Dims are equal exactly when their canonical texts are; a Dim is never constant.
Must not know: values, nodes, operations.
"""

from __future__ import annotations

import ast
import keyword
import operator
from collections.abc import Iterable, Mapping
from math import gcd, isqrt
from typing import Any

from ..errors import ShapeError

# A monomial is a sorted tuple of atoms with repetition: ("T", "batch", "batch"). An atom is a name, or the text
# of a floor division "((n+1)//2)" whose numerator and divisor are kept in _FLOORS, of a root or a minimum likewise.
Monomial = tuple[str, ...]
_FLOORS: dict[str, tuple[Size, Size]] = {}
_ROOTS: dict[str, Dim] = {}
_LEAST: dict[str, tuple[Size, Size]] = {}


class Dim(str):
    """A size that becomes known at the call. Made by naming a dimension and by arithmetic on shapes."""

    __slots__ = ("terms",)
    terms: dict[Monomial, int]

    def __add__(self, other: Any) -> Size:  # type: ignore[override]
        return _combine(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Size:
        return _combine(self, other, -1)

    def __rsub__(self, other: Any) -> Size:
        return _combine(as_size(other), self, -1)

    def __neg__(self) -> Size:
        return _combine(0, self, -1)

    def __mul__(self, other: Any) -> Size:  # type: ignore[override]
        if isinstance(other, float):
            return NotImplemented
        out: dict[Monomial, int] = {}
        for ma, ca in self.terms.items():
            for mb, cb in _terms(other).items():
                mono = tuple(sorted(ma + mb))
                out[mono] = out.get(mono, 0) + ca * cb
        return _make(out)

    __rmul__ = __mul__  # type: ignore[assignment]

    def __floordiv__(self, other: Any) -> Size:
        return floor_div(self, as_size(other))

    def __rfloordiv__(self, other: Any) -> Size:
        return floor_div(as_size(other), self)

    def __mod__(self, other: Any) -> Size:  # type: ignore[override]
        return self - floor_div(self, as_size(other)) * as_size(other)

    def __rmod__(self, other: Any) -> Size:
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
    dim = str.__new__(Dim, "".join(parts).removeprefix("+"))
    dim.terms = terms
    return dim


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
        if spec.isidentifier() and not keyword.iskeyword(spec):  # a keyword would not parse in an expression
            return named(spec)
        try:
            return _parse(ast.parse(spec.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
            raise ShapeError(f"{spec!r} is no size: use an int, a name, or an expression of names") from None
    if isinstance(spec, bool):
        raise ShapeError(f"{spec!r} is no size: use an int or a name")
    try:
        return operator.index(spec)
    except TypeError:
        raise ShapeError(f"{spec!r} is no size: use an int or a name") from None


_BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv}


def _parse(tree: ast.expr) -> Size:
    if isinstance(tree, ast.Constant) and type(tree.value) is int:
        return tree.value
    if isinstance(tree, ast.Name):
        return named(tree.id)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return -_parse(tree.operand)
    if isinstance(tree, ast.BinOp) and type(tree.op) in _BINARY:
        return _BINARY[type(tree.op)](_parse(tree.left), _parse(tree.right))
    raise ValueError("not a size")


def as_shape(spec: Any) -> Shape:
    """A shape from an int, a name or a sequence of them. Raises ShapeError for a negative size."""
    if isinstance(spec, (str, int)) or not isinstance(spec, Iterable):
        spec = (spec,)
    shape = tuple(as_size(s) for s in spec)
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
    text = f"({text})"
    _FLOORS[text] = (a, b)
    return _make({(text,): 1})


def _root(n: int) -> int:
    return isqrt(max(n - 1, 0)) + 1


def ceil_sqrt(a: Size) -> Size:
    """The root of a size, rounded up and at least 1. Plans are made of it; no graph's text holds it."""
    if isinstance(a, int):
        return _root(a)
    text = f"ceil_sqrt({a})"
    _ROOTS[text] = a
    return _make({(text,): 1})


def least(a: Size, b: Size) -> Size:
    """The smaller one of two sizes. For plans, as :func:`ceil_sqrt`."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    text = f"least({a},{b})"
    _LEAST[text] = a, b
    return _make({(text,): 1})


def names_of(size: Size) -> set[str]:
    """The names a size depends on."""
    if not isinstance(size, Dim):
        return set()
    out: set[str] = set()
    for mono in size.terms:
        for atom in mono:
            if atom in _FLOORS:
                out |= names_of(_FLOORS[atom][0]) | names_of(_FLOORS[atom][1])
            elif atom in _ROOTS:
                out |= names_of(_ROOTS[atom])
            elif atom in _LEAST:
                out |= names_of(_LEAST[atom][0]) | names_of(_LEAST[atom][1])
            else:
                out.add(atom)
    return out


def evaluate(size: Size, env: Mapping[str, int]) -> int:
    """The value of a size where each name has one. Raises KeyError for a name without."""
    if not isinstance(size, Dim):
        return size
    total = 0
    for mono, c in size.terms.items():
        for atom in mono:
            value = env.get(atom)
            if value is None and atom in _ROOTS:
                value = _root(evaluate(_ROOTS[atom], env))
            elif value is None and atom in _LEAST:
                value = min(evaluate(s, env) for s in _LEAST[atom])
            elif value is None:
                if atom not in _FLOORS:
                    raise KeyError(atom)
                a, b = _FLOORS[atom]
                divisor = evaluate(b, env)
                if divisor == 0:
                    raise ShapeError(f"size {atom} divides by zero")
                value = evaluate(a, env) // divisor
            c *= value
        total += c
    return total


def substitute(size: Size, env: Mapping[str, Size]) -> Size:
    """A size with names replaced by sizes."""
    if not isinstance(size, Dim):
        return size
    total: Size = 0
    for mono, c in size.terms.items():
        product: Size = c
        for atom in mono:
            if atom in env:
                product = product * env[atom]
            elif atom in _FLOORS:
                a, b = _FLOORS[atom]
                product = product * floor_div(substitute(a, env), substitute(b, env))
            elif atom in _ROOTS:
                product = product * ceil_sqrt(substitute(_ROOTS[atom], env))
            elif atom in _LEAST:
                product = product * least(*(substitute(s, env) for s in _LEAST[atom]))
            else:
                product = product * named(atom)
        total = total + product
    return total


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
