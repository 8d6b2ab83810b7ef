"""Find wrong labels by confident learning. Pure functions.

Northcutt, Jiang, Chuang: Confident Learning: Estimating Uncertainty in Dataset Labels. Journal of
Artificial Intelligence Research 70 (2021), https://doi.org/10.1613/jair.1.12125

The probabilities of an image must come from a net that was not trained on it. The issues are ranked
by the probability of the given label. Of the rankings that the authors compare, it had a higher
average precision than the normalised margin on MNIST with 1 % of wrong labels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_NOT_REACHED = 2.0  # the threshold of a class that no image has
_ROUNDING = 1e-6


@dataclass(frozen=True)
class LabelIssues:
    """The suspicious labels, the most suspicious first.

    Attributes:
        indices: Place of each in the arrays that were given, int64 (M,).
        suggested: The class that it seems to be, int64 (M,).
        confident_joint: Counts of labels (rows) and confident classes (columns), int64 (C, C).
    """

    indices: NDArray[np.int64]
    suggested: NDArray[np.int64]
    confident_joint: NDArray[np.int64]


def find_label_issues(probabilities: Array, labels: Array) -> LabelIssues:
    """Find the labels that contradict confident predictions.

    A label is suspicious if the image confidently belongs to another class, and the label is not
    the most probable class.

    Args:
        probabilities: Out-of-sample class probabilities (N, C).
        labels: Given labels (N,).

    >>> probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.95, 0.05]])
    >>> wrong = find_label_issues(probabilities, np.array([0, 0, 1]))
    >>> wrong.indices.tolist(), wrong.suggested.tolist(), wrong.confident_joint.tolist()
    ([2], [0], [[2, 0], [1, 0]])
    """
    confident = confident_classes(probabilities, labels)
    classes = probabilities.shape[1]
    sure = confident >= 0
    joint = np.bincount(labels[sure] * classes + confident[sure], minlength=classes * classes)
    given = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    indices = np.flatnonzero(sure & (confident != labels) & (given < probabilities.max(axis=1)))
    indices = indices[given[indices].argsort(kind="stable")]
    return LabelIssues(indices, confident[indices], joint.reshape(classes, classes))


def doubted_labels(probabilities: Array, labels: Array) -> tuple[Array, Array]:
    """The labels that are not the most probable class: first the suspicious ones, then the others.

    A net that is sure of nearly all images has few suspicious labels; the others come next.

    Args:
        probabilities: Out-of-sample class probabilities (N, C).
        labels: Given labels (N,).

    Returns:
        Places in the arrays, int64 (K,), each part by the probability of the label; and the
        suggested classes, int64 (K,).
    """
    issues = find_label_issues(probabilities, labels)
    given = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    others = np.flatnonzero(given < probabilities.max(axis=1))
    others = others[~np.isin(others, issues.indices)]
    others = others[given[others].argsort(kind="stable")]
    suggested = np.concatenate([issues.suggested, probabilities[others].argmax(axis=1)])
    return np.concatenate([issues.indices, others]), suggested


def confident_classes(probabilities: Array, labels: Array) -> NDArray[np.int64]:
    """The class that each image confidently belongs to, (N,); -1: it is not certain.

    It is the most probable of the classes whose probability reaches their threshold.

    Args:
        probabilities: Out-of-sample class probabilities (N, C).
        labels: Given labels (N,).
    """
    reached = probabilities >= thresholds(probabilities, labels) - _ROUNDING
    best: NDArray[np.int64] = np.where(reached, probabilities, -1.0).argmax(axis=1)
    return np.where(reached.any(axis=1), best, -1)


def thresholds(probabilities: Array, labels: Array) -> NDArray[np.float64]:
    """The mean probability that the images of each class have for it, (C,).

    Args:
        probabilities: Out-of-sample class probabilities (N, C).
        labels: Given labels (N,).

    >>> thresholds(np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]), np.array([0, 0, 1])).tolist()
    [0.5, 0.5]
    """
    classes = range(probabilities.shape[1])
    members = [probabilities[labels == label, label] for label in classes]
    return np.array([one.mean(dtype=np.float64) if len(one) else _NOT_REACHED for one in members])


def class_pairs(labels: Array, suggested: Array) -> list[tuple[int, int, int]]:
    """How often each pair of label and suggested class occurs, the most frequent first.

    Args:
        labels: Given labels (M,).
        suggested: Suggested classes (M,).

    >>> class_pairs(np.array([4, 4, 7]), np.array([9, 9, 1]))
    [(4, 9, 2), (7, 1, 1)]
    """
    pairs, counts = np.unique(np.stack([labels, suggested]), axis=1, return_counts=True)
    order = (-counts).argsort(kind="stable")
    return [(int(pairs[0, i]), int(pairs[1, i]), int(counts[i])) for i in order]
