"""Show what a model of ONNX is, or fine-tune it and write it back.

Must not know: how models are read, trained or written.
"""

import argparse
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

import graphdiff as gd

from ..errors import GraphError
from ..interop.onnx.facts import facts
from ..ir.dims import Dim, names_of
from ..spelling import did_you_mean
from ..wording import count
from . import target

EXAMPLES = """examples:
  graphdiff onnx net.onnx                              operators, parameters, flops and memory
  graphdiff onnx net.onnx --size h=224 --size w=224    where other sizes than the batch's have names
  graphdiff onnx net.onnx --shape image=n,3,32*h,32*w --constant sr=16000
  graphdiff onnx net.onnx --train data.npz --out tuned.onnx --loss cross_entropy --optimizer Adam --rate 1e-3 \\
      --trainable 'head.*' --epochs 5 --batch-size 32 --memory-limit 64MB
  data.npz has an array for each input, by name, and one of targets; all have the samples along their first axis
"""
LOSSES = ("cross_entropy", "nll", "mse", "l1", "huber", "binary_cross_entropy", "binary_cross_entropy_with_logits")
NEWEST = 21  # opset that a trained model is written in, if its own is no older
BATCHES = (1, 8, 64)  # at which flops and memory are told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `graphdiff onnx`."""
    parser.add_argument("file", metavar="FILE", help="a model of ONNX")
    parser.add_argument("--shape", metavar="INPUT=SIZES", action="append", default=[], type=_pair, help="of an input")
    parser.add_argument("--constant", metavar="INPUT=N", action="append", default=[], type=_pair, help="its value")
    target.add_size_argument(parser, "a named size, for flops and memory")
    parser.add_argument("--train", metavar="DATA.npz", help="fine-tune on these arrays")
    parser.add_argument("--out", metavar="NEW", help="write the trained model there")
    parser.add_argument("--loss", choices=LOSSES, default="cross_entropy", help="(%(default)s)")
    parser.add_argument("--optimizer", default="Adam", metavar="NAME", help="of gd.optim (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="of learning (%(default)s)")
    parser.add_argument("--output", metavar="NAME", help="what is trained; the first unless given")
    parser.add_argument("--trainable", metavar="PATTERN", action="append", help="which weights move; all unless given")
    parser.add_argument("--epochs", type=_positive, default=1, help="(%(default)s)")
    parser.add_argument("--batch-size", type=_positive, default=32, help="(%(default)s)")
    parser.add_argument("--memory-limit", metavar="BYTES", help="of a step, as 64MB")
    parser.add_argument("--seed", type=int, default=0, help="of the order of samples (%(default)s)")
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not like image=n,3,32*h,32*w")
    return name, value


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1, 2, 3, ...")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Prints the facts, or trains. Raises GraphdiffError and OSError."""
    if args.train is None:
        return _show(args)
    if args.out is None:
        raise GraphError("--train needs --out, where the trained model is written")
    return _train(args)


def _load(args: argparse.Namespace, trainable: Any = True) -> Any:
    shapes = {
        name: tuple(s if not s.lstrip("-").isdecimal() else int(s) for s in v.split(",")) for name, v in args.shape
    }
    try:
        constants = {name: np.asarray([float(e) for e in v.split(",")]) for name, v in args.constant}
    except ValueError:
        raise GraphError("--constant is INPUT=NUMBER, or several numbers with commas between") from None
    for name, a in constants.items():
        whole = a.astype(np.int64) if (a == np.round(a)).all() else a
        constants[name] = whole[0] if whole.size == 1 else whole
    return gd.interop.onnx.load(args.file, shapes=shapes, constants=constants)


# --------------------------------------------------------------------------------------- what it is
def _show(args: argparse.Namespace) -> int:
    found = facts(args.file)
    total = sum(found.operators.values())
    print(f"{found.label}  opset {found.opset}")
    print(f"operators     {total}: {', '.join(f'{name} {n}' for name, n in found.operators.items())}")
    if found.unsupported:
        print(f"unsupported   {', '.join(f'{name} {n}' for name, n in found.unsupported.items())}")
        return 1
    if found.shared:
        listed = ", ".join(f"{name} {n} times" for name, n in found.shared.items())
        print(f"shared        {listed}: training ties what uses one (exporters merge equal arrays)")
    m = _load(args)
    for what, tensors in (("inputs", m.inputs), ("outputs", m.outputs)):
        for name, t in tensors.items():
            print(f"{what:12}  {name}: {t.dtype.name}[{', '.join(map(str, t.shape))}]")
    sizes = [int(np.prod(p.shape, dtype=np.int64)) for p in m.parameters.values()]
    print(f"parameters    {len(sizes)} of {count(sum(sizes), 'element')}; {count(len(m.states), 'state')}")
    f = gd.compile(list(m.inputs.values()), list(m.outputs.values()), name=found.label)
    for told, plan in _plans(f, dict(args.size)):
        print(f"{told:12}  {plan.flops:,} flops, arena {plan.arena_bytes:,} bytes")
    return 0


def _plans(f: gd.Function, sizes: dict[str, int]) -> list[tuple[str, Any]]:
    """Plans at some sizes of the batch, where it has a name, and those that were given for the others."""
    names = list(dict.fromkeys(n for v in f.graph.inputs for s in v.shape for n in sorted(names_of(s))))
    open_ = [n for n in names if n not in sizes]
    if not names:
        return [("a call", f.plan)]
    first = {str(v.shape[0]) for v in f.graph.inputs if v.shape and isinstance(v.shape[0], Dim)}
    batch = next((n for n in open_ if n in first), None)
    if [n for n in open_ if n != batch]:
        missing = " ".join(f"--size {n}=N" for n in open_ if n != batch)
        print(f"flops, memory give {missing}")
        return []
    if batch is None:
        return [("a call", f.plan_for(**sizes))]
    return [(f"{batch}={n}", f.plan_for(**sizes, **{batch: n})) for n in BATCHES]


# --------------------------------------------------------------------------------------- training
def _train(args: argparse.Namespace) -> int:
    m = _load(args)
    weights = _weights(args, m.parameters)
    name = args.output or next(iter(m.outputs))
    if name not in m.outputs:
        raise GraphError(f"{args.file} has no output {name!r}{did_you_mean(name, m.outputs)}")
    data = target.arrays(args.train)
    feeds = {n: data.pop(n) for n in list(m.inputs) if n in data}
    missing = [n for n in m.inputs if n not in feeds]
    if missing or len(data) != 1:
        told = f"it has {', '.join([*feeds, *data]) or 'nothing'}"
        raise GraphError(f"{args.train} has an array for each of {', '.join(m.inputs)} and one of targets; {told}")
    ((told, targets),) = data.items()
    rows = len(targets) if targets.ndim else 0
    if any(a.ndim == 0 or len(a) != rows for a in feeds.values()) or not rows:
        raise GraphError(f"{args.train}: arrays of different numbers of samples")
    step = _step(args, m, weights, m.outputs[name], told, targets)
    rng = np.random.default_rng(args.seed)
    size = min(args.batch_size, rows)
    for epoch in range(args.epochs):
        order = rng.permutation(rows)
        losses = []
        for at in range(0, rows - size + 1, size):
            here = order[at : at + size]
            losses.append(float(step(*(a[here] for a in feeds.values()), targets[here])))
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.6f}")
    gd.interop.onnx.save(args.out, m.inputs, m.outputs, opset=min(facts(args.file).opset, NEWEST))
    print(f"wrote {args.out}")
    return 0


def _weights(args: argparse.Namespace, parameters: dict[str, gd.Tensor]) -> list[gd.Tensor]:
    """Those that move. Raises GraphError for a pattern that fits none."""
    for pattern in args.trainable or ():
        if not any(fnmatchcase(name, pattern) for name in parameters):
            raise GraphError(f"{args.file}: {pattern!r} fits no weight{did_you_mean(pattern, parameters)}")
    found = [p for n, p in parameters.items() if any(fnmatchcase(n, q) for q in args.trainable or "*")]
    if not found:
        raise GraphError(f"{args.file} has no weights that could be trained")
    return found


def _step(
    args: argparse.Namespace, m: Any, weights: list[gd.Tensor], y: gd.Tensor, name: str, targets: np.ndarray
) -> gd.Function:
    """A step of training: the loss of a batch, and the updates."""
    optimizers: dict[str, Callable[..., Any]] = {
        n: c
        for n in gd.optim.__all__
        if isinstance(c := getattr(gd.optim, n), type) and issubclass(c, gd.optim.Optimizer)
    }
    if args.optimizer not in optimizers:
        near = did_you_mean(args.optimizer, optimizers)
        raise GraphError(f"there is no optimizer {args.optimizer!r}{near}; there are {', '.join(sorted(optimizers))}")
    labels = targets.dtype.kind in "iub"
    dtype = np.dtype(np.int64) if labels and args.loss in ("cross_entropy", "nll") else y.dtype
    batch = next((v.shape[0] for v in m.inputs.values() if v.shape), args.batch_size)
    t = gd.input(name if name not in m.inputs else f"{name}_target", (batch, *targets.shape[1:]), dtype)
    loss = getattr(gd.nn, args.loss)(y, t)
    updates = dict(optimizers[args.optimizer](args.rate).updates(weights, gd.grad(loss, weights)))
    key = m.states.get("random_key")
    if key is not None:
        updates[key] = key + 1000
    return gd.compile([*m.inputs.values(), t], loss, updates=updates, memory_limit=args.memory_limit, name="step")
