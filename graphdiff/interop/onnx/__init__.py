"""ONNX models as graphs and graphs as ONNX models: ``gd.interop.onnx.load`` and ``save``. Needs the extra ``onnx``.

Owns: the public names. The package ``onnx`` is imported when a model is read or written, never before.
"""

from ...errors import UnsupportedOperator
from .load import Model, load
from .save import save

__all__ = ["Model", "UnsupportedOperator", "load", "save"]

for _public in (Model, load, save):
    _public.__module__ = __name__
