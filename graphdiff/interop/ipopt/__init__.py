"""Ipopt: nonlinear programs whose functions and derivatives are graphs, ``gd.interop.ipopt.Problem``, and optimal
control as such, ``collocation``.

Owns: the public names. The library is CasADi's, which its wheel has, or the system's.
"""

from .collocation import Collocation, collocation
from .problem import Problem, Solution

__all__ = ["Collocation", "Problem", "Solution", "collocation"]

for _public in (Collocation, Problem, Solution, collocation):
    _public.__module__ = __name__
