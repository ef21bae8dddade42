"""What a layer is: an object whose call builds graph, and which finds its parameters and states among its attributes.

Invariants: names are dotted paths of attributes, in order of assignment, and what is met twice goes by its first path.
A layer of this package declares its variables; they become leaves, named by their paths from the outermost layer and
drawn from one seed, when that layer is first called or asked for them.
Must not know: any particular layer; training loops.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

import graphdiff as gd

from ..ops.messages import where_am_i
from ..ops.types import DTypeLike
from ..spelling import explained
from ..weights import fill
from .summary import Summary, measured, watched

Init = Callable[..., Any]  # an initialiser of gd.init, or one of its functions, which is then given a seed

_inside: ContextVar[tuple[Layer, ...]] = ContextVar("layers_inside", default=())  # the layers being called
_named: WeakValueDictionary[str, Layer] = WeakValueDictionary()  # leaf name -> the living layer that has it


class Variable:
    """A parameter or state still to be made, as a layer's constructor declares it; reading the attribute makes it.

    ``init``: an initialiser, or a function of ``gd.init`` that takes a seed: each variable then has one of its own."""

    def __init__(
        self, make: Callable[..., gd.Tensor], shape: Sequence[int], init: Init, dtype: DTypeLike | None = None
    ):
        for size in shape:
            whole(make.__name__, size=size)
        self.make, self.shape, self.init = make, tuple(shape), init
        self.dtype = gd.constant(0.5).dtype if dtype is None else np.dtype(dtype)

    def drawn(self, seed: int) -> np.ndarray:
        return seeded(self.init, seed)(self.shape, self.dtype)


def whole(what: str, **settings: object) -> None:
    """Raises GraphError unless each setting is an integer from 0 on."""
    for name, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise gd.GraphError(f"{what}: {name} is an integer from 0 on, got {value!r}", source=where_am_i())


def seeded(init: Init, seed: int) -> Callable[..., np.ndarray]:
    """The initialiser itself."""
    takes_seed = "seed" in inspect.signature(init).parameters
    found: Callable[..., np.ndarray] = init(seed=seed) if takes_seed else init
    return found


def parameter(shape: Sequence[int], init: Init, dtype: DTypeLike | None = None) -> Any:
    """A declared parameter: ``self.weight = parameter((3, 4), gd.init.he_normal)``."""
    return Variable(gd.parameter, shape, init, dtype)


def state(shape: Sequence[int], init: Init, dtype: DTypeLike | None = None) -> Any:
    """A declared state, such as a running statistic."""
    return Variable(gd.state, shape, init, dtype)


class Entry(NamedTuple):
    """A parameter, a state or a variable of a layer: its path, the layer that has it, its path there, and itself."""

    path: str
    owner: Layer
    local: str
    value: Any
    seed: int


class Layer:
    """A piece of a network: its call builds graph, and its attributes hold what it is made of.

    Attributes that are layers, parameters, states, or lists, tuples and dicts of them, are found in the order of
    assignment; names that start with an underscore are not looked at. A subclass needs no ``super().__init__()``::

        class Block(L.Layer):
            def __init__(self, width):
                self.lin, self.norm = L.Linear(width, width), L.BatchNorm(width)
            def __call__(self, x):
                return gd.nn.relu(x + self.norm(self.lin(x)))
    """

    if TYPE_CHECKING:
        __call__: Callable[..., Any]  # a subclass says what it takes

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            type.__setattr__(cls, "__init__", explained(vars(cls)["__init__"]))
        if "__call__" in vars(cls):
            type.__setattr__(cls, "__call__", _entered(vars(cls)["__call__"]))

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if isinstance(found, Variable):
            _settle(self)
            found = object.__getattribute__(self, name)
        return found

    @property
    def parameters(self) -> dict[str, gd.Tensor]:
        """The parameters by their dotted names, without the frozen ones."""
        found = _settled(self, "parameter")
        return {e.path: e.value for e in found if e.local not in vars(e.owner).get("_frozen", ())}

    @property
    def states(self) -> dict[str, gd.Tensor]:
        """The states (running statistics) by their dotted names."""
        return {e.path: e.value for e in _settled(self, "state")}

    def initialise(self, seed: int) -> None:
        """Gives every parameter and state of this package's layers the value that it has at first, from ``seed``.

        Raises GraphError for a seed that is none. Example: ``model.initialise(seed=1)``."""
        for e in _settled(self):
            variable = vars(e.owner).get("_variables", {}).get(e.local)
            if variable is not None:
                e.value.value = variable.drawn(_seed_of(seed, e.path))

    def freeze(self, pattern: str = "*") -> None:
        """Leaves the parameters whose names match ``pattern`` out of ``parameters``; a layer's name stands for all it
        has. Shell patterns: ``*`` is anything, dots too. Raises GraphError for a pattern that fits nothing.
        Example: ``model.freeze("1.*")``."""
        for e in self._matching("freeze", pattern):
            vars(e.owner).setdefault("_frozen", set()).add(e.local)

    def unfreeze(self, pattern: str = "*") -> None:
        """Undoes ``freeze`` for the parameters whose names match. Raises GraphError for a pattern that fits nothing."""
        for e in self._matching("unfreeze", pattern):
            vars(e.owner).get("_frozen", set()).discard(e.local)

    def _matching(self, what: str, pattern: str) -> list[Entry]:
        entries = _settled(self, "parameter")
        fits = [e for e in entries if any(fnmatch.fnmatchcase(e.path, p) for p in (pattern, f"{pattern}.*"))]
        if not fits:
            names = ", ".join(e.path for e in entries) or "none"
            raise gd.GraphError(f"{what}: {pattern!r} fits no parameter; there are {names}", source=where_am_i())
        return fits

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters, frozen ones too, and states, by their dotted names."""
        return {e.path: e.value.value.copy() for e in _settled(self)}

    def load_state_dict(self, values: Mapping[str, object], strict: bool = True) -> None:
        """Takes the values of ``state_dict()``: arrays or torch Tensors by dotted names, of the shapes there are.

        ``strict=False`` leaves out what is missing and what is surplus. Raises FeedError that tells all names that are
        missing, surplus or misshapen at once; nothing has changed then.
        Example: ``model.load_state_dict(np.load("weights.npz"))``."""
        fill({e.path: e.value for e in _settled(self)}, values, "load_state_dict", strict)

    def summary(self, *args: object, **kwargs: object) -> Summary:
        """A table of the layers that a call with these arguments meets: name, kind, shape of the output, parameters,
        flops (a named size counts as 1). Raises what the call raises.
        Example: ``print(model.summary(gd.input("x", ("batch", 784))))``."""
        _settle(self)
        with watched() as calls:
            self(*args, **kwargs)
        own = {id(layer): sum(_sizes(layer, "parameter")) for layer, *_ in calls}
        return measured(type(self).__name__, calls, own, sum(_sizes(self, "parameter")))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {sum(_sizes(self, 'parameter')):,} parameters>"


def _entered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's ``__call__``, in a scope of its name; the outermost one first makes the variables."""

    @functools.wraps(function)
    def call(self: Layer, *args: Any, **kwargs: Any) -> Any:
        around = _inside.get()
        if around and around[-1] is self:  # super().__call__
            return function(self, *args, **kwargs)
        if not around:
            _settle(self)
        label = vars(self).get("_label")
        token = _inside.set((*around, self))
        try:
            with gd.name_scope(label) if around and label else contextlib.nullcontext():
                result = function(self, *args, **kwargs)
        finally:
            _inside.reset(token)
        for calls in watched.lists.get():
            calls.append(
                (self, ".".join(vars(e).get("_label", "") for e in (*around[1:], self) if around), args, kwargs, result)
            )
        return result

    return call


# ------------------------------------------------------------------ what a layer has
def _kind(value: Any) -> str:
    """ "parameter" or "state" for a leaf with storage or a variable, else ""."""
    if isinstance(value, Variable):
        return "parameter" if value.make is gd.parameter else "state"
    if isinstance(value, gd.Tensor) and value.node.op.name in ("parameter", "state"):
        return str(value.node.op.name)
    return ""


def _entries(root: Layer) -> Iterator[Entry]:
    """All parameters, states and variables under ``root``, each once. Labels the layers by their paths."""
    seen: set[int] = set()
    stack: list[tuple[str, Layer, str, Any, int]] = [("", root, "", root, 0)]
    while stack:
        path, owner, local, value, seed = stack.pop()
        items: list[tuple[str, Any]]
        if isinstance(value, Layer):
            if value is not root:
                vars(value)["_label"] = local
            owner, local, items = value, "", [(k, v) for k, v in vars(value).items() if k[0] != "_"]
            own = vars(value).get("_seed")
            seed = seed if own is None else own
        elif isinstance(value, (list, tuple)):
            items = [(str(k), v) for k, v in enumerate(value)]
        elif isinstance(value, dict):
            items = [(str(k), v) for k, v in value.items()]
        else:
            if _kind(value) and id(value) not in seen:
                seen.add(id(value))
                yield Entry(path, owner, local, value, seed)
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        stack += [(_joined(path, k), owner, _joined(local, k), v, seed) for k, v in reversed(items)]


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _sizes(root: Layer, kind: str) -> list[int]:
    """How many numbers each one of a kind has."""
    return [int(np.prod(e.value.shape, dtype=np.int64)) for e in _entries(root) if _kind(e.value) == kind]


def _settled(root: Layer, kind: str = "") -> list[Entry]:
    """What there is of a kind, all of it leaves."""
    _settle(root)
    return [e for e in _entries(root) if not kind or _kind(e.value) == kind]


def _seed_of(seed: int, path: str) -> int:
    """A seed for each path, whatever else there is. Raises GraphError."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise gd.GraphError(f"layers: a seed is an integer from 0 on, got {seed!r}", source=where_am_i())
    return int(np.random.SeedSequence([seed, *path.encode()]).generate_state(1)[0])


def _settle(root: Layer) -> None:
    """Makes leaves of the variables under ``root``, and gives leaves of one name that were made apart other names."""
    entries = list(_entries(root))
    names = [e.value.name for e in entries if not isinstance(e.value, Variable)]
    new = [e for e in entries if isinstance(e.value, Variable) or names.count(e.value.name) > 1 or _copied(e)]
    if not new:
        return
    prefix = _free_prefix(root, [e.path for e in new])
    for e in new:
        name, variable = prefix + e.path, e.value
        if isinstance(variable, Variable):
            vars(e.owner).setdefault("_variables", {})[e.local] = variable
            leaf = variable.make(name, variable.drawn(_seed_of(e.seed, e.path)), dtype=variable.dtype)
        else:
            leaf = (gd.parameter if _kind(variable) == "parameter" else gd.state)(name, variable.value)
        _replace(e.owner, variable, leaf)
        _named[name] = e.owner


def _copied(e: Entry) -> bool:
    """Whether a leaf came with a copy of a layer, and the layer that it was made for has it still by that name."""
    maker = _named.get(e.value.name)
    mine = e.local in vars(e.owner).get("_variables", {})
    return mine and maker is not None and maker is not e.owner and all(v is not e.value for v in vars(maker).values())


def _free_prefix(root: Layer, paths: Sequence[str]) -> str:
    """What makes these names differ from those of every other living layer: nothing, or the model's kind and number."""
    for n in itertools.count(1):
        prefix = "" if n == 1 else f"{type(root).__name__.lower()}_{n}."
        if not any(prefix + path in _named for path in paths):
            return prefix
    raise AssertionError("counting ends nowhere")


def _replace(owner: Layer, old: Any, new: Any) -> None:
    """Puts ``new`` where ``owner`` has ``old``: an attribute, or a place in lists and dicts of one."""
    places: list[Any] = [vars(owner)]
    while places:
        place = places.pop()
        for key, value in list(place.items() if isinstance(place, dict) else enumerate(place)):
            if place is vars(owner) and key[0] == "_":
                continue
            if value is old and not isinstance(place, tuple):
                place[key] = new
            elif isinstance(value, (list, tuple, dict)):
                places.append(value)
