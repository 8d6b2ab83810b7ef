"""The table of `make test-reliability`: what was done, how often, and how often it failed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

PROPERTY = "ledger"
Entry = tuple[str, int, int]  # what was done, how often, how often it failed


@dataclass
class Row:
    """How often something was done, and how often it was lost, which is: did not end as it must."""

    times: int = 0
    lost: int = 0


class Ledger:
    """Counts what one test does. A test that fails loses all that it did.

    Args:
        properties: The test's `user_properties`, which its report carries from the process that
            ran it to the one that prints the table.

    >>> properties = []
    >>> ledger = Ledger(properties)
    >>> with ledger("killed and resumed", 0) as count:
    ...     count(2)
    >>> properties
    [('ledger', ('killed and resumed', 2, 0))]
    """

    def __init__(self, properties: list[tuple[str, object]]) -> None:
        self.properties = properties

    @contextmanager
    def __call__(self, what: str, times: int = 1) -> Iterator[Callable[[int], None]]:
        """Count a block as `times` cases of `what`; the yielded function adds further cases."""
        done = times

        def count(more: int) -> None:
            nonlocal done
            done += more

        try:
            yield count
        except pytest.skip.Exception:
            raise
        except BaseException:
            self._add(what, max(done, 1), lost=max(done, 1))
            raise
        self._add(what, done)

    def _add(self, what: str, times: int, lost: int = 0) -> None:
        self.properties.append((PROPERTY, (what, times, lost)))


class Table:
    """Adds up the reports of all tests, from whichever process they come."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.not_tried: dict[str, int] = {}

    def add(self, report: pytest.TestReport) -> None:
        """Add one report of pytest: of the setup, the call or the teardown of a test."""
        entries = _entries(report.user_properties)
        if report.when == "teardown":  # the last report of a test has all its entries
            for what, times, lost in entries:
                self._add(what, times, lost)
        if report.failed and not any(lost for _, _, lost in entries):
            self._add(report.nodeid, 1, 1)  # failed outside of what the ledger counts
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self.not_tried[reason] = self.not_tried.get(reason, 0) + 1

    def to_markdown(self) -> str:
        """The table, and below it what could not be tried on this machine."""
        lines = ["| what was done | times | lost |", "|---|--:|--:|"]
        for what, row in sorted(self.rows.items()):
            lost = f"**{row.lost:,} of {row.times:,}**" if row.lost else "nothing"
            lines.append(f"| {what} | {row.times:,} | {lost} |")
        lines += [f"not tried here: {n} ({reason})" for reason, n in self.not_tried.items()]
        return "\n".join(lines)

    def _add(self, what: str, times: int, lost: int) -> None:
        row = self.rows.setdefault(what, Row())
        row.times += times
        row.lost += lost


def _entries(properties: list[tuple[str, Any]]) -> list[Entry]:
    return [tuple(value) for name, value in properties if name == PROPERTY]  # type: ignore[misc]
