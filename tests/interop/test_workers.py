"""Functions in the workers of joblib and dask: sent once, and used again; data that is mapped is not copied."""

import numpy as np
import pytest
from worker_tasks import X, called, called_here, made, mapped


def right(results):
    f = made()
    for k, (_, _, value, slope) in enumerate(results):
        want, slopes = f(X * k)
        assert value == want and slope == slopes.tolist()


def test_joblib(tmp_path, monkeypatch):
    joblib = pytest.importorskip("joblib")
    monkeypatch.chdir(tmp_path)  # workers look first where they are started: not in a checkout that is not built
    parallel = joblib.Parallel(n_jobs=2)
    f = made()
    right(parallel(joblib.delayed(called)(f, k) for k in range(6)))
    here = parallel(joblib.delayed(called_here)(k) for k in range(8))
    right(here)
    assert len({pid for pid, *_ in here}) == len({(pid, number) for pid, number, *_ in here}) <= 2
    large = np.ones((500, 600))  # joblib maps what is larger than a megabyte
    for k, (is_mapped, total) in enumerate(parallel(joblib.delayed(mapped)(large, k) for k in range(2))):
        assert is_mapped and total == 300_000 + k


def test_dask():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        f = client.scatter(made(), broadcast=True)
        found = client.gather([client.submit(called, f, k, pure=False) for k in range(8)])
        right(found)
        assert len({(pid, number) for pid, number, *_ in found}) == len({pid for pid, *_ in found}) <= 2
