"""Images named on a command line or given in Python: files, folders, standard input, arrays."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdigits.core.errors import InputError
from deepdigits.images.io import MAX_BYTES, SUFFIXES, open_image

STDIN = "-"


def expand_all(names: Sequence[str]) -> Iterator[str | InputError]:
    """The files of several names, and an error in place of a folder without images."""
    for name in names:
        try:
            yield from expand(name)
        except InputError as error:
            yield error


def expand(name: str) -> Iterator[str]:
    """The images in and below a folder, sorted; of another name the name itself.

    Raises:
        InputError: The folder has no image.
    """
    if name == STDIN or not os.path.isdir(name):
        yield name
        return
    inside = sorted(p for p in Path(name).rglob("*") if p.suffix.lower() in SUFFIXES)
    yield from (str(path) for path in inside if path.is_file())
    if not inside:
        endings = ", ".join(sorted(SUFFIXES))
        raise InputError(f"folder {printable_path(name)} has no image: expected {endings}")


def open_source(path: str, colour: bool = False) -> Image.Image:
    """Open an image file, or standard input for ``-``; see `deepdigits.images.io.open_image`."""
    if path == STDIN:
        return open_image(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input", colour)
    return open_image(Path(path), printable_path(path), colour)


def from_array(pixels: NDArray[np.uint8]) -> Image.Image:
    """An image from its pixels.

    Raises:
        InputError: Wrong shape or type.
    """
    is_image = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not is_image or not pixels.size:
        raise InputError(
            f"an image is an array of {pixels.dtype} {pixels.shape}, expected uint8 (H, W) or "
            "(H, W, 3)"
        )
    return Image.fromarray(pixels)


def printable_path(path: str) -> str:
    """A path on one line, with escapes for characters that are not printable."""
    return path if path.isprintable() and path else repr(path)
