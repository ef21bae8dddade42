"""A small fit loop and the data it is fed. Written as a user would write it.

Owns reading and splitting data and stepping through batches; knows no model and prints nothing.
"""

from typing import TYPE_CHECKING

from ..ops.namespaces import presented
from .data import DataError, Dataset, digits, read
from .fit import History, Step, fit

__all__ = ["DataError", "Dataset", "History", "Step", "digits", "fit", "read"]

if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = presented(globals(), __all__)
