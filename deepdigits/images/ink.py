"""From a grey picture to its ink: 1 where the pen was, 0 on the page, whatever page and pen."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Grey = NDArray[np.float32]

MIN_CONTRAST = 24.0  # grey levels of 255 between page and pen: below it a page counts as blank
SMALL_SIDE = 32  # the page is estimated on a picture of this size
FULL_INK = 95  # percentile of what stands out that counts as full ink: specks are rarer


def to_ink(grey: Grey) -> Grey | None:
    """How much ink each pixel has, in [0, 1]; None where nothing stands out from the page.

    1. Polarity: ink is the rare side of what departs from the median page.
    2. The page under dark ink is a grey closing, wider than strokes and narrower than shadows.
    3. What stands out from it, above the noise, is measured against full ink.

    Args:
        grey: Luminance in [0, 255], shape (H, W).

    >>> page = np.full((40, 40), 200, np.float32)
    >>> to_ink(page) is None
    True
    >>> page[5:35, 18:22] = 60
    >>> ink = to_ink(page)
    >>> ink[20, 20], ink[20, 5], np.array_equal(ink, to_ink(255 - page))
    (np.float32(1.0), np.float32(0.0), True)
    """
    dark = grey if is_dark_on_light(grey) else 255 - grey
    noise = noise_level(dark)
    if noise > 4:
        dark = ndimage.gaussian_filter(dark, min(2.0, noise / 8))
        noise = noise_level(dark)
    depth = page_under(dark) - dark
    floor = max(8.0, 4 * noise)
    standing_out = depth[depth > floor]
    if not len(standing_out):
        return None
    full = float(np.percentile(standing_out, FULL_INK))
    if full < max(MIN_CONTRAST, 1.5 * floor):
        return None
    ink: Grey = np.clip((depth - floor / 2) / (full - floor / 2), 0, 1)
    return ink


def is_dark_on_light(grey: Grey) -> bool:
    """Whether the ink is darker than the page: the sign of the third moment about the median page.

    >>> page = np.full((40, 40), 90, np.float32)
    >>> page[10:30, 18:22] = 250
    >>> is_dark_on_light(page), is_dark_on_light(255 - page)
    (False, True)
    """
    small = _resized(grey, _small_size(grey))
    side = max(3, min(small.shape) // 2 | 1, max(small.shape) // 3 | 1)
    for size in ((1, side), (side, 1)):  # in turn: fifty times faster than a square, as good here
        small = ndimage.median_filter(small, size, mode="nearest")
    departure = grey - _resized(small, (grey.shape[1], grey.shape[0]))
    return float((departure * departure * departure).sum()) <= 0


def page_under(dark: Grey) -> Grey:
    """The page as it would be without the dark ink on it, shape (H, W).

    A grey closing fills what is dark and narrower than a third of the picture; a shadow is wider.
    """
    small = _resized(dark, _small_size(dark))
    width = max(3, max(small.shape) // 3)
    page = ndimage.grey_closing(small, (width, width), mode="nearest")
    page = ndimage.gaussian_filter(page, 1.0, mode="nearest")
    return _resized(page, (dark.shape[1], dark.shape[0]))


def noise_level(grey: Grey) -> float:
    """Standard deviation of the pixels' noise, from differences of neighbours.

    A robust estimate (median absolute deviation), which strokes hardly move.

    >>> noisy = np.random.default_rng(0).normal(128, 10, (200, 200)).astype(np.float32)
    >>> round(noise_level(noisy))
    10
    """
    step = np.abs(grey[::2, 1:] - grey[::2, :-1])[:, ::2]
    if not step.size:
        return 0.0
    return float(np.median(step)) / 0.6745 / 2**0.5


def _small_size(grey: Grey) -> tuple[int, int]:
    """Width and height of the small picture, with the shape of the large one."""
    height, width = grey.shape
    scale = min(1.0, SMALL_SIDE / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(grey: Grey, size: tuple[int, int]) -> Grey:
    """To (width, height): means of areas down, bilinear up."""
    if size == (grey.shape[1], grey.shape[0]):
        return grey
    down = size[0] <= grey.shape[1] and size[1] <= grey.shape[0]
    method = Image.Resampling.BOX if down else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(grey).resize(size, method), dtype=np.float32)
