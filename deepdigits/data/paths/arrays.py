"""Check the arrays of images and labels that a file holds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError

MIN_SIDE, MAX_SIDE = 4, 4_096
_GREY = (19595, 38470, 7471)  # ITU-R 601, in parts of 65,536, as Pillow turns colour to grey


def checked_split(
    images: NDArray[Any], labels: NDArray[Any], images_name: str, labels_name: str
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Images and labels of a split; see `checked_images` and `checked_labels`."""
    checked = checked_images(images, images_name)
    return checked, checked_labels(labels, len(checked), labels_name)


def checked_images(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Images as uint8 (N, H, W); colour (N, H, W, 3) is turned to grey.

    Args:
        array: Whole numbers from 0 to 255; H and W from `MIN_SIDE` to `MAX_SIDE`.
        name: The file and the key, for errors.

    Raises:
        InputError: Another shape, another type, a pixel out of range, or no image.
    """
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[:, :, :, 0]
    is_colour = array.ndim == 4 and array.shape[3] == 3
    sides_fit = all(MIN_SIDE <= side <= MAX_SIDE for side in array.shape[1:3])
    if not (array.ndim == 3 or is_colour) or not sides_fit:
        raise InputError(
            f"{name} has the shape {array.shape}, expected (N, H, W) or (N, H, W, 3), such as (N, "
            f"28, 28), with H and W from {MIN_SIDE} to {MAX_SIDE:,}: change the axes"
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
    return np.ascontiguousarray(_to_grey(array) if is_colour else array, dtype=np.uint8)


def _to_grey(colour: NDArray[Any]) -> NDArray[np.uint8]:
    """Images (N, H, W, 3) as uint8 (N, H, W), one at a time: wider numbers take memory."""
    grey = np.empty(colour.shape[:3], np.uint8)
    for place, image in enumerate(colour):
        grey[place] = (image.astype(np.int64) @ np.array(_GREY) + 0x8000) >> 16
    return grey


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
