"""The command `graphdiff`: one module for each subcommand, which adds its arguments and runs.

Owns what all of them share: exit codes and how errors are told. 0 is success; 1 is a difference found (diff, check);
2 is something the caller can mend, told without a traceback; 130 is Ctrl-C and 141 that nobody reads on, as shells
have them.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import graphdiff as gd

from ..errors import GraphdiffError
from ..files import let_go_of_output
from . import check, demo, diff, export_c, inspect, onnx, profile, train

COMMANDS: dict[str, Any] = {
    "inspect": inspect,
    "check": check,
    "profile": profile,
    "diff": diff,
    "demo": demo,
    "train": train,
    "onnx": onnx,
    "export-c": export_c,
}
# What an optional package is called by pip, and which extra of graphdiff brings it.
EXTRAS = {"sklearn": ("scikit-learn", "demo"), "matplotlib": ("matplotlib", "demo"), "tqdm": ("tqdm", "demo")} | {
    "onnx": ("onnx", "onnx")
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (those of the process unless given) and return its exit code."""
    parser = argparse.ArgumentParser(prog="graphdiff", description="A compiled static-graph differentiator.")
    parser.add_argument("--version", action="version", version=f"graphdiff {gd.__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        module.add_arguments(subparsers.add_parser(name, help=summary, description=summary))
    args = parser.parse_args(argv)
    try:
        code: int = COMMANDS[args.command].run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        let_go_of_output()
        return 141
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        package, extra = EXTRAS.get((error.name or "").partition(".")[0], ("", ""))
        if not package:
            raise
        message = f"{package} is needed and not installed: pip install 'graphdiff[{extra}]'"
    except GraphdiffError as error:
        message = str(error)
    except MemoryError as error:
        message = str(error) or "not enough memory"
    except OSError as error:
        if error.errno is None:
            raise
        message = f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror}"
        let_go_of_output()
    print(f"graphdiff {args.command}: {message}", file=sys.stderr)
    return 2
