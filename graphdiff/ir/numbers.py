"""Numbers made of sizes that become known at the call: ``0.5 * n``, ``n / 2``, ``n ** 0.5``.

A :class:`Number` is weak, as a Python float is: beside a Tensor it takes that one's dtype. It is the operation's name
and what it is of: sizes, Python numbers and other Numbers.
Must not know: operations beyond their names, values, nodes.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..late import given_later

OPERATORS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
"""The ufuncs of integers and sizes that Python has an operator for: a size stays a size."""
UFUNCS = {"true_divide": "divide", "power": "pow", "absolute": "abs"}


@given_later("graphdiff.ops.tensor", "_beside_arrays")
class Arithmetic:
    """The operators that make Numbers. Other operands decide themselves: a Tensor makes a Tensor of a Number."""

    __slots__ = ()

    if TYPE_CHECKING:

        def _beside_arrays(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any: ...

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            return self._beside_arrays(ufunc, method, *inputs, **kwargs)
        kinds = "iuf" if ufunc in (np.equal, np.not_equal) else "iu"
        inputs = tuple([x.item() if _is_scalar(x, kinds) else x for x in inputs])
        if not all(map(is_number, inputs)):
            return self._beside_arrays(ufunc, method, *inputs)
        operation = OPERATORS.get(ufunc.__name__)
        return operation(*inputs) if operation else Number(UFUNCS.get(ufunc.__name__, ufunc.__name__), *inputs)

    def __truediv__(self, other: Any) -> Any:
        return number("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return number("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return number("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return number("pow", other, self)


class Number(Arithmetic):
    """A number known at the call."""

    __slots__ = ("op", "args")

    def __init__(self, op: str, *args: Any):
        self.op, self.args = op, args

    def __add__(self, other: Any) -> Any:
        return number("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return number("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return number("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return number("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return number("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return number("multiply", other, self)

    def __neg__(self) -> Number:
        return Number("negative", self)

    def __pos__(self) -> Number:
        return self

    def __abs__(self) -> Number:
        return Number("abs", self)

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} is known only at the call and has no truth value here")

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.args))})"


def _is_scalar(x: Any, kinds: str) -> bool:
    """Whether ``x`` is a number of NumPy that is taken for one of Python, so that a size beside it stays a size and
    equals no number; comparisons have it as a 0-d array."""
    return isinstance(x, (np.generic, np.ndarray)) and x.ndim == 0 and x.dtype.kind in kinds


def is_number(x: Any) -> bool:
    """Whether ``x`` is a Python number, a size or a Number."""
    return isinstance(x, (int, float, Arithmetic)) and not isinstance(x, (bool, np.generic))


def number(op: str, *args: Any) -> Any:
    """``op`` of numbers; NotImplemented where one is none."""
    return Number(op, *args) if all(map(is_number, args)) else NotImplemented
