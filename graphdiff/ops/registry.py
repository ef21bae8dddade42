"""What an operation is to the rest of the house, and the table of all of them.

Owns: :class:`Op` (one declaration), the kinds of kernel an op can name, and ``REGISTRY`` (name -> Op), from which
the public functions, the printer, the parser, the reference page and the tests are read.
Must not know: any particular operation; how to differentiate a graph; how a plan is made.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..ir.dims import Shape, Size
from ..ir.node import Node, Value
from .laws import Law
from .notation import Notation

# --------------------------------------------------------------------------------- how an op is executed


class Tile(NamedTuple):
    """A micro-operation of the tile program (csrc/micro/microop.def)."""

    microop: str


class Reduce(NamedTuple):
    """A reduction over ``attrs["axes"]`` (csrc/micro/reduce.def); ``empty``: it has a value for no elements."""

    reduction: str
    empty: bool = True


class Index(NamedTuple):
    """No operands: each element is ``offset + sum(index * stride)`` as int64; ``rule(node) -> (offset, strides)``."""

    rule: Callable[[Node], tuple[Size, tuple[Size, ...]]]


class Strided(NamedTuple):
    """Where the elements of a value lie in a buffer: in elements, strides may be 0 or negative."""

    offset: Size
    strides: tuple[Size, ...]


Within = tuple[Sequence[Size], Sequence[Size], Sequence[int], Sequence[Size]]


class View(NamedTuple):
    """The result is a view of operand 0: ``rule(node, strided) -> Strided``, or None where it needs a copy first.
    ``within(node)``: starts, counts, steps and sizes, one of each for a dimension, of elements that must lie inside;
    where sizes are known only at the call it is checked then."""

    rule: Callable[[Node, Strided], Strided | None]
    within: Callable[[Node], Within] | None = None


class Place(NamedTuple):
    """The operands are copied into parts of the result: ``rule(node) -> [(operand index, first, steps)]``, one start
    and one step for each dimension; what is not covered is ``fill(node)`` (None: everything is covered); ``within`` as
    for View."""

    rule: Callable[[Node], Sequence[tuple[int, tuple[Size, ...], tuple[int, ...]]]]
    fill: Callable[[Node], Any]
    within: Callable[[Node], Within] | None = None


class Call(NamedTuple):
    """A kernel of its own over whole contiguous operands (csrc/program/kernels.def); ``params(node)`` is its payload
    (sizes, and reductions by name as ``"reduction:sum"``), ``workspace(node)`` bytes of scratch in the arena,
    ``flops(node)`` its cost. A ``guard`` may fail at run time for what is in its operands, so it runs before anything
    is updated; ``checked(node)``: whether it cannot, as they are checked before. ``over``: the read over which the
    result may be written; ``partly``: reads of which it touches what indices name. ``reads`` gives the kernel the
    operands in another order, or without those that are there for derivatives alone. ``needs(node)``: sizes that must
    not be negative, with what to say where one known only at the call is. A product with ``channels``, the dimension of
    its result along which a bias may differ, adds one and applies an activation itself where it is told to
    (csrc/kernels/epilogue.h)."""

    kernel: str
    params: Callable[[Node], Sequence[Size | str]]
    workspace: Callable[[Node], Size] | None = None
    flops: Callable[[Node], Size] | None = None
    guard: bool = False
    reads: tuple[int, ...] | None = None
    needs: Callable[[Node], Sequence[tuple[Size, str]]] | None = None
    channels: int | None = None
    checked: Callable[[Node], bool] | None = None
    over: int | None = None
    partly: tuple[int, ...] = ()


class Guard(NamedTuple):
    """The result is operand 0 itself; a kernel without results looks at it first and may fail the run."""

    kernel: str
    params: Callable[[Node], Sequence[Size]]


class Matmul(NamedTuple):
    """The matrix product of the last two dimensions, batched over the others; a bias and an activation as for Call."""

    channels: int = -1


class Attention(NamedTuple):
    """A kernel over queries, keys, values and what goes with them (csrc/kernels/attention.c), views whose last
    dimension lies in one piece; the attributes are ``causal`` and ``scale``."""

    kernel: str


class Loop(NamedTuple):
    """Inner graphs run for each step (ops/loop.py); results nobody reads are not kept."""


class Branch(NamedTuple):
    """One of two inner graphs, chosen at run time (ops/control.py)."""


class Nothing(NamedTuple):
    """A leaf: storage, not work."""


Kernel = Tile | Reduce | Index | View | Place | Call | Guard | Matmul | Attention | Loop | Branch | Nothing | None

# --------------------------------------------------------------------------------------- one declaration


class Sample(NamedTuple):
    """Arguments to try an op with: arrays become inputs, everything else is passed on as it is."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = {}


Result = tuple[Shape, np.dtype]


@dataclass(eq=False, slots=True)
class Op:
    """One operation. Made by the constructors in :mod:`graphdiff.ops.opdef`, never directly.

    ``infer(inputs, attrs)`` gives (shape, dtype) of each result and raises ShapeError or DTypeError;
    ``vjp(node, cotangents, wanted, differentiator)`` the operands' cotangents (None: zero);
    ``jvp(node, tangents, differentiator)`` the results' tangents (None: zero);
    ``reference`` a NumPy function, or the dotted name of a SciPy one, over the same arguments as ``public``;
    ``samples(rng)`` the arguments the tests try, float64 where float;
    ``differentiable`` False: derivatives are zero (or undefined) by nature, and the reference page says so;
    ``errors``: bounds of the relative errors of an elementwise op of one operand and of its first and second
    derivatives over the whole range of each dtype, in units of the last place (tests/ops/test_numbers.py);
    ``smooth`` False: has kinks, so second-order checks stay away from them;
    ``selects(node)``: for each operand where its elements can be taken for the result (None: everywhere);
    ``masks(node, mask, wanted)``: for a cotangent that is 0 where a bool ``mask``, which broadcasts to the result, does
    not hold, the masks of the operands' cotangents (None: not known). Without it none is known.
    ``batch(node, xs, batch)`` the results for many examples at once (ops/batching.py);
    ``pattern(node, patterns, values, walk)``: what elements of results depend on (ops/pattern.py), where that does not
    follow from kind and kernel;
    ``linear_in``: groups of operands, in each of which together the result is linear, element by element;
    ``namespace``: where its public function is, "" for ``gd``; ``also``: where it is besides;
    ``arity``: the number of operands of an elementwise op;
    ``whole(x)``: what the public function gives of an integer Tensor, where the kernel takes floats alone;
    ``law``: what a node keeps besides what ``infer`` checks, dtypes and attributes; None: no text can hold it;
    ``compute(arrays, attrs)``: the primitive in NumPy where sizes are known, where that is not ``reference`` over
    operands and attributes by name; an inner graph is a function there that has the ``types`` of its results;
    ``page``: the primitive in JavaScript, for pages that follow a number that is changed (inspect/assets/operations.js
    has what it may use): of an elementwise op a function of elements, else of (arrays, attributes, types);
    ``notation``: how it is written in a formula (ops/notation.py), as a call where there is none;
    ``commutative``: its two operands may change places, bit for bit;
    ``internal``: what rules, loops and indexing build, without a public name of its own;
    ``foldable``: on constants it is computed in NumPy when a graph is simplified.
    """

    name: str
    kind: str
    doc: str
    infer: Callable[[Sequence[Value], dict[str, Any]], Sequence[Result]] | None = None
    vjp: Callable[..., Sequence[Any]] | None = None
    jvp: Callable[..., Sequence[Any]] | None = None
    kernel: Kernel = None
    reference: Callable[..., Any] | str | None = None
    samples: Callable[[np.random.Generator], Iterable[Sample]] | None = None
    onnx: str | None = None
    public: Any = None  # the function, or None for leaves
    differentiable: bool = True
    smooth: bool = True
    partials: Sequence[Any] = field(default_factory=tuple)
    law: Law | None = None
    page: str | None = None
    notation: Notation | None = None
    compute: Callable[[Sequence[Any], dict[str, Any]], Any] | None = None
    commutative: bool = False
    internal: bool = False
    foldable: bool = False
    namespace: str = ""
    also: str | None = None
    arity: int | None = None
    whole: Callable[[Any], Any] | None = None
    selects: Callable[[Node], Sequence[Any]] | None = None
    errors: tuple[float, float, float] | None = None
    masks: Callable[..., Sequence[Any]] | None = None
    batch: Callable[..., Sequence[Any]] | None = None
    linear_in: Sequence[tuple[int, ...]] = ()
    pattern: Callable[..., Sequence[Any]] | None = None

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtype class of each operand (ir/dtypes.py), "*" after one that may be repeated; () for composites, which
        accept what their bodies do, and leaves."""
        return self.law.operands if self.law else ()

    def on_arrays(self, arrays: Sequence[np.ndarray], attrs: dict[str, Any]) -> Any:
        """What the primitive computes, in NumPy: an array, or a tuple of them. Raises LookupError where its declaration
        has no reference."""
        if self.compute is not None:
            return self.compute(arrays, attrs)
        function = self.reference
        if isinstance(function, str):
            module, _, name = function.rpartition(".")
            function = getattr(importlib.import_module(module), name)
        if function is None:
            raise LookupError(f"the declaration of {self.name} has no reference")
        return function(*arrays, **attrs)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


REGISTRY: dict[str, Op] = {}
_BY_FUNCTION: dict[Callable[..., Any], Op] = {}


def register(op: Op) -> Op:
    """Adds ``op`` to the table; a name can be declared once."""
    if op.name in REGISTRY:
        raise ValueError(f"operation {op.name!r} is declared twice")
    REGISTRY[op.name] = op
    return op


def publish(op: Op, function: Callable[..., Any]) -> None:
    """Makes ``function`` what users call ``op`` by."""
    op.public = function
    _BY_FUNCTION[function] = op


def op_of(function: Callable[..., Any]) -> Op:
    """The operation that a public function was declared as. Raises KeyError where it was none."""
    found = _BY_FUNCTION.get(function)
    return _BY_FUNCTION[inspect.unwrap(function)] if found is None else found


@functools.cache
def op(name: str) -> Callable[..., Any]:
    """The public function of an operation: how rules reach operations declared later."""
    return REGISTRY[name].public
