"""What README and CONTRIBUTING say is so: commands, counts, paths, declarations; test_documents.py runs README."""

import re
from pathlib import Path

import pytest

from graphdiff.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(language, after):
    """The first fenced block of a language after a line of the README."""
    rest = README[README.index(after) :]
    return re.search(rf"```{language}\n(.*?)```", rest, re.DOTALL)[1]


def test_the_first_example_is_short():
    assert len(block("python", "## First example").strip().splitlines()) <= 16


def test_the_training_example_says_the_same_when_it_is_run_again(run, tmp_path):
    (tmp_path / "training.py").write_text(block("python", "## Training"), encoding="utf-8")
    for _ in range(2):
        code, out, err = run(tmp_path, "training.py")
        assert (code, err, out) == (0, "", block("text", "## Training"))
    assert len(list((tmp_path / "run").iterdir())) == 2


def test_the_first_example_is_inspected_as_the_readme_says(run, tmp_path):
    (tmp_path / "first.py").write_text(block("python", "## First example"), encoding="utf-8")
    command = block("sh", "## Seeing it").split()
    assert command[:2] == ["graphdiff", "inspect"]
    code, out, err = run(tmp_path, "-m", *command)
    assert (code, err) == (0, "") and out.endswith("wrote adjoint.html\n")
    page = (tmp_path / "adjoint.html").read_bytes()
    assert len(page) < 200_000 and b'"live":{' in page


def test_the_two_commands_are_there():
    assert "pip install '.[demo]' && graphdiff demo" in README
    assert "pip install '.[test]' && pytest" in README


def test_what_is_counted_is_so():
    assert "examples/` | one idea each, at most 120 lines" in README  # as test_examples.py has it
    workloads = (ROOT / "benchmarks" / "data.py").read_text(encoding="utf-8")
    named = re.search(r"^WORKLOADS = .* in \((.*)\)\}$", workloads, re.MULTILINE)[1].split(", ")
    assert len(named) == 9 and "`python -m benchmarks`: nine workloads" in README
    for name in re.search(r"`python -m benchmarks\.(\w+)`((?:, `\.\w+`)+)", README)[0].split(", "):
        module = name.strip("`").rpartition(".")[2]
        assert list((ROOT / "benchmarks").glob(f"{module}*")), name
    told = re.search(r"the commands `graphdiff ([\w, -]+)`", README)[1].split(", ")
    assert sorted(told) == sorted(COMMANDS)


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_links_and_paths_lead_somewhere(text):
    places = re.findall(r"\]\((?!https?:)([^)#]+)\)", text) + re.findall(r"`((?:\w+/)+[\w.]*)`", text)
    assert places and [place for place in places if not (ROOT / place).exists()] == []


SHOWN = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```", CONTRIBUTING, re.DOTALL)


def test_every_kind_of_operation_is_shown():
    assert len(SHOWN) == CONTRIBUTING.count("```python")
    assert re.findall(r"^\*\*(\w+)\*\*:", CONTRIBUTING, re.MULTILINE) == [
        "composite",
        "elementwise",
        "linear",
        "bilinear",
        "custom",
    ]


@pytest.mark.parametrize(("place", "shown"), SHOWN, ids=[f"{p}-{s.split('(')[0].split()[0]}" for p, s in SHOWN])
def test_the_declarations_shown_are_those_of_the_house(place, shown):
    assert " ".join(shown.split()) in " ".join((ROOT / place).read_text(encoding="utf-8").split())
