"""report.json from a stranger: every figure comes from its confusion matrix, each text is plain."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import classification_report

from deepdigits.core.errors import InputError
from deepdigits.metrics.report import Report
from deepdigits.runs.report import read_report, recomputed
from deepdigits.runs.run import Run

MATRIX = [[8, 2, 0], [1, 9, 0], [3, 0, 7]]
FACTS = {"dataset": "mnist", "split": "test", "seed": 3, "model": "a\x1b[31m"}


def content(**changes: Any) -> dict[str, Any]:
    return Report(MATRIX, ["0", "1", "2"], 0.5).to_dict() | FACTS | changes


def read(report: dict[str, Any]) -> dict[str, Any]:
    Path("report.json").write_text(json.dumps(report))
    found = read_report(Path())
    assert found is not None
    return found


def test_figures_are_those_of_the_matrix_whatever_the_file_claims() -> None:
    scores = {"precision": 1.0, "recall": 1.0, "f1": 7.0, "num_samples": 5}
    lies = {"accuracy": 1.0, "errors": 0, "f1_macro": 7.0, "class": dict.fromkeys("012", scores)}
    lies["overall"] = scores | {"num_samples": 30}
    found = read(content(**lies))
    true, predicted = np.repeat(np.indices((3, 3)).reshape(2, -1), np.ravel(MATRIX), axis=1)
    judge = classification_report(true, predicted, output_dict=True)
    assert (found["accuracy"], found["errors"], found["loss"]) == (judge["accuracy"], 6, 0.5)
    assert found["f1_macro"] == pytest.approx(judge["macro avg"]["f1-score"])
    for label in "012":
        assert found["class"][label]["f1"] == pytest.approx(judge[label]["f1-score"])
    assert found["overall"]["precision"] == pytest.approx(judge["weighted avg"]["precision"])
    assert Run(Path()).report.accuracy == judge["accuracy"]


def test_other_entries_are_kept_and_printable() -> None:
    found = read(content(checkpoint_sha256="ab", members=["a\nb"]))
    assert (found["seed"], found["checkpoint_sha256"]) == (3, "ab")
    assert (found["model"], found["members"]) == ("a\\x1b[31m", ["a\\nb"])


def test_a_report_of_this_package_is_read_as_it_was_written() -> None:
    written = content(model="deepdigits.LitMLP")
    assert read(written) == written


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": -1.0},
        {"loss": float("inf")},
        {"loss": "low"},
        {"accuracy": 2.0},
        {"split": "../../outside"},
        {"dataset": 3},
        {"class": {"0": {"f1": 1.0}, "1": {"f1": 1.0}}},
        {"class": {"0": {"f1": 1.0}, "1": {"f1": 1.0}, "": {"f1": 1.0}}},
        {"class": {"0": {"f1": 1.0}, "1": {"f1": 1.0}, "x" * 101: {"f1": 1.0}}},
        {"class": {"0": {"f1": 1.0}, "\n": {"f1": 1.0}, "\\n": {"f1": 1.0}}},
        {"confusion_matrix": [[True, 2, 0], [1, 9, 0], [3, 0, 7]]},
        {"confusion_matrix": [[2**40, 2, 0], [1, 9, 0], [3, 0, 7]]},
        {"confusion_matrix": [[8, 2, 0], [1, 9, 0], [3, 0, -7]]},
    ],
)
def test_impossible_content_is_one_line(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"report\.json .*: test the run again"):
        recomputed(content(**changes), "report.json")
