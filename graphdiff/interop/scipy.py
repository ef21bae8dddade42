"""SciPy's solvers over graphs: ``gd.interop.scipy.minimize(loss, [W, b], data={x: X})``.

Owns: how SciPy wants objectives, Jacobians and bounds, and the answer as parameters' values. SciPy's conventions and
arguments hold. Must not know: how leaves become a vector (flat.py).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ops.elementwise import astype
from ..ops.joining import concat
from ..ops.leaves import input as input_leaf
from ..ops.messages import describe, where_am_i
from ..ops.movement import reshape
from ..ops.reduce import sum as total
from ..ops.tensor import Tensor
from ..ops.trees import tensors
from ..ops.types import Tensors
from ..runtime.compile import compile
from ..runtime.entry import Entry, canonical
from ..runtime.function import Function
from ..transforms.differentiate import grad, hvp
from ..transforms.jacobian import hessian, jacobian
from . import ctypes as by_ctypes
from .flat import Compiled, Data, Feeds, Flat
from .needs import needs

with needs("scipy"):
    from scipy import LowLevelCallable, optimize

Hess = Literal["dense", "sparse", "hvp"] | None
Bounds = Mapping[Tensor, tuple[Any, Any]] | None
HVP = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
DENSE = ("dogleg", "trust-exact")
NO_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
SPARSE_FROM, SPARSE_SHARE = 50, 0.1  # columns, and the share of entries below which a sparse Jacobian is worth it


class Problem:
    """A loss of one vector, as SciPy's minimisers want it; made by :func:`problem`. It pickles.

    ``fun(z)`` gives (value, gradient), ``value(z)`` and ``grad(z)`` each alone, ``hess(z)`` a matrix, ``hessp(z, v)`` a
    product with it. ``x0``: the vector of the values that parameters have; ``pack`` and ``unpack`` turn arrays in the
    structure of ``wrt`` into a vector and back."""

    def __init__(self, loss: Tensor, flat: Flat, feeds: Feeds, hess: Hess):
        if hess not in (None, "dense", "sparse", "hvp"):
            raise GraphError(
                f'scipy.problem: hess is None, "dense", "sparse" or "hvp", got {hess!r}', source=where_am_i()
            )
        self.flat = flat
        (at_z,) = flat.at_z([loss])
        at_z = astype(reshape(at_z, ()), "float64")
        self._both = Compiled(flat, [at_z, grad(at_z, flat.z)], feeds)
        self._seen: tuple[bytes, Any] | None = None
        self._hess: Compiled | None = None
        self._hessp: Compiled | None = None
        if hess == "hvp":
            v = input_leaf(None, (flat.n,), "float64")
            self._hessp = Compiled(flat, hvp(at_z, flat.z, v), feeds, [v])
        elif hess == "dense":
            self._hess = Compiled(flat, hessian(at_z, flat.z), feeds)
        elif hess == "sparse":
            self._hess = Compiled(flat, hessian(at_z, flat.z, sparse=True), feeds)

    def fun(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """(value, gradient) at ``z``. Raises FeedError for another shape."""
        value, slope = self._both(self.flat.checked(z))
        return float(value), slope

    def _at(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        key = self.flat.checked(z).tobytes()
        if self._seen is None or self._seen[0] != key:
            self._seen = key, self.fun(z)
        seen: tuple[float, np.ndarray] = self._seen[1]
        return seen

    def value(self, z: np.ndarray) -> float:
        """The loss at ``z``; the gradient there is kept for ``grad``."""
        return self._at(z)[0]

    def grad(self, z: np.ndarray) -> np.ndarray:
        """The gradient at ``z``; not computed again after ``value`` of the same elements."""
        return self._at(z)[1].copy()

    @property
    def hess(self) -> Callable[[np.ndarray], Any] | None:
        """The Hessian's function, an array's or a sparse matrix's; None unless ``hess`` asked for it."""
        return self._hess

    @property
    def hessp(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
        """The function (z, v) of Hessian times vector; None unless ``hess="hvp"``."""
        return self._hessp

    @property
    def x0(self) -> np.ndarray:
        return self.flat.start()

    def pack(self, structure: Any) -> np.ndarray:
        """The vector of arrays in the structure of ``wrt``. Raises FeedError."""
        return self.flat.pack(structure)

    def unpack(self, z: np.ndarray) -> Any:
        """Arrays in the structure of ``wrt``, in their dtypes. Raises FeedError."""
        return self.flat.unpack(z)

    def __repr__(self) -> str:
        return f"<Problem of {self.flat.n} numbers: {', '.join(str(v.name) for v in self.flat.leaves)}>"


def problem(loss: Tensor, wrt: Tensors, data: Data = None, hess: Hess = None) -> Problem:
    """``loss`` as a function of one float64 vector, for ``scipy.optimize.minimize(p.fun, p.x0, jac=True)`` and others.

    ``wrt``: parameters or inputs, in any structure; ``data``: arrays for the other inputs, by leaf or name; ``hess``:
    what second derivatives ``p.hess`` ("dense" or "sparse") or ``p.hessp`` ("hvp") give. Raises GraphError, FeedError.
    Example: ``p = gd.interop.scipy.problem(loss, [W, b], data={x: X})``."""
    flat = Flat("scipy.problem", wrt)
    return Problem(loss, flat, Feeds(flat.what, _one(flat.what, loss), data, flat.leaves), hess)


def _one(what: str, loss: Tensor) -> list[Tensor]:
    """The loss in a list. Raises GraphError for what is no number."""
    if not isinstance(loss, Tensor) or loss.size != 1:
        told = describe(loss) if isinstance(loss, Tensor) else repr(loss)
        raise GraphError(
            f"{what}: the loss is one number, got {told}; write gd.sum or gd.mean of it", source=where_am_i()
        )
    return [loss]


def minimize(
    loss: Tensor,
    wrt: Tensors,
    data: Data = None,
    method: str | None = None,
    bounds: Bounds = None,
    constraints: Tensor | Sequence[Tensor] = (),
    options: Mapping[str, Any] | None = None,
    *,
    x0: Any = None,
    hess: Hess = None,
    **more: Any,
) -> Any:
    """Minimises ``loss`` by ``scipy.optimize.minimize`` and gives parameters among ``wrt`` the values found.

    ``data``: arrays for the other inputs; ``bounds``: ``{leaf: (low, high)}``, numbers, arrays or None;
    ``constraints``: Tensors that are to be at most 0; ``x0``: where to begin, as a vector or in the structure of
    ``wrt`` (parameters' values unless given); ``hess``: as for :func:`problem`, what ``method`` needs unless given;
    ``options``, and ``more`` such as ``tol`` and ``callback``, are SciPy's. The OptimizeResult has ``leaves``: ``x``
    in the structure of ``wrt``. Raises GraphError, FeedError; what SciPy raises.

    Example: ``gd.interop.scipy.minimize(loss, [W, b], data={x: X}, method="L-BFGS-B")``."""
    named = (method or "").lower()
    if hess is None:
        hess = "hvp" if named in HVP else "dense" if named in DENSE else None
    flat = Flat("scipy.minimize", wrt)
    several = [constraints] if isinstance(constraints, Tensor) else list(constraints)
    feeds = Feeds(flat.what, [*_one(flat.what, loss), *several], data, flat.leaves)
    p = Problem(loss, flat, feeds, hess)
    given: dict[str, Any] = {"method": method, "options": dict(options) if options else None, **more}
    low, high = flat.bounds(bounds)
    if bounds:
        given["bounds"] = optimize.Bounds(low, high)
    if several:
        given["constraints"] = [_constraint(flat, c, feeds, named == "trust-constr") for c in several]
    if named not in NO_GRADIENT:
        given |= {"jac": True, "hess": p.hess, "hessp": p.hessp}
    found = optimize.minimize(p.value if named in NO_GRADIENT else p.fun, flat.start(x0), **given)
    found["leaves"] = flat.unpack(found.x)
    flat.assign(found.x)
    return found


def _constraint(flat: Flat, c: Tensor, feeds: Feeds, second: bool) -> Any:
    """``c`` at most 0, as SciPy has it; ``second``: with second derivatives."""
    (at_z,) = flat.at_z([c])
    at_z = astype(reshape(at_z, (-1,)), "float64")
    value, slope = Compiled(flat, at_z, feeds), Compiled(flat, jacobian(at_z, flat.z), feeds)
    if not second:
        return optimize.NonlinearConstraint(value, -np.inf, 0, jac=slope)
    v = input_leaf(None, at_z.shape, "float64")
    curvature = Compiled(flat, hessian(total(at_z * v), flat.z), feeds, [v])
    return optimize.NonlinearConstraint(value, -np.inf, 0, jac=slope, hess=curvature)


class _Equations:
    """Values and their Jacobian at a vector, each asked for alone: computed together, kept for the same elements."""

    def __init__(self, flat: Flat, values: Tensors, data: Data, sparse: bool | Literal["auto"]):
        found, _ = tensors(flat.what, values, "values")
        feeds = Feeds(flat.what, found, data, flat.leaves)
        at_z = [astype(reshape(v, (-1,)), "float64") for v in flat.at_z(found)]
        one = concat(at_z) if len(at_z) > 1 else at_z[0]
        self.size, self.sparse = one.size, sparse is True
        slopes: Any = None
        if sparse is True or (sparse == "auto" and flat.n >= SPARSE_FROM):
            slopes = jacobian(one, flat.z, sparse=True)
            entries = slopes.nnz
            known = isinstance(entries, int) and isinstance(self.size, int)
            self.sparse = sparse is True or (known and int(entries) <= SPARSE_SHARE * int(self.size) * flat.n)
        if not self.sparse:
            slopes = jacobian(one, flat.z)
        self._both = Compiled(flat, [one, slopes], feeds)
        self._seen: tuple[bytes, Any] | None = None

    def _at(self, z: np.ndarray) -> Any:
        key = self._both.flat.checked(z).tobytes()
        if self._seen is None or self._seen[0] != key:
            self._seen = key, self._both(z)
        return self._seen[1]

    def value(self, z: np.ndarray) -> np.ndarray:
        value: np.ndarray = self._at(z)[0]
        return value.copy()

    def slope(self, z: np.ndarray) -> Any:
        return self._at(z)[1].copy()


def least_squares(
    residuals: Tensors,
    wrt: Tensors,
    data: Data = None,
    sparse: bool | Literal["auto"] = "auto",
    *,
    bounds: Bounds = None,
    x0: Any = None,
    **more: Any,
) -> Any:
    """Minimises half the sum of squares by ``scipy.optimize.least_squares``; parameters get the values found.

    ``residuals``: Tensors of any shapes, named sizes too; ``sparse``: whether the Jacobian is a sparse matrix, "auto"
    where that has few entries; the rest as for :func:`minimize`, ``more`` (``loss``, ``method``, ``x_scale``, ...) as
    in SciPy. The OptimizeResult has ``leaves`` too. Raises GraphError, FeedError.

    Example: ``gd.interop.scipy.least_squares(model(x) - t, [a, b], data={x: X, t: T})``."""
    flat = Flat("scipy.least_squares", wrt)
    equations = _Equations(flat, residuals, data, False if more.get("method") == "lm" else sparse)
    start, low_high = flat.start(x0), flat.bounds(bounds)
    if bounds:
        flat.between(start, *low_high)
        more["bounds"] = low_high
    found = optimize.least_squares(equations.value, start, jac=equations.slope, **more)
    found["leaves"] = flat.unpack(found.x)
    flat.assign(found.x)
    return found


def root(
    equations: Tensors, x: Tensors, data: Data = None, *, x0: Any = None, method: str = "hybr", **more: Any
) -> Any:
    """Solves ``equations`` = 0 for ``x`` by ``scipy.optimize.root``; parameters get the values found.

    As many equations as unknowns; arguments as for :func:`minimize`. The OptimizeResult has ``leaves`` too. Raises
    GraphError, FeedError. Example: ``gd.interop.scipy.root([a * b - 1, a + b - 3], [a, b], x0=[0.1, 1.0])``."""
    flat = Flat("scipy.root", x)
    system = _Equations(flat, equations, data, False)
    if isinstance(system.size, int) and system.size != flat.n:
        raise GraphError(f"scipy.root: {system.size} equations for {flat.n} unknowns", source=where_am_i())
    derivative = {"jac": system.slope} if method in ("hybr", "lm") else {}
    found = optimize.root(system.value, flat.start(x0), method=method, **derivative, **more)
    found["leaves"] = flat.unpack(found.x)
    flat.assign(found.x)
    return found


class _Slope:
    """``call(t, y, *params)``: what an ODE solver asks for; it pickles."""

    def __init__(self, flat: Flat, t: Tensor, outputs: Tensor, params: Sequence[Tensor]):
        self.flat = flat
        self.function = compile([t, flat.z, *params], outputs, name="scipy_ode")

    def __call__(self, t: float, y: np.ndarray, *params: Any) -> np.ndarray:
        slope: np.ndarray = self.function(t, self.flat.checked(y), *params)
        return slope


def ode(
    dydt: Tensors, t: Tensor, y: Tensors, params: Sequence[Tensor] = ()
) -> tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]:
    """(rhs, jac) of an ordinary differential equation, for ``scipy.integrate.solve_ivp(rhs, ..., jac=jac)``.

    ``dydt``: Tensors in the structure of ``y``; ``t``: an input of no dimensions; ``y``: inputs, which the solver has
    as one vector, one after the other; ``params``: inputs that follow it, for ``args=``. Raises GraphError, ShapeError.

    Example: ``rhs, jac = gd.interop.scipy.ode(A @ y, t, y)``."""
    flat = Flat("scipy.ode", y)
    slopes = flat.tree.spread(flat.what, dydt, "y", "dydt", GraphError, arrays=False)
    for leaf, slope in zip(flat.leaves, slopes):
        if not isinstance(slope, Tensor) or slope.shape != leaf.shape:
            told = describe(slope) if isinstance(slope, Tensor) else repr(slope)
            raise ShapeError(f"scipy.ode: {describe(leaf)} has the derivative {told}", source=where_am_i())
    pieces = [astype(reshape(v, (-1,)), "float64") for v in flat.at_z(slopes)]
    one = concat(pieces) if len(pieces) > 1 else pieces[0]
    return _Slope(flat, t, one, params), _Slope(flat, t, jacobian(one, flat.z), params)


class _Data(ctypes.c_void_p):
    """The data of a callback, with what it belongs to."""

    entry: Entry


def low_level(f: Function | Entry, signature: str, **sizes: int) -> LowLevelCallable:
    """``f`` as a ``scipy.LowLevelCallable``, which quad, nquad and scipy.ndimage call without Python.

    ``signature``: such as ``"double (double, void *)"``, see ``Entry.pointer``; ``sizes``: named dimensions. Raises
    GraphError, FeedError. Example: ``quad(gd.interop.scipy.low_level(f, "double (double, void *)"), 0, 1)``."""
    made = by_ctypes.function(f, signature, **sizes)
    data = _Data(made.data)
    data.entry = made.entry
    return LowLevelCallable(made, data, canonical(signature).replace("int64_t", "intptr_t"))
