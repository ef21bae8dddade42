"""Training over the ranks of MPI: the history of one process, files of rank 0, and runs that are killed and resumed."""

import subprocess

import numpy as np
import pytest
from ranks_of_mpi import command, run

import graphdiff as gd

TRAIN = """
import json, os, sys
import numpy as np
import graphdiff as gd
from graphdiff import layers as L

rng = np.random.default_rng(0)
X, T = rng.normal(size=(50, 6)).astype("float32"), rng.integers(0, 3, 50)
folder, shards, epochs, kill = json.loads(sys.argv[1])


class Kill(gd.train.Callback):
    def on_batch_end(self, trainer, logs):
        if logs["step"] == kill:
            os.kill(os.getpid(), 9)


seed = 0 if shards else 100 + gd.interop.mpi.ranks.rank_of(gd.interop.mpi.ranks.world(None))  # rank 0's is everybody's
model = L.Sequential(L.Linear(6, 16), L.BatchNorm(16) if shards is None else gd.tanh, L.Linear(16, 3), seed=seed)
trainer = gd.train.Trainer(
    model, gd.nn.cross_entropy, gd.optim.Adam(0.01), metrics={"accuracy": gd.train.metrics.accuracy}, distributed=True,
    shards=shards, clip_norm=5.0,
)
callbacks = [gd.train.Checkpoint(folder, best="loss"), gd.train.CSVLogger(folder + "/run.csv"), Kill()]
gd.train.resume(folder, trainer)
LOADED = trainer.epoch
options = {"batch_size": 16, "progress": False, "drop_last": shards is None}  # a norm needs two rows on each rank
evaluated = []
compiled, evaluation = trainer._compiled, trainer._compiled.evaluation
compiled.evaluation = lambda: lambda *a: (evaluated.append(len(a[0])), evaluation()(*a))[1]
history = trainer.fit((X, T), (X[:39], T[:39]), epochs=epochs, callbacks=callbacks, **options)
ranks = gd.interop.mpi.ranks
mine = [16, 16, 7][ranks.rank_of(ranks.world(None)) :: ranks.size_of(ranks.world(None))]  # whole batches of each rank
assert evaluated == mine * (len(history["loss"]) - LOADED), evaluated
found = [history[name] for name in ("loss", "val_loss", "accuracy")]
found.append([p.value.tolist() for p in model.parameters.values()])
"""


def test_two_and_four_ranks_have_the_history_of_one(tmp_path):
    pytest.importorskip("mpi4py")
    for shards in (None, 4):
        found = {}
        for n in (1, 2, 4):
            folder = tmp_path / f"{shards}-{n}"
            folder.mkdir()
            each = run(n, TRAIN, [str(folder), shards, 3, -1])
            assert all(f == each[0] for f in each) and len(each) == n
            found[n] = each[0]
            assert sorted(p.name for p in folder.iterdir() if p.suffix == ".npz") != []
            assert len((folder / "run.csv").read_text().splitlines()) == 4
        if shards:
            assert found[1] == found[2] == found[4]
        else:
            assert all(np.isfinite(found[n][0]).all() and found[n][0][-1] < found[n][0][0] for n in found)


def test_a_run_that_is_killed_goes_on_with_another_number_of_ranks(tmp_path):
    pytest.importorskip("mpi4py")
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = run(1, TRAIN, [str(tmp_path / "whole"), 4, 4, -1])[0]
    given = [str(tmp_path / "killed"), 4, 4, 10]
    with subprocess.Popen(**command(2, TRAIN, given)) as job:
        assert job.wait(120) != 0  # killed in the third epoch
    resumed = run(4, TRAIN, [*given[:3], -1])[0]
    assert resumed == whole


def test_one_process_needs_no_mpi_and_shards_are_of_ranks():
    from graphdiff import layers as L

    x, t = np.random.default_rng(0).normal(size=(20, 3)).astype("float32"), np.arange(20) % 2
    losses = []
    for options in ({}, {"distributed": True}):
        model = L.Sequential(L.Linear(3, 2), seed=1)
        trainer = gd.train.Trainer(model, gd.nn.cross_entropy, gd.optim.SGD(0.1), **options)
        losses.append(trainer.fit((x, t), epochs=2, batch_size=8, progress=False)["loss"])
    assert losses[0] == losses[1]
    with pytest.raises(gd.GraphError, match="write distributed=True"):
        gd.train.Trainer(model, gd.nn.cross_entropy, gd.optim.SGD(0.1), shards=2)
