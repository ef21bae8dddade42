"""ONNX models as graphs: ``gd.interop.onnx.load``. Needs the extra ``onnx``.

Owns: the public names. The package ``onnx`` is imported when a model is read, never before.
"""

from ...errors import UnsupportedOperator
from .load import Model, load

__all__ = ["Model", "UnsupportedOperator", "load"]

for _public in (Model, load):
    _public.__module__ = __name__
