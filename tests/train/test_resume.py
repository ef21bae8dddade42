"""Runs that are saved, stopped, killed and resumed: the bits of those that were not; files that are not whole."""

import errno
import os
import signal

import killed_run
import numpy as np
import pytest

import graphdiff as gd
from graphdiff import layers as L
from graphdiff.train import Callback, Checkpoint, EarlyStopping, ReduceLROnPlateau, Trainer, metrics, resume
from graphdiff.train.files import read_state, write_state

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 5)).astype(np.float32)
T = X[:, :3].argmax(axis=1)


def trainer(width=8, accumulate=2, optimizer=None, **settings):
    model = L.Sequential(L.Linear(5, width), L.BatchNorm(width), gd.nn.relu, L.Dropout(0.3), L.Linear(width, 3), seed=0)
    rule = optimizer or gd.optim.AdamW(gd.optim.schedules.cosine(0.05, 40))
    settings.setdefault("metrics", {"accuracy": metrics.accuracy, "mean": lambda p, t: float(np.mean(p))})
    return Trainer(model, gd.nn.cross_entropy, rule, accumulate=accumulate, clip_norm=1.0, seed=7, **settings)


def fit(run, epochs, *callbacks):
    callbacks = [EarlyStopping("val_loss", patience=50), ReduceLROnPlateau("val_loss", patience=0), *callbacks]
    return run.fit((X[:70], T[:70]), (X[70:], T[70:]), epochs, 16, callbacks, progress=False)


def bits(run):
    return killed_run.digest(run.state_dict())


class StopAt(Callback):
    """Ctrl-C after so many batches."""

    def __init__(self, batches):
        self.batches = batches

    def on_batch_end(self, trainer, logs):
        if trainer.batches == self.batches:
            signal.raise_signal(signal.SIGINT)


def test_a_run_that_is_saved_and_resumed_at_any_batch_is_the_same_run(tmp_path):
    straight = trainer()
    fit(straight, 4, StopAt(0))
    for batches in (1, 4, 5, 7, 10, 19):
        folder = tmp_path / str(batches)
        with pytest.raises(KeyboardInterrupt, match=f"saved as {folder}/batch-{batches:09d}.npz, for gd.train.resume"):
            fit(trainer(), 4, StopAt(batches), Checkpoint(folder))
        again = resume(folder, trainer())
        assert again.batches == batches
        fit(again, 4, StopAt(0))
        state, expected = again.state_dict(), straight.state_dict()
        assert killed_run.digest({**state, "callbacks": 0}) == killed_run.digest({**expected, "callbacks": 0})
        assert len(list(folder.iterdir())) <= 4


def test_without_a_checkpoint_ctrl_c_says_where_it_stopped_and_fit_goes_on():
    straight, run = trainer(), trainer()
    fit(straight, 2, StopAt(0))
    with pytest.raises(KeyboardInterrupt, match="stopped after step 3, in epoch 2; fit goes on from there"):
        fit(run, 2, StopAt(7))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    stop, plateau = run._callbacks[:2]
    run.fit((X[:70], T[:70]), (X[70:], T[70:]), 2, 16, [stop, plateau, StopAt(0)], progress=False)
    assert bits(run) == bits(straight)


def test_a_second_ctrl_c_ends_a_step_at_once(tmp_path):
    class Hang(Callback):
        def on_batch_end(self, trainer, logs):
            if trainer.batches == 3:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
                raise AssertionError("went on")

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(trainer(), 2, Hang(), Checkpoint(tmp_path))
    assert str(caught.value) == "" and list(tmp_path.iterdir()) == []


def test_what_is_saved_is_all_there_is(tmp_path):
    run = trainer()
    fit(run, 2, Checkpoint(tmp_path / "run"))
    run.save(tmp_path / "by hand.npz")
    again = resume(tmp_path / "by hand.npz", trainer())
    assert bits(again) == bits(run) and again.lr == run.lr and again.step == run.step == 5
    assert again.history["val_accuracy"] == run.history["val_accuracy"]
    assert np.array_equal(again.predict(X), run.predict(X))
    again.save(tmp_path / "again.npz")  # before anything is built of it
    assert bits(resume(tmp_path / "again.npz", trainer())) == bits(run)
    with np.load(tmp_path / "by hand.npz", allow_pickle=False) as archive:
        assert any(archive[name].shape == (5, 8) for name in archive.files if name != "state.json")


def test_batches_of_lengths_that_differ_go_on(tmp_path):
    """A form with named sizes is kept: the rest of the run is compiled as it was."""
    rng = np.random.default_rng(1)
    batches = [(ids, ids) for ids in (rng.integers(0, 7, (4, n)) for n in (5, 5, 8, 3))]

    def made():
        model = L.Sequential(L.Embedding(7, 4), L.Linear(4, 7), seed=0)
        return Trainer(model, gd.nn.cross_entropy, gd.optim.Adam(0.1))

    straight = made()
    straight.fit(batches, epochs=4, progress=False)
    for batches_behind in (8, 10):  # at the end of an epoch, and within the next
        run = made()
        with pytest.raises(KeyboardInterrupt):
            run.fit(batches, epochs=4, callbacks=[StopAt(batches_behind)], progress=False)
        run.save(tmp_path / "run.npz")
        again = resume(tmp_path / "run.npz", made())
        again.fit(batches, epochs=4, progress=False)
        assert again.batches == 16
        expected, found = straight.state_dict(), again.state_dict()
        assert killed_run.digest({**found, "callbacks": 0}) == killed_run.digest({**expected, "callbacks": 0})


def test_an_epoch_that_is_cut_otherwise_begins_anew():
    run = trainer(metrics={})
    with pytest.raises(KeyboardInterrupt):
        fit(run, 1, StopAt(2))
    run.fit((X[:70], T[:70]), epochs=1, batch_size=35, progress=False)
    assert run.batches == 4 and run.epoch == 1


# ------------------------------------------------------------------ what is refused
@pytest.mark.parametrize(
    ("other", "told"),
    [
        (lambda: trainer(width=9), r"0\.weight is \[5, 8\], not \[5, 9\].*4\.weight is \[8, 3\]"),
        (lambda: trainer(optimizer=gd.optim.SGD(0.1)), r"optimizer \{'\*': 'AdamW'\}, this trainer \{'\*': 'SGD'\}"),
        (lambda: trainer(accumulate=1), "accumulate 2, this trainer 1"),
        (lambda: trainer(metrics={}), r"metrics \['accuracy', 'mean'\], this trainer \[\]"),
        (
            lambda: Trainer(
                L.Sequential(L.Linear(5, 3), seed=0),
                gd.nn.cross_entropy,
                gd.optim.AdamW(0.1),
                accumulate=2,
                metrics={"accuracy": metrics.accuracy, "mean": metrics.mae},
            ),
            r"surplus: 1\.weight.*4\.bias",
        ),
    ],
)
def test_another_model_is_refused_and_stays_as_it_was(tmp_path, other, told):
    run = trainer()
    fit(run, 1, Checkpoint(tmp_path))
    another = other()
    before = bits(another)
    with pytest.raises(gd.FeedError, match=told):
        resume(tmp_path, another)
    assert bits(another) == before


def test_files_that_are_not_whole(tmp_path):
    run = trainer()
    fit(run, 1, Checkpoint(tmp_path))
    (path,) = tmp_path.iterdir()
    whole, fresh = path.read_bytes(), trainer()
    before = bits(fresh)
    rng = np.random.default_rng(0)
    for size in [0, 1, 100, *rng.integers(0, len(whole), 10)]:
        path.write_bytes(whole[:size])
        with pytest.raises(gd.FeedError, match=f"{path.name} is no whole checkpoint"):
            resume(tmp_path, fresh)
    for place in rng.integers(30, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        try:
            resume(tmp_path, fresh)
        except gd.FeedError:
            assert bits(fresh) == before
        else:  # a byte that nothing is read from: a date
            assert bits(fresh) == bits(run)
            fresh = trainer()
    np.savez(path, x=X)
    with pytest.raises(gd.FeedError, match=r"state.json is missing"):
        resume(path, fresh)
    with pytest.raises(FileNotFoundError):
        resume(tmp_path / "nothing", fresh)
    path.unlink()
    assert resume(tmp_path, fresh) is fresh and bits(fresh) == before


def test_a_full_disk_leaves_the_last_good_file(tmp_path, monkeypatch):
    run = trainer()
    fit(run, 1, Checkpoint(tmp_path))
    good, sync = bits(run), os.fsync

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        fit(run, 3, Checkpoint(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["batch-000000005.npz"]
    monkeypatch.setattr(os, "fsync", sync)
    assert bits(resume(tmp_path, trainer())) == good
    fit(run, 3, Checkpoint(tmp_path))
    assert run.epoch == 3 and len(list(tmp_path.iterdir())) == 2


def test_states_of_every_kind_come_back(tmp_path):
    state = {
        "a": [1, 2.5, np.nan, -0.0, True, None, "text", (1, [2])],
        "b": {"x": np.arange(6.0).reshape(2, 3).T, "empty": np.zeros((0, 3), np.int32), "c": np.float32(0.1)},
        "d": np.array([True, False]),
    }
    write_state(tmp_path / "s.npz", state)
    state["b"]["c"] = np.asarray(state["b"]["c"])  # a number of an array's dtype comes back as an array
    assert killed_run.digest(read_state(tmp_path / "s.npz")) == killed_run.digest(state)
    with pytest.raises(gd.GraphError, match=r"state\['a'\]\[0\] is object, which no checkpoint holds"):
        write_state(tmp_path / "t.npz", {"a": [object()]})
    assert not (tmp_path / "t.npz").exists()


def test_runs_that_are_killed_end_as_if_they_were_not(tmp_path):
    """A short run; ``PYTHONPATH=. python tests/support/killed_run.py`` has 50 kills."""
    done, ended = killed_run.killed(3, 1, tmp_path)
    assert done == 3 and ended >= 1
