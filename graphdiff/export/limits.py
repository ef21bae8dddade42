"""How large numbers that depend on sizes become: polynomials that they do not exceed, and the sizes with room for all.

Invariant: a bound holds with either sign, for whatever sizes are not negative; of what is divided, for divisors of at
least 1. Must not know: expressions.
"""

from __future__ import annotations

import re

Bound = dict[tuple[str, ...], float]  # factors by the names that are multiplied, sorted
_TAKEN = r"(t|over|parts|least|most|blocks|root|bits|has_room)_*"  # size_t, and formula.py's functions
_ROOM = float(1 << 62)  # of an int64_t; the sum of two such fits too


class Limits:
    """Of all integers noted the largest factor of each product of sizes."""

    def __init__(self) -> None:
        self.most: Bound = {}

    def note(self, bound: Bound) -> None:
        """One more integer."""
        for names, factor in bound.items():
            self.most[names] = max(factor, self.most.get(names, 0.0))

    def __str__(self) -> str:
        """That all have room, as an expression of C."""
        terms = [" * ".join([repr(c), *(f"(double){name_of(n)}" for n in names)]) for names, c in self.most.items()]
        return f"{' + '.join(terms or ['0'])} < {_ROOM}"


def name_of(size: str) -> str:
    """The variable of C that holds a named size: none of another name's, no type or function of C."""
    ascii_name = "".join(c if c.isascii() else f"u{ord(c):x}" for c in size)
    return f"size_{ascii_name}" + ("_" if re.fullmatch(_TAKEN, ascii_name) else "")


def total(a: Bound, b: Bound) -> Bound:
    """Of a sum or a difference."""
    return {n: a.get(n, 0.0) + b.get(n, 0.0) for n in {**a, **b}}


def product(a: Bound, b: Bound) -> Bound:
    """Of a product."""
    out: Bound = {}
    for n, c in a.items():
        for m, d in b.items():
            out = total(out, {tuple(sorted(n + m)): c * d})
    return out


def quotient(a: Bound, least: float) -> Bound:
    """Of a quotient, rounded either way, by at least so much; 0 stands for any number that is not 0."""
    return total({n: c / (abs(least) or 1.0) for n, c in a.items()}, {(): 1.0})
