"""Train a classifier that a TOML file describes: data, layers, optimiser, schedule, report.

Owns what such a file may say. Calls in it are read, not run: a name of gd.layers, gd.nn, gd.optim or its schedules,
with numbers, texts and the words ``features``, ``classes``, ``epochs`` and ``steps``.
Must not know: how a model is trained.
"""

import argparse
import ast
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import graphdiff as gd

from .. import layers as L
from .. import train
from ..errors import GraphdiffError, GraphError
from ..spelling import did_you_mean

EXAMPLE = """an example of CONFIG.toml:
  data = "iris.csv"                    # .npz or .csv, beside this file; or "digits", those of scikit-learn
  layers = ["Linear(features, 64)", "BatchNorm(64)", "relu", "Dropout(0.1)", "Linear(64, classes)"]
  optimizer = "AdamW(weight_decay=0.01)"
  schedule = "one_cycle(0.01, steps)"  # or a rate: "AdamW(0.001)" alone
  epochs = 30
  batch_size = 64
  # shape = [1, 8, 8]                  of a sample, where layers are convolutions
  # seed = 0, clip_norm = 1.0, drop_last = true
  report = "report"                    # a folder: history.csv, history.png, weights.npz, model.txt, checkpoints
"""
KINDS: dict[str, tuple[type, ...]] = {
    "data": (str,),
    "layers": (list,),
    "optimizer": (str,),
    "schedule": (str,),
    "epochs": (int,),
    "batch_size": (int,),
    "shape": (list,),
    "seed": (int,),
    "clip_norm": (int, float),
    "drop_last": (bool,),
    "report": (str,),
}
NEEDED = ("data", "layers", "optimizer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `graphdiff train`."""
    parser.add_argument("config", metavar="CONFIG.toml", type=Path, help="what to train on what, and how")
    parser.add_argument("--resume", action="store_true", help="go on from the report's last checkpoint")
    parser.epilog, parser.formatter_class = EXAMPLE, argparse.RawDescriptionHelpFormatter


def run(args: argparse.Namespace) -> int:
    """Trains, prints and writes the report; returns the exit code. Raises GraphdiffError, OSError."""
    config = _read(args.config)
    seed, epochs, batch_size = config.get("seed", 0), config.get("epochs", 20), config.get("batch_size", 64)
    place = args.config.parent
    data = train.digits(seed) if config["data"] == "digits" else train.read(place / config["data"], seed)
    shape = tuple(config.get("shape", (data.features,)))
    x, x_test = _shaped(data.x_train, shape), _shaped(data.x_test, shape)
    drop_last = config.get("drop_last", False)
    batches = len(x) // batch_size if drop_last else -(-len(x) // batch_size)
    words = {
        "features": data.features,
        "classes": len(data.classes),
        "epochs": epochs,
        "steps": max(1, epochs * batches),
    }

    model = L.Sequential(*(_called(text, words, L, gd.nn) for text in config["layers"]), seed=seed)
    settings = {}
    if "schedule" in config:
        settings["lr"] = _called(config["schedule"], words, gd.optim.schedules)
    trainer = train.Trainer(
        model,
        gd.nn.cross_entropy,
        _called(config["optimizer"], words, gd.optim, **settings),
        metrics={"accuracy": train.metrics.accuracy},
        clip_norm=config.get("clip_norm"),
        seed=seed,
    )
    table = str(model.summary(gd.input("x", ("batch", *shape))))
    print(f"{data!r}\n\n{table}\n")
    callbacks: list[train.Callback] = []
    report = place / config["report"] if "report" in config else None
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        (report / "model.txt").write_text(f"{table}\n", encoding="utf-8")
        callbacks = [
            train.CSVLogger(report / "history.csv"),
            train.Checkpoint(report / "checkpoints", best="val_accuracy"),
        ]
    if args.resume:
        if report is None:
            raise GraphError(f"{args.config}: without a report there is nothing to resume from")
        train.resume(report / "checkpoints", trainer)
    held_out = (x_test, data.t_test)
    try:
        trainer.fit((x, data.t_train), held_out, epochs, batch_size, callbacks, drop_last=drop_last)
    except KeyboardInterrupt as stop:
        print(f"\n{stop}; graphdiff train {args.config} --resume goes on", file=sys.stderr)
        return 130
    measured = trainer.evaluate(held_out)
    print(f"after {epochs} epochs: loss {measured['loss']:.4f}, {measured['accuracy']:.2%} of the test part right")
    if report is not None:
        gd.save_weights(report / "weights.npz", model.state_dict())
        trainer.history.plot(report / "history.png")
        print(f"report in {report}")
    return 0


def _read(path: Path) -> dict[str, Any]:
    """What the file says. Raises GraphError, OSError."""
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GraphError(f"{path}: no TOML: {error}") from None
    for key, value in config.items():
        if key not in KINDS:
            raise GraphError(f"{path}: there is no {key!r}{did_you_mean(key, KINDS)}")
        kinds = KINDS[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise GraphError(f"{path}: {key} is of type {kinds[-1].__name__}, got {value!r}")
    missing = [key for key in NEEDED if key not in config]
    if missing:
        raise GraphError(f"{path}: {', '.join(missing)} missing; graphdiff train --help has an example")
    return config


def _shaped(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return x.reshape(len(x), *shape)
    except (ValueError, TypeError):
        raise GraphError(f"shape: samples of {x.shape[1]} features are not of shape {list(shape)}") from None


def _called(text: Any, words: Mapping[str, int], *modules: ModuleType, **settings: Any) -> Any:
    """What a call such as "Linear(64, classes)" gives; of a function alone, "relu", itself. Raises GraphError."""
    try:
        tree = ast.parse(str(text), mode="eval").body
        call = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
        name = ast.unparse(call.func)
        args = [_value(a, words) for a in call.args]
        named = {str(k.arg): _value(k.value, words) for k in call.keywords} | settings
    except (SyntaxError, ValueError) as error:
        raise GraphError(f"{text!r} is no call of numbers, texts and {', '.join(words)}: {error}") from None
    known = {n: getattr(m, n) for m in modules for n in reversed(m.__all__ if hasattr(m, "__all__") else dir(m))}
    if name not in known:
        raise GraphError(f"{text!r}: there is no {name}{did_you_mean(name, known)}")
    found = known[name]
    if tree is not call and not isinstance(found, type):
        return found
    try:
        return found(*args, **named)
    except GraphdiffError as error:
        raise GraphError(f"{text!r}: {error.fact}") from None
    except TypeError as error:
        raise GraphError(f"{text!r}: {error}") from None


def _value(node: ast.expr, words: Mapping[str, int]) -> Any:
    if isinstance(node, ast.Name):
        if node.id not in words:
            raise ValueError(f"there is no {node.id}{did_you_mean(node.id, words)}")
        return words[node.id]
    return ast.literal_eval(node)
