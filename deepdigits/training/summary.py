"""What the shell is told after an evaluation."""

import os
from collections.abc import Mapping
from pathlib import Path

from deepdigits.core import tables
from deepdigits.metrics.report import Report


def show(report: Report, files: Mapping[str, Path | str | None]) -> None:
    """Print the figures of each class and of the whole, and where everything is.

    Args:
        report: The evaluation's report.
        files: What was written or read: kind -> path; None is left out.
    """
    tables.show(report.COLUMNS, report.rows())
    confused = ", ".join(f"{t} as {p} ({n})" for t, p, n in report.most_confused())
    print(f"accuracy {report.accuracy:.2%}: {report.errors} errors in {report.num_samples}")
    if confused:
        print(f"most confused: {confused}")
    print()
    for what, path in files.items():
        if path:
            print(f"{what:<11} {os.path.relpath(path)}")


def show_next(folder: Path) -> None:
    """Print what to do next with the run that has just been trained."""
    here = os.path.relpath(folder)
    print(f"\ndashboard   tensorboard --logdir {os.path.relpath(Path(here).parent.parent)}")
    print(f"more        deepdigits report {here} --split train")
