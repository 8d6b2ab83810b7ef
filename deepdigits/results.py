"""Tested runs, read for comparison: each one's figures, and the groups that differ only by seed."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits import runs
from deepdigits.errors import InputError
from deepdigits.predictions import of_split
from deepdigits.runs import Run

# What sets no run apart from its repetition: the seed, where files go, what is printed.
_NO_SETTING = re.compile(
    r"(seed_everything|ckpt_path|weights_only|logger"
    r"|trainer\.(logger|default_root_dir|enable_progress_bar|enable_model_summary)"
    r"|data\.data_dir|checkpoint\.(dirpath|verbose)|early_stopping\.verbose)(\..*)?"
)
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
        """Dataset, split and number of digits: results of different ones are never averaged."""
        digits = self.report["overall"]["num_samples"]
        return self.report["dataset"], self.report["split"], digits


@dataclass(frozen=True)
class Group:
    """Runs of one config, tested on the same digits: they differ only by seed.

    Attributes:
        name: The folder that the runs lie in; with settings, where it holds several configs.
        results: One for each seed.
    """

    name: str
    results: tuple[Result, ...]

    def values(self, figure: str) -> list[float]:
        """A figure of the report, of each run that has it."""
        found = (result.report.get(figure) for result in self.results)
        return [value for value in found if value is not None]


def find(names: Sequence[str], logs: Path = Path(runs.LOGS)) -> tuple[list[Run], list[str]]:
    """The runs that names mean: runs, or folders with runs at any depth.

    Args:
        names: As typed. None: all in the folder of logs but the reference runs.
        logs: That folder.

    Returns:
        The runs, each once, in natural order, and one line for each name without a run.
    """
    found: dict[Path, Run] = {}
    problems = []
    for name in names or [str(logs)]:
        try:
            below = _below(Path(name)) or [runs.find(name, logs)]
        except InputError as error:
            problems.append(str(error))
            continue
        if not names:
            below = [run for run in below if run.folder.relative_to(logs).parts[:1] != ("reference",)]
        for run in below:
            found.setdefault(run.folder.resolve(), run)
    return sorted(found.values(), key=lambda run: _natural(run.folder)), problems


def read(run: Run, split: str = "test") -> Result:
    """Read the config and the report of a run.

    Raises:
        InputError: One of them is missing or damaged.
    """
    name = of_split("report.json", split)
    report = run.read_json(name)
    if report is None:
        raise InputError(
            f"{run.folder} has no {name}: its training has not ended, or it was not tested"
        )
    _check(report, run.folder / name)
    config = run.config
    seed = config.get("seed_everything")
    return Result(run, settings(config), seed if type(seed) is int else None, report)


def settings(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A config as flat settings, without the seed, folders and what is only printed.

    >>> settings({"seed_everything": 3, "data": {"batch_size": 64, "data_dir": None}})
    {'data.batch_size': 64}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if _NO_SETTING.fullmatch(name):
            continue
        flat.update(settings(value, f"{name}.") if isinstance(value, dict) else {name: value})
    return flat


def differences(several: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Settings that are not the same in all: name -> the value in each, None where it has none.

    >>> differences([{"lr": 0.1, "width": 8}, {"lr": 0.2, "width": 8}])
    {'lr': [0.1, 0.2]}
    """
    names = dict.fromkeys(name for one in several for name in one)
    rows = {name: [one.get(name) for one in several] for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}


def groups(results: Iterable[Result]) -> tuple[list[Group], list[str]]:
    """Put runs that differ only by seed together.

    Returns:
        The groups, and one line for each run that is left out as it repeats a seed.
    """
    buckets: dict[str, dict[Any, Result]] = {}
    notes = []
    for result in results:
        folder = result.run.folder.resolve().parent
        key = repr((str(folder), sorted(result.settings.items()), result.measured))
        bucket = buckets.setdefault(key, {})
        seed = result.run.folder if result.seed is None else result.seed
        if seed in bucket:
            notes.append(
                f"{bucket[seed].run.folder} is left out: {result.run.folder.name} repeats its "
                f"config and seed {seed}, which is no second sample"
            )
        bucket[seed] = result
    members = [tuple(bucket.values()) for bucket in buckets.values()]
    names = _names(members)
    return [Group(name, one) for name, one in zip(names, members, strict=True)], notes


def _names(groups: Sequence[tuple[Result, ...]]) -> list[str]:
    """The folder of each group, as long as needed, and the settings where a folder has several."""
    folders = [members[0].run.folder.resolve().parent for members in groups]
    names = []
    for members, folder in zip(groups, folders, strict=True):
        name = _shortest(folder, set(folders))
        mates = [
            other[0].settings for other, at in zip(groups, folders, strict=True) if at == folder
        ]
        own = [f"{key.rpartition('.')[2]}={members[0].settings.get(key)}" for key in differences(mates)]
        names.append(f"{name} ({', '.join(own)})" if own else name)
    return names


def _shortest(folder: Path, folders: set[Path]) -> str:
    """The last parts of a path, as few as tell it from the others."""
    for length in range(1, len(folder.parts)):
        tail = folder.parts[-length:]
        if sum(other.parts[-length:] == tail for other in folders) == 1:
            return "/".join(tail)
    return str(folder)


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


def _check(report: dict[str, Any], path: Path) -> None:
    """Raise where a report lacks what every report holds."""
    wanted = [(name, (int, float)) for name in ("accuracy", "f1_macro", "errors")]
    wanted += [("dataset", (str,)), ("split", (str,)), ("overall", (dict,)), ("class", (dict,))]  # type: ignore[list-item]
    for name, kinds in wanted:
        if not isinstance(report.get(name), kinds):
            raise InputError(f"{path} is damaged: `{name}` is missing or wrong; test the run again")
