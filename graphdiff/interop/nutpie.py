"""Sampling by nutpie from a log density that is a graph: ``nutpie.sample(gd.interop.nutpie.model(logp, q))``.

Owns: the two C functions that nutpie calls by pointer - log density with gradient, and what a draw is turned into - and
names, shapes and coordinates of draws. Parameters are taken as they are when the model is made. Constraints are the
graph's: q is what the sampler moves, draws what is reported, and logp has the logarithm of the transform's slope in it.
Must not know: how sampling goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ..errors import GraphError, ShapeError
from ..ops.messages import LONGEST, describe, where_am_i
from ..ops.tensor import Tensor
from ..ops.types import Tensors
from ..runtime.entry import Entry
from ..wording import one_line
from .flat import Data, Flat, frozen, inputs_under
from .needs import needs

with needs("nutpie"):
    import pandas
    from nutpie import _lib
    from nutpie.sample import CompiledModel

LOGP = "int64_t (uint64_t, const double *x, double *grad, double *logp, void *)"
EXPAND = "int64_t (uint64_t, uint64_t, const double *x, double *out, void *)"


class Pointer(tuple[int, int]):
    """(pointer, data) of a C function, with the ``entry`` that they belong to and must live as long."""

    entry: Entry


def _pointer(entry: Entry, signature: str) -> Pointer:
    found = Pointer(entry.pointer(signature))
    found.entry = entry
    return found


def pointer(logp: Tensor, q: Tensors, data: Data = None) -> Pointer:
    """(pointer, data) of ``int64 (uint64 n, const double *x, double *grad, double *logp, void *data)``.

    ``logp``: one number; ``q``: leaves of floats, which x has one after the other; ``data``: arrays for other inputs.
    It returns 0, a positive number where logp or gradient is not finite, a negative one for a call that cannot be.
    Raises GraphError, FeedError. Example: ``pointer, data = gd.interop.nutpie.pointer(logp, q)``."""
    return _logp(Flat("nutpie", q), logp, data)


def _logp(flat: Flat, logp: Tensor, data: Data) -> Pointer:
    if not isinstance(logp, Tensor) or logp.size != 1:
        told = describe(logp) if isinstance(logp, Tensor) else repr(logp)
        raise GraphError(f"nutpie: logp is one number, got {told}", source=where_am_i())
    (at_z,) = flat.frozen_at_z([logp], data)
    value = gd.astype(gd.reshape(at_z, ()), "float64")
    return _pointer(gd.compile([flat.z], [value, gd.grad(value, flat.z)], name="logp").entry(), LOGP)


class Model(CompiledModel):
    """A model for ``nutpie.sample``; made by :func:`model`."""

    def __init__(
        self,
        flat: Flat,
        logp: Pointer,
        expand: Pointer,
        dims: Mapping[str, Sequence[str]],
        coords: Mapping[str, Any],
        init: Callable[[int], np.ndarray],
        names: Sequence[str],
    ):
        shapes = [tuple(s.shape) for s in expand.entry.outputs]
        set_once = object.__setattr__  # CompiledModel is a frozen dataclass
        set_once(self, "dims", {k: tuple(v) for k, v in dims.items()})
        set_once(self, "_coords", {k: pandas.Index(v) for k, v in coords.items()})
        set_once(self, "_shapes", dict(zip(names, shapes)))
        set_once(self, "_flat", flat)
        set_once(self, "_called", (logp, expand))
        set_once(self, "_init", init)
        set_once(self, "_adapt", {})

    @property
    def n_dim(self) -> int:
        return int(self._flat.n)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return dict(self._shapes)

    @property
    def coords(self) -> dict[str, Any]:
        return dict(self._coords)

    def with_transform_adapt(self, **options: Any) -> Model:
        """The same model with options of nutpie's learned transforms."""
        other = object.__new__(Model)
        other.__dict__.update(self.__dict__, _adapt=options)
        return other

    def _make_model(self, init_mean: Any) -> Any:
        (logp, data), (expand, expand_data) = self._called
        sizes = {name: len(values) for name, values in self._coords.items()}
        kinds, shapes = ["float64"] * len(self._shapes), list(self._shapes.values())
        n_expanded = sum(s.size for s in self._called[1].entry.outputs)
        return _lib.PyMcModel(
            _lib.LogpFunc(logp, data, self),
            _lib.ExpandFunc(self.n_dim, n_expanded, expand, expand_data, self),
            _lib.PyVariable.new_variables(list(self._shapes), kinds, shapes, sizes, dict(self.dims)),
            self.n_dim,
            sizes,
            dict(self._coords),
            self._init,
            self._adapter,
        )

    def _adapter(self, *args: Any, **kwargs: Any) -> Any:
        from nutpie.transform_adapter import make_transform_adapter

        return make_transform_adapter(**self._adapt)(*args, **kwargs, logp_fn=None)

    def _make_sampler(self, settings: Any, init_mean: Any, cores: int, progress: Any, store: Any) -> Any:
        return _lib.PySampler.from_pymc(settings, cores, self._make_model(init_mean), progress, store)

    def __repr__(self) -> str:
        return f"<Model of {self.n_dim} numbers: {', '.join(self._shapes)}>"


def model(
    logp: Tensor,
    q: Tensors,
    draws: Mapping[str, Tensor] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    coords: Mapping[str, Any] | None = None,
    init: np.ndarray | Callable[[int], np.ndarray] | None = None,
    *,
    data: Data = None,
) -> Model:
    """A model that ``nutpie.sample`` samples and gives as ArviZ data.

    ``logp``: the log density of ``q``, one number; ``q``: leaves of floats of known shapes, which range over all;
    ``draws``: what is reported, Tensors by name that may depend on ``q`` (its leaves unless given); ``dims``: names of
    the dimensions of draws, ``coords``: their values; ``init``: where chains begin, a vector, or a function of a seed
    (uniform between -1 and 1 unless given); ``data``: arrays for other inputs. A log density that is NaN or infinite is
    a divergence. Raises GraphError, ShapeError, FeedError.

    Example: ``trace = nutpie.sample(gd.interop.nutpie.model(logp, q, {"sigma": gd.exp(q[0])}))``."""
    flat = Flat("nutpie", q)
    named = {str(v.name): v for v in flat.leaves} if draws is None else _named(draws)
    given = {str(k): [str(d) for d in v] for k, v in (dims or {}).items()}
    for name, shown in given.items():
        if name not in named or len(shown) != named[name].ndim:
            told = describe(named[name]) if name in named else "no draw"
            raise ShapeError(f"nutpie: dims of {name!r} are {', '.join(shown)}, and it is {told}", source=where_am_i())
    density = _logp(flat, logp, data)
    values = frozen(flat.what, list(named.values()), _only(named, data), flat.leaves)
    values = [gd.astype(v, "float64") for v in values]
    expand = _pointer(gd.compile([flat.z], flat.at_z(values), name="expand").entry(), EXPAND)
    return Model(flat, density, expand, given, coords or {}, _start(flat, init), list(named))


def _named(draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The draws. Raises GraphError for what is no dict of Tensors."""
    if not isinstance(draws, Mapping):
        told = 'draws are Tensors by name; write draws={"mu": mu}'
        raise GraphError(f"nutpie: {told}, got {one_line(repr(draws), LONGEST)}", source=where_am_i())
    for name, draw in draws.items():
        if not isinstance(draw, Tensor):
            told = f"the draw {name!r} is a Tensor, got {one_line(repr(draw), LONGEST)}"
            raise GraphError(f"nutpie: {told}; write gd.constant of an array", source=where_am_i())
    return dict(draws)


def _only(named: Mapping[str, Tensor], data: Data) -> Data:
    """The data that draws depend on."""
    names = {v.name for v in inputs_under(list(named.values()))}
    return {k: v for k, v in (data or {}).items() if (k.name if isinstance(k, Tensor) else k) in names}


def _start(flat: Flat, init: Any) -> Callable[[int], np.ndarray]:
    if callable(init):
        return lambda seed: flat.checked(init(seed))
    if init is not None:
        begin = flat.checked(np.asarray(init, np.float64)) if not isinstance(init, (dict, list)) else flat.pack(init)
        return lambda seed: begin.copy()
    return lambda seed: np.random.default_rng(seed).uniform(-1, 1, flat.n)
