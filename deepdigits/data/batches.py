"""Batches from memory: one gather per batch, in an order that is a function of the seed.

A torchvision dataset behind a DataLoader makes one PIL image per sample and collates them again;
here a batch is one index operation on the whole set.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepdigits.core.errors import InputError


class Batch(NamedTuple):
    """What a loader yields.

    Attributes:
        images: uint8 (B, 28, 28).
        labels: int64 (B,).
        seed: What the augmentation of this batch draws its randomness from; the same on all ranks.
    """

    images: Tensor
    labels: Tensor
    seed: int


def derive_seed(*entropy: int) -> int:
    """A well-mixed 63-bit seed from any non-negative numbers, by numpy's SeedSequence.

    >>> derive_seed(0, 1) == derive_seed(0, 1), derive_seed(0, 1) == derive_seed(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


class IndexSampler:
    """Yields the sample indices of each batch; order = f(seed, epoch), share = f(rank).

    The global batch of ``world_size * batch_size`` samples is dealt out to the ranks in turn, so
    the ranks together see what one process with the global batch size would see. Shuffled batches
    are all full (a remainder is left out; which samples these are changes with each epoch). In
    order, every sample comes exactly once on any number of ranks, without padding.

    Args:
        num_samples: Number of samples.
        batch_size: Samples per batch and rank.
        shuffle: A new order in each epoch.
        seed: Seed of the order.
        rank: This process.
        world_size: Number of processes.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.num_samples = num_samples
        self.global_batch_size = min(batch_size * world_size, num_samples)
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.position = 0  # batches of this epoch that were handed out
        self._resume: tuple[int, int] | None = None

    def __len__(self) -> int:
        if self.shuffle:
            return self.num_samples // self.global_batch_size
        return -(-self.num_samples // self.global_batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this at the start of each epoch."""
        if epoch != self.epoch:
            self.epoch, self.position = epoch, 0

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        if self.shuffle:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
            order = torch.randperm(self.num_samples, generator=generator)
        else:
            order = torch.arange(self.num_samples)
        epoch, start = self._resume or (self.epoch, 0)
        self._resume = None
        for position in range(start if epoch == self.epoch else 0, len(self)):
            self.position = position + 1
            first = position * self.global_batch_size
            indices = order[first : first + self.global_batch_size][self.rank :: self.world_size]
            yield indices, derive_seed(self.seed, self.epoch, position)

    def state_dict(self) -> dict[str, int]:
        """Epoch and position, as plain numbers."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Make the next pass go on behind the batches that the state counts.

        Raises:
            InputError: It is no count.
        """
        epoch, position = state.get("epoch"), state.get("position")
        if type(epoch) is not int or type(position) is not int or position < 0:
            raise InputError(
                f"the checkpoint says that {position!r} batches of epoch {epoch!r} are done: "
                "name an earlier one"
            )
        self.epoch, self.position = self._resume = (epoch, position)


class Batches:
    """An iterable of :class:`Batch` over tensors that lie in memory, on any device.

    Args:
        images: uint8 (N, 28, 28).
        labels: int64 (N,), on the same device.
        sampler: Which samples make up each batch.
    """

    def __init__(self, images: Tensor, labels: Tensor, sampler: IndexSampler) -> None:
        self.images = images
        self.labels = labels
        # The names under which Lightning looks for set_epoch in a loader.
        self.sampler = sampler
        self.batch_sampler = None

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        for indices, seed in self.sampler:
            indices = indices.to(self.images.device)
            # images[indices] gives the same, in ten times the time on a CPU.
            images, labels = (t.index_select(0, indices) for t in (self.images, self.labels))
            yield Batch(images, labels, seed)

    def state_dict(self) -> dict[str, int]:
        """The sampler's state; Lightning keeps it in the checkpoint."""
        return self.sampler.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Resume inside an epoch."""
        self.sampler.load_state_dict(state)
