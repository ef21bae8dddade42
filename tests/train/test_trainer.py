"""The trainer: what a step does, what it is fed, what is told, and what it leaves where something fails."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import layers as L
from graphdiff.train import Callback, Trainer, metrics

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 5)).astype(np.float32)
T = X[:, :3].argmax(axis=1)


def network(*extra, seed=0):
    return L.Sequential(L.Linear(5, 8), *extra, gd.nn.relu, L.Linear(8, 3), seed=seed)


def trainer(*extra, optimizer=None, **settings):
    rule = gd.optim.Adam(0.01) if optimizer is None else optimizer
    return Trainer(network(*extra), gd.nn.cross_entropy, rule, **settings)


def fit(run, data=(X, T), epochs=2, batch_size=16, **settings):
    return run.fit(data, epochs=epochs, batch_size=batch_size, progress=False, **settings)


def values(run):
    return {name: a.copy() for name, a in run.model.state_dict().items()}


def same(a, b):
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name]) for name in a)


class Batches(Callback):
    """Keeps what each batch was told."""

    def __init__(self):
        self.logs = []

    def on_batch_end(self, trainer, logs):
        self.logs.append(dict(logs))


# ------------------------------------------------------------------ what a step does
def test_a_fit_is_the_steps_written_out():
    """The same bits as a compiled step called by hand in the same order."""
    run = trainer(seed=5)
    fit(run, epochs=3)
    model = network()
    x, t = gd.input("x", ("batch", 5)), gd.input("t", ("batch",), "int64")
    loss = gd.nn.cross_entropy(model(x), t)
    updates = gd.optim.Adam(0.01).updates(model.parameters, gd.grad(loss, model.parameters))
    step = gd.compile([x, t], loss, updates=updates)
    means = []
    for epoch in range(3):
        order = np.random.default_rng([5, epoch]).permutation(100)
        rows = [order[k : k + 16] for k in range(0, 100, 16)]
        means.append(sum(float(step(X[r], T[r])) * len(r) for r in rows) / 100)
    for name, value in model.state_dict().items():
        assert np.allclose(value, run.model.state_dict()[name], rtol=2e-6, atol=1e-7), name
    assert np.allclose(run.history["loss"], means, rtol=1e-6)
    assert (run.step, run.epoch, run.history["lr"]) == (21, 3, [0.01] * 3)


def test_a_fit_learns_and_says_so():
    run = trainer(metrics={"accuracy": metrics.accuracy, "matrix": metrics.confusion_matrix})
    history = run.fit((X[:80], T[:80]), (X[80:], T[80:]), epochs=40, batch_size=16, progress=False)
    assert set(history) == {"loss", "accuracy", "matrix", "val_loss", "val_accuracy", "val_matrix", "lr"}
    assert all(len(column) == 40 for column in history.values()) and history is run.history
    assert history["loss"][-1] < 0.3 < history["loss"][0] and history["val_accuracy"][-1] > 0.7
    measured = run.evaluate((X[80:], T[80:]), batch_size=7)
    scores = run.predict(X[80:], batch_size=3)
    assert measured["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-6)
    assert measured["accuracy"] == np.mean(scores.argmax(axis=1) == T[80:]) == history["val_accuracy"][-1]
    assert measured["matrix"].sum() == 20


def test_epochs_count_from_the_start_of_the_run():
    run = trainer()
    fit(run, epochs=2)
    before = values(run)
    fit(run, epochs=2)
    same(before, values(run))
    fit(run, epochs=3)
    assert run.epoch == 3 and len(run.history["loss"]) == 3
    straight = trainer()
    fit(straight, epochs=3)
    same(values(run), values(straight))


def test_gradients_that_are_gathered_are_those_of_the_larger_batch():
    whole, parts = trainer(optimizer=gd.optim.SGD(0.1)), trainer(optimizer=gd.optim.SGD(0.1), accumulate=4)
    fit(whole, (X[:80], T[:80]), batch_size=16, shuffle=False)
    fit(parts, (X[:80], T[:80]), batch_size=4, shuffle=False)
    assert (whole.step, parts.step, parts.batches) == (10, 10, 40)
    for name, value in values(whole).items():
        assert np.allclose(value, values(parts)[name], rtol=1e-5, atol=1e-6)


def test_gradients_are_clipped_together():
    run = trainer(optimizer=gd.optim.SGD(1.0), clip_norm=1e-3)
    before = values(run)
    fit(run, epochs=1, batch_size=100)
    moved = np.sqrt(sum(((values(run)[name] - before[name]) ** 2).sum() for name in before))
    assert moved == pytest.approx(1e-3, rel=1e-3)


def test_optimisers_by_names_of_parameters():
    run = trainer(optimizer={"*.bias": gd.optim.SGD(0.0), "*": gd.optim.SGD(0.1)})
    before = values(run)
    fit(run, epochs=1)
    after = values(run)
    assert all(np.array_equal(before[name], after[name]) == name.endswith("bias") for name in before)
    with pytest.raises(gd.GraphError, match=r"no optimizer is for 0\.bias; there are '\*\.weight'"):
        fit(trainer(optimizer={"*.weight": gd.optim.SGD(0.1)}))


def test_schedules_and_rates_that_are_set():
    rate = gd.optim.schedules.linear(0.1, 1.0, 0.0, total_iters=14)
    run = trainer(optimizer=gd.optim.SGD(rate))
    fit(run, epochs=2)
    assert run.history["lr"] == pytest.approx([0.1 * (1 - 6 / 14), 0.1 * (1 - 13 / 14)])
    assert run.lr == 1.0  # the factor of the schedule
    own = gd.state("my_rate", np.float32(0.5))
    run = trainer(optimizer=gd.optim.SGD(own))
    run.lr = 0.25
    assert own.value == 0.25
    fit(run, epochs=1)
    assert run.history["lr"] == [0.25]


def test_what_is_given_stays_as_it_is():
    rule = gd.optim.Adam(0.01)
    fit(trainer(optimizer=rule))
    assert rule.states == [] and rule.lr == 0.01


def test_options_reach_the_compiler_and_change_no_bit():

    def deep():
        return [layer for _ in range(8) for layer in (L.Linear(8, 8), gd.tanh)]

    plain, small = trainer(*deep()), trainer(*deep(), checkpoint="sqrt", threads=1)
    for run in (plain, small):
        fit(run, epochs=1, batch_size=50)
    assert small.training_step.plan.arena_bytes < plain.training_step.plan.arena_bytes
    same(values(plain), values(small))
    with pytest.raises(gd.MemoryLimitError):
        fit(trainer(memory_limit=100))


def test_float64_models_are_fed_float64():
    with gd.default_dtype("float64"):
        run = Trainer(network(), gd.nn.cross_entropy, gd.optim.SGD(0.1))
    fit(run, (X, T.astype(np.int32)))
    assert run.predict(X).dtype == np.float64
    assert trainer().predict(X.astype(np.float64)).dtype == np.float32


# ------------------------------------------------------------------ what it is fed
class Two(L.Layer):
    """A model of two arguments that gives a dict."""

    def __init__(self):
        self.a, self.b = L.Linear(5, 3), L.Linear(2, 3)

    def __call__(self, x, more):
        return {"sum": self.a(x) + self.b(more), "more": more}


MORE = RNG.normal(size=(100, 2)).astype(np.float32)


@pytest.mark.parametrize("x", [(X, MORE), {"x": X, "more": MORE}], ids=["arguments", "by name"])
def test_models_of_several_arguments_and_results(x):
    def loss(prediction, target):
        return gd.nn.cross_entropy(prediction["sum"], target[0]) + gd.nn.mse(prediction["more"], target[1])

    agree = {"accuracy": lambda p, t: np.mean(p["sum"].argmax(axis=1) == t[0])}
    run = Trainer(Two(), loss, gd.optim.Adam(0.05), metrics=agree)
    history = fit(run, (x, (T, MORE)), epochs=20)
    assert history["accuracy"][-1] > 0.8
    predicted = run.predict(x, batch_size=30)
    assert predicted["sum"].shape == (100, 3) and np.array_equal(predicted["more"], MORE)
    assert run.evaluate((x, (T, MORE)))["accuracy"] == np.mean(predicted["sum"].argmax(axis=1) == T)


class Pairs:
    """Samples by number."""

    def __init__(self, n=100):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, k):
        if k >= self.n:
            raise IndexError
        return X[k], T[k]


class Loader:
    """Batches, a new pass each time."""

    def __init__(self, size=16):
        self.size = size

    def __iter__(self):
        for start in range(0, 100, self.size):
            yield X[start : start + self.size], T[start : start + self.size]


def test_arrays_samples_and_mapped_files_are_the_same_run(tmp_path):
    np.save(tmp_path / "x.npy", X.astype(np.float64))
    np.save(tmp_path / "t.npy", T)
    mapped = tuple(np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xt")
    runs = [trainer() for _ in range(4)]
    for run, data in zip(runs, [(X, T), Pairs(), mapped, (X.tolist(), T.tolist())]):
        fit(run, data)
        same(values(run), values(runs[0]))
    unshuffled = [trainer() for _ in range(3)]
    fit(unshuffled[0], (X, T), shuffle=False)
    fit(unshuffled[1], Loader())
    fit(unshuffled[2], [*Loader()])
    for run in unshuffled:
        same(values(run), values(unshuffled[0]))
    assert not np.array_equal(values(runs[0])["0.weight"], values(unshuffled[0])["0.weight"])


def test_a_dataset_is_trained_on_and_measured_by_its_parts():
    data = gd.train.digits()
    model = L.Sequential(L.Linear(64, 32), gd.nn.relu, L.Linear(32, 10), seed=0)
    run = Trainer(model, gd.nn.cross_entropy, gd.optim.Adam(0.01), metrics={"accuracy": metrics.accuracy})
    history = run.fit(data, data, epochs=3, batch_size=64, progress=False)
    assert history["val_accuracy"][-1] > 0.9
    assert run.evaluate(data)["accuracy"] == run.evaluate((data.x_test, data.t_test))["accuracy"]
    assert len(run.predict(data)) == len(data.t_test)


def test_the_last_smaller_batch_is_a_choice():
    kept, dropped = trainer(), trainer()
    fit(kept, epochs=1)
    fit(dropped, epochs=1, drop_last=True)
    assert (kept.batches, dropped.batches) == (7, 6)
    with pytest.raises(gd.FeedError, match="drop_last leaves nothing of 100 rows in batches of 128"):
        fit(trainer(), batch_size=128, drop_last=True)


def test_batches_of_other_sizes_widen_the_graph_and_keep_the_moments():
    """Sequences of other lengths in each batch: the step is the one that knew from the start."""

    class Mean(L.Layer):
        def __init__(self):
            self.table, self.out = L.Embedding(7, 4), L.Linear(4, 7)

        def __call__(self, ids):
            return self.out(self.table(ids))

    rng = np.random.default_rng(1)
    shapes = [(4, 9), (4, 9), (4, 6), (3, 6), (4, 11)]
    batches = [(ids, ids[:, ::-1].copy()) for ids in (rng.integers(0, 7, s) for s in shapes)]
    model, again = (L.Sequential(Mean(), seed=0) for _ in range(2))
    run = Trainer(model, gd.nn.cross_entropy, gd.optim.Adam(0.1))
    fit(run, batches, epochs=2)
    ids, t = (gd.input(name, ("batch", "time"), "int64") for name in ("ids", "t"))
    loss = gd.nn.cross_entropy(again(ids), t)
    updates = gd.optim.Adam(0.1).updates(again.parameters, gd.grad(loss, again.parameters))
    step = gd.compile([ids, t], loss, updates=updates)
    for _ in range(2):
        for batch in batches:
            step(*batch)
    for name, value in again.state_dict().items():
        assert np.allclose(value, values(run)[name], rtol=1e-4, atol=1e-6)
    shapes = [v.shape for v in run.training_step.graph.inputs]
    assert shapes[0] == shapes[1] and not any(isinstance(size, int) for size in shapes[0])


def test_the_thread_that_reads_ahead_ends_with_the_run():
    before = set(threading.enumerate())

    class Broken(Loader):
        def __iter__(self):
            yield from list(super().__iter__())[:3]
            raise OSError("the disk is gone")

    run = trainer()
    with pytest.raises(OSError, match="the disk is gone"):
        fit(run, Broken())
    assert run.batches == 3
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


# ------------------------------------------------------------------ what is told
@pytest.mark.parametrize(
    ("data", "told"),
    [
        ((X, T[:99]), r"train\[0\] has 100, train\[1\] has 99"),
        ((X[:0], T[:0]), "has no rows"),
        ((X, T, X), r"\(x, t\), got 3 items"),
        ([], "is empty"),
        ([(X[:0], T[:0])], r"batch 0 of train has no rows: its arrays have shapes \(0, 5\)"),
        ([X, X, X], r"batch 0 of train is \(x, t\), got ndarray"),
        (X, "an iterable of batches, got ndarray"),
        ("data.npz", "got str"),
        ((np.full((10, 5), "a"), T[:10]), "an array of <U1; numbers are expected"),
        (Pairs(0), "has no samples"),
        (iter([]), "gave no batches"),
    ],
)
def test_data_that_cannot_be_used(data, told):
    run = trainer()
    before = values(run)
    with pytest.raises(gd.FeedError, match=told) as raised:
        fit(run, data)
    same(before, values(run))
    assert f"at: {Path(__file__).name}:" in str(raised.value)


def test_a_generator_is_passed_once():
    run = trainer()
    with pytest.raises(gd.FeedError, match="a generator, which can be passed once"):
        fit(run, ((X[:10], T[:10]) for _ in range(3)), epochs=2)
    assert run.epoch == 1 and run.batches == 3


def test_labels_out_of_range_change_nothing():
    run = trainer()
    fit(run, epochs=1)
    before = values(run)
    wrong = T.copy()
    wrong[50] = 3
    with pytest.raises(gd.FeedError, match="index 3 is out of range for size 3") as caught:
        fit(run, (X, wrong), epochs=2, batch_size=100)
    assert any("epoch 2, batch 1" in note for note in caught.value.__notes__)
    same(before, values(run))
    fit(run, epochs=2)
    straight = trainer()
    fit(straight, epochs=2)
    same(values(run), values(straight))


def test_a_last_batch_of_one_through_batch_norm():
    run = trainer(L.BatchNorm(8))
    with pytest.raises(gd.FeedError, match="needs two values for each channel") as caught:
        fit(run, (X[:33], T[:33]), epochs=1)
    assert any("1 of 16 rows; fit(..., drop_last=True)" in note for note in caught.value.__notes__)
    assert run.batches == 2
    fit(trainer(L.BatchNorm(8)), (X[:33], T[:33]), drop_last=True)


class Spoilt(L.Layer):
    """Divides by something that is zero for some inputs."""

    def __call__(self, x):
        return x / (gd.max(x) < 1e6).astype("float32")


def test_a_loss_that_is_not_finite_names_the_layer_and_keeps_the_state():
    run = trainer(Spoilt())
    fit(run, epochs=1, batch_size=50)
    before, seen = values(run), Batches()
    huge = X.copy()
    huge[70] = 1e7
    with pytest.raises(gd.NonFiniteError, match=r"not finite is 1 \(Spoilt\); epoch 2, batch 2, step 4,") as caught:
        fit(run, (huge, T), epochs=2, batch_size=50, shuffle=False, callbacks=[seen])
    assert isinstance(caught.value, ArithmeticError) and len(seen.logs) == 1 and run.step == 3
    assert np.isfinite(run.evaluate((X, T))["loss"]) and not np.array_equal(before["0.bias"], values(run)["0.bias"])
    fit(run, epochs=3)


def test_a_gradient_that_is_not_finite_names_the_parameter():
    class Root(L.Layer):
        def __init__(self):
            self.scale = gd.parameter("root.scale", np.zeros(1, np.float32))

        def __call__(self, x):
            return x + gd.sqrt(self.scale)

    run = trainer(Root())
    with pytest.raises(gd.NonFiniteError, match=r"the loss is [\d.]+; not finite is the gradient of 1.scale"):
        fit(run)
    assert run.step == 0 and run.model.state_dict()["1.scale"] == 0
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(gd.NonFiniteError, match=r"the batch has nan at \[3, 1\] of x"):
        fit(trainer(), (bad, T), shuffle=False)
    with pytest.raises(gd.NonFiniteError, match="the loss function makes inf"):
        fit(Trainer(network(), lambda p, t: gd.mean(p) / 0.0 + 1, gd.optim.SGD(1.0)))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Trainer(gd.nn.relu, gd.nn.mse, gd.optim.SGD(0.1)), "no layer of gd.layers"),
        (lambda: trainer(optimizer=0.1), "the optimizer is one of gd.optim"),
        (lambda: trainer(accumulate=0), "from 1 on, got 0"),
        (lambda: trainer(clip_norm=-1.0), "clip_norm is a number above 0, got -1.0"),
        (lambda: Trainer(network(), 3, gd.optim.SGD(0.1)), "the loss is 3, no function"),
        (lambda: trainer(seed=-1), "from 0 on, got -1"),
        (lambda: trainer(metrics=["accuracy"]), r"metrics go by name; write metrics=.*got \['accuracy'\]"),
        (lambda: trainer(metrics={"a": 3}), "the metric 'a' is 3"),
        (lambda: trainer(metrics={"a": metrics.top_k}), r"write top_k\(5\)"),
        (lambda: fit(trainer(), epochs=-1), "epochs is an integer from 0 on, got -1"),
        (lambda: fit(trainer(), batch_size=0), "batch_size is an integer from 1 on, got 0"),
        (lambda: fit(trainer(), callbacks=[print]), "is no gd.train.Callback"),
        (lambda: fit(Trainer(L.Sequential(gd.tanh), gd.nn.mse, gd.optim.SGD(1.0)), (X, X)), "has no parameters"),
        (lambda: trainer().training_step, "compiled at the first batch"),
        (
            lambda: fit(
                Trainer(network(), lambda p, t: gd.nn.cross_entropy(p, t, reduction="none"), gd.optim.SGD(1.0))
            ),
            r"the loss has shape \('batch',\).*reduction=\"mean\"",
        ),
    ],
)
def test_what_cannot_be_trained(make, told):
    with pytest.raises(gd.GraphdiffError, match=told):
        make()
    with pytest.raises(TypeError, match="did you mean 'clip_norm'"):
        trainer(clipnorm=1.0)


# ------------------------------------------------------------------ what people see
def test_history_is_a_table(tmp_path):
    run = trainer(metrics={"matrix": metrics.confusion_matrix})
    history = run.fit((X, T), (X, T), epochs=3, batch_size=50, progress=False)
    history.plot(tmp_path / "h.png")
    assert (tmp_path / "h.png").read_bytes()[:4] == b"\x89PNG"
    assert [axes.get_ylabel() for axes in history.plot().axes] == ["loss", "lr"]
    assert repr(history).startswith("<History of 3 epochs: loss, matrix, val_loss")
    assert history._repr_html_().count("<tr>") == 4
    assert repr(run) == "<Trainer of Sequential by Adam(lr=0.01): epoch 3, step 6>"
    pandas = pytest.importorskip("pandas")
    frame = history.to_frame()
    assert isinstance(frame, pandas.DataFrame) and list(frame["loss"]) == history["loss"]
    assert list(frame.index) == [1, 2, 3]


def test_progress_is_shown_where_it_is_asked_for(capsys, monkeypatch):
    fit(trainer())
    assert capsys.readouterr().err == ""
    trainer().fit((X, T), epochs=2, batch_size=50)
    assert "training:" in (shown := capsys.readouterr().err) and "/4 [" in shown
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    trainer().fit((X, T), epochs=2, batch_size=50)
    assert capsys.readouterr().err.startswith("epoch 1 of 2: loss ")


def test_files_larger_than_memory_are_read_by_rows(start, tmp_path):
    """Training on a file of 400 MB takes less than 100 MB that are not the file's own pages."""
    code = """
import numpy as np
import graphdiff as gd
from graphdiff import layers as L
x = np.lib.format.open_memmap("x.npy", mode="w+", dtype=np.float32, shape=(100_000, 1000))
del x
x = np.load("x.npy", mmap_mode="r")
def anonymous():
    return int([line for line in open("/proc/self/status") if line.startswith("RssAnon")][0].split()[1]) * 1024
model = L.Sequential(L.Linear(1000, 2), seed=0)
run = gd.train.Trainer(model, gd.nn.cross_entropy, gd.optim.SGD(0.1))
class Stop(gd.train.Callback):
    def on_batch_end(self, trainer, logs):
        if trainer.batches == 40:
            raise KeyboardInterrupt
before = anonymous()
try:
    run.fit((x, np.zeros(len(x), np.int64)), epochs=1, batch_size=64, callbacks=[Stop()], progress=False)
except KeyboardInterrupt:
    print(anonymous() - before)
"""
    with start(tmp_path, "-c", code) as process:
        out, err = process.communicate(timeout=100)
    os.unlink(tmp_path / "x.npy")
    assert process.returncode == 0, err
    assert int(out) < 100e6
