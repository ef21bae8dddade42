"""Compare derivatives of a target with finite differences.

Must not know: how derivatives are checked.
"""

import argparse
import sys
from typing import Any

import graphdiff as gd

from ..errors import GradientMismatch, GraphError
from . import target

EXAMPLES = """examples:
  graphdiff check train.py:loss --size batch=4         by all parameters, random inputs
  graphdiff check model:adj --feed batch.npz --order 1 by what the adjoint is of, inputs from a file
  graphdiff check model:loss --mode vjp                reverse mode alone, where an operation of your own has no jvp
  exit status: 0 they agree, 1 they do not, 2 it could not be tried
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `graphdiff check`."""
    parser.add_argument("target", metavar="TARGET", help=target.HELP)
    parser.add_argument("--mode", choices=("both", "vjp", "jvp"), default="both", help="of derivatives (%(default)s)")
    parser.add_argument("--order", type=int, choices=(1, 2), default=2, help="2: second derivatives too (%(default)s)")
    target.add_feed_arguments(parser)
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter


def run(args: argparse.Namespace) -> int:
    """Print the comparisons."""
    found = target.find(args.target)
    if isinstance(found, gd.Adjoint):
        graph = found.graph()
        loss: gd.Tensor | None = found.loss
        wrt: list[Any] = list(found._leaves)
    else:  # a Tensor as it was written: compiling leaves nothing of a derivative of its own
        graph = gd.inspect.whole_graph(found) if isinstance(found, gd.Tensor) else target.function_of(found).graph
        results = [v for v in graph.outputs if isinstance(v, gd.Tensor)]
        loss = next((v for v in results if not v.shape and v.dtype.kind == "f"), None)
        if loss is None and args.target.endswith(".onnx"):  # a network has no loss: the sum of all that it gives
            loss = sum((gd.sum(v * gd.cos(v)) for v in results if v.dtype.kind == "f"), gd.zeros(()))
        wrt = [p for p in graph.parameters if p.node.op.name == "parameter" and p.dtype.kind == "f"]
        wrt = wrt or [v for v in graph.inputs if v.dtype.kind == "f"]
    if loss is None:
        raise GraphError(f"{args.target} has no 0-d float result to differentiate")
    used = {v.name for v in gd.inspect.whole_graph(loss).inputs} | {v.name for v in wrt}
    feed = {name: a for name, a in target.feed_for(graph, args).items() if name in used}
    try:
        modes = ("vjp", "jvp") if args.mode == "both" else (args.mode,)
        print(gd.check_grad(loss, wrt, feed, order=args.order, modes=modes))
    except GradientMismatch as error:
        print(error.report)
        print(f"graphdiff check: {error}", file=sys.stderr)
        return 1
    return 0
