"""The ledger of `make test-reliability`: what was done, how often, and what of it was lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass
class Row:
    """How often something was done, and how often it was lost: it did not end as it must."""

    times: int = 0
    lost: int = 0


class Ledger:
    """Counts what the proofs do. A proof that fails has lost all that it did.

    >>> ledger = Ledger()
    >>> with ledger("killed and resumed", 0) as did:
    ...     did(2)
    >>> print(ledger.table())
    | what was done | times | lost |
    |---|--:|--:|
    | killed and resumed | 2 | nothing |
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.not_tried: dict[str, int] = {}
        self._counted = False  # whether the failure that pytest will report is a loss already

    @contextmanager
    def __call__(self, what: str, times: int = 1) -> Iterator[Callable[[int], None]]:
        """A proof: the block does something so many times, or calls what it is given to say so."""
        done = times

        def did(more: int) -> None:
            nonlocal done
            done += more

        try:
            yield did
        except pytest.skip.Exception:
            raise
        except BaseException:
            self._add(what, max(done, 1), lost=max(done, 1))
            self._counted = True
            raise
        self._add(what, done)

    def failed(self, test: str) -> None:
        """A test has failed: what no proof has counted as lost is a row of its own."""
        if not self._counted:
            self._add(test, 1, lost=1)
        self._counted = False

    def skipped(self, reason: str) -> None:
        """A proof could not be tried on this machine."""
        self.not_tried[reason] = self.not_tried.get(reason, 0) + 1

    def table(self) -> str:
        """The table in Markdown, and what could not be tried."""
        lines = ["| what was done | times | lost |", "|---|--:|--:|"]
        for what, row in self.rows.items():
            lost = f"**{row.lost:,} of {row.times:,}**" if row.lost else "nothing"
            lines.append(f"| {what} | {row.times:,} | {lost} |")
        lines += [f"not tried here: {n} ({reason})" for reason, n in self.not_tried.items()]
        return "\n".join(lines)

    def _add(self, what: str, times: int, lost: int = 0) -> None:
        row = self.rows.setdefault(what, Row())
        row.times += times
        row.lost += lost
