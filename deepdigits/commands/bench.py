"""``deepdigits bench data``: measure speed side by side, in one run on this machine."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from itertools import islice
from statistics import median
from time import perf_counter
from typing import Any

import torch

from deepdigits import environment
from deepdigits.commands import ArgumentParser
from deepdigits.data.catalogue import CATALOGUE
from deepdigits.data.datasets import default_data_dir
from deepdigits.data.module import DigitsDataModule, to_float
from deepdigits.models.layers import Normalize


def main(args: Sequence[str]) -> dict[str, Any]:
    """Run a benchmark and print its table, or the same as JSON.

    Args:
        args: What to measure and options; see ``deepdigits bench --help``.

    Returns:
        The figures, as in the JSON.

    Raises:
        InputError: An option is wrong, or the data cannot be had.
    """
    parser = ArgumentParser("bench", description=__doc__)
    parser.add_argument("what", choices=("data",), help="data: a pass over the training digits")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each (default: 3)")
    parser.add_argument("--limit", type=int, help="use only so many digits: a dry run")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    options = parser.parse_args(args)
    if options.repeats < 1 or (options.limit is not None and options.limit < 1):
        parser.error("--repeats and --limit take numbers of 1 or more")
    result = {
        **bench_data(options.repeats, options.limit),
        "hardware": environment.hardware(),
        "versions": environment.versions(),
    }
    print(json.dumps(result, indent=2) if options.format == "json" else table(result))
    return result


def bench_data(repeats: int, limit: int | None = None, batch_size: int = 256) -> dict[str, Any]:
    """Time one pass over MNIST's training digits: batches from memory against torchvision.

    Both give normalised float batches (B, 1, 28, 28) and labels, in a new random order.

    Args:
        repeats: Passes of each; the two take turns.
        limit: Use only the first so many digits.
        batch_size: Digits per batch.
    """
    data = DigitsDataModule(batch_size=batch_size, val_size=0)
    with redirect_stdout(sys.stderr):
        data.prepare_data()
    data.setup("fit")
    num_images = min(limit or CATALOGUE["mnist"].num_train, CATALOGUE["mnist"].num_train)
    seconds = measure(
        {
            "deepdigits": lambda: memory_pass(data, num_images),
            "torchvision MNIST, ToTensor, Normalize, DataLoader": lambda: torchvision_pass(
                num_images, batch_size
            ),
        },
        repeats,
    )
    return {
        "benchmark": "data",
        "task": f"one pass over {num_images} digits in batches of {batch_size}",
        "repeats": repeats,
        "seconds": seconds,
        "ratio": compare(seconds),
    }


def memory_pass(data: DigitsDataModule, num_images: int) -> None:
    """One pass over the data module's training batches, up to ``num_images``."""
    normalize = Normalize()
    for batch in islice(
        data.batches("train", data.batch_size, shuffle=True), num_images // data.batch_size
    ):
        normalize(to_float(batch.images))


def torchvision_pass(num_images: int, batch_size: int) -> None:
    """One pass the way tutorials load MNIST: an image at a time, through PIL."""
    from torchvision import datasets, transforms

    steps = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    mnist = datasets.MNIST(default_data_dir(), transform=transforms.Compose(steps))
    subset = torch.utils.data.Subset(mnist, range(num_images))
    for _ in torch.utils.data.DataLoader(subset, batch_size, shuffle=True, drop_last=True):
        pass


def measure(passes: dict[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each pass, measured in turn, so that a noisy minute meets them all."""
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(repeats):
        for name, run in passes.items():
            start = perf_counter()
            run()
            seconds[name].append(round(perf_counter() - start, 4))
    return seconds


def compare(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Median time of each pass over the median of the first.

    >>> compare({"ours": [1.0, 2.0, 1.0], "theirs": [50.0, 70.0, 60.0]})
    {'ours': 1.0, 'theirs': 60.0}
    """
    first = median(next(iter(seconds.values())))
    return {name: round(median(times) / first, 2) for name, times in seconds.items()}


def table(result: dict[str, Any]) -> str:
    """The figures as lines of text."""
    width = max(map(len, result["seconds"]))
    lines = [f"{result['task']}, median of {result['repeats']}", ""]
    for name, times in result["seconds"].items():
        lines.append(f"{name:<{width}}  {median(times):9.3f} s  {result['ratio'][name]:8.1f} x")
    hardware, versions = result["hardware"], result["versions"]
    lines += [
        "",
        f"{hardware['cpu']}, {hardware['cores']} cores, {hardware['threads']} threads; "
        f"torch {versions['torch']}, torchvision {versions['torchvision']}, "
        f"Python {versions['python']}",
    ]
    return os.linesep.join(lines)
