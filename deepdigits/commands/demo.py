"""``deepdigits demo``: a page to draw on, in the browser."""

import argparse
from collections.abc import Sequence

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import packages
from deepdigits.core.errors import InputError


def main(args: Sequence[str]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        args: Nets and options; see ``deepdigits demo --help``.

    Raises:
        InputError: A net cannot be loaded, a package is missing, or the port is taken.
    """
    options = build_parser().parse_args(args)
    packages.require_extra("demo", "the page")
    from deepdigits.demo import server  # here, as this loads torch
    from deepdigits.inference.load import load

    readers = [load(name) for name in options.runs or ("mlp", "cnn")]
    if len({reader.class_names for reader in readers}) > 1:
        raise InputError("the nets know different classes: show them one at a time")
    server.launch(server.build(readers), options.port, wait=True)


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "demo",
        description="Draw a digit, or show a photo, and see what each net makes of it. The page is "
        "served to this machine only, and loads nothing from elsewhere.",
    )
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="the nets, side by side: run folders, `latest`, or nets that come with the package "
        "(default: mlp cnn)",
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="default: the first free one from 7860 on"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port, expected 1 to 65535")
    return int(text)
