"""Train a small network on handwritten digits and show what is inside: plan, checks, adjoint graph.

Owns the story it tells, in the order it is told: data, network, training, memory against time, finite differences,
adjoint graph, report. Everything it prints is measured in this run.
"""

import argparse
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import graphdiff as gd

from .. import train
from ..files import write_file
from ..wording import count as counted
from ..wording import seconds_text

HIDDEN = (256, 256, 256)
LEARNING_RATE = 2e-3
CHECKPOINTS: dict[str, Any] = {"keep all": None, '"sqrt"': "sqrt", "Every(3)": gd.Every(3)}
CHECKED = 16  # samples in the finite-difference check
HEAD = 12  # nodes of the adjoint graph that are printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `graphdiff demo`."""
    parser.add_argument("--data", metavar="FILE", help=".npz or .csv to train on instead of the digits")
    parser.add_argument("--report", metavar="DIR", help="write texts and plots of the run there")
    parser.add_argument("--epochs", type=_positive, default=40, help="passes over the data (%(default)s)")
    parser.add_argument("--batch-size", type=_positive, default=64, help="samples in a step (%(default)s)")
    parser.add_argument("--seed", type=_natural, default=0, help="of the split, the start and the order (%(default)s)")


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not 0, 1, 2, ...")
    return int(text)


def _positive(text: str) -> int:
    if not _natural(text):
        raise argparse.ArgumentTypeError("0 is not 1, 2, 3, ...")
    return int(text)


@dataclass
class Network:
    """A multilayer perceptron with ReLU as a graph: its leaves, its logits, its loss and the loss's adjoint."""

    x: gd.Tensor
    t: gd.Tensor
    parameters: list[gd.Tensor]  # W1, b1, W2, b2, ...
    logits: gd.Tensor
    loss: gd.Tensor
    adjoint: gd.Adjoint

    @classmethod
    def declare(cls, sizes: list[int], seed: int) -> "Network":
        """Layers of these sizes, started by He's rule."""
        x = gd.input("x", shape=("batch", sizes[0]))
        t = gd.input("t", shape=("batch",), dtype="int64")
        parameters, h = [], x
        for k, shape in enumerate(pairwise(sizes), start=1):
            with gd.name_scope(f"layer{k}"):
                W = gd.parameter(f"W{k}", shape=shape, init=gd.init.he_normal(seed=seed + k))
                b = gd.parameter(f"b{k}", shape=shape[1:], init=gd.init.zeros())
                z = h @ W + b
                h = gd.nn.relu(z)
            parameters += [W, b]
        loss = gd.nn.cross_entropy(z, t)
        return cls(x, t, parameters, z, loss, gd.adjoint(loss, parameters))


def run(args: argparse.Namespace) -> int:
    """The demo; returns the exit code. Raises DataError and OSError for what cannot be read or written."""
    import tqdm

    report = _Report(Path(args.report)) if args.report else None
    data = train.read(args.data, args.seed) if args.data else train.digits(args.seed)
    print(
        f"data      {data.name}: {data.size:,} samples, {data.features} features, {len(data.classes)} classes; "
        f"{len(data.t_train):,} to train on, {len(data.t_test):,} to test with"
    )

    sizes = [data.features, *HIDDEN, len(data.classes)]
    net = Network.declare(sizes, args.seed)
    count = sum(p.value.size for p in net.parameters)
    print(f"network   {' → '.join(map(str, sizes))}, ReLU, {count:,} parameters")

    batch_size = min(args.batch_size, len(data.t_train))
    total = args.epochs * -(-len(data.t_train) // batch_size)
    start = time.perf_counter()
    step = _training_step(net, total)
    seconds = time.perf_counter() - start
    plan = step.plan_for(batch=batch_size)
    print(
        f"compiled  in {seconds_text(seconds)}: forward, backward and update in "
        f"{counted(len(plan.instructions), 'instruction')}"
    )

    with tqdm.tqdm(total=total, desc="training", unit="step", leave=False) as bar:
        history = train.fit(
            step,
            data.x_train,
            data.t_train,
            epochs=args.epochs,
            batch_size=batch_size,
            seed=args.seed,
            on_step=lambda _: bar.update(),
        )
    if history.interrupted:
        print(f"stopped   by Ctrl-C after {len(history.steps):,} of {total:,} steps; this is what there is")
    if history.steps:
        seconds = sum(s.seconds for s in history.steps)
        print(
            f"trained   {len(history.steps):,} steps of {batch_size} samples in {seconds:.2f} s; "
            f"a step takes {seconds_text(median(s.seconds for s in history.steps))} (median); "
            f"loss {history.steps[0].loss:.3f} → {history.steps[-1].loss:.4f}"
        )
    right = np.argmax(gd.compile([net.x], net.logits)(data.x_test), axis=1) == data.t_test
    print(f"accuracy  {right.mean():.2%} on the test part: {right.sum():,} of {right.size:,} right")

    if report is not None:
        report.write(net, plan.text(), history)
    if not history.interrupted:
        _show_checkpointing(net, data)
        _show_check(net, data)
    _show_adjoint(net)
    if report is not None:
        print(f"\nreport    {', '.join(report.files)} in {report.folder}")
    return 130 if history.interrupted else 0


def _training_step(net: Network, total: int) -> gd.Function:
    """The compiled step: loss and mean |gradient| of each weight out, Adam's updates in place.

    The learning rate falls linearly to nothing, as an expression of a counter that the step itself advances.
    """
    done = gd.state("done", value=np.float32(0))
    adam = gd.optim.Adam(LEARNING_RATE * (1 - done / total))
    flow = [gd.mean(gd.abs(g)) for g in net.adjoint.gradients[::2]]
    updates = adam.updates(net.parameters, net.adjoint.gradients) | {done: done + 1}
    return gd.compile([net.x, net.t], [net.loss, *flow], updates=updates, name="step")


def _show_checkpointing(net: Network, data: train.Dataset) -> None:
    """Arena and time of one gradient over all training samples, keeping all and recomputing."""
    n = len(data.t_train)
    print(f"\nmemory of a gradient over {n:,} samples at once, and its time")
    kept, least = None, 0.0
    for name, checkpoint in CHECKPOINTS.items():
        f = gd.compile([net.x, net.t], [net.loss, *net.adjoint.gradients], checkpoint=checkpoint)
        results = f(data.x_train, data.t_train)
        kept = kept or results
        equal = all(np.array_equal(a, b) for a, b in zip(kept, results))
        milliseconds = _milliseconds(partial(f, data.x_train, data.t_train))
        least = least or milliseconds
        line = f"  {name:9s} {f.plan_for(batch=n).arena_bytes:12,} bytes {milliseconds:8.2f} ms"
        if checkpoint is not None:
            line += f"  {milliseconds / least - 1:+.0%} time; gradients bitwise {'equal' if equal else 'DIFFERENT'}"
        print(line)


def _milliseconds(call: Callable[[], Any], repeats: int = 7) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return median(seconds) * 1e3


def _show_check(net: Network, data: train.Dataset) -> None:
    """Finite differences of the loss by every parameter as trained, on a few samples."""
    feed = {net.x: data.x_train[:CHECKED], net.t: data.t_train[:CHECKED]}
    print(f"\ngradient of {CHECKED} samples' loss against centred finite differences")
    print(textwrap.indent(str(gd.check_grad(net.loss, net.parameters, feed, order=1)), "  "))


def _show_adjoint(net: Network) -> None:
    adjoint = net.adjoint
    print(f"\nadjoint   {len(adjoint.forward)} nodes forward, {len(adjoint.backward)} backward; it begins")
    for node in adjoint.backward[:HEAD]:
        print(f"  {adjoint.explain(node)}")


class _Report:
    """The folder of `--report`. Made, and what draws in it imported, before the training either could cost."""

    def __init__(self, folder: Path):
        import matplotlib

        matplotlib.use("agg")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.files: list[str] = []

    def write(self, net: Network, plan: str, history: train.History) -> None:
        """Write all files; a history without steps has nothing to plot."""
        adjoint = net.adjoint
        explained = "\n".join(str(adjoint.explain(node)) for node in adjoint.backward)
        self._text("adjoint.txt", f"{adjoint.text()}\n\nEach node of the adjoint, explained\n\n{explained}\n")
        self._text("plan.txt", f"{plan}\n")
        if history.steps:
            self._plot("loss.png", {"loss": [s.loss for s in history.steps]}, "loss")
            layers = zip(*(s.measures for s in history.steps))
            names = (p.name for p in net.parameters[::2])
            self._plot("gradient_flow.png", dict(zip(names, layers)), "mean |gradient|")

    def _text(self, name: str, text: str) -> None:
        write_file(self.folder / name, text)
        self.files.append(name)

    def _plot(self, name: str, curves: dict[str, Any], label: str) -> None:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(figsize=(8, 5))
        for curve, values in curves.items():
            axes.semilogy(np.arange(1, len(values) + 1), values, label=curve, linewidth=0.8)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.legend()
        write_file(self.folder / name, lambda file: figure.savefig(file, dpi=120))
        plt.close(figure)
        self.files.append(name)
