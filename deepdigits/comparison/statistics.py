"""Is a difference real? Pure functions over accuracies of seeds and over paired predictions.

The t-tests work on :class:`Summary` and not on the values: the standard library computes mean and
sd exactly, so equal values have a spread of exactly 0.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

ALPHA = 0.05  # no claim at this p or above


@dataclass(frozen=True)
class Summary:
    """What the values of one recipe over its seeds come to.

    Attributes:
        n: Number of values.
        mean: Their mean.
        sd: Standard deviation of the sample (n - 1 in the denominator); None for one value.
        min: The lowest.
        max: The highest.
    """

    n: int
    mean: float
    sd: float | None
    min: float
    max: float

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the mean, by Student's t; None for one value."""
        if self.sd is None:
            return None
        return t_interval(self.mean, self.sd / sqrt(self.n), self.n - 1)


@dataclass(frozen=True)
class Welch:
    """Welch's t-test: do two recipes differ in the mean over seeds? After Welch (1947).

    Attributes:
        difference: Mean of the first less mean of the second.
        interval: 95 % confidence interval of that difference.
        t: The statistic.
        df: Degrees of freedom, by Welch and Satterthwaite.
        p: Two-sided p-value.
    """

    difference: float
    interval: tuple[float, float]
    t: float
    df: float
    p: float


@dataclass(frozen=True)
class McNemar:
    """The exact McNemar test: do two trained nets differ on the same digits? After McNemar (1947).

    Attributes:
        num_samples: Digits that both nets saw.
        first_only: How many only the first net got right.
        second_only: How many only the second net got right.
        p: Two-sided p-value of the binomial distribution over the two counts.
    """

    num_samples: int
    first_only: int
    second_only: int
    p: float


def summary(values: Sequence[float]) -> Summary:
    """Mean, spread and range of one value or more.

    >>> summary([1.0, 2.0, 3.0])
    Summary(n=3, mean=2.0, sd=1.0, min=1.0, max=3.0)
    >>> [round(end, 3) for end in summary([1.0, 2.0, 3.0]).interval]
    [-0.484, 4.484]
    """
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Summary(len(values), statistics.mean(values), sd, min(values), max(values))


def welch(first: Summary, second: Summary) -> Welch | None:
    """Welch's t-test of two summaries.

    None where it says nothing: with one value on a side, or without any spread on both.

    >>> round(welch(summary([1.0, 2.0, 3.0]), summary([4.0, 5.0, 6.0])).t, 4)
    -3.6742
    """
    from scipy.special import stdtr  # here, so that a table alone does not wait for scipy

    if first.sd is None or second.sd is None or first.sd == second.sd == 0:
        return None
    share, other = first.sd**2 / first.n, second.sd**2 / second.n
    error = sqrt(share + other)
    df = (share + other) ** 2 / (share**2 / (first.n - 1) + other**2 / (second.n - 1))
    difference = first.mean - second.mean
    t = difference / error
    p = 2 * float(stdtr(df, -abs(t)))
    return Welch(difference, t_interval(difference, error, df), t, df, p)


def mcnemar(first: ArrayLike, second: ArrayLike, labels: ArrayLike) -> McNemar:
    """The exact McNemar test of two nets' predictions for the same digits.

    Args:
        first: Labels that the first net predicts (N,).
        second: Labels that the second net predicts (N,).
        labels: True labels (N,).

    >>> mcnemar([1, 1, 1, 1, 0], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1])
    McNemar(num_samples=5, first_only=3, second_only=1, p=0.625)
    """
    from scipy.special import bdtr

    labels = np.asarray(labels)
    right, other_right = np.asarray(first) == labels, np.asarray(second) == labels
    first_only = int((right & ~other_right).sum())
    second_only = int((other_right & ~right).sum())
    tail = float(bdtr(min(first_only, second_only), first_only + second_only, 0.5))
    return McNemar(len(labels), first_only, second_only, min(1.0, 2 * tail))


def t_interval(center: float, error: float, df: float) -> tuple[float, float]:
    """95 % interval of Student's t around an estimate with a standard error."""
    from scipy.special import stdtrit

    reach = float(stdtrit(df, 0.975)) * error
    return center - reach, center + reach
