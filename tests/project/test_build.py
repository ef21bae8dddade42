"""The build: what is made again and what is not, what fails the link, and what an unbuilt checkout says.

Small cores stand for csrc/: the rules, the Makefile and setup.py are the real ones.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
COMPILER = shlex.split(os.environ.get("CC") or "cc")
LINUX = sys.platform == "linux"

spec = importlib.util.spec_from_file_location("csrc_build", CSRC / "build.py")
rules = sys.modules["csrc_build"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rules)

SMALL = {
    "cflags": "-std=c11 -O0 -fPIC\n-Wall\n",
    "lightflags": "-O1\n",
    "include/graphdiff.h": "int gd_answer(void);\n",
    "program/numbers.def": "X(1)\n",
    "program/answer.h": '#include "numbers.def"\n',
    "program/answer.c": '#include "../include/graphdiff.h"\n#define X(n) int gd_answer(void) { return n; }\n'
    '#include "answer.h"\n',
    "planner/alone.c": "int gd_alone(void);\nint gd_alone(void) { return 2; }\n",
    "micro/body.c": "void gd_body(void);\n#ifndef GD_PREPARE\nstatic int unused = sizeof(int);\n"
    "int GD_ISA(void);\nint GD_ISA(void) { return unused; }\n#endif\n",
}


@pytest.fixture
def small(tmp_path):
    for name, text in SMALL.items():
        (tmp_path / "csrc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "csrc" / name).write_text(text)
    return tmp_path / "csrc"


def touch(path):
    """As an edit does that leaves the text as it was."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))


def compiled(csrc):
    """The names of the objects that had to be compiled."""
    command = [*COMPILER, *rules.flags_of(csrc, COMPILER)]
    return [
        one.name
        for one in rules.compilations(csrc)
        if rules.compile_object([*command, *one.flags], one.source, csrc / "build" / f"{one.name}.o")
    ]


def test_only_what_depends_on_a_change_is_compiled_again(small):
    every = compiled(small)
    bodies = [name for name in every if name.startswith("micro_body_")]
    assert len(bodies) == 1 + len(rules.ISAS) and len(every) == 2 + len(bodies)
    assert compiled(small) == []
    for edited, due in [
        ("program/answer.c", ["program_answer"]),
        ("program/answer.h", ["program_answer"]),
        ("program/numbers.def", ["program_answer"]),
        ("include/graphdiff.h", ["program_answer"]),
        ("micro/body.c", bodies),
        ("cflags", []),  # the same flags
    ]:
        touch(small / edited)
        assert (edited, compiled(small)) == (edited, due)
    (small / "cflags").write_text("-std=c11 -O1 -fPIC\n")
    assert compiled(small) == every
    (small / "build/program_answer.d").unlink()
    (small / "build/planner_alone.o").unlink()
    assert sorted(compiled(small)) == ["planner_alone", "program_answer"]


def test_a_header_that_is_gone_is_missed(small):
    compiled(small)
    (small / "program/answer.h").unlink()
    with pytest.raises(subprocess.CalledProcessError):
        compiled(small)
    (small / "program/answer.c").write_text('#include "../include/graphdiff.h"\nint gd_answer(void) { return 3; }\n')
    assert compiled(small) == ["program_answer"]
    assert compiled(small) == []


def test_a_failed_compilation_is_not_taken_for_done(small):
    compiled(small)
    (small / "planner/alone.c").write_text("int gd_alone(void) { return }\n")
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            compiled(small)


def test_names_of_files_in_a_dependency_file():
    text = "out/a.o: src/a\\ b.c \\\n  x/$$y.h z\\#.h\nx/$$y.h:\n"
    assert [str(p) for p in rules.dependencies(text)] == ["src/a b.c", "x/$y.h", "z#.h"]


def made_by_make(csrc, *arguments):
    """The sources that `make lib` compiles, and whether it makes the library anew."""
    command = ["make", "-C", str(csrc), "lib", "ISAS=plain", *arguments]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = [line.split() for line in out.splitlines()]
    return sorted(line[line.index("-c") + 1] for line in words if "-c" in line), "rcs" in out


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_the_makefile_follows_the_same_rules(small):
    shutil.copy(CSRC / "Makefile", small)
    every = ["micro/body.c", "micro/body.c", "planner/alone.c", "program/answer.c"]
    assert made_by_make(small) == (every, True)
    assert made_by_make(small) == ([], False)
    touch(small / "program/numbers.def")
    assert made_by_make(small) == (["program/answer.c"], True)
    assert made_by_make(small, "CFLAGS=-DOTHER") == (every, True)
    (small / "planner/alone.c").unlink()
    assert made_by_make(small, "CFLAGS=-DOTHER") == ([], True)


def linked(csrc, sources, *flags):
    """The objects of sources of a core, linked with every name defined; what the linker says against it."""
    objects = []
    for number, source in enumerate(sources):
        objects.append(csrc / f"{number}.o")
        command = [*COMPILER, *rules.flags_of(csrc, COMPILER), *flags, "-O0", "-c", str(source), "-o", str(objects[-1])]
        subprocess.run(command, check=True, capture_output=True, text=True)
    command = [*COMPILER, "-shared", "-Wl,-z,defs", *map(str, objects), "-o", str(csrc / "all.so")]
    return subprocess.run(command, capture_output=True, text=True).stderr


@pytest.mark.skipif(not LINUX, reason="the flag is of the linkers of Linux")
@pytest.mark.parametrize(
    "file, name, body",
    [
        ("micro/microop.def", "tanh", "gd_m0_nonsense_f32_v0"),
        ("micro/reduce.def", "sum", "gd_fold_nonsense_i64_v0"),
        ("program/kernels.def", "sort", "gd_k_nonsense_v0"),
    ],
)
def test_a_line_without_a_body_fails_the_link(tmp_path, file, name, body):
    csrc = shutil.copytree(CSRC, tmp_path / "csrc", ignore=shutil.ignore_patterns("build", "tests"))
    first = linked(csrc, [csrc / "micro/table.c"], "-DGD_ISA=v0")
    assert "gd_k_tile_v0" in first and "nonsense" not in first  # the table alone lacks every body
    lines = (csrc / file).read_text().splitlines()
    (like,) = (line for line in lines if re.match(rf"X\({name}\b", line))
    (csrc / file).write_text("\n".join([*lines, like.replace(name, "nonsense", 1), ""]))
    assert body in linked(csrc, [csrc / "micro/table.c"], "-DGD_ISA=v0")


@pytest.mark.skipif(not LINUX, reason="as the linkers of Linux say it")
def test_a_public_function_defined_nowhere_fails_the_link(tmp_path):
    """Even where undefined names are allowed, as in an extension, which finds Python's when it is loaded."""
    shutil.copytree(CSRC / "include", tmp_path / "include")
    header = tmp_path / "include/graphdiff.h"
    text = header.read_text().replace("int gd_init(void);", "int gd_init(void);\nint gd_nonsense(void);")
    header.write_text(text)
    source = tmp_path / "calls.c"

    def link(body):
        source.write_text(f'#include "graphdiff.h"\nint python(void);\nint f(void) {{ return {body}; }}\n')
        place = ["-I", str(header.parent), "-o", str(tmp_path / "calls.so")]
        return subprocess.run([*COMPILER, "-shared", "-fPIC", str(source), *place], capture_output=True, text=True)

    assert link("python()").returncode == 0
    failed = link("python() + gd_nonsense()")
    assert failed.returncode != 0 and "gd_nonsense" in failed.stderr


EXTENSIONS = {
    **{str(path.relative_to(ROOT)): "" for path in ROOT.glob("graphdiff/*/*.pyx")},
    "graphdiff/__init__.py": "",
    "graphdiff/runtime/__init__.py": "",
    "graphdiff/schedule/__init__.py": "",
    "graphdiff/runtime/core.pxd": 'cdef extern from "graphdiff.h":\n    int gd_answer()\n',
    "graphdiff/runtime/_core.pyx": "from graphdiff.runtime.core cimport *\n\n\ndef answer():\n    return gd_answer()\n",
    "graphdiff/ops/__init__.py": "",
    "graphdiff/ops/_core_lists.pyx": 'cdef extern from *:\n    """\n    #define X(n) enum { NUMBER = n };\n'
    '    #include "program/numbers.def"\n    """\n    int NUMBER\n\n\nnumber = NUMBER\n',
    "graphdiff/schedule/_planner.pyx": 'cdef extern from *:\n    """\n    int gd_alone(void);\n    """\n'
    "    int gd_alone()\n\n\ndef alone():\n    return gd_alone()\n",
}


@pytest.mark.skipif(not LINUX, reason="the message is of the linkers of Linux")
def test_extensions_are_linked_anew_where_something_has_changed(small):
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    root = small.parent
    for name, text in EXTENSIONS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.copy(ROOT / "setup.py", root)
    shutil.copy(CSRC / "build.py", small)

    def build():
        command = [sys.executable, "setup.py", "build_ext", "--inplace"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        made = [line.partition(": ")[0] for line in done.stdout.splitlines() if line.endswith((" newer", "command"))]
        return done, {name.partition(".cpython")[0] for name in made}

    def answer():
        command = "from graphdiff.runtime._core import answer; print(answer())"
        return subprocess.run([sys.executable, "-c", command], cwd=root, capture_output=True, text=True).stdout.strip()

    done, _ = build()
    assert done.returncode == 0, done.stderr
    assert answer() == "1"
    assert build()[1] == set()

    core = {"graphdiff.runtime._core.check", "_core"}
    (small / "program/numbers.def").write_text("X(5)\n")
    assert build()[1] == {"program_answer.o", *core, "graphdiff.ops._core_lists.o", "_core_lists"}
    assert answer() == "5"

    shell = {"graphdiff.runtime._core.c", "graphdiff.runtime._core.o", "_core"}
    touch(root / "graphdiff/runtime/core.pxd")
    assert build()[1] == shell

    (small / "cflags").write_text("-std=c11 -O1 -fPIC\n")
    made = build()[1]
    assert {"program_answer.o", "planner_alone.o", "micro_body_prepare.o", *core, "_planner"} <= made
    assert not {"graphdiff.runtime._core.c", "graphdiff.runtime._core.o"} & made

    declared = root / "graphdiff/runtime/core.pxd"
    declared.write_text(declared.read_text() + "    int gd_nonsense()\n")
    source = root / "graphdiff/runtime/_core.pyx"
    source.write_text(source.read_text() + "\n\ndef nonsense():\n    return gd_nonsense()\n")
    for _ in range(2):
        done, _ = build()
        assert done.returncode != 0 and "gd_nonsense" in done.stderr
    source.write_text(EXTENSIONS["graphdiff/runtime/_core.pyx"])
    (small / "program/answer.h").write_text(
        'int gd_missing(void);\n#define gd_body gd_missing\n#include "numbers.def"\n'
    )
    (small / "program/numbers.def").write_text("int gd_missing(void);\nint gd_answer(void) { return gd_missing(); }\n")
    done, _ = build()
    assert done.returncode != 0 and "gd_missing" in done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The tree as `git clone` leaves it: nothing built."""
    place = tmp_path_factory.mktemp("clone")
    nothing_made = shutil.ignore_patterns("*.so", "__pycache__", "build", "results")
    for folder in ("graphdiff", "benchmarks", "docs"):
        shutil.copytree(ROOT / folder, place / folder, ignore=nothing_made)
    shutil.copy(ROOT / "setup.py", place)
    (place / "script.py").write_text("import graphdiff as gd\nprint(gd.input('x', shape=()))\n")
    return place


@pytest.mark.parametrize(
    "arguments", [("script.py",), ("-c", "import graphdiff"), ("-m", "benchmarks"), ("-m", "graphdiff")]
)
def test_an_unbuilt_checkout_says_what_to_do(run, checkout, arguments):
    code, _, err = run(checkout, *arguments)
    last = err[err.index("ImportError: ") :]
    assert code != 0 and "circular" not in err
    assert str(checkout / "graphdiff") in last and "runtime/_core" in last
    assert "python setup.py build_ext --inplace" in last and "leave the folder" in last


@pytest.mark.parametrize("script", ["make_operations.py", "make_picture.py"])
def test_scripts_of_docs_find_the_installed_package_from_there(run, checkout, script):
    """Python looks beside a script, not where it is started."""
    if script == "make_picture.py":
        pytest.importorskip("playwright")
    code, _, err = run(checkout, "-c", f"import sys; sys.path[0] = 'docs'; import {Path(script).stem}")
    assert (code, err) == (0, "")


def test_a_package_without_its_extensions_says_that(run, tmp_path):
    """As one that another Python has built."""
    nothing_made = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "graphdiff", tmp_path / "graphdiff", ignore=nothing_made)
    code, _, err = run(tmp_path, "-c", "import graphdiff")
    assert code != 0 and "schedule/_planner" in err and "pip install --force-reinstall graphdiff" in err


def test_machines_that_the_core_is_not_for_are_told_so():
    assert rules.unsupported("Linux", 64, "little") is None and rules.unsupported("Darwin", 64, "little") is None
    assert "Windows" in rules.unsupported("Windows", 64, "little") and "WSL" in rules.unsupported(
        "Windows", 64, "little"
    )
    assert "this one is 32-bit" in rules.unsupported("Linux", 32, "little")
    assert "big-endian" in rules.unsupported("Linux", 64, "big")


def test_compilers_that_cannot_build_it_are_told_so(tmp_path):
    assert rules.unfit(COMPILER) is None
    assert "no C compiler 'no-such-compiler'" in rules.unfit(["no-such-compiler"])
    (tmp_path / "other").write_text("#!/bin/sh\necho cannot >&2\nexit 1\n")
    (tmp_path / "other").chmod(0o755)
    assert "is no gcc or clang" in rules.unfit([str(tmp_path / "other")])


@pytest.mark.parametrize("why", ["a compiler", "a system"])
def test_a_build_that_cannot_be_ends_with_the_reason(tmp_path, why):
    pytest.importorskip("setuptools")
    for name in ("setup.py", "csrc/build.py", "csrc/cflags", "csrc/lightflags"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    setup = tmp_path / "setup.py"
    if why == "a system":
        setup.write_text(setup.read_text().replace("platform.system()", "'Windows'"))
    environment = {**os.environ, "CC": "no-such-compiler"} if why == "a compiler" else None
    command = [sys.executable, "setup.py", "build_ext"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode != 0
    assert ("no C compiler 'no-such-compiler'" if why == "a compiler" else "use it in WSL") in done.stderr


def test_a_source_distribution_has_what_building_testing_and_showing_need(tmp_path):
    pytest.importorskip("setuptools")
    made = {"*.so", "__pycache__", "build", "made", ".git", "dist", "*.egg-info", ".*_cache", ".venv", ".hypothesis"}
    tree = shutil.copytree(ROOT, tmp_path / "tree", ignore=shutil.ignore_patterns(*made))
    command = [sys.executable, "setup.py", "-q", "sdist", "--formats=tar", "--dist-dir", str(tmp_path)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar")
    with tarfile.open(archive) as held:
        names = {name.partition("/")[2] for name in held.getnames()}
    there = (p for p in tree.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    wanted = [p.relative_to(tree) for p in there if ".egg-info" not in str(p)]
    aside = {".gitignore", ".editorconfig", ".clang-format"}
    lacks = sorted(str(p) for p in wanted if str(p) not in names and p.name not in aside and p.parts[0] != "report")
    assert len(wanted) > 300 and lacks == []


def test_flags_of_instruction_sets_are_those_of_the_makefile():
    told = dict(re.findall(r"^MARCH_(\w+) := (.+)$", (CSRC / "Makefile").read_text(), re.MULTILINE))
    lists = re.findall(r'"(\w+)": \[(.*?)\]', (CSRC / "build.py").read_text())
    listed = {(name, " ".join(re.findall(r'"([^"]+)"', flags))) for name, flags in lists}
    assert {"v2", "v3", "v4", "neon", "plain"} == set(told) and set(told.items()) <= listed
