"""The digits of a split as tensors, without a data module."""

from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.data.registry import DATASETS, Split
from deepdigits.data.split import stratified_split


def load_split(
    dataset: str, split: Split, val_size: int = 5000, split_seed: int = 0
) -> tuple[Tensor, Tensor]:
    """The images of a split, uint8 (N, 28, 28), and their labels, int64 (N,).

    Args:
        dataset: Name in the registry.
        split: train, val or test.
        val_size: Number of validation digits, as of DigitsDataModule.
        split_seed: Seed of their selection, as of DigitsDataModule.

    Raises:
        InputError: There is no such dataset, or it cannot be loaded, or ``val`` has no digits.
    """
    if dataset not in DATASETS:
        raise InputError(
            f"the run names the unknown dataset {dataset!r}, expected one of {', '.join(DATASETS)}"
        )
    folder = sources.default_data_dir()
    sources.prepare(dataset, folder)
    images, labels = sources.load(dataset, folder, train=split != "test")
    if split == "test":
        return images, labels
    if not 0 <= val_size < len(labels) or (split == "val" and not val_size):
        raise InputError(
            f"val_size is {val_size}, of {len(labels)} training images of {dataset}: the run has "
            f"no {split} split"
        )
    train, val = stratified_split(labels, val_size, split_seed)
    chosen = val if split == "val" else train
    return images[chosen], labels[chosen]
