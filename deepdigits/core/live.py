"""A table on the terminal that changes, below lines that stay."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from deepdigits.core.console import say
from deepdigits.core.text import printable


class LiveTable(Protocol):
    """What `live_table` yields."""

    def print(self, line: str) -> None:
        """Print a line that stays."""

    def update(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Show other rows."""


class _Lines:
    """Without a terminal, only the lines that stay."""

    def print(self, line: str) -> None:
        say(line)

    def update(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        pass


class _Rich:
    def __init__(self, columns: Sequence[str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._columns = columns
        console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
        self.live = Live(console=console, auto_refresh=False, transient=True)

    def print(self, line: str) -> None:
        self.live.console.print(printable(line))

    def update(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(title=printable(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for name in self._columns:
            table.add_column(name)
        for row in rows:
            table.add_row(*map(printable, row))
        self.live.update(table, refresh=True)


@contextmanager
def live_table(columns: Sequence[str]) -> Iterator[LiveTable]:
    """A table that is drawn again when its rows change; without a terminal, none is drawn.

    Args:
        columns: Headings.
    """
    if not sys.stdout.isatty():
        yield _Lines()
        return
    table = _Rich(columns)
    with table.live:
        yield table
