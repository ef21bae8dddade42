"""The engines of the wide suite: each gives programs of workloads what its package has for them.

``np``: the namespace of array functions; methods for what is not called alike; and what is made of a function of
arrays: its gradient, Hessian, Jacobian, steps of descent, each with the package's own transformation.
Must not know: workloads.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Function = Callable[..., Any]


class Run(NamedTuple):
    """``step()`` runs once to its end and gives results as the package has them; ``arrays(results)``: as NumPy's."""

    step: Callable[[], Any]
    arrays: Callable[[Any], list[np.ndarray]]


RATE = 0.05  # of descent


class Graphdiff:
    """Results of all are compiled functions that are bound to their arguments."""

    def __init__(self, threads: int):
        import graphdiff as gd

        gd.set_num_threads(threads)
        self.gd = self.np = gd
        self.take = self.rows_of = lambda x, ids: gd.take(x, ids, axis=0)
        self.sort, self.sum = gd.sort, gd.sum
        self.solve, self.cholesky, self.diagonal = gd.linalg.solve, gd.linalg.cholesky, gd.linalg.diagonal
        self.segment_sum = lambda x, ids, n: gd.segment_sum(x, ids, n)
        self.top = lambda x, k: gd.topk(x, k)[0]
        self.log_sum = lambda x: gd.logsumexp(x, axis=1)
        self.conv2d = lambda x, w: gd.nn.conv2d(x, w, padding=1)
        self.softmax = lambda x, axis: gd.nn.softmax(x, axis=axis)

    def repeat(self, step: Function, state: tuple[float, ...], n: int) -> Any:
        start = tuple([self.gd.constant(x, "float64") for x in state])
        return self.gd.scan(lambda s, _: (step(s), None), start, length=n)[0]

    def fold(self, step: Function, start: Any, rows: Any) -> Any:
        return self.gd.scan(lambda h, x: (step(h, x), None), start, rows)[0]

    def _bound(self, inputs: Sequence[Any], outputs: Any, arrays: Sequence[np.ndarray]) -> Run:
        call = self.gd.compile(list(inputs), outputs).bind(*arrays)
        return Run(call, lambda _: [np.copy(a) for a in call.out])

    def _inputs(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        return [self.gd.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]

    def gradient(self, f: Function, arrays: Sequence[np.ndarray], n: int) -> Run:
        xs = self._inputs(arrays)
        y = f(*xs)
        return self._bound(xs, [y, *self.gd.grad(y, xs[:n])], arrays)

    def hessian(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        xs = self._inputs(arrays)
        return self._bound(xs, [self.gd.hessian(f(*xs), xs[0])], arrays)

    def jacobian(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        xs = self._inputs(arrays)
        return self._bound(xs, [self.gd.jacobian(f(*xs), xs[0])], arrays)

    def _many(self, one: Function, arrays: Sequence[np.ndarray]) -> Run:
        xs = self._inputs(arrays)
        axes = (0, *[None] * (len(xs) - 1))
        return self._bound(xs, [self.gd.vmap(one, in_axes=axes)(*xs)], arrays)

    def gradients(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._many(lambda x, *rest: self.gd.grad(f(x, *rest), x), arrays)

    def jacobians(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._many(lambda x, *rest: self.gd.jacobian(f(x, *rest), x), arrays)

    def descent(self, f: Function, arrays: Sequence[np.ndarray], n: int) -> Run:
        params = [self.gd.parameter(f"p{i}", a) for i, a in enumerate(arrays[:n])]
        xs = self._inputs(arrays[n:])
        loss = f(*params, *xs)
        updates = {p: p - RATE * g for p, g in zip(params, self.gd.grad(loss, params))}
        call = self.gd.compile(xs, [loss], updates=updates).bind(*arrays[n:])
        return Run(call, lambda _: [np.copy(a) for a in call.out])


class Jax:
    def __init__(self, threads: int):
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        self.jax, self.np = jax, jnp
        self.take = self.rows_of = lambda x, ids: x[ids]
        self.sort, self.sum = jnp.sort, jnp.sum
        self.solve, self.cholesky = jnp.linalg.solve, jnp.linalg.cholesky
        self.diagonal = lambda x: jnp.diagonal(x, axis1=-2, axis2=-1)
        self.segment_sum = jax.ops.segment_sum
        self.top = lambda x, k: jax.lax.top_k(x, k)[0]
        self.log_sum = lambda x: jax.scipy.special.logsumexp(x, axis=1)
        self.conv2d = lambda x, w: jax.lax.conv_general_dilated(x, w, (1, 1), "SAME")
        self.softmax = jax.nn.softmax

    def repeat(self, step: Function, state: tuple[float, ...], n: int) -> Any:
        start = tuple([self.np.float64(x) for x in state])
        return self.jax.lax.scan(lambda s, _: (step(s), None), start, length=n)[0]

    def fold(self, step: Function, start: Any, rows: Any) -> Any:
        return self.jax.lax.scan(lambda h, x: (step(h, x), None), start, rows)[0]

    def _run(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        compiled, given = self.jax.jit(f), [self.np.asarray(a) for a in arrays]
        return Run(
            lambda: self.jax.block_until_ready(compiled(*given)),
            lambda out: [np.asarray(a) for a in self.jax.tree.leaves(out)],
        )

    def gradient(self, f: Function, arrays: Sequence[np.ndarray], n: int) -> Run:
        return self._run(self.jax.value_and_grad(f, argnums=tuple(range(n))), arrays)

    def hessian(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._run(self.jax.hessian(f), arrays)

    def jacobian(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._run(self.jax.jacrev(f), arrays)

    def _many(self, one: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._run(self.jax.vmap(one, in_axes=(0, *[None] * (len(arrays) - 1))), arrays)

    def gradients(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._many(self.jax.grad(f), arrays)

    def jacobians(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._many(self.jax.jacrev(f), arrays)

    def descent(self, f: Function, arrays: Sequence[np.ndarray], n: int) -> Run:
        held = [self.np.asarray(a) for a in arrays]

        def update(*xs: Any) -> Any:
            loss, grads = self.jax.value_and_grad(f, argnums=tuple(range(n)))(*xs)
            return loss, [p - RATE * g for p, g in zip(xs, grads)]

        compiled = self.jax.jit(update, donate_argnums=tuple(range(n)))

        def step() -> Any:
            loss, held[:n] = self.jax.block_until_ready(compiled(*held))
            return loss

        return Run(step, lambda out: [np.asarray(out)])


class Torch:
    """Eager, with torch.func for what is batched and for second derivatives."""

    def __init__(self, threads: int):
        import torch

        torch.set_num_threads(threads)
        self.torch = self.np = torch
        self.take = lambda x, ids: x[ids]
        self.rows_of = lambda x, ids: torch.nn.functional.embedding(ids, x, sparse=True)  # its gradient has rows
        self.sort, self.sum = lambda x: torch.sort(x, dim=-1)[0], torch.sum
        self.solve, self.cholesky = torch.linalg.solve, torch.linalg.cholesky
        self.diagonal = lambda x: torch.diagonal(x, dim1=-2, dim2=-1)
        self.segment_sum = lambda x, ids, n: torch.zeros(n, x.shape[1], dtype=x.dtype).index_add(0, ids, x)
        self.top = lambda x, k: torch.topk(x, k)[0]
        self.log_sum = lambda x: torch.logsumexp(x, 1)
        self.conv2d = lambda x, w: torch.nn.functional.conv2d(x, w, padding=1)

    def repeat(self, step: Function, state: tuple[float, ...], n: int) -> Any:
        for _ in range(n):
            state = step(state)
        return state

    def fold(self, step: Function, start: Any, rows: Any) -> Any:
        for row in rows:
            start = step(start, row)
        return start

    def _arrays(self, out: Any) -> list[np.ndarray]:
        return [a.detach().numpy().copy() for a in (out if isinstance(out, (list, tuple)) else [out])]

    def _given(self, arrays: Sequence[np.ndarray], n: int = 0) -> list[Any]:
        return [self.torch.tensor(a, requires_grad=i < n) for i, a in enumerate(arrays)]

    def gradient(self, f: Function, arrays: Sequence[np.ndarray], n: int) -> Run:
        xs = self._given(arrays, n)

        def step() -> Any:
            y = f(*xs)
            return [y, *self.torch.autograd.grad(y, xs[:n])]

        return Run(step, self._arrays)

    def _of(self, transformed: Function, arrays: Sequence[np.ndarray]) -> Run:
        xs = self._given(arrays)
        return Run(lambda: transformed(*xs), self._arrays)

    def hessian(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._of(self.torch.func.hessian(f), arrays)

    def jacobian(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._of(self.torch.func.jacrev(f), arrays)

    def _many(self, one: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._of(self.torch.func.vmap(one, in_dims=(0, *[None] * (len(arrays) - 1))), arrays)

    def gradients(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._many(self.torch.func.grad(f), arrays)

    def jacobians(self, f: Function, arrays: Sequence[np.ndarray]) -> Run:
        return self._many(self.torch.func.jacrev(f), arrays)

    def descent(self, f: Function, arrays: Sequence[np.ndarray], n: int) -> Run:
        xs = self._given(arrays, n)
        sgd = self.torch.optim.SGD(xs[:n], lr=RATE)

        def step() -> Any:
            sgd.zero_grad(set_to_none=True)
            loss = f(*xs)
            loss.backward()
            sgd.step()
            return loss

        return Run(step, self._arrays)


class Casadi:
    """Expressions of scalars (SX) in its virtual machine; matrices are not its work."""

    def __init__(self, threads: int):
        import casadi

        self.casadi = self.np = casadi
        self.sum = casadi.sum1

    def repeat(self, step: Function, state: tuple[float, ...], n: int) -> Any:
        for _ in range(n):
            state = step(state)
        return state

    def gradient(self, f: Function, arrays: Sequence[np.ndarray], n: int) -> Run:
        ca = self.casadi
        xs = [ca.SX.sym(f"x{i}", len(a)) for i, a in enumerate(arrays)]
        y = f(*xs)
        function = ca.Function("f", xs, [y, *[ca.gradient(y, x) for x in xs[:n]]])
        buffer, run = function.buffer()
        results = [np.zeros(()), *[np.zeros(len(a)) for a in arrays[:n]]]
        given = [np.ascontiguousarray(a, np.float64) for a in arrays]
        for i, a in enumerate(given):
            buffer.set_arg(i, memoryview(a))
        for i, a in enumerate(results):
            buffer.set_res(i, memoryview(a))

        held = function, buffer, given  # which run has only addresses of

        def step() -> Any:
            run()
            return held and results

        return Run(step, lambda out: [*map(np.copy, out)])


ENGINES: dict[str, type] = {"graphdiff": Graphdiff, "jax": Jax, "torch": Torch, "casadi": Casadi}


def installed() -> list[str]:
    return [name for name in ENGINES if importlib.util.find_spec(name) is not None]
