"""The verbs that are not Lightning's own, one file each."""

import argparse
from typing import Any, NoReturn

from deepdigits.core.errors import InputError, one_line


class ArgumentParser(argparse.ArgumentParser):
    """A parser of a verb's flags: spelt in full, and errors are :class:`InputError`.

    Args:
        verb: The verb; its help names it.
        settings: As for argparse.
    """

    def __init__(self, verb: str, **settings: Any) -> None:
        super().__init__(prog=f"deepdigits {verb}", allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise the message as one line."""
        raise InputError(f"{one_line(message)} (see {self.prog} --help)")
