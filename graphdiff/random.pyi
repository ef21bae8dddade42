"""``gd.random``: counter-based random numbers, read off the registry (graphdiff/ops declares them)."""

# Made by `python -m docs.make_stubs` from the declarations in graphdiff/ops; a test keeps it current.

from .ops.types import DTypeLike, ShapeLike, SizeLike, Tensor, TensorLike

__all__ = [
    "bernoulli",
    "beta",
    "categorical",
    "exponential",
    "gamma",
    "gumbel",
    "laplace",
    "normal",
    "permutation",
    "randint",
    "truncated_normal",
    "uniform",
]

def bernoulli(key: TensorLike, p: TensorLike, shape: ShapeLike) -> Tensor:
    """True with probability ``p``, bool; ``p`` is a number or a Tensor that broadcasts to ``shape``.

    1 is always and 0 never true; no derivative by p. Raises ShapeError, DTypeError, GraphError (a number that is no
    probability).

    Dtypes: int64 for the key; the result is bool
    Shapes: shape
    Edges: bernoulli(0, 0.0, (2,)) = [False, False]; the same key gives the same numbers
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.random.bernoulli(0, 1.0, (2,)) -> [True, True]
    Source: Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011"""

def beta(key: TensorLike, a: TensorLike, b: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Beta numbers of shapes ``a`` and ``b``: the share that one gamma number has in two, by their logarithms, so that
    small shapes give no 0 / 0; NaN where a shape is not above 0. Derivatives by a and b are those of gamma's.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``a``, ``b``: shapes, which broadcast to ``shape``; ``shape``:
    of the result; ``dtype``: float32 or float64, that of the shapes unless told
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: beta(0, -1.0, 1.0, (1,)) = [nan]; the same key gives the same numbers
    Derivative: by a and b, implicit
    Raises: ShapeError, DTypeError
    Example: gd.random.beta(0, 2.0, 3.0, (2,)).shape -> (2,)
    Source: Devroye 1986, Non-Uniform Random Variate Generation, IX.3; gamma numbers as gd.random.gamma"""

def categorical(key: TensorLike, logits: TensorLike, shape: ShapeLike = ()) -> Tensor:
    """Classes, int64, with the probabilities softmax(logits) over the last axis: the largest of logits and noise.

    Dtypes: float32, float64
    Shapes: (..., n) -> what the leading dimensions and shape broadcast to
    Edges: categorical(0, [0.0, -inf]) = 0; the same key gives the same classes
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.random.categorical(0, [-99.0, 9.0], (2,)) -> [1, 1]
    Source: Gumbel 1954; Maddison et al. 2014, arXiv:1411.0030"""

def exponential(key: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Exponential numbers of mean 1: -log(1 - u). Times a scale they have that mean, and its derivative.

    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: exponential(0, (0,)) = []; the same key gives the same numbers
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.random.exponential(0, (2,)).shape -> (2,)
    Source: inversion, Devroye 1986, Non-Uniform Random Variate Generation, II.2"""

def gamma(key: TensorLike, a: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Gamma numbers of shape ``a`` and scale 1, by rejection; NaN where a is not above 0.

    ``a``: a number or a Tensor that broadcasts to ``shape``. Its derivative is the implicit one, -dP/da / p of the
    distribution function P and the density p, of any order; differences of draws, whose attempts differ, are not near
    it, but those of means are.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``a``: shapes; ``shape``: of the result; ``dtype``: float32 or
    float64, that of a unless told
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: gamma(0, -1.0, (1,)) = [nan]; the same key gives the same numbers
    Derivative: by a, implicit
    Raises: ShapeError, DTypeError
    Example: gd.random.gamma(0, 2.0, (2,)).shape -> (2,)
    Source: Marsaglia and Tsang 2000, ACM TOMS 26; derivative: Figurnov et al. 2018, arXiv:1805.08498"""

def gumbel(key: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Gumbel numbers of location 0 and scale 1: -log(-log(1 - u)), u not 0.

    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: gumbel(0, (0,)) = []; the same key gives the same numbers
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.random.gumbel(0, (2,)).shape -> (2,)
    Source: inversion, Devroye 1986, Non-Uniform Random Variate Generation, II.2"""

def laplace(key: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Laplace numbers of mean 0 and scale 1: an exponential number with either sign. Scale and shift them for others.

    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: laplace(0, (0,)) = []; the same key gives the same numbers
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.random.laplace(0, (2,)).shape -> (2,)
    Source: Devroye 1986, Non-Uniform Random Variate Generation, IV.6"""

def normal(key: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Standard normal numbers, by the cosine half of Box and Muller 1958: sqrt(-2 log(1 - u)) cos(2 pi u').

    Element i is made of elements 2i and 2i + 1 of the stream; no number is beyond 5.77 (float32) or 8.58 (float64).

    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: normal(0, (0,)) = []; the same key gives the same numbers
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.random.normal(0, (2,)).shape -> (2,)
    Source: Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011; Box and Muller 1958"""

def permutation(key: TensorLike, n: SizeLike) -> Tensor:
    """The numbers 0 to n - 1 in random order, int64: the order of n integers below 2^62, of which two are the same once
    in 2^63 / n^2 calls.

    Dtypes: int64 for the key; the result is int64
    Shapes: (n,)
    Edges: permutation(0, 0) = []; permutation(0, 1) = [0]; the same key gives the same order
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.random.permutation(0, 1) -> [0]
    Source: Knuth, The Art of Computer Programming, vol. 2, 3.4.2"""

def randint(key: TensorLike, shape: ShapeLike, low: TensorLike, high: TensorLike, dtype: DTypeLike = 'int64') -> Tensor:
    """Integers of [low, high), each exactly as likely as the others: rejection, no modulo (Lemire 2019).

    ``low``, ``high``: ints or integer Tensors that broadcast to ``shape``, less than 2^63 apart; where a Tensor
    ``high`` is not above ``low`` the result is ``low``. Raises ShapeError, also where high <= low is known, and
    DTypeError.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``shape``: of the result; ``low``: the least; ``high``: above
    the greatest; ``dtype``: int32 or int64
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: the same key gives the same numbers
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.random.randint(0, (2,), 5, 6) -> [5, 5]
    Source: Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011; Lemire 2019"""

def truncated_normal(
    key: TensorLike, low: TensorLike, high: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None,
) -> Tensor:
    """Standard normal numbers of [low, high], by the inverse of the distribution, in either tail too; NaN where low is
    above high.

    ``low``, ``high``: numbers or Tensors that broadcast to ``shape``, infinite ones too; differentiable.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``low``, ``high``: the bounds; ``shape``: of the result;
    ``dtype``: float32 or float64, that of the bounds unless told
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: truncated_normal(0, 1.5, 1.5, (2,)) = [1.5, 1.5]; the same key gives the same numbers
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.random.truncated_normal(0, -1.0, 1.0, (2,)).shape -> (2,)
    Source: inversion, Devroye 1986, Non-Uniform Random Variate Generation, II.2"""

def uniform(
    key: TensorLike, shape: ShapeLike, low: TensorLike = 0.0, high: TensorLike = 1.0, dtype: DTypeLike | None = None,
) -> Tensor:
    """Uniform numbers of [low, high): ``low + u * (high - low)`` with u a multiple of 2^-24 (float32) or 2^-53.

    ``key``: a 0-d integer Tensor (a ``gd.state`` advanced by an update) or an int; ``low``, ``high``: numbers or
    Tensors that broadcast to ``shape``, differentiable. Rounding may give ``high`` itself where low is not 0.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``shape``: of the result; ``low``: the least; ``high``: above
    the greatest; ``dtype``: float32 or float64
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: uniform(0, (2,), 3.0, 3.0) = [3.0, 3.0]; the same key gives the same numbers
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.random.uniform(0, (2,)).shape -> (2,)
    Source: Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011"""
