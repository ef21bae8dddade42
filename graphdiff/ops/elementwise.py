"""Declarations of the arithmetic of corresponding elements, choice and casts.

Each line gives a micro-operation of the tile program its name, dtypes, partial derivatives, reference and samples.
Derivatives at kinks follow JAX's conventions as far as api.md states none: maximum and minimum give half to each
operand where they tie; abs, sign and relu give 0 at 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError
from ..ir.dtypes import FLOATS, as_dtype, bool_
from ..ir.node import Node
from . import batching
from .comparison import equal, greater, greater_equal, less, less_equal, logical_not
from .laws import is_dtype, law
from .notation import ATOM, POWER, PRODUCT, SUM, chosen, factors, infix, powers, prefix, raised, truth, unseen
from .opdef import composite, custom, elementwise, elementwise_masks
from .operands import aligned, broadcast_shape, operands, sum_to
from .registry import Sample, Tile, op, op_of
from .rounding import round
from .samples import on
from .tensor import Tensor, as_tensor, checked, fail, make
from .types import DTypeLike, TensorLike

# ------------------------------------------------------------------ arithmetic
add = elementwise(
    "add",
    "x1 + x2.\n"
    "Edges: add(inf, -inf) = nan; add(nan, 1.0) = nan; integers wrap\n"
    "Example: gd.add([1.0, 2.0], [10.0, 20.0]) -> [11.0, 22.0]",
    partials=(1, 1),
    accepts="numeric",
    errors=(1, 0, 0),
    reference=np.add,
    samples=on(-2, 2, 2),
    onnx="Add",
    linear_in=((0, 1),),
    commutative=True,
    page="(a, b) => a + b",
    notation=infix("+", SUM),
)
subtract = elementwise(
    "subtract",
    "x1 - x2.\n"
    "Edges: subtract(inf, inf) = nan; subtract(nan, 1.0) = nan; integers wrap\n"
    "Example: gd.subtract([1.0, 2.0], [10.0, 20.0]) -> [-9.0, -18.0]",
    partials=(1, -1),
    accepts="numeric",
    errors=(1, 0, 0),
    reference=np.subtract,
    samples=on(-2, 2, 2),
    onnx="Sub",
    linear_in=((0, 1),),
    page="(a, b) => a - b",
    notation=infix("−", SUM, PRODUCT),
)
multiply = elementwise(
    "multiply",
    "x1 * x2.\n"
    "Edges: multiply(0.0, inf) = nan; multiply(nan, 0.0) = nan; integers wrap\n"
    "Example: gd.multiply([1.0, 2.0], [10.0, 20.0]) -> [10.0, 40.0]",
    partials=(lambda y, a, b: b, lambda y, a, b: a),
    accepts="numeric",
    errors=(1, 0, 0),
    reference=np.multiply,
    samples=on(-2, 2, 2),
    onnx="Mul",
    linear_in=((0,), (1,)),
    commutative=True,
    page='(a, b, kind) => (kind === "int32" ? Math.imul(a, b) : a * b)',
    notation=factors,
)
divide = elementwise(
    "divide",
    "x1 / x2, floats only.\n"
    "Edges: divide(1.0, 0.0) = inf; divide(0.0, 0.0) = nan; divide(inf, inf) = nan\n"
    "Example: gd.divide([1.0, 3.0], 2.0) -> [0.5, 1.5]",
    partials=(lambda y, a, b: reciprocal(b), lambda y, a, b: negative(y / b)),
    errors=(1, 1.5, 2.5),
    reference=np.divide,
    samples=on(0.5, 2, 2),
    onnx="Div",
    linear_in=((0,),),
    page="(a, b) => a / b",
    notation=infix("/", PRODUCT, POWER),
)
floor_divide = elementwise(
    "floor_divide",
    "floor(x1 / x2); integers divided by zero give 0, as in NumPy.\n"
    "Edges: floor_divide(1.0, 0.0) = inf; floor_divide(0.0, 0.0) = nan; floor_divide(7, 0) = 0\n"
    "Example: gd.floor_divide([7.0, -7.0], 2.0) -> [3.0, -4.0]",
    n=2,
    accepts="numeric",
    reference=np.floor_divide,
    samples=on(0.6, 3.3, 2),
    page="(a, b, kind) => (b === 0 && !floating(kind) ? 0 : floor(a / b))",
)
remainder = elementwise(
    "remainder",
    "x1 - floor(x1 / x2) * x2, with the sign of x2.\n"
    "Edges: remainder(1.0, 0.0) = nan; remainder(5.0, inf) = 5.0; remainder(7, 0) = 0; derivative by x2 "
    "without its jumps\n"
    "Example: gd.remainder([7.0, -7.0], 3.0) -> [1.0, 2.0]",
    partials=(1, lambda y, a, b: negative(round((a - y) / b)) if b.dtype in FLOATS else None),
    accepts="numeric",
    errors=(1, 1, 0),
    reference=np.remainder,
    samples=on(2.1, 2.9, 2),
    onnx="Mod",
    smooth=False,
    page="modulo",
    notation=infix("mod", PRODUCT, POWER),
)
maximum = elementwise(
    "maximum",
    "The larger of x1 and x2; NaN wins. At a tie the gradient is halved.\n"
    "Edges: maximum(nan, 1.0) = nan; maximum(-inf, 1.0) = 1.0\n"
    "Example: gd.maximum([1.0, 5.0], 3.0) -> [3.0, 5.0]",
    partials=(lambda y, a, b: _taken(a, b), lambda y, a, b: _taken(b, a)),
    accepts="numeric",
    reference=np.maximum,
    samples=on(-2, 2, 2),
    onnx="Max",
    smooth=False,
    selects=lambda node: [greater_equal(*node.inputs), less_equal(*node.inputs)],
    page="(a, b) => Math.max(a, b)",
)
minimum = elementwise(
    "minimum",
    "The smaller of x1 and x2; NaN wins. At a tie the gradient is halved.\n"
    "Edges: minimum(nan, 1.0) = nan; minimum(inf, 1.0) = 1.0\n"
    "Example: gd.minimum([1.0, 5.0], 3.0) -> [1.0, 3.0]",
    partials=(lambda y, a, b: _taken(b, a), lambda y, a, b: _taken(a, b)),
    accepts="numeric",
    reference=np.minimum,
    samples=on(-2, 2, 2),
    onnx="Min",
    smooth=False,
    selects=lambda node: [less_equal(*node.inputs), greater_equal(*node.inputs)],
    page="(a, b) => Math.min(a, b)",
)

at_least = elementwise(
    "at_least",
    "x1, or the bound x2 where that is larger; the derivative is x1's alone at a tie.",
    partials=(lambda y, a, b: greater_equal(a, b), lambda y, a, b: less(a, b)),
    accepts="numeric",
    microop="maximum",
    reference=np.maximum,
    samples=on(-2, 2, 2),
    onnx="Max",
    smooth=False,
    internal=True,
    selects=lambda node: [greater_equal(*node.inputs), less(*node.inputs)],
    page="(a, b) => Math.max(a, b)",
)


def _taken(a: Tensor, b: Tensor) -> Any:
    """What g becomes where a is chosen over b: half of it where they tie."""
    return lambda g: where(greater(a, b), g, where(equal(a, b), g * 0.5, 0))


_power = elementwise(
    "pow",
    "x1 ** x2. For x1 = 0 the derivative by x2 is taken as 0; for x1 < 0 it is NaN.\n"
    "Edges: pow(0.0, 0.0) = 1.0; pow(nan, 0.0) = 1.0; pow(0.0, -1.0) = inf; pow(-1.0, 0.5) = nan; integer "
    "powers wrap; a negative one of integers gives 0, or 1 and -1 of those\n"
    "Example: gd.pow([2.0, 3.0], 2.0) -> [4.0, 9.0]",
    partials=(lambda y, a, b: _power_base(a, b), lambda y, a, b: y * op("log")(where(equal(a, 0), 1, a))),
    accepts="numeric",
    errors=(1, 330, 660),
    reference=np.power,
    samples=on(0.5, 2, 2),
    onnx="Pow",
    page="power",
    notation=powers,
)


def _power_base(a: Tensor, b: Tensor) -> Tensor:
    # b * a**(b-1), and 0 where b is 0 even at a = 0
    return where(equal(b, 0), 0, b * _power(a, where(equal(b, 0), 1, b - 1)))


pow = _power
negative = elementwise(
    "negative",
    "-x.\n"
    "Edges: negative(inf) = -inf; negative(nan) = nan; the least integer stays itself\n"
    "Example: gd.negative([1.0, -2.0]) -> [-1.0, 2.0]",
    partials=(-1,),
    accepts="numeric",
    reference=np.negative,
    samples=on(-2, 2),
    onnx="Neg",
    linear_in=((0,),),
    page="(x) => -x",
    notation=prefix("−", PRODUCT, SUM),
)
abs = elementwise(
    "abs",
    "|x|; derivative 0 at 0.\n"
    "Edges: abs(-inf) = inf; abs(nan) = nan; abs'(0.0) = 0.0; the least integer stays itself\n"
    "Example: gd.abs([1.0, -2.0]) -> [1.0, 2.0]",
    partials=(lambda y, x: sign(x),),
    accepts="numeric",
    reference=np.abs,
    samples=on(-2, 2),
    onnx="Abs",
    smooth=False,
    page="abs",
    notation=lambda node, xs: (f"|{xs[0][0]}|", ATOM),
)
sign = elementwise(
    "sign",
    "-1, 0 or 1; NaN of NaN.\n"
    "Edges: sign(nan) = nan; sign(0.0) = 0.0; sign(-inf) = -1.0; sign'(0.0) = 0.0\n"
    "Example: gd.sign([3.0, -2.0, 0.0]) -> [1.0, -1.0, 0.0]",
    accepts="numeric",
    reference=np.sign,
    samples=on(-2, 2),
    onnx="Sign",
    page="Math.sign",
)
square = elementwise(
    "square",
    "x * x.\n"
    "Edges: square(-inf) = inf; square(nan) = nan; integers wrap\n"
    "Example: gd.square([3.0, -2.0]) -> [9.0, 4.0]",
    partials=(lambda y, x: x * 2,),
    accepts="numeric",
    errors=(1, 1, 1),
    reference=np.square,
    samples=on(-2, 2),
    page="(x) => x * x",
    notation=lambda node, xs: raised(xs[0], "2"),
)
reciprocal = elementwise(
    "reciprocal",
    "1 / x, floats only.\n"
    "Edges: reciprocal(0.0) = inf; reciprocal(inf) = 0.0; reciprocal(nan) = nan\n"
    "Example: gd.reciprocal([2.0, 4.0]) -> [0.5, 0.25]",
    partials=(lambda y, x: negative(y * y),),
    errors=(1, 2.5, 3.5),
    reference=np.reciprocal,
    samples=on(0.5, 2),
    onnx="Reciprocal",
    page="(x) => 1 / x",
    notation=prefix("1 / ", POWER, PRODUCT),
)
sqrt = elementwise(
    "sqrt",
    "The square root; NaN below 0.\n"
    "Edges: sqrt(-1.0) = nan; sqrt(0.0) = 0.0; sqrt(inf) = inf; sqrt(nan) = nan; sqrt'(0.0) = inf\n"
    "Example: gd.sqrt([4.0, 2.0]) -> [2.0, 1.414214]",
    partials=(lambda y, x: 0.5 / y,),
    errors=(1, 1.5, 3.5),
    reference=np.sqrt,
    samples=on(0.2, 3),
    onnx="Sqrt",
    page="sqrt",
    notation=prefix("√", ATOM, POWER),
)

rsqrt = elementwise(
    "rsqrt",
    "1 / sqrt(x).\n"
    "Edges: rsqrt(0.0) = inf; rsqrt(inf) = 0.0; rsqrt(-1.0) = nan; rsqrt(nan) = nan\n"
    "Example: gd.rsqrt([4.0, 0.25]) -> [0.5, 2.0]",
    partials=(lambda y, x: -0.5 * y * (y * y),),
    errors=(1.5, 3.5, 6),
    reference=lambda x: 1 / np.sqrt(x),
    samples=on(0.2, 3),
    page="(x) => 1 / sqrt(x)",
    notation=prefix("1 / √", ATOM, PRODUCT),
)

copysign = elementwise(
    "copysign",
    "|x1| with the sign of x2.\n"
    "Edges: copysign(nan, -1.0) = nan; copysign(inf, -1.0) = -inf; copysign(1.0, -0.0) = -1.0; derivative "
    "by x2 is 0\n"
    "Example: gd.copysign([1.0, 2.0], [-3.0, 3.0]) -> [-1.0, 2.0]",
    partials=(lambda y, a, b: sign(a) * copysign(1.0, b), None),
    reference=np.copysign,
    samples=on(0.3, 2, 2),
    smooth=False,
    page="(a, b) => (b < 0 || Object.is(b, -0) ? -abs(a) : abs(a))",
)


# ------------------------------------------------------------------ where, casts, gates
def _infer_where(xs: Any, attrs: Any) -> Any:
    return ((broadcast_shape("where", xs), xs[1].dtype),)


def _where_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    c, a, b = node.inputs
    (g,) = gs
    # selecting, not multiplying by 0 or 1: a NaN in the branch not taken stays out
    return [
        None,
        sum_to(where(c, g, 0), a.shape) if wanted[1] else None,
        sum_to(where(c, 0, g), b.shape) if wanted[2] else None,
    ]


def _where_jvp(node: Node, ts: Any, _d: Any) -> Any:
    c, _a, _b = node.inputs
    if ts[1] is None and ts[2] is None:
        return [None]
    t = where(c, 0 if ts[1] is None else ts[1], 0 if ts[2] is None else ts[2])
    y = node.outputs[0]
    return [t if t.shape == y.shape else op("broadcast_to")(t, y.shape)]


def _where(condition: TensorLike, x1: TensorLike, x2: TensorLike, /) -> Tensor:
    c = as_tensor(condition, "where")
    if c.dtype is not bool_:
        fail(DTypeError, "where", f"the condition is {c.dtype.name}; write a comparison or .astype('bool')", [c])
    a, b = operands("where", (x1, x2))
    return make(WHERE, aligned(c, a, b))


def _where_samples(rng: np.random.Generator) -> Any:
    for c, a, b in (((3, 4), (3, 4), (3, 4)), ((4,), (3, 1), ()), ((), (2,), (2,)), ((0, 2), (2,), ())):
        yield Sample((rng.integers(0, 2, c).astype(bool), rng.uniform(-2, 2, a), rng.uniform(-2, 2, b)))


where = custom(
    "where",
    "x1 where the condition holds, else x2. A NaN in the branch not taken reaches no gradient.\n"
    "Dtypes: any\n"
    "Shapes: the three broadcast\n"
    "Edges: where(False, nan, 1.0) = 1.0; a NaN in the branch not taken reaches no gradient\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.where([True, False], [1.0, 2.0], 0.0) -> [1.0, 0.0]",
    infer=_infer_where,
    kernel=Tile("where"),
    public=_where,
    vjp=_where_vjp,
    jvp=_where_jvp,
    selects=lambda node: [None, node.inputs[0], logical_not(node.inputs[0])],
    masks=elementwise_masks,
    reference=np.where,
    samples=_where_samples,
    onnx="Where",
    linear_in=((1, 2),),
    batch=batching.elementwise,
    law=law("bool any any"),
    foldable=True,
    page="each((c, a, b) => (c ? a : b))",
    notation=chosen,
)
WHERE = op_of(where)


def _infer_astype(xs: Any, attrs: Any) -> Any:
    return ((xs[0].shape, attrs["dtype"]),)


def _astype(x: TensorLike, dtype: DTypeLike, /) -> Tensor:
    x = as_tensor(x, "astype")
    dtype = checked(as_dtype, "astype", dtype, [x])
    return x if x.dtype is dtype else make(ASTYPE, (x,), {"dtype": dtype})


def _astype_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    return [astype(gs[0], node.inputs[0].dtype) if wanted[0] else None]


def _astype_jvp(node: Node, ts: Any, _d: Any) -> Any:
    dtype = node.attrs["dtype"]
    return [None if ts[0] is None or dtype not in FLOATS else astype(ts[0], dtype)]


def _astype_samples(rng: np.random.Generator) -> Any:
    for dtype in ("float32", "float64", "int32", "int64", "bool"):
        yield Sample((rng.uniform(-9, 9, (3, 4)), dtype))


astype = custom(
    "astype",
    "x in another dtype; floats lose their fraction on the way to integers, nonzero is True.\n"
    "Dtypes: any\n"
    "Shapes: of x, as is the result's\n"
    "Edges: astype(nan, 'bool') = True; astype(True, 'float32') = 1.0; astype(0.5, 'bool') = True; NaN "
    "and numbers out of range have no stated integer\n"
    "Raises: DTypeError\n"
    "Example: gd.astype([1.7, -1.7], 'int32') -> [1, -1]",
    infer=_infer_astype,
    kernel=Tile("cast"),
    public=_astype,
    vjp=_astype_vjp,
    jvp=_astype_jvp,
    masks=elementwise_masks,
    reference=lambda x, dtype: x.astype(dtype),
    samples=_astype_samples,
    onnx="Cast",
    batch=batching.leading,
    law=law("any", dtype=is_dtype),
    foldable=True,
    page="cast",
    notation=truth,
)
ASTYPE = op_of(astype)


def _stop_gradient(x: TensorLike, /) -> Tensor:
    return make(STOP_GRADIENT, (as_tensor(x, "stop_gradient"),))


stop_gradient = custom(
    "stop_gradient",
    "x, with zero derivative.\n"
    "Dtypes: any\n"
    "Shapes: of x, as is the result's\n"
    "Edges: stop_gradient(nan) = nan; stop_gradient(inf) = inf\n"
    "Raises: DTypeError\n"
    "Example: gd.stop_gradient([1.0, 2.0]) -> [1.0, 2.0]",
    infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
    kernel=Tile("copy"),
    public=_stop_gradient,
    reference=lambda x: x,
    samples=on(-2, 2),
    batch=batching.leading,
    law=law("any"),
    foldable=True,
    page="same",
    notation=unseen,
)
STOP_GRADIENT = op_of(stop_gradient)


# ------------------------------------------------------------------ made of the others
@composite(reference=np.positive, samples=on(-2, 2))
def positive(x: TensorLike, /) -> Tensor:
    """x itself.

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: positive(nan) = nan; positive(-0.0) = -0.0
    Raises: DTypeError
    Example: gd.positive([1.0, -2.0]) -> [1.0, -2.0]
    """
    return as_tensor(x, "positive")
