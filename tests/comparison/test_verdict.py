"""The sentences say what the statistics do, and claim nothing at p >= 0.05."""

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
def test_the_better_recipe_is_named_with_the_size_of_the_difference(first, second, better):
    said = text(first, second)
    assert f"The recipe {better} is better than" in said
    assert "2.00 points higher, 95 % interval 1.77 to 2.23" in said
    assert "n = 3 and 3, p < 0.0001" in said


@pytest.mark.parametrize(("only", "better"), [((30, 5), "mlp"), ((5, 30), "cnn")])
def test_the_better_net_is_named(only, better):
    said = text(GOOD, GOOD, McNemar(10_000, *only, 1e-5))
    other = ({*NAMES} - {better}).pop()
    assert f"the trained net {better} gets 30 right that {other} gets wrong" in said
    assert f"{other} 5 that {better} gets wrong: of these two nets {better} is better" in said


@given(st.floats(0.05, 1), st.integers(0, 50), st.integers(0, 50))
def test_nothing_is_claimed_where_chance_explains_it(p, first_only, second_only):
    same = summary([0.98, 0.99]), summary([0.981, 0.991])
    said = text(*same, McNemar(100, first_only, second_only, p))
    assert not re.search(r"\bbetter\b", said)
    assert "cannot be told apart" in said
    assert "does not prove them equal" in said


def test_with_one_seed_it_says_what_is_missing():
    said = text(summary([0.99]), POOR)
    assert "two seeds of each or more, and there is one of mlp" in said
    assert not re.search(r"\bbetter\b", said)
    assert "of mlp and of cnn" in text(summary([0.99]), summary([0.98]))


def test_without_spread_it_says_so():
    assert "no spread" in text(summary([0.99, 0.99]), summary([0.98, 0.98]))


def test_nets_that_are_right_and_wrong_together():
    said = text(GOOD, GOOD, McNemar(10_000, 0, 0, 1.0))
    assert "right and wrong on the same digits, all 10,000 of them" in said


def test_the_two_kinds_of_evidence_are_set_apart_where_both_are_there():
    digits = McNemar(100, 9, 1, 0.02)
    assert "nothing of other seeds" in text(GOOD, POOR, digits)
    assert "nothing of other seeds" not in text(GOOD, POOR)
    assert "nothing of other seeds" not in text(summary([0.99]), POOR, digits)
    assert "takes saved predictions" in text(GOOD, POOR)
