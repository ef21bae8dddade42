"""Builds the C core and the extensions over it. Everything else about the package is in pyproject.toml.

The core's rules, the same as csrc/Makefile's (which builds it alone, with its tests): flags from csrc/cflags; program/,
planner/, threads/ and openblas/ compiled once; kernels/, micro/ and tile/ once with GD_PREPARE and once for each
instruction set, with GD_ISA its name. A file joins by being there.
"""

import os
import platform
import shlex
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()
CSRC = ROOT / "csrc"
CORE = Path("graphdiff/runtime/_core.pyx")
PLANNER = Path("graphdiff/schedule/_planner.pyx")  # links the searches alone: they need nothing else of the core
LISTS = Path("graphdiff/ops/_core_lists.pyx")  # compiles csrc/micro/*.def in and links nothing

if platform.machine().lower() in ("x86_64", "amd64"):
    ISAS = {
        "v2": ["-march=x86-64-v2"],
        "v3": ["-march=x86-64-v3"],
        "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    }
else:
    ISAS = {"plain": []}


def compilations() -> list[tuple[Path, str, list[str]]]:
    """(source, object's name, flags) of every compilation of the core."""
    jobs = []
    for folder in ("program", "planner", "threads", "openblas"):
        jobs += [(source, f"{folder}_{source.stem}", []) for source in sorted((CSRC / folder).glob("*.c"))]
    for folder in ("kernels", "micro", "tile"):
        for source in sorted((CSRC / folder).glob("*.c")):
            name = f"{folder}_{source.stem}"
            jobs.append((source, f"{name}_prepare", ["-DGD_PREPARE"]))
            jobs += [(source, f"{name}_{isa}", [f"-DGD_ISA={isa}", *flags]) for isa, flags in ISAS.items()]
    return jobs


class BuildCore(build_ext):
    """Compiles the core's objects in parallel, those older than their source or any header, and links them in."""

    def build_extension(self, ext: Extension) -> None:
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
        flags = [*shlex.split((CSRC / "cflags").read_text()), "-I", str(CSRC / "include")]
        folder = Path(self.build_temp).resolve() / "csrc"
        folder.mkdir(parents=True, exist_ok=True)
        shared = [*CSRC.rglob("*.h"), *CSRC.rglob("*.def"), CSRC / "cflags", Path(__file__)]
        newest = max(path.stat().st_mtime for path in shared)

        def run(job: tuple[Path, str, list[str]]) -> str:
            source, name, own = job
            target = folder / f"{name}.o"
            if not target.exists() or target.stat().st_mtime < max(newest, source.stat().st_mtime):
                subprocess.run([*compiler, *flags, *own, "-c", str(source), "-o", str(target)], check=True)
            return str(target)

        # The long ones first: the largest sources make the largest templates.
        jobs = sorted(compilations(), key=lambda job: (job[1].startswith("micro_micro_f"), job[2]), reverse=True)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            objects = sorted(pool.map(run, jobs))
        searches = ext.name.endswith("._planner")
        if not ext.name.endswith("._core_lists"):
            ext.extra_objects = [o for o in objects if Path(o).name.startswith("planner_") == searches]
        super().build_extension(ext)


def extension(source: Path) -> Extension:
    return Extension(
        ".".join(source.with_suffix("").parts),
        [str(source)],
        include_dirs=["csrc", "csrc/include", numpy.get_include()],
        depends=[str(path.relative_to(ROOT)) for pattern in ("*.[ch]", "*.def") for path in CSRC.rglob(pattern)],
        libraries=["m", "dl"] if platform.system() == "Linux" else ["m"],
        extra_compile_args=["-O2", "-g0", "-fvisibility=hidden", "-pthread"],
        extra_link_args=["-pthread"],
    )


# A checkout of the core alone has no extension yet.
modules = [extension(source) for source in (CORE, PLANNER, LISTS) if (ROOT / source).exists()]
setup(ext_modules=cythonize(modules, language_level=3) if modules else [], cmdclass={"build_ext": BuildCore})
