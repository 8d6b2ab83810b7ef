"""What config a command line means, without building or running anything."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import yaml

from deepdigits.training.cli import DigitsCLI


class _Resolver(DigitsCLI):
    """Parses, settles what depends on several settings, and stops there."""

    def _set_seed(self) -> None:
        """Not here: nothing random follows."""

    def instantiate_classes(self) -> None:
        """Nothing is built."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Nothing is run."""


def resolve(args: Sequence[str]) -> dict[str, Any]:
    """The config of a ``train`` or ``fit``: what the run saves, but for settings that are null.

    Args:
        args: The verb and its options.

    Raises:
        InputError: An option or a config is wrong.
    """
    sys.path.append(os.getcwd())  # nets of the user's own, as in deepdigits.training.cli.main
    try:
        cli = _Resolver(args)
    finally:
        sys.path.remove(os.getcwd())
    name = str(cli.subcommand)
    content = yaml.safe_load(cli._parser(name).dump(cli.config[name]))
    assert isinstance(content, dict)
    return content
