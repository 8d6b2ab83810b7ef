"""Measure in turn and compare: what all benchmarks have in common."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from deepdigits.core.errors import InputError

Figures = dict[str, list[float]]


@dataclass(frozen=True)
class Result:
    """What a benchmark found.

    Attributes:
        benchmark: Its name.
        task: What each of those compared did, and how often.
        head: Names of the columns of the table.
        rows: Cells of the table; what the others are compared with comes first.
        figures: All that was measured, for JSON.
    """

    benchmark: str
    task: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON."""
        return {"benchmark": self.benchmark, "task": self.task, **self.figures}


def clocked(run: Callable[[], object]) -> Callable[[], float]:
    """A function that does the same and returns how many seconds it took."""

    def timed() -> float:
        start = perf_counter()
        run()
        return perf_counter() - start

    return timed


def measure(passes: Mapping[str, Callable[[], float]], repeats: int) -> Figures:
    """What each pass returns, called in turn, so that a noisy minute meets them all.

    Args:
        passes: Name -> a function that returns a figure, such as its own seconds.
        repeats: Calls of each.
    """
    figures: Figures = {name: [] for name in passes}
    for _ in range(repeats):
        for name, run in passes.items():
            figures[name].append(round(run(), 6))
            print(f"{name}: {figures[name][-1]:.4g}", file=sys.stderr, flush=True)
    return figures


def compare(figures: Mapping[str, Sequence[float]], base: str) -> dict[str, float]:
    """How many times the base's each is: the median of the ratios within each turn.

    >>> compare({"ours": [1.0, 2.0, 1.0], "theirs": [50.0, 120.0, 55.0]}, base="ours")
    {'ours': 1.0, 'theirs': 55.0}
    """
    return {
        name: round(median(v / b for v, b in zip(values, figures[base], strict=True)), 3)
        for name, values in figures.items()
    }


def compared(benchmark: str, task: str, seconds: Figures, bases: Mapping[str, str]) -> Result:
    """The result of a comparison of seconds: a row each, with median, range and ratios.

    Args:
        benchmark: Name of the benchmark.
        task: What each did.
        seconds: What was measured, in turn.
        bases: Whom to compare with: name of a row -> heading of its column of ratios.
    """
    ratios = {base: compare(seconds, base) for base in bases}
    rows = [
        [name, f"{median(s):.3f} s", f"{min(s):.3f} - {max(s):.3f}"]
        + [f"{ratios[base][name]:.2f} x" for base in bases]
        for name, s in seconds.items()
    ]
    repeats = len(next(iter(seconds.values())))
    head = ["", "median", f"range of {repeats}", *bases.values()]
    figures = {"repeats": repeats, "seconds": seconds, "ratio": ratios}
    return Result(benchmark, task, head, rows, figures)


def check_config(config: str) -> str:
    """The config's path, if it is there.

    Raises:
        InputError: It is not: the defaults are those of the project's checkout.
    """
    if not Path(config).is_file():
        raise InputError(
            f"{config} does not exist here: pass the config that is to be measured with --config, "
            "or call this in the folder of the project"
        )
    return config
