"""Tested runs: find them, and read each one's figures and settings."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits.comparison.settings import settings
from deepdigits.core.errors import InputError
from deepdigits.runs.bundled import output_folder
from deepdigits.runs.predictions import of_split
from deepdigits.runs.report import read_report
from deepdigits.runs.resolve import LOGS, resolve_run
from deepdigits.runs.run import Run

_RUN_FILES = ("config.yaml", "report.json", "training.json")


@dataclass(frozen=True)
class Result:
    """A run that was tested.

    Attributes:
        run: Its folder.
        settings: Its config, flat, without what differs between repetitions.
        seed: Its seed; None where its config names none.
        report: Content of the report.
    """

    run: Run
    settings: dict[str, Any]
    seed: int | None
    report: dict[str, Any]

    @property
    def measured(self) -> tuple[str, str, int]:
        """DatasetInfo, split and number of digits: results of different ones are never averaged."""
        digits = self.report["overall"]["num_samples"]
        return self.report["dataset"], self.report["split"], digits


def find(names: Sequence[str], logs: Path = Path(LOGS)) -> tuple[list[Run], list[str]]:
    """The runs that names mean: runs, or folders with runs at any depth.

    Args:
        names: As typed. Empty: all in the folder of logs but the reference runs.
        logs: That folder.

    Returns:
        The runs, each once, in natural order, and one line for each name without a run.
    """
    found: dict[Path, Run] = {}
    problems = []
    for name in names or [str(logs)]:
        try:
            below = _below(Path(name))
            if not below and Path(name).is_dir():
                raise InputError(f"there is no run in {name}: train one, or name another folder")
            below = below or [resolve_run(name, logs)]
        except InputError as error:
            problems.append(str(error))
            continue
        if not names:
            below = [
                run for run in below if run.folder.relative_to(logs).parts[:1] != ("reference",)
            ]
        for run in below:
            found.setdefault(run.folder.resolve(), run)
    return sorted(found.values(), key=lambda run: _natural(run.folder)), problems


def read(run: Run, split: str = "test") -> Result:
    """Read the config and the report of a run, or the report of an ensemble.

    Raises:
        InputError: One of them is missing or damaged.
    """
    report = read_report(run.folder, split) or read_report(output_folder(run), split)
    if report is None:
        name = of_split("report.json", split)
        raise InputError(
            f"{run.folder} has no {name}: its training has not ended, or it was not tested"
        )
    members = report.get("members")  # of an ensemble, which has no config of its own
    config = run.config if members is None else {"members": members}
    seed = config.get("seed_everything")
    return Result(run, settings(config), seed if type(seed) is int else None, report)


def _below(folder: Path) -> list[Run]:
    """The runs in a folder, at any depth; the folder itself, if it is one."""
    found = []
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if any(name in files for name in _RUN_FILES):
            found.append(Run(Path(path)))
            folders.clear()  # a run holds no runs
    return found


def _natural(path: Path) -> list[Any]:
    """A key that sorts version_10 behind version_9."""
    parts = re.split(r"(\d+)", str(path))
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]
