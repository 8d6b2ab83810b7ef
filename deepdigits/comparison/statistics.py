"""Statistical tests of accuracies over seeds, and of two nets' predictions. Pure functions.

The t-tests take a :class:`Summary` instead of values: the standard library computes mean and
standard deviation exactly, so equal values have a standard deviation of exactly 0.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

_ROUNDING = 1e-9  # of a difference of accuracies
ALPHA = 0.05  # significance level: a difference is claimed only if p is below


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation and range of one config over its seeds.

    Attributes:
        n: Number of values.
        mean: Their mean.
        sd: Sample standard deviation (n - 1 in the denominator); None for one value.
        min: The lowest value.
        max: The highest value.
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
    """A t-test: do two configs differ in the mean over seeds (Welch 1947) or folds?

    Attributes:
        difference: Mean of the first minus mean of the second.
        interval: 95 % confidence interval of the difference.
        t: The test statistic.
        df: Degrees of freedom (over seeds, by the Welch-Satterthwaite equation).
        p: Two-sided p-value.
    """

    difference: float
    interval: tuple[float, float]
    t: float
    df: float
    p: float


@dataclass(frozen=True)
class McNemar:
    """The exact McNemar test (McNemar 1947): do two trained nets differ on the same digits?

    Attributes:
        num_samples: Number of digits.
        first_only: Digits that only the first net predicts correctly.
        second_only: Digits that only the second net predicts correctly.
        p: Two-sided p-value of the binomial distribution over the two counts.
    """

    num_samples: int
    first_only: int
    second_only: int
    p: float


def summary(values: Sequence[float]) -> Summary:
    """Summarize one value or more.

    >>> summary([1.0, 2.0, 3.0])
    Summary(n=3, mean=2.0, sd=1.0, min=1.0, max=3.0)
    >>> [round(end, 3) for end in summary([1.0, 2.0, 3.0]).interval]
    [-0.484, 4.484]
    """
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Summary(len(values), statistics.mean(values), sd, min(values), max(values))


def welch(first: Summary, second: Summary) -> Welch | None:
    """Welch's t-test of two summaries.

    None if the test is not possible: one has a single value, or both have an sd of 0.

    >>> round(welch(summary([1.0, 2.0, 3.0]), summary([4.0, 5.0, 6.0])).t, 4)
    -3.6742
    """
    from scipy.special import stdtr  # here, as it is slow to import and a table does not need it

    if first.sd is None or second.sd is None or first.sd == second.sd == 0:
        return None
    var, other_var = first.sd**2 / first.n, second.sd**2 / second.n
    error = sqrt(var + other_var)
    df = (var + other_var) ** 2 / (var**2 / (first.n - 1) + other_var**2 / (second.n - 1))
    difference = first.mean - second.mean
    t = difference / error
    p = 2 * float(stdtr(df, -abs(t)))
    return Welch(difference, t_interval(difference, error, df), t, df, p)


def paired_folds(first: Sequence[float], second: Sequence[float], folds: int) -> Welch | None:
    """The corrected paired t-test of two configs over the same folds.

    The training images of the folds overlap, so their results vary less than those of independent
    trainings. Nadeau and Bengio (2003, https://doi.org/10.1023/A:1024068626366) add to 1/n the
    ratio of test images to training images, here ``1 / (folds - 1)``.

    Args:
        first: Accuracies of one config.
        second: Accuracies of the other, fold by fold.
        folds: Number of folds that the images are divided into.

    Returns:
        None if the test is not possible: there is one fold, or the differences do not vary.

    >>> round(paired_folds([0.5, 0.6, 0.9], [0.4, 0.4, 0.6], folds=3).t, 4)
    2.1909
    """
    from scipy.special import stdtr

    differences = summary([one - other for one, other in zip(first, second, strict=True)])
    if differences.sd is None or differences.sd < _ROUNDING:
        return None
    error = differences.sd * sqrt(1 / differences.n + 1 / (folds - 1))
    df, t = differences.n - 1, differences.mean / error
    interval = t_interval(differences.mean, error, df)
    return Welch(differences.mean, interval, t, df, 2 * float(stdtr(df, -abs(t))))


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
    correct, other_correct = np.asarray(first) == labels, np.asarray(second) == labels
    first_only = int((correct & ~other_correct).sum())
    second_only = int((other_correct & ~correct).sum())
    tail = float(bdtr(min(first_only, second_only), first_only + second_only, 0.5))
    return McNemar(len(labels), first_only, second_only, min(1.0, 2 * tail))


def t_interval(center: float, error: float, df: float) -> tuple[float, float]:
    """95 % confidence interval of an estimate with a standard error, by Student's t."""
    from scipy.special import stdtrit

    half_width = float(stdtrit(df, 0.975)) * error
    return center - half_width, center + half_width
