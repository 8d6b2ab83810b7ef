"""Tell a finished run from one that was stopped, and a report from one of other weights.

The file finished.json is written last, after training, test and all their files: the SHA-256 of the
report, of the facts of the training and of the tested checkpoint. A training removes it when it
starts or is resumed.
"""

from collections.abc import Mapping
from hashlib import file_digest
from itertools import count
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.runs.json_files import read_json, write_json
from deepdigits.runs.report import TRAINING, read_report

MARKER = "finished.json"
CHECKPOINT_SUM = "checkpoint_sha256"  # key of report.json


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def mark_started(folder: Path) -> None:
    """Remove what says that the training of a run has ended."""
    unmark(folder)
    (folder / TRAINING).unlink(missing_ok=True)


def unmark(folder: Path) -> None:
    """Remove finished.json, before files that it names are replaced."""
    (folder / MARKER).unlink(missing_ok=True)


def mark_finished(folder: Path) -> None:
    """Write finished.json if the training of a run has ended and it was tested."""
    report = read_report(folder)
    if report is None or not (folder / TRAINING).is_file():
        return
    sums = {name: sha256(folder / name) for name in ("report.json", TRAINING)}
    if report.get(CHECKPOINT_SUM):
        sums[str(report.get("checkpoint"))] = report[CHECKPOINT_SUM]
    write_json(folder / MARKER, {"sha256": sums})


def is_trained(folder: Path) -> bool:
    """Whether the training of a run has ended, tested or not."""
    return (folder / TRAINING).is_file()


def move_aside(folder: Path) -> Path:
    """Move an unfinished run into a hidden folder next to it, where no command looks for runs."""
    hidden = folder.parent / ".unfinished"
    hidden.mkdir(exist_ok=True)
    places = (hidden / f"{folder.name}-{number}" for number in count())
    return folder.rename(next(place for place in places if not place.exists()))


def check_trained(folder: Path) -> None:
    """Check that the training of a run has ended.

    Raises:
        InputError: It was stopped.
    """
    if not is_trained(folder):
        raise InputError(
            f"run {folder} is unfinished: complete it with `deepdigits train --resume {folder}`"
        )


def check_finished(folder: Path, checkpoint: Path | None) -> None:
    """Check that a run was trained to its end and tested, and that its files belong together.

    A run without a checkpoint is finished if it has a report: it is a published result, such as
    the reference runs.

    Args:
        folder: The run folder.
        checkpoint: Its best checkpoint.

    Raises:
        InputError: It is unfinished, or a file has changed since.
    """
    if checkpoint is None:
        return
    marker = read_json(folder / MARKER)
    if marker is None:
        check_trained(folder)
        raise InputError(f"run {folder} is not tested: test it with `deepdigits report {folder}`")
    sums = marker.get("sha256")
    for name in ("report.json", TRAINING):
        path = folder / name
        known = sums.get(name) if isinstance(sums, dict) else None
        if not path.is_file() or sha256(path) != known:
            raise InputError(
                f"{path} has changed since the run was finished: {_test_again(folder)}"
            )
    check_report(folder, checkpoint, read_report(folder) or {})


def check_report(folder: Path, checkpoint: Path | None, report: Mapping[str, Any]) -> None:
    """Check that a report belongs to the checkpoint that the run has now.

    Args:
        folder: The run folder.
        checkpoint: The checkpoint; None if the run has none.
        report: The report; empty if the run has none.

    Raises:
        InputError: It is the report of other weights.
    """
    if is_of_other_weights(checkpoint, report):
        raise InputError(
            f"the report of run {folder} is of other weights than its checkpoint: "
            f"{_test_again(folder)}"
        )


def is_of_other_weights(checkpoint: Path | None, report: Mapping[str, Any]) -> bool:
    """Whether there is a report, and it was made of another checkpoint than this one."""
    if checkpoint is None or not report:
        return False
    return bool(report.get(CHECKPOINT_SUM) != sha256(checkpoint))


def _test_again(folder: Path) -> str:
    return f"test it again with `deepdigits report {folder}`"
