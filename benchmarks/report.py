"""What every benchmark leaves behind: ``NAME.json``, ``NAME.md`` and, where there is a chart, ``NAME.png``.

Must not know: what was measured.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def processor() -> str:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), platform.processor())


def time_text(us: float) -> str:
    """Microseconds, with the unit that suits them."""
    return f"{us / 1e6:,.2f} s" if us >= 1e6 else f"{us / 1000:,.2f} ms" if us >= 1000 else f"{us:,.2f} µs"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table whose first ``left`` columns are words and the others numbers."""
    rule = ["---" if i < left else "--:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *rows))


def write(name: str, rows: Any, text: str, folder: Path = FOLDER) -> Path:
    """Writes ``rows`` as JSON and ``text`` as Markdown; gives where a chart would lie."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"processor": processor(), "rows": rows}, indent=1) + "\n")
    (folder / f"{name}.md").write_text(f"{text}\n")
    return folder / f"{name}.png"
