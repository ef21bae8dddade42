"""``gd.fft``: Fourier transforms of what is real, read off the registry (graphdiff/ops declares them)."""

# Made by `python -m docs.make_stubs` from the declarations in graphdiff/ops; a test keeps it current.

from .ops.types import SizeLike, Tensor, TensorLike
from collections.abc import Sequence
from typing import Literal

__all__ = [
    "irfft",
    "irfft2",
    "rfft",
    "rfft2",
]

def irfft(
    pair: tuple[TensorLike, TensorLike],
    /,
    n: SizeLike | None = None,
    axis: int = -1,
    norm: Literal['backward', 'ortho', 'forward'] | None = None,
) -> Tensor:
    """The reverse of rfft: what is real and has the first half of a Fourier transform, a pair of real and imaginary
    part. The imaginary parts of the first number, and of the middle one where n is even, are not used.

    Arguments: ``pair``: real and imaginary part; ``n``: how many elements the result has along axis, 2 (m - 1) for m of
    the pair unless given; ``axis``: an int; ``norm``: "backward" (over n), "ortho" (over its root) or "forward" (as it
    is)
    Dtypes: float32, float64
    Shapes: those of the pair with n along axis
    Edges: irfft(([1.0], [5.0]), n=1) = [1.0]; no elements are a ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.fft.irfft(([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])) -> [1.0, 0.0, 0.0, 0.0]
    Source: as numpy.fft.irfft"""

def irfft2(
    pair: tuple[TensorLike, TensorLike],
    /,
    s: Sequence[SizeLike] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: Literal['backward', 'ortho', 'forward'] | None = None,
) -> Tensor:
    """The reverse of rfft2.

    Arguments: ``pair``: real and imaginary part; ``s``: how many elements the result has along each axis, of the last 2
    (m - 1) for m of the pair unless given; ``axes``: two ints; ``norm``: as irfft's
    Dtypes: float32, float64
    Shapes: those of the pair with s along the axes
    Edges: irfft2(([[1.0]], [[0.0]]), (1, 1)) = [[1.0]]; no elements are a ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.fft.irfft2(([[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]])) -> [[1.0, 0.0], [0.0, 0.0]]
    Source: as numpy.fft.irfft2"""

def rfft(
    x: TensorLike,
    /,
    n: SizeLike | None = None,
    axis: int = -1,
    norm: Literal['backward', 'ortho', 'forward'] | None = None,
) -> tuple[Tensor, Tensor]:
    """The Fourier transform of what is real along ``axis``, real and imaginary part of its first half: the other is
    conjugate. Of any length in O(n log n).

    Arguments: ``x``: a Tensor; ``n``: how many elements are taken, zeros behind where there are fewer, all of them
    unless given; ``axis``: an int; ``norm``: "backward" (as it is), "ortho" (over the root of n) or "forward" (over n)
    Dtypes: float32, float64
    Shapes: x.shape with n // 2 + 1 along axis, twice
    Edges: rfft([1.0]) = [[1.0], [0.0]]; rfft([nan, 0.0])[0] = [nan, nan]; no elements are a ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.fft.rfft([1.0, 0.0, 0.0, 0.0]) -> [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    Source: as numpy.fft.rfft; Stockham's passes, Van Loan 1992; Bluestein 1970"""

def rfft2(
    x: TensorLike,
    /,
    s: Sequence[SizeLike] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: Literal['backward', 'ortho', 'forward'] | None = None,
) -> tuple[Tensor, Tensor]:
    """The Fourier transform of what is real along two axes, real and imaginary part, of the last the first half.

    Arguments: ``x``: a Tensor; ``s``: how many elements are taken along each axis, all of them unless given; ``axes``:
    two ints; ``norm``: as rfft's
    Dtypes: float32, float64
    Shapes: x.shape with s[0] along the first axis and s[1] // 2 + 1 along the last, twice
    Edges: rfft2([[1.0]]) = [[[1.0]], [[0.0]]]; no elements are a ShapeError
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.fft.rfft2([[1.0, 0.0], [0.0, 0.0]]) -> [[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    Source: as numpy.fft.rfft2"""
