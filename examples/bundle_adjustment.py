"""Bundle adjustment as in ADBench: reprojection errors of points seen by cameras, with a sparse Jacobian.

A camera is eleven numbers: a rotation vector r, a centre C, a focal length f, an image centre u0 and two distortions
k. A point X seen by it is rotated, divided by depth, bent and scaled:

    p = R(r) (X - C);  u = p_xy / p_z;  proj = f u (1 + k1 |u|^2 + k2 |u|^4) + u0

with Rodrigues' formula for R. A residual is w (proj - feature), with an error 1 - w^2 of each weight. Each observation
depends on one camera, one point and one weight, so of a row of the Jacobian at most fifteen elements are not zero: the
pattern is found from the graph, and a few products make it all. Steps with it bring disturbed cameras and points back.
"""

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse.linalg

import graphdiff as gd

CAMERAS, POINTS = 4, 20
rng = np.random.default_rng(0)
seen = np.array([(c, p) for c in range(CAMERAS) for p in range(POINTS) if rng.random() < 0.8])
camera_of, point_of = seen.T
n = len(seen)

cameras = gd.input("cameras", shape=(CAMERAS, 11), dtype="float64")
points = gd.input("points", shape=(POINTS, 3), dtype="float64")
weights = gd.input("weights", shape=(n,), dtype="float64")
features = gd.input("features", shape=(n, 2), dtype="float64")


def columns(x, idx):
    return gd.take(x, np.array(idx), axis=1)


def project(cam, X):
    """Where each point X[i] appears in the image of camera cam[i]."""
    r, C, f, u0, k = cam[:, 0:3], cam[:, 3:6], cam[:, 6:7], cam[:, 7:9], cam[:, 9:11]
    d = X - C
    theta2 = gd.sum(gd.square(r), axis=1, keepdims=True)
    theta = gd.sqrt(theta2)
    axis = r / theta
    turned = columns(axis, [1, 2, 0]) * columns(d, [2, 0, 1]) - columns(axis, [2, 0, 1]) * columns(d, [1, 2, 0])
    along = gd.sum(axis * d, axis=1, keepdims=True) * (1 - gd.cos(theta))
    p = d * gd.cos(theta) + turned * gd.sin(theta) + axis * along
    u = p[:, :2] / p[:, 2:]
    s = gd.sum(gd.square(u), axis=1, keepdims=True)
    return f * u * (1 + k[:, :1] * s + k[:, 1:] * gd.square(s)) + u0


projected = project(gd.take(cameras, camera_of), gd.take(points, point_of))
residuals = gd.reshape(weights[:, None] * (projected - features), (2 * n,))
errors = gd.concat([residuals, 1 - gd.square(weights)])

leaves = [cameras, points, weights]
blocks = gd.jacobian(errors, leaves, sparse=True)
f = gd.compile([*leaves, features], [errors, blocks], name="bundle_adjustment")

rotations, centres = rng.normal(size=(CAMERAS, 3)) * 0.1, rng.normal(size=(CAMERAS, 3)) * 0.3 - [0, 0, 6]
lens = np.tile([500.0, 320, 320, 0.01, 0.01], (CAMERAS, 1))
true_cameras = np.hstack([rotations, centres, lens])
true_points = rng.normal(size=(POINTS, 3))
ones = np.ones(n)
nothing = np.zeros((n, 2))
image = f(true_cameras, true_points, ones, nothing)[0][: 2 * n].reshape(n, 2)

# against differences, all columns
at = [
    true_cameras + 0.01 * rng.normal(size=(CAMERAS, 11)),
    true_points + 0.05 * rng.normal(size=(POINTS, 3)),
    ones * 0.9,
]
start, found = f(*at, image)
J = scipy.sparse.hstack(found).toarray()
flat, h = np.concatenate([a.ravel() for a in at]), 1e-6


def at_point(v):
    parts = np.split(v, np.cumsum([a.size for a in at])[:-1])
    return f(*(p.reshape(a.shape) for p, a in zip(parts, at)), image)


differences = [(at_point(flat + h * e)[0] - at_point(flat - h * e)[0]) / (2 * h) for e in np.eye(len(flat))]
worst = np.abs(J - np.transpose(differences)).max() / np.abs(J).max()
print(
    f"Jacobian {J.shape[0]} x {J.shape[1]}: {sum(b.nnz for b in blocks)} nonzeros by "
    f"{sum(b.colors for b in blocks)} products, off the differences by {worst:.1e}"
)
assert worst < 1e-8 and sum(b.colors for b in blocks) <= 11 + 3 + 1

# Levenberg and Marquardt's steps with the sparse normal equations
squares = []
for step in range(8):
    error, found = at_point(flat)
    J = scipy.sparse.hstack(found).tocsc()
    damped = J.T @ J + 1e-6 * scipy.sparse.diags_array((J.T @ J).diagonal() + 1)
    flat = flat - scipy.sparse.linalg.spsolve(damped.tocsc(), J.T @ error)
    squares.append(error @ error)
    print(f"step {step}: {squares[-1]:.3e}")
assert error @ error < 1e-8 * (start @ start)

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    figure, (pattern, steps) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    pattern.spy(J, markersize=1.5)
    pattern.set(title="Jacobian: cameras, points, weights")
    steps.semilogy(squares, "o-")
    steps.set(xlabel="step", ylabel="sum of squared errors")
    figure.savefig(out / "bundle_adjustment.png", dpi=120)
