"""Ipopt's C interface by ctypes (IpStdCInterface.h of version 3.14 and later).

Owns: where the library is found, its types, and its return codes as text. Must not know: graphs.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from ctypes import POINTER, c_bool, c_char_p, c_double, c_int, c_void_p
from ctypes.util import find_library
from pathlib import Path
from typing import Any

Numbers: Any = POINTER(c_double)
At: Any = c_void_p  # of numbers that Ipopt has: a plain address
Value: Any = ctypes.CFUNCTYPE(c_bool, c_int, At, c_bool, At, c_void_p)
Constraints: Any = ctypes.CFUNCTYPE(c_bool, c_int, At, c_bool, c_int, At, c_void_p)
Jacobian: Any = ctypes.CFUNCTYPE(c_bool, c_int, At, c_bool, c_int, c_int, At, At, At, c_void_p)
Hessian: Any = ctypes.CFUNCTYPE(c_bool, c_int, At, c_bool, c_double, c_int, At, c_bool, c_int, At, At, At, c_void_p)
Step: Any = ctypes.CFUNCTYPE(c_bool, c_int, c_int, *[c_double] * 8, c_int, c_void_p)

STATUS = {
    0: "solved",
    1: "solved to acceptable level",
    2: "infeasible problem detected",
    3: "search direction becomes too small",
    4: "diverging iterates",
    5: "stopped by the caller",
    6: "feasible point found",
    -1: "maximum of iterations reached",
    -2: "restoration failed",
    -3: "error in the computation of a step",
    -4: "maximum of processor time reached",
    -5: "maximum of wall-clock time reached",
    -10: "not enough degrees of freedom",
    -11: "the problem is not well defined",
    -12: "an option is not valid",
    -13: "a value that is not finite",
}


@functools.cache
def load() -> Any:
    """The library. Raises ImportError where there is none."""
    spec = importlib.util.find_spec("casadi")
    places = [Path(spec.origin).parent / "libipopt.so"] if spec is not None and spec.origin else []
    names = [str(p) for p in places if p.exists()] + [n for n in (find_library("ipopt"),) if n]
    if not names:
        raise ImportError("gd.interop.ipopt needs Ipopt; write pip install 'graphdiff[ipopt]'", name="casadi")
    library = ctypes.CDLL(names[0])
    library.CreateIpoptProblem.restype = c_void_p
    library.CreateIpoptProblem.argtypes = [
        *(c_int, Numbers, Numbers, c_int, Numbers, Numbers, c_int, c_int, c_int),
        *(Value, Constraints, Value, Jacobian, Hessian),
    ]
    library.FreeIpoptProblem.argtypes = [c_void_p]
    for name, kind in (("Str", c_char_p), ("Num", c_double), ("Int", c_int)):
        function = getattr(library, f"AddIpopt{name}Option")
        function.argtypes, function.restype = [c_void_p, c_char_p, kind], c_bool
    library.SetIntermediateCallback.argtypes = [c_void_p, Step]
    library.SetIntermediateCallback.restype = c_bool
    library.IpoptSolve.argtypes = [c_void_p, *[Numbers] * 6, c_void_p]
    library.IpoptSolve.restype = c_int
    return library
