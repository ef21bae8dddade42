"""The rules by which ONNX's operators are read, by kin. Importing this room gives all of them to the table."""

from . import convolution, elementwise, movement, normalisation, pooling, reductions

__all__ = ["convolution", "elementwise", "movement", "normalisation", "pooling", "reductions"]
