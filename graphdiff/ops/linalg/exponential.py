"""The declaration of the matrix exponential: scaling and squaring of a Padé approximant.

Its derivative is the Fréchet derivative, a block of an exponential of twice the size, and so has derivatives of every
order.
"""

from __future__ import annotations

from ...ir.dtypes import int32
from ...ir.node import Node
from ..clipping import clip
from ..comparison import equal, isfinite, less
from ..control import while_loop
from ..elementwise import abs as abs_
from ..elementwise import astype, pow, stop_gradient, where
from ..functions import log2
from ..joining import concat
from ..matmul import matmul
from ..movement import matrix_transpose
from ..opdef import composite
from ..reduce import any as any_
from ..reduce import max as max_
from ..reduce import sum as sum_
from ..registry import Sample
from ..rounding import ceil
from ..tensor import Tensor, make
from ..types import TensorLike
from .given import given
from .matrices import identity_like, largest, matrix
from .solve import solve

# Higham 2005, tables 2.3 and 2.4: the degree of the approximant, and the 1-norm up to which it is as exact as the
# dtype; how often more than the largest exponent nothing is squared
_PADE = {"float32": (7, 3.925724783138660, 160), "float64": (13, 5.371920351148152, 1100)}


def _coefficients(m: int) -> list[float]:
    """Of the numerator p(x), scaled to integers; the denominator is p(-x)."""
    out = [1.0]
    for k in range(m, 0, -1):  # Higham 2008, eq. 10.34
        out.append(out[-1] * (k * (2 * m - k + 1)) / (m - k + 1))
    return out[::-1]


def _approximant(a: Tensor, m: int) -> Tensor:
    c = _coefficients(m)
    unit, a2 = identity_like(a), matmul(a, a)
    powers = [unit, a2]
    while len(powers) < 4:
        powers.append(matmul(powers[-1], a2))

    def polynomial(terms: list[float]) -> Tensor:
        """In a2: those above a2^3 as a2^3 times a polynomial, as Higham groups them."""
        low = _weighted(terms[:4], powers)
        return low if len(terms) <= 4 else low + matmul(powers[3], _weighted([0.0, *terms[4:]], powers))

    u, v = matmul(a, polynomial(c[1::2])), polynomial(c[0::2])
    return solve(v - u, v + u)


def _weighted(terms: list[float], powers: list[Tensor]) -> Tensor:
    total = powers[0] * terms[0]
    for c, x in zip(terms[1:], powers[1:], strict=False):
        total = total + x * c
    return total


def _exponential(a: Tensor) -> Tensor:
    """The value alone."""
    m, theta, most = _PADE[a.dtype.name]
    size = max_(sum_(abs_(a), axis=-2, keepdims=True), axis=-1, keepdims=True)
    usable = isfinite(size)
    times = clip(ceil(log2(where(usable, size, 1) / theta)), 0, None)
    times = where(equal(size, 0), 0, times)
    x = _approximant(a * pow(0.5, times), m)
    left = astype(times, int32)

    def square(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        i, x = state
        return i + 1, where(less(i, left), matmul(x, x), x)

    start = astype(0 * sum_(left), int32)
    return while_loop(lambda state: any_(less(state[0], left)), square, (start, x), most)[1]


def _frechet(a: Tensor, t: Tensor) -> Tensor:
    """The derivative at ``a`` in direction ``t``: Higham 2008, eq. 3.16. It is linear in t, which is brought to size
    1, or it would be scaled for, and a lose digits."""
    n = a.shape[-1]
    size = stop_gradient(largest(t, (-2, -1)))
    size = where(equal(size, 0), 1, size)
    block = concat([concat([a, t / size], axis=-1), concat([a * 0, a], axis=-1)], axis=-2)
    return _expm(block)[..., :n, n:] * size


def _expm(a: Tensor) -> Tensor:
    return make(EXPONENTIAL, (_exponential(stop_gradient(a)), a))


def _vjp(node: Node, g: Tensor) -> list[Tensor]:
    return [_frechet(matrix_transpose(node.inputs[1]), g)]


EXPONENTIAL = given(
    "exponential",
    "Its first operand, the exponential of the second, with its derivative.",
    "float float",
    (2, 2),
    _vjp,
    lambda node, ts: _frechet(node.inputs[1], ts[0]),
)


@composite(
    namespace="linalg",
    reference="scipy.linalg.expm",
    samples=lambda rng: [
        Sample((size * rng.uniform(-1, 1, s),))
        for s, size in (((3, 3), 1.0), ((2, 3, 3), 0.1), ((1, 1), 2.0), ((2, 2), 6.0))
    ],
)
def expm(x: TensorLike, /) -> Tensor:
    """The exponentials of square matrices, sum(x^k / k!), by scaling and squaring of a Padé approximant, of degree 13
    or of float32 7. Derivatives of every order are Fréchet derivatives.

    Dtypes: float
    Shapes: (..., n, n) -> (..., n, n)
    Edges: expm([[0.0, 1.0], [0.0, 0.0]]) = [[1.0, 1.0], [0.0, 1.0]]; expm([[nan]]) = [[nan]];
    expm([[-1000.0]]) = [[0.0]]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.expm([[0.0, 0.0], [0.0, 1.0]]) -> [[1.0, 0.0], [0.0, 2.718282]]
    Source: Higham 2005, "The scaling and squaring method for the matrix exponential revisited"; derivative: Higham
    2008, eq. 3.16
    """
    x = matrix("expm", x, square=True)
    return x if x.shape[-1] == 0 else _expm(x)
