"""Rules of the domain ai.onnx.ml: what linear models, networks and scalers of scikit-learn are written with.

Labels are numbers; a classifier whose labels are texts is refused.
"""

from __future__ import annotations

import numpy as np

import graphdiff as gd

from ....errors import DTypeError, GraphError
from ....ir.dtypes import FLOATS
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads
from .elementwise import as_int64

ML = "ai.onnx.ml"


def _vector(call: Call, name: str, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A list of numbers of the node as a weight, called by the node's name and the attribute's."""
    array = np.asarray(call.list_of(name), np.float32).reshape(shape)
    value = call.importer.constant(call, array, f"{call.node.name or call.node.outputs[0]}.{name}")
    found = call.as_tensor(value)
    return found if found.dtype is x.dtype else gd.astype(found, x.dtype)


def _features(call: Call) -> Tensor:
    x = call.tensor()
    return x if x.dtype in FLOATS else gd.astype(x, call.importer.converted(np.dtype(np.float32)))


def _finished(call: Call, scores: Tensor) -> Tensor:
    how = call.text("post_transform", "NONE")
    if how == "SOFTMAX":
        return gd.nn.softmax(scores, axis=-1)
    if how == "LOGISTIC":
        return gd.nn.sigmoid(scores)
    if how == "SOFTMAX_ZERO":
        there = scores != 0
        e = gd.where(there, gd.exp(scores - gd.max(scores, axis=-1, keepdims=True)), 0)
        return e / gd.sum(e, axis=-1, keepdims=True)
    if how != "NONE":
        call.fail(GraphError, f"post_transform is {how!r}")
    return scores


@reads("LinearClassifier", domain=ML)
def linear_classifier(call: Call) -> list[Tensor]:
    x, labels = _features(call), call.list_of("classlabels_ints", [])
    if not labels:
        call.fail(DTypeError, "the classes are texts; graphdiff has numbers alone: give the classifier integer labels")
    rows = len(call.list_of("coefficients")) // int(x.shape[-1])
    scores = x @ _vector(call, "coefficients", x, (rows, int(x.shape[-1]))).T
    if call.raw("intercepts") is not None:
        scores = scores + _vector(call, "intercepts", x, (rows,))
    if rows == 1 and len(labels) == 2:  # of two classes one has a score; the other its opposite
        second = _finished(call, scores)
        first = 1 - second if call.text("post_transform", "NONE") == "LOGISTIC" else -scores
        scores, chosen = gd.concat([first, second], axis=1), gd.astype(scores[:, 0] > 0, "int64")
    else:
        chosen, scores = gd.argmax(scores, axis=1), _finished(call, scores)
    return [gd.take(gd.constant(np.asarray(labels, np.int64)), chosen), scores]


@reads("LinearRegressor", domain=ML)
def linear_regressor(call: Call) -> Tensor:
    x, targets = _features(call), call.integer("targets", 1)
    y = x @ _vector(call, "coefficients", x, (targets, int(x.shape[-1]))).T
    if call.raw("intercepts") is not None:
        y = y + _vector(call, "intercepts", x, (targets,))
    return _finished(call, y)


@reads("Scaler", domain=ML)
def scaler(call: Call) -> Tensor:
    x = _features(call)
    offset, scale = (gd.constant(np.asarray(call.list_of(n), x.dtype)) for n in ("offset", "scale"))
    return (x - offset) * scale


@reads("Normalizer", domain=ML)
def normalizer(call: Call) -> Tensor:
    x, how = _features(call), call.text("norm", "MAX")
    if how == "MAX":
        size = gd.max(gd.abs(x), axis=-1, keepdims=True)
    else:
        size = gd.norm(x, axis=-1, keepdims=True, ord=1 if how == "L1" else 2)
    return x / gd.where(size == 0, 1, size)


@reads("ArrayFeatureExtractor", domain=ML, settings=(1,))
def array_feature_extractor(call: Call) -> Tensor:
    """Columns by index; of a vector a row of one."""
    x, indices = call.tensor(0), call.tensor(1)
    if x.ndim == 1:
        x = gd.expand_dims(x, axis=0)
    return gd.take(x, gd.reshape(as_int64(indices), (-1,)), axis=x.ndim - 1)


@reads("Binarizer", domain=ML)
def binarizer(call: Call) -> Tensor:
    x = call.tensor()
    return gd.astype(x > call.number("threshold", 0.0), x.dtype)


@reads("Imputer", domain=ML)
def imputer(call: Call) -> Tensor:
    """Another number for a missing one, which may be NaN."""
    x = call.tensor()
    floats = x.dtype in FLOATS
    values = call.list_of("imputed_value_floats" if floats else "imputed_value_int64s")
    missing = call.number("replaced_value_float", 0.0) if floats else call.integer("replaced_value_int64", 0)
    gone = gd.isnan(x) if missing != missing else x == missing
    return gd.where(gone, gd.constant(np.asarray(values, x.dtype)), x)


@reads("FeatureVectorizer", domain=ML)
def feature_vectorizer(call: Call) -> Tensor:
    xs = [gd.reshape(x, (-1, 1)) if x.ndim == 1 else x for x in call.tensors()]
    dtype = call.importer.converted(np.dtype(np.float32))
    return gd.concat([x if x.dtype is dtype else gd.astype(x, dtype) for x in xs], axis=1)
