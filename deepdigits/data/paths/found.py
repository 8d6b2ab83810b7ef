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
from deepdigits.data.registry import MAX_NAME, Split
from deepdigits.models.layers import IMAGE_SIZE

MAX_BYTES = 4_000_000_000  # of unpacked pixels: five million images
_GREY = (19595, 38470, 7471)  # ITU-R 601, in parts of 65,536, as Pillow turns colour to grey


@dataclass(frozen=True)
class Found:
    """The content of a dataset.

    Attributes:
        splits: Images, uint8 (N, 28, 28), and labels, int64 (N,), of each split that it has.
        classes: Name of each class, in label order.
        notes: What the user should know, a sentence each.
    """

    splits: Mapping[Split, tuple[NDArray[np.uint8], NDArray[np.int64]]]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


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
    notes: Sequence[str] = (),
) -> Found:
    """Number the classes: those of the training labels, sorted.

    Args:
        splits: Images, uint8 (N, 28, 28), and labels (N,), whole numbers or names, of each split.
        path: The dataset, for errors.
        notes: What the user should know.

    Raises:
        InputError: There are too few or too many classes, or a split has a class of its own.
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
    for split, (images, _) in splits.items():
        if unknown := sorted(set(values[split]) - numbers.keys(), key=str):
            raise InputError(
                f"{path}: the {split} images have the class {str(unknown[0])[:MAX_NAME]}, which no "
                "training image has: correct the labels, or add training images of it"
            )
        labels = np.array([numbers[value] for value in values[split]], np.int64)
        numbered[split] = images, labels
    return Found(numbered, classes, tuple(notes))


def checked_split(
    images: NDArray[Any], labels: NDArray[Any], images_name: str, labels_name: str
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Images and labels of a split; see `checked_images` and `checked_labels`."""
    checked = checked_images(images, images_name)
    return checked, checked_labels(labels, len(checked), labels_name)


def checked_images(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Images as uint8 (N, 28, 28); colour (N, 28, 28, 3) is turned to grey.

    Args:
        array: Whole numbers from 0 to 255.
        name: The file and the key, for errors.

    Raises:
        InputError: Another shape, another type, a pixel out of range, or no image.
    """
    size = (IMAGE_SIZE, IMAGE_SIZE)
    if array.shape[1:] not in (size, (*size, 1), (*size, 3)):
        raise InputError(
            f"{name} has the shape {array.shape}, expected (N, 28, 28) or (N, 28, 28, 3): save "
            "images of another size as a folder of class folders, which are resized"
        )
    if not len(array):
        raise InputError(f"{name} has no images: expected one or more")
    if array.dtype.kind not in "iu":
        raise InputError(
            f"{name} holds {array.dtype}, expected whole numbers from 0 to 255 (uint8): convert "
            "the pixels"
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise InputError(
            f"{name} has the pixel {low if low < 0 else high}, expected whole numbers from 0 to "
            "255: convert the pixels"
        )
    if array.ndim == 4 and array.shape[3] == 3:
        array = (array.astype(np.int64) @ np.array(_GREY) + 0x8000) >> 16
    return np.ascontiguousarray(array.reshape(-1, *size), dtype=np.uint8)


def checked_labels(array: NDArray[Any], number: int, name: str) -> NDArray[Any]:
    """Labels (N,), whole numbers or texts; a second axis of length 1 is dropped.

    Args:
        array: The labels.
        number: Number of images.
        name: The file and the key, for errors.

    Raises:
        InputError: Another shape, another type, or another number of them.
    """
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (number,):
        raise InputError(
            f"{name} has the shape {array.shape}, expected ({number},): one label for each image"
        )
    if array.dtype.kind not in "iuU":
        raise InputError(
            f"{name} holds {array.dtype}, expected whole numbers or texts: convert the labels"
        )
    return array
