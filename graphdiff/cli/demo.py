"""Train a small network on handwritten digits and show what is inside: plan, memory, checks, adjoint graph.

Owns the story it tells, in the order it is told: data, network, training, finite differences, adjoint graph, memory
against time in a deep network, report. Everything it prints is measured in this run.
"""

import argparse
import textwrap
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import graphdiff as gd

from .. import layers as L
from .. import train
from ..files import write_file
from ..wording import count as counted
from ..wording import seconds_text

HIDDEN = (256, 256)
LEARNING_RATE = 2e-3
CHECKED = 16  # samples in the finite-difference check
HEAD = 12  # nodes of the adjoint graph that are printed
DEPTH, WIDTH, ROWS = 40, 64, 512  # of the network whose memory is shown: blocks, features, samples
LIMITS = (0.7, 0.5, 0.3)  # of the memory that keeping all takes
SEARCH_SECONDS = 0.4  # for the schedule of each limit
ROUNDS = 7  # of measured calls


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


def network(features: int, classes: int, seed: int) -> L.Sequential:
    """Linear layers, all but the last one normalised, with ReLU and dropout."""
    layers: list[Any] = []
    for width in HIDDEN:
        layers += [L.Linear(features, width, init=gd.init.he_normal), L.BatchNorm(width), gd.nn.relu, L.Dropout(0.1)]
        features = width
    return L.Sequential(*layers, L.Linear(features, classes), seed=seed)


class Graph:
    """The network's inference graph: its leaves, its loss and the loss's adjoint."""

    def __init__(self, model: L.Layer, features: int):
        self.x = gd.input("x", shape=("batch", features))
        self.t = gd.input("t", shape=("batch",), dtype="int64")
        self.parameters = list(model.parameters.values())
        self.loss = gd.nn.cross_entropy(model(self.x), self.t)
        self.adjoint = gd.adjoint(self.loss, self.parameters)


def run(args: argparse.Namespace) -> int:
    """The demo; returns the exit code. Raises DataError and OSError for what cannot be read or written."""
    report = _Report(Path(args.report)) if args.report else None
    data = train.read(args.data, args.seed) if args.data else train.digits(args.seed)
    print(
        f"data      {data.name}: {data.size:,} samples, {data.features} features, {len(data.classes)} classes; "
        f"{len(data.t_train):,} to train on, {len(data.t_test):,} to test with"
    )
    model = network(data.features, len(data.classes), args.seed)
    sizes = " → ".join(map(str, (data.features, *HIDDEN, len(data.classes))))
    count = sum(p.value.size for p in model.parameters.values())
    print(f"network   {sizes}, batch norm, ReLU, dropout, {count:,} parameters")

    batch_size = min(args.batch_size, len(data.t_train))
    batches = len(data.t_train) // batch_size  # a smaller last one would be of few samples to normalise by
    total = args.epochs * batches
    rate = gd.optim.schedules.one_cycle(LEARNING_RATE, total) if total > 1 else LEARNING_RATE
    flow = train.GradientFlow()
    trainer = train.Trainer(
        model, gd.nn.cross_entropy, gd.optim.Adam(rate), metrics={"accuracy": train.metrics.accuracy}, seed=args.seed
    )
    timed = _Timed()
    interrupted = False
    try:
        trainer.fit(
            data,
            epochs=args.epochs,
            batch_size=batch_size,
            callbacks=[flow, timed] if report else [timed],
            drop_last=True,
        )
    except KeyboardInterrupt:
        interrupted = True
        print(f"stopped   by Ctrl-C after {trainer.step:,} of {total:,} steps; this is what there is")
    if timed.losses:
        instructions = trainer.training_step.plan_for(batch=batch_size).instructions
        print(
            f"compiled  forward, backward and update in {counted(len(instructions), 'instruction')}; "
            f"with the first step in {seconds_text(timed.first)}"
        )
        print(
            f"trained   {trainer.step:,} steps of {batch_size} samples in {timed.seconds:.2f} s; "
            f"a step takes {seconds_text(timed.step)} (median); "
            f"loss {timed.losses[0]:.3f} → {timed.losses[-1]:.4f}"
        )
    share = trainer.evaluate(data)["accuracy"]
    n = len(data.t_test)
    print(f"accuracy  {share:.2%} on the test part: {round(share * n):,} of {n:,} right")

    graph = Graph(model, data.features)
    if report is not None:
        report.write(graph, trainer, flow, batch_size)
    if not interrupted:
        _show_check(graph, data)
        _show_memory()
    _show_adjoint(graph)
    if report is not None:
        print(f"\nreport    {', '.join(report.files)} in {report.folder}")
    return 130 if interrupted else 0


class _Timed(train.Callback):
    """The losses of all steps and the time from each to the next."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self._ends: list[float] = []

    def on_fit_begin(self, trainer: train.Trainer) -> None:
        self._start = time.perf_counter()

    def on_batch_end(self, trainer: train.Trainer, logs: Any) -> None:
        self._ends.append(time.perf_counter())
        self.losses.append(logs["loss"])

    @property
    def first(self) -> float:
        return self._ends[0] - self._start

    @property
    def seconds(self) -> float:
        return self._ends[-1] - self._ends[0]

    @property
    def step(self) -> float:
        return median(np.diff(self._ends)) if len(self._ends) > 1 else 0.0


def _show_memory() -> None:
    """Arena and time of a training step of a deep network, keeping all, under limits, and recomputing by segments."""
    layers = [L.Residual(L.Linear(WIDTH, WIDTH), gd.tanh) for _ in range(DEPTH)]
    model = L.Sequential(*layers, seed=0)
    x, t = gd.input("x", (ROWS, WIDTH)), gd.input("t", (ROWS, WIDTH))
    loss = gd.nn.mse(model(x), t)
    parameters = list(model.parameters.values())
    gradients = gd.grad(loss, parameters)
    updates = gd.optim.SGD(0.0).updates(parameters, gradients)  # at a rate of 0 all begin and end alike
    rng = np.random.default_rng(0)
    feeds = [rng.normal(size=(ROWS, WIDTH)).astype(np.float32) for _ in range(2)]

    def compiled(**how: Any) -> gd.Function:
        return gd.compile([x, t], [loss, *gradients], updates, plan_seconds=SEARCH_SECONDS, **how)

    functions = {"keep all": compiled()}
    most = functions["keep all"].plan.arena_bytes
    for share in LIMITS:
        functions[f"memory_limit {share:.0%}"] = compiled(memory_limit=int(share * most))
    functions['checkpoint="sqrt"'] = compiled(checkpoint="sqrt")
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    results = {name: f(*feeds) for name, f in functions.items()}
    for _ in range(ROUNDS):  # in turns, so that what else the machine does is shared by all
        for name, f in functions.items():
            start = time.perf_counter()
            f(*feeds)
            seconds[name].append(time.perf_counter() - start)
    print(f"\nmemory of a training step of {DEPTH} residual layers of {WIDTH}, {ROWS} samples, and its time")
    least = median(seconds["keep all"])
    for name, f in functions.items():
        bytes_, time_ = f.plan.arena_bytes, median(seconds[name])
        line = f"  {name:17s} {bytes_:11,} bytes {bytes_ / most:5.0%} {time_ * 1e3:8.2f} ms {time_ / least - 1:+5.0%}"
        equal = all(np.array_equal(a, b) for a, b in zip(results["keep all"], results[name]))
        print(line + ("" if name == "keep all" else f"  gradients bitwise {'equal' if equal else 'DIFFERENT'}"))


def _show_check(graph: Graph, data: train.Dataset) -> None:
    """Finite differences of the loss by every parameter as trained, on a few samples."""
    feed = {graph.x: data.x_train[:CHECKED], graph.t: data.t_train[:CHECKED]}
    print(f"\ngradient of {CHECKED} samples' loss against centred finite differences")
    print(textwrap.indent(str(gd.check_grad(graph.loss, graph.parameters, feed, order=1)), "  "))


def _show_adjoint(graph: Graph) -> None:
    adjoint = graph.adjoint
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

    def write(self, graph: Graph, trainer: train.Trainer, flow: train.GradientFlow, batch_size: int) -> None:
        """Write all files; a run without steps has nothing to plot."""
        adjoint = graph.adjoint
        explained = "\n".join(str(adjoint.explain(node)) for node in adjoint.backward)
        self._text("adjoint.txt", f"{adjoint.text()}\n\nEach node of the adjoint, explained\n\n{explained}\n")
        if trainer.step:
            self._text("plan.txt", f"{trainer.training_step.plan_for(batch=batch_size).text()}\n")
            trainer.history.plot(self.folder / "loss.png")
            flow.flow.plot(self.folder / "gradient_flow.png")
            self.files += ["loss.png", "gradient_flow.png"]

    def _text(self, name: str, text: str) -> None:
        write_file(self.folder / name, text)
        self.files.append(name)
