"""What docs/export.md shows in other languages: its programs are built against what the page exports, and run.

What a language needs and this machine lacks skips it.
"""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import graphdiff as gd

PAGE = Path(__file__).resolve().parents[2] / "docs" / "export.md"
COMPILERS = {
    "main.rs": "rustc main.rs -C link-arg=model.o -C link-arg=-lm -o main",
    "main.f90": "gfortran -Wall -Werror main.f90 model.o -lm -o main",
}


def shown(name):
    """A block of the page by the name above it."""
    return re.search(rf"<!-- as {re.escape(name)} -->\n```\w+\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[
        1
    ]


@pytest.mark.parametrize("name", COMPILERS)
def test_the_pages_program_trains(name, tmp_path):
    compiler = COMPILERS[name].split()[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    x, t = gd.input("x", ("batch", 2)), gd.input("t", ("batch",))
    W = gd.parameter("W", value=np.float32([0.5, -0.5]))
    loss = gd.mean(gd.square(x @ W - t))
    step = gd.compile([x, t], loss, updates=gd.optim.SGD(0.05).updates([W], gd.grad(loss, [W])), name="step")
    step.export_c(tmp_path, "model", batch=1)
    (tmp_path / name).write_text(shown(name))
    for command in ("cc -O1 -c model.c", COMPILERS[name]):
        made = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    ran = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout.split() == ["0", "12.2500"]
