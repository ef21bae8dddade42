"""The constructors by kind: one call declares an operation.

``elementwise``  partial derivatives written once; vjp, jvp, broadcasting and sum-to-shape follow
``linear``       linear in its first operand: a shape rule and the transpose
``bilinear``     linear in each of its first two operands: two transposes
``composite``    a body in other operations; nothing else to write
``custom``       vjp and jvp by hand
In rules x is an operand, y the result, g the cotangent, t the tangent.
Must not know: any particular operation (those it needs for rules it takes from the registry), plans, kernels.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.dims import Dim, Shape, Size, as_size, broadcast, unclipped
from ..ir.dtypes import CLASSES, FLOATS, bool_, int64, promote
from ..ir.node import Node, ambient
from ..spelling import explain
from . import batching
from .called import remember
from .laws import law
from .notation import Notation
from .registry import REGISTRY, Kernel, Op, Sample, Tile, publish, register
from .tensor import PLAIN, Tensor, as_tensor, checked, fail, is_weak, make, strong
from .types import TensorLike

P = ParamSpec("P")  # of the public function: a declaration has its parameters and its results
R = TypeVar("R")
Samples = Callable[["np.random.Generator"], Iterable[Sample]]  # a text: NumPy imports its random numbers when asked


@functools.cache
def op(name: str) -> Callable[..., Any]:
    """The public function of an operation: how rules reach operations declared later."""
    return REGISTRY[name].public


def declare_public(op_: Op, function: Callable[P, R]) -> Callable[P, R]:
    """Gives ``function`` the name, the module and the docstring of ``op_``, which users then call by it."""
    function.__name__ = function.__qualname__ = op_.name.rpartition(".")[2]
    function.__module__ = "graphdiff" + ("." + op_.namespace if op_.namespace else "")
    function.__doc__ = op_.doc
    publish(op_, function)
    return function


# --------------------------------------------------------------------------------------- elementwise


def operands(name: str, args: Sequence[Any], accepts: str = "any") -> tuple[Tensor, ...]:
    """Arguments as Tensors of one dtype: weak Python numbers follow the Tensors, arrays promote as in the array API.

    Raises DTypeError for dtypes that do not promote or that the operation does not take."""
    dtype = None
    args = [strong(a) for a in args]
    for a in args:
        if isinstance(a, (Tensor, np.ndarray, np.generic)):
            if dtype is None:
                dtype = a.dtype
            elif dtype is not a.dtype:
                joined = promote(dtype, a.dtype)
                if joined is None:
                    _mixed(name, args)
                dtype = joined
    if dtype is None:  # only Python numbers
        found = {as_tensor(a, name).dtype for a in args}
        dtype = next((d for d in found if d in FLOATS), int64 if int64 in found else bool_)
    out = []
    for a in args:
        x = as_tensor(a, name, dtype)
        out.append(x if x.dtype is dtype else op("astype")(x, dtype))
    check_dtype(name, out, accepts)
    return tuple(out)


def beside_each_other(name: str, args: Sequence[Any]) -> tuple[Tensor, ...]:
    """Arguments as Tensors that keep dtypes of their own; weak Python numbers follow the floating ones among them."""
    floats = [
        a.dtype for a in map(strong, args) if isinstance(a, (Tensor, np.ndarray, np.generic)) and a.dtype in FLOATS
    ]
    joined = functools.reduce(lambda p, q: promote(p, q) or p, floats) if floats else None

    def read(a: Any) -> Tensor:
        kinds = np.asarray(a).dtype.kind if joined is not None and is_weak(a) else ""
        return as_tensor(a, name, joined if kinds == "f" else None)

    return tuple(read(a) for a in args)


def _mixed(name: str, args: Sequence[Any]) -> None:
    tensors = [as_tensor(a, name) if isinstance(a, (np.ndarray, np.generic)) else a for a in args]
    typed = [a for a in tensors if isinstance(a, Tensor)]
    target = next((a.dtype for a in typed if a.dtype in FLOATS), None) or next(
        a.dtype for a in typed if a.dtype is not bool_
    )
    culprit = next(a for a in typed if a.dtype is not target and promote(a.dtype, target) is None)
    fail(
        DTypeError,
        name,
        f"{' and '.join(dict.fromkeys(a.dtype.name for a in typed))} do not mix; write "
        f".astype({target.name!r}) on the {culprit.dtype.name} operand",
        tensors,
    )


def check_dtype(name: str, xs: Sequence[Tensor], accepts: str) -> None:
    allowed = CLASSES[accepts]
    for x in xs:
        if x.dtype not in allowed:
            what = {
                "float": "floating",
                "numeric": "integer or floating",
                "integer": "integer",
                "bool": "bool",
                "integer_or_bool": "integer or bool",
            }[accepts]
            write = {
                "float": "float32",
                "numeric": "float32",
                "integer": "int64",
                "bool": "bool",
                "integer_or_bool": "int64",
            }[accepts]
            fail(DTypeError, name, f"needs {what} operands, got {x.dtype.name}; write .astype({write!r})", xs)


def broadcast_shape(name: str, xs: Sequence[Tensor]) -> Shape:
    """The shape the operands broadcast to. Raises ShapeError naming the two that do not meet."""
    shape = xs[0].shape
    for x in xs[1:]:
        joined = broadcast(shape, x.shape)
        if joined is None:
            pairs = zip(reversed(shape), reversed(x.shape))
            a, b = next((a, b) for a, b in pairs if a != b and a != 1 and b != 1)
            fail(ShapeError, name, f"shapes do not broadcast: {a} meets {b}", xs)
        shape = joined
    return shape


def aligned(*xs: Tensor) -> tuple[Tensor, ...]:
    """The operands, those whose shapes differ from another's only where a slice clips brought to that one's: sizes that
    agree wherever no slice reaches past an end are compared at the call."""
    shape = xs[0].shape
    if all(x.shape is shape or x.shape == shape or not x.shape for x in xs[1:]):
        return xs
    wanted: dict[int, Size] = {}  # by the axis counted from the last: a size that no slice clips, where there is one
    for x in xs:
        for axis, s in enumerate(reversed(x.shape)):
            if s != 1 and (axis not in wanted or unclipped(wanted[axis]) == s):
                wanted[axis] = s

    def brought(x: Tensor) -> Tensor:
        sizes = [
            wanted[axis] if s != 1 and s != wanted[axis] and unclipped(s) == unclipped(wanted[axis]) else s
            for axis, s in enumerate(reversed(x.shape))
        ]
        return op("reshape")(x, tuple(reversed(sizes)))

    return tuple(map(brought, xs))


def sum_to(g: Tensor, shape: Shape) -> Tensor:
    """The transpose of broadcasting: ``g`` summed over the dimensions that ``shape`` was stretched along."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, s in enumerate(shape) if s == 1 and g.shape[i + extra] != 1)
    g = op("sum")(g, axis=axes)
    return g if g.shape == shape else op("reshape")(g, shape)


def elementwise_masks(node: Node, mask: Tensor, wanted: Sequence[bool]) -> list[Tensor | None]:
    """The masks of operands of an operation on elements: the result's, or whether it holds for any of the elements
    that an operand was stretched over."""
    return [stretched_mask(mask, x, node.outputs[0]) if w else None for x, w in zip(node.inputs, wanted)]


def moved_masks(node: Node, mask: Any, wanted: Sequence[bool]) -> list[Tensor | None]:
    """The masks of operands of an operation that moves and adds elements: where its transpose brings anything of what
    the mask keeps."""
    masks = mask if isinstance(mask, tuple) else (mask,)
    kept = [
        None if m is None else op("broadcast_to")(op("astype")(m, y.dtype), y.shape)
        for m, y in zip(masks, node.outputs)
    ]
    return [None if g is None else op("not_equal")(g, 0) for g in node.op.vjp(node, kept, wanted, None)]


def stretched_mask(mask: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The mask of ``x``, which was broadcast to ``y``, for a mask of y."""
    extra = y.ndim - mask.ndim
    if x.shape == y.shape:
        return mask
    if extra:
        mask = op("reshape")(mask, (1,) * extra + mask.shape)
    lead = y.ndim - x.ndim
    axes = tuple(i for i in range(y.ndim) if mask.shape[i] != 1 and (i < lead or x.shape[i - lead] == 1))
    if axes:
        mask = op("any")(mask, axis=axes, keepdims=True)
    return op("reshape")(mask, mask.shape[lead:]) if lead else mask


Partial = Callable[..., Any] | int | None


def _times(g: Tensor, value: Any, operands: Sequence[Any]) -> Tensor:
    """g * value; where that is a quotient u / v, as (g / v) * u: the other operand's derivative wants g / v too. Not
    where it is an operand itself: what u and v are is not known, and each may overflow where u / v does not."""
    node = value.node
    if any(value is x for x in operands):
        return op("multiply")(g, value)
    if node.op.name == "negative" and node.inputs[0].node.op.name == "divide":
        return op("negative")(_times(g, node.inputs[0], operands))
    if node.op.name == "divide":
        u, v = node.inputs
        return op("multiply")(op("multiply")(g, op("reciprocal")(v)), u)
    return op("multiply")(g, value)


def elementwise(
    name: str,
    doc: str,
    *,
    partials: Sequence[Partial] = (),
    n: int | None = None,
    accepts: str = "float",
    result: str = "same",
    microop: str | None = None,
    reference: Callable[..., Any] | str | None = None,
    samples: Samples | None = None,
    onnx: str | None = None,
    smooth: bool = True,
    namespace: str = "",
    selects: Callable[[Node], Sequence[Any]] | None = None,
    errors: tuple[float, float, float] | None = None,
    linear_in: Sequence[tuple[int, ...]] = (),
    also: str | None = None,
    page: str | None = None,
    notation: Notation | None = None,
    commutative: bool = False,
    internal: bool = False,
    whole: Callable[[Tensor], Tensor] | None = None,
) -> Callable[..., Tensor]:
    """An operation on corresponding elements of its operands, which broadcast.

    ``partials[i](y, *xs)``: the derivative with respect to operand i as a Tensor (a bool one selects: g where it
    holds, else 0; a function is what becomes of g), or 1, -1, or None where it is zero everywhere. Without partials the
    op is not differentiable.
    ``accepts``: float, numeric, integer, bool, integer_or_bool, any; ``result``: "same" or "bool";
    ``namespace``: "" or "nn", where the public function lives; ``also``: where it is besides; ``commutative``: its two
    operands may change places, bit for bit; ``selects``, ``errors``,
    ``whole`` and ``internal`` as in :class:`Op`.
    """
    arity = n if n is not None else max(len(partials), 1)
    allowed = CLASSES[accepts]
    is_test = result == "bool"

    def infer(xs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        shape = xs[0].shape
        for x in xs:
            other = x.shape
            if other is not shape and other != shape:
                shape = broadcast_shape(name, xs) if shape and other else shape or other
        return ((shape, bool_ if is_test else xs[0].dtype),)

    def scaled(g: Tensor, partial: Partial, node: Node) -> Tensor | None:
        if partial == 1:
            return g
        value = partial(node.outputs[0], *node.inputs) if callable(partial) else partial
        if value is None:
            return None
        if callable(value):
            return value(g)
        if isinstance(value, int):
            return g if value == 1 else op("negative")(g)
        if value.dtype is bool_:
            return op("where")(value, g, 0)
        return _times(g, value, node.inputs)

    def vjp(node: Node, gs: Sequence[Any], wanted: Sequence[bool], d: Any) -> list[Tensor | None]:
        out: list[Tensor | None] = []
        for x, partial, needed in zip(node.inputs, partials, wanted):
            g = scaled(gs[0], partial, node) if needed else None
            if d.mask is not None and g is not None and callable(partial):
                g = d.kept(g)
            out.append(g if g is None or g.shape is x.shape else sum_to(g, x.shape))
        return out

    def jvp(node: Node, ts: Sequence[Any], d: Any) -> list[Tensor | None]:
        y = node.outputs[0]
        total = None
        for t, partial in zip(ts, partials):
            term = None if t is None else scaled(t, partial, node)
            if term is not None:
                total = term if total is None else op("add")(total, term)
        if total is not None and d.mask is not None:
            total = d.kept(total)
        if total is not None and total.shape != y.shape:
            total = op("broadcast_to")(total, y.shape)
        return [total]

    declared = register(
        Op(
            name,
            "elementwise",
            doc,
            infer=infer,
            vjp=vjp if partials else None,
            jvp=jvp if partials else None,
            kernel=Tile(microop or name),
            reference=reference,
            samples=samples,
            onnx=onnx,
            differentiable=bool(partials),
            smooth=smooth,
            partials=tuple(partials),
            law=law(" ".join([accepts] * arity)),
            commutative=commutative,
            internal=internal,
            foldable=callable(reference),
            namespace=namespace,
            also=also,
            page=page,
            notation=notation,
            arity=arity,
            selects=selects,
            errors=errors,
            masks=elementwise_masks,
            batch=batching.elementwise,
            linear_in=linear_in,
            whole=whole,
        )
    )

    public: Callable[..., Tensor]
    if arity == 1:

        def unary(x: TensorLike, /) -> Tensor:
            x = as_tensor(x, name)
            if x.dtype not in allowed:
                if whole is not None:
                    check_dtype(name, (x,), "numeric")
                    return whole(x)
                check_dtype(name, (x,), accepts)
            return make(declared, (x,))

        public = unary
    elif arity == 2:

        def binary(x1: TensorLike, x2: TensorLike, /) -> Tensor:
            if type(x2) in PLAIN and isinstance(x1, Tensor):
                x2 = as_tensor(x2, name, x1.dtype)
            if not (isinstance(x1, Tensor) and isinstance(x2, Tensor) and x1.dtype is x2.dtype):
                x1, x2 = operands(name, (x1, x2), accepts)
            elif x1.dtype not in allowed:
                check_dtype(name, (x1, x2), accepts)
            if x1.shape != x2.shape and x1.shape and x2.shape:
                x1, x2 = aligned(x1, x2)
            return make(declared, (x1, x2))

        public = binary
    elif arity == 3:

        def ternary(x1: TensorLike, x2: TensorLike, x3: TensorLike, /) -> Tensor:
            return make(declared, aligned(*operands(name, (x1, x2, x3), accepts)))

        public = ternary
    else:
        raise ValueError("an elementwise op has one to three operands; for more use custom")
    return declare_public(declared, public)


# --------------------------------------------------------------------------------------- linear, bilinear


def linear(
    name: str,
    doc: str,
    *,
    infer: Callable[..., Any],
    transpose: Callable[[Node, Tensor], Tensor | None],
    kernel: Kernel,
    public: Callable[P, R],
    **more: Any,
) -> Callable[P, R]:
    """Linear in operand 0; further operands (indices) and attrs are not differentiated.

    ``transpose(node, g)``: the cotangent of operand 0. The tangent is the same operation on the operand's tangent."""

    def vjp(node: Node, gs: Sequence[Any], wanted: Sequence[bool], _d: Any) -> list[Tensor | None]:
        rest: list[Tensor | None] = [None] * (len(node.inputs) - 1)
        return [transpose(node, gs[0]) if wanted[0] else None, *rest]

    def jvp(node: Node, ts: Sequence[Any], _d: Any) -> list[Tensor | None]:
        return [None if ts[0] is None else make(node.op, (ts[0], *node.inputs[1:]), dict(node.attrs))]

    declared = register(
        Op(name, "linear", doc, infer=infer, vjp=vjp, jvp=jvp, kernel=kernel, masks=moved_masks, **more)
    )
    return declare_public(declared, public)


def bilinear(
    name: str,
    doc: str,
    *,
    infer: Callable[..., Any],
    transposes: Sequence[Callable[[Node, Tensor], Tensor]],
    kernel: Kernel,
    public: Callable[P, R],
    masked: Callable[[Node, Tensor], Node] | None = None,
    **more: Any,
) -> Callable[P, R]:
    """Linear in operand 0 with operand 1 fixed and the other way round; ``transposes[i](node, g)`` is operand i's
    cotangent. The tangent is op(t0, x1) + op(x0, t1). ``masked(node, mask)``: a node whose operands are 0 where all
    that a mask of the result keeps does not depend on them."""

    def vjp(node: Node, gs: Sequence[Any], wanted: Sequence[bool], d: Any) -> list[Tensor | None]:
        if masked is not None and d.mask is not None:
            node = masked(node, d.mask)
        return [t(node, gs[0]) if w else None for t, w in zip(transposes, wanted)]

    def jvp(node: Node, ts: Sequence[Any], _d: Any) -> list[Tensor | None]:
        x0, x1 = node.inputs[:2]
        total = None if ts[0] is None else make(node.op, (ts[0], x1), dict(node.attrs))
        if ts[1] is not None:
            second = make(node.op, (x0, ts[1]), dict(node.attrs))
            total = second if total is None else op("add")(total, second)
        return [total]

    declared = register(Op(name, "bilinear", doc, infer=infer, vjp=vjp, jvp=jvp, kernel=kernel, **more))
    return declare_public(declared, public)


# --------------------------------------------------------------------------------------- custom, composite


def custom(
    name: str,
    doc: str,
    *,
    infer: Callable[..., Any],
    kernel: Kernel,
    public: Callable[P, R],
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    **more: Any,
) -> Callable[P, R]:
    """An operation whose rules are written by hand: ``vjp(node, gs, wanted, d)`` gives a cotangent (or None) for each
    operand, ``jvp(node, ts, d)`` a tangent (or None) for each result; ``d`` is the differentiator, for inner graphs,
    ``d.kept(g)`` a cotangent cut to where that of the result can be other than 0.
    Without rules it is not differentiable."""
    more.setdefault("differentiable", vjp is not None)
    declared = register(Op(name, "custom", doc, infer=infer, vjp=vjp, jvp=jvp, kernel=kernel, **more))
    return declare_public(declared, public)


def composite(
    name: str | None = None, *, namespace: str = "", differentiable: bool = True, **more: Any
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a body in other operations; the body's docstring is the operation's doc and its nodes carry the
    operation's name as their scope. ``name`` is the body's unless given; ``namespace``: "nn", "linalg" or "random"."""

    def declare(body: Callable[P, R]) -> Callable[P, R]:
        short = name or body.__name__.rstrip("_")
        full = f"{namespace}.{short}" if namespace else short

        @functools.wraps(body)
        def public(*args: P.args, **kwargs: P.kwargs) -> R:
            before = ambient.now
            origin, source, scope = before
            ambient.now = (origin, source, f"{scope}/{short}" if scope else short)
            try:
                result = body(*args, **kwargs)
            except TypeError as error:
                explain(error, public, args, kwargs)
                raise
            finally:
                ambient.now = before
            if declared.onnx is not None:
                remember(full, args, kwargs, result)
            return result

        doc = inspect.getdoc(body) or ""
        declared = register(Op(full, "composite", doc, namespace=namespace, differentiable=differentiable, **more))
        return declare_public(declared, public)

    return declare


# --------------------------------------------------------------------------------------- what declarations share


def axis_of(name: str, axis: Any, ndim: int, xs: Sequence[Any] = ()) -> int:
    """``axis`` counted from the front. Raises ShapeError when out of range."""
    try:
        i = axis.__index__() if not isinstance(axis, bool) else None
    except (AttributeError, ShapeError):
        i = None
    if i is None:
        fail(ShapeError, name, f"axis {axis!r} is no integer", xs)
    if not -ndim <= i < ndim:
        fail(ShapeError, name, f"axis {i} is out of range for {ndim} dimensions", xs)
    return i % ndim


def int_of(name: str, what: str, value: Any, xs: Sequence[Any] = ()) -> int:
    """``value`` as an int. Raises ShapeError for anything else, a size known only at the call included."""
    size = checked(as_size, name, value, xs)
    if isinstance(size, Dim):
        fail(ShapeError, name, f"{what} must be an int, got {size}", xs)
    return size


def as_list(value: Any) -> list[Any]:
    """One thing, or the things in a tuple, list or array of one dimension."""
    return list(value) if isinstance(value, (tuple, list, np.ndarray)) and np.ndim(value) else [value]


def axes_of(name: str, axis: Any, ndim: int, xs: Sequence[Any] = ()) -> tuple[int, ...]:
    """``axis=None|int|tuple`` as sorted axes counted from the front. Raises ShapeError for a repeated one."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis_of(name, a, ndim, xs) for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    if len(set(axes)) != len(axes):
        fail(ShapeError, name, f"repeated axis in {tuple(axis)}", xs)
    return tuple(sorted(axes))


@functools.lru_cache(maxsize=4096)
def contiguous_strides(shape: Shape) -> tuple[Size, ...]:
    """Strides in elements of a row-major array."""
    out: list[Size] = []
    step: Size = 1
    for s in reversed(shape):
        out.append(step)
        step = step * s
    return tuple(reversed(out))


# ---------------------------------------------------------------------------- samples that declarations share


def on(low: float, high: float, n: int = 1, shapes: Sequence[Sequence[Shape]] | None = None) -> Samples:
    """Samples of ``n`` operands drawn uniformly from [low, high], over several shapes, broadcasting included."""

    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        cases = shapes or _SHAPES[n]
        for case in cases:
            yield Sample(tuple(rng.uniform(low, high, s) for s in case))

    return draw


_SHAPES: dict[int, Sequence[Sequence[Shape]]] = {
    1: [((3, 4),), ((),), ((1,),), ((0, 3),), ((2, 1, 5),)],
    2: [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), ()), ((0, 3), (3,)), ((1,), (1,))],
    3: [((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), ()), ((), (), ()), ((0, 2), (2,), ())],
}


def of_order(first: int, last: int, low: float, high: float) -> Samples:
    """Samples of an order, a number, and an operand drawn uniformly from [low, high]."""

    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        for n in range(first, last + 1):
            for shape in ((3, 4), ()):
                yield Sample((float(n), rng.uniform(low, high, shape)))

    return draw


def integers(low: int, high: int, n: int = 1) -> Samples:
    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        for case in _SHAPES[n]:
            yield Sample(tuple(rng.integers(low, high, s) for s in case))

    return draw


def booleans(n: int = 1) -> Samples:
    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        for case in _SHAPES[n]:
            yield Sample(tuple(rng.integers(0, 2, s).astype(bool) for s in case))

    return draw
