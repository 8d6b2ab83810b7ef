"""Bring an image of any size to 28x28: fit it whole, or crop it to its ink."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepdigits.images.foreground import Grey, foreground_and_polarity
from deepdigits.images.normalization import SIDE, normalize_crop
from deepdigits.images.ruling import remove_ruling
from deepdigits.images.strokes import has_strokes

Way = Literal["photo", "fit", "none"]
Framing = Literal["auto", "photo", "fit", "none"]
FRAMINGS: tuple[Framing, ...] = get_args(Framing)

MIN_SIDE = 12  # pixels; in a smaller image, ink and page cannot be told apart
_MAX_EDGE_INK = 0.15  # share of the pixels on the edges; the writing is off the edges
_INK = (0.002, 0.35)  # share of all pixels: less is a speck, more is a shape
_PLAIN = 32  # grey levels between the quartiles of the edges of an image with a plain page
_CONTRAST = 8  # grey levels between page and mean of an image with something on the page
_MIN_PLAIN = 0.25  # share of images with a plain page; a set with fewer has no polarity
_CHUNK = 10_000  # images at a time


def fit(grey: Grey) -> NDArray[np.uint8]:
    """Resize an image (H, W) into 28 x 28 pixels, with its aspect, in the middle.

    The rest gets the median of the pixels on its edges. An image of 28 x 28 stays as it is.

    >>> fit(np.full((56, 28), 9, np.float32))[0, [6, 7, 20]].tolist()
    [9, 9, 9]
    """
    if grey.shape == (SIDE, SIDE):
        return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    height, width = grey.shape
    scale = SIDE / max(height, width)
    size = [max(1, round(side * scale)) for side in (width, height)]
    small = Image.fromarray(grey).resize((size[0], size[1]), Image.Resampling.BICUBIC)
    whole = np.full((SIDE, SIDE), np.median(_edges(grey)), np.float32)
    left, top = ((SIDE - side) // 2 for side in size)
    whole[top : top + size[1], left : left + size[0]] = np.asarray(small)
    return np.clip(np.rint(whole), 0, 255).astype(np.uint8)


def looks_written(grey: Grey) -> bool | None:
    """Whether an image (H, W) looks like writing on a plain page; None: it is blank.

    Writing has strokes, covers a small part of the page, and is off its edges.

    >>> page = np.full((60, 60), 220, np.float32)
    >>> looks_written(page) is None
    True
    >>> page[10:50, 28:32] = 30
    >>> looks_written(page), looks_written(np.tile(page[20:40, 24:36], (3, 5)))
    (True, False)
    """
    if min(grey.shape) < MIN_SIDE:
        return False
    ink, dark_on_light = foreground_and_polarity(grey)
    if ink is None:
        return None
    ink = remove_ruling(ink)
    if not (crop := normalize_crop(ink)).any():
        return None
    strong = ink > 0.5
    off_edges = (_edges(ink) > 0.25).mean() < _MAX_EDGE_INK
    covers_little = _INK[0] < strong.mean() < _INK[1]
    has_page = bool(np.median(_edges(grey)) > grey[strong].mean()) == dark_on_light
    return bool(off_edges and covers_little and has_page and has_strokes(crop))


def count_polarities(images: NDArray[np.uint8]) -> tuple[int, int]:
    """How many images (N, 28, 28) are light on a dark page, and how many dark on a light one.

    The page is the median of the edges. Images without a plain page do not count; if hardly any
    image has one, such as those of textures, none counts.

    >>> page = np.full((3, 28, 28), 200, np.uint8)
    >>> page[:2, 8:20, 8:20] = 0
    >>> count_polarities(page)
    (0, 2)
    """
    light = dark = 0
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK]
        edges = [part[:, 0], part[:, -1], part[:, :, 0], part[:, :, -1]]
        edges_sorted = np.sort(np.concatenate(edges, axis=1), axis=1).astype(np.int16)
        low, page, high = (edges_sorted[:, 28 * quarter] for quarter in (1, 2, 3))
        above = part.mean(axis=(1, 2)) - page
        plain = high - low <= _PLAIN
        light += int((plain & (above > _CONTRAST)).sum())
        dark += int((plain & (above < -_CONTRAST)).sum())
    return (light, dark) if light + dark >= _MIN_PLAIN * len(images) else (0, 0)


def _edges(grey: Grey) -> Grey:
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
