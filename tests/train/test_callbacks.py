"""What callbacks do: against torch's rules written out, against files read back, and what they say of wrong names."""

import csv

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import layers as L
from graphdiff.train import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    GradientFlow,
    ReduceLROnPlateau,
    TensorBoard,
    Trainer,
    metrics,
)
from graphdiff.train.callbacks import Best

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype(np.float32)
T = X[:, :3].argmax(axis=1)


def trainer(rate=0.05, **settings):
    model = L.Sequential(L.Linear(5, 8), gd.tanh, L.Linear(8, 3), seed=0)
    return Trainer(model, gd.nn.cross_entropy, gd.optim.Adam(rate), **settings)


def fit(run, epochs, *callbacks, validation=(X[40:], T[40:])):
    return run.fit((X[:40], T[:40]), validation, epochs, 16, callbacks, progress=False)


class Told(Callback):
    """Puts given numbers in the place of the validation's loss."""

    def __init__(self, numbers):
        self.numbers = numbers

    def on_epoch_end(self, trainer, logs):
        logs["val_loss"] = self.numbers[trainer.epoch - 1]


def test_the_methods_are_called_in_order():
    calls = []

    class Log(Callback):
        def on_fit_begin(self, trainer):
            calls.append("begin")

        def on_batch_end(self, trainer, logs):
            calls.append((trainer.step, sorted(logs)))

        def on_epoch_end(self, trainer, logs):
            calls.append((trainer.epoch, "val_loss" in logs))

        def on_fit_end(self, trainer):
            calls.append("end")

    fit(trainer(), 1, Log())
    batches = [(k, ["loss", "lr", "step"]) for k in (1, 2, 3)]
    assert calls == ["begin", *batches, (1, True), "end"]


# ------------------------------------------------------------------ stopping
def test_early_stopping_waits_and_restores():
    numbers = [3.0, 2.0, 2.5, 1.9, 2.0, 1.95, 1.91, 0.1]
    values = []

    class Keep(Callback):
        def on_epoch_end(self, trainer, logs):
            values.append(trainer.model.state_dict())

    run, stop = trainer(), EarlyStopping(patience=3)
    fit(run, 20, Told(numbers), stop, Keep())
    assert (run.epoch, stop.best, stop.best_epoch) == (7, 1.9, 4)
    assert all(np.array_equal(v, run.model.state_dict()[name]) for name, v in values[3].items())
    fit(run, 20, stop)
    assert run.epoch == 7
    fit(run, 8)
    assert run.epoch == 8

    run = trainer()
    fit(run, 20, Told(numbers), EarlyStopping(patience=3, restore_best=False), Keep())
    assert all(np.array_equal(v, run.model.state_dict()[name]) for name, v in values[-1].items())


@pytest.mark.parametrize(
    ("monitor", "mode", "values", "better"),
    [
        ("val_loss", None, [3, 2, 2, np.nan, 1], [1, 1, 0, 0, 1]),
        ("val_accuracy", None, [0.1, 0.1, 0.3, 0.2], [1, 0, 1, 0]),
        ("val_top_5", None, [0.1, 0.3], [1, 1]),
        ("mine", "max", [1, 2], [1, 1]),
        ("val_mae", None, [1, 2], [1, 0]),
    ],
)
def test_what_is_better(monitor, mode, values, better):
    best = Best("Checkpoint", monitor, mode)
    assert [best.improved(v) for v in values] == list(map(bool, better))


# ------------------------------------------------------------------ the rate
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1, "factor": 0.5},
        {"patience": 0, "factor": 0.1, "cooldown": 2, "min_lr": 1e-3},
        {"patience": 1, "mode": "max", "threshold": 0.1},
        {"patience": 1, "threshold": 0.2, "threshold_mode": "abs"},
        {"patience": 0, "mode": "max", "threshold": 0.2, "threshold_mode": "abs", "eps": 1e-3},
    ],
)
def test_the_rate_on_a_plateau_is_torchs(settings):
    """The rule of torch.optim.lr_scheduler.ReduceLROnPlateau, written out."""
    numbers = np.round(np.random.default_rng(1).normal(size=40).cumsum() * 0.1 + 5, 2)
    mode, threshold = settings.get("mode", "min"), settings.get("threshold", 1e-4)
    lr, best, bad, cooling, rates = 0.05, np.inf if mode == "min" else -np.inf, 0, 0, []
    for value in numbers:
        if settings.get("threshold_mode", "rel") == "rel":
            bound = best * (1 - threshold) if mode == "min" else best * (1 + threshold)
        else:
            bound = best - threshold if mode == "min" else best + threshold
        if value < bound if mode == "min" else value > bound:
            best, bad = value, 0
        else:
            bad += 1
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        rates.append(lr)
        if bad > settings["patience"]:
            new = max(lr * settings.get("factor", 0.1), settings.get("min_lr", 0))
            lr = new if lr - new > settings.get("eps", 1e-8) else lr
            cooling, bad = settings.get("cooldown", 0), 0
    run = trainer()
    fit(run, 40, Told(numbers), ReduceLROnPlateau("val_loss", **settings))
    assert run.history["lr"] == pytest.approx(rates, rel=1e-12)
    assert len(set(rates)) > 1


def test_the_rate_on_a_plateau_turns_a_schedule_and_every_optimiser_down():
    rules = {"*.bias": gd.optim.SGD(gd.optim.schedules.linear(0.1, 1.0, 0.0, 60)), "*": gd.optim.SGD(0.2, momentum=0.9)}
    model = L.Sequential(L.Linear(5, 3), seed=0)
    run = Trainer(model, gd.nn.cross_entropy, rules)
    fit(run, 4, Told([1.0, 2.0, 3.0, 3.0]), ReduceLROnPlateau(factor=0.5, patience=0))
    assert [rate.value for rate in run.rates] == pytest.approx([0.125, 0.025])
    assert run.history["lr"][2] == pytest.approx(0.1 * (1 - 8 / 60) * 0.5)


# ------------------------------------------------------------------ files
def test_checkpoints_that_are_kept(tmp_path):
    run = trainer(metrics={"accuracy": metrics.accuracy})
    keep = Checkpoint(tmp_path / "run", keep=2, best="val_loss")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".0123456789abcdef.part").write_bytes(b"torn")
    fit(run, 5, Told([3.0, 1.0, 2.0, 2.0, 2.0]), keep)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["batch-000000012.npz", "batch-000000015.npz", "best.npz"]
    best = gd.train.resume(tmp_path / "run" / "best.npz", trainer(metrics={"accuracy": metrics.accuracy}))
    assert best.epoch == 2
    other = Checkpoint(tmp_path / "other", every=2)
    fit(run, 8, other)
    assert sorted(path.name for path in other.folder.iterdir()) == ["batch-000000018.npz", "batch-000000024.npz"]
    other = Checkpoint(tmp_path / "third", every=2)
    fit(run, 9, other)  # the last epoch is saved though it is not the second one
    assert [path.name for path in other.folder.iterdir()] == ["batch-000000027.npz"]


def test_a_folder_of_a_run_that_is_ahead_is_refused(tmp_path):
    fit(trainer(), 2, Checkpoint(tmp_path))
    with pytest.raises(gd.GraphError, match=r"batch-000000006.npz is of a run that is ahead .* 0 batches") as caught:
        fit(trainer(), 2, Checkpoint(tmp_path))
    assert f"gd.train.resume({str(tmp_path)!r}, trainer)" in str(caught.value)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_csv_file_is_the_history(tmp_path):
    run = trainer(metrics={"matrix": metrics.confusion_matrix})
    fit(run, 2, CSVLogger(tmp_path / "h.csv"))
    fit(run, 3, CSVLogger(tmp_path / "h.csv"))
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3] and list(rows[0]) == ["epoch", "loss", "val_loss", "lr"]
    assert [float(row["val_loss"]) for row in rows] == run.history["val_loss"]


def test_tensorboard_reads_what_is_written(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    run = trainer(metrics={"matrix": metrics.confusion_matrix})
    fit(run, 3, TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(events.Tags()["tensors"]) == ["loss", "lr", "val_loss"]
    read = [float(make_ndarray(event.tensor_proto)) for event in events.Tensors("val_loss")]
    assert read == [float(np.float32(v)) for v in run.history["val_loss"]]


def test_gradient_flow_records_every_so_many_steps(tmp_path):
    flow = GradientFlow(every=2)
    run = trainer()
    fit(run, 2, flow)
    assert flow.flow.history.shape == (3, 4, 5) and np.isfinite(flow.flow.history).all()
    fit(run, 4, flow)
    assert flow.flow.history.shape == (6, 4, 5)
    fit(run, 5)  # without it the step is another one
    flow.flow.plot(tmp_path / "flow.png")
    assert "0.weight" in str(flow.flow)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: EarlyStopping("mine"), 'write mode="min" or mode="max"'),
        (lambda: EarlyStopping(mode="least"), "got 'least'"),
        (lambda: Checkpoint(".", keep=0), "keep=0"),
        (lambda: ReduceLROnPlateau(factor=1.0), "between 0 and 1"),
        (lambda: fit(trainer(), 1, EarlyStopping(), validation=None), "no 'val_loss' to monitor; there are loss, lr"),
        (lambda: fit(trainer(), 1, ReduceLROnPlateau("val_acc")), "no 'val_acc' to monitor"),
    ],
)
def test_what_is_wrong_is_told(make, told):
    with pytest.raises(gd.GraphError, match=told):
        make()
