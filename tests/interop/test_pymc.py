"""PyTensor's graphs and PyMC's models as ours, beside themselves."""

import numpy as np
import pytest

import graphdiff as gd

pymc = pytest.importorskip("pymc")
pytest.importorskip("jax")
import pytensor  # noqa: E402
import pytensor.tensor as pt  # noqa: E402

from graphdiff.interop import pymc as bridge  # noqa: E402
from graphdiff.interop.pytensor import from_pytensor  # noqa: E402

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(30, 3)), rng.normal(size=30)


def eight_schools():
    mu, tau = pymc.Normal("mu", 0, 5), pymc.HalfCauchy("tau", 5)
    theta = pymc.Normal("theta", mu, tau, shape=8)
    pymc.Normal("obs", theta, np.arange(8) + 5.0, observed=np.arange(8.0))


def regression():
    w, sigma = pymc.Normal("w", 0, 1, shape=3), pymc.Exponential("sigma", 1)
    pymc.StudentT("y", nu=4, mu=X @ w, sigma=sigma, observed=Y)


def logistic():
    w, b = pymc.Laplace("w", 0, 1, shape=3), pymc.Normal("b", 0, 10)
    pymc.Bernoulli("y", logit_p=pt.dot(X, w) + b, observed=Y > 0)


def counts():
    rate = pymc.Gamma("rate", 2, 1, shape=2)
    group = np.arange(30) % 2
    pymc.Poisson("y", rate[group], observed=np.arange(30) % 5)
    p = pymc.Beta("p", 2, 3)
    pymc.Binomial("k", 10, p, observed=np.array([2, 5, 7]))


def censored():  # erfcx, which PyTensor's JAX has not
    mu, sigma = pymc.Normal("mu"), pymc.HalfNormal("sigma")
    pymc.Censored("y", pymc.Normal.dist(mu, sigma), lower=-1, upper=1, observed=np.clip(Y, -1, 1))
    pymc.TruncatedNormal("z", mu, sigma, lower=-3, upper=4, observed=Y)


def covariances():
    factor, _, _ = pymc.LKJCholeskyCov("factor", n=3, eta=2.0, sd_dist=pymc.Exponential.dist(1.0, shape=3))
    pymc.MvNormal("x", pymc.ZeroSumNormal("z", shape=3), chol=factor, observed=X)
    pymc.OrderedLogistic(
        "t",
        eta=pymc.Uniform("eta", -1, 2),
        cutpoints=pymc.Normal("c", 0, 2, shape=2, transform=pymc.distributions.transforms.ordered, initval=[-1, 1]),
        observed=np.arange(30) % 3,
    )


MODELS = [eight_schools, regression, logistic, counts, censored]


def test_derivatives_of_transforms_are_pymcs():
    with pymc.Model() as model:
        covariances()
    point = {name: np.asarray(v) + rng.normal(size=np.shape(v)) * 0.3 for name, v in model.initial_point().items()}
    value, slopes = bridge.logp(model)(**point)
    np.testing.assert_allclose(
        value, model.compile_logp(mode="FAST_COMPILE")(point), rtol=1e-7
    )  # PyMC has LKJ's constant in float32
    flat = np.concatenate([np.ravel(slopes[v.name]) for v in model.value_vars])
    np.testing.assert_allclose(flat, model.compile_dlogp(mode="FAST_COMPILE")(point), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("make", MODELS, ids=lambda f: f.__name__)
def test_densities_and_gradients_are_pymcs(make):
    with pymc.Model() as model:
        make()
    f = bridge.logp(model)
    start = model.initial_point()
    point = {name: np.asarray(v) + rng.normal(size=np.shape(v)) * 0.3 for name, v in start.items()}
    value, slopes = f(**point)
    np.testing.assert_allclose(value, model.compile_logp()(point), rtol=1e-10)
    flat = np.concatenate([np.ravel(slopes[v.name]) for v in model.value_vars])
    np.testing.assert_allclose(flat, model.compile_dlogp()(point), rtol=1e-9, atol=1e-10)


def test_graphs_of_pytensor_with_shared_values_and_several_outputs():
    x, w = pt.matrix("x"), pytensor.shared(np.array([1.0, 2.0, 3.0]), name="w")
    outputs = [pt.exp(x @ w), pt.sum(x, axis=0)]
    g = from_pytensor([x], outputs, {x: (4, 3)})
    leaf = gd.input("x", (4, 3), "float64")
    got = gd.compile([leaf], g(leaf))(X[:4])
    for a, b in zip(got, pytensor.function([x], outputs)(X[:4])):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    with pytest.raises(gd.ShapeError, match="x has the shape"):
        from_pytensor([x], outputs)
