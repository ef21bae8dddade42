"""What graphs are made of: values and nodes, and where each came from.

A Node applies an operation to Values and has one or more results; a Value is one result of one node. Both are
immutable. Serial numbers grow as nodes are made and a node is always made after its operands, so sorting by
serial is a topological order; nothing here (or anywhere) recurses over a graph. What is done for every node that there
is, such as making it, is in C: _nodes.pyx.
Each node knows the user's source line, the scope, and - if it belongs to an adjoint - the node it is the adjoint of.
Must not know: which operations exist (``op`` is any object with a ``name``), derivatives, plans.
"""

from __future__ import annotations

import gc
import os
import re
import sys
import threading
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..wording import one_line
from ._nodes import learn, over
from ._nodes import make as make
from ._nodes import new_node as new_node
from ._nodes import newest as newest
from ._nodes import of_kinds as of_kinds
from ._nodes import origin_of as origin_of
from ._nodes import results_are as results_are
from ._nodes import topological as topological
from ._nodes import user_source as user_source
from .dims import Shape

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_WRITTEN_BY_USERS = os.path.join(_PACKAGE, "cli") + os.sep  # the demo's lines are shown as a user's would be
NO_ATTRS: dict[str, Any] = {}

# The kinds of leaves, which are there before any operation is.
NAMED_LEAVES = ("input", "parameter", "state")
LEAVES = (*NAMED_LEAVES, "constant")


class Source(NamedTuple):
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


class Origin(NamedTuple):
    """What an adjoint node belongs to: the node it differentiates and the rule that made it."""

    node: Node
    rule: str


Inherited = tuple[Origin | None, Source | None, str]


class _Ambient(threading.local):
    """What new nodes inherit, ``now``: origin, source line and scope, set while a rule or a rewrite builds nodes, and
    by name scopes. One tuple, since every node reads it and what belongs to a thread is slow to reach."""

    def __init__(self) -> None:
        self.now: Inherited = (None, None, "")


ambient = _Ambient()


class name_scope:
    """Groups the nodes built inside under a name, for people: printing and the inspector show it.

    Example::

        with gd.name_scope("block3"):
            h = gd.tanh(x @ W)
    """

    def __init__(self, name: str):
        self.name = str(name)

    def __repr__(self) -> str:
        return one_line(f"name_scope({self.name!r})")

    def __enter__(self) -> name_scope:
        self._before = ambient.now
        origin, source, scope = self._before
        ambient.now = (origin, source, f"{scope}/{self.name}" if scope else self.name)
        return self

    def __exit__(self, *exc: object) -> None:
        ambient.now = self._before


class deriving:
    """Nodes built inside are adjoint nodes of ``node``, made by ``rule``, at its source line and scope."""

    __slots__ = ("_before", "_node", "_rule")

    def __init__(self, node: Node, rule: str):
        self._node, self._rule = node, rule

    def __enter__(self) -> None:
        self._before = ambient.now
        ambient.now = (Origin(self._node, self._rule), self._node.source, self._node.scope)

    def __exit__(self, *exc: object) -> None:
        ambient.now = self._before


class inheriting:
    """Nodes built inside take the place of ``node``: its origin (or ``origin``), source line and scope."""

    __slots__ = ("_before", "_node", "_origin")

    def __init__(self, node: Node, origin: Origin | None = None):
        self._node, self._origin = node, origin

    def __enter__(self) -> None:
        self._before = ambient.now
        ambient.now = (self._origin, self._node.source, self._node.scope)

    def __exit__(self, *exc: object) -> None:
        ambient.now = self._before


_MANY = 200_000  # objects: young ones so many take milliseconds to look through


class collector_paused:
    """Cyclic garbage collection is off inside: passes make millions of objects that all live, and looking through
    them again and again would make linear work grow faster. Where they are many they count as old afterwards, so that
    the first collection outside does not look through all of them either."""

    __slots__ = ("_was",)

    def __enter__(self) -> None:
        self._was = gc.isenabled()
        gc.disable()

    def __exit__(self, *exc: object) -> None:
        if self._was:
            if gc.get_count()[0] > _MANY and gc.get_freeze_count() == 0:  # else what somebody has frozen would thaw
                gc.freeze()
                gc.unfreeze()
            gc.enable()


_IPYTHON_CELL = re.compile(r"<ipython-input-(\d+)-.*>$")


def _cell(file: str) -> str:
    """``In[3]`` for code of a notebook's third cell, whose file's name is made up; other files as they are.

    IPython knows the names that it gave to cells and which cell ran last under each. It is asked where it is loaded."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    names = getattr(getattr(shell, "compile", None), "_filename_map", None)
    number = names.get(file) if isinstance(names, dict) else None
    if number is None:
        found = _IPYTHON_CELL.match(file)
        number = found[1] if found else None
    return file if number is None else f"In[{number}]"


def _inside(file: str) -> bool:
    """Whether code of a file is the package's own."""
    return file.startswith(_PACKAGE) and not file.startswith(_WRITTEN_BY_USERS)


class Value:
    """One result of one node, with a shape and a dtype."""

    __slots__ = ("node", "index", "shape", "dtype", "__weakref__")

    node: Node
    index: int
    shape: Shape
    dtype: np.dtype

    def __init__(self, node: Node, index: int, shape: Shape, dtype: np.dtype):
        self.node, self.index, self.shape, self.dtype = node, index, shape, dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def name(self) -> str:
        """The leaf's name, or what ``named`` calls the value; empty for one that nobody named."""
        node = self.node
        if node.labels:
            return node.labels[self.index]
        return node.attrs["name"] if node.op.name == "named" else node.name

    @property
    def is_leaf(self) -> bool:
        return self.node.op.name in LEAVES


Leaf = TypeVar("Leaf", bound=str | Value)  # what is fed, by its name or itself


class Node:
    """An operation applied to values. ``inputs`` are Values, ``attrs`` the static arguments by name; ``rewrites``: by
    how many rewrites in a row it came to be from the node that was built; ``labels``: what people call each result,
    empty where they named none; ``calls``: of which operations made of others it is a result (ops/called.py)."""

    __slots__ = (
        "op",
        "inputs",
        "attrs",
        "outputs",
        "serial",
        "source",
        "origin",
        "scope",
        "rewrites",
        "labels",
        "calls",
        "__weakref__",
    )

    op: Any
    inputs: tuple[Any, ...]  # Values, which the rules of operations see as the Tensors that their users made
    attrs: dict[str, Any]
    outputs: tuple[Any, ...]
    serial: int
    source: Source | None
    origin: Origin | None
    scope: str
    rewrites: int
    labels: tuple[str, ...]
    calls: tuple[Any, ...]

    def __init__(self) -> None:
        raise TypeError("nodes are made by new_node")

    @property
    def name(self) -> str:
        return self.attrs.get("name", "") if self.op.name in LEAVES else ""

    def over(self, inputs: tuple[Value, ...], origin: Origin | None, attrs: dict[str, Any] | None = None) -> Node:
        """A new node like this over other operands of the same types, with its source and scope."""
        return over(self, inputs, origin, attrs)

    def __repr__(self) -> str:
        return f"<node {self.op.name} #{self.serial}>"


learn(Node, Value, Source, Origin, ambient, NO_ATTRS, _cell, _inside)


def is_fixed(value: Value) -> bool:
    """Whether a value is made of constants and sizes alone: the same at every call of these sizes."""
    return all(node.inputs or node.op.name in ("constant", "index") for node in topological([value]))
