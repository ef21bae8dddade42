"""What is imported when somebody asks for it first: the import of the package reads what building graphs needs.

Invariant: who asks sees no difference. Must not know: any module's names; they are handed in.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

Given = TypeVar("Given", bound=type)


class _Late:
    """Stands in a class for what ``module`` puts in its place when it is imported."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name

    def __get__(self, instance: object, owner: type) -> Any:
        importlib.import_module(self.module)
        return getattr(owner if instance is None else instance, self.name)


def given_later(module: str, *names: str) -> Callable[[Given], Given]:
    """Decorates a class that ``module``, which stands after it, gives these methods."""

    def decorate(owner: Given) -> Given:
        for name in names:
            setattr(owner, name, _Late(module, name))
        return owner

    return decorate


def give(owner: type, function: Callable[..., Any]) -> None:
    """Puts a function in its place in a class that :func:`given_later` has said it for."""
    setattr(owner, function.__name__, function)
