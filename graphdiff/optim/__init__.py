"""Update rules as graphs: ``opt.updates(params, grads)`` is the dict for ``gd.compile(updates=...)``.

Formulas and defaults are PyTorch's (torch.optim), so the same start gives the same trajectory. Moments and step
counts are states, listed by ``opt.states``. ``lr`` is a number, a 0-d Tensor, a ``gd.state`` or one of ``schedules``.
Must not know: how updates are run.
"""

from typing import TYPE_CHECKING

from ..ops import namespaces as _namespaces
from . import schedules as schedules
from .adam import LAMB as LAMB
from .adam import Adafactor as Adafactor
from .adam import Adam as Adam
from .adam import Adamax as Adamax
from .adam import AdamW as AdamW
from .adam import Lion as Lion
from .adam import NAdam as NAdam
from .adam import RAdam as RAdam
from .averages import accumulate as accumulate
from .averages import ema as ema
from .clip import clip_by_global_norm as clip_by_global_norm
from .clip import clip_by_value as clip_by_value
from .optimizer import Optimizer as Optimizer
from .rules import SGD as SGD
from .rules import Adadelta as Adadelta
from .rules import Adagrad as Adagrad
from .rules import RMSprop as RMSprop
from .rules import Rprop as Rprop

__all__ = [
    "LAMB",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "accumulate",
    "clip_by_global_norm",
    "clip_by_value",
    "ema",
    "schedules",
]

if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = _namespaces.presented(globals(), __all__)
