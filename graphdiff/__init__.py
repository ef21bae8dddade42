"""graphdiff: a compiled static-graph differentiator with a C core. Public names, nothing else.

Their types are in __init__.pyi, which docs/make_stubs.py makes of the imports here and of the registry.
"""

import importlib as _importlib
import os as _os
import types as _types

from . import built as _built  # noqa: F401  first: it says what to do where the extensions are not built
from . import fft as fft
from . import init as init
from . import linalg as linalg
from . import nn as nn
from . import optim as optim
from . import random as random
from .errors import *  # noqa: F403
from .ir.defaults import default_dtype as default_dtype
from .ir.defaults import set_default_dtype as set_default_dtype
from .ir.dtypes import ARRAY_API as __array_api_version__  # noqa: F401
from .ir.dtypes import float32 as float32
from .ir.dtypes import float64 as float64
from .ir.dtypes import int32 as int32
from .ir.dtypes import int64 as int64
from .ir.graph import Graph as Graph
from .ir.kinds import __array_namespace_info__ as __array_namespace_info__
from .ir.kinds import can_cast as can_cast
from .ir.kinds import e as e
from .ir.kinds import finfo as finfo
from .ir.kinds import iinfo as iinfo
from .ir.kinds import inf as inf
from .ir.kinds import isdtype as isdtype
from .ir.kinds import nan as nan
from .ir.kinds import newaxis as newaxis
from .ir.kinds import pi as pi
from .ir.kinds import result_type as result_type
from .ir.node import name_scope as name_scope
from .ops import namespaces as _namespaces
from .ops.control import cond as cond
from .ops.control import map_ as map  # noqa: F401
from .ops.control import scan as scan
from .ops.control import while_loop as while_loop
from .ops.customize import custom as custom
from .ops.leaves import check as check
from .ops.leaves import input as input
from .ops.leaves import monitor as monitor
from .ops.leaves import parameter as parameter
from .ops.leaves import state as state
from .ops.parse import parse as parse
from .ops.standard import from_dlpack as from_dlpack
from .ops.tensor import Tensor as Tensor
from .ops.tensor import constant as constant
from .transforms.adjoint import Adjoint as Adjoint
from .transforms.adjoint import adjoint as adjoint
from .transforms.differentiate import grad as grad
from .transforms.differentiate import hvp as hvp
from .transforms.differentiate import jvp as jvp
from .transforms.differentiate import vjp as vjp
from .transforms.jacobian import hessian as hessian
from .transforms.jacobian import jacobian as jacobian
from .transforms.sparsity import SparseJacobian as SparseJacobian
from .transforms.substitute import substitute as substitute
from .transforms.vmap import vmap as vmap

__version__ = "0.2.0"

globals().update(_namespaces.functions(""))  # the operations, by their names

# Imported when they are asked for: modules, and names by their modules
_LATE = ("inspect", "interop", "layers", "testing", "train")
_LATE_NAMES = {
    "Every": "lower.policy",
    "compile": "runtime.compile",
    "show_config": "runtime.config",
    "Entry": "runtime.entry",
    "get_include": "runtime.entry",
    "Function": "runtime.function",
    "load": "runtime.function",
    "Plan": "runtime.plan",
    "get_num_threads": "runtime.threads",
    "set_num_threads": "runtime.threads",
    "Tradeoff": "runtime.tradeoff",
    "largest": "runtime.tradeoff",
    "tradeoff": "runtime.tradeoff",
    "fixed_point": "solvers.fixed_point",
    "minimize": "solvers.minimize",
    "odeint": "solvers.odeint",
    "root": "solvers.root",
    "check_grad": "testing",
    "load_weights": "weights",
    "save_weights": "weights",
}

if "GRAPHDIFF_ISA" in _os.environ:  # whoever names an instruction set hears here that this processor has it not
    from .runtime import _core as _core

_MODULES = ("fft", "init", "linalg", "nn", "optim", "random", *_LATE)
__all__ = [n for n, v in globals().items() if n[0] != "_" and not isinstance(v, _types.ModuleType)]
__all__ = sorted([*__all__, *_LATE_NAMES, *_MODULES])
_missing, __dir__ = _namespaces.presented(globals(), __all__)


def __getattr__(name: str) -> object:
    if name in _LATE:
        return _importlib.import_module(f"{__name__}.{name}")
    if name not in _LATE_NAMES:
        return _missing(name)
    globals()[name] = getattr(_importlib.import_module(f"{__name__}.{_LATE_NAMES[name]}"), name)
    return _namespaces.present(globals(), name)
