"""The validation split: stratified and seeded."""

import torch
from torch import Tensor


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
