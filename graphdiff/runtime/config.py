"""What a bug report needs to know of an installation: versions, processor, instruction set, BLAS, threads, caches.

Owns: which facts are told. Invariant: telling them changes nothing and imports nothing.
Must not know: graphs, functions.
"""

from __future__ import annotations

import platform
import sys
from typing import Literal, overload

import numpy as np

from ..errors import GraphError
from ..files import let_go_of_output
from ..ir.defaults import default_float
from . import _core, compiled, rates, threads

OTHERS = ("scipy", "torch", "jax", "pytensor", "pymc", "numba", "onnx", "mpi4py")
"""Packages whose versions are told where they have been imported."""


def facts() -> dict[str, str]:
    """Each fact in words, by its name, in the order of printing."""
    package = sys.modules[__name__.partition(".")[0]]
    loaded = {name: sys.modules[name] for name in OTHERS if name in sys.modules}
    others = [f"{name} {getattr(module, '__version__', '?')}" for name, module in loaded.items()]
    return {
        "graphdiff": f"{package.__version__} in {package.__path__[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "processor": rates.processor(),
        "instruction set": _core.isa(),
        "BLAS": compiled.blas_path() if _core.blas_loaded() else "none: products are the core's own",
        "threads": str(threads.get_num_threads()),
        "default dtype": default_float().name,
        "cache": str(rates.folder()),
        "numpy": np.__version__,
        "imported beside it": ", ".join(others) or "nothing that it has a bridge to",
    }


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dict"]) -> dict[str, str]: ...
def show_config(mode: Literal["stdout", "dict"] = "stdout") -> dict[str, str] | None:
    """Prints what a bug report needs: versions, processor, instruction set, BLAS, threads, caches.

    ``mode``: "stdout" prints, "dict" gives the same facts as a dict of texts, as in numpy.show_config. Raises
    GraphError for another. Example: ``gd.show_config()``.
    """
    if mode not in ("stdout", "dict"):
        raise GraphError(f'show_config: mode is "stdout" or "dict", got {mode!r}')
    told = facts()
    if mode == "dict":
        return told
    width = max(map(len, told))
    try:
        print("\n".join(f"{name:{width}}  {text}" for name, text in told.items()), flush=True)
    except BrokenPipeError:  # as where head has what it wants
        let_go_of_output()
    return None
