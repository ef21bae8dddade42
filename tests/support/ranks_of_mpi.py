"""Programs run on the ranks of MPI: what each has in ``found`` when it ends."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig

import pytest
from under_test import ENVIRONMENT, PLACE

END = """
import json
from graphdiff.interop import mpi
comm = mpi.ranks.world(None)
for r in range(mpi.ranks.size_of(comm)):
    if comm is not None:
        comm.Barrier()
    if r == mpi.ranks.rank_of(comm):
        print(json.dumps(found), flush=True)
"""


def command(n, program, given=None):
    """What runs a program on ``n`` ranks, for subprocess; ``given``: its argument, as JSON."""
    places = [sysconfig.get_path("scripts"), os.environ["PATH"]]
    launcher = shutil.which("mpiexec", path=os.pathsep.join(places))
    if launcher is None:
        pytest.skip("no mpiexec")
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "GRAPHDIFF_NUM_THREADS": "1"}
    root["OMPI_MCA_mpi_yield_when_idle"] = "1"  # ranks share processors
    told = subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False).stdout
    options = ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"] if "open" in told.lower() else []
    return {
        "args": [launcher, "-n", str(n), *options, sys.executable, "-c", program + END, json.dumps(given)],
        "cwd": PLACE,
        "env": {**ENVIRONMENT, **root},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


def run(n, program, given=None):
    """What each of ``n`` ranks found, in their order."""
    done = subprocess.run(**command(n, program, given), check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
