"""Some of what ``tests/support/jax_primitives.py`` and ``jax_programs.py`` try of JAX, in float64 to 1e-10."""

import functools

import numpy as np
import pytest

import graphdiff as gd

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
import jax_array_cases  # noqa: E402
import jax_cases  # noqa: E402
from jax_compare import compare  # noqa: E402
from jax_primitives import primitives, tried  # noqa: E402
from jax_programs import PROGRAMS  # noqa: E402

from graphdiff.interop.jax import from_jax  # noqa: E402

SOME = {  # primitive: the numbers of its configurations
    "bitcast_convert_type": (0, 2, 3),
    "clamp": (2,),
    "conv_general_dilated": (4, 9, 13),
    "custom_vjp_call": (1,),
    "dot_general": (6,),
    "fft": (1, 3),
    "lu": (0,),
    "max": (11,),
    "pad": (3,),
    "pow": (1,),
    "random_gamma": (0,),
    "reduce": (0,),
    "reduce_window_max": (4,),
    "reduce_xor": (4,),
    "rem": (6, 10),
    "scatter-min": (7,),
    "scatter-mul": (13,),
    "select_and_scatter_add": (2,),
    "shift_right_logical": (3, 6),
    "threefry2x32": (0, 3),
    "while": (1,),
    "zeta": (0,),
}


@functools.cache
def cases():
    return jax_cases.cases() | jax_array_cases.cases()


@pytest.fixture(autouse=True)
def doubles():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)  # they take JAX long, and change nothing here
    yield
    jax.config.update("jax_enable_x64", before)
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.parametrize("name", SOME)
def test_primitives_are_jaxs(name):
    assert name in {p.name for p in primitives()}
    for k in SOME[name]:
        assert tried(*cases()[name][k]) in ("equal", "values")


@pytest.mark.parametrize(
    "name", ["kalman_filter", "spectral_equation", "numpyro_eight_schools", "diffrax_heun_recursive"]
)
def test_programs_are_jaxs(name):
    try:
        fn, args = PROGRAMS[name]()
    except ImportError as e:
        pytest.skip(str(e))
    assert compare(fn, args)


def test_of_equal_elements_the_first_has_the_gradient_of_a_pool_as_in_jax():
    x = gd.input("x", (4,), "float64")

    def pool(x):
        return jnp.sum(jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (2,), "VALID"))

    slope = gd.compile([x], gd.grad(from_jax(pool, np.zeros(4))(x), x))
    assert slope(np.zeros(4)).tolist() == [1, 0, 1, 0]


def test_what_cannot_be_is_refused_with_its_reason():
    for fn, told in (
        (lambda x: jax.lax.reduce_precision(x, 5, 10), "reduce_precision (to 5 and 10 bits)"),
        (lambda x: jax.lax.linalg.qr(x, pivoting=True)[1], "qr (with pivots)"),
        (lambda x: jax.random.normal(jax.random.key(0, impl="rbg"), (3, 3)) + x, "random_seed (of rbg)"),
    ):
        with pytest.raises(gd.GraphdiffError) as e:
            from_jax(fn, np.eye(3))
        assert told in str(e.value)


def test_a_function_that_calls_ours_becomes_its_graph():
    x = gd.input("x", ("n",), "float64")
    ours = gd.interop.jax.function([x], gd.erfcx(x) * gd.sum(x))
    assert compare(lambda v: jnp.sin(ours(v)), (np.linspace(0.1, 1, 4),))
