"""Sampling by nutpie from log densities that are graphs."""

import ctypes

import numpy as np
import pytest

import graphdiff as gd

nutpie = pytest.importorskip("nutpie")

from graphdiff.interop import nutpie as bridge  # noqa: E402
from graphdiff.interop.flat import inputs_under  # noqa: E402

SAMPLING = {"draws": 300, "tune": 300, "chains": 2, "progress_bar": False, "seed": 1}


def eight_schools():
    y, sd = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    mu, log_tau, z = (gd.input(n, s, "float64") for n, s in (("mu", ()), ("log_tau", ()), ("z", (8,))))
    tau, sigma = gd.exp(log_tau), gd.input("sigma", (8,), "float64")
    theta = mu + tau * z
    logp = -0.5 * gd.sum(gd.square((y - theta) / sigma)) - 0.5 * gd.sum(gd.square(z)) - 0.5 * gd.square(mu / 5)
    logp = logp - gd.log1p(gd.square(tau / 5)) + log_tau
    return logp, [mu, log_tau, z], {"mu": mu, "tau": tau, "theta": theta}, {"sigma": sd}


def test_draws_have_names_dimensions_and_the_right_mean():
    logp, q, draws, data = eight_schools()
    schools = list("ABCDEFGH")
    model = bridge.model(logp, q, draws, {"theta": ["school"]}, {"school": schools}, data=data)
    assert model.n_dim == 10 and model.shapes["theta"] == (8,)
    trace = nutpie.sample(model, **SAMPLING)
    assert trace.posterior["theta"].dims == ("chain", "draw", "school")
    assert list(trace.posterior["school"].values) == schools
    assert 2 < float(trace.posterior["mu"].mean()) < 7 and (trace.posterior["tau"] > 0).all()
    again = nutpie.sample(model, **SAMPLING, cores=1)
    assert (again.posterior["theta"].values == trace.posterior["theta"].values).all()


def test_nan_is_a_divergence_and_parameters_are_as_they_were():
    q, w = gd.input("q", (2,), "float64"), gd.parameter("w", value=np.ones(2))
    logp = gd.where(q[0] > 2.5, gd.log(q[0] * 0 - 1), -0.5 * gd.sum(gd.square(q * w)))
    model = bridge.model(logp, q, init=np.full(2, 0.5))
    w.value = np.full(2, 1e6)
    trace = nutpie.sample(model, **SAMPLING)
    assert (trace.posterior["q"][..., 0] <= 2.5).all() and 0.5 < float(trace.posterior["q"].std()) < 1.5


def test_the_pointer_is_the_density_with_its_gradient():
    logp, q, _, data = eight_schools()
    (sigma,) = (v for v in inputs_under([logp]) if v.name == "sigma")
    pointer, address = held = bridge.pointer(logp, q, data)
    doubles = ctypes.POINTER(ctypes.c_double)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, doubles, doubles, doubles, ctypes.c_void_p)
    at, slope, value = np.linspace(-1, 1, 10), np.empty(10), np.empty(1)
    assert kind(pointer)(10, *(a.ctypes.data_as(doubles) for a in (at, slope, value)), address) == 0
    fixed = gd.substitute(logp, {sigma: gd.constant(data["sigma"])})
    want, (a, b, c) = gd.compile(q, [fixed, gd.grad(fixed, q)])(at[0], at[1], at[2:])
    assert np.isclose(value[0], want) and np.allclose(slope, [a, b, *c]) and held.entry.fault() is None


def test_data_with_a_named_number_of_rows():
    q, x = gd.input("q", (2,), "float64"), gd.input("x", ("rows", 2), "float64")
    logp = -0.5 * gd.sum(gd.square(x - q)) / x.shape[0]
    model = bridge.model(logp, q, {"q": q, "far": gd.sum(x @ q)}, data={x: np.ones((5, 2))})
    trace = nutpie.sample(model, **SAMPLING)
    far = (
        trace.posterior["q"].sum("q_dim_0" if "q_dim_0" in trace.posterior.dims else trace.posterior["q"].dims[-1]) * 5
    )
    np.testing.assert_allclose(trace.posterior["far"], far)
    with pytest.raises(gd.FeedError, match="x has 2 dimensions"):
        bridge.model(logp, q, {"q": q}, data={x: np.ones(5)})


def test_what_does_not_fit_is_told():
    logp, q, draws, data = eight_schools()
    for call, told in (
        (lambda: bridge.model(logp, q, draws), r"data misses sigma: f64\[8\]"),
        (lambda: bridge.model(logp, q, [q], data=data), r"draws are Tensors by name; write draws=.*got \["),
        (lambda: bridge.model(logp, q, {"q": 3.0}, data=data), "the draw 'q' is a Tensor, got 3.0"),
        (lambda: bridge.model(draws["theta"], q, data=data), "logp is one number"),
        (lambda: bridge.model(logp, q, draws, {"theta": ["a", "b"]}, data=data), "dims of 'theta' are a, b"),
        (lambda: bridge.pointer(logp, [gd.input("n", ("n",), "float64")], data), "must have a shape that is known"),
    ):
        with pytest.raises(gd.GraphdiffError, match=told):
            call()
