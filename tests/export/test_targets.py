"""Exported programs on other compilers and machines: each runs the case that was saved with it.

What a target needs and this machine lacks skips it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from export_programs import PROGRAMS
from exported import STRICT

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "c"
TARGETS = {
    "gcc -O2": ("gcc -O2 -Wframe-larger-than=4096", ""),
    "gcc -Os": ("gcc -Os", ""),
    "clang -O0": ("clang -O0", ""),
    "clang -O2": ("clang -O2", ""),
    "gcc -m32": ("gcc -m32 -msse2 -mfpmath=sse -O1", ""),
    "sanitizers": ("gcc -O1 -fsanitize=address,undefined -fno-sanitize-recover", ""),
    "aarch64": ("aarch64-linux-gnu-gcc -O2 -static", "qemu-aarch64"),
    "wasm": ("clang --target=wasm32-wasi --sysroot=/usr -O1", "wasmtime"),
}
CHOSEN = {"sanitizers": ("loops", "gather_scatter")}  # elsewhere the first


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Programs with their tests, in a folder each."""
    folder = tmp_path_factory.mktemp("exported")
    for name in CHOSEN["sanitizers"]:
        function, _, sizes, _ = PROGRAMS[name]()
        function.export_c(folder / name, name, **sizes)
    return folder


def builds(compiler, folder):
    """Whether there is a compiler that builds for its target."""
    (folder / "none.c").write_text("#include <math.h>\nint main(void) { return (int)fabs(0.0); }\n")
    command = [*compiler.split(), "none.c", "-o", "none", "-lm"]
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, cwd=folder, capture_output=True).returncode == 0


def run_wasm(file):
    """A program of WebAssembly as a process would be run: exit status, output in a file beside it."""
    wasmtime = pytest.importorskip("wasmtime")
    engine = wasmtime.Engine()
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    wasi = wasmtime.WasiConfig()
    wasi.stdout_file = str(file.with_suffix(".out"))
    store.set_wasi(wasi)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, str(file)))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as end:
        return end.code
    return 0


@pytest.mark.parametrize("target", TARGETS)
def test_the_saved_case_passes(target, exported, tmp_path):
    compiler, runner = TARGETS[target]
    if not builds(compiler, tmp_path) or (runner.startswith("qemu") and shutil.which(runner) is None):
        pytest.skip(f"nothing builds and runs for {target} here")
    for name in CHOSEN.get(target, ("loops",)):
        sources = [str(exported / name / f"{name}{tail}.c") for tail in ("", "_test")]
        command = [*compiler.split(), *STRICT.split(), "-ffp-contract=off", *sources, "-o", "case", "-lm"]
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr[:4000]
        if runner == "wasmtime":
            assert run_wasm(tmp_path / "case") == 0
            continue
        ran = subprocess.run([*runner.split(), "./case"], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def model(name, folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(EXAMPLES / "models.py"), name, str(folder)]
    subprocess.run(command, check=True, capture_output=True, env=environment)


def told(path, first):
    """The command in a comment at the head of an example that begins with a word."""
    lines = path.read_text().replace("\\\n", " ").splitlines()
    line = next(x for x in lines if x.lstrip(" */").startswith(first))
    return line.lstrip(" */").replace(" * ", " ")


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_the_simulation_in_cpp(tmp_path):
    model("pendulum", tmp_path / "build")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for command in (told(EXAMPLES / "simulation.cpp", "cc "), told(EXAMPLES / "simulation.cpp", "c++ ")):
        ran = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "energy 4.509634 at first" in ran.stdout


def test_xor_is_learnt_on_a_microcontroller(tmp_path):
    if not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))):
        pytest.skip("no compiler or no emulator of a Cortex-M")
    model("xor", tmp_path / "build")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for first in ("arm-none-eabi-gcc ", "qemu-system-arm "):
        command = told(EXAMPLES / "cortex_m.c", first)
        ran = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "loss 0.00135" in ran.stdout and "xor 0.000 0.999 0.998 0.002" in ran.stdout


def test_xor_is_learnt_in_webassembly(tmp_path):
    wasmtime = pytest.importorskip("wasmtime")
    if not builds(TARGETS["wasm"][0], tmp_path):
        pytest.skip("nothing builds for WebAssembly here")
    model("xor", tmp_path)
    sources = [str(EXAMPLES / "page.c"), "xor_step.c", "xor_step_values.c"]
    flags = ["--target=wasm32-wasi", "--sysroot=/usr", "-mexec-model=reactor", "-O1", "-I."]
    subprocess.run(["clang", *flags, *sources, "-o", "xor.wasm"], cwd=tmp_path, check=True)
    store = wasmtime.Store(wasmtime.Engine())
    module = wasmtime.Module.from_file(store.engine, str(tmp_path / "xor.wasm"))
    page = wasmtime.Instance(store, module, []).exports(store)
    page["begin"](store)
    losses = [page["step"](store) for _ in range(200)]
    assert losses[0] > 0.5 and abs(losses[-1] - 0.001357) < 1e-5
