"""Initialisers: shapes, dtypes, moments, reproducibility, the two layouts of fans, and what they refuse."""

import numpy as np
import pytest

from graphdiff import init
from graphdiff.errors import DTypeError, GraphError, ShapeError

SCALED = {
    "xavier": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
}
RANDOM = [init.normal(0.5, 1), init.uniform(-1, 2, 1), init.orthogonal(1)] + [
    getattr(init, f"{scheme}_{law}")(1) for scheme in SCALED for law in ("normal", "uniform")
]


@pytest.mark.parametrize("scheme", SCALED)
@pytest.mark.parametrize(
    ("shape", "fan_in", "fan_out"), [((600, 200), 600, 200), ((64, 16, 5, 5), 400, 1600), ((300, 40, 9), 360, 2700)]
)
def test_variance_follows_the_fans(scheme, shape, fan_in, fan_out):
    assert init.fans(shape) == (fan_in, fan_out)
    want = SCALED[scheme](fan_in, fan_out)
    normal = getattr(init, f"{scheme}_normal")(3)(shape, np.float64)
    uniform = getattr(init, f"{scheme}_uniform")(3)(shape, np.float64)
    # relative error of a variance from n draws is about sqrt(2 / n); five of those
    margin = 5 * np.sqrt(2 / normal.size)
    for w in (normal, uniform):
        assert abs(w.var() / want - 1) < margin
        assert abs(w.mean()) < 5 * np.sqrt(want / w.size)
    assert np.abs(uniform).max() <= np.sqrt(3 * want)
    assert np.abs(normal).max() > 2.1 * np.sqrt(want)  # not truncated at two deviations


def test_plain_laws():
    w = init.normal(0.25, 0)((200, 100), np.float64)
    assert abs(w.std() - 0.25) < 0.01
    w = init.uniform(2, 3, 0)((5000,), np.float64)
    assert w.min() >= 2 and w.max() < 3 and abs(w.mean() - 2.5) < 0.02
    assert np.array_equal(init.zeros()((2, 3), np.float32), np.zeros((2, 3), np.float32))
    assert np.array_equal(init.ones()((3,), np.int64), np.ones(3, np.int64))
    assert np.array_equal(init.constant(0.1)((), np.float32), np.float32(0.1))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 7), (6, 2, 3, 1), (2, 3, 2, 2)])
def test_orthogonal(shape):
    w = init.orthogonal(4)(shape, np.float64).reshape(shape[0], -1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert np.allclose(gram, np.eye(len(gram)))


def test_orthogonal_signs_are_uniform():
    # without the choice of signs the diagonal would be negative nearly always
    signs = [np.sign(init.orthogonal(seed)((3, 3), np.float64)[0, 0]) for seed in range(200)]
    assert abs(np.mean(signs)) < 0.3


@pytest.mark.parametrize("make", RANDOM)
@pytest.mark.parametrize("shape", [(4, 6), (3, 2, 3, 3), (0, 5), (5, 0)])
def test_depends_on_shape_and_seed_only(make, shape):
    a, b = make(shape, np.float64), make(shape, np.float32)
    assert a.shape == shape and a.dtype == np.float64 and b.dtype == np.float32
    assert np.array_equal(a.astype(np.float32), b)


def test_seeds_differ():
    assert not np.array_equal(init.he_normal(0)((4, 4), np.float64), init.he_normal(1)((4, 4), np.float64))


@pytest.mark.parametrize("make", [m for m in RANDOM if m not in RANDOM[:2]])
def test_a_vector_has_no_fans(make):
    with pytest.raises(ShapeError, match="no fans"):
        make((5,), np.float32)


def test_misuse():
    with pytest.raises(DTypeError, match="int64"):
        init.normal(1.0, 0)((2, 2), np.int64)
    with pytest.raises(GraphError, match="deviation"):
        init.normal(-1.0, 0)
    with pytest.raises(GraphError, match="not below"):
        init.uniform(1, 0, 0)
    with pytest.raises((TypeError, ValueError)):
        init.he_normal("seed")
