"""What is imported when it is asked for first: the import reads little, and nobody sees a difference."""

import json
import subprocess
import sys

import pytest
from under_test import ENVIRONMENT, PLACE

import graphdiff as gd
from graphdiff.export import METHODS as OF_EXPORT
from graphdiff.inspect import METHODS as OF_INSPECT

LATE_ROOMS = {"lower", "schedule", "runtime", "solvers", "inspect", "export", "testing", "weights"}


def run(code):
    """What a fresh process prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PLACE, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_an_import_reads_what_building_graphs_needs():
    code = (
        "import json, sys, graphdiff as gd; x = gd.input('x', (3,)); gd.grad(gd.sum(gd.sin(x)), x);"
        "print(json.dumps([m for m in sys.modules if m.startswith('graphdiff.')]))"
    )
    rooms = {name.split(".")[1] for name in run(code)}
    assert {"ir", "ops", "transforms"} <= rooms and not rooms & LATE_ROOMS


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("gd.constant(1.0).to_dot()[:7]", "digraph"),
        ("gd.compile([], gd.constant(2.0) + 1).to_svg()[:4]", "<svg"),
        ("gd.grad.__module__ + gd.check_grad.__module__ + gd.root.__module__", "graphdiffgraphdiff.testinggraphdiff"),
        ("gd.compile([], gd.constant(2.0)).export_c.__name__", "export_c"),
        ("hasattr(gd.Tensor, '_repr_html_') and hasattr(gd.Plan, 'plot')", True),
        ("gd.get_num_threads() > 0 and gd.Every(3).k", 3),
        ("gd.testing.check_grad is gd.check_grad", True),
    ],
)
def test_what_is_late_is_there(code, found):
    assert run(f"import json, graphdiff as gd; print(json.dumps({code}))") == found


def test_every_late_name_is_public_and_there():
    assert set(gd._LATE_NAMES) | set(gd._LATE) <= set(dir(gd)) == set(gd.__all__)
    for name in gd._LATE_NAMES:
        assert getattr(gd, name) is vars(gd)[name]
    with pytest.raises(AttributeError, match="did you mean 'compile'"):
        gd.compil  # noqa: B018


def test_classes_are_promised_what_they_are_given():
    """In a fresh process each method stands in its class before the module that gives it is imported."""
    methods = {**OF_INSPECT, gd.Function: {**OF_INSPECT[gd.Function], **OF_EXPORT[gd.Function]}}
    asked = {"__torch_function__": 0, "__jax_array__": 0}  # by PyTorch and JAX
    methods[gd.Tensor] = {**methods[gd.Tensor], **asked}
    wanted = {c.__module__ + ":" + c.__name__: sorted(m) for c, m in methods.items() if "inspect" not in c.__module__}
    code = (
        "import importlib, json, sys; found = {};\n"
        f"for path in {sorted(wanted)}:\n"
        "    module, name = path.split(':'); owner = getattr(importlib.import_module(module), name)\n"
        "    found[path] = sorted(n for n, v in vars(owner).items() if type(v).__name__ == '_Late')\n"
        "assert 'graphdiff.inspect' not in sys.modules and 'graphdiff.export' not in sys.modules\n"
        "print(json.dumps(found))"
    )
    assert run(code) == wanted
