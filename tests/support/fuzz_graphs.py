"""Random graphs from the whole registry, computed and differentiated in every way there is; all must agree.

    python tests/support/fuzz_graphs.py --graphs 2000 --seed 0         # says what disagreed, exit code 1
    python tests/support/fuzz_graphs.py --seed 0 --only 17             # one of them again, with its listing
    python tests/support/fuzz_graphs.py --jax --graphs 2000            # moves alone, against JAX (pip install jax)

A graph is drawn together with the NumPy program that computes the same: each step applies an operation's public
function to Tensors and its declared reference to arrays, or is a move of fuzz_moves.py. Operands are values drawn
before, brought to the shape and range of one of the operation's samples. Compared are: results with NumPy; forward with
reverse derivatives, and both with centred differences of the NumPy program (differences that say there is a kink are
left out and counted); of some the Hessian times a vector by either order of modes; the compiled function with one
neither simplified nor fused; and, bit for bit, with one that recomputes; of some also plan and bits of what is saved
and loaded, pickled and parsed. Every fourth graph is of float32, without differences; of every fifth the sizes are
known only at the call, and every fifth has values of thousands of elements.
Invariant: (seed, number) draws the same graph on every machine.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import pickle
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import fuzz_moves
import numpy as np

import graphdiff as gd
from graphdiff.ir.dims import evaluate
from graphdiff.lower import fuse
from graphdiff.ops.registry import REGISTRY
from graphdiff.runtime import compile as runtime_compile

NODES = 60
LARGEST = 1e3  # values beyond are not built upon: differences would be noise
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}  # of the largest element
ROUNDING = {"float64": 1e-13, "float32": 1e-6}
STEP = 1e-4
SYMMETRIC = {"linalg.cholesky", "linalg.eigh", "linalg.eigvalsh"}  # these take the symmetric part, NumPy a triangle


class Disagreement(AssertionError):
    """Two ways of computing one graph that differ."""


# ------------------------------------------------------------------ a graph and its NumPy program


class Step:
    """An operation in both worlds. ``frozen``: differences hold its result at the base point (stop_gradient); ``of``:
    takes NumPy or JAX before the operands, where it is written for either."""

    def __init__(self, label: str, function: Any, inputs: list[int], first: int, count: int, frozen: bool, of: Any):
        self.label, self.function, self.inputs = label, function, inputs
        self.first, self.count, self.frozen, self.of = first, count, frozen, of


class Drawn:
    """Values by slot: a Tensor and its array at the base point each."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.tensors: list[gd.Tensor] = []
        self.arrays: list[np.ndarray] = []
        self.steps: list[Step] = []
        self.leaves: list[int] = []
        self.used: set[int] = set()
        self.sizes: dict[str, int] = {}

    def leaf(self, array: np.ndarray, named: bool = False, ones: bool = False) -> int:
        """An input; ``named``: of sizes that are known only at the call, equal ones of one name, those of 1 only where
        ``ones``."""
        shape = tuple(f"n{n}" if named and (n != 1 or ones) else n for n in array.shape)
        self.sizes.update({f"n{n}": n for n in array.shape})
        self.tensors.append(gd.input(f"x{len(self.leaves)}", shape, array.dtype))
        self.arrays.append(array)
        self.leaves.append(len(self.arrays) - 1)
        return self.leaves[-1]

    def emit(
        self, label: str, on_tensors: Any, on_arrays: Any, inputs: list[int], frozen: bool = False, of: Any = None
    ) -> list[int]:
        """The slots of the results; none where NumPy's are not finite, too large to build upon, the spread of equal
        numbers, which rounding alone makes more than zero, or an index of the operands is out of range."""
        try:
            with np.errstate(all="ignore"):
                arrays = [np.asarray(a) for a in _flat(on_arrays(*(self.arrays[i] for i in inputs)))]
        except IndexError:
            return []
        if any(a.dtype.kind == "f" and not np.all(np.abs(a) <= LARGEST) for a in arrays):
            return []
        if label.startswith(("std", "var")) and np.any((arrays[0] > 0) & (arrays[0] < ROUNDING[self.dtype])):
            return []
        tensors = _flat(on_tensors(*(self.tensors[i] for i in inputs)))
        for t, a in zip(tensors, arrays, strict=True):
            same_kind = t.dtype == a.dtype or t.dtype.kind == a.dtype.kind == "f"
            if tuple(evaluate(n, self.sizes) for n in t.shape) != a.shape or not same_kind:
                raise Disagreement(f"{label} gives {t!r}, NumPy {a.dtype}{a.shape}")
        first = len(self.arrays)
        self.tensors += tensors
        self.arrays += [a.astype(t.dtype, copy=False) for a, t in zip(arrays, tensors)]
        self.used.update(inputs)
        self.steps.append(Step(label, on_arrays, inputs, first, len(arrays), frozen, of))
        return list(range(first, len(self.arrays)))

    def run(
        self, feed: list[np.ndarray], wanted: list[int], disturb: Callable[[np.ndarray], np.ndarray] = lambda a: a
    ) -> list[np.ndarray]:
        """The wanted slots by NumPy; what every step gives is passed through ``disturb``."""
        values = dict(zip(self.leaves, feed))
        with np.errstate(all="ignore"):
            for s in self.steps:
                out = self.arrays[s.first : s.first + s.count]
                if not s.frozen:
                    out = [np.asarray(a) for a in _flat(s.function(*(values[i] for i in s.inputs)))]
                for i, a in zip(range(s.first, s.first + s.count), out, strict=True):
                    values[i] = disturb(a.astype(self.arrays[i].dtype, copy=False))
        return [values[i] for i in wanted]

    def listing(self, wanted: list[int]) -> str:
        needed, lines = set(wanted), []
        for s in reversed(self.steps):
            out = range(s.first, s.first + s.count)
            if needed.intersection(out):
                needed.update(s.inputs)
                types = ", ".join(f"v{i}: {self.arrays[i].dtype}{list(self.arrays[i].shape)}" for i in out)
                lines.append(f"  {types} = {s.label}({', '.join(f'v{i}' for i in s.inputs)})")
        leaves = [f"  v{i}: {self.arrays[i].dtype}{list(self.arrays[i].shape)} fed" for i in self.leaves if i in needed]
        return "\n".join([*leaves, *reversed(lines)])


def _flat(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


# ------------------------------------------------------------------ drawing


def reference_of(op: Any) -> Any:
    if isinstance(op.reference, str):
        module, _, name = op.reference.rpartition(".")
        return getattr(importlib.import_module(module), name)
    return op.reference


def _small(sample: Any) -> bool:
    return all(a.size <= 120 for a in _arrays_in(sample))


def _arrays_in(sample: Any) -> list[np.ndarray]:
    out: list[np.ndarray] = []
    for a in (*sample.args, *sample.kwargs.values()):
        out += [e for e in (a if isinstance(a, list) else [a]) if isinstance(e, np.ndarray)]
    return out


IMPLICIT = ("random.gamma", "random.beta")  # whose derivatives are of means, not of draws: no shapes that move
ORDERED = ("histogram", "interp", "searchsorted")  # which take values in order
OPS = {
    name: [s for s in op.samples(np.random.default_rng(0)) if _small(s) and not (name in IMPLICIT and _arrays_in(s))]
    for name, op in sorted(REGISTRY.items())
    if op.samples is not None and op.public is not None and not op.internal and name not in ORDERED
}


ELEMENTWISE = [  # of floats alone: an order is a number
    n
    for n, drawn_from in OPS.items()
    if REGISTRY[n].kind == "elementwise"
    and all(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in drawn_from[0].args)
]
REDUCTIONS = ("sum", "mean", "max", "min", "logsumexp", "norm", "var", "std")
ALONG = ("nn.softmax", "nn.log_softmax", "cumsum", "sort", "flip")


def _meet(*shapes: tuple[int, ...]) -> bool:
    """Whether shapes broadcast to something not much larger."""
    try:
        return np.prod(np.broadcast_shapes(*shapes)) <= 20_000
    except ValueError:
        return False


def _may_meet(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether two shapes with names broadcast, as far as that is known when a graph is built."""
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b)))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


class Artist:
    """Draws one graph."""

    def __init__(self, rng: np.random.Generator, dtype: str):
        self.rng, self.drawn = rng, Drawn(dtype)

    def choose(self, things: Any) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def draw(self, nodes: int, style: str = "small") -> Drawn:
        """A graph of about so many nodes. ``style``: "small", "large" values, or sizes that are "named"."""
        shapes = {
            "small": ((3, 4), (self.choose((1, 2, 4, 5)), 3), (), (6,)),
            "large": ((37, 61), (61,), (37, 1), (self.choose((2, 9)), 3, 70), (1500,)),
            "named": ((3, 4), (self.choose((1, 2, 50)), 4), (), (4,), (3, 1), (1, 4)),
            "moves": ((3, 4), (self.choose((1, 2, 4)), 3, 5), (6,), (2, 2, 3, 4)),
        }[style]
        for shape in shapes:
            array = self.rng.uniform(-2, 2, shape).astype(self.drawn.dtype)
            self.drawn.leaf(array, style == "named", ones=shape == (1, 4))
        if style == "moves":
            moves = [m for m in fuzz_moves.MOVES if m is not fuzz_moves.linear_algebra or self.rng.random() < 0.05]
            while len(self.drawn.steps) < nodes:
                self.move(moves)  # linear algebra is rare: JAX has to compile it
            return self.drawn
        self.drawn.leaf(self.rng.integers(-3, 4, (3, 4)))
        extra = [self.control, self.view, self.derived] if style != "named" else [self.derived]
        moves = fuzz_moves.OF_ANY_SIZE if style == "named" else fuzz_moves.MOVES
        directly = {"small": 0.2, "large": 0.6, "named": 1.0}[style]
        while len(self.drawn.steps) < nodes:
            if self.rng.random() < 0.2:
                self.choose(extra)()
            elif self.rng.random() < 0.25:
                self.move(moves)
            elif self.rng.random() < directly:
                self.direct()
            else:
                self.operation(self.choose(list(OPS)))
        return self.drawn

    def move(self, moves: list[fuzz_moves.Move]) -> None:
        """One of fuzz_moves on a value."""
        slot = self.pick("f")
        assert slot is not None
        made = self.choose(moves)(self.rng, self.drawn.arrays[slot])
        if made is None or self.drawn.arrays[slot].size > 5000:
            return
        label, on_tensors, of, *others = made
        slots = [slot]
        for array in others:
            slots += self.drawn.emit(
                "constant", lambda a=array: gd.constant(a), lambda a=array: a, [], of=lambda m, a=array: a
            )
        if len(slots) == 1 + len(others):
            self.drawn.emit(label, on_tensors, partial(of, np), slots, of=of)

    def direct(self) -> None:
        """An operation on values as they are: elementwise with broadcasting, along an axis, or a product."""
        slot = self.pick("f")
        assert slot is not None
        a, kind = self.drawn.arrays[slot], self.rng.random()
        if kind < 0.6:
            name = self.choose(ELEMENTWISE)
            slots = [slot]
            for _ in OPS[name][0].args[1:]:
                sizes = [t.shape for t in self.drawn.tensors]
                near = [
                    i
                    for i, b in enumerate(self.drawn.arrays)
                    if b.dtype == a.dtype
                    and _meet(b.shape, *(self.drawn.arrays[s].shape for s in slots))
                    and all(_may_meet(sizes[s], sizes[i]) for s in slots)
                ]
                slots.insert(int(self.rng.integers(2)), self.choose(near or [slot]))  # one this large meets itself only
            found = [self.ranged(i, sample) for i, sample in zip(slots, OPS[name][0].args)]
            if None not in found:
                self.emit(f"{name}[]", REGISTRY[name].public, reference_of(REGISTRY[name]), *found)
        elif a.ndim == 0:
            return
        elif kind < 0.8:
            axis = self.choose((None, *range(-a.ndim, a.ndim), tuple(range(a.ndim))))
            name, options = self.choose(REDUCTIONS), {"axis": axis, "keepdims": bool(self.rng.integers(2))}
            op = REGISTRY[name]
            self.emit(
                f"{name}[{options}]", lambda x: op.public(x, **options), lambda x: reference_of(op)(x, **options), slot
            )
        elif kind < 0.9:
            op, axis = REGISTRY[self.choose(ALONG)], int(self.rng.integers(-a.ndim, a.ndim))
            self.emit(
                f"{op.name}[axis={axis}]",
                lambda x: op.public(x, axis=axis),
                lambda x: reference_of(op)(x, axis=axis),
                slot,
            )
        elif kind < 0.95:
            order = tuple(int(k) for k in self.rng.permutation(a.ndim))
            self.emit(f"permute_dims[{order}]", lambda x: gd.permute_dims(x, order), lambda x: x.transpose(order), slot)
        elif a.ndim >= 2:
            self.emit(
                "matmul[of x.mT, x]",
                lambda x: gd.matmul(x.mT, x) * (1 / max(a.shape[-2], 1)),
                lambda x: x.mT @ x * (1 / max(a.shape[-2], 1)),
                slot,
            )

    def pick(self, kind: str) -> int | None:
        """A slot whose dtype is the graph's of a kind; late ones are likelier, so graphs are deep."""
        dtype = {"f": self.drawn.dtype, "i": "int64", "b": "bool"}[kind]
        slots = [i for i, a in enumerate(self.drawn.arrays) if a.dtype == dtype and a.size]
        return slots[-1 - int(len(slots) * self.rng.random() ** 2)] if slots else None

    def emit(self, label: str, on_tensors: Any, on_arrays: Any, *inputs: int) -> int | None:
        found = self.drawn.emit(label, on_tensors, on_arrays, list(inputs))
        return found[0] if found else None

    def fit(self, slot: int, shape: tuple[int, ...]) -> int | None:
        """A slot's elements as another shape, from the start again where there are too few."""
        a, n = self.drawn.arrays[slot], int(np.prod(shape))
        if a.shape == shape:
            return slot
        times = -(-n // a.size) if n else 1
        return self.emit(
            f"fit to {shape}",
            lambda x: gd.reshape(gd.tile(gd.reshape(x, (a.size,)), times)[:n], shape),
            lambda x: np.tile(x.reshape(-1), times)[:n].reshape(shape),
            slot,
        )

    def operand(self, sample: np.ndarray, near: bool, symmetric: bool) -> int | None:
        """A value of the sample's type: a value drawn before, brought into the sample's range (``near``: close to
        the sample itself, for matrices of a kind), or the sample as it is."""
        kind = sample.dtype.kind
        sample = sample.astype(self.drawn.dtype) if kind == "f" else sample
        rises = kind == "i" and sample.ndim == 1 and sample.size > 1 and sample[0] == 0 and (np.diff(sample) >= 0).all()
        slot = self.pick(kind) if sample.size and self.rng.random() < 0.95 and not rises else None  # offsets stay
        if slot is not None and sample.dtype != self.drawn.arrays[slot].dtype:
            slot = None
        if slot is not None:
            slot = self.fit(slot, sample.shape)
        if slot is None:
            return self.emit("constant", lambda: gd.constant(sample), lambda: sample)
        low, high = sample.min(), sample.max()
        if kind == "b":
            return slot
        if kind == "i":
            width = int(high - low) + 1
            return self.emit("into range", lambda x: gd.remainder(x, width) + int(low), lambda x: x % width + low, slot)
        if symmetric:
            return self.emit(
                "near, symmetric",
                lambda x: gd.constant(sample) + 0.05 * gd.tanh(x + x.mT),
                lambda x: sample + 0.05 * np.tanh(x + x.mT),
                slot,
            )
        if near:
            return self.emit(
                "near", lambda x: gd.constant(sample) + 0.05 * gd.tanh(x), lambda x: sample + 0.05 * np.tanh(x), slot
            )
        return self.ranged(slot, sample)

    def ranged(self, slot: int, sample: np.ndarray) -> int | None:
        """A floating slot brought into the range of a sample."""
        a, low, high = self.drawn.arrays[slot], float(sample.min()), float(sample.max())
        if np.min(a, initial=high) >= low and np.max(a, initial=low) <= high:
            return slot
        return self.emit(
            "into range",
            lambda x: low + (high - low) * gd.nn.sigmoid(x),
            lambda x: low + (high - low) * sigmoid(x),
            slot,
        )

    def operation(self, name: str) -> None:
        """One of the registry, with a sample's static arguments."""
        op = REGISTRY[name]
        if not OPS[name]:
            return
        sample = self.choose(OPS[name])
        slots: list[int] = []
        near, symmetric = op.namespace == "linalg", name in SYMMETRIC

        def swap(a: Any) -> Any:
            if isinstance(a, list) and any(isinstance(e, np.ndarray) for e in a):
                return [swap(e) for e in a]
            if not isinstance(a, np.ndarray):
                return self.drawn.dtype if isinstance(a, str) and a in TOLERANCE else a
            slot = self.operand(a, near, symmetric)
            if slot is None:
                raise LookupError
            slots.append(slot)
            return _Slot(len(slots) - 1)

        try:
            args = [swap(a) for a in sample.args]
            kwargs = {k: swap(a) for k, a in sample.kwargs.items()}
        except LookupError:
            return
        reference, absolute = reference_of(op), name in ("linalg.eigh", "linalg.svd")

        def call(f: Any, values: Any, magnitude: Any) -> Any:
            out = f(*(_filled(a, values) for a in args), **{k: _filled(a, values) for k, a in kwargs.items()})
            return [magnitude(v) for v in _flat(out)] if absolute else out  # signs of vectors are LAPACK's choice

        static = [*(repr(a) for a in args if not _has_slot(a)), *(f"{k}={v!r}" for k, v in kwargs.items())]
        self.drawn.emit(
            f"{name}[{', '.join(static)}]",
            lambda *xs: call(op.public, xs, gd.abs),
            lambda *xs: call(reference, xs, np.abs),
            slots,
            frozen=name == "stop_gradient",
        )

    def view(self) -> None:
        """Basic indexing with ints, steps either way, new axes and an ellipsis; or rows by an integer Tensor."""
        slot = self.pick(self.choose("fib"))
        if slot is None or self.drawn.arrays[slot].ndim == 0:
            return
        shape = self.drawn.arrays[slot].shape
        if self.rng.random() < 0.3:
            idx = self.rng.integers(-shape[0], shape[0], self.choose(((2,), (2, 2), ())))
            self.emit(f"rows {idx.tolist()}", lambda x: x[gd.constant(idx)], lambda x: x[idx], slot)
            return
        key: list[Any] = []
        for n in shape:
            kind = self.rng.random()
            if kind < 0.15:
                key.append(int(self.rng.integers(-n, n)))
            elif kind < 0.6:
                key.append(
                    slice(
                        *(self.choose((None, int(self.rng.integers(-n, n + 1)))) for _ in range(2)),
                        self.choose((None, 1, 2, -1, -2)),
                    )
                )
            else:
                key.append(slice(None))
        if self.rng.random() < 0.3:
            key.insert(int(self.rng.integers(len(key) + 1)), None)
        if self.rng.random() < 0.3:
            key[-1] = Ellipsis
        where = tuple(key)
        self.emit(f"index {where}", lambda x: x[where], lambda x: x[where], slot)

    def derived(self) -> None:
        """A derivative as a value: differentiated again it is second order. Its NumPy side is by hand."""
        slot = self.pick("f")
        assert slot is not None
        if self.rng.random() < 0.5:
            self.emit("grad of sum(sin x)", lambda x: gd.grad(gd.sum(gd.sin(x)), x), np.cos, slot)
        else:
            self.emit(
                "jvp of x tanh x along cos x",
                lambda x: gd.jvp(x * gd.tanh(x), x, gd.cos(x)),
                lambda x: np.cos(x) * (np.tanh(x) + x / np.cosh(x) ** 2),
                slot,
            )

    # -------------------------------------------------------------- control flow
    def control(self) -> None:
        rows, start = self.pick("f"), self.pick("f")
        assert rows is not None and start is not None
        a = self.drawn.arrays[rows]
        kind = self.choose(("scan", "map", "while", "cond", "nested"))
        if kind in ("scan", "map", "nested") and a.ndim == 0:
            return
        f = self.choose(BODIES)
        if kind == "map":
            self.emit(
                "map",
                lambda x: gd.map(lambda r: f(gd, r, r, 0.5), x),
                lambda x: np.stack([f(np, r, r, 0.5) for r in x]) if len(x) else x,
                rows,
            )
            return
        captured = self.pick("f")
        assert captured is not None
        w = self.fit(captured, ())
        if w is None:
            return
        if kind == "while":
            limit, most = float(self.rng.uniform(0.5, 3)), int(self.rng.integers(0, 6))
            self.emit(
                f"while_loop max {most}",
                lambda c, k: gd.while_loop(lambda v: gd.sum(gd.abs(v)) < limit * 4, lambda v: f(gd, v, v, k), c, most),
                lambda c, k: python_while(lambda v: np.sum(np.abs(v)) < limit * 4, lambda v: f(np, v, v, k), c, most),
                start,
                w,
            )
            return
        if kind == "cond":
            g = self.choose(BODIES)
            self.emit(
                "cond",
                lambda p, c, k: gd.cond(p > 0.1, lambda v: f(gd, v, v, k), lambda v: g(gd, v, v, k), c),
                lambda p, c, k: f(np, c, c, k) if p > 0.1 else g(np, c, c, k),
                w,
                start,
                w,
            )
            return
        carry = self.fit(start, a.shape[1:])
        reverse = bool(self.rng.integers(2))
        if carry is None:
            return
        if kind == "scan":

            def step(m: Any, k: Any) -> Any:
                return lambda c, x: (f(m, c, x, k), m.sin(c) * x)
        else:

            def step(m: Any, k: Any) -> Any:
                scan = gd.scan if m is gd else python_scan
                return lambda c, x: scan(lambda d, i: (f(m, d, x, k), m.cos(d)), c, m.stack([x, c * 0.5]))

        self.drawn.emit(
            f"{kind} reverse={reverse}",
            lambda c, x, k: _two(gd.scan(step(gd, k), c, x, reverse=reverse)),
            lambda c, x, k: _two(python_scan(step(np, k), c, x, reverse)),
            [carry, rows, w],
        )


def _two(pair: Any) -> list[Any]:
    return [pair[0], pair[1]]


def python_scan(step: Any, carry: Any, xs: Any, reverse: bool = False) -> Any:
    ys = []
    for x in xs[::-1] if reverse else xs:
        carry, y = step(carry, x)
        ys.append(y)
    return carry, np.stack(ys[::-1] if reverse else ys)


def python_while(cond: Any, body: Any, value: Any, most: int) -> Any:
    for _ in range(most):
        if not cond(value):
            break
        value = body(value)
    return value


BODIES = (
    lambda m, c, x, k: m.tanh(c * k + x),
    lambda m, c, x, k: m.sin(c) + x * k,
    lambda m, c, x, k: m.maximum(c, x * 0.9) * 0.8,
    lambda m, c, x, k: c + m.mean(m.square(x)) * 0.1,
    lambda m, c, x, k: m.where(c > x, c * 0.5, m.exp(-m.abs(x)) + k),
    lambda m, c, x, k: m.sqrt(c * c + x * x + 0.1),
)


class _Slot:
    """Where an operand goes among static arguments."""

    def __init__(self, place: int):
        self.place = place

    def __repr__(self) -> str:
        return "·"


def _has_slot(a: Any) -> bool:
    return isinstance(a, _Slot) or (isinstance(a, list) and any(isinstance(e, _Slot) for e in a))


def _filled(a: Any, values: Any) -> Any:
    if isinstance(a, _Slot):
        return values[a.place]
    return [_filled(e, values) for e in a] if isinstance(a, list) and _has_slot(a) else a


# ------------------------------------------------------------------ comparing


def unlike(got: list[np.ndarray], wanted: list[np.ndarray]) -> str | None:
    """Where two lists of arrays differ beyond rounding, or None."""
    for k, (a, b) in enumerate(zip(got, wanted, strict=True)):
        if a.dtype.kind != "f":
            if not np.array_equal(a, b):
                return f"result {k}: {a.ravel()[:6]} and {b.ravel()[:6]}"
            continue
        size = np.max(np.abs(b[np.isfinite(b)]), initial=1)
        if not np.allclose(a, b, rtol=0, atol=TOLERANCE[a.dtype.name] * size, equal_nan=True):
            return f"result {k}: differs by {np.max(np.abs(a - b)):.3g} of {size:.3g}"
    return None


@contextlib.contextmanager
def plain() -> Any:
    """Functions compiled inside are neither simplified nor fused."""
    simplify, limit = runtime_compile.simplify, fuse.GROUP_LIMIT
    runtime_compile.simplify, fuse.GROUP_LIMIT = (lambda graph: (graph, {})), 1
    try:
        yield
    finally:
        runtime_compile.simplify, fuse.GROUP_LIMIT = simplify, limit


def against_differences(
    drawn: Drawn,
    floats: list[int],
    weights: list[np.ndarray],
    at: list[int],
    direction: list[np.ndarray],
    got: float,
    size: float,
    counts: Counter[str],
) -> str | None:
    """How a directional derivative differs from differences of the NumPy program; None also where these see a kink."""
    feed = [drawn.arrays[i] for i in drawn.leaves]

    def along(h: float) -> float:
        moved = list(feed)
        for k, d in zip(at, direction):
            moved[k] = moved[k] + h * d
        return sum(float(np.sum(a * w)) for a, w in zip(drawn.run(moved, floats), weights))

    for step in (STEP, STEP / 100):  # jumps and kinks that look alike on both sides are not as near as that, too
        right, left, near, far, middle = along(step), along(-step), along(step / 2), along(-step / 2), along(0)
        wide, narrow = (right - left) / (2 * step), (near - far) / step
        sides, scale = abs((right - middle) - (middle - left)) / step, 1 + abs(wide) + abs(narrow)
        if not abs(wide - narrow) <= 1e-4 * scale or sides > 0.02 * scale:
            counts["kinks"] += 1
            return None
        expected = (4 * narrow - wide) / 3
        if abs(expected - got) <= 1e-6 * size * (STEP / step) ** 0.5 + 2 * abs(wide - narrow):
            counts["derivatives compared"] += 1
            return None
    return f"{expected!r} and {got!r}"


def again(f: Any, feed: list[np.ndarray], results: list[np.ndarray]) -> None:
    """Raises Disagreement where what is made of a function's file, pickle or text has another plan or other bits."""
    file = io.BytesIO()
    f.save(file)
    text = str(f.graph)
    ways = {
        "loaded": lambda: gd.load(io.BytesIO(file.getvalue())),
        "unpickled": lambda: pickle.loads(pickle.dumps(f)),
        "parsed": lambda: gd.compile(gd.parse(text)),
    }
    wanted = [a.tobytes() for a in results]
    for way, make in ways.items():
        g = make()
        got = [a.tobytes() for a in flat(g(*feed))]
        if str(g.graph) != text:
            raise Disagreement(f"the {way} function has another graph")
        if instructions(g) != instructions(f):
            raise Disagreement(f"the {way} function has another plan:\n{g.plan}\n{f.plan}")
        if got != wanted:
            raise Disagreement(f"the {way} function gives other bits")


def instructions(f: Any) -> list[Any]:
    """What decides a run: operations, phases and places, without the lines they come from."""
    return [f.plan.arena_bytes, *(row._replace(source="") for row in f.plan.instructions)]


def flat(results: Any) -> list[np.ndarray]:
    return [a for r in results for a in flat(r)] if isinstance(results, list) else [results]


def check(drawn: Drawn, wanted: list[int], rng: np.random.Generator, counts: Counter[str]) -> None:
    """Raises Disagreement where two ways of computing the ``wanted`` slots, or their derivatives, differ."""
    leaves = [drawn.tensors[i] for i in drawn.leaves]
    feed = [drawn.arrays[i] for i in drawn.leaves]
    ys = [drawn.tensors[i] for i in wanted]
    at = [k for k, x in enumerate(leaves) if x.dtype == drawn.dtype]
    xs = [leaves[k] for k in at]
    floats = [i for i in wanted if drawn.arrays[i].dtype == drawn.dtype]
    weights = [rng.uniform(-1, 1, drawn.arrays[i].shape).astype(drawn.dtype) for i in floats]
    direction = [rng.uniform(-1, 1, feed[k].shape).astype(drawn.dtype) for k in at]
    weighing = [gd.input(f"w{k}", drawn.tensors[i].shape, drawn.dtype) for k, i in enumerate(floats)]
    towards = [gd.input(f"d{k}", x.shape, drawn.dtype) for k, x in enumerate(xs)]
    leaves, feed = [*leaves, *weighing, *towards], [*feed, *weights, *direction]
    loss = gd.zeros((), drawn.dtype)
    for i, w in zip(floats, weighing):
        loss = loss + gd.sum(drawn.tensors[i] * w)
    outputs = [ys, [gd.grad(loss, xs), gd.jvp(loss, xs, towards)]]
    f = gd.compile(leaves, outputs)
    values, (gradient, forward) = f(*feed)
    if rng.random() < 0.2:
        again(f, feed, [*values, *gradient, forward])

    def shaky(found: str) -> bool:
        """Whether rounding of the feed alone, or of steps between, changes as much: a comparison or a rounding that
        decides nearby."""
        noise = ROUNDING[drawn.dtype]

        def disturbed(a: np.ndarray) -> np.ndarray:
            return (a * (1 + noise * rng.standard_normal(a.shape))).astype(a.dtype) if a.dtype.kind == "f" else a

        again, (g, j) = f(*map(disturbed, feed))
        own = feed[: len(drawn.leaves)]
        moves = (
            unlike(again, values) is not None
            or unlike([*g, j], [*gradient, forward]) is not None
            or unlike(drawn.run(own, wanted, disturbed), drawn.run(own, wanted)) is not None
        )
        counts["left out, undecided: " + found] += moves
        return moves

    def disagree(what: str, found: str | None) -> None:
        if found is not None and not shaky(what):
            raise Disagreement(f"{what}: {found}")

    disagree("NumPy", unlike(values, drawn.run(feed[: len(drawn.leaves)], wanted)))
    reverse = sum(float(np.sum(g * d)) for g, d in zip(gradient, direction))
    size = 1 + sum(float(np.sum(np.abs(g * d))) for g, d in zip(gradient, direction))
    if np.isfinite(size) and not abs(reverse - forward) <= TOLERANCE[drawn.dtype] * size:
        disagree("reverse and forward", f"{reverse!r} and {float(forward)!r}")

    if drawn.dtype == "float64":
        found = against_differences(drawn, floats, weights, at, direction, float(forward), size, counts)
        disagree("differences", found)
        if rng.random() < 0.3:
            counts["second order compared"] += 1
            # the Hessian times the direction: reverse over forward, and forward over reverse
            over, under = gd.compile(leaves, [gd.grad(outputs[1][1], xs), gd.jvp(outputs[1][0], xs, towards)])(*feed)
            disagree("the two orders of differentiation", unlike(over, under))
    with plain():
        values2, (gradient2, forward2) = gd.compile(leaves, outputs)(*feed)
    disagree("neither simplified nor fused", unlike([*values2, *gradient2, forward2], [*values, *gradient, forward]))
    option = "sqrt" if rng.random() < 0.5 else gd.Every(int(rng.integers(1, 8)))
    values3, (gradient3, forward3) = gd.compile(leaves, outputs, checkpoint=option)(*feed)
    for a, b in zip([*values, *gradient, forward], [*values3, *gradient3, forward3]):
        if a.tobytes() != b.tobytes():
            raise Disagreement(f"checkpoint={option}: not the same bits")


def check_jax(drawn: Drawn, wanted: list[int], rng: np.random.Generator, counts: Counter[str]) -> None:
    """Raises Disagreement where values, gradients or second derivatives along a direction are not JAX's."""
    import fuzz_jax

    leaves, feed = [drawn.tensors[i] for i in drawn.leaves], {i: drawn.arrays[i] for i in drawn.leaves}
    floats = [i for i in wanted if drawn.arrays[i].dtype == drawn.dtype]
    weights = [rng.uniform(-1, 1, drawn.arrays[i].shape) for i in floats]
    towards = [rng.uniform(-1, 1, a.shape) for a in feed.values()]
    loss = gd.zeros((), drawn.dtype)
    for i, w in zip(floats, weights):
        loss = loss + gd.sum(drawn.tensors[i] * w)
    first = gd.grad(loss, leaves)
    f = gd.compile(leaves, [[drawn.tensors[i] for i in floats], first, gd.jvp(first, leaves, towards)])
    theirs = fuzz_jax.derivatives(drawn, feed, floats, weights, drawn.leaves, towards)
    for what, mine, other in zip(("values", "gradients", "second derivatives"), f(*feed.values()), theirs):
        found = unlike(mine, other)
        if found is None:
            counts["JAX, " + what] += 1
            continue
        noise = [a * (1 + ROUNDING[drawn.dtype] * rng.standard_normal(a.shape)) for a in feed.values()]
        moved = fuzz_jax.derivatives(drawn, dict(zip(drawn.leaves, noise)), floats, weights, drawn.leaves, towards)
        if all(unlike(a, b) is None for a, b in zip(moved, theirs)):
            raise Disagreement(f"JAX, {what}: {found}")
        counts["left out, undecided: JAX, " + what] += 1


def fuzz(seed: int, number: int, counts: Counter[str], jax: bool = False) -> None:
    """Draws and checks one graph, against JAX of moves alone. Raises Disagreement, naming the first step that disagrees
    when checked alone."""
    rng = np.random.default_rng([seed, number])
    artist = Artist(rng, "float32" if number % 4 == 3 and not jax else "float64")
    nodes = int(rng.integers(2, 12) if jax else rng.integers(3, NODES + 1))  # JAX traces slowly
    compare = check_jax if jax else check
    try:
        drawn = artist.draw(nodes, "moves" if jax else ("small", "large", "small", "small", "named")[number % 5])
    except Exception as e:
        raise Disagreement(
            f"graph {number}: while it is built: {type(e).__name__}: {e}\n"
            + artist.drawn.listing(list(range(len(artist.drawn.arrays))))
        ) from e
    made = range(len(drawn.leaves), len(drawn.arrays))
    wanted = [i for i in made if i not in drawn.used]
    counts["graphs"] += 1
    counts["nodes"] += len(drawn.steps)
    for s in drawn.steps:
        counts["op " + s.label.partition("[")[0].partition(" ")[0]] += 1
    try:
        compare(drawn, wanted, np.random.default_rng([seed, number, 1]), counts)
    except Exception as e:
        blamed, text = wanted, f"{type(e).__name__}: {e}"
        for i in made:
            try:
                compare(drawn, [i], np.random.default_rng([seed, number, 1]), Counter())
            except Exception as own:
                blamed, text = [i], f"{type(own).__name__}: {own}"
                break
        raise Disagreement(f"graph {number}: {text}\n{drawn.listing(blamed)}") from e


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--graphs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first graph")
    parser.add_argument("--only", type=int, help="this graph alone")
    parser.add_argument("--jax", action="store_true", help="moves alone, against JAX, to second order")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.graphs) if options.only is None else [options.only]
    counts: Counter[str] = Counter()
    failures, start = 0, time.monotonic()
    for number in numbers:
        if time.monotonic() - start > options.seconds:
            break
        try:
            fuzz(options.seed, number, counts, options.jax)
        except Disagreement as e:
            failures += 1
            print(e, flush=True)
    ops = {k: v for k, v in counts.items() if k.startswith("op ")}
    for key in sorted(counts.keys() - ops.keys()):
        print(f"{key}: {counts[key]}")
    missing = sorted(set(OPS) - {k[3:] for k in ops})
    print(f"operations used: {len(OPS) - len(missing)} of {len(OPS)}; not: {', '.join(missing) or 'none'}")
    print(f"disagreements: {failures} in {time.monotonic() - start:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
