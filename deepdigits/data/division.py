"""How the images of a dataset are divided: training, validation, and test or a fold."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from deepdigits.data import sources
from deepdigits.data.folds import fold_of_each, fold_size
from deepdigits.data.label_edits import LabelEdits
from deepdigits.data.part import Part
from deepdigits.data.paths.path_dataset import PathDataset
from deepdigits.data.registry import DatasetInfo, Split
from deepdigits.data.split import stratified_split


@dataclass(frozen=True)
class Division:
    """A dataset, and how it is divided.

    The label edits come first: the training images are as if the dataset had no others. Then the
    fold that is held out for the test is taken from them, if there is one, and last the validation
    images. With a fold, the test images of the dataset are not read.

    Attributes:
        dataset: The dataset.
        name: Its name.
        data_dir: The data folder.
        split_seed: Seed of the selections.
        edits: The label edits.
        folds: Number of folds; None: there are none.
        fold: The fold that is held out.
    """

    dataset: DatasetInfo | PathDataset
    name: str
    data_dir: Path
    split_seed: int
    edits: LabelEdits
    folds: int | None
    fold: int

    @property
    def num_training(self) -> int:
        """Number of training images after the label edits, in all folds."""
        return self.dataset.num_train - self.edits.num_excluded

    @property
    def num_test(self) -> int:
        """Number of test images, or of images in the fold that is held out."""
        if self.folds is None:
            return self.dataset.num_test
        return fold_size(self.num_training, self.folds, self.fold)

    @property
    def num_left(self) -> int:
        """Number of images that are left for training and, without a split for it, validation."""
        return self.num_training - (0 if self.folds is None else self.num_test)

    def name_of(self, split: Split) -> str:
        """Name of the dataset for a split: it tells a fold from the test images, and edits."""
        edited = bool(self.edits.edits) and (split != "test" or self.folds is not None)
        name = f"{self.name} ({self.edits})" if edited else self.name
        return name if self.folds is None else f"{name}, fold of {self.folds}"

    def load(self, split: Split, val_size: int) -> Mapping[Split, Part]:
        """The images of a split; of training and validation together.

        Args:
            split: train, val or test.
            val_size: Number of validation images, if the dataset has no split for them.

        Raises:
            InputError: The dataset is damaged, or the label edits are not for it.
        """
        if split == "test" and self.folds is None:
            return {"test": self._read("test")}
        part = self.training()
        if self.folds is not None:
            held_out = fold_of_each(part.labels, self.folds, self.split_seed) == self.fold
            if split == "test":
                return {"test": part.take(held_out)}
            part = part.take(~held_out)
        if self.dataset.num_val:
            return {"train": part, "val": self._read("val")}
        train, val = stratified_split(part.labels, val_size, self.split_seed)
        return {"train": part.take(train), "val": part.take(val)}

    def training(self) -> Part:
        """All training images after the label edits, in the order of the dataset.

        Raises:
            InputError: As for `load`.
        """
        return self.edits.apply(self._read("train"), self.name, self.dataset.classes)

    def _read(self, split: Split) -> Part:
        images, labels = read_split(self.dataset, self.name, self.data_dir, split)
        return Part(images, labels, torch.arange(len(labels)))


def read_split(
    dataset: DatasetInfo | PathDataset, name: str, data_dir: Path, split: Split
) -> tuple[Tensor, Tensor]:
    """The images of a split of a dataset as it is, uint8 (N, 28, 28), and labels, int64 (N,).

    Args:
        dataset: The dataset, prepared.
        name: Its name.
        data_dir: The data folder.
        split: train, test, or val if the dataset has such a split.

    Raises:
        InputError: The dataset is damaged.
    """
    if isinstance(dataset, PathDataset):
        return dataset.load(split)
    return sources.load(name, data_dir, train=split != "test")
