"""``gd.nn``: the pieces of networks, read off the registry (graphdiff/ops declares them), and those made of scans."""

from ..ops import namespaces as _namespaces
from .recurrent import gru as gru
from .recurrent import lstm as lstm
from .recurrent import rnn as rnn

_functions = _namespaces.functions("nn")
globals().update(_functions)
__all__ = sorted([*_functions, "gru", "lstm", "rnn"])
__getattr__, __dir__ = _namespaces.presented(globals(), __all__)
