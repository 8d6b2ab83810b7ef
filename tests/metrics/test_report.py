"""The report, against scikit-learn, torchmetrics, and the table of the earlier project."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from deepdigits.metrics.report import Report

REFERENCE = Path(__file__).parents[1] / "reference" / "seed_cnn_performance.json"

# Any confusion matrix, classes that never occur or are never predicted included.
CONFUSIONS = st.integers(2, 6).flatmap(
    lambda c: st.lists(
        st.lists(st.sampled_from([0, 0, 0, 1, 2, 7, 40]), min_size=c, max_size=c),
        min_size=c,
        max_size=c,
    )
).filter(lambda rows: any(map(any, rows)))  # fmt: skip


def samples(confusion: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True and predicted labels with this confusion matrix."""
    counts = np.asarray(confusion)
    truth, predicted = np.indices(counts.shape)
    return truth.ravel().repeat(counts.ravel()), predicted.ravel().repeat(counts.ravel())


def report_of(confusion: Any) -> Report:
    return Report(confusion, [str(label) for label in range(len(confusion))])


@given(CONFUSIONS)
def test_metrics_equal_scikit_learn(confusion: list[list[int]]) -> None:
    report, (truth, predicted) = report_of(confusion), samples(confusion)
    expected = precision_recall_fscore_support(
        truth, predicted, labels=range(len(confusion)), zero_division=0
    )
    ours = [(s.precision, s.recall, s.f1, s.num_samples) for s in report.classes]
    np.testing.assert_allclose(ours, np.transpose(expected), rtol=0, atol=1e-12)
    *weighted, _ = precision_recall_fscore_support(
        truth, predicted, average="weighted", zero_division=0
    )
    overall = report.overall
    np.testing.assert_allclose(
        (overall.precision, overall.recall, overall.f1), weighted, rtol=0, atol=1e-12
    )
    assert report.accuracy == pytest.approx(accuracy_score(truth, predicted), abs=1e-12)
    assert overall.recall == pytest.approx(report.accuracy, abs=1e-12)
    macro = f1_score(truth, predicted, average="macro", zero_division=0)
    assert report.f1_macro == pytest.approx(macro, abs=1e-12)
    assert report.errors == int((truth != predicted).sum())
    assert report.num_samples == overall.num_samples == len(truth)


@given(CONFUSIONS)
def test_metrics_equal_torchmetrics(confusion: list[list[int]]) -> None:
    report, num_classes = report_of(confusion), len(confusion)
    truth, predicted = map(torch.from_numpy, samples(confusion))
    arguments = (predicted, truth, num_classes)
    for name, function in (
        ("precision", multiclass_precision),
        ("recall", multiclass_recall),
        ("f1", multiclass_f1_score),
    ):
        each = function(*arguments, average=None)
        ours = [getattr(scores, name) for scores in report.classes]
        np.testing.assert_allclose(ours, each, rtol=0, atol=1e-6)
        weighted = function(*arguments, average="weighted").item()
        assert getattr(report.overall, name) == pytest.approx(weighted, abs=1e-6)
    macro = multiclass_f1_score(*arguments, average="macro").item()
    assert report.f1_macro == pytest.approx(macro, abs=1e-6)
    micro = multiclass_accuracy(*arguments, average="micro").item()
    assert report.accuracy == pytest.approx(micro, abs=1e-6)


def confusion_with(right: list[int], support: list[int], predicted: list[int]) -> NDArray[np.int64]:
    """A confusion matrix with this diagonal and these sums of rows and columns."""
    confusion = np.diag(right)
    missed, wrong = np.subtract(support, right), np.subtract(predicted, right)
    while missed.any():
        # The class with the most missing samples is served first, so that the loop ends.
        label = int(np.argmax(missed + wrong))
        others = np.delete(np.arange(len(right)), label)
        if missed[label]:
            row, column = label, int(others[np.argmax(wrong[others])])
        else:
            row, column = int(others[np.argmax(missed[others])]), label
        confusion[row, column] += 1
        missed[row] -= 1
        wrong[column] -= 1
    return confusion


def reference_counts() -> tuple[dict[str, Any], NDArray[np.int64]]:
    reference = json.loads(REFERENCE.read_text())
    classes = [reference["class"][str(digit)] for digit in range(10)]
    support = [round(c["num_samples"]) for c in classes]
    right = [round(c["recall"] * c["num_samples"]) for c in classes]
    predicted = [round(r / c["precision"]) for r, c in zip(right, classes, strict=True)]
    confusion = confusion_with(right, support, predicted)
    assert confusion.sum(axis=1).tolist() == support
    assert confusion.sum(axis=0).tolist() == predicted
    return reference, confusion


def test_table_of_the_earlier_project_is_reproduced() -> None:
    reference, confusion = reference_counts()
    assert (confusion.trace(), confusion.sum()) == (59_921, 60_000)
    ours = report_of(confusion).to_dict()
    assert list(ours)[:2] == list(reference)
    assert ours["class"].keys() == reference["class"].keys()
    for ours_of, expected in (
        (ours["overall"], reference["overall"]),
        *((ours["class"][digit], reference["class"][digit]) for digit in reference["class"]),
    ):
        assert list(ours_of) == list(expected)
        assert ours_of == pytest.approx(expected, rel=0, abs=1e-12)


def test_report_survives_json() -> None:
    _, confusion = reference_counts()
    report = Report(confusion, [f"digit {d}" for d in range(10)], loss=0.0123)
    content = report.to_dict()
    again = Report.from_dict(json.loads(json.dumps({**content, "seed": 1})))
    assert again.to_dict() == content
    assert list(again.class_names) == list(report.class_names)
    assert again.loss == 0.0123


def test_markdown_has_a_row_for_each_class_and_the_whole() -> None:
    _, confusion = reference_counts()
    head, rule, *rows = report_of(confusion).to_markdown().splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in (head, *rows)]
    assert {len(row) for row in (*cells, rule.strip("|").split("|"))} == {5}
    assert [row[0] for row in cells[1:]] == [*map(str, range(10)), "overall"]
    assert cells[1] == ["0", "0.9997", "0.9995", "0.9996", "5923"]  # reference, rounded
    assert cells[-1] == ["overall", "0.9987", "0.9987", "0.9987", "60000"]


def test_most_frequent_mistakes_come_first() -> None:
    report = Report([[5, 1, 0], [9, 5, 3], [0, 0, 5]], ["a", "b", "c"])
    assert report.most_confused() == [("b", "a", 9), ("b", "c", 3), ("a", "b", 1)]
    assert report.most_confused(limit=1) == [("b", "a", 9)]
