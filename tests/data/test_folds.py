"""Folds: a partition that is as stratified as that of scikit-learn, and seeded."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from deepdigits.core.errors import InputError
from deepdigits.data.folds import check_fold, fold_of_each, fold_size

LABELS = st.lists(st.integers(0, 4), min_size=10, max_size=80)


@given(LABELS, st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_folds_differ_by_one_image_at_most_also_in_each_class(
    labels: list[int], folds: int, seed: int
) -> None:
    fold = fold_of_each(torch.tensor(labels), folds, seed)
    sizes = np.bincount(fold, minlength=folds)
    assert sizes.tolist() == [fold_size(len(labels), folds, one) for one in range(folds)]
    for label in set(labels):
        counts = np.bincount(fold[torch.tensor(labels) == label], minlength=folds)
        assert counts.max() - counts.min() <= 1


def test_the_class_counts_are_those_of_scikit_learn_up_to_one() -> None:
    labels = np.random.default_rng(0).choice(10, 1000, p=np.linspace(1, 2, 10) / 15)
    fold = fold_of_each(torch.from_numpy(labels), 5, seed=3).numpy()
    judge = StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels)
    for number, (_, held_out) in enumerate(judge):
        theirs = np.bincount(labels[held_out], minlength=10)
        ours = np.bincount(labels[fold == number], minlength=10)
        assert np.abs(ours - theirs).max() <= 1


def test_the_seed_chooses_the_images() -> None:
    labels = torch.arange(200) % 10
    one, same, other = (fold_of_each(labels, 4, seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("folds", "fold", "message"),
    [
        (1, None, "folds is 1, expected 2 to 300"),
        (301, None, "folds is 301, expected 2 to 300"),
        (5, 5, "fold is 5, expected 0 to 4, since folds is 5"),
        (5, -1, "fold is -1, expected 0 to 4"),
        (None, 0, "fold is 0, but folds is null"),
    ],
)
def test_numbers_out_of_range(folds: int | None, fold: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_fold("mnist", 300, folds, fold)
