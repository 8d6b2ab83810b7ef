"""Bring the pictures of a split to 28x28 in a given way; damaged ones are errors, or left out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError
from deepdigits.core.progress import progress
from deepdigits.data.paths.framing import Way
from deepdigits.data.paths.look import size_name
from deepdigits.data.paths.parallel import framing_in_parallel
from deepdigits.data.paths.pictures import Framed, Pictures
from deepdigits.images.normalization import SIDE

SQUARE = (SIDE, SIDE)


@dataclass(frozen=True)
class Decoded:
    """The pictures of a split in 28x28 pixels, without those that are damaged.

    Attributes:
        images: uint8 (N, 28, 28).
        polarities: Polarity of each picture as its crop has it, int8 (N,): 1 for light on dark, -1
            for dark on light, 0 for a blank one and for one that was not cropped.
        kept: Which pictures were read, bool (number of pictures,).
        sizes: Number of pictures of each width and height.
        damaged: The first error of a damaged file; None: there is none.
    """

    images: NDArray[np.uint8]
    polarities: NDArray[np.int8]
    kept: NDArray[np.bool_]
    sizes: Counter[tuple[int, int]]
    damaged: str | None


def decode_all(
    pictures: Pictures, way: Way, dark_on_light: bool | None, path: Path, skip_damaged: bool
) -> Decoded:
    """Bring pictures to 28x28 in parallel, in their order; long work is reported on stderr.

    Args:
        pictures: The pictures.
        way: How; nothing is inverted.
        dark_on_light: The polarity for ``photo``; None: each picture has its own.
        path: The dataset, for errors and progress.
        skip_damaged: Leave damaged images out.

    Raises:
        InputError: An image is damaged and is not to be left out, or has another size although the
            way is ``none``.
        RunFailed: A process that helps was killed.
    """
    number, images, damaged = len(pictures), np.zeros((len(pictures), *SQUARE), np.uint8), None
    polarities, kept = np.zeros(number, np.int8), np.ones(number, np.bool_)
    sizes = Counter[tuple[int, int]]()
    for place, result in enumerate(_framed(pictures, way, dark_on_light, path)):
        if isinstance(result, InputError):
            if not skip_damaged:
                raise InputError(
                    f"{result}; replace or remove it, or leave out all damaged images with "
                    "--data.skip_damaged true"
                ) from result
            kept[place], damaged = False, damaged or str(result)
            continue
        if way == "none" and result.size != SQUARE:
            raise _another_size(pictures, place, result.size, path)
        images[place] = result.pixels
        sizes[result.size] += 1
        if result.dark_on_light is not None:
            polarities[place] = -1 if result.dark_on_light else 1
    return Decoded(images[kept], polarities[kept], kept, sizes, damaged)


def crop_again(pictures: Pictures, decoded: Decoded, dark_on_light: bool, path: Path) -> None:
    """Crop the pictures whose polarity is another one with this one; changes their images."""
    others = np.flatnonzero(decoded.polarities == (1 if dark_on_light else -1))
    places = np.flatnonzero(decoded.kept)[others]
    chosen: Pictures
    if isinstance(pictures, np.ndarray):
        chosen = pictures[places]
    else:
        chosen = [pictures[place] for place in places]
    decoded.images[others] = decode_all(chosen, "photo", dark_on_light, path, False).images


def _framed(
    pictures: Pictures, way: Way, dark_on_light: bool | None, path: Path
) -> Iterator[Framed | InputError]:
    with (
        framing_in_parallel(pictures, way, dark_on_light) as results,
        progress(f"dataset     {path.name}", len(pictures), "images decoded") as advance,
    ):
        for some in results:
            yield from some
            advance(len(some))


def _another_size(pictures: Pictures, place: int, size: tuple[int, int], path: Path) -> InputError:
    which = f"image {place} of {path}" if isinstance(pictures, np.ndarray) else str(pictures[place])
    return InputError(
        f"{which} has {size_name(size)} pixels, expected 28x28 with the framing none: pass "
        "--data.framing fit, photo or auto"
    )
