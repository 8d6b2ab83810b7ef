"""Parse the command lines that are not LightningCLI's."""

import argparse
import re
from typing import Any, NoReturn

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.suggestions import did_you_mean

SHELLS = ("bash", "zsh")
# What completes an argument that takes the name of a bundled config, or a file besides: functions
# that `deepdigits completion` writes. In bash, "_file" in a name makes folders end in a slash.
CONFIG_NAME = dict.fromkeys(SHELLS, "_deepdigits_config")
CONFIG = dict.fromkeys(SHELLS, "_deepdigits_config_or_file")


class ArgumentParser(argparse.ArgumentParser):
    """A parser that takes options in full only, and whose errors are :class:`InputError`.

    Args:
        command: The command, for its help.
        settings: As for argparse.
    """

    def __init__(self, command: str, **settings: Any) -> None:
        super().__init__(prog=f"deepdigits {command}", allow_abbrev=False, **settings)

    def option_names(self) -> list[str]:
        """The long options, sorted."""
        return sorted(name for name in self._option_string_actions if name.startswith("--"))

    def error(self, message: str) -> NoReturn:
        """Raise the message as one line, with a suggestion for an unknown option."""
        line = one_line(message)
        if unknown := re.search(r"unrecognized arguments: (-\S+)", line):
            line += did_you_mean(unknown[1].partition("=")[0], self._option_string_actions)
        raise InputError(f"{line} (see {self.prog} --help)")
