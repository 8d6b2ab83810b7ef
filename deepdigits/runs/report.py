"""Read and validate report.json and training.json.

The files may come from someone else, so all values are checked before they are used.
"""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.text import printable_values
from deepdigits.data.registry import MAX_NAME, SPLITS
from deepdigits.metrics.report import Report
from deepdigits.runs.json_files import read_json
from deepdigits.runs.predictions import of_split

TRAINING = "training.json"
MAX_COUNT = 10**9  # images in a cell of a confusion matrix
_NUMBERS = ("parameters", "epochs", "steps", "training_seconds")
FACTS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(_NUMBERS, (int, float)),
    **dict.fromkeys(("hardware", "versions"), (dict,)),
    **dict.fromkeys(("model", "precision", "git_commit", "init_from", "init_sha256"), (str,)),
    **dict.fromkeys(("seed", "processes"), (int,)),
}


def read_report(folder: Path, split: str = "test") -> dict[str, Any] | None:
    """Read the report of a run or an ensemble; None if there is no report.

    All its figures but the loss are computed again, whatever the file claims.

    Raises:
        InputError: The file is damaged.
    """
    name = of_split("report.json", split)
    report = read_json(folder / name)
    return None if report is None else recomputed(report, folder / name)


def recomputed(report: Mapping[str, Any], source: object) -> dict[str, Any]:
    """Check the content of a report, and compute its figures again from its confusion matrix.

    The loss cannot be computed from it, and is kept.

    Args:
        report: The content.
        source: The file, for the error.

    Returns:
        The content: figures that agree with each other, and texts that are printable.

    Raises:
        InputError: A value is missing, has a wrong type, or contradicts other values.
    """
    content: dict[str, Any] = printable_values(dict(report))
    try:
        _check_facts(content)
        consistent = _is_consistent(content)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else one_line(error)
        raise InputError(f"{source} is damaged ({what}): test the run again") from error
    if not consistent:
        raise InputError(f"{source} has inconsistent values: test the run again")
    return content | Report.from_dict(content).to_dict()


def read_training(folder: Path) -> dict[str, Any]:
    """Read the facts of the training of a run; empty if there is no file.

    Raises:
        InputError: The file is damaged.
    """
    facts = read_json(folder / TRAINING) or {}
    facts = {name: fact for name, fact in facts.items() if name in FACTS}
    try:
        _check_facts(facts)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{folder / TRAINING} is damaged ({error}): remove it, and test the run again"
        ) from error
    return facts


def _check_facts(facts: Mapping[str, Any]) -> None:
    """Raise TypeError or ValueError if a fact is present and has a wrong type or value."""
    for name, types in FACTS.items():
        fact = facts.get(name)
        if fact is None:
            continue
        if not isinstance(fact, types) or isinstance(fact, bool):
            raise TypeError(f"{name} is {str(fact)[:40]}")
        if name in _NUMBERS and not (isfinite(number := facts[name]) and number >= 0):
            raise ValueError(f"{name} is {number}")


def _is_consistent(report: Mapping[str, Any]) -> bool:
    """Whether all values are present and agree with the confusion matrix."""
    numbers = [report[name] for name in ("accuracy", "f1_macro", "errors")]
    numbers += [scores["f1"] for scores in report["class"].values()]
    num_samples = report["overall"]["num_samples"]
    counts = report["confusion_matrix"]
    loss = 0.0 if report["loss"] is None else report["loss"]
    return (
        all(isfinite(number) for number in numbers)
        and isfinite(loss)
        and loss >= 0
        and 0 <= report["accuracy"] <= 1
        and isinstance(report["dataset"], str)
        and report["split"] in SPLITS
        and all(0 < len(name) <= MAX_NAME for name in report["class"])
        and len(report["class"]) == len(counts) > 0
        and all(len(row) == len(counts) for row in counts)
        and all(type(count) is int and 0 <= count <= MAX_COUNT for row in counts for count in row)
        and sum(map(sum, counts)) == num_samples > 0
    )
