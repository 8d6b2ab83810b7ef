"""Measures of a benchmark before and now: pairs, ratios, and whether they got slower."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

# The numbers of a benchmark's JSON that are compared are those below one of these keys.
SECONDS, RATE = "seconds", "images_per_second"
Keys = tuple[str, ...]
Measures = dict[Keys, list[float]]  # keys in the JSON -> values of one process


@dataclass(frozen=True)
class Change:
    """A measure of both versions.

    Attributes:
        keys: Its keys in the benchmark's JSON.
        before: Values of the baseline, a list for each turn.
        now: Values of this checkout, a list for each turn.
    """

    keys: Keys
    before: Sequence[Sequence[float]]
    now: Sequence[Sequence[float]]

    @property
    def unit(self) -> str:
        """The key that names the unit."""
        return RATE if RATE in self.keys else SECONDS

    @property
    def name(self) -> str:
        """The other keys."""
        return ", ".join(key for key in self.keys if key != self.unit)

    @property
    def ratios(self) -> list[float]:
        """Time now / time before of each turn: above 1 is slower, for a rate too.

        >>> Change(("seconds",), before=[[1.0, 2.0], [4.0]], now=[[2.0, 4.0], [4.0]]).ratios
        [2.0, 1.0]
        >>> Change(("images_per_second",), before=[[300.0]], now=[[100.0]]).ratios
        [3.0]
        """
        turns = zip(self.before, self.now, strict=True)
        times = [(old, new) if self.unit == RATE else (new, old) for old, new in turns]
        return [median(a / b for a, b in zip(*pairs, strict=True)) for pairs in times]

    @property
    def ratio(self) -> float:
        """Median of the ratios of the turns."""
        return median(self.ratios)

    @property
    def spread(self) -> float:
        """Highest ratio of a turn minus the lowest."""
        return max(self.ratios) - min(self.ratios)

    @property
    def is_slower(self) -> bool:
        """Whether this checkout is slower by more than the spread."""
        return self.ratio - 1 > self.spread

    def row(self) -> list[str]:
        """Cells of the table."""
        form = "{:,.0f} images/s" if self.unit == RATE else "{:.4g} s"
        middle = [median(v for turn in side for v in turn) for side in (self.before, self.now)]
        return [self.name, *map(form.format, middle), f"{self.ratio:.3f} x", f"{self.spread:.3f}"]

    def to_dict(self) -> dict[str, Any]:
        """The content of the JSON output."""
        values = {"unit": self.unit, "before": self.before, "now": self.now}
        numbers = {"ratio": round(self.ratio, 4), "spread": round(self.spread, 4)}
        return {"measure": self.name, **values, **numbers, "slower": self.is_slower}


def find_measures(content: Any) -> Measures:
    """The numbers of a benchmark's JSON that are seconds or images per second.

    >>> find_measures({"repeats": 2, "seconds": {"ours": [1.5, 2.5]}})
    {('seconds', 'ours'): [1.5, 2.5]}
    >>> find_measures({"runs": [{"seconds": 3.0, "accuracy": 0.99}, {"seconds": 4.0}]})
    {('runs', 'seconds'): [3.0, 4.0]}
    """
    found: Measures = {}
    for keys, number in _numbers(content):
        if SECONDS in keys or RATE in keys:
            found.setdefault(keys, []).append(number)
    return found


def pair(before: Sequence[Measures], now: Sequence[Measures]) -> list[Change]:
    """The measures of which every process has the same number of values, all above zero.

    Args:
        before: Measures of the baseline, one for each turn.
        now: Measures of this checkout, one for each turn.
    """
    turns = [*before, *now]
    shared = [
        keys
        for keys, values in before[0].items()
        if all(len(turn.get(keys, ())) == len(values) and min(turn[keys]) > 0 for turn in turns)
    ]
    return [Change(keys, [b[keys] for b in before], [n[keys] for n in now]) for keys in shared]


def verdict(changes: Sequence[Change]) -> str:
    """The line that names what got slower by more than its spread."""
    slower = [f"{c.name} ({c.ratio:.3f} x)" for c in changes if c.is_slower]
    if not slower:
        return "no measure is slower now by more than the spread"
    return f"slower now by more than the spread: {'; '.join(slower)}"


def _numbers(content: Any, keys: Keys = ()) -> Iterator[tuple[Keys, float]]:
    """Each number of JSON with its keys; the places of a list share the keys of the list."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _numbers(value, (*keys, key))
    elif isinstance(content, list):
        for value in content:
            yield from _numbers(value, keys)
    elif isinstance(content, int | float):
        yield keys, content
