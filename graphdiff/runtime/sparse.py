"""Results that are scipy.sparse matrices: a fixed pattern, and the place of the values among the outputs.

scipy is imported when the first such result is made: it is no dependency of anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CompileError


@dataclass(eq=False)
class Sparse:
    """A result of the given CSR pattern."""

    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]

    def matrix(self, data: np.ndarray) -> Any:
        """A ``scipy.sparse.csr_array`` over ``data``; patterns are shared between results."""
        try:
            import scipy.sparse
        except ImportError:
            raise CompileError("a sparse result needs scipy: pip install scipy") from None
        return scipy.sparse.csr_array((data, self.indices, self.indptr), shape=self.shape)
