"""The parser of LightningCLI, with errors on one line and suggestions for unknown options."""

import inspect
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import Namespace, set_parsing_settings
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import Logger

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.signatures import defaults
from deepdigits.core.suggestions import did_you_mean
from deepdigits.runs import config
from deepdigits.runs.resolve import LOGS, RUN_HELP
from deepdigits.training import strategy
from deepdigits.training.config_flags import config_values, is_text
from deepdigits.training.config_text import loadable_text

_EVALUATE = (
    f"--ckpt_path RUN: the trained net; {RUN_HELP}. Its config is used, and flags override it; "
    "--data.test_split chooses the images"
)
EPILOGS: Mapping[str, str] = {  # of the help: Lightning's own text does not know RUN
    "fit": "-c CONFIG: a file, or the name of a config that comes with the package; `deepdigits "
    "configs` lists them. --resume RUN: continue a run in its folder, with its epoch and optimizer "
    f"(a new training from its weights alone: --init_from RUN); {RUN_HELP}",
    "validate": f"--ckpt_path RUN: the trained net; {RUN_HELP}",
    "test": _EVALUATE,
    "predict": _EVALUATE,
}


class Parser(LightningArgumentParser):
    """A parser whose errors are :class:`InputError`, with a suggestion for unknown options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # An abbreviated option would match the first that begins so.
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def add_class_arguments(
        self, class_type: type, nested_key: str | None = None, *others: Any, **settings: Any
    ) -> list[str]:
        """Add the arguments of a class; a logger that needs a `save_dir` gets that of all runs."""
        added: list[str] = super().add_class_arguments(class_type, nested_key, *others, **settings)
        is_logger = isinstance(class_type, type) and issubclass(class_type, Logger)
        if is_logger and "save_dir" in added and "save_dir" not in defaults(class_type):
            self.set_defaults({"save_dir": LOGS})
        return added

    def parse_args(self, args: Any = None, *others: Any, **settings: Any) -> Any:
        """Parse `args`; the configs among them are checked first, and read from this disk only."""
        for word in config_values(args or []):
            if os.path.isfile(word):
                config.read(Path(word))
            elif is_text(word):
                config.parse(word, "-c")
        set_parsing_settings(config_read_mode_fsspec_enabled=False)  # no URL and no remote disk
        try:
            return super().parse_args(args, *others, **settings)
        finally:
            set_parsing_settings(config_read_mode_fsspec_enabled=True)  # as Lightning has set it

    def dump(self, namespace: Namespace, *args: Any, **settings: Any) -> str:
        """The text of a config, which can be loaded again."""
        dump = super().dump
        return loadable_text(lambda config: dump(config, *args, **settings), namespace)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message as one line, with the way out where it is known."""
        line = shorten(message)
        if re.search(r"required: \w*\.?model|^model: .*(import path|class_path)", line, re.I):
            line += (
                " (a net is LitMLP, LitCNN or your own module.Class: see `deepdigits configs cnn`)"
            )
        if re.search(r"^data: .*(import path|class_path)", line, re.I):
            line += (
                " (--data is a LightningDataModule of yours, module.Class; a dataset of the "
                "package is --data.dataset NAME)"
            )
        raise InputError(line + self._suggestion(line)) from ex

    def option_names(self) -> list[str]:
        """The long options, sorted."""
        names = (name for action in self._actions for name in action.option_strings)
        return sorted(name for name in names if name.startswith("--"))

    def _suggestion(self, line: str) -> str:
        """What an unknown option was meant to be; empty if no option is like it."""
        unknown = re.search(r"[Uu]nrecognized arguments: (--[\w.]+)", line)
        if option := re.search(r"^trainer\.strategy: Option '(\w+)' is not accepted", line):
            return did_you_mean(option[1], strategy.option_names())
        setting = re.search(r"^(model|data): Option '(\w+)' is not accepted", line)
        if unknown is None and setting is None:
            return ""
        name = unknown[1] if unknown else f"--{setting[1]}.{setting[2]}"  # type: ignore[index]
        if new := config.renamed(name.removeprefix("--")):
            return f": this option is now --{new}"
        others = {*self.option_names(), *class_options()} - {name}  # of another class
        return did_you_mean(name, sorted(others))


def class_options() -> list[str]:
    """The options of all nets and data modules that are imported."""
    names = set()
    for section, base in (("model", LightningModule), ("data", LightningDataModule)):
        found = {name for one in _subclasses(base) for name in inspect.signature(one).parameters}
        names |= {f"--{section}.{name}" for name in found - {"net", "args", "kwargs"}}
    return sorted(names)


def _subclasses(base: type) -> Iterator[type]:
    subclasses: list[type] = base.__subclasses__()
    for one in subclasses:
        yield one
        yield from _subclasses(one)


def shorten(message: str) -> str:
    r"""The part of a parser's message that the user can act on, on one line.

    >>> shorten("Parser key \"data.val_size\": Expected a <class 'int'>. Got value: abc")
    'data.val_size: Expected int. Got value: abc'
    """
    message = one_line(message)
    # A setting of a class in a union with str: the branch of the class knows what is wrong.
    message = re.sub(
        r"Expected a <class 'str'> - (.*) Given value type: <class 'jsonargparse\S*NestedArg'>.*",
        r"\1",
        message,
    )
    message = message.partition(" - Not a valid subclass of ")[0]  # what a class path looks like
    # Of a union's branches the first is what was meant; the other is null.
    if (errors := message.partition("Errors: - "))[1]:
        key = message.partition(":")[0] + ": " if message.startswith("Parser key") else ""
        message = key + errors[2].partition(" - Expected a <class")[0]
    message = re.sub(r"a <class '(?:\w+\.)*(\w+)'>", r"\1", message)
    message = re.sub(r"a typing\.Literal\[(.*?)\]", r"one of \1", message)
    return re.sub(r'Parser key "([^"]*)"', r"\1", message)
