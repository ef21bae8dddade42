"""Types of the compiled extension; what each thing does is told in _planner.pyx."""

import numpy as np
import numpy.typing as npt

def arena_place(
    lower: npt.ArrayLike, upper: npt.ArrayLike, size: npt.ArrayLike, align: int, seconds: float
) -> tuple[npt.NDArray[np.int64], int, int]: ...
def remat_plan(
    cost: npt.ArrayLike,
    size: npt.ArrayLike,
    in_at: npt.ArrayLike,
    inputs: npt.ArrayLike,
    order: npt.ArrayLike,
    limit: int,
    seconds: float,
    seed: int,
    work: npt.ArrayLike,
    take: npt.ArrayLike,
    start: npt.ArrayLike,
) -> tuple[npt.NDArray[np.int64], int, float]: ...

class Chain:
    def __init__(
        self,
        forward: npt.ArrayLike,
        backward: npt.ArrayLike,
        state: npt.ArrayLike,
        tape: npt.ArrayLike,
        passing: npt.ArrayLike,
        working: npt.ArrayLike,
        limit: int,
    ) -> None: ...
    def cost(self, stages: int, limit: int) -> float: ...
    def plan(self, stages: int, limit: int) -> npt.NDArray[np.int64]: ...
