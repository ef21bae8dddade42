"""Weights in files: both formats, what does not fit, what is damaged, and what stays when writing fails."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import layers as L

FORMATS = [".npz", ".safetensors"]


def model(seed):
    return L.Sequential(L.Linear(3, 4), L.BatchNorm(4), L.Linear(4, 2, bias=False, dtype="float64"), seed=seed)


@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_saved_is_loaded(tmp_path, ending):
    one, two, path = model(1), model(2), tmp_path / f"weights{ending}"
    gd.save_weights(path, one)
    found = gd.load_weights(path, into=two)
    saved = one.state_dict()
    assert set(found) == set(saved)
    assert all(found[k].dtype == v.dtype and found[k].tobytes() == v.tobytes() for k, v in saved.items())
    assert all(two.state_dict()[k].tobytes() == v.tobytes() for k, v in saved.items())
    gd.save_weights(path, one.parameters)
    three = model(3)
    gd.load_weights(path, into=three.parameters)
    assert three.parameters["0.weight"].value.tobytes() == saved["0.weight"].tobytes()


@pytest.mark.parametrize("ending", FORMATS)
def test_any_name_and_every_dtype(tmp_path, ending):
    arrays = {
        "file": np.arange(6, dtype=np.int64).reshape(2, 3).T,
        "a.npy": np.float64(3),
        "ä/b": np.zeros((0, 3), np.float32),
        "flags": np.array([True, False]),
        "allow_pickle": np.ones(2, np.int32),
    }
    gd.save_weights(tmp_path / f"w{ending}", arrays)
    found = gd.load_weights(tmp_path / f"w{ending}")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_other_packages_read_and_write_the_same_files(tmp_path):
    numpy_format = pytest.importorskip("safetensors.numpy")
    w = gd.parameter("w", np.arange(4.0))
    gd.save_weights(tmp_path / "w.npz", [w])
    assert np.array_equal(np.load(tmp_path / "w.npz")["w"], w.value)
    gd.save_weights(tmp_path / "w.safetensors", [w])
    assert np.array_equal(numpy_format.load_file(tmp_path / "w.safetensors")["w"], w.value)
    np.savez_compressed(tmp_path / "c.npz", w=np.full(4, 7.0))
    gd.load_weights(tmp_path / "c.npz", into=[w])
    np.testing.assert_array_equal(w.value, 7)
    numpy_format.save_file({"w": np.full(4, 8.0)}, tmp_path / "c.safetensors")
    gd.load_weights(tmp_path / "c.safetensors", into={"w": w})
    np.testing.assert_array_equal(w.value, 8)


def test_what_does_not_fit_is_told_at_once_and_changes_nothing(tmp_path):
    a, b = gd.parameter("a", np.ones(2)), gd.parameter("b", np.ones(3))
    gd.save_weights(tmp_path / "w.npz", {"a": np.zeros(2), "c": np.zeros(1)})
    with pytest.raises(gd.FeedError, match=r"load_weights: missing: b\. surplus: c"):
        gd.load_weights(tmp_path / "w.npz", into=[a, b])
    assert a.value.all()
    gd.load_weights(tmp_path / "w.npz", into=[a, b], strict=False)
    assert not a.value.any() and b.value.all()
    gd.save_weights(tmp_path / "w.npz", {"a": np.ones(2), "b": np.ones(4)})
    with pytest.raises(gd.FeedError, match=r"b is \[4\], not \[3\]"):
        gd.load_weights(tmp_path / "w.npz", into=[a, b], strict=False)
    assert not a.value.any()


@pytest.mark.parametrize("ending", FORMATS)
def test_damaged_files_are_told_and_change_nothing(tmp_path, ending):
    w, path = gd.parameter("w", np.ones(50)), tmp_path / f"w{ending}"
    gd.save_weights(path, {"w": np.zeros(50)})
    whole = path.read_bytes()
    for data in (b"", whole[:7], whole[: len(whole) // 2], whole[:-1], b"x" * 100):
        path.write_bytes(data)
        with pytest.raises(gd.FeedError, match=f"is no whole {ending} file"):
            gd.load_weights(path, into=[w])
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 0x80
        path.write_bytes(damaged)
        try:  # damage to a date harms nothing
            gd.load_weights(path)
        except gd.FeedError as error:
            assert f"is no whole {ending} file" in str(error)
    assert w.value.all()
    with pytest.raises(FileNotFoundError):
        gd.load_weights(tmp_path / f"none{ending}")


@pytest.mark.parametrize("ending", FORMATS)
def test_what_was_there_stays_where_writing_fails(tmp_path, ending, monkeypatch):
    path = tmp_path / f"w{ending}"
    gd.save_weights(path, {"w": np.zeros(5)})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        gd.save_weights(path, {"w": np.ones(5)})
    monkeypatch.undo()
    assert not gd.load_weights(path)["w"].any() and [p.name for p in tmp_path.iterdir()] == [path.name]


BAD = [
    (lambda p: gd.save_weights(p / "w.pt", {}), "ends neither in .npz nor in .safetensors"),
    (lambda p: gd.load_weights(p / "w"), "ends neither in .npz nor in .safetensors"),
    (lambda p: gd.save_weights(p / "w.npz", {"x": gd.input("x")}), "'x' is no name of a parameter"),
    (lambda p: gd.save_weights(p / "w.npz", [gd.parameter("w", 1.0), gd.parameter("w", 2.0)]), "have one name"),
]


@pytest.mark.parametrize(("call", "told"), BAD)
def test_what_cannot_be_is_told(tmp_path, call, told):
    with pytest.raises(gd.GraphError, match=told):
        call(tmp_path)
    assert list(tmp_path.iterdir()) == []
