"""Says what to do where the package is a checkout whose extensions are not built. Imported before everything else.

Without it the first import of an extension fails, and Python calls that a circular import.
Must not know: any other module of the package.
"""

from importlib.machinery import PathFinder
from pathlib import Path
from platform import python_implementation, python_version

EXTENSIONS = ("runtime/_core", "schedule/_planner", "ops/_core_lists", "ir/_nodes", "transforms/_sweep")
PACKAGE = Path(__file__).resolve().parent


def missing(package: Path) -> list[str]:
    """The extensions that this Python does not find in the package."""
    places = [package / extension for extension in EXTENSIONS]
    return [str(p.relative_to(package)) for p in places if PathFinder.find_spec(p.name, [str(p.parent)]) is None]


def advice(package: Path, lacks: list[str]) -> str:
    """What to do where extensions are missing."""
    fact = f"graphdiff in {package} has no {' and no '.join(lacks)} for {python_implementation()} {python_version()}"
    if not (package.parent / "setup.py").exists():
        return f"{fact}\n  install it again with this Python: pip install --force-reinstall graphdiff"
    return (
        f"{fact}: this is a checkout that is not built in place\n"
        f"  build it in {package.parent}: pip install setuptools cython numpy && python setup.py build_ext --inplace\n"
        f"  or leave the folder: elsewhere `import graphdiff` finds the installed package"
    )


if _lacks := missing(PACKAGE):
    raise ImportError(advice(PACKAGE, _lacks), name="graphdiff", path=str(PACKAGE))
