"""The sentences agree with the statistics, and claim nothing at p >= 0.05."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdigits.comparison.statistics import McNemar, summary, welch
from deepdigits.comparison.verdict import verdict

NAMES = ("mlp", "cnn")
GOOD, POOR = summary([0.991, 0.992, 0.993]), summary([0.971, 0.972, 0.973])


def text(first, second, mcnemar=None):
    lines = verdict(NAMES, (first, second), welch(first, second), mcnemar)
    assert all(line.endswith(".") and "\n" not in line for line in lines)
    return " ".join(lines)


@pytest.mark.parametrize(("first", "second", "better"), [(GOOD, POOR, "mlp"), (POOR, GOOD, "cnn")])
def test_the_better_config_is_named_with_the_difference(first, second, better):
    sentences = text(first, second)
    assert f"The config {better} is better than" in sentences
    assert "2.00 points higher, 95 % interval 1.77 to 2.23" in sentences
    assert "n = 3 and 3, p < 0.0001" in sentences


@pytest.mark.parametrize(("only", "better"), [((30, 5), "mlp"), ((5, 30), "cnn")])
def test_the_better_net_is_named(only, better):
    sentences = text(GOOD, GOOD, McNemar(10_000, *only, 1e-5))
    other = ({*NAMES} - {better}).pop()
    assert f"30 are right with the trained net {better} and wrong with {other}" in sentences
    assert f"and 5 the other way round: of these two nets {better} is better" in sentences


@given(st.floats(0.05, 1), st.integers(0, 50), st.integers(0, 50))
def test_nothing_is_claimed_if_chance_explains_it(p, first_only, second_only):
    same = summary([0.98, 0.99]), summary([0.981, 0.991])
    sentences = text(*same, McNemar(100, first_only, second_only, p))
    assert not re.search(r"\bbetter\b", sentences)
    assert "No difference between the configs mlp and cnn is shown" in sentences
    assert "does not prove that they are equal" in sentences


def test_one_seed_is_not_enough():
    sentences = text(summary([0.99]), POOR)
    assert "two seeds or more of each, and there is one of mlp" in sentences
    assert not re.search(r"\bbetter\b", sentences)
    assert "of mlp and of cnn" in text(summary([0.99]), summary([0.98]))


def test_equal_accuracies_of_all_seeds_cannot_be_tested():
    assert "do not vary" in text(summary([0.99, 0.99]), summary([0.98, 0.98]))


def test_nets_with_the_same_mistakes():
    sentences = text(GOOD, GOOD, McNemar(10_000, 0, 0, 1.0))
    assert "right and wrong on the same digits, in all 10,000" in sentences


def test_the_difference_between_the_tests_is_explained_if_there_are_two():
    digits = McNemar(100, 9, 1, 0.02)
    assert "does not apply to other seeds" in text(GOOD, POOR, digits)
    assert "does not apply to other seeds" not in text(GOOD, POOR)
    assert "does not apply to other seeds" not in text(summary([0.99]), POOR, digits)
    assert "needs saved predictions" in text(GOOD, POOR)
