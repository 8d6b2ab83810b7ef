"""Find the digits of an image, and bring each into MNIST's form."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from deepdigits.images.foreground import extract_foreground
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
    ink = extract_foreground(to_grey(image)[0])
    return normalize_crop(np.zeros((1, 1), np.float32) if ink is None else remove_ruling(ink))
