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
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from ..ir.dtypes import CLASSES
from ..ir.node import Node, ambient
from ..spelling import explain
from . import batching
from ._elementwise import infer_of, scaled, vjp_of
from .called import remember
from .laws import law
from .notation import Notation
from .operands import aligned, check_dtype, operands
from .registry import Kernel, Op, Tile, op, publish, register
from .samples import Samples
from .tensor import PLAIN, Tensor, as_tensor, make
from .types import TensorLike

P = ParamSpec("P")  # of the public function: a declaration has its parameters and its results
R = TypeVar("R")


def declare_public(op_: Op, function: Callable[P, R]) -> Callable[P, R]:
    """Gives ``function`` the name, the module and the docstring of ``op_``, which users then call by it."""
    function.__name__ = function.__qualname__ = op_.name.rpartition(".")[2]
    function.__module__ = "graphdiff" + ("." + op_.namespace if op_.namespace else "")
    function.__doc__ = op_.doc
    publish(op_, function)
    return function


# --------------------------------------------------------------------------------------- elementwise


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
            infer=infer_of(name, result == "bool"),
            vjp=vjp_of(tuple(partials)) if partials else None,
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
