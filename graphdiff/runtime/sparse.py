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
        self._made: Any = None

    def matrix(self, data: np.ndarray) -> Any:
        """A ``scipy.sparse.csr_array`` over ``data``. The first is checked by scipy, others are its copies."""
        if self._made is None:
            try:
                import scipy.sparse
            except ImportError:
                raise CompileError("a sparse result needs scipy: pip install scipy") from None
            self._made = scipy.sparse.csr_array((data, self.indices, self.indptr), shape=self.shape)
            self._made.has_canonical_format = True
            self._made.data = self._made.data[:0]  # the caller's own
        made = object.__new__(type(self._made))
        made.__dict__.update(self._made.__dict__, data=data)
        return made
