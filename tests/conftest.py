"""What every test module relies on: which graphdiff is under test, and one Hypothesis profile.

`pytest` alone imports the installed package. `python -m pytest` and PYTHONPATH=. put the checkout first, which is right
where the extension was built in place and an import error elsewhere; there the checkout is taken off the path.
"""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILT_IN_PLACE = any((ROOT / "graphdiff" / "runtime").glob("_core.*.so"))

if not BUILT_IN_PLACE:
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("GRAPHDIFF_RATES", "nominal")  # the same plans on every machine

# Timing says nothing about correctness, and the same draws each time make a failure one that can be looked at again.
hypothesis.settings.register_profile("graphdiff", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("graphdiff")


@pytest.fixture(scope="session")
def start():
    """Starts Python in a folder, on the graphdiff under test, in a process of its own; a subprocess.Popen."""
    place = Path(importlib.util.find_spec("graphdiff").origin).parent.parent

    def popen(folder, *arguments):
        return subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(place)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # what runs the tests in the background may ignore Ctrl-C, and a process started from there does, too
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return popen


@pytest.fixture(scope="session")
def run(start):
    """Runs Python as `start` does, to its end: (exit code, stdout, stderr)."""

    def to_end(folder, *arguments):
        with start(folder, *arguments) as process:
            out, err = process.communicate(timeout=600)
        return process.returncode, out, err

    return to_end
