"""Says what to do where the package is a checkout whose extensions are not built. Imported before everything else.

Without it the first import of an extension fails, and Python calls that a circular import.
Must not know: any other module of the package.
"""

import os
from importlib.machinery import PathFinder
from platform import python_implementation, python_version

EXTENSIONS = (
    "runtime/_core",
    "schedule/_planner",
    "ops/_core_lists",
    "ir/_nodes",
    "ops/_elementwise",
    "transforms/_reverse",
    "transforms/_sweep",
    "lower/_groups",
    "lower/_tiles",
)
PACKAGE = os.path.dirname(os.path.realpath(__file__))


def missing(package: str) -> list[str]:
    """The extensions that this Python does not find in the package."""
    places = [os.path.split(extension) for extension in EXTENSIONS]
    return [f"{room}/{name}" for room, name in places if not PathFinder.find_spec(name, [os.path.join(package, room)])]


def advice(package: str, lacks: list[str]) -> str:
    """What to do where extensions are missing."""
    around = os.path.dirname(package)
    fact = f"graphdiff in {package} has no {' and no '.join(lacks)} for {python_implementation()} {python_version()}"
    if not os.path.exists(os.path.join(around, "setup.py")):
        return f"{fact}\n  install it again with this Python: pip install --force-reinstall graphdiff"
    return (
        f"{fact}: this is a checkout that is not built in place\n"
        f"  build it in {around}: pip install setuptools cython numpy && python setup.py build_ext --inplace\n"
        f"  or leave the folder: elsewhere `import graphdiff` finds the installed package"
    )


if _lacks := missing(PACKAGE):
    raise ImportError(advice(PACKAGE, _lacks), name="graphdiff", path=PACKAGE)
