"""What docstrings of public functions say: each of more than three arguments, and an example that fits."""

import ast
import inspect
import re

import graphdiff as gd

MODULES = (gd, gd.nn, gd.linalg, gd.random, gd.optim, gd.init, gd.inspect, gd.testing, gd.train, gd.layers)
MADE_BY_USERS = (gd.optim, gd.init, gd.layers)  # the classes there; others are what functions give
MANY = 3
# One whose prose is an example, one that subclasses make, two that functions make.
WITHOUT = {"graphdiff.default_dtype", "graphdiff.optim.Optimizer", "graphdiff.layers.Run", "graphdiff.layers.Summary"}


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
                    elif key == "__init__" and module in MADE_BY_USERS and f"{module.__name__}.{name}" not in WITHOUT:
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


# --------------------------------------------------------------------------------------- examples


def examples(doc):
    """The code of a docstring's examples: between double backticks, or indented below ``Example::``."""
    text = inspect.cleandoc(doc or "")
    found = [code for after in text.split("Example: ")[1:] for code in re.findall(r"^``(.*?)``", after, re.DOTALL)]
    found += re.findall(r"Example::\n\n((?:    .*\n?|\n)+)", text + "\n")
    return [inspect.cleandoc(code) if "\n" in code else code for code in found]


def called(code):
    """The calls of gd's own functions in a code: the function, its node."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and re.fullmatch(r"gd(\.\w+)+", ast.unparse(node.func)):
            yield eval(ast.unparse(node.func), {"gd": gd}), node


def fits(function, node):
    """Whether the arguments of a call fit the function's signature."""
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        return True
    try:
        inspect.signature(function).bind(*node.args, **{k.arg: k.value for k in node.keywords})
    except TypeError:
        return False
    return True


def test_public_functions_and_rules_have_an_example_that_fits():
    missing, wrong = [], []
    for name, _, doc in functions():
        is_method = name.split(".")[-2][0].isupper()
        if not is_method and "Example" not in (doc or "").replace(">>>", "Example") and name not in WITHOUT:
            missing.append(name)
        for code in examples(doc):
            if " -> " not in code:
                wrong += [f"{name}: {code}" for f, node in called(code) if not fits(f, node)]
    assert (missing, wrong) == ([], [])


def test_an_example_that_does_not_fit_is_found():
    assert [fits(f, node) for f, node in called("gd.scan(step, h0, xs, chekpoint=3)")] == [False]
    assert examples("What.\n\nExample: ``gd.exp(x)``. Example::\n\n    y = gd.log(x)\n") == [
        "gd.exp(x)",
        "y = gd.log(x)",
    ]
