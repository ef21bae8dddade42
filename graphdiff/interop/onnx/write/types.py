"""Types as messages: what ONNX calls a dtype, and what a model tells of a value.

Must not know: nodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ir.dims import Dim
from ....ir.node import Value

INT64, DOUBLE = 7, 11  # ONNX's numbers of element types


def value_info(name: str, value: Value) -> Any:
    """The type of a value as the model tells it, sizes with a name by it."""
    from onnx import helper

    shape = [str(s) if isinstance(s, Dim) else s for s in value.shape]
    return helper.make_tensor_value_info(name, element(value.dtype), shape)


def array_info(name: str, array: np.ndarray) -> Any:
    """The type of an array of the model."""
    from onnx import helper

    return helper.make_tensor_value_info(name, element(array.dtype), array.shape)


def element(dtype: np.dtype) -> int:
    """ONNX's number of an element type."""
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(dtype))
