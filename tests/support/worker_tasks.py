"""What workers of joblib and dask are given in tests: a module that they find, as they do not find those of tests."""

import functools
import os

import numpy as np

import graphdiff as gd

X = np.linspace(0, 1, 7)


def made():
    x, w = gd.input("x", ("n",), "float64"), gd.parameter("w", value=np.float64(2))
    loss = gd.sum(gd.sin(w * x))
    return gd.compile([x], [loss, gd.grad(loss, x)])


@functools.cache
def held():
    """Of this process."""
    return made()


def called(f, scale):
    value, slope = f(X * scale)
    return os.getpid(), id(f), float(value), slope.tolist()


def called_here(scale):
    return called(held(), scale)


def mapped(data, k):
    total = gd.input("data", ("n", "m"), "float64")
    held_total = gd.compile([total], gd.sum(total))
    return isinstance(data, np.memmap), float(held_total(data)) + k
