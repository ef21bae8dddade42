"""What was probably meant: the nearest of the names there are, for attributes, arguments, inputs and sizes.

Invariant: costs nothing where nothing is wrong. Types are those of what it wraps.
Must not know: any module's names; they are handed in.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

__all__ = ["Suggesting", "did_you_mean", "explain", "explained", "nearest"]

P = ParamSpec("P")
R = TypeVar("R")

# What other packages call an argument, and what it is here
OTHER_ARGUMENTS = {
    "dim": "axis",
    "dims": "axis",
    "axes": "axis",
    "keepdim": "keepdims",
    "keep_dims": "keepdims",
    "in_channels": "inputs",
    "in_features": "inputs",
    "learning_rate": "lr",
    "num_features": "channels",
    "out_channels": "outputs",
    "out_features": "outputs",
    "pad": "padding",
    "strides": "stride",
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``name`` is nearest to; None where none is near: more than a third of it to edit."""
    short = name.lower()
    least = max(1, len(name) // 3)
    near = [(_edits(short, k.lower()), abs(len(k) - len(name)), k) for k in known if abs(len(k) - len(name)) <= least]
    best = min(near, default=None)
    return best[2] if best is not None and best[0] <= least and best[0] < len(name) else None


def _edits(a: str, b: str) -> int:
    """Letters to put in, leave out, replace or swap with the next one to make ``b`` of ``a`` (Damerau 1964)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        older, before, row = before, row, [i + 1]
        for j, y in enumerate(b):
            cost = min(before[j] + (x != y), before[j + 1] + 1, row[j] + 1)
            if i and j and x == b[j - 1] and a[i - 1] == y:
                cost = min(cost, older[j - 1] + 1)
            row.append(cost)
    return row[-1]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'tanh'?`` for "tahn": the end of a sentence, empty where nothing is near."""
    found = nearest(name, known)
    return f"; did you mean {found!r}?" if found else ""


class Suggesting:
    """A class whose objects say, of an attribute they do not have, which one was probably meant.

    Not for Tensors: where a class has a ``__getattr__`` Python is slower to read every attribute, and rules and
    rewrites read little else. Python itself names the nearest for those, in the traceback that ends a script."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a checker would take any name

        def __getattr__(self, name: str) -> Any:
            known = [k for k in dir(type(self)) if k[0] != "_"] + [k for k in vars(self) if k[0] != "_"]
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            hint = "" if name.startswith("_") else did_you_mean(name, known)
            raise AttributeError(text + hint, name=name, obj=None)


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, which says what to write where its arguments do not fit its signature. Raises TypeError then."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            explain(error, call, args, kwargs)
            raise

    return call


def explain(error: TypeError, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises TypeError with what to write, if ``error`` is that ``args`` and ``kwargs`` do not fit ``function``: it was
    then raised by the frame that calls, and by none below. Else returns, and the caller raises ``error`` itself."""
    if error.__traceback__ is None or error.__traceback__.tb_next is not None:
        return
    fact = _misfit(function, args, kwargs)
    if fact is not None:
        raise TypeError(fact) from None


def _misfit(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    called = function.__qualname__.rpartition("<locals>.")[2]
    if "." in called:  # a method: its object is not written between the parentheses
        if called.endswith(".__init__"):  # which the class may have from another
            called = type(args[0]).__name__
        parameters, args = parameters[1:], args[1:]
    called = called.rstrip("_")
    call = _written(called, parameters, signature)
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for name in kwargs:
        if name in names or takes_any:
            continue
        if any(p.name == name for p in by_position):
            return f"{called}() takes {name!r} by position, not by name; it is {call}"
        other = OTHER_ARGUMENTS.get(name)
        hint = f"; did you mean {other!r}?" if other in names else did_you_mean(name, names)
        return f"{called}() has no argument {name!r}{hint or ';'} {'It' if hint else 'it'} is {call}"
    surplus = len(args) - len(by_position)
    if surplus > 0 and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        told = (
            f"{called}() takes {len(by_position)} argument{'s' * (len(by_position) != 1)} by position, got {len(args)}"
        )
        named = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in kwargs]
        value = args[len(by_position)]
        fits = [p.name for p in named if isinstance(value, bool) or not isinstance(p.default, bool)]
        if fits:
            told += f"; write {' or '.join(f'{name}={value!r}' for name in fits)}"
        return f"{told}; it is {call}"
    for i, p in enumerate(by_position):
        if i < len(args) and p.name in kwargs:
            return f"{called}() got {p.name!r} twice, by position and by name; it is {call}"
    missing = [p.name for i, p in enumerate(by_position) if i >= len(args) and p.name not in kwargs]
    missing += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in kwargs]
    defaults = {p.name for p in parameters if p.default is not p.empty}
    missing = [name for name in missing if name not in defaults]
    return f"{called}() needs {' and '.join(map(repr, missing))}; it is {call}" if missing else None


def _written(called: str, parameters: Sequence[inspect.Parameter], signature: inspect.Signature) -> str:
    """The call as its definition has it, without types."""
    bare = [p.replace(annotation=p.empty) for p in parameters]
    return called + str(signature.replace(parameters=bare, return_annotation=signature.empty))
