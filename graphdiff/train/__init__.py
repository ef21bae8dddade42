"""Fitting models: Trainer, what it is fed, what happens beside it, and what it measures. Written with public names.

A run that is killed at any moment and resumed from its last checkpoint gives the same bits as one that was not.
"""

from typing import TYPE_CHECKING

from ..ops.namespaces import presented
from . import metrics as metrics
from .callbacks import Checkpoint, CSVLogger, EarlyStopping, GradientFlow, ReduceLROnPlateau, TensorBoard, resume
from .data import DataError, Dataset, digits, read
from .history import History
from .trainer import Callback, Trainer

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "DataError",
    "Dataset",
    "EarlyStopping",
    "GradientFlow",
    "History",
    "ReduceLROnPlateau",
    "TensorBoard",
    "Trainer",
    "digits",
    "metrics",
    "read",
    "resume",
]

if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = presented(globals(), __all__)
