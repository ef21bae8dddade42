"""A compiled function called from C: scipy.optimize and scipy.integrate without Python in between.

``f.bind`` fixes a call to buffers: ``b()`` reads and writes them in place, and ``b.address`` is that call as the pair
of a C function ``int (*)(void *)`` and its data. Run it: ``python examples/low_level.py``
"""

import argparse
import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy import LowLevelCallable
from scipy.integrate import quad
from scipy.optimize import minimize

import graphdiff as gd

# 1. An optimiser: value and gradient from one bound call on buffers made once.

x = gd.input("x", shape=(10,), dtype="float64")
loss = gd.sum(100 * gd.square(x[1:] - gd.square(x[:-1])) + gd.square(1 - x[:-1]))
point, value, slope = np.empty(10), np.empty(()), np.empty(10)
rosenbrock = gd.compile([x], [loss, gd.grad(loss, x)], name="rosenbrock").bind(x=point, out=[value, slope])
values = []


def value_and_gradient(at):
    point[:] = at
    rosenbrock()
    values.append(float(value))
    return float(value), slope.copy()


found = minimize(value_and_gradient, np.full(10, -1.0), jac=True, method="L-BFGS-B")
print(f"minimum at ones to {np.abs(found.x - 1).max():.0e}, {found.nfev} calls")
assert np.allclose(found.x, 1, atol=1e-4)

# 2. An integrand: quad calls double (*)(double, void *). Three lines of C put its argument into the buffer, run the
#    bound call and give back the result; in Numba they would be three lines of a cfunc.

ADAPTER = """
struct bound { int (*call)(void *); void *data; double *in, *out; };
double integrand(double x, void *user) {
    struct bound *b = user;
    *b->in = x;
    return b->call(b->data) == 0 ? *b->out : 0.0 / 0.0;
}
"""


class Adapted(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("call", "data", "in", "out")]


def adapter(folder):
    """The C function above, compiled; None where there is no compiler."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    source, library = os.path.join(folder, "adapter.c"), os.path.join(folder, "adapter.so")
    with open(source, "w", encoding="utf-8") as file:
        file.write(ADAPTER)
    subprocess.run([*compiler.split(), "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
    function = ctypes.CDLL(library).integrand
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double, ctypes.c_void_p]
    return function


t = gd.input("t", shape=(), dtype="float64")
f = gd.exp(gd.sin(3 * t)) * gd.tanh(t)
argument, result = np.empty(()), np.empty(())
derivative = gd.compile([t], gd.grad(f, t), name="derivative").bind(t=argument, out=[result])
height = gd.compile([t], f)
exact = float(height(2.0) - height(0.0))

with tempfile.TemporaryDirectory() as folder:
    function = adapter(folder)
    if function is None:
        print("no C compiler: the integrand is not shown")
    else:
        data = Adapted(*derivative.address, argument.ctypes.data, result.ctypes.data)
        integrand = LowLevelCallable(function, ctypes.cast(ctypes.pointer(data), ctypes.c_void_p))
        area, error = quad(integrand, 0, 2)
        print(f"integral of f' from 0 to 2 = {area:.9f}, f(2) - f(0) = {exact:.9f}")
        assert abs(area - exact) < 1e-9

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    figure, (calls, curve) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    calls.semilogy(values)
    calls.set(xlabel="call", ylabel="value", title="L-BFGS-B on Rosenbrock's function")
    grid, slopes = np.linspace(0, 2, 201), gd.compile([t], gd.grad(f, t))
    heights = [slopes(at) for at in grid]
    curve.plot(grid, heights)
    curve.fill_between(grid, heights, alpha=0.3)
    curve.set(xlabel="t", title=f"f'(t), of which quad finds the area, {exact:.4f}")
    figure.savefig(out / "low_level.png", dpi=120)
