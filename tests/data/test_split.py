"""The validation split: sizes, class proportions, no sample lost or used twice."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepdigits.data.split import stratified_split


@given(
    labels=st.lists(st.integers(0, 9), min_size=1, max_size=300),
    share=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_parts_are_disjoint_and_of_the_right_size_and_shares(
    labels: list[int], share: float, seed: int
) -> None:
    size = int(share * len(labels))
    truth = torch.tensor(labels)
    train, val = stratified_split(truth, size, seed)
    assert len(val) == size
    assert sorted([*train.tolist(), *val.tolist()]) == list(range(len(labels)))
    assert train.tolist() == sorted(train.tolist())
    assert val.tolist() == sorted(val.tolist())
    for label in set(labels):
        fair = labels.count(label) * size / len(labels)
        assert abs(int((truth[val] == label).sum()) - fair) < 1 + 1e-4


def test_the_seed_selects_the_samples() -> None:
    labels = torch.arange(1000) % 10
    first, again, other = (stratified_split(labels, 100, seed)[1] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert len(set(first.tolist()) & set(other.tolist())) < 40  # 10 by chance


def test_samples_of_a_class_are_not_just_the_first_ones() -> None:
    labels = torch.zeros(1000, dtype=torch.int64)
    val = stratified_split(labels, 100, seed=0)[1]
    assert val.float().mean().item() == pytest.approx(500, abs=100)


def test_split_of_real_labels_keeps_the_class_shares_of_mnist() -> None:
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    labels = torch.repeat_interleave(torch.arange(10), torch.tensor(counts))
    shuffled = labels[torch.randperm(60_000)]
    val = stratified_split(shuffled, 5_000, seed=0)[1]
    expected = [n * 5_000 / 60_000 for n in counts]
    assert torch.bincount(shuffled[val]).tolist() == pytest.approx(expected, abs=1)
    assert len(val) == 5_000
