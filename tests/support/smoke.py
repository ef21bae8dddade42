"""What an installed wheel must do, in seconds, with NumPy alone: `python tests/support/smoke.py`, away from a checkout.

Owns: nothing. Invariant: it imports the package that is installed and says which, and fails if anything is missing.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import graphdiff as gd

rng = np.random.default_rng(0)
x, t = gd.input("x", ("batch", 8)), gd.input("t", ("batch",))
W, V = (gd.parameter(n, rng.normal(0, 0.3, s).astype("float32")) for n, s in (("W", (8, 16)), ("V", (16, 1))))
loss = gd.mean(gd.square((gd.tanh(x @ W) @ V)[:, 0] - t))
grads = gd.grad(loss, [W, V])
data = rng.normal(size=(300, 8)).astype("float32")
target = np.sin(data[:, 0])
report = gd.check_grad(loss, [W, V], {x: data[:4], t: target[:4]}, order=1)
assert "W" in str(report)

free = gd.compile([x, t], [loss, *grads])
tight = gd.compile([x, t], [loss, *grads], checkpoint="sqrt", threads=1)
for a, b in zip(free(data, target), tight(data, target), strict=True):
    assert a.tobytes() == b.tobytes(), "recomputation or threads changed bits"

step = gd.compile([x, t], loss, updates=gd.optim.Adam(0.01).updates([W, V], grads))
first = float(step(data, target))
for _ in range(200):
    last = float(step(data, target))
assert last < first / 3, (first, last)

A = gd.input("A", (5, 5), "float64")
positive = (lambda m: m @ m.T + 5 * np.eye(5))(rng.normal(size=(5, 5)))
solved = gd.compile([A], [gd.linalg.inv(A), gd.linalg.eigh(A)[0]])
inverse, values = solved(positive)
assert np.allclose(inverse, np.linalg.inv(positive)) and np.allclose(values, np.linalg.eigvalsh(positive))

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "step.gd"
    predict = gd.compile([x], gd.tanh(x @ W) @ V)
    predict.save(path)
    assert gd.load(path)(data).tobytes() == predict(data).tobytes()
    assert gd.compile([x], gd.sum(gd.tanh(x @ W))).export_c(folder, "model", batch=4), "exported C lacks its sources"
    gd.adjoint(loss, W).to_html(Path(folder) / "page.html", feed={x: data[:2], t: target[:2]})
assert (Path(gd.get_include()) / "graphdiff.h").exists()
told = subprocess.run([sys.executable, "-m", "graphdiff", "--help"], capture_output=True, text=True, check=True).stdout
assert "inspect" in told
print(f"graphdiff {gd.__version__} on Python {sys.version.split()[0]} from {Path(gd.__file__).parent}: works")
