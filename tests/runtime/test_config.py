"""gd.show_config: the facts are those of this process, printed or as a dict."""

import sys
from pathlib import Path

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.runtime import _core


def test_the_facts_are_those_of_this_process():
    told = gd.show_config(mode="dict")
    assert told["graphdiff"] == f"{gd.__version__} in {Path(gd.__file__).parent}"
    assert told["python"].endswith(sys.version.split()[0]) and told["numpy"] == np.__version__
    assert told["instruction set"] == _core.isa() and told["threads"] == str(gd.get_num_threads())
    assert Path(told["BLAS"]).is_file() == _core.blas_loaded()
    with gd.default_dtype("float64"):
        assert gd.show_config(mode="dict")["default dtype"] == "float64"
    assert told["default dtype"] == "float32"


def test_packages_are_told_where_they_are_imported(run, tmp_path):
    code = "import graphdiff as gd, scipy; print(gd.show_config('dict')['imported beside it'], scipy.__version__)"
    told = run(tmp_path, "-c", code)[1].split()
    assert told[0] == "scipy" and told[1] == told[2]
    code = "import graphdiff as gd, sys; gd.show_config(); print('scipy' in sys.modules)"
    assert run(tmp_path, "-c", code)[1].endswith("nothing that it has a bridge to\nFalse\n")


def test_it_is_printed_one_fact_a_line(capsys):
    assert gd.show_config() is None
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == list(gd.show_config(mode="dict"))


def test_another_mode_is_refused():
    with pytest.raises(gd.GraphError, match=r'"stdout" or "dict", got .html.'):
        gd.show_config(mode="html")


def test_nobody_needs_to_read_it_to_the_end(run, tmp_path):
    code = (
        "import os, sys, graphdiff as gd; there, here = os.pipe(); os.dup2(here, 1); os.close(there); "
        "gd.show_config(); sys.stderr.write('went on')"
    )
    assert run(tmp_path, "-c", code) == (0, "", "went on")
