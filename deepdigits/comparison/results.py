"""Find tested runs, and read the report and the settings of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits.comparison.settings import settings
from deepdigits.core.errors import InputError
from deepdigits.runs.bundled import output_folder
from deepdigits.runs.finished import check_finished, check_report
from deepdigits.runs.predictions import of_split
from deepdigits.runs.report import read_report
from deepdigits.runs.resolve import LOGS, check_no_checkpoints, resolve_run
from deepdigits.runs.run import Run
from deepdigits.runs.search import runs_below


@dataclass(frozen=True)
class Result:
    """The result of a tested run.

    Attributes:
        run: The run.
        settings: Its config as flat settings, without the seed; see `settings`.
        seed: Its seed; None if its config has none.
        report: Content of report.json.
    """

    run: Run
    settings: dict[str, Any]
    seed: int | None
    report: dict[str, Any]

    @property
    def evaluated_on(self) -> tuple[str, str, int]:
        """Dataset, split and number of digits; only results on the same digits are averaged.

        For a fold it is the number of digits in all folds: each of them is held out once.
        """
        digits = self.report["overall"]["num_samples"]
        if self.fold is not None:
            digits = self._folds["num_images"]
        return self.report["dataset"], self.report["split"], digits

    @property
    def fold(self) -> int | None:
        """The fold that was held out; None: it was evaluated on a split."""
        return self._folds.get("fold")

    @property
    def num_folds(self) -> int | None:
        """Number of folds that the training images were divided into; None: there are none."""
        return self._folds.get("of")

    @property
    def _folds(self) -> dict[str, int]:
        """The entry of report.json on folds; empty without one, or if it is damaged."""
        folds, names = self.report.get("folds"), ("fold", "of", "num_images")
        if not isinstance(folds, dict) or any(type(folds.get(name)) is not int for name in names):
            return {}
        return folds if folds["of"] > 1 else {}


def find(names: Sequence[str], logs: Path = Path(LOGS)) -> tuple[list[Run], list[str]]:
    """Find runs by name.

    Args:
        names: RUN arguments, or folders that hold runs at any depth. Empty: all runs in `logs`
            without the reference runs.
        logs: The folder of all runs.

    Returns:
        The runs without duplicates, version_9 before version_10, and one line for each name
        without a run.
    """
    found: dict[Path, Run] = {}
    problems = []
    for name in names or [str(logs)]:
        try:
            below = runs_below(Path(name))
            if not below and Path(name).is_dir():
                check_no_checkpoints(Path(name), logs)
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
            f"{run.folder} has no {name}: its training has not finished, or it was not tested"
        )
    if split != "test":
        check_report(run.folder, run.found_checkpoint, report)
    elif "members" not in report and not run.is_bundled:
        check_finished(run.folder, run.found_checkpoint)
    members = report.get("members")  # only an ensemble has members; it has no config
    config = run.config if members is None else {"members": members}
    seed = config.get("seed_everything")
    found = settings(config)
    if report.get("processes", 1) != 1:  # each took a batch, so it is another recipe
        found["processes"] = report["processes"]
    return Result(run, found, seed if type(seed) is int else None, report)


def _natural(path: Path) -> list[Any]:
    """A sort key that puts version_10 after version_9."""
    parts = re.split(r"(\d+)", str(path))
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]
