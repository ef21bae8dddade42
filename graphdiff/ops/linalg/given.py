"""Operations that are their first operand, a value computed of the others, with a derivative of its own.

Where the derivative of how a value is computed is worse than that of what it is: an iteration, a decomposition with
equal singular values, pivots. The value is computed of operands that no gradient goes through.
Must not know: any particular operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import batching
from ..laws import law
from ..masks import cut_by, leading_masks
from ..pattern import by_entry
from ..registry import Op, Strided, View, register


def given(
    name: str, doc: str, operands: str, trailing: Sequence[int], vjp: Callable[..., Any], jvp: Callable[..., Any]
) -> Op:
    """``operands``: their dtype classes, the value's first; ``trailing``: the dimensions of each behind the batch's.
    ``vjp(node, g)`` gives cotangents of all but the value, ``jvp(node, ts)`` the tangent by theirs, of which one at
    least is not None."""
    masks = leading_masks(*trailing)
    return register(
        Op(
            name,
            "custom",
            doc,
            infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
            vjp=cut_by(masks, lambda node, gs, wanted, d: [None, *vjp(node, gs[0])]),
            masks=masks,
            jvp=lambda node, ts, d: [jvp(node, ts[1:]) if any(t is not None for t in ts[1:]) else None],
            kernel=View(lambda node, at: Strided(at.offset, at.strides)),
            batch=batching.leading,
            law=law(operands),
            compute=lambda xs, a: xs[0],
            page="same",
            internal=True,
            pattern=by_entry(trailing, trailing[:1]),
        )
    )
