"""scikit-learn's linear models, networks and pipelines through skl2onnx: values as ONNX Runtime's, of what is written
again too, and derivatives as differences. tests/support/onnx_found.py does so for files of other packages as well."""

import pytest

pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")

from onnx_found import MOST, estimators, row


def test_estimators_are_read_differentiated_and_written(tmp_path):
    paths = [*estimators(tmp_path)]
    assert len(paths) == 8
    for path in paths:
        found = row(path, 0)
        assert found.keys() == MOST.keys()
        assert {k: v for k, v in found.items() if v > MOST[k]} == {}, path.stem
