"""Measure alternately and compare: the parts that all benchmarks share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from deepdigits.core.console import say

Measurements = dict[str, list[float]]


@dataclass(frozen=True)
class Result:
    """The result of a benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        task: The measured task and its size.
        columns: Headings of the table.
        rows: Cells of the table; the reference of the ratios is the first row.
        measurements: All measurements, for JSON.
        verdict: A line below the table, if there is something to conclude.
    """

    benchmark: str
    task: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    measurements: Mapping[str, Any]
    verdict: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The content of the JSON output."""
        return {"benchmark": self.benchmark, "task": self.task, **self.measurements}


def clocked(run: Callable[[], object]) -> Callable[[], float]:
    """A function that calls `run` and returns the seconds it took."""

    def timed() -> float:
        start = perf_counter()
        run()
        return perf_counter() - start

    return timed


def measure(passes: Mapping[str, Callable[[], float]], repeats: int) -> Measurements:
    """Call each pass in turn, so that other load on the machine affects all of them alike.

    Args:
        passes: Name -> a function that returns a measurement, such as its own seconds.
        repeats: Calls of each pass.

    Returns:
        Name -> measurements.
    """
    measurements: Measurements = {name: [] for name in passes}
    for _ in range(repeats):
        for name, run in passes.items():
            measurements[name].append(round(run(), 6))
            say(f"{name}: {measurements[name][-1]:.4g}", error=True)
    return measurements


def compare(measurements: Mapping[str, Sequence[float]], base: str) -> dict[str, float]:
    """Ratio of each to the base: the median of the ratios within each turn.

    >>> compare({"ours": [1.0, 2.0, 1.0], "theirs": [50.0, 120.0, 55.0]}, base="ours")
    {'ours': 1.0, 'theirs': 55.0}
    """
    return {
        name: round(median(v / b for v, b in zip(values, measurements[base], strict=True)), 3)
        for name, values in measurements.items()
    }


def compared(benchmark: str, task: str, seconds: Measurements, bases: Mapping[str, str]) -> Result:
    """The result of a comparison of seconds: rows with median, range and ratios.

    Args:
        benchmark: Name of the benchmark.
        task: The measured task.
        seconds: Name -> measurements, from `measure`.
        bases: Name of a row -> heading of the column of ratios to that row.
    """
    ratios = {base: compare(seconds, base) for base in bases}
    rows = [
        [name, f"{median(s):.3f} s", f"{min(s):.3f} - {max(s):.3f}"]
        + [f"{ratios[base][name]:.2f} x" for base in bases]
        for name, s in seconds.items()
    ]
    repeats = len(next(iter(seconds.values())))
    columns = ["", "median", f"range of {repeats}", *bases.values()]
    measurements = {"repeats": repeats, "seconds": seconds, "ratio": ratios}
    return Result(benchmark, task, columns, rows, measurements)
