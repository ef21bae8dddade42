"""``x.at[key]``: the places of a Tensor that a key names, to be given other elements.

Every method looks its operation up in the registry by name, as a Tensor's do. A place is no value: whatever is done
with it as if it were one is told, with what to write.
Must not know: Tensors, what a key may be, what is done at a place (at.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

from ..errors import GraphError
from ..ir.node import Value, user_source
from ..ir.numbers import Number
from ..ir.words import ArrayLike
from ..spelling import did_you_mean
from .registry import REGISTRY

T = TypeVar("T", bound=Value)  # a Tensor
HOW = ("set", "add", "mul", "min", "max")


def refuse(fact: str) -> NoReturn:
    """Raises GraphError at the user's line."""
    raise GraphError(fact, source=str(user_source() or "") or None)


def key_text(key: object) -> str:
    """A key as it stands between brackets."""
    if isinstance(key, tuple):
        return ", ".join(map(key_text, key))
    if isinstance(key, slice):
        ends = ["" if k is None else key_text(k) for k in (key.start, key.stop, key.step)]
        return ":".join(ends if ends[2] else ends[:2])
    if key is Ellipsis:
        return "..."
    if isinstance(key, Value):
        return key.name or "i"
    return str(key) if key is None or isinstance(key, (int, str)) else "i"


def _binary(sign: str, method: str | None) -> tuple[Callable[[Any, object], Any], Callable[[Any, object], Any]]:
    """An operator on a place, with the place on the left, and on the right."""

    def forward(self: Any, other: object) -> Any:
        v = repr(other) if isinstance(other, (int, float)) else "v"
        self.refused(f"{sign} {v}", None if method is None else method.format(v))

    def backward(self: Any, other: object) -> Any:
        if sign in "+*":
            forward(self, other)
        self.refused(before=f"{other if isinstance(other, (int, float)) else 'v'} {sign} ")

    return forward, backward


class NoValue:
    """What is done with values and not with places."""

    __slots__ = ()
    __hash__ = object.__hash__
    __array_priority__ = 1001

    def refused(self, after: str = "", method: str | None = None, before: str = "") -> NoReturn:
        """Raises GraphError: what to write instead, with the operator that stands after or before."""
        refuse(f"{self!r} is no value")

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        self.refused()

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        self.refused()

    def __float__(self) -> float:
        self.refused()

    __int__ = __index__ = __complex__ = __bool__ = __len__ = __iter__ = __float__
    __neg__ = __pos__ = __abs__ = __invert__ = __float__

    __add__, __radd__ = _binary("+", "add({})")
    __sub__, __rsub__ = _binary("-", "add(-{})")
    __mul__, __rmul__ = _binary("*", "mul({})")
    __truediv__, __rtruediv__ = _binary("/", "mul(1 / {})")
    __floordiv__, __rfloordiv__ = _binary("//", None)
    __mod__, __rmod__ = _binary("%", None)
    __pow__, __rpow__ = _binary("**", None)
    __matmul__, __rmatmul__ = _binary("@", None)
    __and__, __rand__ = _binary("&", None)
    __or__, __ror__ = _binary("|", None)
    __xor__, __rxor__ = _binary("^", None)
    __lt__, __gt__ = _binary("<", None)[0], _binary(">", None)[0]
    __le__, __ge__ = _binary("<=", None)[0], _binary(">=", None)[0]

    def __eq__(self, other: object) -> bool:
        _binary("==", None)[0](self, other)
        return False

    def __ne__(self, other: object) -> bool:
        _binary("!=", None)[0](self, other)
        return False


class At(NoValue, Generic[T]):
    """``x.at``, to be indexed as x is."""

    __slots__ = ("_x",)

    def __init__(self, x: T):
        self._x = x

    def __getitem__(self, key: object) -> Places[T]:
        return Places(self._x, key)

    def __setitem__(self, key: object, v: object) -> NoReturn:
        cannot_assign(self._x, key, v)

    def refused(self, after: str = "", method: str | None = None, before: str = "") -> NoReturn:
        x = self._x.name or "x"
        refuse(f"{x}.at is no value: it says where {x} gets other elements; write {x}.at[i].set(v)")

    def __call__(self, *args: object) -> NoReturn:
        self.refused()

    def __getattr__(self, name: str) -> NoReturn:
        x = "x" if name.startswith("_") else self._x.name or "x"
        method = name if name in HOW else "set"
        raise AttributeError(f"{x}.at has no {name!r}: it is indexed first, {x}.at[i].{method}(v)", name=name, obj=None)

    def __repr__(self) -> str:
        return f"<at of {self._x!r}>"


class Places(NoValue, Generic[T]):
    """``x.at[key]``: where ``x[key]`` reads. Each method gives a new Tensor of x's shape and dtype; ``v`` broadcasts to
    x[key]'s shape. A place that the key names several times takes all of v, of ``set`` the last.

    Raises ShapeError where v does not broadcast, DTypeError for another dtype than x's, GraphError where the place
    itself is taken for a value; an index out of range fails the call. Example: ``x.at[i].add(1.0)``."""

    __slots__ = ("_key", "_x")

    def __init__(self, x: T, key: object):
        self._x, self._key = x, key

    def _changed(self, how: str, v: T | ArrayLike | Number) -> T:
        changed: T = REGISTRY[f"at_{how}"].public(self._x, self._key, v)
        return changed

    def set(self, v: T | ArrayLike | Number) -> T:
        """``v`` instead."""
        return self._changed("set", v)

    def add(self, v: T | ArrayLike | Number) -> T:
        """``v`` added, in order."""
        return self._changed("add", v)

    def mul(self, v: T | ArrayLike | Number) -> T:
        """Multiplied by ``v``."""
        return self._changed("mul", v)

    def min(self, v: T | ArrayLike | Number) -> T:
        """The smaller of what is there and ``v``; equal ones share the gradient."""
        return self._changed("min", v)

    def max(self, v: T | ArrayLike | Number) -> T:
        """The larger of what is there and ``v``; equal ones share the gradient."""
        return self._changed("max", v)

    def _written(self) -> tuple[str, str]:
        """The place as it was written, and what reads there."""
        x, key = self._x.name or "x", key_text(self._key)
        return f"{x}.at[{key}]", f"{x}[{key}]"

    def refused(self, after: str = "", method: str | None = None, before: str = "") -> NoReturn:
        place, read = self._written()
        fact = f"{place} is a place of {self._x.name or 'x'}, no value"
        if method is not None:
            refuse(f"{fact}; write {place}.{method} for a new Tensor, or {read} {after} for what is read there")
        refuse(
            f"{fact}; write {before}{read}{after and ' ' + after} for what is read there, {place}.set(v) to change it"
        )

    def __getitem__(self, key: object) -> NoReturn:
        place, read = self._written()
        refuse(f"{place} is a place already; write one key for both, {place[:-1]}, {key_text(key)}], or read {read}")

    def __setitem__(self, key: object, v: object) -> None:
        self[key]

    def __call__(self, *args: object) -> NoReturn:
        self.refused()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # protocols, and copies that are not filled yet
            raise AttributeError(f"{type(self).__name__} has no {name!r}", name=name, obj=None)
        place, read = self._written()
        other = _OTHER_NAMES.get(name)
        hint = f"write {place}.{other}" if other else f"{read}.{name} is that of what is read there"
        if name == "get":
            hint = f"write {read}"
        elif not other and not hasattr(self._x, name):
            hint = (did_you_mean(name, HOW) or f"; it has {', '.join(HOW)}")[2:]
        raise AttributeError(f"{place} has no {name!r}; {hint}", name=name, obj=None)

    def __repr__(self) -> str:
        return f"<at {self._key!r} of {self._x!r}>"


# JAX's names, and others that one tries
_OTHER_NAMES = {
    "multiply": "mul(v)",
    "subtract": "add(-v)",
    "sub": "add(-v)",
    "divide": "mul(1 / v)",
    "div": "mul(1 / v)",
    "minimum": "min(v)",
    "maximum": "max(v)",
    "apply": "set(f(v))",
    "assign": "set(v)",
}


def cannot_assign(x: Value, key: object, v: object) -> NoReturn:
    """What ``x[key] = v`` and ``x.at[key] = v`` say: Tensors do not change."""
    name, key = x.name or "x", key_text(key)
    value = repr(v) if isinstance(v, (int, float)) else "v"
    refuse(
        f"a Tensor does not change; write y = {name}.at[{key}].set({value}) for a new one that has {value} there, "
        f"{name}.at[{key}].add({value}) for += and so on"
    )
