"""Where the graphdiff under test lies, for processes that tests start: installed, or a checkout built in place.

A process is started there, or finds it first on its path: a checkout that is not built must not come before it.
"""

import importlib.util
import os
from pathlib import Path

PLACE = Path(importlib.util.find_spec("graphdiff").origin).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PLACE), os.environ.get("PYTHONPATH", "")])}
