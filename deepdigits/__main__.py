"""The ``deepdigits`` command: a table of verbs, each imported when it is called."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from deepdigits import __version__
from deepdigits.errors import InputError


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    Attributes:
        help: What it does, in one line.
        module: Where its ``main`` is.
        takes_verb: Whether that ``main`` serves several verbs and is given this one too.
    """

    help: str
    module: str
    takes_verb: bool = False


VERBS = {
    "train": Verb("train, then test the best checkpoint and report", "deepdigits.cli", True),
    "fit": Verb("train only", "deepdigits.cli", True),
    "validate": Verb("measure a checkpoint on the validation images", "deepdigits.cli", True),
    "test": Verb("measure a checkpoint on the test images", "deepdigits.cli", True),
    "predict": Verb("class probabilities of a dataset", "deepdigits.cli", True),
    "report": Verb(
        "table of a run for a split: RUN --split train|val|test", "deepdigits.commands.report"
    ),
    "bench": Verb("measure speed side by side: data", "deepdigits.commands.bench"),
}


def usage() -> str:
    """The text of ``deepdigits --help``."""
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {verb.help}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: deepdigits VERB [options]      options of a verb: deepdigits VERB --help",
            "",
            "Train, test and compare classifiers of handwritten digits.",
            "",
            *lines,
            "",
            "example: deepdigits train -c configs/cnn.yaml --trainer.max_epochs 3",
            "version: deepdigits --version",
        ]
    )


def run(args: Sequence[str]) -> Any:
    """Run a command line and return what its verb returns; for tests and for other verbs.

    Raises:
        InputError: The command line, or something that it names, is wrong.
    """
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage())
        return None
    if args[0] == "--version":
        print(f"deepdigits {__version__}")
        return None
    name, *rest = args
    if name not in VERBS:
        raise InputError(f"{name!r} is no verb of deepdigits, expected one of {', '.join(VERBS)}")
    verb = VERBS[name]
    entry = import_module(verb.module).main
    return entry([name, *rest] if verb.takes_verb else rest)


def main() -> None:
    """Entry point of the shell: wrong input ends in one line and exit code 2."""
    try:
        run(sys.argv[1:])
    except InputError as error:
        print(f"deepdigits: error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
