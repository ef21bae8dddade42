"""The rules of the house that can be read off the sources: which way imports run, and what each file must have.

Reads the files as text; imports nothing of the package into this process.
"""

import ast
import re
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "graphdiff"

# Each room may import itself and what stands before it. "graphdiff" is the package's own __init__, the public names;
# interop, layers, train and cli come after it because they are written as a user would write them.
ORDER = [
    "built",
    "files",
    "wording",
    "late",
    "errors",
    "spelling",
    "ir",
    "ops",
    "transforms",
    "lower",
    "schedule",
    "runtime",
    "weights",
    "init",
    "nn",
    "fft",
    "linalg",
    "random",
    "optim",
    "solvers",
    "inspect",
    "testing",
    "export",
    "graphdiff",
    "interop",
    "layers",
    "train",
    "cli",
]
ROOM_OF_FILE = {"__init__": "graphdiff", "__main__": "cli"}

# Packages that are optional at run time, by the rooms that may ask for them late. None: any package.
OPTIONAL: dict[str, set[str] | None] = {
    "interop": None,
    "runtime": {"scipy"},  # for results that are scipy.sparse matrices
    "weights": {"safetensors"},  # the format of that name
    "inspect": {"matplotlib"},
    "train": {"sklearn", "tqdm", "pandas", "tensorboard"},
    "cli": {"matplotlib", "sklearn", "tqdm"},
}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def room_of(module: str) -> str:
    """The room of a dotted module name of the package: "graphdiff.ir.graph" is in "ir"."""
    first = [*module.split("."), "__init__"][1]
    return ROOM_OF_FILE.get(first, first)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, package: str, hidden: bool = False) -> Iterator[tuple[str, int, bool]]:
    """Every import under `tree`: absolute dotted name, line, and whether it stands inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, hidden
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                # `from graphdiff import ir` names a room, `from graphdiff import grad` a public name.
                names_room = base == "graphdiff" and alias.name in ORDER
                yield f"graphdiff.{alias.name}" if names_room else base, node.lineno, hidden
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            if node.args and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value), node.lineno, True
        yield from imports(node, package, hidden or isinstance(node, FUNCTION))


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """What `source`, standing as `module`, imports against the rules."""
    room, found = room_of(module), []
    for target, line, hidden in imports(ast.parse(source), module if is_package else module.rpartition(".")[0]):
        top = target.split(".")[0]
        if top == "graphdiff" or target.startswith("."):
            if hidden:
                found.append(f"{module}:{line}: {target} is imported inside a function")
            elif ORDER.index(room_of(target)) > ORDER.index(room):
                found.append(f"{module}:{line}: {room} imports {target}, which stands after it")
        elif hidden:
            allowed = OPTIONAL.get(room, set())
            if allowed is not None and top not in allowed:
                found.append(f"{module}:{line}: {target} is imported inside a function")
    return found


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_every_module_has_a_room():
    assert sources(), f"no modules under {PACKAGE}"
    assert {room_of(module_name(path)) for path in sources()} <= set(ORDER)


def test_every_folder_is_a_package():
    """Without its __init__ a folder works in the checkout and is missing from the installed package."""
    assert [str(path.parent) for path in sources() if not (path.parent / "__init__.py").exists()] == []


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_imports_run_one_way(path):
    assert violations(path.read_text(), module_name(path), path.name == "__init__.py") == []


BAD = [
    ("ir.graph", "import graphdiff.ops", "ir imports graphdiff.ops, which stands after it"),
    ("ir.graph", "from graphdiff.runtime.bind import bind", "ir imports graphdiff.runtime.bind"),
    ("ir.graph", "from graphdiff import transforms", "ir imports graphdiff.transforms"),
    ("ir.graph", "from .. import schedule", "ir imports graphdiff.schedule"),
    ("ir.graph", "from ..ops.tensor import Tensor", "ir imports graphdiff.ops.tensor"),
    ("errors", "import graphdiff as gd", "errors imports graphdiff, which stands after it"),
    ("schedule.arena", "if 1:\n    import graphdiff.cli", "schedule imports graphdiff.cli"),
    ("ops.linalg", "def f():\n    from graphdiff.ir import graph", "graphdiff.ir is imported inside a function"),
    ("ops.linalg", "class A:\n    def f(self):\n        from . import tensor", "graphdiff.ops is imported inside"),
    ("ops.linalg", "import importlib\nimportlib.import_module('graphdiff.ops.nn')", "graphdiff.ops.nn is imported"),
    ("ops.linalg", "f = lambda: __import__('math')", "math is imported inside a function"),
    ("runtime.bind", "def f():\n    import matplotlib.pyplot", "matplotlib.pyplot is imported inside a function"),
    ("cli.demo", "def f():\n    import torch", "torch is imported inside a function"),
]

GOOD = [
    ("runtime.bind", "import numpy\nfrom graphdiff.ir import graph\nfrom .state import State\nfrom . import lower"),
    ("cli.demo", "import graphdiff as gd\nfrom graphdiff.train import Trainer\ndef f():\n    import sklearn.datasets"),
    ("interop.onnx", "def f():\n    import onnx"),
]


@pytest.mark.parametrize(("module", "source", "told"), BAD)
def test_a_bad_import_is_caught(module, source, told):
    found = violations(source, f"graphdiff.{module}")
    assert len(found) == 1 and told in found[0]


@pytest.mark.parametrize(("module", "source"), GOOD)
def test_a_good_import_is_not(module, source):
    assert violations(source, f"graphdiff.{module}") == []


def test_relative_imports_of_a_package_start_at_itself():
    assert violations("from .graph import Graph", "graphdiff.ir", is_package=True) == []
    assert violations("from ..ops import add", "graphdiff.ir", is_package=True) != []


def test_importing_the_package_imports_nothing_that_few_need(run, tmp_path):
    """Each of these takes as long as many modules of our own."""
    late = {"numpy.random", "importlib.metadata", "email", "scipy", "sklearn", "matplotlib", "tqdm", "scipy_openblas32"}
    code = (
        "import sys; before = set(sys.modules); import graphdiff; graphdiff.compile; print(*set(sys.modules) - before)"
    )
    failed, out, err = run(tmp_path, "-c", code)
    assert not failed, err
    assert "graphdiff.runtime.compiled" in out.split()
    assert late.isdisjoint(out.split())


def test_building_graphs_reads_little_beyond_numpy(run, tmp_path):
    """The compiler is not there yet, nor what took a tenth of the import and served one function."""
    late = {"graphdiff.runtime.compiled", "graphdiff.runtime.blame", "pathlib", "urllib.parse", "fractions", "decimal"}
    code = "import sys, numpy; before = set(sys.modules); import graphdiff; print(*set(sys.modules) - before)"
    failed, out, err = run(tmp_path, "-c", code)
    assert not failed, err
    assert "graphdiff.ops.tensor" in out.split()
    assert late.isdisjoint(out.split())


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_a_module_says_what_it_is_and_stays_readable(path):
    source = path.read_text()
    assert ast.get_docstring(ast.parse(source)), "a module opens with what it owns"
    assert source.count("\n") <= 800, "split it: a file is read in one sitting"


@pytest.mark.parametrize("folder", ["graphdiff", "csrc"])
def test_nothing_is_left_for_later(folder):
    kinds = {".py", ".pyx", ".pxd", ".c", ".h", ".def"}
    files = [p for p in (ROOT / folder).rglob("*") if p.suffix in kinds]
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
    assert files, f"no sources under {folder}"
    assert [f"{p.relative_to(ROOT)}: {m[0]}" for p in files for m in left.finditer(p.read_text())] == []


def cycles(edges: dict[str, set[str]]) -> list[set[str]]:
    """The sets of modules that import one another, directly or through others (Kosaraju's algorithm)."""
    order: list[str] = []
    seen: set[str] = set()
    for root in edges:
        stack = [(root, False)]
        while stack:
            module, left = stack.pop()
            if left:
                order.append(module)
            elif module not in seen:
                seen.add(module)
                stack += [(module, True), *((m, False) for m in edges[module])]
    importers: dict[str, set[str]] = {module: set() for module in edges}
    for module, imported in edges.items():
        for m in imported:
            importers[m].add(module)
    found, placed = [], set()
    for root in reversed(order):
        group, stack = set(), [root]
        while stack:
            module = stack.pop()
            if module not in placed:
                placed.add(module)
                group.add(module)
                stack += importers[module]
        if len(group) > 1:
            found.append(group)
    return found


def imported_modules() -> dict[str, set[str]]:
    """What each module of the package imports of it, at the top, late, or for type checkers alone."""
    modules = {module_name(path): path for path in [*sources(), *PACKAGE.rglob("*.pyx")]}
    edges: dict[str, set[str]] = {module: set() for module in modules}
    for path in sources():
        module = module_name(path)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = resolve_name("." * node.level + (node.module or ""), package)
                names = [f"{base}.{alias.name}" for alias in node.names]
                targets = [name if name in modules else base for name in names]
            else:
                continue
            edges[module].update(t for t in targets if t in modules and t != module)
    return edges


def test_no_modules_import_one_another():
    edges = imported_modules()
    assert edges["graphdiff.ir.graph"] >= {"graphdiff.ir.node", "graphdiff.errors"}
    assert cycles(edges) == []


def test_modules_that_import_one_another_are_found():
    edges = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a"}, "g": set()}
    assert sorted(map(sorted, cycles(edges))) == [["a", "b", "c"], ["d", "e"]]
