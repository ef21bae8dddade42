"""Time a target, instruction by instruction.

Must not know: how time is measured.
"""

import argparse

from . import target

EXAMPLES = """examples:
  graphdiff profile train.py:step --size batch=64
  graphdiff profile step.gd --feed batch.npz --calls 100 --trace step.json
Calls are real ones: updates happen, in this process alone.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `graphdiff profile`."""
    parser.add_argument("target", metavar="TARGET", help=target.HELP)
    parser.add_argument("--calls", type=_positive, default=20, help="how many calls to average (%(default)s)")
    parser.add_argument("--trace", metavar="FILE", help="write a trace that chrome://tracing and Perfetto open")
    target.add_feed_arguments(parser)
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1, 2, 3, ...")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    f = target.function_of(target.find(args.target))
    profile = f.profile(calls=args.calls, **target.feed_for(f.graph, args))
    print(profile)
    if args.trace:
        profile.write_trace(args.trace)
    return 0
