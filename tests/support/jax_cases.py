"""Configurations of JAX's primitives: what each is called with, for ``jax_primitives.py``. Imported only where JAX is.

Owns: the configurations, by the primitive's name. Invariant: derivatives are there where JAX has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.ad_checkpoint import checkpoint_name

Case = tuple[Callable[..., Any], tuple[Any, ...]]
rng = np.random.default_rng(0)
u = rng.uniform(0.1, 0.9, size=(3, 4))
v = rng.normal(size=(3, 4)) * 2
w = rng.normal(size=(3, 4))
ties = np.array([[1.0, 1, 0, 2], [0, 0, 2, 2], [-1, 1, 1, 1]])
odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 5e-324, -3e-310, 1e308])
square = rng.normal(size=(2, 4, 4))
spd = square @ square.transpose(0, 2, 1) + 4 * np.eye(4)
few = np.append(v, [np.inf, -np.inf, 0.0, -0.0, 1.5, 1e-42]).astype("float32")
ints = np.array([[-7, -1, 0], [3, 8, 100]])
places = np.array([[0, 1], [2, 3], [2, 3], [5, -1]])


def primitive(name: str) -> Any:
    """One that has no public function, by its name."""
    return next(p for p in vars(jax._src.lax.lax).values() if getattr(p, "name", None) == name and hasattr(p, "bind"))


def kinds(f: Callable[..., Any], *args: Any) -> list[Case]:
    """``f`` on the same integers of each dtype."""
    names = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    return [(f, tuple(np.asarray(a).astype(n) if np.ndim(a) else np.asarray(a, n) for a in args)) for n in names]


def unary() -> dict[str, list[Case]]:
    positive, unit, real = (
        "digamma lgamma log rsqrt sqrt",
        "acos asin atanh erf_inv",
        (
            "abs asinh atan bessel_i0e bessel_i1e cbrt ceil cos cosh erf erfc exp exp2 expm1 floor logistic neg "
            "sign sin sinh square tan tanh is_finite"
        ),
    )
    cases: dict[str, list[Case]] = {}
    for names, x in ((positive, u + 0.3), (unit, u * 1.6 - 0.8), (real, v)):
        for name in names.split():
            f = getattr(lax, name)
            cases[name] = [(f, (x,)), (f, (x[0, 0],)), (lambda x, f=f: f(x[1]) + 0.0, (x,))]
    cases["abs"] += kinds(lax.abs, ints)[:4]
    cases["sign"] += kinds(lax.sign, ints)
    cases["neg"] += kinds(lax.neg, ints)
    cases["is_finite"] = [(lax.is_finite, (odd,))]
    cases["acosh"] = [(lax.acosh, (u + 1.2,))]
    cases["log1p"] = [(lax.log1p, (u,)), (lax.log1p, (u * 1e-9,))]
    cases["round"] = [
        (lambda x, m=m: lax.round(x, m), (np.array([0.5, 1.5, -0.5, -2.5, 0.4999999, 7.2]),))
        for m in (lax.RoundingMethod.AWAY_FROM_ZERO, lax.RoundingMethod.TO_NEAREST_EVEN)
    ]
    cases["integer_pow"] = [(lambda x, n=n: lax.integer_pow(x, n), (v,)) for n in (-3, -1, 0, 1, 2, 5)]
    cases["stop_gradient"] = [(lambda x: lax.stop_gradient(x) * x, (v,))]
    cases["not"] = [*kinds(lax.bitwise_not, ints), (lax.bitwise_not, (ints > 0,))]
    cases["population_count"] = kinds(lax.population_count, ints)
    cases["clz"] = kinds(lax.clz, ints)
    cases["bitcast_convert_type"] = [
        (lambda x: lax.bitcast_convert_type(x, "int64"), (odd[1:],)),
        (lambda x: lax.bitcast_convert_type(x, "uint32"), (few,)),
        (lambda x: lax.bitcast_convert_type(x, "float64"), (odd.view("int64"),)),
        (lambda x: lax.bitcast_convert_type(x, "float32"), (few.view("int32"),)),
        (lambda x: lax.bitcast_convert_type(x, "uint8"), (ints.astype("int8"),)),
        (lambda x: lax.bitcast_convert_type(x, "uint8"), (ints.astype("int32"),)),
    ]
    cases["reduce_precision"] = [(lambda x, b=b: lax.reduce_precision(x, *b), (v,)) for b in ((11, 52), (8, 23))]
    types = ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64", "float32", "float64")
    cases["convert_element_type"] = [
        (lambda x, a=a, b=b: lax.convert_element_type(lax.convert_element_type(x, a), b), (x,))
        for x in (np.array([0.0, 1.7, 100.2]),)
        for a in types
        for b in types
    ] + [(lambda x, b=b: lax.convert_element_type(x, b), (ints,)) for b in types]
    return cases


def binary() -> dict[str, list[Case]]:
    cases: dict[str, list[Case]] = {}
    for name in "add sub mul div max min atan2 rem nextafter".split():
        f = getattr(lax, name)
        cases[name] = [(f, (v, w)), (f, (v[0, 0], w[0, 0])), (lambda x, f=f: f(x, 1.5 + 0 * x), (v,))]
    for name in "add sub mul max min".split():
        cases[name] += kinds(getattr(lax, name), ints, ints.T.reshape(2, 3))
    for name in ("div", "rem"):
        cases[name] += kinds(getattr(lax, name), ints, np.array([[2, 3, 5], [-2, 7, 9]]))
    cases["max"] += [
        (lax.max, (ties, ties[::-1].copy())),
        (lax.max, (ints > 0, ints > 5)),
        (lambda x, y: lax.stop_gradient(lax.max(x, y)), (odd, odd[::-1].copy())),
    ]
    cases["min"] += [(lax.min, (ties, ties[::-1].copy())), (lax.min, (ints > 0, ints > 5))]
    for name in "eq ne lt le gt ge".split():
        f = getattr(lax, name)
        cases[name] = [(f, (ties, ties[::-1].copy())), *kinds(f, ints, ints[::-1].copy()), (f, (odd, odd[::-1].copy()))]
    for name in ("eq", "ne"):
        cases[name].append((getattr(lax, name), (ints > 0, ints > 5)))
    for name in "eq_to lt_to le_to".split():
        p = primitive(name)
        cases[name] = [
            (lambda x, y, p=p: p.bind(x, y), (ties, ties[::-1].copy())),
            (lambda x, y, p=p: p.bind(x, y), (odd, odd[::-1].copy())),
        ]
    for name, f in {"and": lax.bitwise_and, "or": lax.bitwise_or, "xor": lax.bitwise_xor}.items():
        cases[name] = [*kinds(f, ints, ints[::-1].copy()), (f, (ints > 0, ints > 5))]
    shifts = np.array([[0, 1, 3], [7, 2, 1]])
    for name in "shift_left shift_right_logical shift_right_arithmetic".split():
        f = getattr(lax, name)
        cases[name] = [*kinds(f, ints, shifts), *kinds(f, ints, np.full((2, 3), 100))]
    cases["pow"] = [
        (lax.pow, (u, v)),
        (lax.pow, (v, np.int32(3))),
        (lax.pow, (v, np.array(ints[:1, :1], "int64")[0, 0])),
        (lax.pow, (u, 0.0 * u)),
    ]
    cases["igamma"] = [(lax.igamma, (u + 1, u * 3))]
    cases["igammac"] = [(lax.igammac, (u + 1, u * 3))]
    cases["igamma_grad_a"] = [(lax.igamma_grad_a, (u + 1, u * 3))]
    cases["zeta"] = [(lax.zeta, (u + 1.5, u * 3)), (lambda x: lax.zeta(3.0 + 0 * x, x), (u,))]
    cases["polygamma"] = [(lambda x, n=n: lax.polygamma(n + 0 * x, x), (u + 0.5,)) for n in (0.0, 1.0, 3.0)]
    cases["mulhi"] = kinds(lax.mulhi, ints, ints) if hasattr(lax, "mulhi") else []
    cases["add_any"] = [(lambda x: jax.grad(lambda x: jnp.sum(jnp.sin(x) * x))(x), (v,))]
    return cases


def ternary() -> dict[str, list[Case]]:
    return {
        "clamp": [
            (lax.clamp, (-1.0, v, 1.0)),
            (lax.clamp, (w - 1, v, w + 1)),
            (lax.clamp, (0.0, ties, 1.0)),
            *kinds(lax.clamp, 1, ints, 8),
        ],
        "select_n": [
            (lax.select_n, (v > 0, v, w)),
            (lax.select_n, (np.array([[0, 1, 2, 1]] * 3, "int32"), v, w, u)),
            (lax.select_n, (True, v, w)),
            (lax.select_n, (v > 0, v > 1, w > 0)),
        ],
        "regularized_incomplete_beta": [(lax.betainc, (u + 1, u[::-1] + 0.5, u))],
    }


def shapes() -> dict[str, list[Case]]:
    return {
        "broadcast_in_dim": [
            (lambda x: lax.broadcast_in_dim(x, (2, 3, 4), (1, 2)), (v,)),
            (lambda x: lax.broadcast_in_dim(x, (3, 5, 4), (0, 2)), (v,)),
            (lambda x: lax.broadcast_in_dim(x[:, :1], (3, 4), (0, 1)), (v,)),
            (lambda x: lax.broadcast_in_dim(x[0, 0], (2, 0), ()), (v,)),
        ],
        "reshape": [
            (lambda x: lax.reshape(x, (2, 6)), (v,)),
            (lambda x: lax.reshape(x, (12,), (1, 0)), (v,)),
            (lambda x: lax.reshape(x, (3, 2), (1, 0)), (ints,)),
        ],
        "transpose": [(lambda x: lax.transpose(x, (1, 0)), (v,)), (lambda x: lax.transpose(x, (2, 0, 1)), (square,))],
        "squeeze": [(lambda x: lax.squeeze(x[:, None, :, None], (1, -1)), (v,))],
        "concatenate": [
            (lambda x, y: lax.concatenate([x, y, x], 0), (v, w)),
            (lambda x, y: lax.concatenate([x, y[:, :2]], 1), (v, w)),
        ],
        "pad": [
            (lambda x, p, c=c: lax.pad(x, p, c), (v, 0.5))
            for c in (
                ((1, 2, 0), (0, 0, 2)),
                ((-1, 1, 1), (2, -2, 0)),
                ((0, 0, 3), (-1, -1, 1)),
                ((-4, 2, 0), (0, 0, 0)),
            )
        ],
        "rev": [(lambda x: lax.rev(x, (0, 1)), (v,)), (lambda x: lax.rev(x, (1,)), (v,))],
        "slice": [
            (lambda x: lax.slice(x, (1, 0), (3, 4), (1, 3)), (v,)),
            (lambda x: lax.slice(x, (2, 2), (2, 4)), (v,)),
        ],
        "split": [(lambda x: lax.split(x, (1, 0, 3), axis=1), (v,))],
        "tile": [(lambda x: lax.tile(x, (2, 3)), (v,))] if hasattr(lax, "tile") else [],
        "stack": [(lambda x, y: jnp.stack([x, y], 1), (v, w))],
        "unstack": [(lambda x: jnp.unstack(x, axis=1), (v,))],
        "iota": [(lambda x, d=d: x + lax.broadcasted_iota("float64", (3, 4), d), (v,)) for d in (0, 1)]
        + [(lambda x, n=n: (lax.iota(n, 4), x), (v,)) for n in ("uint8", "int32", "uint32", "float32")],
        "copy": [(lambda x: jnp.array(x, copy=True), (v,))],
        "dynamic_slice": [
            (lambda x, i, j: lax.dynamic_slice(x, (i, j), (2, 3)), (v, np.int32(i), np.int32(j)))
            for i, j in ((0, 1), (1, 9), (-1, -5))
        ],
        "dynamic_update_slice": [
            (lambda x, y, i, j: lax.dynamic_update_slice(x, y[:2, :3], (i, j)), (v, w, np.int32(i), np.int32(j)))
            for i, j in ((0, 1), (1, 9), (-1, -5))
        ],
        "device_put": [(lambda x: jax.device_put(x, jax.devices()[0]) * 2, (v,))],
        "name": [(lambda x: checkpoint_name(x, "a") * 2, (v,))],
        "zeros_like": [(lambda x: jax.jvp(lambda y: (y, lax.stop_gradient(y)), (x,), (x,)), (v,))],
        "optimization_barrier": [(lambda x: lax.optimization_barrier((x, x * 2)), (v,))],
    }


def gathers() -> dict[str, list[Case]]:
    modes = ("clip", "fill", "promise_in_bounds")
    rows = lax.GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
    points = lax.GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0, 1), start_index_map=(0, 1))
    boxes = lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(), start_index_map=(1, 0))
    batch = lax.GatherDimensionNumbers(
        offset_dims=(),
        collapsed_slice_dims=(1,),
        start_index_map=(1,),
        operand_batching_dims=(0,),
        start_indices_batching_dims=(0,),
    )
    inside = np.clip(places, 0, 2)
    gather: list[Case] = []
    for mode in modes:
        index = inside if mode == "promise_in_bounds" else places
        options: dict[str, Any] = {"mode": mode, "fill_value": 7.0}
        gather += [
            (lambda x, i, o=options: lax.gather(x, i, rows, (1, 4), **o), (v, index[:, :1])),
            (lambda x, i, o=options: lax.gather(x, i, points, (1, 1), **o), (v, index)),
            (
                lambda x, i, o=options: lax.gather(x, i, boxes, (2, 2), **o),
                (v, np.clip(index, 0, 1) if mode == modes[2] else index),
            ),
            (lambda x, i, o=options: lax.gather(x, i, batch, (1, 1), **o), (v, index[:3, :1])),
        ]
    kinds_of_scatter = {
        "scatter": lax.scatter,
        "scatter-add": lax.scatter_add,
        "scatter-sub": lax.scatter_sub,
        "scatter-mul": lax.scatter_mul,
        "scatter-min": lax.scatter_min,
        "scatter-max": lax.scatter_max,
    }
    to_rows = lax.ScatterDimensionNumbers(
        update_window_dims=(1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
    )
    to_points = lax.ScatterDimensionNumbers(
        update_window_dims=(), inserted_window_dims=(0, 1), scatter_dims_to_operand_dims=(0, 1)
    )
    to_boxes = lax.ScatterDimensionNumbers(
        update_window_dims=(1, 2), inserted_window_dims=(), scatter_dims_to_operand_dims=(1, 0)
    )
    to_batch = lax.ScatterDimensionNumbers(
        update_window_dims=(),
        inserted_window_dims=(1,),
        scatter_dims_to_operand_dims=(1,),
        operand_batching_dims=(0,),
        scatter_indices_batching_dims=(0,),
    )
    apart = np.array([[0, 1], [2, 3], [1, 0], [5, -1]])
    cases: dict[str, list[Case]] = {"gather": gather}
    for name, f in kinds_of_scatter.items():
        cases[name] = []
        unique = name in ("scatter-mul", "scatter-min", "scatter-max", "scatter")  # JAX's derivatives are of these
        for mode in modes:
            index = apart if unique else places
            if mode == modes[2] or (mode == modes[0] and unique):
                index = np.clip(index, 0, 2)[: 3 if unique else 4]
            n = len(index)
            options = {"mode": mode, "unique_indices": unique}
            cases[name] += [
                (lambda x, i, y, f=f, o=options: f(x, i, y, to_rows, **o), (v, index[:, :1], rng.normal(size=(n, 4)))),
                (lambda x, i, y, f=f, o=options: f(x, i, y, to_points, **o), (v, index, rng.normal(size=n))),
                (lambda x, i, y, f=f, o=options: f(x, i, y, to_boxes, **o), (v, index[:1], rng.normal(size=(1, 2, 2)))),
                (
                    lambda x, i, y, f=f, o=options: f(x, i, y, to_batch, **o),
                    (v, np.clip(index[:3, :1], 0, 3), rng.normal(size=3)),
                ),
            ]
        cases[name].append(
            (
                lambda x, i, y, f=f: f(x, i, y, to_points, mode="drop"),
                (ints.astype("int64"), places[:2] % 2, np.array([2, 3])),
            )
        )
        if name != "scatter":  # which of several wins there is XLA's own affair; derivatives need places apart
            met = rng.normal(size=(4, 4))
            cases[name].append(
                (lambda i, f=f, y=met: f(jnp.asarray(v), i, jnp.asarray(y), to_rows, mode="drop"), (places[:, :1],))
            )
    return cases


def reductions() -> dict[str, list[Case]]:
    cases: dict[str, list[Case]] = {}
    for name, f in {"sum": jnp.sum, "max": jnp.max, "min": jnp.min, "prod": jnp.prod}.items():
        cases["reduce_" + name] = [
            (lambda x, f=f, a=a: f(x, axis=a), (x,)) for x in (v, square, ties) for a in (None, 0, -1, (0, 1))
        ]
        cases["reduce_" + name] += kinds(lambda x, f=f: f(x, axis=0), np.maximum(ints, 0))
    for name in ("and", "or", "xor"):
        p = primitive(f"reduce_{name}")
        for x in (ints > 0, ints, ints.astype("uint8")):
            cases.setdefault(f"reduce_{name}", []).extend(
                (lambda x, p=p, a=a: p.bind(x, axes=a), (x,)) for a in ((0,), (1,), (0, 1))
            )
    for name in ("argmax", "argmin"):
        f = getattr(lax, name)
        cases[name] = [
            (lambda x, f=f, a=a, n=n: f(x, a, n), (x,))
            for x in (v, ties)
            for a in (0, 1)
            for n in ("int32", "int64", "uint8")
        ]
    for name in "cumsum cumprod cummax cummin cumlogsumexp".split():
        f = getattr(lax, name)
        cases[name] = [(lambda x, f=f, a=a, r=r: f(x, a, r), (v,)) for a in (0, 1) for r in (False, True)]
        if name not in ("cumlogsumexp",):
            cases[name] += kinds(lambda x, f=f: f(x, 1), np.clip(ints, 0, 3))
    cases["reduce"] = [
        (lambda x: lax.reduce(x, 1.0, lambda a, b: a * b + a + b, (0,)), (u,)),
        (lambda x: lax.reduce(x, -jnp.inf, lambda a, b: jnp.logaddexp(a, b), (0, 1)), (v,)),
        (
            lambda x, y: lax.reduce(
                (x, y),
                (-jnp.inf, 0.0),
                lambda a, b: (jnp.where(a[0] >= b[0], a[0], b[0]), jnp.where(a[0] >= b[0], a[1], b[1])),
                (1,),
            ),
            (v, w),
        ),
    ]
    return cases


def windows() -> dict[str, list[Case]]:
    image = rng.normal(size=(2, 6, 7))
    flat = np.maximum(image, 0)
    shapes: list[dict[str, Any]] = [
        {"window_dimensions": (1, 2, 3), "window_strides": (1, 2, 1), "padding": "VALID"},
        {"window_dimensions": (1, 3, 2), "window_strides": (1, 1, 3), "padding": "SAME"},
        {
            "window_dimensions": (2, 2, 2),
            "window_strides": (1, 2, 2),
            "padding": ((0, 0), (1, 2), (0, 1)),
            "window_dilation": (1, 2, 3),
        },
    ]
    wide = {
        "window_dimensions": (1, 2, 2),
        "window_strides": (1, 1, 2),
        "padding": ((0, 0), (1, 0), (1, 1)),
        "base_dilation": (1, 2, 3),
    }
    cases: dict[str, list[Case]] = {}
    for name, f, begin in (("sum", lax.add, 0.0), ("max", lax.max, -np.inf), ("min", lax.min, np.inf)):
        cases[f"reduce_window_{name}"] = [
            (lambda x, f=f, b=begin, o=o: lax.reduce_window(x, b, f, **o), (x,))
            for x in (image, flat)
            for o in (*shapes, *([wide] if name == "sum" else []))
        ]
    cases["reduce_window"] = [
        (lambda x, o=o: lax.reduce_window(x, 0.0, lambda a, b: a + b + a * b, **o), (image,)) for o in shapes[:2]
    ]

    def pool(x: Any, o: dict[str, Any]) -> Any:
        return lax.reduce_window(x, -jnp.inf, lax.max, **o)

    cases["select_and_scatter_add"] = [
        (
            lambda x, y, o=o: jax.vjp(lambda x: pool(x, o), x)[1](
                y * jnp.ones(jax.eval_shape(lambda x: pool(x, o), x).shape)
            ),
            (x, 1.5),
        )
        for x in (image, flat)
        for o in shapes[:2]
    ]
    cases["select_and_gather_add"] = [
        (lambda x, t, o=o: jax.jvp(lambda x: pool(x, o), (x,), (t,))[1], (x, image[::-1].copy()))
        for x in (image,)
        for o in shapes[:2]
    ]
    conv: list[Case] = []
    for numbers, n, k in (
        (("NCHW", "OIHW", "NCHW"), (4, 4, 6, 5), (4, 2, 3, 2)),
        (("NHWC", "HWIO", "NHWC"), (4, 6, 5, 4), (3, 2, 2, 4)),
        (("CHWN", "IHWO", "HWNC"), (4, 6, 5, 4), (2, 3, 2, 4)),
    ):
        for o in (
            {"window_strides": (1, 1), "padding": "VALID"},
            {"window_strides": (2, 1), "padding": ((1, 2), (-1, 1)), "rhs_dilation": (1, 2)},
            {"window_strides": (1, 2), "padding": ((2, 0), (1, 1)), "lhs_dilation": (2, 3)},
        ):
            conv.append(
                (
                    lambda x, y, o=o, d=numbers: lax.conv_general_dilated(
                        x, y, dimension_numbers=d, feature_group_count=2, **o
                    ),
                    (rng.normal(size=n), rng.normal(size=k)),
                )
            )
    parts = {"window_strides": (1, 1), "padding": "VALID", "batch_group_count": 2}
    conv.append(
        (
            lambda x, y: lax.conv_general_dilated(x, y, **parts),
            (rng.normal(size=(4, 3, 6, 5)), rng.normal(size=(4, 3, 2, 2))),
        )
    )
    for nd in (0, 1, 3):
        shape = (2, 3, *(5, 4, 3)[:nd])
        conv.append(
            (
                lambda x, y, nd=nd: lax.conv_general_dilated(x, y, (1,) * nd, [(1, 0)] * nd),
                (rng.normal(size=shape), rng.normal(size=(2, 3, *(2,) * nd))),
            )
        )
    conv.append(
        (
            lambda x, y: jax.vmap(jax.grad(lambda y, x: jnp.sum(lax.conv(x[None], y, (1, 1), "SAME") ** 2)), (None, 0))(
                y, x
            ),
            (rng.normal(size=(2, 3, 4, 4)), rng.normal(size=(2, 3, 2, 2))),
        )
    )
    conv.append(
        (
            lambda x, y: lax.conv_transpose(x, y, (2, 3), "SAME"),
            (rng.normal(size=(2, 4, 3, 3)), rng.normal(size=(3, 2, 3, 5))),
        )
    )
    return cases | {"conv_general_dilated": conv}


def cases() -> dict[str, list[Case]]:
    """Configurations of elements, shapes, gathers, reductions and windows."""
    found: dict[str, list[Case]] = {}
    for part in (unary, binary, ternary, shapes, gathers, reductions, windows):
        for name, given in part().items():
            found.setdefault(name, []).extend(given)
    return found
