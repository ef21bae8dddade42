"""Which elements a slice takes of a dimension: NumPy's rule, for sizes known only at the call too.

Bounds that are ints clip: ``x[:5]`` of n elements has least(5,n), ``x[5:]`` has n-least(5,n). A named size is taken to
be at least 1 where it is cut by one, so that ``x[1:]`` has n-1; that holds at the call or is told there. Bounds that
are themselves sizes are taken as they stand, and checked at the call.
Must not know: values, nodes, operations.
"""

from __future__ import annotations

from typing import NamedTuple

from .dims import Dim, Size, as_size, least

FAR = 2**62  # no dimension has so many elements


class _Place(NamedTuple):
    """A place between elements, ``far`` from the front or from the back, where there are so many."""

    far: int
    back: bool = False

    def of(self, n: Dim, exact: bool = False) -> Size:
        """How many of n elements lie before it: with ``exact`` where n is 0 too."""
        before = self.far if self.far <= (0 if exact else 1) else least(self.far, n)
        return n - before if self.back else before


FRONT, BACK = _Place(0), _Place(0, back=True)


def taken(bounds: slice, n: Size) -> tuple[Size, Size, int]:
    """Start, size and step of ``x[bounds]`` along a dimension of n. The step is an int other than 0.

    Raises ShapeError for bounds that are no sizes."""
    step = 1 if bounds.step is None else int(bounds.step)
    first, last = (None if b is None else as_size(b) for b in (bounds.start, bounds.stop))
    if isinstance(first, Dim) or isinstance(last, Dim):
        return _as_they_stand(first, last, n, step)
    if not isinstance(n, Dim):
        r = range(n)[first:last:step]
        return (r.start if len(r) else 0), len(r), step
    # the elements of either direction lie between two places; a step back starts before the place where it begins
    shift = 0 if step > 0 else 1
    begin = (FRONT if step > 0 else BACK) if first is None else _place(first + shift)
    end = (BACK if step > 0 else FRONT) if last is None else _place(last + shift)
    if shift and first is not None and first + shift == 0:
        begin = BACK  # -1, the last element
    if shift and last is not None and last + shift == 0:
        end = BACK
    low, high = (begin, end) if step > 0 else (end, begin)
    exact = low.back is high.back and 0 < min(low.far, high.far) < max(low.far, high.far)  # else n-1 reads better
    size = _between(low, high, n, exact)
    return begin.of(n, exact) - shift, (size + (abs(step) - 1)) // abs(step), step


def _place(index: int) -> _Place:
    if abs(index) >= FAR:
        return BACK if index > 0 else FRONT
    return _Place(index) if index >= 0 else _Place(-index, back=True)


def _between(low: _Place, high: _Place, n: Dim, exact: bool) -> Size:
    """How many elements lie behind ``low`` and before ``high``: none where they are the other way round."""
    if low.back is high.back:
        ahead = low.far >= high.far
        return 0 if ahead is not low.back else high.of(n, exact) - low.of(n, exact)
    if high.back:
        return n - least(low.far + high.far, n) if low.far + high.far > 1 else n - low.far - high.far
    span = least(high.far, n) - n + least(low.far, n)
    return span - least(span, 0)


def _as_they_stand(first: Size | None, last: Size | None, n: Size, step: int) -> tuple[Size, Size, int]:
    def counted(bound: Size) -> Size:
        return n + bound if isinstance(bound, int) and bound < 0 else bound

    start = counted(first) if first is not None else 0 if step > 0 else n - 1
    stop = counted(last) if last is not None else n if step > 0 else -1
    span = (stop - start) if step > 0 else (start - stop)
    return start, (span + (abs(step) - 1)) // abs(step), step
