"""From a photo or a drawing to MNIST's own frame; a row of digits to single ones.

    file -> reading (upright, grey) -> ink (no page) -> segments (one digit each) -> framing (28x28)

All is plain numpy, Pillow and scipy, and nothing here knows a net.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from deepdigits.images.foreground import to_ink
from deepdigits.images.io import open_image, to_grey
from deepdigits.images.normalization import Tile, tilted, to_frame
from deepdigits.images.ruling import without_lines
from deepdigits.images.segments import split_digits
from deepdigits.images.strokes import is_drawn

__all__ = ["Found", "Tile", "find_digits", "frame_digit", "is_drawn", "open_image", "tilted"]


@dataclass(frozen=True)
class Found:
    """A digit that was found in an image.

    Attributes:
        box: Left, top, right and bottom, in pixels of the image.
        tile: As MNIST has it: uint8 (28, 28), light on dark.
    """

    box: tuple[int, int, int, int]
    tile: Tile


def find_digits(image: Image.Image) -> list[Found]:
    """Every digit of an image, in reading order; none where nothing looks like writing.

    Raises:
        InputError: The image is too large.

    >>> find_digits(Image.new("L", (100, 100), 180))
    []
    """
    grey, factor = to_grey(image)
    ink = to_ink(grey)
    if ink is None:
        return []
    found = []
    for segment, own in split_digits(without_lines(ink)):
        left, top, right, bottom = (round(factor * edge) for edge in segment.box)
        found.append(Found((left, top, right, bottom), to_frame(own)))
    return found


def frame_digit(image: Image.Image) -> Tile:
    """All ink of an image as one digit: uint8 (28, 28); all zeros where there is none.

    Raises:
        InputError: The image is too large.
    """
    ink = to_ink(to_grey(image)[0])
    return to_frame(np.zeros((1, 1), np.float32) if ink is None else without_lines(ink))
