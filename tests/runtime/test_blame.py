"""`debug="nan"`: which node made the first value that is not finite, where what it read began to grow, and the script
that shows it alone."""

import re

import numpy as np
import pytest

import graphdiff as gd


def blamed(inputs, outputs, *args, **options):
    with pytest.raises(gd.NonFiniteError) as caught:
        gd.compile(inputs, outputs, debug="nan", **options)(*args)
    return caught.value


def test_the_node_inside_a_fused_instruction_is_named():
    x = gd.input("x", shape=(3,))
    error = blamed([x], gd.exp(gd.log(x * 2) + 1), np.array([1, -1, 2], "float32"))
    assert error.fact.startswith("log made a non-finite value in the forward pass; operands: %0 in [-2, 4]")
    assert error.operation == "%1 = log(%0: f32[3])" and re.fullmatch(r"test_blame\.py:\d+", error.source)
    assert np.array_equal(error.operands["x0"], np.array([2, -2, 4], "float32"))


def test_an_adjoint_tells_its_forward_node_and_both_lines():
    x = gd.input("x", shape=("n",), dtype="float64")
    root = gd.sqrt(x)
    loss = gd.sum(root)
    error = blamed([x], gd.grad(loss, x), np.array([0.0, 1.0]))
    assert re.search(r"backward pass, by sqrt\.vjp of %\d+ = sqrt \(test_blame\.py:(\d+)\)", error.fact)
    assert "at: test_blame.py:" in str(error)


def test_an_update_is_named_and_nothing_is_updated():
    x, W = gd.input("x", shape=(2,)), gd.parameter("W", value=np.ones(2, "float32"))
    error = blamed([x], gd.sum(x), np.zeros(2, "float32"), updates={W: W / x})
    assert "divide made a non-finite value in the update pass" in error.fact and (W.value == 1).all()


def test_growth_is_followed_back_to_where_it_began():
    h = x = gd.input("x", shape=("n", 2), dtype="float32")
    W = gd.parameter("W", value=np.diag([8.0, 8.0]).astype("float32"))
    small = gd.tanh(h)
    h = small * 3
    for _ in range(60):
        h = h @ W
    error = blamed([x], h, np.ones((3, 2), "float32"))
    told = r"grew over (\d+) nodes, from ([\d.]+) in (%\d+) \(test_blame.py:\d+\) to (\S+) in (%\d+)"
    found = re.search(told, error.fact)
    assert found and 38 <= int(found[1]) <= 45 and float(found[2]) < 8 and float(found[4]) > 1e37
    x = gd.input("x", shape=(2,))
    assert "grew" not in blamed([x], gd.log(x), np.array([-1, 1], "float32")).fact


@pytest.mark.parametrize("checkpoint", [None, "sqrt"])
def test_the_script_shows_it_alone(tmp_path, run, checkpoint):
    x, t = gd.input("x", shape=("n", 3), dtype="float64"), gd.input("t", shape=("n",), dtype="int64")
    W = gd.parameter("W", value=np.full((3, 4), 400.0))
    with gd.name_scope('""" + "{0}\\'):
        loss = gd.sum(gd.exp(gd.nn.relu(x @ W)))
    error = blamed([x, t], [loss, gd.grad(loss, W), gd.sum(t)], np.ones((2, 3)), [1, 2], checkpoint=checkpoint)
    script = error.write_repro(tmp_path / "deep" / "repro")
    assert script.name == "repro.py" and script.with_name("operands.npz").exists()
    code, out, err = run(tmp_path, "-W", "error", script)
    assert code == 0, err
    assert "x0: float64 (2, 4), from 1200.0 to 1200.0" in out and "result: float64 (2, 4), 8 of 8 not finite" in out
    assert "inf at (0, 0)" in out


def test_a_reduction_a_loop_and_a_solver_have_scripts_too(tmp_path, run):
    x, a = gd.input("x", shape=("n", 2), dtype="float64"), gd.input("a", shape=(3, 3), dtype="float64")
    h, _ = gd.scan(lambda h, row: (h * h * row, None), gd.ones((2,), dtype="float64"), x)
    cases = [
        ("sum", blamed([x], gd.sum(x, axis=0), np.full((3, 2), 1e308)), "1 of 1"),
        ("square", blamed([x], h, np.full((12, 2), 9.0)), "2 of 2"),
        ("linalg.cholesky", blamed([a], gd.linalg.cholesky(a), -np.eye(3)), "of 9"),
    ]
    for name, error, told in cases:
        assert error.fact.startswith(f"{name} made") and f"= {name}(" in error.operation
        code, out, err = run(tmp_path, error.write_repro(tmp_path / name))
        assert code == 0 and (told in out or "2 of 2" in out), err


def test_where_it_cannot_be_written(tmp_path):
    x = gd.input("x", shape=(2,))
    error = blamed([x], gd.log(x), np.zeros(2, "float32"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        error.write_repro(tmp_path / "file")
    with pytest.raises(gd.GraphError, match="could not be told apart"):
        gd.NonFiniteError("a value is not finite").write_repro(tmp_path)


def test_without_debug_nothing_is_looked_at():
    """The same program runs, instruction by instruction, and its flags tell the core to look at nothing."""
    x, W = gd.input("x", shape=(3,)), gd.parameter("W", value=np.ones(3, "float32"))
    y = gd.log(x) * W
    plain, debug = (gd.compile([x], [y, gd.grad(gd.sum(y), W)], debug=d) for d in (False, "nan"))
    assert np.isnan(plain(np.full(3, -1, "float32"))[0]).all()
    assert [r.name for r in plain.plan.instructions] == [r.name for r in debug.plan.instructions]
    assert plain._compiled.template.words.tolist()[:8] == debug._compiled.template.words.tolist()[:8]


def test_the_operation_inside_of_a_loop_and_its_step_are_named():
    x = gd.input("x", ("n",), dtype="float64")
    total, _ = gd.scan(lambda c, x: (c * 2 + gd.log(x), None), 0.0, x)
    error = blamed([x], total, np.array([1.0, 2.0, -1.0, 3.0]))
    assert re.match(r"log made a non-finite value in step 2 \(from 0\) of the loop at test_blame\.py:\d+", error.fact)
    assert error.fact.endswith("in the forward pass; operands: %0 in [-1, -1]")
    assert error.operands["x0"] == -1 and re.fullmatch(r"test_blame\.py:\d+", error.source)
    gone = gd.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, gd.sqrt(s[1] - 1)), (0, x[0]), 10)
    assert "sqrt made a non-finite value in step 1 (from 0)" in blamed([x], gone[1], np.array([1.5])).fact


def test_the_step_of_a_loop_that_runs_back():
    """The square root's slope is infinite at 0, in the step that meets it, the others being finite."""
    x = gd.input("x", ("n",), dtype="float64")
    _, ys = gd.scan(lambda c, x: (c * 1.5, gd.sqrt(x * c)), 1.0, x)
    error = blamed([x], gd.grad(gd.sum(ys), x), np.array([1.0, 0.0, 2.0]))
    assert "in step 1 (from 0) of the loop at test_blame.py:" in error.fact and "backward pass" in error.fact


def test_the_operation_inside_of_a_branch_and_of_a_loop_in_a_loop():
    x = gd.input("x", ("n",), dtype="float64")
    y = gd.cond(x[0] > 0, lambda x: gd.log(x - 1), lambda x: x, x)
    assert "log made a non-finite value in the branch at test_blame.py" in blamed([x], y, np.array([0.5, 3.0])).fact

    def outer(c, x):
        return gd.scan(lambda d, _: (gd.exp(d) * x, None), c, None, length=3)[0], None

    error = blamed([x], gd.scan(outer, 1.0, x)[0], np.array([0.5, 5, 3]))
    assert re.match(
        r"exp made .* in step 2 \(from 0\) of the loop at .*, in step 1 \(from 0\) of the loop at", error.fact
    )
