"""``python -m benchmarks.memory arena|models|peers|remat ...``: one part of the measurements; each has ``--help``."""

from __future__ import annotations

import importlib
import sys

PARTS = ("arena", "models", "peers", "remat")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
        sys.exit(f"usage: python -m benchmarks.memory {'|'.join(PARTS)} [--help]")
    importlib.import_module(f".{sys.argv[1]}", __package__).main(sys.argv[2:])


if __name__ == "__main__":
    main()
