"""`python -m graphdiff` is the command `graphdiff`."""

import sys

from .cli import main

sys.exit(main())
