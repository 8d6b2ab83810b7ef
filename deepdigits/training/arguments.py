"""Preprocess command-line arguments: expand RUN to settings and checkpoint of a run."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.runs.data_module import has_test_split, names_class
from deepdigits.runs.resolve import LOGS, RUN_HELP, resolve_run
from deepdigits.runs.run import Run
from deepdigits.runs.search import run_of_file
from deepdigits.runs.trust import is_data_module, trusted_class
from deepdigits.training.config_flags import pop_option, typed_data, typed_keys
from deepdigits.training.run_arguments import for_evaluation, for_resume

_LONGEST_PATH = 4096  # characters


def expand_run(command: str, args: Sequence[str]) -> tuple[list[str], Run | None]:
    """Replace RUN by settings of its config and its checkpoint; flags override the settings.

    For `validate`, `test` and `predict`, RUN follows `--ckpt_path`: its net and its data are used.
    For `train` and `fit` it follows `--resume`: they continue in the folder of the run, from its
    last checkpoint, with its plain settings. A file after their `--ckpt_path` is continued in the
    folder of its run too, with the config given.

    Args:
        command: train, fit, validate, test or predict.
        args: Its configs and flags.

    Returns:
        The arguments, and the run that is evaluated or continued; None: a new one.

    Raises:
        InputError: There is no such run, or an evaluation is given none.
    """
    if any(re.match(r"-h$|--(\S+\.)?help", word) for word in args):
        return list(args), None
    training = command in ("train", "fit")
    if training:
        _check_one_start(args)
    name, others = pop_option(args, "--resume" if training else "--ckpt_path")
    if name is None and training:
        return list(args), _run_of_checkpoint(args)
    if name is None:
        raise InputError(f"{command} needs a trained net: pass --ckpt_path RUN, where {RUN_HELP}")
    run = resolve_run(name)
    if not training:
        return [for_evaluation(run, others), *others, f"--ckpt_path={run.checkpoint}"], run
    config = for_resume(run, others)
    last = f"--ckpt_path={run.last_checkpoint}"
    return [config, *others, *_recorded_origin(run, others), last], run


def split_arguments(run: Run, split: str, args: Sequence[str]) -> tuple[str, list[str]]:
    """The command and the flags that evaluate a run on a split.

    A data module of the user's own has loaders for test and validation, and no ``test_split``.

    Args:
        run: The run.
        split: train, val or test.
        args: The other arguments.

    Raises:
        InputError: There is no such split, or the class of the data module is not trusted.
    """
    found = evaluated_data(run, args)
    if found is None or has_test_split(found):
        return "test", [f"--data.test_split={split}"]
    if split == "train":
        raise InputError(
            f"{found.__name__} has no test_split, so it cannot be evaluated on its training "
            "images: choose --split val or test"
        )
    return ("validate" if split == "val" else "test"), []


def evaluated_data(run: Run, args: Sequence[str]) -> type | None:
    """The class of the data module that a run is evaluated with; None: that of the package.

    Args:
        run: The run.
        args: The other arguments: classes that they name are trusted.

    Raises:
        InputError: It is not trusted.
    """
    data, typed = run.config.get("data", {}), typed_data(args)
    names = typed or ({str(data["class_path"])} if names_class(data) else set())
    other = min((name for name in names if not is_data_module(name)), default=None)
    return None if other is None else trusted_class(other, run.folder, typed, section="data")


def _check_one_start(args: Sequence[str]) -> None:
    """Check that a training is not to start from weights and to continue a run.

    Raises:
        InputError: It is.
    """
    for option in ("--resume", "--ckpt_path"):
        given = [pop_option(args, one)[0] for one in ("--init_from", option)]
        if not {None, "", "null"}.intersection(given):
            raise InputError(
                f"--init_from starts a new training from the weights of a run, and {option} "
                "continues a training with its epoch and optimizer: leave out one of them"
            )


def _recorded_origin(run: Run, args: Sequence[str]) -> list[str]:
    """Flags that keep the origin of a run in its config, for the record: it is not read again."""
    config, typed = run.config, typed_keys(args)
    flags = []
    for name in ("init_from", "init_sha256"):
        value = config.get(name)
        if isinstance(value, str) and value.isprintable():
            flags.append(f"--{name}={value[:_LONGEST_PATH]}")
        elif name in typed:
            flags.append(f"--{name}=null")
    return flags


def _run_of_checkpoint(args: Sequence[str]) -> Run | None:
    """The run that `--ckpt_path` is in; None if a logger is typed, or there is no such run.

    Raises:
        InputError: There is no such checkpoint, or several runs have it.
    """
    name, _ = pop_option(args, "--ckpt_path")
    if name in (None, "", "null"):
        return None
    assert name is not None
    if not os.path.isfile(name):
        raise InputError(
            f"checkpoint {name} does not exist: train and fit take a file after --ckpt_path, and "
            "a run after --resume"
        )
    if any(word.startswith("--logger") for word in args):
        return None
    return run_of_file(Path(name), Path(LOGS))
