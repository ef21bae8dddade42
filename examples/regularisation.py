"""How strongly to regularise: the gradient of a validation loss by the strength, through the training as a whole.

Logistic regression on scikit-learn's breast cancer data, 569 patients with 30 measurements each. gd.minimize trains to
the end; how the trained weights depend on the strength follows from the implicit function theorem, so that it can be
found by descent too. The gradient is held against differences, the weights against scikit-learn.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

import graphdiff as gd

measured, benign = load_breast_cancer(return_X_y=True)
measured = (measured - measured.mean(axis=0)) / measured.std(axis=0)
order = np.random.default_rng(0).permutation(len(benign))
train, validation = order[:150], order[150:]


def loss_of(w, rows):
    """The mean of -log p of the right answer; the last weight is the bias."""
    scores = measured[rows] @ w[:-1] + w[-1]
    return gd.mean(gd.nn.softplus(scores * (1.0 - 2.0 * benign[rows])))


def penalised(w, log_strength):
    return loss_of(w, train) + gd.exp(log_strength) / 2 * gd.sum(gd.square(w[:-1]))


log_strength = gd.input("log_strength", (), dtype="float64")
w = gd.minimize(penalised, np.zeros(31), log_strength)
loss = loss_of(w, validation)
slope = gd.grad(loss, log_strength)
f = gd.compile([log_strength], [w, loss, slope])

weights, _, gradient = f(-4.0)
theirs = LogisticRegression(C=np.exp(4.0) / len(train), tol=1e-10, max_iter=10_000)
theirs.fit(measured[train], benign[train])
print(f"largest difference to scikit-learn's weights {np.abs(weights[:-1] - theirs.coef_[0]).max():.1e}")
assert np.abs(weights[:-1] - theirs.coef_[0]).max() < 1e-4
difference = (f(-4.0 + 1e-3)[1] - f(-4.0 - 1e-3)[1]) / 2e-3
print(f"slope by the strength {gradient:.6f}, by differences {difference:.6f}")
assert abs(gradient - difference) < 1e-6

best = gd.minimize(lambda s: loss_of(gd.minimize(penalised, np.zeros(31), s), validation), -4.0, tol=1e-5)
strength = gd.compile([], best.astype("float64"))()
_, loss, slope = f(float(strength))
right = np.mean(
    (measured[validation] @ f(float(strength))[0][:-1] + f(float(strength))[0][-1] > 0) == benign[validation]
)
print(f"best strength exp({strength:.3f}): validation loss {loss:.4f}, slope {slope:.1e}, {right:.1%} right")
assert abs(slope) < 1e-4 and right > 0.95

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    strengths = np.linspace(-9, 0, 25)
    plt.plot(strengths, [f(s)[1] for s in strengths], label="validation loss")
    plt.plot(strength, loss, "o", label="found by descent")
    plt.xlabel("logarithm of the strength")
    plt.legend()
    plt.savefig(out / "regularisation.png", dpi=120)
