"""``deepdigits bench``: measure speed side by side, in one run on this machine."""

import argparse
import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from deepdigits.commands.parser import ArgumentParser

WHAT = {
    "data": "a pass over the training digits, from memory and through torchvision",
    "loop": "an epoch of fit with everything on, of Lightning barebones, and by hand",
    "speedrun": "seconds of training to 99 % of the test set, of ours and of known recipes",
    "infer": "images per second and the latency of one image",
    "photos": "accuracy of reading photos: rotated, noisy, ruled, in rows, without digits",
    "memory": "peak memory of a training, against the bare import of torch and lightning",
    "scale": "seconds and memory of an epoch, against the size of the set and of the batch",
}


def main(args: Sequence[str]) -> dict[str, Any]:
    """Run a benchmark and print its table, or the same as JSON.

    Args:
        args: What to measure and options; see ``deepdigits bench --help``.

    Returns:
        The figures, as in the JSON.

    Raises:
        InputError: An option or a file that it names is wrong, or the data cannot be had.
    """
    parser = build_parser()
    options = vars(parser.parse_args(args))
    what, form = options.pop("what"), options.pop("format")
    given = {name: value for name, value in options.items() if value is not None}
    from deepdigits.core import environment, tables

    measure = getattr(import_module(f"deepdigits.benchmarks.{what}"), f"bench_{what}")
    accepted = measure.__annotations__
    for name in given:
        if name not in accepted:
            parser.error(f"--{name} is no option of bench {what}")
    result = measure(**given)
    hardware, versions = environment.hardware(), environment.versions()
    figures = {**result.to_dict(), "hardware": hardware, "versions": versions}
    if form == "json":
        print(json.dumps(figures, indent=2))
        return figures
    if form == "markdown":
        print(tables.markdown(result.head, result.rows))
        return figures
    print(result.task)
    tables.show(result.head, result.rows)
    print(
        f"{hardware['gpu'] or hardware['cpu']}, {hardware['cores']} cores, "
        f"{hardware['threads']} threads; torch {versions['torch']}, lightning "
        f"{versions['lightning']}, torchvision {versions['torchvision']}, Python "
        f"{versions['python']}"
    )
    return figures


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    kinds = "\n".join(f"  {name:<10}{text}" for name, text in WHAT.items())
    parser = ArgumentParser(
        "bench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure speed side by side, in one run on this machine; those compared take "
        f"turns.\n\n{kinds}",
    )
    parser.add_argument("what", choices=tuple(WHAT), metavar="WHAT", help=", ".join(WHAT))
    parser.add_argument("--format", choices=("table", "markdown", "json"), default="table")
    add = parser.add_argument
    add("--repeats", type=_count, help="measurements of each; not speedrun, photos (default: 3)")
    add("--limit", type=_count, help="data, photos: use only so many digits")
    add("--config", help="loop, speedrun, memory, scale: what to train (default: one of configs/)")
    add("--model", help="photos: the net that reads (default: cnn)")
    add("--plot", help="scale: draw the lines into this file too")
    add("--epochs", type=_count, help="loop: epochs of each training (default: the config's)")
    add("--seeds", type=_count, help="speedrun: trainings of each (default: 5)")
    add(
        "--classic",
        type=_count,
        nargs="?",
        const=1,
        help="speedrun: so many trainings of the classic recipe too, minutes each (default: 0; "
        "without a number: 1)",
    )
    return parser


def _count(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)
