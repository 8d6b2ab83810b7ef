"""Read pictures, which are image files or arrays, and bring them to 28x28 grey pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdigits.core.errors import InputError
from deepdigits.data.paths.framing import Way, fit
from deepdigits.images import io
from deepdigits.images.detection import crop_grey
from deepdigits.images.foreground import Grey

FORMATS = (*io.FORMATS, "TIFF", "PPM")  # not EPS, for which Pillow starts another program
SUFFIXES = io.SUFFIXES | {".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jpe", ".dib"}

Picture = Path | NDArray[np.uint8]  # a file, or grey pixels (H, W)
Pictures = Sequence[Path] | NDArray[np.uint8]


class Framed(NamedTuple):
    """A picture in 28x28 pixels.

    Attributes:
        pixels: uint8 (28, 28).
        size: Width and height of the picture.
        dark_on_light: Polarity of its ink, if it was cropped to it; None: it has none, or was not.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    dark_on_light: bool | None


def read_picture(picture: Picture) -> tuple[Grey, tuple[int, int]]:
    """The grey levels of a picture, float32 (H, W) in [0, 255], and its width and height.

    Colour is turned to grey, 16 bits to 8; of an animation the first frame is taken. A picture with
    a side above `io.WORK_SIDE` is shrunk, but its own size is returned.

    Raises:
        InputError: The file is damaged, empty, too large or of an unknown format.
    """
    if isinstance(picture, Path):
        with io.open_image(picture, formats=FORMATS) as image:
            return io.to_grey(image)[0], image.size
    image = Image.fromarray(picture)
    return io.to_grey(image)[0], image.size


def frame(picture: Picture, way: Way, dark_on_light: bool | None = None) -> Framed:
    """A picture in 28x28 pixels; nothing is inverted, except to crop it to its ink.

    Args:
        picture: The picture.
        way: ``photo``: crop it to its ink; else it is fitted whole.
        dark_on_light: The polarity for ``photo``; None: that of the picture itself.

    Raises:
        InputError: As `read_picture`.
    """
    grey, size = read_picture(picture)
    if way == "photo":
        pixels, polarity = crop_grey(grey, dark_on_light)
        return Framed(pixels, size, polarity)
    return Framed(fit(grey), size, None)


def frame_each(
    pictures: Sequence[Picture], way: Way, dark_on_light: bool | None = None
) -> list[Framed | InputError]:
    """Each picture in 28x28 pixels, or the error that it raises; see `frame`."""
    framed: list[Framed | InputError] = []
    for picture in pictures:
        try:
            framed.append(frame(picture, way, dark_on_light))
        except InputError as error:
            framed.append(error)
    return framed
