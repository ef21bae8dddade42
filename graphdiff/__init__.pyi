"""graphdiff: a compiled static-graph differentiator with a C core. Public names, nothing else.

Their types are in __init__.pyi, which docs/make_stubs.py makes of the imports here and of the registry."""

# Made by `python docs/make_stubs.py` from the declarations in graphdiff/ops; a test keeps it current.

from .ops.types import Axes, DTypeLike, Ints, PadWidth, ShapeLike, SizeLike, TensorLike, TensorList
from collections.abc import Sequence
from typing import Literal
from . import init as init
from . import inspect as inspect
from . import linalg as linalg
from . import nn as nn
from . import optim as optim
from . import random as random
from . import testing as testing
from .errors import GraphdiffError as GraphdiffError
from .errors import ShapeError as ShapeError
from .errors import DTypeError as DTypeError
from .errors import FeedError as FeedError
from .errors import GraphError as GraphError
from .errors import CompileError as CompileError
from .errors import BusyError as BusyError
from .errors import MemoryLimitError as MemoryLimitError
from .errors import NonFiniteError as NonFiniteError
from .errors import GradientMismatch as GradientMismatch
from .ir.defaults import default_dtype as default_dtype
from .ir.defaults import set_default_dtype as set_default_dtype
from .ir.graph import Graph as Graph
from .ir.node import name_scope as name_scope
from .lower.policy import Every as Every
from .ops.control import cond as cond
from .ops.control import map_ as map
from .ops.control import scan as scan
from .ops.control import while_loop as while_loop
from .ops.customize import custom as custom
from .ops.leaves import check as check
from .ops.leaves import input as input
from .ops.leaves import monitor as monitor
from .ops.leaves import parameter as parameter
from .ops.leaves import state as state
from .ops.parse import parse as parse
from .ops.tensor import Tensor as Tensor
from .ops.tensor import constant as constant
from .runtime.function import Function as Function
from .runtime.function import compile as compile
from .runtime.function import load as load
from .runtime.plan import Plan as Plan
from .runtime.threads import get_num_threads as get_num_threads
from .runtime.threads import set_num_threads as set_num_threads
from .runtime.tradeoff import Tradeoff as Tradeoff
from .runtime.tradeoff import largest as largest
from .runtime.tradeoff import tradeoff as tradeoff
from .testing import check_grad as check_grad
from .transforms.adjoint import Adjoint as Adjoint
from .transforms.adjoint import adjoint as adjoint
from .transforms.differentiate import grad as grad
from .transforms.differentiate import hvp as hvp
from .transforms.differentiate import jvp as jvp
from .transforms.differentiate import vjp as vjp
from .transforms.jacobian import hessian as hessian
from .transforms.jacobian import jacobian as jacobian
from .transforms.sparsity import SparseJacobian as SparseJacobian
from .transforms.substitute import substitute as substitute
from .transforms.vmap import vmap as vmap
from . import train as train

__all__ = [
    "Adjoint",
    "BusyError",
    "CompileError",
    "DTypeError",
    "Every",
    "FeedError",
    "Function",
    "GradientMismatch",
    "Graph",
    "GraphError",
    "GraphdiffError",
    "MemoryLimitError",
    "NonFiniteError",
    "Plan",
    "ShapeError",
    "SparseJacobian",
    "Tensor",
    "Tradeoff",
    "abs",
    "acos",
    "acosh",
    "add",
    "adjoint",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "broadcast_to",
    "ceil",
    "check",
    "check_grad",
    "clip",
    "compile",
    "concat",
    "cond",
    "constant",
    "copysign",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "custom",
    "default_dtype",
    "diag",
    "diagonal",
    "digamma",
    "divide",
    "dot",
    "einsum",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "expand_dims",
    "expm1",
    "eye",
    "flip",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "full",
    "full_like",
    "gather_nd",
    "get_num_threads",
    "grad",
    "greater",
    "greater_equal",
    "hessian",
    "hvp",
    "hypot",
    "init",
    "input",
    "inspect",
    "isfinite",
    "isinf",
    "isnan",
    "jacobian",
    "jvp",
    "largest",
    "less",
    "less_equal",
    "lgamma",
    "linalg",
    "linspace",
    "load",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "map",
    "matmul",
    "matrix_transpose",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "monitor",
    "moveaxis",
    "multiply",
    "name_scope",
    "negative",
    "nn",
    "norm",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "pad",
    "parameter",
    "parse",
    "permute_dims",
    "positive",
    "pow",
    "prod",
    "random",
    "reciprocal",
    "remainder",
    "repeat",
    "reshape",
    "roll",
    "round",
    "rsqrt",
    "scan",
    "scatter_add",
    "set_default_dtype",
    "set_num_threads",
    "sign",
    "sin",
    "sinh",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "state",
    "std",
    "stop_gradient",
    "substitute",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensordot",
    "testing",
    "tile",
    "topk",
    "trace",
    "tradeoff",
    "train",
    "tril",
    "triu",
    "trunc",
    "var",
    "vecdot",
    "vjp",
    "vmap",
    "where",
    "while_loop",
    "zeros",
    "zeros_like",
]

__version__: str

def abs(x: TensorLike, /) -> Tensor:
    """|x|; derivative 0 at 0."""

def acos(x: TensorLike, /) -> Tensor:
    """The inverse cosine; NaN outside [-1, 1]."""

def acosh(x: TensorLike, /) -> Tensor:
    """The inverse hyperbolic cosine; NaN below 1."""

def add(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 + x2."""

def all(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over axes are true (nonzero)."""

def any(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether any element over axes is true (nonzero)."""

def arange(
    start: SizeLike | float, /, stop: SizeLike | float | None = None, step: float = 1, dtype: DTypeLike | None = None,
) -> Tensor:
    """``start``, start + step, ... up to but without ``stop``; from 0 where one number is given. int64, or the
    default dtype where a number is a float; integers may be sizes known only at the call."""

def argmax(x: TensorLike, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the largest along ``axis`` (of all elements in order unless given), int64; the first of equals, and
    NaN wins."""

def argmin(x: TensorLike, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the smallest along ``axis`` (of all elements in order unless given), int64; the first of equals, and
    NaN wins."""

def argsort(x: TensorLike, /, axis: int = -1, descending: bool = False) -> Tensor:
    """The indices that sort along ``axis``, int64; equal elements keep their order."""

def asin(x: TensorLike, /) -> Tensor:
    """The inverse sine; NaN outside [-1, 1]."""

def asinh(x: TensorLike, /) -> Tensor:
    """The inverse hyperbolic sine."""

def astype(x: TensorLike, dtype: DTypeLike, /) -> Tensor:
    """x in another dtype; floats lose their fraction on the way to integers, nonzero is True."""

def atan(x: TensorLike, /) -> Tensor:
    """The inverse tangent."""

def atan2(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The angle of the point (x2, x1)."""

def atanh(x: TensorLike, /) -> Tensor:
    """The inverse hyperbolic tangent; NaN outside [-1, 1]."""

def bitwise_and(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 & x2; bools: and."""

def bitwise_invert(x: TensorLike, /) -> Tensor:
    """~x; bools: not."""

def bitwise_left_shift(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 << x2."""

def bitwise_or(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 | x2; bools: or."""

def bitwise_right_shift(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 >> x2."""

def bitwise_xor(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 ^ x2; bools: xor."""

def broadcast_to(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    """x repeated along new dimensions and along those of size 1."""

def ceil(x: TensorLike, /) -> Tensor:
    """The least integer not below x, as a float."""

def clip(x: TensorLike, /, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """x limited to [min, max]; None leaves a side open."""

def concat(arrays: TensorList, /, axis: int | None = 0) -> Tensor:
    """Tensors one after another along ``axis``."""

def copysign(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """|x1| with the sign of x2."""

def cos(x: TensorLike, /) -> Tensor:
    """The cosine."""

def cosh(x: TensorLike, /) -> Tensor:
    """The hyperbolic cosine."""

def cumprod(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The running product along ``axis`` (over all elements in order unless given), from the end where ``reverse``; of
    int32 and bool in int64. Derivatives hold where elements are zero."""

def cumsum(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The running sum along ``axis`` (over all elements in order unless given), from the end where ``reverse``; of
    int32 and bool in int64."""

def diag(x: TensorLike, /, k: int = 0) -> Tensor:
    """Of a vector the matrix with it on diagonal ``k``; of a matrix the vector of its diagonal ``k``."""

def diagonal(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements whose indices along two axes differ by ``offset``, as a new last axis."""

def digamma(x: TensorLike, /) -> Tensor:
    """The logarithmic derivative of Gamma. Its own derivative is taken from the series of the trigamma function
    (Abramowitz and Stegun 6.4.12, shifted by 6.4.6)."""

def divide(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 / x2, floats only."""

def dot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The sum of products over the last axis of x1 and the last but one of x2 (its only one), without broadcasting,
    as NumPy's; the product where one is 0-d. Raises ShapeError."""

def einsum(subscripts: str, /, *xs: TensorLike) -> Tensor:
    """Sums of products by Einstein's convention: ``einsum("bij,bjk->bik", x, y)``.

    Without ``->`` the result has the letters that occur once, in the alphabet's order; a letter twice in one operand
    is its diagonal; ``...`` stands for further dimensions, which broadcast; so does a dimension of 1. More than two
    operands are multiplied in a greedy order, named dimensions counting as 64 in the choice.
    Raises ShapeError for subscripts that do not fit the operands."""

def equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 == x2."""

def erf(x: TensorLike, /) -> Tensor:
    """The error function."""

def erfc(x: TensorLike, /) -> Tensor:
    """1 - erf(x), accurate for large x."""

def erfinv(x: TensorLike, /) -> Tensor:
    """The inverse of erf; infinite at -1 and 1, NaN outside."""

def exp(x: TensorLike, /) -> Tensor:
    """e ** x."""

def expand_dims(x: TensorLike, /, axis: Ints = 0) -> Tensor:
    """A dimension of size 1 put in at ``axis`` (an int or a tuple of places in the result)."""

def expm1(x: TensorLike, /) -> Tensor:
    """e ** x - 1, accurate near 0."""

def eye(n_rows: SizeLike, n_cols: SizeLike | None = None, /, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Ones on diagonal ``k`` of a matrix, square unless ``n_cols`` is given, and zeros elsewhere."""

def flip(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """The order of elements along axes reversed (all axes unless given)."""

def floor(x: TensorLike, /) -> Tensor:
    """The greatest integer not above x, as a float."""

def floor_divide(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """floor(x1 / x2); integers divided by zero give 0, as in NumPy."""

def fmax(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger of two; where one is NaN the other one. Derivatives as maximum's, none to a NaN that lost."""

def fmin(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller of two; where one is NaN the other one. Derivatives as minimum's, none to a NaN that lost."""

def full(shape: ShapeLike, fill_value: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """``fill_value`` (a number or a 0-d Tensor) at every place of ``shape``, in its own dtype unless given."""

def full_like(x: TensorLike, /, fill_value: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """``fill_value`` at every place of x's shape, in x's dtype unless given."""

def gather_nd(x: TensorLike, indices: TensorLike, /, batch_dims: int = 0) -> Tensor:
    """x at indices of its first q dimensions, q the size of ``indices``' last; the first ``batch_dims`` dimensions of
    both go together. Negative ones count from the end, one out of range fails the call. Shape:
    indices.shape[:-1] + x.shape[batch_dims + q:]."""

def greater(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 > x2."""

def greater_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 >= x2."""

def hypot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """sqrt(x1**2 + x2**2) without overflow; derivative 0 at the origin."""

def isfinite(x: TensorLike, /) -> Tensor:
    """Whether x is neither NaN nor infinite."""

def isinf(x: TensorLike, /) -> Tensor:
    """Whether x is infinite."""

def isnan(x: TensorLike, /) -> Tensor:
    """Whether x is NaN."""

def less(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 < x2."""

def less_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 <= x2."""

def lgamma(x: TensorLike, /) -> Tensor:
    """The logarithm of |Gamma(x)|."""

def linspace(
    start: TensorLike, stop: TensorLike, /, num: SizeLike = 50, endpoint: bool = True, dtype: DTypeLike | None = None,
) -> Tensor:
    """``num`` evenly spaced numbers from ``start`` to ``stop`` (numbers or 0-d Tensors), the last one stop itself
    unless ``endpoint`` is False."""

def log(x: TensorLike, /) -> Tensor:
    """The natural logarithm; -inf at 0, NaN below."""

def log10(x: TensorLike, /) -> Tensor:
    """The logarithm to base 10."""

def log1p(x: TensorLike, /) -> Tensor:
    """log(1 + x), accurate near 0."""

def log2(x: TensorLike, /) -> Tensor:
    """The logarithm to base 2."""

def logaddexp(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """log(exp(x1) + exp(x2)) without overflow; -inf of nothing but -inf, with derivative 0."""

def logical_and(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 and x2."""

def logical_not(x: TensorLike, /) -> Tensor:
    """not x."""

def logical_or(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 or x2."""

def logical_xor(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 differs from x2."""

def logsumexp(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes without overflow; -inf where all elements are -inf, with derivative 0."""

def matmul(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The product of matrices, batched over leading dimensions, which broadcast; 1-d operands are vectors."""

def matrix_transpose(x: TensorLike, /) -> Tensor:
    """The last two dimensions swapped."""

def max(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The largest over axes; NaN wins. Ties share the gradient equally."""

def maximum(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger of x1 and x2; NaN wins. At a tie the gradient is halved."""

def mean(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The mean over axes, floats only; NaN of none."""

def min(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The smallest over axes; NaN wins. Ties share the gradient equally."""

def minimum(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller of x1 and x2; NaN wins. At a tie the gradient is halved."""

def moveaxis(x: TensorLike, /, source: Ints, destination: Ints) -> Tensor:
    """Dimensions ``source`` (an int or a tuple) moved to the places ``destination``; the others keep their order."""

def multiply(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 * x2."""

def negative(x: TensorLike, /) -> Tensor:
    """-x."""

def norm(x: TensorLike, /, *, axis: Axes = None, keepdims: bool = False, ord: float | Literal['fro'] = 2) -> Tensor:
    """The vector norm over axes, floats only: (sum |x|**ord)**(1/ord), the largest |x| for ord inf, the least for
    -inf, the number of nonzero elements for 0; "fro" is 2. Derivative 0 at the zero vector."""

def not_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 != x2."""

def one_hot(idx: TensorLike, /, n: SizeLike, dtype: DTypeLike | None = None) -> Tensor:
    """1 at each index along a new last axis of size ``n``, else 0; an index out of range fails the call."""

def ones(shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Ones of ``shape``, of the default dtype unless given."""

def ones_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """Ones of x's shape, and of its dtype unless given."""

def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of an element of x1 and one of x2, both taken as vectors: shape (x1.size, x2.size)."""

def pad(x: TensorLike, /, pad_width: PadWidth, mode: str = 'constant', constant_values: float = 0) -> Tensor:
    """Elements put before and after along each dimension. ``pad_width``: n, (before, after), or a pair for each
    dimension; ``mode``: "constant" (``constant_values``, a number or 0-d Tensor), "edge", "reflect", "symmetric" or
    "wrap", as in NumPy."""

def permute_dims(x: TensorLike, /, axes: Ints) -> Tensor:
    """The dimensions in the order ``axes``."""

def positive(x: TensorLike, /) -> Tensor:
    """x itself."""

def pow(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 ** x2. For x1 = 0 the derivative by x2 is taken as 0; for x1 < 0 it is NaN."""

def prod(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The product over axes; of int32 and bool in int64. Derivatives hold where elements are zero."""

def reciprocal(x: TensorLike, /) -> Tensor:
    """1 / x, floats only."""

def remainder(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 - floor(x1 / x2) * x2, with the sign of x2."""

def repeat(x: TensorLike, /, repeats: int, axis: int | None = None) -> Tensor:
    """Each element ``repeats`` times in a row along ``axis`` (of all elements in order unless given); ``repeats`` is an
    int, or one int for each element of the axis."""

def reshape(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    """The same elements in another shape; one size may be -1."""

def roll(x: TensorLike, /, shift: Ints, axis: Axes = None) -> Tensor:
    """Elements moved ``shift`` places along ``axis``, those that fall out at the end coming in at the start; over all
    elements in order unless an axis is given. ``shift`` and ``axis`` may be tuples."""

def round(x: TensorLike, /) -> Tensor:
    """The nearest integer, halves to even, as a float."""

def rsqrt(x: TensorLike, /) -> Tensor:
    """1 / sqrt(x)."""

def scatter_add(x: TensorLike, indices: TensorLike, updates: TensorLike, /) -> Tensor:
    """x with ``updates`` (shape indices.shape + x.shape[1:]) added at ``indices`` along axis 0; those of one index add
    up in order. Negative indices count from the end, one out of range fails the call."""

def sign(x: TensorLike, /) -> Tensor:
    """-1, 0 or 1; NaN of NaN."""

def sin(x: TensorLike, /) -> Tensor:
    """The sine."""

def sinh(x: TensorLike, /) -> Tensor:
    """The hyperbolic sine."""

def sort(x: TensorLike, /, axis: int = -1, descending: bool = False) -> Tensor:
    """The elements along ``axis`` in ascending order, or ``descending``. NaN counts as the largest; at ties each
    element's gradient follows its place in the stable order."""

def split(x: TensorLike, /, n_or_sizes: SizeLike | Sequence[SizeLike], axis: int = 0) -> list[Tensor]:
    """A list of parts along ``axis``: n equal ones, or ones of the given sizes, which must add up to the whole."""

def sqrt(x: TensorLike, /) -> Tensor:
    """The square root; NaN below 0."""

def square(x: TensorLike, /) -> Tensor:
    """x * x."""

def squeeze(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """Without the dimensions of size 1 at ``axis`` (all of them unless given)."""

def stack(arrays: TensorList, /, axis: int = 0) -> Tensor:
    """Tensors of one shape along a new ``axis``."""

def std(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, correction: float = 0) -> Tensor:
    """The square root of :func:`var`; derivative 0 where the variance is 0."""

def stop_gradient(x: TensorLike, /) -> Tensor:
    """x, with zero derivative."""

def subtract(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 - x2."""

def sum(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The sum over axes; of int32 and bool in int64."""

def swapaxes(x: TensorLike, /, axis1: int, axis2: int) -> Tensor:
    """Two dimensions swapped."""

def take(x: TensorLike, indices: TensorLike, /, axis: int = 0) -> Tensor:
    """The elements at integer ``indices`` along ``axis``; negative ones count from the end, one out of range fails the
    call."""

def take_along_axis(x: TensorLike, indices: TensorLike, /, axis: int = -1) -> Tensor:
    """Matching elements at integer ``indices`` along ``axis``, other dimensions broadcast."""

def tan(x: TensorLike, /) -> Tensor:
    """The tangent."""

def tanh(x: TensorLike, /) -> Tensor:
    """The hyperbolic tangent."""

def tensordot(x1: TensorLike, x2: TensorLike, /, axes: int | tuple[Ints, Ints] | list[list[int]] = 2) -> Tensor:
    """The sum of products over pairs of axes: the last ``axes`` of x1 with the first of x2, or a pair of lists of axes.

    The result has the other axes of x1, then those of x2. Raises ShapeError where sizes differ."""

def tile(x: TensorLike, /, repetitions: Ints) -> Tensor:
    """x laid side by side, ``repetitions`` (an int, or one for each dimension from the last) times."""

def topk(x: TensorLike, /, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The ``k`` largest along ``axis``, largest first, and their indices (int64); equal elements keep their order."""

def trace(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal: of the first two axes unless given, as NumPy's."""

def tril(x: TensorLike, /, k: int = 0) -> Tensor:
    """The lower triangle of the last two dimensions: elements above diagonal ``k`` become 0."""

def triu(x: TensorLike, /, k: int = 0) -> Tensor:
    """The upper triangle of the last two dimensions: elements below diagonal ``k`` become 0."""

def trunc(x: TensorLike, /) -> Tensor:
    """x without its fraction, as a float."""

def var(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, correction: float = 0) -> Tensor:
    """The mean squared deviation from the mean over axes, floats only: the sum of squares divided by n - correction."""

def vecdot(x1: TensorLike, x2: TensorLike, /, axis: int = -1) -> Tensor:
    """The inner products along ``axis`` of each, the other dimensions broadcast. Raises ShapeError."""

def where(condition: TensorLike, x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 where the condition holds, else x2. A NaN in the branch not taken reaches no gradient."""

def zeros(shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of ``shape``, of the default dtype unless given."""

def zeros_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of x's shape, and of its dtype unless given."""
