"""Makes what pages of the site show and no one writes: pictures of examples, and what the teaching pages draw.

conf.py calls it when the site is built. The examples are run, those that train for minutes as SHORT says; the code of
docs/teaching/ is run in docs/made/pages/made_here/, so the pages and pictures that are embedded there are those that it
writes. Invariant: what is newer than what it is made from is not made again. Must not know: any particular example.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import graphdiff

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
MADE = HERE / "made"
PAGES = MADE / "pages" / "made_here"
HEAD = """# Gallery

Each example is one idea in at most 120 lines, and asserts its result. Pictures are made when the site is built; those
of examples that train for minutes are of two epochs or 200 steps.
"""
SHORT = {"--epochs": 2, "--steps": 200}


def run(arguments: Iterable[object], folder: Path) -> None:
    """Runs Python in a folder, on the graphdiff that the site is built with."""
    folder.mkdir(parents=True, exist_ok=True)
    place = str(Path(graphdiff.__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": place, "MPLBACKEND": "agg", "GRAPHDIFF_RATES": "nominal"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def due(source: Path, target: Path) -> bool:
    """Whether a target is missing or older than its source; it is marked as made after that."""
    return not target.exists() or target.stat().st_mtime < source.stat().st_mtime


def examples() -> list[Path]:
    return sorted(EXAMPLES.glob("*.py"))


def picture(example: Path) -> Path:
    """The plot of an example, made where it is due."""
    source = example.read_text(encoding="utf-8")
    made = MADE / "gallery" / f"{example.stem}.png"
    if due(example, made):
        short = [word for option, n in SHORT.items() if f'"{option}"' in source for word in (option, n)]
        run([example, *short, "--out", made.parent], made.parent)
    return made


def section(example: Path) -> str:
    """An example on the page: its docstring, picture and source."""
    doc = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))) or ""
    first, _, more = doc.partition("\n\n")
    prose = "".join(f"{p}\n\n" for p in more.split("\n\n") if not p.startswith((" ", "Run", "python")))
    return (
        f"## {example.stem.replace('_', ' ').capitalize()}\n\n{first}\n\n{prose}"
        f"![{first}](gallery/{picture(example).name})\n\n"
        f"<details><summary>examples/{example.name}</summary>\n\n"
        f"```{{literalinclude}} ../../examples/{example.name}\n:language: python\n```\n\n</details>\n"
    )


def write() -> None:
    """The gallery, and what the teaching pages draw."""
    (MADE / "gallery").mkdir(parents=True, exist_ok=True)
    text = "\n".join([HEAD, *map(section, examples())])
    page = MADE / "gallery.md"
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")
    PAGES.mkdir(parents=True, exist_ok=True)
    for taught in sorted((HERE / "teaching").glob("*.md")):
        mark = MADE / f"{taught.stem}.made"
        if due(taught, mark):
            run([HERE / "blocks.py", "--here", taught], PAGES)
            mark.touch()


if __name__ == "__main__":
    write()
    print(f"{MADE}: {len(list(MADE.rglob('*.png')))} pictures")
