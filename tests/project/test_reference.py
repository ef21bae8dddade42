"""docs/operations.md says what the registry says: it is made again and compared."""

import importlib.util
from pathlib import Path

import pytest

from graphdiff.ops import namespaces

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_operations", ROOT / "docs" / "make_operations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(maker):
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), "run: python -m docs.make_operations"


def test_every_public_operation_is_on_it(maker):
    text = maker.PAGE.read_text(encoding="utf-8")
    public = [op.name for op in namespaces.public()]
    missing = [n for n in public if f".{n.rpartition('.')[2]}(" not in text]
    assert missing == [] and len(public) > 150
    for name in ("scan", "while_loop", "cond", "map", "custom"):
        assert f"### `gd.{name}(" in text


@pytest.mark.parametrize(
    "line",
    [
        "`dy/dx = tanh_slope(x)`",  # tanh
        "`dy/dx1 = 1 / x2`",  # divide
        "`dy/dx = 1 where y > 0, else 0`",  # relu
        "Not differentiable: the derivative is zero.",
        "- ONNX: Conv",
        "- Abs: `abs`",  # the other direction
        "- control.py: If, Loop, Scan",
    ],
)
def test_derivatives_are_written_out(maker, line):
    assert line in maker.PAGE.read_text(encoding="utf-8")
