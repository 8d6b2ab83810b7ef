"""A comparison of runs: groups, rows, evidence and notes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from deepdigits.comparison.evidence import Evidence, find_evidence
from deepdigits.comparison.groups import Group
from deepdigits.comparison.rows import cells, columns, row
from deepdigits.comparison.settings import differences
from deepdigits.core import tables
from deepdigits.core.text import markdown_text


class Table(NamedTuple):
    """A table as text: its title (None if it is the only table), headings and rows of cells."""

    title: str | None
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; runs that differ only by their seed are one group.

    Attributes:
        groups: Sorted by dataset, then by accuracy, the best first.
        notes: One line for each run that was left out, and for anything that needs care.
    """

    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row for each group, in the same order, as plain values.

        The keys are config, dataset, split, num_samples, n (number of seeds), parameters, epochs,
        training_seconds, accuracy_mean, accuracy_sd, errors_per_10000, f1_macro, weakest_class and
        weakest_f1. Accuracies and F1 are fractions in [0, 1]; an unknown value is None.
        """
        return [row(group) for group in self.groups]

    @cached_property
    def evidence(self) -> Evidence | None:
        """Whether the difference between two groups is real; None unless there are exactly two."""
        return find_evidence(*self.groups) if len(self.groups) == 2 else None

    def differences(self) -> dict[str, dict[str, Any]]:
        """The settings that differ: setting -> group name -> value, None if not set."""
        settings = [group.results[0].settings for group in self.groups]
        names = [group.name for group in self.groups]
        return {
            key: dict(zip(names, values, strict=True))
            for key, values in differences(settings).items()
        }

    def tables(self) -> Iterator[Table]:
        """A table for each set of digits that the groups were evaluated on."""
        several = len({group.evaluated_on for group in self.groups}) > 1
        key = ("dataset", "split", "num_samples")
        for (dataset, split, digits), part in groupby(
            self.rows, key=lambda row: tuple(row[name] for name in key)
        ):
            title = f"{dataset}, {split}: {digits:,} digits" if several else None
            yield Table(title, columns(split), [cells(row) for row in part])

    def to_markdown(self) -> str:
        """The tables and the sentences of the evidence as Markdown."""
        blocks = []
        for table in self.tables():
            blocks += [markdown_text(table.title)] if table.title else []
            blocks.append(tables.markdown(table.columns, table.rows))
        sentences = self.evidence.sentences if self.evidence else []
        return "\n\n".join([*blocks, *map(markdown_text, sentences)])

    def plot(self, path: str | Path) -> None:
        """Draw accuracy against training seconds and against parameters.

        Args:
            path: The file to write; its suffix (.png, .svg or .pdf) sets the format.

        Raises:
            InputError: The suffix is not supported, or the file cannot be written.
        """
        from deepdigits.comparison.plots import save_comparison  # here, as it loads matplotlib

        save_comparison(self.groups, Path(path))
