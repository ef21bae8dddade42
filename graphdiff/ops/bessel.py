"""Declarations of Bessel functions of integer order (csrc/math/bessel.c), the modified ones scaled and not.

Each family by its order is closed: the derivative of one is made of its neighbours, of a scaled one it is the next
derivative, a positive integral of its own. So no derivative cancels, at 0 or far out.
"""

from __future__ import annotations

from .opdef import elementwise
from .samples import of_order, on

# ------------------------------------------------------------------ of the first kind
j0 = elementwise(
    "j0",
    "The Bessel function of the first kind of order 0; near its zeros errors are of its envelope's last place.\n"
    "Edges: j0(0.0) = 1.0; j0(inf) = nan; j0(nan) = nan\n"
    "Example: gd.j0([0.0, 1.0]) -> [1.0, 0.7651977]\n"
    "Source: DLMF 10.2.2; derivative: 10.6.3",
    partials=(lambda y, x: -j1(x),),
    errors=(4, 4, 4),
    reference="scipy.special.j0",
    samples=on(-5, 5),
)
j1 = elementwise(
    "j1",
    "The Bessel function of the first kind of order 1; near its zeros errors are of its envelope's last place.\n"
    "Edges: j1(0.0) = 0.0; j1(inf) = nan; j1(nan) = nan; j1'(0.0) = 0.5\n"
    "Example: gd.j1([0.0, 1.0]) -> [0.0, 0.4400506]\n"
    "Source: DLMF 10.2.2; derivative: 10.6.1",
    partials=(lambda y, x: 0.5 * (j0(x) - bessel_j(2.0, x)),),
    errors=(4, 4, 4),
    reference="scipy.special.j1",
    samples=on(-5, 5),
)
bessel_j = elementwise(
    "bessel_j",
    "The Bessel function of the first kind of order x1, an integer, at x2.",
    partials=(None, lambda y, n, x: 0.5 * (bessel_j(n - 1, x) - bessel_j(n + 1, x))),
    reference="scipy.special.jv",
    samples=of_order(0, 2, -5, 5),
    internal=True,
)


# ------------------------------------------------------------------ modified, of the first kind
i0 = elementwise(
    "i0",
    "The modified Bessel function of the first kind of order 0; NaN at infinities, as SciPy's.\n"
    "Edges: i0(0.0) = 1.0; i0(1000.0) = inf; i0(nan) = nan\n"
    "Example: gd.i0([0.0, 1.0]) -> [1.0, 1.266066]\n"
    "Source: DLMF 10.25.2 and 10.32.1; derivative: 10.29.3",
    partials=(lambda y, x: i1(x),),
    errors=(5, 5, 5),
    reference="scipy.special.i0",
    samples=on(-3, 3),
)
i1 = elementwise(
    "i1",
    "The modified Bessel function of the first kind of order 1; NaN at infinities, as SciPy's.\n"
    "Edges: i1(0.0) = 0.0; i1(1000.0) = inf; i1(-1000.0) = -inf; i1(nan) = nan; i1'(0.0) = 0.5\n"
    "Example: gd.i1([0.0, 1.0]) -> [0.0, 0.5651591]\n"
    "Source: DLMF 10.25.2 and 10.32.1; derivative: 10.29.1",
    partials=(lambda y, x: 0.5 * (i0(x) + bessel_i(2.0, x)),),
    errors=(5, 5, 6),
    reference="scipy.special.i1",
    samples=on(-3, 3),
)
bessel_i = elementwise(
    "bessel_i",
    "The modified Bessel function of the first kind of order x1, an integer, at x2.",
    partials=(None, lambda y, n, x: 0.5 * (bessel_i(n - 1, x) + bessel_i(n + 1, x))),
    reference="scipy.special.iv",
    samples=of_order(0, 2, -3, 3),
    internal=True,
)
i0e = elementwise(
    "i0e",
    "exp(-|x|) i0(x), which does not overflow. Its kink at 0 has the derivative 0.\n"
    "Edges: i0e(0.0) = 1.0; i0e(inf) = 0.0; i0e(nan) = nan; i0e'(0.0) = 0.0\n"
    "Example: gd.i0e([0.0, 1000.0]) -> [1.0, 0.01261724]\n"
    "Source: DLMF 10.25.2 and 10.32.1, which derivatives follow from too",
    partials=(lambda y, x: i0e_derivative(1.0, x),),
    errors=(4, 4, 4),
    reference="scipy.special.i0e",
    samples=on(0.2, 5),
)
i0e_derivative = elementwise(
    "i0e_derivative",
    "The derivative of i0e(x2) of order x1, an integer.",
    partials=(None, lambda y, n, x: i0e_derivative(n + 1, x)),
    reference="graphdiff.ops.orders.i0e_derivative",
    samples=of_order(0, 2, 0.2, 5),
    internal=True,
)
i1e = elementwise(
    "i1e",
    "exp(-|x|) i1(x), which does not overflow. Its kink at 0 has the derivative 1/2, its second one 0.\n"
    "Edges: i1e(0.0) = 0.0; i1e(inf) = 0.0; i1e(nan) = nan; i1e'(0.0) = 0.5\n"
    "Example: gd.i1e([0.0, 1000.0]) -> [0.0, 0.01261093]\n"
    "Source: DLMF 10.25.2 and 10.32.1, which derivatives follow from too",
    partials=(lambda y, x: i1e_derivative(1.0, x),),
    errors=(4, 4, 5),
    reference="scipy.special.i1e",
    samples=on(0.2, 5),
)
i1e_derivative = elementwise(
    "i1e_derivative",
    "The derivative of i1e(x2) of order x1, an integer.",
    partials=(None, lambda y, n, x: i1e_derivative(n + 1, x)),
    reference="graphdiff.ops.orders.i1e_derivative",
    samples=of_order(0, 2, 0.2, 5),
    internal=True,
)


# ------------------------------------------------------------------ modified, of the second kind
k0e = elementwise(
    "k0e",
    "exp(x) times the modified Bessel function of the second kind of order 0; NaN below 0.\n"
    "Edges: k0e(0.0) = inf; k0e(inf) = 0.0; k0e(-1.0) = nan; k0e(nan) = nan\n"
    "Example: gd.k0e([1.0, 1000.0]) -> [1.144463, 0.03962832]\n"
    "Source: DLMF 10.31 and 10.32.9, which derivatives follow from too",
    partials=(lambda y, x: k0e_derivative(1.0, x),),
    errors=(4, 5, 5),
    reference="scipy.special.k0e",
    samples=on(0.3, 5),
)
k0e_derivative = elementwise(
    "k0e_derivative",
    "The derivative of k0e(x2) of order x1, an integer.",
    partials=(None, lambda y, n, x: k0e_derivative(n + 1, x)),
    reference="graphdiff.ops.orders.k0e_derivative",
    samples=of_order(0, 2, 0.3, 5),
    internal=True,
)
k1e = elementwise(
    "k1e",
    "exp(x) times the modified Bessel function of the second kind of order 1; NaN below 0.\n"
    "Edges: k1e(0.0) = inf; k1e(inf) = 0.0; k1e(-1.0) = nan; k1e(nan) = nan\n"
    "Example: gd.k1e([1.0, 1000.0]) -> [1.636153, 0.03964813]\n"
    "Source: DLMF 10.31 and 10.32.9, which derivatives follow from too",
    partials=(lambda y, x: k1e_derivative(1.0, x),),
    errors=(4, 5, 6),
    reference="scipy.special.k1e",
    samples=on(0.3, 5),
)
k1e_derivative = elementwise(
    "k1e_derivative",
    "The derivative of k1e(x2) of order x1, an integer.",
    partials=(None, lambda y, n, x: k1e_derivative(n + 1, x)),
    reference="graphdiff.ops.orders.k1e_derivative",
    samples=of_order(0, 2, 0.3, 5),
    internal=True,
)
