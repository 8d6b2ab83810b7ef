"""The images of a run: a split of its dataset, or MNIST's if they are not known."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.data.digits import load_split
from deepdigits.data.registry import DATASETS, Split
from deepdigits.runs.data_module import digits_settings
from deepdigits.runs.dataset_record import DatasetRecord, read_record
from deepdigits.runs.model_info import ModelInfo
from deepdigits.runs.run import Run

_OF_SPLIT = {"val_size": int, "split_seed": int, "batch_size": int}  # settings that decide it


def images_of(run: Run, info: ModelInfo, split: Split) -> tuple[Tensor, Tensor | None]:
    """The images of a split, uint8 (N, 28, 28), and labels, int64 (N,), for the net of a run.

    A dataset that was given by its path is taken from its prepared copy in the data folder. Without
    the copy, and for a data module of the user's own, the images are MNIST's.

    Args:
        run: The run.
        info: The description of its net.
        split: train, val or test.

    Returns:
        Labels are None if the images are not those of its dataset, or the net has other classes.

    Raises:
        InputError: There is no such dataset, it cannot be loaded, or the split has no images.
    """
    settings = digits_settings(run.config.get("data"), run.folder) or {}
    record = read_record(run.folder, settings.get("dataset"))
    if record is not None and (found := _of_copy(record, settings, split)) is not None:
        if not len(found[0]):
            raise InputError(f"{run.name} has no {split} images: it was trained with val_size 0")
        return found[0], found[1] if record.class_names == info.class_names else None
    images, labels = load_split(split=split, **info.digits)
    classes = DATASETS[info.digits["dataset"]].classes
    is_known = "dataset" in info.data and info.class_names == tuple(classes)
    return images, labels if is_known else None


def _of_copy(
    record: DatasetRecord, settings: Mapping[str, Any], split: Split
) -> tuple[Tensor, Tensor] | None:
    """A split of a dataset in the data folder; None if its copy is not there."""
    from deepdigits.data.module import DigitsDataModule  # imports Lightning

    given = {
        key: settings[key] for key, kind in _OF_SPLIT.items() if type(settings.get(key)) is kind
    }
    try:
        data = DigitsDataModule(
            record.path, dataset_sha256=record.sha256, test_split=split, **given
        )
        data.setup("test")
    except InputError:
        return None
    return data.images_and_labels(split)
