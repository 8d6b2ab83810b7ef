"""A progress bar on the last line of the terminal."""

import sys

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table


class Bar:
    """A bar with text on its left and right; printed lines appear above it.

    No thread redraws it, so it costs nothing between two calls of :meth:`draw`.
    """

    def __init__(self) -> None:
        self._live: Live | None = None

    def draw(self, title: str, done: int, total: float, status: str = "") -> None:
        """Draw ``done`` of ``total``; for an infinite total the bar moves back and forth."""
        if self._live is None:
            # A new console: rich's global one keeps the stdout of its first use.
            self._live = Live(console=Console(), auto_refresh=False, transient=True)
            self._live.start()
        end = total if total < float("inf") else None
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True, min_width=len(title))
        line.add_column(ratio=1, min_width=4)
        line.add_column(no_wrap=True)
        size = "" if end is None else f"{end:.0f}"
        count = f"{done:>{len(size)}}/{size}" if size else f"{done}"
        line.add_row(title, ProgressBar(end, done), f"{count}  {status}".rstrip())
        self._live.update(line, refresh=True)

    def close(self) -> None:
        """Erase the bar and restore the cursor; the next `draw` starts a new bar."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def has_terminal() -> bool:
    """Whether stdout is a terminal that can redraw a line."""
    return sys.stdout.isatty() and Console().is_interactive
