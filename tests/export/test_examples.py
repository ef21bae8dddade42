"""The examples in C: each is built by the command that stands in it, runs, and gives the numbers that Python gives.

What an example needs and this machine lacks skips it.
"""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from exported import WASM, builds
from playwright.sync_api import expect, sync_playwright
from under_test import ENVIRONMENT, PLACE

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "c"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Trains as the examples do, with their bits; prints the last loss and its bits.
TRAINED = """
import sys
import numpy as np
import models

xor, digits = [[0, 0], [0, 1], [1, 0], [1, 1]], models.digits_data()
if sys.argv[1] == "xor":
    f, feeds = models.xor(), [(np.float32(xor), np.float32([[0], [1], [1], [0]]))] * 200
else:
    f = models.digits()
    feeds = [(np.float32(x.reshape(-1, 64)) / 16, np.int32(t)) for x, t in zip(*digits)] * 5
for feed in feeds:
    out = f(*feed)
loss = out[0] if isinstance(out, tuple | list) else out
print(f"loss {loss:.6g}, bits {np.float32(loss).view(np.uint32):08x}")
"""


def run(command, folder, **more):
    ran = subprocess.run(command, shell=isinstance(command, str), cwd=folder, capture_output=True, text=True, **more)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def model(name, folder):
    run([sys.executable, str(EXAMPLES / "models.py"), name, str(folder)], ROOT, env=ENVIRONMENT)


def told(path, first):
    """The command in a comment at the head of an example that begins with a word."""
    lines = path.read_text().replace("\\\n", " ").splitlines()
    line = next(x for x in lines if x.lstrip(" */").startswith(first))
    return line.lstrip(" */").replace(" * ", " ")


def trained(name):
    paths = os.pathsep.join([str(EXAMPLES), ENVIRONMENT["PYTHONPATH"]])
    settings = {"GRAPHDIFF_ISA": "plain", "GRAPHDIFF_BLAS": "off", "PYTHONPATH": paths}
    return run([sys.executable, "-c", TRAINED, name], PLACE, env={**ENVIRONMENT, **settings})


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_the_simulation_in_cpp(tmp_path):
    model("pendulum", tmp_path / "build")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    run(told(EXAMPLES / "simulation.cpp", "cc "), tmp_path)
    assert "energy 4.509634 at first" in run(told(EXAMPLES / "simulation.cpp", "c++ "), tmp_path)


@pytest.mark.parametrize("name", ["xor", "digits"])
def test_a_microcontroller_trains_to_the_bits_of_python(name, tmp_path):
    if not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))):
        pytest.skip("no compiler or no emulator of a Cortex-M")
    model(name, tmp_path / "build")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    run(told(EXAMPLES / "cortex_m.c", "arm-none-eabi-gcc ").replace("xor", name), tmp_path)
    printed = run(told(EXAMPLES / "cortex_m.c", "qemu-system-arm "), tmp_path, timeout=60)
    instructions, loss = printed.splitlines()[:2]
    assert loss + "\n" == trained(name)
    most, flash, ram = {"xor": (30_000, 48_000, 5_000), "digits": (4_000_000, 100_000, 60_000)}[name]
    assert 0 < int(instructions.split()[0]) < most
    memory = printed.splitlines()[-1].split()  # flash N bytes, RAM N bytes
    assert int(memory[1]) < flash and int(memory[4]) < ram


def test_an_avr_trains_to_the_bits_of_python(tmp_path):
    if not all(map(shutil.which, ("avr-gcc", "simavr"))):
        pytest.skip("no compiler or no emulator of an AVR")
    model("xor", tmp_path / "build")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    run(told(EXAMPLES / "avr_xor.c", "avr-gcc "), tmp_path)
    printed = run(told(EXAMPLES / "avr_xor.c", "simavr ") + " 2>&1", tmp_path, timeout=100)
    assert f"status 0, bits {trained('xor').split()[-1]}" in printed


def test_the_sketch_trains(tmp_path):
    """As an Arduino's builder would: all files of the folder, the sketch as C++."""
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    shutil.copy(EXAMPLES / "xor_sketch" / "xor_sketch.ino", tmp_path)
    model("xor", tmp_path)
    (tmp_path / "board.h").write_text(
        "#include <cstdio>\n#include <cstring>\n#include <string>\n"
        "struct String : std::string {\n"
        "    String(const char *t) : std::string(t) {}\n"
        '    String(float x, int) { char t[32]; std::snprintf(t, sizeof t, "%.6f", (double)x); assign(t); }\n'
        "};\n"
        "static struct { void begin(long) {} void println(const String &t) { std::puts(t.c_str()); } } Serial;\n"
        "static void delay(int) {}\n"
    )
    (tmp_path / "main.cpp").write_text(
        '#include "board.h"\n#include "xor_sketch.ino"\n'
        "int main() { setup(); for (int i = 0; i < 200; i++) loop(); return 0; }\n"
    )
    run("cc -Os -DARDUINO=100 -ffp-contract=off -c *.c", tmp_path)
    run("c++ -Os -Wall -Wextra -Werror main.cpp *.o -lm -o sketch", tmp_path)
    losses = run("./sketch", tmp_path).split()
    assert len(losses) == 200 and losses[-1] == "0.001357"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A folder with the page and its program, built by clang."""
    folder = tmp_path_factory.mktemp("page")
    if not builds(WASM, folder):
        pytest.skip("nothing builds for WebAssembly here")
    model("xor", folder / "build")
    (folder / "examples").symlink_to(ROOT / "examples")
    lines = " ".join((EXAMPLES / "page.html").read_text().split()).replace("- -", "--")
    command = lines.partition("clang (with WASI's headers): ")[2].partition(" (two dashes")[0]
    run(command, folder)
    shutil.copy(EXAMPLES / "page.html", folder / "build")
    return folder / "build"


def test_xor_is_learnt_in_webassembly(page):
    wasmtime = pytest.importorskip("wasmtime")
    store = wasmtime.Store(wasmtime.Engine())
    module = wasmtime.Module.from_file(store.engine, str(page / "xor.wasm"))
    exports = wasmtime.Instance(store, module, []).exports(store)
    exports["begin"](store)
    losses = [exports["step"](store) for _ in range(200)]
    assert losses[0] > 0.5 and f"{losses[-1]:.6g}" == trained("xor").split()[1].rstrip(",")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_xor_is_learnt_in_a_browser(page):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(page)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
            tab = browser.new_page()
            tab.goto(f"http://127.0.0.1:{server.server_port}/page.html")
            expect(tab.locator("#step")).to_have_text("200", timeout=30_000)
            assert tab.locator("#loss").inner_text() == "0.001357"
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
