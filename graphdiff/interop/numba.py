"""Compiled functions in Numba's: ``gd.interop.numba.function(f)`` inside ``njit``, ``cfunc(f, sig)`` for C.

Owns: how compiled code calls an entry: addresses on its stack, no Python object, no lock. What calls an entry by its
address cannot be cached in files, and Numba says so. Entries called from compiled code are kept for good.
Must not know: how an entry runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import GraphError
from ..ops.messages import where_am_i
from ..runtime.entry import Entry, Slot
from ..runtime.function import Function
from .ctypes import entry_of
from .needs import needs

with needs("numba"):
    import numba
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.core.errors import NumbaTypeError
    from numba.core.extending import intrinsic

_kept: list[Entry] = []
FAILED = "the call of a graphdiff function failed; its entry.fault() tells why"


def function(f: Function | Entry, **sizes: int) -> Callable[..., None]:
    """``f`` as a function for Numba's ``njit``: ``g(*inputs, *outputs)`` writes its results into the outputs given.

    ``sizes``: named dimensions, which are fixed. Inputs are C-contiguous arrays of the very dtype and shape, or numbers
    where the input has no dimensions; outputs are such arrays. It needs no GIL and may be called in ``prange``. A
    failed call raises RuntimeError, and ``g.entry.fault()`` tells why; another shape is a ValueError, another type
    Numba's TypingError. Raises FeedError, GraphError.

    Example: ``g = gd.interop.numba.function(f, n=100); g(x, value, gradient)``."""
    entry = entry_of(f, sizes)
    slots = [*entry.inputs, *entry.outputs]
    names = [f"x{k}" for k in range(len(entry.inputs))] + [f"y{k}" for k in range(len(entry.outputs))]
    lines = [f"def call({', '.join(names)}):"]
    for name, slot in zip(names, slots):
        if slot.shape:
            told = f"{name} has not the shape of {slot.text}, {slot.shape}".replace("'", '"')
            lines += [f"    if {name}.shape != {slot.shape}:", f"        raise ValueError({told!r})"]
    lines += [f"    if run({', '.join(names)}) != 0:", f"        raise RuntimeError({FAILED!r})"]
    made: Any = numba.njit(nogil=True)(_defined(lines, {"run": _run(entry, names)}))
    made.entry = entry
    return made


def cfunc(f: Function | Entry, sig: Any, arguments: Sequence[str | int] | None = None, **sizes: int) -> Any:
    """``f`` as a ``numba.cfunc`` of a Numba signature: its ``address``, ``ctypes`` and use inside ``njit``.

    ``sig``: such as ``"float64(float64)"``. Its arguments are the inputs and then the outputs: numbers where an input
    has no dimensions, else pointers; one result without dimensions may be what the function returns. ``arguments``: for
    each argument of the signature the name of an input, or the number of an output, where they come otherwise: for
    numbalsoda's ``(t, u, du, p)`` ``["t", "u", 0, "p"]``; None for one that is not used. A failure is NaN in what it
    returns, or in all outputs; ``entry.fault()`` tells why. Raises FeedError, GraphError.

    Example: ``gd.interop.numba.cfunc(f, "float64(float64)").address``."""
    entry = entry_of(f, sizes)
    signature = numba.core.sigutils.normalize_signature(sig)
    given, returned = signature
    n_in, n_out = len(entry.inputs), len(entry.outputs)
    names = [s.text.partition(":")[0] for s in entry.inputs]
    order: list[Any] = [*names, *range(n_out)][: len(given)] if arguments is None else list(arguments)
    used = [a for a in order if a is not None]
    rest = [k for k in range(n_out) if k not in used]
    returns = rest[0] if len(rest) == 1 and entry.outputs[rest[0]].shape == () and returned is not types.void else None
    if len(order) != len(given) or set(used) != {*names, *range(n_out)} - {returns} or len(set(used)) != len(used):
        raise GraphError(
            f"numba.cfunc: {signature[1]}{given} has no place for each of inputs {', '.join(names) or 'none'} and "
            f"{n_out} outputs; write arguments=[name of an input or number of an output, ...]",
            source=where_am_i(),
        )
    parameters = [f"a{k}" for k in range(len(order))]
    at = {key: parameters[k] for k, key in enumerate(order)}
    passed = [at[name] for name in names] + [at.get(k, "result") for k in range(n_out)]
    run = _run(entry, [f"x{k}" for k in range(n_in)] + [f"y{k}" for k in range(n_out)])
    scope: dict[str, Any] = {"run": run, "np": np, "carray": numba.carray}
    lines = [f"def call({', '.join(parameters)}):"]
    if returns is not None:
        lines.append(f"    result = np.empty((), np.{entry.outputs[returns].dtype.name})")
    lines.append(f"    status = run({', '.join(passed)})")
    outputs = [(at.get(k, "result"), s) for k, s in enumerate(entry.outputs) if s.dtype.kind == "f"]
    if outputs:
        lines.append("    if status != 0:")
    for name, slot in outputs:
        target = "result" if name == "result" else f"carray({name}, {(slot.size,)})"
        lines.append(f"        {target}[...] = np.nan" if name == "result" else f"        {target}[:] = np.nan")
    if returns is not None:
        lines.append("    return result[()]")
    elif returned is not types.void:
        lines.append("    return status")
    made = numba.cfunc(sig)(_defined(lines, scope))
    made.entry = entry
    return made


def _defined(lines: Sequence[str], scope: dict[str, Any]) -> Callable[..., Any]:
    """The function ``call`` of a source."""
    exec("\n".join(lines), scope)
    made: Callable[..., Any] = scope["call"]
    return made


def _fits(slot: Slot, given: Any, output: bool) -> bool:
    """Whether a Numba type is an array, a pointer or a number that a slot takes."""
    scalar = numba.from_dtype(slot.dtype)
    if isinstance(given, types.Array):
        return (
            given.dtype == scalar
            and given.ndim == len(slot.shape)
            and given.layout == "C"
            and (given.mutable or not output)
        )
    if isinstance(given, types.CPointer):
        return given.dtype == scalar
    return not output and slot.shape == () and given == scalar


def _run(entry: Entry, names: Sequence[str]) -> Any:
    """What compiled code calls: ``run(*inputs, *outputs) -> status``; numbers are put on the stack."""
    _kept.append(entry)
    pointer, data = entry.address
    slots, n_in = [*entry.inputs, *entry.outputs], len(entry.inputs)

    def typed(given: Sequence[Any]) -> Any:
        for k, (slot, type_) in enumerate(zip(slots, given)):
            if not _fits(slot, type_, k >= n_in):
                raise NumbaTypeError(
                    f"{'output' if k >= n_in else 'input'} {slot.text} is a contiguous array, got {type_}"
                )

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            void = cgutils.voidptr_t
            tables = [cgutils.alloca_once(builder, void, size=max(n, 1)) for n in (n_in, len(slots) - n_in)]
            for k, (type_, value) in enumerate(zip(signature.args, args)):
                if isinstance(type_, types.Array):
                    address = context.make_array(type_)(context, builder, value).data
                elif isinstance(type_, types.CPointer):
                    address = value
                else:
                    address = cgutils.alloca_once_value(builder, context.get_value_as_data(builder, type_, value))
                table, at = (tables[0], k) if k < n_in else (tables[1], k - n_in)
                builder.store(builder.bitcast(address, void), cgutils.gep(builder, table, at))
            kind = ir.FunctionType(ir.IntType(32), [void, void.as_pointer(), void.as_pointer()])
            called = context.add_dynamic_addr(builder, pointer, info="graphdiff entry")
            user = context.add_dynamic_addr(builder, data, info="graphdiff data")
            return builder.call(builder.bitcast(called, kind.as_pointer()), [builder.bitcast(user, void), *tables])

        return types.int32(*given), generate

    scope: dict[str, Any] = {"typed": typed}
    exec(f"def call(typingctx, {', '.join(names)}):\n    return typed(({', '.join(names)},))", scope)
    return intrinsic(scope["call"])
