"""Show a graph, an adjoint or a compiled function: its text, its plan, or a page to walk through it.

Must not know: how any of them is drawn.
"""

import argparse

import graphdiff as gd

from ..inspect.html import function_to_html
from ..inspect.picture import whole_graph
from . import target

EXAMPLES = """examples:
  graphdiff inspect train.py:step                      the text of a compiled function's graph
  graphdiff inspect model:adj --html adjoint.html      an adjoint as a page
  graphdiff inspect train.py:step --html step.html --size batch=32
                                                       with every value, for random inputs
  graphdiff inspect step.gd --plan --size batch=32     every instruction with its place in the arena
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `graphdiff inspect`."""
    parser.add_argument("target", metavar="TARGET", help=target.HELP)
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page")
    parser.add_argument("--text", action="store_true", help="print the text (done where nothing else is asked for)")
    parser.add_argument("--plan", action="store_true", help="print the plan")
    target.add_feed_arguments(parser)
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter


def run(args: argparse.Namespace) -> int:
    """Print or write what was asked for."""
    found = target.find(args.target)
    if args.text or not (args.plan or args.html):
        print((found if isinstance(found, gd.Adjoint) else whole_graph(found)).text())
    told = args.feed is not None or bool(args.size)
    if isinstance(found, gd.Graph) and told:  # a text has no values of parameters; a function is given some
        found = target.function_of(found)
    f = target.function_of(found) if args.plan or isinstance(found, gd.Function) else None
    if args.plan and f is not None:
        feed = target.feed_for(f.graph, args)
        _, key = f._prepare_call((), feed)
        print(f.plan_for(**dict(zip(f._compiled.names, key))).text())
    if args.html:
        if f is not None and isinstance(found, gd.Function):
            function_to_html(f, args.html, **(target.feed_for(f.graph, args) if told else {}))
        else:
            graph = found.graph() if isinstance(found, gd.Adjoint) else whole_graph(found)
            found.to_html(args.html, feed=target.feed_for(graph, args) if told else None)
        print(f"wrote {args.html}")
    return 0
