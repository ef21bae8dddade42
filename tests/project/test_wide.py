"""The wide suite: its rows run, disagreement is found, and what is kept of a run is drawn."""

import json
import math
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # behind what is installed: only the benchmarks are taken from here

from benchmarks.wide import history, turns  # noqa: E402
from benchmarks.wide.engines import Graphdiff  # noqa: E402
from benchmarks.wide.main import chosen, main  # noqa: E402
from benchmarks.wide.workloads import WORKLOADS, rows  # noqa: E402


@pytest.fixture(scope="module")
def engine():
    return Graphdiff(1)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_row_runs_and_gives_numbers(name, engine):
    w = WORKLOADS[name]
    run = w.program(engine, w.data(**next(iter(w.sizes.values()))))
    first = run.arrays(run.step())
    assert first and all(np.isfinite(a).all() for a in first)
    second = run.arrays(run.step())
    if name in ("embedding_rows", "classifier"):  # steps of descent
        assert second[0] < first[0]
    else:
        assert turns.differing({"once": first, "twice": second}, 1e-12) == []


def test_engines_that_differ_are_named():
    a = [np.ones(3), np.zeros((2, 2))]
    assert turns.differing({"x": a, "y": [np.ones(3) + 1e-9, np.zeros(4)], "z": [np.ones(3) + 1e-3, a[1]]}, 1e-6) == [
        "z"
    ]
    assert turns.differing({"x": a, "y": a[:1], "z": [np.full(3, np.nan), a[1]]}, 1e-6) == ["y", "z"]


def test_a_peer_that_differs_is_no_peer():
    row = {"graphdiff": 2.0, "jax": 3.0, "torch": 1.0, "differs": ["torch"]}
    assert turns.ratio(row) == 1.5
    assert math.isnan(turns.ratio({"jax": 3.0, "differs": []})) and math.isnan(turns.ratio({"differs": []}))
    assert turns.mean([2.0, 8.0, math.nan]) == pytest.approx(4)


def test_rows_are_chosen_by_workload_and_by_size():
    assert chosen(["log_sums", "attention:t64"]) == ["log_sums:wide", "log_sums:long", "attention:t64"]
    assert chosen([]) == list(rows()) and len(rows()) >= 45
    with pytest.raises(ValueError, match="no row 'atention'"):
        chosen(["atention"])


def test_a_run_is_kept_by_commit_and_drawn(tmp_path, capsys):
    asked = [
        "attention:t64",
        "eight_schools_one",
        "--engines",
        "graphdiff",
        "--seconds",
        "0.01",
        "--out",
        str(tmp_path),
    ]
    assert main(asked) == 0 and main(asked) == 0
    assert "| attention:t64 | layers |" in capsys.readouterr().out
    kept = [json.loads(line) for line in (tmp_path / "wide.jsonl").read_text().splitlines()]
    assert len(kept) == 2 and kept[0]["commit"] == history.commit()
    assert set(kept[1]["rows"]) == {"attention:t64", "eight_schools_one"}
    assert all(row["graphdiff"] > 0 and row["differs"] == [] for row in kept[1]["rows"].values())
    assert "attention:t64" in (tmp_path / "wide.html").read_text()


def run_of(commit, threads=1, **times):
    rows_ = {name: {"graphdiff": 1.0, "jax": r, "differs": []} for name, r in times.items()}
    about = {"processor": "a <chip>", "threads": threads, "clock": "cpu"}
    return {"commit": commit, "date": "2026-01-02T00:00:00", **about, "rows": rows_}


def test_the_page_draws_runs_of_the_same_conditions_in_time():
    runs = [
        run_of("aaa", old=2.0, both=0.5),
        run_of("bbb", threads=2, both=9.0),
        run_of("ccc", both=0.8),
        run_of("ddd", both=2.0),
    ]
    page = history.page(runs)
    assert "bbb" not in page and "a &lt;chip&gt;, 1 thread, cpu time" in page
    table = page[page.index("<table>") : page.index("</table>") + 8]
    lines = {tr[0].text: tr for tr in xml.etree.ElementTree.fromstring(table)}
    assert lines["both"][1].text == "2.00" and lines["both"].get("class") is None
    dots = [float(c.get("cy")) for c in lines["both"].iter("circle")]
    level = float(lines["both"].find(".//line").get("y1"))
    assert dots[0] > dots[1] > level > dots[2]  # slower than the peer is below the line
    assert len(list(lines["old"].iter("circle"))) == 1 and lines["old"][1].text is None
    marked = history.page(runs[:3])
    assert marked.count('class="behind"') == 2  # the row and, of this run, the mean
