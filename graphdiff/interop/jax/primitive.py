"""``gd.interop.jax.function``: graph as a JAX primitive, called through JAX's foreign function interface.

Owns: the primitive and its rules - shapes, forward mode, transposition, batching, lowering. Derivatives are graphs of
ours, functions of the same primitive, so JAX may ask for any order. On a CPU the compiled program calls the entry by
its address, without Python; on other devices JAX calls back, with a warning. Entries that programs call are kept.
Must not know: how an entry runs.
"""

from __future__ import annotations

import ctypes
import secrets
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from ...errors import CompileError, DTypeError, FeedError
from ...ops.messages import where_am_i
from ...ops.tensor import Tensor
from ...ops.trees import tensors
from ...ops.types import Tensors
from ...runtime import _core
from ...runtime.entry import Entry
from ..derived import Derived, derived
from ..needs import needs

with needs("jax"):
    import jax
    from jax import core as jax_core
    from jax.extend.core import Primitive
    from jax.interpreters import ad, batching, mlir

TARGET = "graphdiff_call"
PROCESS = secrets.randbits(62)  # in every program, for one that is kept on disk has addresses of another process
_kept: list[Entry] = []


class Op(NamedTuple):
    """What the primitive is of: a function, and how ``jax.vmap`` is done."""

    of: Derived
    vmap: str

    def __repr__(self) -> str:
        return self.of.name


def function(
    inputs: Sequence[Tensor],
    outputs: Tensors,
    *,
    vmap: Literal["batch", "sequential"] = "batch",
    name: str | None = None,
) -> Callable[..., Any]:
    """Graph as a JAX function: ``y = f(*arrays)``, in the structure of ``outputs``, under jit, grad, vmap, scan.

    ``inputs``: gd.input leaves, and parameters and states that are to be arguments; others have the values that they
    have now. ``vmap``: one graph for all examples, or one example after the other. ``name``: in jaxprs. Derivatives of
    every order, forward and reverse, are graphs, made when they are asked for. float64 needs
    ``jax.config.update("jax_enable_x64", True)``. Raises GraphError, CompileError; a call FeedError, DTypeError.

    Example: ``f = gd.interop.jax.function([x], loss); jax.jit(jax.value_and_grad(f))(jnp.ones(3))``."""
    if vmap not in ("batch", "sequential"):
        raise CompileError(f'jax.function: vmap is "batch" or "sequential", got {vmap!r}', source=where_am_i())
    found, tree = tensors("jax.function", outputs, "outputs")
    op = Op(derived("jax.function", inputs, found, name), vmap)

    def call(*args: Any) -> Any:
        if len(args) != len(op.of.inputs):
            raise FeedError(f"{op}: {len(op.of.inputs)} inputs, got {len(args)}", source=where_am_i())
        return tree.build(graphdiff_p.bind(*(_fitting(op.of, k, a) for k, a in enumerate(args)), op=op))

    call.__name__ = call.__qualname__ = op.of.name
    return call


def _fitting(of: Derived, number: int, given: Any) -> Any:
    """An argument as JAX has it, of the input's dtype. Raises DTypeError, FeedError."""
    dtype = of.inputs[number].dtype
    if dtype.itemsize == 8 and not jax.config.jax_enable_x64:
        raise DTypeError(
            f"{of.names[number]} is {dtype}, which JAX has switched off; write "
            'jax.config.update("jax_enable_x64", True)',
            source=where_am_i(),
        )
    if not isinstance(given, jax.Array):
        return of.array(number, given)
    if given.dtype != dtype:
        if not np.can_cast(given.dtype, dtype, "safe"):
            raise DTypeError(
                f"{of.names[number]} is {dtype}, got {given.dtype}; write .astype({dtype.name!r})", source=where_am_i()
            )
        return jax.lax.convert_element_type(given, dtype)
    return given


graphdiff_p = Primitive("graphdiff")
graphdiff_p.multiple_results = True


# ------------------------------------------------------------------ shapes and calls


@graphdiff_p.def_abstract_eval
def _shapes(*avals: Any, op: Op) -> list[Any]:
    sizes = op.of.sizes([a.shape for a in avals])
    return [jax_core.ShapedArray(shape, v.dtype) for v, shape in zip(op.of.outputs, op.of.shapes(sizes))]


@partial(jax.jit, static_argnames="op", inline=True)
def _called(*args: Any, op: Op) -> Any:
    return graphdiff_p.bind(*args, op=op)


@graphdiff_p.def_impl
def _impl(*args: Any, op: Op) -> list[Any]:
    return list(_called(*args, op=op))


def _lower(ctx: Any, *operands: Any, op: Op) -> Any:
    entry = op.of.entry(op.of.sizes([a.shape for a in ctx.avals_in]))
    _kept.append(entry)
    rule = jax.ffi.ffi_lowering(TARGET)
    return rule(ctx, *operands, entry=np.int64(entry.address[1]), process=np.int64(PROCESS))


def _call_back(*args: Any, op: Op) -> list[Any]:
    warnings.warn(
        f"{op}: JAX runs this on a device that is no CPU, and calls back from there; it is slow. Write "
        'jax.default_device(jax.devices("cpu")[0])',
        stacklevel=2,
    )
    sizes = op.of.sizes([a.shape for a in args])
    results = [jax.ShapeDtypeStruct(s, v.dtype) for v, s in zip(op.of.outputs, op.of.shapes(sizes))]
    return list(jax.pure_callback(lambda *xs: op.of.function(*map(np.asarray, xs)), results, *args))


handler: Any = ctypes.CFUNCTYPE(ctypes.c_void_p)(_core.xla_handler())
jax.ffi.register_ffi_target(TARGET, jax.ffi.pycapsule(handler), platform="cpu")
mlir.register_lowering(graphdiff_p, mlir.lower_fun(_call_back, multiple_results=True))
mlir.register_lowering(graphdiff_p, _lower, platform="cpu")


# ------------------------------------------------------------------ derivatives


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, op: Op) -> tuple[list[Any], list[Any]]:
    of = op.of
    wrt = tuple(k for k in of.wrt if not isinstance(tangents[k], ad.Zero))
    moved = [tangents[k] for k in wrt]
    if wrt and len(of.outputs) == 1 and of.of and of.outputs[0].shape == () and not of.linear:
        y, *slopes = graphdiff_p.bind(*primals, op=op._replace(of=of.with_gradient(wrt)))
        return [y], [sum(jax.numpy.sum(g * t) for g, t in zip(slopes, moved))]
    ys = graphdiff_p.bind(*primals, op=op)
    found = iter(graphdiff_p.bind(*primals, *moved, op=op._replace(of=of.forward(wrt))) if wrt and of.of else ())
    return ys, [
        next(found) if wrt and k in of.of else ad.Zero(jax.typeof(y).to_tangent_aval()) for k, y in enumerate(ys)
    ]


ad.primitive_jvps[graphdiff_p] = _jvp


def _transpose(cotangents: Sequence[Any], *args: Any, op: Op) -> list[Any]:
    of = op.of
    wrt = tuple(k for k, a in enumerate(args) if ad.is_undefined_primal(a))
    known = tuple(k for k, g in enumerate(cotangents) if not isinstance(g, ad.Zero))
    results: list[Any] = [None] * len(args)
    if not known:
        return [ad.Zero(a.aval) if ad.is_undefined_primal(a) else None for a in args]
    given = [*(args[k] for k in of.kept(wrt)), *(cotangents[k] for k in known)]
    found = graphdiff_p.bind(*given, op=op._replace(of=of.reverse(wrt, known)))
    for k, g in zip(wrt, found):
        results[k] = g
    return results


ad.primitive_transposes[graphdiff_p] = _transpose


def _batch(args: Sequence[Any], dims: Sequence[Any], *, op: Op) -> tuple[list[Any], list[int]]:
    if op.vmap == "batch":
        along = tuple(None if d is None else int(d) for d in dims)
        ys = graphdiff_p.bind(*args, op=op._replace(of=op.of.batched(along)))
    else:
        mapped = [k for k, d in enumerate(dims) if d is not None]
        rows = [jax.numpy.moveaxis(args[k], dims[k], 0) for k in mapped]

        def one(row: Sequence[Any]) -> Any:
            given = list(args)
            for k, a in zip(mapped, row):
                given[k] = a
            return graphdiff_p.bind(*given, op=op)

        ys = jax.lax.map(one, rows)
    return list(ys), [0] * len(ys)


batching.primitive_batchers[graphdiff_p] = _batch
