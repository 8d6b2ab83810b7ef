"""Print lines: the only place of the package that writes to the terminal."""

import sys

from deepdigits.core.text import printable


def say(*lines: str, error: bool = False) -> None:
    r"""Print lines to stdout or stderr; characters that would control a terminal are escaped.

    Args:
        lines: The lines. A line break within one is escaped too.
        error: Print to stderr.

    >>> say("run a\x1b[2J\nb", "run c")
    run a\x1b[2J\nb
    run c
    """
    for line in lines:
        print(printable(line), file=sys.stderr if error else sys.stdout, flush=True)


def say_text(text: str) -> None:
    """Print a text of several lines, such as JSON, to stdout."""
    say(*text.split("\n"))
