"""A small fit loop and the data it is fed. Written as a user would write it.

Owns reading and splitting data and stepping through batches; knows no model and prints nothing.
"""

from .data import DataError, Dataset, digits, read
from .fit import History, Step, fit

__all__ = ["DataError", "Dataset", "History", "Step", "digits", "fit", "read"]
