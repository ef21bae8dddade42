"""Runs the code that the documents show, and compares what it prints with what stands below it.

    python -m docs.blocks                    every page: what was run, what differs
    python -m docs.blocks docs/quickstart.md --write    puts what was printed below the blocks of a page

A page is one program in a process and an empty folder of its own. A block of ``python`` is a file of it, named as the
page or by ``<!-- as first.py -->`` above it; the ``text`` that follows is what it prints, with ``...`` for anything and
an error as its class and text. A block of ``sh`` runs the commands graphdiff, python, cc and ./ of that folder. Blocks
of other languages are files where they have a name. ``<!-- needs torch -->`` above a block: it runs where that package
is; ``<!-- loosely -->``: its numbers may be others. ``<!-- setup`` to ``-->`` is code that is run and not shown. Cells
of notebooks run, and are compared with nothing: the site shows what they gave. Must not know: any particular page.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import linecache
import math
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^(?P<ticks>```+)(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=ticks) *$", re.MULTILINE | re.DOTALL)
SETUP = re.compile(r"^<!-- setup\n(?P<body>.*?)^-->", re.MULTILINE | re.DOTALL)
RUN = ("graphdiff ", "python ", "cc ", "./")
"""Commands that are run. Others install, or start what a test has no place for."""


@dataclass
class Block:
    """A piece of a page: its language, text and place, and what must be printed: None where nothing is said."""

    language: str
    source: str
    start: int
    end: int
    name: str = ""
    needs: tuple[str, ...] = ()
    loosely: bool = False
    expected: str | None = None
    expected_at: tuple[int, int] | None = None

    @property
    def missing(self) -> list[str]:
        return [package for package in self.needs if importlib.util.find_spec(package) is None]


def blocks(text: str) -> list[Block]:
    """The blocks of a page in their order, each with the output that follows it."""
    found: list[Block] = []
    for match in sorted([*FENCE.finditer(text), *SETUP.finditer(text)], key=lambda m: m.start()):
        info = match.groupdict().get("info")
        language = "setup" if info is None else (info.split() or [""])[0]
        if language.startswith("{") and language != "{code-cell}":
            continue  # a directive, not code
        between = text[found[-1].end : match.start()] if found else text[: match.start()]
        body = match["body"]
        if language == "{code-cell}":
            body = re.sub(r"\A(:.*\n)+", "", body)
        follows = bool(found) and found[-1].language in ("python", "sh") and not between.strip()
        if language == "text" and follows and found[-1].expected is None:
            found[-1].expected, found[-1].expected_at = body, match.span()
            continue
        above = "".join(re.findall(r"(?:<!--[^\n]*-->\n)+\Z", between))
        named = re.search(r"<!-- as (\S+) -->", above)
        needs = re.search(r"<!-- needs (.+?) -->", above)
        packages = tuple(needs[1].split(", ")) if needs else ()
        loosely = "<!-- loosely -->" in above
        name = named[1] if named else ""
        found.append(Block(language, body, match.start(), match.end(), name, packages, loosely))
    return found


NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*(?:e[-+]?\d+)?|e[-+]?\d+)")


def agrees(printed: str, expected: str, loosely: bool = False) -> bool:
    """Whether that is what was to be printed, spaces at the ends of lines and ``...`` aside.

    Numbers with a point agree to 1e-4 of their size or 1e-6: their last digits are the processor's. ``loosely``: any
    numbers do, which are the compiler's of the day.
    """
    if loosely:
        printed, expected = (re.sub(r"\d[\d,]*(?:\.\d+)?", "1", re.sub(r" +", " ", t)) for t in (printed, expected))
    told, wanted = ("\n".join(line.rstrip() for line in text.strip("\n").splitlines()) for text in (printed, expected))
    numbers = [float(n) for part in wanted.split("...") for n in NUMBER.findall(part)]
    pattern = ".*?".join(_pattern(part) for part in wanted.split("..."))
    match = re.fullmatch(pattern, told, re.DOTALL)
    return match is not None and all(
        math.isclose(float(a), b, rel_tol=1e-4, abs_tol=1e-6) for a, b in zip(match.groups(), numbers)
    )


def _pattern(text: str) -> str:
    """An expression for a text in which each number with a point is a group."""
    return f"({NUMBER.pattern})".join(map(re.escape, NUMBER.split(text)))


def printed_by(block: Block, file: str, space: dict[str, Any]) -> str:
    """What a block of Python prints, run in a namespace as a file; an error is its class and its text."""
    out = io.StringIO()
    linecache.cache[file] = (len(block.source), None, block.source.splitlines(keepends=True), file)
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(block.source, file, "exec"), space)
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return out.getvalue()


def printed_by_commands(block: Block) -> tuple[str, bool]:
    """What the commands of a block print, those that are run, and whether they all came to a good end."""
    told, good = "", True
    for line in block.source.replace("\\\n", "").splitlines():
        if line.startswith(RUN):
            line = re.sub(r"^graphdiff ", "python -m graphdiff ", line)
            line = re.sub(r"^python ", lambda _: f"{sys.executable} ", line)
            done = subprocess.run(line, shell=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            told += done.stdout + (done.stderr if done.returncode else "")
            good = good and done.returncode == 0
    return told, good


def outcomes(page: Path) -> Iterator[tuple[Block, str, str]]:
    """Each block of a page that is run, here and now: ``ran``, ``skipped`` or ``differs``, and what it printed."""
    space: dict[str, Any] = {"__name__": "__main__"}
    sys.modules["__main__"].__dict__.update(space)
    files: Counter[str] = Counter()
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.name:
            Path(block.name).parent.mkdir(parents=True, exist_ok=True)
            Path(block.name).write_text(block.source, encoding="utf-8")
        if block.missing:
            yield block, "skipped", f"needs {', '.join(block.missing)}"
        elif block.language in ("python", "setup", "{code-cell}"):
            told = printed_by(block, block.name or f"{page.stem}.py", space)
            free = block.language == "{code-cell}" and not re.search(r"^\w+(Error|Mismatch): ", told, re.MULTILINE)
            yield block, "ran" if free or agrees(told, block.expected or "", block.loosely) else "differs", told
        elif block.language == "sh" and any(line.startswith(RUN) for line in block.source.splitlines()):
            told, good = printed_by_commands(block)
            same = block.expected is None or agrees(told, block.expected, block.loosely)
            yield block, "ran" if good and same else "differs", told
        files[block.language] += 1


def run_page(page: Path, write: bool) -> int:
    """Runs a page in this process and folder; prints what was run and what differs."""
    text, counts, edits = page.read_text(encoding="utf-8"), Counter[str](), []
    for block, outcome, told in outcomes(page):
        counts[outcome] += block.language != "setup"
        counts["compared"] += outcome == "ran" and block.expected is not None
        if outcome == "differs":
            line = text.count("\n", 0, block.start) + 1
            print(f"{page.name}:{line}: printed\n{told}\nnot\n{block.expected or ''}")
            if write and block.language in ("python", "sh"):
                shown = f"```text\n{told.rstrip()}\n```"
                edits.append(
                    (block.expected_at or (block.end, block.end), shown if block.expected_at else f"\n\n{shown}")
                )
    for (start, end), shown in reversed(edits):
        text = text[:start] + shown + text[end:]
    if edits:
        page.write_text(text, encoding="utf-8")
    print(f"{page.name}: {counts['ran']} run, {counts['compared']} compared, {counts['skipped']} skipped")
    return 1 if counts["differs"] else 0


def pages() -> list[Path]:
    """README and every page of docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--write", action="store_true", help="put what was printed below the blocks")
    parser.add_argument("--here", action="store_true", help="one page, in this process and folder")
    given = parser.parse_args()
    if given.here:
        return run_page(given.pages[0], given.write)
    failed = 0
    place = os.pathsep.join(
        filter(
            None, [str(ROOT) if any(ROOT.glob("graphdiff/runtime/_core.*")) else "", os.environ.get("PYTHONPATH", "")]
        )
    )
    environment = {**os.environ, "PYTHONPATH": place, "MPLBACKEND": "agg", "GRAPHDIFF_RATES": "nominal"}
    for page in given.pages or pages():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--here", str(page.resolve()), *["--write"] * given.write]
            failed += subprocess.run(command, cwd=folder, env=environment, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
