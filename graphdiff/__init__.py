"""graphdiff: a compiled static-graph differentiator with a C core. Public names, nothing else."""

__version__ = "0.1.0"

from . import init as init
from .errors import *  # noqa: F403
from .ir.graph import name_scope as name_scope
from .ops.parse import parse as parse
