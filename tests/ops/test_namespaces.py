"""What is said of a name that is not there: what to write can be written, and gives what the other name gives."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops.namespaces import ABSENT, INSTEAD

RNG = np.random.default_rng(0)
ARRAYS = {
    "x": RNG.normal(size=(4, 3)),
    "a": RNG.normal(size=3),
    "b": RNG.normal(size=3),
    "w": RNG.uniform(1, 2, (4, 3)),
    "i": np.array([1, 0, 1, 2]),
    "edges": np.array([-1.0, 0.0, 1.0]),
}
# NumPy's of the same name, where there is one, at the numbers of the text
NUMPY = {
    "allclose": "np.allclose(a, b, rtol=0, atol=1e-6)",
    "average": "np.average(x, weights=w)",
    "bincount": "np.bincount(i, minlength=4)",
    "cbrt": "np.cbrt(x)",
    "cov": "np.cov(x.T)",
    "deg2rad": "np.deg2rad(x)",
    "digitize": "np.digitize(x, edges)",
    "geomspace": "np.geomspace(1, np.e, 4)",
    "heaviside": "np.heaviside(x, a)",
    "inner": "np.inner(a, b)",
    "isclose": "np.isclose(a, b, rtol=0, atol=1e-6)",
    "logspace": "np.logspace(0, 1, 4)",
    "nanmax": "np.nanmax(x)",
    "nanmean": "np.nanmean(x)",
    "nanmin": "np.nanmin(x)",
    "nansum": "np.nansum(x)",
    "ndim": "x.ndim",
    "percentile": "np.percentile(x, 30)",
    "rad2deg": "np.rad2deg(x)",
    "select": "np.select([x > 1, x > 0], [a + 0 * x, b + 0 * x])",
    "size": "x.size",
    "switch": "b",
    "trapz": "np.trapezoid(x)",
}


@pytest.mark.parametrize("name", [n for n in INSTEAD if not n.startswith("bool")])
def test_what_to_write_can_be_written(name):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; write ") as told:
        getattr(gd, name)
    text = str(told.value).split("; ")[1].removeprefix("write ")
    arrays = ARRAYS | ({"x": np.where(ARRAYS["x"] > 1, np.nan, ARRAYS["x"])} if name.startswith("nan") else {})
    with gd.default_dtype("float64"):
        leaves = {k: gd.input(k, v.shape, v.dtype) for k, v in arrays.items()}
        more = {"gd": gd, "n": 4, "f": lambda *args: args[-1] * 1.0, "init": leaves["a"][0]}
        found = eval(text, more | leaves)
        if isinstance(found, gd.Tensor):
            found = gd.compile(list(leaves.values()), found)(*arrays.values())
    if name in NUMPY:
        np.testing.assert_allclose(found, eval(NUMPY[name], {"np": np, **arrays}), rtol=1e-12)


@pytest.mark.parametrize("name", [*ABSENT, "bool"])
def test_why_it_is_not_there(name):
    with pytest.raises(AttributeError) as told:
        getattr(gd, name)
    assert str(told.value).endswith(ABSENT.get(name, "write dtype='bool'"))


def test_no_name_that_is_there_is_spoken_of():
    assert [n for n in (*INSTEAD, *ABSENT) if hasattr(gd, n)] == [] and not set(INSTEAD) & set(ABSENT)
