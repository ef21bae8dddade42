"""Bridges to models, arrays and solvers of other packages: ``gd.interop.onnx``, and to
exported C, ``gd.interop.c``. Each bridge to a package needs its extra of pyproject.toml.

Owns: which bridges there are. A bridge is imported when it is asked for, the package that it is to when it is used.
Must not know: what any of them does.
"""

import importlib as _importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import c as c
    from . import casadi as casadi
    from . import ctypes as ctypes
    from . import ipopt as ipopt
    from . import jax as jax
    from . import mpi as mpi
    from . import numba as numba
    from . import nutpie as nutpie
    from . import onnx as onnx
    from . import pymc as pymc
    from . import pytensor as pytensor
    from . import scipy as scipy
    from . import torch as torch

__all__ = [
    "c",
    "casadi",
    "ctypes",
    "ipopt",
    "jax",
    "mpi",
    "numba",
    "nutpie",
    "onnx",
    "pymc",
    "pytensor",
    "scipy",
    "torch",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
