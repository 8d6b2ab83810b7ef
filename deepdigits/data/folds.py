"""Folds for a cross-validation: a stratified and seeded partition of the training images."""

import torch
from torch import Tensor

from deepdigits.core.errors import InputError


def fold_of_each(labels: Tensor, folds: int, seed: int) -> Tensor:
    """The fold of each image; folds differ by one image at most, also in each class.

    The images, sorted by class and in random order within a class, are dealt out like cards.

    Args:
        labels: int64 (N,).
        folds: Number of folds.
        seed: Seed of the order.

    Returns:
        int64 (N,), from 0 to ``folds - 1``; fold ``k`` has ``fold_size(N, folds, k)`` images.

    >>> fold_of_each(torch.tensor([0, 0, 0, 0, 1, 1]), folds=2, seed=0).bincount().tolist()
    [3, 3]
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    dealt = order[labels[order].argsort(stable=True)]
    fold = torch.empty_like(dealt)
    fold[dealt] = torch.arange(len(labels)) % folds
    return fold


def fold_size(images: int, folds: int, fold: int) -> int:
    """Number of images in a fold.

    >>> [fold_size(10, 3, fold) for fold in range(3)]
    [4, 3, 3]
    """
    return len(range(fold, images, folds))


def check_fold(name: str, images: int, folds: int | None, fold: int | None) -> None:
    """Check the number of folds and of the fold that is held out.

    Args:
        name: Name of the dataset.
        images: Number of its training images.
        folds: Number of folds; None: there are none.
        fold: The fold that is held out; None: the first.

    Raises:
        InputError: One of them is out of range.
    """
    if folds is None:
        if fold is not None:
            raise InputError(f"fold is {fold}, but folds is null: pass --data.folds K too")
        return
    if not 2 <= folds <= images:
        raise InputError(
            f"folds is {folds}, expected 2 to {images}, the number of training images of {name}"
        )
    if not 0 <= (fold or 0) < folds:
        raise InputError(f"fold is {fold}, expected 0 to {folds - 1}, since folds is {folds}")
