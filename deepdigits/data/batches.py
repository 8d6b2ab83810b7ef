"""Batches from memory: one index operation per batch, in an order that the seed determines.

A torchvision dataset with a DataLoader would make a PIL image of each sample and collate them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepdigits.core.errors import InputError


class Batch(NamedTuple):
    """A batch of a loader.

    Attributes:
        images: uint8 (B, 28, 28).
        labels: int64 (B,).
        seed: Seed of the augmentation of this batch; the same on all ranks.
    """

    images: Tensor
    labels: Tensor
    seed: int


def derive_seed(*entropy: int) -> int:
    """Derive a 63-bit seed from non-negative integers, with numpy's SeedSequence.

    >>> derive_seed(0, 1) == derive_seed(0, 1), derive_seed(0, 1) == derive_seed(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


class IndexSampler:
    """Yield the sample indices and the augmentation seed of each batch.

    The order depends on seed and epoch only. Each global batch of ``world_size * batch_size``
    samples is divided among the ranks, so that together they train on the batches of one process
    with the global batch size. With `shuffle` all batches are full, and the remaining samples are
    left out (different ones in each epoch). Without it each sample is in exactly one batch of one
    rank, without padding.

    Args:
        num_samples: Number of samples.
        batch_size: Samples per batch and rank.
        shuffle: A new order in each epoch.
        seed: Seed of the order.
        rank: Number of this process.
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
        self.position = 0  # batches of this epoch that were yielded
        self._resume: tuple[int, int] | None = None

    def __len__(self) -> int:
        if self.shuffle:
            return self.num_samples // self.global_batch_size
        return -(-self.num_samples // self.global_batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which determines the order; Lightning calls this before each epoch."""
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
        """Epoch and number of yielded batches."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Start the next pass after the batches that were already yielded.

        Raises:
            InputError: The state has no valid epoch and position.
        """
        epoch, position = state.get("epoch"), state.get("position")
        if type(epoch) is not int or type(position) is not int or position < 0:
            raise InputError(
                f"checkpoint: the position in the data is epoch {epoch!r}, batch {position!r}, "
                "expected whole numbers from 0; resume from an earlier checkpoint"
            )
        self.epoch, self.position = self._resume = (epoch, position)


class Batches:
    """An iterable of :class:`Batch` over tensors in memory, on any device.

    Args:
        images: uint8 (N, 28, 28).
        labels: int64 (N,), on the same device.
        sampler: Selects the samples of each batch.
    """

    def __init__(self, images: Tensor, labels: Tensor, sampler: IndexSampler) -> None:
        self.images = images
        self.labels = labels
        # Lightning looks for set_epoch in these two attributes.
        self.sampler = sampler
        self.batch_sampler = None

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        for indices, seed in self.sampler:
            indices = indices.to(self.images.device)
            # images[indices] is ten times slower on a CPU.
            images, labels = (t.index_select(0, indices) for t in (self.images, self.labels))
            yield Batch(images, labels, seed)

    def state_dict(self) -> dict[str, int]:
        """The state of the sampler; Lightning saves it in the checkpoint."""
        return self.sampler.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Resume within an epoch."""
        self.sampler.load_state_dict(state)
