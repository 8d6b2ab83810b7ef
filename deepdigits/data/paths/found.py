"""What the reader of a path finds: images, labels and class names, checked."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError
from deepdigits.data.paths.class_names import checked_names
from deepdigits.data.paths.conversion import convert_all
from deepdigits.data.paths.framing import Framing
from deepdigits.data.paths.look import Look
from deepdigits.data.registry import MAX_NAME, Split

MAX_BYTES = 4_000_000_000  # of unpacked pixels: five million images


@dataclass(frozen=True)
class Found:
    """The content of a dataset.

    Attributes:
        splits: Images, uint8 (N, 28, 28), and labels, int64 (N,), of each split that it has.
        classes: Name of each class, in label order.
        notes: What the user should know, a sentence each.
        look: What was seen of the original images; None: the content is that of a prepared copy.
        files: The file of each image, below the path, if each has its own.
    """

    splits: Mapping[Split, tuple[NDArray[np.uint8], NDArray[np.int64]]]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    look: Look | None = None
    files: Mapping[Split, Sequence[str]] | None = None


@dataclass(frozen=True)
class Source:
    """A dataset that was recognised by its files, and not read yet.

    Attributes:
        kind: Its format, in words.
        files: The files that it consists of, in any order.
        read: Reads them; raises InputError.
    """

    kind: str
    files: Sequence[str | Path]
    read: Callable[[], Found]


def natural_key(text: str) -> list[int | str]:
    """Sorts numbers within texts by their value.

    >>> sorted(["a10", "a9", "10", "9"], key=natural_key)
    ['9', '10', 'a9', 'a10']
    """
    parts = re.split(r"([0-9]+)", text)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def with_classes(
    splits: Mapping[Split, tuple[NDArray[np.uint8], NDArray[Any]]],
    path: Path,
    framing: Framing,
    notes: Sequence[str] = (),
) -> Found:
    """Number the classes, those of the training labels, sorted; bring the images to 28x28.

    Args:
        splits: Images, uint8 (N, H, W), and labels (N,), whole numbers or names, of each split.
        path: The dataset, for errors.
        framing: How images are brought to 28x28.
        notes: What the user should know.

    Raises:
        InputError: There are too few or too many classes, a split has a class of its own, or the
            images do not suit the framing.
    """
    values = {split: labels.tolist() for split, (_, labels) in splits.items()}
    if len({isinstance(one, str) for split in values.values() for one in split[:1]}) > 1:
        values = {split: list(map(str, labels)) for split, labels in values.items()}
    known = sorted(
        set(values["train"]), key=lambda one: one if type(one) is int else natural_key(one)
    )
    classes = checked_names(map(str, known), path)
    numbers = {value: number for number, value in enumerate(known)}
    numbered = {}
    for split in splits:
        if unknown := sorted(set(values[split]) - numbers.keys(), key=str):
            raise InputError(
                f"{path}: the {split} images have the class {str(unknown[0])[:MAX_NAME]}, which no "
                "training image has: correct the labels, or add training images of it"
            )
        numbered[split] = np.array([numbers[value] for value in values[split]], np.int64)
    decoded, look = convert_all(
        {split: one[0] for split, one in splits.items()}, framing, path, False
    )
    pairs = {split: (one.images, numbered[split]) for split, one in decoded.items()}
    return Found(pairs, classes, tuple(notes), look)
