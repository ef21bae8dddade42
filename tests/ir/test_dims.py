"""Sizes: integer polynomials of names behave as integers do, and print canonically."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.ir.dims import (
    Dim,
    as_shape,
    as_size,
    broadcast,
    ceil_sqrt,
    evaluate,
    exact_div,
    floor_div,
    least,
    named,
    names_of,
    substitute,
)

ENV = {"a": 3, "b": 5, "c": 7}
leaf = st.one_of(st.integers(-4, 9), st.sampled_from([named(n) for n in ENV]))


def build(pieces):
    total = pieces[0]
    for op, x in zip("+-*" * 9, pieces[1:]):
        total = total + x if op == "+" else total - x if op == "-" else total * x
    return total


sizes = st.lists(leaf, min_size=1, max_size=6).map(build)


@given(sizes, sizes)
def test_arithmetic_commutes_with_evaluation(p, q):
    vp, vq = evaluate(p, ENV), evaluate(q, ENV)
    assert evaluate(p + q, ENV) == vp + vq
    assert evaluate(p - q, ENV) == vp - vq
    assert evaluate(p * q, ENV) == vp * vq
    assert p + q == q + p and p * q == q * p


@given(sizes)
def test_the_text_of_a_size_reads_back(p):
    assert as_size(str(p)) == p


@given(sizes, sizes)
def test_exact_division_undoes_multiplication(p, q):
    if q != 0:
        assert exact_div(p * q, q) == p


@given(sizes, st.integers(1, 6))
def test_floor_division_by_an_int(p, k):
    d = floor_div(p, k)
    assert evaluate(d, ENV) == evaluate(p, ENV) // k
    assert as_size(str(d)) == d


@given(sizes)
def test_substitution(p):
    assert substitute(p, ENV) == evaluate(p, ENV)
    assert evaluate(substitute(p, {"a": named("b") + 1}), ENV) == evaluate(p, {**ENV, "a": 6})


def test_a_bare_name_is_its_string():
    n = named("batch")
    assert n == "batch" and hash(n) == hash("batch") and (n, 64) == ("batch", 64)
    assert n - 1 + 1 == n and n - n == 0 and isinstance(n - n, int)
    assert str(2 * n - 1) == "2*batch-1" and str(n * n) == "batch*batch"
    assert pickle.loads(pickle.dumps(n * 2 + 1)) == n * 2 + 1


def test_sizes_that_are_none():
    for bad in (1.5, None, "a b", "a+", "f(x)", True):
        with pytest.raises(gd.ShapeError):
            as_size(bad)
    with pytest.raises(gd.ShapeError, match="negative size -1"):
        as_shape((2, -1))
    with pytest.raises(gd.ShapeError, match="known only at the call"):
        int(named("n"))
    with pytest.raises(gd.ShapeError, match="known only at the call"):
        named("n") < 3  # noqa: B015


def test_broadcasting():
    n, m = named("n"), named("m")
    assert broadcast((n, 1), (1, 4)) == (n, 4)
    assert broadcast((4,), (n, 4)) == (n, 4)
    assert broadcast((n,), (m,)) is None and broadcast((n,), (4,)) is None
    assert broadcast((n - 1 + 1,), (n,)) == (n,)
    assert isinstance(broadcast((n, 1), (1, 4))[0], Dim)


@given(st.integers(0, 10**6), st.integers(1, 1000))
def test_sizes_of_segments(n, k):
    size = least(ceil_sqrt(named("n") - 1), named("k") + 1)
    root = ceil_sqrt(n)
    assert (root - 1) ** 2 < max(n, 1) <= max(root**2, 1)
    assert names_of(size) == {"n", "k"}
    assert evaluate(size, {"n": n + 1, "k": k}) == min(root, k + 1)
    assert substitute(size, {"n": n + 1, "k": k}) == min(root, k + 1)
    assert evaluate(floor_div(named("n") + size - 1, size), {"n": n, "k": k}) * evaluate(size, {"n": n, "k": k}) >= n
