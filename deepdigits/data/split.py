"""The validation split: its size, and a stratified and seeded choice of it."""

import torch
from torch import Tensor

from deepdigits.core.errors import InputError

VAL_SIZE = 5_000  # the usual number of validation images


def stratified_split(labels: Tensor, val_size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Divide sample indices into training and validation, with the class proportions of the whole.

    Args:
        labels: int64 (N,).
        val_size: Number of validation samples, 0 <= val_size < N.
        seed: Seed of the selection.

    Returns:
        Sorted training indices and sorted validation indices, int64.

    >>> labels = torch.tensor([0, 0, 0, 0, 1, 1])
    >>> train, val = stratified_split(labels, val_size=3, seed=0)
    >>> labels[val].tolist()
    [0, 0, 1]
    """
    counts = torch.bincount(labels)
    share = counts * val_size / len(labels)
    quota = share.floor().long()
    # Largest remainder method: these classes get the samples that rounding down left over.
    for label in (quota - share).argsort(stable=True)[: val_size - int(quota.sum())]:
        quota[label] += 1
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label, number in enumerate(quota.tolist()):
        members = (labels == label).nonzero().squeeze(1)
        chosen.append(members[torch.randperm(len(members), generator=generator)[:number]])
    is_val = torch.zeros(len(labels), dtype=torch.bool)
    is_val[torch.cat(chosen)] = True
    return (~is_val).nonzero().squeeze(1), is_val.nonzero().squeeze(1)


def check_sizes(dataset: str, num_train: int, batch_size: int, val_size: int) -> None:
    """Check that one batch is left to train on.

    Raises:
        InputError: There are too few training images.
    """
    if batch_size > num_train:
        raise InputError(
            f"batch_size is {batch_size}, but {dataset} has only {num_train} training images: "
            "choose a smaller one"
        )
    if not 0 <= val_size <= num_train - batch_size:
        raise InputError(
            f"val_size is {val_size}, expected 0 to {num_train - batch_size}: {dataset} has "
            f"{num_train} training images, and one batch of {batch_size} must be left to train on"
        )
