"""What to write where the package that a bridge is to is not installed. Knows no package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

TOLD = " needs the package "


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """``with needs("jax"): import jax``: a package that is missing is told with the extra that has it, also where
    another bridge that is imported there lacks it.

    ``extra``: of pyproject.toml. Raises ImportError. Example: ``with needs("numba"): import numba``."""
    try:
        yield
    except ImportError as e:
        if not isinstance(e, ModuleNotFoundError) and TOLD not in str(e):  # a package that is there and broken
            raise
        package = (e.name or "").partition(".")[0]
        if package == "graphdiff":
            raise
        raise ImportError(
            f"gd.interop.{extra}{TOLD}{package}; write pip install 'graphdiff[{extra}]'", name=e.name
        ) from None
