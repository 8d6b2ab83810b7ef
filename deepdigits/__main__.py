"""The ``deepdigits`` program: import a command and run it; print errors as one line."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from deepdigits import __version__
from deepdigits.commands.registry import COMMANDS
from deepdigits.core.console import say, say_text
from deepdigits.core.errors import InputError, Interrupted, RunFailed
from deepdigits.core.failures import explain
from deepdigits.core.openmp import set_spin_count
from deepdigits.core.suggestions import did_you_mean


def usage() -> str:
    """The text of ``deepdigits --help``."""
    width = max(map(len, COMMANDS))
    commands = [f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: deepdigits COMMAND [options]   all options: deepdigits COMMAND --help",
            "",
            "Train, test and compare classifiers of handwritten digits.",
            "",
            *commands,
            "",
            "example: deepdigits train -c cnn --trainer.max_epochs 3",
            "version: deepdigits --version",
        ]
    )


def run(args: Sequence[str]) -> Any:
    """Run a command line, and return what its command returns.

    Raises:
        InputError: The command line, or something that it names, is wrong.
        RunFailed: The command cannot do its work here, such as on a full disk.
        Interrupted: A signal asked to stop.
    """
    name, *rest = args or ["help"]
    try:
        return _run(name, rest)
    except Exception as error:
        if (line := explain(name, error)) is None:
            raise
        raise line from error


def _run(name: str, args: Sequence[str]) -> Any:
    if name in ("-h", "--help", "help"):
        say_text(usage())
        return None
    if name == "--version":
        say(f"deepdigits {__version__}")
        return None
    if name not in COMMANDS:
        suggestion = did_you_mean(name, COMMANDS) or f"; choose from {', '.join(COMMANDS)}"
        raise InputError(f"unknown command {name!r}{suggestion}")
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise InputError("the working directory was removed: change to another one") from error
    module, _, function = COMMANDS[name].entry.partition(":")
    return getattr(import_module(f"deepdigits.commands.{module}"), function)(args)


def main() -> None:
    """Run sys.argv; print an error as one line and end with its exit code.

    The code is 2 for wrong input, 1 for a failed run, and 128 + N for signal N.
    """
    set_spin_count()
    try:
        run(sys.argv[1:])
        sys.stdout.flush()
    except (InputError, RunFailed) as error:
        say(f"deepdigits: error: {error}", error=True)
        sys.exit(2 if isinstance(error, InputError) else 1)
    except Interrupted as stop:
        say(f"deepdigits: {stop.line}", error=True)
        sys.exit(stop.code)
    except BrokenPipeError:  # the reader of the output has ended, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)  # what a shell reports for SIGPIPE
    except KeyboardInterrupt:
        say("deepdigits: stopped by SIGINT", error=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
