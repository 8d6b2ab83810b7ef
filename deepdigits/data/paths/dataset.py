"""A dataset by its path: recognise it, prepare it once, and read its splits."""

from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.locks import locked
from deepdigits.core.text import printable
from deepdigits.data.checksums import is_sha256
from deepdigits.data.paths import prepared
from deepdigits.data.paths.found import Found
from deepdigits.data.paths.location import absolute_path, existing_path
from deepdigits.data.paths.recognition import find_source
from deepdigits.data.registry import DATASETS, DatasetInfo, Split
from deepdigits.data.sources import OTHER_FOLDER
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
        own: Split = "train" if self.held_out and split == "test" else split
        images, labels = map(torch.from_numpy, splits[own])
        if self.held_out and own == "train":
            train, test = stratified_split(labels, self.num_test, self.split_seed)
            chosen = test if split == "test" else train
            return images[chosen], labels[chosen]
        return images, labels


def find_dataset(
    dataset: str, data_dir: Path, split_seed: int, skip_damaged: bool, sha256: str | None
) -> tuple[DatasetInfo | PathDataset, str]:
    """A dataset of the catalogue or of a path, and its name.

    Args:
        dataset: Name or path.
        data_dir: The data folder.
        split_seed: Seed of the selection of test images, if a path has no test split.
        skip_damaged: Leave damaged images of a folder out.
        sha256: The prepared copy to use in place of the path; None: the path is read.

    Raises:
        InputError: There is no such dataset, or it is damaged.
    """
    if dataset in DATASETS:
        return DATASETS[dataset], dataset
    if sha256 is None:
        found = open_path(dataset, data_dir, split_seed, skip_damaged)
    else:
        found = open_copy(dataset, sha256, data_dir, split_seed)
    return found, found.name


def open_path(dataset: str, data_dir: Path, split_seed: int, skip_damaged: bool) -> PathDataset:
    """The dataset at a path; the first time, its copy is prepared in the data folder.

    Several processes may do so at once: one prepares it, the others wait.

    Args:
        dataset: The path.
        data_dir: The data folder.
        split_seed: Seed of the selection of test images, if there is no test split.
        skip_damaged: Leave damaged images of a folder out.

    Raises:
        InputError: There is no such dataset, it is damaged, or the data folder cannot be written.
    """
    path, folder = existing_path(dataset), data_dir / prepared.FOLDER
    source = find_source(path, skip_damaged)
    key = prepared.key_of(path, source.files, skip_damaged)
    opened = _recorded(path, key, folder, split_seed)
    if opened is None:
        with locked(folder, OTHER_FOLDER):
            opened = _recorded(path, key, folder, split_seed)  # another process may have done it
            if opened is None:
                content = source.read()
                _num_test(path, content)  # before a copy is written
                prepared.write(content, key, folder)
                opened = _recorded(path, key, folder, split_seed)
    assert opened is not None
    found, notes = opened
    held_out = f" (one of {HELD_OUT} images, held out with split_seed {split_seed})"
    _say(
        f"dataset     {found.name}, {source.kind}: {len(found.classes):,} classes, "
        f"{found.num_train:,} training images, "
        + (f"{found.num_val:,} validation images, " if found.num_val else "")
        + f"{found.num_test:,} test images{held_out if found.held_out else ''}",
        *(f"note: {note}" for note in notes),
        error=True,
    )
    return found


def open_copy(dataset: str, sha256: str, data_dir: Path, split_seed: int) -> PathDataset:
    """The prepared copy with a SHA-256; the path itself is not read.

    Raises:
        InputError: The data folder has no such copy, or a damaged one.
    """
    folder = data_dir / prepared.FOLDER
    if not is_sha256(sha256):
        raise InputError(f"dataset_sha256 is {sha256[:80]!r}, expected 64 hexadecimal digits")
    if not (folder / f"{sha256}.npz").is_file():
        raise InputError(
            f"{folder} has no copy of the dataset {dataset} with the SHA-256 {sha256[:8]}...: pass "
            f"--data.dataset PATH to read it from its path (`deepdigits test --ckpt_path RUN "
            "--data.dataset PATH`), or --data.data_dir if another data folder has the copy"
        )
    found = prepared.read(sha256, folder)
    return _dataset(Path(absolute_path(dataset)), folder, sha256, found, split_seed)


def _recorded(
    path: Path, key: str, folder: Path, split_seed: int
) -> tuple[PathDataset, tuple[str, ...]] | None:
    """The dataset whose copy is recorded, and its notes; None if it must be prepared."""
    if (record := prepared.recorded(key, folder)) is None:
        return None
    sha256, notes = record
    try:
        found = prepared.read(sha256, folder)
    except InputError:  # damaged: it is prepared again
        return None
    return _dataset(path, folder, sha256, found, split_seed), notes


def _dataset(path: Path, folder: Path, sha256: str, found: Found, seed: int) -> PathDataset:
    sizes = {split: len(images) for split, (images, _) in found.splits.items()}
    num_test, held_out = _num_test(path, found), "test" not in sizes
    return PathDataset(
        path=path,
        folder=folder,
        sha256=sha256,
        classes=found.classes,
        num_train=sizes["train"] - (num_test if held_out else 0),
        num_val=sizes.get("val", 0),
        num_test=num_test,
        held_out=held_out,
        split_seed=seed,
    )


def _num_test(path: Path, found: Found) -> int:
    """Number of test images: of the split, else of those that are held out."""
    if "test" in found.splits:
        return len(found.splits["test"][0])
    images = len(found.splits["train"][0])
    if images < HELD_OUT:
        raise InputError(
            f"{path} has {images} images and no test split: expected {HELD_OUT} or more, of which "
            "some are held out for the test"
        )
    return images // HELD_OUT
