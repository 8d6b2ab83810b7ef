"""The data module: batches of a dataset for training, validation, test and prediction."""

from pathlib import Path
from typing import Literal

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.core.limits import SEED
from deepdigits.data import sources
from deepdigits.data.augment import Augment
from deepdigits.data.batches import Batch, Batches, EpochDraws, IndexSampler
from deepdigits.data.division import Division
from deepdigits.data.edit_files import checked_edits
from deepdigits.data.folds import check_fold
from deepdigits.data.paths.dataset import find_dataset
from deepdigits.data.paths.framing import Framing
from deepdigits.data.paths.path_dataset import PathDataset
from deepdigits.data.registry import DatasetName, Split
from deepdigits.data.split import VAL_SIZE, check_sizes


class DigitsDataModule(LightningDataModule):
    """MNIST, or another dataset of 28 x 28 grey images, in batches from memory.

    The dataset is kept as uint8; a batch is converted to floats, and augmented for training, on the
    device of the net. Order and augmentation depend only on the seed, the epoch and the position in
    the epoch.

    Args:
        dataset: Name of the dataset: MNIST comes with the package, the others are downloaded. Or
            the path of your own: a folder of class folders or of IDX files, a .npz or a .csv file.
        data_dir: Folder of the dataset files. null: the environment variable DEEPDIGITS_DATA, else
            ~/.cache/deepdigits.
        batch_size: Training images per step and process.
        eval_batch_size: Images per batch in validation, test and prediction; the results do not
            depend on it.
        val_size: Number of training images held out for validation, in the class proportions of the
            training set. 0: train on all images, without validation. A path with a validation
            split of its own: that split, unless this is 0.
        split_seed: Seed of the selection of the validation images, 0 to 2**32 - 1.
        seed: Seed of order and augmentation, in the same range. On the command line this is
            seed_everything.
        augment: Random distortions of the training images.
        dataset_device: Keep the dataset in the memory of the training device, or of the host.
        test_split: The split for `test` and `predict`; never augmented.
        skip_damaged: Leave damaged images in a folder of class folders out, and say how many.
        dataset_sha256: SHA-256 of a dataset that was prepared from a path before. Its copy in the
            data folder is used, and the path is not read. null: the path is read.
        framing: How images of a path are brought to 28x28. photo: each is cropped to its ink, as
            `classify` does it with a photo of one digit. fit: resized whole and centred, and all
            are inverted if they are dark on light. none: they are 28x28, and taken as they are.
            auto: chosen by looking at the size and the content of the images.
        folds: Divide the training images into this many folds, in the class proportions. One is
            held out and takes the place of the test images. null: no folds.
        fold: The fold that is held out, 0 to folds - 1. null: 0.
        exclude: A CSV file with a column index, such as `audit` writes: the training images with
            these places in the order of the dataset are left out.
        relabel: A CSV file with a column index, and a column suggested or, without it, label: these
            training images get these classes.
        edits_sha256: SHA-256 of what exclude and relabel change; a training sets it. Files that
            change anything else are refused. null: not checked.

    Raises:
        InputError: The dataset is unknown or damaged, a size or a seed is out of range, or a file
            of label edits is not of this dataset.
    """

    def __init__(
        self,
        dataset: DatasetName | str = "mnist",
        data_dir: str | None = None,
        batch_size: int = 256,
        eval_batch_size: int = 2_000,
        val_size: int = VAL_SIZE,
        split_seed: int = 0,
        seed: int = 0,
        augment: Augment = Augment(),  # noqa: B008 (frozen)
        dataset_device: Literal["device", "host"] = "device",
        test_split: Split = "test",
        skip_damaged: bool = False,
        dataset_sha256: str | None = None,
        framing: Framing = "auto",
        folds: int | None = None,
        fold: int | None = None,
        exclude: str | None = None,
        relabel: str | None = None,
        edits_sha256: str | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("batch_size", batch_size), ("eval_batch_size", eval_batch_size)):
            if size < 1:
                raise InputError(f"{name} is {size}, expected 1 or more")
        SEED.check("split_seed", split_seed)
        SEED.check("seed", seed)
        folder = Path(data_dir).expanduser() if data_dir else sources.default_data_dir()
        self.data_dir = folder.absolute()  # now: the user's code may change the working directory
        self.dataset, name = find_dataset(
            dataset, self.data_dir, split_seed, skip_damaged, dataset_sha256, framing
        )
        edits = checked_edits(exclude, relabel, edits_sha256)
        edits.check(name, self.dataset.num_train, self.dataset.classes)
        check_fold(name, self.dataset.num_train - edits.num_excluded, folds, fold)
        self.division = Division(
            self.dataset, name, self.data_dir, split_seed, edits, folds, fold or 0
        )
        left = self.division.num_left
        if isinstance(self.dataset, PathDataset):
            val_size = self.dataset.usable_val_size(val_size, left, batch_size)
        held_out = min(val_size, 0) if self.dataset.num_val else val_size
        check_sizes(name, left, batch_size, held_out)
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.val_size = val_size
        self.split_seed = split_seed
        self.seed = seed
        self.augment = augment
        self.dataset_device = dataset_device
        self.test_split = test_split
        self._tensors: dict[Split, tuple[Tensor, Tensor]] = {}
        self._places: dict[Split, Tensor] = {}

    @property
    def num_classes(self) -> int:
        """Number of classes of the dataset."""
        return len(self.dataset.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, in label order."""
        return self.dataset.classes

    @property
    def dataset_name(self) -> str:
        """Name of the dataset, as reports on ``test_split`` have it."""
        return self.division.name_of(self.test_split)

    def prepare_data(self) -> None:
        """Verify the files; download or extract them if they are missing or damaged."""
        if not isinstance(self.dataset, PathDataset):  # that was prepared when it was opened
            sources.prepare(self.division.name, self.data_dir)

    def setup(self, stage: str) -> None:
        """Read the images of the stage into memory."""
        split: Split = "val" if stage in ("fit", "validate") else self.test_split
        if split in self._tensors:
            return
        for name, part in self.division.load(split, self.val_size).items():
            self._tensors[name] = part.images, part.labels
            self._places[name] = part.places

    def num_images(self, split: Split) -> int:
        """Number of images of a split; the data need not be set up."""
        if split != "train":
            return self.division.num_test if split == "test" else self.val_size
        return self.division.num_left - (0 if self.dataset.num_val else self.val_size)

    def images_and_labels(self, split: Split) -> tuple[Tensor, Tensor]:
        """The images, uint8 (N, 28, 28), and labels, int64 (N,), of a split after `setup`."""
        return self._tensors[split]

    def places(self, split: Split) -> Tensor:
        """Place of each image of a split in its dataset, int64 (N,), after `setup`.

        Training images, validation images taken from them, and folds: in the training images of the
        dataset, in their original order. Others: in the split of the dataset.
        """
        if split not in self._places:  # a subclass that reads its images itself
            return torch.arange(len(self.images_and_labels(split)[1]))
        return self._places[split]

    def repeat(self, times: int) -> None:
        """Repeat the training images, to measure the cost of a larger dataset."""
        images, labels = self._tensors["train"]
        self._tensors["train"] = images.repeat(times, 1, 1), labels.repeat(times)

    def batches(
        self, split: Split, batch_size: int, shuffle: bool = False, augment: bool = False
    ) -> Batches:
        """A loader of this process' part of a split."""
        images, labels = self._tensors[split]
        rank, world_size = 0, 1
        if self.trainer is not None:
            rank, world_size = self.trainer.global_rank, self.trainer.world_size
            if self.dataset_device == "device":
                device = self.trainer.strategy.root_device
                images, labels = self._tensors[split] = images.to(device), labels.to(device)
        sampler = IndexSampler(len(images), batch_size, shuffle, self.seed, rank, world_size)
        return Batches(images, labels, sampler, self.draws(images.device) if augment else None)

    def draws(self, device: torch.device) -> EpochDraws | None:
        """The random values of the training images, on a device; None: they are not augmented."""
        return EpochDraws(self.augment.draw, self.seed, device) if self.augment.active else None

    def train_dataloader(self) -> Batches:
        """Full batches in a new order each epoch; in a fixed order with trainer.overfit_batches."""
        overfit = getattr(self.trainer, "overfit_batches", 0)
        return self.batches("train", self.batch_size, shuffle=not overfit, augment=True)

    def val_dataloader(self) -> Batches | list[Batches]:
        """The validation images in order; an empty list if val_size is 0."""
        return self.batches("val", self.eval_batch_size) if self.val_size else []

    def test_dataloader(self) -> Batches:
        """The images of ``test_split`` in order."""
        return self.batches(self.test_split, self.eval_batch_size)

    def predict_dataloader(self) -> Batches:
        """The images of ``test_split`` in order."""
        return self.batches(self.test_split, self.eval_batch_size)

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Move a batch, if it is not on the device yet."""
        # Lightning looks at each part of a batch in each step.
        if isinstance(batch, Batch) and batch.images.device == device:
            return batch
        moved: Batch = super().transfer_batch_to_device(batch, device, dataloader_idx)
        return moved

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """Images as floats (B, 1, 28, 28) in [0, 1], augmented in training, and labels (B,)."""
        images = to_float(batch.images)
        if batch.draws is not None and self.trainer is not None and self.trainer.training:
            images = self.augment(images, batch.draws)
        return images, batch.labels


def to_float(images: Tensor) -> Tensor:
    """Convert images for a net: uint8 (B, 28, 28) -> float32 (B, 1, 28, 28) in [0, 1].

    >>> to_float(torch.full((1, 28, 28), 255, dtype=torch.uint8)).unique()
    tensor([1.])
    """
    return images.unsqueeze(1).to(torch.float32).div_(255)
