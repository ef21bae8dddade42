"""Update rules as graphs: ``opt.updates(params, grads)`` is the dict for ``gd.compile(updates=...)``.

Formulas and defaults are PyTorch's (torch.optim), so the same start gives the same trajectory. Moments and step
counts are states, listed by ``opt.states``. ``lr`` is a number, a 0-d Tensor or a ``gd.state``.
Must not know: how updates are run.
"""

from typing import TYPE_CHECKING

from ..ops import namespaces as _namespaces
from .clip import clip_by_global_norm as clip_by_global_norm
from .clip import clip_by_value as clip_by_value
from .rules import SGD as SGD
from .rules import Adagrad as Adagrad
from .rules import Adam as Adam
from .rules import AdamW as AdamW
from .rules import RMSprop as RMSprop

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop", "clip_by_global_norm", "clip_by_value"]

if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = _namespaces.presented(globals(), __all__)
