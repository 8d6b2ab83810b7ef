"""The statistics against hand-computed cases and scipy's own tests."""

from math import sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from deepdigits.comparison.statistics import McNemar, mcnemar, paired_folds, summary, welch

accuracies = st.lists(st.integers(9000, 9999).map(lambda n: n / 10_000), min_size=2, max_size=8)


def test_summary_by_hand():
    found = summary([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
    assert (found.n, found.mean, found.min, found.max) == (8, 5.0, 2.0, 9.0)
    assert found.sd == pytest.approx(sqrt(32 / 7))  # squares 9 1 1 1 0 0 4 16, over n - 1
    reach = 2.3646 * sqrt(32 / 7) / sqrt(8)  # t of a printed table, 7 df, 97.5 %
    assert found.interval == pytest.approx((5 - reach, 5 + reach), abs=1e-4)


def test_one_value_has_neither_spread_nor_interval():
    found = summary([0.99])
    assert (found.n, found.mean, found.sd, found.interval) == (1, 0.99, None, None)


def test_equal_values_have_no_spread_in_spite_of_rounding():
    found = summary([0.1, 0.1, 0.1])  # their floating-point sum is not 0.3
    assert (found.mean, found.sd, found.interval) == (0.1, 0.0, (0.1, 0.1))


@given(accuracies)
def test_interval_is_that_of_scipy(values):
    assume(len(set(values)) > 1)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert summary(values).interval == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_welch_by_hand():
    # Means 2 and 5, variances 1 and 4, n 3 and 3: error sqrt(5/3), df (5/3)^2/(17/18) = 50/17
    found = welch(summary([1.0, 2.0, 3.0]), summary([3.0, 5.0, 7.0]))
    assert found.difference == -3
    assert found.t == pytest.approx(-3 / sqrt(5 / 3))
    assert found.df == pytest.approx(50 / 17)


@given(accuracies, accuracies)
def test_welch_is_that_of_scipy(first, second):
    assume(len(set(first)) > 1 or len(set(second)) > 1)
    constant = len(set(first)) == 1 or len(set(second)) == 1
    assume(not constant)  # scipy warns of lost precision there; the next test has that case
    expected = stats.ttest_ind(first, second, equal_var=False)
    found = welch(summary(first), summary(second))
    assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-9)
    assert found.df == pytest.approx(expected.df)
    interval = expected.confidence_interval(0.95)
    assert found.interval == pytest.approx((interval.low, interval.high), abs=1e-9)


@given(st.data(), st.integers(2, 8))
def test_paired_folds_is_the_paired_test_of_scipy_with_a_larger_error(data, folds):
    values = st.lists(accuracies.map(lambda some: some[0]), min_size=folds, max_size=folds)
    first, second = data.draw(values), data.draw(values)
    assume(len({round(a - b, 6) for a, b in zip(first, second, strict=True)}) > 1)
    found, expected = paired_folds(first, second, folds), stats.ttest_rel(first, second)
    smaller = sqrt((1 / folds) / (1 / folds + 1 / (folds - 1)))
    assert found.t == pytest.approx(expected.statistic * smaller)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.t), folds - 1))
    assert found.interval[0] <= found.difference <= found.interval[1]


def test_paired_folds_with_the_same_difference_is_no_test_in_spite_of_rounding():
    assert paired_folds([0.96, 0.97, 0.99], [0.95, 0.96, 0.98], 3) is None
    assert paired_folds([0.96], [0.9], 3) is None


def test_welch_with_spread_in_one_config_only():
    # Then it is a one-sample test of the side with spread against the other's value.
    found = welch(summary([0.98, 0.99, 0.97]), summary([0.95, 0.95, 0.95]))
    expected = stats.ttest_1samp([0.98, 0.99, 0.97], 0.95)
    assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.df == pytest.approx(2)


@pytest.mark.parametrize(
    ("first", "second"),
    [([0.99], [0.98, 0.97]), ([0.99, 0.98], [0.97]), ([0.9], [0.8]), ([0.9, 0.9], [0.8, 0.8, 0.8])],
)
def test_welch_is_none_without_spread(first, second):
    assert welch(summary(first), summary(second)) is None


def test_mcnemar_by_hand():
    # 10 digits are right with the first only, none with the second only: 2 * (1/2)^10
    labels = [1] * 12
    assert mcnemar([1] * 10 + [0, 1], [0] * 11 + [1], labels) == McNemar(12, 10, 0, 2 / 1024)


def test_mcnemar_ignores_the_value_of_wrong_labels():
    assert mcnemar([2, 1], [3, 1], [1, 1]) == McNemar(2, 0, 0, 1.0)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test_of_scipy(first_only, second_only):
    assume(first_only + second_only > 0)
    first = [1] * first_only + [0] * second_only + [1]
    second = [0] * first_only + [1] * second_only + [1]
    found = mcnemar(first, second, [1] * len(first))
    expected = stats.binomtest(first_only, first_only + second_only, 0.5).pvalue
    assert (found.first_only, found.second_only) == (first_only, second_only)
    assert found.p == pytest.approx(expected, rel=1e-9)
