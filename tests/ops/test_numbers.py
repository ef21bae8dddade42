"""Elementwise operations and their derivatives keep to the relative errors that their declarations state."""

import numpy as np
import pytest
import sweep_numbers as sweep
import sweep_special

from graphdiff.ops.registry import REGISTRY


def test_every_bound_is_swept():
    assert {name for name, op in REGISTRY.items() if op.errors} == {
        *sweep.REFERENCES,
        *sweep.PAIRS,
        *sweep_special.FUNCTIONS,
    }


@pytest.mark.parametrize("name", sweep.REFERENCES)
def test_relative_errors(name):
    for dtype in (np.float32, np.float64):
        found, stray = sweep.errors(name, dtype, 0, 25)
        for order, (error, at), bound in zip(sweep.ORDERS, found, REGISTRY[name].errors):
            assert error <= bound, f"{order} of {name} in {np.dtype(dtype)} at {at!r}: {error} units of the last place"
        assert not stray


@pytest.mark.parametrize("name", sweep.PAIRS)
def test_relative_errors_of_two_operands(name):
    for dtype in (np.float32, np.float64):
        found = sweep.errors_of_two(name, dtype, 0, 12)
        for order, (error, at), bound in zip(sweep.ORDERS, found, REGISTRY[name].errors):
            assert error <= bound, f"{order} of {name} in {np.dtype(dtype)} at {at!r}: {error} units of the last place"
