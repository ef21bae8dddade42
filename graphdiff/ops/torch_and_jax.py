"""PyTorch's and JAX's functions on Tensors: each says what to write instead, ``torch.sin(x)`` as ``jnp.sin(x)``.

Both ask an operand that they do not know by a protocol of their own, so neither package is imported here. Invariant:
none of their functions takes a Tensor: they compute numbers, and a Tensor holds none.
Must not know: derivatives, plans, kernels.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..errors import GraphError
from ..ir.node import Source
from .messages import describe
from .registry import REGISTRY
from .tensor import Tensor

INSIDE = {"graphdiff", "torch", "jax", "jaxlib"}  # packages whose lines are not the user's
_SPELLED = (
    "mul multiply sub subtract rsub subtract div divide neg negative rpow pow lt less gt greater le less_equal "
    "ge greater_equal eq equal ne not_equal cat concat permute permute_dims unsqueeze expand_dims mm matmul bmm matmul "
    "rmatmul matmul"
).split()
TORCH_NAMES = dict(zip(_SPELLED[::2], _SPELLED[1::2]))  # ours by torch's


def torch_function(
    cls: type[Tensor], function: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
) -> NoReturn:
    """PyTorch's protocol. Raises GraphError."""
    short = function.__name__.strip("_")
    given = _tensors([args, kwargs or {}])
    names = (TORCH_NAMES.get(short, short), f"nn.{short}", f"linalg.{short}", short.replace("_", ".", 1))
    known = [f"gd.{n}" for n in names if n in REGISTRY and REGISTRY[n].public]
    raise GraphError(
        f"torch's {short}: does not take graphdiff's Tensors, which hold no numbers "
        f"({', '.join(describe(x) for x in given)}); write {known[0] if known else 'a gd function'}, with tensors of "
        "torch as t.numpy(force=True); gd.interop.torch.from_torch makes a graph of a module, "
        "gd.interop.torch.function calls a graph from torch",
        source=_line(),
    )


def jax_array(self: Tensor) -> NoReturn:
    """JAX's protocol; it looks whether the attribute is there, and then asks or not. Raises GraphError."""
    raise GraphError(
        f"JAX's functions do not take graphdiff's Tensors, which hold no numbers ({describe(self)}); write the gd "
        "function, as gd.sin for jnp.sin, with JAX's arrays as np.asarray(a); gd.interop.jax.from_jax(f, example)(x) "
        "makes a graph of a function f in JAX, gd.interop.jax.function calls a graph inside of JAX",
        source=_line(),
    )


def _tensors(given: Any) -> list[Tensor]:
    """The Tensors among operands, which may stand in lists."""
    found: list[Tensor] = []
    waiting = [given]
    while waiting:
        x = waiting.pop(0)
        if isinstance(x, Tensor):
            found.append(x)
        elif isinstance(x, (list, tuple, Mapping)):
            waiting += x.values() if isinstance(x, Mapping) else x
    return found


def _line() -> str:
    """The nearest line outside of these packages."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in INSIDE:
        frame = frame.f_back
    return str(Source(frame.f_code.co_filename, frame.f_lineno))


for _name, _protocol in (("__torch_function__", classmethod(torch_function)), ("__jax_array__", property(jax_array))):
    setattr(Tensor, _name, _protocol)
