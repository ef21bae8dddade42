"""Looking into graphs, adjoints, functions and plans: pictures, pages and statistics.

The methods that people call on those values - ``to_dot``, ``to_svg``, ``to_html``, ``plot`` - are given to their
classes in this one place, when the package is imported: the classes stand before this room and may not import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir.graph import Graph
from ..ops.namespaces import presented
from ..ops.tensor import Tensor
from ..runtime.function import Function
from ..runtime.plan import Plan
from ..runtime.profile import Profile
from ..runtime.tradeoff import Tradeoff
from ..spelling import explained
from ..transforms.adjoint import Adjoint
from .diff import Difference as Difference
from .diff import diff as diff
from .dot import to_dot as to_dot
from .dot import to_svg as to_svg
from .flow import GradientFlow as GradientFlow
from .html import adjoint_to_html, function_to_html, graph_to_html
from .notebook import flow_html, plan_html, profile_html, repr_html, tensor_html, tradeoff_html
from .picture import whole_graph as whole_graph
from .plot import plot_plan, plot_tradeoff

__all__ = ["Difference", "GradientFlow", "diff", "to_dot", "to_svg", "whole_graph"]

METHODS: dict[type, dict[str, Any]] = {
    Graph: {"to_dot": to_dot, "to_svg": to_svg, "to_html": graph_to_html, "_repr_html_": repr_html},
    Tensor: {"to_dot": to_dot, "to_svg": to_svg, "to_html": graph_to_html, "_repr_html_": tensor_html},
    Adjoint: {"to_dot": to_dot, "to_svg": to_svg, "to_html": adjoint_to_html, "_repr_html_": repr_html},
    Function: {"to_dot": to_dot, "to_svg": to_svg, "to_html": function_to_html, "_repr_html_": repr_html},
    Plan: {"plot": plot_plan, "_repr_html_": plan_html},
    Profile: {"_repr_html_": profile_html},
    Tradeoff: {"plot": plot_tradeoff, "_repr_html_": tradeoff_html},
    GradientFlow: {"_repr_html_": flow_html},
}

for _class, _methods in METHODS.items():
    for _name, _method in _methods.items():
        _given = explained(_method)
        _given.__name__, _given.__qualname__ = _name, f"{_class.__name__}.{_name}"
        setattr(_class, _name, _given)

if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = presented(globals(), __all__)
