"""docs/architecture.md shows what the compiler does: its blocks are made again, its rooms and files are there."""

import importlib.util
import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_architecture", ROOT / "docs" / "make_architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(maker):
    assert PAGE == maker.page(), "run: python -m docs.make_architecture"


def test_every_stage_is_shown_in_its_order(maker):
    stages = maker.stages()
    assert re.findall(r"<!-- made: (\w+) -->", PAGE) == list(stages) and len(stages) == 8
    assert all(text.strip() for text in stages.values())


def test_a_stage_that_has_changed_is_noticed(maker, monkeypatch):
    stages = {**maker.stages(), "plan": "another plan\n"}
    monkeypatch.setattr(maker, "stages", lambda: stages)
    assert "another plan" in maker.page() and maker.page() != PAGE


def test_every_room_is_told():
    for folder in ("graphdiff", "csrc"):
        rooms = {p.name for p in (ROOT / folder).iterdir() if p.is_dir() and any(p.glob("*.[chp]*"))}
        told = set(re.findall(rf"`{folder}/(\w+)/`", PAGE))
        assert rooms and rooms - {"__pycache__"} - told == set(), folder


def test_rooms_are_in_the_order_that_imports_run():
    rows = [
        re.findall(r"`graphdiff/(\w+)(?:/|\.py)`", line) for line in PAGE.splitlines() if line.startswith("| `graph")
    ]
    modules = {p.stem for p in (ROOT / "graphdiff").glob("*.py")} - {"__init__", "__main__"}
    assert modules <= {room for row in rows for room in row}
    source = (ROOT / "tests" / "project" / "test_layout.py").read_text(encoding="utf-8")
    order = re.findall(r'"(\w+)"', re.search(r"^ORDER = \[(.*?)\]", source, re.DOTALL | re.MULTILINE)[1])
    places = [sorted(order.index(room) for room in row) for row in rows]
    assert all(before[-1] < after[0] for before, after in pairwise(places))


def test_paths_and_links_lead_somewhere():
    places = re.findall(r"`((?:\w+/)+[\w.]*)`", PAGE)
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE)
    assert len(places) > 30 and [p for p in places if not (ROOT / p).exists()] == []
    assert links and [p for p in links if not (ROOT / "docs" / p).exists()] == []


def test_the_prose_tells_no_numbers_that_the_blocks_may_change():
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    assert re.findall(r"%\d+", prose) == []


def test_the_glossary_is_in_order():
    words = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", PAGE.partition("\n## Words\n")[2], re.MULTILINE)[1:]
    assert len(words) >= 40 and words == sorted(words, key=str.lower) and len(set(words)) == len(words)
