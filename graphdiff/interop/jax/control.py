"""Rules of JAX's primitives with programs inside: calls, loops, branches, derivatives of one's own, linear solves.

Owns: the walk over a jaxpr, ``run``, since each of these rules is one. Programs that are called are built in place;
custom derivatives become ``gd.custom``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ir.node import topological
from ...ops.leaves import input as input_leaf
from ...ops.tensor import Tensor, constant
from ..needs import needs
from .counted import most_steps
from .foreign import derives_as_it_is, inside
from .integers import held, wrapped
from .missing import check
from .rules import COMPLEX, Complex, Params, chosen, rule

with needs("jax"):
    import jax
    from jax.extend import core
    from jax.extend.core import primitives
    from jax.interpreters import partial_eval

MOST_STEPS = 1_000_000_000  # of a while_loop that no counter bounds: it has no bound in JAX


def evaluate(closed: Any, args: Sequence[Tensor]) -> list[Tensor]:
    """The results of a closed jaxpr."""
    return run(closed.jaxpr, [held(c) for c in closed.consts], args)


def run(jaxpr: Any, consts: Sequence[Tensor], args: Sequence[Tensor]) -> list[Tensor]:
    """The results of a jaxpr, equation by equation."""
    env: dict[Any, Tensor] = dict(zip(jaxpr.constvars, consts))
    env.update(zip(jaxpr.invars, args))

    def read(v: Any) -> Tensor:
        return held(v.val) if isinstance(v, core.Literal) else env[v]

    for eqn in jaxpr.eqns:
        by, given = chosen(eqn), [read(v) for v in eqn.invars]
        found = evaluate(inside(eqn), given) if by is None else by.build(eqn.params, given, eqn.outvars)
        env.update((v, wrapped(y, v.aval.dtype)) for v, y in zip(eqn.outvars, found))
    return [read(v) for v in jaxpr.outvars]


def by_jax(name: str, fn: Callable[..., Any], avals: Sequence[Any], args: Sequence[Tensor]) -> list[Tensor]:
    """The results of what JAX itself lowers a primitive to: ``fn``, traced with ``avals``."""
    traced = jax.make_jaxpr(fn)(*avals)
    check(name, traced)
    return evaluate(traced, args)


# ------------------------------------------------------------------ calls


_CALLS = "jit pjit closed_call call core_call remat remat2 checkpoint core_closed_call composite remat_opt linear_call"


@rule(*_CALLS.split(), table=COMPLEX)
@rule(*_CALLS.split())
def _call(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    inner = next(params[key] for key in ("jaxpr", "call_jaxpr", "fwd_jaxpr", "callee") if key in params)
    return evaluate(inner, xs) if isinstance(inner, core.ClosedJaxpr) else run(inner, [], xs)


@rule("pure_callback", "io_callback", "debug_callback", refuses=lambda p, avals: "of Python")
def _callback(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    raise AssertionError("refused")


# ------------------------------------------------------------------ loops and branches


@rule("scan", table=COMPLEX)
@rule("scan")
def _scan(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    n_consts, n_carry = params["num_consts"], params["num_carry"]
    consts, init, rows = xs[:n_consts], xs[n_consts : n_consts + n_carry], xs[n_consts + n_carry :]

    def step(carry: tuple[Tensor, ...], row: tuple[Tensor, ...] | None) -> Any:
        found = evaluate(params["jaxpr"], [*consts, *carry[:n_carry], *(row or ())])
        kept = tuple(found[:n_carry]) if n_carry else carry
        return kept, tuple(found[n_carry:])

    begin = tuple(init) if n_carry else (constant(np.int32(0)),)
    carry, made = gd.scan(
        step, begin, tuple(rows) if rows else None, length=None if rows else params["length"], reverse=params["reverse"]
    )
    return [*carry[:n_carry], *made]


@rule("while", table=COMPLEX)
@rule("while")
def _while(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    n_cond, n_body = params["cond_nconsts"], params["body_nconsts"]
    of_cond, of_body, init = xs[:n_cond], xs[n_cond : n_cond + n_body], xs[n_cond + n_body :]
    examples = params["cond_jaxpr"].out_avals[0].ndim  # under jax.vmap each of them goes on for itself

    def going(*state: Any) -> Tensor:
        return evaluate(params["cond_jaxpr"], [*of_cond, *_state(state)])[0]

    def body(*state: Any) -> tuple[Any, ...]:
        new, old = evaluate(params["body_jaxpr"], [*of_body, *_state(state)]), _state(state)
        return tuple(_where(going(*state), y, x) for y, x in zip(new, old)) if examples else tuple(new)

    def go_on(*state: Any) -> Tensor:
        return gd.any(going(*state)) if examples else going(*state)

    bound = most_steps(run, params["cond_jaxpr"], params["body_jaxpr"], n_cond, n_body, xs)
    return list(gd.while_loop(go_on, body, tuple(init), MOST_STEPS if bound is None else min(bound, MOST_STEPS)))


def _where(which: Tensor, y: Any, x: Any) -> Any:
    """``y`` for the examples that ``which`` tells by the first axes, ``x`` for the others."""
    if isinstance(y, Complex):
        return Complex(_where(which, y.re, x.re), _where(which, y.im, x.im))
    return gd.where(gd.reshape(which, (*which.shape, *(1,) * (y.ndim - which.ndim))), y, x)


def _state(given: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return given[0] if len(given) == 1 and isinstance(given[0], tuple) else given


@rule("cond", table=COMPLEX)
@rule("cond")
def _cond(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    which, operands, branches = xs[0], xs[1:], list(params["branches"])
    if which.dtype.kind == "b":
        which = gd.astype(which, "int32")

    def chosen(k: int, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if k == len(branches) - 1:
            return tuple(evaluate(branches[k], given))
        return tuple(
            gd.cond(which > k, lambda *a: chosen(k + 1, a), lambda *a: tuple(evaluate(branches[k], a)), *given)
        )

    return list(chosen(0, operands))


@rule("platform_index")
def _platform_index(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    platforms = params["platforms"]
    here = [k for k, names in enumerate(platforms) if names is None or "cpu" in names]
    return [constant(np.int32(here[0] if here else len(platforms) - 1))]


# ------------------------------------------------------------------ derivatives of one's own


def _function(primitive: Any, params: Params) -> Callable[..., Any]:
    """A call of a primitive with custom rules, for JAX to differentiate by them."""
    bound = primitive.get_bind_params(dict(params))
    subfuns, more = bound if isinstance(bound, tuple) else ((), bound)
    return lambda *xs: list(primitive.bind(*subfuns, *xs, **more))


def _avals(variables: Sequence[Any]) -> list[Any]:
    return [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in variables]


def _floats(values: Sequence[Any]) -> list[bool]:
    return [np.dtype(v.dtype).kind == "f" for v in values]


def _filled(is_float: Sequence[bool], given: Sequence[Any], like: Sequence[Any]) -> tuple[Any, ...]:
    """``given`` for the floats, JAX's zeros for the others."""
    rest = iter(given)
    return tuple(next(rest) if f else np.zeros(v.shape, jax.dtypes.float0) for f, v in zip(is_float, like))


def _live(traced: Any) -> Any:
    """A closed jaxpr without what no result needs, as tangents of integers, which have no dtype here."""
    jaxpr, _ = partial_eval.dce_jaxpr(traced.jaxpr, [True] * len(traced.jaxpr.outvars), instantiate=True)
    return core.ClosedJaxpr(jaxpr, traced.consts)


@rule("custom_jvp_call")
def _custom_jvp(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    call = params["call_jaxpr"]
    name = params.get("name") or "custom_jvp"
    f, avals = _function(primitives.custom_jvp_call_p, params), _avals(call.jaxpr.invars)
    is_float = _floats(avals)

    @functools.cache
    def tangents() -> Any:  # of floats by primals, then tangents of floats
        def pushed(*args: Any) -> Any:
            given, ts = args[: len(avals)], args[len(avals) :]
            found = jax.jvp(f, given, _filled(is_float, ts, avals))[1]
            return [t for t, v in zip(found, outs) if np.dtype(v.aval.dtype).kind == "f"]

        traced = _live(jax.make_jaxpr(pushed)(*avals, *(v for v, is_one in zip(avals, is_float) if is_one)))
        check(f"the jvp of {name}", traced)
        return traced

    def with_rules(k: int, at: int) -> Tensor:
        """Result ``k``, the ``at``-th of floats."""

        def jvp(ts: Sequence[Tensor], y: Tensor, *given: Tensor) -> Tensor:
            return evaluate(tangents(), [*given, *(t for t, is_one in zip(ts, is_float) if is_one)])[at]

        def vjp(g: Tensor, y: Tensor, *given: Tensor) -> list[Tensor | None]:
            ts = [input_leaf(None, x.shape, x.dtype) for x, is_one in zip(given, is_float) if is_one]
            found = iter(gd.vjp(evaluate(tangents(), [*given, *ts])[at], ts, g))  # linear: free of ts
            return [next(found) if is_one else None for is_one in is_float]

        return gd.custom(name, lambda *given: evaluate(call, given)[k], vjp=vjp, jvp=jvp)(*xs)

    return _each_float(evaluate(call, xs), with_rules)


def _each_float(made: list[Tensor], with_rules: Callable[[int, int], Tensor]) -> list[Tensor]:
    numbers = [k for k, y in enumerate(made) if y.dtype.kind == "f"]
    for at, k in enumerate(numbers):
        made[k] = with_rules(k, at)
    return made


def _moves(x: Tensor) -> bool:
    """Whether it is no constant, so that a derivative may be asked for."""
    return any(n.op.name != "constant" and not n.inputs for n in topological([x]))


@rule("custom_vjp_call")
def _custom_vjp(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    call = params["call_jaxpr"]
    if derives_as_it_is(params["bwd"]):
        return evaluate(call, xs)
    name = params.get("name") or "custom_vjp"
    f, avals = _function(primitives.custom_vjp_call_p, params), _avals(call.jaxpr.invars)
    closed_over, results = params["num_consts"], _avals(outs)  # of which JAX takes no derivative
    is_float = [f and k >= closed_over and _moves(x) for k, (f, x) in enumerate(zip(_floats(avals), xs))]
    of_floats = [v for v, is_one in zip(results, _floats(results)) if is_one]

    @functools.cache
    def cotangents() -> Any:  # of floats by primals, then cotangents of floats
        def pulled(*args: Any) -> Any:
            given, gs = args[: len(avals)], args[len(avals) :]

            def of_moved(*moved: Any) -> Any:
                rest = iter(moved)
                return f(*(next(rest) if is_one else x for is_one, x in zip(is_float, given)))

            moved = [x for is_one, x in zip(is_float, given) if is_one]
            return list(jax.vjp(of_moved, *moved)[1](list(_filled(_floats(results), gs, results))))

        traced = _live(jax.make_jaxpr(pulled)(*avals, *of_floats))
        check(f"the vjp of {name}", traced)
        return traced

    def with_rules(k: int, at: int) -> Tensor:
        def vjp(g: Tensor, y: Tensor, *given: Tensor) -> list[Tensor | None]:
            gs = [g if j == at else gd.zeros(v.shape, v.dtype) for j, v in enumerate(of_floats)]
            found = iter(evaluate(cotangents(), [*given, *gs]))
            return [next(found) if is_one else None for is_one in is_float]

        return gd.custom(name, lambda *given: evaluate(call, given)[k], vjp=vjp)(*xs)

    return _each_float(evaluate(call, xs), with_rules)


# ------------------------------------------------------------------ linear solves


def _one_unknown(params: Params, avals: Sequence[Any]) -> str:
    inner = params["jaxprs"]
    if len(inner.solve.jaxpr.outvars) != 1:
        return "of several unknowns"
    return "" if inner.transpose_solve is not None and inner.vecmat is not None else "without a transposed solve"


@rule("custom_linear_solve", refuses=_one_unknown)
def _linear_solve(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    lengths, programs = params["const_lengths"], params["jaxprs"]
    consts: list[list[Tensor]] = []
    at = 0
    for n in (lengths.matvec, lengths.vecmat, lengths.solve, lengths.transpose_solve):
        consts.append(xs[at : at + n])
        at += n
    forward = (programs.matvec, programs.solve, consts[0], consts[2])
    backward = (programs.vecmat, programs.transpose_solve, consts[1], consts[3])
    return [_solved(forward, backward, xs[at])]


def _solved(this: tuple[Any, ...], other: tuple[Any, ...], b: Tensor) -> Tensor:
    """x with matvec(x) = b, differentiable to any order: A dx = db - dA x, and b's cotangent solves the transpose."""
    matvec, solve, of_matvec, of_solve = this
    vecmat, solve_other, of_vecmat, of_solve_other = other
    groups = [of_matvec, of_solve, of_vecmat, of_solve_other]
    ends = np.cumsum([len(g) for g in groups]).tolist()

    def parted(given: Sequence[Tensor]) -> tuple[tuple[Any, ...], tuple[Any, ...], list[Tensor], Tensor]:
        m, s, v, t = (list(given[e - len(g) : e]) for g, e in zip(groups, ends))
        return (matvec, solve, m, s), (vecmat, solve_other, v, t), m, given[-1]

    def product(consts: Sequence[Tensor], x: Tensor) -> tuple[list[Tensor], Tensor, dict[Tensor, Tensor]]:
        """matvec over leaves that stand for its constants, so that x does not depend on them."""
        leaves = [input_leaf(None, v.shape, v.dtype) for v in (*consts, x)]
        (made,) = evaluate(matvec, leaves)
        return leaves[:-1], made, dict(zip(leaves, (*consts, x)))

    def jvp(ts: Sequence[Tensor], y: Tensor, *given: Tensor) -> Tensor:
        mine, others, m, _ = parted(given)
        leaves, made, values = product(m, y)
        moved = gd.substitute(gd.jvp(made, leaves, list(ts[: len(m)])), values) if m else gd.zeros_like(y)
        return _solved(mine, others, ts[-1] - moved)

    def vjp(g: Tensor, y: Tensor, *given: Tensor) -> list[Tensor | None]:
        mine, others, m, _ = parted(given)
        w = _solved(others, mine, g)
        leaves, made, values = product(m, y)
        cotangents = [gd.substitute(c, values) for c in gd.vjp(made, leaves, -w)] if m else []
        return [*cotangents, *[None] * (ends[-1] - len(m)), w]

    def forward(*given: Tensor) -> Tensor:
        mine, _, _, rhs = parted(given)
        return evaluate(solve, [*mine[3], rhs])[0]

    return gd.custom("linear_solve", forward, vjp=vjp, jvp=jvp)(*of_matvec, *of_solve, *of_vecmat, *of_solve_other, b)
