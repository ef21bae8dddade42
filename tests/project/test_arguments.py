"""A public function of more than three arguments says what each of them is."""

import inspect
import re

import graphdiff as gd

MODULES = (gd, gd.nn, gd.linalg, gd.random, gd.optim, gd.init, gd.inspect, gd.testing, gd.train)
MADE_BY_USERS = (gd.optim, gd.init)  # the classes there; others are what functions give
MANY = 3


def untold(function, doc):
    """The arguments, where they are many, that a docstring does not name in double backticks."""
    names = [p for p in inspect.signature(function).parameters if p not in ("self", "cls")]
    told = set(re.findall(r"\w+", " ".join(re.findall(r"``([^`]*)``", doc or ""))))
    return [name for name in names if name not in told] if len(names) > MANY else []


def functions():
    """(name, function, docstring) of public functions and methods, and of the constructors of what users make."""
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value, value.__doc__
            elif inspect.isclass(value):
                for key, member in vars(value).items():
                    function = getattr(member, "__func__", member)
                    if not inspect.isfunction(function):
                        continue
                    if not key.startswith("_"):
                        yield f"{module.__name__}.{name}.{key}", function, function.__doc__
                    elif key == "__init__" and module in MADE_BY_USERS:
                        yield f"{module.__name__}.{name}", function, value.__doc__


def test_functions_of_many_arguments_list_them():
    found = list(functions())
    many = [name for name, f, _ in found if len(inspect.signature(f).parameters) > MANY]
    assert {"graphdiff.compile", "graphdiff.scan", "graphdiff.nn.conv2d", "graphdiff.optim.Adam"} <= set(many)
    assert {name: left for name, f, doc in found if (left := untold(f, doc))} == {}


def test_an_argument_that_is_not_told_is_found():
    def function(a, b, c, d):
        """What ``a`` and ``b`` give; ``f(c=2)``, d."""

    assert untold(function, function.__doc__) == ["d"]
    assert untold(lambda a, b, c: a, None) == []
