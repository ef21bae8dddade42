"""graphdiff: a compiled static-graph differentiator with a C core. Public names, nothing else.

Their types are in __init__.pyi, which docs/make_stubs.py makes of the imports here and of the registry."""

# Made by `python -m docs.make_stubs` from the declarations in graphdiff/ops; a test keeps it current.

from .ops.types import Axes, DTypeLike, Ints, PadWidth, ShapeLike, SizeLike, TensorLike, TensorList
from collections.abc import Sequence
from typing import Literal
from . import fft as fft
from . import init as init
from . import linalg as linalg
from . import nn as nn
from . import optim as optim
from . import random as random
from .errors import GraphdiffError as GraphdiffError
from .errors import ShapeError as ShapeError
from .errors import DTypeError as DTypeError
from .errors import FeedError as FeedError
from .errors import GraphError as GraphError
from .errors import UnsupportedOperator as UnsupportedOperator
from .errors import CompileError as CompileError
from .errors import BusyError as BusyError
from .errors import MemoryLimitError as MemoryLimitError
from .errors import NonFiniteError as NonFiniteError
from .errors import GradientMismatch as GradientMismatch
from .ir.defaults import default_dtype as default_dtype
from .ir.defaults import set_default_dtype as set_default_dtype
from .ir.dtypes import float32 as float32
from .ir.dtypes import float64 as float64
from .ir.dtypes import int32 as int32
from .ir.dtypes import int64 as int64
from .ir.graph import Graph as Graph
from .ir.kinds import can_cast as can_cast
from .ir.kinds import e as e
from .ir.kinds import finfo as finfo
from .ir.kinds import iinfo as iinfo
from .ir.kinds import inf as inf
from .ir.kinds import isdtype as isdtype
from .ir.kinds import nan as nan
from .ir.kinds import newaxis as newaxis
from .ir.kinds import pi as pi
from .ir.kinds import result_type as result_type
from .ir.node import name_scope as name_scope
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
from .ops.standard import from_dlpack as from_dlpack
from .ops.tensor import Tensor as Tensor
from .ops.tensor import constant as constant
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
from . import inspect as inspect
from . import interop as interop
from . import layers as layers
from . import testing as testing
from . import train as train
from .lower.policy import Every as Every
from .runtime.compile import compile as compile
from .runtime.config import show_config as show_config
from .runtime.entry import Entry as Entry
from .runtime.entry import get_include as get_include
from .runtime.function import Function as Function
from .runtime.function import load as load
from .runtime.plan import Plan as Plan
from .runtime.threads import get_num_threads as get_num_threads
from .runtime.threads import set_num_threads as set_num_threads
from .runtime.tradeoff import Tradeoff as Tradeoff
from .runtime.tradeoff import largest as largest
from .runtime.tradeoff import tradeoff as tradeoff
from .solvers.fixed_point import fixed_point as fixed_point
from .solvers.minimize import minimize as minimize
from .solvers.odeint import odeint as odeint
from .solvers.root import root as root
from .testing import check_grad as check_grad
from .weights import load_weights as load_weights
from .weights import save_weights as save_weights

__all__ = [
    "Adjoint",
    "BusyError",
    "CompileError",
    "DTypeError",
    "Entry",
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
    "UnsupportedOperator",
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
    "asarray",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "betainc",
    "betaln",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "broadcast_arrays",
    "broadcast_to",
    "can_cast",
    "ceil",
    "check",
    "check_grad",
    "clip",
    "compile",
    "concat",
    "cond",
    "conj",
    "constant",
    "convolve",
    "copysign",
    "correlate",
    "cos",
    "cosh",
    "count_nonzero",
    "cross",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "custom",
    "default_dtype",
    "diag",
    "diagonal",
    "diff",
    "digamma",
    "divide",
    "dot",
    "e",
    "einsum",
    "empty",
    "empty_like",
    "equal",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp",
    "exp2",
    "expand_dims",
    "expit",
    "expm1",
    "eye",
    "fft",
    "finfo",
    "fixed_point",
    "flip",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "from_dlpack",
    "full",
    "full_like",
    "gamma",
    "gammainc",
    "gammaincc",
    "gather_nd",
    "get_include",
    "get_num_threads",
    "grad",
    "gradient",
    "greater",
    "greater_equal",
    "hessian",
    "histogram",
    "hvp",
    "hypot",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "iinfo",
    "imag",
    "inf",
    "init",
    "input",
    "inspect",
    "int32",
    "int64",
    "interop",
    "interp",
    "isdtype",
    "isfinite",
    "isinf",
    "isnan",
    "j0",
    "j1",
    "jacobian",
    "jvp",
    "k0e",
    "k1e",
    "kron",
    "largest",
    "layers",
    "less",
    "less_equal",
    "lgamma",
    "linalg",
    "linspace",
    "load",
    "load_weights",
    "log",
    "log10",
    "log1mexp",
    "log1p",
    "log2",
    "log_ndtr",
    "logaddexp",
    "logcumsumexp",
    "logdiffexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logsumexp",
    "map",
    "matmul",
    "matrix_transpose",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimize",
    "minimum",
    "monitor",
    "moveaxis",
    "multiply",
    "name_scope",
    "nan",
    "ndtr",
    "ndtri",
    "negative",
    "newaxis",
    "nextafter",
    "nn",
    "norm",
    "not_equal",
    "odeint",
    "one_hot",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "pad",
    "parameter",
    "parse",
    "permute_dims",
    "pi",
    "polygamma",
    "polyval",
    "positive",
    "pow",
    "prod",
    "quantile",
    "random",
    "real",
    "reciprocal",
    "remainder",
    "repeat",
    "reshape",
    "result_type",
    "roll",
    "root",
    "round",
    "rsqrt",
    "save_weights",
    "scan",
    "scatter_add",
    "searchsorted",
    "segment_max",
    "segment_sum",
    "set_default_dtype",
    "set_num_threads",
    "show_config",
    "sign",
    "signbit",
    "sin",
    "sinc",
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
    "trapezoid",
    "tril",
    "triu",
    "trunc",
    "unstack",
    "var",
    "vecdot",
    "vjp",
    "vmap",
    "where",
    "while_loop",
    "xlog1py",
    "xlogy",
    "zeros",
    "zeros_like",
]

__version__: str

def abs(x: TensorLike, /) -> Tensor:
    """|x|; derivative 0 at 0.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: abs(-inf) = inf; abs(nan) = nan; abs'(0.0) = 0.0; the least integer stays itself
    Derivative: dy/dx = sign(x)
    Raises: DTypeError for other dtypes
    Example: gd.abs([1.0, -2.0]) -> [1.0, 2.0]"""

def acos(x: TensorLike, /) -> Tensor:
    """The inverse cosine; NaN outside [-1, 1].

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: acos(1.0) = 0.0; acos(2.0) = nan; acos(nan) = nan; acos'(1.0) = -inf
    Derivative: dy/dx = −1 / √(1 − x²)
    Accuracy: within 1.5 ulp; first derivatives 1.5, second 4
    Raises: DTypeError for other dtypes
    Example: gd.acos([0.0, 0.5]) -> [1.570796, 1.047198]"""

def acosh(x: TensorLike, /) -> Tensor:
    """The inverse hyperbolic cosine; NaN below 1.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: acosh(1.0) = 0.0; acosh(0.5) = nan; acosh(inf) = inf; acosh(nan) = nan; acosh'(1.0) = inf
    Derivative: dy/dx = 1 / √(x − 1) / √(x + 1)
    Accuracy: within 1.5 ulp; first derivatives 2.5, second 4.5
    Raises: DTypeError for other dtypes
    Example: gd.acosh([1.0, 2.0]) -> [0.0, 1.316958]"""

def add(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 + x2.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: add(inf, -inf) = nan; add(nan, 1.0) = nan; integers wrap
    Derivative: dy/dx1 = 1; dy/dx2 = 1
    Accuracy: within 1 ulp; first derivatives 0, second 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.add([1.0, 2.0], [10.0, 20.0]) -> [11.0, 22.0]"""

def all(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over axes are true (nonzero).

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: all([]) = True; all([nan]) = True
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.all([[True, False], [True, True]], axis=1) -> [False, True]"""

def any(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Whether any element over axes is true (nonzero).

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: any([]) = False; any([nan]) = True
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.any([[True, False], [False, False]], axis=1) -> [True, False]"""

def arange(
    start: SizeLike | float, /, stop: SizeLike | float | None = None, step: float = 1, dtype: DTypeLike | None = None,
) -> Tensor:
    """``start``, start + step, ... up to but without ``stop``; from 0 where one number is given. int64, or the
    default dtype where a number is a float; integers may be sizes known only at the call.

    Arguments: ``start``: the first number, or the end where it is alone; ``stop``: the end, which is left out;
    ``step``: from each to the next, not 0; ``dtype``: of the result
    Dtypes: the result has dtype; int64 unless given, float32 where a number is a float
    Shapes: (ceil((stop - start) / step),)
    Edges: arange(0) = []; arange(3, 0) = []; step 0 is an error
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.arange(0, 6, 2) -> [0, 2, 4]"""

def argmax(x: TensorLike, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the largest along ``axis`` (of all elements in order unless given), int64; the first of equals, and
    NaN wins.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without axis, or with 1 there where keepdims
    Edges: argmax([1.0, nan]) = 1; no elements are a ShapeError
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.argmax([1.0, 3.0, 3.0]) -> 1"""

def argmin(x: TensorLike, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the smallest along ``axis`` (of all elements in order unless given), int64; the first of equals, and
    NaN wins.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without axis, or with 1 there where keepdims
    Edges: argmin([1.0, nan]) = 1; no elements are a ShapeError
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.argmin([3.0, 1.0, 1.0]) -> 1"""

def argsort(x: TensorLike, /, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort along ``axis``, int64; equal elements keep their order.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``descending``: whether the largest come first; ``stable``: either way
    equal elements keep their order
    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: argsort([nan, 1.0]) = [1, 0]; argsort([nan, 1.0], descending=True) = [0, 1]; equal elements keep their order
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.argsort([3.0, 1.0, nan, 2.0]) -> [1, 3, 0, 2]"""

def asarray(x: TensorLike, /, *, dtype: DTypeLike | None = None, copy: bool | None = None) -> Tensor:
    """x as a Tensor, in its own dtype unless given: a Tensor as it is, anything else as ``gd.constant`` makes it.

    Arguments: ``x``: a Tensor, an array, a number or lists of them; ``dtype``: of the result; ``copy``: changes
    nothing, as Tensors never change
    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: asarray(True) = True; asarray([nan]) = [nan]
    Derivative: by its body
    Raises: DTypeError, ShapeError
    Example: gd.asarray([1.0, 2.0]) -> [1.0, 2.0]"""

def asin(x: TensorLike, /) -> Tensor:
    """The inverse sine; NaN outside [-1, 1].

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: asin(1.0) = 1.570796; asin(2.0) = nan; asin(nan) = nan; asin'(1.0) = inf
    Derivative: dy/dx = 1 / √(1 − x²)
    Accuracy: within 1 ulp; first derivatives 1.5, second 4
    Raises: DTypeError for other dtypes
    Example: gd.asin([0.0, 0.5]) -> [0.0, 0.5235988]"""

def asinh(x: TensorLike, /) -> Tensor:
    """The inverse hyperbolic sine.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: asinh(inf) = inf; asinh(-inf) = -inf; asinh(nan) = nan
    Derivative: dy/dx = 1 / hypot(x, 1)
    Accuracy: within 1.5 ulp; first derivatives 2, second 5
    Raises: DTypeError for other dtypes
    Example: gd.asinh([0.0, 1.0]) -> [0.0, 0.8813736]"""

def astype(x: TensorLike, dtype: DTypeLike, /) -> Tensor:
    """x in another dtype; floats lose their fraction on the way to integers, nonzero is True.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: astype(nan, 'bool') = True; astype(True, 'float32') = 1.0; astype(0.5, 'bool') = True; NaN and numbers out of
    range have no stated integer
    Derivative: by rules of its own
    Raises: DTypeError
    Example: gd.astype([1.7, -1.7], 'int32') -> [1, -1]"""

def atan(x: TensorLike, /) -> Tensor:
    """The inverse tangent.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: atan(inf) = 1.570796; atan(-inf) = -1.570796; atan(nan) = nan
    Derivative: dy/dx = (1 / hypot(x, 1))²
    Accuracy: within 1.5 ulp; first derivatives 3.5, second 7
    Raises: DTypeError for other dtypes
    Example: gd.atan([0.0, 1.0]) -> [0.0, 0.7853982]"""

def atan2(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The angle of the point (x2, x1).

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: atan2(0.0, 0.0) = 0.0; atan2(0.0, -1.0) = 3.141593; atan2(inf, inf) = 0.7853982; atan2(nan, 1.0) = nan
    Derivative: dy/dx1 = 13 operations over x1, x2; dy/dx2 = 14 operations over x1, x2
    Accuracy: within 1.5 ulp; first derivatives 2, second 5
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.atan2([1.0, -1.0], [1.0, -1.0]) -> [0.7853981, -2.356194]"""

def atanh(x: TensorLike, /) -> Tensor:
    """The inverse hyperbolic tangent; NaN outside [-1, 1].

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: atanh(1.0) = inf; atanh(-1.0) = -inf; atanh(2.0) = nan; atanh(nan) = nan
    Derivative: dy/dx = y where isnan(y) else 1 / (1 − x²)
    Accuracy: within 1 ulp; first derivatives 1.5, second 3.5
    Raises: DTypeError for other dtypes
    Example: gd.atanh([0.0, 0.5]) -> [0.0, 0.5493062]"""

def betainc(x1: TensorLike, x2: TensorLike, x3: TensorLike, /) -> Tensor:
    """The regularised incomplete beta function of shapes x1 and x2 at x3, the distribution function of the beta
    distribution; NaN where a shape is negative or x3 outside [0, 1]. Differentiable by all, twice.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: betainc(1.0, 2.0, 0.0) = 0.0; betainc(1.0, 2.0, 1.0) = 1.0; betainc(0.0, 1.0, 0.5) = 1.0; betainc(1.0, 1.0,
    2.0) = nan; betainc(-1.0, 1.0, 0.5) = nan; betainc(1.0, 1.0, nan) = nan
    Derivative: dy/dx1 = betainc_by_a(x1, x2, x3); dy/dx2 = betainc_by_b(x1, x2, x3); dy/dx3 = beta_density(x1, x2, x3)
    Accuracy: within 40 ulp; first derivatives 60, second 400
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.betainc([1.0, 2.0], [1.0, 3.0], 0.5) -> [0.5, 0.6875]
    Source: DLMF 8.17.22; by shape the integral of the density times log(t) and log(1 - t) less their means"""

def betaln(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The logarithm of |B(x1, x2)|, B the beta function, without the cancellation of three lgamma.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: betaln(1.0, 1.0) = 0.0; betaln(0.0, 1.0) = inf; betaln(1.0, inf) = -inf; betaln(nan, 1.0) = nan
    Derivative: dy/dx1 = −digamma_gap(x1, x2); dy/dx2 = −digamma_gap(x2, x1)
    Accuracy: within 6 ulp; first derivatives 4, second 20
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.betaln([2.0, 1e10], [3.0, 0.5]) -> [-2.484907, -10.94056]
    Source: DLMF 5.12.1; Didonato and Morris 1992, ACM TOMS 18, algorithm 708"""

def bitwise_and(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 & x2; bools: and.

    Dtypes: int32, int64, bool
    Shapes: the operands broadcast
    Edges: bitwise_and(6, 3) = 2; bitwise_and(-1, 5) = 5
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.bitwise_and([6, 5], 3) -> [2, 1]"""

def bitwise_invert(x: TensorLike, /) -> Tensor:
    """~x; bools: not.

    Dtypes: int32, int64, bool
    Shapes: of x, as is the result's
    Edges: bitwise_invert(0) = -1; bitwise_invert(-1) = 0
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.bitwise_invert([0, 5]) -> [-1, -6]"""

def bitwise_left_shift(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 << x2.

    Dtypes: int32, int64
    Shapes: the operands broadcast
    Edges: bitwise_left_shift(1, 3) = 8; bitwise_left_shift(-1, 1) = -2
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.bitwise_left_shift([1, 3], 2) -> [4, 12]"""

def bitwise_or(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 | x2; bools: or.

    Dtypes: int32, int64, bool
    Shapes: the operands broadcast
    Edges: bitwise_or(6, 3) = 7; bitwise_or(-1, 5) = -1
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.bitwise_or([6, 5], 3) -> [7, 7]"""

def bitwise_right_shift(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 >> x2.

    Dtypes: int32, int64
    Shapes: the operands broadcast
    Edges: bitwise_right_shift(8, 2) = 2; bitwise_right_shift(-1, 1) = -1; the sign is kept
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.bitwise_right_shift([8, -8], 1) -> [4, -4]"""

def bitwise_xor(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 ^ x2; bools: xor.

    Dtypes: int32, int64, bool
    Shapes: the operands broadcast
    Edges: bitwise_xor(6, 3) = 5; bitwise_xor(-1, 5) = -6
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.bitwise_xor([6, 5], 3) -> [5, 6]"""

def broadcast_arrays(*arrays: TensorLike) -> list[Tensor]:
    """Each of the Tensors as large as all of them broadcast to.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: the operands broadcast
    Edges: broadcast_arrays([1.0]) = [[1.0]]; dtypes stay as they are
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.broadcast_arrays([1.0, 2.0], 3.0) -> [[1.0, 2.0], [3.0, 3.0]]"""

def broadcast_to(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    """x repeated along new dimensions and along those of size 1.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: to shape, which x's broadcasts to
    Edges: broadcast_to(1.0, (0,)) = []; sizes of 1 and missing ones are stretched, no others
    Derivative: linear: the tangent is the operation on the operand's, the cotangent its transpose
    Raises: ShapeError, DTypeError
    Example: gd.broadcast_to([[1.0], [2.0]], (2, 2)) -> [[1.0, 1.0], [2.0, 2.0]]"""

def ceil(x: TensorLike, /) -> Tensor:
    """The least integer not below x, in x's dtype.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: ceil(inf) = inf; ceil(nan) = nan; ceil(7) = 7; integers stay as they are
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.ceil([1.2, -1.7, 2.5]) -> [2.0, -1.0, 3.0]"""

def clip(x: TensorLike, /, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """x limited to [min, max]; None leaves a side open.

    Dtypes: float32, float64
    Shapes: x, min and max broadcast
    Edges: clip(nan, 0.0, 1.0) = nan; clip(0.5, 2.0, 1.0) = 1.0; at a bound the gradient goes as maximum's and minimum's
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.clip([-1.0, 0.5, 2.0], 0.0, 1.0) -> [0.0, 0.5, 1.0]"""

def concat(arrays: TensorList, /, axis: int | None = 0) -> Tensor:
    """Tensors one after another along ``axis``.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: equal but along axis, where sizes add up
    Edges: concat([[], [1.0]]) = [1.0]
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.concat([[1.0, 2.0], [3.0]]) -> [1.0, 2.0, 3.0]"""

def conj(x: TensorLike, /) -> Tensor:
    """The complex conjugate, which is x itself: there are no complex dtypes.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: conj(-inf) = -inf
    Derivative: by its body
    Raises: DTypeError
    Example: gd.conj([1.0, 2.0]) -> [1.0, 2.0]"""

def convolve(a: TensorLike, v: TensorLike, /, mode: Literal['full', 'same', 'valid'] = 'full') -> Tensor:
    """The convolution of two vectors: sums of a[i - k] v[k] over k, at every i where they overlap ("full"), at as many
    as the longer has ("same"), or where they overlap whole ("valid"). Where the size of
    one is known only at the call that of the other must be an int, and no more.

    Dtypes: float32, float64, int32, int64
    Shapes: (n,), (m,) -> (n + m - 1,), (max(n, m),) or (max(n, m) - min(n, m) + 1,)
    Edges: convolve([nan, 1.0], [1.0]) = [nan, 1.0]; convolve([1.0], [2.0, 3.0], "same") = [2.0, 3.0]; a vector of no
    elements is a ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.convolve([1.0, 2.0, 3.0], [0.0, 1.0]) -> [0.0, 1.0, 2.0, 3.0]"""

def copysign(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """|x1| with the sign of x2.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: copysign(nan, -1.0) = nan; copysign(inf, -1.0) = -inf; copysign(1.0, -0.0) = -1.0; derivative by x2 is 0
    Derivative: dy/dx1 = sign(x1) · copysign(1, x2); dy/dx2 = 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.copysign([1.0, 2.0], [-3.0, 3.0]) -> [-1.0, 2.0]"""

def correlate(a: TensorLike, v: TensorLike, /, mode: Literal['full', 'same', 'valid'] = 'valid') -> Tensor:
    """The correlation of two vectors: sums of a[i + k] v[k] over k; modes as ``convolve``. Where the
    size of one is known only at the call that of the other must be an int, and no more.

    Dtypes: float32, float64, int32, int64
    Shapes: (n,), (m,) -> (n + m - 1,), (max(n, m),) or (max(n, m) - min(n, m) + 1,)
    Edges: correlate([nan, 1.0], [1.0]) = [nan, 1.0]; correlate([1.0], [2.0, 3.0], "same") = [3.0, 2.0]; a vector of no
    elements is a ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.correlate([1.0, 2.0, 3.0], [0.0, 1.0]) -> [2.0, 3.0]"""

def cos(x: TensorLike, /) -> Tensor:
    """The cosine.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: cos(inf) = nan; cos(nan) = nan; cos(0.0) = 1.0; cos(1e5) = -0.9993608
    Derivative: dy/dx = −sin(x)
    Accuracy: within 1 ulp; first derivatives 1, second 1
    Raises: DTypeError for other dtypes
    Example: gd.cos([0.5, 1.0]) -> [0.8775826, 0.5403023]"""

def cosh(x: TensorLike, /) -> Tensor:
    """The hyperbolic cosine.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: cosh(inf) = inf; cosh(-inf) = inf; cosh(nan) = nan
    Derivative: dy/dx = sinh(x)
    Accuracy: within 1.5 ulp; first derivatives 1.5, second 1.5
    Raises: DTypeError for other dtypes
    Example: gd.cosh([0.0, 1.0]) -> [1.0, 1.543081]"""

def count_nonzero(x: TensorLike, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """How many elements over axes are not zero, int64; NaN is not zero.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: count_nonzero([nan, 0.0, -0.0]) = 1; count_nonzero([]) = 0
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.count_nonzero([[1.0, 0.0], [0.0, 0.0]], axis=1) -> [1, 0]"""

def cross(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> Tensor:
    """The cross products of vectors of three elements along ``axis``; the other dimensions broadcast.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast; 3 along axis
    Edges: cross([1.0, 0.0, 0.0], [1.0, 0.0, 0.0]) = [0.0, 0.0, 0.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]) -> [0.0, 0.0, 1.0]"""

def cummax(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The largest element so far along ``axis`` (over all elements in order unless given), from the end where
    ``reverse``. The gradient goes to the element that it is, the last so far of equal ones.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x; without axis one dimension of all elements
    Edges: cummax([nan, 1.0]) = [nan, nan]; cummax([-inf, 1.0, inf]) = [-inf, 1.0, inf]
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.cummax([1.0, 3.0, 2.0]) -> [1.0, 3.0, 3.0]"""

def cummin(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The smallest element so far along ``axis`` (over all elements in order unless given), from the end where
    ``reverse``. The gradient goes to the element that it is, the last so far of equal ones.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x; without axis one dimension of all elements
    Edges: cummin([1.0, nan, 0.0]) = [1.0, nan, nan]; cummin([inf, 1.0, -inf]) = [inf, 1.0, -inf]
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.cummin([2.0, 3.0, 1.0]) -> [2.0, 2.0, 1.0]"""

def cumprod(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The running product along ``axis`` (over all elements in order unless given), from the end where ``reverse``; of
    int32 and bool in int64. Derivatives hold where elements are zero.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x; without axis one dimension of all elements
    Edges: cumprod([nan, 1.0]) = [nan, nan]; cumprod([0.0, inf]) = [0.0, nan]
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.cumprod([1.0, 2.0, 3.0]) -> [1.0, 2.0, 6.0]"""

def cumsum(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The running sum along ``axis`` (over all elements in order unless given), from the end where ``reverse``; of
    int32 and bool in int64.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x; without axis one dimension of all elements
    Edges: cumsum([nan, 1.0]) = [nan, nan]; cumsum([inf, -inf]) = [inf, nan]
    Derivative: linear: the tangent is the operation on the operand's, the cotangent its transpose
    Raises: ShapeError, DTypeError
    Example: gd.cumsum([1.0, 2.0, 3.0]) -> [1.0, 3.0, 6.0]"""

def cumulative_prod(
    x: TensorLike, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False,
) -> Tensor:
    """The running product along ``axis``, which must be given unless x has one dimension; of int32 and bool in int64.
    Derivatives hold where elements are zero.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``dtype``: that x is brought to first; ``include_initial``: whether
    the product of nothing, 1, comes first, so that there is one more
    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x; one longer along axis where include_initial
    Edges: cumulative_prod([], include_initial=True) = [1.0]; cumulative_prod([nan, 1.0]) = [nan, nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.cumulative_prod([1.0, 2.0, 3.0]) -> [1.0, 2.0, 6.0]"""

def cumulative_sum(
    x: TensorLike, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False,
) -> Tensor:
    """The running sum along ``axis``, which must be given unless x has one dimension; of int32 and bool in int64.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``dtype``: that x is brought to first; ``include_initial``: whether
    the sum of nothing, 0, comes first, so that there is one more
    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x; one longer along axis where include_initial
    Edges: cumulative_sum([], include_initial=True) = [0.0]; cumulative_sum([nan, 1.0]) = [nan, nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.cumulative_sum([1.0, 2.0, 3.0]) -> [1.0, 3.0, 6.0]"""

def diag(x: TensorLike, /, k: int = 0) -> Tensor:
    """Of a vector the matrix with it on diagonal ``k``; of a matrix the vector of its diagonal ``k``.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (n,) -> (n + |k|, n + |k|), and back
    Edges: diag([[1.0]], k=3) = []
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.diag([1.0, 2.0]) -> [[1.0, 0.0], [0.0, 2.0]]"""

def diagonal(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements whose indices along two axes differ by ``offset``, as a new last axis.

    Arguments: ``x``: of two dimensions or more; ``offset``: of the diagonal above the main one; ``axis1``: the rows;
    ``axis2``: the columns, another axis
    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without axis1 and axis2, the diagonal's length last
    Edges: diagonal([[1.0]], offset=5) = []
    Derivative: linear: the tangent is the operation on the operand's, the cotangent its transpose
    Raises: ShapeError, DTypeError
    Example: gd.diagonal([[1.0, 2.0], [3.0, 4.0]]) -> [1.0, 4.0]"""

def diff(
    x: TensorLike,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: TensorLike | None = None,
    append: TensorLike | None = None,
) -> Tensor:
    """The differences of neighbours along ``axis``, taken ``n`` times.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``n``: how many times, 0 or more; ``prepend``: what is put before x
    along axis first, of as many dimensions, or one number; ``append``: what is put behind
    Dtypes: float32, float64, int32, int64
    Shapes: of x, shorter by n along axis, 0 at least
    Edges: diff([1.0], n=4) = []; diff([inf, inf]) = [nan]; diff([1.0, 3.0], n=0) = [1.0, 3.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.diff([1.0, 3.0, 6.0]) -> [2.0, 3.0]"""

def digamma(x: TensorLike, /) -> Tensor:
    """The logarithmic derivative of Gamma.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: digamma(0.0) = -inf; digamma(-1.0) = nan; digamma(inf) = inf; digamma(nan) = nan
    Derivative: dy/dx = polygamma(1, x)
    Accuracy: within 12 ulp; first derivatives 3, second 9
    Raises: DTypeError for other dtypes
    Example: gd.digamma([1.0, 5.0]) -> [-0.5772157, 1.506118]
    Source: DLMF 5.2.2"""

def divide(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 / x2, floats only.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: divide(1.0, 0.0) = inf; divide(0.0, 0.0) = nan; divide(inf, inf) = nan
    Derivative: dy/dx1 = 1 / x2; dy/dx2 = −y / x2
    Accuracy: within 1 ulp; first derivatives 1.5, second 2.5
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.divide([1.0, 3.0], 2.0) -> [0.5, 1.5]"""

def dot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The sum of products over the last axis of x1 and the last but one of x2 (its only one), without broadcasting,
    as NumPy's; the product where one is 0-d.

    Dtypes: float32, float64, int32, int64
    Shapes: (..., k), (..., k, n) -> (..., ..., n)
    Edges: dot([], []) = 0.0; dot([inf], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.dot([1.0, 2.0], [3.0, 4.0]) -> 11.0"""

def einsum(subscripts: str, /, *xs: TensorLike) -> Tensor:
    """Sums of products by Einstein's convention: ``einsum("bij,bjk->bik", x, y)``.

    Without ``->`` the result has the letters that occur once, in the alphabet's order; a letter twice in one operand
    is its diagonal; ``...`` stands for further dimensions, which broadcast; so does a dimension of 1. More than two
    operands are multiplied in a greedy order, named dimensions counting as 64 in the choice.
    Raises ShapeError for subscripts that do not fit the operands.

    Dtypes: float32, float64, int32, int64
    Shapes: as the subscripts say
    Edges: einsum('i,i->', [], []) = 0.0; the order of products may differ from NumPy's
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.einsum('ij,j->i', [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]) -> [3.0, 7.0]"""

def empty(shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """What ``gd.zeros`` gives: no Tensor has elements that nobody has written, and zeros cost nothing.

    Dtypes: the result has dtype
    Shapes: shape
    Edges: empty(()) = 0.0; a named size is open until the call
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.empty((2,)) -> [0.0, 0.0]"""

def empty_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """What ``gd.zeros_like`` gives: no Tensor has elements that nobody has written, and zeros cost nothing.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: empty_like([True]) = [False]
    Derivative: none, as if it were 0
    Raises: DTypeError
    Example: gd.empty_like([1.0, 2.0]) -> [0.0, 0.0]"""

def equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 == x2.

    Dtypes: float32, float64, int32, int64, bool; the result is bool
    Shapes: the operands broadcast
    Edges: equal(nan, 1) = False; equal(nan, nan) = False; equal(inf, inf) = True
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.equal([1.0, 2.0, 3.0], 2.0) -> [False, True, False]"""

def erf(x: TensorLike, /) -> Tensor:
    """The error function.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: erf(inf) = 1.0; erf(-inf) = -1.0; erf(nan) = nan; erf(0.0) = 0.0
    Derivative: dy/dx = exp(−x²) · 2/√π
    Accuracy: within 1 ulp; first derivatives 2, second 12.5
    Raises: DTypeError for other dtypes
    Example: gd.erf([0.5, 1.0]) -> [0.5204999, 0.8427008]
    Source: DLMF 7.2.1"""

def erfc(x: TensorLike, /) -> Tensor:
    """1 - erf(x), accurate for large x.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: erfc(inf) = 0.0; erfc(-inf) = 2.0; erfc(nan) = nan; erfc(0.0) = 1.0
    Derivative: dy/dx = exp(−x²) · (−1.1284)
    Accuracy: within 2.5 ulp; first derivatives 2, second 12.5
    Raises: DTypeError for other dtypes
    Example: gd.erfc([0.5, 5.0]) -> [0.4795001, 1.53746e-12]
    Source: DLMF 7.2.2"""

def erfcx(x: TensorLike, /) -> Tensor:
    """exp(x**2) * erfc(x), which neither overflows nor vanishes at large x.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: erfcx(inf) = 0.0; erfcx(-inf) = inf; erfcx(0.0) = 1.0; erfcx(nan) = nan; erfcx'(inf) = 0.0
    Derivative: dy/dx = erfcx_derivative(1, x)
    Accuracy: within 4 ulp; first derivatives 6, second 10
    Raises: DTypeError for other dtypes
    Example: gd.erfcx([0.5, 1e5]) -> [0.6156903, 5.641896e-06]
    Source: DLMF 7.12.1; derivatives: DLMF 7.18.4"""

def erfinv(x: TensorLike, /) -> Tensor:
    """The inverse of erf; infinite at -1 and 1, NaN outside.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: erfinv(1.0) = inf; erfinv(-1.0) = -inf; erfinv(2.0) = nan; erfinv(nan) = nan
    Derivative: dy/dx = 1 / exp(−y²) · 0.88623
    Accuracy: within 1 ulp; first derivatives 25, second 50
    Raises: DTypeError for other dtypes
    Example: gd.erfinv([0.0, 0.5]) -> [0.0, 0.4769363]
    Source: derivative: DLMF 7.17.1 and the inverse function rule"""

def exp(x: TensorLike, /) -> Tensor:
    """e ** x.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: exp(inf) = inf; exp(-inf) = 0.0; exp(nan) = nan; exp'(-inf) = 0.0
    Derivative: dy/dx = y
    Accuracy: within 1 ulp; first derivatives 1, second 1
    Raises: DTypeError for other dtypes
    Example: gd.exp([0.0, 1.0]) -> [1.0, 2.718282]"""

def exp2(x: TensorLike, /) -> Tensor:
    """2 ** x.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: exp2(inf) = inf; exp2(-inf) = 0.0; exp2(nan) = nan; exp2(10.0) = 1024.0
    Derivative: dy/dx = y · 0.69315
    Accuracy: within 1 ulp; first derivatives 1.5, second 2.5
    Raises: DTypeError for other dtypes
    Example: gd.exp2([0.0, 1.5]) -> [1.0, 2.828427]"""

def expand_dims(x: TensorLike, /, axis: Ints = 0) -> Tensor:
    """A dimension of size 1 put in at ``axis`` (an int or a tuple of places in the result).

    Dtypes: float32, float64, int32, int64, bool
    Shapes: with a dimension of 1 at each axis
    Edges: expand_dims(1.0, (0, 1)) = [[1.0]]; an axis may be negative: counted in the result
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.expand_dims([1.0, 2.0], 0) -> [[1.0, 2.0]]"""

def expit(x: TensorLike, /) -> Tensor:
    """1 / (1 + exp(-x)): SciPy's name of ``gd.nn.sigmoid``.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: expit(inf) = 1.0; expit(-inf) = 0.0; expit(nan) = nan
    Derivative: by its body
    Raises: DTypeError
    Example: gd.expit([0.0, 1.0]) -> [0.5, 0.7310586]"""

def expm1(x: TensorLike, /) -> Tensor:
    """e ** x - 1, accurate near 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: expm1(inf) = inf; expm1(-inf) = -1.0; expm1(nan) = nan; expm1(0.0) = 0.0
    Derivative: dy/dx = exp(x)
    Accuracy: within 1.5 ulp; first derivatives 1, second 1
    Raises: DTypeError for other dtypes
    Example: gd.expm1([1e-5, 1.0]) -> [1.000005e-05, 1.718282]"""

def eye(n_rows: SizeLike, n_cols: SizeLike | None = None, /, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Ones on diagonal ``k`` of a matrix, square unless ``n_cols`` is given, and zeros elsewhere.

    Arguments: ``n_rows``: a size; ``n_cols``: a size; n_rows unless given; ``k``: the diagonal, above the main one;
    ``dtype``: of the result
    Dtypes: the result has dtype
    Shapes: (n_rows, n_cols)
    Edges: eye(2, k=5) = [[0.0, 0.0], [0.0, 0.0]]
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.eye(2) -> [[1.0, 0.0], [0.0, 1.0]]"""

def flip(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """The order of elements along axes reversed (all axes unless given).

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: flip([]) = []
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.flip([1.0, 2.0, 3.0]) -> [3.0, 2.0, 1.0]"""

def floor(x: TensorLike, /) -> Tensor:
    """The greatest integer not above x, in x's dtype.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: floor(inf) = inf; floor(nan) = nan; floor(7) = 7; integers stay as they are
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.floor([1.2, -1.7, 2.5]) -> [1.0, -2.0, 2.0]"""

def floor_divide(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """floor(x1 / x2); integers divided by zero give 0, as in NumPy.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: floor_divide(1.0, 0.0) = inf; floor_divide(0.0, 0.0) = nan; floor_divide(7, 0) = 0
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.floor_divide([7.0, -7.0], 2.0) -> [3.0, -4.0]"""

def fmax(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger of two; where one is NaN the other one. Derivatives as maximum's, none to a NaN that lost.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: fmax(nan, 1.0) = 1.0; fmax(nan, nan) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.fmax([1.0, nan], [2.0, 3.0]) -> [2.0, 3.0]"""

def fmin(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller of two; where one is NaN the other one. Derivatives as minimum's, none to a NaN that lost.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: fmin(nan, 1.0) = 1.0; fmin(nan, nan) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.fmin([1.0, nan], [2.0, 3.0]) -> [1.0, 3.0]"""

def full(shape: ShapeLike, fill_value: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """``fill_value`` (a number or a 0-d Tensor) at every place of ``shape``, in its own dtype unless given.

    Dtypes: the result has dtype, or fill_value's
    Shapes: shape
    Edges: full((1,), nan) = [nan]; a named size is open until the call
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.full((2,), 7.0) -> [7.0, 7.0]"""

def full_like(x: TensorLike, /, fill_value: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """``fill_value`` at every place of x's shape, in x's dtype unless given.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: full_like([1.0], inf) = [inf]
    Derivative: by its body
    Raises: DTypeError
    Example: gd.full_like([1.0, 2.0], 7.0) -> [7.0, 7.0]"""

def gamma(x: TensorLike, /) -> Tensor:
    """The gamma function; NaN at negative integers.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: gamma(0.0) = inf; gamma(-1.0) = nan; gamma(inf) = inf; gamma(-inf) = nan; gamma(nan) = nan
    Derivative: dy/dx = y · digamma(x)
    Accuracy: within 8 ulp; first derivatives 10, second 12
    Raises: DTypeError for other dtypes
    Example: gd.gamma([5.0, 0.5]) -> [24.0, 1.772454]
    Source: DLMF 5.2.1; derivative: DLMF 5.2.2"""

def gammainc(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The regularised lower incomplete gamma function of shape x1 at x2, the distribution function of the gamma
    distribution; NaN where one of them is negative. Differentiable by both, twice.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: gammainc(1.0, 0.0) = 0.0; gammainc(1.0, inf) = 1.0; gammainc(0.0, 1.0) = 1.0; gammainc(-1.0, 1.0) = nan;
    gammainc(1.0, -1.0) = nan; gammainc(1.0, nan) = nan
    Derivative: dy/dx1 = gammainc_by_a(x1, x2); dy/dx2 = gamma_density(x1, x2)
    Accuracy: within 40 ulp; first derivatives 40, second 200
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.gammainc([1.0, 5.0], [1.0, 3.0]) -> [0.6321206, 0.1847367]
    Source: DLMF 8.2.4, 8.11.4, 8.9.2; by shape the integral of the density times log(t) - digamma(x1)"""

def gammaincc(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """1 - gammainc(x1, x2), with all its digits in the upper tail.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: gammaincc(1.0, 0.0) = 1.0; gammaincc(1.0, inf) = 0.0; gammaincc(0.0, 1.0) = 0.0; gammaincc(-1.0, 1.0) = nan;
    gammaincc(1.0, nan) = nan
    Derivative: dy/dx1 = −gammainc_by_a(x1, x2); dy/dx2 = −gamma_density(x1, x2)
    Accuracy: within 40 ulp; first derivatives 40, second 200
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.gammaincc([1.0, 5.0], [1.0, 30.0]) -> [0.3678795, 3.624301e-09]
    Source: as gammainc"""

def gather_nd(x: TensorLike, indices: TensorLike, /, batch_dims: int = 0) -> Tensor:
    """x at indices of its first q dimensions, q the size of ``indices``' last; the first ``batch_dims`` dimensions of
    both go together. Negative ones count from the end, one out of range fails the call. Shape:
    indices.shape[:-1] + x.shape[batch_dims + q:].

    Dtypes: float32, float64, int32, int64, bool
    Shapes: indices.shape[:-1] + x.shape[batch_dims + q:]
    Edges: gather_nd([1.0, 2.0], [[-1]]) = [2.0]; an index used twice has its gradients added up
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.gather_nd([[1.0, 2.0], [3.0, 4.0]], [[1, 0], [0, 1]]) -> [3.0, 2.0]
    Source: as ONNX GatherND"""

def gradient(
    f: TensorLike, /, *spacing: TensorLike, axis: Axes = None, edge_order: int = 1,
) -> Tensor | tuple[Tensor, ...]:
    """The slopes of values on a grid: second-order accurate differences inside, one-sided ones at both ends. Of one
    axis a Tensor, of several a tuple of them.

    Arguments: ``f``: the values; ``spacing``: their distance, a number for all axes or one for each, or coordinates of
    one dimension; ``axis``: an int or several, all of them unless given; ``edge_order``: 1 or 2, the accuracy at the
    ends
    Dtypes: float32, float64
    Shapes: of f, as is each result's; edge_order + 1 elements at least along each axis
    Edges: gradient([1.0, 3.0]) = [2.0, 2.0]; gradient([1.0, inf, 2.0]) = [inf, 0.5, -inf]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.gradient([1.0, 2.0, 4.0]) -> [1.0, 1.5, 2.0]
    Source: as numpy.gradient; Fornberg 1988"""

def greater(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 > x2.

    Dtypes: float32, float64, int32, int64; the result is bool
    Shapes: the operands broadcast
    Edges: greater(nan, 1) = False; greater(nan, nan) = False; greater(inf, inf) = False
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.greater([1.0, 2.0, 3.0], 2.0) -> [False, False, True]"""

def greater_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 >= x2.

    Dtypes: float32, float64, int32, int64; the result is bool
    Shapes: the operands broadcast
    Edges: greater_equal(nan, 1) = False; greater_equal(nan, nan) = False; greater_equal(inf, inf) = True
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.greater_equal([1.0, 2.0, 3.0], 2.0) -> [False, True, True]"""

def histogram(x: TensorLike, edges: TensorLike, /) -> Tensor:
    """How many elements lie between each two neighbours of the ascending ``edges``, int64: from the lower on, below the
    upper, which counts too for the last. Elements beside the edges, and NaN, are in none. Edges that do not ascend are
    told: fed ones by the call (FeedError).

    Dtypes: float32, float64, int32, int64
    Shapes: any, (n + 1,) -> (n,)
    Edges: histogram([1.0, 2.0, 3.0, nan], [1.0, 2.0]) = [2]
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.histogram([0.0, 0.5, 1.0, 2.0], [0.0, 1.0, 2.0]) -> [2, 2]
    Source: as numpy.histogram"""

def hypot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """sqrt(x1**2 + x2**2) without overflow; derivative 0 at the origin.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: hypot(inf, nan) = inf; hypot(3.0, 4.0) = 5.0; hypot(nan, 1.0) = nan
    Derivative: dy/dx1 = 18 operations over x1, x2, y; dy/dx2 = 18 operations over x1, x2, y
    Accuracy: within 1.5 ulp; first derivatives 2, second 4
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.hypot([3.0, 5.0], [4.0, 12.0]) -> [5.0, 13.0]"""

def i0(x: TensorLike, /) -> Tensor:
    """The modified Bessel function of the first kind of order 0; NaN at infinities, as SciPy's.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: i0(0.0) = 1.0; i0(1000.0) = inf; i0(nan) = nan
    Derivative: dy/dx = i1(x)
    Accuracy: within 5 ulp; first derivatives 5, second 5
    Raises: DTypeError for other dtypes
    Example: gd.i0([0.0, 1.0]) -> [1.0, 1.266066]
    Source: DLMF 10.25.2 and 10.32.1; derivative: 10.29.3"""

def i0e(x: TensorLike, /) -> Tensor:
    """exp(-|x|) i0(x), which does not overflow. Its kink at 0 has the derivative 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: i0e(0.0) = 1.0; i0e(inf) = 0.0; i0e(nan) = nan; i0e'(0.0) = 0.0
    Derivative: dy/dx = i0e_derivative(1, x)
    Accuracy: within 4 ulp; first derivatives 4, second 4
    Raises: DTypeError for other dtypes
    Example: gd.i0e([0.0, 1000.0]) -> [1.0, 0.01261724]
    Source: DLMF 10.25.2 and 10.32.1, which derivatives follow from too"""

def i1(x: TensorLike, /) -> Tensor:
    """The modified Bessel function of the first kind of order 1; NaN at infinities, as SciPy's.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: i1(0.0) = 0.0; i1(1000.0) = inf; i1(-1000.0) = -inf; i1(nan) = nan; i1'(0.0) = 0.5
    Derivative: dy/dx = 0.5 · (i0(x) + bessel_i(2, x))
    Accuracy: within 5 ulp; first derivatives 5, second 6
    Raises: DTypeError for other dtypes
    Example: gd.i1([0.0, 1.0]) -> [0.0, 0.5651591]
    Source: DLMF 10.25.2 and 10.32.1; derivative: 10.29.1"""

def i1e(x: TensorLike, /) -> Tensor:
    """exp(-|x|) i1(x), which does not overflow. Its kink at 0 has the derivative 1/2, its second one 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: i1e(0.0) = 0.0; i1e(inf) = 0.0; i1e(nan) = nan; i1e'(0.0) = 0.5
    Derivative: dy/dx = i1e_derivative(1, x)
    Accuracy: within 4 ulp; first derivatives 4, second 5
    Raises: DTypeError for other dtypes
    Example: gd.i1e([0.0, 1000.0]) -> [0.0, 0.01261093]
    Source: DLMF 10.25.2 and 10.32.1, which derivatives follow from too"""

def imag(x: TensorLike, /) -> Tensor:
    """The imaginary part, which is 0: there are no complex dtypes.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: imag(7.0) = 0.0
    Derivative: none, as if it were 0
    Raises: DTypeError
    Example: gd.imag([1.0, 2.0]) -> [0.0, 0.0]"""

def interp(
    x: TensorLike,
    xp: TensorLike,
    fp: TensorLike,
    /,
    left: TensorLike | None = None,
    right: TensorLike | None = None,
    period: float | None = None,
) -> Tensor:
    """The piecewise linear function through the points (xp, fp), at ``x``; constant beside them. An ``xp`` that
    does not ascend is told: a fed one by the call (FeedError). At a point the slope is that of the piece behind.

    Arguments: ``x``: of any shape; ``xp``: where the points are, ascending; ``fp``: their values; ``left``: the value
    before xp[0], fp[0] unless given; ``right``: that behind xp[-1], fp[-1] unless given; ``period``: that of x and xp,
    which then may be in any order; there is no left and right of it
    Dtypes: float32, float64
    Shapes: any, (n,), (n,) -> that of x
    Edges: interp(nan, [0.0, 1.0], [0.0, 1.0]) = nan; interp([-inf, inf], [0.0, 1.0], [2.0, 3.0]) = [2.0, 3.0];
    interp(350.0, [10.0, 330.0], [1.0, 3.0], period=360.0) = 2.0
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.interp([0.5, 3.0], [0.0, 1.0, 2.0], [0.0, 10.0, 0.0]) -> [5.0, 0.0]
    Source: as numpy.interp"""

def isfinite(x: TensorLike, /) -> Tensor:
    """Whether x is neither NaN nor infinite.

    Dtypes: float32, float64, int32, int64; the result is bool
    Shapes: of x, as is the result's
    Edges: isfinite(nan) = False; isfinite(inf) = False; isfinite(0.0) = True; isfinite(7) = True
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.isfinite([1.0, inf, nan]) -> [True, False, False]"""

def isinf(x: TensorLike, /) -> Tensor:
    """Whether x is infinite.

    Dtypes: float32, float64, int32, int64; the result is bool
    Shapes: of x, as is the result's
    Edges: isinf(nan) = False; isinf(inf) = True; isinf(0.0) = False; isinf(7) = False
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.isinf([1.0, inf, nan]) -> [False, True, False]"""

def isnan(x: TensorLike, /) -> Tensor:
    """Whether x is NaN.

    Dtypes: float32, float64, int32, int64; the result is bool
    Shapes: of x, as is the result's
    Edges: isnan(nan) = True; isnan(inf) = False; isnan(0.0) = False; isnan(7) = False
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.isnan([1.0, inf, nan]) -> [False, False, True]"""

def j0(x: TensorLike, /) -> Tensor:
    """The Bessel function of the first kind of order 0; near its zeros errors are of its envelope's last place.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: j0(0.0) = 1.0; j0(inf) = nan; j0(nan) = nan
    Derivative: dy/dx = −j1(x)
    Accuracy: within 4 ulp; first derivatives 4, second 4
    Raises: DTypeError for other dtypes
    Example: gd.j0([0.0, 1.0]) -> [1.0, 0.7651977]
    Source: DLMF 10.2.2; derivative: 10.6.3"""

def j1(x: TensorLike, /) -> Tensor:
    """The Bessel function of the first kind of order 1; near its zeros errors are of its envelope's last place.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: j1(0.0) = 0.0; j1(inf) = nan; j1(nan) = nan; j1'(0.0) = 0.5
    Derivative: dy/dx = 0.5 · (j0(x) − bessel_j(2, x))
    Accuracy: within 4 ulp; first derivatives 4, second 4
    Raises: DTypeError for other dtypes
    Example: gd.j1([0.0, 1.0]) -> [0.0, 0.4400506]
    Source: DLMF 10.2.2; derivative: 10.6.1"""

def k0e(x: TensorLike, /) -> Tensor:
    """exp(x) times the modified Bessel function of the second kind of order 0; NaN below 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: k0e(0.0) = inf; k0e(inf) = 0.0; k0e(-1.0) = nan; k0e(nan) = nan
    Derivative: dy/dx = k0e_derivative(1, x)
    Accuracy: within 4 ulp; first derivatives 5, second 5
    Raises: DTypeError for other dtypes
    Example: gd.k0e([1.0, 1000.0]) -> [1.144463, 0.03962832]
    Source: DLMF 10.31 and 10.32.9, which derivatives follow from too"""

def k1e(x: TensorLike, /) -> Tensor:
    """exp(x) times the modified Bessel function of the second kind of order 1; NaN below 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: k1e(0.0) = inf; k1e(inf) = 0.0; k1e(-1.0) = nan; k1e(nan) = nan
    Derivative: dy/dx = k1e_derivative(1, x)
    Accuracy: within 4 ulp; first derivatives 5, second 6
    Raises: DTypeError for other dtypes
    Example: gd.k1e([1.0, 1000.0]) -> [1.636153, 0.03964813]
    Source: DLMF 10.31 and 10.32.9, which derivatives follow from too"""

def kron(a: TensorLike, b: TensorLike, /) -> Tensor:
    """The Kronecker product: b times each element of a, in a's order, block beside block.

    Dtypes: float32, float64, int32, int64
    Shapes: each size the product of both, those of the shorter filled up with 1 in front
    Edges: kron(2.0, 3.0) = 6.0; kron([inf], [0.0]) = [nan]
    Derivative: by its body
    Raises: DTypeError
    Example: gd.kron([1.0, 2.0], [1.0, 1.0]) -> [1.0, 1.0, 2.0, 2.0]"""

def less(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 < x2.

    Dtypes: float32, float64, int32, int64; the result is bool
    Shapes: the operands broadcast
    Edges: less(nan, 1) = False; less(nan, nan) = False; less(inf, inf) = False
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.less([1.0, 2.0, 3.0], 2.0) -> [True, False, False]"""

def less_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 <= x2.

    Dtypes: float32, float64, int32, int64; the result is bool
    Shapes: the operands broadcast
    Edges: less_equal(nan, 1) = False; less_equal(nan, nan) = False; less_equal(inf, inf) = True
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.less_equal([1.0, 2.0, 3.0], 2.0) -> [True, True, False]"""

def lgamma(x: TensorLike, /) -> Tensor:
    """The logarithm of |Gamma(x)|.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: lgamma(0.0) = inf; lgamma(-1.0) = inf; lgamma(inf) = inf; lgamma(nan) = nan
    Derivative: dy/dx = digamma(x)
    Accuracy: within 1.5 ulp; first derivatives 12, second 3
    Raises: DTypeError for other dtypes
    Example: gd.lgamma([1.0, 5.0]) -> [0.0, 3.178054]
    Source: DLMF 5.2.1; its derivative is digamma, DLMF 5.2.2"""

def linspace(
    start: TensorLike, stop: TensorLike, /, num: SizeLike = 50, endpoint: bool = True, dtype: DTypeLike | None = None,
) -> Tensor:
    """``num`` evenly spaced numbers from ``start`` to ``stop`` (numbers or 0-d Tensors), the last one stop itself
    unless ``endpoint`` is False.

    Arguments: ``start``: a number or a 0-d Tensor; ``stop``: likewise; ``num``: how many; ``endpoint``: whether stop is
    the last; ``dtype``: of the result
    Dtypes: the result has dtype, or that of the ends
    Shapes: (num,)
    Edges: linspace(0.0, 1.0, 1) = [0.0]; linspace(0.0, 1.0, 0) = []
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linspace(0.0, 1.0, 3) -> [0.0, 0.5, 1.0]"""

def log(x: TensorLike, /) -> Tensor:
    """The natural logarithm; -inf at 0, NaN below.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: log(0.0) = -inf; log(-1.0) = nan; log(inf) = inf; log(nan) = nan; log'(0.0) = inf
    Derivative: dy/dx = 1 / x
    Accuracy: within 1 ulp; first derivatives 1, second 2.5
    Raises: DTypeError for other dtypes
    Example: gd.log([1.0, 2.0]) -> [0.0, 0.6931472]"""

def log10(x: TensorLike, /) -> Tensor:
    """The logarithm to base 10.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: log10(0.0) = -inf; log10(-1.0) = nan; log10(inf) = inf; log10(nan) = nan
    Derivative: dy/dx = 0.43429 / x
    Accuracy: within 1.5 ulp; first derivatives 2, second 3.5
    Raises: DTypeError for other dtypes
    Example: gd.log10([1.0, 100.0]) -> [0.0, 2.0]"""

def log1mexp(x: TensorLike, /) -> Tensor:
    """log(1 - exp(x)) of x <= 0 with all its digits, near 0 and far below; NaN above.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: log1mexp(0.0) = -inf; log1mexp(-inf) = 0.0; log1mexp(1.0) = nan; log1mexp(nan) = nan; log1mexp'(-inf) = 0.0
    Derivative: dy/dx = log1mexp_slope(x)
    Accuracy: within 3 ulp; first derivatives 3, second 5
    Raises: DTypeError for other dtypes
    Example: gd.log1mexp([-1e-10, -1.0]) -> [-23.02585, -0.4586751]
    Source: Maechler 2012, Accurately computing log(1 - exp(-|a|))"""

def log1p(x: TensorLike, /) -> Tensor:
    """log(1 + x), accurate near 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: log1p(-1.0) = -inf; log1p(-2.0) = nan; log1p(inf) = inf; log1p(nan) = nan
    Derivative: dy/dx = 1 / (x + 1)
    Accuracy: within 1 ulp; first derivatives 1.5, second 3
    Raises: DTypeError for other dtypes
    Example: gd.log1p([1e-5, 1.0]) -> [9.99995e-06, 0.6931472]"""

def log2(x: TensorLike, /) -> Tensor:
    """The logarithm to base 2.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: log2(0.0) = -inf; log2(-1.0) = nan; log2(inf) = inf; log2(nan) = nan
    Derivative: dy/dx = 1 / x · 1.4427
    Accuracy: within 1.5 ulp; first derivatives 1, second 2.5
    Raises: DTypeError for other dtypes
    Example: gd.log2([1.0, 8.0]) -> [0.0, 3.0]"""

def log_ndtr(x: TensorLike, /) -> Tensor:
    """The logarithm of ndtr(x), where that itself vanishes too. Two derivatives keep their digits far out.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: log_ndtr(-inf) = -inf; log_ndtr(inf) = 0.0; log_ndtr(0.0) = -0.6931472; log_ndtr(nan) = nan;
    log_ndtr'(-100.0) = 100.009998
    Derivative: dy/dx = log_ndtr_slope(x)
    Accuracy: within 2 ulp; first derivatives 3, second 5
    Raises: DTypeError for other dtypes
    Example: gd.log_ndtr([0.0, -40.0]) -> [-0.6931472, -804.6084]
    Source: derivatives by the continued fraction of Mills' ratio, DLMF 7.9.2"""

def logaddexp(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """log(exp(x1) + exp(x2)) without overflow; -inf of nothing but -inf, with derivative 0.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: logaddexp(-inf, -inf) = -inf; logaddexp(inf, 0.0) = inf; logaddexp(nan, 0.0) = nan
    Derivative: dy/dx1 = sigmoid(−inf where y = −inf else x1 − x2); dy/dx2 = sigmoid(−inf where y = −inf else x2 − x1)
    Accuracy: within 6 ulp; first derivatives 420, second 420
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.logaddexp([0.0, 1000.0], [0.0, 1000.0]) -> [0.6931472, 1000.693]"""

def logcumsumexp(x: TensorLike, /, axis: int | None = None, reverse: bool = False) -> Tensor:
    """The logarithm of the running sum of exp(x) along ``axis`` (over all elements in order unless given), from the end
    where ``reverse``. It neither overflows nor vanishes: sums are kept in units of the largest term so far.

    Dtypes: float32, float64
    Shapes: of x; without axis one dimension of all elements
    Edges: logcumsumexp([-inf, -inf, 0.0]) = [-inf, -inf, 0.0]; derivative 0 where all so far is -inf;
    logcumsumexp([inf, 0.0]) = [inf, inf]; logcumsumexp([nan, 1.0]) = [nan, nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.logcumsumexp([0.0, 0.0, 1000.0]) -> [0.0, 0.6931472, 1000.0]
    Source: the running maximum and sum of Milakov and Gimelshein 2018, arXiv:1805.02867"""

def logdiffexp(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """log(exp(x1) - exp(x2)) without overflow, of x1 >= x2; -inf where they are equal, infinite ones included; NaN
    where x1 is less.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: logdiffexp(-inf, -inf) = -inf; logdiffexp(3.0, 3.0) = -inf; logdiffexp(3.0, -inf) = 3.0; logdiffexp(0.0, 1.0)
    = nan; logdiffexp(inf, 0.0) = inf
    Derivative: dy/dx1 = 1 − log1mexp_slope(−inf where x2 = −inf else x2 − x1); dy/dx2 = log1mexp_slope(−inf where x2 =
    −inf else x2 − x1)
    Accuracy: within 2 ulp; first derivatives 40, second 40
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.logdiffexp([1.0, 1000.0], [0.0, 999.0]) -> [0.5413249, 999.5413]"""

def logical_and(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 and x2.

    Dtypes: bool
    Shapes: the operands broadcast
    Edges: bools alone; write x != 0 of numbers
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.logical_and([True, True], [True, False]) -> [True, False]"""

def logical_not(x: TensorLike, /) -> Tensor:
    """not x.

    Dtypes: bool
    Shapes: of x, as is the result's
    Edges: bools alone; write x == 0 of numbers
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.logical_not([True, False]) -> [False, True]"""

def logical_or(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 or x2.

    Dtypes: bool
    Shapes: the operands broadcast
    Edges: bools alone; write x != 0 of numbers
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.logical_or([False, True], [False, False]) -> [False, True]"""

def logical_xor(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 differs from x2.

    Dtypes: bool
    Shapes: the operands broadcast
    Edges: bools alone; write x != 0 of numbers
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.logical_xor([True, True], [True, False]) -> [False, True]"""

def logit(x: TensorLike, /) -> Tensor:
    """log(x / (1 - x)), the inverse of the sigmoid, with all its digits near 1/2 too; NaN outside [0, 1].

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: logit(0.0) = -inf; logit(1.0) = inf; logit(0.5) = 0.0; logit(2.0) = nan; logit(nan) = nan
    Derivative: dy/dx = 1 / (x · (1 − x)) where |x − 0.5| < 0.25 else 1 / x + 1 / (1 − x)
    Accuracy: within 3 ulp; first derivatives 3, second 5
    Raises: DTypeError for other dtypes
    Example: gd.logit([0.25, 0.9]) -> [-1.098612, 2.197225]"""

def logsumexp(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes without overflow; -inf where all elements are -inf, with derivative 0.

    Dtypes: float32, float64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: logsumexp([-inf, -inf]) = -inf; logsumexp([inf, 0.0]) = inf; logsumexp([nan, 0.0]) = nan; no elements are a
    ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.logsumexp([0.0, 0.0]) -> 0.6931472"""

def matmul(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The product of matrices, batched over leading dimensions, which broadcast; 1-d operands are vectors.

    Dtypes: float32, float64, int32, int64
    Shapes: (..., m, k), (..., k, n) -> (..., m, n); of 1-d operands the k
    Edges: matmul(np.zeros((1, 0)), np.zeros((0, 1))) = [[0.0]]; matmul([[inf]], [[0.0]]) = [[nan]]
    Derivative: linear in each of its first two operands: the cotangents are two transposes
    Raises: ShapeError, DTypeError
    Example: gd.matmul([[1.0, 2.0]], [[3.0], [4.0]]) -> [[11.0]]"""

def matrix_transpose(x: TensorLike, /) -> Tensor:
    """The last two dimensions swapped.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (..., m, n) -> (..., n, m)
    Edges: matrix_transpose([[1.0, 2.0]]) = [[1.0], [2.0]]; needs two dimensions
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.matrix_transpose([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 3.0], [2.0, 4.0]]"""

def max(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The largest over axes; NaN wins. Ties share the gradient equally.

    Dtypes: float32, float64, int32, int64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: max([nan, 1.0]) = nan; no elements are a ShapeError
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.max([[1.0, 2.0], [3.0, 0.0]], axis=1) -> [2.0, 3.0]"""

def maximum(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger of x1 and x2; NaN wins. At a tie the gradient is halved.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: maximum(nan, 1.0) = nan; maximum(-inf, 1.0) = 1.0
    Derivative: dy/dx1 = 1 where x1 > x2 else 1 · 0.5 where x1 = x2; dy/dx2 = 1 where x2 > x1 else 1 · 0.5 where x2 = x1
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.maximum([1.0, 5.0], 3.0) -> [3.0, 5.0]"""

def mean(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The mean over axes, floats only; NaN of none.

    Dtypes: float32, float64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: mean([]) = nan; mean([nan, 1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.mean([[1.0, 2.0], [3.0, 4.0]], axis=0) -> [2.0, 3.0]"""

def median(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The middle element over axes, of an even number the mean of both; the elements up to it are selected, not all
    sorted. NaN where an element is NaN. The gradient goes to the elements taken; of equal ones to the first in order.

    Dtypes: float32, float64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: median([1.0, nan]) = nan; median([inf, -inf, 0.0]) = 0.0; no elements are a ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.median([3.0, 1.0, 4.0, 2.0]) -> 2.5"""

def meshgrid(*arrays: TensorLike, indexing: Literal['xy', 'ij'] = 'xy') -> list[Tensor]:
    """The coordinates of a grid: for each vector a Tensor over all of its points. The first two dimensions change
    places where ``indexing`` is "xy": rows are then along the second vector.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (m,), (n,), (k,) .. -> (n, m, k ..) each, or (m, n, k ..) for "ij"
    Edges: meshgrid([1.0]) = [[1.0]]; numbers are vectors of one
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.meshgrid([1.0, 2.0], [3.0, 4.0]) -> [[[1.0, 2.0], [1.0, 2.0]], [[3.0, 3.0], [4.0, 4.0]]]"""

def min(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The smallest over axes; NaN wins. Ties share the gradient equally.

    Dtypes: float32, float64, int32, int64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: min([nan, 1.0]) = nan; no elements are a ShapeError
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.min([[1.0, 2.0], [3.0, 0.0]], axis=1) -> [1.0, 0.0]"""

def minimum(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller of x1 and x2; NaN wins. At a tie the gradient is halved.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: minimum(nan, 1.0) = nan; minimum(inf, 1.0) = 1.0
    Derivative: dy/dx1 = 1 where x2 > x1 else 1 · 0.5 where x2 = x1; dy/dx2 = 1 where x1 > x2 else 1 · 0.5 where x1 = x2
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.minimum([1.0, 5.0], 3.0) -> [1.0, 3.0]"""

def moveaxis(x: TensorLike, /, source: Ints, destination: Ints) -> Tensor:
    """Dimensions ``source`` (an int or a tuple) moved to the places ``destination``; the others keep their order.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape in another order
    Edges: moveaxis([[1.0, 2.0]], -1, 0) = [[1.0], [2.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.moveaxis([[[1.0, 2.0]], [[3.0, 4.0]]], 0, 2) -> [[[1.0, 3.0], [2.0, 4.0]]]"""

def multiply(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 * x2.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: multiply(0.0, inf) = nan; multiply(nan, 0.0) = nan; integers wrap
    Derivative: dy/dx1 = x2; dy/dx2 = x1
    Accuracy: within 1 ulp; first derivatives 0, second 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.multiply([1.0, 2.0], [10.0, 20.0]) -> [10.0, 40.0]"""

def ndtr(x: TensorLike, /) -> Tensor:
    """The distribution function of the standard normal distribution, with all its digits in the lower tail.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: ndtr(-inf) = 0.0; ndtr(inf) = 1.0; ndtr(0.0) = 0.5; ndtr(nan) = nan
    Derivative: dy/dx = normal_density(x)
    Accuracy: within 3 ulp; first derivatives 2.5, second 4
    Raises: DTypeError for other dtypes
    Example: gd.ndtr([0.0, -10.0]) -> [0.5, 7.619853e-24]
    Source: DLMF 7.1.3 and 7.2.2"""

def ndtri(x: TensorLike, /) -> Tensor:
    """The inverse of ndtr: the quantile of the standard normal distribution; NaN outside [0, 1].

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: ndtri(0.0) = -inf; ndtri(1.0) = inf; ndtri(0.5) = 0.0; ndtri(2.0) = nan; ndtri(nan) = nan
    Derivative: dy/dx = 1 / ((x where x < 0.5 else 1 − x) · log_ndtr_slope(y where x < 0.5 else −y) where not isinf(y))
    Accuracy: within 3 ulp; first derivatives 6, second 12
    Raises: DTypeError for other dtypes
    Example: gd.ndtri([0.5, 0.975]) -> [0.0, 1.959964]
    Source: derivative: the inverse function rule"""

def negative(x: TensorLike, /) -> Tensor:
    """-x.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: negative(inf) = -inf; negative(nan) = nan; the least integer stays itself
    Derivative: dy/dx = -1
    Raises: DTypeError for other dtypes
    Example: gd.negative([1.0, -2.0]) -> [-1.0, 2.0]"""

def nextafter(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The next number after x1 towards x2 that the dtype has; x2 itself where they are equal. Its derivative is that of
    x1.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: nextafter(0.0, 0.0) = 0.0; nextafter(inf, 0.0) > 1e38; nextafter(nan, 1.0) = nan
    Derivative: dy/dx1 = 1; dy/dx2 = 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.nextafter(np.float64([1.0, 1.0]), np.float64([2.0, 0.0])) - 1.0 -> [2.220446e-16, -1.110223e-16]
    Source: IEEE 754, 5.3.1"""

def norm(x: TensorLike, /, *, axis: Axes = None, keepdims: bool = False, ord: float | Literal['fro'] = 2) -> Tensor:
    """The vector norm over axes, floats only: (sum |x|**ord)**(1/ord), the largest |x| for ord inf, the least for
    -inf, the number of nonzero elements for 0; "fro" is 2. Derivative 0 at the zero vector.

    Arguments: ``x``: what is reduced; ``axis``: an int or a tuple; all axes unless given; ``keepdims``: whether those
    axes stay, of size 1; ``ord``: a number, inf, -inf or "fro"
    Dtypes: float32, float64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: norm([]) = 0.0; norm([nan, 1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.norm([3.0, 4.0]) -> 5.0"""

def not_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 != x2.

    Dtypes: float32, float64, int32, int64, bool; the result is bool
    Shapes: the operands broadcast
    Edges: not_equal(nan, 1) = True; not_equal(nan, nan) = True; not_equal(inf, inf) = False
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.not_equal([1.0, 2.0, 3.0], 2.0) -> [True, False, True]"""

def one_hot(idx: TensorLike, /, n: SizeLike, dtype: DTypeLike | None = None) -> Tensor:
    """1 at each index along a new last axis of size ``n``, else 0; an index out of range fails the call.

    Dtypes: int32, int64 for indices; the result has dtype
    Shapes: (...) -> (..., n)
    Edges: one_hot([-1], 2) = [[0.0, 1.0]]
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.one_hot([0, 2], 3) -> [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]"""

def ones(shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Ones of ``shape``, of the default dtype unless given.

    Dtypes: the result has dtype
    Shapes: shape
    Edges: ones((0,)) = []; a named size is open until the call
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.ones((2,)) -> [1.0, 1.0]"""

def ones_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """Ones of x's shape, and of its dtype unless given.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: ones_like([True]) = [True]
    Derivative: none, as if it were 0
    Raises: DTypeError
    Example: gd.ones_like([1.0, 2.0]) -> [1.0, 1.0]"""

def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of an element of x1 and one of x2, both taken as vectors: shape (x1.size, x2.size).

    Dtypes: float32, float64, int32, int64
    Shapes: (x1.size, x2.size)
    Edges: outer([inf], [0.0]) = [[nan]]; no elements stay none
    Derivative: by its body
    Raises: DTypeError
    Example: gd.outer([1.0, 2.0], [3.0, 4.0]) -> [[3.0, 4.0], [6.0, 8.0]]"""

def pad(x: TensorLike, /, pad_width: PadWidth, mode: str = 'constant', constant_values: float = 0) -> Tensor:
    """Elements put before and after along each dimension. ``pad_width``: n, (before, after), or a pair for each
    dimension; ``mode``: "constant" (``constant_values``, a number or 0-d Tensor), "edge", "reflect", "symmetric" or
    "wrap", as in NumPy.

    Arguments: ``x``: a Tensor; ``pad_width``: n, (before, after), or a pair for each dimension; ``mode``: as above;
    ``constant_values``: a number or a 0-d Tensor
    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape with what is put before and after
    Edges: pad([1.0], 0) = [1.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.pad([1.0, 2.0], 1) -> [0.0, 1.0, 2.0, 0.0]"""

def permute_dims(x: TensorLike, /, axes: Ints) -> Tensor:
    """The dimensions in the order ``axes``.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape in the order axes
    Edges: permute_dims([[1.0, 2.0]], (-1, 0)) = [[1.0], [2.0]]
    Derivative: linear: the tangent is the operation on the operand's, the cotangent its transpose
    Raises: ShapeError, DTypeError
    Example: gd.permute_dims([[1.0, 2.0], [3.0, 4.0]], (1, 0)) -> [[1.0, 3.0], [2.0, 4.0]]"""

def polygamma(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The derivative of digamma(x2) of order x1, an integer from 0 on (NaN for other numbers); no derivative by it.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: polygamma(0.0, 1.0) = -0.5772157; polygamma(1.0, 0.0) = inf; polygamma(1.0, inf) = 0.0; polygamma(0.5, 1.0) =
    nan; polygamma(1.0, nan) = nan
    Derivative: dy/dx1 = 0; dy/dx2 = polygamma(x1 + 1, x2)
    Accuracy: within 6 ulp; first derivatives 6, second 6
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.polygamma(1, [1.0, 0.5]) -> [1.644934, 4.934802]
    Source: DLMF 5.15; 25.11.5 for its sums"""

def polyval(p: TensorLike, x: TensorLike, /) -> Tensor:
    """The polynomial with coefficients p, that of the highest power first, at each element of x; 0 of none.

    By Horner's rule. The coefficients are differentiable too; their number must be known.

    Dtypes: float32, float64, int32, int64
    Shapes: p of one dimension; of x, as is the result's
    Edges: polyval([], 2.0) = 0.0; polyval([3.0], inf) = 3.0; polyval([2.0, 1.0], inf) = inf; of these two NumPy's is
    NaN, as it starts from 0 * x
    Derivative: by its body
    Raises: ShapeError where p has another number of dimensions or a named size; DTypeError
    Example: gd.polyval([1.0, 0.0, -2.0], [0.0, 3.0]) -> [-2.0, 7.0]
    Source: Knuth, The Art of Computer Programming, vol. 2, 4.6.4"""

def positive(x: TensorLike, /) -> Tensor:
    """x itself.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: positive(nan) = nan; positive(-0.0) = -0.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.positive([1.0, -2.0]) -> [1.0, -2.0]"""

def pow(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 ** x2. For x1 = 0 the derivative by x2 is taken as 0; for x1 < 0 it is NaN.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: pow(0.0, 0.0) = 1.0; pow(nan, 0.0) = 1.0; pow(0.0, -1.0) = inf; pow(-1.0, 0.5) = nan; integer powers wrap; a
    negative one of integers gives 0, or 1 and -1 of those
    Derivative: dy/dx1 = x2 · pow(x1, 1 where x2 = 0 else x2 − 1) where not x2 = 0; dy/dx2 = y · log(1 where x1 = 0 else
    x1)
    Accuracy: within 1 ulp; first derivatives 330, second 660
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.pow([2.0, 3.0], 2.0) -> [4.0, 9.0]"""

def prod(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, dtype: DTypeLike | None = None) -> Tensor:
    """The product over axes, of int32 and bool in int64; in ``dtype`` where it is given. Derivatives hold where
    elements are zero.

    Arguments: ``x``: a Tensor; ``axis``: an int or several, all of them unless given; ``keepdims``: whether they stay,
    of size 1; ``dtype``: that x is brought to first
    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: prod([]) = 1.0; prod([nan, 1.0]) = nan
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.prod([[1.0, 2.0], [3.0, 4.0]], axis=0) -> [3.0, 8.0]"""

def quantile(x: TensorLike, q: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The q-quantiles over axes, between two elements linear. Where ``q`` is known the elements up to the largest are
    selected, not all sorted. NaN where an element is NaN, and at a q outside of [0, 1] that is fed; one that is known
    is an error. The gradient goes to the elements taken, of equal ones to the first in order, and to q.

    Arguments: ``x``: a Tensor; ``q``: from 0 to 1, of any shape; ``axis``: an int or several, all of them unless given;
    ``keepdims``: whether they stay, of size 1
    Dtypes: float32, float64
    Shapes: q.shape, then x.shape without the axes, or with 1 there where keepdims
    Edges: quantile([1.0, nan], 0.0) = nan; quantile([5.0], 0.3) = 5.0; no elements are a ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.quantile([1.0, 2.0, 3.0, 4.0], [0.0, 0.5]) -> [1.0, 2.5]
    Source: as numpy.quantile's method "linear": Hyndman and Fan 1996, number 7"""

def real(x: TensorLike, /) -> Tensor:
    """The real part, which is x itself: there are no complex dtypes.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: real(-inf) = -inf
    Derivative: by its body
    Raises: DTypeError
    Example: gd.real([1.0, 2.0]) -> [1.0, 2.0]"""

def reciprocal(x: TensorLike, /) -> Tensor:
    """1 / x, floats only.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: reciprocal(0.0) = inf; reciprocal(inf) = 0.0; reciprocal(nan) = nan
    Derivative: dy/dx = −y²
    Accuracy: within 1 ulp; first derivatives 2.5, second 3.5
    Raises: DTypeError for other dtypes
    Example: gd.reciprocal([2.0, 4.0]) -> [0.5, 0.25]"""

def remainder(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 - floor(x1 / x2) * x2, with the sign of x2.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: remainder(1.0, 0.0) = nan; remainder(5.0, inf) = 5.0; remainder(7, 0) = 0; derivative by x2 without its jumps
    Derivative: dy/dx1 = 1; dy/dx2 = −round((x1 − y) / x2)
    Accuracy: within 1 ulp; first derivatives 1, second 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.remainder([7.0, -7.0], 3.0) -> [1.0, 2.0]"""

def repeat(x: TensorLike, /, repeats: int, axis: int | None = None) -> Tensor:
    """Each element ``repeats`` times in a row along ``axis`` (of all elements in order unless given); ``repeats`` is an
    int, or one int for each element of the axis.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape with axis made longer
    Edges: repeat([1.0, 2.0], [0, 1]) = [2.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.repeat([1.0, 2.0], 2) -> [1.0, 1.0, 2.0, 2.0]"""

def reshape(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    """The same elements in another shape; one size may be -1.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: to shape, of as many elements
    Edges: -1 stands for what is left, once
    Derivative: linear: the tangent is the operation on the operand's, the cotangent its transpose
    Raises: ShapeError, DTypeError
    Example: gd.reshape([1.0, 2.0, 3.0, 4.0], (2, -1)) -> [[1.0, 2.0], [3.0, 4.0]]"""

def roll(x: TensorLike, /, shift: Ints, axis: Axes = None) -> Tensor:
    """Elements moved ``shift`` places along ``axis``, those that fall out at the end coming in at the start; over all
    elements in order unless an axis is given. ``shift`` and ``axis`` may be tuples.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: roll([1.0, 2.0], 3) = [2.0, 1.0]; roll([1.0, 2.0], -1) = [2.0, 1.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.roll([1.0, 2.0, 3.0], 1) -> [3.0, 1.0, 2.0]"""

def round(x: TensorLike, /) -> Tensor:
    """The nearest integer, halves to even, in x's dtype.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: round(inf) = inf; round(nan) = nan; round(7) = 7; integers stay as they are
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.round([1.2, -1.7, 2.5]) -> [1.0, -2.0, 2.0]"""

def rsqrt(x: TensorLike, /) -> Tensor:
    """1 / sqrt(x).

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: rsqrt(0.0) = inf; rsqrt(inf) = 0.0; rsqrt(-1.0) = nan; rsqrt(nan) = nan
    Derivative: dy/dx = (−0.5) · y · y²
    Accuracy: within 1.5 ulp; first derivatives 3.5, second 6
    Raises: DTypeError for other dtypes
    Example: gd.rsqrt([4.0, 0.25]) -> [0.5, 2.0]"""

def scatter_add(x: TensorLike, indices: TensorLike, updates: TensorLike, /) -> Tensor:
    """x with ``updates`` (shape indices.shape + x.shape[1:]) added at ``indices`` along axis 0; those of one index add
    up in order. Negative indices count from the end, one out of range fails the call.

    Dtypes: float32, float64, int32, int64
    Shapes: of x; updates: indices.shape + x.shape[1:]
    Edges: scatter_add([1.0], np.zeros((0,), int), []) = [1.0]; an index out of range fails the call
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.scatter_add([0.0, 0.0], [1, 1], [2.0, 3.0]) -> [0.0, 5.0]"""

def searchsorted(
    x1: TensorLike, x2: TensorLike, /, side: Literal['left', 'right'] = 'left', sorter: TensorLike | None = None,
) -> Tensor:
    """Where each element of ``x2`` belongs in the ascending ``x1``, int64: before equal ones, or behind them where
    ``side`` is "right". NaN is greater than every number. Where x1 is not sorted the result is some number from 0 to n.

    Arguments: ``x1``: a vector, ascending; ``x2``: of any shape; ``side``: "left" or "right"; ``sorter``: indices that
    sort x1 where it is not
    Dtypes: float32, float64, int32, int64
    Shapes: (n,), any -> that of x2
    Edges: searchsorted([1.0, nan], [nan, 2.0]) = [1, 1]; searchsorted([], [1.0]) = [0]
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.searchsorted([1.0, 2.0, 2.0, 3.0], [2.0, 0.5], side="right") -> [3, 0]"""

def segment_max(x: TensorLike, ids: TensorLike, /, n: SizeLike) -> Tensor:
    """The largest of each of ``n`` segments: row i belongs to segment ids[i], in any order; NaN wins. Rows whose id is
    outside [0, n) belong to none; a segment without rows is -inf, of integers the least there is. Ties share the
    gradient equally.

    Dtypes: float32, float64, int32, int64
    Shapes: ids.shape + rest, ids.shape -> (n,) + rest
    Edges: segment_max([1.0, nan], [0, 0], 2) = [nan, -inf]; segment_max([1.0], [1], 1) = [-inf]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.segment_max([1.0, 2.0, 3.0], [0, 1, 0], 2) -> [3.0, 2.0]
    Source: as jax.ops.segment_max"""

def segment_sum(x: TensorLike, ids: TensorLike, /, n: SizeLike) -> Tensor:
    """The sums of the rows of each of ``n`` segments: row i belongs to segment ids[i], in any order. Rows whose id is
    outside [0, n) belong to none; a segment without rows is 0.

    Dtypes: float32, float64, int32, int64
    Shapes: ids.shape + rest, ids.shape -> (n,) + rest
    Edges: segment_sum([1.0, 2.0], [-1, 2], 2) = [0.0, 0.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.segment_sum([1.0, 2.0, 3.0], [0, 1, 0], 2) -> [4.0, 2.0]
    Source: as jax.ops.segment_sum"""

def sign(x: TensorLike, /) -> Tensor:
    """-1, 0 or 1; NaN of NaN.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: sign(nan) = nan; sign(0.0) = 0.0; sign(-inf) = -1.0; sign'(0.0) = 0.0
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.sign([3.0, -2.0, 0.0]) -> [1.0, -1.0, 0.0]"""

def signbit(x: TensorLike, /) -> Tensor:
    """Whether the sign bit of x is set: of negative numbers, -0.0 and negative NaN.

    Dtypes: float32, float64; the result is bool
    Shapes: of x, as is the result's
    Edges: signbit(-0.0) = True; signbit(0.0) = False; signbit(-inf) = True; signbit(nan) = False
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.signbit([-1.0, -0.0, 2.0]) -> [True, True, False]"""

def sin(x: TensorLike, /) -> Tensor:
    """The sine.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: sin(inf) = nan; sin(nan) = nan; sin(0.0) = 0.0; sin(1e5) = 0.0357488
    Derivative: dy/dx = cos(x)
    Accuracy: within 1 ulp; first derivatives 1, second 1
    Raises: DTypeError for other dtypes
    Example: gd.sin([0.5, 1.0]) -> [0.4794255, 0.841471]"""

def sinc(x: TensorLike, /) -> Tensor:
    """sin(pi x) / (pi x), NumPy's; 1 at 0, and exactly 0 at other integers. Derivatives keep their digits near 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: sinc(0.0) = 1.0; sinc(3.0) = 0.0; sinc(inf) = nan; sinc(nan) = nan; sinc'(0.0) = 0.0
    Derivative: dy/dx = sinc_derivative(1, x)
    Accuracy: within 1.5 ulp; first derivatives 1.5, second 2.5
    Raises: DTypeError for other dtypes
    Example: gd.sinc([0.0, 0.5]) -> [1.0, 0.6366198]"""

def sinh(x: TensorLike, /) -> Tensor:
    """The hyperbolic sine.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: sinh(inf) = inf; sinh(-inf) = -inf; sinh(nan) = nan
    Derivative: dy/dx = cosh(x)
    Accuracy: within 1.5 ulp; first derivatives 1.5, second 1.5
    Raises: DTypeError for other dtypes
    Example: gd.sinh([0.0, 1.0]) -> [0.0, 1.175201]"""

def sort(x: TensorLike, /, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements along ``axis`` in ascending order, or ``descending``. NaN counts as the largest; at ties each
    element's gradient follows its place in the stable order.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``descending``: whether the largest come first; ``stable``: either way
    equal elements keep their order
    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: sort([nan, 1.0]) = [1.0, nan]; sort([nan, 1.0], descending=True) = [nan, 1.0]; equal elements keep their
    order
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.sort([3.0, 1.0, nan, 2.0]) -> [1.0, 2.0, 3.0, nan]"""

def split(x: TensorLike, /, n_or_sizes: SizeLike | Sequence[SizeLike], axis: int = 0) -> list[Tensor]:
    """A list of parts along ``axis``: n equal ones, or ones of the given sizes, which must add up to the whole.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: a list of parts of x's shape, shorter along axis
    Edges: split([1.0], [0, 1]) = [[], [1.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.split([1.0, 2.0, 3.0], [1, 2]) -> [[1.0], [2.0, 3.0]]"""

def sqrt(x: TensorLike, /) -> Tensor:
    """The square root; NaN below 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: sqrt(-1.0) = nan; sqrt(0.0) = 0.0; sqrt(inf) = inf; sqrt(nan) = nan; sqrt'(0.0) = inf
    Derivative: dy/dx = 0.5 / y
    Accuracy: within 1 ulp; first derivatives 1.5, second 3.5
    Raises: DTypeError for other dtypes
    Example: gd.sqrt([4.0, 2.0]) -> [2.0, 1.414214]"""

def square(x: TensorLike, /) -> Tensor:
    """x * x.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: square(-inf) = inf; square(nan) = nan; integers wrap
    Derivative: dy/dx = x · 2
    Accuracy: within 1 ulp; first derivatives 1, second 1
    Raises: DTypeError for other dtypes
    Example: gd.square([3.0, -2.0]) -> [9.0, 4.0]"""

def squeeze(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """Without the dimensions of size 1 at ``axis`` (all of them unless given).

    Dtypes: float32, float64, int32, int64, bool
    Shapes: without the dimensions of 1
    Edges: squeeze(1.0) = 1.0
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.squeeze([[1.0, 2.0]], 0) -> [1.0, 2.0]"""

def stack(arrays: TensorList, /, axis: int = 0) -> Tensor:
    """Tensors of one shape along a new ``axis``.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: equal shapes; as many as arrays at axis
    Edges: stack([1.0, 2.0], -1) = [1.0, 2.0]; axis may be negative: counted in the result
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.stack([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 2.0], [3.0, 4.0]]"""

def std(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, correction: float = 0) -> Tensor:
    """The square root of :func:`var`; derivative 0 where the variance is 0.

    Arguments: ``x``: what is reduced; ``axis``: an int or a tuple; all axes unless given; ``keepdims``: whether those
    axes stay, of size 1; ``correction``: what is taken off the number of elements
    Dtypes: float32, float64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: std([1.0], correction=1) = nan; std([2.0, 2.0]) = 0.0
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.std([1.0, 2.0, 3.0, 4.0]) -> 1.118034"""

def stop_gradient(x: TensorLike, /) -> Tensor:
    """x, with zero derivative.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: stop_gradient(nan) = nan; stop_gradient(inf) = inf
    Derivative: none, as if it were 0
    Raises: DTypeError
    Example: gd.stop_gradient([1.0, 2.0]) -> [1.0, 2.0]"""

def subtract(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 - x2.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast
    Edges: subtract(inf, inf) = nan; subtract(nan, 1.0) = nan; integers wrap
    Derivative: dy/dx1 = 1; dy/dx2 = -1
    Accuracy: within 1 ulp; first derivatives 0, second 0
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.subtract([1.0, 2.0], [10.0, 20.0]) -> [-9.0, -18.0]"""

def sum(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, dtype: DTypeLike | None = None) -> Tensor:
    """The sum over axes, of int32 and bool in int64; in ``dtype`` where it is given.

    Arguments: ``x``: a Tensor; ``axis``: an int or several, all of them unless given; ``keepdims``: whether they stay,
    of size 1; ``dtype``: that x is brought to first
    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: sum([]) = 0.0; sum([nan, 1.0]) = nan
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.sum([[1.0, 2.0], [3.0, 4.0]], axis=0) -> [4.0, 6.0]"""

def swapaxes(x: TensorLike, /, axis1: int, axis2: int) -> Tensor:
    """Two dimensions swapped.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape with two sizes swapped
    Edges: swapaxes([[1.0, 2.0]], -1, 0) = [[1.0], [2.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.swapaxes([[1.0, 2.0], [3.0, 4.0]], 0, 1) -> [[1.0, 3.0], [2.0, 4.0]]"""

def take(x: TensorLike, indices: TensorLike, /, axis: int = 0) -> Tensor:
    """The elements at integer ``indices`` along ``axis``; negative ones count from the end, one out of range fails the
    call.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape with indices.shape in place of axis
    Edges: take([1.0, 2.0], [-1, 1]) = [2.0, 2.0]; an index used twice has its gradients added up; one out of range
    fails the call
    Derivative: linear: the tangent is the operation on the operand's, the cotangent its transpose
    Raises: ShapeError, DTypeError
    Example: gd.take([10.0, 20.0, 30.0], [2, 0, -1]) -> [30.0, 10.0, 30.0]"""

def take_along_axis(x: TensorLike, indices: TensorLike, /, axis: int = -1) -> Tensor:
    """Matching elements at integer ``indices`` along ``axis``, other dimensions broadcast.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: indices.shape, broadcast but along axis
    Edges: take_along_axis([1.0, 2.0], [-1]) = [2.0]; an index used twice has its gradients added up; one out of range
    fails the call
    Derivative: linear: the tangent is the operation on the operand's, the cotangent its transpose
    Raises: ShapeError, DTypeError
    Example: gd.take_along_axis([[10.0, 20.0], [30.0, 40.0]], [[1], [0]], axis=1) -> [[20.0], [30.0]]"""

def tan(x: TensorLike, /) -> Tensor:
    """The tangent.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: tan(inf) = nan; tan(nan) = nan; tan(0.0) = 0.0; tan(1e5) = -0.03577166
    Derivative: dy/dx = y² + 1
    Accuracy: within 2 ulp; first derivatives 3.5, second 5
    Raises: DTypeError for other dtypes
    Example: gd.tan([0.5, 1.0]) -> [0.5463025, 1.557408]"""

def tanh(x: TensorLike, /) -> Tensor:
    """The hyperbolic tangent.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: tanh(inf) = 1.0; tanh(-inf) = -1.0; tanh(nan) = nan; tanh'(inf) = 0.0
    Derivative: dy/dx = tanh_slope(x)
    Accuracy: within 1.5 ulp; first derivatives 3, second 5
    Raises: DTypeError for other dtypes
    Example: gd.tanh([0.0, 1.0]) -> [0.0, 0.7615942]"""

def tensordot(x1: TensorLike, x2: TensorLike, /, axes: int | tuple[Ints, Ints] | list[list[int]] = 2) -> Tensor:
    """The sum of products over pairs of axes: the last ``axes`` of x1 with the first of x2, or a pair of lists of axes.

    The result has the other axes of x1, then those of x2. Raises ShapeError where sizes differ.

    Dtypes: float32, float64, int32, int64
    Shapes: the other axes of x1, then those of x2
    Edges: tensordot([2.0], [3.0], axes=0) = [[6.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.tensordot([[1.0, 2.0]], [3.0, 4.0], axes=1) -> [11.0]"""

def tile(x: TensorLike, /, repetitions: Ints) -> Tensor:
    """x laid side by side, ``repetitions`` (an int, or one for each dimension from the last) times.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape times repetitions
    Edges: tile([1.0], 0) = []
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.tile([1.0, 2.0], 2) -> [1.0, 2.0, 1.0, 2.0]"""

def topk(x: TensorLike, /, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The ``k`` largest along ``axis``, largest first, and their indices (int64); equal elements keep their order.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape with k along axis, twice
    Edges: topk([nan, 1.0], 1) = [[nan], [0]]; k may not be above the size
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.topk([3.0, 1.0, 2.0], 2) -> [[3.0, 2.0], [0, 2]]"""

def trace(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal: of the first two axes unless given, as NumPy's.

    Arguments: ``x``: of two dimensions or more; ``offset``: of the diagonal above the main one; ``axis1``: the rows;
    ``axis2``: the columns, another axis
    Dtypes: float32, float64, int32, int64, bool
    Shapes: x.shape without axis1 and axis2
    Edges: trace([[1.0]], offset=5) = 0.0
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.trace([[1.0, 2.0], [3.0, 4.0]]) -> 5.0"""

def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: TensorLike = 1.0, axis: int = -1) -> Tensor:
    """The integral of ``y`` along ``axis`` by the trapezoidal rule.

    Arguments: ``y``: the values; ``x``: where they are, of y's shape or of one dimension; ``dx``: their distance where
    x is not given; ``axis``: an int
    Dtypes: float32, float64
    Shapes: y.shape without axis
    Edges: trapezoid([1.0]) = 0.0; trapezoid([1.0, nan]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.trapezoid([1.0, 2.0, 3.0], dx=2.0) -> 8.0"""

def tril(x: TensorLike, /, k: int = 0) -> Tensor:
    """The lower triangle of the last two dimensions: elements above diagonal ``k`` become 0.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: tril([[nan, nan], [1.0, 1.0]]) = [[nan, 0.0], [1.0, 1.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.tril([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 0.0], [3.0, 4.0]]"""

def triu(x: TensorLike, /, k: int = 0) -> Tensor:
    """The upper triangle of the last two dimensions: elements below diagonal ``k`` become 0.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: triu([[nan, nan], [nan, 1.0]]) = [[nan, nan], [0.0, 1.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.triu([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 2.0], [0.0, 4.0]]"""

def trunc(x: TensorLike, /) -> Tensor:
    """x without its fraction, in x's dtype.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: trunc(inf) = inf; trunc(nan) = nan; trunc(7) = 7; integers stay as they are
    Derivative: none, as if it were 0
    Raises: DTypeError for other dtypes
    Example: gd.trunc([1.2, -1.7, 2.5]) -> [1.0, -1.0, 2.0]"""

def unstack(x: TensorLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts of x along ``axis``, each without it: the reverse of stack.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: as many as axis has, each x.shape without axis
    Edges: unstack([1.0, 2.0]) = [1.0, 2.0]; a size known only at the call is an error
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.unstack([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 2.0], [3.0, 4.0]]"""

def var(x: TensorLike, /, axis: Axes = None, keepdims: bool = False, correction: float = 0) -> Tensor:
    """The mean squared deviation from the mean over axes, floats only: the sum of squares divided by n - correction.

    Arguments: ``x``: what is reduced; ``axis``: an int or a tuple; all axes unless given; ``keepdims``: whether those
    axes stay, of size 1; ``correction``: what is taken off the number of elements
    Dtypes: float32, float64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: var([1.0], correction=1) = nan; var([nan, 1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.var([1.0, 2.0, 3.0, 4.0]) -> 1.25"""

def vecdot(x1: TensorLike, x2: TensorLike, /, axis: int = -1) -> Tensor:
    """The inner products along ``axis`` of each, the other dimensions broadcast.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast, without axis
    Edges: vecdot([], []) = 0.0; vecdot([inf], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.vecdot([1.0, 2.0], [3.0, 4.0]) -> 11.0"""

def where(condition: TensorLike, x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 where the condition holds, else x2. A NaN in the branch not taken reaches no gradient.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: the three broadcast
    Edges: where(False, nan, 1.0) = 1.0; a NaN in the branch not taken reaches no gradient
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.where([True, False], [1.0, 2.0], 0.0) -> [1.0, 0.0]"""

def xlog1py(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 * log(1 + x2), and 0 where x1 is 0, unless x2 is NaN; log(1 + x2) keeps its digits near 0. Derivatives as
    those of xlogy.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: xlog1py(0.0, -1.0) = 0.0; xlog1py(0.0, -2.0) = 0.0; xlog1py(0.0, nan) = nan; xlog1py(2.0, -1.0) = -inf
    Derivative: dy/dx1 = log1p(x2); dy/dx2 = √x1 where x1 = 0 and x2 + 1 = 0 else x1 / (x2 + 1)
    Accuracy: within 2 ulp; first derivatives 2, second 2.5
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.xlog1py([0.0, 2.0], [-1.0, 1e-5]) -> [0.0, 1.99999e-05]"""

def xlogy(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 * log(x2), and 0 where x1 is 0, unless x2 is NaN. The derivative by x1 is log(x2), -inf where x2 is 0; that by
    x2 is x1 / x2, and 0 where both are 0; of xlogy(x, x) log(x) + 1.

    Dtypes: float32, float64
    Shapes: the operands broadcast
    Edges: xlogy(0.0, 0.0) = 0.0; xlogy(0.0, -1.0) = 0.0; xlogy(0.0, inf) = 0.0; xlogy(0.0, nan) = nan; xlogy(2.0, 0.0)
    = -inf
    Derivative: dy/dx1 = log(x2); dy/dx2 = √x1 where x1 = 0 and x2 = 0 else x1 / x2
    Accuracy: within 1.5 ulp; first derivatives 1.5, second 1.5
    Raises: DTypeError for other dtypes and those that do not promote; ShapeError for shapes that do not broadcast
    Example: gd.xlogy([0.0, 0.5], [0.0, 0.5]) -> [0.0, -0.3465736]"""

def zeros(shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of ``shape``, of the default dtype unless given.

    Dtypes: the result has dtype
    Shapes: shape
    Edges: zeros(()) = 0.0; a named size is open until the call
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.zeros((2,)) -> [0.0, 0.0]"""

def zeros_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of x's shape, and of its dtype unless given.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: of x, as is the result's
    Edges: zeros_like([True]) = [False]
    Derivative: none, as if it were 0
    Raises: DTypeError
    Example: gd.zeros_like([1.0, 2.0]) -> [0.0, 0.0]"""
