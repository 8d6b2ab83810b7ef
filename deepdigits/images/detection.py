"""Find the digits of an image, and bring each into MNIST's form."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from deepdigits.images.foreground import Grey, extract_foreground, foreground_and_polarity
from deepdigits.images.io import to_grey
from deepdigits.images.normalization import Crop, normalize_crop
from deepdigits.images.ruling import remove_ruling
from deepdigits.images.segments import split_digits


@dataclass(frozen=True)
class Detection:
    """A digit found in an image.

    Attributes:
        box: Left, top, right and bottom, in pixels of the image.
        crop: The digit in MNIST's form: uint8 (28, 28), light on dark.
    """

    box: tuple[int, int, int, int]
    crop: Crop


def detect_digits(image: Image.Image) -> list[Detection]:
    """Every digit of an image, in reading order; none if nothing looks like writing.

    Raises:
        InputError: The image is too large.

    >>> detect_digits(Image.new("L", (100, 100), 180))
    []
    """
    grey, factor = to_grey(image)
    ink = extract_foreground(grey)
    if ink is None:
        return []
    detections = []
    for segment, own in split_digits(remove_ruling(ink)):
        left, top, right, bottom = (round(factor * edge) for edge in segment.box)
        detections.append(Detection((left, top, right, bottom), normalize_crop(own)))
    return detections


def crop_digit(image: Image.Image) -> Crop:
    """All ink of an image as one digit: uint8 (28, 28); all zeros if there is none.

    Raises:
        InputError: The image is too large.
    """
    return crop_grey(to_grey(image)[0])[0]


def crop_grey(grey: Grey, dark_on_light: bool | None = None) -> tuple[Crop, bool | None]:
    """All ink of a grey image as one digit, and whether it is darker than the page.

    Args:
        grey: Luminance in [0, 255], shape (H, W).
        dark_on_light: The polarity, if it is known; None: it is found.

    Returns:
        The crop, uint8 (28, 28), and the polarity; all zeros and None if there is no ink.

    >>> crop, polarity = crop_grey(np.full((40, 40), 180, np.float32))
    >>> crop.any(), polarity
    (np.False_, None)
    """
    ink, polarity = foreground_and_polarity(grey, dark_on_light)
    crop = normalize_crop(np.zeros((1, 1), np.float32) if ink is None else remove_ruling(ink))
    return crop, polarity if crop.any() else None
