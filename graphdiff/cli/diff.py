"""Compare two graphs node by node: what was added, removed or changed, and what it costs.

Must not know: how graphs are compared.
"""

import argparse

import graphdiff as gd

from . import target

EXAMPLES = """examples:
  graphdiff diff old.gd new.gd                 two saved functions
  graphdiff diff old.gd new.gd --size batch=32 with flops and arena bytes at that size
  graphdiff diff golden/step.txt train.py:step the text in the repository and what a script builds now
  exit status: 0 the graphs are the same, 1 they differ, 2 one could not be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `graphdiff diff`."""
    parser.add_argument("before", metavar="A", help=target.HELP)
    parser.add_argument("after", metavar="B", help="the same")
    target.add_size_argument(parser, "the size of a named dimension, for flops and arena bytes")
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter


def run(args: argparse.Namespace) -> int:
    """Print the difference; 1 if there is one, as diff does."""
    graphs = target.graph_of(args.before), target.graph_of(args.after)
    found = gd.inspect.diff(*graphs, args.before, args.after, dict(args.size))
    print(found)
    return 0 if found.same else 1
