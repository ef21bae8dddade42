"""Samplers of others on a density of ours: a posterior whose mean and covariance are known in closed form."""

import numpy as np
import pytest

import graphdiff as gd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 2))
T = X @ [1.0, -2.0] + 0.5 * RNG.normal(size=30)
COVARIANCE = np.linalg.inv(X.T @ X / 0.25 + np.eye(2))  # of w, where t is normal about X w, and w about 0
MEAN = COVARIANCE @ X.T @ T / 0.25

w = gd.input("w", (2,), "float64")
LOGP = -0.5 * gd.sum(gd.square(gd.constant(T) - gd.constant(X) @ w)) / 0.25 - 0.5 * gd.sum(gd.square(w))


def is_the_posterior(draws, errors=0.2):
    """Means within ``errors`` standard deviations, and those within a fifth."""
    deviations = np.sqrt(np.diag(COVARIANCE))
    assert draws.shape[1:] == (2,) and np.isfinite(draws).all()
    assert (np.abs(draws.mean(0) - MEAN) < errors * deviations).all()
    np.testing.assert_allclose(draws.std(0), deviations, rtol=0.2)


@pytest.fixture
def jax():
    module = pytest.importorskip("jax")
    before = module.config.jax_enable_x64
    module.config.update("jax_enable_x64", True)
    yield module
    module.config.update("jax_enable_x64", before)


def test_emcee_calls_the_density_for_all_walkers_at_once():
    emcee = pytest.importorskip("emcee")
    W = gd.input("W", ("walkers", 2), "float64")
    f = gd.compile([W], gd.vmap(lambda q: gd.substitute(LOGP, {w: q}))(W))
    sampler = emcee.EnsembleSampler(20, 2, f, vectorize=True)
    sampler.random_state = np.random.RandomState(0).get_state()
    sampler.run_mcmc(MEAN + 0.1 * RNG.normal(size=(20, 2)), 900)
    is_the_posterior(sampler.get_chain(discard=100, flat=True))


def test_blackjax_differentiates_the_density_in_a_scan(jax):
    blackjax = pytest.importorskip("blackjax")
    density = gd.interop.jax.function([w], LOGP)
    kernel = blackjax.nuts(density, 0.1, jax.numpy.ones(2))
    state = kernel.init(jax.numpy.zeros(2))

    def one(state, key):
        state, _ = kernel.step(key, state)
        return state, state.position

    _, draws = jax.lax.scan(one, state, jax.random.split(jax.random.key(0), 1500))
    is_the_posterior(np.asarray(draws[200:]))


def test_numpyro_samples_the_density_as_a_potential(jax):
    numpyro = pytest.importorskip("numpyro")
    density = gd.interop.jax.function([w], LOGP)
    kernel = numpyro.infer.NUTS(potential_fn=lambda q: -density(q))
    chain = numpyro.infer.MCMC(kernel, num_warmup=200, num_samples=1300, progress_bar=False)
    chain.run(jax.random.key(0), init_params=np.zeros(2))
    is_the_posterior(np.asarray(chain.get_samples()))


def test_nutpie_samples_the_density_by_pointer():
    nutpie = pytest.importorskip("nutpie")
    model = gd.interop.nutpie.model(LOGP, [w], draws={"w": w})
    trace = nutpie.sample(model, draws=700, tune=200, chains=2, seed=1, progress_bar=False)
    is_the_posterior(trace.posterior["w"].values.reshape(-1, 2))
