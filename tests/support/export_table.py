"""Exported programs on every compiler and machine that there is: a table of what differs from Python.

    python tests/support/export_table.py [program ...] [--target "gcc -O2" ...] [--c99]

exports the programs of export_programs.py, builds each for each target without a warning, runs it on the same feeds as
often as it says, and compares results and parameters. It prints differences (= are the same bits, else the largest by
the scale of the array), bytes of code and constants, work beside the plan's arena, and the symbols that objects need;
exit code 1 where bits differ, work is more than the arena or a symbol is none of libm's or mem*.
What a target needs and this machine lacks leaves it out.
Invariant: Python's side runs by GRAPHDIFF_ISA=plain without BLAS, but for what needs LAPACK, whose bits are not held.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from exported import STRICT, STRICT_CPP, WASM, builds, flat
from under_test import ENVIRONMENT, PLACE

PLAIN = {"GRAPHDIFF_ISA": "plain", "GRAPHDIFF_BLAS": "off", "GRAPHDIFF_RATES": "nominal"}
SAME = "-ffp-contract=off"
NARROW = 2e-6, 1e-13  # of the scale, where bits are not held: float32, float64
SYMBOLS = re.compile(
    r"a?(sin|cos|tan)h?f?|atan2f?|exp(2|m1)?f?|log(2|10|1p)?f?|powf?|sqrtf?|fabsf?|floorf?|ceilf?|rintf?|truncf?|"
    r"nearbyint|fmodf?|copysignf?|erfc?f?|hypotf?|frexp|ldexp|lgamma_r|j[01n]|mem(cpy|set|chr|move|cmp)"
)
# What compilers add by themselves: tables of addresses, their own arithmetic of 64 bits, guards, the stack of wasm.
ADDED = re.compile(r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__u?(div|mod|divmod)di[34]|__stack_pointer|__aeabi_\w+")


@dataclass(frozen=True)
class Target:
    """How a program is compiled and run. ``driver``: the compiler of what calls it, where that is another one.
    ``is_cpp``: NAME.c itself is compiled as C++."""

    compiler: str
    runner: str = ""
    driver: str = ""
    is_cpp: bool = False


TARGETS = {
    **{
        f"{c} {o}": Target(f"{c} {o} -Wframe-larger-than=4096") for c in ("gcc", "clang") for o in ("-O0", "-O2", "-Os")
    },
    "gcc -O3": Target("gcc -O3"),
    "gcc -m32": Target("gcc -m32 -msse2 -mfpmath=sse -O2"),
    "clang -m32": Target("clang -m32 -msse2 -mfpmath=sse -O2"),
    "gcc sanitizers": Target("gcc -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"),
    "clang sanitizers": Target("clang -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"),
    "g++ driver": Target("gcc -O1", driver="g++ -std=c++11"),
    "clang++ driver": Target("clang -O1", driver="clang++ -std=c++17"),
    "g++": Target("g++ -O2", driver="g++ -std=c++17", is_cpp=True),
    "clang++": Target("clang++ -O2", driver="clang++ -std=c++17", is_cpp=True),
    "aarch64": Target("aarch64-linux-gnu-gcc -O2 -static", "qemu-aarch64"),
    "wasm": Target(f"{WASM} -O2", "wasmtime"),
}

# Reads feeds and parameters, calls, writes results and parameters; C and C++ at once.
DRIVER = """\
#include "{name}.h"
#include <stdio.h>
#include <stdlib.h>

static void *taken(FILE *from, size_t bytes) {{
    void *at = malloc(bytes + 1);
    return at != NULL && (from == NULL || fread(at, 1, bytes, from) == bytes) ? at : NULL;
}}

int main(void) {{
    static const size_t sizes[] = {{{bytes}}};
    const void *inputs[{name}_INPUTS + 1];
    void *outputs[{name}_OUTPUTS + 1], *params[{name}_PARAMS + 1];
    char *room = (char *)malloc({name}_WORK_BYTES + {name}_WORK_ALIGN);
    char *work = room + (size_t)({name}_WORK_ALIGN - (uintptr_t)room % {name}_WORK_ALIGN);
    FILE *from = fopen("feeds.bin", "rb"), *to = fopen("results.bin", "wb");
    const size_t *size = sizes;
    int status = 0;
    if (from == NULL || to == NULL || room == NULL) return 99;
    for (int i = 0; i < {name}_INPUTS; i++) inputs[i] = taken(from, *size++);
    for (int i = 0; i < {name}_PARAMS; i++) params[i] = taken(from, *size++);
    for (int i = 0; i < {name}_OUTPUTS; i++) outputs[i] = taken(NULL, *size++);
    for (int n = 0; n < {calls} && status == 0; n++) status = {name}(inputs, outputs, params, work);
    size = sizes + {name}_INPUTS;
    for (int i = 0; i < {name}_PARAMS; i++) fwrite(params[i], 1, *size++, to);
    for (int i = 0; i < {name}_OUTPUTS; i++) fwrite(outputs[i], 1, *size++, to);
    for (int i = 0; i < {name}_INPUTS; i++) free((void *)inputs[i]);
    for (int i = 0; i < {name}_PARAMS; i++) free(params[i]);
    for (int i = 0; i < {name}_OUTPUTS; i++) free(outputs[i]);
    free(room);
    fclose(from);
    return fclose(to) != 0 ? 98 : status;
}}
"""


def export(name, folder):
    """Writes a program's C, feeds, a driver and what Python gives; run in the process whose bits are wanted."""
    from export_programs import PROGRAMS, WITHOUT_BITS

    f, feeds, sizes, calls = {**PROGRAMS, **WITHOUT_BITS}[name]()
    feeds = [np.array(a, v.dtype, order="C") for a, v in zip(feeds, f.graph.inputs, strict=True)]
    f.export_c(folder, name, **sizes)
    params = [p.value.copy() for p in f.parameters]
    (folder / "feeds.bin").write_bytes(b"".join(np.asarray(a).tobytes() for a in (*feeds, *params)))
    for _ in range(calls):
        results = flat(f(*feeds))
    wanted = [np.asarray(a) for a in (*(p.value for p in f.parameters), *results)]
    np.savez(folder / "wanted.npz", *wanted, arena=f.plan_for(**sizes).arena_bytes)
    bytes_ = ", ".join(str(a.nbytes) for a in (*feeds, *wanted)) or "0"
    (folder / "driver.c").write_text(DRIVER.format(name=name, bytes=bytes_, calls=calls))


def exported(name, folder):
    """``export`` in a process of its own."""
    from export_programs import WITHOUT_BITS

    folder.mkdir(parents=True)
    paths = os.pathsep.join([str(Path(__file__).parent), ENVIRONMENT["PYTHONPATH"]])
    environment = {**ENVIRONMENT, **({} if name in WITHOUT_BITS else PLAIN), "PYTHONPATH": paths}
    code = f"import export_table, pathlib; export_table.export({name!r}, pathlib.Path({str(folder)!r}))"
    made = subprocess.run([sys.executable, "-c", code], env=environment, cwd=PLACE, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return name not in WITHOUT_BITS


def is_there(target, folder):
    """Whether a target can be built for and run here."""
    compiler, runner = TARGETS[target].compiler, TARGETS[target].runner
    if runner == "wasmtime":
        try:
            import wasmtime  # noqa: F401
        except ImportError:
            return False
    elif runner and shutil.which(runner.split()[0]) is None:
        return False
    driver = TARGETS[target].driver
    return builds(compiler, folder) and (not driver or shutil.which(driver.split()[0]) is not None)


def run_wasm(file, place):
    """A program of WebAssembly as a process would be run, in a folder: its exit status."""
    import wasmtime

    engine = wasmtime.Engine()
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    wasi = wasmtime.WasiConfig()
    wasi.preopen_dir(str(place), ".")
    wasi.stdout_file = str(place / "wasm.out")
    store.set_wasi(wasi)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, str(file)))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as end:
        return end.code
    return 0


def compiled(target, name, folder, strict=STRICT):
    """NAME.c's object for a target; its text on failure."""
    t = TARGETS[target]
    strict = f"-x c++ {STRICT_CPP}" if t.is_cpp else strict
    command = [*shlex.split(t.compiler), *strict.split(), SAME, "-c", f"{name}.c", "-o", f"{name}.o"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0 and not made.stderr, f"{shlex.join(command)}\n{made.stderr[:4000]}"


def ran(target, name, folder):
    """Links the driver to the object, runs it: what came out, as arrays like those that were wanted."""
    t = TARGETS[target]
    (folder / "results.bin").unlink(missing_ok=True)
    source = "driver.cc" if t.driver else "driver.c"
    if t.driver:
        shutil.copy(folder / "driver.c", folder / source)
    command = [*shlex.split(t.driver or t.compiler), "-Wall", "-Wextra", "-Werror", source, f"{name}.o", "-o", "run"]
    made = subprocess.run([*command, "-lm"], cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[:4000]
    if t.runner == "wasmtime":
        status, told = run_wasm(folder / "run", folder), ""
    else:
        run = subprocess.run([*t.runner.split(), "./run"], cwd=folder, capture_output=True, text=True)
        status, told = run.returncode, run.stderr
    assert status == 0, f"{name} {target}: status {status} {told[:4000]}"
    data, out, at = (folder / "results.bin").read_bytes(), [], 0
    for a in wanted(folder):
        out.append(np.frombuffer(data, a.dtype, a.size, at).reshape(a.shape))
        at += a.nbytes
    return out


def wanted(folder):
    """What Python gave: parameters, then results."""
    with np.load(folder / "wanted.npz") as found:
        return [found[k] for k in found.files if k != "arena"]


def differs(folder, got):
    """The largest difference by the scale of its array and the room of its dtype; 0: the same bits."""
    worst = 0.0
    for a, b in zip(wanted(folder), got, strict=True):
        if a.tobytes() == b.tobytes():
            continue
        finite = np.abs(a[np.isfinite(a)]).max(initial=1e-30) if a.dtype.kind == "f" else 1.0
        apart = float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)))) / float(finite)
        worst = max(worst, apart / NARROW[a.dtype == np.float64])
    return worst


def symbols(target, name, folder):
    """What an object needs of others, and what of that is none of libm's or mem*."""
    reader = "llvm-nm" if "wasm" in target and shutil.which("llvm-nm") else "nm"
    told = subprocess.run([reader, f"{name}.o"], cwd=folder, capture_output=True, text=True)
    found = {line.split()[-1] for line in told.stdout.splitlines() if line.split()[-2:-1] in (["U"], ["w"])}
    found = {s for s in found if not ADDED.fullmatch(s) and not s.startswith(("__asan", "__ubsan"))}
    return found, {s for s in found if not SYMBOLS.fullmatch(s)}


def size_of(name, folder):
    """Bytes of code and constants of an object; None where nothing tells."""
    told = subprocess.run(["size", f"{name}.o"], cwd=folder, capture_output=True, text=True)
    return sum(map(int, told.stdout.splitlines()[1].split()[:2])) if told.returncode == 0 else None


def main():
    from export_programs import PROGRAMS, WITHOUT_BITS

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("programs", nargs="*", help="all without one")
    parser.add_argument("--target", action="append", choices=TARGETS, help="all without one")
    parser.add_argument("--c99", action="store_true", help="compile NAME.c as C99")
    options = parser.parse_args()
    strict = STRICT.replace("c11", "c99") if options.c99 else STRICT
    bad, needed, rows, sizes, facts = [], set(), [], [], []
    with tempfile.TemporaryDirectory() as room:
        place = Path(room)
        targets = [t for t in options.target or TARGETS if is_there(t, place)]
        for t in TARGETS:
            if t not in targets and t in (options.target or TARGETS):
                print(f"left out, nothing builds or runs for it here: {t}")
        for name in options.programs or [*PROGRAMS, *WITHOUT_BITS]:
            folder = place / name
            has_bits = exported(name, folder)
            cells, bytes_ = [], []
            for target in targets:
                try:
                    compiled(target, name, folder, strict)
                    apart = differs(folder, ran(target, name, folder))
                except AssertionError as e:
                    bad.append(f"{name}, {target}: {e}")
                    cells.append("failed")
                    bytes_.append("")
                    continue
                cells.append("=" if apart == 0 else f"{apart:.2g}")
                if apart > (0 if has_bits else 1):
                    bad.append(f"{name}, {target}: differs by {apart:.3g} of the room")
                found, foreign = symbols(target, name, folder)
                needed |= found
                bad += [f"{name}, {target}: needs {s}" for s in sorted(foreign)]
                bytes_.append(str(size_of(name, folder) or ""))
            rows.append([name, *cells])
            sizes.append([name, *bytes_])
            work = int(re.search(r"_WORK_BYTES (\d+)", (folder / f"{name}.h").read_text())[1])
            with np.load(folder / "wanted.npz") as z:
                arena = int(z["arena"])
            facts.append([name, str(work), str(arena), f"{work / max(arena, 1):.2f}"])
            if work > arena:
                bad.append(f"{name}: {work} bytes of work, the plan has {arena}")
            print(" | ".join([name, *cells]), flush=True)
    for title, head, table in (
        (
            "Differences from Python: = are the same bits, else by 2e-6 (float32) or 1e-13 (float64) of the scale",
            targets,
            rows,
        ),
        ("Code and constants, bytes", targets, sizes),
        ("Work, bytes", ["work", "the plan's arena", "work ÷ arena"], facts),
    ):
        print(f"\n{title}\n\n| program | {' | '.join(head)} |\n|{'---|' * (len(head) + 1)}")
        for row in table:
            print(f"| {' | '.join(row)} |")
    print("\nUndefined symbols of all: " + ", ".join(sorted(needed)))
    print("\n".join(bad))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
