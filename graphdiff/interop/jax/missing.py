"""What of a jaxpr has no rule: all of it at once, with the user's lines.

Must not know: what rules build.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import UnsupportedOperator
from ...ops.messages import where_am_i
from ..needs import needs
from .foreign import inside
from .integers import PARTS, known
from .rules import chosen

with needs("jax"):
    import jax
    from jax._src import source_info_util
    from jax.extend import core


def check(name: str, closed: Any) -> None:
    """Raises UnsupportedOperator with all that has no rule in a closed jaxpr and those inside it."""
    odd = [f"an argument of {v.aval.dtype}" for v in closed.jaxpr.invars if v.aval.dtype in PARTS]
    missing = Counter([*odd, *_missing(closed.jaxpr, closed.consts)])
    if missing:
        raise UnsupportedOperator(name, missing, where_am_i())


def _line(eqn: Any) -> str:
    """The line of the user's code that an equation comes from."""
    frame = source_info_util.user_frame(eqn.source_info.traceback)
    return f" at {frame.file_name.rpartition('/')[2]}:{frame.start_line}" if frame is not None else ""


def _inner(eqn: Any) -> Iterator[Any]:
    """The jaxprs among an equation's parameters that its rule builds."""
    for key, value in eqn.params.items():
        if key in _UNUSED.get(eqn.primitive.name, ()):
            continue
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, core.ClosedJaxpr):
                yield one.jaxpr
            elif isinstance(one, core.Jaxpr):
                yield one


_UNUSED = dict.fromkeys(
    ("scatter", "scatter-add", "scatter-sub", "scatter-mul", "scatter-min", "scatter-max"), ("update_jaxpr",)
)


def _missing(jaxpr: Any, consts: Sequence[Any] = (), caller: str = "") -> Iterator[str]:
    """What has no rule, in ``jaxpr`` and those inside it: names with lines, each as often as it stands there; where
    JAX has no line, that of the ``caller``."""
    for c in consts:
        if not known(jax.typeof(c).dtype):
            yield f"a constant of {c.dtype}"
    for eqn in jaxpr.eqns:
        name, line = eqn.primitive.name, _line(eqn) or caller
        rule = chosen(eqn)
        why = "" if rule is None else rule.refuses(eqn.params, [v.aval for v in eqn.invars])
        made = inside(eqn) if rule is None else None
        if made is not None:
            yield from _missing(made.jaxpr, made.consts, line)
            continue
        if rule is None or why:
            yield f"{name}{why and f' ({why})'}{line}"
            continue
        odd = {str(v.aval.dtype) for v in eqn.outvars if not known(v.aval.dtype)}
        if odd:
            yield f"{name} of {', '.join(sorted(odd))}{line}"
        for one in _inner(eqn):
            yield from _missing(one, caller=line)
