"""The Gaussian mixture of ADBench: log-likelihood by log-sum-exp with a Wishart prior, its gradient checked.

k components in d dimensions: weights alpha, means, and of each inverse covariance factor Q the logarithms of the
diagonal and the strictly lower triangle. With the constants left out, up to the sign,

    sum_i logsumexp_k (alpha_k + sum log diag Q_k - |Q_k (x_i - mu_k)|^2 / 2) - n logsumexp alpha
        - gamma^2 / 2 (|diag Q|^2 + |lower Q|^2) + m sum log diag Q

(Srajer, Kukelova and Fitzgibbon, A benchmark of selected algorithmic differentiation tools, 2018). The gradient is held
against a loop over points and components by hand, against differences, and the mixture is fitted to what it made.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

import graphdiff as gd

D, K, N = 2, 3, 600
GAMMA, M = 1.0, 0
rng = np.random.default_rng(0)
centres = np.array([[-4.0, 0.0], [3.0, 3.0], [2.0, -4.0]])
points = centres[rng.integers(0, K, N)] + rng.normal(size=(N, D)) * [1.0, 0.5]

alpha = gd.input("alpha", shape=(K,), dtype="float64")
mu = gd.input("mu", shape=(K, D), dtype="float64")
log_diagonal = gd.input("log_diagonal", shape=(K, D), dtype="float64")
lower = gd.input("lower", shape=(K, D * (D - 1) // 2), dtype="float64")
leaves = [alpha, mu, log_diagonal, lower]


def objective(x):
    """Minus the objective, over the points x."""
    diagonal = gd.exp(log_diagonal)
    # where each element of the strictly lower triangle goes in a (D, D) matrix; a zero behind is all the others
    place = np.full((D, D), lower.shape[1])
    place[np.tril_indices(D, -1)] = np.arange(lower.shape[1])
    triangle = gd.take(gd.pad(lower, ((0, 0), (0, 1))), place, axis=1)
    centred = x[:, None, :] - mu
    q = diagonal * centred + gd.einsum("kij,nkj->nki", triangle, centred)
    main = alpha + gd.sum(log_diagonal, axis=1) - 0.5 * gd.sum(gd.square(q), axis=2)
    prior = 0.5 * GAMMA**2 * (gd.sum(gd.square(diagonal)) + gd.sum(gd.square(lower))) - M * gd.sum(log_diagonal)
    return x.shape[0] * gd.logsumexp(alpha) + prior - gd.sum(gd.logsumexp(main, axis=1))


def by_hand(a, m, d, low):
    """The same by the formula, one point and one component at a time."""
    total = 0.0
    for x in points:
        terms = []
        for k in range(K):
            Q = np.diag(np.exp(d[k]))
            Q[np.tril_indices(D, -1)] = low[k]
            terms.append(a[k] + d[k].sum() - 0.5 * np.sum((Q @ (x - m[k])) ** 2))
        total += logsumexp(terms)
    prior = 0.5 * GAMMA**2 * (np.sum(np.exp(2 * d)) + np.sum(low**2)) - M * d.sum()
    return N * logsumexp(a) + prior - total


loss = objective(gd.constant(points))
gradient = gd.grad(loss, leaves)
f = gd.compile(leaves, [loss, gradient], name="gmm")
at = [rng.normal(size=x.shape) * 0.3 for x in leaves]
value, _ = f(*at)
assert np.isclose(value, by_hand(*at), rtol=1e-12)
report = gd.check_grad(loss, leaves, dict(zip(leaves, at)))
print(f"loss {value:.4f}, largest error of a derivative {report.max_error:.1e}")
assert report.ok

at[1] = centres + rng.normal(size=(K, D))
values = []
for _ in range(400):
    value, g = f(*at)
    at = [a - 0.3 / N * d for a, d in zip(at, g)]
    values.append(value)
found = at[1][np.lexsort(at[1].T)]
print(f"fitted: loss {values[0]:.1f} to {values[-1]:.1f}, means {found.round(1).tolist()}")
assert np.all(np.diff(values) < 1e-8) and np.abs(found - centres[np.lexsort(centres.T)]).max() < 0.3

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    plt.scatter(*points.T, s=8, alpha=0.5)
    plt.plot(*found.T, "kx", markersize=12, mew=3, label="means found")
    plt.legend()
    plt.savefig(out / "gmm.png", dpi=120)
