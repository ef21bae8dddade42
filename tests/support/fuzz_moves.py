"""Steps of random graphs that are written once for NumPy and JAX, ``of(m, *arrays)``, and once for graphdiff.

A move looks at a value's array and gives a label, what graphdiff does, what the others do, and perhaps further arrays,
which become operands; or None where it has no use for the value. Every move is smooth, or has kinks where values hardly
fall; JAX and graphdiff agree at ties that integers make.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

Made = tuple[str, Callable[..., Any], Callable[..., Any]]
Move = Callable[[np.random.Generator, np.ndarray], "tuple[Any, ...] | None"]
MOVES: list[Move] = []


def move(f: Move) -> Move:
    MOVES.append(f)
    return f


def choose(rng: np.random.Generator, things: Any) -> Any:
    return things[int(rng.integers(len(things)))]


def axis_of(rng: np.random.Generator, a: np.ndarray) -> int:
    return int(rng.integers(-a.ndim, a.ndim))


# ------------------------------------------------------------------ elements


SMOOTH: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {  # functions with their derivatives
    "sin": (lambda m, x: m.sin(x), lambda m, x: m.cos(x)),
    "cos 2x": (lambda m, x: m.cos(2 * x), lambda m, x: -2 * m.sin(2 * x)),
    "tanh": (lambda m, x: m.tanh(x), lambda m, x: 1 - m.tanh(x) ** 2),
    "exp(-x^2)": (lambda m, x: m.exp(-x * x), lambda m, x: -2 * x * m.exp(-x * x)),
    "log(1+x^2)": (lambda m, x: m.log1p(x * x), lambda m, x: 2 * x / (1 + x * x)),
    "sqrt(1+x^2)": (lambda m, x: m.sqrt(1 + x * x), lambda m, x: x / m.sqrt(1 + x * x)),
    "x/(1+x^2)": (lambda m, x: x / (1 + x * x), lambda m, x: (1 - x * x) / (1 + x * x) ** 2),
    "tanh x/2": (lambda m, x: 0.5 * (1 + m.tanh(x / 2)), lambda m, x: 0.25 * (1 - m.tanh(x / 2) ** 2)),
    "sinh tanh": (lambda m, x: m.sinh(m.tanh(x)), lambda m, x: m.cosh(m.tanh(x)) * (1 - m.tanh(x) ** 2)),
    "expm1 -|x|": (lambda m, x: m.expm1(-m.abs(x)), lambda m, x: -m.sign(x) * m.exp(-m.abs(x))),
    "arctan": (lambda m, x: _named(m, "arctan", "atan")(x), lambda m, x: 1 / (1 + x * x)),
    "arcsinh": (lambda m, x: _named(m, "arcsinh", "asinh")(x), lambda m, x: 1 / m.sqrt(1 + x * x)),
}
PAIRS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "hypot": lambda m, x, y: m.hypot(x, y),
    "logaddexp": lambda m, x, y: m.logaddexp(x, y),
    "arctan2": lambda m, x, y: _named(m, "arctan2", "atan2")(x, y),
    "maximum": lambda m, x, y: m.maximum(x, y),
    "minimum": lambda m, x, y: m.minimum(x, y),
    "where": lambda m, x, y: m.where(x > y, x * y, m.sin(y)),
    "quotient": lambda m, x, y: x / (1 + y * y),
    "pow": lambda m, x, y: (1 + x * x) ** m.tanh(y),
    "clip": lambda m, x, y: m.clip(x, -0.7, 1.1) * y,
}


def _named(m: Any, theirs: str, ours: str) -> Any:
    return getattr(m, ours if m is gd else theirs)


@move
def smooth(rng: np.random.Generator, a: np.ndarray) -> Any:
    name = choose(rng, list(SMOOTH))
    f, _ = SMOOTH[name]
    return name, lambda x: f(gd, x), lambda m, x: f(m, x)


@move
def pairs(rng: np.random.Generator, a: np.ndarray) -> Any:
    """With what is broadcast: some sizes are 1, leading ones left out."""
    name = choose(rng, list(PAIRS))
    shape = [1 if rng.random() < 0.3 else n for n in a.shape][int(rng.integers(2)) if a.ndim else 0 :]
    other, turned = rng.uniform(-2, 2, shape).astype(a.dtype), bool(rng.integers(2))

    def of(m: Any, x: Any, y: Any) -> Any:
        return PAIRS[name](m, y, x) if turned else PAIRS[name](m, x, y)

    return f"{name} turned={turned}", lambda x, y: of(gd, x, y), of, other


@move
def derivative(rng: np.random.Generator, a: np.ndarray) -> Any:
    """A derivative as a value, so that its own is a second one."""
    name = choose(rng, list(SMOOTH))
    f, slope = SMOOTH[name]
    if rng.random() < 0.5:
        return f"grad {name}", lambda x: gd.grad(gd.sum(f(gd, x)), x), lambda m, x: slope(m, x)
    return f"jvp {name}", lambda x: gd.jvp(f(gd, x), x, gd.sin(x)), lambda m, x: slope(m, x) * m.sin(x)


@move
def dtypes(rng: np.random.Generator, a: np.ndarray) -> Any:
    """By way of other dtypes: what is compared, or rounded to integers, comes back as a factor."""
    to = choose(rng, ("int32", "int64", "bool"))
    back = a.dtype.name

    def of(m: Any, x: Any) -> Any:
        part = (x > 0.3) if to == "bool" else m.floor(x * 3)
        return x * part.astype(to).astype(back)

    return f"through {to}", lambda x: of(gd, x), of


# ------------------------------------------------------------------ places


@move
def slices(rng: np.random.Generator, a: np.ndarray) -> Any:
    """Steps of either sign, past the ends too."""
    if a.ndim == 0:
        return None
    key = []
    for n in a.shape:
        ends = [None if rng.random() < 0.4 else int(rng.integers(-2 * n - 1, 2 * n + 2)) for _ in range(2)]
        key.append(slice(*ends, choose(rng, (None, 1, 2, 3, -1, -2, -3))) if rng.random() < 0.7 else slice(None))
    where = tuple(key)
    return f"slice {where}", lambda x: x[where], lambda m, x: x[where]


@move
def gathers(rng: np.random.Generator, a: np.ndarray) -> Any:
    if a.ndim == 0 or 0 in a.shape:
        return None
    axis = axis_of(rng, a)
    n = a.shape[axis]
    idx = rng.integers(-n, n, choose(rng, ((3,), (2, 2), (), (1,), (5,))))
    return (
        f"take {idx.tolist()} axis={axis}",
        lambda x: gd.take(x, idx, axis=axis),
        lambda m, x: m.take(x, m.asarray(idx), axis=axis),
    )


@move
def gathers_along(rng: np.random.Generator, a: np.ndarray) -> Any:
    if a.ndim == 0 or 0 in a.shape:
        return None
    axis = axis_of(rng, a)
    shape = list(a.shape)
    shape[axis] = int(rng.integers(1, 5))
    idx = rng.integers(-a.shape[axis], a.shape[axis], shape)
    return (
        f"take_along_axis {shape} axis={axis}",
        lambda x: gd.take_along_axis(x, idx, axis=axis),
        lambda m, x: m.take_along_axis(x, m.asarray(idx), axis=axis),
    )


@move
def gathers_nd(rng: np.random.Generator, a: np.ndarray) -> Any:
    if a.ndim == 0 or 0 in a.shape:
        return None
    depth = int(rng.integers(1, a.ndim + 1))
    idx = np.stack([rng.integers(0, n, (2, 3)) for n in a.shape[:depth]], axis=-1)
    return f"gather_nd {depth}", lambda x: gd.gather_nd(x, idx), lambda m, x: x[tuple(np.moveaxis(idx, -1, 0))]


@move
def scatters(rng: np.random.Generator, a: np.ndarray) -> Any:
    """Along any axis, by moving that to the front."""
    if a.ndim == 0 or 0 in a.shape:
        return None
    axis = axis_of(rng, a)
    k = int(rng.integers(1, 6))
    idx = rng.integers(-a.shape[axis], a.shape[axis], k)
    shape = [k, *np.moveaxis(a, axis, 0).shape[1:]]
    updates = rng.uniform(-1, 1, shape).astype(a.dtype)

    def of(m: Any, x: Any, u: Any) -> Any:
        rows = m.moveaxis(x, axis, 0)
        if m is gd:
            rows = gd.scatter_add(rows, idx, u * rows[:1])
        elif m is np:
            rows = np.array(rows)
            np.add.at(rows, idx, u * rows[:1])
        else:
            rows = rows.at[idx].add(u * rows[:1])
        return m.moveaxis(rows, 0, axis)

    return f"scatter_add {idx.tolist()} axis={axis}", lambda x, u: of(gd, x, u), of, updates


@move
def pads(rng: np.random.Generator, a: np.ndarray) -> Any:
    widths = [(int(rng.integers(0, 3)), int(rng.integers(0, 3))) for _ in a.shape]
    if a.ndim == 0:
        return None
    return f"pad {widths}", lambda x: gd.pad(x, widths), lambda m, x: m.pad(x, widths)


@move
def arrangements(rng: np.random.Generator, a: np.ndarray) -> Any:
    if a.ndim == 0:
        return None
    axis, other = axis_of(rng, a), axis_of(rng, a)
    shift, n = int(rng.integers(-4, 5)), int(rng.integers(1, 4))
    name, of = choose(
        rng,
        (
            ("roll", lambda m, x: m.roll(x, shift, axis=axis)),
            ("flip", lambda m, x: m.flip(x, axis=axis)),
            ("swapaxes", lambda m, x: m.swapaxes(x, axis, other)),
            ("moveaxis", lambda m, x: m.moveaxis(x, axis, other)),
            ("repeat", lambda m, x: m.repeat(x, n, axis=axis)),
            ("tile", lambda m, x: m.tile(x, (n,) + (1,) * (x.ndim - 1))),
            ("concat", lambda m, x: _named(m, "concatenate", "concat")([x, m.sin(x), x], axis=axis)),
            ("stack", lambda m, x: m.stack([x, m.cos(x)], axis=axis)),
            ("expand", lambda m, x: m.expand_dims(x, axis)),
            ("split", lambda m, x: _split(m, x, axis)),
        ),
    )
    return f"{name} axis={axis} {other} {shift} {n}", lambda x: of(gd, x), of


def _split(m: Any, x: Any, axis: int) -> Any:
    n = x.shape[axis]
    cuts = [n // 3, n - n // 2]
    if m is gd:
        parts = gd.split(x, [cuts[0], cuts[1] - cuts[0], n - cuts[1]], axis=axis)
    else:
        parts = m.split(x, cuts, axis=axis)
    return _named(m, "concatenate", "concat")([parts[2], parts[0] * 2, parts[1]], axis=axis)


@move
def triangles(rng: np.random.Generator, a: np.ndarray) -> Any:
    if a.ndim < 2:
        return None
    k, name = int(rng.integers(-2, 3)), choose(rng, ("tril", "triu"))
    return f"{name} {k}", lambda x: getattr(gd, name)(x, k), lambda m, x: getattr(m, name)(x, k)


# ------------------------------------------------------------------ lines


@move
def reductions(rng: np.random.Generator, a: np.ndarray) -> Any:
    """Over several axes, kept or not."""
    if a.size == 0:
        return None
    axes = tuple(int(i) - (a.ndim if rng.integers(2) else 0) for i in range(a.ndim) if rng.random() < 0.6)
    axis = choose(rng, (None, axes)) if len(axes) != 1 else choose(rng, (None, axes, axes[0]))
    keep = bool(rng.integers(2))
    name, of = choose(
        rng,
        (
            ("sum", lambda m, x: m.sum(x, axis=axis, keepdims=keep)),
            ("mean", lambda m, x: m.mean(x, axis=axis, keepdims=keep)),
            ("max", lambda m, x: m.max(x, axis=axis, keepdims=keep)),
            ("min", lambda m, x: m.min(x, axis=axis, keepdims=keep)),
            ("prod", lambda m, x: m.prod(m.tanh(x), axis=axis, keepdims=keep)),
            ("var", lambda m, x: m.var(x, axis=axis, keepdims=keep)),
            ("std", lambda m, x: m.sqrt(0.1 + m.var(x, axis=axis, keepdims=keep))),
            ("logsumexp", lambda m, x: m.log(m.sum(m.exp(x * 0.3), axis=axis, keepdims=keep))),
        ),
    )
    return f"{name} axis={axis} keepdims={keep}", lambda x: of(gd, x), of


@move
def running(rng: np.random.Generator, a: np.ndarray) -> Any:
    """Cumulative operations, either way."""
    if a.ndim == 0:
        return None
    axis, reverse = axis_of(rng, a), bool(rng.integers(2))
    name = choose(rng, ("cumsum", "cumprod", "cummax", "cummin"))

    def of(m: Any, x: Any) -> Any:
        x = m.flip(x, axis=axis) if reverse else x
        if name == "cumprod":
            x = m.cumprod(m.tanh(x) + 0.2, axis=axis)
        elif name == "cumsum":
            x = m.cumsum(x, axis=axis)
        else:
            kind = np.maximum if name == "cummax" else np.minimum
            if m is np:
                x = kind.accumulate(x, axis=axis)
            else:
                rows = m.moveaxis(x, axis, 0)
                out = [rows[0]]
                for i in range(1, len(rows)):
                    out.append((m.maximum if name == "cummax" else m.minimum)(out[-1], rows[i]))
                x = m.moveaxis(m.stack(out), 0, axis)
        return m.flip(x, axis=axis) if reverse else x

    def ours(x: Any) -> Any:
        if name == "cumprod":
            return gd.cumprod(gd.tanh(x) + 0.2, axis=axis, reverse=reverse)
        if name == "cumsum":
            return gd.cumsum(x, axis=axis, reverse=reverse)
        return getattr(gd, name)(x, axis=axis, reverse=reverse)

    if name in ("cummax", "cummin") and 0 in a.shape:
        return None
    return f"{name} axis={axis} reverse={reverse}", ours, of


@move
def orders(rng: np.random.Generator, a: np.ndarray) -> Any:
    if a.ndim == 0 or 0 in a.shape:
        return None
    axis = axis_of(rng, a)
    return f"sort axis={axis}", lambda x: gd.sort(x, axis=axis), lambda m, x: m.sort(x, axis=axis)


# ------------------------------------------------------------------ products


@move
def einsums(rng: np.random.Generator, a: np.ndarray) -> Any:
    """Of a value with one or two others, over random letters; some on the diagonal, summed alone or broadcast."""
    if a.ndim == 0 or a.ndim > 4 or a.size > 2000:
        return None
    letters = "ijklmn"
    sizes: dict[str, int] = {}
    first = ""
    for n in a.shape:
        fitting = [c for c in letters if sizes.get(c, n) == n and (c not in first or rng.random() < 0.3)]
        c = choose(rng, fitting)
        sizes[c] = n
        first += c
    terms, others = [first], []
    for _ in range(int(rng.integers(0, 3))):
        k = int(rng.integers(1, 4))
        term = "".join(choose(rng, letters) for _ in range(k))
        for c in term:
            sizes.setdefault(c, int(rng.integers(1, 4)))
        terms.append(term)
        others.append(rng.uniform(-1, 1, [sizes[c] for c in term]).astype(a.dtype))
    used = list(dict.fromkeys("".join(terms)))
    out = "".join(c for c in map(str, rng.permutation(used)) if rng.random() < 0.6)
    text = f"{','.join(terms)}->{out}"
    scale = 1 / np.sqrt(max(np.prod([sizes[c] for c in used if c not in out], dtype=float), 1))
    return (
        f"einsum {text}",
        lambda *xs: gd.einsum(text, *xs) * float(scale),
        lambda m, *xs: m.einsum(text, *xs) * float(scale),
        *others,
    )


@move
def products(rng: np.random.Generator, a: np.ndarray) -> Any:
    """Matrix products, batched and broadcast."""
    if a.ndim == 0 or 0 in a.shape:
        return None
    n = a.shape[-1]
    lead = [1 if rng.random() < 0.4 else s for s in a.shape[:-2]][int(rng.integers(2)) if a.ndim > 2 else 0 :]
    other = rng.uniform(-1, 1, [*lead, n, int(rng.integers(1, 5))]).astype(a.dtype) / np.sqrt(n).astype(a.dtype)
    if rng.random() < 0.2:
        other = other[(0,) * (other.ndim - 2)][:, 0]
    return f"matmul {other.shape}", lambda x, y: x @ y, lambda m, x, y: x @ y, other


@move
def linear_algebra(rng: np.random.Generator, a: np.ndarray) -> Any:
    """Of a batch of well-conditioned matrices made of a value."""
    if a.size < 4 or a.size > 400:
        return None
    n = int(rng.integers(1, 4))
    batch = a.size // (n * n)
    if not batch:
        return None
    base = (np.eye(n) * 3 + rng.uniform(-0.5, 0.5, (batch, n, n))).astype(a.dtype)
    right = rng.uniform(-1, 1, (batch, n, 2)).astype(a.dtype)

    def matrices(m: Any, x: Any, b: Any) -> Any:
        return b + 0.3 * m.tanh(m.reshape(x, (-1,))[: batch * n * n].reshape((batch, n, n)))

    def definite(m: Any, x: Any, b: Any) -> Any:
        y = matrices(m, x, b)
        return y @ m.swapaxes(y, -1, -2)

    def of_eigh(m: Any, x: Any, b: Any, r: Any) -> Any:
        w, v = m.linalg.eigh(definite(m, x, b))
        return (v * m.log(w)[..., None, :]) @ m.swapaxes(v, -1, -2)

    def of_svd(m: Any, x: Any, b: Any, r: Any) -> Any:
        u, s, vh = m.linalg.svd(matrices(m, x, b), full_matrices=False)
        return (u * m.sin(s)[..., None, :]) @ vh

    name, of = choose(
        rng,
        (
            ("solve", lambda m, x, b, r: m.linalg.solve(matrices(m, x, b), r)),
            ("inv", lambda m, x, b, r: m.linalg.inv(matrices(m, x, b))),
            ("det", lambda m, x, b, r: m.linalg.det(matrices(m, x, b))),
            ("slogdet", lambda m, x, b, r: m.linalg.slogdet(matrices(m, x, b))[1]),
            ("cholesky", lambda m, x, b, r: m.linalg.cholesky(definite(m, x, b))),
            ("function of eigh", of_eigh),
            ("function of svd", of_svd),
            ("eigvalsh", lambda m, x, b, r: m.linalg.eigvalsh(definite(m, x, b))),
        ),
    )
    return f"{name} of {batch} {n}x{n}", lambda x, b, r: of(gd, x, b, r), of, base, right


# ------------------------------------------------------------------ windows


def _windows(m: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, fill: float) -> Any:
    """The result's shape, and the part of a padded image (N, C, H, W) that each tap meets, by its place."""
    (top, bottom), (left, right) = padding
    x = m.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    rows, columns = (
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    )
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y, z = i * dilation[0], j * dilation[1]
            yield (
                i,
                j,
                x[
                    :,
                    :,
                    y : y + (rows - 1) * stride[0] + 1 : stride[0],
                    z : z + (columns - 1) * stride[1] + 1 : stride[1],
                ],
            )


def _image(rng: np.random.Generator, a: np.ndarray) -> tuple[int, ...] | None:
    """Sizes of an image of at most the elements of a value."""
    for shape in ((2, 4, 4, 5), (1, 4, 5, 6), (2, 2, 3, 4), (1, 2, 3, 4), (1, 2, 2, 3)):
        if np.prod(shape) <= a.size <= 2000 and rng.random() < 0.7:
            return shape
    return None


@move
def convolutions(rng: np.random.Generator, a: np.ndarray) -> Any:
    shape = _image(rng, a)
    if shape is None:
        return None
    groups = choose(rng, [g for g in (1, 2, 4) if shape[1] % g == 0])
    kernel = tuple(int(rng.integers(1, 4)) for _ in range(2))
    stride, dilation = (tuple(int(rng.integers(1, 3)) for _ in range(2)) for _ in range(2))
    padding = tuple(int(rng.integers(0, 3)) for _ in range(2))
    spans = [n + 2 * p - d * (k - 1) for n, p, d, k in zip(shape[2:], padding, dilation, kernel)]
    if min(spans) < 1:
        return None
    out = groups * int(rng.integers(1, 3))
    w = rng.uniform(-0.5, 0.5, (out, shape[1] // groups, *kernel)).astype(a.dtype)
    n = int(np.prod(shape))

    def image(m: Any, x: Any) -> Any:
        return m.reshape(m.reshape(x, (-1,))[:n], shape)

    def of(m: Any, x: Any, w: Any) -> Any:
        total = 0.0
        w = m.reshape(w, (groups, out // groups, shape[1] // groups, *kernel))
        for i, j, part in _windows(m, image(m, x), kernel, stride, [(p, p) for p in padding], dilation, 0.0):
            part = m.reshape(part, (shape[0], groups, shape[1] // groups, *part.shape[2:]))
            total = total + m.einsum("ngchw,goc->ngohw", part, w[..., i, j])
        return m.reshape(total, (shape[0], out, *total.shape[3:]))

    told = f"conv2d {shape} {w.shape} stride={stride} padding={padding} dilation={dilation} groups={groups}"
    return (
        told,
        lambda x, w: gd.nn.conv2d(image(gd, x), w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        of,
        w,
    )


@move
def pools(rng: np.random.Generator, a: np.ndarray) -> Any:
    shape = _image(rng, a)
    if shape is None:
        return None
    kernel = tuple(int(rng.integers(1, min(3, n) + 1)) for n in shape[2:])
    stride = tuple(int(rng.integers(1, 4)) for _ in range(2))
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    largest, n = bool(rng.integers(2)), int(np.prod(shape))

    def image(m: Any, x: Any) -> Any:
        return m.reshape(m.reshape(x, (-1,))[:n], shape)

    def of(m: Any, x: Any) -> Any:
        fill = -1e30 if largest else 0.0
        parts = [p for _, _, p in _windows(m, image(m, x), kernel, stride, [(p, p) for p in padding], (1, 1), fill)]
        stacked = m.stack(parts)
        return m.max(stacked, axis=0) if largest else m.sum(stacked, axis=0) / (kernel[0] * kernel[1])

    ours = gd.nn.max_pool2d if largest else gd.nn.avg_pool2d
    return (
        f"{'max' if largest else 'avg'}_pool2d {shape} {kernel} stride={stride} padding={padding}",
        lambda x: ours(image(gd, x), kernel, stride=stride, padding=padding),
        of,
    )


# ------------------------------------------------------------------ bodies


@move
def many_at_once(rng: np.random.Generator, a: np.ndarray) -> Any:
    """gd.vmap along any axis, of a function with its derivative, a reduction or a loop inside."""
    if a.ndim < 2 or 0 in a.shape:
        return None
    axis, out = axis_of(rng, a), axis_of(rng, a)
    name = choose(rng, list(SMOOTH))
    f, slope = SMOOTH[name]
    kind = choose(rng, ("grad", "reduce", "scan"))

    def one(m: Any, r: Any) -> Any:
        if kind == "grad":
            return gd.grad(gd.sum(f(gd, r)), r) if m is gd else slope(m, r)
        if kind == "reduce":
            return f(m, r) * m.sum(r, axis=0, keepdims=True)
        if m is gd:
            return gd.scan(lambda c, e: (gd.sin(c) + e, c * e), r[0], r)[1]
        c, ys = r[0], []
        for e in r:
            ys.append(c * e)
            c = m.sin(c) + e
        return m.stack(ys)

    def of(m: Any, x: Any) -> Any:
        rows = m.moveaxis(x, axis, 0)
        return m.moveaxis(m.stack([one(m, rows[i]) for i in range(rows.shape[0])]), 0, out)

    return (
        f"vmap {kind} {name} axis={axis}->{out}",
        lambda x: gd.vmap(lambda r: one(gd, r), in_axes=axis, out_axes=out)(x),
        of,
    )


@move
def loops(rng: np.random.Generator, a: np.ndarray) -> Any:
    if a.ndim == 0 or 0 in a.shape or a.shape[0] > 12:
        return None
    reverse = bool(rng.integers(2))
    name = choose(rng, list(SMOOTH))
    f, _ = SMOOTH[name]

    def of(m: Any, x: Any) -> Any:
        c, ys = x[0] * 0.5, [None] * len(x)
        for i in reversed(range(len(x))) if reverse else range(len(x)):
            ys[i] = c * x[i]
            c = f(m, c) + 0.5 * x[i]
        return m.stack(ys) + c

    def ours(x: Any) -> Any:
        c, ys = gd.scan(lambda c, e: (f(gd, c) + 0.5 * e, c * e), x[0] * 0.5, x, reverse=reverse)
        return ys + c

    return f"scan {name} reverse={reverse}", ours, of


OF_ANY_SIZE = [smooth, derivative, dtypes, slices, pads, reductions, running, orders, triangles, loops]
