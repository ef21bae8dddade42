"""The samples of operations as the registry declares them: their arguments, references, and each as a graph."""

import importlib

import numpy as np

import graphdiff as gd
from graphdiff.ops.registry import REGISTRY, Sample

SAMPLED = sorted(name for name, op in REGISTRY.items() if op.samples is not None)


def items(x):
    return list(x) if isinstance(x, (tuple, list)) else [x]


def samples(name):
    return list(REGISTRY[name].samples(np.random.default_rng(0)))


def reference(name):
    found = REGISTRY[name].reference
    if isinstance(found, str):
        module, _, function = found.rpartition(".")
        found = getattr(importlib.import_module(module), function)
    return found


def convert(a, change):
    """An argument with its arrays changed."""
    if isinstance(a, list) and any(isinstance(e, np.ndarray) for e in a):
        return [convert(e, change) for e in a]
    return change(a) if isinstance(a, np.ndarray) else a


def cast(dtype):
    return lambda a: a.astype(dtype) if a.dtype.kind == "f" else a


def changed(sample, change):
    args = tuple(convert(a, change) for a in sample.args)
    return Sample(args, {k: convert(a, change) for k, a in sample.kwargs.items()})


class Case:
    """A sample as a graph: leaves for its arrays, the results as a list, and the arrays to feed. Sizes of ``named`` get
    names, equal ones the same."""

    def __init__(self, name, sample, named=()):
        self.leaves, self.arrays, self.named = [], [], named
        lifted = changed(sample, self.lift)
        self.results = items(REGISTRY[name].public(*lifted.args, **lifted.kwargs))

    def lift(self, a):
        shape = tuple(f"n{s}" if s in self.named else s for s in a.shape)
        self.arrays.append(a)
        self.leaves.append(gd.input(f"x{len(self.leaves)}", shape, a.dtype))
        return self.leaves[-1]
