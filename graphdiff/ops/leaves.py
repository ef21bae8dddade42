"""The leaves of a graph: inputs, parameters and states, and what belongs to them - monitors and checks.

Must not know: how functions are compiled; a compiled function finds a leaf's watchers in its node's attributes.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..errors import DTypeError, FeedError, GraphError, ShapeError
from ..ir.defaults import default_float
from ..ir.dims import Dim, as_shape
from ..ir.dtypes import CODE, FLOATS, as_dtype, bool_
from ..ir.node import NAMED_LEAVES, Node, Source, topological, user_source
from ..ir.words import ArrayLike, DTypeLike, ShapeLike
from . import batching
from .laws import law
from .messages import is_tracer, told_type
from .registry import Guard, Nothing, Op, register
from .tensor import Storage, Tensor, as_tensor, checked, dtype_or_default, fail, is_weak, make, strong


def _infer_leaf(_inputs: Any, attrs: dict[str, Any]) -> Any:
    return ((attrs["shape"], attrs["dtype"]),)


INPUT = register(Op("input", "leaf", "A value fed at each call.", infer=_infer_leaf, kernel=Nothing()))
PARAMETER = register(Op("parameter", "leaf", "Storage that is trained.", infer=_infer_leaf, kernel=Nothing()))
STATE = register(Op("state", "leaf", "Storage kept between calls.", infer=_infer_leaf, kernel=Nothing()))


_fresh = itertools.count()


def _name(kind: str, name: Any) -> str:
    """``name``, which may be any text but none at all."""
    if not isinstance(name, str) or not name:
        fail(GraphError, kind, f"the name must be a non-empty string, got {name!r}")
    return str(name)


def input(name: str | None, shape: ShapeLike = (), dtype: DTypeLike | None = None) -> Tensor:
    """A value fed at each call of a compiled function.

    ``name``: any text, or None for a name that no other leaf has. ``shape``: ints and names; a name is one size
    everywhere and becomes known at the call. ``dtype``: the default dtype unless given. Raises ShapeError, DTypeError
    and GraphError.

    Example: ``x = gd.input("x", shape=("batch", 64))``.
    """
    name = f"_input_{next(_fresh)}" if name is None else _name("input", name)
    attrs = {"name": name, "shape": checked(as_shape, "input", shape)}
    return make(INPUT, (), {**attrs, "dtype": dtype_or_default("input", dtype)})


def parameter(
    name: str,
    value: ArrayLike | None = None,
    *,
    shape: ShapeLike | None = None,
    init: Callable[..., np.ndarray] | None = None,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """A leaf with storage that updates write: weights.

    ``name``: for people and feeds, once in a graph. Either ``value`` (an array; it is copied, its dtype kept unless
    ``dtype`` is given; Python numbers get the default dtype) or ``shape`` and ``init``, an initialiser of
    :mod:`gd.init` (the default dtype unless ``dtype`` is given).

    Example: ``W = gd.parameter("W", shape=(64, 10), init=gd.init.he_normal(seed=0))``.
    """
    return _stored(PARAMETER, name, value, shape, init, dtype)


def state(
    name: str,
    value: ArrayLike | None = None,
    *,
    shape: ShapeLike | None = None,
    init: Callable[..., np.ndarray] | None = None,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """A leaf with storage kept between calls that is not trained: counters, moments, running statistics, keys.

    ``name``, and ``value`` or ``shape`` and ``init``, with ``dtype``, as for :func:`parameter`.

    Example: ``n = gd.state("step", value=np.int64(0))``.
    """
    return _stored(STATE, name, value, shape, init, dtype)


def _stored(op: Op, name: Any, value: Any, shape: Any, init: Any, dtype: Any) -> Tensor:
    _name(op.name, name)
    if value is None:
        if shape is None or init is None:
            fail(GraphError, op.name, f"{name!r} needs a value, or a shape and an init")
        sizes = checked(as_shape, op.name, shape)
        if any(isinstance(s, Dim) for s in sizes):
            fail(ShapeError, op.name, f"{name!r} has storage, so its shape must be ints, got {shape}")
        dtype = dtype_or_default(op.name, dtype)
        array = np.asarray(init(tuple(int(s) for s in sizes), dtype))
        if array.shape != sizes:
            fail(ShapeError, op.name, f"init gave {array.shape} for {name!r} of shape {sizes}")
        array = array.astype(dtype, copy=False)
    else:
        if shape is not None or init is not None:
            fail(GraphError, op.name, f"{name!r} has a value; shape and init go without one")
        if isinstance(value, Tensor):
            fail(GraphError, op.name, f"the value of {name!r} is a Tensor; give an array", [value])
        if is_tracer(value):
            fail(DTypeError, op.name, f"the value of {name!r} is {told_type(value)}")
        array = np.asarray(strong(value))
        if dtype is None and is_weak(value) and array.dtype.kind in ("fi" if op is PARAMETER else "f"):
            dtype = default_float()
        if dtype is not None:
            array = array.astype(checked(as_dtype, op.name, dtype))
        if array.dtype not in CODE:
            fail(
                DTypeError,
                op.name,
                f"{name!r} is {array.dtype}; write .astype('float32') or another of float32, "
                "float64, int32, int64, bool",
            )
        array = array.astype(as_dtype(array.dtype), copy=False)
    if op is PARAMETER and array.dtype not in FLOATS:
        fail(
            DTypeError, op.name, f"{name!r} is {array.dtype}; parameters are floats, use gd.state or .astype('float32')"
        )
    storage = Storage(array)
    return make(op, (), {"name": name, "shape": array.shape, "dtype": storage.array.dtype, "storage": storage})


def unvalued(kind: str, name: str, shape: Any, dtype: Any) -> Tensor:
    """A parameter or state (``kind``) without storage, as text holds them; a value must be given before it runs."""
    op = {"parameter": PARAMETER, "state": STATE}[kind]
    if op is PARAMETER and dtype not in FLOATS:
        fail(DTypeError, kind, f"{name!r} is {dtype.name}; parameters are floats")
    if any(isinstance(s, Dim) for s in shape):
        fail(ShapeError, kind, f"{name!r} has storage, so its shape must be ints, got {shape}")
    return make(op, (), {"name": _name(kind, name), "shape": shape, "dtype": dtype, "storage": None})


# --------------------------------------------------------------------------------------- monitors and checks


class Watcher(NamedTuple):
    """A monitor (``value`` is recorded under ``text``) or a check (``value`` must hold, else ``text`` is the error; a
    leaf has it as the node that fails the call)."""

    kind: str
    value: Tensor
    text: str
    source: Source | None


class _Bodies(threading.local):
    """What is watched in the bodies that are being built on this thread, the innermost last."""

    def __init__(self) -> None:
        self.open: list[list[Watcher]] = []


_bodies = _Bodies()


class building_body:
    """``with building_body() as seen``: what is watched meanwhile is listed there and belongs to no leaf yet. Its
    values are those of one step or branch; who runs the body gives them on (:func:`watch`) as values of the whole."""

    def __enter__(self) -> list[Watcher]:
        _bodies.open.append([])
        return _bodies.open[-1]

    def __exit__(self, *exc: object) -> None:
        _bodies.open.pop()


def watch(watcher: Watcher) -> None:
    """Gives a monitor or a check to the leaves that its value is made of, or to the body that is being built."""
    if _bodies.open:
        _bodies.open[-1].append(watcher)
        return
    kind, value, _, _ = watcher
    leaves = [n for n in topological([value]) if n.op.name in NAMED_LEAVES]
    if not leaves:
        fail(GraphError, kind, "the value depends on no input, parameter or state", [value])
    _give(watcher, leaves)


def _give(watcher: Watcher, leaves: Iterable[Node]) -> None:
    if watcher.kind == "check":
        watcher = watcher._replace(value=make(CHECK_TRUE, (watcher.value,), {"message": watcher.text}))
    for node in leaves:
        node.attrs.setdefault("watchers", []).append(watcher)


def check_sizes(pred: Tensor, message: str, fed: Iterable[Tensor]) -> None:
    """As ``check`` of a ``pred`` that is made of sizes alone: of every call that is fed one of ``fed``."""
    _give(Watcher("check", pred, message, user_source()), [x.node for x in fed])


def monitor(tensor: Tensor, name: str) -> Tensor:
    """Records ``tensor`` at each call of every function that computes what it is made of, without making it an
    output: ``f.monitors[name]`` is the last call's value. Returns ``tensor``.

    In the step of a scan or map its rows are stacked; of a while_loop it is that of the last step (of none: zeros); in
    a branch that does not run it is NaN, or zero where it is no float.
    Example: ``gd.monitor(gd.max(gd.abs(h)), "largest activation")``."""
    tensor = as_tensor(tensor, "monitor")
    watch(Watcher("monitor", tensor, _name("monitor", name), user_source()))
    return tensor


def check(pred: Tensor, message: str) -> None:
    """Fails a call with ``message`` (FeedError), nothing updated, where ``pred`` has an element that is not true.

    ``pred``: bool, any shape. In the step of a loop it must hold at each step; in a branch, where that branch runs.
    Example: ``gd.check(gd.all(x > 0), "x must be positive")``.
    """
    pred = as_tensor(pred, "check")
    if pred.dtype is not bool_:
        fail(DTypeError, "check", f"the predicate is {pred.dtype.name}; write a comparison", [pred])
    watch(Watcher("check", pred, str(message), user_source()))


def _infer_same(xs: Any, _attrs: Any) -> Any:
    return ((xs[0].shape, xs[0].dtype),)


def _held_arrays(xs: Any, _a: Any) -> Any:
    if not xs[0].all():
        raise FeedError("a check failed")
    return xs[0]


CHECK_TRUE = register(
    Op(
        "check_true",
        "custom",
        "Its operand; the call fails with ``message`` unless every element is true.",
        infer=_infer_same,
        kernel=Guard("check_true", lambda node: ()),
        differentiable=False,
        batch=batching.leading,
        law=law("bool", message=lambda v: type(v) is str),
        compute=_held_arrays,
        page="([x]) => [x]",
    )
)


def ensured(pred: Tensor, message: str) -> Tensor:
    """``pred``, bool; a call that computes it fails with ``message`` (FeedError), nothing updated, unless it holds."""
    return make(CHECK_TRUE, (pred,), {"message": message})
