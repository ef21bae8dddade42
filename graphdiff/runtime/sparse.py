"""Results that are scipy.sparse matrices: of one pattern, over the values of a call.

scipy is imported when the first such result is made: it is no dependency of anything else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CompileError


class Sparse:
    """A result of the given CSR pattern, which its matrices share: it is read only."""

    def __init__(self, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]):
        self.indices, self.indptr, self.shape = indices, indptr, shape
        for array in (indices, indptr):
            array.setflags(write=False)
        self._class: Any = None
        self._attributes: dict[str, Any] = {}  # of every matrix, but for the data

    def matrix(self, data: np.ndarray) -> Any:
        """A ``scipy.sparse.csr_array`` over ``data``. The first is checked by scipy, others are its copies."""
        if self._class is None:
            try:
                import scipy.sparse
            except ImportError:
                raise CompileError("a sparse result needs scipy: pip install scipy") from None
            first = scipy.sparse.csr_array((data, self.indices, self.indptr), shape=self.shape)
            first.has_canonical_format = True
            self._attributes = {**vars(first), "data": data[:0]}  # the data are the caller's own
            self._class = type(first)
        made = object.__new__(self._class)
        made.__dict__ = attributes = self._attributes.copy()
        attributes["data"] = data
        return made
