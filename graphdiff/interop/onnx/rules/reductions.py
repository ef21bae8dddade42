"""Rules of reductions, of running sums and of order: Reduce*, ArgMax, CumSum, TopK, Softmax and its kin, norms."""

from __future__ import annotations

import numpy as np

import graphdiff as gd

from ....errors import ShapeError
from ....ir.dims import product
from ....ir.dtypes import FLOATS, bool_
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads
from .elementwise import converted


def _axes(call: Call, x: Tensor) -> tuple[int, ...] | None:
    """What is reduced: all axes where none are given, or for ``noop_with_empty_axes`` None for nothing at all."""
    axes = call.axes(x.ndim, 1, 13 if call.node.op == "ReduceSum" else 18)
    if not axes:
        return None if call.flag("noop_with_empty_axes") else tuple(range(x.ndim))
    return tuple(axes)


def _reduce(call: Call) -> Tensor:
    x, name = call.tensor(), call.node.op
    axes, keep = _axes(call, x), call.flag("keepdims", True)
    if name in ("ReduceL1", "ReduceL2"):
        if axes is None:
            return gd.abs(x)
        if name == "ReduceL1":
            return gd.sum(gd.abs(x), axis=axes, keepdims=keep)
        return gd.norm(x, axis=axes, keepdims=keep)
    if name == "ReduceSumSquare":
        x = gd.square(x)
    if name == "ReduceLogSumExp" and axes is not None:
        if _empty(x, axes):  # of nothing the sum is 0
            return gd.log(gd.sum(x, axis=axes, keepdims=keep))
        return gd.logsumexp(x, axis=axes, keepdims=keep)
    if axes is None:
        return gd.log(x) if name == "ReduceLogSum" else x
    if name in ("ReduceMax", "ReduceMin") and x.dtype is bool_:
        return (gd.any if name == "ReduceMax" else gd.all)(x, axis=axes, keepdims=keep)
    if name in ("ReduceMax", "ReduceMin") and _empty(x, axes):
        limit = _limit(x.dtype, name == "ReduceMax")
        return gd.sum(x, axis=axes, keepdims=keep) + gd.constant(limit)
    f = {"ReduceMax": gd.max, "ReduceMin": gd.min, "ReduceMean": gd.mean, "ReduceProd": gd.prod}.get(name, gd.sum)
    if x.dtype not in FLOATS and name == "ReduceMean":
        return converted(gd.mean(gd.astype(x, "float64"), axis=axes, keepdims=keep), x.dtype)
    y = converted(f(x, axis=axes, keepdims=keep), x.dtype)
    return gd.log(y) if name == "ReduceLogSum" else y


def _empty(x: Tensor, axes: tuple[int, ...]) -> bool:
    return any(x.shape[a] == 0 for a in axes)


def _limit(dtype: np.dtype, least: bool) -> np.generic:
    """What no element is beyond: the extreme of nothing."""
    if dtype in FLOATS:
        return dtype.type(-np.inf if least else np.inf)
    info = np.iinfo(dtype)
    return dtype.type(info.min if least else info.max)


for _kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"):
    reads(f"Reduce{_kind}", settings=(1,))(_reduce)


@reads("ArgMax", "ArgMin")
def arg_extreme(call: Call) -> Tensor:
    """The first of equals, or with ``select_last_index`` the last."""
    x = call.tensor()
    axis, keep = call.axis(call.integer("axis", 0), x.ndim), call.flag("keepdims", True)
    f = gd.argmax if call.node.op == "ArgMax" else gd.argmin
    if not call.flag("select_last_index"):
        return f(x, axis=axis, keepdims=keep)
    return gd.constant(x.shape[axis] - 1, "int64") - f(gd.flip(x, axis=axis), axis=axis, keepdims=keep)


@reads("CumSum", "CumProd", settings=(1,))
def running(call: Call) -> Tensor:
    x = call.tensor()
    axis = call.axis(call.ints(1, "the axis")[0], x.ndim)
    reverse, sums = call.flag("reverse"), call.node.op == "CumSum"
    y = converted((gd.cumsum if sums else gd.cumprod)(x, axis=axis, reverse=reverse), x.dtype)
    if not call.flag("exclusive"):
        return y
    n = x.shape[axis]
    cut: list[slice] = [slice(None)] * x.ndim
    cut[axis] = slice(1, None) if reverse else slice(0, n - 1)
    width = [(0, 0)] * x.ndim
    width[axis] = (0, 1) if reverse else (1, 0)
    return gd.pad(y[tuple(cut)], width, constant_values=0 if sums else 1)


@reads("TopK", settings=(1,))
def top_k(call: Call) -> list[Tensor]:
    x = call.tensor()
    axis = call.axis(call.integer("axis", -1), x.ndim)
    (k,) = [call.integer("k")] if call.opset < 10 else call.sizes(1, "the number k")
    if call.flag("largest", True) and isinstance(k, int) and isinstance(x.shape[axis], int):
        return list(gd.topk(x, k, axis=axis))
    order = gd.argsort(x, axis=axis, descending=call.flag("largest", True))
    cut: list[slice] = [slice(None)] * x.ndim
    cut[axis] = slice(0, k)
    if isinstance(k, int) and isinstance(x.shape[axis], int) and k > x.shape[axis]:
        call.fail(ShapeError, f"k is {k} of {x.shape[axis]} elements")
    order = order[tuple(cut)]
    return [gd.take_along_axis(x, order, axis=axis), order]


# --------------------------------------------------------------------------------------- along one axis


def _along(call: Call, x: Tensor) -> tuple[Tensor, int]:
    """The operand and the axis of Softmax and its kin, which before opset 13 flatten all from the axis on."""
    if call.opset >= 13:
        return x, call.axis(call.integer("axis", -1), x.ndim)
    axis = call.axis(call.integer("axis", 1), x.ndim) if x.ndim > 1 or call.raw("axis") is not None else 0
    return gd.reshape(x, (product(x.shape[:axis]), product(x.shape[axis:]))), 1


@reads("Softmax", "LogSoftmax", "Hardmax")
def softmax(call: Call) -> Tensor:
    whole = call.tensor()
    x, axis = _along(call, whole)
    if call.node.op == "Softmax":
        y = gd.nn.softmax(x, axis=axis)
    elif call.node.op == "LogSoftmax":
        y = gd.nn.log_softmax(x, axis=axis)
    else:
        first = gd.argmax(x, axis=axis, keepdims=True)
        shape = [1] * x.ndim
        shape[axis] = -1
        y = gd.astype(gd.reshape(gd.arange(x.shape[axis]), tuple(shape)) == first, x.dtype)
    return y if y.shape == whole.shape else gd.reshape(y, whole.shape)


@reads("LpNormalization")
def lp_normalization(call: Call) -> Tensor:
    """0 where the norm is."""
    x, p = call.tensor(), call.integer("p", 2)
    axis = call.axis(call.integer("axis", -1), x.ndim)
    size = gd.sum(gd.abs(x), axis=axis, keepdims=True) if p == 1 else gd.norm(x, axis=axis, keepdims=True)
    return x / gd.where(size == 0, 1, size)


@reads("MeanVarianceNormalization")
def mean_variance(call: Call) -> Tensor:
    x = call.tensor()
    axes = tuple(call.axis(a, x.ndim) for a in call.list_of("axes", (0, 2, 3)))
    centred = x - gd.mean(x, axis=axes, keepdims=True)
    return centred / (gd.sqrt(gd.mean(gd.square(centred), axis=axes, keepdims=True)) + 1e-9)


@reads("Det")
def det(call: Call) -> Tensor:
    return gd.linalg.det(call.tensor())


@reads("Einsum")
def einsum(call: Call) -> Tensor:
    return gd.einsum(call.text("equation").replace(" ", ""), *call.tensors())


@reads("MatMul")
def matmul(call: Call) -> Tensor:
    return gd.matmul(*call.tensors(2))


@reads("Gemm")
def gemm(call: Call) -> Tensor:
    a, b = call.tensor(0), call.tensor(1)
    alpha, beta = call.number("alpha", 1.0), call.number("beta", 1.0)
    y = gd.matmul(a.T if call.flag("transA") else a, b.T if call.flag("transB") else b)
    y = y if alpha == 1 else _scaled(y, alpha)
    c = call.optional(2)
    return y if c is None or beta == 0 else y + (c if beta == 1 else _scaled(c, beta))


def _scaled(x: Tensor, by: float) -> Tensor:
    return x * by if x.dtype in FLOATS else converted(gd.astype(x, "float64") * by, x.dtype)
