"""Write a compiled function as plain C: forward, backward and updates.

Must not know: how C is written.
"""

import argparse

from . import target

EXAMPLES = """examples:
  graphdiff export-c train.py:step firmware --size batch=1
  graphdiff export-c step.gd firmware --name model --values --size batch=32
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `graphdiff export-c`."""
    parser.add_argument("target", metavar="TARGET", help=target.HELP)
    parser.add_argument("folder", metavar="FOLDER", help="where the files go; made if it is not there")
    parser.add_argument("--name", metavar="NAME", help="the C function (the target's name unless given)")
    parser.add_argument("--values", action="store_true", help="write what parameters and states hold, too")
    target.add_size_argument(parser, "the size of a named dimension")
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter


def run(args: argparse.Namespace) -> int:
    """Write the files and print their paths."""
    f = target.function_of(target.find(args.target))
    for path in f.export_c(args.folder, args.name or f.name, values=args.values, **dict(args.size)):
        print(path)
    return 0
