"""What is typed: errors in one line, and RUN in place of a config and a checkpoint."""

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from deepdigits import runs, trust
from deepdigits.errors import InputError

RUN = "RUN is a run folder, a checkpoint in one, `latest`, or a net of the package: cnn or mlp"
_MEASURE = (
    f"--ckpt_path RUN: the trained net; {RUN}. The run's config is taken, flags override it; "
    "--data.test_split chooses the images"
)
EPILOGS = {  # of the help of Lightning's verbs, which knows no RUN
    "fit": f"--resume RUN: go on in the folder of a run; {RUN}",
    "validate": f"--ckpt_path RUN: the trained net; {RUN}",
    "test": _MEASURE,
    "predict": _MEASURE,
}


class Parser(LightningArgumentParser):
    """A parser whose errors are :class:`InputError`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A flag that is cut short would be taken for the first that begins so.
        super().__init__(*args, allow_abbrev=False, **kwargs)

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
    message = runs.one_line(ValueError(message))
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
    for word, following in pairwise([*args, ""]):
        option, equals, value = word.partition("=")
        if option in ("-c", "--config"):
            return Path(value if equals else following).stem
    return None


def with_run(args: Sequence[str]) -> list[str]:
    """Replace RUN by the run's config, behind which all else stands and wins, and its checkpoint.

    RUN stands behind ``--ckpt_path`` for validate, test and predict, and behind ``--resume`` for
    train and fit: these go on in the folder of the run, from its last checkpoint.

    Raises:
        InputError: There is no such run, or validate, test or predict is given none.
    """
    verb, *rest = args
    if any(re.match(r"-h$|--(\S+\.)?help", word) for word in rest):
        return list(args)
    if verb in ("train", "fit"):
        name, others = _take(rest, "--resume")
        if name is None:
            return list(args)
        run = runs.find(name)
        trust.check(run.config, run.folder, others)
        folder, checkpoint = run.folder.resolve(), run.last_checkpoint
        root = os.path.relpath(folder.parent.parent)
        where = {"save_dir": root, "name": folder.parent.name, "version": folder.name}
        more = [f"--logger.{key}={value}" for key, value in where.items()]
    else:
        name, others = _take(rest, "--ckpt_path")
        if name is None:
            raise InputError(f"{verb} needs a trained net: pass --ckpt_path RUN, where {RUN}")
        run = runs.find(name)
        trust.check(run.config, run.folder, others)
        checkpoint = run.checkpoint
        # Without Lightning's own table of metrics: the report has them.
        more = [] if verb == "predict" else ["--verbose=false"]
    return [verb, f"--config={run.config_file}", *others, f"--ckpt_path={checkpoint}", *more]


def _take(args: list[str], option: str) -> tuple[str | None, list[str]]:
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
