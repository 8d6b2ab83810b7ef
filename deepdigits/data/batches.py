"""Batches from memory: one index operation per batch, in an order that the seed determines.

A torchvision dataset with a DataLoader would make a PIL image of each sample and collate them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.data.augment import Draws

_OF_DRAWS = 1  # numpy takes (seed, epoch) and (seed, epoch, 0) for the same


class Batch(NamedTuple):
    """A batch of a loader.

    Attributes:
        images: uint8 (B, 28, 28).
        labels: int64 (B,).
        draws: The random values of their augmentation; None: they are not augmented.
    """

    images: Tensor
    labels: Tensor
    draws: Draws | None


def derive_seed(*entropy: int) -> int:
    """Derive a 63-bit seed from non-negative integers, with numpy's SeedSequence.

    >>> derive_seed(0, 1) == derive_seed(0, 1), derive_seed(0, 1) == derive_seed(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


class IndexSampler:
    """Yield the sample indices of each batch, and its positions in the order of the epoch.

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
        self.device = torch.device("cpu")  # of the indices: all of an epoch are moved at once
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

    def __iter__(self) -> Iterator[tuple[Tensor, range]]:
        if self.shuffle:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, self.epoch))
            order = torch.randperm(self.num_samples, generator=generator)
        else:
            order = torch.arange(self.num_samples)
        order = order.to(self.device)
        epoch, start, used = self._resume or (self.epoch, 0, 0)
        self._resume = None
        if epoch != self.epoch:
            start, used = 0, 0
        for position in range(start, len(self)):
            first, used = used, min(used + self.global_batch_size, self.num_samples)
            self.position, self.images = position + 1, used
            places = range(first + self.rank, used, self.world_size)
            yield order[places.start : places.stop : places.step], places

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


class EpochDraws:
    """The random values of the images of each epoch, by their position in its order.

    They do not depend on the batch size and the number of processes. Those of many positions are
    drawn at once, and moved to the device together: a batch does not wait for them.

    Args:
        draw: Draws the values of n images from a seed, such as `Augment.draw`.
        seed: Seed of all of them.
        device: Device of the images.
    """

    CHUNK = 65_536  # positions: an epoch of MNIST, 7 MB

    def __init__(self, draw: Callable[[int, int], Draws], seed: int, device: torch.device) -> None:
        self._draw = draw
        self._seed = seed
        self._device = device
        self._chunk: tuple[int, int] | None = None
        self._values = Draws(None, None)

    def at(self, epoch: int, places: range) -> Draws:
        """The values at some positions of an epoch."""
        parts: list[Draws] = []
        while places or not parts:  # a process may have no share of the last batch
            number = places.start // self.CHUNK
            first, end = number * self.CHUNK, (number + 1) * self.CHUNK
            here = range(places.start, min(places.stop, end), places.step)
            rows = slice(here.start - first, here.stop - first, here.step)
            parts.append(self._of_chunk(epoch, number).rows(rows))
            places = places[len(here) :]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _of_chunk(self, epoch: int, number: int) -> Draws:
        if self._chunk != (epoch, number):
            seed = derive_seed(self._seed, epoch, number, _OF_DRAWS)
            self._values = self._draw(self.CHUNK, seed).to(self._device)
            self._chunk = epoch, number
        return self._values


def _joined(parts: Sequence[Draws]) -> Draws:
    """The values of several parts, one after the other."""
    columns = zip(*parts, strict=True)
    return Draws(*(None if column[0] is None else torch.cat(column) for column in columns))


class Batches:
    """An iterable of :class:`Batch` over tensors in memory, on any device.

    Args:
        images: uint8 (N, 28, 28).
        labels: int64 (N,), on the same device.
        sampler: Selects the samples of each batch.
        draws: The random values of their augmentation. None: they are not augmented.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        sampler: IndexSampler,
        draws: EpochDraws | None = None,
    ) -> None:
        self.images = images
        self.labels = labels
        # Lightning looks for set_epoch in these two attributes.
        self.sampler = sampler
        self.batch_sampler = None
        self.draws = draws
        sampler.device = images.device

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        for indices, places in self.sampler:
            # images[indices] is ten times slower on a CPU.
            images, labels = (t.index_select(0, indices) for t in (self.images, self.labels))
            draws = None if self.draws is None else self.draws.at(self.sampler.epoch, places)
            yield Batch(images, labels, draws)

    def state_dict(self) -> dict[str, int]:
        """The state of the sampler; Lightning saves it in the checkpoint."""
        return self.sampler.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Resume within an epoch."""
        self.sampler.load_state_dict(state)
