"""The pages of docs/ and README: their code runs and prints what they show, the names in them are there.

The site itself is built by `.ci/run docs`.
"""

import ast
import importlib.util
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import graphdiff as gd

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("docs_blocks", ROOT / "docs" / "blocks.py")
shown = sys.modules["docs_blocks"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shown)

PAGES = {str(p.relative_to(ROOT)): p for p in shown.pages() if "made" not in p.parts}
WITH_CODE = [name for name, page in PAGES.items() if shown.blocks(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_code_of_a_page_runs_and_prints_what_is_shown(name, run, tmp_path):
    code, out, err = run(tmp_path, ROOT / "docs" / "blocks.py", "--here", PAGES[name])
    assert code == 0, out + err


def test_every_block_of_python_is_run_but_for_what_this_machine_lacks():
    """Each is a block of the mechanism: none is hidden in a list, a quotation or a directive."""
    for name, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        found = [b.language for b in shown.blocks(text)]
        told = re.findall(r"^[ \t>]*```+(python|\{code-cell\})", text, re.MULTILINE)
        assert found.count("python") + found.count("{code-cell}") == len(told), name
    assert sum(len(shown.blocks(p.read_text(encoding="utf-8"))) for p in PAGES.values()) > 100


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("```python\nprint(1)\n```\n\n```text\n1\n```\n", 0),
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", 1),
        ("```python\nprint(1)\n```\n", 1),  # what is printed is shown
        ("```python\nx = 1\n```\n\nProse.\n\n```python\nprint(x / 3)\n```\n\n```text\n0.33333\n```\n", 0),
        ("```python\n1 / 0\n```\n", 1),
        ("```python\n1 / 0\n```\n\n```text\nZeroDivisionError: ...\n```\n", 0),
        ("```python\nprint('a 1.5 b')\n```\n\n```text\na 1.6 b\n```\n", 1),
        ("<!-- loosely -->\n```python\nprint('1,024 bytes')\n```\n\n```text\n96 bytes\n```\n", 0),
        ("<!-- loosely -->\n```python\nprint('1,024 bytes')\n```\n\n```text\n96 kilobytes\n```\n", 1),
        ("<!-- needs no_such_package -->\n```python\n1 / 0\n```\n", 0),
        ("<!-- setup\nx = 2\n-->\n```python\nassert x == 2\n```\n", 0),
        ("<!-- as a.py -->\n```python\n1\n```\n\n```sh\npython a.py\n```\n\n```text\n3\n```\n", 1),
    ],
)
def test_a_page_that_says_something_else_fails(page, code, run, tmp_path):
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    assert run(tmp_path, ROOT / "docs" / "blocks.py", "--here", tmp_path / "page.md")[0] == code


def resolved(dotted):
    """The value of a dotted name below graphdiff."""
    value = gd
    for part in dotted.split(".")[1:]:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", [n for n in PAGES if n != "docs/operations.md"])
def test_the_names_in_the_prose_of_a_page_are_there(name):
    text = re.sub(r"^```.*?^```", "", PAGES[name].read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    names = re.findall(r"`(gd(?:\.\w+)+)", text)
    missing = []
    for dotted in names:
        try:
            resolved(dotted)
        except AttributeError:
            missing.append(dotted)
        except ImportError:  # a bridge to a package that is not there
            assert dotted.startswith("gd.interop.")
    assert missing == []


@pytest.mark.parametrize("name", list(PAGES))
def test_links_between_pages_lead_somewhere(name):
    text = PAGES[name].read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    wrong = [link for link in links if not (PAGES[name].parent / link).exists() and "made/" not in link]
    assert wrong == []


FOREIGN = sorted((ROOT / "docs" / "coming_from").glob("*.md"))


@pytest.mark.parametrize("page", [p for p in FOREIGN if p.stem != "index"], ids=lambda p: p.stem)
def test_the_names_of_the_other_library_are_there(page):
    """First column: a dotted name of its own package. Each row has one of ours, which is checked above."""
    rows = re.findall(r"^\| `([\w.]+)` \| `(gd[\w.]*)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == page.read_text(encoding="utf-8").count("\n| `") >= 30
    package = {row[0].partition(".")[0] for row in rows}
    assert len(package) == 1
    pytest.importorskip(package.pop())
    missing = []
    for name, _ in rows:
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            missing.append(name)
    assert missing == []


def test_every_public_name_stands_in_the_reference():
    spec = importlib.util.spec_from_file_location("docs_make_reference", ROOT / "docs" / "make_reference.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    pages = maker.pages()
    told = set(re.findall(r"^\.\. auto\w+:: (\S+)$", "\n".join(pages.values()), re.MULTILINE))
    modules = {"": gd, **maker.modules()}
    assert {"layers", "optim.schedules", "train.metrics", "interop.mpi"} <= set(modules)
    for name in gd.__all__:
        assert f"graphdiff.{name}" in told or name in modules, name
    assert all(f"graphdiff.layers.{n}" in told for n in gd.layers.__all__) and len(told) > 400
    literal = "\n".join(maker.rst("A * b_ of |x| and ``c_``.\n\nDtypes: any\nExample: gd.abs([1.0]) -> [1.0]"))
    assert literal.startswith(r"A \* b\_ of \|x\| and ``c_``.")
    assert ":Example: ``gd.abs([1.0])`` gives ``[1.0]``" in literal


def test_scripts_of_docs_say_what_they_own():
    for script in (ROOT / "docs").glob("*.py"):
        assert ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))), script.name
