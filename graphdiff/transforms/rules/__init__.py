"""The rewrite table: what an expression may be replaced by, one named row each.

A row looks at a node and at what its operands are made of, and gives a Tensor of the same shape and dtype, or None.
It may change a result by rounding, by the sign of a zero (``x + 0``) and by being right where the original overflows
or loses all digits; NaN and infinities stay otherwise (so ``x - x`` and ``x * 0`` are left alone).

Termination: each row states which of these it makes smaller while none before it grows, counted over the expression
written out as a tree: ``overflows`` - how many sums of exponentials could be shifted and are not; ``weight`` - what
the operations cost (a power more than a division more than a product more than a negation more than a view);
``elements`` - how many elements the operations other than broadcasts give; ``negations`` - how many negations lie
beneath products and quotients. All are sums over subexpressions, so replacing a part by a smaller one makes the whole
smaller, and rewriting ends. tests/transforms/test_simplify.py measures it.
Must not know: the order in which nodes are visited, plans.
"""

from . import algebra, exponentials, logarithms, movement  # noqa: F401  (entering is importing)
from .table import RULES, Rule, Table

__all__ = ["RULES", "Rule", "Table"]
