"""What ``x.at`` and ``x.at[key]`` say where they are taken for values, and what a Tensor says that is assigned to."""

import copy
import math
import operator

import numpy as np
import pytest

import graphdiff as gd

x = gd.input("x", (3, 4))
i = gd.input("i", (2,), "int64")
place = x.at[0]
OPERATORS = [
    (operator.add, r"\+", r"x\.at\[0\]\.add\(2\)"),
    (operator.sub, "-", r"x\.at\[0\]\.add\(-2\)"),
    (operator.mul, r"\*", r"x\.at\[0\]\.mul\(2\)"),
    (operator.truediv, "/", r"x\.at\[0\]\.mul\(1 / 2\)"),
    (operator.floordiv, "//", ""),
    (operator.mod, "%", ""),
    (operator.pow, r"\*\*", ""),
    (operator.matmul, "@", ""),
    (operator.and_, "&", ""),
    (operator.or_, r"\|", ""),
    (operator.xor, r"\^", ""),
    (operator.lt, "<", ""),
    (operator.le, "<=", ""),
    (operator.gt, ">", ""),
    (operator.ge, ">=", ""),
    (operator.eq, "==", ""),
    (operator.ne, "!=", ""),
]


@pytest.mark.parametrize(("apply", "sign", "method"), OPERATORS, ids=[o[0].__name__ for o in OPERATORS])
def test_an_operator_says_which_method_and_what_reads_there(apply, sign, method):
    with pytest.raises(gd.GraphError, match=rf"x\.at\[0\] is a place of x, no value; .*{method}.*x\[0\] {sign} 2") as e:
        apply(place, 2)
    assert "  at: test_places.py:" in str(e.value)
    with pytest.raises(gd.GraphError, match=r"x\[0\] " + sign + " v"):
        apply(place, x)
    for other in (2, x, np.ones(3), np.float32(1), place):
        with pytest.raises(gd.GraphError, match="is a place of x, no value; write "):
            apply(other, place)


USES = [float, int, complex, bool, len, list, iter, operator.neg, operator.pos, abs, operator.invert, operator.index]
USES += [np.sin, np.asarray, np.sum, gd.sin, gd.sum, gd.constant, math.sin, lambda p: gd.stack([p, x]), lambda p: p(0)]


@pytest.mark.parametrize("use", USES)
def test_no_use_as_a_value(use):
    with pytest.raises(
        gd.GraphError, match=r"x\.at\[0\] is a place of x, no value; write x\[0\] for what is read there"
    ):
        use(place)
    with pytest.raises(gd.GraphError, match=r"x\.at is no value: .*; write x\.at\[i\]\.set\(v\)"):
        use(x.at)


def assign():
    x.at[0] = 1


def assign_to_tensor():
    x[0] = 1


def add_in_place():
    x[1:3] += 1.0


def add_at():
    x.at[0] += 2


def delete():
    del x[0]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (assign, r"a Tensor does not change; write y = x\.at\[0\]\.set\(1\) for a new one that has 1 there"),
        (assign_to_tensor, r"a Tensor does not change; write y = x\.at\[0\]\.set\(1\) .* x\.at\[0\]\.add\(1\) for \+="),
        (add_in_place, r"a Tensor does not change; write y = x\.at\[1:3\]\.set\(v\)"),
        (add_at, r"write x\.at\[0\]\.add\(2\) for a new Tensor, or x\[0\] \+ 2"),
        (delete, r"a Tensor keeps its elements \(x: f32\[3,4\]\); write slices of what stays and gd\.concat"),
        (lambda: x.at[0][1], r"x\.at\[0\] is a place already; write one key for both, x\.at\[0, 1\]"),
        (lambda: x.at[1:, ..., None, ::2, i] + 1, r"x\.at\[1:, \.\.\., None, ::2, i\]\.add\(1\)"),
    ],
)
def test_assignments(wrong, told):
    with pytest.raises(gd.GraphError, match=told):
        wrong()


@pytest.mark.parametrize(
    ("get", "told"),
    [
        (lambda: place.shape, r"x\.at\[0\] has no 'shape'; x\[0\]\.shape is that of what is read there"),
        (lambda: place.multiply, r"x\.at\[0\] has no 'multiply'; write x\.at\[0\]\.mul\(v\)"),
        (lambda: place.get, r"x\.at\[0\] has no 'get'; write x\[0\]"),
        (lambda: place.ad, "did you mean 'add'"),
        (lambda: place.anything, "it has set, add, mul, min, max"),
        (lambda: x.at.add, r"x\.at has no 'add': it is indexed first, x\.at\[i\]\.add\(v\)"),
    ],
)
def test_names_that_a_place_does_not_have(get, told):
    with pytest.raises(AttributeError, match=told):
        get()


def test_places_are_copied_and_shown():
    assert repr(copy.copy(place)) == repr(place) and place in {place: 0} and not hasattr(x.at, "shape")
