"""Compiled functions as plain C: forward, backward and updates without Python, without allocation.

``Function.export_c`` is given to its class here: the class stands before this room and may not import it.
"""

from __future__ import annotations

from ..runtime.function import Function
from ..spelling import explained
from .export import export_c as export_c

__all__ = ["export_c"]

METHODS = {Function: {"export_c": export_c}}

for _class, _methods in METHODS.items():
    for _name, _function in _methods.items():
        _given = explained(_function)
        _given.__name__, _given.__qualname__ = _name, f"{_class.__name__}.{_name}"
        setattr(_class, _name, _given)
