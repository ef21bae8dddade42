"""Functions of ``gd.nn`` against torch.nn.functional, where it is installed: a few configurations of each of
tests/support/sweep_torch.py, which runs hundreds."""

import pytest

pytest.importorskip("torch")
import numpy as np
import sweep_torch
import torch_cases

import graphdiff as gd


@pytest.mark.filterwarnings("ignore:reduction. 'mean':UserWarning")
@pytest.mark.parametrize("name", torch_cases.CASES)
def test_values_gradients_and_second_derivatives(name):
    sweep_torch.sweep(name, seed=1, count=2)


def test_a_difference_is_told():
    case = torch_cases.CASES["mish"](np.random.default_rng(0))
    case.ours = lambda x: gd.nn.mish(x) * 1.001
    found = sweep_torch.compare(case, np.random.default_rng(0))
    assert min(found) > 1e-5
