"""Confident learning, judged by cleanlab, the package of its authors."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from deepdigits.data import sources
from deepdigits.metrics.label_audit import (
    class_pairs,
    confident_classes,
    doubted_labels,
    find_label_issues,
)

Array = NDArray[Any]
count = pytest.importorskip("cleanlab.count")
filters = pytest.importorskip("cleanlab.filter")


def synthetic(seed: int, classes: int) -> tuple[Array, Array]:
    """Probabilities (N, C) of a fair net, and labels of which one in ten is wrong."""
    random = np.random.default_rng(seed)
    share = np.linspace(1, 2, classes)
    true = random.choice(classes, 500, p=share / share.sum())
    logits = random.normal(size=(500, classes)) + 4 * np.eye(classes)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = random.random(500) < 0.1
    return probabilities, np.where(wrong, random.integers(0, classes, 500), true)


def digits(data_folder: Any) -> tuple[Array, Array]:
    """Out-of-fold probabilities of 1,000 digits by a logistic regression; 40 labels are wrong."""
    sources.prepare("mnist", data_folder)
    images, labels = sources.load("mnist", data_folder, train=False)
    pixels, given = images[:1000].reshape(1000, -1).numpy() / 255, labels[:1000].numpy().copy()
    chosen = np.random.default_rng(0).choice(1000, 40, replace=False)
    given[chosen] = (given[chosen] + 1 + np.arange(40) % 9) % 10
    net = LogisticRegression(max_iter=1000, tol=1e-3)
    return cross_val_predict(net, pixels, given, cv=3, method="predict_proba"), given


def assert_as_cleanlab(probabilities: Array, labels: Array) -> int:
    """Compare with cleanlab; returns the number of suspicious labels."""
    found = find_label_issues(probabilities, labels)
    joint = count.compute_confident_joint(labels, probabilities, calibrate=False)
    assert np.array_equal(found.confident_joint, joint)
    settings = {"filter_by": "confident_learning", "n_jobs": 1}
    ranking = filters.find_label_issues(
        labels, probabilities, return_indices_ranked_by="self_confidence", **settings
    )
    assert found.indices.tolist() == ranking.tolist()
    return len(ranking)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_issues_ranking_and_joint_are_those_of_cleanlab(seed: int, classes: int) -> None:
    assert assert_as_cleanlab(*synthetic(seed, classes)) > 10


def test_the_same_on_digits(data_folder: Any) -> None:
    assert assert_as_cleanlab(*digits(data_folder)) > 40


def test_the_one_difference_from_cleanlab() -> None:
    """Of several confident classes, Northcutt et al. take the most probable (equation 1).

    cleanlab takes the most probable class, also where that is not confident.
    """
    rows = [[0.9, 0.05, 0.05]] * 9 + [[0.6, 0.25, 0.15]] * 9 + [[0.6, 0.22, 0.18]] * 9
    probabilities, labels = (
        np.array([*rows, [0.5, 0.3, 0.2]]),
        np.array([0, 1, 2, 2]).repeat([9, 9, 9, 1]),
    )
    ours = find_label_issues(probabilities, labels).confident_joint
    theirs = count.compute_confident_joint(labels, probabilities, calibrate=False)
    assert confident_classes(probabilities, labels)[-1] == 1
    assert ours.tolist() == [[9, 0, 0], [0, 9, 0], [0, 1, 0]]
    assert theirs.tolist() == [[9, 0, 0], [0, 9, 0], [1, 0, 1]]  # 1 is the least on its diagonal


def test_other_doubted_labels_come_after_the_suspicious_ones() -> None:
    probabilities, labels = synthetic(0, 10)
    indices, suggested = doubted_labels(probabilities, labels)
    issues, best = find_label_issues(probabilities, labels).indices, probabilities.argmax(axis=1)
    number = len(issues)
    assert indices[:number].tolist() == issues.tolist()
    assert sorted(indices) == np.flatnonzero(best != labels).tolist()
    assert len(indices) > number
    assert suggested[number:].tolist() == best[indices[number:]].tolist()
    given = probabilities[indices, labels[indices]]
    assert (np.diff(given[number:]) >= 0).all()


def test_a_class_without_images_is_never_suggested() -> None:
    probabilities, labels = synthetic(0, 4)
    labels = labels.copy()
    labels[labels == 3] = 0
    found = find_label_issues(probabilities, labels)
    assert 3 not in found.suggested
    assert found.confident_joint[:, 3].sum() == 0


def test_correct_labels_are_not_suspicious() -> None:
    probabilities, _ = synthetic(0, 5)
    assert len(find_label_issues(probabilities, probabilities.argmax(axis=1)).indices) == 0


def test_pairs_are_counted() -> None:
    labels, suggested = np.array([4, 7, 4, 9, 4]), np.array([9, 1, 9, 4, 9])
    assert class_pairs(labels, suggested) == [(4, 9, 3), (7, 1, 1), (9, 4, 1)]
    assert class_pairs(labels[:0], suggested[:0]) == []
