"""Decode image files to 28x28 grey pixels, many at once."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.images import io
from deepdigits.models.layers import IMAGE_SIZE

FORMATS = (*io.FORMATS, "TIFF", "PPM")  # not EPS, for which Pillow starts another program
SUFFIXES = io.SUFFIXES | {".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jpe", ".dib"}
_CHUNK = 200  # files a thread decodes at a time
_SECONDS = 3.0  # between two lines of progress


class Decoded(NamedTuple):
    """The pixels of image files.

    Attributes:
        images: uint8 (N, 28, 28); without those that are damaged.
        kept: Which files were decoded, bool (number of files,).
        resized: Number of images that had another size.
        damaged: The first error of a damaged file; None: there is none.
    """

    images: NDArray[np.uint8]
    kept: NDArray[np.bool_]
    resized: int
    damaged: str | None


def decode_all(files: Sequence[Path], name: str, skip_damaged: bool) -> Decoded:
    """Decode image files in parallel, in their order; long work is reported on stderr.

    Args:
        files: The files.
        name: The dataset, for the lines of progress.
        skip_damaged: Leave damaged images out.

    Raises:
        InputError: An image is damaged, and is not to be left out.
    """
    images = np.zeros((len(files), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    kept = np.ones(len(files), np.bool_)
    resized, damaged = 0, None

    def decode_chunk(start: int) -> list[tuple[NDArray[np.uint8], bool] | InputError]:
        return [_decoded(file) for file in files[start : start + _CHUNK]]

    # The filters of warnings, which each image changes, belong to all threads: restored here.
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("ignore")
        try:
            starts = range(0, len(files), _CHUNK)
            chunks = _with_progress(pool.map(decode_chunk, starts), len(files), name)
            results = (one for chunk in chunks for one in chunk)
            for place, result in enumerate(results):
                if isinstance(result, InputError):
                    if not skip_damaged:
                        raise InputError(
                            f"{result}; replace or remove it, or leave out all damaged images with "
                            "--data.skip_damaged true"
                        ) from result
                    kept[place], damaged = False, damaged or str(result)
                else:
                    images[place], was_resized = result
                    resized += was_resized
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return Decoded(images[kept], kept, resized, damaged)


def decode(file: Path) -> tuple[NDArray[np.uint8], bool]:
    """The pixels of an image, uint8 (28, 28), and whether it had another size.

    Colour is turned to grey, 16 bits to 8; of an animation the first frame is taken. An image of
    another size is resized with `fit`.

    Raises:
        InputError: The file is damaged, empty, too large or of an unknown format.
    """
    with io.open_image(file, formats=FORMATS) as image:
        size, (grey, _) = image.size, io.to_grey(image)
    if size == (IMAGE_SIZE, IMAGE_SIZE):
        return np.clip(np.rint(grey), 0, 255).astype(np.uint8), False
    return fit(grey), True


def fit(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Resize an image (H, W) into 28 x 28 pixels, with its aspect, in the middle.

    The rest gets the median of the pixels on its edges.

    >>> fit(np.full((56, 28), 9, np.float32))[0, [6, 7, 20]].tolist()
    [9, 9, 9]
    """
    height, width = grey.shape
    scale = IMAGE_SIZE / max(height, width)
    size = [max(1, round(side * scale)) for side in (width, height)]
    small = Image.fromarray(grey).resize((size[0], size[1]), Image.Resampling.BICUBIC)
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    whole = np.full((IMAGE_SIZE, IMAGE_SIZE), np.median(edges), np.float32)
    left, top = ((IMAGE_SIZE - side) // 2 for side in size)
    whole[top : top + size[1], left : left + size[0]] = np.asarray(small)
    return np.clip(np.rint(whole), 0, 255).astype(np.uint8)


def _decoded(file: Path) -> tuple[NDArray[np.uint8], bool] | InputError:
    try:
        return decode(file)
    except InputError as error:
        return error


def _with_progress(
    chunks: Iterator[list[tuple[NDArray[np.uint8], bool] | InputError]], number: int, name: str
) -> Iterator[list[tuple[NDArray[np.uint8], bool] | InputError]]:
    done, last = 0, monotonic()
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if monotonic() - last > _SECONDS:
            last = monotonic()
            say(f"dataset     {name}: {done:,} of {number:,} images decoded", error=True)
