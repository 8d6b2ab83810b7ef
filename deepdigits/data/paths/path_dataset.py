"""A dataset that was prepared from a path: its splits, and what is known of them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from deepdigits.core.console import say
from deepdigits.core.text import printable
from deepdigits.data.paths import prepared
from deepdigits.data.paths.look import Look
from deepdigits.data.registry import Split
from deepdigits.data.split import VAL_SIZE, stratified_split

HELD_OUT = 6  # without a test split, one of this many training images is held out for it
_MAX_NAME = 60  # characters of the path in the name of a dataset
_say = rank_zero_only(say)


@dataclass(frozen=True)
class PathDataset:
    """A dataset that was prepared from a path.

    Attributes:
        path: The file or folder.
        folder: The folder of the prepared copies.
        sha256: The SHA-256 of its content: class names, images and labels.
        classes: Name of each class, in label order.
        num_train: Number of training images, without those held out for the test.
        num_val: Number of images of its own validation split; 0: it has none.
        num_test: Number of test images.
        held_out: Whether the test images are a part of the training images that is held out.
        split_seed: Seed of their selection.
        look: What was seen of the original images; None: the dataset was opened by its SHA-256.
        key: Names the record of the path in the folder; None: opened by its SHA-256.
    """

    path: Path
    folder: Path
    sha256: str
    classes: tuple[str, ...]
    num_train: int
    num_val: int
    num_test: int
    held_out: bool
    split_seed: int
    look: Look | None = None
    key: str | None = None

    @property
    def name(self) -> str:
        """Name of the file or folder, with the begin of its SHA-256: ``photos@3f2a9c1b``."""
        return f"{printable(self.path.name)[:_MAX_NAME]}@{self.sha256[:8]}"

    def usable_val_size(self, val_size: int, images: int, batch_size: int) -> int:
        """The number of validation images: of its own split, or fewer than usual of a small set.

        Args:
            val_size: As typed.
            images: Number of images to take them from.
            batch_size: Number of images that must be left to train on.
        """
        if self.num_val:
            return self.num_val if val_size > 0 else val_size
        if val_size != VAL_SIZE or val_size <= images - batch_size:
            return val_size
        chosen = images // HELD_OUT
        _say(
            f"note: {self.name} has fewer than {VAL_SIZE:,} images to spare for validation: "
            f"{chosen:,}, one of {HELD_OUT}, are taken; --data.val_size N takes N",
            error=True,
        )
        return chosen

    def load(self, split: Split) -> tuple[Tensor, Tensor]:
        """The images of a split, uint8 (N, 28, 28), and labels, int64 (N,).

        Raises:
            InputError: The prepared copy is damaged.
        """
        splits = prepared.read(self.sha256, self.folder).splits
        images, labels = map(torch.from_numpy, splits[self._own(split)])
        if (chosen := self._chosen(split, labels)) is None:
            return images, labels
        return images[chosen], labels[chosen]

    def files(self, split: Split) -> tuple[str, ...] | None:
        """The file of each image of a split, below the path, in the order of `load`.

        None: the images have no files of their own, or the dataset was opened by its SHA-256.

        Raises:
            InputError: The prepared copy is damaged.
        """
        record = None if self.key is None else prepared.recorded(self.key, self.folder)
        if record is None or record.files is None:
            return None
        names = record.files[self._own(split)]
        labels = torch.from_numpy(
            prepared.read(self.sha256, self.folder).splits[self._own(split)][1]
        )
        chosen = self._chosen(split, labels)
        return names if chosen is None else tuple(names[place] for place in chosen.tolist())

    def _own(self, split: Split) -> Split:
        """The split of the copy that has the images of a split."""
        return "train" if self.held_out and split == "test" else split

    def _chosen(self, split: Split, labels: Tensor) -> Tensor | None:
        """The places of the images of a split among those of `_own`; None: all of them."""
        if not self.held_out or split == "val":
            return None
        train, test = stratified_split(labels, self.num_test, self.split_seed)
        return test if split == "test" else train
