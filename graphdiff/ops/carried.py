"""Which dtype a carry has that starts at a Python number: that of what it meets in the step, else the default one.

A number is weak until it meets a Tensor, and what it meets is known only when the step has been built. So the step is
built with a guess, and again where the result tells that the guess was wrong: a step may be called more than once.
Must not know: what a loop is made of.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ..errors import DTypeError
from ..ir.defaults import default_of
from ..ir.dtypes import float32, float64, int32, weak_dtype
from ..ir.node import Value, topological
from .tensor import Tensor, as_tensor, example_of

Rest = TypeVar("Rest")
Types = dict[int, np.dtype]  # of weak leaves, by their number

_NARROW: Mapping[type, np.dtype] = {int: int32, float: float32}  # what gives way to all others of its kind


class Step(NamedTuple, Generic[Rest]):
    """A step that was built: its arguments for the carries, what they are after it, and what else its caller wants."""

    args: Sequence[Tensor]
    after: Sequence[Any]
    rest: Rest


def settled(
    what: str, leaves: Sequence[Any], build: Callable[[list[Tensor]], Step[Rest]]
) -> tuple[list[Tensor], Step[Rest]]:
    """The carries that start at ``leaves``, Tensors and Python numbers, and the step that ``build`` made of them."""
    weak = {i: example_of(x) for i, x in enumerate(leaves) if not isinstance(x, Tensor)}

    def carries(types: Types) -> list[Tensor]:
        return [as_tensor(x, what, types.get(i)) for i, x in enumerate(leaves)]

    def agreed(types: Types) -> tuple[Types, Step[Rest]]:
        """The step where the carries keep their dtypes, beginning with ``types``."""
        for _ in range(4):  # bool, int, float32, float64
            step = build(carries(types))
            found = {**types, **_found(step.after, weak)}
            if found == types:
                break
            types = found
        return types, step

    def first() -> tuple[Types, Step[Rest]]:
        error = None
        for types in _guesses(weak):
            try:
                return agreed(types)
            except DTypeError as e:  # a whole number among floats
                error = error or e
        assert error is not None
        raise error

    types, step = first()
    default = {i: default_of(x) for i, x in weak.items()}
    narrow = {i: _NARROW.get(type(x), types[i]) if types[i] is default[i] else types[i] for i, x in weak.items()}
    fewer = {narrow[i] for i in weak if narrow[i] is not types[i]}
    wanted = {**types, **_unmet(step, types, default)}
    if _uses(step, fewer):  # which may be what a carry meets, though the default dtype hides it
        with contextlib.suppress(DTypeError):  # a number that does not fit, or an operation that wants the default
            narrowed, probe = agreed(narrow)
            wanted = {**narrowed, **_unmet(probe, narrowed, default)}
    if wanted != types:
        types, step = agreed(wanted)
    return carries(types), step


def _found(after: Sequence[Any], weak: Mapping[int, Any]) -> Types:
    """The dtypes of what a step gives for the weak carries, where a number of its kind can have them."""
    found = {i: after[i].dtype for i in weak if isinstance(after[i], (Tensor, np.ndarray, np.generic))}
    return {i: d for i, d in found.items() if weak_dtype(weak[i], d) is not None}


def _guesses(weak: Mapping[int, Any]) -> Iterator[Types]:
    """The default dtypes, then the other dtype of floats, as a step may ask for what it meets; then whole numbers as
    floats: all of them, or one."""
    default = {i: default_of(x) for i, x in weak.items()}
    yield default
    floats = [i for i, x in weak.items() if type(x) is float]
    if floats:
        yield {**default, **dict.fromkeys(floats, float32 if default[floats[0]] is float64 else float64)}
    whole = [i for i, x in weak.items() if type(x) is int]
    if whole:
        yield {**default, **dict.fromkeys(whole, float32)}
    if len(whole) > 1:
        for i in whole:
            yield {**default, i: float32}


def _uses(step: Step[Any], dtypes: set[np.dtype]) -> bool:
    """Whether a value of one of ``dtypes`` that is no constant is used in a step."""
    if not dtypes:
        return False
    nodes = topological([y for y in step.after if isinstance(y, Tensor)])
    return any(v.dtype in dtypes for n in nodes if n.op.name != "constant" for v in n.outputs)


def _unmet(step: Step[Any], types: Types, default: Types) -> Types:
    """The default dtypes of carries that meet nothing but numbers: what they are after the step is made of weak carries
    and constants alone."""
    alone = {i for i in types if types[i] is not default[i]}
    while alone:
        weak: set[Value] = {step.args[i] for i in alone}
        for node in topological([y for y in step.after if isinstance(y, Tensor)], stop=set(step.args)):
            same = [v for v in node.inputs if v.dtype is node.outputs[0].dtype]
            if node.op.name == "constant" or (same and all(v in weak for v in same)):
                weak.update(node.outputs)
        met = {i for i in alone if isinstance(step.after[i], Tensor) and step.after[i] not in weak}
        if not met:
            break
        alone -= met
    return {i: default[i] for i in alone}
