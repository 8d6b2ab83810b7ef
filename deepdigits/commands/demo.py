"""``deepdigits demo``: a page to draw on, in the browser."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import packages
from deepdigits.core.errors import InputError
from deepdigits.runs.resolve import RUN_HELP
from deepdigits.runs.run import Run

DEFAULT_NETS = ("mlp", "cnn")


def demo(
    models: Sequence[str | Path | Run] = DEFAULT_NETS, port: int | None = None, wait: bool = True
) -> str:
    """Serve the page on this machine.

    Args:
        models: The nets to show side by side; each as for `deepdigits.inference.load.load`.
        port: None: the first free one from 7860 on.
        wait: Whether to serve until the process is interrupted, or to return at once.

    Returns:
        The address of the page.

    Raises:
        InputError: A net cannot be loaded, their classes differ, a package is missing, or the port
            is taken.
    """
    packages.require_extra("demo", "the page")
    from deepdigits.demo import server  # here, as this loads torch
    from deepdigits.inference.load import load

    readers = [load(model) for model in models]
    if len({reader.class_names for reader in readers}) > 1:
        raise InputError("the nets have different classes: show them one at a time")
    return server.launch(server.build(readers), port, wait)


def main(args: Sequence[str]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        args: Nets and options; see ``deepdigits demo --help``.

    Raises:
        InputError: As `demo`.
    """
    options = build_parser().parse_args(args)
    demo(options.runs or DEFAULT_NETS, options.port)


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "demo",
        description="Draw a digit, or show a photo, and compare the predictions of several nets. "
        "The page can be opened on this machine only, and loads nothing from other hosts.",
    )
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help=f"the nets to show side by side (default: mlp cnn); {RUN_HELP}",
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="default: the first free one from 7860 on"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, expected 1 to 65535")
    return int(text)
