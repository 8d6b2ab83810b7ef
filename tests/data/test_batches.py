"""The order of samples: it depends on seed and epoch, is divided among ranks, and resumes."""

from itertools import islice
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.data.augment import Draws
from deepdigits.data.batches import Batch, Batches, EpochDraws, IndexSampler, derive_seed


def batches(n: int = 103, batch_size: int = 10, **settings: object) -> Batches:
    """Samples that can be identified: the pixels of image i and its label are i."""
    labels = torch.arange(n)
    images = labels.to(torch.uint8).view(-1, 1, 1).expand(n, 28, 28)
    sampler = IndexSampler(n, batch_size, **settings)  # type: ignore[arg-type]
    return Batches(images, labels, sampler, EpochDraws(draw, sampler.seed, torch.device("cpu")))


def draw(n: int, seed: int) -> Draws:
    """Random values that can be identified: a number of the seed, and that of the row."""
    assert n == EpochDraws.CHUNK
    return Draws(torch.stack([torch.full((n,), seed % 2**53), torch.arange(n)], dim=1), None)


def epoch(loader: Batches, number: int = 0) -> list[tuple[list[int], list[tuple[int, int]]]]:
    loader.sampler.set_epoch(number)
    return [(batch.labels.tolist(), drawn(batch)) for batch in loader]


def drawn(batch: Batch) -> list[tuple[int, int]]:
    assert batch.draws is not None and batch.draws.theta is not None
    return [(int(seed), int(row)) for seed, row in batch.draws.theta.tolist()]


def test_images_and_labels_stay_together_and_uint8() -> None:
    for images, labels, _ in batches(shuffle=True):
        assert images.dtype == torch.uint8
        assert images.shape == (10, 28, 28)
        assert torch.equal(images.amax(dim=(1, 2)).long(), labels)
        assert torch.equal(images.amin(dim=(1, 2)).long(), labels)


def test_order_depends_on_seed_and_epoch_and_nothing_else() -> None:
    reference = epoch(batches(shuffle=True, seed=5), 3)
    torch.manual_seed(123)
    torch.rand(7)
    loader = batches(shuffle=True, seed=5)
    epoch(loader, 0)
    next(iter(loader))  # a stopped pass, as in Lightning's sanity check
    assert epoch(loader, 3) == reference
    assert epoch(loader, 4) != reference
    assert epoch(batches(shuffle=True, seed=6), 3) != reference


def test_random_values_never_repeat_within_a_run() -> None:
    loader = batches(shuffle=True)
    values = [one for number in range(30) for _, drawn in epoch(loader, number) for one in drawn]
    assert len(set(values)) == len(values) == 3000
    seeds = [derive_seed(0, epoch, chunk, 1) for epoch in range(30) for chunk in range(9)]
    seeds += [derive_seed(0, epoch) for epoch in range(30)]  # of the order
    assert len({seed % 2**32 for seed in seeds}) == len(seeds)
    assert derive_seed(0, 1, 2) != derive_seed(0, 2, 1) != derive_seed(1, 0, 2)


@pytest.mark.parametrize("batch_size", [1000, 2560, 30_000, 180_000])
def test_random_values_belong_to_a_position_of_the_epoch(batch_size: int) -> None:
    """Whatever the batch size, also where a batch needs those of several chunks."""
    n = 200_000
    parts = [drawn for _, drawn in epoch(batches(n, batch_size, seed=3), 2)]
    values = [value for part in parts for value in part]
    chunks = [(place // EpochDraws.CHUNK, place % EpochDraws.CHUNK) for place in range(n)]
    seeds = [derive_seed(3, 2, chunk, 1) % 2**53 for chunk in range(4)]
    assert values == [(seeds[chunk], row) for chunk, row in chunks]


def test_shuffled_pass_has_full_batches_of_distinct_samples_and_drops_others_each_epoch() -> None:
    loader = batches(shuffle=True)
    left_out = set()
    for number in range(20):
        passed = [labels for labels, _ in epoch(loader, number)]
        assert [len(labels) for labels in passed] == [10] * 10 == [10] * len(loader)
        seen = {label for labels in passed for label in labels}
        assert len(seen) == 100
        left_out |= set(range(103)) - seen
    assert len(left_out) > 30


@given(
    n=st.integers(1, 120),
    batch_size=st.integers(1, 130),
    world_size=st.integers(1, 3),
)
def test_in_order_every_sample_comes_once_on_any_number_of_ranks(
    n: int, batch_size: int, world_size: int
) -> None:
    ranks = [batches(n, batch_size, rank=r, world_size=world_size) for r in range(world_size)]
    passed = [epoch(loader) for loader in ranks]
    # The same number of steps on each rank; otherwise the processes would wait forever.
    assert {len(steps) for steps in passed} == {len(loader) for loader in ranks}
    together = [label for steps in passed for labels, _ in steps for label in labels]
    assert sorted(together) == list(range(n))
    assert all(len(labels) <= batch_size for steps in passed for labels, _ in steps)


@given(n=st.integers(1, 120), batch_size=st.integers(1, 20), world_size=st.integers(2, 4))
def test_ranks_together_train_on_the_batches_of_one_process(
    n: int, batch_size: int, world_size: int
) -> None:
    alone = epoch(batches(n, batch_size * world_size, shuffle=True, seed=1), 2)
    ranks = [
        epoch(batches(n, batch_size, shuffle=True, seed=1, rank=r, world_size=world_size), 2)
        for r in range(world_size)
    ]
    for step, (labels, values) in enumerate(alone):
        assert [ranks[r][step][0] for r in range(world_size)] == [
            labels[r::world_size] for r in range(world_size)
        ]
        assert [ranks[r][step][1] for r in range(world_size)] == [
            values[r::world_size] for r in range(world_size)
        ]
    assert all(len(steps) == len(alone) for steps in ranks)


@pytest.mark.parametrize("done", [0, 1, 4, 9])
def test_a_resumed_pass_has_exactly_the_remaining_batches(done: int) -> None:
    loader = batches(shuffle=True, seed=7)
    loader.sampler.set_epoch(2)
    whole = epoch(loader, 2)
    passing = iter(loader)
    for _ in range(done):
        next(passing)
    resumed = batches(shuffle=True, seed=7)
    resumed.load_state_dict(loader.state_dict() if done else {"epoch": 2, "position": 0})
    assert epoch(resumed, 2) == whole[done:]
    assert epoch(resumed, 3) == epoch(loader, 3)  # only that pass is shorter
    assert epoch(resumed, 2) == whole


def test_the_state_of_a_finished_epoch_leaves_the_next_whole() -> None:
    loader = batches(shuffle=True)
    epoch(loader, 0)
    resumed = batches(shuffle=True)
    resumed.load_state_dict(loader.state_dict())
    assert epoch(resumed, 1) == epoch(loader, 1)


def test_state_before_the_first_batch_of_an_epoch_counts_none() -> None:
    loader = batches(shuffle=True)
    epoch(loader, 0)
    loader.sampler.set_epoch(1)
    resumed = batches(shuffle=True)
    resumed.load_state_dict(loader.state_dict())
    assert len(epoch(resumed, 1)) == len(loader)


def test_interrupted_twice_before_a_new_batch_keeps_the_position() -> None:
    loader = batches(shuffle=True)
    passing = iter(loader)
    for _ in range(4):
        next(passing)
    resumed = batches(shuffle=True)
    resumed.load_state_dict(loader.state_dict())
    assert resumed.state_dict() == loader.state_dict()


Part = tuple[int, int, int]  # batch size, processes, and batches until the stop


@given(
    n=st.integers(1, 150),
    parts=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 3), st.integers(0, 9)), min_size=2),
)
def test_batches_of_another_size_go_on_with_the_next_image(n: int, parts: list[Part]) -> None:
    """Whatever the batch sizes and processes before: the rest of the epoch, in the same order."""
    seen: list[int] = []
    state = {"epoch": 2, "position": 0, "images": 0}
    for batch_size, world_size, stop in [*parts[:-1], (*parts[-1][:2], 10**9)]:
        ranks = [
            batches(n, batch_size, shuffle=True, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        for loader in ranks:
            loader.load_state_dict(state)
            loader.sampler.set_epoch(2)
        size, start = ranks[0].sampler.global_batch_size, ranks[0].sampler.position
        passed = [[batch.labels for batch in islice(loader, stop)] for loader in ranks]
        for shares in zip(*passed, strict=True):
            assert sum(map(len, shares)) == size
            together = torch.empty(size, dtype=torch.int64)
            for rank, share in enumerate(shares):
                together[rank::world_size] = share
            seen += together.tolist()
        state = ranks[0].state_dict()
        assert all(loader.state_dict() == state for loader in ranks)
        assert state["images"] == len(seen)
        assert state["position"] == start + len(passed[0])
    # The last part was trained to its end: its last batch has the usual number.
    assert state["position"] == len(ranks[0])
    assert n - size < len(seen) <= n
    generator = torch.Generator().manual_seed(derive_seed(0, 2))
    assert seen == torch.randperm(n, generator=generator)[: len(seen)].tolist()


@given(n=st.integers(1, 90), before=st.integers(1, 30), after=st.integers(1, 30))
def test_in_order_no_sample_is_left_out_when_the_batch_size_changes(
    n: int, before: int, after: int
) -> None:
    first, second = batches(n, before), batches(n, after)
    seen = [label for batch in islice(first, 2) for label in batch.labels.tolist()]
    second.load_state_dict(first.state_dict())
    seen += [label for labels, _ in epoch(second) for label in labels]
    assert seen == list(range(n))


def test_a_state_without_images_counts_batches() -> None:
    """As versions before 0.2 have saved it."""
    whole, loader = epoch(batches(shuffle=True)), batches(shuffle=True)
    loader.load_state_dict({"epoch": 0, "position": 4})
    assert epoch(loader) == whole[4:]


def test_making_an_iterator_consumes_nothing() -> None:
    loader = batches(shuffle=True)
    loader.load_state_dict({"epoch": 0, "position": 4})
    iter(loader)
    assert len(epoch(loader, 0)) == 6


def first(loader: Batches) -> Tensor:
    return next(iter(loader)).labels


def test_unshuffled_order_is_the_datasets_own_in_every_epoch() -> None:
    loader = batches()
    for number in (0, 1):
        assert [label for labels, _ in epoch(loader, number) for label in labels] == list(
            range(103)
        )
    assert torch.equal(first(loader), torch.arange(10))


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"epoch": 0, "position": -1},
        {"epoch": "x", "position": 1},
        {"epoch": 0, "position": 1.5},
        {"epoch": 0, "position": 1, "images": -1},
        {"epoch": 0, "position": 1, "images": "x"},
        {"epoch": 0, "position": 1, "images": None},
    ],
)
def test_an_invalid_position_is_an_error(state: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="the position in the data is epoch"):
        batches().load_state_dict(state)
