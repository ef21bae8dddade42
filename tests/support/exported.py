"""Exported programs, compiled and called as C would call them, beside the functions they were made of."""

import ctypes
import os
import shlex
import shutil
import subprocess

import numpy as np

WASM = "clang --target=wasm32-wasi --sysroot=/usr"
STRICT = "-std=c11 -Wall -Wextra -Werror -pedantic"
STRICT_CPP = STRICT.replace("c11", "c++17")


def compiled(sources, target, flags="-O2", cc=None):
    """``sources`` as a shared library without a warning."""
    command = [*shlex.split(cc or os.environ.get("CC") or "cc"), *STRICT.split(), "-ffp-contract=off", "-fPIC"]
    command += ["-shared", *flags.split(), *map(str, sources), "-o", str(target), "-lm"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[:4000]
    return target


class Exported:
    """One exported program: ``call(*feeds)`` gives status and results; ``params`` are its own copies. ``sized``: its
    sizes are arguments; ``sizes`` are those of the next call."""

    def __init__(self, function, folder, name="model", flags="-O2", cc=None, sized=False, **sizes):
        self.function, self.sizes, self.name, self.is_sized = function, sizes, name, sized
        self.paths = function.export_c(folder, name, sized=True) if sized else function.export_c(folder, name, **sizes)
        source = next(p for p in self.paths if p.name == f"{name}.c")
        self.library = ctypes.CDLL(str(compiled([source], folder / f"{name}.so", flags, cc)))
        self.text = getattr(self.library, f"{name}_status_text")
        self.text.restype = ctypes.c_char_p
        self.params = [p.value.copy() for p in function.parameters]

    @property
    def work_bytes(self):
        if not self.is_sized:
            return ctypes.c_size_t.in_dll(self.library, f"{self.name}_work_bytes").value
        work_bytes_for = getattr(self.library, f"{self.name}_work_bytes_for")
        work_bytes_for.restype = ctypes.c_int64
        return work_bytes_for(*self._sizes())

    def _sizes(self):
        """The sizes as arguments."""
        return [ctypes.c_int64(self.sizes[n]) for n in self.function._compiled.names] if self.is_sized else []

    def call(self, *feeds):
        graph, env = self.function.graph, self.function.plan_for(**self.sizes).sizes
        feeds = [np.ascontiguousarray(a, v.dtype) for a, v in zip(feeds, graph.inputs, strict=True)]
        shapes = [self.function._shape(v, env) for v in graph.outputs]
        results = [np.zeros(shape, v.dtype) for shape, v in zip(shapes, graph.outputs)]
        work_bytes = self.work_bytes
        room = np.full(work_bytes + 128, 0xA5, np.uint8)  # what is in work means nothing
        at = -room.ctypes.data % 64
        run = getattr(self.library, f"{self.name}_sized" if self.is_sized else self.name)
        arrays = (_pointers(feeds), _pointers(results), _pointers(self.params))
        status = run(*self._sizes(), *arrays, ctypes.c_void_p(room.ctypes.data + at))
        assert (room[at + work_bytes :] == 0xA5).all() and (room[:at] == 0xA5).all(), "it wrote beside its work"
        return status, results


def _pointers(arrays):
    return (ctypes.c_void_p * max(1, len(arrays)))(*[a.ctypes.data for a in arrays])


def flat(results):
    """What a function gave, as a list."""
    if isinstance(results, dict):
        results = list(results.values())
    return list(results) if isinstance(results, (list, tuple)) else [results]


def builds(compiler, folder):
    """Whether there is a compiler that builds for its target."""
    (folder / "none.c").write_text("#include <math.h>\nint main(void) { return (int)fabs(0.0); }\n")
    command = [*compiler.split(), "none.c", "-o", "none", "-lm"]
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, cwd=folder, capture_output=True).returncode == 0
