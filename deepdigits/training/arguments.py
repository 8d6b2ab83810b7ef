"""What is typed: errors in one line, and RUN in place of a config and a checkpoint."""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from deepdigits.core.errors import InputError, one_line
from deepdigits.runs import config, config_safety
from deepdigits.runs.resolve import RUN_HELP, resolve_run
from deepdigits.runs.run import Run

_MEASURE = (
    f"--ckpt_path RUN: the trained net; {RUN_HELP}. The run's config is taken, flags override it; "
    "--data.test_split chooses the images"
)
EPILOGS = {  # of the help of Lightning's verbs, which knows no RUN
    "fit": f"--resume RUN: go on in the folder of a run; {RUN_HELP}",
    "validate": f"--ckpt_path RUN: the trained net; {RUN_HELP}",
    "test": _MEASURE,
    "predict": _MEASURE,
}


class Parser(LightningArgumentParser):
    """A parser whose errors are :class:`InputError`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A flag that is cut short would be taken for the first that begins so.
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def parse_args(self, args: Any = None, *others: Any, **settings: Any) -> Any:
        """Parse, once the config files that are named have been looked at."""
        for word in _configs(args or []):
            if os.path.isfile(word):
                config.read(Path(word))
            elif word.lstrip().startswith("{"):
                config.parse(word, "-c")
        return super().parse_args(args, *others, **settings)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message as one line."""
        line = shorten(message)
        if re.search(r"required: \w+\.model|^model: .*(import path|class_path)", line, re.I):
            line += " (a net is LitMLP, LitCNN or module.Class of your own: see configs/cnn.yaml)"
        raise InputError(line) from ex


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
    """Stem of the first config: the name of the run.

    >>> config_name(["-c", "configs/cnn.yaml", "--config=configs/trainer/cpu.yaml"])
    'cnn'
    """
    first = next(_configs(args), None)
    return None if first is None else Path(first).stem


def _configs(args: Sequence[str]) -> Iterator[str]:
    """What stands behind ``-c``: files, or YAML itself."""
    for word, following in pairwise([*args, ""]):
        option, equals, value = word.partition("=")
        if option in ("-c", "--config"):
            yield value if equals else following


def expand_run(args: Sequence[str]) -> list[str]:
    """Replace RUN by the run's config, behind which all else stands and wins, and its checkpoint.

    RUN stands behind ``--ckpt_path`` for validate, test and predict, and behind ``--resume`` for
    train and fit: these go on in the folder of the run, from its last checkpoint. With a file
    behind ``--ckpt_path`` they go on there too, with the config that is typed.

    Raises:
        InputError: There is no such run, or validate, test or predict is given none.
    """
    verb, *rest = args
    if any(re.match(r"-h$|--(\S+\.)?help", word) for word in rest):
        return list(args)
    if verb in ("train", "fit"):
        name, others = _pop_option(rest, "--resume")
        if name is None:
            return [*args, *_where_its_run_is(rest)]
        run = resolve_run(name)
        config_safety.check_config_imports(run.config, run.folder, others)
        checkpoint, more = run.last_checkpoint, _logger_of(run.folder)
    else:
        name, others = _pop_option(rest, "--ckpt_path")
        if name is None:
            raise InputError(f"{verb} needs a trained net: pass --ckpt_path RUN, where {RUN_HELP}")
        run = resolve_run(name)
        config_safety.check_config_imports(run.config, run.folder, others)
        checkpoint = run.checkpoint
        # Without Lightning's own table of metrics: the report has them.
        more = [] if verb == "predict" else ["--verbose=false"]
    return [verb, f"--config={run.config_file}", *others, f"--ckpt_path={checkpoint}", *more]


def _where_its_run_is(args: list[str]) -> list[str]:
    """The logger of the run that a checkpoint lies in, unless a logger is typed.

    Raises:
        InputError: There is no such checkpoint.
    """
    name, _ = _pop_option(args, "--ckpt_path")
    if name in (None, "", "null"):
        return []
    assert name is not None
    if not os.path.isfile(name):
        raise InputError(
            f"checkpoint {name} does not exist: train and fit take a file behind --ckpt_path, and "
            "a run behind --resume"
        )
    folder = Path(name).resolve().parent.parent
    typed = any(word.startswith("--logger") for word in args)
    return [] if typed or not Run(folder).config_file.is_file() else _logger_of(folder)


def _logger_of(folder: Path) -> list[str]:
    """The flags that make a training write into the folder of a run."""
    folder = folder.resolve()
    root = os.path.relpath(folder.parent.parent)
    where = {"save_dir": root, "name": folder.parent.name, "version": folder.name}
    return [f"--logger.{key}={value}" for key, value in where.items()]


def _pop_option(args: list[str], option: str) -> tuple[str | None, list[str]]:
    """The value of an option, and the other arguments."""
    for place, word in enumerate(args):
        name, equals, value = word.partition("=")
        if name != option:
            continue
        if equals:
            return value, args[:place] + args[place + 1 :]
        if place + 1 < len(args):
            return args[place + 1], args[:place] + args[place + 2 :]
    return None, args
