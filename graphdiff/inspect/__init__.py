"""Looking into graphs, adjoints, functions and plans: pictures, pages and statistics.

The methods that people call on those values - ``to_dot``, ``to_svg`` - are given to their classes in this one
place, when the package is imported: the classes stand before this room, which imports them and not the other way round.
"""

from __future__ import annotations

from typing import Any

from ..ir.graph import Graph
from ..runtime.function import Function
from ..transforms.adjoint import Adjoint
from .dot import to_dot as to_dot
from .dot import to_svg as to_svg

METHODS: dict[type, dict[str, Any]] = {
    Graph: {"to_dot": to_dot, "to_svg": to_svg},
    Adjoint: {"to_dot": to_dot, "to_svg": to_svg},
    Function: {"to_dot": to_dot, "to_svg": to_svg},
}

for _class, _methods in METHODS.items():
    for _name, _method in _methods.items():
        setattr(_class, _name, _method)
