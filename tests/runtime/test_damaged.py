"""Damaged and hostile files and texts (tests/support/fuzz_files.py): a few thousand here, 100,000 by hand."""

import io
import zipfile

import fuzz_files
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ir.text import Room

SECONDS = 5.0  # within 1 s by itself; machines that run tests have other work too


@pytest.mark.parametrize("block", range(4))
def test_damage_is_refused_or_harmless(block):
    counts, finds, _ = fuzz_files.fuzz(0, range(400 * block, 400 * block + 400), SECONDS)
    assert not finds
    assert counts["file refused"] > 120 and counts["text refused"] > 120
    assert counts["file called"] > 5 and counts["text called"] > 5


def test_the_same_numbers_make_the_same_mutant():
    files, texts = fuzz_files.corpus()

    def mutants():
        return [fuzz_files.Mutator(np.random.default_rng([0, n]), files, texts).file() for n in range(40)]

    assert mutants() == mutants()


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda data: {}["a"], "KeyError"),
        (lambda data: len(b"x" * (fuzz_files.GROWTH * 2)), "MiB"),
        (lambda data: open(__file__).close(), "while it is read"),
        (lambda data: next(n for n in iter(int, 1) if n), "takes more than"),
    ],
)
def test_what_is_broken_is_found(broken, told):
    with pytest.raises(fuzz_files.Find, match=told):
        fuzz_files.held_to(lambda data: str(broken(data)), b"", SECONDS if told == "MiB" else 0.3)


# ------------------------------------------------------------------ what is small and would be large


def refused(data):
    def read(data):
        with pytest.raises(gd.GraphdiffError) as error:
            gd.parse(data) if isinstance(data, str) else gd.load(io.BytesIO(data))
        return str(error.value)

    text = fuzz_files.held_to(read, data, SECONDS)
    assert len(text) < 2000
    return text


HEAD = "graph f(x: f32[n]) -> f32[n]:\n  "
N = 100_000
BOMBS = {
    "size of products": f"graph f(x: f32[{'*'.join(['(a+b+c+d+e+f)'] * 40)}]) -> f32[]:",
    "size of quotients": f"graph f(x: f32[{'//'.join(['(n+1)'] * N)}]) -> f32[]:",
    "nested size": f"graph f(x: f32[{'(' * N}n{')' * N}]) -> f32[]:",
    "minus": f"graph f(x: f32[{'-' * N}n]) -> f32[]:",
    "long number": f"graph f(x: f32[{'9' * N}]) -> f32[]:",
    "rank": f"graph f(x: f32[{','.join('1' * N)}]) -> f32[]:",
    "header arrows": f"graph f({')->' * N}",
    "header spaces": f"graph f(x: f32[n]) -> f32[n]{' ' * N}x",
    "spaces in a header": f"graph{' ' * N}f{' ' * N}({' ' * N}) ->",
    "node spaces": HEAD + f"%0: f32[n]{' ' * N}x = tanh(x)",
    "node equals": HEAD + f"%0: f32[n] {'= ' * N}tanh(x)",
    "node numbers": HEAD + f"{'%0, ' * N}: f32[n] = tanh(x)",
    "open string": HEAD + '%0: f32[n] = tanh("' + '\\"' * N + ")",
    "strings": HEAD + "%0: f32[n] = tanh(" + '"' * (N + 1) + ")",
    "open string and comment": HEAD + '"' + '\\"' * N + "#",
    "nested attribute": HEAD + f"%0: f32[n] = sum(x, axes={'(' * N}{')' * N})",
    "nested list": HEAD + f"%0: f32[n] = sum(x, axes={'[' * N}{']' * N})",
    "commas": HEAD + f"%0: f32[n] = sum(x, axes=({',' * N}))",
    "bodies": "graph f() -> f32[]:\n" + "".join(f"{' ' * k} body @0 g() -> f32[]:\n" for k in range(1, 900)),
    "updates": "graph f(W: f32[]) -> ():\n  parameters: W\n" + "  update W = W\n" * N,
    "constants": "graph f() -> ():\n" + "".join(f"  %{n}: f32[99999,99] = constant({n}.0)\n" for n in range(1000)),
    "large constant": "graph f() -> f32[1000000000000]:\n  %0: f32[1000000000000] = constant(0.0)\n  return %0",
    "larger constant": f"graph f() -> ():\n  %0: f32[{10**18},{10**18}] = constant(0.0)\n  return %0",
    "comment": HEAD + f"%0: f32[n] = tanh(x)  # of {'(' * N}",
    "comment of spaces": HEAD + f"%0: f32[n] = tanh(x)  # {' ' * N}:1 in{' ' * N}",
    "name": HEAD + f"%0: f32[n] = {'a.' * N}(x)",
    "operand": HEAD + f"%0: f32[n] = tanh({'x' * N})",
    "literal": HEAD + f"%0: f32[n] = multiply(x, {'1' * N}e)",
    "lines": HEAD + "\n" * N + "%0",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_text_that_would_be_large_is_refused_at_once(name):
    assert refused(BOMBS[name]).startswith("line ")


def archive(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return file.getvalue()


def members_of(f):
    file = io.BytesIO()
    f.save(file)
    with zipfile.ZipFile(file) as z:
        return {name: z.read(name) for name in z.namelist()}


def test_a_file_that_would_be_large_is_refused_at_once():
    x, W = gd.input("x", (3,)), gd.parameter("W", value=np.ones(3, np.float32))
    good = members_of(gd.compile([x], x * W))
    assert gd.load(io.BytesIO(archive(good))) is not None
    zeros = bytes(40_000_000)
    for name in good:
        deflated = archive({**good, name: zeros}, zipfile.ZIP_DEFLATED)
        assert len(deflated) < 100_000 and "is compressed" in refused(deflated)
    del zeros
    header = good["parameter0.npy"].replace(b"(3,), }" + b" " * 12, b"(%d,), }" % 10**12)
    assert "or not as long as it says" in refused(archive({**good, "parameter0.npy": header}))
    text = good["graph.txt"].replace(b"[3]", b"[%d]" % 10**12)
    assert "parameter0.npy" in refused(archive({**good, "graph.txt": text}))
    many = archive({f"parameter{n}.npy": b"" for n in range(9000)})
    assert "function.json is missing" in refused(many)
    overlapping = archive(good)
    at = overlapping.index(b"PK\x01\x02")
    size = good["graph.txt"].__len__().to_bytes(4, "little")
    assert "no saved function" in refused(overlapping[:at] + overlapping[at:].replace(size, b"\xff\xff\xff\x7f"))


def test_an_arena_that_cannot_be_had_is_an_error_of_memory():
    n = 10**13
    text = f"graph f(x: f32[{n}]) -> f32[{n}]:\n  %0: f32[{n}] = cumsum(x, axis=0, reverse=False)\n"
    text += f"  %1: f32[{n}] = sort(%0, axis=0, descending=False, k={n})\n  return %1"
    try:
        f = gd.compile(gd.parse(text))
    except (gd.GraphdiffError, MemoryError):
        return
    with pytest.raises(gd.FeedError):
        f(np.ones(3, np.float32))


def test_uniform_constants_print_as_one_number_while_there_is_room(monkeypatch):
    monkeypatch.setattr(Room, "BYTES", 1000)
    values = [gd.constant(np.full(100, v, np.float32)) for v in (1, 2, 3)]
    graph = gd.Graph("f", [], [gd.concat(values)])
    text = str(graph)
    assert text.count("constant(1.0)") == text.count("constant(2.0)") == 1 and text.count("base64") == 1
    assert str(gd.parse(text)) == text
    with pytest.raises(gd.GraphError, match="100 elements in one number; write what is over 1,000 bytes in a text"):
        gd.parse(text.replace("base64", "").replace(text.split('base64"')[1].split('"')[0], "").replace('""', "3.0"))


def test_sizes_that_nothing_tells_or_that_nothing_holds_are_errors():
    """Found by the campaign: both were raw errors at the first call of a size."""
    text = "graph f(x: f32[n]) -> f32[n]:\n  %0: i64[n] = index(shape=(n,), offset=m, strides=(1,))\n"
    text += "  %1: f32[n] = astype(%0, dtype=f32)\n  %2: f32[n] = add(x, %1)\n  return %2"
    with pytest.raises(gd.CompileError, match="the size 'm' is not that of any input"):
        gd.compile(gd.parse(text))
    f = gd.compile(gd.parse(text.replace("offset=m", "offset=n*9000000000000000000")))
    with pytest.raises(gd.ShapeError, match="does not fit into 64 bits"):
        f(np.ones(3, np.float32))


def test_gradients_of_attention_over_operands_without_axes_are_refused():
    text = """graph f(a: f32[], q: f32[2,3], s: f32[2,2]) -> f32[2,3], f32[2,3], f32[]:
  %0, %1, %2: (f32[2,3], f32[2,3], f32[]) = attention_vjp(q, q, a, q, s, q, causal=False, scale=1.0)
  return %0, %1, %2
"""
    with pytest.raises(gd.GraphError, match="attention_vjp"):
        gd.parse(text)
