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
        self.images = 0  # images of this epoch that were yielded, over all ranks
        self._resume: tuple[int, int, int] | None = None

    def __len__(self) -> int:
        return self._batches(self.num_samples)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which determines the order; Lightning calls this before each epoch."""
        if epoch != self.epoch:
            self.epoch, self.position, self.images = epoch, 0, 0

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        if self.shuffle:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
            order = torch.randperm(self.num_samples, generator=generator)
        else:
            order = torch.arange(self.num_samples)
        epoch, start, used = self._resume or (self.epoch, 0, 0)
        self._resume = None
        if epoch != self.epoch:
            start, used = 0, 0
        for position in range(start, len(self)):
            batch = order[used : used + self.global_batch_size]
            used += len(batch)
            self.position, self.images = position + 1, used
            seed = derive_seed(self.seed, self.epoch, position)
            yield batch[self.rank :: self.world_size], seed

    def state_dict(self) -> dict[str, int]:
        """Epoch, and the number of its batches and images that were yielded."""
        return {"epoch": self.epoch, "position": self.position, "images": self.images}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Start the next pass after the images that were already yielded.

        If they were yielded in batches of another size, the next batch gets the number with which
        the last batch of the epoch has its usual number. A state of an earlier version has no
        images: then the batches are counted.

        Raises:
            InputError: The state has no valid epoch and position.
        """
        epoch, position, images = (state.get(key) for key in ("epoch", "position", "images"))
        counts = [position] if "images" not in state else [position, images]
        if type(epoch) is not int or not all(type(n) is int and n >= 0 for n in counts):
            raise InputError(
                f"checkpoint: the position in the data is epoch {epoch!r}, batch {position!r}, "
                f"image {images!r}, expected whole numbers from 0; resume from an earlier "
                "checkpoint"
            )
        assert position is not None
        if images is None:
            images = min(position * self.global_batch_size, self.num_samples)
        else:
            images = min(images, self.num_samples)
            position = len(self) - self._batches(self.num_samples - images)
        self.epoch, self.position, self.images = self._resume = (epoch, position, images)

    def _batches(self, samples: int) -> int:
        """Number of batches that samples make: full ones, and without `shuffle` also the rest."""
        full, rest = divmod(samples, self.global_batch_size)
        return full if self.shuffle else full + (rest > 0)


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
