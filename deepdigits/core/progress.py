"""Progress of long work on stderr: a bar on a terminal, else a line every few seconds."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from deepdigits.core.console import say
from deepdigits.core.text import printable

_QUIET = 1.0  # seconds of work that are not reported
_SECONDS = 3.0  # between two lines


@contextmanager
def progress(title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of things done since the last call.

    Nothing is shown of work that takes less than a second.

    Args:
        title: What is done, such as ``dataset     photos``.
        total: Number of things to do.
        unit: What they are, with a verb: ``images decoded``.
    """
    if _has_terminal():
        with _bar(title, total, unit) as advance:
            yield advance
        return
    done, last = 0, monotonic()

    def advance_by_lines(number: int) -> None:
        nonlocal done, last
        done += number
        if monotonic() - last > _SECONDS:
            last = monotonic()
            say(f"{title}: {done:,} of {total:,} {unit}", error=True)

    yield advance_by_lines


@contextmanager
def _bar(title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} " + unit, markup=False),
        TimeRemainingColumn(compact=True),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task, begin = bar.add_task(printable(title), total=total), monotonic()

    def advance(number: int) -> None:
        bar.advance(task, number)
        if not bar.live.is_started and monotonic() - begin > _QUIET:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()


def _has_terminal() -> bool:
    if not sys.stderr.isatty():
        return False
    from rich.console import Console

    return Console(stderr=True).is_interactive
