"""PyTorch's modules as graphs: values and gradients beside PyTorch's own, in float64."""

import inspect

import numpy as np
import pytest

import graphdiff as gd

torch = pytest.importorskip("torch")

from torch_networks import NETWORKS, made  # noqa: E402

from graphdiff.interop.torch import from_torch  # noqa: E402

nn, F = torch.nn, torch.nn.functional


def leaf(x, rows="batch"):
    return gd.input("x", (rows, *x.shape[1:]), str(x.dtype).removeprefix("torch."))


def compare(net, g, rows, *batches):
    """Values and gradients for every parameter of ``sum(sin(y))``."""
    entry = leaf(batches[0], rows)
    y = g(entry)
    f = gd.compile([entry], [y, gd.grad(gd.sum(gd.sin(y)), g.parameters)])
    for x in batches:
        want = net(x)
        net.zero_grad()
        torch.sum(torch.sin(want)).backward()
        value, grads = f(x.numpy())
        np.testing.assert_allclose(value, want.detach().numpy(), rtol=1e-10, atol=1e-10)
        assert grads.keys() == {name for name, _ in net.named_parameters()}
        for name, p in net.named_parameters():
            want = np.zeros(p.shape) if p.grad is None else p.grad.numpy()
            np.testing.assert_allclose(grads[name], want, rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_any_batch(name):
    net, x = made(name)
    net.eval()
    g = from_torch(net, (x,), dynamic_shapes=({0: "batch"},))
    assert g.states.keys() == {n for n, _ in net.named_buffers()} and not g.updates
    compare(net, g, "batch", x, x[:2])


@pytest.mark.parametrize("name", ["resnet", "densenet", "unet"])
def test_batch_norms_in_training_move_their_statistics(name):
    net, x = made(name)
    net.eval()
    g = from_torch(net, (x,), dynamic_shapes=({0: "batch"},), training=True)
    assert not net.training
    entry = leaf(x)
    step = gd.compile([entry], g(entry), updates=g.updates)
    net.train()
    for _ in range(2):
        np.testing.assert_allclose(step(x.numpy()), net(x).detach().numpy(), rtol=1e-10, atol=1e-10)
    for n, buffer in net.named_buffers():
        np.testing.assert_allclose(g.states[n].value, buffer.numpy(), rtol=1e-10)
    compare(net, from_torch(net, (x,)), 3, x)


def test_dropout_draws_other_numbers_in_each_call():
    net = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5), nn.Dropout(0.25)).double()
    x = torch.ones(2, 4, dtype=torch.float64)
    g = from_torch(net, (x,))
    y = g(entry := leaf(x, 2))
    f = gd.compile([entry], y, updates=g.updates)
    first, second = f(x.numpy()), f(x.numpy())
    assert (first != second).any() and 0.4 < (first == 0).mean() < 0.85 and "dropout.key" in g.states
    kept = np.broadcast_to(net[0](x).detach().numpy() / 0.375, first.shape)[first != 0]
    np.testing.assert_allclose(first[first != 0], kept)
    assert from_torch(net.eval(), (x,)).states == {}


CASES = {
    "dtypes": lambda x, i: (x * i[:, None] + i.sum(), (i / 2).sum(), i.double().mean(), (x > 0).sum(1), x.long() // 2),
    "integers": lambda x, i: (i % 3, i // 2, i.bitwise_and(3) | 4, ~i, torch.fmod(i - 3, 2), i > 1.5, -i),
    "indexing": lambda x, i: (x[i], x[:, i[:2]], x[i[:3], i[1:]], x[1:, ::2], x[..., -1], x[None, 1]),
    "gather": lambda x, i: (x.gather(1, i[:, None] % 3), x.index_select(0, i), torch.take_along_dim(x, i[:, None], 1)),
    "scatter": lambda x, i: (
        torch.zeros_like(x).scatter(1, i[:, None], 2.0),
        x.scatter_add(0, i[:, None].expand(4, 3), x),
        x.index_add(0, i, x),
    ),
    "places": lambda x, i: (_placed(x, i), x.masked_fill(x > 0.5, 7), x.index_put((i,), x * 2, accumulate=True)),
    "reductions": lambda x, i: (x.amax(1), x.max(1).values, x.min(), x.var(0), x.std(), x.prod(1), x.norm(dim=1)),
    "order": lambda x, i: (*x.sort(1, descending=True), *x.topk(2), x.argmax(1), x.cumsum(0), x.logsumexp(1)),
    "shapes": lambda x, i: (x.T.reshape(2, 6), x.repeat(2, 1), x.roll(1, 0), x.flip(0), *x.chunk(2), *x.unbind(1)),
    "padding": lambda x, i: (F.pad(x, (1, 2)), F.pad(x, (-1, 1, 0, 2), value=3.0), F.pad(x[None], (1, 1), "reflect")),
    "linear algebra": lambda x, i: (*_algebra(x.T @ x + torch.eye(3, dtype=x.dtype)),),
    "activations": lambda x, i: sum(
        f(x) for f in (F.selu, F.celu, F.softplus, F.mish, F.logsigmoid, F.hardtanh, F.tanhshrink, F.softsign, F.relu6)
    ),
    "losses": lambda x, i: (
        F.cross_entropy(x, i % 3, label_smoothing=0.1),
        F.nll_loss(x.log_softmax(1), i % 3),
        F.mse_loss(x, x * 2) + F.smooth_l1_loss(x, -x) + F.huber_loss(x, -x) + F.l1_loss(x, -x, reduction="sum"),
        F.binary_cross_entropy_with_logits(x, x.sigmoid()) + F.kl_div(x, x.softmax(1), reduction="batchmean"),
    ),
    "norms": lambda x, i: (
        F.instance_norm(x[:, None]),
        F.rms_norm(x, (3,)),
        F.local_response_norm(x[:, :, None], 2),
        F.normalize(x),
    ),
    "ranks": lambda x, i: (
        x.median(),
        *x.kthvalue(2, 1),
        *x.median(1, keepdim=True),
        x.cummax(1).values,
        x.logcumsumexp(0),
        torch.searchsorted(torch.tensor([-1.0, 0, 1], dtype=x.dtype), x, right=True),
        torch.bucketize(x, torch.tensor([-1.0, 0, 1], dtype=x.dtype)),
    ),
    "scattered and reduced": lambda x, i: (
        x.scatter_reduce(0, i[:, None].expand(4, 3), 2 * x, "amax"),
        x.scatter_reduce(0, i[:, None].expand(4, 3), 2 * x, "amin", include_self=False),
        x.scatter_reduce(1, i[:, None], x[:, :1] * 2, "mean"),
        x.scatter_reduce(1, i[:, None], x[:, :1] * 2, "mean", include_self=False),
        F.embedding_bag(i, x, torch.tensor([0, 1]), mode="mean"),
    ),
    "special functions": lambda x, i: (
        torch.special.erfcx(x) + torch.special.i0e(x) + torch.special.log_ndtr(x) + torch.i0(x),
        torch.round(x.detach(), decimals=1),
    ),
    "factors": lambda x, i: (
        torch.linalg.svdvals(x),
        torch.linalg.qr(x).R.abs(),
        torch.linalg.matrix_exp(x.T @ x / 5),
        torch.cholesky_solve(x.T, torch.linalg.cholesky(x.T @ x + torch.eye(3, dtype=x.dtype))),
        torch.cdist(x, 2 * x),
    ),
    "pools with places": lambda x, i: (
        *F.max_pool2d(x[None], (2, 3), (2, 1), (1, 1), return_indices=True),
        *F.max_pool1d(x[None], 2, 2, ceil_mode=True, return_indices=True),
        F.adaptive_max_pool2d(x[None], (3, 2)),
        F.bilinear(x, 2 * x, x[:2, :, None] * x[0]),
    ),
    "detached": lambda x, i: x * x.detach() + torch.where(x > 0, x, 0.0) + torch.clamp(x, -0.5) + x**3 + 2.0**x,
    "attention": lambda x, i: F.scaled_dot_product_attention(x[None], x[None], x[None], is_causal=True),
    "folded": lambda x, i: (x.unfold(0, 2, 1), F.avg_pool1d(x, 2, ceil_mode=True), F.max_pool1d(x, 2), F.glu(x.T, 1)),
    "sampled by grids": lambda x, i: tuple(
        F.grid_sample(x[None, None], 1.4 * torch.tanh(x[None, :, None, :2]), mode, padding, corners)
        for mode in ("bilinear", "nearest", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for corners in (True, False)
    ),
    "sampled in space": lambda x, i: F.grid_sample(
        torch.stack([x, 2 * x])[None, None],
        F.affine_grid(x[None, :3, [0, 1, 2, 0]], (1, 1, 2, 3, 2), align_corners=False),
        align_corners=False,
    ),
    # PyTorch repeats the first row where a result is one wide
    "antialiased": lambda x, i: tuple(
        F.interpolate(x[None, None], size, mode=mode, align_corners=corners, antialias=True)
        for mode in ("bilinear", "bicubic")
        for size in ((2, 2), (7, 5), (1, 4))
        for corners in (True, False)
    ),
    "antialiased by a factor": lambda x, i: F.interpolate(
        x[None, None], scale_factor=0.7, mode="bicubic", antialias=True
    ),
    "made": lambda x, i: (torch.arange(x.shape[0]) + i, torch.linspace(0, 1, 4, dtype=x.dtype) * i, torch.tril(x) + 1),
}


def _placed(x, i):
    y = x.clone()
    y[1:3] = 0
    y[:, 0] += 1
    y[i] *= 2.0
    return y


def _algebra(a):
    return (
        torch.linalg.inv(a),
        torch.linalg.solve(a, a[0]),
        torch.linalg.cholesky(a),
        torch.logdet(a),
        torch.linalg.det(a),
        torch.einsum("ij,jk->k", a, a),
        torch.linalg.eigvalsh(a),
    )


class Of(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x, i):
        return self.f(x, i)


@pytest.mark.parametrize("name", CASES)
def test_operators(name):
    rng = np.random.default_rng(0)
    x, i = torch.tensor(rng.normal(size=(4, 3)), requires_grad=True), torch.tensor([2, 0, 1, 2])
    want = Of(CASES[name])(x, i)
    g = from_torch(Of(CASES[name]), (x.detach(), i))
    xs = gd.input("x", (4, 3), "float64"), gd.input("i", (4,), "int64")
    made = g(*xs)
    assert type(made) is type(want) or isinstance(made, gd.Tensor)
    made, want = (list(v) if isinstance(v, tuple) else [v] for v in (made, want))
    for a, b in zip(gd.compile(list(xs), made)(x.detach().numpy(), i.numpy()), want):
        assert a.dtype == b.detach().numpy().dtype
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-10, atol=1e-10)
    theirs = sum(torch.sum(torch.sin(y)) for y in want if y.is_floating_point() and y.requires_grad)
    if isinstance(theirs, int):
        return
    ours = sum(gd.sum(gd.sin(y)) for y, t in zip(made, want) if t.is_floating_point() and t.requires_grad)
    theirs.backward()
    found = gd.compile(list(xs), gd.grad(ours, xs[0]))(x.detach().numpy(), i.numpy())
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_all_that_has_no_rule_is_told_at_once_with_its_lines():
    class Odd(nn.Module):
        def forward(self, x):
            y = torch.fft.fft(x).real
            return y + torch.histc(x, 5)

    line = inspect.getsourcelines(Odd.forward)[1]
    with pytest.raises(gd.GraphdiffError) as told:
        from_torch(Odd(), (torch.zeros(5),))
    counts = told.value.counts
    assert any("histc" in c and f"test_torch_export.py:{line + 2}" in c for c in counts)
    assert any("fft" in c and f"test_torch_export.py:{line + 1}" in c for c in counts)


def test_arguments_are_those_that_were_exported():
    net = nn.Linear(3, 2)
    g = from_torch(net, (torch.zeros(4, 3),), dynamic_shapes=({0: "rows"},))
    assert g(gd.input("x", ("n", 3))).shape == ("n", 2) and repr(g) == "<Exported Linear: 2 parameters, 0 states>"
    with pytest.raises(gd.ShapeError, match=r"exported with shape .any, 3., got"):
        g(gd.input("x", ("n", 4)))
    with pytest.raises(gd.DTypeError, match="argument 0 was exported as float32"):
        g(gd.input("x", ("n", 3), "float64"))
    with pytest.raises(gd.ShapeError, match="arguments have the structure"):
        g(gd.input("x", ("n", 3)), gd.input("y", ("n", 3)))
    half = Of(lambda x, i: F.interpolate(x, (2, 2), mode="bilinear", antialias=True) * i.sum())
    one = torch.tensor([1])
    g = from_torch(half, (torch.zeros(2, 1, 4, 5), one), dynamic_shapes=({0: "n"}, None))
    assert g(gd.input("x", ("n", 1, 4, 5)), gd.input("i", (1,), "int64")).shape == ("n", 1, 2, 2)
    g = from_torch(half, (torch.zeros(2, 1, 4, 5), one), dynamic_shapes=({2: "height"}, None))
    with pytest.raises(gd.ShapeError, match="antialias from size height to 2"):
        g(gd.input("x", (2, 1, "height", 5)), gd.input("i", (1,), "int64"))
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    assert set(from_torch(tied, (torch.zeros(1, 3),)).parameters) == {"0.weight", "0.bias", "1.bias"}
