"""From a grey picture to its ink: 1 where the pen was, 0 on the page, whatever page and pen."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Grey = NDArray[np.float32]

MIN_CONTRAST = 24.0  # grey levels of 255 between page and pen: below it a page counts as blank
MAX_SHADE = 3.0  # by which light may vary over a page; in a deeper shade, noise counts too
SMALL_SIDE = 32  # the page is estimated on a picture of this size
FULL_INK = 95  # percentile of what stands out that counts as full ink: specks are rarer


def extract_foreground(grey: Grey) -> Grey | None:
    """How much ink each pixel has, in [0, 1]; None where nothing stands out from the page.

    0. Light that rises and falls smoothly over the page is taken out.
    1. Polarity: ink is the rare side of what departs from the median page.
    2. The page under dark ink is a grey closing, wider than strokes and narrower than shadows.
    3. What stands out from it, above the noise, is measured against full ink.

    Args:
        grey: Luminance in [0, 255], shape (H, W).

    >>> page = np.full((40, 40), 200, np.float32)
    >>> extract_foreground(page) is None
    True
    >>> page[5:35, 18:22] = 60
    >>> ink = extract_foreground(page)
    >>> round(float(ink[20, 20]), 2), round(float(ink[20, 5]), 2)
    (1.0, 0.0)
    >>> np.allclose(ink, extract_foreground(255 - page), atol=0.01)
    True
    """
    light = estimate_illumination(grey)
    pen_is_dark = is_dark_on_light(grey - light)
    if pen_is_dark:  # black, on which light makes no difference, is left as it is
        share = (np.median(light) + 16) / (light.clip(0) + 16)
        dark = grey * share.clip(1 / MAX_SHADE, MAX_SHADE)
    else:
        dark = 255 - (grey - light + np.median(light))
    noise = noise_level(dark)
    if noise > 4:
        dark = ndimage.gaussian_filter(dark, min(2.0, noise / 8))
        noise = noise_level(dark)
    page = estimate_background(dark)
    depth = page - dark
    if pen_is_dark:  # in the shade, ink is as much less deep as the page is less light
        depth *= np.clip(page.max() / page.clip(1), 1, MAX_SHADE)
    floor = max(8.0, 4 * noise)
    standing_out = depth[depth > floor]
    if not len(standing_out):
        return None
    full = float(np.percentile(standing_out, FULL_INK))
    if full < max(MIN_CONTRAST, 1.5 * floor):
        return None
    ink: Grey = np.clip((depth - floor / 2) / (full - floor / 2), 0, 1)
    return ink


def estimate_illumination(grey: Grey) -> Grey:
    """The light of a page where it rises and falls smoothly, shape (H, W).

    A lens darkens corners and a lamp one side: a surface of second degree, fitted to the page
    alone, again and again without what departs from it.

    Args:
        grey: Luminance in [0, 255], shape (H, W).

    >>> rows, columns = np.mgrid[-1:1:40j, -1:1:40j].astype(np.float32)
    >>> page = 220 - 40 * (rows**2 + columns**2)
    >>> page[18:22, 5:35] = 30
    >>> float(np.abs(estimate_illumination(page) - page)[:10].max().round())
    2.0
    """
    small = _resized(grey, _small_size(grey))
    values = small.ravel()
    terms = _second_degree(*small.shape)
    light = np.full_like(values, np.median(values))
    for _ in range(8):
        departure = np.abs(values - light)
        page = departure <= 3 * max(float(np.median(departure)), 8 / 3)
        light = terms @ np.linalg.lstsq(terms[page], values[page], rcond=None)[0]
    return _resized(light.reshape(small.shape), (grey.shape[1], grey.shape[0]))


def _second_degree(height: int, width: int) -> Grey:
    """The terms of a surface of second degree at each pixel, (H * W, 6)."""
    rows, columns = np.indices((height, width), dtype=np.float32).reshape(2, -1)
    down, across = rows / height - 0.5, columns / width - 0.5
    terms = (np.ones_like(down), down, across, down**2, across**2, down * across)
    return np.stack(terms, axis=1).astype(np.float32)


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


def estimate_background(dark: Grey) -> Grey:
    """The page as it would be without the dark ink on it, shape (H, W).

    A grey closing fills what is dark and narrower than a third of the picture; a shadow is wider.
    So is a large filled shape, but that is as dark as anything and does not reach the edge.
    """
    small = _resized(dark, _small_size(dark))
    width = max(3, max(small.shape) // 3)
    page = ndimage.grey_closing(small, (width, width), mode="nearest")
    slope = _plane(page)  # taken off: at the dark edge of a slope, a closing is too light
    page = ndimage.grey_closing(small - slope, (width, width), mode="nearest") + slope
    if float(np.ptp(page)) > MIN_CONTRAST:
        page = _without_shapes(page, small, float(dark.min()))
    page = ndimage.gaussian_filter(page, 1.0, mode="nearest")
    return _resized(page, (dark.shape[1], dark.shape[0]))


def _plane(grey: Grey) -> Grey:
    """The plane that fits a picture best."""
    rows, columns = np.indices(grey.shape, dtype=np.float32).reshape(2, -1)
    terms = np.stack([np.ones_like(rows), rows, columns], axis=1)
    fit: Grey = terms @ np.linalg.lstsq(terms, grey.ravel(), rcond=None)[0]
    return fit.reshape(grey.shape)


def _without_shapes(page: Grey, small: Grey, darkest: float) -> Grey:
    """The page with those basins filled that are full of what is nearly as dark as any ink."""
    level = np.full_like(page, page.max())
    level[[0, -1]], level[:, [0, -1]] = page[[0, -1]], page[:, [0, -1]]
    while True:  # water runs off over the edge: a reconstruction by erosion
        lower = np.maximum(ndimage.minimum_filter(level, 3), page)
        if np.array_equal(lower, level):
            break
        level = lower
    basins, number = ndimage.label(level - page > MIN_CONTRAST / 2)
    share = (level - small) / (level - darkest).clip(MIN_CONTRAST)
    depth = ndimage.median(share, basins, range(1, number + 1))
    shapes = 1 + np.flatnonzero(np.asarray(depth) > 0.7)
    return np.where(np.isin(basins, shapes), level, page)


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
