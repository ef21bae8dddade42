"""What every test module relies on: which graphdiff is under test, and one Hypothesis profile.

`pytest` alone imports the installed package. `python -m pytest` and PYTHONPATH=. put the checkout first, which is right
where the extension was built in place and an import error elsewhere; there the checkout is taken off the path.
"""

import os
import sys
from pathlib import Path

import hypothesis

ROOT = Path(__file__).resolve().parent.parent
BUILT_IN_PLACE = any((ROOT / "graphdiff" / "runtime").glob("_core.*.so"))

if not BUILT_IN_PLACE:
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]

os.environ.setdefault("MPLBACKEND", "agg")

# Timing says nothing about correctness, and the same draws each time make a failure one that can be looked at again.
hypothesis.settings.register_profile("graphdiff", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("graphdiff")
