"""The numbers that a setting takes, and the line that names them."""

import math
from dataclasses import dataclass
from typing import Any

from deepdigits.core.errors import InputError

MOST = 10**12  # of what is counted: more is a slip, and from 2**63 on torch cannot hold it
LARGEST_SEED = 2**32 - 1  # of numpy; torch takes larger ones, and some give the same numbers


@dataclass(frozen=True)
class Limits:
    """The numbers from one to another; nan and infinity are never among them.

    Args:
        low: The lowest.
        high: The highest; infinity: there is none.
        whole: Only whole numbers.
        above: ``low`` itself is too low.
        below: ``high`` itself is too high.
        other: A number besides, such as -1 for "no limit".
        none: None is allowed.

    >>> Limits(0, 1, below=True).check("dropout", 0.5)
    >>> Limits(1, 8, whole=True, other=-1).check("max_epochs", 0)
    Traceback (most recent call last):
    deepdigits.core.errors.InputError: max_epochs is 0, expected a whole number from 1 to 8, or -1
    """

    low: float
    high: float = math.inf
    whole: bool = False
    above: bool = False
    below: bool = False
    other: int | None = None
    none: bool = False

    def allows(self, value: Any) -> bool:
        """Whether a value is one of the numbers."""
        if value is None:
            return self.none
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        if value == self.other:
            return True
        too_low = value <= self.low if self.above else value < self.low
        too_high = value >= self.high if self.below else value > self.high
        return not (too_low or too_high or not -math.inf < value < math.inf)

    def check(self, name: str, value: Any) -> None:
        """Check a setting.

        Raises:
            InputError: The value is not one of the numbers.
        """
        if not self.allows(value):
            raise InputError(f"{name} is {value!r}, expected {self}")

    def __str__(self) -> str:
        """The numbers in words."""
        kind = "a whole number" if self.whole else "a number"
        low = f"above {self.low}" if self.above else f"from {self.low}"
        high = f"to below {self.high}" if self.below else f"to {self.high}"
        words = f"{kind} {low} {'on' if self.high == math.inf else high}"
        words += "" if self.other is None else f", or {self.other}"
        return words + (", or null" if self.none else "")


COUNT = Limits(1, MOST, whole=True)
FROM_ZERO = Limits(0, MOST, whole=True)
SEED = Limits(0, LARGEST_SEED, whole=True)
