"""What an evaluation can report, given the net and the data module, and why it cannot more."""

import os
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from lightning.pytorch import LightningDataModule, LightningModule
from numpy.typing import NDArray
from torch import Tensor

from deepdigits.data.label_edits import LabelEdits
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.registry import MAX_NAME, Split
from deepdigits.metrics.report import Report
from deepdigits.runs.evaluation import Pictured
from deepdigits.training.classifier import LitClassifier

_STEPS = {"val": "validation_step", "test": "test_step"}


def left_out(module: LightningModule, data: LightningDataModule | None) -> str | None:
    """What the files of a run lack because of its classes; None if they lack nothing."""
    if not isinstance(module, LitClassifier):
        return (
            f"{type(module).__name__} is not a LitClassifier: its run has the metrics that it "
            "logs, and no report, predictions and pictures"
        )
    if data is not None and not isinstance(data, DigitsDataModule):
        return (
            f"{type(data).__name__} is not a DigitsDataModule, so its images are not known: the "
            "run has a report, and no predictions.npz and no pictures of digits"
        )
    return None


def why_no_report(
    module: LightningModule, data: LightningDataModule | None, stage: Literal["val", "test"]
) -> str | None:
    """Why there is no report of an evaluation that has just ended; None if there is one.

    Call it on all processes.
    """
    name = type(module).__name__
    if not isinstance(module, LitClassifier):
        return f"{name} is not a LitClassifier"
    if data is None:
        return "the images of a split are known to a data module only"
    if not module.has_measured(stage):
        return f"{_STEPS[stage]} of {name} adds nothing to its {stage}_metrics"
    return None


def why_no_pictures(
    module: LightningModule, stage: Literal["val", "test"], pictured: Pictured | None
) -> str | None:
    """Why a report comes without predictions and pictures; None if it has them."""
    if pictured is not None:
        return None
    return (
        f"predictions.npz and mistakes.png are left out: {_STEPS[stage]} of "
        f"{type(module).__name__} does not return the logits (B, C) of each image, or the data "
        "module changes the labels of its batches"
    )


def pictured_images(
    data: LightningDataModule | None, split: Split, probabilities: Tensor | None, report: Report
) -> Pictured | None:
    """Images, labels and probabilities of a split; None if they are not all known."""
    found = None if probabilities is None else _images_and_labels(data, split, len(probabilities))
    if found is None or probabilities is None:
        return None
    classes = len(report.class_names)
    if probabilities.shape != (len(found[1]), classes):
        return None
    # A subclass may change the labels of its batches: the report counts those.
    counts = found[1].bincount(minlength=classes).numpy()
    if not np.array_equal(counts, np.asarray(report.confusion).sum(axis=1)):
        return None
    return Pictured(*found, probabilities)


def labels_of(
    data: LightningDataModule | None, split: Split, number: int, classes: int
) -> NDArray[np.int64] | None:
    """The labels of the first images of a split; None if they are not known.

    Args:
        data: The data module.
        split: The split.
        number: Number of images.
        classes: Number of classes of the net.
    """
    found = _images_and_labels(data, split, number)
    if found is None or len(found[1]) != number or (found[1] >= classes).any():
        return None
    return found[1].numpy()


def _images_and_labels(
    data: LightningDataModule | None, split: Split, number: int
) -> tuple[Tensor, Tensor] | None:
    if not isinstance(data, DigitsDataModule):
        return None
    try:
        images, labels = data.images_and_labels(split)
    except KeyError:  # a subclass with loaders of its own
        return None
    return images[:number].cpu(), labels[:number].cpu()


def class_names(data: LightningDataModule | None, numbers: Sequence[str]) -> Sequence[str]:
    """The names of the classes that a data module gives, else their numbers."""
    given: Any = getattr(data, "class_names", None)
    if not isinstance(given, Sequence) or isinstance(given, str):
        return numbers
    fits = all(isinstance(name, str) and 0 < len(name) <= MAX_NAME for name in given)
    return tuple(given) if fits and len(set(given)) == len(given) == len(numbers) else numbers


def dataset_name(data: LightningDataModule | None, split: Split) -> str:
    """The name of a dataset for a split: of the class for a data module of the user's own."""
    if isinstance(data, DigitsDataModule):
        return data.division.name_of(split)
    return type(data).__name__


def edits_of(data: LightningDataModule | None) -> LabelEdits:
    """The label edits of the training images; none for a data module of the user's own."""
    return data.division.edits if isinstance(data, DigitsDataModule) else LabelEdits()


def division_facts(data: LightningDataModule | None) -> dict[str, Any]:
    """Entries of report.json on folds and label edits; empty without them."""
    facts: dict[str, Any] = {}
    if isinstance(data, DigitsDataModule) and (division := data.division).folds is not None:
        facts["folds"] = {"fold": division.fold, "of": division.folds}
        facts["folds"]["num_images"] = division.num_training
    if (edits := edits_of(data)).edits:
        facts["label_edits"] = {
            "excluded": edits.num_excluded,
            "relabelled": edits.num_relabelled,
            "sha256": edits.sha256,
        }
    return facts


def seed_of(data: LightningDataModule | None) -> int | None:
    """The seed of a training: that of the data, else the one that Lightning has set."""
    seed = getattr(data, "seed", None)
    if type(seed) is int:
        return seed
    given = os.environ.get("PL_GLOBAL_SEED", "")
    return int(given) if given.isdecimal() else None
