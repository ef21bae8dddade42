"""Declaration of attention: values averaged with weights that queries give to keys.

It is one node, ``attention``, run block by block, with ``attention_vjp`` for its gradients: the scores of all pairs are
never in memory. Derivatives of these by other ways, and a mask's, are those of the formulas they stand for. Where the
axes before the last two have to be broadcast, attention is made of other operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import Dim, Shape, Size, broadcast, exact_div, format_shape
from ..ir.dtypes import bool_
from ..ir.node import Node, Value
from . import batching, pattern
from .batching import Batch
from .bodies import placeholders
from .comparison import equal, greater_equal, logical_and
from .elementwise import rsqrt, where
from .gather import positions, size_as
from .laws import Attrs, Values, is_bool, is_real, law
from .masks import cut_by, leading_masks
from .matmul import matmul
from .movement import broadcast_to, expand_dims, matrix_transpose, reshape
from .nn import dropout
from .norms import softmax_parts
from .opdef import composite, custom
from .operands import beside_each_other, operands, sum_to
from .random import bernoulli_reference
from .rebuild import rebuild
from .registry import Attention, Sample, op, op_of
from .tensor import Tensor, fail, make
from .types import TensorLike

# --------------------------------------------------------------------------------------- the formulas


def _weights(q: Tensor, k: Tensor, mask: Tensor | None, causal: bool, scale: float | Tensor) -> Tensor:
    scores = matmul(q * scale, matrix_transpose(k))
    if causal:
        mask = _behind(scores.shape[-2:])
    if mask is not None:
        scores = where(mask, scores, -math.inf) if mask.dtype is bool_ else scores + mask
    e, total = softmax_parts(scores, -1, "scaled_dot_product_attention")
    return e / where(equal(total, 0), 1, total)


def _behind(shape: Shape) -> Tensor:
    """True where a key is no later than the query."""
    return greater_equal(positions(shape, 0), positions(shape, 1))


def _formula(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool, scale: float | Tensor) -> list[Tensor]:
    return [matmul(_weights(q, k, mask, causal, scale), v)]


def _gradients(
    q: Tensor, k: Tensor, v: Tensor, g: Tensor, mask: Tensor | None, causal: bool, scale: float
) -> list[Tensor]:
    """Cotangents of q, k, v and the scores for y's, g."""
    p = _weights(q, k, mask, causal, scale)
    d = matmul(g, matrix_transpose(v))
    s = p * (d - op("sum")(p * d, axis=-1, keepdims=True))
    scaled = s * scale
    return [matmul(scaled, k), matmul(matrix_transpose(scaled), q), matmul(matrix_transpose(p), g), s]


def _apart(node: Node, xs: Sequence[Tensor], formula: Callable[..., list[Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    """Placeholders for operands, and what the formula makes of them: to be differentiated on its own."""
    args = placeholders("x", [(x.shape, x.dtype) for x in xs])
    mask = [] if len(node.inputs) in (4, 7) else [None]
    return args, formula(*args, *mask, node.attrs["causal"], node.attrs["scale"])


def _moved(
    node: Node, xs: Sequence[Tensor], ts: Sequence[Any], formula: Callable[..., list[Tensor]], d: Any
) -> list[Tensor | None]:
    """Tangents of the formula's results."""
    args, values = _apart(node, xs, formula)
    given = placeholders("t", [(t.shape, t.dtype) for t in ts if t is not None])
    moving = [a for a, t in zip(args, ts) if t is not None]
    swap: dict[Value, Tensor] = dict(zip([*args, *given], [*xs, *(t for t in ts if t is not None)]))
    return [None if t is None else rebuild([t], swap)[0] for t in d.pushforward(values, moving, given)]


# --------------------------------------------------------------------------------------- attention
#
# operands: q (.., L, E), k (.., S, E), v (.., S, F) and perhaps a mask; results: y (.., L, F), and sums (.., L, 2): for
# each row its largest score, and the logarithm of the sum of the exponentials of its scores less that. Only
# attention_vjp reads them. They are two numbers, as their sum would lose the second where a mask is large.


BY_HEAD = leading_masks(2)


def _infer_attention(xs: Sequence[Any], _attrs: dict[str, Any]) -> Any:
    q, _, v = xs[:3]
    return ((*q.shape[:-1], v.shape[-1]), q.dtype), ((*q.shape[:-1], 2), q.dtype)


def _attention_vjp(node: Node, gs: Sequence[Any], wanted: Sequence[bool], _d: Any) -> list[Tensor | None]:
    (q, k, v, *mask), g = node.inputs, gs[0]
    found = list(make(ATTENTION_VJP, (q, k, v, *node.outputs, g, *mask), dict(node.attrs)))
    if mask:
        scores = _gradients(q, k, v, g, mask[0], node.attrs["causal"], node.attrs["scale"])[3] if wanted[3] else None
        found.append(None if scores is None else sum_to(scores, mask[0].shape))
    return found


def _attention_jvp(node: Node, ts: Sequence[Any], d: Any) -> list[Tensor | None]:
    return [*_moved(node, node.inputs, ts, _formula, d), None]


def _batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """The mask is the one operand that broadcasts."""
    n, rank = len(xs) if len(xs) in (3, 6) else len(xs) - 1, node.inputs[0].ndim
    same = [batching.in_front(x, v, batch.size) for x, v in zip(xs[:n], node.inputs)]
    return batching.remade(node, [*same, *(batching.ranked(x, v, rank) for x, v in zip(xs[n:], node.inputs[n:]))])


def _keeps_attention(xs: Values, a: Attrs) -> bool:
    q, k, v = (x.shape for x in xs[:3])
    scores = (*q[:-1], k[-2]) if len(q) >= 2 and len(k) >= 2 else ()
    return (
        len(q) == len(k) == len(v) >= 2
        and q[:-2] == k[:-2] == v[:-2]
        and q[-1] == k[-1]
        and k[-2] == v[-2]
        and all(x.dtype is xs[0].dtype for x in xs[:3])
        and math.isfinite(a["scale"])
        and len(xs) <= 4
        and all(x.dtype in (xs[0].dtype, bool_) and broadcast(x.shape, scores) == scores for x in xs[3:])
        and not (a["causal"] and len(xs) == 4)
    )


def _weights_of(q: Any, k: Any, mask: Any, a: Any) -> tuple[Any, Any]:
    """In NumPy: each query's weights; its largest score, and the logarithm of their sum before they were divided."""
    s = q @ np.swapaxes(k, -1, -2) * q.dtype.type(a["scale"])
    if a["causal"]:
        mask = [np.tril(np.ones(s.shape[-2:], bool))]
    for m in mask:
        s = np.where(m, s, -np.inf) if m.dtype == bool else s + m
    top = s.max(-1, keepdims=True, initial=-np.inf)
    e = np.exp(s - np.where(top == -np.inf, 0, top))
    total = e.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        sums = np.concatenate([np.where(top == -np.inf, 0, top), np.log(total)], -1)
    return e / np.where(total == 0, 1, total), sums


def _attention_arrays(xs: Any, a: Any) -> Any:
    q, k, v, *mask = xs
    p, sums = _weights_of(q, k, mask, a)
    return (p @ v).astype(v.dtype), sums.astype(v.dtype)


attention = custom(
    "attention",
    "softmax(q kᵀ scale) v, and the largest scores with the logarithms of the softmax's sums.",
    infer=_infer_attention,
    kernel=Attention("attention"),
    public=lambda *xs, causal=False, scale=1.0: make(ATTENTION, xs, {"causal": causal, "scale": scale}),
    vjp=cut_by(BY_HEAD, _attention_vjp),
    masks=BY_HEAD,
    jvp=_attention_jvp,
    batch=_batch,
    law=law("float float float each *", _keeps_attention, causal=is_bool, scale=is_real),
    internal=True,
    compute=_attention_arrays,
    page="attended",
    pattern=pattern.attended,
)
ATTENTION = op_of(attention)


def _infer_gradients(xs: Sequence[Any], _attrs: dict[str, Any]) -> Any:
    return tuple((x.shape, x.dtype) for x in xs[:3])


def _gradients_vjp(node: Node, gs: Sequence[Any], _wanted: Sequence[bool], d: Any) -> list[Tensor | None]:
    q, k, v, _, _, g, *mask = node.inputs
    xs = [q, k, v, g, *mask]
    args, values = _apart(node, xs, _gradients)
    some = [(y, c) for y, c in zip(values, gs) if c is not None]
    given = placeholders("g", [(c.shape, c.dtype) for _, c in some])
    wrt = [a for a in args if a.dtype is q.dtype]
    found, _ = d.pullback([y for y, _ in some], given, wrt)
    swap: dict[Value, Tensor] = dict(zip([*args, *given], [*xs, *(c for _, c in some)]))
    dq, dk, dv, dg, *rest = (None if f is None else rebuild([f], swap)[0] for f in found)
    return [dq, dk, dv, None, None, dg, *rest, *([None] if len(rest) < len(mask) else [])]  # y is made of q, k and v


def _gradients_jvp(node: Node, ts: Sequence[Any], d: Any) -> list[Tensor | None]:
    q, k, v, _, _, g, *mask = node.inputs
    return _moved(node, (q, k, v, g, *mask), (*ts[:3], *ts[5:]), _gradients, d)[:3]


def _keeps_attention_vjp(xs: Values, a: Attrs) -> bool:
    y = (*xs[0].shape[:-1], xs[2].shape[-1])
    return (
        _keeps_attention([*xs[:3], *xs[6:]], a)
        and xs[3].shape == xs[5].shape == y
        and xs[4].shape == (*y[:-1], 2)
        and all(x.dtype is xs[0].dtype for x in xs[3:6])
    )


def _attention_vjp_arrays(xs: Any, a: Any) -> Any:
    q, k, v, _, _, g, *mask = xs
    p, _ = _weights_of(q, k, mask, a)
    d = g @ np.swapaxes(v, -1, -2)
    s = p * (d - (p * d).sum(-1, keepdims=True)) * q.dtype.type(a["scale"])
    return tuple(x.astype(v.dtype) for x in (s @ k, np.swapaxes(s, -1, -2) @ q, np.swapaxes(p, -1, -2) @ g))


attention_vjp = custom(
    "attention_vjp",
    "The cotangents of attention's q, k and v for that of its result.",
    infer=_infer_gradients,
    kernel=Attention("attention_vjp"),
    public=lambda *xs, causal=False, scale=1.0: make(ATTENTION_VJP, xs, {"causal": causal, "scale": scale}),
    vjp=cut_by(BY_HEAD, _gradients_vjp),
    masks=BY_HEAD,
    jvp=_gradients_jvp,
    batch=_batch,
    law=law("float float float float float float each *", _keeps_attention_vjp, causal=is_bool, scale=is_real),
    internal=True,
    compute=_attention_vjp_arrays,
    page="attendedBack",
    pattern=pattern.attended,
)
ATTENTION_VJP = op_of(attention_vjp)


def _reference(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    dropout_p: float = 0.0,
    key: Any = None,
) -> Any:
    if enable_gqa:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    attrs = {"causal": False, "scale": 1 / math.sqrt(q.shape[-1]) if scale is None else scale}
    mask = [] if attn_mask is None else [attn_mask]
    if is_causal:
        behind = np.tril(np.ones((q.shape[-2], k.shape[-2]), bool))
        mask.append(behind)
    p = _weights_of(q, k, mask, attrs)[0]
    if dropout_p:
        p = np.where(bernoulli_reference(key, 1 - dropout_p, p.shape), p / (1 - dropout_p), 0)
    return p @ v


def _samples(rng: np.random.Generator) -> Any:
    def draw(*shape: int) -> Any:
        return rng.uniform(-1, 1, shape)

    keep = rng.integers(0, 2, (3, 5)).astype(bool)
    keep[0], keep[1] = False, True  # a row with nothing to attend to
    yield Sample((draw(3, 4), draw(5, 4), draw(5, 2)))
    yield Sample((draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 2)), {"attn_mask": keep})
    yield Sample((draw(2, 1, 3, 4), draw(2, 2, 5, 4), draw(2, 2, 5, 2)), {"attn_mask": draw(3, 5), "scale": 0.3})
    yield Sample((draw(2, 2, 4, 3), draw(2, 2, 4, 3), draw(2, 2, 4, 3)), {"is_causal": True})
    yield Sample((draw(2, 5, 3), draw(2, 3, 3), draw(2, 3, 3)), {"is_causal": True})
    yield Sample((draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 2)), {"attn_mask": keep, "is_causal": True})
    yield Sample((draw(4, 3, 2), draw(2, 5, 2), draw(2, 5, 3)), {"enable_gqa": True, "is_causal": True})
    yield Sample((draw(2, 4, 3, 2), draw(2, 1, 5, 2), draw(2, 1, 5, 2)), {"enable_gqa": True, "attn_mask": draw(3, 5)})
    yield Sample((draw(2, 3, 2), draw(2, 5, 2), draw(2, 5, 2)), {"dropout_p": 0.4, "key": np.int64(3)})


@composite(namespace="nn", reference=_reference, samples=_samples, onnx="Attention")
def scaled_dot_product_attention(
    q: TensorLike,
    k: TensorLike,
    v: TensorLike,
    attn_mask: TensorLike | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    dropout_p: float = 0.0,
    key: TensorLike | None = None,
) -> Tensor:
    """softmax(q kᵀ scale) v over the last two axes: q (.., L, E), k (.., S, E), v (.., S, F) give (.., L, F), the other
    axes broadcasting; scale is 1/√E unless given (Vaswani et al. 2017).

    ``attn_mask`` broadcasts to (.., L, S): bool keeps what is True, float is added. ``is_causal`` keeps key j for
    query i where j <= i; with a mask both hold. A query that may attend to nothing gives 0, and 0 as derivative.
    ``enable_gqa``: fewer heads (axis -3) of keys and values, each for as many queries' heads one after another.
    ``dropout_p``: of the weights, those that ``key`` says are 0 and the others divided by 1 - p.

    Where no axes are broadcast but the mask's and the groups', and nothing is dropped, it is run block by block in both
    directions (after Dao et al. 2022): the scores of all pairs are never in memory.

    Arguments: ``q``: queries; ``k``: keys; ``v``: values; ``attn_mask``: or None; ``is_causal``: with q and k counted
    from the first; ``scale``: a number; 1/√E unless given; ``enable_gqa``: as above; ``dropout_p``: from 0 to 1;
    ``key``: a 0-d integer Tensor or an int, needed where dropout_p is not 0
    Dtypes: float
    Shapes: (..., L, E), (..., S, E), (..., S, F) -> (..., L, F)
    Edges: scaled_dot_product_attention([[1.0]], [[nan], [1.0]], [[2.0], [4.0]]) = [[nan]]; a query that may attend to
    nothing gives 0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.scaled_dot_product_attention([[1.0]], [[1.0], [1.0]], [[2.0], [4.0]]) -> [[3.0]]
    Source: Vaswani et al. 2017; by blocks after Dao et al. 2022; groups of queries after Ainslie et al. 2023
    """
    name = "scaled_dot_product_attention"
    xs = q, k, v = operands(name, (q, k, v), "float")
    for what, x in (("q", q), ("k", k), ("v", v)):
        if x.ndim < 2:
            fail(ShapeError, name, f"{what} has {x.ndim} dimensions, at least 2 are needed", xs)
    if q.shape[-1] != k.shape[-1]:
        fail(ShapeError, name, f"q has features of {q.shape[-1]}, k of {k.shape[-1]}", xs)
    if k.shape[-2] != v.shape[-2]:
        fail(ShapeError, name, f"there are {k.shape[-2]} keys and {v.shape[-2]} values", xs)
    if not 0 <= dropout_p <= 1 or (dropout_p and key is None):
        told = f"dropout_p lies from 0 to 1, got {dropout_p!r}" if key is not None else "dropout_p needs a key"
        fail(GraphError, name, told, xs)
    factor: float | Tensor
    if scale is None:
        e = q.shape[-1]
        factor = rsqrt(size_as(e, q.dtype)) if isinstance(e, Dim) else 1 / math.sqrt(e) if e else 1.0
    else:
        factor = scale
    mask = None if attn_mask is None else _checked_mask(name, attn_mask, xs, enable_gqa)
    heads = None
    if enable_gqa:
        heads, (q, k, v), mask = _grouped(name, xs, mask)
    if mask is not None and is_causal:
        behind = _behind((q.shape[-2], k.shape[-2]))
        mask = logical_and(mask, behind) if mask.dtype is bool_ else where(behind, mask, -math.inf)
        is_causal = False
    y = _attended(q, k, v, mask, bool(is_causal), factor, dropout_p, key)
    return y if heads is None else reshape(y, (*y.shape[:-4], heads, *y.shape[-2:]))


def _attended(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    causal: bool,
    factor: float | Tensor,
    dropout_p: float,
    key: Any,
) -> Tensor:
    if dropout_p:
        return matmul(dropout(_weights(q, k, mask, causal, factor), dropout_p, key=key), v)
    if q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        if not isinstance(factor, (int, float)) or not math.isfinite(factor):
            q, factor = q * factor, 1.0
        given = (q, k, v) if mask is None else (q, k, v, mask)
        return make(ATTENTION, given, {"causal": causal, "scale": float(factor)})[0]
    return _formula(q, k, v, mask, causal, factor)[0]


def _checked_mask(name: str, attn_mask: Any, xs: Sequence[Tensor], groups: bool) -> Tensor:
    """The mask as a Tensor that broadcasts to the scores. Raises ShapeError, DTypeError."""
    q, k, _ = xs
    mask, _ = beside_each_other(name, (attn_mask, q))
    batch = q.shape[:-2] if groups else broadcast(q.shape[:-2], k.shape[:-2])  # None: the product will tell
    scores = None if batch is None else (*batch, q.shape[-2], k.shape[-2])
    if scores is not None and broadcast(mask.shape, scores) != scores:
        fail(
            ShapeError,
            name,
            f"attn_mask {format_shape(mask.shape)} does not broadcast to the scores {format_shape(scores)}",
            [*xs, mask],
        )
    if mask.dtype is not bool_ and mask.dtype is not q.dtype:
        fail(
            DTypeError,
            name,
            f"attn_mask is {mask.dtype.name}, the queries are {q.dtype.name}; write .astype({q.dtype.name!r})",
            [*xs, mask],
        )
    return mask


def _grouped(name: str, xs: Sequence[Tensor], mask: Tensor | None) -> tuple[Size, Sequence[Tensor], Tensor | None]:
    """The number of queries' heads, and the operands with an axis of groups before that of a group's heads: keys and
    values are spread over it, which copies nothing. Raises ShapeError."""
    q, k, v = xs
    if q.ndim < 3 or k.ndim < 3 or v.ndim < 3:
        fail(ShapeError, name, "enable_gqa needs an axis of heads before the last two", xs)
    heads, own = q.shape[-3], k.shape[-3]
    each = exact_div(heads, own)
    if each is None or v.shape[-3] != own:
        fail(
            ShapeError,
            name,
            f"{heads} heads of queries are no multiple of {own} of keys and {v.shape[-3]} of values",
            xs,
        )
    if mask is not None and mask.ndim > 2:
        mask = expand_dims(mask, -3) if mask.shape[-3] == 1 else reshape(mask, _by_group(mask, own, each))
    spread = (broadcast_to(expand_dims(x, -3), (*x.shape[:-2], each, *x.shape[-2:])) for x in (k, v))
    return heads, (reshape(q, _by_group(q, own, each)), *spread), mask


def _by_group(x: Tensor, groups: Size, each: Size) -> Shape:
    return (*x.shape[:-3], groups, each, *x.shape[-2:])
