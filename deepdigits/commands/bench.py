"""``deepdigits bench``: measure and compare speed, memory and accuracy on this machine."""

import argparse
import json
from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import signature
from typing import Any

from deepdigits.benchmarks.baseline import compare_with_baseline
from deepdigits.benchmarks.timing import Result
from deepdigits.commands.parser import CONFIG, ArgumentParser
from deepdigits.core import environment, tables
from deepdigits.core.console import say, say_text

# Name -> help text. Benchmark NAME is the function bench_NAME of deepdigits.benchmarks.NAME.
BENCHMARKS = {
    "data": "time of a pass over the training digits: from memory, and with torchvision",
    "loop": "time of an epoch: deepdigits fit, Lightning barebones, and plain PyTorch",
    "speedrun": "training time to 99 % test accuracy: deepdigits, and published recipes",
    "infer": "images per second, and latency of one image",
    "cascade": "forward passes and errors of shift TTA: none, only for unclear digits, all",
    "photos": "accuracy on photos: rotated, noisy, ruled, in rows, without digits",
    "memory": "peak memory of a training, and of the import of torch and lightning alone",
    "scale": "time and memory of an epoch for several dataset sizes and batch sizes",
}

TIMED = ("data", "loop", "speedrun", "infer")  # their results are times, for --baseline
TURNS = 5


def main(args: Sequence[str]) -> dict[str, Any]:
    """Run a benchmark and print its table, or the same as JSON.

    Args:
        args: The benchmark and its options; see ``deepdigits bench --help``.

    Returns:
        The measurements, as in the JSON output.

    Raises:
        InputError: An option is wrong, a file does not exist, or the data cannot be downloaded.
    """
    parser = build_parser()
    options = vars(parser.parse_args(args))
    form = options.pop("format")
    result = _measure(parser, **options)
    hardware, versions = environment.hardware(), environment.versions()
    measurements = {**result.to_dict(), "hardware": hardware, "versions": versions}
    verdict = [result.verdict] if result.verdict else []
    if form == "json":
        say_text(json.dumps(measurements, indent=2))
    elif form == "markdown":
        say_text(tables.markdown(result.columns, result.rows))
        # Without the empty line, the verdict would be a row of the table.
        say(*(["", *verdict] if verdict else []))
    else:
        say(result.task)
        tables.show(result.columns, result.rows)
        say(*verdict)
        say(
            f"{hardware['gpu'] or hardware['cpu']}, {hardware['cores']} cores, "
            f"{hardware['threads']} threads; torch {versions['torch']}, lightning "
            f"{versions['lightning']}, torchvision {versions['torchvision']}, Python "
            f"{versions['python']}"
        )
    return measurements


def _measure(
    parser: ArgumentParser, benchmark: str, baseline: str | None, turns: int | None, **options: Any
) -> Result:
    """Run a benchmark of this version, or of a baseline and this one."""
    function = _load(benchmark)
    known = signature(function).parameters
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in known:
            parser.error(f"--{option} is not an option of bench {benchmark}")
    if baseline is None:
        if turns is not None:
            parser.error("--turns needs --baseline")
        return function(**given)
    if benchmark not in TIMED:
        parser.error(
            f"--baseline is not an option of bench {benchmark}: it compares times, those of "
            f"{', '.join(TIMED)}"
        )
    if "repeats" in known:
        given.setdefault("repeats", 1)
    args = [benchmark, *(f"--{option}={value}" for option, value in given.items())]
    return compare_with_baseline(args, baseline or None, turns or TURNS)


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    benchmarks = "\n".join(f"  {name:<10}{text}" for name, text in BENCHMARKS.items())
    parser = ArgumentParser(
        "bench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure and compare on this machine; what is compared runs alternately."
        f"\n\n{benchmarks}",
    )
    parser.add_argument(
        "benchmark", choices=tuple(BENCHMARKS), metavar="BENCHMARK", help=", ".join(BENCHMARKS)
    )
    parser.add_argument("--format", choices=("table", "markdown", "json"), default="table")
    add = parser.add_argument
    add(
        "--repeats",
        type=_count,
        help="number of measurements (default: 3; scale, --baseline: 1); not for speedrun, photos",
    )
    add("--limit", type=_count, help="data, photos: number of digits to use")
    config = add(
        "--config",
        help="loop, speedrun, memory, scale: the config to train, a file or the name of one that "
        "comes with the package (default: mlp, speedrun, cnn, mlp)",
    )
    config.complete = CONFIG  # type: ignore[attr-defined]
    add("--model", help="cascade, photos: the net (default: cnn)")
    add(
        "--save",
        action="store_true",
        default=None,
        help="cascade: use it for this run from now on: write shift_tta.json into its folder",
    )
    add("--plot", help="scale: also draw a figure into this file")
    add("--epochs", type=_count, help="loop: epochs of each training (default: as in the config)")
    add("--seeds", type=_count, help="speedrun: number of trainings of each recipe (default: 5)")
    add(
        "--classic",
        type=_count,
        nargs="?",
        const=1,
        help="speedrun: number of trainings of the classic recipe, of minutes each (default: 0; "
        "without a number: 1)",
    )
    add(
        "--baseline",
        nargs="?",
        const="",
        metavar="COMMIT",
        help=f"{', '.join(TIMED)}: compare the times of this checkout with those of another commit "
        "(default: the one recorded in pyproject.toml); each measurement is a process, and the "
        "versions alternate",
    )
    add("--turns", type=_turns, help=f"--baseline: processes of each version (default: {TURNS})")
    return parser


def _load(name: str) -> Callable[..., Result]:
    """Import a benchmark; only here, since most of them load torch and Lightning."""
    module = import_module(f"deepdigits.benchmarks.{name}")
    function: Callable[..., Result] = getattr(module, f"bench_{name}")
    return function


def _count(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _turns(text: str) -> int:
    """A whole number of 3 or more: fewer turns have no spread to speak of."""
    if (turns := _count(text)) < 3:
        raise argparse.ArgumentTypeError(f"{text!r} is too few: expected 3 or more")
    return turns
