"""Types of the compiled extension; what each thing does is told in _planner.pyx."""

import numpy as np
import numpy.typing as npt

def arena_place(
    lower: npt.ArrayLike, upper: npt.ArrayLike, size: npt.ArrayLike, align: int, seconds: float
) -> tuple[npt.NDArray[np.int64], int, int]: ...
