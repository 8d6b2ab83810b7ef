"""``deepdigits completion``: a script that lets a shell complete commands and options."""

import argparse
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from types import ModuleType

import shtab

from deepdigits.commands.parser import CONFIG, SHELLS, ArgumentParser
from deepdigits.commands.registry import COMMANDS, LIGHTNING, OF_TRAIN
from deepdigits.core.console import say_text
from deepdigits.runs.bundled_configs import config_names

# The functions of the script behind `CONFIG_NAME` and `CONFIG`; %s are the names.
_FUNCTIONS = {
    "bash": """\
_deepdigits_config() { compgen -W "%s" -- "$1"; }
_deepdigits_config_or_file() { _deepdigits_config "$1"; _shtab_compgen_files "$1"; }
""",
    "zsh": """\
_deepdigits_config() { compadd "$@" -- %s }
_deepdigits_config_or_file() {
  _alternative "configs:config:_deepdigits_config" "files:file:_files"
}
""",
}


def main(args: Sequence[str]) -> str:
    """Print the script; ``eval "$(deepdigits completion bash)"`` activates it.

    Returns:
        The script.

    Raises:
        InputError: The shell is unknown.
    """
    shell = build_parser().parse_args(args).shell
    root = argparse.ArgumentParser("deepdigits")
    commands = root.add_subparsers()
    for name, command in COMMANDS.items():
        own = [] if name in LIGHTNING else [_module(name).build_parser()]
        parser = commands.add_parser(name, help=command.help, parents=own, add_help=not own)
        if name in (*LIGHTNING, *OF_TRAIN):
            _add_lightning_options(parser, name)
        parser.add_argument("files", nargs="*").complete = shtab.FILE  # type: ignore[attr-defined]
    functions = _FUNCTIONS[shell] % " ".join(config_names())
    script = shtab.complete(root, shell, preamble=functions)
    say_text(script)
    return script


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser("completion", description=__doc__)
    parser.add_argument("shell", choices=SHELLS)
    return parser


@cache
def options(command: str) -> list[str]:
    """The long options of a command, with those of the bundled nets."""
    if command in LIGHTNING:
        return _lightning_options(command)
    names: list[str] = _module(command).build_parser().option_names()
    return names


def _module(command: str) -> ModuleType:
    return import_module(f"deepdigits.commands.{COMMANDS[command].entry.partition(':')[0]}")


def _add_lightning_options(parser: argparse.ArgumentParser, command: str) -> None:
    config = parser.add_argument("-c", "--config")
    config.complete = CONFIG  # type: ignore[attr-defined]
    for option in _lightning_options("train" if command in OF_TRAIN else command):
        if option not in ("--help", "--config"):
            parser.add_argument(option)


def _lightning_options(command: str) -> list[str]:
    """The options of LightningCLI, and of LitMLP and LitCNN."""
    from deepdigits.training.execution import option_names
    from deepdigits.training.parser import class_options

    resume = ["--resume"] if command in ("train", "fit") else []
    return sorted({*option_names(command), *resume, *class_options()})
