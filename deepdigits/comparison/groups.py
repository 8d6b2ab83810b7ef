"""Results put together: runs of one config differ only by seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits.comparison.results import Result
from deepdigits.comparison.settings import differences


@dataclass(frozen=True)
class Group:
    """Runs of one config, tested on the same digits: they differ only by seed.

    Attributes:
        name: The folder that the runs lie in; with settings, where it holds several configs.
        results: One for each seed.
    """

    name: str
    results: tuple[Result, ...]

    @property
    def measured(self) -> tuple[str, str, int]:
        """DatasetInfo, split and number of digits, the same for all."""
        return self.results[0].measured

    def values(self, figure: str) -> list[float]:
        """A figure of the report, of each run that has it."""
        found = (result.report.get(figure) for result in self.results)
        return [value for value in found if value is not None]


def group_by_config(results: Iterable[Result]) -> tuple[list[Group], list[str]]:
    """Put runs that differ only by seed together.

    Returns:
        The groups, and one line for each run that is left out as it repeats a seed.
    """
    buckets: dict[str, dict[Any, Result]] = {}
    notes = []
    for result in results:
        folder = result.run.group
        given = sorted((k, v) for k, v in result.settings.items() if v is not None)
        key = repr((str(folder), given, result.measured))
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


def _names(several: Sequence[tuple[Result, ...]]) -> list[str]:
    """The folder of each group, as long as needed, and the settings where a folder has several."""
    folders = [members[0].run.group for members in several]
    names = []
    for members, folder in zip(several, folders, strict=True):
        mates = [other[0] for other, at in zip(several, folders, strict=True) if at == folder]
        own = [
            f"{key.rpartition('.')[2]}={members[0].settings.get(key)}"
            for key in differences([mate.settings for mate in mates])
        ]
        if not own and len(mates) > 1:  # one config, tested on different digits
            dataset, _, digits = members[0].measured
            own = [f"{digits} digits of {dataset}"]
        name = _shortest(folder, set(folders))
        names.append(f"{name} ({', '.join(own)})" if own else name)
    return names


def _shortest(folder: Path, folders: set[Path]) -> str:
    """The last parts of a path, as few as tell it from the others."""
    for length in range(1, len(folder.parts)):
        tail = folder.parts[-length:]
        if sum(other.parts[-length:] == tail for other in folders) == 1:
            return "/".join(tail)
    return str(folder)
