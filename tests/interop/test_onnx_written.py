"""Every registered operation written as ONNX and run by the package's evaluator, by ONNX Runtime and by graphdiff that
reads the file, beside graphdiff's own numbers; tests/support/onnx_written.py does so in more ways."""

import numpy as np
import pytest
from onnx_written import SAMPLED, case_of, compare, samples

import graphdiff as gd
from graphdiff.interop.onnx.write import rules as rules
from graphdiff.interop.onnx.write.table import written
from graphdiff.ops.registry import REGISTRY

# What ONNX has no operators for: factorisations, draws that are the same everywhere, and functions of Bessel, of Euler
# and of distributions beyond those that rules/special.py has
WITHOUT = {
    *("lu", "lu_solve", "linalg.cholesky", "linalg.eigh", "linalg.qr", "linalg.solve_triangular", "linalg.svd"),
    *("cofactors", "exponential", "least_squares", "packed_lu", "random_unit", "random_below", "nextafter"),
    *("fft_complex", "fft_half", "fft_real", "search", "segment"),
    *("bessel_i", "bessel_j", "i0", "i0e", "i0e_derivative", "i1", "i1e", "i1e_derivative", "j0", "j1"),
    *("k0e", "k0e_derivative", "k1e", "k1e_derivative"),
    *("betainc", "betainc_by_a", "betainc_by_b", "betainc_by_aa", "betainc_by_ab", "betainc_by_bb", "beta_density"),
    *("gammainc", "gammaincc", "gammainc_by_a", "gammainc_by_aa", "gamma_density"),
    *("gamma", "betaln", "digamma_gap", "trigamma_gap", "polygamma"),
    *("erfcx_derivative", "ndtri", "log_ndtr_slope", "log_ndtr_excess", "sinc_derivative"),
}
# What the evaluator has wrong: the places of MaxPool in images that are no squares
BY_OTHERS = {"max_pool2d": ("runtime", "read")}


def test_all_primitives_are_written_but_those_that_onnx_has_not():
    primitives = {n for n, op in REGISTRY.items() if op.kind not in ("leaf", "composite")} - {"loop", "branch"}
    assert primitives - set(written()) == WITHOUT


@pytest.mark.parametrize("name", SAMPLED)
def test_an_operation_is_run_by_others(name):
    cases = samples(name)
    tried = 0
    for i in sorted({0, len(cases) // 2, len(cases) - 1}):
        inputs, outputs, feeds = case_of(name, cases[i], "float32", False, False)
        try:
            compare(inputs, outputs, feeds, 21, BY_OTHERS.get(name, ("reference", "runtime", "read")))
            tried += 1
        except gd.UnsupportedOperator as e:
            assert set(e.counts) <= WITHOUT
    assert tried or REGISTRY[name].onnx is None or name == "nn.dropout"


def test_convolutions_of_images_whose_sizes_have_names():
    rng = np.random.default_rng(0)
    x = gd.input("x", ("n", 2, "h", "2*w"))
    w = gd.parameter("w", value=rng.uniform(-1, 1, (4, 2, 3, 3)).astype("f"))
    for how in ({"stride": 2, "padding": 1}, {"padding": "same"}, {"stride": (1, 3), "dilation": 2}):
        y = gd.nn.max_pool2d(gd.nn.conv2d(x, w, **how), 2, 2, ceil_mode=True)
        y = gd.nn.avg_pool2d(gd.nn.relu(y), 2, 1, padding=1)
        loss = gd.sum(y * gd.sin(y))
        outputs = dict(zip("abc", (y, *gd.grad(loss, [x, w]))))
        compare({"x": x}, outputs, {"x": rng.uniform(-1, 1, (2, 2, 11, 12)).astype("f")}, 21, ("runtime",))


GRADIENTS = """
    exp log1p tanh atan2 hypot erfc softplus nn.gelu nn.softmax nn.layer_norm nn.batch_norm nn.group_norm conv2d
    nn.conv1d nn.conv_transpose2d max_pool2d nn.avg_pool2d nn.scaled_dot_product_attention nn.cross_entropy take
    take_along_axis scatter_add cumsum cumprod cummax prod max sort matmul einsum nn.embedding pad diagonal where
    nn.interpolate nn.rotary_embedding logsumexp concat
""".split()


@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("name", GRADIENTS)
def test_a_gradient_is_run_by_others(name, opset):
    cases = samples(name)
    inputs, outputs, feeds = case_of(
        name, cases[0 if name == "nn.batch_norm" else len(cases) // 2], "float32", True, False
    )
    compare(inputs, outputs, feeds, opset, BY_OTHERS.get(name, ("runtime",)))


# whose samples have weights of sizes 3 to 5, or which want a number there
FIXED = {"conv2d", "nn.conv1d", "nn.conv_transpose2d", "nn.rotary_embedding"}


@pytest.mark.parametrize("name", [n for n in GRADIENTS if n not in FIXED])
def test_sizes_with_names_are_worked_out_at_the_call(name):
    cases = samples(name)
    inputs, outputs, feeds = case_of(name, cases[0], "float32", True, True)
    compare(inputs, outputs, feeds, 21, BY_OTHERS.get(name, ("runtime",)))


@pytest.mark.parametrize(
    "name",
    ["erfc", "erfinv", "lgamma", "digamma", "expm1", "log1p", "atan2", "hypot", "logaddexp", "ndtr", "erfcx", "sinc"],
)
def test_special_functions_keep_their_digits_over_their_range(name):
    x = np.concatenate([-np.geomspace(1e-8, 20, 40)[::-1], np.geomspace(1e-8, 20, 40)])
    if name == "erfinv":
        x = np.concatenate([np.tanh(x / 4), [1.0, -1.0]])
    if name in ("lgamma", "digamma"):
        x = x[np.abs(x) > 1e-6]
    leaves = [gd.input(f"x{i}", x.shape, "float64") for i in range(2 if name in ("atan2", "hypot", "logaddexp") else 1)]
    feeds = dict(zip(("x0", "x1"), (x, x[::-1].copy())))
    compare(
        {v.name: v for v in leaves},
        {"y": getattr(gd, name)(*leaves)},
        {v.name: feeds[v.name] for v in leaves},
        21,
        ("read",),
    )
