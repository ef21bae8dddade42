"""PyMC's models: ``f = gd.interop.pymc.logp(model)``, their log density and its gradient compiled here.

Owns: which variables a model's density is of, and their shapes. Must not know: how a graph of PyTensor is built.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd

from ..ops.leaves import input as input_leaf
from ..ops.tensor import Tensor
from .needs import needs

with needs("pymc"):
    import pymc

    from .pytensor import from_pytensor


def density(model: Any = None) -> tuple[list[Tensor], Tensor]:
    """The free variables of a PyMC model, transformed to range over all numbers, as inputs by their names, and its log
    density as a Tensor of them: for ``gd.interop.nutpie.model`` and for more than a gradient.

    ``model``: the one of the context unless given. Raises UnsupportedOperator; what PyMC raises without a model.

    Example: ``q, logp = gd.interop.pymc.density(model)``."""
    model = pymc.modelcontext(model)
    start = model.initial_point()
    shapes = {v: np.shape(start[v.name]) for v in model.value_vars}
    leaves = [input_leaf(v.name, shapes[v], v.dtype) for v in model.value_vars]
    logp: Tensor = from_pytensor(model.value_vars, model.logp(), shapes)(*leaves)
    return leaves, logp


def logp(model: Any = None) -> gd.Function:
    """The log density of a PyMC model and its gradient, compiled: ``value, gradients = f(**point)``.

    ``model``: the one of the context unless given. ``f`` takes the free variables, as ``model.initial_point()`` has
    them, by name or in the order of ``model.value_vars``, and gives the density and a dict of gradients by name. Raises
    as :func:`density` does. Example: ``f = gd.interop.pymc.logp(model); value, slope = f(**model.initial_point())``."""
    leaves, value = density(model)
    slopes = {str(v.name): gd.grad(value, v) for v in leaves if v.dtype.kind == "f"}
    return gd.compile(leaves, [value, slopes], name="logp")
