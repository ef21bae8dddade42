"""Reading data, and refusing what is not data."""

import os

import numpy as np
import pytest

from graphdiff.errors import GraphdiffError
from graphdiff.train import DataError, digits, read

IRIS = "length,width,species\n" + "".join(f"{5 + k / 10},{k},{name}\n" for name in "ab" for k in range(10))


def samples(n=20, shape=(3,)):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, *shape)), np.arange(n) % 2


def check(data, n, features, classes):
    assert data.size == n and data.features == features and data.classes == classes
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.t_train.dtype == data.t_test.dtype == np.int64
    assert data.x_train.flags.c_contiguous and data.x_test.flags.c_contiguous
    assert set(data.t_train) == set(data.t_test) == set(range(len(classes)))


def test_digits_are_split_by_class():
    data = digits(seed=3)
    check(data, 1797, 64, tuple("0123456789"))
    share = np.bincount(data.t_test) / np.bincount(np.concatenate([data.t_train, data.t_test]))
    assert np.all(np.abs(share - 0.2) < 0.01)
    assert abs(data.x_train.mean()) < 1e-3 and abs(data.x_train.std() - 1) < 1e-3
    assert np.array_equal(digits(seed=3).x_test, data.x_test)
    assert not np.array_equal(digits(seed=4).x_test, data.x_test)


def test_no_sample_is_in_both_parts(tmp_path):
    _, y = samples(40)
    np.savez(tmp_path / "a.npz", x=np.arange(40.0)[:, None], y=y)
    data = read(tmp_path / "a.npz")
    assert len(np.unique(np.concatenate([data.x_train, data.x_test]))) == 40


@pytest.mark.parametrize("names", [("x", "y"), ("X", "Y"), ("data", "target"), ("images", "labels")])
def test_npz_by_the_usual_names(tmp_path, names):
    x, y = samples(20, (2, 4))
    np.savez_compressed(tmp_path / "a.npz", **dict(zip(names, (x, y), strict=True)))
    check(read(tmp_path / "a.npz"), 20, 8, ("0", "1"))


def test_npz_in_parts_is_joined(tmp_path):
    x, y = samples(20)
    np.savez(tmp_path / "a.npz", x_train=x[:12], y_train=y[:12], x_test=x[12:], y_test=y[12:])
    check(read(tmp_path / "a.npz"), 20, 3, ("0", "1"))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64, bool])
def test_features_of_any_real_dtype(tmp_path, dtype):
    x, y = samples()
    np.savez(tmp_path / "a.npz", x=(x * 9).astype(dtype), y=y)
    check(read(tmp_path / "a.npz"), 20, 3, ("0", "1"))


def test_csv_with_the_label_last_or_named(tmp_path):
    (tmp_path / "a.csv").write_text(IRIS)
    check(read(tmp_path / "a.csv"), 20, 2, ("a", "b"))
    rows = [line.split(",") for line in IRIS.splitlines()[1:]]
    (tmp_path / "bare.csv").write_text("\r\n".join(",".join(row) for row in rows))
    check(read(tmp_path / "bare.csv"), 20, 2, ("a", "b"))
    (tmp_path / "named.csv").write_text("Class,p,q\n" + "\n".join(f"{c},{p},{q}" for p, q, c in rows))
    check(read(tmp_path / "named.csv"), 20, 2, ("a", "b"))
    assert np.array_equal(read(tmp_path / "named.csv").x_train, read(tmp_path / "a.csv").x_train)


def test_a_constant_column_stays_finite(tmp_path):
    x, y = samples()
    x[:, 1] = 7
    np.savez(tmp_path / "a.npz", x=x, y=y)
    assert np.isfinite(read(tmp_path / "a.npz").x_train).all()


BAD_CSV = {
    "is empty": "",
    "has no rows": "a,b,label\n",
    ":3: has 2 columns; 3 are expected": "1,2,a\n1,2,b\n1,2\n",
    ":2: 'two' is not a number": "1,2,a\n1,two,b\n",
    "feature (1,) of sample 3 is nan": IRIS.replace("5.3,3,a", "5.3,nan,a"),
    "feature (0,) of sample 3 is inf": IRIS.replace("5.3,3,a", "1e999,3,a"),
    "20 different labels among 20 samples": "".join(f"1,2,{k}.5\n" for k in range(20)),
    "1 different labels": "1,2,a\n3,4,a\n5,6,a\n",
    "at least one of each": "label\na\nb\n",
    "too few to hold some out": "1,2,a\n1,3,b\n",
    "too large to scale": IRIS.replace("5.3,3,a", "1e308,3,a").replace("5.4,4,a", "-1e308,4,a"),
}


@pytest.mark.parametrize("told", BAD_CSV)
def test_bad_csv_is_refused_with_the_place(tmp_path, told):
    path = tmp_path / "bad.csv"
    path.write_text(BAD_CSV[told])
    with np.errstate(all="raise"), pytest.raises(DataError) as caught:
        read(path)
    assert told in str(caught.value) and str(path) in str(caught.value)
    assert isinstance(caught.value, GraphdiffError) and isinstance(caught.value, ValueError)


X, Y = samples()
BAD_NPZ = {
    "has p, q; one of x, data": {"p": X, "q": Y},
    "has x; one of y, t": {"x": X},
    "labels (19,)": {"x": X, "y": Y[:19]},
    "labels (20, 1)": {"x": X, "y": Y[:, None]},
    "features have shape (20,)": {"x": Y, "y": Y},
    "features have shape (0, 3)": {"x": X[:0], "y": Y[:0]},
    "features are complex128": {"x": X + 1j, "y": Y},
    "features are <U1": {"x": np.full((20, 3), "a"), "y": Y},
    "do not fit together": {"x_train": X, "x_test": X[:, :2], "y": Y},
    "not an .npz archive of arrays": {"x": np.full((20, 3), None), "y": Y},
}


@pytest.mark.parametrize("told", BAD_NPZ)
def test_bad_npz_is_refused(tmp_path, told):
    np.savez(tmp_path / "bad.npz", **BAD_NPZ[told])
    with pytest.raises(DataError) as caught:
        read(tmp_path / "bad.npz")
    assert told in str(caught.value)


def test_files_that_are_something_else(tmp_path):
    x, y = samples()
    np.savez(tmp_path / "good.npz", x=x, y=y)
    whole = (tmp_path / "good.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "noise.npz").write_bytes(os.urandom(1000))
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "one.npy", x)
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01,2\n")
    (tmp_path / "nul.csv").write_bytes(b"1,\0,a\n")
    (tmp_path / "folder.csv").mkdir()
    names = ["cut.npz", "noise.npz", "empty.npz", "one.npz", "binary.csv", "nul.csv", "folder.csv", "none.csv", "a.txt"]
    for name in names:
        with pytest.raises(DataError, match=name):
            read(tmp_path / name)


def test_a_damaged_archive_is_refused_wherever_the_damage_lies(tmp_path):
    x, y = samples()
    np.savez_compressed(tmp_path / "good.npz", x=x, y=y)
    whole = (tmp_path / "good.npz").read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        (tmp_path / "bad.npz").write_bytes(damaged)
        try:
            read(tmp_path / "bad.npz")  # damage to a date or a comment harms nothing
        except DataError:
            pass
