"""Group runs of one config: they differ only by their seed, or by the fold that is held out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits.comparison.results import Result
from deepdigits.comparison.settings import differences


@dataclass(frozen=True)
class Group:
    """Runs of one config, evaluated on the same digits.

    Attributes:
        name: The folder of the runs; with the settings that differ if it holds several configs.
        results: One for each seed, or for each fold.
    """

    name: str
    results: tuple[Result, ...]

    @property
    def evaluated_on(self) -> tuple[str, str, int]:
        """Dataset, split and number of digits, the same for all runs."""
        return self.results[0].evaluated_on

    def values(self, key: str) -> list[float]:
        """One value of the reports, such as ``accuracy``, of each run that has it."""
        found = (result.report.get(key) for result in self.results)
        return [value for value in found if value is not None]


def group_by_config(results: Iterable[Result]) -> tuple[list[Group], list[str]]:
    """Put runs together that differ only by their seed or fold.

    Returns:
        The groups, and one line for each run that is left out because a later run has its seed and
        fold.
    """
    buckets: dict[str, dict[Any, Result]] = {}
    notes = []
    for result in results:
        folder = result.run.group
        given = sorted((k, v) for k, v in result.settings.items() if v is not None)
        bucket = buckets.setdefault(repr((str(folder), given, result.evaluated_on)), {})
        seed = result.run.folder if result.seed is None else result.seed
        key = (result.fold, seed)
        if key in bucket:
            fold = "" if result.fold is None else f" in fold {result.fold}"
            notes.append(
                f"{bucket[key].run.folder} is left out: {result.run.folder.name} repeats its "
                f"config and seed {seed}{fold}, so it is not an independent result"
            )
        bucket[key] = result
    members = [tuple(bucket.values()) for bucket in buckets.values()]
    names = _names(members)
    return [Group(name, one) for name, one in zip(names, members, strict=True)], notes


def _names(members: Sequence[tuple[Result, ...]]) -> list[str]:
    """Name of each group: its folder, and the settings that differ if the folder holds several."""
    folders = [results[0].run.group for results in members]
    names = []
    for (first, *_), folder in zip(members, folders, strict=True):
        same_folder = [other[0] for other, at in zip(members, folders, strict=True) if at == folder]
        details = [
            f"{key.rpartition('.')[2]}={first.settings.get(key)}"
            for key in differences([result.settings for result in same_folder])
        ]
        if not details and len(same_folder) > 1:  # one config, evaluated on different digits
            dataset, _, digits = first.evaluated_on
            details = [f"{digits} digits of {dataset}"]
        name = _shortest(folder, set(folders))
        names.append(f"{name} ({', '.join(details)})" if details else name)
    return names


def _shortest(folder: Path, folders: set[Path]) -> str:
    """The shortest end of a path that no other path ends in."""
    for length in range(1, len(folder.parts)):
        tail = folder.parts[-length:]
        if sum(other.parts[-length:] == tail for other in folders) == 1:
            return "/".join(tail)
    return str(folder)
