"""PyTorch's and JAX's functions that are handed a Tensor say what to write, by the packages and without them."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops.registry import REGISTRY
from graphdiff.ops.torch_and_jax import TORCH_NAMES

X = gd.input("x", (3,), "float64")


def layer_norm(x):
    """Stands for a function of PyTorch's, by its name."""


@pytest.mark.parametrize(
    "name, known",
    [
        ("sin", "gd.sin"),
        ("relu", "gd.relu"),
        ("layer_norm", "gd.nn.layer_norm"),
        ("linalg_inv", "gd.linalg.inv"),
        ("inv", "gd.linalg.inv"),
        ("fft_rfft", "gd.fft.rfft"),
        ("__matmul__", "gd.matmul"),
        ("nonzero", "a gd function"),
    ],
)
def test_what_to_write_for_a_function_of_torch_s(name, known):
    def function():
        """Stands for it."""

    function.__name__ = name
    with pytest.raises(gd.GraphError) as caught:
        gd.Tensor.__torch_function__(function, (gd.Tensor,), ([X, 2.0],), {"out": {"y": X}})
    text = str(caught.value)
    assert f"torch's {name.strip('_')}" in text and f"write {known}," in text
    assert text.count("x: f64[3]") == 2 and "test_torch_and_jax.py:" in text


def test_names_of_torch_s_are_told_by_names_that_are():
    assert all(REGISTRY[ours].public and name not in REGISTRY for name, ours in TORCH_NAMES.items())


def test_what_to_write_for_a_function_of_jax_s():
    with pytest.raises(gd.GraphError, match=r"x: f64\[3\].*gd.sin for jnp.sin") as caught:
        hasattr(X, "__jax_array__")  # as JAX asks
    assert "test_torch_and_jax.py:" in str(caught.value)


def test_torch_itself():
    torch = pytest.importorskip("torch")
    one = torch.ones(3)
    calls = {
        "gd.sin": lambda: torch.sin(X),
        "gd.add": lambda: one + X,
        "gd.multiply": lambda: X * one,
        "gd.matmul": lambda: X @ one,
        "gd.stack": lambda: torch.stack([X, X]),
        "gd.linalg.inv": lambda: torch.linalg.inv(X),
        "gd.nn.linear": lambda: torch.nn.Linear(3, 3)(X),
        "gd.nn.silu": lambda: torch.nn.functional.silu(X),
        "gd.nn.cross_entropy": lambda: torch.nn.functional.cross_entropy(X, one),
    }
    for known, call in calls.items():
        with pytest.raises(gd.GraphError, match=f"write {known},") as caught:
            call()
        assert "test_torch_and_jax.py:" in str(caught.value)


def test_jax_itself():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    one = jnp.ones(3)
    calls = [
        lambda: jnp.sin(X),
        lambda: one + X,
        lambda: X * one,
        lambda: jnp.dot(X, X),
        lambda: jnp.stack([X, X]),
        lambda: jnp.linalg.norm(X),
        lambda: jax.jit(lambda v: v * 2)(X),
        lambda: jax.grad(lambda v: v.sum())(X),
        lambda: jax.vmap(lambda v: v * 2)(X),
    ]
    for call in calls:
        with pytest.raises(gd.GraphError, match=r"x: f64\[3\]") as caught:
            call()
        assert "test_torch_and_jax.py:" in str(caught.value)


def test_arrays_of_theirs_as_numpy_s():
    torch = pytest.importorskip("torch")
    y = gd.compile([X], gd.add(X, torch.ones(3, dtype=torch.float64, requires_grad=True).numpy(force=True)))
    np.testing.assert_array_equal(y(np.zeros(3)), np.ones(3))


def test_special_functions_of_scipy_by_its_names():
    special = pytest.importorskip("scipy.special")
    z = np.array([0.5, 1.5, 4.0])
    f = gd.compile([X], [special.gammaln(X), special.psi(X), special.expit(X)])
    for got, want in zip(f(z), (special.gammaln(z), special.psi(z), special.expit(z)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13)
