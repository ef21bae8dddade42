"""``gd.random``: counter-based random numbers, read off the registry (graphdiff/ops declares them)."""

# Made by `python -m docs.make_stubs` from the declarations in graphdiff/ops; a test keeps it current.

from .ops.types import DTypeLike, ShapeLike, Tensor, TensorLike

__all__ = [
    "bernoulli",
    "normal",
    "randint",
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
