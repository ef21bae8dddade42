"""Exported C whose sizes are arguments: the bits of every size, sizes that are refused, its header, test and loader."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from export_programs import PROGRAMS
from export_sized import PROGRAMS as SIZED
from exported import STRICT, Exported
from under_test import ENVIRONMENT, PLACE

import graphdiff as gd

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "export_sized.py"


def rows():
    x = gd.input("x", ("n", "m"))
    return gd.compile([x], [gd.sum(x * 2, axis=1), x[1:]], name="rows")


@pytest.mark.parametrize("names", [("mlp",), ("sequence", "shapes"), ("tables",)])
def test_bits_are_those_of_each_size(names):
    environment = {**ENVIRONMENT, "GRAPHDIFF_ISA": "plain", "GRAPHDIFF_BLAS": "off", "GRAPHDIFF_RATES": "nominal"}
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "-O0", *names], env=environment, cwd=PLACE, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_work_is_at_most_the_plans_arena_at_any_size(tmp_path):
    """Also where the executor's products need no room of their own, and those of exported C would like some."""
    f, _, _ = SIZED["sequence"]()
    made = Exported(f, tmp_path, "sequence", "-O0", sized=True)
    for n in (0, 1, 5, 13, 33, 64, 100, 333):
        made.sizes = {"time": n, "batch": n + 1}
        arena = f.plan_for(**made.sizes).arena_bytes
        assert made.work_bytes <= arena
        f.export_c(tmp_path / "fixed", "fixed", **made.sizes)
        header = (tmp_path / "fixed" / "fixed.h").read_text()
        assert int(header.partition("#define fixed_WORK_BYTES ")[2].split()[0]) <= arena


def test_sizes_without_code_are_refused(tmp_path):
    made = Exported(rows(), tmp_path, "rows", "-O0 -Drows_CHECKED", sized=True, n=3, m=2)
    status, (sums, rest) = made.call(np.ones((3, 2)))
    assert status == 0 and sums.tolist() == [4, 4, 4] and rest.shape == (2, 2)
    for n, m in ((-1, 2), (0, 2), (3, -5)):  # x[1:] of no rows has no size
        made.sizes = {"n": n, "m": m}
        assert made.work_bytes == -1
        status = made.library.rows_sized(*made._sizes(), None, None, None, None)
        assert made.text(status) == b"there is no code for these sizes"


EDGES = """
#include "{name}.h"
#include <inttypes.h>
#include <stdio.h>

int main(void) {{
    const int64_t sizes[] = {{INT64_MIN, -1, 0, 1, 2, 7, 1000, 1 << 24, INT64_C(1) << 31, INT64_C(1) << 32,
                             INT64_C(1) << 40, INT64_C(3000000000) * 1000000000, INT64_MAX}};
    enum {{ COUNT = sizeof sizes / sizeof *sizes }};
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < ({two} ? COUNT : 1); j++) {{
            const int64_t bytes = {name}_work_bytes_for(sizes[i]{second});
            printf("%" PRId64 " %" PRId64 " %" PRId64 "\\n", sizes[i], sizes[j], bytes);
            if (bytes < 0 && {name}_sized(sizes[i]{second}, NULL, NULL, NULL, NULL) != {name}_BAD_SIZE) return 1;
        }}
    return 0;
}}
"""


@pytest.mark.parametrize("name", ["mlp", "sequence"])
def test_no_size_makes_numbers_overflow(name, tmp_path):
    """Under the sanitizer of undefined behaviour; what has room is what the plan has room for, in Python's integers."""
    f, _, _ = SIZED[name]()
    f.export_c(tmp_path, name, sized=True)
    two = len(f._compiled.names) == 2
    (tmp_path / "edges.c").write_text(EDGES.format(name=name, two=int(two), second=", sizes[j]" if two else ""))
    sanitize = "-fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all"
    flags = [*STRICT.split(), "-O0", *sanitize.split(), "edges.c", f"{name}.c", "-o", "edges", "-lm"]
    subprocess.run(["cc", *flags], cwd=tmp_path, check=True)
    told = subprocess.run(["./edges"], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    known = 0
    for line in told.stdout.splitlines():
        *sizes, bytes_ = map(int, line.split())
        at = dict(zip(f._compiled.names, sizes))
        if bytes_ >= 0:
            known += 1
            assert bytes_ <= f.plan_for(**at).arena_bytes
        else:
            assert min(at.values()) < 0 or max(at.values()) > 1000
    assert known >= (20 if two else 6)


def test_a_program_without_work_has_sizes_too(tmp_path):
    x = gd.input("x", ("n",))
    made = Exported(gd.compile([x], x * 2, name="twice"), tmp_path, "twice", "-O0", sized=True, n=3)
    assert made.work_bytes == 0 and made.call(np.ones(3))[1][0].tolist() == [2, 2, 2]
    assert (gd.interop.c.load(tmp_path, "twice")(np.ones(4, np.float32)) == 2).all()


def test_sizes_may_have_names_of_c(tmp_path):
    """size_t is a type, and size_over one of the program's own functions."""
    x = gd.input("x", ("t", "over", "t_", "größe"))
    f = gd.compile([x], gd.sum(x, axis=0), name="named")
    made = Exported(f, tmp_path, "named", "-O0", sized=True, t=2, over=3, t_=1, größe=4)
    assert (made.call(np.ones((2, 3, 1, 4)))[1][0] == 2).all()


def test_some_sizes_may_be_given(tmp_path):
    paths = rows().export_c(tmp_path, "rows", sized=True, m=2)
    header = paths[0].read_text()
    assert "int rows_sized(int64_t size_n, const void *const inputs[]" in header
    assert "int64_t rows_work_bytes_for(int64_t size_n);" in header
    assert "#define rows_INPUT_0_BYTES(size_n) (8 * (int64_t)(size_n)) /* float x[n, 2] */" in header
    flags = [*STRICT.split(), "-ffp-contract=off", "rows.c", "rows_test.c", "-o", "case", "-lm"]
    subprocess.run(["cc", *flags], cwd=tmp_path, check=True)
    assert subprocess.run(["./case"], cwd=tmp_path, check=True, capture_output=True).stdout == b"rows: as graphdiff\n"


def test_what_has_no_sized_form_is_told(tmp_path):
    x = gd.input("x", (3,))
    limited, _, _, _ = PROGRAMS["memory_limited"]()
    for f, sizes, told in (
        (limited, {}, "the schedule of memory_limited under a memory limit depends on the sizes; give the sizes"),
        (gd.compile([x], x * 2, name="f"), {}, "sized takes 1 to 8 sizes as arguments, got 0"),
        (rows(), {"n": 2, "m": 2}, "sized takes 1 to 8 sizes as arguments, got 0"),
        (rows(), {"k": 2}, "no dimension is called 'k'"),
    ):
        with pytest.raises(gd.GraphdiffError, match=told):
            f.export_c(tmp_path / "out", "f", sized=True, **sizes)
    assert not (tmp_path / "out").exists()


def test_it_is_loaded_and_called_at_any_size(tmp_path):
    rows().export_c(tmp_path, "rows", sized=True)
    program = gd.interop.c.load(tmp_path, "rows")
    for n, m in ((2, 3), (70, 1000)):
        sums, rest = program(np.ones((n, m), np.float32))
        assert (sums == 2 * m).all() and rest.shape == (n - 1, m) and program.sizes == {"n": n, "m": m}
    with pytest.raises(gd.FeedError, match="there is no code for the sizes n=0, m=3"):
        program(np.ones((0, 3), np.float32))
