"""Graphs inside PyTorch, beside torch's own operations."""

import numpy as np
import pytest

import graphdiff as gd

torch = pytest.importorskip("torch")

from graphdiff.interop import torch as bridge  # noqa: E402


def graph():
    x, k = gd.input("x", (3,), "float64"), gd.input("k", (), "int64")
    w = gd.parameter("w", value=np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.25]]))
    return x, k, w, [gd.tanh(w @ x), gd.sum(x)[None] * gd.astype(k, "float64"), k + 1]


def theirs(x, k, w):
    return torch.tanh(w @ x), x.sum()[None] * k, k + 1


def feeds(requires=True):
    rng = np.random.default_rng(0)
    x, w = (torch.tensor(rng.normal(size=s), requires_grad=requires) for s in ((3,), (2, 3)))
    return x, torch.tensor(2), w


@pytest.mark.parametrize("order", [1, 2])
def test_values_and_gradients_are_torchs(order):
    x, k, w, outputs = graph()
    f = bridge.function([x, k, w], outputs, order)
    mine, other = feeds(), feeds()
    got, want = f(*mine), theirs(*other)
    assert got[2] == want[2] and not got[2].requires_grad
    for a, b in zip(got, want):
        torch.testing.assert_close(a, b)
    (got[0].sum() * got[1].sum()).backward()
    (want[0].sum() * want[1].sum()).backward()
    torch.testing.assert_close(mine[0].grad, other[0].grad)
    torch.testing.assert_close(mine[2].grad, other[2].grad)


def test_gradcheck_and_gradgradcheck():
    x, k, w, outputs = graph()
    f = bridge.function([x, k, w], outputs[:2], order=2)
    given = feeds()
    assert torch.autograd.gradcheck(f, given, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(f, given)
    scalar = bridge.function([x, w], gd.sum(gd.square(outputs[0])), order=2)
    assert torch.autograd.gradgradcheck(scalar, (given[0], given[2]))


def test_one_number_is_computed_with_its_gradient_and_only_once():
    x, _, w, outputs = graph()
    f = bridge.function([x, w], gd.sum(gd.square(outputs[0])))
    given = feeds()
    y = f(given[0], given[2])
    y.backward()
    want = (torch.tanh(given[2].detach() @ given[0]) ** 2).sum()
    torch.testing.assert_close(given[0].grad, torch.autograd.grad(want, given[0])[0])
    z = f(given[0], given[2])
    (g,) = torch.autograd.grad(z, given[0], create_graph=True)
    with pytest.raises(RuntimeError):
        g.sum().backward()


@pytest.mark.parametrize("order", [1, 2])
def test_torch_func(order):
    x, _, w, outputs = graph()
    f = bridge.function([x, w], gd.sum(gd.square(outputs[0])), order)
    a, _, b = feeds(False)
    rows = torch.stack([a, 2 * a, -a])

    def g(x, w):
        return (torch.tanh(w @ x) ** 2).sum()

    torch.testing.assert_close(torch.func.grad(f)(a, b), torch.func.grad(g)(a, b))
    torch.testing.assert_close(torch.func.vmap(f, (0, None))(rows, b), torch.func.vmap(g, (0, None))(rows, b))
    torch.testing.assert_close(
        torch.func.vmap(torch.func.grad(f, (0, 1)), (0, None))(rows, b),
        torch.func.vmap(torch.func.grad(g, (0, 1)), (0, None))(rows, b),
    )
    if order == 2:
        torch.testing.assert_close(torch.func.hessian(f)(a, b), torch.func.hessian(g)(a, b))


def test_a_modules_parameters_are_the_storage():
    x, t = gd.input("x", ("n", 3)), gd.input("t", ("n", 1))
    w = gd.parameter("0.lin.weight", value=np.ones((3, 1), np.float32))
    scale = gd.state("scale", value=np.float32(2))
    m = bridge.Module([x, t], gd.mean(gd.square(x @ w * scale - t)))
    assert [n for n, _ in m.named_parameters()] == ["0.lin.weight"] and [n for n, _ in m.named_buffers()] == ["scale"]
    theirs = torch.ones(3, 1, requires_grad=True)
    one, other = torch.optim.SGD(m.parameters(), 0.1), torch.optim.SGD([theirs], 0.1)
    xs, ts = torch.randn(8, 3), torch.randn(8, 1)
    for _ in range(3):
        for optimiser, loss in ((one, m(xs, ts)), (other, ((xs @ theirs * 2 - ts) ** 2).mean())):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    np.testing.assert_allclose(w.value, theirs.detach().numpy(), rtol=1e-5)
    w.value = np.zeros((3, 1), np.float32)
    assert m(xs, torch.zeros(8, 1)) == 0
    again = bridge.Module([x, t], gd.mean(gd.square(x @ w * scale - t)))
    again.load_state_dict({n: v + 1 for n, v in m.state_dict().items()})
    assert (w.value == 1).all() and scale.value == 3


def test_what_changed_before_backward_is_told():
    x, _, w, outputs = graph()
    f = bridge.function([x, w], outputs[0])
    a, _, b = feeds()
    y = f(a, b).sum()
    with torch.no_grad():
        b.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_what_does_not_fit_is_told():
    x, k, w, outputs = graph()
    with pytest.raises(gd.GraphError, match=r"depend on w: f64\[2,3\] too"):
        bridge.function([x, k], outputs)
    with pytest.raises(gd.GraphError, match="order is 1 or 2"):
        bridge.function([x, k, w], outputs, 3)
    with pytest.raises(gd.GraphError, match="inputs are leaves"):
        bridge.function([outputs[0]], outputs[0])
    f = bridge.function([x, w], outputs[0])
    with pytest.raises(gd.FeedError, match="2 inputs, got 1"):
        f(torch.ones(3))
    with pytest.raises(gd.FeedError):
        f(torch.ones(4, dtype=torch.float64), torch.ones(2, 3, dtype=torch.float64))
