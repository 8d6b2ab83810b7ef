"""Label edits: training images that are left out, and labels that are replaced.

They are rows of CSV files, such as ``deepdigits audit`` writes. A row names an image by its place
in the training images, in the order of the dataset.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from deepdigits.core.errors import InputError
from deepdigits.core.text import spreadsheet_text
from deepdigits.data.part import Part

DIGITS = 16  # of the SHA-256 of an image, in a CSV file
_SHOWN = 12  # classes in an error


@dataclass(frozen=True)
class Edit:
    """One row of a file.

    Attributes:
        index: Place of the image in the training images.
        label: Name of its new class; None: the image is left out.
        sha256: The first digits of the SHA-256 of its pixels; None: not known.
        source: File and line, for errors.
    """

    index: int
    label: str | None
    sha256: str | None
    source: str


@dataclass(frozen=True)
class LabelEdits:
    """All edits of a training, in the order of their images; usually none."""

    edits: tuple[Edit, ...] = ()

    @property
    def num_excluded(self) -> int:
        """Number of images that are left out."""
        return sum(edit.label is None for edit in self.edits)

    @property
    def num_relabelled(self) -> int:
        """Number of images whose label is replaced."""
        return len(self.edits) - self.num_excluded

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of images and new labels, whatever the files are; None: there are none."""
        if not self.edits:
            return None
        rows = [[edit.index, edit.label] for edit in self.edits]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def __str__(self) -> str:
        """Their numbers.

        >>> str(LabelEdits((Edit(3, "7", None, "my.csv, line 2"),)))
        '1 relabelled'
        """
        counts = {"excluded": self.num_excluded, "relabelled": self.num_relabelled}
        return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)

    def check(self, dataset: str, images: int, classes: Sequence[str]) -> None:
        """Check that images and classes are those of a dataset.

        Args:
            dataset: Its name.
            images: Number of its training images.
            classes: Names of its classes.

        Raises:
            InputError: There is no such image or class.
        """
        known = _labels_by_name(classes)
        for edit in self.edits:
            if edit.index >= images:
                raise InputError(
                    f"{edit.source}: index {edit.index}, expected 0 to {images - 1}: {dataset} has "
                    f"{images:,} training images"
                )
            if edit.label is not None and edit.label not in known:
                names = ", ".join(classes[:_SHOWN]) + (" ..." if len(classes) > _SHOWN else "")
                raise InputError(
                    f"{edit.source}: class {edit.label[:40]!r}, expected one of the "
                    f"{len(classes)} classes of {dataset}: {names}"
                )

    def apply(self, training: Part, dataset: str, classes: Sequence[str]) -> Part:
        """The training images as if the dataset had no others, and these labels.

        Args:
            training: All training images.
            dataset: Name of the dataset, for errors.
            classes: Names of its classes.

        Raises:
            InputError: An image is not the one that was edited, or a class is left without images.
        """
        if not self.edits:
            return training
        known, labels = _labels_by_name(classes), training.labels.clone()
        kept = torch.ones(len(labels), dtype=torch.bool)
        for edit in self.edits:
            if edit.sha256 not in (None, image_sum(training.images[edit.index].numpy())):
                raise InputError(
                    f"{edit.source}: image {edit.index} of {dataset} has another SHA-256 than the "
                    "column sha256: the file belongs to another dataset, or to another state of it"
                )
            if edit.label is None:
                kept[edit.index] = False
            else:
                labels[edit.index] = known[edit.label]
        if gone := set(training.labels.tolist()) - set(labels[kept].tolist()):
            raise InputError(
                f"{dataset} has no training image of class {classes[min(gone)]} after its label "
                f"edits ({self}): leave out rows of the files"
            )
        return Part(training.images, labels, training.places).take(kept)


def image_sum(image: NDArray[np.uint8]) -> str:
    """The first digits of the SHA-256 of an image, uint8 (28, 28).

    >>> image_sum(np.zeros((28, 28), np.uint8))
    '0c37ddc45244523c'
    """
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:DIGITS]


def plain_name(text: str) -> str:
    """The name of a class in a CSV file, without the apostrophe before a formula.

    >>> plain_name("'=1+1"), plain_name("7")
    ('=1+1', '7')
    """
    return text[1:] if text[:1] == "'" and spreadsheet_text(text[1:]) == text else text


def _labels_by_name(classes: Sequence[str]) -> Mapping[str, int]:
    return {plain_name(name): label for label, name in enumerate(classes)}
