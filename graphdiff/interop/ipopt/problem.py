"""``gd.interop.ipopt.Problem``: a nonlinear program of graphs, solved by Ipopt.

Owns: objective with gradient, constraints with their Jacobian, and the lower triangle of the Lagrangian's Hessian, one
compiled function each, with fixed structures; and what a solve gives. Must not know: how leaves become a vector.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import FeedError, GraphError
from ...ops.comparison import isfinite
from ...ops.creation import zeros
from ...ops.elementwise import astype
from ...ops.gather import take
from ...ops.joining import concat
from ...ops.leaves import input as input_leaf
from ...ops.messages import LONGEST, describe, where_am_i
from ...ops.movement import reshape
from ...ops.reduce import all as all_of
from ...ops.reduce import sum as total
from ...ops.tensor import Tensor, constant
from ...ops.types import Tensors
from ...transforms.differentiate import grad
from ...transforms.jacobian import hessian, jacobian
from ...wording import one_line
from ..flat import Compiled, Data, Feeds, Flat, sized
from . import library


class Solution(NamedTuple):
    """What a solve gives: ``x``, the vector; ``leaves``: it in the structure of the problem's ``x``; ``fun``;
    ``success``, ``status`` and ``message`` of Ipopt's; ``nit``: iterations; ``multipliers``: one array a constraint;
    ``bound_multipliers``: of the lower and upper bounds."""

    x: np.ndarray
    leaves: Any
    fun: float
    success: bool
    status: int
    message: str
    nit: int
    multipliers: list[np.ndarray]
    bound_multipliers: tuple[np.ndarray, np.ndarray]


class Problem:
    """Minimise ``objective`` over ``x``, with ``low <= c <= high`` for each constraint ``(c, low, high)``.

    ``objective``: one number; ``x``: parameters or inputs of known shapes, in any structure; ``constraints``: Tensors
    with numbers or arrays, equal ones for an equation, infinite ones or None where there is no bound; ``bounds``:
    ``{leaf: (low, high)}``; ``data``: arrays for the other inputs, by leaf or name. Derivatives are exact and sparse.
    Raises GraphError, FeedError; ImportError where Ipopt is missing.

    Example: ``gd.interop.ipopt.Problem(loss, [x], [(gd.sum(x), 1, 1)]).solve(tol=1e-10)``."""

    def __init__(
        self,
        objective: Tensor,
        x: Tensors,
        constraints: Sequence[tuple[Tensor, Any, Any]] = (),
        bounds: Mapping[Tensor, tuple[Any, Any]] | None = None,
        data: Data = None,
    ):
        what = "ipopt.Problem"
        if not isinstance(objective, Tensor) or objective.size != 1:
            told = describe(objective) if isinstance(objective, Tensor) else repr(objective)
            raise GraphError(f"{what}: the objective is one number, got {told}", source=where_am_i())
        _check_triples(what, constraints)
        library.load()
        self._flat = flat = Flat(what, x)
        values, known = sized(what, [objective, *(c for c, _, _ in constraints)], data, flat.leaves)
        feeds = Feeds(what, values, known, flat.leaves)
        at_z = [astype(v, "float64") for v in flat.at_z(values)]
        f = reshape(at_z[0], ())
        self._shapes = [flat.shape(v) for v in at_z[1:]]
        rows = [reshape(v, (-1,)) for v in at_z[1:]]
        c = concat([*rows, zeros((0,), "float64")])
        self.n, self.m = flat.n, c.size
        ends = [self._ends(k, pair) for k, (_, *pair) in enumerate(constraints)]
        self._c_low, self._c_high = (np.concatenate([e[side] for e in ends] or [np.zeros(0)]) for side in (0, 1))
        self._low, self._high = flat.bounds(bounds)
        sigma, y = input_leaf(None, (), "float64"), input_leaf(None, (self.m,), "float64")
        j = jacobian(c, flat.z, sparse=True)
        h = hessian(sigma * f + total(y * c), flat.z, sparse=True)
        self._jacobian_at = _places(j)
        places = _places(h)
        lower = np.flatnonzero(places[1] <= places[0])
        self._hessian_at = places[0][lower], places[1][lower]
        self._f = Compiled(flat, _checked([f, grad(f, flat.z)]), feeds)
        self._c = Compiled(flat, _checked([c, j.data]), feeds)
        self._h = Compiled(flat, _checked([take(h.data, constant(lower))]), feeds, [sigma, y])

    def _ends(self, number: int, pair: Sequence[Any]) -> list[np.ndarray]:
        """The bounds of a constraint, one number an element. Raises FeedError."""
        found, shape = [], self._shapes[number]
        for given, none in zip(pair, (-np.inf, np.inf)):
            end = np.asarray(none if given is None else given, np.float64)
            if end.shape != () and end.shape != shape:
                raise FeedError(
                    f"ipopt.Problem: constraint {number} has shape {shape}, its bounds {end.shape}", source=where_am_i()
                )
            found.append(np.broadcast_to(end, shape).ravel())
        for i in np.flatnonzero(~(found[0] <= found[1]))[:1]:
            told = f"constraint {number} is to be at least {found[0][i]} and at most {found[1][i]}"
            raise FeedError(f"ipopt.Problem: {told}; write the lower number first", source=where_am_i())
        return found

    def solve(
        self, x0: Any = None, *, callback: Callable[[int, float], bool | None] | None = None, **options: Any
    ) -> Solution:
        """Solves from ``x0``, a vector or arrays in the structure of ``x``, parameters' values unless given, and gives
        parameters among ``x`` the values found.

        ``options``: Ipopt's (``tol``, ``max_iter``, ``print_level``, ...); it prints nothing unless told. ``callback``:
        called as ``callback(iteration, objective)``, stops where it returns False. A value that is not finite makes
        Ipopt shorten its step. Returns a :class:`Solution`. Raises FeedError for an option that there is not.

        Example: ``found = problem.solve(max_iter=100)``."""
        call = _Call(self, callback)
        x = np.array(self._flat.start(x0), np.float64)
        found = call.run(x, {"print_level": 0, "sb": "yes", **options})
        self._flat.assign(found.x)
        return found

    def __repr__(self) -> str:
        return (
            f"<Problem of {self.n} numbers and {self.m} constraints: {len(self._jacobian_at[0])} entries of the "
            f"Jacobian, {len(self._hessian_at[0])} of the Hessian>"
        )


def _check_triples(what: str, constraints: Sequence[tuple[Tensor, Any, Any]]) -> None:
    """Raises GraphError for what is no list of constraints with their bounds."""
    if isinstance(constraints, Tensor):
        told = f"constraints are a list of (Tensor, low, high), got {describe(constraints)}"
        raise GraphError(f"{what}: {told}; write [(c, 0, 0)] for c = 0", source=where_am_i())
    for k, c in enumerate(constraints):
        if not isinstance(c, (tuple, list)) or len(c) != 3 or not isinstance(c[0], Tensor):
            got = describe(c) if isinstance(c, Tensor) else one_line(repr(c), LONGEST)
            told = f"constraint {k} is (Tensor, low, high), got {got}"
            raise GraphError(
                f"{what}: {told}; write [(c, 0, 0)] for c = 0, [(c, None, 1)] for c <= 1", source=where_am_i()
            )


def _checked(values: list[Tensor]) -> list[Tensor]:
    """The values, and of each whether all of it is finite."""
    return [*values, *(all_of(isfinite(v)) for v in values)]


def _places(found: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the entries of a sparse Jacobian."""
    indptr = np.asarray(found.indptr)
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), np.asarray(found.indices)


class _Call:
    """One solve: what Ipopt calls, and the error of a call, which is raised when it has come back."""

    def __init__(self, problem: Problem, callback: Callable[[int, float], bool | None] | None):
        self.problem, self.callback = problem, callback
        self.error: BaseException | None = None
        self.iterations = 0
        self._kept: dict[str, tuple[bytes, Sequence[np.ndarray]]] = {}
        self._array = functools.lru_cache(64)(_array)  # Ipopt's vectors are few
        p, sizes = problem, {"f": (1, problem.n), "c": (int(problem.m), len(problem._jacobian_at[0]))}

        def give(kind: str, which: int, x: int | None, out: int | None) -> bool:
            return self._written(out, sizes[kind][which], self._at, kind, x, which)

        self._called = (
            library.Value(lambda n, x, new, out, data: give("f", 0, x, out)),
            library.Constraints(lambda n, x, new, m, out, data: give("c", 0, x, out)),
            library.Value(lambda n, x, new, out, data: give("f", 1, x, out)),
            library.Jacobian(
                lambda n, x, new, m, k, i, j, out, data: (
                    give("c", 1, x, out) if out else _structure(i, j, p._jacobian_at)
                )
            ),
            library.Hessian(
                lambda n, x, new, s, m, y, new_y, k, i, j, out, data: (
                    self._written(out, k, self._second, x, s, y) if out else _structure(i, j, p._hessian_at)
                )
            ),
        )
        self._step = library.Step(self._stepped)

    def _at(self, kind: str, x: int | None, which: int) -> tuple[np.ndarray, np.ndarray]:
        """Value or derivative at x, computed together, and once for the same elements, and whether it is finite."""
        z = self._array(x, self.problem.n)
        key, kept = z.tobytes(), self._kept.get(kind)
        if kept is None or kept[0] != key:
            function = self.problem._f if kind == "f" else self.problem._c
            kept = self._kept[kind] = key, function(z.copy())
        return kept[1][which], kept[1][2 + which]

    def _second(self, x: int | None, sigma: float, y: int | None) -> Sequence[np.ndarray]:
        p = self.problem
        found: Sequence[np.ndarray] = p._h(self._array(x, p.n).copy(), sigma, self._array(y, p.m).copy())
        return found

    def _written(self, out: int | None, size: int, compute: Callable[..., Sequence[np.ndarray]], *given: Any) -> bool:
        """Whether the numbers, written, are finite."""
        try:
            values, finite = compute(*given)
        except BaseException as e:  # it must not leave through C
            self.error = e
            return False
        self._array(out, size)[...] = values
        return bool(finite)

    def _stepped(self, mode: int, iteration: int, value: float, *rest: Any) -> bool:
        self.iterations = iteration
        if self.error is None and self.callback is not None:
            try:
                return self.callback(iteration, value) is not False
            except BaseException as e:
                self.error = e
        return self.error is None

    def run(self, x: np.ndarray, options: Mapping[str, Any]) -> Solution:
        p, ipopt = self.problem, library.load()
        sides = [np.ascontiguousarray(a) for a in (p._low, p._high, p._c_low, p._c_high)]
        low, high, c_low, c_high = (np.clip(a, -2e19, 2e19) for a in sides)  # Ipopt's infinity
        handle = ipopt.CreateIpoptProblem(
            *(p.n, _pointer(low), _pointer(high), p.m, _pointer(c_low), _pointer(c_high)),
            *(len(p._jacobian_at[0]), len(p._hessian_at[0]), 0, *self._called),
        )
        if not handle:
            raise GraphError("ipopt.Problem: Ipopt refuses it: bounds that exclude each other", source=where_am_i())
        try:
            for name, value in options.items():
                _set(ipopt, handle, name, value)
            ipopt.SetIntermediateCallback(handle, self._step)
            value, y, y_low, y_high = np.zeros(1), np.zeros(p.m), np.zeros(p.n), np.zeros(p.n)
            given = [_pointer(a) for a in (x, np.zeros(p.m), value, y, y_low, y_high)]
            status = ipopt.IpoptSolve(handle, *given, None)
        finally:
            ipopt.FreeIpoptProblem(handle)
        if self.error is not None:
            raise self.error
        ends = np.cumsum([0, *(int(np.prod(s)) for s in p._shapes)])
        multipliers = [y[a:b].reshape(s) for a, b, s in zip(ends, ends[1:], p._shapes)]
        told = library.STATUS.get(status, f"Ipopt's status {status}")
        found = p._flat.unpack(x), float(value[0]), status in (0, 1), status, told, self.iterations
        return Solution(x, *found, multipliers, (y_low, y_high))


def _array(address: int | None, size: int, kind: Any = ctypes.c_double) -> np.ndarray:
    """Numbers that Ipopt has, where they are."""
    return np.ctypeslib.as_array((kind * size).from_address(address)) if address and size else np.zeros(size, kind)


def _structure(rows: int | None, columns: int | None, places: tuple[np.ndarray, np.ndarray]) -> bool:
    for address, numbers in zip((rows, columns), places):
        _array(address, len(numbers), ctypes.c_int)[...] = numbers
    return True


def _pointer(a: np.ndarray) -> Any:
    return a.ctypes.data_as(library.Numbers)


def _set(ipopt: Any, handle: Any, name: str, value: Any) -> None:
    key = name.encode()
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, str):
        done = ipopt.AddIpoptStrOption(handle, key, value.encode())
    else:
        whole = isinstance(value, (int, np.integer))
        done = (whole and ipopt.AddIpoptIntOption(handle, key, int(value))) or ipopt.AddIpoptNumOption(
            handle, key, float(value)
        )
    if not done:
        raise FeedError(f"ipopt: there is no option {name!r} that may be {value!r}", source=where_am_i())
