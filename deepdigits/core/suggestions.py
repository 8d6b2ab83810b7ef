"""Suggest the name that a mistyped one was meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to append to an error message; empty if no known name is close.

    >>> did_you_mean("trian", ["train", "test"])
    ": did you mean 'train'?"
    >>> did_you_mean("xyz", ["train", "test"])
    ''
    """
    close = get_close_matches(name, sorted(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ""
