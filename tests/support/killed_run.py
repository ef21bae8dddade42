"""Kills training runs at random moments, and holds what resumes them against a run that was left alone, bit for bit.

    python tests/support/killed_run.py --kills 50 --seed 0

Each kill is SIGKILL after a time drawn from the run's length, so it falls on steps, epochs' ends and the writing of
files alike. After each, every file of the run is whole; the run that is resumed may be killed again.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EPOCHS = 12


def main(folder: Path) -> None:
    """A run with everything that a checkpoint holds; prints a hash of it when it is done."""
    import graphdiff as gd
    from graphdiff import layers as L

    rng = np.random.default_rng(0)
    x = rng.normal(size=(330, 6)).astype(np.float32)
    t = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    layers = [L.Linear(6, 48), L.BatchNorm(48), gd.nn.relu, L.Dropout(0.2), L.Linear(48, 2)]
    rate = gd.optim.schedules.warmup(gd.optim.schedules.cosine(2e-2, 120), 5)
    trainer = gd.train.Trainer(
        L.Sequential(*layers, seed=1),
        gd.nn.cross_entropy,
        gd.optim.AdamW(rate),
        metrics={"accuracy": gd.train.metrics.accuracy, "auc": gd.train.metrics.auc},
        clip_norm=1.0,
        accumulate=2,
        seed=3,
    )
    folder.mkdir(exist_ok=True)
    gd.train.resume(folder, trainer)
    print(f"from batch {trainer.batches}", flush=True)
    callbacks = [
        gd.train.EarlyStopping("val_loss", patience=EPOCHS),
        gd.train.ReduceLROnPlateau("val_loss", factor=0.5, patience=1),
        gd.train.GradientFlow(every=7),
        gd.train.Checkpoint(folder, keep=2, best="val_accuracy"),
    ]
    trainer.fit((x[:300], t[:300]), (x[300:], t[300:]), EPOCHS, 32, callbacks, progress=False)
    print(f"done {digest(trainer.state_dict())}", flush=True)


def digest(value: object, h: "hashlib._Hash | None" = None) -> str:
    """A hash of all bits of a structure of dicts, lists, arrays and numbers."""
    h = h or hashlib.sha256()
    if isinstance(value, dict):
        for key in value:
            h.update(key.encode())
            digest(value[key], h)
    elif isinstance(value, (list, tuple)):
        h.update(b"[%d" % len(value))
        for item in value:
            digest(item, h)
    else:
        h.update(np.asarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return h.hexdigest()


def started(folder: Path) -> subprocess.Popen:
    from under_test import ENVIRONMENT

    command = [sys.executable, __file__, "--folder", str(folder)]
    # without a buffer, of which communicate knows nothing
    return subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, env=ENVIRONMENT)


def whole_files(folder: Path) -> int:
    """How many files the run has; raises for one that is not whole."""
    from graphdiff.train.files import read_state

    files = list(folder.glob("[!.]*"))
    for path in files:
        read_state(path)
    return len(files)


def killed(kills: int, seed: int, folder: Path) -> tuple[int, int]:
    """Starts, kills and resumes until ``kills`` runs were killed; returns that and how many runs came to their end.
    Raises AssertionError for one whose end is not that of the run that was left alone."""
    with started(folder / "whole") as process:
        process.stdout.readline()
        begun = time.monotonic()
        expected = process.communicate()[0].split()[-1]
        length = time.monotonic() - begun
    draw = random.Random(seed)
    done, ended = 0, 0
    while done < kills:
        place = folder / f"run{ended}"
        with started(place) as process:
            process.stdout.readline()  # where it begins: all is imported
            try:
                out = process.communicate(timeout=draw.uniform(0, length))[0]
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
                done += 1
                whole_files(place)
                continue
        assert process.returncode == 0, "a run failed"
        assert out.split()[-1] == expected, f"after {done} kills a run ended otherwise"
        ended += 1
    if (folder / f"run{ended}").exists():  # the last one that was killed
        with started(folder / f"run{ended}") as process:
            assert process.communicate()[0].split()[-1] == expected
        ended += 1
    return done, ended


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="be the run that keeps its files there")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.folder:
        main(args.folder)
    else:
        with tempfile.TemporaryDirectory() as name:
            done, ended = killed(args.kills, args.seed, Path(name))
        print(f"{done} kills; {ended} runs came to the end, each bit for bit as the one that was left alone")
