"""Preprocess command-line arguments: expand RUN, and shorten the parser's errors."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.suggestions import did_you_mean
from deepdigits.runs import config, config_safety
from deepdigits.runs.resolve import RUN_HELP, resolve_run
from deepdigits.runs.run import Run

_EVALUATE = (
    f"--ckpt_path RUN: the trained net; {RUN_HELP}. Its config is used, and flags override it; "
    "--data.test_split chooses the images"
)
EPILOGS: Mapping[str, str] = {  # of the help: Lightning's own text does not know RUN
    "fit": f"--resume RUN: continue a run in its folder; {RUN_HELP}",
    "validate": f"--ckpt_path RUN: the trained net; {RUN_HELP}",
    "test": _EVALUATE,
    "predict": _EVALUATE,
}


class Parser(LightningArgumentParser):
    """A parser whose errors are :class:`InputError`, with a suggestion for unknown options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # An abbreviated option would match the first that begins so.
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def parse_args(self, args: Any = None, *others: Any, **settings: Any) -> Any:
        """Parse `args`; the config files among them are checked first."""
        for word in _configs(args or []):
            if os.path.isfile(word):
                config.read(Path(word))
            elif word.lstrip().startswith("{"):
                config.parse(word, "-c")
        return super().parse_args(args, *others, **settings)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message as one line, with the way out where it is known."""
        line = shorten(message)
        if re.search(r"required: \w*\.?model|^model: .*(import path|class_path)", line, re.I):
            line += " (a net is LitMLP, LitCNN or module.Class of your own: see configs/cnn.yaml)"
        raise InputError(line + self._suggestion(line)) from ex

    def option_names(self) -> list[str]:
        """The long options, sorted."""
        names = (name for action in self._actions for name in action.option_strings)
        return sorted(name for name in names if name.startswith("--"))

    def _suggestion(self, line: str) -> str:
        """What an unknown option was meant to be; empty if no option is like it."""
        unknown = re.search(
            r"(?:Unrecognized arguments: |unrecognized arguments: )(--[\w.]+)", line
        )
        if unknown is None:
            return ""
        if new := config.renamed(unknown[1].removeprefix("--")):
            return f": this option is now --{new}"
        return did_you_mean(unknown[1], self.option_names())


def shorten(message: str) -> str:
    r"""The part of a parser's message that the user can act on, on one line.

    >>> shorten("Parser key \"data.val_size\": Expected a <class 'int'>. Got value: abc")
    'data.val_size: Expected int. Got value: abc'
    """
    message = one_line(message)
    # Of a union's branches the first is what was meant; the other is null.
    if (errors := message.partition("Errors: - "))[1]:
        key = message.partition(":")[0] + ": " if message.startswith("Parser key") else ""
        message = key + errors[2].partition(" - Expected a <class")[0]
    message = re.sub(r"a <class '(?:\w+\.)*(\w+)'>", r"\1", message)
    message = re.sub(r"a typing\.Literal\[(.*?)\]", r"one of \1", message)
    return re.sub(r'Parser key "([^"]*)"', r"\1", message)


def config_name(args: Sequence[str]) -> str | None:
    """Name of the run: the stem of the first config file.

    >>> config_name(["-c", "configs/cnn.yaml", "--config=configs/trainer/cpu.yaml"])
    'cnn'
    >>> config_name(["-c", "{trainer: {max_epochs: 1}}"])
    """
    first = next((word for word in _configs(args) if not word.lstrip().startswith("{")), None)
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


def _configs(args: Sequence[str]) -> Iterator[str]:
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
