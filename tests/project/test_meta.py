"""The files that the forge and others read: they agree with the package, with .ci/run and with one another."""

import re
import tomllib
from pathlib import Path

import graphdiff as gd

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_workflow_runs_every_stage_of_ci_run():
    workflow = text(".github/workflows/ci.yml")
    assert "run: .ci/run ${{ matrix.stage }}" in workflow
    stages = re.search(r"stage: \[(.*)\]", workflow)[1].split(", ")
    assert stages == re.search(r"set -- (.*)", text(".ci/run"))[1].split()
    assert {f"{stage}()" for stage in stages} <= set(re.findall(r"^\w+\(\)", text(".ci/run"), re.MULTILINE))


def test_the_citation_is_of_this_package():
    cited = dict(re.findall(r"^([\w-]+): (.+)$", text("CITATION.cff"), re.MULTILINE))
    assert cited["version"] == gd.__version__
    dated = re.search(r"^## \[(.+)\] - (\d{4}-\d\d-\d\d)$", text("CHANGELOG.md"), re.MULTILINE)
    assert dated.groups() == (cited["version"], cited["date-released"].strip('"'))
    assert cited["license"] == PROJECT["license"]
    assert [a["name"] for a in PROJECT["authors"]] == re.findall(
        r'^  - name: "(.+)"$', text("CITATION.cff"), re.MULTILINE
    )
    assert PROJECT["keywords"] == re.findall(r"^  - ([\w ]+)$", text("CITATION.cff"), re.MULTILINE)


def test_pre_commit_has_the_versions_of_ci_run():
    tools = dict(re.findall(r"(ruff|clang-format)==([\d.]+)", text(".ci/run")))
    hooks = dict(re.findall(r"(ruff|clang-format)(?:-pre-commit)?\n +rev: v([\d.]+)", text(".pre-commit-config.yaml")))
    assert len(tools) == 2 and hooks == tools


def test_every_template_of_issues_has_a_name_and_asks_for_something():
    forms = [p for p in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if p.name != "config.yml"]
    assert len(forms) >= 3
    for form in forms:
        found = form.read_text(encoding="utf-8")
        assert re.match(r"name: \S.*\ndescription: \S", found), form.name
        ids = re.findall(r"^    id: (\w+)$", found, re.MULTILINE)
        assert ids and len(set(ids)) == len(ids) == found.count("  - type: "), form.name


def test_the_pull_request_asks_for_what_contributing_says():
    template = text(".github/pull_request_template.md")
    assert "at most 72 characters" in template and "at most 72 characters" in text("CONTRIBUTING.md")
    for name in re.findall(r"`(docs/\w+\.py|\.ci/run|CHANGELOG\.md)`", template):
        assert (ROOT / name).exists(), name
