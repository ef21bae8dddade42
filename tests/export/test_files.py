"""What goes with an exported program: its test, values, a header for C++, checks of pointers; no name but its own."""

import ctypes
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from export_programs import PROGRAMS
from exported import STRICT, STRICT_CPP, Exported

import graphdiff as gd

LIBRARY = re.compile(
    r"a?(sin|cos|tan)h?f?|atan2f?|exp(2|m1)?f?|log(2|10|1p)?f?|powf?|sqrtf?|fabsf?|floorf?|ceilf?|rintf?|truncf?|"
    r"nearbyint|fmodf?|copysignf?|erfc?f?|hypotf?|frexp|ldexp|lgamma_r|mem(cpy|set|chr|move|cmp)|"
    r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail"
)


def run(folder, *command, **more):
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, **more)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.mark.parametrize("name", ["mlp", "loops", "random_numbers"])
def test_the_saved_case_passes_and_can_fail(name, tmp_path):
    function, _, sizes, _ = PROGRAMS[name]()
    paths = function.export_c(tmp_path, "model", **sizes)
    assert [p.name for p in paths] == ["model.h", "model.c", "model_test.c", "CMakeLists.txt", "model.json"]
    flags = [*STRICT.split(), "-O0"]
    run(tmp_path, "cc", *flags, "-c", "model.c", "-o", "model.o")
    run(tmp_path, "cc", *flags, "model_test.c", "model.o", "-o", "passes", "-lm")
    assert run(tmp_path, "./passes") == "model: as graphdiff\n"
    text = (tmp_path / "model_test.c").read_text()
    first = re.search(r"wanted\[\] = \{([^,}]+)", text)[1]
    (tmp_path / "model_test.c").write_text(text.replace(f"wanted[] = {{{first}", f"wanted[] = {{{first} + 1e9", 1))
    run(tmp_path, "cc", *flags, "model_test.c", "model.o", "-o", "fails", "-lm")
    assert subprocess.run([tmp_path / "fails"], capture_output=True).returncode == 1


def test_the_saved_case_of_nothing_and_of_a_failure_compiles(tmp_path):
    """Arrays without elements; a case whose feeds fail a check, so that there is nothing to compare."""
    x, i = gd.input("x", (0, 3)), gd.input("i", (4,), dtype="int64")
    W = gd.parameter("W", value=np.ones((0,), np.float32))
    gd.check(gd.all(i > 5), "too small")
    nothing, failing = gd.compile([x], [x * 2, *gd.fft.rfft(x)], updates={W: W * 2}), gd.compile([i], i + 1)
    for n, f in enumerate((nothing, failing)):
        f.export_c(tmp_path, f"f{n}")
        run(tmp_path, "cc", *STRICT.split(), f"f{n}_test.c", f"f{n}.c", "-o", f"f{n}", "-lm")
        assert run(tmp_path, f"./f{n}") == f"f{n}: as graphdiff\n"


@pytest.mark.parametrize("compiler", ["cc -O0", "clang -O0", "clang -Os"])
def test_no_helper_is_left_over(compiler, tmp_path):
    """A convolution that turns nothing round beside a product of another type that does."""
    if shutil.which(compiler.split()[0]) is None:
        pytest.skip(f"there is no {compiler.split()[0]}")
    x, z = gd.input("x", (2, 3, 17)), gd.input("z", (200, 300), "float64")
    K = gd.parameter("K", value=np.zeros((4, 3, 5), np.float32))
    gd.compile([x, z], [gd.nn.conv1d(x, K), z @ z.T]).export_c(tmp_path, "model")
    run(tmp_path, *compiler.split(), *STRICT.split(), "-c", "model.c")


def test_values_are_tables_and_a_build_takes_them(tmp_path):
    function, _, sizes, _ = PROGRAMS["mlp"]()
    paths = function.export_c(tmp_path, "model", values=True, **sizes)
    assert paths[-1].name == "model_values.c" and "model_values.c" in (tmp_path / "CMakeLists.txt").read_text()
    run(tmp_path, "cc", *STRICT.split(), "-shared", "-fPIC", "model_values.c", "-o", "values.so")
    library = ctypes.CDLL(str(tmp_path / "values.so"))
    tables = (ctypes.c_void_p * len(function.parameters)).in_dll(library, "model_values")
    for p, address in zip(function.parameters, tables):
        assert ctypes.string_at(address, p.value.nbytes) == p.value.tobytes()


def test_the_build_makes_a_library_and_runs_its_test(tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("there is no cmake")
    PROGRAMS["loops"]()[0].export_c(tmp_path, "model", values=True)
    run(tmp_path, "cmake", "-S", ".", "-B", "build")
    run(tmp_path, "cmake", "--build", "build")
    assert "100% tests passed" in run(tmp_path / "build", "ctest")
    assert (tmp_path / "build" / "libmodel.a").is_file()


def test_two_models_link_and_no_other_name_is_theirs(tmp_path):
    for n, name in enumerate(("mlp", "conv_net")):
        function, _, sizes, _ = PROGRAMS[name]()
        function.export_c(tmp_path, f"model{n}", **sizes)
        run(tmp_path, "cc", *STRICT.split(), "-O1", "-c", f"model{n}.c")
        for line in run(tmp_path, "nm", f"model{n}.o").splitlines():
            kind, symbol = line.split()[-2:]
            if kind in "Uw":
                assert LIBRARY.fullmatch(symbol), symbol
            else:
                assert kind not in "BbDdC", f"{symbol} can be written"
                assert kind.islower() or symbol.startswith(f"model{n}"), symbol
    (tmp_path / "both.c").write_text('#include "model0.h"\n#include "model1.h"\nint main(void) { return model0_OK; }\n')
    run(tmp_path, "cc", *STRICT.split(), "both.c", "model0.o", "model1.o", "-o", "both", "-lm")


THREADS = """
#include "mlp.h"
#include "loops.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {{
    unsigned char mlp_work[mlp_WORK_BYTES + 64], loops_work[loops_WORK_BYTES + 64];
    char *results;
    size_t bytes;
}} turn;

static char *inputs_mlp[mlp_INPUTS], *inputs_loops[loops_INPUTS];

static void *aligned(unsigned char *p) {{ return p + (64 - (size_t)((uintptr_t)p % 64)); }}

static void *run(void *at) {{
    turn *t = (turn *)at;
    static const size_t mlp_sizes[] = {{{mlp}}}, loops_sizes[] = {{{loops}}};
    t->bytes = 0;
    for (int n = 0; n < 2 * 15; n++) {{
        const int is_mlp = n % 2 == 0;
        const size_t *size = is_mlp ? mlp_sizes : loops_sizes;
        const int outs = is_mlp ? mlp_OUTPUTS : loops_OUTPUTS, params = is_mlp ? mlp_PARAMS : loops_PARAMS;
        void *arrays[64];
        t->bytes = 0;
        for (int i = 0; i < outs + params; i++) {{
            arrays[i] = calloc(1, size[i] + 1);
            t->bytes += size[i];
        }}
        void *const *params_at = arrays + outs;
        const int status = is_mlp ? mlp((const void *const *)inputs_mlp, arrays, params_at, aligned(t->mlp_work))
                                  : loops((const void *const *)inputs_loops, arrays, params_at, aligned(t->loops_work));
        if (status != 0) exit(9);
        free(t->results);
        t->results = (char *)malloc(t->bytes + 1);
        size_t to = 0;
        for (int i = 0; i < outs + params; i++) {{
            memcpy(t->results + to, arrays[i], size[i]);
            to += size[i];
            free(arrays[i]);
        }}
    }}
    return NULL;
}}

int main(void) {{
    static turn turns[2];
    pthread_t threads[2];
    const size_t mlp_in[] = {{{mlp_in}}}, loops_in[] = {{{loops_in}}};
    for (int i = 0; i < mlp_INPUTS; i++) inputs_mlp[i] = (char *)calloc(1, mlp_in[i] + 1);
    for (int i = 0; i < loops_INPUTS; i++) inputs_loops[i] = (char *)calloc(1, loops_in[i] + 1);
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, run, &turns[i]);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    if (turns[0].bytes == 0 || memcmp(turns[0].results, turns[1].results, turns[0].bytes) != 0) return 1;
    puts("the same");
    return 0;
}}
"""


def test_two_programs_run_in_two_threads_at_once(tmp_path):
    """Linked together, each call with work, results and parameters of its own, under the sanitizer of threads."""
    (tmp_path / "none.c").write_text("int main(void) { return 0; }\n")
    flags = ["-std=c11", "-O1", "-g", "-fsanitize=thread", "-pthread"]
    probe = subprocess.run(["cc", *flags, "none.c", "-o", "none"], cwd=tmp_path, capture_output=True)
    if probe.returncode != 0 or subprocess.run([tmp_path / "none"], capture_output=True).returncode != 0:
        pytest.skip("no sanitizer of threads runs here")
    sizes = {}
    for name in ("mlp", "loops"):
        function, _, at, _ = PROGRAMS[name]()
        function.export_c(tmp_path, name, **at)
        facts = json.loads((tmp_path / f"{name}.json").read_text())
        sizes[name] = ", ".join(str(s["bytes"]) for s in (*facts["outputs"], *facts["params"]))
        sizes[f"{name}_in"] = ", ".join(str(s["bytes"]) for s in facts["inputs"])
    (tmp_path / "threads.c").write_text(THREADS.format(**sizes))
    run(tmp_path, "cc", *flags, "threads.c", "mlp.c", "loops.c", "-o", "threads", "-lm")
    assert run(tmp_path, "./threads") == "the same\n"


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_the_header_is_for_cpp_too(tmp_path):
    x, t = gd.input("class", (2,)), gd.input("größe */ 1", (2,))
    W = gd.parameter("new", value=np.zeros(2, np.float32))
    f = gd.compile([x, t], gd.sum(x * t * W), name="f")
    f.export_c(tmp_path, "f")
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", "c++"]
    (tmp_path / "use.cc").write_text(
        '#include "f.h"\nunsigned char work[f_WORK_BYTES + 1];\nint main() { return f_OK; }\n'
    )
    run(tmp_path, "c++", *flags, "use.cc")
    run(tmp_path, "cc", *STRICT.split(), "-c", "f.c")


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_all_files_are_cpp_too(compiler, tmp_path):
    """The program with every kind of block, its case and its values, which the same compiler links and runs."""
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    function, _, sizes, _ = PROGRAMS["conv_net"]()
    function.export_c(tmp_path, "model", values=True, **sizes)
    for file in ("model", "model_test", "model_values"):
        run(tmp_path, compiler, "-x", "c++", *STRICT_CPP.split(), "-O0", "-c", f"{file}.c")
    run(tmp_path, compiler, "model.o", "model_test.o", "model_values.o", "-o", "case", "-lm")
    assert run(tmp_path, "./case") == "model: as graphdiff\n"
    function.export_c(tmp_path, "any", sized=True)
    run(tmp_path, compiler, "-x", "c++", *STRICT_CPP.split(), "-fsyntax-only", "any.c")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_a_program_without_double_is_for_a_double_of_4_bytes(dtype, tmp_path):
    """AVR's compiler has such a one."""
    x = gd.input("x", (3,), dtype=dtype)
    gd.compile([x], gd.sum(gd.tanh(x))).export_c(tmp_path, "f")
    command = ["cc", "-std=c11", "-fsyntax-only", "-U__SIZEOF_DOUBLE__", "-D__SIZEOF_DOUBLE__=4", "f.c"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (told.returncode == 0) == (dtype == "float32") == ("double has fewer than 8 bytes" not in told.stderr)


def test_checked_pointers(tmp_path):
    function, feeds, sizes, _ = PROGRAMS["mlp"]()
    made = Exported(function, tmp_path, "model", "-O0 -Dmodel_CHECKED", **sizes)
    assert made.call(*feeds)[0] == 0
    x, w = np.zeros((12, 30), np.float32), made.params
    params = (ctypes.c_void_p * len(w))(*[a.ctypes.data for a in w])
    room = np.zeros(made.work_bytes + 64, np.uint8)
    work = room.ctypes.data + -room.ctypes.data % 64
    t, loss = np.zeros(12, np.int64), np.zeros((), np.float32)

    def status(x_at, work_at, loss_at):
        inputs, outputs = (ctypes.c_void_p * 2)(x_at, t.ctypes.data), (ctypes.c_void_p * 1)(loss_at)
        return made.text(made.library.model(inputs, outputs, params, ctypes.c_void_p(work_at)))

    good = x.ctypes.data, work, loss.ctypes.data
    assert status(*good) == b"ok"
    for bad in ((None, *good[1:]), (good[0] + 1, *good[1:]), (good[0], work + 8, good[2]), (good[0], work, good[0])):
        assert status(*bad).startswith(b"a pointer is missing")


def test_what_json_says(tmp_path):
    function, _, sizes, _ = PROGRAMS["mlp"]()
    function.export_c(tmp_path, "model", **sizes)
    facts = json.loads((tmp_path / "model.json").read_text())
    assert facts["sizes"] == {"batch": 12} and facts["work_bytes"] <= function.plan_for(**sizes).arena_bytes
    assert facts["inputs"][1] == {"name": "t", "dtype": "int64", "shape": [12], "bytes": 96}
    assert [p["name"] for p in facts["params"] if p["updated"]] == [p.name for p in function.parameters]
    header = (tmp_path / "model.h").read_text()
    for macro in ("WORK_ALIGN 64", "INPUTS 2", "INPUT_1_BYTES 96", "INPUT_t 1", "OUTPUTS 1", "PARAM_W1 0"):
        assert f"#define model_{macro}" in header
