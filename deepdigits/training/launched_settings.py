"""The settings of the Trainer for the processes that torchrun or SLURM has started."""

import re
from collections.abc import Sequence
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.core.launched import Launched
from deepdigits.training.config_flags import has_flag
from deepdigits.training.options import DEFAULTS

# The settings of one process: those of a saved config, which any machine can run.
ONE_PROCESS = {"devices": DEFAULTS["trainer.devices"], "num_nodes": 1}
_AUTO = ("auto", "-1", -1)


def launched_settings(made: Launched | None, trainer: Any, args: Sequence[str]) -> dict[str, Any]:
    """The numbers of devices and nodes, and the strategy, that fit the processes of a launcher.

    A number of a config that is the default does not count as typed: each saved config has it.

    Args:
        made: The processes. None: no launcher has started this one.
        trainer: The settings of the Trainer.
        args: The command line.

    Returns:
        Arguments of the Trainer, which replace those of the config; empty without a launcher.

    Raises:
        InputError: A number was typed, and is another one.
    """
    if made is None:
        return {}
    numbers = {"devices": made.per_node, "num_nodes": made.nodes}
    for name, number in numbers.items():
        value = trainer[name]
        typed = has_flag(args, f"trainer.{name}") or value != ONE_PROCESS[name]
        if typed and value not in _AUTO and _count(value) != number:
            raise InputError(
                f"trainer.{name} is {value}, but {made}: expected {number}; leave out "
                f"--trainer.{name}, or start other processes"
            )
    alone = made.per_node * made.nodes == 1
    settings: dict[str, Any] = {} if alone or trainer.strategy != "auto" else {"strategy": "ddp"}
    for name, number in numbers.items():
        if name != "devices" or not _is_list(trainer.devices):  # a list says which devices
            settings[name] = number
    return settings


def _is_list(devices: Any) -> bool:
    return isinstance(devices, list) or (isinstance(devices, str) and "," in devices)


def _count(value: Any) -> int:
    """How many devices a setting names."""
    if isinstance(value, str):
        numbers = re.findall(r"\d+", value)
        return len(numbers) if "," in value else int(value)
    return len(value) if isinstance(value, list) else int(value)
