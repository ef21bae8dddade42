"""Exported programs on other compilers and machines: each runs the case that was saved with it.

What a target needs and this machine lacks skips it.
"""

import shutil
import subprocess

import pytest
from export_programs import PROGRAMS
from exported import STRICT, WASM, builds

TARGETS = {
    "gcc -O0": ("gcc -O0 -Wframe-larger-than=4096", ""),
    "gcc -O2": ("gcc -O2 -Wframe-larger-than=4096", ""),
    "gcc -Os": ("gcc -Os", ""),
    "clang -O0": ("clang -O0", ""),
    "clang -O2": ("clang -O2", ""),
    "gcc -m32": ("gcc -m32 -msse2 -mfpmath=sse -O1", ""),
    "sanitizers": ("gcc -O1 -fsanitize=address,undefined -fno-sanitize-recover", ""),
    "aarch64": ("aarch64-linux-gnu-gcc -O2 -static", "qemu-aarch64"),
    "wasm": (f"{WASM} -O1", "wasmtime"),
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
