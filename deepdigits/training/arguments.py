"""Preprocess command-line arguments: expand RUN to the config and the checkpoint of a run."""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.runs import config_safety
from deepdigits.runs.resolve import RUN_HELP, resolve_run
from deepdigits.runs.run import Run


def config_name(args: Sequence[str]) -> str | None:
    """Name of the run: the stem of the first config file.

    >>> config_name(["-c", "configs/cnn.yaml", "--config=configs/trainer/cpu.yaml"])
    'cnn'
    >>> config_name(["-c", "{trainer: {max_epochs: 1}}"])
    """
    first = next((word for word in config_values(args) if not word.lstrip().startswith("{")), None)
    return None if first is None else Path(first).stem


def expand_run(command: str, args: Sequence[str]) -> list[str]:
    """Replace RUN by the config and the checkpoint of the run; flags override the config.

    For `validate`, `test` and `predict`, RUN follows `--ckpt_path`. For `train` and `fit` it
    follows `--resume`: they continue in the folder of the run, from its last checkpoint. A file
    after their `--ckpt_path` is continued in the folder of its run too, with the config given.

    Args:
        command: train, fit, validate, test or predict.
        args: Its configs and flags.

    Raises:
        InputError: There is no such run, or an evaluation is given none.
    """
    if any(re.match(r"-h$|--(\S+\.)?help", word) for word in args):
        return list(args)
    training = command in ("train", "fit")
    name, others = _pop_option(args, "--resume" if training else "--ckpt_path")
    if name is None and training:
        return [*args, *_logger_of_checkpoint(args)]
    if name is None:
        raise InputError(f"{command} needs a trained net: pass --ckpt_path RUN, where {RUN_HELP}")
    run = resolve_run(name)
    config_safety.check_config_imports(run.config, run.folder, others)
    checkpoint = run.last_checkpoint if training else run.checkpoint
    logger = _logger_flags(run.folder) if training else []
    return [f"--config={run.config_file}", *others, f"--ckpt_path={checkpoint}", *logger]


def config_values(args: Sequence[str]) -> Iterator[str]:
    """The values of `-c`: paths, or YAML text."""
    for word, following in pairwise([*args, ""]):
        option, equals, value = word.partition("=")
        if option in ("-c", "--config"):
            yield value if equals else following


def _logger_of_checkpoint(args: Sequence[str]) -> list[str]:
    """The logger of the run that `--ckpt_path` is in; none if a logger is typed.

    Raises:
        InputError: There is no such checkpoint.
    """
    name, _ = _pop_option(args, "--ckpt_path")
    if name in (None, "", "null"):
        return []
    assert name is not None
    if not os.path.isfile(name):
        raise InputError(
            f"checkpoint {name} does not exist: train and fit take a file after --ckpt_path, and "
            "a run after --resume"
        )
    folder = Path(name).resolve().parent.parent
    typed = any(word.startswith("--logger") for word in args)
    return [] if typed or not Run(folder).config_file.is_file() else _logger_flags(folder)


def _logger_flags(folder: Path) -> list[str]:
    """The flags that make a training write into the folder of a run."""
    folder = folder.resolve()
    root = os.path.relpath(folder.parent.parent)
    where = {"save_dir": root, "name": folder.parent.name, "version": folder.name}
    return [f"--logger.{key}={value}" for key, value in where.items()]


def _pop_option(args: Sequence[str], option: str) -> tuple[str | None, list[str]]:
    """The value of an option, and the other arguments."""
    args = list(args)
    for place, word in enumerate(args):
        name, equals, value = word.partition("=")
        if name != option:
            continue
        if equals:
            return value, args[:place] + args[place + 1 :]
        if place + 1 < len(args):
            return args[place + 1], args[:place] + args[place + 2 :]
    return None, args
