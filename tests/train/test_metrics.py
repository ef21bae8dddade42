"""Metrics against scikit-learn, all at once and batch by batch."""

import numpy as np
import pytest
from sklearn import metrics as sk

import graphdiff as gd
from graphdiff.train import metrics

RNG = np.random.default_rng(0)
T3 = RNG.integers(0, 3, 200)
LOGITS = RNG.normal(size=(200, 3)) + 1.0 * np.eye(3)[T3]
LOGITS[:20] = np.round(LOGITS[:20])  # ties
P3 = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
T2 = RNG.integers(0, 2, 200)
P2 = np.round(np.clip(0.3 * T2 + 0.7 * RNG.uniform(size=200), 0, 1), 2)
A, B = RNG.normal(size=(2, 200, 2))
SAME = np.full(50, 3.0)

CASES = [
    (metrics.accuracy, LOGITS, T3, sk.accuracy_score(T3, LOGITS.argmax(1))),
    (metrics.accuracy, LOGITS.argmax(1), T3, sk.accuracy_score(T3, LOGITS.argmax(1))),
    (metrics.accuracy, P2, T2, sk.accuracy_score(T2, P2 > 0.5)),
    (metrics.accuracy, P2[:, None], T2, sk.accuracy_score(T2, P2 > 0.5)),
    (metrics.top_k(2), LOGITS, T3, sk.top_k_accuracy_score(T3, LOGITS, k=2)),
    (metrics.f1, LOGITS, T3, sk.f1_score(T3, LOGITS.argmax(1), average="macro")),
    (metrics.f1, P2, T2, sk.f1_score(T2, P2 > 0.5)),
    (metrics.f1, np.stack([1 - P2, P2], 1), T2, sk.f1_score(T2, np.stack([1 - P2, P2], 1).argmax(1))),
    (metrics.auc, P2, T2, sk.roc_auc_score(T2, P2)),
    (metrics.auc, P3, T3, sk.roc_auc_score(T3, P3, multi_class="ovr")),
    (metrics.auc, LOGITS, T3, sk.roc_auc_score(T3, P3, multi_class="ovr")),
    (metrics.auc, LOGITS[:, :2], T2, sk.roc_auc_score(T2, LOGITS[:, 1] - LOGITS[:, 0])),
    (metrics.mae, A, B, sk.mean_absolute_error(B, A)),
    (metrics.mae, A[:, :1], B[:, 0], sk.mean_absolute_error(B[:, 0], A[:, 0])),
    (metrics.r2, A + 3 * B, B, sk.r2_score(B, A + 3 * B)),
    (metrics.r2, A[:, 0] + 1e6, B[:, 0] + 1e6, sk.r2_score(B[:, 0] + 1e6, A[:, 0] + 1e6)),
    (metrics.r2, SAME, SAME, sk.r2_score(SAME, SAME)),
    (metrics.r2, SAME + 1, SAME, sk.r2_score(SAME, SAME + 1)),
    (metrics.confusion_matrix, LOGITS, T3, sk.confusion_matrix(T3, LOGITS.argmax(1))),
]


@pytest.mark.parametrize(("metric", "prediction", "target", "expected"), CASES)
def test_the_numbers_are_those_of_scikit_learn(metric, prediction, target, expected):
    assert metric(prediction, target) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    running = metric.copy()
    for start in (0, 30, 31, 150):
        stop = {0: 30, 30: 31, 31: 150, 150: None}[start]
        running.add(prediction[start:stop], target[start:stop])
    assert running.result() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    again = metric.copy()
    again.load_state_dict(running.state_dict())
    assert again.result() == pytest.approx(running.result(), rel=0, abs=0)
    running.reset()
    assert np.all(np.isnan(running.result()) | (np.asarray(running.result()) == 0))


def test_labels_below_zero_are_left_out():
    t = np.where(np.arange(200) % 3 == 0, -100, T3)
    kept = t >= 0
    for metric in (metrics.accuracy, metrics.f1, metrics.auc, metrics.top_k(2)):
        assert metric(LOGITS, t) == metric(LOGITS[kept], t[kept])
    assert metrics.confusion_matrix(LOGITS, t).sum() == kept.sum()


def test_classes_that_come_later_make_room():
    running = metrics.confusion_matrix.copy()
    running.add([0, 1], [0, 0])
    running.add([3], [1])
    assert running.result().tolist() == sk.confusion_matrix([0, 0, 1], [0, 1, 3], labels=range(4)).tolist()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: metrics.accuracy(LOGITS[:5], T3[:4]), r"\(5, 3\) and targets of shape \(4,\)"),
        (lambda: metrics.accuracy([0.5, 3.0], [0, 1]), r"reach 3, no probability.*lambda p, t: accuracy\(p > 0, t\)"),
        (lambda: metrics.accuracy([0, 1], [0.5, 1.0]), "0.5 is none"),
        (lambda: metrics.top_k(0), "from 1 on, got 0"),
        (lambda: metrics.top_k(2)([0, 1], [0, 1]), "no axis of classes"),
        (lambda: metrics.mae(A, B[:5]), "differ"),
        (lambda: metrics.confusion_matrix([-1], [0]), "label -1 is negative"),
    ],
)
def test_what_does_not_fit_is_told(call, told):
    with pytest.raises(gd.GraphdiffError, match=told):
        call()
