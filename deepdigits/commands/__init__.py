"""The verbs that are not Lightning's own, one file each."""

import argparse
from typing import Any, NoReturn

from deepdigits.core.errors import InputError


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
        raise InputError(f"{' '.join(message.split())} (see {self.prog} --help)")
