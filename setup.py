"""Builds the C core and the extensions over it. Everything else about the package is in pyproject.toml.

Only what depends on what has changed is built again (csrc/build.py). A name without a definition fails the build:
undefined names of the core by a link of its own, functions that graphdiff.h declares because they are hidden, and
functions that a .pxd alone declares because C takes no call of those.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import Cython
import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError, PlatformError

os.chdir(Path(__file__).parent)  # commands name files from here: a checkout may move, and caches serve all
CSRC = Path("csrc")
sys.path.insert(0, str(CSRC.resolve()))
import build as core  # noqa: E402  the rules of csrc/

EXTENSIONS = {
    "graphdiff.runtime._core": "all but the planner",
    "graphdiff.schedule._planner": "the planner",  # the searches need nothing else of the core
    "graphdiff.ir._nodes": "nothing",  # loops over nodes, which need nothing of the core
    "graphdiff.ops._elementwise": "nothing",
    "graphdiff.transforms._reverse": "nothing",
    "graphdiff.transforms._sweep": "nothing",
    "graphdiff.lower._groups": "nothing",
    "graphdiff.lower._tiles": "nothing",
    "graphdiff.ops._core_lists": "nothing",  # csrc/micro/*.def compiled in
}
"""The extensions, and what each holds of the core."""
LINUX = platform.system() == "Linux"
IN_PLACE = "--inplace" in sys.argv  # setuptools itself clears the option while it builds
SMALL = [] if IN_PLACE else ["-fno-asynchronous-unwind-tables"]
"""Of an install, which nobody steps through: no tables of frames, nor symbols. They are a twentieth of a wheel."""
FLAGS = ["-g0", "-fvisibility=hidden", "-pthread", "-Werror=implicit-function-declaration"]


EXPORTED = ("math/*.[ch]", "micro/*.[ch]", "kernels/*.[ch]", "program/kernel.h", "program/sizes.h", "openblas/blas.h")
"""The sources of the core that exported programs are put together from: they go with the package."""


class BuildPackage(build_py):
    """The package with those sources."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # there they are read where they lie
            return
        for pattern in EXPORTED:
            for source in sorted(CSRC.glob(pattern)):
                target = Path(self.build_lib) / "graphdiff" / "export" / source
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)


class BuildExtensions(build_ext):
    """Makes the objects of an extension in parallel, those that are due, and links them if any is newer than it."""

    def build_extension(self, ext: Extension) -> None:
        folder = Path(self.build_temp) / "csrc"
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
        why = core.unsupported(platform.system(), sys.maxsize.bit_length() + 1, sys.byteorder) or core.unfit(compiler)
        if why is not None:
            raise PlatformError(why)
        flags = core.flags_of(CSRC, compiler)
        if not IN_PLACE:
            flags.append("-w")  # nobody reads the warnings of an install, and looking for them takes time
        flags += SMALL
        wanted: dict[str, list[core.Compilation]] = {"nothing": [], "the planner": [], "all but the planner": []}
        for one in core.compilations(CSRC, core.light_flags(CSRC, compiler)):
            wanted["the planner" if one.name.startswith("planner_") else "all but the planner"].append(one)
        # The long ones first: the largest sources make the largest templates.
        held = sorted(wanted[EXTENSIONS[ext.name]], key=lambda c: (c.name.startswith("micro_micro_f"), c.name))[::-1]

        def compiled(one: core.Compilation) -> Path:
            made = folder / f"{one.name}.o"
            core.compile_object([*compiler, *flags, *one.flags], one.source, made)
            return made

        try:
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                shell = pool.submit(self.shell, ext.name)
                objects = list(pool.map(compiled, held))
                if LINUX and objects:
                    core.check_linked(compiler, objects, folder / f"{ext.name}.check")
                objects.append(shell.result())
            objects.sort()
            libraries = ["-lm", "-ldl"] if LINUX else ["-lm"]
            linked = folder / Path(self.get_ext_filename(ext.name)).name
            libraries += [] if IN_PLACE or not LINUX else ["-Wl,-s"]
            command = [*self.compiler.linker_so, *map(str, objects), *libraries, "-pthread", "-o", str(linked)]
            core.make(linked, command, objects)
        except subprocess.CalledProcessError as error:
            raise CompileError(f"{shlex.join(error.cmd)} failed, status {error.returncode}") from error
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(linked, target)  # alone: what lies beside it there goes into a wheel

    def shell(self, name: str) -> Path:
        """The object of an extension's own source, through Cython."""
        source = Path(*name.split(".")).with_suffix(".pyx")
        translated = Path(self.build_temp) / f"{name}.c"
        command = [sys.executable, "-m", "cython", "-3", "--depfile", "--module-name", name, str(source)]
        record = Path(f"{translated}.dep")
        core.make(translated, [*command, "-o", str(translated)], record=record, tool=Cython.__version__)
        level = ["-Os"]  # what these do is mostly calls of Python
        if name == "graphdiff.runtime._core":  # what every call goes through
            level = core.light_flags(CSRC, self.compiler.compiler_so) or ["-O2"]
        places = [CSRC, CSRC / "include", numpy.get_include(), *self.compiler.include_dirs]
        made = translated.with_suffix(".o")
        core.compile_object(
            [*self.compiler.compiler_so, *FLAGS, *SMALL, *level, *(f"-I{p}" for p in places)], translated, made
        )
        return made


setup(
    ext_modules=[Extension(name, [str(Path(*name.split(".")).with_suffix(".pyx"))]) for name in EXTENSIONS],
    cmdclass={"build_ext": BuildExtensions, "build_py": BuildPackage},
)
