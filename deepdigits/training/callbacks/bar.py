"""One line at the foot of a terminal that is drawn anew in place."""

import sys
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table


class Bar:
    """A bar with text to its left and right; what is printed meanwhile rises above it.

    No thread draws it: it costs nothing between two calls of :meth:`draw`.
    """

    def __init__(self) -> None:
        self._live: Live | None = None

    def draw(self, title: str, done: int, total: float, status: str = "") -> None:
        """Draw ``done`` of ``total``; with an infinite total the bar moves without an end."""
        if self._live is None:
            # A console of its own: rich's global one keeps the stdout of its first use.
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
        """Wipe the bar and give the terminal back; the next drawing begins a new one."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def has_terminal() -> bool:
    """Whether stdout is a terminal on which a line can be drawn anew."""
    return sys.stdout.isatty() and Console().is_interactive


def clock(seconds: float | None) -> str:
    """Hours, minutes and seconds; ``-:--:--`` where they are not known.

    >>> clock(3725.8), clock(None)
    ('1:02:05', '-:--:--')
    """
    return "-:--:--" if seconds is None else str(timedelta(seconds=int(seconds)))
