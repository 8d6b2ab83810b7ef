"""Choose how pictures are brought to 28x28, by looking at some of them."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, cast

import numpy as np

from deepdigits.core.environment import available_cores
from deepdigits.core.errors import InputError
from deepdigits.data.paths.framing import Way, looks_written
from deepdigits.data.paths.pictures import Picture, Pictures, read_picture
from deepdigits.images.normalization import SIDE

SAMPLE = 128  # pictures that are looked at
MIN_WRITTEN = 0.8  # share of them that looks like writing on a plain page


def choose_way(pictures: Pictures) -> Way:
    """``photo`` if most pictures are not 28x28 and look like writing on a page, else ``fit``.

    The sample depends on the number of pictures only.

    Args:
        pictures: The training pictures.
    """
    if isinstance(pictures, np.ndarray) and pictures.shape[1:] == (SIDE, SIDE):
        return "fit"
    sample = np.random.default_rng(0).permutation(len(pictures))[:SAMPLE].tolist()
    # The filters of warnings, which each image changes, belong to all threads: restored here.
    with warnings.catch_warnings(), ThreadPoolExecutor(available_cores()) as pool:
        warnings.simplefilter("ignore")
        seen = [*pool.map(_is_written, (cast(Picture, pictures[place]) for place in sample))]
    others = [one for one in seen if one != "28x28"]
    if 2 * len(others) < len(seen):
        return "fit"
    return "photo" if others.count("written") >= MIN_WRITTEN * len(others) else "fit"


def _is_written(picture: Picture) -> Literal["28x28", "written", "other"]:
    try:
        grey, size = read_picture(picture)
    except InputError:  # raised again when all pictures are decoded
        return "other"
    if size == (SIDE, SIDE):
        return "28x28"
    return "written" if looks_written(grey) else "other"
