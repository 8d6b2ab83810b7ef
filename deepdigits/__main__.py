"""The ``deepdigits`` command: finds the verb, and imports it when it is called."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from deepdigits import __version__
from deepdigits.commands.registry import COMMANDS
from deepdigits.core.errors import DISK, InputError, Interrupted, RunFailed


def usage() -> str:
    """The text of ``deepdigits --help``."""
    width = max(map(len, COMMANDS))
    verbs = [f"  {name:<{width}}  {verb.help}" for name, verb in COMMANDS.items()]
    return "\n".join(
        [
            "usage: deepdigits VERB [options]      options of a verb: deepdigits VERB --help",
            "",
            "Train, test and compare classifiers of handwritten digits.",
            "",
            *verbs,
            "",
            "example: deepdigits train -c configs/cnn.yaml --trainer.max_epochs 3",
            "version: deepdigits --version",
        ]
    )


def run(args: Sequence[str]) -> Any:
    """Run a command line and return what its verb returns; for tests and for other programs.

    Raises:
        InputError: The command line, or something that it names, is wrong.
        RunFailed: What was asked for cannot be done here, such as on a full disk.
        Interrupted: A signal asked to stop.
    """
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage())
        return None
    if args[0] == "--version":
        print(f"deepdigits {__version__}")
        return None
    name, *rest = args
    if name not in COMMANDS:
        raise InputError(
            f"{name!r} is no verb of deepdigits, expected one of {', '.join(COMMANDS)}"
        )
    verb = COMMANDS[name]
    entry = import_module(verb.module).main
    try:
        return entry([name, *rest] if verb.shared else rest)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        if number == errno.ENAMETOOLONG or "null byte" in str(error):
            raise InputError(f"a name that no file can have: {error}") from error
        if number in DISK:
            raise RunFailed(f"{name} stopped: {error}") from error
        raise


def main() -> None:
    """Entry point of the shell: whatever ends a run early is one line and an exit code.

    2 for wrong input, 1 for a run that cannot go on, 128 + N for signal N.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        # Before torch is loaded. By default a thread that waits for another burns its core for
        # milliseconds: where other work runs beside, two threads are ten times slower than one.
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    try:
        run(sys.argv[1:])
    except (InputError, RunFailed) as error:
        print(f"deepdigits: error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1)
    except Interrupted as stop:
        print(f"deepdigits: {stop.line}", file=sys.stderr)
        sys.exit(stop.code)
    except KeyboardInterrupt:
        print("deepdigits: stopped by SIGINT", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
