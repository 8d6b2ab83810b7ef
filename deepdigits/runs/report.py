"""Read and validate report.json and training.json.

The files may come from someone else, so all values are checked before they are used.
"""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError, one_line
from deepdigits.runs.json_files import read_json
from deepdigits.runs.predictions import of_split

TRAINING = "training.json"
_NUMBERS = ("parameters", "epochs", "steps", "training_seconds")
FACTS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(_NUMBERS, (int, float)),
    **dict.fromkeys(("hardware", "versions"), (dict,)),
    **dict.fromkeys(("model", "git_commit"), (str,)),
    "seed": (int,),
}


def read_report(folder: Path, split: str = "test") -> dict[str, Any] | None:
    """Read the report of a run or an ensemble; None if there is no report.

    Raises:
        InputError: The file is damaged.
    """
    name = of_split("report.json", split)
    report = read_json(folder / name)
    if report is None:
        return None
    check(report, folder / name)
    return report


def check(report: Mapping[str, Any], source: object) -> None:
    """Check the content of a report.

    Args:
        report: The content.
        source: The file, for the error.

    Raises:
        InputError: A value is missing, has a wrong type, or contradicts other values.
    """
    try:
        _check_facts(report)
        consistent = _is_consistent(report)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else one_line(error)
        raise InputError(f"{source} is damaged ({what}): test the run again") from error
    if not consistent:
        raise InputError(f"{source} has inconsistent values: test the run again")


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
    loss = report.get("loss")
    return (
        all(isfinite(number) for number in (*numbers, *([] if loss is None else [loss])))
        and 0 <= report["accuracy"] <= 1
        and all(isinstance(report[name], str) for name in ("dataset", "split"))
        and len(report["class"]) == len(counts) > 0
        and all(len(row) == len(counts) for row in counts)
        and all(type(count) is int and count >= 0 for row in counts for count in row)
        and sum(map(sum, counts)) == num_samples > 0
    )
