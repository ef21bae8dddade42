"""A bridge whose package is not installed says which extra has it; ranks of MPI are one process then."""

import subprocess
import sys

import pytest
from under_test import ENVIRONMENT, PLACE

CALLS = {  # by extra: the package, and a use of the bridge
    "jax": ("jax", "gd.interop.jax.from_jax(abs, 1.0)"),
    "torch": ("torch", "gd.interop.torch.function(f)"),
    "pytensor": ("pytensor", "gd.interop.pytensor.op(f)"),
    "pymc": ("pymc", "gd.interop.pymc.logp(None)"),
    "casadi": ("casadi", "gd.interop.casadi.external(f)"),
    "nutpie": ("nutpie", "gd.interop.nutpie.model(f)"),
    "numba": ("numba", "gd.interop.numba.function(f)"),
    "onnx": ("onnx", "gd.interop.onnx.load('model.onnx')"),
    "scipy": ("scipy", "gd.interop.scipy.problem"),
}


def run(package: str, code: str) -> "subprocess.CompletedProcess[str]":
    program = f"""import sys
sys.modules[{package!r}] = None  # as if it were not there
import graphdiff as gd
x = gd.input("x", (3,), dtype="float64")
f = gd.compile([x], gd.sum(x * x))
{code}
"""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=PLACE, check=False)


@pytest.mark.parametrize("extra", CALLS)
def test_a_missing_package_is_told_with_its_extra(extra):
    package, code = CALLS[extra]
    done = run(package, code)
    told = done.stderr.strip().splitlines()[-1]  # a bridge that stands on another's package may miss that first
    assert done.returncode == 1 and told.startswith("ImportError: gd.interop."), done.stderr
    assert " needs the package " in told and "; write pip install 'graphdiff[" in told


@pytest.mark.parametrize("bridge, use", [("pytensor", "op"), ("pymc", "logp")])
def test_a_bridge_over_others_tells_its_own_extra(bridge, use):
    told = run("numba", f"gd.interop.{bridge}.{use}").stderr.strip().splitlines()[-1]
    assert told.startswith(f"ImportError: gd.interop.{bridge} needs the package ")
    assert told.endswith(f"; write pip install 'graphdiff[{bridge}]'")


def test_ipopt_is_told_with_its_extra():
    nowhere = "import ctypes.util\nctypes.util.find_library = lambda name: None\n"  # the system may have one
    done = run("casadi", nowhere + "w = gd.parameter('w', value=1.0)\ngd.interop.ipopt.Problem(w * w, [w]).solve()")
    told = "ImportError: gd.interop.ipopt needs Ipopt; write pip install 'graphdiff[ipopt]'"
    assert done.returncode == 1 and done.stderr.strip().splitlines()[-1] == told


def test_models_are_not_written_without_the_package():
    done = run("onnx", "gd.interop.onnx.save('never.onnx', [x], [x * 2])")
    assert done.returncode == 1 and "write pip install 'graphdiff[onnx]'" in done.stderr
    assert not (PLACE / "never.onnx").exists()


def test_without_mpi_there_is_one_rank():
    done = run("mpi4py", "print(gd.interop.mpi.compile([x], gd.sum(x))([1, 2, 3]))")
    assert done.returncode == 0 and done.stdout.split() == ["6.0"], done.stderr
